//! What unforget has beyond the official server: memories of what was said.

use serde::{Deserialize, Serialize};
use unforget::{DEFAULT_LIMIT, HIT_LIMIT, Hit, NewTurn, Query};

use super::{Answer, Call, Effect, Refusal, Tool};
use crate::arguments::{Field, Shape};
use crate::memory::Memory;

/// The user and the session of who names none.
const DEFAULT: &str = "default";

pub(super) const TOOLS: [Tool; 2] = [
    Tool {
        name: "remember",
        fields: &[
            Field::required("content", Shape::Text),
            Field::optional("session", Shape::Text),
            Field::optional("speaker", Shape::Text),
            Field::optional("user", Shape::Text),
        ],
        effect: Effect::Remembers,
        perform: remember,
    },
    Tool {
        name: "recall",
        fields: &[
            Field::required("query", Shape::Text),
            Field::optional("limit", Shape::Integer),
            Field::optional("session", Shape::Text),
            Field::optional("user", Shape::Text),
        ],
        effect: Effect::Reads,
        perform: recall,
    },
];

#[derive(Deserialize)]
struct Remember {
    content: String,
    session: Option<String>,
    speaker: Option<String>,
    user: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Remembered {
    turn_id: String,
}

fn remember(memory: &Memory, call: Call) -> Result<Answer, Refusal> {
    let answer_limit = call.answer_limit;
    let Remember { content, session, speaker, user } = call.arguments()?;
    let or_default = |name: Option<String>| name.unwrap_or_else(|| DEFAULT.to_owned());
    let mut turn = NewTurn::new(or_default(user), or_default(session), content);
    if let Some(speaker) = speaker {
        turn = turn.speaker(speaker);
    }
    let turn_id = memory.store.memories().remember(turn)?;
    Answer::same(&Remembered { turn_id }, answer_limit)
}

#[derive(Deserialize)]
struct Recall {
    query: String,
    limit: Option<usize>,
    session: Option<String>,
    user: Option<String>,
}

#[derive(Serialize)]
struct Recalled {
    hits: Vec<Found>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    turn_id: String,
    user: String,
    session: String,
    content: String,
    created_ms: u64,
    score: f64,
}

impl From<Hit> for Found {
    fn from(hit: Hit) -> Self {
        Self {
            turn_id: hit.turn_id,
            user: hit.user_id,
            session: hit.session_id,
            content: hit.content,
            created_ms: hit.created_ms,
            score: hit.score,
        }
    }
}

fn recall(memory: &Memory, call: Call) -> Result<Answer, Refusal> {
    let (name, answer_limit) = (call.name, call.answer_limit);
    let Recall { query, limit, session, user } = call.arguments()?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=HIT_LIMIT).contains(&limit) {
        return Err(Refusal::invalid(
            name,
            format!("`limit` is {limit}; give a number from 1 to {HIT_LIMIT}"),
        ));
    }
    let mut query = Query::new(query).limit(limit);
    if let Some(session) = session {
        query = query.session(session);
    }
    if let Some(user) = user {
        query = query.user(user);
    }
    let hits = memory.store.memories().recall(&query)?.into_iter().map(Found::from).collect();
    Answer::same(&Recalled { hits }, answer_limit)
}
