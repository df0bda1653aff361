//! The consumer's seat, lent to a caller.

use std::fmt;

use super::shared::Shared;

/// The consumer's seat, while it is lent: nothing is taken from the queue until this is dropped.
///
/// Made by [`WriteQueue::try_lead`](super::WriteQueue::try_lead). Operations that are submitted meanwhile queue up, and
/// the consumer gets them afterwards.
///
/// Limitations: waiting for an operation of the same queue while holding it deadlocks, and so does waiting for room in
/// it, as on the consumer's own thread.
/// Forgetting it (`mem::forget`) keeps the seat for ever.
#[must_use = "dropping it gives the seat back"]
pub struct Lead<'a, Op, R> {
    shared: &'a Shared<Op, R>,
}

impl<'a, Op, R> Lead<'a, Op, R> {
    /// The seat has been lent to the caller.
    pub(super) fn new(shared: &'a Shared<Op, R>) -> Self {
        Self { shared }
    }
}

impl<Op, R> Drop for Lead<'_, Op, R> {
    fn drop(&mut self) {
        self.shared.give_seat_back();
    }
}

impl<Op, R> fmt::Debug for Lead<'_, Op, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead").finish_non_exhaustive()
    }
}
