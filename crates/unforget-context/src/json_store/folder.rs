//! The files of a directory, for whoever has its turn.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use unforget_fs::disk::{Kind, Open};
use unforget_fs::{Disk, Durability, Files, ReplaceOptions};

use super::file::{self, FILE_LIMIT, Found};
use super::name;
use crate::{Error, Result, Saved, Stored};

/// The most contexts of a directory.
const KEYS: usize = 100_000;

/// The largest value, in bytes of JSON.
const VALUE_LIMIT: usize = 1 << 20;

/// The file that has the number of the last change.
const SEQUENCE: &str = "sequence";

/// After this long the files are read though nothing says that they changed: somebody may have edited one.
pub(super) const RECHECK: Duration = Duration::from_millis(250);

/// The contexts of a directory as they were read, and how they are written.
///
/// `sequence` is written first and the context's file after it, so while any process lives no file has a number that
/// `sequence` has not reached. Only the context's file is synced: after a power failure `sequence` may be behind or
/// gone, and what is read first puts it right. All who remembered a number are gone then.
#[derive(Debug)]
pub(super) struct Folder<D: Disk> {
    path: PathBuf,
    files: Files<D>,
    known: BTreeMap<String, Known>,
    latest: u64,
    read_at: Option<Instant>,
}

#[derive(Debug, Clone)]
struct Known {
    stored: Stored,
    /// Why its file is none of a context, if it is not.
    broken: Option<String>,
}

impl<D: Disk> Folder<D> {
    pub(super) fn at(path: PathBuf, disk: &D) -> Self {
        Self { path, files: Files::on(disk), known: BTreeMap::new(), latest: 0, read_at: None }
    }

    pub(super) fn latest(&self) -> u64 {
        self.latest
    }

    pub(super) fn changed_after(&self, seq: u64) -> Vec<Stored> {
        let rows = self.known.values().map(|known| &known.stored);
        rows.filter(|stored| stored.seq > seq).cloned().collect()
    }

    /// # Errors
    ///
    /// [`Error::Undecodable`] if the file is none of a context; it is not overwritten.
    pub(super) fn find(&self, key: &str) -> Result<Option<&Stored>> {
        match self.known.get(key) {
            Some(Known { broken: Some(why), .. }) => {
                let path = self.path.join(name::of(key));
                let reason = format!("{why}; mend or remove {}", path.display());
                Err(Error::Undecodable { key: key.to_owned(), reason })
            }
            found => Ok(found.map(|known| &known.stored)),
        }
    }

    /// Reads the files again unless what was read is what they hold.
    pub(super) fn refresh(&mut self) -> Result<()> {
        let is_recent = self.read_at.is_some_and(|read| read.elapsed() < RECHECK);
        if is_recent && self.sequence()? == self.latest {
            return Ok(());
        }
        self.read_all()
    }

    /// Stores the next revision of a context.
    pub(super) fn put(&mut self, key: &str, value: Option<String>) -> Result<Stored> {
        let revision = self.known.get(key).map_or(0, |known| known.stored.revision) + 1;
        self.write(&[Saved { key: key.to_owned(), revision, value }])?;
        self.known.get(key).map(|known| known.stored.clone()).ok_or(Error::NotFound { key: key.to_owned() })
    }

    /// Stores contexts with the revisions they have, but for those that are stored already.
    pub(super) fn save(&mut self, contexts: &[Saved]) -> Result<()> {
        let mut newer = Vec::with_capacity(contexts.len());
        for saved in contexts {
            let seen = self.find(&saved.key)?;
            let found = seen.map_or(0, |stored| stored.revision);
            if found < saved.revision {
                newer.push(saved.clone());
                continue;
            }
            // Not what an earlier attempt saved, but an edit that was adopted in between.
            let value = saved.value.as_deref().map(super::layout::compact);
            let is_same = found == saved.revision && seen.is_some_and(|stored| stored.value == value);
            is_same.then_some(()).ok_or_else(|| Error::Conflict {
                key: saved.key.clone(),
                expected: saved.revision,
                found,
            })?;
        }
        self.write(&newer)
    }

    fn write(&mut self, contexts: &[Saved]) -> Result<()> {
        let mut rows = Vec::with_capacity(contexts.len());
        let mut files = Vec::with_capacity(contexts.len());
        for (saved, seq) in contexts.iter().zip(self.latest + 1..) {
            let Saved { key, revision, value } = saved.clone();
            let stored = Stored { key, revision, seq, value: value.map(checked(&saved.key)).transpose()? };
            let bytes = file::encode(&stored).map_err(|error| unencodable(&stored.key, error.to_string()))?;
            files.push((self.path.join(name::of(&stored.key)), bytes));
            rows.push(stored);
        }
        // Whatever fails from here on, the files are asked what they hold.
        let read_at = self.read_at.take();
        self.count_to(self.latest + rows.len() as u64)?;
        self.files.replace_many(&files, &ReplaceOptions::new()).map_err(Error::store)?;
        self.read_at = read_at;
        for stored in rows {
            self.known.insert(stored.key.clone(), Known { stored, broken: None });
        }
        Ok(())
    }

    fn count_to(&mut self, seq: u64) -> Result<()> {
        let quick = ReplaceOptions::new().durability(Durability::None);
        let (path, text) = (self.path.join(SEQUENCE), seq.to_string());
        self.files.replace(&path, text.as_bytes(), &quick).map_err(Error::store)?;
        self.latest = seq;
        Ok(())
    }

    /// What `sequence` says; 0 if a power failure left nothing that can be read.
    fn sequence(&self) -> Result<u64> {
        let text = self.read(SEQUENCE)?.unwrap_or_default();
        Ok(std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    fn read_all(&mut self) -> Result<()> {
        self.read_at = None;
        let mut found = self.read_contexts()?;
        let counted = self.sequence()?;
        let whole = found.values().filter_map(|found| match found {
            Found::Whole(stored) => Some(stored.seq),
            Found::Edited(_) | Found::Broken(..) => None,
        });
        let latest = whole.max().unwrap_or(0).max(counted).max(self.latest);
        if latest != counted {
            self.count_to(latest)?;
        }
        self.latest = latest;
        for key in self.known.keys() {
            let gone = || Found::Edited(Stored { key: key.clone(), revision: 0, seq: 0, value: None });
            found.entry(key.clone()).or_insert_with(gone);
        }
        for (key, found) in found {
            self.adopt(key, found)?;
        }
        self.read_at = Some(Instant::now());
        Ok(())
    }

    /// Takes what was found for what the context is. An edit is a change like any other and gets the next revision; a
    /// file that is none of a context is told as a value that nobody understands, and stays for its editor to mend.
    fn adopt(&mut self, key: String, found: Found) -> Result<()> {
        let known = self.known.get(&key);
        let revision = known.map_or(0, |known| known.stored.revision);
        let seq = known.map_or(0, |known| known.stored.seq);
        match found {
            // As it was before a change that was told: somebody put it back, and nobody would be told by its old number.
            Found::Whole(stored) if stored.seq < seq => self.adopt(key, Found::Edited(stored))?,
            Found::Whole(stored) => {
                self.known.insert(key, Known { stored, broken: None });
            }
            Found::Edited(edited) => {
                let was_removed =
                    known.is_some_and(|known| known.broken.is_none() && known.stored.value.is_none());
                if !(was_removed && edited.value.is_none() && edited.revision == 0) {
                    let revision = revision.max(edited.revision) + 1;
                    self.write(&[Saved { key, revision, value: edited.value }])?;
                }
            }
            Found::Broken(text, why) => {
                let value = Some(format!("not a context: {text}"));
                if known.is_none_or(|known| known.stored.value != value) {
                    self.count_to(self.latest + 1)?;
                    let stored = Stored { key: key.clone(), revision, seq: self.latest, value };
                    self.known.insert(key, Known { stored, broken: Some(why) });
                }
            }
        }
        Ok(())
    }

    fn read_contexts(&self) -> Result<BTreeMap<String, Found>> {
        let disk = self.files.disk();
        let dir = disk.open_dir(None, &self.path).map_err(Error::store)?;
        let names = disk.list(&dir, KEYS).map_err(Error::store)?;
        let mut contexts = BTreeMap::new();
        for file in names.iter().filter_map(|file| file.to_str()).filter(|file| name::is_context(file)) {
            let key = name::key(file);
            let found = match disk.entry(&dir, OsStr::new(file)).map_err(Error::store)? {
                Some(entry) if entry.kind() != Kind::File => {
                    Found::Broken(String::new(), "it is no regular file".to_owned())
                }
                _ => match self.read(file)? {
                    Some(bytes) => file::decode(&bytes, key.as_deref()),
                    None => continue,
                },
            };
            let key = match (key, &found) {
                (Some(key), _) => key,
                (None, Found::Whole(stored) | Found::Edited(stored)) if name::of(&stored.key) == file => {
                    stored.key.clone()
                }
                (None, _) => file.to_owned(),
            };
            contexts.insert(key, found);
        }
        Ok(contexts)
    }

    /// The content of a file; `None` if there is none. Too long a file is read so far, and is then none of a context.
    fn read(&self, file: &str) -> Result<Option<Vec<u8>>> {
        let disk = self.files.disk();
        let dir = disk.open_dir(None, &self.path).map_err(Error::store)?;
        let file = match disk.open(&dir, OsStr::new(file), Open::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::store(error)),
        };
        let mut bytes = vec![0; 4096];
        let mut filled = 0;
        loop {
            match disk.read_at(&file, &mut bytes[filled..], filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::store(error)),
            }
            if filled == bytes.len() {
                if filled >= FILE_LIMIT {
                    break;
                }
                bytes.resize((filled * 4).min(FILE_LIMIT), 0);
            }
        }
        bytes.truncate(filled);
        Ok(Some(bytes))
    }
}

/// Compact JSON of an allowed length, or why not.
fn checked(key: &str) -> impl Fn(String) -> Result<String> {
    move |value| {
        if value.len() > VALUE_LIMIT {
            let bytes = value.len();
            return Err(unencodable(
                key,
                format!("it has {bytes} bytes of JSON; at most {VALUE_LIMIT} are allowed"),
            ));
        }
        match serde_json::from_str::<serde::de::IgnoredAny>(&value) {
            Ok(_) => Ok(super::layout::compact(&value)),
            Err(error) => Err(unencodable(key, error.to_string())),
        }
    }
}

fn unencodable(key: &str, reason: String) -> Error {
    Error::Unencodable { key: key.to_owned(), reason }
}
