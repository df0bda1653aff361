//! The tables of a store.

use unforget_sqlite::Schema;

use crate::index;

/// "unfg": marks the files of this crate.
const APPLICATION_ID: i32 = 0x756e_6667;

/// Every step that builds the schema, oldest first; a released step never changes.
///
/// `memory_nodes.id` is an explicit, never reused INTEGER PRIMARY KEY: implicit row ids move when the file is
/// vacuumed, and a reused one would attach the full-text row of a deleted turn to a new one.
/// `memory_fts` keeps no text of its own (`content=''`); `near` holds a turn's date and its neighbours in the session.
/// `meta.context_seq` numbers the changes of `contexts` in commit order and never runs backwards, also when rows go.
pub(crate) static SCHEMA: Schema = Schema::new(&["
CREATE TABLE memory_nodes(
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    turn_id       TEXT NOT NULL,
    layer         TEXT NOT NULL,
    user_id       TEXT NOT NULL,
    session_id    TEXT NOT NULL,
    kind          TEXT NOT NULL,
    speaker       TEXT,
    content       TEXT NOT NULL,
    metadata      TEXT,
    importance    REAL NOT NULL DEFAULT 0.5,
    created_ms    INTEGER NOT NULL,
    valid_from_ms INTEGER NOT NULL,
    valid_to_ms   INTEGER
) STRICT;
CREATE UNIQUE INDEX idx_nodes_turn_layer_unique ON memory_nodes(turn_id, layer);
CREATE INDEX idx_nodes_session ON memory_nodes(user_id, session_id, layer, created_ms, id);
CREATE VIRTUAL TABLE memory_fts USING fts5(
    body, near, content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TABLE contexts(
    key      TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    value    TEXT,
    deleted  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX idx_contexts_seq ON contexts(seq);
CREATE TABLE meta(
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
INSERT INTO meta(key, value) VALUES ('context_seq', 0);
"])
.application_id(APPLICATION_ID)
.batch_end(index::write_pending);
