//! Notices what other processes change.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use unforget::{Changes, Unforget};

use crate::stop::Stop;
use crate::subscriptions::Subscriptions;
use crate::tools::Refusal;

/// How long the watching thread goes without looking whether it is to end.
const LOOK: Duration = Duration::from_millis(250);

/// Begins to tell subscribers of changes, whoever makes them, unless somebody has begun already. Has to be called on a
/// thread of a runtime.
pub(crate) fn start(store: Unforget, subscriptions: Arc<Subscriptions>, stop: Stop) -> Result<(), Refusal> {
    let changes = store.changes()?;
    if !subscriptions.begin_watching() {
        return Ok(());
    }
    let (sender, mut revisions) = watch::channel(0);
    let watching = move || watch(&store, changes, &sender, &stop);
    if let Err(error) = std::thread::Builder::new().name("unforget-mcp-watch".to_owned()).spawn(watching) {
        return Err(Refusal(format!("no thread to watch for changes: {error}")));
    }
    tokio::spawn(async move {
        while revisions.changed().await.is_ok() {
            let revision = *revisions.borrow_and_update();
            subscriptions.tell(revision).await;
        }
    });
    Ok(())
}

/// Reports each revision until the server stops or the store is closed.
fn watch(store: &Unforget, mut changes: Changes, revisions: &watch::Sender<u64>, stop: &Stop) {
    let mut is_unseen = false;
    while !stop.is_asked() {
        match changes.wait_timeout(LOOK) {
            Ok(change) => is_unseen |= change.is_some(),
            Err(_closed) => return,
        }
        if is_unseen {
            match store.graph().revision() {
                Ok(revision) => {
                    is_unseen = false;
                    revisions.send_replace(revision);
                }
                // What could not be looked at is looked at again.
                Err(error) => crate::log(format_args!("cannot see what has changed: {error}")),
            }
        }
    }
}
