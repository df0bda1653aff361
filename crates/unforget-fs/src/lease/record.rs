//! What stands in the file of a lease.

use std::fs::File;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::lock_file::{Owner, Record, read_content};

/// The record of a lock, with two numbers more: whoever reads records of locks reads this one too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    v: u32,
    #[serde(flatten)]
    pub(super) owner: Owner,
    /// How often the holder has said since that it is alive.
    pub(super) renewals: u64,
    /// How long the lease lasts after each time.
    duration_ms: u64,
}

impl Written {
    pub(super) fn begin(owner: Owner, duration: Duration) -> Self {
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self { v: 1, owner, renewals: 0, duration_ms }
    }

    /// The same lease, renewed once more.
    pub(super) fn renewed(&self) -> Self {
        Self { renewals: self.renewals + 1, ..self.clone() }
    }

    /// Reads the first line; what a lock wrote, or nobody, is no lease.
    pub(super) fn parse(content: &[u8]) -> Option<Self> {
        let Record::Held(owner) = Record::parse(content) else { return None };
        let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
        // A lock's record on this path is the mistake of a caller. It is taken for a lease that never runs
        // out: to wait is safe.
        let forever = Self { v: 1, owner, renewals: 0, duration_ms: u64::MAX };
        Some(serde_json::from_slice(line).unwrap_or(forever))
    }

    pub(super) fn read(file: &File) -> io::Result<Option<Self>> {
        Ok(Self::parse(&read_content(file)?))
    }

    pub(super) fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }

    pub(super) fn duration(&self) -> Duration {
        Duration::from_millis(self.duration_ms)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_as_nobodys(content in any::<Vec<u8>>()) {
            prop_assert_eq!(Written::parse(&content), None);
        }

        #[test]
        fn what_follows_a_lease_and_what_is_missing_do_not_matter(
            rest in any::<Vec<u8>>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let written = Written::begin(Owner::this_process(None), Duration::from_secs(3));
            let line = written.to_line();
            let torn = &line.as_bytes()[..cut.index(line.len() - 1)];
            prop_assert_eq!(Written::parse(torn), None, "a torn record names nobody");
            prop_assert_eq!(Written::parse(&[line.as_bytes(), &rest].concat()), Some(written));
        }
    }

    #[test]
    fn a_lease_is_read_as_it_was_written_and_names_its_holder_as_a_lock_does() {
        let owner = Owner::this_process(None);
        let written = Written::begin(owner.clone(), Duration::from_secs(3));
        let written = Written { renewals: 7, ..written };
        let line = written.to_line();
        assert_eq!(Written::parse(line.as_bytes()), Some(written));
        assert_eq!(Record::parse(line.as_bytes()), Record::Held(owner));
    }

    #[test]
    fn what_a_lock_wrote_is_held_for_ever_and_what_nobody_wrote_is_free() {
        let line = Record::Held(Owner::this_process(None)).to_line().unwrap();
        let lease = Written::parse(line.as_bytes()).expect("somebody holds it");
        assert!(lease.duration() > Duration::from_hours(24 * 365), "it does not run out");
        for free in [&b""[..], b"{\"v\":1,\"released\":true,\"fence\":3}\n", b"{\"v\":1,\"pid\":1"] {
            assert_eq!(Written::parse(free), None, "{}", free.escape_ascii());
        }
    }
}
