//! What is found on a disk after the power failed.
//!
//! A step is durable once its file was synced after it. A sync that failed gives up on the steps before it: the
//! system has told of the error and forgets it, so no later sync makes them durable. Of the others any subset may be
//! found: each sector of a write, each change of a length, each name, on its own.

use std::collections::{BTreeMap, BTreeSet};

use super::log::{Event, Inode};

/// The smallest part of a write that is there or not.
const SECTOR: usize = 512;

/// The files of a directory.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Which of the steps that are not durable are found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Survivors {
    Nothing,
    Everything,
    /// A drawn subset; in some draws most steps survive, in some few.
    Drawn(u64),
}

/// The files as they are found when the power failed after `events`.
pub(crate) fn after_power_cut(events: &[Event], survivors: Survivors) -> Files {
    let durable = durable(events);
    let mut draw = Draw::new(survivors);
    let mut names: BTreeMap<&str, Inode> = BTreeMap::new();
    let mut contents: BTreeMap<Inode, Vec<u8>> = BTreeMap::new();
    for (event, durable) in events.iter().zip(durable) {
        let mut survives = || durable || draw.survives();
        match event {
            Event::Created { inode, name } if survives() => {
                names.insert(name, *inode);
            }
            Event::Deleted { name, .. } if survives() => {
                names.remove(name.as_str());
            }
            Event::Length { inode, length } if survives() => {
                contents.entry(*inode).or_default().resize(*length, 0);
            }
            Event::Written { inode, at, data } if durable => {
                let content = contents.entry(*inode).or_default();
                content.resize(content.len().max(at + data.len()), 0);
                content[*at..at + data.len()].copy_from_slice(data);
            }
            Event::Written { inode, at, data } => {
                write(contents.entry(*inode).or_default(), *at, data, survives);
            }
            _ => {}
        }
    }
    let content = |inode| contents.get(&inode).cloned().unwrap_or_default();
    names.into_iter().map(|(name, inode)| (name.to_owned(), content(inode))).collect()
}

/// Tells for each event whether it is durable at the end.
fn durable(events: &[Event]) -> Vec<bool> {
    let mut synced: BTreeSet<Inode> = BTreeSet::new();
    let mut names_synced = false;
    let backwards = events.iter().rev().map(|event| match event {
        Event::Synced { inode, succeeded: true, names } => {
            synced.insert(*inode);
            names_synced |= names;
            true
        }
        Event::Synced { inode, succeeded: false, .. } => {
            synced.remove(inode);
            true
        }
        Event::Deleted { synced, .. } => {
            names_synced |= synced;
            names_synced
        }
        Event::Created { .. } => names_synced,
        Event::Written { inode, .. } | Event::Length { inode, .. } => synced.contains(inode),
        Event::Acknowledged(_) => true,
    });
    let mut durable: Vec<bool> = backwards.collect();
    durable.reverse();
    durable
}

/// Writes the sectors that survive. The file's new length may be there without any of them.
fn write(content: &mut Vec<u8>, at: usize, data: &[u8], mut survives: impl FnMut() -> bool) {
    let end = at + data.len();
    if end > content.len() && survives() {
        content.resize(end, 0);
    }
    let mut from = at;
    while from < end {
        let to = end.min((from / SECTOR + 1) * SECTOR);
        if survives() {
            content.resize(content.len().max(to), 0);
            content[from..to].copy_from_slice(&data[from - at..to - at]);
        }
        from = to;
    }
}

/// Draws what survives, the same for the same seed.
struct Draw {
    state: u64,
    /// Of 256 steps, how many survive.
    share: u64,
}

impl Draw {
    fn new(survivors: Survivors) -> Self {
        let (state, share) = match survivors {
            Survivors::Nothing => (0, 0),
            Survivors::Everything => (0, 256),
            Survivors::Drawn(seed) => (seed, [16, 128, 240][usize::try_from(seed % 3).unwrap_or(0)]),
        };
        Self { state, share }
    }

    fn survives(&mut self) -> bool {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed >> 56) < self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(at: usize, byte: u8) -> Event {
        Event::Written { inode: 0, at, data: vec![byte; SECTOR].into() }
    }

    fn synced(succeeded: bool) -> Event {
        Event::Synced { inode: 0, succeeded, names: true }
    }

    fn content(events: &[Event], survivors: Survivors) -> Option<Vec<u8>> {
        let named = [Event::Created { inode: 0, name: "a".into() }];
        let events: Vec<Event> = named.iter().chain(events).cloned().collect();
        after_power_cut(&events, survivors).remove("a")
    }

    #[test]
    fn what_is_synced_stays_and_what_is_not_may_go() {
        let events = [written(0, 1), synced(true), written(0, 2)];
        assert_eq!(content(&events, Survivors::Nothing), Some(vec![1; SECTOR]));
        assert_eq!(content(&events, Survivors::Everything), Some(vec![2; SECTOR]));
        assert_eq!(content(&[written(0, 1)], Survivors::Nothing), None, "its name is not durable either");
    }

    #[test]
    fn a_sync_that_failed_gives_up_for_good() {
        let events = [written(0, 1), synced(true), written(0, 2), synced(false), synced(true)];
        assert_eq!(content(&events, Survivors::Nothing), Some(vec![1; SECTOR]));
        let again = [written(0, 1), synced(false), written(0, 1), synced(true)];
        assert_eq!(
            content(&again, Survivors::Nothing),
            Some(vec![1; SECTOR]),
            "what is written again is synced"
        );
    }

    #[test]
    fn a_write_may_be_torn_in_every_way() {
        let events = [synced(true), Event::Written { inode: 0, at: 256, data: vec![1; 1_000].into() }];
        let found: BTreeSet<_> = (0..500).map(|seed| content(&events, Survivors::Drawn(seed))).collect();
        // Three sectors, each there or not; without the last, the length it gives may be there or not.
        assert_eq!(found.len(), 12, "no file is left out, and none is found twice");
    }
}
