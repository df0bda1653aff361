//! Finding entities by what is written in them.

use std::collections::{BTreeSet, HashMap};

use unforget_sqlite::ReadTx;

use super::index::{fold, is_blurred};
use super::knowledge::KnowledgeGraph;
use super::read;
use crate::{Result, query};

/// The longest query, in bytes.
pub const QUERY_LIMIT: usize = 64 << 10;

/// How many entities are answered at most when they were found by words.
pub const RANKED_LIMIT: usize = 50;

/// The shortest text that the index of three letters can look for, and how much of a longer one it is asked for; the
/// rest of that is compared.
const INDEXED: usize = 3;
const ASKED: usize = 128;

pub(super) fn find(tx: &ReadTx<'_>, text: &str) -> Result<KnowledgeGraph> {
    if text.is_empty() {
        return read::everything_connected(tx);
    }
    let found = holding(tx, &text.to_lowercase())?;
    if !found.is_empty() {
        return read::around(tx, &found);
    }
    ranked(tx, text)
}

/// The entities of which a piece holds `lowered`.
fn holding(tx: &ReadTx<'_>, lowered: &str) -> Result<BTreeSet<i64>> {
    if lowered.chars().nth(INDEXED - 1).is_none() {
        return scan(tx, lowered);
    }
    let asked: String = lowered.chars().take(ASKED).collect();
    let exact = asked.len() == lowered.len() && !lowered.contains(is_blurred);
    let phrase = format!("\"{}\"", fold(&asked).replace('"', "\"\""));
    let mut statement = tx.prepare_cached("SELECT rowid FROM graph_text WHERE graph_text MATCH ?1")?;
    let mut rows = statement.query([phrase])?;
    let mut found = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let piece = row.get(0)?;
        if exact || holds(tx, piece, lowered)? {
            found.insert(entity_of(tx, piece)?);
        }
    }
    Ok(found)
}

/// The entity that a piece belongs to.
fn entity_of(tx: &ReadTx<'_>, piece: i64) -> Result<i64> {
    if piece % 2 == 0 {
        return Ok(piece / 2);
    }
    Ok(tx.query_row("SELECT entity FROM observations WHERE id = ?1", [piece / 2], |row| row.get(0))?)
}

fn holds(tx: &ReadTx<'_>, piece: i64, lowered: &str) -> Result<bool> {
    let text = if piece % 2 == 0 {
        "SELECT name, entity_type FROM entities WHERE id = ?1"
    } else {
        "SELECT content, '' FROM observations WHERE id = ?1"
    };
    Ok(tx.query_row(text, [piece / 2], |row| {
        let holds = |text: String| text.to_lowercase().contains(lowered);
        Ok(holds(row.get(0)?) || holds(row.get(1)?))
    })?)
}

/// Looks through every piece, which takes time with the size of the graph; for what is too short for the index.
fn scan(tx: &ReadTx<'_>, lowered: &str) -> Result<BTreeSet<i64>> {
    let mut found = BTreeSet::new();
    for pieces in [
        "SELECT id, name FROM entities WHERE valid_to_ms IS NULL",
        "SELECT id, entity_type FROM entities WHERE valid_to_ms IS NULL",
        "SELECT entity, content FROM observations WHERE valid_to_ms IS NULL",
    ] {
        let mut statement = tx.prepare_cached(pieces)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            if text.to_lowercase().contains(lowered) {
                found.insert(row.get(0)?);
            }
        }
    }
    Ok(found)
}

/// What of an entity was found: how many of the words, and how well they fit.
#[derive(Default)]
struct Fit {
    words: usize,
    score: f64,
}

/// The entities that have all of the query's words, in whatever pieces, or else any of them.
fn ranked(tx: &ReadTx<'_>, text: &str) -> Result<KnowledgeGraph> {
    let words = query::words(text);
    let mut fits: HashMap<i64, Fit> = HashMap::new();
    for word in &words {
        for (entity, score) in having(tx, word)? {
            let fit = fits.entry(entity).or_default();
            fit.words += 1;
            fit.score += score;
        }
    }
    if fits.values().any(|fit| fit.words == words.len()) {
        fits.retain(|_, fit| fit.words == words.len());
    }
    let mut best: Vec<(i64, Fit)> = fits.into_iter().collect();
    best.sort_by(|(a, left), (b, right)| right.score.total_cmp(&left.score).then(a.cmp(b)));
    best.truncate(RANKED_LIMIT);
    read::around_ranked(tx, best.into_iter().map(|(id, _)| id))
}

/// The entities that have a word, with the score of the piece it fits best.
fn having(tx: &ReadTx<'_>, word: &str) -> Result<HashMap<i64, f64>> {
    let pieces =
        "SELECT rowid, -bm25(graph_words, 4.0, 2.0, 1.0) FROM graph_words WHERE graph_words MATCH ?1";
    let mut statement = tx.prepare_cached(pieces)?;
    let mut rows = statement.query([word])?;
    let mut best: HashMap<i64, f64> = HashMap::new();
    while let Some(row) = rows.next()? {
        let (entity, score) = (entity_of(tx, row.get(0)?)?, row.get(1)?);
        let so_far = best.entry(entity).or_insert(score);
        *so_far = so_far.max(score);
    }
    Ok(best)
}
