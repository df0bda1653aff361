//! What tells one process from another, also after it ended.

use std::sync::OnceLock;

/// A program path is cut to this many characters. Escaped, they need at most half of what is read of a record.
pub(super) const EXE_LIMIT: usize = 300;

/// What is the same for all locks of a process.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) start: Option<u64>,
    pub(super) boot: Option<String>,
    pub(super) machine: Option<String>,
    pub(super) pid_namespace: Option<u64>,
    pub(super) time_namespace: Option<u64>,
    pub(super) host: String,
    pub(super) exe: String,
}

impl Process {
    /// Read once, and again in a child of a fork.
    pub(super) fn current() -> Self {
        static CURRENT: OnceLock<Process> = OnceLock::new();
        let cached = CURRENT.get_or_init(Self::read);
        if cached.pid == std::process::id() { cached.clone() } else { Self::read() }
    }

    fn read() -> Self {
        let pid = std::process::id();
        let exe = std::env::current_exe().map(|exe| exe.to_string_lossy().into_owned()).unwrap_or_default();
        Self {
            pid,
            start: system::start_of(pid),
            boot: system::boot(),
            machine: system::machine(),
            pid_namespace: system::namespace("pid").filter(|_| system::is_proc_of(pid)),
            time_namespace: system::namespace("time"),
            host: system::host(),
            exe: exe.chars().take(EXE_LIMIT).collect(),
        }
    }
}

/// Whether the process that had this id and began at `start` may still run.
pub(super) fn may_be_running(pid: u32, start: Option<u64>) -> bool {
    system::may_be_running(pid, start)
}

#[cfg(unix)]
mod system {
    use std::os::unix::fs::MetadataExt;

    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};

    /// Whether `/proc` shows the processes by the ids that they have for us.
    ///
    /// A container may have a namespace of its own and the `/proc` of its host. What stands there under an id
    /// is then another process than the one that has this id here, and proves nothing. The kernel lists the
    /// ids of a process from the namespace of the `/proc` that is read down to its own, see
    /// `proc_pid_status(5)`: where both are one, there is one id.
    pub(super) fn is_proc_of(pid: u32) -> bool {
        let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
        let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        ids.is_some_and(|ids| ids.trim() == pid.to_string())
    }

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
mod system {
    pub(super) fn is_proc_of(_pid: u32) -> bool {
        false
    }

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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::Owner;

    #[test]
    fn a_process_that_ended_is_dead_before_its_parent_asks() {
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = child.id();
        let owner = Owner { pid, start: system::start_of(pid), ..Owner::this_process(None) };
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

    #[test]
    fn proc_is_asked_only_where_it_shows_our_ids() {
        assert!(system::is_proc_of(std::process::id()), "tests run where `ps` shows them");
        assert!(!system::is_proc_of(std::process::id() + 1), "somebody else's number is not ours");
        assert!(Process::current().pid_namespace.is_some());
    }
}
