//! Replacing a file with a look at what was replaced.

use std::io;
use std::path::Path;

use super::{ReplaceOptions, Target};
use crate::Error;
use crate::disk::{Disk, Entry, Open, RealDisk, uninterrupted};
use crate::temp::Temp;

/// How much is read at once.
const CHUNK: usize = 256 << 10;

/// A file that had a name until another one took it.
#[derive(Debug)]
pub struct Displaced<'a, D: Disk = RealDisk> {
    target: &'a Target<D>,
    file: D::File,
}

impl<D: Disk> Displaced<'_, D> {
    /// What the file is. The time of its last change is that of its displacement.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn entry(&self) -> Result<Entry, Error> {
        uninterrupted(|| self.target.disk().file_entry(&self.file))
            .map_err(|e| self.target.error("look at the file that was", e))
    }

    /// Reads all of it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn read_all(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let mut piece = vec![0; CHUNK];
        loop {
            let at = bytes.len() as u64;
            let count = uninterrupted(|| self.target.disk().read_at(&self.file, &mut piece, at))
                .map_err(|e| self.target.error("read the file that was", e))?;
            bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
            if count == 0 {
                return Ok(bytes);
            }
        }
    }
}

/// As [`replace_on`](super::replace_on), by an exchange of names where that is possible. Then `look` is shown what had
/// the name at that moment, which is removed afterwards. If it fails, that file stays, with its temporary name.
pub(crate) fn exchange_on<D: Disk, E: From<Error>>(
    disk: &D,
    path: &Path,
    contents: &[u8],
    options: ReplaceOptions,
    still_ours: impl FnOnce() -> Result<(), E>,
    look: impl FnOnce(&Displaced<'_, D>) -> Result<(), E>,
) -> Result<(), E> {
    let target = Target::resolve(disk, path, options)?;
    let mut temp = target.write_new_file(contents)?;
    still_ours()?;
    match temp.exchange_with(target.name()) {
        Ok(()) => {
            let looked = displaced(&target, &temp).map_err(E::from).and_then(|file| look(&file));
            if let Err(error) = looked {
                temp.leave();
                return Err(error);
            }
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => target.put_in_free_place(&mut temp)?,
        Err(e) if e.kind() == io::ErrorKind::Unsupported => target.put_in_place(&mut temp)?,
        Err(e) => return Err(target.error("exchange a temporary file with", e).into()),
    }
    Ok(target.sync_name()?)
}

fn displaced<'a, D: Disk>(target: &'a Target<D>, temp: &Temp<D>) -> Result<Displaced<'a, D>, Error> {
    let opened = uninterrupted(|| target.disk().open(target.dir(), temp.name(), Open::Read));
    let file = opened.map_err(|e| target.error("open the file that was", e))?;
    Ok(Displaced { target, file })
}
