//! Going on in a new file, written from memory.

use std::io;

use super::contents::Contents;
use super::file;
use super::frame::{Frame, Payload};
use super::scan::Line;
use super::{Journal, JournalError};
use crate::disk::{Disk, Open};
use crate::replace::Target;
use crate::{Error, ReplaceOptions, nonce, own_file};

/// Whether there is a file that loses its name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Free,
    Taken,
}

/// More than a first line has.
const FIRST_LINE_LIMIT: u64 = 256;

impl<D: Disk> Journal<D> {
    /// Goes on in a new file with everything since the last compaction, and acknowledges all of it.
    ///
    /// This is how a stopped journal starts again once the disk is mended.
    ///
    /// # Errors
    ///
    /// As [`replace`](crate::replace), and [`Error::LockReplaced`], [`Error::Forked`]. The journal goes on in
    /// its old file, except after [`Error::CommittedNotDurable`] and [`JournalError::Replaced`], which stop
    /// it.
    ///
    /// # Blocking
    ///
    /// Waits for the disk, twice.
    pub fn rotate(&mut self) -> Result<(), Error> {
        self.rewrite(Place::Taken, self.base, 0)
    }

    /// Forgets the records up to and with number `through`, in a new file without them.
    ///
    /// For records that have arrived where they belong. A record that is not acknowledged stays, whatever
    /// `through` is. A crash leaves all of the records or those that stay.
    ///
    /// # Errors
    ///
    /// As [`rotate`](Self::rotate). After an error no record is forgotten here; after one that stops the journal
    /// the file may have been compacted all the same.
    ///
    /// # Blocking
    ///
    /// Waits for the disk, twice.
    pub fn compact(&mut self, through: u64) -> Result<(), Error> {
        let through = through.min(self.acknowledged).max(self.base);
        let forgotten = usize::try_from(through - self.base).unwrap_or(usize::MAX);
        self.rewrite(Place::Taken, through, forgotten)
    }

    /// Says that it is not known what of the last records is on the disk, after going on in a new file if
    /// that can be had.
    pub(super) fn doubt(&mut self, source: io::Error) -> Error {
        let (first, last) = (self.acknowledged + 1, self.chain.seq);
        self.file = None;
        let is_rewritten = self.rotate().is_ok();
        JournalError::DurabilityUnknown { path: self.path.clone(), first, last, is_rewritten, source }.into()
    }

    /// Begins a file with the lines from `skipped` on.
    ///
    /// A file that is smaller than it should be is better than none: on a full disk it may be the compaction
    /// that makes space.
    pub(super) fn rewrite(&mut self, place: Place, base: u64, skipped: usize) -> Result<(), Error> {
        let id = nonce::random_hex();
        let Contents { text, chain } =
            Contents::new(&id, base, self.lines.get(skipped..).unwrap_or_default());
        let (end, mut bytes) = (text.len(), text.into_bytes());
        bytes.resize(usize::try_from(self.options.allocated(end as u64)).unwrap_or(end), 0);
        let mut begun = self.put(place, &bytes);
        if bytes.len() > end
            && matches!(&begun, Err(Error::Io { source, .. }) if file::is_out_of_space(source))
        {
            bytes.truncate(end);
            begun = self.put(place, &bytes);
        }
        if matches!(begun, Err(Error::CommittedNotDurable { .. })) {
            // After a crash the old file may be back, without what would be appended to the new one.
            self.file = None;
        }
        begun?;
        self.file = None;
        self.file = Some(self.open_begun(&id)?);
        self.lines.drain(..skipped);
        (self.base, self.chain, self.acknowledged) = (base, chain, chain.seq);
        (self.end, self.len) = (end as u64, bytes.len() as u64);
        Ok(())
    }

    /// Makes a file durable and gives it the name, in the directory that the lock is in: the path may lead
    /// elsewhere by now, to a file of somebody else.
    fn put(&self, place: Place, bytes: &[u8]) -> Result<(), Error> {
        let target = Target::within(&self.disk, &self.dir, &self.name, ReplaceOptions::new())?;
        let mut temp = target.write_new_file(bytes)?;
        self.lock.verify()?;
        match place {
            Place::Free => target.put_in_free_place(&mut temp)?,
            Place::Taken => target.put_in_place(&mut temp)?,
        }
        target.sync_name()
    }

    /// Opens the new file by its name, and sees that it is that one: a program that does not have the lock may
    /// have replaced it.
    fn open_begun(&self, id: &str) -> Result<D::File, Error> {
        let file = own_file::open(&self.disk, &self.dir, &self.name, Open::Write)?;
        let begin =
            file::read_from(&self.disk, &file, 0, FIRST_LINE_LIMIT).map_err(|e| self.io("read", e))?;
        let payload = Frame::parse(&begin).and_then(|frame| frame.payload());
        match payload {
            Some(Payload::Epoch(epoch)) if epoch.id == id => Ok(file),
            _ => Err(JournalError::Replaced { path: self.path.clone() }.into()),
        }
    }

    /// Adds a line that is in no file yet.
    pub(super) fn note(&mut self, json: String) {
        self.lines.push(Line { seq: self.chain.seq + 1, json, text: None });
    }
}
