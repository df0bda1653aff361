//! Opening, sharing and closing a store.

use unforget::{Create, Durability, Error, NewTurn, Options, Query, Unforget};

#[test]
fn handles_of_one_directory_share_a_store() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("store");
    let threads: Vec<_> = (0..32)
        .map(|n| {
            let directory = directory.clone();
            std::thread::spawn(move || {
                let store = Unforget::open(directory)?;
                store.memories().remember(NewTurn::new("ada", "monday", format!("turn {n}")))?;
                Ok::<_, Error>(store)
            })
        })
        .collect();
    let stores: Vec<Unforget> = threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect();
    // One migration and what the 32 remembered, all by one engine.
    assert!(stores.iter().all(|store| store.stats().unwrap().engine.operations == 32));
    assert_eq!(stores[0].stats().unwrap().memory.turns, 32);
}

#[test]
fn whoever_asks_for_other_options_is_told() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("store");
    let _normal = Options::default().durability(Durability::Normal).open(&directory).unwrap();
    assert!(
        matches!(Unforget::open(&directory), Err(Error::OptionsDiffer { .. })),
        "it would get less than it asks for"
    );
    let patient =
        Options::default().durability(Durability::Normal).deadline(std::time::Duration::from_mins(1));
    assert!(patient.open(&directory).is_ok(), "a deadline may differ");
}

#[test]
fn after_shutdown_other_handles_are_closed_and_the_store_opens_anew() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("store");
    let store = Unforget::open(&directory).unwrap();
    let other = store.clone();
    store.memories().remember(NewTurn::new("ada", "monday", "the glider")).unwrap();
    store.shutdown().unwrap();
    assert!(other.memories().remember(NewTurn::new("ada", "monday", "late")).is_err());
    let anew = Unforget::open(&directory).unwrap();
    assert_eq!(anew.memories().recall(&Query::new("glider")).unwrap().len(), 1);
    assert!(anew.check().unwrap().is_ok());
}

#[test]
fn nothing_is_created_where_nothing_should_be() {
    let root = tempfile::tempdir().unwrap();
    let missing = root.path().join("missing");
    for create in [Create::Never, Create::InEmptyDirectory] {
        let outcome = Options::default().create(create).open(&missing);
        assert!(matches!(outcome, Err(Error::NotFound { .. })), "{outcome:?}");
        assert!(!missing.exists());
    }
    std::fs::create_dir(&missing).unwrap();
    assert!(matches!(Options::default().create(Create::Never).open(&missing), Err(Error::NotFound { .. })));
    assert!(Options::default().create(Create::InEmptyDirectory).open(&missing).is_ok());
    assert!(Options::default().create(Create::Never).open(&missing).is_ok());
}

#[cfg(unix)]
#[test]
fn a_directory_with_other_things_in_it_is_no_store() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("letters");
    std::fs::create_dir(&directory).unwrap();
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(directory.join("letter"), "Dear reader").unwrap();
    assert!(matches!(Unforget::open(&directory), Err(Error::NotAStore { .. })));
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "nothing was added to it");
}
