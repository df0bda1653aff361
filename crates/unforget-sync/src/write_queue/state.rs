//! What the queue's lock protects: the operations, what they weigh, and the line of those who wait for room.

use std::collections::VecDeque;
use std::mem;

use super::Limits;
use crate::primitive::{Arc, Condvar};
use crate::ticket::{Completer, Ticket};

/// Holds at all times: `bytes` is the weight of `queued`; both are within the limits; `queued` and `line` are in
/// ascending order of their numbers. And whenever the lock is free: if the head of the line has room, it has been
/// notified since it got both.
pub(super) struct State<Op, R> {
    queued: VecDeque<Queued<Op, R>>,
    bytes: usize,
    next_sequence: u64,
    line: VecDeque<Place>,
    next_place: u64,
    closed: bool,
    consumer_blocked: bool,
    seat: Seat,
    /// How many wait for nothing to be queued any more.
    drainers: usize,
}

/// Who may take. Only while the seat is free can it be lent, and only its holder can make it free: so a consumer that
/// works, or has been told that there is work, shares its time with nobody.
#[derive(PartialEq, Eq)]
enum Seat {
    /// The consumer, until it waits in a way that lends.
    Consumer,
    /// Nobody: the consumer waits.
    Free,
    /// Whoever holds the `Lead`. The consumer waits until it comes back.
    Lent,
}

/// An operation that the consumer has not taken.
pub(super) struct Queued<Op, R> {
    pub(super) op: Op,
    pub(super) completer: Completer<R>,
    sequence: u64,
    weight: usize,
}

/// A submitter waiting for room. Each has its own condition variable, so that room wakes the one it is for.
struct Place {
    number: u64,
    weight: usize,
    turn: Arc<Condvar>,
}

impl<Op, R> State<Op, R> {
    pub(super) fn new() -> Self {
        Self {
            queued: VecDeque::new(),
            bytes: 0,
            next_sequence: 0,
            line: VecDeque::new(),
            next_place: 0,
            closed: false,
            consumer_blocked: false,
            seat: Seat::Consumer,
            drainers: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queued.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// The consumer gets up from waiting, if there is a reason: work (`true`), or the end (`false`).
    pub(super) fn take_seat(&mut self) -> Option<bool> {
        if self.seat == Seat::Lent {
            return None;
        }
        let reason = if self.len() > 0 { Some(true) } else { self.closed.then_some(false) };
        if reason.is_some() {
            self.seat = Seat::Consumer;
        }
        reason
    }

    /// The consumer is about to wait, and has seen that there is nothing to wait no longer for.
    pub(super) fn block_consumer(&mut self, lend: bool) {
        self.consumer_blocked = true;
        if self.seat != Seat::Lent {
            self.seat = if lend { Seat::Free } else { Seat::Consumer };
        }
    }

    /// The consumer gets up from its seat, unless there is something for it to do, and will wait for it again.
    pub(super) fn leave_seat(&mut self) {
        if self.seat == Seat::Consumer && self.len() == 0 && !self.closed {
            self.seat = Seat::Free;
        }
    }

    /// Says whether to wake the consumer: it has blocked, was not woken since, and could take.
    pub(super) fn wake_consumer(&mut self) -> bool {
        self.seat != Seat::Lent && mem::take(&mut self.consumer_blocked)
    }

    /// Lends the seat, if it is free and nobody came before.
    pub(super) fn lend_seat(&mut self) -> bool {
        let idle = self.seat == Seat::Free && self.len() == 0 && self.waiting() == 0 && !self.closed;
        if idle {
            self.seat = Seat::Lent;
        }
        idle
    }

    /// Ends the loan, and says whether to wake the consumer for what happened meanwhile.
    pub(super) fn give_seat_back(&mut self) -> bool {
        self.seat = Seat::Free;
        (self.len() > 0 || self.closed) && self.wake_consumer()
    }

    pub(super) fn begin_draining(&mut self) {
        self.drainers += 1;
    }

    pub(super) fn end_draining(&mut self) {
        self.drainers -= 1;
    }

    /// Says whether somebody waits for what is now so.
    pub(super) fn is_drained(&self) -> bool {
        self.drainers > 0 && self.len() == 0
    }

    pub(super) fn has_room(&self, limits: &Limits, weight: usize) -> bool {
        self.queued.len() < limits.ops.get() && weight <= limits.bytes.get() - self.bytes
    }

    /// The caller has seen that there is room.
    pub(super) fn push(&mut self, op: Op, weight: usize, completer: Completer<R>) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.bytes += weight;
        self.queued.push_back(Queued { op, completer, sequence, weight });
        sequence
    }

    /// Takes out the operation that `ticket` was issued for, if it is here. Sequence numbers find it fast; the
    /// completer says whether it is that one and not another queue's operation of the same number.
    pub(super) fn remove(&mut self, ticket: &Ticket<R>) -> Option<Queued<Op, R>> {
        let index = self.queued.binary_search_by_key(&ticket.sequence(), |queued| queued.sequence).ok()?;
        if !self.queued[index].completer.resolves(ticket) {
            return None;
        }
        let queued = self.queued.remove(index)?;
        self.bytes -= queued.weight;
        Some(queued)
    }

    /// Takes out everything and leaves the empty `replacement`, so that taking a batch allocates nothing here.
    pub(super) fn swap_queued(&mut self, replacement: VecDeque<Queued<Op, R>>) -> VecDeque<Queued<Op, R>> {
        debug_assert!(replacement.is_empty(), "what is swapped in has been taken already");
        self.bytes = 0;
        mem::replace(&mut self.queued, replacement)
    }

    /// Takes out the operation that was accepted first.
    pub(super) fn pop(&mut self) -> Option<Queued<Op, R>> {
        let queued = self.queued.pop_front()?;
        self.bytes -= queued.weight;
        Some(queued)
    }

    pub(super) fn waiting(&self) -> usize {
        self.line.len()
    }

    pub(super) fn join_line(&mut self, weight: usize, turn: &Arc<Condvar>) -> u64 {
        let number = self.next_place;
        self.next_place += 1;
        self.line.push_back(Place { number, weight, turn: Arc::clone(turn) });
        number
    }

    pub(super) fn is_head(&self, number: u64) -> bool {
        self.line.front().is_some_and(|head| head.number == number)
    }

    pub(super) fn leave_line(&mut self, number: u64) {
        if let Ok(index) = self.line.binary_search_by_key(&number, |place| place.number) {
            self.line.remove(index);
        }
    }

    /// Whom to wake: the head of the line, once there is room for it.
    pub(super) fn head_with_room(&self, limits: &Limits) -> Option<Arc<Condvar>> {
        let head = self.line.front()?;
        self.has_room(limits, head.weight).then(|| Arc::clone(&head.turn))
    }

    /// Whom to wake when the queue closes. They leave the line themselves.
    pub(super) fn everyone_in_line(&self) -> Vec<Arc<Condvar>> {
        self.line.iter().map(|place| Arc::clone(&place.turn)).collect()
    }
}
