//! The only unsafe code of the tests: SQLite's VFS interface.
//!
//! A file object of the real VFS is a block of memory that begins with a pointer to a table of methods. The shim asks
//! for a block that is longer by a [`Tail`], lets the real VFS open the file in the first part, and points it to a
//! copy of its own table, kept in the tail, in which reading, writing, cutting, syncing and closing are ours. So the real
//! methods find the object as they made it, and every method that is not replaced is the real one.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Once};

use unforget::unforget_sqlite::rusqlite::ffi::{
    self, SQLITE_IOERR, SQLITE_OK, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs,
};

use super::log::{Event, Inode};
use super::{Call, Disk, SlowSync};

/// What follows the real VFS's file object.
#[repr(C)]
struct Tail {
    /// The real table with our methods in it; the file object points here.
    methods: sqlite3_io_methods,
    real: *const sqlite3_io_methods,
    /// From `Box::into_raw`; given back when the file is closed.
    file: *mut File,
}

struct File {
    disk: Arc<Disk>,
    inode: Inode,
    /// Whether the next sync takes the directory along, as the real VFS does once for each log it opens.
    names: bool,
}

/// Makes the shim the default VFS of this process, once.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: no VFS of this name is ever unregistered; a null answer is looked at below.
        let real = unsafe { ffi::sqlite3_vfs_find(c"unix".as_ptr()) };
        assert!(!real.is_null(), "SQLite has a VFS for Unix");
        // SAFETY: not null, and SQLite's VFS objects live as long as the process.
        let mut shim = unsafe { *real };
        shim.szOsFile = c_int::try_from(tail_offset(real) + size_of::<Tail>()).expect("it is small");
        shim.pNext = std::ptr::null_mut();
        shim.zName = c"unforget-recorded".as_ptr();
        shim.pAppData = real.cast();
        shim.xOpen = Some(open);
        shim.xDelete = Some(delete);
        // SAFETY: the object is never freed, as SQLite demands of what is registered.
        let registered = unsafe { ffi::sqlite3_vfs_register(Box::into_raw(Box::new(shim)), 1) };
        assert_eq!(registered, SQLITE_OK, "SQLite takes the VFS");
    });
}

/// Where the tail begins in a file object: behind the real one, aligned.
fn tail_offset(real: *const sqlite3_vfs) -> usize {
    // SAFETY: the real VFS lives as long as the process.
    let size = unsafe { (*real).szOsFile };
    usize::try_from(size).expect("a size").next_multiple_of(align_of::<Tail>())
}

/// The real VFS behind the shim.
///
/// # Safety
///
/// `vfs` is the shim that [`install`] registered.
unsafe fn real_of(vfs: *mut sqlite3_vfs) -> *mut sqlite3_vfs {
    // SAFETY: `install` put it there.
    unsafe { (*vfs).pAppData.cast() }
}

/// The tail of an open file.
///
/// # Safety
///
/// `file` was opened by [`open`] and is tracked: its table of methods is the one in its tail.
unsafe fn tail_of<'a>(file: *mut sqlite3_file) -> &'a mut Tail {
    // SAFETY: `methods` is the first field of the tail, see `the_table_is_where_the_tail_begins`. SQLite calls the
    // methods of one file object from one thread at a time, so nobody else refers to its tail.
    unsafe { &mut *(*file).pMethods.cast_mut().cast::<Tail>() }
}

/// The disk's file and the real methods of an open file.
///
/// # Safety
///
/// As [`tail_of`].
unsafe fn parts<'a>(file: *mut sqlite3_file) -> (&'a mut File, &'a sqlite3_io_methods) {
    // SAFETY: `tail_of` is given what it asks for; both pointers were set by `open` and live until `close`.
    unsafe {
        let tail = tail_of(file);
        (&mut *tail.file, &*tail.real)
    }
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes the VFS it found registered.
    let real = unsafe { real_of(vfs) };
    let go_on = || {
        // SAFETY: the arguments are SQLite's own, and the real VFS gets a block at least as long as it asks for.
        unsafe { (*real).xOpen.map_or(SQLITE_IOERR, |open| open(real, name, file, flags, out)) }
    };
    // SAFETY: SQLite passes null for a temporary file, or a name that ends with a null.
    let Some((disk, name)) = (unsafe { path(name) }).and_then(Disk::of) else {
        return go_on();
    };
    // Held over the real open, so that of two connections that make one file one is the first in the record too.
    let mut state = disk.state();
    if let Some(code) = state.meet(Call::Open, None) {
        // SAFETY: SQLite closes a file whose table is not null, and this one is not open.
        unsafe { (*file).pMethods = std::ptr::null() };
        return code;
    }
    let new = !disk.directory.join(&name).exists();
    let code = go_on();
    if code != SQLITE_OK {
        return code;
    }
    let inode = state.log.opened(&name, new);
    drop(state);
    let names = flags & (ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL) != 0;
    // SAFETY: the real VFS has opened the file in the first part of the block.
    unsafe { track(real, file, File { disk, inode, names }) };
    SQLITE_OK
}

/// Points an open file to methods that record.
///
/// # Safety
///
/// `file` is open, in a block of the shim's `szOsFile` bytes.
unsafe fn track(real: *const sqlite3_vfs, file: *mut sqlite3_file, tracked: File) {
    // SAFETY: the block has a whole tail at this offset, aligned because SQLite's blocks are aligned to 8 bytes; and the
    // table of an open file is valid.
    unsafe {
        let tail = file.byte_add(tail_offset(real)).cast::<Tail>();
        let methods = sqlite3_io_methods {
            xClose: Some(close),
            xRead: Some(read),
            xWrite: Some(write),
            xTruncate: Some(truncate),
            xSync: Some(sync),
            ..*(*file).pMethods
        };
        tail.write(Tail { methods, real: (*file).pMethods, file: Box::into_raw(Box::new(tracked)) });
        (*file).pMethods = &raw const (*tail).methods;
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once, with the table that `track` gave it.
    unsafe {
        let tail = tail_of(file);
        drop(Box::from_raw(tail.file));
        (*tail.real).xClose.map_or(SQLITE_IOERR, |close| close(file))
    }
}

unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    data: *mut c_void,
    length: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite calls this through the table that `track` made.
    let (tracked, real) = unsafe { parts(file) };
    if let Some(code) = tracked.disk.state().meet(Call::Read, Some(tracked.inode)) {
        return code;
    }
    // SAFETY: the arguments are SQLite's own.
    unsafe { real.xRead.map_or(SQLITE_IOERR, |read| read(file, data, length, at)) }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    data: *const c_void,
    length: c_int,
    at: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite calls this through the table that `track` made.
    let (tracked, real) = unsafe { parts(file) };
    let mut state = tracked.disk.state();
    let fault = state.meet(Call::Write, Some(tracked.inode));
    // A write that fails may have written something.
    let length = if fault.is_some() { length / 2 } else { length };
    // SAFETY: `data` has at least `length` bytes, by SQLite's contract.
    let code = unsafe { real.xWrite.map_or(SQLITE_IOERR, |write| write(file, data, length, at)) };
    if code != SQLITE_OK {
        return code;
    }
    let bytes = usize::try_from(length).expect("a length");
    // SAFETY: as above.
    let data = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), bytes) };
    let at = usize::try_from(at).expect("a position");
    state.log.push(Event::Written { inode: tracked.inode, at, data: data.into() });
    fault.unwrap_or(SQLITE_OK)
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: SQLite calls this through the table that `track` made.
    let (tracked, real) = unsafe { parts(file) };
    let mut state = tracked.disk.state();
    if let Some(code) = state.meet(Call::Truncate, Some(tracked.inode)) {
        return code;
    }
    // SAFETY: the arguments are SQLite's own.
    let code = unsafe { real.xTruncate.map_or(SQLITE_IOERR, |truncate| truncate(file, size)) };
    if code == SQLITE_OK {
        let length = usize::try_from(size).expect("a length");
        state.log.push(Event::Length { inode: tracked.inode, length });
    }
    code
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite calls this through the table that `track` made.
    let (tracked, _) = unsafe { parts(file) };
    let slow = if tracked.inode == 0 { tracked.disk.state().slow_sync.take() } else { None };
    if let Some(SlowSync { started, ended }) = slow {
        let _the_test_may_be_gone = started.send(());
        let _it_says_so_by_hanging_up = ended.recv();
    }
    let mut state = tracked.disk.state();
    let fault = state.meet(Call::Sync, Some(tracked.inode));
    let names = fault.is_none() && std::mem::take(&mut tracked.names);
    state.log.push(Event::Synced { inode: tracked.inode, succeeded: fault.is_none(), names });
    fault.unwrap_or(SQLITE_OK)
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: SQLite passes the VFS it found registered.
    let real = unsafe { real_of(vfs) };
    let go_on = || {
        // SAFETY: the arguments are SQLite's own.
        unsafe { (*real).xDelete.map_or(SQLITE_IOERR, |delete| delete(real, name, sync_directory)) }
    };
    // SAFETY: a name that ends with a null.
    let Some((disk, name)) = (unsafe { path(name) }).and_then(Disk::of) else {
        return go_on();
    };
    let mut state = disk.state();
    if let Some(code) = state.meet(Call::Delete, None) {
        return code;
    }
    let code = go_on();
    if code == SQLITE_OK {
        state.log.deleted(&name, sync_directory != 0);
    }
    code
}

/// # Safety
///
/// `name` is null, or ends with a null and lives as long as the answer is used.
unsafe fn path<'a>(name: *const c_char) -> Option<&'a Path> {
    // SAFETY: the caller's.
    (!name.is_null()).then(|| Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes())))
}

#[test]
fn the_table_is_where_the_tail_begins() {
    assert_eq!(std::mem::offset_of!(Tail, methods), 0);
}
