//! Keeps the full-text index in step with the turns.
//!
//! The row of a turn has its own words (`body`) and, more lightly weighed, its date and the turns before and after it
//! in the session (`near`): in a conversation the words of a question stand beside the answer. So a turn that
//! arrives changes the rows of its neighbours too.

use std::collections::BTreeSet;

use rusqlite::OptionalExtension;
use unforget_sqlite::WriteTx;

use crate::Result;

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

/// Writes the rows of new turns and of those they came to stand beside, each once.
pub(crate) fn add(tx: &WriteTx<'_>, new: &[i64]) -> Result<()> {
    let mut changed: BTreeSet<i64> = new.iter().copied().collect();
    for &id in new {
        changed.extend(beside(tx, BEFORE, id)?.map(|(id, _)| id));
        changed.extend(beside(tx, AFTER, id)?.map(|(id, _)| id));
    }
    for id in changed {
        write_row(tx, id)?;
    }
    Ok(())
}

fn write_row(tx: &WriteTx<'_>, id: i64) -> Result<()> {
    let (body, day): (String, Option<String>) = tx.query_row(
        "SELECT content, strftime('%Y-%m-%d', created_ms / 1000, 'unixepoch') FROM memory_nodes WHERE id = ?1",
        [id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
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
