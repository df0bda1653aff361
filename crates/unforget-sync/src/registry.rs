//! One live value per key, shared by everyone in the process who asks for it.

use std::fmt;
use std::ops::Deref;

use crate::init_cell::{InitCell, InitError};
use crate::primitive::thread::{self, ThreadId};
use crate::primitive::{Arc, Condvar, Mutex, Weak, const_fn};

/// Opens a value per key once and shares it: at most one live value per key, as long as nobody forgets it.
///
/// **Guarantee:** callers that open one key at the same time share one initialisation and its value. The value
/// dies with its last [`Shared`]; the next `open` of that key waits until its destructor has returned before it
/// makes another, so that two never exist side by side, not even while one is closing.
///
/// **Fairness:** none. **Poisoning:** none; an initialiser or destructor that panics leaves its key usable.
///
/// Limitations: every `open` looks at every entry, so this is for tens of keys, not for thousands. `K`'s `==`
/// runs under the registry's lock and must not use the registry. An initialiser may open other keys; two that open
/// each other's wait for ever, as does a destructor that waits for a thread that opens its key. One process only.
///
/// # Examples
/// ```
/// use unforget_sync::Registry;
///
/// static STORES: Registry<&str, String, std::io::Error> = Registry::new();
///
/// let one = STORES.open("notes", || Ok("opened once".to_owned())).expect("opens");
/// let same = STORES.open("notes", || unreachable!("it is open")).expect("is shared");
/// assert!(std::ptr::eq::<String>(&*one, &*same));
/// ```
pub struct Registry<K, T, E> {
    /// Held to look up and to insert, never while a value is made or dropped. Taken before [`Life::stage`].
    entries: Mutex<Vec<Entry<K, T, E>>>,
}

struct Entry<K, T, E> {
    key: Arc<K>,
    home: Weak<Home<T, E>>,
    life: Arc<Life>,
}

/// A handle to an open value. The last one to be dropped drops the value, on the thread that drops it.
///
/// # Examples
/// ```
/// use unforget_sync::Registry;
///
/// let numbers = Registry::<&str, u8, ()>::new();
/// let one = numbers.open("a", || Ok(1)).expect("opens");
/// let same = one.clone();
/// assert!(one.ptr_eq(&same) && *same == 1, "it derefs to the value");
/// drop((one, same));
/// assert_eq!(*numbers.open("a", || Ok(2)).expect("opens again"), 2);
/// ```
pub struct Shared<T, E> {
    /// Its cell is full: a handle is only made after initialisation, and a cell never empties.
    home: Arc<Home<T, E>>,
}

/// Where a value lives. The fields are dropped in this order, so `farewell` speaks after the value is gone, also
/// if its destructor panicked.
struct Home<T, E> {
    cell: InitCell<T, E>,
    farewell: Farewell,
}

/// Marks the end of a life when dropped.
struct Farewell(Arc<Life>);

/// Outlives its value, so that an `open` can wait for the end of it. Its lock is a leaf.
struct Life {
    stage: Mutex<Stage>,
    over: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Living,
    /// The destructor is running on this thread.
    Dying(ThreadId),
    Over,
}

enum Found<T, E> {
    Home(Arc<Home<T, E>>),
    /// The last handle is gone, the value perhaps not yet.
    Ending(Arc<Life>),
}

impl<K, T, E> Registry<K, T, E> {
    const_fn! {
        /// Creates a registry without entries.
        pub fn new() -> Self {
            Self { entries: Mutex::new(Vec::new()) }
        }
    }
}

impl<K: Eq, T, E> Registry<K, T, E> {
    /// Returns the value open under `key`, or opens it with `init`.
    ///
    /// # Errors
    /// Those of [`InitCell::get_or_try_init`]; [`InitError::Reentrant`] also when the destructor of the value
    /// under this key opens the key again.
    ///
    /// # Panics
    /// When `init` does.
    ///
    /// # Blocking
    /// For the initialisation in flight, and for the destructor of the value that was open under this key.
    pub fn open(&self, key: K, init: impl FnOnce() -> Result<T, E>) -> Result<Shared<T, E>, InitError<E>> {
        let key = Arc::new(key);
        let home = loop {
            match self.find_or_insert(&key) {
                Found::Home(home) => break home,
                Found::Ending(life) => life.wait_until_over()?,
            }
        };
        home.cell.get_or_try_init(init)?;
        Ok(Shared { home })
    }

    /// Takes a value that has been closed out of the registry, so that it is not handed out again.
    ///
    /// The next `open` makes a new one, whether or not handles to this one are left. Does nothing if the key now
    /// belongs to another value.
    pub fn forget(&self, key: &K, shared: &Shared<T, E>) {
        let mut entries = self.entries.lock();
        let own = |entry: &Entry<K, T, E>| {
            std::ptr::eq(entry.home.as_ptr(), Arc::as_ptr(&shared.home)) && *entry.key == *key
        };
        let forgotten = entries.iter().position(own).map(|index| entries.swap_remove(index));
        drop(entries);
        drop(forgotten);
    }

    fn find_or_insert(&self, key: &Arc<K>) -> Found<T, E> {
        let mut entries = self.entries.lock();
        // Kept until after the lock: dropping a key may run foreign code.
        let over: Vec<_> = entries.extract_if(.., |entry| entry.life.is_over()).collect();
        let found = entries.iter().find(|entry| entry.key == *key).map(Entry::find);
        let found = found.unwrap_or_else(|| {
            let (entry, home) = Entry::new(Arc::clone(key));
            entries.push(entry);
            Found::Home(home)
        });
        drop(entries);
        drop(over);
        found
    }
}

impl<K, T, E> Entry<K, T, E> {
    fn new(key: Arc<K>) -> (Self, Arc<Home<T, E>>) {
        let life = Arc::new(Life { stage: Mutex::new(Stage::Living), over: Condvar::new() });
        let home = Arc::new(Home { cell: InitCell::new(), farewell: Farewell(Arc::clone(&life)) });
        (Self { key, home: Arc::downgrade(&home), life }, home)
    }

    /// A count that has reached zero does not rise again, so a home that is gone stays gone, and its destructor is
    /// running, about to, or done.
    fn find(&self) -> Found<T, E> {
        match self.home.upgrade() {
            Some(home) => Found::Home(home),
            None => Found::Ending(Arc::clone(&self.life)),
        }
    }
}

impl<T, E> Shared<T, E> {
    /// Says whether both are handles to the same value.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.home, &other.home)
    }
}

impl<T, E> Deref for Shared<T, E> {
    type Target = T;

    #[expect(clippy::expect_used, reason = "a handle is only made after its cell was filled")]
    fn deref(&self) -> &T {
        self.home.cell.get().expect("a shared value is initialised")
    }
}

impl<T, E> Clone for Shared<T, E> {
    fn clone(&self) -> Self {
        Self { home: Arc::clone(&self.home) }
    }
}

impl<T: fmt::Debug, E> fmt::Debug for Shared<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shared").field(&**self).finish()
    }
}

impl<T, E> Drop for Home<T, E> {
    fn drop(&mut self) {
        *self.farewell.0.stage.lock() = Stage::Dying(thread::current().id());
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        *self.0.stage.lock() = Stage::Over;
        self.0.over.notify_all();
    }
}

impl Life {
    fn is_over(&self) -> bool {
        *self.stage.lock() == Stage::Over
    }

    /// Waits for the end of the value's destructor, unless this thread is inside it.
    fn wait_until_over<E>(&self) -> Result<(), InitError<E>> {
        let mut stage = self.stage.lock();
        loop {
            match *stage {
                Stage::Over => return Ok(()),
                Stage::Dying(thread) if thread == thread::current().id() => return Err(InitError::Reentrant),
                Stage::Living | Stage::Dying(_) => stage = self.over.wait(stage),
            }
        }
    }
}

impl<K, T, E> fmt::Debug for Registry<K, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

impl<K, T, E> Default for Registry<K, T, E> {
    fn default() -> Self {
        Self::new()
    }
}
