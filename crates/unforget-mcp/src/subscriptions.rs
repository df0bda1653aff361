//! Who is told that the graph has changed, and when.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rmcp::model::{RequestId, ResourceUpdatedNotificationParam};
use rmcp::service::{Peer, RoleServer, SubscriptionSink};

use crate::resource;

/// The subscribers of a connection, and the revision of the graph of which they were told last.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    subscribers: Mutex<Subscribers>,
    /// Held while subscribers are told, so that they are told of revisions in their order.
    told: tokio::sync::Mutex<u64>,
    is_watched: AtomicBool,
}

#[derive(Debug, Default)]
struct Subscribers {
    /// The client, if it subscribed with `resources/subscribe`.
    client: Option<Peer<RoleServer>>,
    /// One for each `subscriptions/listen`.
    sinks: HashMap<RequestId, SubscriptionSink>,
}

impl Subscriptions {
    pub(crate) fn subscribe(&self, client: Peer<RoleServer>) {
        self.with(|subscribers| subscribers.client = Some(client));
    }

    pub(crate) fn unsubscribe(&self) {
        self.with(|subscribers| subscribers.client = None);
    }

    pub(crate) fn listen(&self, sink: SubscriptionSink) {
        self.with(|subscribers| subscribers.sinks.insert(sink.id().clone(), sink));
    }

    pub(crate) fn stop_listening(&self, id: &RequestId) {
        self.with(|subscribers| subscribers.sinks.remove(id));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.with(|subscribers| subscribers.client.is_none() && subscribers.sinks.is_empty())
    }

    /// Answers true to the first who asks: it is to watch for changes.
    pub(crate) fn begin_watching(&self) -> bool {
        !self.is_watched.swap(true, Ordering::Relaxed)
    }

    /// Takes a revision for told; subscribers are told of later ones.
    pub(crate) async fn begin_at(&self, revision: u64) {
        let mut told = self.told.lock().await;
        *told = revision.max(*told);
    }

    /// Tells all subscribers that the graph has changed, unless they were told of this revision or a later one.
    pub(crate) async fn tell(&self, revision: u64) {
        let mut told = self.told.lock().await;
        if revision <= *told {
            return;
        }
        *told = revision;
        let (client, sinks) = self.with(|subscribers| {
            (subscribers.client.clone(), subscribers.sinks.values().cloned().collect::<Vec<_>>())
        });
        if let Some(client) = client {
            let changed = ResourceUpdatedNotificationParam::new(resource::URI);
            // It can only fail when the connection has ended, and then nobody is there to be told.
            let _ended = client.notify_resource_updated(changed).await;
        }
        for sink in sinks {
            let _ended = sink.notify_resource_updated(resource::URI).await;
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Subscribers) -> T) -> T {
        f(&mut self.subscribers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
