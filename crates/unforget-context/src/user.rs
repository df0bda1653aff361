//! A context for what is known about one user.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What an assistant keeps in mind about one user.
///
/// Fields are read through methods and changed by making a new value:
///
/// ```
/// use unforget_context::UserContext;
///
/// let ada = UserContext::new("ada");
/// let later = ada.with_conversation(1_790_000_000_000).with_topic("gliding").with_preference("tone", "brief");
/// assert_eq!((ada.conversations_count(), later.conversations_count()), (0, 1));
/// assert!(later.topics().contains("gliding"));
/// ```
///
/// Neither the fields nor what is in them can be changed from outside:
///
/// ```compile_fail
/// let mut ada = unforget_context::UserContext::new("ada");
/// ada.topics().insert("gliding".to_owned());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserContext {
    user_id: String,
    #[serde(default)]
    conversations_count: u64,
    #[serde(default)]
    preferences: BTreeMap<String, String>,
    #[serde(default)]
    topics: BTreeSet<String>,
    #[serde(default)]
    last_seen_ms: Option<u64>,
}

impl UserContext {
    /// Knows nothing about a user yet.
    pub fn new(user_id: impl Into<String>) -> Self {
        Self {
            user_id: user_id.into(),
            conversations_count: 0,
            preferences: BTreeMap::new(),
            topics: BTreeSet::new(),
            last_seen_ms: None,
        }
    }

    /// The user.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// How many turns of conversation were counted.
    pub fn conversations_count(&self) -> u64 {
        self.conversations_count
    }

    /// What the user prefers, by subject.
    pub fn preferences(&self) -> &BTreeMap<String, String> {
        &self.preferences
    }

    /// What the user talked about.
    pub fn topics(&self) -> &BTreeSet<String> {
        &self.topics
    }

    /// When the user was last heard, in milliseconds since the Unix epoch.
    pub fn last_seen_ms(&self) -> Option<u64> {
        self.last_seen_ms
    }

    /// The same with one turn of conversation more, heard at `at_ms`; an earlier turn that arrives late does not
    /// move the time back.
    #[must_use]
    pub fn with_conversation(&self, at_ms: u64) -> Self {
        Self {
            conversations_count: self.conversations_count + 1,
            last_seen_ms: self.last_seen_ms.max(Some(at_ms)),
            ..self.clone()
        }
    }

    /// The same with a topic more.
    #[must_use]
    pub fn with_topic(&self, topic: impl Into<String>) -> Self {
        let mut next = self.clone();
        next.topics.insert(topic.into());
        next
    }

    /// The same with a preference set.
    #[must_use]
    pub fn with_preference(&self, subject: impl Into<String>, preference: impl Into<String>) -> Self {
        let mut next = self.clone();
        next.preferences.insert(subject.into(), preference.into());
        next
    }
}
