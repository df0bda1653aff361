//! Which contexts are let go of when more are kept than the bound allows.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::Snapshot;
use crate::published::Decoded;

/// One in so many is let go of beyond what has to be, so that not every change has to look for the coldest.
const SPARE: usize = 8;

/// The keys to let go of so that at most `bound` remain, and a little room.
///
/// What was not read for most passes goes first, so that nothing stays for its place in the map's order alone. Between
/// those that are equal in this, that order decides. A value that cannot be read goes before all others.
pub(crate) fn coldest<'a, C: 'a>(
    contexts: impl Iterator<Item = (&'a Arc<str>, &'a Decoded<C>)>,
    bound: usize,
) -> Vec<Arc<str>> {
    let passed = |decoded: &Decoded<C>| decoded.as_ref().map_or(u8::MAX, Snapshot::cool);
    let mut aged: Vec<_> = contexts.map(|(key, decoded)| (passed(decoded), key)).collect();
    let excess = aged.len().saturating_sub(bound - bound / SPARE);
    if let Some(last) = excess.checked_sub(1) {
        aged.select_nth_unstable_by_key(last, |(passed, _)| Reverse(*passed));
    }
    aged.into_iter().take(excess).map(|(_, key)| Arc::clone(key)).collect()
}
