//! `Registry`: never two live values under one key, not even while one is closing.

use unforget_sync::Registry;
use unforget_sync::primitive::atomic::{AtomicUsize, Ordering};
use unforget_sync::primitive::{Arc, thread};

use crate::{WAITS, check};

/// Counts itself while it lives. The count is the model's own atomic: only so is it a reason to try other schedules.
struct Live(Arc<AtomicUsize>);

impl Live {
    fn open(alive: &Arc<AtomicUsize>) -> Self {
        assert_eq!(alive.fetch_add(1, Ordering::SeqCst), 0, "two values live under one key");
        Self(Arc::clone(alive))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Two threads open, use and drop: the values they see are one, or one after the other.
#[test]
fn values_under_one_key_never_overlap() {
    check(WAITS, || {
        let registry = Arc::new(Registry::<u8, Live, ()>::new());
        let alive = Arc::new(AtomicUsize::new(0));
        let other = {
            let (registry, alive) = (Arc::clone(&registry), Arc::clone(&alive));
            thread::spawn(move || drop(registry.open(1, || Ok(Live::open(&alive))).expect("opens")))
        };
        drop(registry.open(1, || Ok(Live::open(&alive))).expect("opens"));
        other.join().expect("does not panic");
        assert_eq!(alive.load(Ordering::SeqCst), 0, "the last handle dropped the value");
    });
}

/// One thread forgets a value while another opens the key: whoever opens after that gets a new one.
#[test]
fn a_forgotten_value_is_not_handed_out_again() {
    check(WAITS, || {
        let registry = Arc::new(Registry::<u8, usize, ()>::new());
        let first = registry.open(1, || Ok(1)).expect("opens");
        let other = {
            let registry = Arc::clone(&registry);
            thread::spawn(move || *registry.open(1, || Ok(2)).expect("opens"))
        };
        registry.forget(&1, &first);
        let after = registry.open(1, || Ok(3)).expect("opens");
        assert_ne!(*after, 1, "the forgotten value came back");
        let seen = other.join().expect("does not panic");
        assert!([1, 2, 3].contains(&seen));
    });
}
