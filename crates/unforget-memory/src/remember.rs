//! Storing turns.

use rusqlite::OptionalExtension;
use unforget_sqlite::WriteTx;

use crate::memories::Memories;
use crate::turn::NewTurn;
use crate::{Error, Result, index, turn_id};

/// How often a new id is made when the store has it already. Ids carry four random bytes and a time stamp, so a
/// second collision in a row means that the random numbers are not random.
const ID_ATTEMPTS: usize = 8;

/// What became of one of several turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is new in the store.
    New,
    /// The user had a turn of that id in that layer; it was left as it is.
    Duplicate,
    /// Another user has a turn of that id; nothing was stored.
    Foreign,
}

/// A turn with everything decided that is decided before the transaction, so that running the transaction again
/// stores the same.
struct Prepared {
    turn: NewTurn,
    turn_id: String,
    created_ms: u64,
    metadata: Option<String>,
}

impl Prepared {
    fn new(turn: NewTurn, turn_id: String) -> Self {
        let created_ms = turn.created_ms.unwrap_or_else(turn_id::now_ms);
        Self { metadata: turn.metadata_json(), turn, turn_id, created_ms }
    }
}

impl Memories {
    /// Stores a turn and answers its id after the commit.
    ///
    /// # Errors
    ///
    /// [`Error::Duplicate`] or [`Error::ForeignTurn`] if the turn was given an id that is taken.
    pub fn remember(&self, turn: NewTurn) -> Result<String> {
        self.validate(&turn)?;
        match turn.turn_id.clone() {
            Some(turn_id) => self.remember_as(turn, turn_id),
            None => self.remember_anew(&turn),
        }
    }

    /// Checks a turn as [`remember`](Self::remember) would, without storing it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] or [`Error::TooLarge`] names the field.
    pub fn validate(&self, turn: &NewTurn) -> Result<()> {
        turn.check(self.content_limit())
    }

    /// Answers what was said in the turn that has an id in a layer; `None` if there is no such turn.
    pub fn content(&self, turn_id: &str, layer: &str) -> Result<Option<String>> {
        let content = "SELECT content FROM memory_nodes WHERE turn_id = ?1 AND layer = ?2";
        self.db().read(|tx| Ok(tx.query_row(content, (turn_id, layer), |row| row.get(0)).optional()?))
    }

    /// For each of several turns, tells whether another user has a turn of its id; asked in one snapshot.
    pub fn are_foreign(&self, turns: &[NewTurn]) -> Result<Vec<bool>> {
        self.db().read(|tx| {
            let foreign = "SELECT 1 FROM memory_nodes WHERE turn_id = ?1 AND layer = ?2 AND user_id <> ?3";
            let mut statement = tx.prepare_cached(foreign)?;
            let mut answer = |turn: &NewTurn| match &turn.turn_id {
                Some(turn_id) => statement.exists((turn_id, &turn.layer, &turn.user_id)),
                None => Ok(false),
            };
            Ok(turns.iter().map(&mut answer).collect::<Result<_, _>>()?)
        })
    }

    fn remember_as(&self, turn: NewTurn, turn_id: String) -> Result<String> {
        let layer = turn.layer.clone();
        match self.store_one(Prepared::new(turn, turn_id.clone()))? {
            Stored::New => Ok(turn_id),
            Stored::Duplicate => Err(Error::Duplicate { turn_id, layer }),
            Stored::Foreign => Err(Error::ForeignTurn { turn_id }),
        }
    }

    fn remember_anew(&self, turn: &NewTurn) -> Result<String> {
        for _ in 0..ID_ATTEMPTS {
            let turn_id = turn_id::generate()?;
            if self.store_one(Prepared::new(turn.clone(), turn_id.clone()))? == Stored::New {
                return Ok(turn_id);
            }
        }
        Err(Error::Random { reason: format!("{ID_ATTEMPTS} new ids in a row were taken") })
    }

    fn store_one(&self, prepared: Prepared) -> Result<Stored> {
        self.db().write_sized(prepared.turn.weight(), move |tx| -> Result<Stored> { insert(tx, &prepared) })
    }

    /// Stores several turns in one transaction and answers what became of each, in their order.
    ///
    /// A turn without an id gets one derived from what it says, so that storing the same turns again stores nothing
    /// new. A turn whose id is taken is left out; the others are stored.
    ///
    /// # Errors
    ///
    /// If any turn is invalid, nothing is stored. [`Error::TooLarge`] for the field `turns` if together they are more
    /// than the database takes in one transaction, 64 MiB unless set; give fewer at a time.
    pub fn remember_all(&self, turns: Vec<NewTurn>) -> Result<Vec<Stored>> {
        let mut bytes = 0;
        let mut prepared = Vec::with_capacity(turns.len());
        for turn in turns {
            self.validate(&turn)?;
            bytes += turn.weight();
            let turn_id = turn.turn_id.clone().unwrap_or_else(|| turn_id::derive(&turn));
            prepared.push(Prepared::new(turn, turn_id));
        }
        let stored = self.db().write_sized(bytes, move |tx| -> Result<Vec<Stored>> {
            prepared.iter().map(|turn| insert(tx, turn)).collect()
        });
        stored.map_err(|error| match error {
            Error::Database(unforget_sqlite::Error::TooLarge { bytes, limit }) => {
                Error::TooLarge { field: "turns", bytes, limit }
            }
            other => other,
        })
    }
}

fn insert(tx: &WriteTx<'_>, prepared: &Prepared) -> Result<Stored> {
    let Prepared { turn, turn_id, created_ms, metadata } = prepared;
    let values = (
        turn_id,
        &turn.layer,
        &turn.user_id,
        &turn.session_id,
        &turn.speaker,
        &turn.content,
        metadata,
        // `NewTurn::check` keeps it below the year 10000.
        i64::try_from(*created_ms).unwrap_or(i64::MAX),
    );
    let id: Option<i64> = tx.query_row(INSERT, values, |row| row.get(0)).optional()?;
    if let Some(id) = id {
        index::pend(tx, id)?;
        return Ok(Stored::New);
    }
    let same_user: bool = tx.query_row(
        "SELECT user_id = ?3 FROM memory_nodes WHERE turn_id = ?1 AND layer = ?2",
        (turn_id, &turn.layer, &turn.user_id),
        |row| row.get(0),
    )?;
    Ok(if same_user { Stored::Duplicate } else { Stored::Foreign })
}

const INSERT: &str = "
    INSERT INTO memory_nodes(
        turn_id, layer, user_id, session_id, kind, speaker, content, metadata, created_ms, valid_from_ms
    ) VALUES (?1, ?2, ?3, ?4, 'turn', ?5, ?6, ?7, ?8, ?8)
    ON CONFLICT(turn_id, layer) DO NOTHING RETURNING id";
