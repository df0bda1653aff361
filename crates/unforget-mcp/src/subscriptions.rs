//! Who is told that the graph has changed, and when.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rmcp::model::{RequestId, ResourceUpdatedNotificationParam};
use rmcp::service::{Peer, RoleServer, SubscriptionSink};

use crate::resource;

/// The subscribers of a connection, each with the revision of the graph of which it knows.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    subscribers: Mutex<Subscribers>,
    /// Held while subscribers are told, so that they are told of revisions in their order.
    telling: tokio::sync::Mutex<()>,
    is_watched: AtomicBool,
}

#[derive(Debug, Default)]
struct Subscribers {
    /// The client, if it subscribed with `resources/subscribe`.
    client: Option<Subscriber<Peer<RoleServer>>>,
    /// One for each `subscriptions/listen`.
    sinks: HashMap<RequestId, Subscriber<SubscriptionSink>>,
}

#[derive(Debug)]
struct Subscriber<T> {
    to: T,
    known: u64,
}

impl<T: Clone> Subscriber<T> {
    /// Whom to tell of a revision, if it is news.
    fn learn(&mut self, revision: u64) -> Option<T> {
        let is_news = revision > self.known;
        self.known = revision.max(self.known);
        is_news.then(|| self.to.clone())
    }
}

impl Subscriptions {
    /// The client, which knows of a revision, is to be told of later ones.
    pub(crate) fn subscribe(&self, to: Peer<RoleServer>, known: u64) {
        self.with(|subscribers| subscribers.client = Some(Subscriber { to, known }));
    }

    pub(crate) fn unsubscribe(&self) {
        self.with(|subscribers| subscribers.client = None);
    }

    /// A listener, which knows of a revision, is to be told of later ones.
    pub(crate) fn listen(&self, to: SubscriptionSink, known: u64) {
        self.with(|subscribers| subscribers.sinks.insert(to.id().clone(), Subscriber { to, known }));
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

    /// Nobody watches after all.
    pub(crate) fn stop_watching(&self) {
        self.is_watched.store(false, Ordering::Relaxed);
    }

    /// Tells all who do not know that the graph has changed.
    pub(crate) async fn tell(&self, revision: u64) {
        let _in_order = self.telling.lock().await;
        let (client, sinks) = self.with(|subscribers| {
            let client = subscribers.client.as_mut().and_then(|client| client.learn(revision));
            let sinks = subscribers.sinks.values_mut().filter_map(|sink| sink.learn(revision));
            (client, sinks.collect::<Vec<_>>())
        });
        // Telling can only fail when the connection has ended, and then nobody is there to be told.
        if let Some(client) = client {
            let _ended =
                client.notify_resource_updated(ResourceUpdatedNotificationParam::new(resource::URI)).await;
        }
        for sink in sinks {
            let _ended = sink.notify_resource_updated(resource::URI).await;
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Subscribers) -> T) -> T {
        f(&mut self.subscribers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
