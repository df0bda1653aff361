//! Keeping what is published in step with the store.

use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};

use serde::de::DeserializeOwned;
use unforget_sync::{Published, SnapshotCell, SnapshotGuard};

use crate::bell::Bell;
use crate::published::{Decoded, Found, State, Step};
use crate::rounds::Rounds;
use crate::{
    Change, Committed, ContextStore, Generation, Moment, Observer, Observing, Result, Snapshot, Stored,
    inside,
};

/// How often a read looks again whether a commit was published, some microseconds in all. A model has enough orders
/// without.
const SPINS: u32 = if cfg!(any(unforget_loom, unforget_shuttle)) { 0 } else { 128 };

/// What all clones of a handle share: the store, and the last published state of it.
///
/// ```text
/// get:      load the state ─► does its moment last? ─► answer from the state
///                                 └─ otherwise ─► load the moment ─► ask the store what changed ─► publish both
/// store:    commit ─► tell what changed, and the moment to come ─► publish both ─► that moment begins
/// update:   is the commit published? ─► otherwise ask the store what changed, one for all who wait
/// ```
#[derive(Debug)]
pub(crate) struct Shared<C> {
    store: Arc<dyn ContextStore>,
    generation: Option<Arc<dyn Generation>>,
    published: SnapshotCell<State<C>>,
    bell: Bell,
    catching_up: Rounds,
    bound: Option<usize>,
    _observing: Option<Observing>,
}

impl<C: DeserializeOwned + Send + Sync + 'static> Shared<C> {
    pub(crate) fn new(store: Arc<dyn ContextStore>, bound: Option<NonZeroUsize>) -> Arc<Self> {
        Arc::new_cyclic(|shared: &Weak<Self>| {
            let shared = Weak::clone(shared);
            let observer: Observer = Arc::new(move |committed| {
                if let Some(shared) = shared.upgrade() {
                    shared.follow(committed);
                }
            });
            Self {
                generation: store.generation(),
                _observing: store.observe(observer),
                store,
                published: SnapshotCell::new(State::empty(bound.is_some())),
                bell: Bell::default(),
                catching_up: Rounds::default(),
                bound: bound.map(NonZeroUsize::get),
            }
        })
    }
}

impl<C> Shared<C> {
    /// The state published last, whether or not it is up to date.
    #[inline]
    pub(crate) fn last(&self) -> SnapshotGuard<State<C>> {
        self.published.load()
    }

    /// Publishes the next state. Only an owner does, one change at a time.
    pub(crate) fn put(&self, state: State<C>) {
        self.published.publish(state);
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.bell
    }

    #[inline]
    fn moment(&self) -> Option<Moment> {
        self.generation.as_ref()?.now()
    }

    /// Tells whether a state may be answered from. Asked after it was loaded.
    #[inline]
    fn lasts(&self, state: &State<C>) -> bool {
        match (&self.generation, state.moment()) {
            (Some(generation), Some(moment)) => generation.lasts(moment),
            _ => false,
        }
    }
}

impl<C: DeserializeOwned> Shared<C> {
    /// The context of `key` as of now. The caller has not checked the key; that it is not found is cheap to tell.
    #[inline]
    pub(crate) fn get(&self, key: &str) -> Result<Option<Snapshot<C>>> {
        let state = self.last();
        if self.lasts(&state) {
            match state.find(key) {
                Found::Context(decoded) => return answer(decoded),
                Found::Nothing => return Ok(None),
                Found::NotKept => {}
            }
        }
        drop(state);
        self.get_from_store(key)
    }

    #[cold]
    fn get_from_store(&self, key: &str) -> Result<Option<Snapshot<C>>> {
        self.wait_for_publication();
        let state = self.refresh()?;
        match state.find(key) {
            Found::Context(decoded) => answer(decoded),
            Found::Nothing => Ok(None),
            Found::NotKept => self.load(key, state.seq()),
        }
    }

    /// Waits a moment for a commit that is under way: if it is one of this process, which publishes it now, that takes
    /// less than to ask the store.
    fn wait_for_publication(&self) {
        let spins = if self.generation.is_some() { SPINS } else { 0 };
        for _ in 0..spins {
            if self.moment().is_some() || self.lasts(&self.last()) {
                return;
            }
            std::hint::spin_loop();
        }
    }

    /// Reads a context that is not kept, and keeps it if the published state is still the one with `seq`.
    ///
    /// Then nothing was published between that state and the reading, and what was read is as of that state, unless it
    /// is newer. Otherwise a change of this very context may have been published meanwhile, which this must not undo.
    fn load(&self, key: &str, seq: u64) -> Result<Option<Snapshot<C>>> {
        let Some(stored) = self.store.read(key)? else { return Ok(None) };
        let Some(decoded) = Snapshot::decode(&stored).map_err(Arc::new).transpose() else { return Ok(None) };
        self.published.update_if(|state| {
            let unchanged = state.seq() == seq;
            unchanged.then(|| state.with(&stored, &decoded, self.bound)).flatten()
        });
        answer(decoded)
    }

    /// Folds what changed in the store since the published state into it, whoever changed it.
    ///
    /// The answer is what the cell holds afterwards, which is never older than what was read from the store here.
    pub(crate) fn refresh(&self) -> Result<Arc<Published<State<C>>>> {
        loop {
            // Before the store is asked: what is committed in between may be in its answer, and its moment is another.
            let moment = self.moment();
            let seen = self.published.load_full();
            if self.lasts(&seen) {
                return Ok(seen);
            }
            let after = seen.asks_after();
            let changes = self.store.changes_since(after)?;
            let step = Step::decode(&changes, after, moment);
            let state = self.publish(&step);
            // Only where a bounded state begins may another have begun elsewhere; then this one goes on from there.
            if state.seq() >= changes.latest {
                return Ok(state);
            }
        }
    }

    /// Publishes what a commit of this process changed, while nobody takes it for known yet.
    ///
    /// If the published state lacks something from before the commit, the next read catches up. The values are decoded
    /// by the thread that commits, which has done as much to encode them.
    fn follow(&self, committed: &Committed<'_>) {
        // Decoded before the moment is asked for: in between, others have no copy that lasts.
        let step = Step::of_all(&committed.rows);
        let moment = (committed.moment)();
        if let Some(step) = step {
            self.publish(&step.ending_at(moment));
        } else {
            self.published.update_if(|state| {
                let goes_on = committed.before.is_some() && state.moment() == committed.before;
                goes_on.then(|| state.at(Some(moment)))
            });
        }
    }

    fn publish(&self, step: &Step<C>) -> Arc<Published<State<C>>> {
        let mut reaches_further = false;
        let state = self.published.update_if(|state| {
            let next = state.follow(step, self.bound);
            reaches_further = next.as_ref().is_some_and(|next| next.seq() > state.seq());
            next
        });
        if reaches_further {
            self.bell.ring();
        }
        state
    }

    /// Every context at one point in time; kept by nobody else if that is more than the bound.
    pub(crate) fn whole(&self) -> Result<State<C>> {
        let changes = self.store.changes_since(0)?;
        Ok(State::whole(&Step::decode(&changes, 0, None)))
    }

    /// Commits a change and answers what is stored then, as published if it was.
    pub(crate) fn change(&self, key: &str, change: Change) -> Result<Option<Snapshot<C>>> {
        inside::check()?;
        let Some(stored) = self.store.update(key, change)? else { return Ok(None) };
        self.catch_up(&stored);
        match self.last().find(key) {
            Found::Context(Ok(snapshot)) if snapshot.revision() == stored.revision => Ok(Some(snapshot)),
            _ => Snapshot::decode(&stored),
        }
    }

    /// Publishes what is committed, up to `stored` at least: once for all who wait for that.
    ///
    /// The change stays committed if this fails, so its caller is told success; the next read catches up.
    fn catch_up(&self, stored: &Stored) {
        let reached = || self.last().seq() >= stored.seq;
        self.catching_up.join(reached, || {
            let _next_read_catches_up = self.refresh();
        });
    }
}

#[inline]
fn answer<C>(decoded: Decoded<C>) -> Result<Option<Snapshot<C>>> {
    match decoded {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(error) => Err((*error).clone()),
    }
}
