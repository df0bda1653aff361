//! What a lock file says.

use serde::{Deserialize, Serialize};

use super::Owner;

/// The version of the record that is written.
const VERSION: u32 = 1;

/// What is read of a lock file at most; a record is shorter.
pub(crate) const RECORD_LIMIT: usize = 4096;

/// Fence numbers are below 2^53, so that every JSON reader gets them whole; microseconds reach it in the year
/// 2255.
pub(super) const FENCE_LIMIT: u64 = 1 << 53;

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
///
/// Many files of others begin with a zero as well; but a record is short, and has no control characters in it.
fn is_torn(content: &[u8]) -> bool {
    const BEGINNING: &[u8] = b"{\"v\":";
    let is_beginning = content.starts_with(BEGINNING) || BEGINNING.starts_with(content);
    content.len() < RECORD_LIMIT && (is_beginning || content.first() == Some(&0) && is_end(content))
}

/// Whether this is what is left of lines, with zeros for the rest: a shorter one may have been written over
/// the beginning of a longer one before the power failed.
fn is_end(content: &[u8]) -> bool {
    let ends = content.last() == Some(&0) || content.ends_with(b"}\n");
    let is_text = |pair: &[u8]| match pair {
        [before, b'\n'] => *before == b'}',
        [_, byte] => *byte == 0 || !byte.is_ascii_control(),
        _ => true,
    };
    ends && content.windows(2).all(is_text)
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
    fn a_file_that_only_begins_like_a_torn_record_is_foreign() {
        let long = [&b"{\"v\":1,\"notes\":\""[..], &[b'x'; RECORD_LIMIT], b"\"}\n"].concat();
        for content in [
            &b"\0asm\x01\0\0\0"[..],
            b"\0\x01\0\0\0\x0fGDEF",
            b"\0h\0i\0!",
            b"\0hidden notes\n",
            &[0; RECORD_LIMIT],
            &long[..RECORD_LIMIT],
        ] {
            assert_eq!(Record::parse(content), Record::Foreign, "{}", content.escape_ascii());
        }
    }

    #[test]
    fn a_later_version_and_lost_data_are_ours() {
        for content in [
            &b"{\"v\":2,\"pid\":1}\n"[..],
            &[0; 200],
            b"\0\0\0\0st\":\"h\",\"exe\":\"x\"}\n",
            b"\0\0\0\0fence\":7}\n\0\0\0\0",
            b"\0\0\0\0fence\":7}\nxe\":\"x\"}\n",
            b"{\"v\":1,\"released\":true,\"fence\":18446744073709551615}",
        ] {
            assert_eq!(Record::parse(content), Record::Unreadable, "{}", content.escape_ascii());
        }
    }

    #[test]
    fn a_record_without_the_later_fields_is_read() {
        let line = br#"{"v":1,"pid":7,"start":1,"boot":"b","pidns":2,"host":"h","nonce":"n","fence":3,"since":4,"exe":"e"}"#;
        let Record::Held(owner) = Record::parse(line) else { panic!("it names its holder") };
        assert_eq!((owner.pid, owner.machine, owner.time_namespace), (7, None, None));
    }
}
