//! Settings in a file that several threads change: in turns, replaced whole.

use std::fs;
use std::path::PathBuf;
use std::thread;

use unforget_fs::{Error, ReplaceOptions, SecureDir, Turnstile, replace};

/// Adds a line, by reading, changing and replacing the file while nobody else does.
fn add(settings: &SecureDir, turnstile: &mut Turnstile, line: &str) -> Result<(), Error> {
    let _turn = turnstile.enter()?;
    let path = settings.file("settings");
    let text = fs::read_to_string(&path).unwrap_or_default() + line + "\n";
    replace(&path, text.as_bytes(), &ReplaceOptions::new())
}

/// What one thread does.
fn add_five(settings: &SecureDir, writer: u32) -> Result<(), Error> {
    let mut turnstile = Turnstile::open(settings.path())?;
    (0..5).try_for_each(|n| add(settings, &mut turnstile, &format!("{writer}.{n} = on")))
}

#[test]
fn no_line_of_any_thread_is_lost() -> Result<(), Error> {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("settings-{}", std::process::id()));
    let settings = SecureDir::create(&place)?;
    let outcomes = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let settings = &settings;
                scope.spawn(move || add_five(settings, writer))
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().is_ok_and(|added| added.is_ok())).collect::<Vec<_>>()
    });
    assert_eq!(outcomes, [true; 4]);
    let text = fs::read_to_string(settings.file("settings")).unwrap_or_default();
    assert_eq!(text.lines().count(), 20, "{text}");
    assert!((0..4).all(|writer| text.contains(&format!("{writer}.4 = on"))));
    fs::remove_dir_all(place).map_err(|source| Error::Io {
        operation: "remove",
        path: settings.path().into(),
        source,
    })
}
