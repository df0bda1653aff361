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
/// Neither the fields nor what is in them can be changed from outside, however the value was come by:
///
/// ```compile_fail,E0616
/// let mut ada = unforget_context::UserContext::new("ada");
/// ada.conversations_count += 1;
/// ```
/// ```compile_fail,E0596
/// let mut ada = unforget_context::UserContext::new("ada");
/// ada.topics().insert("gliding".to_owned());
/// ```
/// ```compile_fail,E0596
/// let mut ada = unforget_context::UserContext::new("ada");
/// ada.preferences().clear();
/// ```
/// ```compile_fail,E0596
/// # use unforget_context::{Snapshot, UserContext};
/// fn befriend(snapshot: &mut Snapshot<UserContext>) {
///     let ada: &mut UserContext = &mut **snapshot;
/// }
/// ```
/// ```compile_fail,E0451
/// # use unforget_context::UserContext;
/// let ada = UserContext { conversations_count: 7, ..UserContext::new("ada") };
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserContext {
    user_id: String,
    #[serde(default)]
    conversations_count: u64,
    #[serde(default, deserialize_with = "within_one")]
    friendship_level: f64,
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
            friendship_level: 0.0,
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

    /// How well the user is known, from 0 for a stranger to 1.
    pub fn friendship_level(&self) -> f64 {
        self.friendship_level
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

    /// The same without a topic.
    #[must_use]
    pub fn without_topic(&self, topic: &str) -> Self {
        let mut next = self.clone();
        next.topics.remove(topic);
        next
    }

    /// The same without a preference about `subject`.
    #[must_use]
    pub fn without_preference(&self, subject: &str) -> Self {
        let mut next = self.clone();
        next.preferences.remove(subject);
        next
    }

    /// The same with the friendship closer by `change`, which may be negative; it stays from 0 to 1.
    ///
    /// A change that is no number changes nothing.
    #[must_use]
    pub fn with_friendship_change(&self, change: f64) -> Self {
        Self {
            friendship_level: bounded(self.friendship_level + change, self.friendship_level),
            ..self.clone()
        }
    }
}

/// `level` between 0 and 1, or `otherwise` if it is no number.
fn bounded(level: f64, otherwise: f64) -> f64 {
    if level.is_nan() { otherwise } else { level.clamp(0.0, 1.0) }
}

/// What another program wrote is kept within the limits as well.
fn within_one<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    f64::deserialize(deserializer).map(|level| bounded(level, 0.0))
}
