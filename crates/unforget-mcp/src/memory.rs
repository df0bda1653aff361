//! The store that a server serves, from the moment it is asked for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use unforget::{Graph, JsonLines, MirrorOptions, Unforget};

/// What a server serves: a store, and a file that shows its graph if there is one.
#[derive(Debug)]
pub struct Memory {
    pub(crate) store: Unforget,
    pub(crate) mirror: Option<JsonLines>,
}

impl Memory {
    /// A store without a file.
    pub fn new(store: Unforget) -> Self {
        Self { store, mirror: None }
    }

    /// A store whose graph a file of the official server shows, from now on and after each change.
    ///
    /// What the file holds already is added to the graph. What happens to the file, such as changes by other programs,
    /// is told on standard error.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or written.
    pub fn mirrored(store: Unforget, file: &Path) -> unforget::Result<Self> {
        // The path is one that its owner named; the official server follows links too.
        let options = MirrorOptions::new().follow_symlinks(true);
        let options = options.log(|event| crate::log(format_args!("{event}")));
        let mirror = store.graph().mirror(file, options)?;
        Ok(Self { store, mirror: Some(mirror) })
    }

    pub(crate) fn graph(&self) -> Graph {
        self.store.graph()
    }

    /// Ends the mirror and the store. Blocks.
    fn end(&self) -> unforget::Result<()> {
        // What is wrong with the file was told, and the store has all of it.
        let _told = self.mirror.as_ref().map(|mirror| self.graph().detach(mirror));
        self.store.clone().shutdown()
    }
}

/// A memory that is being opened, so that a client can be greeted meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    outcome: watch::Receiver<Option<Outcome>>,
}

pub(crate) type Outcome = Result<Arc<Memory>, unforget::Error>;

impl Opening {
    /// Opens it on a blocking thread, and then calls `opened` there. Has to be called on a runtime.
    pub(crate) fn start(
        open: impl FnOnce() -> unforget::Result<Memory> + Send + 'static,
        opened: impl FnOnce(&Outcome) + Send + 'static,
    ) -> Self {
        let (sender, outcome) = watch::channel(None);
        tokio::task::spawn_blocking(move || {
            let memory = catch_unwind(AssertUnwindSafe(open));
            let outcome = memory.unwrap_or(Err(unforget::Error::Panicked)).map(Arc::new);
            sender.send_replace(Some(outcome.clone()));
            opened(&outcome);
        });
        Self { outcome }
    }

    /// Waits until it is open or cannot be opened.
    pub(crate) async fn opened(&self) -> Outcome {
        let mut outcome = self.outcome.clone();
        match outcome.wait_for(Option::is_some).await.map(|outcome| outcome.clone()) {
            Ok(Some(outcome)) => outcome,
            // The sender goes without a word only when the runtime ends before it opens.
            Ok(None) | Err(_) => Err(unforget::Error::Panicked),
        }
    }

    /// Ends the memory, once it is open.
    ///
    /// It is not waited for longer than `patience`, and that others use it is no failure: whatever was acknowledged is
    /// stored already.
    ///
    /// # Errors
    ///
    /// Why it could not be opened, or ended.
    pub(crate) async fn end(&self, patience: Duration) -> unforget::Result<()> {
        let ending = async {
            let memory = self.opened().await?;
            // The thread has a share of the memory: who drops the last one waits as long as who ends it.
            let ended = tokio::task::spawn_blocking(move || memory.end()).await;
            Ok(ended.unwrap_or(Err(unforget::Error::Panicked)))
        };
        match tokio::time::timeout(patience, ending).await {
            Ok(Err(not_opened)) => Err(not_opened),
            Ok(Ok(Err(error))) if !error.is_retryable() => Err(error),
            Ok(Ok(Ok(()))) => Ok(()),
            // It was busy, or still is.
            Ok(Ok(Err(_))) | Err(_) => {
                crate::log(format_args!(
                    "others use the store, so it was not shut down; all that was acknowledged is in it"
                ));
                Ok(())
            }
        }
    }
}
