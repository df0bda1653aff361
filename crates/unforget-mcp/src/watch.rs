//! Notices what others change: other processes in the store, and other programs in the file.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use unforget::{Changes, JsonLines};

use crate::memory::Memory;
use crate::stop::Stop;
use crate::subscriptions::Subscriptions;
use crate::tools::Refusal;

/// How long the watching thread goes without looking whether it is to end.
const LOOK: Duration = Duration::from_millis(250);

/// Begins to watch for changes, whoever makes them, unless somebody has begun already: the mirror is made to show them,
/// and subscribers are told. Has to be called on a thread of a runtime.
pub(crate) fn start(
    memory: &Arc<Memory>,
    subscriptions: &Arc<Subscriptions>,
    stop: &Stop,
) -> Result<(), Refusal> {
    let changes = memory.store.changes()?;
    if !subscriptions.begin_watching() {
        return Ok(());
    }
    let (sender, mut revisions) = watch::channel(0);
    let watching = {
        let (memory, stop) = (Arc::clone(memory), stop.clone());
        move || watch(&memory, changes, &sender, &stop)
    };
    if let Err(error) = std::thread::Builder::new().name("unforget-mcp-watch".to_owned()).spawn(watching) {
        subscriptions.stop_watching();
        return Err(Refusal(format!(
            "no thread to watch for changes: {error}; end other programs, or try again"
        )));
    }
    let subscriptions = Arc::clone(subscriptions);
    tokio::spawn(async move {
        while revisions.changed().await.is_ok() {
            let revision = *revisions.borrow_and_update();
            subscriptions.tell(revision).await;
        }
    });
    Ok(())
}

/// Reports each revision until the server stops or the store is closed.
fn watch(memory: &Memory, mut changes: Changes, revisions: &watch::Sender<u64>, stop: &Stop) {
    let (mut is_unseen, mut is_told) = (false, false);
    let mut was_as_left = true;
    while !stop.is_asked() {
        match changes.wait_timeout(LOOK) {
            Ok(change) => is_unseen |= change.is_some(),
            Err(_closed) => return,
        }
        if is_unseen {
            match memory.graph().revision() {
                Ok(revision) => {
                    (is_unseen, is_told) = (false, false);
                    show(memory, revision, revisions);
                }
                // The store is closed at the end.
                Err(_) if stop.is_asked() => return,
                // What could not be looked at is looked at again, and said once.
                Err(error) => {
                    if !std::mem::replace(&mut is_told, true) {
                        let Refusal(reason) = error.into();
                        crate::log(format_args!("cannot see what has changed: {reason}"));
                    }
                }
            }
        }
        if let Some(mirror) = &memory.mirror {
            let is_as_left = mirror.is_as_left();
            // Twice in a row: in the moment in which a server writes the file, it is not as it was left either.
            if !is_as_left && !was_as_left {
                // What is new in the file is in the graph then, and comes back here as a change. Trouble tells itself.
                let _told = mirror.catch_up();
            }
            was_as_left = is_as_left;
        }
    }
}

fn show(memory: &Memory, revision: u64, revisions: &watch::Sender<u64>) {
    if *revisions.borrow() == revision {
        return;
    }
    revisions.send_replace(revision);
    // The mirror itself says what is wrong with it, and the next change brings this one too.
    let _told = memory.mirror.as_ref().map(JsonLines::catch_up);
}
