//! What others do between two calls.

use std::fmt;

use super::SimDisk;

type Act = Box<dyn FnOnce(&SimDisk) + Send>;

/// The plans for others, each with the number of calls that come before it.
#[derive(Default)]
pub(super) struct Others {
    planned: Vec<(u64, Act)>,
}

impl Others {
    pub(super) fn add(&mut self, nth: u64, act: impl FnOnce(&SimDisk) + Send + 'static) {
        self.planned.push((nth, Box::new(act)));
    }

    /// Counts a call, and gives what comes before it.
    pub(super) fn due(&mut self) -> Vec<Act> {
        for (left, _) in &mut self.planned {
            *left = left.saturating_sub(1);
        }
        self.planned.extract_if(.., |(left, _)| *left == 0).map(|(_, act)| act).collect()
    }
}

impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.planned.iter().map(|(left, _)| left)).finish()
    }
}
