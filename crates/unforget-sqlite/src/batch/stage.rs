//! Where those who keep copies are told of a commit before anybody takes the copies for out of date.

use super::isolated::Kept;
use crate::engine::Shared;
use crate::generation::{Board, Commit, Counter, Moment};
use crate::ledger::News;
use crate::observers::{Observers, OnPublish, Publication};
use crate::told::discard;

#[derive(Clone, Copy)]
pub(crate) struct Stage<'a> {
    board: &'a Board,
    publishers: &'a Observers<OnPublish>,
}

impl<'a> Stage<'a> {
    pub(crate) fn of(shared: &'a Shared) -> Self {
        Self { board: &shared.board, publishers: &shared.publishers }
    }

    pub(super) fn counter(self) -> &'a Counter {
        &self.board.counter
    }

    /// See [`Board::moments`].
    pub(super) fn moments(self, commit: &Commit<'_>) -> Option<(Option<Moment>, Moment)> {
        self.board.moments(commit)
    }

    /// Hands out what the operations of a batch have published, after their commit and before its counter is even.
    pub(super) fn publish(
        self,
        commit: &Commit<'_>,
        moments: Option<(Option<Moment>, Moment)>,
        kept: &mut [Kept],
    ) {
        let news: Vec<News> = kept.iter_mut().flat_map(|kept| kept.later.news.drain(..)).collect();
        if let Some(moments) = moments
            && let Some(publishers) = self.publishers.all()
        {
            publishers.tell(&Publication::new(&news, moments, commit));
        }
        news.into_iter().for_each(discard);
    }
}
