//! Keeps the full-text index in step with the turns.
//!
//! The row of a turn has its own words (`body`) and, more lightly weighed, its date and the turns before and after it
//! in the session (`near`): in a conversation the words of a question stand beside the answer. So a turn that
//! arrives changes the rows of its neighbours too.
//!
//! Operations only mark what they stored. The index is written at the end of their batch, once for all of them: FTS5
//! writes out what it has gathered whenever a savepoint is opened or closed, which costs several times what it takes to
//! index a turn, and turns of one session that arrive together are neighbours of each other.

use std::collections::BTreeSet;

use rusqlite::OptionalExtension;
use unforget_sqlite::{Pending, Result, WriteTx};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const TURN: &str = "memory_nodes";

/// Has the index brought up to date for a turn that is new, changed or gone.
pub(crate) fn pend(tx: &WriteTx<'_>, id: i64) -> Result<()> {
    tx.pend(Pending::new(TURN, id))
}

/// Writes the rows of the turns that a batch marked and of those beside them, each once however often it was marked.
pub(crate) fn write_pending(tx: &WriteTx<'_>, pending: &[Pending]) -> Result<()> {
    let marked = pending.iter().filter(|pending| pending.kind == TURN).map(|pending| pending.row);
    let marked: BTreeSet<i64> = marked.collect();
    let mut changed = marked.clone();
    for id in marked {
        changed.extend(beside(tx, BEFORE, id)?.map(|(id, _)| id));
        changed.extend(beside(tx, AFTER, id)?.map(|(id, _)| id));
    }
    for id in changed {
        write_row(tx, id)?;
    }
    Ok(())
}

fn write_row(tx: &WriteTx<'_>, id: i64) -> Result<()> {
    let turn = "SELECT content, strftime('%Y-%m-%d', created_ms / 1000, 'unixepoch') FROM memory_nodes WHERE id = ?1";
    let turn: Option<(String, Option<String>)> =
        tx.query_row(turn, [id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((body, day)) = turn else {
        tx.execute("DELETE FROM memory_fts WHERE rowid = ?1", [id])?;
        return Ok(());
    };
    let mut near = day.as_deref().and_then(spell_out).unwrap_or_default();
    for side in [BEFORE, AFTER] {
        if let Some((_, text)) = beside(tx, side, id)? {
            near.push('\n');
            near.push_str(&text);
        }
    }
    tx.execute("INSERT OR REPLACE INTO memory_fts(rowid, body, near) VALUES (?1, ?2, ?3)", (id, body, near))?;
    Ok(())
}

const BEFORE: &str = "
    SELECT other.id, other.content FROM memory_nodes AS turn JOIN memory_nodes AS other
        ON other.user_id = turn.user_id AND other.session_id = turn.session_id AND other.layer = turn.layer
        AND (other.created_ms, other.id) < (turn.created_ms, turn.id)
    WHERE turn.id = ?1 ORDER BY other.created_ms DESC, other.id DESC LIMIT 1";

const AFTER: &str = "
    SELECT other.id, other.content FROM memory_nodes AS turn JOIN memory_nodes AS other
        ON other.user_id = turn.user_id AND other.session_id = turn.session_id AND other.layer = turn.layer
        AND (other.created_ms, other.id) > (turn.created_ms, turn.id)
    WHERE turn.id = ?1 ORDER BY other.created_ms, other.id LIMIT 1";

fn beside(tx: &WriteTx<'_>, side: &str, id: i64) -> Result<Option<(i64, String)>> {
    Ok(tx.query_row(side, [id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// `2023-05-07` as people ask for it: `7 May 2023`.
fn spell_out(day: &str) -> Option<String> {
    let mut parts = day.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
    Some(format!("{} {month} {year}", day.trim_start_matches('0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_spelled_as_people_ask_for_it() {
        assert_eq!(spell_out("2023-05-07").as_deref(), Some("7 May 2023"));
        assert_eq!(spell_out("2023-13-07"), None);
        assert_eq!(spell_out("soon"), None);
    }
}
