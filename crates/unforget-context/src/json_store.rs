//! A directory with a file for each context.

#[cfg(test)]
mod crashes;
mod file;
mod folder;
mod layout;
mod name;

use std::path::Path;

use unforget_fs::{RealDisk, SecureDir, Turnstile};
use unforget_sync::primitive::Mutex;

use self::folder::Folder;
use crate::{Change, Changes, ContextStore, Error, Next, OwnerLock, Ownership, Result, Saved, Stored};

/// Keeps each context in a JSON file of its own, for people to read and to edit.
///
/// Any number of threads and processes write one directory; each change takes its turn, replaces the file of its
/// context in one step, and is on disk when it is acknowledged. A file is named after its key: `ada.json`, and
/// `%41da.json` for `Ada`, so that keys are told apart where upper and lower case are not.
///
/// **Edits by hand** are found within 250 ms, or with the next change that another process makes. A file whose value
/// was edited is adopted as the next revision of its context; so is a new file that has only `{"value": …}`, and the
/// removal of one. A file that is no context is an [`Error::Undecodable`] for its key, hides no other, and is not
/// overwritten. An edit that comes in the same moment as a change of the same context is lost.
///
/// **Cost:** a change waits for two syncs of the disk. After a change by another process, and every 250 ms in use, all
/// files are read, so this is for some thousand contexts at most; with
/// [`Persistence::Deferred`](crate::Persistence::Deferred) they are read once.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use unforget_context::{Contexts, JsonStore, UserContext};
///
/// # let root = tempfile::tempdir().unwrap();
/// # let directory = root.path().join("contexts");
/// let contexts: Contexts<UserContext> = Contexts::new(Arc::new(JsonStore::open(&directory)?));
/// contexts.get_or_create("ada", || UserContext::new("ada").with_topic("gliding"))?;
/// let file = std::fs::read_to_string(directory.join("ada.json")).expect("a file for each context");
/// assert!(file.contains("\"gliding\""));
/// # Ok::<(), unforget_context::Error>(())
/// ```
#[derive(Debug)]
pub struct JsonStore {
    /// Held while files are read or changed, never while a caller's code runs.
    inner: Mutex<Inner>,
    owner: OwnerLock,
}

#[derive(Debug)]
struct Inner {
    turnstile: Turnstile,
    folder: Folder<RealDisk>,
}

impl JsonStore {
    /// Opens the store in `directory`, creating both if there are none. The directory is for its owner only.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the directory is a symbolic link, belongs to somebody else, lets others in, or cannot be
    /// read.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = SecureDir::create(directory.as_ref()).map_err(Error::store)?;
        let turnstile = Turnstile::open(directory.path()).map_err(Error::store)?;
        let folder = Folder::at(directory.path().to_path_buf(), &RealDisk);
        let owner = OwnerLock::in_directory(directory.path());
        Ok(Self { inner: Mutex::new(Inner { turnstile, folder }), owner })
    }

    /// Runs `f` in the turn, on what the files hold.
    fn in_turn<T>(&self, f: impl FnOnce(&mut Folder<RealDisk>) -> Result<T>) -> Result<T> {
        let mut inner = self.inner.lock();
        let Inner { turnstile, folder } = &mut *inner;
        let _turn = turnstile.enter().map_err(Error::store)?;
        folder.refresh()?;
        f(folder)
    }
}

impl ContextStore for JsonStore {
    fn changes_since(&self, seq: u64) -> Result<Changes> {
        self.in_turn(|folder| Ok(Changes { latest: folder.latest(), rows: folder.changed_after(seq) }))
    }

    fn read(&self, key: &str) -> Result<Option<Stored>> {
        self.in_turn(|folder| Ok(folder.find(key)?.cloned()))
    }

    /// Decides outside the turn and writes if the context is still the one it decided on, else decides again.
    fn update(&self, key: &str, mut change: Change) -> Result<Option<Stored>> {
        self.owner.commit()?;
        loop {
            let seen = self.read(key)?;
            let value = match change(seen.as_ref())? {
                Next::Keep => return Ok(seen),
                Next::Put(json) => Some(json),
                Next::Remove => None,
            };
            let put = self.in_turn(|folder| {
                let is_same =
                    folder.find(key)?.map(|now| now.revision) == seen.as_ref().map(|seen| seen.revision);
                if is_same { folder.put(key, value).map(Some) } else { Ok(None) }
            })?;
            if put.is_some() {
                return Ok(put);
            }
        }
    }

    fn share(&self) -> Result<Ownership> {
        self.owner.share()
    }

    fn own(&self) -> Result<Ownership> {
        self.owner.own()
    }

    fn save(&self, contexts: &[Saved]) -> Result<()> {
        self.in_turn(|folder| folder.save(contexts))
    }
}
