//! Who has the turn, in the page: a store in memory, where a record in a file of its own would be one more file that
//! the sync of a commit has to wait for.

use std::path::Path;
use std::sync::Arc;

use unforget_fs::{TurnHolder, TurnRecord, Turnstile};

use super::{Board, Counter};
use crate::Blocker;

/// Writes down in the page of a board whose turn it is.
#[derive(Debug)]
pub(crate) struct TurnInPage(Arc<Board>);

/// What is written down about the turn, each in a number of its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Holder,
    Next,
}

impl TurnInPage {
    pub(crate) fn new(board: &Arc<Board>) -> Self {
        Self(Arc::clone(board))
    }
}

impl TurnRecord for TurnInPage {
    fn set_holder(&self, holder: Option<TurnHolder>) {
        self.0.counter.set_turn(Role::Holder, holder);
    }

    fn set_next(&self, next: Option<TurnHolder>) {
        self.0.counter.set_turn(Role::Next, next);
    }
}

/// Who keeps others from the turn on `directory`, for people and messages.
///
/// Who uses the turn without the page, such as a restore, is named by its files. Where a process was killed, its record
/// stays until the next one comes: so of two the later one counts.
pub(crate) fn blocker(counter: &Counter, directory: &Path) -> Option<Blocker> {
    let by_files = Turnstile::holder_of(directory).ok().flatten();
    let holders = counter.turn_holder().into_iter().chain(by_files);
    holders.max_by_key(|holder| (!holder.waits, holder.since_ms)).map(Blocker::Process)
}

/// One number, so that nobody finds the process of one turn with the time of another: the process id in the upper half,
/// the seconds since 1970 in the lower one, which are enough until 2106. 0 is nobody.
pub(super) fn to_number(holder: Option<TurnHolder>) -> u64 {
    holder.map_or(0, |holder| {
        let seconds = u32::try_from(holder.since_ms / 1_000).unwrap_or(u32::MAX);
        u64::from(holder.pid) << 32 | u64::from(seconds)
    })
}

pub(super) fn from_number(number: u64, role: Role) -> Option<TurnHolder> {
    let pid = u32::try_from(number >> 32).ok().filter(|pid| *pid != 0)?;
    let since_ms = (number & u64::from(u32::MAX)) * 1_000;
    Some(TurnHolder::new(pid, since_ms, matches!(role, Role::Next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_one_number_whatever_its_process_and_time() {
        for (pid, since_ms) in
            [(1, 0), (4_194_304, 1_790_000_000_000), (u32::MAX, u64::from(u32::MAX) * 1_000)]
        {
            let holder = TurnHolder::new(pid, since_ms, false);
            assert_eq!(from_number(to_number(Some(holder)), Role::Holder), Some(holder));
            assert!(from_number(to_number(Some(holder)), Role::Next).is_some_and(|next| next.waits));
        }
        assert_eq!(to_number(None), 0, "a page begins with nobody");
        assert_eq!(from_number(0, Role::Holder), None);
        let late = to_number(Some(TurnHolder::new(7, u64::MAX, false)));
        assert_eq!(from_number(late, Role::Holder).map(|holder| holder.pid), Some(7));
        let within = to_number(Some(TurnHolder::new(7, 1_999, false)));
        assert_eq!(from_number(within, Role::Holder).map(|holder| holder.since_ms), Some(1_000));
    }
    #[test]
    fn of_a_killed_process_and_a_living_one_the_later_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("a.db");
        let board = Arc::new(Board::new(&database));
        board.counter.open().unwrap();
        let page = TurnInPage::new(&board);
        let named = |counter: &Counter| match blocker(counter, directory.path()) {
            Some(Blocker::Process(holder)) => Some((holder.pid, holder.waits)),
            _ => None,
        };
        page.set_next(Some(TurnHolder::new(6, 1_000, true)));
        assert_eq!(named(&board.counter), Some((6, true)));
        page.set_holder(Some(TurnHolder::new(7, 1_000, false)));
        assert_eq!(named(&board.counter), Some((7, false)));
        assert_eq!(named(&Counter::of(&database)), Some((7, false)), "also to who has not opened the page");
        let mut turnstile = Turnstile::open(directory.path()).unwrap();
        let turn = turnstile.enter().unwrap();
        assert_eq!(named(&board.counter), Some((std::process::id(), false)), "7 was killed long ago");
        page.set_holder(Some(TurnHolder::new(8, u64::from(u32::MAX) * 1_000, false)));
        assert_eq!(named(&board.counter), Some((8, false)), "it came later");
        page.set_holder(None);
        drop(turn);
        assert_eq!(named(&board.counter), Some((6, true)), "nobody has the turn");
        page.set_next(None);
        assert_eq!(named(&board.counter), None);
    }
}
