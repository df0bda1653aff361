//! The coalescer against an oracle that is a list of values and no more.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use unforget_sync::{Clock, Coalescer, ManualClock, Window};

use crate::watchdog::watch;

const KEYS: usize = 3;
const QUIET: Duration = Duration::from_millis(3);
const MAX_DELAY: Duration = Duration::from_millis(7);

#[derive(Debug, Clone)]
enum Op {
    Put(u8),
    Advance(u64),
    FlushLate,
    /// Takes, puts newer values and perhaps flushes meanwhile, and lets the delivery of some keys fail.
    Deliver {
        all: bool,
        meanwhile: Vec<u8>,
        flushed: bool,
        failing: Vec<u8>,
    },
}

/// One key of the specification.
#[derive(Debug, Clone)]
struct Waiting {
    key: u8,
    value: usize,
    last: Instant,
    latest: Instant,
    order: usize,
}

impl Waiting {
    fn due(&self) -> Instant {
        self.latest.min(self.last + QUIET)
    }
}

#[derive(Default)]
struct Oracle {
    waiting: Vec<Waiting>,
    delivering: usize,
    puts: usize,
}

impl Oracle {
    fn put(&mut self, key: u8, value: usize, now: Instant) -> bool {
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.key == key) {
            (waiting.value, waiting.last) = (value, now);
            return true;
        }
        if self.waiting.len() + self.delivering == KEYS {
            return false;
        }
        self.puts += 1;
        self.waiting.push(Waiting { key, value, last: now, latest: now + MAX_DELAY, order: self.puts });
        true
    }

    fn take(&mut self, all: bool, now: Instant) -> Vec<Waiting> {
        let mut taken: Vec<_> = self.waiting.extract_if(.., |waiting| all || waiting.due() <= now).collect();
        taken.sort_by_key(|taken| (taken.due(), taken.order));
        self.delivering = taken.len();
        taken
    }

    fn fail(&mut self, failed: Vec<Waiting>) {
        self.delivering = 0;
        for mut failed in failed {
            failed.latest = failed.due();
            match self.waiting.iter_mut().find(|waiting| waiting.key == failed.key) {
                Some(newer) => {
                    (newer.latest, newer.last, newer.order) = (failed.due(), failed.last, failed.order);
                }
                None => self.waiting.push(failed),
            }
        }
    }

    fn flush(&mut self, delivering: &mut [Waiting], now: Instant) {
        for waiting in self.waiting.iter_mut().chain(delivering) {
            waiting.latest = waiting.due().min(now);
        }
    }
}

fn ops() -> impl Strategy<Value = Op> {
    let keys = || prop::collection::vec(0_u8..4, 0..3);
    prop_oneof![
        6 => (0_u8..4).prop_map(Op::Put),
        4 => (0_u64..5).prop_map(Op::Advance),
        1 => Just(Op::FlushLate),
        3 => (any::<bool>(), keys(), any::<bool>(), keys())
            .prop_map(|(all, meanwhile, flushed, failing)| Op::Deliver { all, meanwhile, flushed, failing }),
    ]
}

proptest! {
    #[test]
    fn the_coalescer_does_what_the_oracle_says(ops in prop::collection::vec(ops(), 1..60)) {
        let _watch = watch();
        let clock = Arc::new(ManualClock::new());
        let keys = NonZeroUsize::new(KEYS).expect("not zero");
        let window = Window { quiet: QUIET, max_delay: MAX_DELAY, keys };
        let (coalescer, mut deliverer) = Coalescer::new(window, Arc::clone(&clock) as Arc<dyn Clock>);
        let mut oracle = Oracle::default();
        for (value, op) in ops.into_iter().enumerate() {
            let now = clock.now();
            match op {
                Op::Put(key) => {
                    prop_assert_eq!(coalescer.try_put(key, value).is_ok(), oracle.put(key, value, now));
                }
                Op::Advance(by) => clock.advance(Duration::from_millis(by)),
                Op::FlushLate => {
                    prop_assert_eq!(coalescer.flush_until(now).is_ok(), oracle.waiting.is_empty());
                    oracle.flush(&mut [], now);
                }
                Op::Deliver { all, meanwhile, flushed, failing } => {
                    let mut real = if all { deliverer.take_all() } else { deliverer.take_due() };
                    let mut taken = oracle.take(all, now);
                    let seen: Vec<_> = real.iter().map(|(key, value)| (*key, *value)).collect();
                    let said: Vec<_> = taken.iter().map(|taken| (taken.key, taken.value)).collect();
                    prop_assert_eq!(seen, said);
                    for key in meanwhile {
                        prop_assert_eq!(coalescer.try_put(key, value).is_ok(), oracle.put(key, value, now));
                    }
                    if flushed {
                        let nothing_left = taken.is_empty() && oracle.waiting.is_empty();
                        prop_assert_eq!(coalescer.flush_until(now).is_ok(), nothing_left);
                        oracle.flush(&mut taken, now);
                    }
                    real.retain(|key, _| failing.contains(key));
                    drop(real);
                    taken.retain(|taken| failing.contains(&taken.key));
                    oracle.fail(taken);
                }
            }
            prop_assert_eq!(coalescer.len(), oracle.waiting.len());
            prop_assert_eq!(coalescer.next_due(), oracle.waiting.iter().map(Waiting::due).min());
        }
    }
}
