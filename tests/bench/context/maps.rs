//! The maps that contexts could be kept in, each with a value per key that is replaced whole.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use arc_swap::ArcSwap;
use imbl::GenericHashMap;
use imbl::shared_ptr::DefaultSharedPtr;
use rpds::HashTrieMapSync;

/// As large as a small context, and shared as one.
pub(crate) type Value = Arc<[u64; 8]>;

pub(crate) type Sip = std::hash::RandomState;
pub(crate) type Fold = foldhash::quality::RandomState;

/// Values by key that one replaces while others read.
pub(crate) trait Map {
    fn of(keys: &[String]) -> Self;
    fn get(&self, key: &str) -> Option<Value>;
    fn replace(&self, key: &str, value: Value);
}

pub(crate) fn value(n: u64) -> Value {
    Arc::new([n; 8])
}

fn entries(keys: &[String]) -> impl Iterator<Item = (Arc<str>, Value)> {
    keys.iter().map(|key| (Arc::from(key.as_str()), value(0)))
}

/// What is least: a map that nobody can change without copying it.
pub(crate) struct Fixed<H>(ArcSwap<HashMap<Arc<str>, Value, H>>);

impl<H: BuildHasher + Default> Map for Fixed<H> {
    fn of(keys: &[String]) -> Self {
        Self(ArcSwap::from_pointee(entries(keys).collect()))
    }

    fn get(&self, key: &str) -> Option<Value> {
        self.0.load().get(key).cloned()
    }

    fn replace(&self, _key: &str, _value: Value) {}
}

/// A persistent map of imbl, published whole.
pub(crate) struct Imbl<H>(ArcSwap<GenericHashMap<Arc<str>, Value, H, DefaultSharedPtr>>);

impl<H: BuildHasher + Clone + Default> Map for Imbl<H> {
    fn of(keys: &[String]) -> Self {
        Self(ArcSwap::from_pointee(entries(keys).collect()))
    }

    fn get(&self, key: &str) -> Option<Value> {
        self.0.load().get(key).cloned()
    }

    fn replace(&self, key: &str, value: Value) {
        let mut next = (**self.0.load()).clone();
        next.insert(Arc::from(key), value);
        self.0.store(Arc::new(next));
    }
}

/// A persistent map of rpds, published whole.
pub(crate) struct Rpds<H: BuildHasher + Clone>(ArcSwap<HashTrieMapSync<Arc<str>, Value, H>>);

impl<H: BuildHasher + Clone + Default> Map for Rpds<H> {
    fn of(keys: &[String]) -> Self {
        let mut map = HashTrieMapSync::new_with_hasher_and_ptr_kind(H::default());
        for (key, value) in entries(keys) {
            map.insert_mut(key, value);
        }
        Self(ArcSwap::from_pointee(map))
    }

    fn get(&self, key: &str) -> Option<Value> {
        self.0.load().get(key).cloned()
    }

    fn replace(&self, key: &str, value: Value) {
        let mut next = (**self.0.load()).clone();
        next.insert_mut(Arc::from(key), value);
        self.0.store(Arc::new(next));
    }
}

/// A cell for each key, in maps that change only when keys come and go. Shows no two keys at one point in time.
pub(crate) struct Sharded<H> {
    shards: Vec<Shard<H>>,
    hasher: H,
}

type Shard<H> = ArcSwap<HashMap<Arc<str>, ArcSwap<[u64; 8]>, H>>;

const SHARDS: usize = 64;

impl<H: BuildHasher> Sharded<H> {
    fn shard(&self, key: &str) -> &Shard<H> {
        &self.shards[shard(&self.hasher, key)]
    }
}

fn shard(hasher: &impl BuildHasher, key: impl Hash) -> usize {
    usize::try_from(hasher.hash_one(key) % SHARDS as u64).expect("a small number")
}

impl<H: BuildHasher + Default> Map for Sharded<H> {
    fn of(keys: &[String]) -> Self {
        let hasher = H::default();
        let mut shards: Vec<HashMap<_, _, H>> = (0..SHARDS).map(|_| HashMap::default()).collect();
        for (key, value) in entries(keys) {
            shards[shard(&hasher, &*key)].insert(key, ArcSwap::new(value));
        }
        Self { shards: shards.into_iter().map(ArcSwap::from_pointee).collect(), hasher }
    }

    fn get(&self, key: &str) -> Option<Value> {
        self.shard(key).load().get(key).map(ArcSwap::load_full)
    }

    fn replace(&self, key: &str, value: Value) {
        if let Some(cell) = self.shard(key).load().get(key) {
            cell.store(value);
        }
    }
}

/// A concurrent map. Shows no two keys at one point in time.
pub(crate) struct Papaya<H>(papaya::HashMap<Arc<str>, Value, H>);

impl<H: BuildHasher + Default> Map for Papaya<H> {
    fn of(keys: &[String]) -> Self {
        let map = papaya::HashMap::with_hasher(H::default());
        for (key, value) in entries(keys) {
            map.pin().insert(key, value);
        }
        Self(map)
    }

    fn get(&self, key: &str) -> Option<Value> {
        self.0.pin().get(key).cloned()
    }

    fn replace(&self, key: &str, value: Value) {
        self.0.pin().insert(Arc::from(key), value);
    }
}
