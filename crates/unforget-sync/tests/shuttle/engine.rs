//! All of it together, as an engine does: a registry opens a queue, its consumer and a snapshot, and closes them.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use unforget_sync::primitive::model::draw;
use unforget_sync::primitive::{Arc, thread};
use unforget_sync::{
    Clock, Close, Consumer, InitError, Limits, Registry, Shared, SnapshotCell, SystemClock, TicketError,
    WriteQueue,
};

use crate::{check, dawdle};

const CLIENTS: usize = 4;
const ADDITIONS: usize = 3;

/// What outlives every engine. A std lock: the disk is no part of the protocol.
type Disk = Arc<Mutex<u64>>;

/// Adds on a thread of its own and publishes the sum. One at a time may use the disk.
struct Engine {
    queue: WriteQueue<u64, u64>,
    sum: Arc<SnapshotCell<u64>>,
    writer: Option<thread::JoinHandle<()>>,
    disk: Disk,
}

fn disk_sum(disk: &Disk) -> u64 {
    *disk.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    fn open(disk: &Disk) -> Self {
        let limits = Limits { ops: NonZeroUsize::MIN.saturating_add(1), bytes: NonZeroUsize::MAX };
        let (queue, consumer) = WriteQueue::new(limits, |_| 1);
        let sum = Arc::new(SnapshotCell::new(disk_sum(disk)));
        let writer = {
            let (sum, disk) = (Arc::clone(&sum), Arc::clone(disk));
            thread::spawn(move || write(consumer, &sum, &disk))
        };
        Self { queue, sum, writer: Some(writer), disk: Arc::clone(disk) }
    }
}

/// Commits each batch as a whole, publishes it, and only then answers.
fn write(mut consumer: Consumer<u64, u64>, sum: &SnapshotCell<u64>, disk: &Disk) {
    while consumer.wait() {
        let batch = consumer.take();
        let added: u64 = batch.iter().map(|entry| entry.op).sum();
        let committed = disk_sum(disk) + added;
        thread::yield_now();
        *disk.lock().unwrap_or_else(PoisonError::into_inner) = committed;
        let published = sum.update(|_| committed);
        for entry in batch {
            entry.completer.complete(published.revision());
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.queue.close(Close::Drain);
        let writer = self.writer.take().expect("an engine has one writer");
        writer.join().expect("the writer does not panic");
        assert_eq!(**self.sum.load(), disk_sum(&self.disk), "someone else wrote while this engine lived");
    }
}

/// What a client's additions came to: how much is certainly on the disk, and how much may be.
#[derive(Default)]
struct Account {
    least: u64,
    most: u64,
}

/// Adds once, and reads its own write.
fn add(engine: &Shared<Engine, ()>, account: &mut Account) {
    let before = engine.sum.load();
    let submitted = match draw(3) {
        0 => engine.queue.submit_until(1, &SystemClock, SystemClock.now()),
        _ => engine.queue.submit(1),
    };
    let Ok(ticket) = submitted else { return };
    account.most += 1;
    if draw(4) == 0 {
        // Nobody looks; draining adds it all the same, unless someone aborts.
        return;
    }
    match ticket.wait() {
        Ok(revision) => {
            account.least += 1;
            let after = engine.sum.load();
            assert!(after.revision() >= revision, "an answer came before its publication");
            assert!(revision > before.revision() && **after > **before, "an addition that adds nothing");
        }
        Err(TicketError::Aborted) => account.most -= 1,
        Err(other) => unreachable!("nobody withdraws and the writer loses nothing: {other}"),
    }
}

/// A client that comes and goes; it opens the engine anew each time.
fn visit(registry: &Registry<u8, Engine, ()>, disk: &Disk, last: fn(&Engine)) -> Account {
    let mut account = Account::default();
    for _ in 0..ADDITIONS {
        match registry.open(1, || Ok(Engine::open(disk))) {
            Ok(engine) => {
                add(&engine, &mut account);
                last(&engine);
            }
            Err(InitError::Failed(_) | InitError::Panicked | InitError::Reentrant) => {
                unreachable!("opening does not fail")
            }
        }
    }
    account
}

/// Sends in the clients, and returns what they think is on the disk, and what is.
fn run(last: fn(&Engine)) -> (Account, u64) {
    let registry = Arc::new(Registry::new());
    let disk = Disk::default();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (registry, disk) = (Arc::clone(&registry), Arc::clone(&disk));
            thread::spawn(move || visit(&registry, &disk, last))
        })
        .collect();
    let mut total = Account::default();
    for client in clients {
        let account = client.join().expect("does not panic");
        total.least += account.least;
        total.most += account.most;
    }
    (total, disk_sum(&disk))
}

/// Engines open and close under four clients: everything accepted is on the disk, answered for or not.
#[test]
fn engines_that_come_and_go_lose_nothing() {
    check(|| {
        let (account, sum) = run(|_| dawdle(1));
        assert_eq!(sum, account.most, "what was accepted is on the disk, once");
    });
}

/// Now and then a client aborts the engine under the others: what was answered is on the disk, and no more than was
/// accepted.
#[test]
fn an_engine_aborted_under_its_clients_keeps_what_it_answered() {
    check(|| {
        let (account, sum) = run(|engine| {
            if draw(4) == 0 {
                engine.queue.close(Close::Abort);
            }
        });
        assert!(
            (account.least..=account.most).contains(&sum),
            "the disk has what nobody wrote, or lacks some"
        );
    });
}
