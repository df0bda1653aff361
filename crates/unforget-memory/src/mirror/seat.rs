//! Who of a process brings a mirror up to date, while the others wait for what that brings.

use std::time::Instant;

use unforget_sync::SystemClock;
use unforget_sync::primitive::{Condvar, Mutex};

/// One seat, and how far whoever had it came.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_taken: bool,
    reached: u64,
}

/// What a caller got.
pub(crate) enum Asked<'a> {
    /// Somebody else has come so far already.
    Reached,
    /// It is the caller's to do.
    Taken(Taken<'a>),
    /// Somebody else has the seat until after the deadline.
    TimedOut,
}

/// The seat, until this is dropped.
pub(crate) struct Taken<'a> {
    seat: &'a Seat,
}

impl Seat {
    /// Waits until `position` is reached or the seat is free.
    pub(crate) fn ask(&self, position: u64, deadline: Instant) -> Asked<'_> {
        let mut state = self.state.lock();
        let mut timed_out = false;
        loop {
            if state.reached >= position {
                return Asked::Reached;
            }
            if !state.is_taken {
                state.is_taken = true;
                return Asked::Taken(Taken { seat: self });
            }
            if timed_out {
                return Asked::TimedOut;
            }
            (state, timed_out) = self.changed.wait_until(state, &SystemClock, deadline);
        }
    }
}

impl Taken<'_> {
    /// Notes how far it came.
    pub(crate) fn reached(&self, position: u64) {
        let mut state = self.seat.state.lock();
        state.reached = state.reached.max(position);
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.seat.state.lock().is_taken = false;
        self.seat.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn those_who_wait_find_their_work_done() {
        let seat = Seat::default();
        let soon = || Instant::now() + Duration::from_secs(10);
        let Asked::Taken(taken) = seat.ask(5, soon()) else { panic!("it is free") };
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| matches!(seat.ask(4, soon()), Asked::Reached));
            taken.reached(5);
            drop(taken);
            assert!(waits.join().unwrap(), "5 includes 4");
        });
        assert!(matches!(seat.ask(6, soon()), Asked::Taken(_)));
    }

    #[test]
    fn a_seat_is_waited_for_until_the_deadline() {
        let seat = Seat::default();
        let Asked::Taken(_taken) = seat.ask(1, Instant::now()) else { panic!("it is free") };
        assert!(matches!(seat.ask(1, Instant::now()), Asked::TimedOut));
    }
}
