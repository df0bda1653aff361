//! `SnapshotCell` with many writers: no update is lost, and nobody sees it go back.

use unforget_sync::SnapshotCell;
use unforget_sync::primitive::model::draw;
use unforget_sync::primitive::{Arc, thread};

use crate::{check, dawdle};

const WRITERS: usize = 4;
const READERS: usize = 2;
const UPDATES: usize = 3;
const LOADS: usize = 5;

/// A value that counts its updates twice, so that half an update would show.
type Cell = SnapshotCell<(u64, u64)>;

/// Updates, and declines to now and then; returns how many updates it made.
fn write(cell: &Cell) -> u64 {
    let mut made = 0;
    let mut last = cell.load().revision();
    for _ in 0..UPDATES {
        let declines = draw(4) == 0;
        let seen = cell.update_if(|&(one, two)| (!declines).then_some((one + 1, two + 1)));
        let grown = if declines { seen.revision() >= last } else { seen.revision() > last };
        assert!(grown, "revision {} after {last}", seen.revision());
        last = seen.revision();
        made += u64::from(!declines);
    }
    made
}

fn read(cell: &Cell) {
    let mut reader = cell.reader();
    let mut last = 0;
    for _ in 0..LOADS {
        let seen = if draw(2) == 0 { cell.load_full() } else { Arc::clone(reader.load()) };
        assert!(seen.revision() >= last, "revision {} after {last}", seen.revision());
        assert_eq!((seen.0, seen.1), (seen.revision(), seen.revision()), "half an update, or one lost");
        last = seen.revision();
        dawdle(1);
    }
}

/// Four writers and two readers: every update counts once, and revisions only grow.
#[test]
fn no_update_is_lost_among_many() {
    check(|| {
        let cell = Arc::new(Cell::new((0, 0)));
        let spawn = |_| {
            let cell = Arc::clone(&cell);
            thread::spawn(move || write(&cell))
        };
        let writers: Vec<_> = (0..WRITERS).map(spawn).collect();
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                let cell = Arc::clone(&cell);
                thread::spawn(move || read(&cell))
            })
            .collect();
        let made: u64 = writers.into_iter().map(|writer| writer.join().expect("does not panic")).sum();
        for reader in readers {
            reader.join().expect("does not panic");
        }
        let last = cell.load();
        assert_eq!((last.revision(), last.0, last.1), (made, made, made), "an update was lost");
    });
}
