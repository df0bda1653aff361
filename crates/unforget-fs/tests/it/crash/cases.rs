//! The operations, each with what was there before and what is there after.

use std::ffi::OsStr;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use unforget_fs::disk::{Disk, Open};
use unforget_fs::sim::{Call, Failure, Fault, SimDisk};
use unforget_fs::{Error, Files, ReplaceOptions, SymlinkPolicy};

pub(crate) const OPTIONS: ReplaceOptions = ReplaceOptions::new();

/// Content, mode and owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    contents: Vec<u8>,
    mode: u32,
    uid: u32,
}

impl Seen {
    /// What a process sees at a path; a directory has no content.
    pub(crate) fn at(disk: &SimDisk, path: &str) -> Option<Self> {
        let entry = disk.entry_at(path)?;
        Some(Self { contents: disk.read(path).unwrap_or_default(), mode: entry.mode(), uid: entry.uid() })
    }
}

/// One path: its old and its new content, if it has any, and the attributes that stay.
pub(crate) struct Expected {
    pub(crate) path: &'static str,
    old: Option<&'static [u8]>,
    new: &'static [u8],
    mode: u32,
    uid: u32,
}

impl Expected {
    pub(crate) fn before(&self) -> Option<Seen> {
        self.old.map(|contents| self.seen(contents))
    }

    pub(crate) fn after(&self) -> Seen {
        self.seen(self.new)
    }

    fn seen(&self, contents: &[u8]) -> Seen {
        Seen { contents: contents.to_vec(), mode: self.mode, uid: self.uid }
    }
}

/// An operation on a disk.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) files: &'static [Expected],
    /// Files that are neither old nor new and may stay.
    bystanders: &'static [&'static str],
    /// Whether the call fails that gives a new name in one step.
    links: bool,
    /// Whether calls are made that are not this crate's, and not repeated after an interruption.
    pub(crate) is_foreign: bool,
    /// Whether an error may come after some of it was done.
    pub(crate) in_parts: bool,
    pub(crate) run: fn(&SimDisk) -> Result<(), Error>,
}

impl Case {
    const fn of(
        name: &'static str,
        files: &'static [Expected],
        run: fn(&SimDisk) -> Result<(), Error>,
    ) -> Self {
        Self { name, files, bystanders: &[], links: false, is_foreign: false, in_parts: false, run }
    }

    const fn in_parts(mut self) -> Self {
        self.in_parts = true;
        self
    }

    /// The disk before the operation. With small blocks small contents are torn.
    pub(crate) fn disk(&self, block_size: usize) -> SimDisk {
        let disk = SimDisk::with_block_size(block_size);
        disk.put_dir("/store");
        disk.put_dir("/store/other");
        disk.put_link("/store/link", "other/linked");
        for file in self.files {
            if let Some(old) = file.old {
                disk.put(file.path, old);
                disk.set_attributes(file.path, file.mode, file.uid, file.uid);
            }
        }
        if self.links {
            disk.fail(Fault::at(1, Failure::Unsupported).for_ever().only(Call::RenameNew));
        }
        disk
    }

    /// The files that nobody asked for.
    pub(crate) fn strangers(&self, disk: &SimDisk) -> Vec<String> {
        let mut found = Vec::new();
        let mut dirs = vec!["/store".to_owned()];
        while let Some(dir) = dirs.pop() {
            for name in disk.names(&dir) {
                let path = format!("{dir}/{}", name.display());
                let is_known = self.files.iter().any(|file| file.path == path)
                    || self.bystanders.contains(&&*path)
                    || path == "/store/link";
                match disk.entry_at(&path) {
                    Some(entry) if entry.is_dir() => dirs.push(path),
                    _ if is_known => {}
                    _ => found.push(path),
                }
            }
        }
        found
    }
}

const OLD: &[u8] = b"old content";
const NEW: &[u8] = b"the new one";

const REPLACED: Expected = Expected { path: "/store/file", old: Some(OLD), new: NEW, mode: 0o4750, uid: 7 };
const CREATED: Expected = Expected { path: "/store/file", old: None, new: NEW, mode: 0o600, uid: 0 };

/// Every operation that changes files.
pub(crate) fn all() -> Vec<Case> {
    let mut all = whole_files();
    all.extend(in_pieces());
    all.extend(places());
    all
}

fn whole_files() -> Vec<Case> {
    vec![
        Case::of("replace", &[REPLACED], |disk| {
            Files::on(disk).replace("/store/file".as_ref(), NEW, &OPTIONS)
        }),
        Case::of("replace what was not there", &[CREATED], |disk| {
            Files::on(disk).replace("/store/file".as_ref(), NEW, &OPTIONS)
        }),
        Case::of(
            "replace what a link leads to",
            &[Expected { path: "/store/other/linked", old: Some(OLD), new: NEW, mode: 0o640, uid: 0 }],
            |disk| {
                let options = OPTIONS.symlinks(SymlinkPolicy::Follow);
                Files::on(disk).replace("/store/link".as_ref(), NEW, &options)
            },
        ),
        Case::of("create_new", &[CREATED], |disk| {
            Files::on(disk).create_new("/store/file".as_ref(), NEW, &OPTIONS)
        }),
        Case {
            links: true,
            ..Case::of("create_new by a link", &[CREATED], |disk| {
                Files::on(disk).create_new("/store/file".as_ref(), NEW, &OPTIONS)
            })
        },
        Case::of(
            "replace_many",
            &[
                REPLACED,
                Expected { path: "/store/second", old: Some(b"2"), new: b"two", mode: 0o600, uid: 0 },
                Expected { path: "/store/other/third", old: None, new: b"three", mode: 0o600, uid: 0 },
            ],
            |disk| {
                let files: [(&str, &[u8]); 3] =
                    [("/store/file", NEW), ("/store/other/third", b"three"), ("/store/second", b"two")];
                Files::on(disk).replace_many(&files, &OPTIONS)
            },
        ),
    ]
}

fn in_pieces() -> Vec<Case> {
    vec![
        Case::of("atomic file", &[REPLACED], |disk| {
            let mut file = Files::on(disk).atomic_file("/store/file".as_ref(), &OPTIONS)?;
            let io = |e| Error::Io { operation: "write", path: "/store/file".into(), source: e };
            file.write_all(b"... new").map_err(io)?;
            file.write_all(b" one").map_err(io)?;
            file.seek(SeekFrom::Start(0)).map_err(io)?;
            file.write_all(b"the").map_err(io)?;
            Ok(file.commit()?)
        }),
        Case {
            is_foreign: true,
            ..Case::of("atomic file, written by its name", &[REPLACED], |disk| {
                let file = Files::on(disk).atomic_file("/store/file".as_ref(), &OPTIONS)?;
                write_foreign(disk, &file.temporary_path(), Open::Write)?;
                Ok(file.commit()?)
            })
        },
        Case {
            is_foreign: true,
            bystanders: &["/store/backup"],
            ..Case::of("adopted file", &[CREATED], |disk| {
                write_foreign(disk, Path::new("/store/backup"), Open::New)?;
                let file =
                    Files::on(disk).adopt("/store/backup".as_ref(), "/store/file".as_ref(), &OPTIONS)?;
                Ok(file.commit()?)
            })
        },
    ]
}

fn places() -> Vec<Case> {
    const DIRS: [Expected; 2] = [
        Expected { path: "/store/a", old: None, new: b"", mode: 0o755, uid: 0 },
        Expected { path: "/store/a/b", old: None, new: b"", mode: 0o755, uid: 0 },
    ];
    vec![
        Case::of(
            "ensure_file",
            &[Expected { path: "/store/file", old: None, new: b"", mode: 0o600, uid: 0 }],
            |disk| Files::on(disk).ensure_file("/store/file".as_ref()).map(|_| ()),
        )
        .in_parts(),
        Case::of("create_dir_all", &DIRS, |disk| Files::on(disk).create_dir_all("/store/a/b".as_ref()))
            .in_parts(),
        Case::of(
            "replace, with its directories",
            &[Expected { path: "/store/a/b/file", old: None, new: NEW, mode: 0o600, uid: 0 }],
            |disk| {
                let options = OPTIONS.create_parents(true);
                Files::on(disk).replace("/store/a/b/file".as_ref(), NEW, &options)
            },
        ),
    ]
}

/// What another library does: it opens by name, writes, and syncs nothing.
fn write_foreign(disk: &SimDisk, path: &Path, how: Open) -> Result<(), Error> {
    let io = |source| Error::Io { operation: "write", path: path.to_owned(), source };
    let dir = disk.open_dir(None, Path::new("/store")).map_err(io)?;
    let name = path.file_name().unwrap_or(OsStr::new("none"));
    let file = disk.open(&dir, name, how).map_err(io)?;
    let mut rest = NEW;
    while !rest.is_empty() {
        let written = disk.write_at(&file, rest, (NEW.len() - rest.len()) as u64).map_err(io)?;
        rest = &rest[written..];
    }
    Ok(())
}
