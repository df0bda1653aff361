//! Beginning and ending a mirror.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use sha2::{Digest, Sha256};
use unforget_fs::{Error as FileError, LockFile, LockOptions, RealDisk, SecureDir, boot_id, create_dir_all};
use unforget_sync::primitive::Mutex;

use super::{Inner, JsonLines, MirrorOptions, Stopped};
use crate::graph::Graph;
use crate::mirror::cursor::Boot;
use crate::mirror::feed::GraphFeed;
use crate::mirror::lines::{Lines, Places};
use crate::mirror::seat::Seat;
use crate::mirror::short_digest;
use crate::{Error, Result};

impl Graph {
    /// Keeps the graph in a file of JSON lines too, as the official memory server has it.
    ///
    /// From now on every change that is made through these memories returns when the file shows it. What the file holds
    /// already is imported first: it is copied to `imported/` in the store's directory, lines that cannot be read are
    /// copied there with their numbers and reasons, and both are [told](MirrorOptions::log). A file that is attached
    /// again is compared with how it was left.
    ///
    /// The mirror's own files are in `mirror/` in the store's directory, and any number of processes may attach it.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file is a directory or anything but a regular file, a link that is not to be
    /// [followed](MirrorOptions::follow_symlinks), of another user, or not to be read or written; nothing is mirrored then.
    /// That another process holds the mirror's lock, or changes the file all the time, is no error:
    /// [`JsonLines::status`] says it.
    ///
    /// # Blocking
    ///
    /// Reads the file and the graph once, and waits for others as any change does.
    ///
    /// # Examples
    ///
    /// ```
    /// use unforget_memory::{Entity, Memories, MirrorOptions};
    /// use unforget_sqlite::{Database, Options};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let (path, file) = (directory.path().join("unforget.db"), directory.path().join("memory.jsonl"));
    /// let graph = Memories::open(Database::open(&path, Options::default())?)?.graph();
    /// let mirror = graph.mirror(&file, MirrorOptions::new())?;
    /// graph.create_entities(vec![Entity::new("Ada", "person")])?;
    /// let line = r#"{"type":"entity","name":"Ada","entityType":"person","observations":[]}"#;
    /// assert_eq!(std::fs::read_to_string(&file)?, format!("{line}\n"));
    /// assert_eq!(mirror.status()?.behind, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mirror(&self, file: &Path, options: MirrorOptions) -> Result<JsonLines> {
        let (store, file) = places(self.db().path(), file, &options)?;
        let name = name_of(&store, &file);
        if let Some(attached) = self.mirrors().find(&name) {
            return Ok(attached);
        }
        let mirror = JsonLines { inner: Arc::new(Inner::open(self, name, &store, file, options)?) };
        let drained = mirror.inner.drain_by(Instant::now() + mirror.inner.options.wait, None);
        // Who is busy with the file now leaves it some time.
        let contended = matches!(drained, Err(Stopped::Failed(Error::MirrorContended { .. })));
        let failed = matches!(drained, Err(Stopped::Failed(_))) && !contended;
        let concluded = mirror.inner.conclude(drained);
        if failed {
            concluded?;
        }
        Ok(self.mirrors().attach(mirror))
    }

    /// Ends a mirror in this process: the file shows every change, durably, and later ones no more.
    ///
    /// The changes of later calls and of other processes are kept for it, until somebody attaches it again.
    ///
    /// # Errors
    ///
    /// As [`JsonLines::catch_up`]. The mirror is detached in every case.
    pub fn detach(&self, mirror: &JsonLines) -> Result<()> {
        self.mirrors().detach(mirror.name());
        mirror.catch_up()?;
        mirror.inner.sync()
    }
}

impl Inner {
    fn open(
        graph: &Graph,
        name: String,
        store: &Path,
        file: PathBuf,
        options: MirrorOptions,
    ) -> Result<Self> {
        let place = SecureDir::create(&store.join("mirror"))?;
        let digest = short_digest(name.as_bytes());
        let own = |kind: &str| place.file(&format!("{digest}.{kind}"));
        let (cursor, slots, lock) = (own("cursor"), own("slots"), own("lock"));
        let places = Places { file, cursor, slots, imported: store.join("imported") };
        Ok(Self {
            lines: Lines::new(&RealDisk, places, this_boot()),
            feed: GraphFeed::register(graph.db(), &name)?,
            name,
            lock,
            seat: Seat::default(),
            trouble: Mutex::new(None),
            options,
        })
    }

    /// Makes what the file shows durable, unless another process holds the lock: then that one will.
    fn sync(&self) -> Result<()> {
        match LockFile::try_acquire(&self.lock, &LockOptions::new()) {
            Ok(_lock) => self.lines.sync_now(&self.feed),
            Err(FileError::Locked { .. } | FileError::HeldHere { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Nobody is left to be told. The graph has everything.
        let _ = self.sync();
    }
}

/// The directory of a store, and the file with the links on its path followed as far as that is allowed.
fn places(database: &Path, file: &Path, options: &MirrorOptions) -> Result<(PathBuf, PathBuf)> {
    let invalid = |problem: String| Error::Invalid { field: "file", problem };
    let file = std::path::absolute(file).map_err(|error| invalid(format!("is no path: {error}")))?;
    let (Some(parent), Some(name)) = (file.parent(), file.file_name()) else {
        return Err(invalid("names no file".to_owned()));
    };
    create_dir_all(parent)?;
    // The mirror's name and lock are made of the path: whatever links lead there, they have to be the same ones.
    let parent = std::fs::canonicalize(parent).map_err(|source| FileError::Io {
        operation: "find the directory",
        path: parent.to_owned(),
        source,
    })?;
    let file = match std::fs::canonicalize(&file) {
        Ok(leads_to) if options.follow_symlinks => leads_to,
        _ => parent.join(name),
    };
    let store = database.parent().unwrap_or(Path::new("/")).to_owned();
    Ok((store, file))
}

/// A file beside the store is known by its name, so that both can be moved together; another one by its path.
fn name_of(store: &Path, file: &Path) -> String {
    let named = if file.parent() == store.parent() || file.parent() == Some(store) {
        file.file_name().map_or(file, Path::new)
    } else {
        file
    };
    format!("json-lines {}", named.display())
}

/// A digest of the boot's id, where the system tells it.
fn this_boot() -> Option<Boot> {
    let digest = Sha256::digest(boot_id()?);
    Some(std::array::from_fn(|at| digest.get(at).copied().unwrap_or(0)))
}
