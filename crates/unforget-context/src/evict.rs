//! Which contexts are let go of when more are kept than the bound allows.

use std::sync::Arc;

use crate::Snapshot;
use crate::published::Decoded;

/// One in so many is let go of beyond what has to be, so that not every change has to look for the coldest.
const SPARE: usize = 8;

/// The keys to let go of so that at most `bound` remain, and a little room.
///
/// A second chance, as of the clock algorithm: what was read since the last time stays if it can, and has to be read
/// again to stay the next time. A value that cannot be read goes first.
pub(crate) fn coldest<'a, C: 'a>(
    contexts: impl Iterator<Item = (&'a Arc<str>, &'a Decoded<C>)>,
    bound: usize,
) -> Vec<Arc<str>> {
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for (key, decoded) in contexts {
        let touched = decoded.as_ref().is_ok_and(Snapshot::cool);
        if touched { &mut warm } else { &mut cold }.push(Arc::clone(key));
    }
    let excess = (cold.len() + warm.len()).saturating_sub(bound - bound / SPARE);
    cold.truncate(excess);
    let more = excess - cold.len();
    cold.extend(warm.into_iter().take(more));
    cold
}
