//! Ways to hand an operation to one consumer and get its result back, behind one face.

use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use unforget_sync::{Entry, Limits, Ticket, Wake, WriteQueue};

/// More than is ever in flight here, so that nobody waits for room: waiting for room is not what is measured.
const CAPACITY: usize = 8192;

/// A queue with a consumer that answers every operation with its number.
pub(crate) trait Lane: Clone + Send {
    /// What a submitted operation leaves to wait for.
    type Reply;

    /// Starts the consumer. It ends when the last clone of the lane is dropped.
    fn start() -> (Self, JoinHandle<()>);

    /// Hands over an operation.
    fn submit(&self, op: u64) -> Self::Reply;

    /// Waits for the result.
    fn wait(reply: Self::Reply) -> u64;
}

/// `WriteQueue`, its consumer completing a whole batch.
#[derive(Clone)]
pub(crate) struct Unforget(WriteQueue<u64, u64>);

impl Lane for Unforget {
    type Reply = Ticket<u64>;

    fn start() -> (Self, JoinHandle<()>) {
        let (queue, mut consumer) = WriteQueue::new(limits(), |_| 8);
        let consumer = thread::spawn(move || {
            let (mut batch, mut wakes) = (Vec::new(), Vec::new());
            while consumer.wait() {
                consumer.take_into(&mut batch);
                answer(&mut batch, &mut wakes);
            }
        });
        (Self(queue), consumer)
    }

    fn submit(&self, op: u64) -> Ticket<u64> {
        self.0.submit(op).expect("the queue is open")
    }

    fn wait(reply: Ticket<u64>) -> u64 {
        reply.wait().expect("the consumer answers")
    }
}

/// `WriteQueue` whose callers sit down in the consumer's seat when it is free.
#[derive(Clone)]
pub(crate) struct Leading(WriteQueue<u64, u64>);

impl Lane for Leading {
    /// The result, or what is left to wait for.
    type Reply = Result<u64, Ticket<u64>>;

    fn start() -> (Self, JoinHandle<()>) {
        let (queue, mut consumer) = WriteQueue::new(limits(), |_| 8);
        let consumer = thread::spawn(move || {
            let (mut batch, mut wakes) = (Vec::new(), Vec::new());
            while consumer.wait_lending() {
                consumer.take_into(&mut batch);
                answer(&mut batch, &mut wakes);
            }
        });
        (Self(queue), consumer)
    }

    fn submit(&self, op: u64) -> Self::Reply {
        match self.0.try_lead() {
            Some(_lead) => Ok(op),
            None => Err(self.0.submit(op).expect("the queue is open")),
        }
    }

    fn wait(reply: Self::Reply) -> u64 {
        reply.unwrap_or_else(|ticket| ticket.wait().expect("the consumer answers"))
    }
}

fn limits() -> Limits {
    Limits { ops: NonZeroUsize::MIN.saturating_add(CAPACITY - 1), bytes: NonZeroUsize::MAX }
}

/// All of the batch first: then a producer that waits for many is woken once.
fn answer(batch: &mut Vec<Entry<u64, u64>>, wakes: &mut Vec<Wake<u64>>) {
    wakes.extend(batch.drain(..).filter_map(|entry| entry.completer.complete_quietly(entry.op)));
    wakes.clear();
}

/// A channel of operations, each with a channel for its reply. `$queued` takes what else there is, at once
/// where the channel can.
macro_rules! channel_lane {
    ($(#[$doc:meta])* $name:ident, $sender:ty, $receiver:ty, $channel:expr, $reply:expr, $queued:expr) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub(crate) struct $name($sender);

        impl Lane for $name {
            type Reply = $receiver;

            fn start() -> (Self, JoinHandle<()>) {
                let (sender, receiver) = $channel(CAPACITY);
                let consumer = thread::spawn(move || {
                    while let Ok((op, reply)) = receiver.recv() {
                        reply.send(op).expect("the submitter waits");
                        for (op, reply) in $queued(&receiver) {
                            reply.send(op).expect("the submitter waits");
                        }
                    }
                });
                (Self(sender), consumer)
            }

            fn submit(&self, op: u64) -> Self::Reply {
                let (reply, receiver) = $reply();
                self.0.send((op, reply)).expect("the consumer runs");
                receiver
            }

            fn wait(reply: Self::Reply) -> u64 {
                reply.recv().expect("the consumer answers")
            }
        }
    };
}

channel_lane!(
    /// crossbeam-channel with a `oneshot` for each reply: the usual choice.
    CrossbeamOneshot,
    crossbeam::channel::Sender<(u64, oneshot::Sender<u64>)>,
    oneshot::Receiver<u64>,
    crossbeam::channel::bounded::<(u64, oneshot::Sender<u64>)>,
    oneshot::channel::<u64>,
    crossbeam::channel::Receiver::try_iter
);

channel_lane!(
    /// crossbeam-channel for both ways.
    Crossbeam,
    crossbeam::channel::Sender<(u64, crossbeam::channel::Sender<u64>)>,
    crossbeam::channel::Receiver<u64>,
    crossbeam::channel::bounded::<(u64, crossbeam::channel::Sender<u64>)>,
    || crossbeam::channel::bounded::<u64>(1),
    crossbeam::channel::Receiver::try_iter
);

channel_lane!(
    /// The standard library for both ways.
    StdMpsc,
    mpsc::SyncSender<(u64, mpsc::SyncSender<u64>)>,
    mpsc::Receiver<u64>,
    mpsc::sync_channel::<(u64, mpsc::SyncSender<u64>)>,
    || mpsc::sync_channel::<u64>(1),
    mpsc::Receiver::try_iter
);

channel_lane!(
    /// flume with a `oneshot` for each reply.
    FlumeOneshot,
    flume::Sender<(u64, oneshot::Sender<u64>)>,
    oneshot::Receiver<u64>,
    flume::bounded::<(u64, oneshot::Sender<u64>)>,
    oneshot::channel::<u64>,
    flume::Receiver::drain
);

channel_lane!(
    /// kanal with a `oneshot` for each reply.
    KanalOneshot,
    kanal::Sender<(u64, oneshot::Sender<u64>)>,
    oneshot::Receiver<u64>,
    kanal::bounded::<(u64, oneshot::Sender<u64>)>,
    oneshot::channel::<u64>,
    |receiver: &kanal::Receiver<_>| {
        let mut queued = Vec::new();
        receiver.drain_into(&mut queued).expect("the lane is open");
        queued
    }
);
