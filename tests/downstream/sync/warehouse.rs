//! A warehouse with one clerk: callers hand over orders, the clerk takes whatever waits and answers each.

use std::num::NonZeroUsize;
use std::thread;

use unforget_sync::{Close, Limits, SnapshotCell, WriteQueue};

/// What is in stock, as everybody may read it at any time.
static STOCK: std::sync::LazyLock<SnapshotCell<u32>> = std::sync::LazyLock::new(|| SnapshotCell::new(100));

#[test]
fn every_order_is_answered_and_the_stock_is_right() {
    let limits = Limits { ops: NonZeroUsize::MIN.saturating_add(15), bytes: NonZeroUsize::MAX };
    let (orders, mut clerk) = WriteQueue::<u32, bool>::new(limits, |_| 1);
    let at_work = thread::spawn(move || {
        while clerk.wait() {
            for order in clerk.take() {
                let in_stock = **STOCK.load() >= order.op;
                if in_stock {
                    STOCK.update(|stock| stock - order.op);
                }
                order.completer.complete(in_stock);
            }
        }
    });
    let delivered = thread::scope(|scope| {
        let callers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (0..20).filter(|_| ordered(&orders, 1)).count())).collect();
        callers.into_iter().filter_map(|caller| caller.join().ok()).sum::<usize>()
    });
    orders.close(Close::Drain);
    assert!(at_work.join().is_ok(), "the clerk goes home");
    assert_eq!(delivered, 100, "as many as there were, to whoever came first");
    assert_eq!(**STOCK.load(), 0);
    assert!(orders.submit(1).is_err(), "the warehouse is closed");
}

fn ordered(orders: &WriteQueue<u32, bool>, amount: u32) -> bool {
    orders.submit(amount).ok().and_then(|ticket| ticket.wait().ok()) == Some(true)
}
