//! The tables of a store.

use unforget_sqlite::{Pending, Result, Schema, WriteTx};

use crate::{graph, index};

/// "unfg": marks the files of this crate.
const APPLICATION_ID: i32 = 0x756e_6667;

/// Every step that builds the schema, oldest first; a released step never changes.
///
/// `memory_nodes.id` is an explicit, never reused INTEGER PRIMARY KEY: implicit row ids move when the file is
/// vacuumed, and a reused one would attach the full-text row of a deleted turn to a new one.
/// `memory_fts` keeps no text of its own (`content=''`); `near` holds a turn's date and its neighbours in the session.
/// `meta.context_seq` numbers the changes of `contexts` in commit order and never runs backwards, also when rows go.
pub(crate) static SCHEMA: Schema =
    Schema::new(&[MEMORIES, GRAPH]).application_id(APPLICATION_ID).batch_end(write_pending);

/// Brings the full-text indexes up to date for what a batch marked.
fn write_pending(tx: &WriteTx<'_>, pending: &[Pending]) -> Result<()> {
    index::write_pending(tx, pending)?;
    graph::index::write_pending(tx, pending)
}

const MEMORIES: &str = "
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
";

/// A row of `entities`, `observations` or `relations` is what was true from `valid_from_ms` until `valid_to_ms`; what
/// is true now has none. So the unique indexes are of those, and what has passed has indexes of its own, which cost
/// nothing before.
///
/// Relations name their ends, since files of the official server may hold some to entities that do not exist.
/// `observations.digest` is eight bytes of the content's SHA-256: one entity may have many observations, and looking
/// for one of them must not read all. It is not unique, since an entity may be created with the same observation twice.
///
/// The rows of `graph_text` and `graph_words` are pieces: 2 * id of an entity, 2 * id + 1 of an observation; nothing
/// is found that begins in one piece and ends in another. `graph_text` holds them lower-cased, for substrings.
///
/// A row of `outbox` is the line of an entity (slot 2 * id) or relation (slot 2 * id + 1) as a change left it, for those
/// who keep the graph somewhere else too (`mirrors`); no line means that it is gone. `mark` tells a row from one that had
/// its number before the database was set back to an earlier copy.
/// `meta.graph_revision` counts the changes.
const GRAPH: &str = "
CREATE TABLE entities(
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL,
    entity_type   TEXT NOT NULL,
    valid_from_ms INTEGER NOT NULL,
    valid_to_ms   INTEGER
) STRICT;
CREATE UNIQUE INDEX idx_entities_name ON entities(name) WHERE valid_to_ms IS NULL;
CREATE INDEX idx_entities_past ON entities(name) WHERE valid_to_ms IS NOT NULL;
CREATE TABLE observations(
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    entity        INTEGER NOT NULL REFERENCES entities(id),
    digest        INTEGER NOT NULL,
    content       TEXT NOT NULL,
    valid_from_ms INTEGER NOT NULL,
    valid_to_ms   INTEGER
) STRICT;
CREATE INDEX idx_observations_entity ON observations(entity, digest) WHERE valid_to_ms IS NULL;
CREATE INDEX idx_observations_past ON observations(entity) WHERE valid_to_ms IS NOT NULL;
CREATE TABLE relations(
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    source        TEXT NOT NULL,
    target        TEXT NOT NULL,
    relation_type TEXT NOT NULL,
    valid_from_ms INTEGER NOT NULL,
    valid_to_ms   INTEGER
) STRICT;
CREATE UNIQUE INDEX idx_relations_ends ON relations(source, target, relation_type) WHERE valid_to_ms IS NULL;
CREATE INDEX idx_relations_target ON relations(target) WHERE valid_to_ms IS NULL;
CREATE INDEX idx_relations_past_source ON relations(source) WHERE valid_to_ms IS NOT NULL;
CREATE INDEX idx_relations_past_target ON relations(target) WHERE valid_to_ms IS NOT NULL;
CREATE VIRTUAL TABLE graph_text USING fts5(
    name, type, observation, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1'
);
CREATE VIRTUAL TABLE graph_words USING fts5(
    name, type, observation, content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TABLE outbox(
    seq   INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    slot  INTEGER NOT NULL,
    line  TEXT,
    mark  INTEGER NOT NULL DEFAULT (random())
) STRICT;
CREATE TABLE mirrors(
    name        TEXT PRIMARY KEY,
    topic       TEXT NOT NULL,
    durable_seq INTEGER NOT NULL
) STRICT;
INSERT INTO meta(key, value) VALUES ('graph_revision', 0);
";
