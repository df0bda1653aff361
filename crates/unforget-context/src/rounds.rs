//! Many who want the same thing done, of whom one does it.

use unforget_sync::primitive::{Condvar, Mutex};

/// Lets one thread at a time do what the others then need not do.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    under_way: Mutex<bool>,
    ended: Condvar,
}

impl Rounds {
    /// Runs `lead` unless somebody else's makes `reached` true.
    ///
    /// A round that was under way may have begun too early for this caller, so it is `reached` alone that says whether
    /// it was good for it. Each caller waits for rounds of others, and leads at most one.
    pub(crate) fn join(&self, reached: impl Fn() -> bool, lead: impl FnOnce()) {
        let mut under_way = self.under_way.lock();
        loop {
            if reached() {
                return;
            }
            if !*under_way {
                break;
            }
            under_way = self.ended.wait(under_way);
        }
        *under_way = true;
        drop(under_way);
        let _ends_also_by_panic = Round(self);
        lead();
    }
}

struct Round<'a>(&'a Rounds);

impl Drop for Round<'_> {
    fn drop(&mut self) {
        *self.0.under_way.lock() = false;
        self.0.ended.notify_all();
    }
}
