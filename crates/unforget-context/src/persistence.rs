//! When a change is stored: before it is published, or after.

use std::time::Duration;

/// Decides when changes are stored.
///
/// | | `Committed` | `Deferred` |
/// |---|---|---|
/// | a change is acknowledged by | the call that makes it | [`flush`](crate::Contexts::flush) |
/// | a crash loses | nothing acknowledged | what was published in the last `max_delay`, and while one save ran |
/// | who writes | any number of threads and processes | the threads of one process |
/// | an update costs | a commit | less than a microsecond |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Persistence {
    /// A change is committed, then published.
    #[default]
    Committed,
    /// A change is published at once and stored soon, together with others.
    Deferred {
        /// How soon.
        window: SaveWindow,
    },
}

/// Says how soon a change is saved.
///
/// ```
/// use std::time::Duration;
/// use unforget_context::SaveWindow;
///
/// let window = SaveWindow { max_delay: Duration::from_millis(300), ..SaveWindow::default() };
/// assert_eq!(window.quiet, Duration::from_millis(100));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaveWindow {
    /// A context is saved once it has not changed for this long. 100 ms by default.
    pub quiet: Duration,
    /// A context is saved this long after its first change that is not stored, however many came since. 1 s by
    /// default.
    pub max_delay: Duration,
}

impl Default for SaveWindow {
    fn default() -> Self {
        Self { quiet: Duration::from_millis(100), max_delay: Duration::from_secs(1) }
    }
}
