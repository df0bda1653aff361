//! The end of a connection, for whoever has to know.

use tokio::sync::watch;

/// A wish to stop that is uttered once and that everybody hears, also who asks later.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    asked: watch::Sender<bool>,
}

impl Stop {
    pub(crate) fn new() -> Self {
        Self { asked: watch::Sender::new(false) }
    }

    pub(crate) fn ask(&self) {
        self.asked.send_replace(true);
    }

    pub(crate) fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Waits until it is asked.
    pub(crate) async fn asked(&self) {
        let mut asked = self.asked.subscribe();
        // The sender lives as long as `self`.
        let _never_closed = asked.wait_for(|asked| *asked).await;
    }
}
