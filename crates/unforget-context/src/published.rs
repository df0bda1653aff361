//! All contexts at one point in time, and how one point follows another.

mod changed;

use std::sync::Arc;

use imbl::GenericHashMap;
use imbl::shared_ptr::DefaultSharedPtr;
use serde::de::DeserializeOwned;

use crate::hot::Hot;
use crate::recent::{Changed, REMEMBERED, Recent};
use crate::{Changes, Error, Moment, Result, Snapshot, Stored, evict};

/// A persistent map: a new state of all contexts shares with the old one all but the way to what changed.
type Map<V> = GenericHashMap<Arc<str>, V, foldhash::quality::RandomState, DefaultSharedPtr>;

/// A context, or why it cannot be read: one unreadable value must not hide the others.
pub(crate) type Decoded<C> = Result<Snapshot<C>, Arc<Error>>;

/// Every context as of one change. Sharing structure with its predecessors, it is cheap to hold and to follow.
#[derive(Debug)]
pub(crate) struct State<C> {
    /// The number of the last change this state includes.
    seq: u64,
    /// While this is the store's moment, nothing is committed that this state lacks.
    moment: Option<Moment>,
    /// Whether every context there is is in the map; with a bound it is not, and the store has to be asked for what is
    /// not found.
    complete: bool,
    /// Whether it is known where the store was, so that every change from there on is followed; 0 may be that place.
    begun: bool,
    contexts: Map<Decoded<C>>,
    /// Newer than what `contexts` has for the same keys. Only an owner puts something here.
    hot: Hot<C>,
    recent: Recent,
}

/// What a look-up in a state comes to.
pub(crate) enum Found<C> {
    Context(Decoded<C>),
    /// There is none.
    Nothing,
    /// There may be one in the store.
    NotKept,
}

/// What a store reported, decoded before it is folded in, because folding may be repeated.
pub(crate) struct Step<C> {
    latest: u64,
    /// The number it was asked for, so that every change from there to `latest` is in it.
    after: u64,
    /// The store's moment from before it was asked.
    moment: Option<Moment>,
    /// In the order of their commits.
    rows: Vec<Row<C>>,
}

struct Row<C> {
    key: Arc<str>,
    revision: u64,
    seq: u64,
    decoded: Option<Decoded<C>>,
}

impl<C> State<C> {
    /// Knows nothing yet. With a bound it does not begin by loading everything.
    pub(crate) fn empty(bounded: bool) -> Self {
        let contexts = Map::default();
        Self {
            seq: 0,
            moment: None,
            complete: !bounded,
            begun: !bounded,
            contexts,
            hot: Hot::empty(),
            recent: Recent::default(),
        }
    }

    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// The number to ask the store for changes after; a state that is not complete begins where the store is.
    pub(crate) fn asks_after(&self) -> u64 {
        if self.begun { self.seq } else { u64::MAX }
    }

    #[inline]
    pub(crate) fn moment(&self) -> Option<Moment> {
        self.moment
    }

    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    #[inline]
    pub(crate) fn find(&self, key: &str) -> Found<C> {
        if let Some(snapshot) = self.hot.find(key) {
            return Found::Context(Ok(snapshot.clone()));
        }
        match self.contexts.get(key) {
            Some(decoded) => {
                if let Ok(snapshot) = decoded {
                    snapshot.touch();
                }
                Found::Context(decoded.clone())
            }
            None if self.complete => Found::Nothing,
            None => Found::NotKept,
        }
    }

    /// The contexts that a store holds at one point in time, whatever the bound.
    pub(crate) fn whole(step: &Step<C>) -> Self {
        Self::empty(false).follow(step, None).unwrap_or_else(|| Self::empty(false))
    }

    pub(crate) fn len(&self) -> usize {
        self.contexts.len()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Decoded<C>> {
        self.contexts.iter().map(|(key, decoded)| match self.hot.find(key) {
            Some(newer) => Ok(newer.clone()),
            None => decoded.clone(),
        })
    }

    /// The state after `step`, or `None` if there is nothing to add to this one.
    ///
    /// A step tells of *every* key that changed after the number it was asked for, and of the last change of each. So
    /// folding a step that was asked for an older state into a newer one is harmless where it reaches further:
    /// rows that the newer state already has are the same rows, or newer ones. Where it does not reach further it
    /// is refused whole; a removed context cannot come back by way of a reader that was slow to publish.
    ///
    /// A step that reaches exactly as far found nothing new: then all that was committed before its moment is in this
    /// state as well, which gets the moment.
    pub(crate) fn follow(&self, step: &Step<C>, bound: Option<usize>) -> Option<Self> {
        if step.latest < self.seq {
            return None;
        }
        if step.latest == self.seq {
            let is_later = step.moment.is_some() && step.moment != self.moment;
            return (is_later || !self.begun).then(|| self.at(step.moment));
        }
        if step.after > self.seq && !self.begins_at(step) {
            return None;
        }
        let mut next = self.at(step.moment);
        next.seq = step.latest;
        for row in step.rows.iter().filter(|row| row.seq > self.seq) {
            match &row.decoded {
                Some(decoded) => drop(next.contexts.insert(Arc::clone(&row.key), decoded.clone())),
                None => drop(next.contexts.remove(&row.key)),
            }
        }
        next.remember(step.rows.iter().filter(|row| row.seq > self.seq).collect());
        next.keep_at_most(bound);
        Some(next)
    }

    /// This state with a context that it did not keep, read from the store while this state was the published one.
    ///
    /// `None` if what was read is newer than this state: that comes with the changes.
    pub(crate) fn with(&self, stored: &Stored, decoded: &Decoded<C>, bound: Option<usize>) -> Option<Self> {
        if stored.seq > self.seq {
            return None;
        }
        let mut next = self.at(self.moment);
        // Room first: what was just asked for is not what is let go of.
        next.keep_at_most(bound.map(|bound| bound.saturating_sub(1)));
        next.contexts.insert(Arc::from(stored.key.as_str()), decoded.clone());
        Some(next)
    }

    /// Nothing is kept yet, so that nothing can be out of date wherever this state begins.
    fn begins_at(&self, step: &Step<C>) -> bool {
        !self.begun && step.after == u64::MAX
    }

    /// This state with another moment.
    pub(crate) fn at(&self, moment: Option<Moment>) -> Self {
        let Self { seq, complete, .. } = *self;
        Self {
            seq,
            moment,
            complete,
            begun: true,
            contexts: self.contexts.clone(),
            hot: self.hot.clone(),
            recent: self.recent.clone(),
        }
    }

    fn remember(&mut self, rows: Vec<&Row<C>>) {
        let skipped = (rows.len() as u64).saturating_sub(REMEMBERED);
        self.recent.skip(skipped);
        for row in rows.into_iter().skip(usize::try_from(skipped).unwrap_or(usize::MAX)) {
            self.recent.add(row.changed());
        }
    }

    fn keep_at_most(&mut self, bound: Option<usize>) {
        let Some(bound) = bound.filter(|bound| self.contexts.len() > *bound) else { return };
        for key in evict::coldest(self.contexts.iter(), bound) {
            self.contexts.remove(&key);
        }
    }
}

impl<C: DeserializeOwned> Step<C> {
    /// `after` is the number the store was asked for, `moment` its moment from before.
    pub(crate) fn decode(changes: &Changes, after: u64, moment: Option<Moment>) -> Self {
        let mut rows: Vec<_> = changes.rows.iter().map(Row::decode).collect();
        rows.sort_unstable_by_key(|row| row.seq);
        Self { latest: changes.latest, after, moment, rows }
    }

    /// All that one commit changed, in the order of its numbers; `None` if that is nothing. Numbers have no gaps.
    pub(crate) fn of_all(rows: &[&Stored]) -> Option<Self> {
        let (first, last) = (rows.first()?, rows.last()?);
        let rows = rows.iter().map(|stored| Row::decode(stored)).collect();
        Some(Self { latest: last.seq, after: first.seq - 1, moment: None, rows })
    }

    /// This step, after which it is `moment`.
    pub(crate) fn ending_at(self, moment: Moment) -> Self {
        Self { moment: Some(moment), ..self }
    }
}

impl<C: DeserializeOwned> Row<C> {
    fn decode(stored: &Stored) -> Self {
        let decoded = Snapshot::decode(stored).map_err(Arc::new).transpose();
        Self { key: Arc::from(stored.key.as_str()), revision: stored.revision, seq: stored.seq, decoded }
    }
}

impl<C> Row<C> {
    fn changed(&self) -> Changed {
        let Self { revision, seq, .. } = *self;
        Changed { key: Arc::clone(&self.key), seq, revision, removed: self.decoded.is_none() }
    }
}
