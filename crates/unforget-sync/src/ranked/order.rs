//! The token that lets the compiler see which lock is held.

use std::fmt;
use std::marker::PhantomData;

use super::level::Root;

/// Stands for holding a lock of level `H`, and [`Root`] for holding none.
///
/// A unit of work begins with [`Order::root`]. Taking a lock borrows the token and returns a new one for the
/// level of that lock; as long as the lock is held, the old token cannot be used. A function that takes locks says
/// in its signature what may be held when it is called: `fn put<H: Before<Contexts>>(order: &mut Order<'_, H>, …)`.
///
/// It has no size and costs nothing.
///
/// # Examples
/// ```
/// use unforget_sync::ranked::{Before, Mutex, Order};
///
/// unforget_sync::lock_levels! { Turn; Contexts: after [Turn] }
///
/// /// May be called with nothing held, or with the turn.
/// fn add<H: Before<Contexts>>(names: &Mutex<Contexts, Vec<String>>, order: &mut Order<'_, H>) {
///     names.lock(order).0.push("home".to_owned());
/// }
///
/// let (turn, names) = (Mutex::<Turn, _>::new(()), Mutex::new(Vec::new()));
/// let mut root = Order::root();
/// add(&names, &mut root);
/// let (_turn, mut order) = turn.lock(&mut root);
/// add(&names, &mut order);
/// assert_eq!(names.into_inner().len(), 2);
/// ```
pub struct Order<'a, H: 'static> {
    borrowed: PhantomData<&'a mut ()>,
    /// Not sent to other threads: what is held is held by one.
    held: PhantomData<*const H>,
}

impl Order<'static, Root> {
    /// Begins a unit of work that holds no lock.
    ///
    /// Whether none is held is not asked: the compiler keeps the order within one root, the check at run
    /// time also between two of one thread.
    pub const fn root() -> Self {
        Self::new()
    }
}

impl<H> Order<'_, H> {
    pub(super) const fn new() -> Self {
        Self { borrowed: PhantomData, held: PhantomData }
    }
}

impl<H> fmt::Debug for Order<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order").finish_non_exhaustive()
    }
}
