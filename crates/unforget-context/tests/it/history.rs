//! Random histories against a map.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use unforget_context::{Contexts, Error, MemoryStore};

/// One thing a caller does, through one of two handles that publish for themselves.
#[derive(Debug, Clone)]
enum Op {
    Create { handle: usize, key: usize, value: u32 },
    Add { handle: usize, key: usize, value: u32 },
    AddIf { handle: usize, key: usize, revision: u64 },
    Remove { handle: usize, key: usize },
    Get { handle: usize, key: usize },
    View { handle: usize },
}

fn op() -> impl Strategy<Value = Op> {
    let (handle, key) = (0..2_usize, 0..3_usize);
    prop_oneof![
        (handle.clone(), key.clone(), 0..9_u32).prop_map(|(handle, key, value)| Op::Create {
            handle,
            key,
            value
        }),
        (handle.clone(), key.clone(), 0..9_u32).prop_map(|(handle, key, value)| Op::Add {
            handle,
            key,
            value
        }),
        (handle.clone(), key.clone(), 0..6_u64).prop_map(|(handle, key, revision)| Op::AddIf {
            handle,
            key,
            revision
        }),
        (handle.clone(), key.clone()).prop_map(|(handle, key)| Op::Remove { handle, key }),
        (handle.clone(), key).prop_map(|(handle, key)| Op::Get { handle, key }),
        handle.prop_map(|handle| Op::View { handle }),
    ]
}

const KEYS: [&str; 3] = ["ada", "bob", "cyd"];

/// The oracle: what each key holds, and how often it was changed, removals included.
#[derive(Default)]
struct Oracle {
    values: BTreeMap<&'static str, u32>,
    revisions: BTreeMap<&'static str, u64>,
}

impl Oracle {
    fn set(&mut self, key: &'static str, value: Option<u32>) {
        *self.revisions.entry(key).or_default() += 1;
        match value {
            Some(value) => self.values.insert(key, value),
            None => self.values.remove(key),
        };
    }

    fn revision(&self, key: &str) -> u64 {
        if self.values.contains_key(key) { self.revisions[key] } else { 0 }
    }

    fn run(&mut self, handles: &[Contexts<u32>], op: &Op) {
        match *op {
            Op::Create { handle, key, value } => {
                let got = *handles[handle].get_or_create(KEYS[key], move || value).unwrap();
                if !self.values.contains_key(KEYS[key]) {
                    self.set(KEYS[key], Some(value));
                }
                assert_eq!(got, self.values[KEYS[key]]);
            }
            Op::Add { handle, key, value } => {
                let added = handles[handle].update(KEYS[key], move |old| old + value);
                match self.values.get(KEYS[key]).copied() {
                    Some(old) => {
                        self.set(KEYS[key], Some(old + value));
                        assert_eq!(*added.unwrap(), old + value);
                    }
                    None => assert!(matches!(added, Err(Error::NotFound { .. }))),
                }
            }
            Op::AddIf { handle, key, revision } => self.add_if(&handles[handle], KEYS[key], revision),
            Op::Remove { handle, key } => {
                let removed = handles[handle].remove(KEYS[key]).unwrap();
                assert_eq!(removed, self.values.contains_key(KEYS[key]));
                if removed {
                    self.set(KEYS[key], None);
                }
            }
            Op::Get { handle, key } => {
                let got = handles[handle].get(KEYS[key]).unwrap();
                assert_eq!(got.as_deref(), self.values.get(KEYS[key]));
                assert_eq!(got.map_or(0, |got| got.revision()), self.revision(KEYS[key]));
            }
            Op::View { handle } => {
                let view = handles[handle].view().unwrap();
                let seen: BTreeMap<String, u32> = view
                    .iter()
                    .map(Result::unwrap)
                    .map(|context| (context.key().to_owned(), *context))
                    .collect();
                let expected = self.values.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect();
                assert_eq!(seen, expected);
            }
        }
    }

    fn add_if(&mut self, contexts: &Contexts<u32>, key: &'static str, revision: u64) {
        let added = contexts.update_if(key, revision, |old| old + 1);
        if revision == self.revision(key) && revision > 0 {
            let value = self.values[key] + 1;
            self.set(key, Some(value));
            assert_eq!(*added.unwrap(), value);
        } else if revision == 0 && self.revision(key) == 0 {
            assert!(matches!(added, Err(Error::NotFound { .. })));
        } else {
            assert!(matches!(added, Err(Error::Conflict { .. })));
        }
    }
}

proptest! {
    #[test]
    fn contexts_behave_as_a_map_through_every_handle(ops in prop::collection::vec(op(), 1..60)) {
        let store = Arc::new(MemoryStore::default());
        let handles: [Contexts<u32>; 2] = [Contexts::new(store.clone()), Contexts::new(store)];
        let mut oracle = Oracle::default();
        for op in &ops {
            oracle.run(&handles, op);
        }
    }
}
