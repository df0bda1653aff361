//! What is remembered: one turn of a conversation, or a note.

use serde_json::{Map, Value};

use crate::{Error, Result};

/// The layer of a turn that names none.
pub const DEFAULT_LAYER: &str = "message";

/// The largest metadata of a turn, in bytes of JSON.
pub const METADATA_LIMIT: usize = 64 << 10;

/// The largest id, layer or speaker, in bytes.
pub const NAME_LIMIT: usize = 256;

/// The latest time a turn may claim, in milliseconds since the Unix epoch: the end of the year 9999.
pub const LATEST_MS: u64 = 253_402_300_799_999;

/// A turn to be remembered.
///
/// ```
/// use unforget_memory::NewTurn;
///
/// let turn = NewTurn::new("ada", "monday", "The glider is repaired.").speaker("Ada").created_ms(1_790_000_000_000);
/// assert_eq!(turn.content(), "The glider is repaired.");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NewTurn {
    pub(crate) user_id: String,
    pub(crate) session_id: String,
    pub(crate) turn_id: Option<String>,
    pub(crate) layer: String,
    pub(crate) speaker: Option<String>,
    pub(crate) content: String,
    pub(crate) created_ms: Option<u64>,
    pub(crate) metadata: Map<String, Value>,
}

impl NewTurn {
    /// A turn of a user in a session.
    pub fn new(
        user_id: impl Into<String>,
        session_id: impl Into<String>,
        content: impl Into<String>,
    ) -> Self {
        Self {
            user_id: user_id.into(),
            session_id: session_id.into(),
            turn_id: None,
            layer: DEFAULT_LAYER.to_owned(),
            speaker: None,
            content: content.into(),
            created_ms: None,
            metadata: Map::new(),
        }
    }

    /// Gives it an id; it gets a new one otherwise.
    #[must_use]
    pub fn turn_id(mut self, turn_id: impl Into<String>) -> Self {
        self.turn_id = Some(turn_id.into());
        self
    }

    /// Puts it in a layer; a turn id is unique in each layer. [`DEFAULT_LAYER`] unless set.
    #[must_use]
    pub fn layer(mut self, layer: impl Into<String>) -> Self {
        self.layer = layer.into();
        self
    }

    /// Says who spoke.
    #[must_use]
    pub fn speaker(mut self, speaker: impl Into<String>) -> Self {
        self.speaker = Some(speaker.into());
        self
    }

    /// Says when it was said, in milliseconds since the Unix epoch; now unless set.
    #[must_use]
    pub fn created_ms(mut self, created_ms: u64) -> Self {
        self.created_ms = Some(created_ms);
        self
    }

    /// Attaches anything else that is known about it.
    #[must_use]
    pub fn metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = metadata;
        self
    }

    /// What was said.
    pub fn content(&self) -> &str {
        &self.content
    }

    /// Whose it is.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The layer it is for.
    pub fn layer_name(&self) -> &str {
        &self.layer
    }

    /// The memory it takes in a queue, about, in bytes.
    pub fn weight(&self) -> usize {
        let metadata = self.metadata_json().map_or(0, |json| json.len());
        self.content.len() + metadata + self.user_id.len() + self.session_id.len() + 512
    }

    /// The id it was given.
    pub fn id(&self) -> Option<&str> {
        self.turn_id.as_deref()
    }

    /// Checks every field; `content_limit` is in bytes.
    pub(crate) fn check(&self, content_limit: usize) -> Result<()> {
        check_name("user_id", &self.user_id)?;
        check_name("session_id", &self.session_id)?;
        check_name("layer", &self.layer)?;
        if let Some(turn_id) = &self.turn_id {
            check_name("turn_id", turn_id)?;
        }
        if let Some(speaker) = &self.speaker {
            check_name("speaker", speaker)?;
        }
        check_size("content", self.content.len(), content_limit)?;
        if self.content.is_empty() {
            return Err(invalid("content", "is empty; there is nothing to remember"));
        }
        if self.created_ms.is_some_and(|ms| ms > LATEST_MS) {
            return Err(invalid("created_ms", "is after the year 9999; give milliseconds since 1970"));
        }
        check_size("metadata", self.metadata_json().map_or(0, |json| json.len()), METADATA_LIMIT)
    }

    pub(crate) fn metadata_json(&self) -> Option<String> {
        (!self.metadata.is_empty()).then(|| Value::Object(self.metadata.clone()).to_string())
    }
}

fn check_name(field: &'static str, name: &str) -> Result<()> {
    check_size(field, name.len(), NAME_LIMIT)?;
    if name.is_empty() {
        return Err(invalid(field, "is empty; give it a value"));
    }
    if name.chars().any(char::is_control) {
        return Err(invalid(field, "holds control characters; leave them out"));
    }
    Ok(())
}

fn check_size(field: &'static str, bytes: usize, limit: usize) -> Result<()> {
    if bytes > limit {
        return Err(Error::TooLarge { field, bytes, limit });
    }
    Ok(())
}

pub(crate) fn invalid(field: &'static str, problem: &str) -> Error {
    Error::Invalid { field, problem: problem.to_owned() }
}
