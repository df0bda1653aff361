//! The queue against an oracle that is a `VecDeque` and no more: same operations, same observations.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use proptest::prelude::*;
use unforget_sync::{
    Clock, Close, Consumer, Entry, Limits, ManualClock, SubmitError, Ticket, TicketError, WaitError,
    WriteQueue,
};

use crate::watchdog::watch;

const MAX_OPS: usize = 4;
const MAX_BYTES: usize = 12;

/// What one thread can do to a queue without waiting for another.
#[derive(Debug, Clone)]
enum Op {
    TrySubmit {
        weight: usize,
    },
    /// With a deadline that has come.
    SubmitLate {
        weight: usize,
    },
    /// Counted back from the operation accepted last.
    Withdraw {
        back: usize,
    },
    Take,
    TakeAtMost {
        most: usize,
    },
    /// Counted back from the operation taken last.
    Complete {
        back: usize,
    },
    Lose {
        back: usize,
    },
    Close(Close),
    /// With a deadline that has come.
    DrainLate,
    DropConsumer,
}

/// What can be seen of it from outside.
#[derive(Debug, PartialEq)]
enum Seen {
    Accepted,
    Full,
    TooLarge,
    Closed,
    Withdrawn(Option<usize>),
    Batch(Vec<usize>),
    /// How many operations were not taken in time.
    Late(usize),
    Nothing,
}

/// How each ticket stands, the length, and whether it is closed.
type Standing = (Vec<Option<Result<usize, TicketError>>>, usize, bool);

/// Either the queue or the oracle. Operations are numbered in the order they were accepted.
trait Subject {
    fn submit(&mut self, weight: usize, late: bool) -> Seen;
    fn withdraw(&mut self, ticket: usize) -> Option<usize>;
    fn take(&mut self) -> Vec<usize>;
    fn take_at_most(&mut self, most: usize) -> Vec<usize>;
    fn finish(&mut self, taken: usize, complete: bool);
    fn close(&mut self, how: Close);
    fn drain_late(&mut self) -> usize;
    fn drop_consumer(&mut self);
    fn standing(&mut self) -> Standing;
    /// How many operations were accepted, and how many taken, so far.
    fn accepted(&self) -> usize;
    fn taken(&self) -> usize;

    fn finish_from_last(&mut self, back: usize, complete: bool) -> Seen {
        if let Some(taken) = self.taken().checked_sub(1 + back) {
            self.finish(taken, complete);
        }
        Seen::Nothing
    }

    fn interpret(&mut self, op: &Op) -> (Seen, Standing) {
        let seen = match *op {
            Op::TrySubmit { weight } => self.submit(weight, false),
            Op::SubmitLate { weight } => self.submit(weight, true),
            Op::Withdraw { back } => {
                let ticket = self.accepted().checked_sub(1 + back);
                Seen::Withdrawn(ticket.and_then(|ticket| self.withdraw(ticket)))
            }
            Op::Take => Seen::Batch(self.take()),
            Op::TakeAtMost { most } => Seen::Batch(self.take_at_most(most)),
            Op::Complete { back } => self.finish_from_last(back, true),
            Op::Lose { back } => self.finish_from_last(back, false),
            Op::Close(how) => {
                self.close(how);
                Seen::Nothing
            }
            Op::DrainLate => Seen::Late(self.drain_late()),
            Op::DropConsumer => {
                self.drop_consumer();
                Seen::Nothing
            }
        };
        (seen, self.standing())
    }
}

/// An operation of the real queue carries its weight; its result is its weight.
struct Real {
    queue: WriteQueue<usize, usize>,
    consumer: Option<Consumer<usize, usize>>,
    tickets: Vec<Result<Ticket<usize>, Result<usize, TicketError>>>,
    taken: Vec<Option<Entry<usize, usize>>>,
}

impl Real {
    fn new() -> Self {
        let ops = NonZeroUsize::new(MAX_OPS).expect("not zero");
        let bytes = NonZeroUsize::new(MAX_BYTES).expect("not zero");
        let (queue, consumer) = WriteQueue::new(Limits { ops, bytes }, |weight| *weight);
        Self { queue, consumer: Some(consumer), tickets: Vec::new(), taken: Vec::new() }
    }

    fn keep(&mut self, batch: Vec<Entry<usize, usize>>) -> Vec<usize> {
        let weights = batch.iter().map(|entry| entry.op).collect();
        self.taken.extend(batch.into_iter().map(Some));
        weights
    }
}

impl Subject for Real {
    fn accepted(&self) -> usize {
        self.tickets.len()
    }

    fn taken(&self) -> usize {
        self.taken.len()
    }

    fn submit(&mut self, weight: usize, late: bool) -> Seen {
        let clock = ManualClock::new();
        let submitted = if late {
            self.queue.submit_until(weight, &clock, clock.now())
        } else {
            self.queue.try_submit(weight)
        };
        match submitted {
            Ok(ticket) => {
                self.tickets.push(Ok(ticket));
                Seen::Accepted
            }
            Err(error) => {
                let seen = match error {
                    SubmitError::Full(_) => Seen::Full,
                    SubmitError::TooLarge { .. } => Seen::TooLarge,
                    SubmitError::Closed(_) => Seen::Closed,
                };
                assert_eq!(error.into_op(), weight, "another operation came back");
                seen
            }
        }
    }

    fn withdraw(&mut self, ticket: usize) -> Option<usize> {
        self.queue.withdraw(self.tickets.get(ticket)?.as_ref().ok()?)
    }

    fn take(&mut self) -> Vec<usize> {
        let batch = self.consumer.as_mut().map(Consumer::take).unwrap_or_default();
        self.keep(batch)
    }

    fn take_at_most(&mut self, most: usize) -> Vec<usize> {
        let mut batch = Vec::new();
        if let Some(consumer) = &mut self.consumer {
            consumer.take_at_most(most, &mut batch);
        }
        self.keep(batch)
    }

    fn finish(&mut self, taken: usize, complete: bool) {
        if let Some(Entry { op, completer }) = self.taken.get_mut(taken).and_then(Option::take)
            && complete
        {
            completer.complete(op);
        }
    }

    fn close(&mut self, how: Close) {
        self.queue.close(how);
    }

    fn drain_late(&mut self) -> usize {
        let clock = ManualClock::new();
        self.queue.drain_until(&clock, clock.now())
    }

    fn drop_consumer(&mut self) {
        self.consumer = None;
    }

    fn standing(&mut self) -> Standing {
        let clock = ManualClock::new();
        let tickets = std::mem::take(&mut self.tickets).into_iter().map(|ticket| {
            ticket.and_then(|ticket| match ticket.wait_until(&clock, clock.now()) {
                Err(WaitError::TimedOut(ticket)) => Ok(ticket),
                Ok(result) => Err(Ok(result)),
                Err(WaitError::Failed(error)) => Err(Err(error)),
            })
        });
        self.tickets = tickets.collect();
        let outcomes = self.tickets.iter().map(|ticket| ticket.as_ref().err().copied()).collect();
        (outcomes, self.queue.len(), self.queue.is_closed())
    }
}

/// The specification: what is queued, what was taken, how each ticket stands.
#[derive(Default)]
struct Oracle {
    queued: VecDeque<(usize, usize)>,
    taken: Vec<Option<(usize, usize)>>,
    outcomes: Vec<Option<Result<usize, TicketError>>>,
    closed: bool,
    consumer_gone: bool,
}

impl Oracle {
    fn bytes(&self) -> usize {
        self.queued.iter().map(|(_, weight)| weight).sum()
    }
}

impl Subject for Oracle {
    fn accepted(&self) -> usize {
        self.outcomes.len()
    }

    fn taken(&self) -> usize {
        self.taken.len()
    }

    fn submit(&mut self, weight: usize, _late: bool) -> Seen {
        if weight > MAX_BYTES {
            return Seen::TooLarge;
        }
        if self.closed {
            return Seen::Closed;
        }
        if self.queued.len() == MAX_OPS || self.bytes() + weight > MAX_BYTES {
            return Seen::Full;
        }
        self.queued.push_back((self.outcomes.len(), weight));
        self.outcomes.push(None);
        Seen::Accepted
    }

    fn withdraw(&mut self, ticket: usize) -> Option<usize> {
        let index = self.queued.iter().position(|(number, _)| *number == ticket)?;
        self.outcomes[ticket] = Some(Err(TicketError::Withdrawn));
        self.queued.remove(index).map(|(_, weight)| weight)
    }

    fn take(&mut self) -> Vec<usize> {
        self.take_at_most(usize::MAX)
    }

    fn take_at_most(&mut self, most: usize) -> Vec<usize> {
        if self.consumer_gone {
            return Vec::new();
        }
        let batch: Vec<_> = self.queued.drain(..most.min(self.queued.len())).collect();
        self.taken.extend(batch.iter().copied().map(Some));
        batch.into_iter().map(|(_, weight)| weight).collect()
    }

    fn finish(&mut self, taken: usize, complete: bool) {
        if let Some((number, weight)) = self.taken.get_mut(taken).and_then(Option::take) {
            self.outcomes[number] = Some(if complete { Ok(weight) } else { Err(TicketError::Abandoned) });
        }
    }

    fn close(&mut self, how: Close) {
        self.closed = true;
        if how == Close::Abort {
            for (number, _) in self.queued.drain(..) {
                self.outcomes[number] = Some(Err(TicketError::Aborted));
            }
        }
    }

    fn drain_late(&mut self) -> usize {
        let late = self.queued.len();
        self.close(Close::Abort);
        late
    }

    fn drop_consumer(&mut self) {
        self.close(Close::Abort);
        self.consumer_gone = true;
    }

    fn standing(&mut self) -> Standing {
        (self.outcomes.clone(), self.queued.len(), self.closed)
    }
}

fn ops() -> impl Strategy<Value = Op> {
    // Mostly light, so that both limits are reached: four operations that weigh up to three fill the bytes exactly.
    let weight = || prop_oneof![3 => 0..=MAX_BYTES / MAX_OPS, 1 => 0..=MAX_BYTES + 1];
    prop_oneof![
        24 => weight().prop_map(|weight| Op::TrySubmit { weight }),
        9 => weight().prop_map(|weight| Op::SubmitLate { weight }),
        12 => (0_usize..6).prop_map(|back| Op::Withdraw { back }),
        5 => Just(Op::Take),
        5 => (0..=MAX_OPS).prop_map(|most| Op::TakeAtMost { most }),
        12 => (0_usize..6).prop_map(|back| Op::Complete { back }),
        6 => (0_usize..6).prop_map(|back| Op::Lose { back }),
        // Rarely, because little happens after it.
        1 => prop_oneof![Just(Close::Drain), Just(Close::Abort)].prop_map(Op::Close),
        1 => Just(Op::DrainLate),
        1 => Just(Op::DropConsumer),
    ]
}

proptest! {
    #[test]
    fn the_queue_does_what_the_oracle_says(ops in prop::collection::vec(ops(), 1..60)) {
        let _watch = watch();
        let (mut real, mut oracle) = (Real::new(), Oracle::default());
        for (step, op) in ops.iter().enumerate() {
            prop_assert_eq!(real.interpret(op), oracle.interpret(op), "step {}: {:?}", step, op);
        }
    }
}
