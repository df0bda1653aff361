//! A small seedable generator for jitter.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// `SplitMix64` (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
///
/// Eight bytes of state and any seed will do, which is all that jitter needs. Not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Seeded from the entropy that std draws for its hash maps: different in every process and at every call.
    pub(crate) fn from_entropy() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A duration from zero to `most`, both included. Beyond 584 years it is cut to that.
    pub(crate) fn duration_up_to(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        // The high word of a 64×65-bit product is uniform up to a bias of most/2^64: nothing that jitter could show.
        let scaled = (u128::from(self.next_u64()) * (u128::from(most) + 1)) >> 64;
        Duration::from_nanos(u64::try_from(scaled).unwrap_or(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // Reference output of splitmix64.c (Vigna) for the seed 1234567.
        let mut random = SplitMix64::seeded(1_234_567);
        let drawn = [random.next_u64(), random.next_u64(), random.next_u64()];
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn two_generators_without_a_seed_differ() {
        let (mut one, mut other) = (SplitMix64::from_entropy(), SplitMix64::from_entropy());
        assert_ne!(one.next_u64(), other.next_u64(), "retries of two threads would be synchronised");
    }

    #[test]
    fn a_duration_reaches_both_ends_and_never_beyond() {
        let mut random = SplitMix64::seeded(1);
        let most = Duration::from_nanos(3);
        let mut seen = [false; 4];
        for _ in 0..200 {
            let drawn = random.duration_up_to(most);
            assert!(drawn <= most, "{drawn:?} is beyond {most:?}");
            seen[usize::try_from(drawn.as_nanos()).expect("at most 3")] = true;
        }
        assert_eq!(seen, [true; 4], "every value from zero to the limit can be drawn");
    }

    #[test]
    fn the_longest_duration_does_not_overflow() {
        let drawn = SplitMix64::seeded(2).duration_up_to(Duration::MAX);
        assert!(drawn <= Duration::from_nanos(u64::MAX));
    }
}
