//! Keys as names of files.

use sha2::{Digest, Sha256};

/// What every file of a context ends with.
const SUFFIX: &str = ".json";

/// The longest part of a name that stands for a whole key. Names have 255 bytes at most, and a temporary file beside
/// them needs none of these.
const STEM_LIMIT: usize = 160;

/// Names that stand for devices on Windows, whatever follows the dot.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The name of the file of `key`: different for different keys, also where case, or the form of a letter, makes none.
///
/// Lower-case letters, digits, `-` and `_` stand for themselves and every other byte is written as `%` and two digits,
/// so that `Ada` becomes `%41da`. A key for which that is too long ends in its SHA-256.
pub(super) fn of(key: &str) -> String {
    let mut stem = String::with_capacity(key.len());
    for (at, byte) in key.bytes().enumerate() {
        if is_plain(byte) && !(at == 0 && is_device(key)) {
            stem.push(char::from(byte));
        } else {
            push_hex(&mut stem, "%", byte);
        }
    }
    if stem.len() > STEM_LIMIT {
        stem.truncate(STEM_LIMIT - 2 * 32 - 1);
        stem.push('~');
        for byte in Sha256::digest(key) {
            push_hex(&mut stem, "", byte);
        }
    }
    stem + SUFFIX
}

/// The key of the file `name`, if the name tells; `None` for the name of no context and for one that ends in a digest.
pub(super) fn key(name: &str) -> Option<String> {
    let stem = name.strip_suffix(SUFFIX)?;
    let mut bytes = Vec::with_capacity(stem.len());
    let mut rest = stem.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    // Only the one name that this key has: others would be two files for one context.
    String::from_utf8(bytes).ok().filter(|key| !key.is_empty() && of(key) == name)
}

/// Tells whether `name` may be that of a context at all.
pub(super) fn is_context(name: &str) -> bool {
    key(name).is_some()
        || name.strip_suffix(SUFFIX).is_some_and(|stem| stem.rfind('~') == Some(STEM_LIMIT - 65))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
}

fn is_device(key: &str) -> bool {
    let numbered = |prefix| key.strip_prefix(prefix).is_some_and(|rest: &str| rest.len() == 1);
    DEVICES.contains(&key) || numbered("com") || numbered("lpt")
}

fn push_hex(text: &mut String, before: &str, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.push_str(before);
    for digit in [byte >> 4, byte & 15] {
        text.push(char::from(DIGITS[usize::from(digit)]));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_can_be_read_by_people() {
        assert_eq!(of("ada-7"), "ada-7.json");
        assert_eq!(of("Ada"), "%41da.json");
        assert_eq!(of("../etc"), "%2e%2e%2fetc.json");
        assert_eq!(of("nul"), "%6eul.json");
    }

    #[test]
    fn only_the_one_name_of_a_key_is_its_name() {
        for name in
            ["Ada.json", "%61da.json", "ada.JSON", "ada", ".json", "%4.json", "%ff.json", "%C3%A4.json"]
        {
            assert_eq!(key(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_key_has_a_name_of_its_own(keys in prop::collection::vec("\\PC{1,64}", 2)) {
            let names: Vec<_> = keys.iter().map(|key| of(key)).collect();
            for (name, key_of_it) in names.iter().zip(&keys) {
                prop_assert!(name.len() <= 255 && is_context(name));
                prop_assert_eq!(name.to_ascii_lowercase(), name.as_str(), "case makes no difference");
                let told = key(name);
                prop_assert!(told.is_none_or(|told| told == *key_of_it));
            }
            prop_assert_eq!(names[0] == names[1], keys[0] == keys[1]);
        }
    }

    #[test]
    fn the_longest_keys_have_names_too() {
        let long = |end: &str| format!("{}{end}", "Ä".repeat(127));
        let (one, two) = (of(&long("a")), of(&long("b")));
        assert!(one != two && one.len() <= 255, "{one}");
        assert!(is_context(&one) && key(&one).is_none());
    }
}
