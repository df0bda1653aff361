//! What a queue's two sides remember of each operation, and what has to agree when all is over.

use std::sync::{Mutex, PoisonError};

use unforget_sync::TicketError;

/// Who submitted an operation, as that producer's how-manieth, and what it weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Op {
    pub(crate) producer: usize,
    pub(crate) index: usize,
    pub(crate) weight: usize,
}

/// What the consumer did with an operation that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Completed,
    Lost,
}

/// What a producer learnt of its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Learnt {
    /// It came back from `submit`.
    Refused,
    /// `withdraw` gave it back.
    Withdrawn,
    /// The ticket had this outcome.
    Outcome(Result<Op, TicketError>),
    /// The ticket was dropped.
    Nothing,
}

/// How the queue came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything that was accepted is taken.
    Drained,
    /// What was not taken by then is not taken at all.
    Aborted,
}

/// Both sides of one scenario. Its locks are std's: what a scenario writes down is no part of the protocol.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    taken: Mutex<Vec<(Op, Fate)>>,
    learnt: Mutex<Vec<(Op, Learnt)>>,
}

impl Ledger {
    pub(crate) fn took(&self, op: Op, fate: Fate) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push((op, fate));
    }

    pub(crate) fn learnt(&self, op: Op, learnt: Learnt) {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner).push((op, learnt));
    }

    /// Compares the two sides, once all threads are gone. `submitted` is how many operations were made.
    pub(crate) fn settle(&self, submitted: usize, end: End) {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(learnt.len(), submitted, "every producer knows what became of each operation");
        for (op, learnt) in learnt.iter() {
            let fates: Vec<_> =
                taken.iter().filter(|(taken, _)| taken == op).map(|(_, fate)| *fate).collect();
            assert!(fates.len() <= 1, "{op:?} was taken twice");
            agree(*op, *learnt, fates.first().copied(), end);
        }
        in_order(taken.iter().map(|(op, _)| *op));
    }
}

/// An operation that was taken was completed or lost, and its producer was told so; one that was not taken came back
/// or was told so.
fn agree(op: Op, learnt: Learnt, fate: Option<Fate>, end: End) {
    let expected = match learnt {
        Learnt::Refused | Learnt::Withdrawn => fate.is_none(),
        Learnt::Outcome(Ok(result)) => fate == Some(Fate::Completed) && result == op,
        Learnt::Outcome(Err(TicketError::Abandoned)) => fate == Some(Fate::Lost),
        Learnt::Outcome(Err(TicketError::Aborted)) => fate.is_none() && end == End::Aborted,
        Learnt::Outcome(Err(TicketError::Withdrawn)) => false,
        Learnt::Nothing => fate.is_some() || end == End::Aborted,
    };
    assert!(expected, "{op:?}: its producer learnt {learnt:?}, the consumer's side is {fate:?}, {end:?}");
}

fn in_order(taken: impl Iterator<Item = Op>) {
    let mut next = std::collections::BTreeMap::new();
    for op in taken {
        let next = next.entry(op.producer).or_insert(0);
        assert!(op.index >= *next, "{op:?} was taken after a later one of its producer");
        *next = op.index + 1;
    }
}
