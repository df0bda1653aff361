//! The operations of this crate on a disk of one's choice.

use std::path::Path;

use crate::create_dir::make_dirs;
use crate::create_new::create_new_on;
use crate::disk::{Disk, Entry};
use crate::in_place;
use crate::private_file::ensure_on;
use crate::replace::{exchange_on, replace_many_on, replace_on};
use crate::sweep::sweep_on;
use crate::weak_names::syncs_names_on;
use crate::{
    AtomicFile, Displaced, Error, FileInPlace, Journal, JournalOptions, JournalReader, ReplaceOptions, Swept,
};

/// The operations on files, on any [`Disk`].
///
/// The functions of the same names do the same on [`RealDisk`](crate::disk::RealDisk). This is for tests: a
/// program that keeps its files through `Files<D>` can be run on a
/// [`SimDisk`](https://docs.rs/unforget-fs/latest/unforget_fs/sim/struct.SimDisk.html) and be crashed
/// everywhere.
///
/// # Examples
///
/// ```
/// use unforget_fs::sim::{Profile, SimDisk};
/// use unforget_fs::{Files, ReplaceOptions};
///
/// let disk = SimDisk::new();
/// disk.put("/settings", b"old");
/// Files::on(&disk).replace("/settings".as_ref(), b"new", &ReplaceOptions::default())?;
/// disk.mark("saved");
/// for state in &disk.crash_states(Profile::PosixWeak) {
///     let found = state.disk().read("/settings").expect("there is always a file");
///     assert!(found == b"new" || found == b"old" && !state.has_mark("saved"), "{state}");
/// }
/// # Ok::<(), unforget_fs::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Files<D: Disk> {
    disk: D,
}

impl<D: Disk> Files<D> {
    /// The files of a disk.
    pub fn on(disk: &D) -> Self {
        Self { disk: disk.clone() }
    }

    /// The disk.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// As [`replace`](crate::replace).
    pub fn replace(&self, path: &Path, contents: &[u8], options: &ReplaceOptions) -> Result<(), Error> {
        self.replace_if(path, contents, options, || Ok::<(), Error>(()))
    }

    /// As [`replace_if`](crate::replace_if).
    pub fn replace_if<E: From<Error>>(
        &self,
        path: &Path,
        contents: &[u8],
        options: &ReplaceOptions,
        still_ours: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        replace_on(&self.disk, path, contents, *options, still_ours)
    }

    /// As [`replace_if`](crate::replace_if), by an exchange of names where system and file system can do that. Then
    /// `look` is shown the file that had the name at that very moment: also one that somebody else gave it after
    /// `still_ours` had looked.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`] if nothing had the name when it was to be exchanged, and something has it right after.
    /// After an error of `look` the new file is in place, and the old one beside it with a temporary name.
    pub fn exchange<E: From<Error>>(
        &self,
        path: &Path,
        contents: &[u8],
        options: &ReplaceOptions,
        still_ours: impl FnOnce() -> Result<(), E>,
        look: impl FnOnce(&Displaced<'_, D>) -> Result<(), E>,
    ) -> Result<(), E> {
        exchange_on(&self.disk, path, contents, *options, still_ours, look)
    }

    /// As [`replace_many`](crate::replace_many).
    pub fn replace_many<P: AsRef<Path>, C: AsRef<[u8]>>(
        &self,
        files: &[(P, C)],
        options: &ReplaceOptions,
    ) -> Result<(), Error> {
        replace_many_on(&self.disk, files, *options)
    }

    /// As [`create_new`](crate::create_new).
    pub fn create_new(&self, path: &Path, contents: &[u8], options: &ReplaceOptions) -> Result<(), Error> {
        create_new_on(&self.disk, path, contents, *options)
    }

    /// As [`AtomicFile::create`].
    pub fn atomic_file(&self, path: &Path, options: &ReplaceOptions) -> Result<AtomicFile<D>, Error> {
        AtomicFile::create_on(&self.disk, path, *options)
    }

    /// As [`AtomicFile::adopt`].
    pub fn adopt(
        &self,
        written: &Path,
        path: &Path,
        options: &ReplaceOptions,
    ) -> Result<AtomicFile<D>, Error> {
        AtomicFile::adopt_on(&self.disk, written, path, *options)
    }

    /// As [`FileInPlace::open`].
    pub fn open_in_place(&self, path: &Path) -> Result<Option<FileInPlace<D>>, Error> {
        FileInPlace::open_on(&self.disk, path)
    }

    /// As [`FileInPlace::open_or_create`].
    pub fn open_or_create_in_place(&self, path: &Path) -> Result<FileInPlace<D>, Error> {
        FileInPlace::open_or_create_on(&self.disk, path)
    }

    /// As [`FileInPlace::look`].
    pub fn look(&self, path: &Path) -> Result<Option<Entry>, Error> {
        in_place::look_on(&self.disk, path)
    }

    /// As [`ensure_file`](crate::ensure_file).
    pub fn ensure_file(&self, path: &Path) -> Result<bool, Error> {
        ensure_on(&self.disk, path)
    }

    /// As [`create_dir_all`](crate::create_dir_all).
    pub fn create_dir_all(&self, path: &Path) -> Result<(), Error> {
        make_dirs(&self.disk, path)
    }

    /// As [`sweep_orphans`](crate::sweep_orphans).
    pub fn sweep_orphans(&self, dir: &Path) -> Result<Swept, Error> {
        sweep_on(&self.disk, dir)
    }

    /// As [`syncs_names`](crate::syncs_names).
    pub fn syncs_names(&self, dir: &Path) -> Result<bool, Error> {
        syncs_names_on(&self.disk, dir)
    }

    /// As [`Journal::open`].
    pub fn journal(&self, path: &Path, options: &JournalOptions) -> Result<Journal<D>, Error> {
        Journal::open_on(&self.disk, path, *options)
    }

    /// As [`JournalReader::open`].
    pub fn journal_reader(&self, path: &Path) -> Result<JournalReader<D>, Error> {
        JournalReader::open_on(&self.disk, path)
    }
}
