//! The record in a lock file: who holds it, for people. The kernel's lock is what excludes.

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::nonce;
use crate::timestamp::{Utc, now_ms, now_us};

/// The version of the record that is written.
const VERSION: u32 = 1;

/// What is read of a lock file at most.
pub(crate) const RECORD_LIMIT: usize = 4096;

/// A program path is cut to this many characters. Escaped, they need at most half of [`RECORD_LIMIT`].
const EXE_LIMIT: usize = 300;

/// Fence numbers are below 2^53, so that every JSON reader gets them whole; microseconds reach it in the year
/// 2255.
const FENCE_LIMIT: u64 = 1 << 53;

/// Who holds a lock, by its own word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Owner {
    /// The process id, in the namespace below. Ids are used again, so it identifies nobody by itself.
    pub pid: u32,
    /// When the process began, in clock ticks since boot, where the system tells.
    pub start: Option<u64>,
    /// The random id of this boot of the machine, where the system tells.
    pub boot: Option<String>,
    /// A digest of the id that the machine keeps from boot to boot, where it has one.
    pub machine: Option<String>,
    /// The namespace of the process id: containers on one host count for themselves.
    #[serde(rename = "pidns")]
    pub pid_namespace: Option<u64>,
    /// The namespace of the time of its beginning: clocks since boot may be shifted for a container.
    #[serde(rename = "timens")]
    pub time_namespace: Option<u64>,
    /// The name of the host.
    pub host: String,
    /// Differs for every acquisition.
    pub nonce: String,
    /// A number that grows from holder to holder; see [`LockFile::fence`](crate::LockFile::fence).
    pub fence: u64,
    /// When it was acquired, in milliseconds since 1970 by the wall clock.
    #[serde(rename = "since")]
    pub since_ms: u64,
    /// The program.
    pub exe: String,
}

impl Owner {
    /// This process, as the holder after the one with `previous_fence`.
    pub(crate) fn this_process(previous_fence: Option<u64>) -> Self {
        let process = Process::current();
        let after_previous = previous_fence.map_or(0, |fence| fence + 1);
        Self {
            pid: process.pid,
            start: process.start,
            boot: process.boot,
            machine: process.machine,
            pid_namespace: process.pid_namespace,
            time_namespace: process.time_namespace,
            host: process.host,
            nonce: nonce::random_hex(),
            fence: after_previous.max(now_us()),
            since_ms: now_ms(),
            exe: process.exe,
        }
    }

    /// Whether this process is certainly gone.
    ///
    /// Certain is one of two things. It was recorded in this boot of this machine and in our pid namespace, and
    /// its id is free, or belongs to a process that began at another time, or to one that ended and is only
    /// kept for its parent to ask how. Or it was recorded on this machine in another boot. In every other case, and whenever something is not known, the answer is `false`.
    ///
    /// Machines that were cloned together with their machine id (`machine-id(5)` says to reset it) are taken
    /// for one machine.
    pub fn is_provably_dead(&self) -> bool {
        let here = Process::current();
        let (Some(boot), Some(boot_here)) = (&self.boot, &here.boot) else { return false };
        // The id of a boot is random, so where it is the same, a machine without an id is the same as well.
        if self.machine != here.machine {
            return false;
        }
        if boot != boot_here {
            return self.machine.is_some();
        }
        let same_ids = self.pid_namespace.is_some() && self.pid_namespace == here.pid_namespace;
        // A kernel that has no such namespaces has one clock.
        let same_times = self.time_namespace == here.time_namespace;
        same_ids && !process::may_be_running(self.pid, self.start.filter(|_| same_times))
    }

    /// Whether this is the process that asks.
    pub(crate) fn is_this_process(&self) -> bool {
        let here = Process::current();
        (self.pid, self.start, &self.boot, &self.machine, self.pid_namespace)
            == (here.pid, here.start, &here.boot, &here.machine, here.pid_namespace)
            && self.host == here.host
    }
}

impl fmt::Display for Owner {
    /// Control characters are escaped: the record is a file, and files can say anything to a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (exe, host, since) =
            (self.exe.escape_debug(), self.host.escape_debug(), Utc::from_ms(self.since_ms));
        write!(f, "process {} ({exe}) on {host} since {since}", self.pid)
    }
}

/// What a lock file says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// Nothing: it was just created.
    Empty,
    /// The last holder gave it back.
    Released {
        /// That holder's fence number.
        fence: u64,
    },
    /// Somebody holds it, or died with it.
    Held(Owner),
    /// It was ours and is torn by a power loss, or a later version wrote it.
    Unreadable,
    /// It is somebody's content and not a record.
    Foreign,
}

#[derive(Serialize, Deserialize)]
struct Line {
    v: u32,
    #[serde(flatten)]
    body: Body,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Body {
    Held(Owner),
    Released { released: bool, fence: u64 },
}

impl Record {
    /// Reads a record from the first line; a longer one that was there before may still follow it.
    pub(crate) fn parse(content: &[u8]) -> Self {
        let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match serde_json::from_slice::<Line>(line) {
            Ok(Line { v: VERSION, body: Body::Held(owner) }) if owner.fence < FENCE_LIMIT => {
                Self::Held(owner)
            }
            Ok(Line { v: VERSION, body: Body::Released { released: true, fence } })
                if fence < FENCE_LIMIT =>
            {
                Self::Released { fence }
            }
            _ if content.is_empty() => Self::Empty,
            _ if is_torn(content) => Self::Unreadable,
            _ => Self::Foreign,
        }
    }

    /// The line to write; `None` for what is never written.
    pub(crate) fn to_line(&self) -> Option<String> {
        let body = match self {
            Self::Held(owner) => Body::Held(owner.clone()),
            Self::Released { fence } => Body::Released { released: true, fence: *fence },
            Self::Empty | Self::Unreadable | Self::Foreign => return None,
        };
        let mut line = serde_json::to_string(&Line { v: VERSION, body }).ok()?;
        line.push('\n');
        Some(line)
    }

    /// The fence number of the holder that wrote it.
    pub(crate) fn fence(&self) -> Option<u64> {
        match self {
            Self::Released { fence } => Some(*fence),
            Self::Held(owner) => Some(owner.fence),
            Self::Empty | Self::Unreadable | Self::Foreign => None,
        }
    }
}

/// After a power loss a file may have its size and none of its data, which reads as zeros, or the beginning
/// of a record, or zeros and then its end: a record may be longer than a sector.
fn is_torn(content: &[u8]) -> bool {
    const BEGINNING: &[u8] = b"{\"v\":";
    content.starts_with(BEGINNING) || BEGINNING.starts_with(content) || content.first() == Some(&0)
}

/// What is the same for all locks of a process.
#[derive(Debug, Clone)]
struct Process {
    pid: u32,
    start: Option<u64>,
    boot: Option<String>,
    machine: Option<String>,
    pid_namespace: Option<u64>,
    time_namespace: Option<u64>,
    host: String,
    exe: String,
}

impl Process {
    /// Read once, and again in a child of a fork.
    fn current() -> Self {
        static CURRENT: OnceLock<Process> = OnceLock::new();
        let cached = CURRENT.get_or_init(Self::read);
        if cached.pid == std::process::id() { cached.clone() } else { Self::read() }
    }

    fn read() -> Self {
        let pid = std::process::id();
        let exe = std::env::current_exe().map(|exe| exe.to_string_lossy().into_owned()).unwrap_or_default();
        Self {
            pid,
            start: process::start_of(pid),
            boot: process::boot(),
            machine: process::machine(),
            pid_namespace: process::namespace("pid"),
            time_namespace: process::namespace("time"),
            host: process::host(),
            exe: exe.chars().take(EXE_LIMIT).collect(),
        }
    }
}

#[cfg(unix)]
mod process {
    use std::os::unix::fs::MetadataExt;

    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};

    /// When a process began.
    pub(super) fn start_of(pid: u32) -> Option<u64> {
        Some(Stat::of(pid)?.start)
    }

    /// What `/proc/<pid>/stat` says, see `proc_pid_stat(5)`.
    struct Stat {
        start: u64,
        /// It ended, and its parent has not asked for its exit status yet. It has no files any more: they are
        /// closed before. If only its first thread ended, the others are still counted.
        is_zombie: bool,
    }

    impl Stat {
        /// Fields 3, 20 and 22. The second field is the program's name in parentheses, which may itself hold
        /// spaces and parentheses, so fields are counted from the last one.
        fn of(pid: u32) -> Option<Self> {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let fields: Vec<_> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
            let threads: u64 = fields.get(17)?.parse().ok()?;
            let is_zombie = matches!(*fields.first()?, "Z" | "X") && threads <= 1;
            Some(Self { start: fields.get(19)?.parse().ok()?, is_zombie })
        }
    }

    pub(super) fn boot() -> Option<String> {
        Some(std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
    }

    /// A digest of the machine's id: the id itself is confidential, see `machine-id(5)`. An empty file, as
    /// images of containers have, is no id.
    pub(super) fn machine() -> Option<String> {
        let id = std::fs::read_to_string("/etc/machine-id").ok()?;
        let is_id = !id.trim().is_empty();
        is_id.then(|| format!("{:016x}", crate::digest::of(id.trim().as_bytes())))
    }

    pub(super) fn namespace(kind: &str) -> Option<u64> {
        Some(std::fs::metadata(format!("/proc/self/ns/{kind}")).ok()?.ino())
    }

    pub(super) fn host() -> String {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }

    /// Whether the process that had this id and began at `start` may still run.
    pub(super) fn may_be_running(pid: u32, start: Option<u64>) -> bool {
        let Some(id) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return true };
        match (test_kill_process(id), start, Stat::of(pid)) {
            (Err(Errno::SRCH), _, _) | (_, _, Some(Stat { is_zombie: true, .. })) => false,
            (_, Some(recorded), Some(found)) => recorded == found.start,
            _ => true,
        }
    }
}

#[cfg(not(unix))]
mod process {
    pub(super) fn start_of(_pid: u32) -> Option<u64> {
        None
    }

    pub(super) fn boot() -> Option<String> {
        None
    }

    pub(super) fn machine() -> Option<String> {
        None
    }

    pub(super) fn namespace(_kind: &str) -> Option<u64> {
        None
    }

    pub(super) fn host() -> String {
        std::env::var("COMPUTERNAME").unwrap_or_default()
    }

    pub(super) fn may_be_running(_pid: u32, _start: Option<u64>) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn owner() -> impl Strategy<Value = Owner> {
        let identity =
            (any::<u32>(), any::<Option<u64>>(), any::<[Option<String>; 2]>(), any::<[Option<u64>; 2]>());
        let words = (any::<String>(), any::<String>(), any::<String>());
        (identity, words, 0..FENCE_LIMIT, any::<u64>()).prop_map(|(identity, words, fence, since_ms)| {
            let (pid, start, [boot, machine], [pid_namespace, time_namespace]) = identity;
            let (host, nonce, exe) = words;
            Owner {
                pid,
                start,
                boot,
                machine,
                pid_namespace,
                time_namespace,
                host,
                nonce,
                fence,
                since_ms,
                exe,
            }
        })
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(owner in owner(), rest in any::<Vec<u8>>()) {
            let record = Record::Held(owner);
            let mut content = record.to_line().expect("a held record is written").into_bytes();
            content.extend(rest);
            prop_assert_eq!(Record::parse(&content), record);
        }

        #[test]
        fn a_release_is_read_as_it_was_written(fence in 0..FENCE_LIMIT) {
            let line = Record::Released { fence }.to_line().expect("a release is written");
            prop_assert_eq!(Record::parse(line.as_bytes()), Record::Released { fence });
        }

        #[test]
        fn any_bytes_are_read_as_something(content in any::<Vec<u8>>()) {
            let record = Record::parse(&content);
            prop_assert!(!matches!(record, Record::Held(_)), "random bytes are nobody");
        }

        #[test]
        fn a_torn_record_is_ours_and_names_nobody(owner in owner(), cut in any::<prop::sample::Index>()) {
            let line = Record::Held(owner).to_line().expect("a held record is written");
            let torn = &line.as_bytes()[..cut.index(line.len() - 1)];
            let expected = if torn.is_empty() { Record::Empty } else { Record::Unreadable };
            prop_assert_eq!(Record::parse(torn), expected);
        }

        #[test]
        fn what_is_shown_has_no_control_characters(owner in owner()) {
            prop_assert!(!owner.to_string().contains(char::is_control));
        }
    }

    #[test]
    fn content_that_is_no_record_is_foreign() {
        for content in [&b"4711\n"[..], b"hello", b"{\"pid\":1}", b"[]", b"\n{\"v\":1}"] {
            assert_eq!(Record::parse(content), Record::Foreign, "{}", content.escape_ascii());
        }
    }

    #[test]
    fn a_later_version_and_lost_data_are_ours() {
        for content in [
            &b"{\"v\":2,\"pid\":1}\n"[..],
            &[0; 200],
            b"\0\0\0\0st\":\"h\",\"exe\":\"x\"}\n",
            b"{\"v\":1,\"released\":true,\"fence\":18446744073709551615}",
        ] {
            assert_eq!(Record::parse(content), Record::Unreadable, "{}", content.escape_ascii());
        }
    }

    #[test]
    fn this_process_fits_the_record_and_is_not_dead() {
        let owner = Owner::this_process(None);
        assert!(!owner.is_provably_dead(), "we are running");
        let line = Record::Held(owner).to_line().expect("a held record is written");
        assert!(line.len() < 4096, "{line}");
    }

    #[test]
    fn a_longest_program_path_fits_the_record() {
        let owner =
            Owner { exe: "\u{1}".repeat(EXE_LIMIT), host: "h".repeat(255), ..Owner::this_process(None) };
        let line = Record::Held(owner).to_line().expect("a held record is written");
        assert!(line.len() < RECORD_LIMIT, "{}", line.len());
    }

    #[test]
    fn the_fence_grows_even_when_the_clock_stands_behind() {
        let ahead = FENCE_LIMIT - 10;
        assert_eq!(Owner::this_process(Some(ahead)).fence, ahead + 1);
        assert!(Owner::this_process(Some(5)).fence > 6, "the clock is ahead of a small number");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_what_is_certain_is_called_dead() {
        let us = Owner::this_process(None);
        let began_earlier = Owner { start: us.start.map(|start| start + 1), ..us.clone() };
        assert!(began_earlier.is_provably_dead(), "the id belongs to another process now");
        let unused_id = Owner { pid: i32::MAX as u32, ..us.clone() };
        assert!(unused_id.is_provably_dead(), "above every limit of Linux for process ids");
        for uncertain in [
            Owner { boot: None, ..unused_id.clone() },
            Owner { machine: Some("another".into()), ..unused_id.clone() },
            Owner { boot: Some("another".into()), machine: None, ..unused_id.clone() },
            Owner { pid_namespace: None, ..unused_id.clone() },
            Owner { pid_namespace: Some(1), ..unused_id.clone() },
            Owner { time_namespace: Some(1), ..began_earlier },
            Owner { start: None, ..us.clone() },
        ] {
            assert!(!uncertain.is_provably_dead(), "{uncertain:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn another_boot_of_this_machine_has_ended() {
        let before = Owner { boot: Some("another".into()), ..Owner::this_process(None) };
        assert_eq!(before.is_provably_dead(), before.machine.is_some(), "{before:?}");
        let elsewhere = Owner { machine: Some("another".into()), ..before };
        assert!(!elsewhere.is_provably_dead(), "another machine may be running");
    }

    #[test]
    fn a_record_without_the_later_fields_is_read() {
        let line = br#"{"v":1,"pid":7,"start":1,"boot":"b","pidns":2,"host":"h","nonce":"n","fence":3,"since":4,"exe":"e"}"#;
        let Record::Held(owner) = Record::parse(line) else { panic!("it names its holder") };
        assert_eq!((owner.pid, owner.machine, owner.time_namespace), (7, None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_ended_is_dead_before_its_parent_asks() {
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = child.id();
        let owner = Owner { pid, start: process::start_of(pid), ..Owner::this_process(None) };
        assert!(!owner.is_provably_dead(), "it waits for input");
        drop(child.stdin.take());
        let began = std::time::Instant::now();
        while !owner.is_provably_dead() {
            assert!(began.elapsed().as_secs() < 10, "it has ended, and only its id is left");
            std::thread::yield_now();
        }
        assert!(std::path::Path::new(&format!("/proc/{pid}")).exists(), "its parent has not asked");
        child.wait().unwrap();
    }
}
