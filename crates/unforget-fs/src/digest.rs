//! Short numbers for long names, the same in every process and every version.

/// FNV-1a with 64 bits, <http://www.isthe.com/chongo/tech/comp/fnv/>.
///
/// It keeps things apart that are different by accident, and protects against nobody who wants two to collide.
pub(crate) fn of(bytes: &[u8]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    bytes.iter().fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_values_are_met() {
        for (bytes, digest) in [
            (&b""[..], 0xcbf2_9ce4_8422_2325),
            (b"a", 0xaf63_dc4c_8601_ec8c),
            (b"foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(of(bytes), digest, "{}", bytes.escape_ascii());
        }
    }
}
