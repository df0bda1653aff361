//! The locks that this process has, so that taking one twice is an answer and not a wait for itself.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::place::Mode;
use crate::dir::LockKey;

/// A lock of this process, with the process that took it: a forked child inherits the table and holds
/// nothing.
static HELD: Mutex<BTreeMap<LockKey, Place>> = Mutex::new(BTreeMap::new());
/// Told of every answer that the kernel gave, with [`HELD`].
static ANSWERED: Condvar = Condvar::new();

#[derive(Debug, Clone, Copy)]
struct Place {
    pid: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The kernel is being asked.
    Trying,
    Exclusive,
    /// This many guards share it.
    Shared(usize),
}

/// A place in the table; it is given back when this is dropped.
///
/// It is reserved before the kernel is asked, so that the table's mutex is not held across a system call.
#[derive(Debug)]
pub(super) struct Slot {
    key: LockKey,
    pid: u32,
}

/// Reserves the place of a file, so that the kernel may be asked; `None` if another guard of this process has it.
///
/// Waits while another thread is asking the kernel. To call the lock held meanwhile would refuse one that
/// shares because of another that shares.
pub(super) fn reserve(key: LockKey, mode: Mode) -> Option<Slot> {
    let pid = std::process::id();
    let mut held = table();
    let state = loop {
        match (held.get(&key).filter(|place| place.pid == pid).map(|place| place.state), mode) {
            (None, _) => break State::Trying,
            // The kernel will agree: it has granted what is shared here.
            (Some(State::Shared(guards)), Mode::Shared) => break State::Shared(guards + 1),
            (Some(State::Trying), _) => held = ANSWERED.wait(held).unwrap_or_else(PoisonError::into_inner),
            (Some(State::Exclusive | State::Shared(_)), _) => return None,
        }
    };
    held.insert(key.clone(), Place { pid, state });
    Some(Slot { key, pid })
}

impl Slot {
    /// Notes that the kernel gave the lock.
    pub(super) fn hold(&self, mode: Mode) {
        let mut held = table();
        let Some(place) = held.get_mut(&self.key) else { return };
        if place.state == State::Trying {
            place.state = if mode == Mode::Exclusive { State::Exclusive } else { State::Shared(1) };
            ANSWERED.notify_all();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.pid != std::process::id() {
            return;
        }
        let mut held = table();
        match held.get_mut(&self.key).map(|place| &mut place.state) {
            Some(State::Shared(guards)) if *guards > 1 => *guards -= 1,
            _ => {
                held.remove(&self.key);
                ANSWERED.notify_all();
            }
        }
    }
}

/// Nothing panics under this mutex, so a poisoned one is as good as another.
fn table() -> MutexGuard<'static, BTreeMap<LockKey, Place>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}
