//! What runs after a commit, and before anybody is told of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use unforget_fs::Turnstile;
use unforget_sqlite::{Error, Result};

use crate::store::{BusyWriter, Store, insert, submit};

type Log = Arc<Mutex<Vec<String>>>;

fn write_down(log: &Log, what: &str) {
    log.lock().unwrap().push(what.to_owned());
}

fn written(log: &Log) -> Vec<String> {
    log.lock().unwrap().clone()
}

/// Longer than it takes to wake whoever waits.
fn work_for_a_while() {
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(3) {
        std::hint::spin_loop();
    }
}

#[test]
fn only_what_is_committed_runs_what_it_left_for_afterwards() {
    let store = Store::new();
    let log = Log::default();
    // The second time with savepoints, because the first batch had an operation that failed.
    for _ in 0..2 {
        let busy = BusyWriter::hold(&store.db);
        let leave = |what: &'static str, outcome: fn() -> Result<()>| {
            let log = Arc::clone(&log);
            let op = move |tx: &unforget_sqlite::WriteTx<'_>| {
                let log = Arc::clone(&log);
                tx.after_commit(move || write_down(&log, what))?;
                outcome()
            };
            store.db.submit(0, op).unwrap()
        };
        let tickets = [
            leave("kept", || Ok(())),
            leave("failed", || Err(Error::Closed)),
            leave("panicked", || panic!("on purpose")),
            leave("last", || Ok(())),
        ];
        busy.release();
        let kept = tickets.map(|ticket| ticket.wait().is_ok());
        assert_eq!(kept, [true, false, false, true]);
    }
    assert_eq!(
        written(&log),
        ["kept", "last", "kept", "last"],
        "once each, and in order, although they ran again"
    );
}

#[test]
fn a_commit_that_fails_runs_nothing() {
    let store = Store::new();
    let ran = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&ran);
    let _registered = store.db.on_commit(move |kept| _ = counts.fetch_add(100 * kept, Ordering::Relaxed));
    let counts = Arc::clone(&ran);
    let orphan = store.db.write(move |tx| -> Result<()> {
        let counts = Arc::clone(&counts);
        tx.after_commit(move || _ = counts.fetch_add(1, Ordering::Relaxed))?;
        tx.execute("INSERT INTO note(body, parent) VALUES ('orphan', 4711)", [])?;
        Ok(())
    });
    assert!(matches!(orphan, Err(Error::Sql { .. })), "{orphan:?}");
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

#[test]
fn what_is_published_is_there_when_the_caller_is_told() {
    let store = Store::new();
    let seen = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&seen);
    let _registered = store.db.on_commit(move |kept| {
        work_for_a_while();
        counts.fetch_add(kept, Ordering::Relaxed);
    });
    let own = Arc::new(AtomicUsize::new(0));
    for n in 1..=20 {
        let published = Arc::clone(&own);
        let op = move |tx: &unforget_sqlite::WriteTx<'_>| {
            let published = Arc::clone(&published);
            tx.after_commit(move || {
                work_for_a_while();
                published.store(n, Ordering::Relaxed);
            })
        };
        // Alternately by the writer's thread and, mostly, by this one.
        if n % 2 == 0 {
            store.db.write(op).unwrap();
        } else {
            store.db.submit(0, op).unwrap().wait().unwrap();
        }
        assert_eq!(own.load(Ordering::Relaxed), n, "told before its own closure ran");
        assert_eq!(seen.load(Ordering::Relaxed), n, "told before the observers were");
    }
}

#[test]
fn observers_are_told_once_per_batch_how_many_were_kept() {
    let store = Store::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    let kept_counts = Arc::clone(&log);
    let busy = BusyWriter::hold(&store.db);
    let registered = store.db.on_commit(move |kept| kept_counts.lock().unwrap().push(kept));
    let tickets = ["first", "second", "third"].map(|body| submit(&store.db, body));
    let failing = store.db.submit(0, |_| -> Result<()> { Err(Error::Closed) }).unwrap();
    busy.release();
    assert!(tickets.into_iter().all(|ticket| ticket.wait().is_ok()) && failing.wait().is_err());
    assert_eq!(
        *log.lock().unwrap(),
        [1, 3],
        "the operation in front, and the batch without the one that failed"
    );
    drop(registered);
    insert(&store.db, "after").unwrap();
    assert_eq!(log.lock().unwrap().len(), 2, "not called any more");
}

#[test]
fn the_turn_is_free_while_it_runs_and_writing_is_refused() {
    let store = Store::new();
    let directory = store.directory.path().to_path_buf();
    let db = store.db.clone();
    let looked = Arc::new(Mutex::new(Vec::new()));
    for n in 0..20 {
        let (directory, db, looked) = (directory.clone(), db.clone(), Arc::clone(&looked));
        let op = move |tx: &unforget_sqlite::WriteTx<'_>| {
            let (directory, db, looked) = (directory.clone(), db.clone(), Arc::clone(&looked));
            tx.after_commit(move || {
                let mut other = Turnstile::open(&directory).unwrap();
                let free = other.try_enter().unwrap().is_some();
                let refused = matches!(db.write(|_| -> Result<()> { Ok(()) }), Err(Error::Reentrant));
                looked.lock().unwrap().push((free, refused));
            })
        };
        if n % 2 == 0 { store.db.write(op).unwrap() } else { store.db.submit(0, op).unwrap().wait().unwrap() }
    }
    assert_eq!(*looked.lock().unwrap(), [(true, true); 20]);
}

#[test]
fn a_panic_after_the_commit_changes_nothing() {
    let store = Store::new();
    let _registered = store.db.on_commit(|_| panic!("on purpose"));
    let told = store.db.submit(0, |tx| -> Result<()> {
        tx.execute("INSERT INTO note(body) VALUES ('kept')", [])?;
        tx.after_commit(|| panic!("on purpose"))
    });
    told.unwrap().wait().unwrap();
    insert(&store.db, "next").unwrap();
    assert_eq!(store.bodies(), ["kept", "next"]);
}

#[test]
fn what_the_end_of_a_batch_leaves_for_afterwards_runs_as_well() {
    use std::sync::atomic::AtomicBool;
    use unforget_sqlite::{Database, Options, Pending, Schema};
    static RAN: AtomicBool = AtomicBool::new(false);
    static SCHEMA: Schema =
        Schema::new(&[]).batch_end(|tx, _| tx.after_commit(|| RAN.store(true, Ordering::Relaxed)));
    let directory = tempfile::tempdir().unwrap();
    let db = Database::open(directory.path().join("notes.db"), Options::default()).unwrap();
    db.migrate(&SCHEMA).unwrap();
    db.write(|tx| tx.pend(Pending::new("note", 1))).unwrap();
    assert!(RAN.load(Ordering::Relaxed));
}

#[test]
fn an_observer_that_ends_in_a_panic_once_it_is_unregistered_takes_nobody_with_it() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "dropped on purpose");
        }
    }
    let store = Store::new();
    let own: Arc<Mutex<Option<unforget_sqlite::OnCommit>>> = Arc::default();
    let (registration, captured) = (Arc::clone(&own), Grenade);
    let registered = store.db.on_commit(move |_| {
        let _dropped_with_the_observer = &captured;
        // The last reference to the observer is then the one by which it is called.
        drop(registration.lock().unwrap().take());
    });
    *own.lock().unwrap() = Some(registered);
    let told = submit(&store.db, "kept").wait();
    assert!(told.is_ok(), "it is committed, so its caller is told so: {told:?}");
    insert(&store.db, "next").unwrap();
    assert_eq!(store.bodies(), ["kept", "next"]);
}
