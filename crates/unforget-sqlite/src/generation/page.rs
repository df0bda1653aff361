//! The file `generation`: one counter for each database of a directory (its format is in `docs/formats.md`).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use unforget_fs::{ReplaceOptions, TurnHolder, create_new, open_file};

use super::commit::{Commit, is_current, is_known, see};
use super::mapped::Words;
use super::turn::{self, Role};
use crate::file::{self, FileId};
use crate::{Error, Result, engine};

const NAME: &str = "generation";

const MAGIC: u64 = u64::from_ne_bytes(*b"unforget");
const VERSION: u64 = 1;

/// A line of the page is one of the processor's cache, so that two databases do not slow each other.
const LINE: usize = 64 / size_of::<u64>();
const LINES: usize = Words::BYTES / 64;

/// Where the page says who has the turn of the directory, and who is next in line for it.
const HOLDER: usize = 2;
const NEXT: usize = 3;

/// A counter nobody has used says that the outcome of some commit is open: nobody knows what was there before it.
const UNKNOWN: u64 = 1;

/// How often the file is looked for again when it comes and goes, or another takes its name while it is in use.
const REPLACED_FILES_ACCEPTED: usize = 16;

/// The counter of one database, wherever its file is now.
///
/// The file stays where it is for as long as anybody uses it, unless a person removes it. Then the next one is mapped
/// beside the old one, which stays, because readers look at it without a lock.
#[derive(Debug)]
pub(crate) struct Counter {
    path: PathBuf,
    database: u64,
    first: OnceLock<Box<Place>>,
    healed: AtomicU64,
    /// What is moved while no file is open; nobody looks at it.
    nowhere: AtomicU64,
    seen_nowhere: AtomicU64,
}

#[derive(Debug)]
struct Place {
    page: Page,
    line: usize,
    next: OnceLock<Box<Self>>,
}

impl Counter {
    /// The counter of a database; nothing is opened yet.
    pub(crate) fn of(database: &Path) -> Self {
        Self {
            path: engine::directory(database).join(NAME),
            database: name(database.file_name().unwrap_or_default()),
            first: OnceLock::new(),
            healed: AtomicU64::new(0),
            nowhere: AtomicU64::new(UNKNOWN),
            seen_nowhere: AtomicU64::new(UNKNOWN),
        }
    }

    /// Opens the file that has the name, and creates it if there is none. Answers whether it is another one than before.
    ///
    /// # Errors
    ///
    /// [`Error::Page`] if it is something else.
    pub(crate) fn open(&self) -> Result<bool> {
        let place = self.place();
        if place.is_some_and(|place| file::id(&self.path) == Some(place.page.id)) {
            return Ok(false);
        }
        if self.places() > REPLACED_FILES_ACCEPTED {
            return Err(self.refused("it is replaced again and again"));
        }
        let page = Page::open_or_create(&self.path)?;
        let line = page.claim(self.database).ok_or_else(|| self.refused("it is full"))?;
        let next = Box::new(Place { page, line, next: OnceLock::new() });
        // Another thread may have done the same; if it found another file, the next look finds that out.
        let _done_by_another = place.map_or(&self.first, |place| &place.next).set(next);
        Ok(true)
    }

    /// Under the turn, opens the file if the database has a counter in it: otherwise nobody uses it, and a name that is
    /// none of a database's, such as a backup's, takes none of the few.
    pub(crate) fn open_existing(&self) -> Result<()> {
        let Some(file) = open_file(&self.path)? else { return Ok(()) };
        let is_known = Page::of(&self.path, &file)?.find(self.database);
        if is_known { self.open().map(drop) } else { Ok(()) }
    }

    /// The value; unknown while no file is open.
    pub(crate) fn value(&self) -> u64 {
        // The partner is the end of a commit: who finds its value finds what it committed.
        self.place().map_or(UNKNOWN, |place| place.counter().load(Ordering::Acquire))
    }

    /// Tells whether a copy of this value may be answered.
    pub(super) fn is_current(&self, copy: u64) -> bool {
        // As in `value`; and what was seen is looked at after the counter, by which it is told of which commit it was.
        self.place().is_some_and(|place| {
            is_current(copy, place.counter().load(Ordering::Acquire), || place.seen().load(Ordering::Acquire))
        })
    }

    /// Says that the caller has taken a snapshot, which may have what is being committed.
    pub(crate) fn see(&self) {
        if let Some(place) = self.place() {
            see(place.counter(), place.seen());
        }
    }

    /// Tells whether every commit that was begun had a known outcome.
    pub(crate) fn is_known(&self) -> bool {
        is_known(self.value())
    }

    /// Under the turn, says that the outcome of a commit is open from now on.
    pub(crate) fn begin(&self) -> Commit<'_> {
        let nowhere = (&self.nowhere, &self.seen_nowhere);
        let (counter, seen) = self.place().map_or(nowhere, |place| (place.counter(), place.seen()));
        Commit::begin(counter, seen, &self.healed)
    }

    /// Under the turn, where the log has just been cut to nothing: what a commit left is in the file or gone.
    pub(crate) fn nothing_is_left(&self) {
        if !self.is_known() {
            self.begin().nothing_is_left();
        }
    }

    /// How often this process made an outcome known that another had left open.
    pub(crate) fn healed(&self) -> u64 {
        self.healed.load(Ordering::Relaxed)
    }

    /// For whoever has the turn, or its queue: writes down who that is. While no file is open, nobody looks at it.
    pub(super) fn set_turn(&self, role: Role, holder: Option<TurnHolder>) {
        if let Some(place) = self.place() {
            // It orders nothing: it is one number, and for people.
            place.page.turn(role).store(turn::to_number(holder), Ordering::Relaxed);
        }
    }

    /// Who has the turn by its own word; if nobody has, who is next in line.
    pub(super) fn turn_holder(&self) -> Option<TurnHolder> {
        let Some(place) = self.place() else {
            let file = open_file(&self.path).ok().flatten()?;
            return Page::of(&self.path, &file).ok()?.turn_holder();
        };
        place.page.turn_holder()
    }

    fn place(&self) -> Option<&Place> {
        let mut place = self.first.get()?;
        while let Some(next) = place.next.get() {
            place = next;
        }
        Some(place)
    }

    fn places(&self) -> usize {
        std::iter::successors(self.first.get(), |place| place.next.get()).count()
    }

    fn refused(&self, fault: &'static str) -> Error {
        Error::Page { path: self.path.clone(), fault }
    }
}

impl Place {
    fn counter(&self) -> &AtomicU64 {
        self.page.words.word(self.line * LINE + 1)
    }

    fn seen(&self) -> &AtomicU64 {
        self.page.words.word(self.line * LINE + 2)
    }
}

#[derive(Debug)]
struct Page {
    words: Words,
    id: FileId,
}

impl Page {
    fn open_or_create(path: &Path) -> Result<Self> {
        for _ in 0..=REPLACED_FILES_ACCEPTED {
            if let Some(file) = open_file(path)? {
                return Self::of(path, &file);
            }
            match create_new(path, &empty(), &ReplaceOptions::default()) {
                Ok(()) | Err(unforget_fs::Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Page { path: path.to_path_buf(), fault: "it comes and goes" })
    }

    fn of(path: &Path, file: &std::fs::File) -> Result<Self> {
        let refused = |fault| Error::Page { path: path.to_path_buf(), fault };
        let metadata = file.metadata().map_err(|source| file::io("look at", path, source))?;
        if metadata.len() != Words::BYTES as u64 {
            return Err(refused("it has another length"));
        }
        let words = Words::map(file).map_err(|source| file::io("map", path, source))?;
        let header = |index| words.word(index).load(Ordering::Relaxed);
        match (header(0), header(1)) {
            (MAGIC, VERSION) => Ok(Self { words, id: file::identify(&metadata) }),
            (MAGIC, _) => Err(refused("it is of another version of this library")),
            _ => Err(refused("it is something else")),
        }
    }

    fn turn(&self, role: Role) -> &AtomicU64 {
        self.words.word(match role {
            Role::Holder => HOLDER,
            Role::Next => NEXT,
        })
    }

    fn turn_holder(&self) -> Option<TurnHolder> {
        let recorded = |role| turn::from_number(self.turn(role).load(Ordering::Relaxed), role);
        recorded(Role::Holder).or_else(|| recorded(Role::Next))
    }

    /// Tells whether a database has a line.
    fn find(&self, database: u64) -> bool {
        (1..LINES).any(|line| self.words.word(line * LINE).load(Ordering::Relaxed) == database)
    }

    /// Finds the line of a database, or takes a free one for it; `None` if there is none.
    fn claim(&self, database: u64) -> Option<usize> {
        (1..LINES).find(|line| {
            let owner = self.words.word(line * LINE);
            let claimed = owner.compare_exchange(0, database, Ordering::Relaxed, Ordering::Relaxed);
            claimed.is_ok() || claimed == Err(database)
        })
    }
}

/// A page without databases.
fn empty() -> Vec<u8> {
    let mut words = [0; LINE * LINES];
    (words[0], words[1]) = (MAGIC, VERSION);
    (1..LINES).for_each(|line| words[line * LINE + 1] = UNKNOWN);
    words.iter().flat_map(|word: &u64| word.to_ne_bytes()).collect()
}

/// What a database is known by in the page: FNV-1a of its file's name, of 64 bits, and never 0, which is a free line.
fn name(name: &OsStr) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    name.as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_of_one_directory_have_lines_of_their_own() {
        let directory = tempfile::tempdir().unwrap();
        let counter = |name: &str| {
            let counter = Counter::of(&directory.path().join(name));
            counter.open().map(|_| counter)
        };
        let (a, b, a_again) = (counter("a.db").unwrap(), counter("b.db").unwrap(), counter("a.db").unwrap());
        assert_eq!(a.value(), UNKNOWN, "nobody knows what was there before the page");
        a.nothing_is_left();
        assert!(is_known(a.value()) && a.value() == a_again.value() && !is_known(b.value()));
        for n in 2..LINES - 1 {
            counter(&n.to_string()).unwrap();
        }
        assert!(matches!(counter("one too many"), Err(Error::Page { fault: "it is full", .. })));
        assert!(counter("b.db").is_ok(), "who has a line keeps it");
    }

    #[test]
    fn what_is_no_database_takes_no_line() {
        let directory = tempfile::tempdir().unwrap();
        let counter = |name: &str| Counter::of(&directory.path().join(name));
        counter("a.db").open().unwrap();
        for n in 0..LINES {
            let backup = counter(&format!("backup {n}"));
            backup.open_existing().unwrap();
            assert!(backup.place().is_none(), "nobody has it open");
        }
        let known = counter("a.db");
        known.open_existing().unwrap();
        assert!(known.place().is_some(), "somebody may have it open");
        assert!(counter("b.db").open().is_ok(), "there is room for databases");
    }

    #[test]
    fn a_page_that_is_replaced_all_the_time_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let counter = Counter::of(&directory.path().join("a.db"));
        for _ in 0..=REPLACED_FILES_ACCEPTED {
            assert!(counter.open().unwrap(), "another file has the name");
            assert!(!counter.open().unwrap(), "it still has it");
            std::fs::remove_file(directory.path().join(NAME)).unwrap();
        }
        assert!(matches!(counter.open(), Err(Error::Page { .. })));
    }
}
