//! The store that a server serves, from the moment it is asked for.

use std::sync::Arc;

use tokio::sync::watch;
use unforget::{Graph, Unforget};

/// What a server serves: a store, and a file that mirrors its graph if there is one.
#[derive(Debug)]
pub struct Memory {
    pub(crate) store: Unforget,
}

impl Memory {
    /// A store without a mirror.
    pub fn new(store: Unforget) -> Self {
        Self { store }
    }

    pub(crate) fn graph(&self) -> Graph {
        self.store.graph()
    }
}

/// A memory that is being opened, so that a client can be greeted meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    outcome: watch::Receiver<Option<Outcome>>,
}

pub(crate) type Outcome = Result<Arc<Memory>, unforget::Error>;

impl Opening {
    /// Opens it on a blocking thread; has to be called on a runtime. `failed` is called if it cannot be opened.
    pub(crate) fn start(
        open: impl FnOnce() -> unforget::Result<Memory> + Send + 'static,
        failed: impl FnOnce() + Send + 'static,
    ) -> Self {
        let (sender, outcome) = watch::channel(None);
        tokio::task::spawn_blocking(move || {
            let opened = open().map(Arc::new);
            let has_failed = opened.is_err();
            sender.send_replace(Some(opened));
            if has_failed {
                failed();
            }
        });
        Self { outcome }
    }

    /// Waits until it is open or cannot be opened.
    pub(crate) async fn opened(&self) -> Outcome {
        let mut outcome = self.outcome.clone();
        match outcome.wait_for(Option::is_some).await.map(|outcome| outcome.clone()) {
            Ok(Some(outcome)) => outcome,
            // The sender goes without a word only when opening panics.
            Ok(None) | Err(_) => Err(unforget::Error::Panicked),
        }
    }

    /// The memory, if it has been opened by now.
    pub(crate) fn now(&self) -> Option<Outcome> {
        self.outcome.borrow().clone()
    }
}
