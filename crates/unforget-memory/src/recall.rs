//! Finding turns again.

use crate::memories::Memories;
use crate::{Result, query};

/// How many hits a query answers unless it says otherwise.
pub const DEFAULT_LIMIT: usize = 10;

/// How many hits a query answers at most.
pub const HIT_LIMIT: usize = 1_000;

/// What to look for.
///
/// ```
/// use unforget_memory::Query;
///
/// let query = Query::new("when is the glider ready?").user("ada").limit(3);
/// assert_eq!(query, query.clone());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    text: String,
    user: Option<String>,
    session: Option<String>,
    limit: usize,
}

impl Query {
    /// Looks for turns with any of the words of `text`, whatever signs stand between them.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), user: None, session: None, limit: DEFAULT_LIMIT }
    }

    /// Looks at one user's turns only.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Looks at one session only.
    #[must_use]
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// Answers at most `limit` hits; [`DEFAULT_LIMIT`] unless set, never more than [`HIT_LIMIT`].
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.min(HIT_LIMIT);
        self
    }
}

/// A turn that was found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Hit {
    /// Its id.
    pub turn_id: String,
    /// Its layer.
    pub layer: String,
    /// Whose it is.
    pub user_id: String,
    /// In which session it was said.
    pub session_id: String,
    /// What was said, as it was stored; it may hold terminal escapes.
    pub content: String,
    /// How well it fits; larger is better. Comparable within one answer only.
    pub score: f64,
    /// When it was said, in milliseconds since the Unix epoch.
    pub created_ms: u64,
}

impl Memories {
    /// Answers the turns that fit a query best, best first.
    ///
    /// Turns are ranked by bm25 over their own words and, at 0.4 of the weight, over their date and their neighbours
    /// in the session.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyQuery`](crate::Error::EmptyQuery) if the text holds no letter and no digit.
    pub fn recall(&self, query: &Query) -> Result<Vec<Hit>> {
        let wanted = query::any_of(&query.text)?;
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        self.db().read(|tx| {
            let mut statement = tx.prepare_cached(BEST)?;
            let hits = statement.query_map((wanted, &query.user, &query.session, limit), |row| {
                Ok(Hit {
                    turn_id: row.get(0)?,
                    layer: row.get(1)?,
                    user_id: row.get(2)?,
                    session_id: row.get(3)?,
                    content: row.get(4)?,
                    score: row.get(5)?,
                    created_ms: row.get(6)?,
                })
            })?;
            Ok(hits.collect::<Result<_, _>>()?)
        })
    }
}

/// The filters come before the limit: a user with few turns is found beside one with many.
const BEST: &str = "
    SELECT node.turn_id, node.layer, node.user_id, node.session_id, node.content,
        -bm25(memory_fts, 1.0, 0.4) AS score, node.created_ms
    FROM memory_fts JOIN memory_nodes AS node ON node.id = memory_fts.rowid
    WHERE memory_fts MATCH ?1 AND (?2 IS NULL OR node.user_id = ?2) AND (?3 IS NULL OR node.session_id = ?3)
        AND node.valid_to_ms IS NULL
    ORDER BY score DESC, node.id DESC LIMIT ?4";
