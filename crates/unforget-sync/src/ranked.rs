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
//! Reading twice, or writing what is being read (there is no upgrade), where the twin stops reading first:
//! ```
//! # unforget_sync::lock_levels! { Contexts; }
//! # use unforget_sync::ranked::{Order, RwLock};
//! # let contexts = RwLock::<Contexts, _>::new(1);
//! let mut root = Order::root();
//! let seen = *contexts.read(&mut root).0;
//! *contexts.write(&mut root).0 = seen + 1; // others may have written in between
//! # assert_eq!(contexts.into_inner(), 2);
//! ```
//! ```compile_fail,E0277
//! # unforget_sync::lock_levels! { Contexts; }
//! # use unforget_sync::ranked::{Order, RwLock};
//! # let contexts = RwLock::<Contexts, _>::new(1);
//! let mut root = Order::root();
//! let (seen, mut order) = contexts.read(&mut root);
//! *contexts.write(&mut order).0 = *seen + 1;
//! ```
//! Calling a function that takes a lock with a later one held, where the twin holds an earlier one:
//! ```
//! # unforget_sync::lock_levels! { Turn; Contexts: after [Turn]; Index: after [Turn, Contexts]; }
//! # use unforget_sync::ranked::{Before, Mutex, Order};
//! # let (turn, contexts) = (Mutex::<Turn, _>::new(1), Mutex::<Contexts, _>::new(2));
//! fn put<H: Before<Contexts>>(contexts: &Mutex<Contexts, u8>, order: &mut Order<'_, H>) {
//!     *contexts.lock(order).0 += 1;
//! }
//! let mut root = Order::root();
//! let (_held, mut order) = turn.lock(&mut root);
//! put(&contexts, &mut order);
//! # assert_eq!(contexts.into_inner(), 3);
//! ```
//! ```compile_fail,E0277
//! # unforget_sync::lock_levels! { Turn; Contexts: after [Turn]; Index: after [Turn, Contexts]; }
//! # use unforget_sync::ranked::{Before, Mutex, Order};
//! # let (index, contexts) = (Mutex::<Index, _>::new(1), Mutex::<Contexts, _>::new(2));
//! # fn put<H: Before<Contexts>>(contexts: &Mutex<Contexts, u8>, order: &mut Order<'_, H>) {
//! #     *contexts.lock(order).0 += 1;
//! # }
//! let mut root = Order::root();
//! let (_held, mut order) = index.lock(&mut root);
//! put(&contexts, &mut order);
//! ```
//! Giving a guard to another thread, where the twin lends it:
//! ```
//! # unforget_sync::lock_levels! { Contexts; }
//! # use unforget_sync::ranked::{Order, RwLock};
//! # let contexts = RwLock::<Contexts, _>::new(vec![1, 2]);
//! let mut root = Order::root();
//! let (held, _) = contexts.read(&mut root);
//! std::thread::scope(|threads| {
//!     threads.spawn(|| assert_eq!(held.len(), 2));
//! });
//! drop(held);
//! ```
//! ```compile_fail,E0277
//! # unforget_sync::lock_levels! { Contexts; }
//! # use unforget_sync::ranked::{Order, RwLock};
//! # let contexts = RwLock::<Contexts, _>::new(vec![1, 2]);
//! let mut root = Order::root();
//! let (held, _) = contexts.read(&mut root);
//! std::thread::scope(|threads| {
//!     threads.spawn(move || drop(held));
//! });
//! ```
//! Holding a guard across an await of a future that may move to another thread, where the twin lets go first:
//! ```
//! # unforget_sync::lock_levels! { Turn; }
//! # use unforget_sync::ranked::{Mutex, Order};
//! # static TURN: Mutex<Turn, u8> = Mutex::new(1);
//! # fn spawn(_: impl Future + Send) {}
//! spawn(async {
//!     *TURN.lock(&mut Order::root()).0 += 1;
//!     std::future::ready(()).await;
//! });
//! ```
//! ```compile_fail
//! # unforget_sync::lock_levels! { Turn; }
//! # use unforget_sync::ranked::{Mutex, Order};
//! # static TURN: Mutex<Turn, u8> = Mutex::new(1);
//! # fn spawn(_: impl Future + Send) {}
//! spawn(async {
//!     let held = TURN.lock_dynamic();
//!     std::future::ready(()).await;
//!     drop(held);
//! });
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
//! Before it waits, a ranked lock asks whether its level comes after the one taken last, which is a look into a list
//! of neighbours, and notes itself in an array of the thread; when it is dropped, it is taken out. A lock is no larger
//! than std's; a token has no size, and asking it costs nothing.
//!
//! # Blocking
//! Every method that locks waits for the lock, after its order was checked. **Fairness:** none beyond the
//! system's. **Poisoning:** none: a panic unlocks, and leaves the data as they were then.
//!
//! # Limitations
//! - Threads of one process, and ranked locks only: a wait for a thread, a queue or a file is not in the order.
//! - No condition variables: a wait that unlocks and locks again is what [`primitive`](crate::primitive) is for.
//! - Two locks of one level are never held together by one thread, and a reader does not become a writer.
//! - A guard that is forgotten by `mem::forget` stays held, by its thread and of its lock, as with std.
//! - Futures that stay on one thread may hold guards across an await. What other futures of that thread lock then has
//!   to come after them, or panics.
//! - The order is as good as its declarations: `impl Before` by hand compiles, and is refused at run time.
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
