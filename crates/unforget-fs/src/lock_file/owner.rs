//! Who holds a lock, for people. The kernel's lock is what excludes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::process::{self, Process};
use super::record::FENCE_LIMIT;
use crate::nonce;
use crate::timestamp::{Utc, now_ms, now_us};

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

/// The random id of this boot of the machine, where the system tells (Linux).
///
/// What was written and not synced is there for every process of the same boot, and may be gone in another one.
pub fn boot_id() -> Option<String> {
    Process::current().boot
}

impl Owner {
    /// This process, as the holder after the one with `previous_fence`.
    ///
    /// At the limit the fence stays where it is: a record beyond it would be none to its readers, and the next
    /// number would be a smaller one.
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
            fence: after_previous.max(now_us()).min(FENCE_LIMIT - 1),
            since_ms: now_ms(),
            exe: process.exe,
        }
    }

    /// Whether this process is certainly gone.
    ///
    /// Certain is one of two things. It was recorded in this boot of this machine and in our pid namespace, and
    /// its id is free, or belongs to a process that began at another time, or to one that ended and is only
    /// kept for its parent to ask how. Or it was recorded on this machine in another boot. In every other case,
    /// and whenever something is not known, the answer is `false`; so it is in a container with the `/proc` of
    /// its host.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock_file::process::EXE_LIMIT;
    use crate::lock_file::{RECORD_LIMIT, Record};

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
        let last = Owner::this_process(Some(FENCE_LIMIT - 1));
        let line = Record::Held(last.clone()).to_line().expect("a held record is written");
        assert_eq!(Record::parse(line.as_bytes()), Record::Held(last), "the record is still one");
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
}
