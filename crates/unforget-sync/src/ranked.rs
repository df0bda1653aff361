//! Locks with an order that the compiler keeps, and that is checked again when the program runs.
//!
//! Two threads that take two locks in opposite orders wait for each other for ever, but only when they meet.
//! Here the order is declared once, with [`lock_levels!`](crate::lock_levels), and every lock has a
//! [`Level`] as part of its type. A unit of work begins with [`Order::root`] and takes its locks through it.
//!
//! **Guarantee:** within one root, a wrong order does not compile. Across roots of one thread, and where a lock is
//! taken by a `_dynamic` method, a wrong order panics when it first occurs, before anything is waited for, and
//! names both locks, where they were taken, and all others that are held. So threads never wait for each other in
//! a circle of ranked locks. Guards may be dropped in any order.
//!
//! # Examples
//! The levels of a program in four crates, each declared by the crate that has the lock:
//! ```
//! mod fs {
//!     unforget_sync::lock_levels! {
//!         /// The repository's lock file is ours.
//!         pub Repository;
//!     }
//! }
//! mod sqlite {
//!     unforget_sync::lock_levels! {
//!         /// This process may write.
//!         pub Turn: after [crate::fs::Repository];
//!     }
//! }
//! mod context {
//!     unforget_sync::lock_levels! {
//!         /// What the contexts are.
//!         pub Contexts: after [crate::fs::Repository, crate::sqlite::Turn];
//!     }
//! }
//! mod memory {
//!     use crate::{context::Contexts, fs::Repository, sqlite::Turn};
//!     unforget_sync::lock_levels! {
//!         /// What can be found.
//!         pub Index: after [Repository, Turn, Contexts];
//!     }
//! }
//!
//! use context::Contexts;
//! use unforget_sync::ranked::{Before, Mutex, Order, RwLock};
//!
//! struct Store {
//!     repository: Mutex<fs::Repository, &'static str>,
//!     turn: Mutex<sqlite::Turn, u64>,
//!     contexts: RwLock<Contexts, Vec<String>>,
//!     index: Mutex<memory::Index, usize>,
//! }
//!
//! /// May be called with nothing held, with the repository, or with the turn.
//! fn add<H: Before<Contexts>>(store: &Store, order: &mut Order<'_, H>, context: &str) {
//!     let (mut contexts, mut order) = store.contexts.write(order);
//!     contexts.push(context.to_owned());
//!     let (mut index, _) = store.index.lock(&mut order);
//!     drop(contexts); // in any order
//!     *index += context.len();
//! }
//!
//! # fn main() {
//! let store = Store {
//!     repository: Mutex::new("ours"),
//!     turn: Mutex::new(0),
//!     contexts: RwLock::new(Vec::new()),
//!     index: Mutex::new(0),
//! };
//! let mut root = Order::root();
//! let (repository, mut order) = store.repository.lock(&mut root);
//! let (mut turn, mut order) = store.turn.lock(&mut order);
//! *turn += 1;
//! add(&store, &mut order, "work");
//! drop((repository, turn));
//! add(&store, &mut root, "home");
//! assert_eq!(*store.contexts.read(&mut root).0, ["work", "home"]);
//! assert_eq!(store.index.into_inner(), 8);
//! # }
//! ```
//!
//! # What does not compile
//! Going back in the order, where its twin goes forward:
//! ```
//! # unforget_sync::lock_levels! { Turn; Contexts: after [Turn]; }
//! # use unforget_sync::ranked::{Mutex, Order};
//! # let (turn, contexts) = (Mutex::<Turn, _>::new(1), Mutex::<Contexts, _>::new(2));
//! let mut root = Order::root();
//! let (first, mut order) = turn.lock(&mut root);
//! let (second, _) = contexts.lock(&mut order);
//! # assert_eq!(*first + *second, 3);
//! ```
//! ```compile_fail,E0277
//! # unforget_sync::lock_levels! { Turn; Contexts: after [Turn]; }
//! # use unforget_sync::ranked::{Mutex, Order};
//! # let (turn, contexts) = (Mutex::<Turn, _>::new(1), Mutex::<Contexts, _>::new(2));
//! let mut root = Order::root();
//! let (first, mut order) = contexts.lock(&mut root);
//! let (second, _) = turn.lock(&mut order);
//! # assert_eq!(*first + *second, 3);
//! ```
//! Two locks of one level, where the twin lets go of the first:
//! ```
//! # unforget_sync::lock_levels! { Turn; }
//! # use unforget_sync::ranked::{Mutex, Order};
//! # let (one, other) = (Mutex::<Turn, _>::new(1), Mutex::<Turn, _>::new(2));
//! let mut root = Order::root();
//! drop(one.lock(&mut root));
//! let (second, _) = other.lock(&mut root);
//! # assert_eq!(*second, 2);
//! ```
//! ```compile_fail,E0277
//! # unforget_sync::lock_levels! { Turn; }
//! # use unforget_sync::ranked::{Mutex, Order};
//! # let (one, other) = (Mutex::<Turn, _>::new(1), Mutex::<Turn, _>::new(2));
//! let mut root = Order::root();
//! let (first, mut order) = one.lock(&mut root);
//! let (second, _) = other.lock(&mut order);
//! # assert_eq!(*second, 2);
//! ```
//! Levels without an order, where the twin declares one:
//! ```
//! # use unforget_sync::ranked::{Mutex, Order};
//! unforget_sync::lock_levels! { Contexts; Index: after [Contexts]; }
//! # let (contexts, index) = (Mutex::<Contexts, _>::new(1), Mutex::<Index, _>::new(2));
//! let mut root = Order::root();
//! let (first, mut order) = contexts.lock(&mut root);
//! let (second, _) = index.lock(&mut order);
//! # assert_eq!(*first + *second, 3);
//! ```
//! ```compile_fail,E0277
//! # use unforget_sync::ranked::{Mutex, Order};
//! unforget_sync::lock_levels! { Contexts; Index; }
//! # let (contexts, index) = (Mutex::<Contexts, _>::new(1), Mutex::<Index, _>::new(2));
//! let mut root = Order::root();
//! let (first, mut order) = contexts.lock(&mut root);
//! let (second, _) = index.lock(&mut order);
//! # assert_eq!(*first + *second, 3);
//! ```
//! The token from before, while what was taken through it is held:
//! ```
//! # unforget_sync::lock_levels! { Turn; Contexts: after [Turn]; }
//! # use unforget_sync::ranked::{Mutex, Order};
//! # let (turn, contexts) = (Mutex::<Turn, _>::new(1), Mutex::<Contexts, _>::new(2));
//! let mut root = Order::root();
//! let (second, _) = contexts.lock(&mut root);
//! drop(second);
//! let (first, _) = turn.lock(&mut root);
//! # assert_eq!(*first, 1);
//! ```
//! ```compile_fail,E0499
//! # unforget_sync::lock_levels! { Turn; Contexts: after [Turn]; }
//! # use unforget_sync::ranked::{Mutex, Order};
//! # let (turn, contexts) = (Mutex::<Turn, _>::new(1), Mutex::<Contexts, _>::new(2));
//! let mut root = Order::root();
//! let (second, _) = contexts.lock(&mut root);
//! let (first, _) = turn.lock(&mut root);
//! drop(second);
//! # assert_eq!(*first, 1);
//! ```
//! A token of another thread, where the twin has its own:
//! ```
//! # unforget_sync::lock_levels! { Turn; }
//! # use unforget_sync::ranked::{Mutex, Order};
//! # let turn = Mutex::<Turn, _>::new(1);
//! std::thread::scope(|threads| {
//!     threads.spawn(|| *turn.lock(&mut Order::root()).0 += 1);
//! });
//! # assert_eq!(turn.into_inner(), 2);
//! ```
//! ```compile_fail,E0277
//! # unforget_sync::lock_levels! { Turn; }
//! # use unforget_sync::ranked::{Mutex, Order};
//! # let turn = Mutex::<Turn, _>::new(1);
//! let mut root = Order::root();
//! std::thread::scope(|threads| {
//!     threads.spawn(|| *turn.lock(&mut root).0 += 1);
//! });
//! # assert_eq!(turn.into_inner(), 2);
//! ```
//!
//! # Cost
//! Locking and unlocking without contention, medians of 15 interleaved runs of two million on a virtual machine
//! with two cores: std's mutex 4.4 ns, a ranked one 6.6 ns, with another held 6.9 ns, with statistics 7.0 ns; to
//! read, std's `RwLock` 4.8 ns and the ranked one 6.6 ns. A lock is no larger than std's; a token has no size.
//!
//! # Blocking
//! Every method that locks waits for the lock, after its order was checked. **Fairness:** none beyond the
//! system's. **Poisoning:** none: a panic unlocks, and leaves the data as they were then.
//!
//! # Limitations
//! - Threads of one process, and ranked locks only: a wait for a thread, a queue or a file is not in the order.
//! - No condition variables: a wait that unlocks and locks again is what [`primitive`](crate::primitive) is for.
//! - Two locks of one level are never held together by one thread.
//! - Levels of crates that do not know each other have no order, also where one between them would imply it, unless
//!   one that both know is held in between.
//! - A destructor that takes a lock out of order while its thread panics aborts the process.

mod held;
mod level;
mod mutex;
mod order;
mod rw_lock;

pub use self::held::MAX_HELD;
pub use self::level::{Before, Declaration, Level, Root};
pub use self::mutex::{Mutex, MutexGuard};
pub use self::order::Order;
pub use self::rw_lock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
