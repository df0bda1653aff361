//! Opening a journal: what is intact, what a crash tore, and what is damaged.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::{self, READ_LIMIT};
use super::frame::{self, Chain, Cut};
use super::lock::JournalLock;
use super::rotate::Place;
use super::scan::{End, Position, Scan};
use super::{Journal, JournalError, JournalOptions, TornTail};
use crate::disk::{Disk, Open, sync_names, uninterrupted};
use crate::replace::Target;
use crate::{Error, ReplaceOptions, dir, own_file};

/// What the name of a damaged journal is extended by for its copy, before a checksum of the content: the same
/// damage is copied once.
const COPY: &str = ".corrupt-";

impl<D: Disk> Journal<D> {
    /// The steps in their order. Each may be cut short by a crash, and then all are done again.
    pub(crate) fn open_on(disk: &D, path: &Path, options: JournalOptions) -> Result<Self, Error> {
        let (dir, name) = dir::open_parent(disk, path)?;
        let dir = Arc::new(dir);
        let lock = JournalLock::try_acquire(disk, &dir, &name)?;
        let mut journal = Self {
            disk: disk.clone(),
            dir,
            name,
            path: path.to_owned(),
            options,
            lock,
            file: None,
            base: 0,
            lines: Vec::new(),
            chain: Chain { crc: 0, seq: 0 },
            end: 0,
            len: 0,
            acknowledged: 0,
            torn: None,
        };
        match file::open_to_read(disk, &journal.dir, &journal.name)? {
            Some(file) => journal.recover(&file)?,
            None => journal.rewrite(Place::Free, 0, 0)?,
        }
        Ok(journal)
    }

    /// Takes what is intact to a new file.
    fn recover(&mut self, file: &D::File) -> Result<(), Error> {
        let bytes = file::read_from(&self.disk, file, 0, READ_LIMIT).map_err(|e| self.io("read", e))?;
        let scan = Position::START.scan(&bytes);
        let (at, path) = (scan.at, || self.path.clone());
        let torn = match scan.end {
            End::Foreign => return Err(JournalError::Foreign { path: path() }.into()),
            End::Newer(version) => return Err(JournalError::Newer { path: path(), version }.into()),
            End::Corrupt => {
                // A disk that is full, or read only, must not hide the damage.
                let copy = self.copy_aside(&bytes).ok();
                let (offset, seq) = (at.offset, at.chain.seq + 1);
                return Err(JournalError::Corrupt { path: path(), offset, seq, copy }.into());
            }
            End::Torn { bytes } => Some(TornTail { offset: at.offset, bytes }),
            End::Clean => None,
        };
        let len = bytes.len() as u64;
        // It may be large, and a new file takes as much again.
        drop(bytes);
        self.take_over(scan, len);
        self.torn = torn;
        let cut = torn.map(|torn| Cut { at: torn.offset, bytes: torn.bytes });
        if let Some(cut) = cut {
            self.note(frame::recovered_json(cut));
        }
        match self.rotate() {
            Err(Error::Io { source, .. }) if file::is_out_of_space(&source) => self.go_on_in_place(cut),
            outcome => outcome,
        }
    }

    fn take_over(&mut self, scan: Scan, len: u64) {
        let Scan { lines, at, .. } = scan;
        (self.lines, self.base, self.chain) = (lines, at.base, at.chain);
        (self.end, self.len) = (at.offset, len);
    }

    /// Goes on in the file that is there, because there is no space for another one.
    ///
    /// The tail is gone from the disk before anything is written in its place. It is overwritten and not cut
    /// off: a full disk would not give the space back.
    fn go_on_in_place(&mut self, cut: Option<Cut>) -> Result<(), Error> {
        let file = own_file::open(&self.disk, &self.dir, &self.name, Open::Write)?;
        if let Some(cut) = cut {
            self.write_zeros(&file, cut.at, cut.at + cut.bytes).map_err(|e| self.io("cut the tail of", e))?;
            self.sync_file(&file)?;
            let (mut text, committed) = (String::new(), self.chain.seq);
            self.chain.push(&mut text, committed, &frame::recovered_json(cut));
            let written = crate::disk::write_all_at(&self.disk, &file, text.as_bytes(), self.end);
            written.map_err(|e| self.io("note the recovery in", e))?;
            self.end += text.len() as u64;
            self.len = self.len.max(self.end);
        }
        self.sync_file(&file)?;
        sync_names(&self.disk, &self.dir).map_err(|e| self.io("sync the directory of", e))?;
        self.acknowledged = self.chain.seq;
        self.file = Some(file);
        Ok(())
    }

    fn sync_file(&self, file: &D::File) -> Result<(), Error> {
        uninterrupted(|| self.disk.sync_data(file)).map_err(|e| self.io("sync", e))
    }

    /// Copies a damaged file beside it, durably and once.
    fn copy_aside(&self, bytes: &[u8]) -> Result<PathBuf, Error> {
        let mut name = self.name.clone();
        name.push(format!("{COPY}{:08x}", crc32fast::hash(bytes)));
        let copy = self.path.with_file_name(&name);
        let target = Target::within(&self.disk, &self.dir, &name, ReplaceOptions::new())?;
        let mut temp = target.write_new_file(bytes)?;
        match target.put_in_free_place(&mut temp) {
            Err(Error::AlreadyExists { .. }) => Ok(copy),
            placed => placed.and_then(|()| target.sync_name()).map(|()| copy),
        }
    }
}
