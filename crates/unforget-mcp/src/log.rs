//! What people are told, on standard error; standard output is the protocol's.

use std::fmt;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// How many lines wait to be written. Those beyond are not written: somebody who does not read has enough to read.
const WAITING: usize = 256;

enum Entry {
    Line(String),
    /// To be told that all before it is written.
    Written(SyncSender<()>),
}

/// Who writes; `None` if the process could not have a thread for it.
static WRITER: OnceLock<Option<SyncSender<Entry>>> = OnceLock::new();

/// Says something to people.
///
/// It never waits. A client may give its server a pipe and not read from it; once that is full, who writes to it is
/// stopped, and that must be neither a call nor the end.
pub(crate) fn log(what: fmt::Arguments<'_>) {
    if let Some(writer) = WRITER.get_or_init(start) {
        let _too_many_wait = writer.try_send(Entry::Line(format!("unforget: {what}\n")));
    }
}

/// Waits until what was said is written, but no longer than `patience`.
pub(crate) fn flush(patience: Duration) {
    if let Some(Some(writer)) = WRITER.get() {
        let (written, told) = sync_channel(1);
        if writer.try_send(Entry::Written(written)).is_ok() {
            let _nobody_reads = told.recv_timeout(patience);
        }
    }
}

fn start() -> Option<SyncSender<Entry>> {
    let (writer, entries) = sync_channel(WAITING);
    let thread = std::thread::Builder::new().name("unforget-mcp-log".to_owned());
    thread.spawn(move || write(&entries)).ok().map(|_| writer)
}

fn write(entries: &Receiver<Entry>) {
    for entry in entries {
        match entry {
            Entry::Line(line) => {
                let _nobody_may_be_listening = std::io::stderr().lock().write_all(line.as_bytes());
            }
            Entry::Written(written) => {
                let _nobody_may_wait = written.send(());
            }
        }
    }
}
