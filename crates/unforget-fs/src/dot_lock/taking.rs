//! Creating the file of a lock, and taking it over from the dead.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{DotLock, place_of, second_name};
use crate::dir::{self, Dir};
use crate::disk::{Disk, RealDisk, uninterrupted};
use crate::lock_file::{Owner, Record, Refusal, read_record};
use crate::temp::Temp;
use crate::{Error, own_file};

/// How often a name is looked at again because it changed meanwhile.
const LOOKS: u32 = 16;

/// How many takers-over may have died one inside the other: each died within the moment in which it replaced
/// the one before. Beyond that a person decides.
const DEPTH: u32 = 3;

/// Asks for the lock once.
pub(super) fn attempt(path: &Path) -> Result<DotLock, Refusal> {
    let (dir, name) = place_of(path)?;
    take(&dir, &name, DEPTH)
}

/// Creates the file, or takes it over from a dead holder.
fn take(dir: &Arc<Dir>, name: &OsStr, depth: u32) -> Result<DotLock, Refusal> {
    for _ in 0..LOOKS {
        let taken = match look(dir, name)? {
            Found::Nothing => create(dir, name)?,
            Found::Owner(owner) if owner.is_this_process() => {
                return Err(Error::HeldHere { path: dir.join(name) }.into());
            }
            Found::Owner(dead) if depth > 0 && dead.is_provably_dead() => take_over(dir, name, *dead, depth)?,
            Found::Owner(_) | Found::NoRecord => return Err(Refusal::Busy),
        };
        if let Some(lock) = taken {
            return Ok(lock);
        }
    }
    Err(Refusal::Busy)
}

/// Removes the lock with this nonce.
pub(super) fn force_break(path: &Path, nonce: &str) -> Result<bool, Error> {
    let (dir, name) = place_of(path)?;
    if !has_nonce(&dir, &name, nonce)? {
        return Ok(false);
    }
    let second = take_second(&dir, &name, DEPTH)
        .map_err(|refusal| refusal.into_error(&dir.join(&second_name(&name)), std::time::Duration::ZERO))?;
    let is_there = has_nonce(&dir, &name, nonce)?;
    if is_there {
        uninterrupted(|| dir.unlink(&name)).map_err(|e| Error::io("remove", path, e))?;
    }
    second.release()?;
    Ok(is_there)
}

/// What a lock's name stands for.
enum Found {
    Nothing,
    Owner(Box<Owner>),
    /// A file that says nothing we can read: git's, a torn one, a later version's, another user's.
    NoRecord,
}

fn look(dir: &Dir, name: &OsStr) -> Result<Found, Error> {
    let Some((file, entry)) = own_file::open_to_read(&RealDisk, dir, name)? else {
        return Ok(Found::Nothing);
    };
    let read = || -> io::Result<Found> {
        // What another user wrote could name a dead process as the holder of a lock that is alive.
        if !dir::is_owned_by_us(&entry) {
            return Ok(Found::NoRecord);
        }
        Ok(match read_record(&file)? {
            Record::Held(owner) => Found::Owner(Box::new(owner)),
            _ => Found::NoRecord,
        })
    };
    read().map_err(|e| Error::io("read", &dir.join(name), e))
}

fn has_nonce(dir: &Dir, name: &OsStr, nonce: &str) -> Result<bool, Error> {
    Ok(matches!(look(dir, name)?, Found::Owner(owner) if owner.nonce == nonce))
}

/// Creates the file with its record if nothing has the name; `None` if somebody was faster.
fn create(dir: &Arc<Dir>, name: &OsStr) -> Result<Option<DotLock>, Error> {
    let draft = Draft::write(dir, name, None)?;
    Ok(draft.link_to(name)?.then(|| draft.into_lock(name, None)))
}

/// Puts our record in the place of a dead holder's, in one step; `None` if the holder is another by now.
fn take_over(dir: &Arc<Dir>, name: &OsStr, dead: Owner, depth: u32) -> Result<Option<DotLock>, Refusal> {
    let mut draft = Draft::write(dir, name, Some(dead.fence))?;
    let second = take_second(dir, name, depth)?;
    // Somebody may have taken over, or even released, before we had the second lock. From here on nobody can:
    // the holder is dead, and everybody else needs the second lock.
    if !has_nonce(dir, name, &dead.nonce)? {
        second.release()?;
        return Ok(None);
    }
    draft.temp.rename_to(name).map_err(|e| Error::io("take over", &dir.join(name), e))?;
    let lock = draft.into_lock(name, Some(dead));
    second.release()?;
    Ok(Some(lock))
}

/// Another thread of this process that takes over is one to wait for, like one of another process.
fn take_second(dir: &Arc<Dir>, name: &OsStr, depth: u32) -> Result<DotLock, Refusal> {
    match take(dir, &second_name(name), depth - 1) {
        Err(Refusal::Failed(Error::HeldHere { .. })) => Err(Refusal::Busy),
        outcome => outcome,
    }
}

/// A whole record that has no name yet by which it would lock anything.
struct Draft {
    dir: Arc<Dir>,
    temp: Temp<RealDisk>,
    /// The same file, for the guard; what can fail comes before the name.
    file: File,
    owner: Owner,
}

impl Draft {
    /// Synced, so that a power loss does not leave a lock without a record: nobody could prove its holder
    /// dead.
    fn write(dir: &Arc<Dir>, name: &OsStr, previous_fence: Option<u64>) -> Result<Self, Error> {
        let owner = Owner::this_process(previous_fence);
        let line = Record::Held(owner.clone()).to_line().unwrap_or_default();
        let write = || -> io::Result<(Temp<RealDisk>, File)> {
            let temp = Temp::create(&RealDisk, dir)?;
            temp.write_all(line.as_bytes())?;
            temp.sync()?;
            let file = temp.file().try_clone()?;
            Ok((temp, file))
        };
        let (temp, file) = write().map_err(|e| Error::io("write the owner of", &dir.join(name), e))?;
        Ok(Self { dir: Arc::clone(dir), temp, file, owner })
    }

    /// Gives it the name if nothing has it.
    ///
    /// A server that answers twice may say "exists" of what it has just made (`open(2)` on `O_EXCL` and NFS):
    /// whose file the name stands for is the proof. A second name of our file, which `open(2)` advises to look
    /// for, is none: somebody who copies directories by hard links may have made that one.
    fn link_to(&self, name: &OsStr) -> Result<bool, Error> {
        let failed = match uninterrupted(|| RealDisk.link(&self.dir, self.temp.name(), name)) {
            Ok(()) => return Ok(true),
            Err(e) => e,
        };
        if matches!(own_file::is_named(&RealDisk, &self.dir, name, &self.file), Ok(true)) {
            return Ok(true);
        }
        if failed.kind() == io::ErrorKind::AlreadyExists {
            return Ok(false);
        }
        Err(Error::io("create", &self.dir.join(name), failed))
    }

    /// The guard of the file, which has its name now.
    fn into_lock(self, name: &OsStr, previous: Option<Owner>) -> DotLock {
        let Self { dir, temp: _, file, owner } = self;
        let path = dir.join(name);
        DotLock { dir, name: name.to_owned(), path, file, owner, previous, is_held: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with a lock that is held, and an owner that was found there before and is dead.
    fn overtaken() -> (tempfile::TempDir, DotLock, Owner) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x.lock");
        let dead = DotLock::try_acquire(&path).unwrap().owner().clone();
        let held = DotLock::try_acquire(&path).expect("it was dropped");
        (root, held, dead)
    }

    #[test]
    fn who_comes_too_late_to_a_dead_owner_leaves_the_living_one() {
        let (root, held, dead) = overtaken();
        let outcome = take_over(&held.dir, &held.name, dead, DEPTH);
        assert!(matches!(outcome, Ok(None)), "somebody has taken over since");
        held.verify().expect("it holds it still");
        held.release().unwrap();
        assert_eq!(root.path().read_dir().unwrap().count(), 0, "nothing is left of the second lock");
    }

    #[test]
    fn who_comes_too_late_to_a_free_name_leaves_the_one_who_has_it() {
        let (_root, held, _) = overtaken();
        assert!(matches!(create(&held.dir, &held.name), Ok(None)), "somebody was faster");
        held.verify().expect("it holds it still");
    }

    #[test]
    fn only_the_name_itself_proves_that_it_was_given() {
        let (root, held, _) = overtaken();
        let draft = Draft::write(&held.dir, &held.name, None).map_err(|e| e.to_string()).unwrap();
        let draft_path = root.path().join(draft.temp.name());
        std::fs::hard_link(&draft_path, root.path().join("backup")).unwrap();
        let outcome = draft.link_to(&held.name);
        assert!(matches!(outcome, Ok(false)), "somebody else has the name: {outcome:?}");
        held.verify().expect("it holds it still");
        held.release().unwrap();
        // What a server does that is asked again because its answer was lost.
        std::fs::hard_link(&draft_path, root.path().join("x.lock")).unwrap();
        let outcome = draft.link_to(OsStr::new("x.lock"));
        assert!(matches!(outcome, Ok(true)), "it is our file: {outcome:?}");
    }

    #[test]
    fn a_second_lock_that_is_held_is_waited_for() {
        let (_root, held, dead) = overtaken();
        let second = take_second(&held.dir, &held.name, DEPTH).map_err(|_| ()).expect("it is free");
        assert!(matches!(take_over(&held.dir, &held.name, dead, DEPTH), Err(Refusal::Busy)));
        second.release().unwrap();
    }
}
