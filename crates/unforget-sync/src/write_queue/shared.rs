//! What the queue and its consumer share, and how they take turns.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use super::state::{Queued, State};
use super::{Close, Limits, SubmitError};
use crate::clock::Clock;
use crate::primitive::{Arc, Condvar, Mutex, MutexGuard};
use crate::shortcut::{self, Hint};
use crate::ticket::{Completer, Ticket, TicketError};

/// One lock, and under it no other lock and no foreign code but the clock of a timed wait: operations and results are
/// weighed, dropped and completed outside, threads are woken after unlocking. Everything that a wakeup is about is
/// decided by `state` alone, under the lock, so that a wakeup may come late or for nothing but is never the only trace
/// of a change.
pub(super) struct Shared<Op, R> {
    pub(super) limits: Limits,
    weigh: fn(&Op) -> usize,
    state: Mutex<State<Op, R>>,
    /// Notified when there is something for a blocked consumer to do: operations that it may take, or the end. All
    /// waiters: waiting takes nothing, so that one woken waiter does not stand for another.
    not_empty: Condvar,
    /// Notified when nothing is queued any more, if somebody drains the queue.
    drained: Condvar,
    /// Set while there is something for the consumer to do.
    pending: Hint,
}

/// How long a submitter waits for room.
pub(super) enum Patience<'a> {
    None,
    Until(&'a dyn Clock, Instant),
    Unlimited,
}

enum Refused {
    Full,
    Closed,
}

impl<Op, R> Shared<Op, R> {
    pub(super) fn new(limits: Limits, weigh: fn(&Op) -> usize) -> Self {
        Self {
            limits,
            weigh,
            state: Mutex::new(State::new()),
            not_empty: Condvar::new(),
            drained: Condvar::new(),
            pending: Hint::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<Op, R>> {
        shortcut::lock(&self.state)
    }

    pub(super) fn submit(&self, op: Op, patience: &Patience<'_>) -> Result<Ticket<R>, SubmitError<Op>> {
        let weight = (self.weigh)(&op);
        let limit = self.limits.bytes.get();
        if weight > limit {
            return Err(SubmitError::TooLarge { op, weight, limit });
        }
        // Allocated before the lock is taken: what is held up there is everybody.
        let (completer, ticket) = Completer::pending();
        let mut state = match self.admit(weight, patience) {
            Ok(state) => state,
            Err(Refused::Full) => return Err(SubmitError::Full(op)),
            Err(Refused::Closed) => return Err(SubmitError::Closed(op)),
        };
        if state.len() == 0 {
            self.pending.set(true);
        }
        let sequence = state.push(op, weight, completer);
        let blocked = state.wake_consumer();
        self.unlock_and_admit_next(state);
        if blocked {
            self.not_empty.notify_all();
        }
        Ok(ticket.into_ticket(sequence))
    }

    /// Returns with the lock held and room for `weight`, or says why not.
    fn admit(&self, weight: usize, patience: &Patience<'_>) -> Result<MutexGuard<'_, State<Op, R>>, Refused> {
        let state = self.lock();
        if state.is_closed() {
            Err(Refused::Closed)
        } else if state.waiting() == 0 && state.has_room(&self.limits, weight) {
            Ok(state)
        } else if matches!(patience, Patience::None) {
            Err(Refused::Full)
        } else {
            self.stand_in_line(state, weight, patience)
        }
    }

    /// Waits for room behind those who came before.
    ///
    /// Whoever leaves the line, for whatever reason, makes the next one its head, and that one may fit although
    /// this one did not. So nobody leaves without [`unlock_and_admit_next`](Self::unlock_and_admit_next): here, or
    /// in `submit` once the operation is queued.
    fn stand_in_line<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<Op, R>>,
        weight: usize,
        patience: &Patience<'_>,
    ) -> Result<MutexGuard<'a, State<Op, R>>, Refused> {
        let my_turn = Arc::new(Condvar::new());
        let place = state.join_line(weight, &my_turn);
        let mut timed_out = false;
        let refused = loop {
            if state.is_closed() {
                break Refused::Closed;
            }
            if state.is_head(place) && state.has_room(&self.limits, weight) {
                state.leave_line(place);
                return Ok(state);
            }
            if timed_out {
                break Refused::Full;
            }
            (state, timed_out) = match patience {
                Patience::Until(clock, deadline) => {
                    let waited = AssertUnwindSafe(|| my_turn.wait_until(state, *clock, *deadline));
                    catch_unwind(waited).unwrap_or_else(|panic| self.leave_by_panic(place, panic))
                }
                Patience::None | Patience::Unlimited => (my_turn.wait(state), false),
            };
        };
        state.leave_line(place);
        self.unlock_and_admit_next(state);
        Err(refused)
    }

    /// The way out for who had a clock that panics: nobody would get past a place that was left behind.
    fn leave_by_panic(&self, place: u64, panic: Box<dyn Any + Send>) -> ! {
        let mut state = self.lock();
        state.leave_line(place);
        self.unlock_and_admit_next(state);
        resume_unwind(panic)
    }

    /// Ends a change that may have made room, or a new head of the line, or the queue empty.
    pub(super) fn unlock_and_admit_next(&self, state: MutexGuard<'_, State<Op, R>>) {
        let admitted = state.head_with_room(&self.limits);
        let drained = state.is_drained();
        drop(state);
        if let Some(turn) = admitted {
            turn.notify_one();
        }
        if drained {
            self.drained.notify_all();
        }
    }

    /// The consumer waits until there is something to take, and returns `false` once there will be nothing any more.
    pub(super) fn wait_for_work(&self, lend: bool) -> bool {
        self.pending.wait_a_moment();
        let mut state = self.lock();
        loop {
            if let Some(work) = state.take_seat() {
                return work;
            }
            state.block_consumer(lend);
            state = self.not_empty.wait(state);
        }
    }

    /// Takes out everything that is queued and leaves the empty `spare`.
    pub(super) fn take(&self, spare: VecDeque<Queued<Op, R>>) -> VecDeque<Queued<Op, R>> {
        let mut state = self.lock();
        let taken = state.swap_queued(spare);
        self.pending.set(false);
        self.unlock_and_admit_next(state);
        taken
    }

    /// Takes out the first `most` of what is queued. There is work for the consumer for as long as anything is left.
    pub(super) fn take_at_most(&self, most: usize, mut taken: impl FnMut(Queued<Op, R>)) {
        let mut state = self.lock();
        for _ in 0..most {
            match state.pop() {
                Some(queued) => taken(queued),
                None => break,
            }
        }
        if state.len() == 0 {
            self.pending.set(false);
        }
        self.unlock_and_admit_next(state);
    }

    /// The seat can be lent from now on, if nothing is queued.
    pub(super) fn leave_seat(&self) {
        self.lock().leave_seat();
    }

    /// The end of a loan: what was queued meanwhile is the consumer's again.
    pub(super) fn give_seat_back(&self) {
        let mut state = self.lock();
        let wake = state.give_seat_back();
        drop(state);
        if wake {
            self.not_empty.notify_all();
        }
    }

    pub(super) fn close(&self, how: Close) {
        let mut state = self.lock();
        state.close();
        let line = state.everyone_in_line();
        let aborted = match how {
            Close::Drain => Vec::new(),
            Close::Abort => Vec::from(state.swap_queued(Vec::new().into())),
        };
        self.unlock_and_admit_next(state);
        self.pending.set(true);
        self.not_empty.notify_all();
        for turn in line {
            turn.notify_one();
        }
        abort(aborted);
    }

    /// Closes, waits until everything was taken, and aborts what was not by the deadline. Returns how many those are.
    pub(super) fn drain_until(&self, clock: &dyn Clock, deadline: Instant) -> usize {
        self.close(Close::Drain);
        let mut state = self.lock();
        state.begin_draining();
        let mut timed_out = false;
        while state.len() > 0 && !timed_out {
            (state, timed_out) = self.drained.wait_until(state, clock, deadline);
        }
        state.end_draining();
        let late = Vec::from(state.swap_queued(Vec::new().into()));
        self.unlock_and_admit_next(state);
        let count = late.len();
        abort(late);
        count
    }
}

/// All tickets first: should an operation's destructor panic, the others are still known not to have started.
fn abort<Op, R>(queued: Vec<Queued<Op, R>>) {
    let (ops, completers): (Vec<_>, Vec<_>) =
        queued.into_iter().map(|queued| (queued.op, queued.completer)).unzip();
    for completer in completers {
        completer.resolve(Err(TicketError::Aborted));
    }
    drop(ops);
}
