//! Writing entries, and the sync after which they may be acknowledged.

use std::io;
use std::ops::Range;

use serde::de::IgnoredAny;

use super::file::{self, CHUNK};
use super::options::RECORD_LIMIT;
use super::scan::Line;
use super::{Journal, JournalError};
use crate::disk::{Disk, uninterrupted, write_all_at};
use crate::{Error, own_file};

/// What free space looks like.
static ZEROS: [u8; CHUNK] = [0; CHUNK];

impl<D: Disk> Journal<D> {
    /// Appends entries and makes them durable; gives their numbers.
    ///
    /// Each entry is a JSON text on one line, of 1 MiB at most. All of them are written at once and share one
    /// sync: many small entries in one call cost little more than one.
    ///
    /// # Errors
    ///
    /// [`JournalError::DurabilityUnknown`] if writing or syncing failed: then the entries may be there or not
    /// after a crash, and whether the journal goes on is in the error. [`JournalError::Invalid`],
    /// [`JournalError::Full`], [`JournalError::Stopped`], [`JournalError::Replaced`],
    /// [`Error::LockReplaced`], [`Error::Forked`] and [`Error::Io`] say that nothing was written.
    ///
    /// # Blocking
    ///
    /// Waits for the disk once.
    pub fn append<T: AsRef<str>>(&mut self, entries: &[T]) -> Result<Range<u64>, Error> {
        let numbers = self.write(entries)?;
        self.sync()?;
        Ok(numbers)
    }

    /// Writes entries that a later [`sync`](Self::sync) makes durable; gives their numbers.
    ///
    /// Nobody is told that they are kept before that sync has succeeded. They are complete after a crash of
    /// this process alone.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn write<T: AsRef<str>>(&mut self, entries: &[T]) -> Result<Range<u64>, Error> {
        self.refuse_invalid(entries)?;
        let first = self.chain.seq + 1;
        let (mut text, mut chain) = (String::new(), self.chain);
        let mut lines = Vec::with_capacity(entries.len());
        for entry in entries {
            let line = Line::entry(chain.seq + 1, entry.as_ref());
            chain.push(&mut text, self.acknowledged, &line.json);
            lines.push(line);
        }
        if !lines.is_empty() {
            self.make_room(text.len())?;
            let written = self.write_once(&text);
            (self.chain, self.end) = (chain, self.end + text.len() as u64);
            self.lines.append(&mut lines);
            written.map_err(|source| self.doubt(source))?;
        }
        Ok(first..chain.seq + 1)
    }

    /// Makes durable, and acknowledges, what was written.
    ///
    /// # Errors
    ///
    /// [`JournalError::DurabilityUnknown`]; [`JournalError::Stopped`] if there was such an error before.
    ///
    /// # Blocking
    ///
    /// Waits for the disk, if something was written.
    pub fn sync(&mut self) -> Result<(), Error> {
        let file = self.file.as_ref().ok_or_else(|| JournalError::Stopped { path: self.path.clone() })?;
        if self.acknowledged == self.chain.seq {
            return Ok(());
        }
        uninterrupted(|| self.disk.sync_data(file)).map_err(|source| self.doubt(source))?;
        self.acknowledged = self.chain.seq;
        Ok(())
    }

    /// One call for the whole batch. A part of it is as good as a failure: what a second call adds may be
    /// durable without the first.
    fn write_once(&self, text: &str) -> io::Result<()> {
        let Some(file) = &self.file else { return Err(io::ErrorKind::NotConnected.into()) };
        let written = uninterrupted(|| self.disk.write_at(file, text.as_bytes(), self.end))?;
        if written < text.len() { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }

    fn refuse_invalid<T: AsRef<str>>(&self, entries: &[T]) -> Result<(), Error> {
        for (index, entry) in entries.iter().map(AsRef::as_ref).enumerate() {
            if let Some(reason) = fault_of(entry) {
                return Err(JournalError::Invalid { path: self.path.clone(), index, reason }.into());
            }
        }
        Ok(())
    }

    /// Sees that the file may be written and has space for so many bytes; nothing is written but zeros.
    fn make_room(&mut self, bytes: usize) -> Result<(), Error> {
        let path = || self.path.clone();
        let file = self.file.as_ref().ok_or_else(|| JournalError::Stopped { path: path() })?;
        let needed = self.end + bytes as u64;
        let capacity = self.options.capacity;
        if needed > capacity {
            return Err(JournalError::Full { path: path(), needed, capacity }.into());
        }
        self.lock.verify()?;
        match own_file::is_named(&self.disk, &self.dir, &self.name, file) {
            Ok(true) => {}
            Ok(false) => return Err(JournalError::Replaced { path: path() }.into()),
            Err(e) => return Err(self.io("look at", e)),
        }
        if needed <= self.len {
            return Ok(());
        }
        self.take_space(file, needed).map(|len| self.len = len).map_err(|e| self.io("take space for", e))
    }

    /// Lengthens the file ahead of need, or as far as needed if the disk has no more.
    ///
    /// An error leaves zeros behind the end, which are what free space looks like.
    fn take_space(&self, file: &D::File, needed: u64) -> io::Result<u64> {
        let wanted = self.options.allocated(needed);
        match self.write_zeros(file, self.len, wanted) {
            Err(e) if file::is_out_of_space(&e) => self.write_zeros(file, self.len, needed).map(|()| needed),
            outcome => outcome.map(|()| wanted),
        }
    }

    /// Zeros and not a greater length: a length reserves nothing.
    pub(super) fn write_zeros(&self, file: &D::File, from: u64, to: u64) -> io::Result<()> {
        let mut at = from;
        while at < to {
            let count = usize::try_from(to - at).unwrap_or(CHUNK).min(CHUNK);
            write_all_at(&self.disk, file, ZEROS.get(..count).unwrap_or_default(), at)?;
            at += count as u64;
        }
        Ok(())
    }
}

/// What is wrong with an entry.
fn fault_of(entry: &str) -> Option<&'static str> {
    if entry.len() > RECORD_LIMIT {
        return Some("is longer than 1 MiB; split it");
    }
    // Every line of the file is a record, and a zero is free space.
    if entry.bytes().any(|byte| byte < b' ') {
        return Some("has a line break or another control character; write it on one line");
    }
    serde_json::from_str::<IgnoredAny>(entry).err().map(|_| "is not a JSON text; serialise it first")
}
