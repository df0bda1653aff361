//! The only unsafe code of this crate: numbers in memory that processes share.

use std::fs::File;
use std::io;
use std::sync::atomic::AtomicU64;

use memmap2::{MmapOptions, MmapRaw};

/// The first 4096 bytes of a file, as numbers.
#[derive(Debug)]
pub(super) struct Words {
    map: MmapRaw,
}

impl Words {
    pub(super) const BYTES: usize = 4096;
    const COUNT: usize = Self::BYTES / size_of::<u64>();

    /// Maps a file; what is behind its end must not be touched.
    pub(super) fn map(file: &File) -> io::Result<Self> {
        Ok(Self { map: MmapOptions::new().len(Self::BYTES).map_raw(file)? })
    }

    /// # Panics
    ///
    /// If there is no such number.
    pub(super) fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < Self::COUNT, "there are {} numbers", Self::COUNT);
        #[expect(clippy::cast_ptr_alignment, reason = "a mapping begins at a page")]
        let first = self.map.as_mut_ptr().cast::<u64>();
        // SAFETY: The mapping is readable and writable, is `BYTES` long, begins at a page, which is aligned for every
        // number, and stays as long as `self`, from which the reference is borrowed. `MmapRaw` makes no references of
        // its own, and every access through this module, in whatever process, is atomic. A file that a foreign program
        // cuts ends the process by a signal when it is touched; no reference sees memory that is not there.
        unsafe { AtomicU64::from_ptr(first.add(index)) }
    }
}
