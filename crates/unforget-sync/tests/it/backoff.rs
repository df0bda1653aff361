use std::cell::Cell;
use std::time::Duration;

use proptest::prelude::*;
use unforget_sync::{Backoff, Clock, ManualClock, retry};

use crate::watchdog::watch;

fn backoffs() -> impl Strategy<Value = (Backoff, Duration, Duration, Duration, u32)> {
    // Zero and the largest values are where saturation matters, so they are drawn on purpose.
    let duration = || {
        prop_oneof![
            1 => Just(Duration::ZERO),
            1 => Just(Duration::MAX),
            6 => (0_u64..5_000).prop_map(Duration::from_millis),
        ]
    };
    (duration(), 0_u32..80, duration(), duration(), any::<u64>()).prop_map(
        |(base, attempts, cap, deadline, seed)| {
            let backoff =
                Backoff::default().base(base).attempts(attempts).cap(cap).deadline(deadline).seed(seed);
            (backoff, base, cap, deadline, attempts)
        },
    )
}

proptest! {
    #[test]
    fn no_delay_exceeds_the_cap((backoff, _, cap, _, _) in backoffs()) {
        let _watch = watch();
        for delay in backoff.delays().chain(backoff.full_jitter().delays()) {
            prop_assert!(delay <= cap, "{delay:?} is beyond the cap of {cap:?}");
        }
    }

    #[test]
    fn delays_fit_the_attempts_and_the_deadline((backoff, _, _, deadline, attempts) in backoffs()) {
        let _watch = watch();
        let delays: Vec<_> = backoff.delays().collect();
        prop_assert!(delays.len() <= usize::try_from(attempts.max(1) - 1).expect("fits"));
        let total = delays.iter().fold(Duration::ZERO, |total, delay| total.saturating_add(*delay));
        prop_assert!(total <= deadline, "{total:?} of waiting is past the deadline of {deadline:?}");
    }

    #[test]
    fn additive_jitter_lies_between_the_step_and_twice_the_step((backoff, base, cap, _, _) in backoffs()) {
        let _watch = watch();
        let mut step = base;
        let mut time_left = Duration::MAX;
        for delay in backoff.deadline(Duration::MAX).delays() {
            let fixed = step.min(cap / 2);
            prop_assert!(delay >= fixed.min(time_left), "{delay:?} is less than a step of {fixed:?}");
            prop_assert!(delay <= fixed * 2, "{delay:?} is more than twice a step of {fixed:?}");
            step = step.saturating_mul(2);
            time_left -= delay;
        }
    }

    #[test]
    fn a_seed_makes_the_delays_repeatable((backoff, ..) in backoffs()) {
        let _watch = watch();
        prop_assert!(backoff.delays().eq(backoff.delays()));
    }

    #[test]
    fn retrying_never_runs_past_the_deadline((backoff, _, _, deadline, attempts) in backoffs(), work in 0_u64..2_000) {
        let _watch = watch();
        let clock = ManualClock::new();
        let start = clock.now();
        let work = Duration::from_millis(work);
        let calls = Cell::new(0_u32);
        let outcome: Result<(), ()> = retry(&clock, &backoff, |()| true, || {
            let begun = clock.now() - start;
            assert!(begun <= deadline, "an attempt began {begun:?} in, past the deadline of {deadline:?}");
            calls.set(calls.get() + 1);
            clock.advance(work);
            Err(())
        });
        prop_assert_eq!(outcome, Err(()));
        prop_assert!((1..=attempts.max(1)).contains(&calls.get()), "{} attempts", calls.get());
    }
}

#[test]
fn the_default_has_four_doubling_waits_within_ten_seconds() {
    let _watch = watch();
    let delays: Vec<_> = Backoff::default().delays().collect();
    assert_eq!(delays.len(), 4);
    for (delay, step) in delays.iter().zip([100, 200, 400, 800].map(Duration::from_millis)) {
        assert!((step..=step * 2).contains(delay), "{delay:?} does not fit a step of {step:?}");
    }
}

#[test]
fn waits_at_the_cap_still_differ() {
    let _watch = watch();
    let backoff = Backoff::default().attempts(40).cap(Duration::from_secs(1)).deadline(Duration::MAX).seed(3);
    let mut late: Vec<_> = backoff.delays().skip(10).collect();
    late.sort_unstable();
    late.dedup();
    assert!(late.len() > 20, "waiters that reached the cap would retry together");
}

#[test]
fn retries_without_a_seed_are_not_synchronised() {
    let _watch = watch();
    let backoff = Backoff::default();
    assert!(backoff.delays().ne(backoff.delays()), "two contenders would meet again at every attempt");
}

#[test]
fn full_jitter_reaches_below_the_step() {
    let _watch = watch();
    let backoff = Backoff::default().full_jitter().attempts(60).deadline(Duration::MAX).seed(1);
    assert!(backoff.delays().any(|delay| delay < Duration::from_millis(100)));
}

#[test]
fn a_permanent_error_is_not_retried() {
    let _watch = watch();
    let mut calls = 0;
    let outcome = retry(
        &ManualClock::new(),
        &Backoff::default(),
        |error| *error == "busy",
        || {
            calls += 1;
            Err::<(), _>("corrupt")
        },
    );
    assert_eq!((outcome, calls), (Err("corrupt"), 1));
}

#[test]
fn the_last_error_is_the_one_returned() {
    let _watch = watch();
    let mut calls = 0;
    let outcome = retry(
        &ManualClock::new(),
        &Backoff::default(),
        |_| true,
        || {
            calls += 1;
            Err::<(), _>(calls)
        },
    );
    assert_eq!(outcome, Err(5), "five attempts by default");
}

#[test]
fn zero_attempts_count_as_one() {
    let _watch = watch();
    let mut calls = 0;
    let outcome = retry(
        &ManualClock::new(),
        &Backoff::default().attempts(0),
        |()| true,
        || {
            calls += 1;
            Err::<(), _>(())
        },
    );
    assert_eq!((outcome, calls), (Err(()), 1));
}

#[test]
fn the_last_wait_is_cut_to_the_deadline() {
    let _watch = watch();
    let clock = ManualClock::new();
    let start = clock.now();
    let backoff =
        Backoff::default().base(Duration::from_secs(4)).cap(Duration::MAX).deadline(Duration::from_secs(5));
    let outcome: Result<(), ()> = retry(&clock, &backoff, |()| true, || Err(()));
    assert_eq!(outcome, Err(()));
    assert_eq!(clock.now() - start, Duration::from_secs(5), "the last attempt begins at the deadline");
}
