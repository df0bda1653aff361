//! The rows, and the tables they go to: the same for every contender.

use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, params};

/// One turn of a conversation, as a memory keeps it.
#[derive(Clone)]
pub(crate) struct Row {
    turn_id: String,
    user: &'static str,
    layer: i64,
    content: String,
    metadata: &'static str,
    at_ms: i64,
}

/// Which tables a file has, and how far a commit reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) full: bool,
    pub(crate) text: bool,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [
        Self { full: true, text: false },
        Self { full: false, text: false },
        Self { full: true, text: true },
        Self { full: false, text: true },
    ];

    pub(crate) fn name(self) -> &'static str {
        match (self.full, self.text) {
            (true, false) => "FULL",
            (false, false) => "NORMAL",
            (true, true) => "FULL with full text",
            (false, true) => "NORMAL with full text",
        }
    }

    /// What `PRAGMA synchronous` is set to.
    pub(crate) fn synchronous(self) -> &'static str {
        if self.full { "FULL" } else { "NORMAL" }
    }
}

pub(crate) const TABLE: &str = "CREATE TABLE node(
    id INTEGER PRIMARY KEY, turn_id TEXT NOT NULL, user_id TEXT NOT NULL, layer INTEGER NOT NULL,
    content TEXT NOT NULL, metadata TEXT NOT NULL, created_ms INTEGER NOT NULL, valid_from_ms INTEGER NOT NULL);
    CREATE UNIQUE INDEX node_turn ON node(turn_id, layer)";

/// An index that holds no copy of its text.
pub(crate) const TEXT_TABLE: &str =
    "CREATE VIRTUAL TABLE node_text USING fts5(content, content='node', content_rowid='id')";

/// How programs keep such an index up to date.
pub(crate) const TEXT_TRIGGER: &str = "CREATE TRIGGER node_text_insert AFTER INSERT ON node BEGIN
    INSERT INTO node_text(rowid, content) VALUES (new.id, new.content); END";

pub(crate) const INSERT: &str = "INSERT INTO node(turn_id, user_id, layer, content, metadata, created_ms, \
                                 valid_from_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)";

static NEXT: AtomicU64 = AtomicU64::new(0);

const WORDS: [&str; 16] = [
    "glider", "harbour", "violin", "winter", "coffee", "garden", "letter", "mountain", "station", "painting",
    "bicycle", "evening", "kitchen", "library", "morning", "weather",
];

impl Row {
    /// The next one: ids are ordered by time and differ between processes.
    pub(crate) fn next() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let at_ms = 1_700_000_000_000 + number;
        let mut content = String::with_capacity(208);
        let mut seed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        while content.len() < 200 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let word = usize::try_from(seed >> 60).expect("four bits");
            content.push_str(WORDS[word]);
            content.push(' ');
        }
        Self {
            turn_id: format!("turn_{at_ms:013}_{:08x}", std::process::id()),
            user: "ada",
            layer: 0,
            content,
            metadata: r#"{"source":"bench","channel":"chat","tokens":42,"language":"en","model":"x"}"#,
            at_ms: i64::try_from(at_ms).expect("a time"),
        }
    }

    /// Compiles the statement each time, as `Connection::execute` does.
    pub(crate) fn insert(&self, conn: &Connection) -> rusqlite::Result<()> {
        let Self { turn_id, user, layer, content, metadata, at_ms } = self;
        conn.execute(INSERT, params![turn_id, user, layer, content, metadata, at_ms]).map(|_| ())
    }

    pub(crate) fn insert_cached(&self, conn: &Connection) -> rusqlite::Result<()> {
        self.bind_to(&mut *conn.prepare_cached(INSERT)?)
    }

    pub(crate) fn bind_to(&self, statement: &mut rusqlite::Statement<'_>) -> rusqlite::Result<()> {
        let Self { turn_id, user, layer, content, metadata, at_ms } = self;
        statement.execute(params![turn_id, user, layer, content, metadata, at_ms]).map(|_| ())
    }
}
