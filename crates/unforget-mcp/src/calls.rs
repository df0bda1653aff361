//! Carries calls out: on blocking threads, so that calls in flight share commits, and within their time.

use std::sync::Arc;
use std::time::Duration;

use rmcp::service::{RequestContext, RoleServer};
use tokio::sync::Semaphore;

use crate::memory::Memory;
use crate::opening::Opening;
use crate::rate::Buckets;
use crate::stop::Stop;
use crate::subscriptions::Subscriptions;
use crate::tools::{Answer, Effect, Refusal, Tool};
use crate::transport::{InFlight, LISTENERS, Listening, Slot};
use crate::{Settings, watch};

/// How many blocking threads carry calls out at most. Where the streams are no pipes, reading and writing need blocking
/// threads too, and must not wait for calls.
pub(crate) const THREADS: usize = 64;

/// Carries out the calls of a connection.
#[derive(Debug)]
pub(crate) struct Calls {
    memory: Opening,
    pub(crate) settings: Settings,
    buckets: Buckets,
    threads: Arc<Semaphore>,
    shared: Shared,
}

/// What calls share with the rest of their connection.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) subscriptions: Arc<Subscriptions>,
    pub(crate) in_flight: Arc<InFlight>,
    /// Said: no more is read.
    pub(crate) stop: Stop,
    /// Said: what is not done is not waited for any more.
    pub(crate) given_up: Stop,
}

/// What a piece of work does, as far as its limits are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// It has a whole answer in memory.
    Reads,
    Writes,
}

impl Calls {
    pub(crate) fn new(memory: Opening, settings: Settings, shared: Shared) -> Self {
        let buckets = Buckets::new(settings.rate_limit);
        let threads = Arc::new(Semaphore::new(THREADS));
        Self { memory, settings, buckets, threads, shared }
    }

    pub(crate) fn subscriptions(&self) -> &Subscriptions {
        &self.shared.subscriptions
    }

    /// Waits until no more is read.
    pub(crate) async fn stopped(&self) {
        self.shared.stop.asked().await;
    }

    /// Calls a tool; what it changed is told to subscribers before it is answered.
    pub(crate) async fn call(
        &self,
        tool: &'static Tool,
        arguments: rmcp::model::JsonObject,
        context: &RequestContext<RoleServer>,
    ) -> Result<Answer, Refusal> {
        // What a change answers is no longer than what was asked for, and it must not be refused once it is stored.
        let answer_limit = if tool.effect == Effect::Reads { self.settings.answer_limit } else { usize::MAX };
        let call = tool.call(arguments, answer_limit)?;
        self.buckets.take(tool.name).map_err(|(limit, wait)| too_often(tool.name, limit, wait))?;
        let (work, is_change) = match tool.effect {
            Effect::Reads => (Work::Reads, false),
            Effect::Remembers => (Work::Writes, false),
            Effect::ChangesTheGraph => (Work::Writes, !self.shared.subscriptions.is_empty()),
        };
        let (answer, revision) = self
            .run(tool.name, work, context, move |memory| {
                let answer = tool.perform(memory, call)?;
                // The change is committed: not to know its number must not make a failure of it.
                let revision = is_change.then(|| memory.graph().revision().ok()).flatten();
                Ok((answer, revision))
            })
            .await?;
        if let Some(revision) = revision {
            self.shared.subscriptions.tell(revision).await;
        }
        Ok(answer)
    }

    /// Runs `f` on a blocking thread, unless its request is cancelled before it begins.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        name: &str,
        work: Work,
        context: &RequestContext<RoleServer>,
        f: impl FnOnce(&Arc<Memory>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let slot = context.extensions.get::<Arc<Slot>>().cloned();
        let cancelled = context.ct.clone();
        let done = async {
            if let (Work::Reads, Some(slot)) = (work, &slot) {
                self.shared.in_flight.admit_read(slot).await;
            }
            let memory = self.memory.opened().await?;
            let permit = Arc::clone(&self.threads).acquire_owned().await;
            let thread = tokio::task::spawn_blocking(move || {
                // Held here and not by who waits: the thread goes on when the time is over.
                let (_slot, _permit) = (slot, permit);
                if cancelled.is_cancelled() {
                    return Err(Refusal("the call was cancelled before it began".to_owned()));
                }
                f(&memory)
            });
            thread.await.unwrap_or_else(|_| Err(Refusal("the call panicked; please report it".to_owned())))
        };
        tokio::select! {
            biased;
            outcome = done => outcome,
            () = tokio::time::sleep(self.settings.timeout) => Err(too_slow(name, work, self.settings.timeout)),
            () = self.shared.given_up.asked() => {
                Err(Refusal(format!("the server ended before {name} was done; look before you repeat it")))
            }
        }
    }

    /// The place of one more listener, unless there are too many.
    pub(crate) fn admit_listener(&self) -> Result<Listening, Refusal> {
        self.shared.in_flight.admit_listener().ok_or_else(|| {
            Refusal(format!(
                "{LISTENERS} requests listen on this connection, and no more can; cancel one, or listen for all in one \
                 request"
            ))
        })
    }

    /// Begins to watch for changes, and answers the revision after which none is missed.
    pub(crate) async fn watch(&self, context: &RequestContext<RoleServer>) -> Result<u64, Refusal> {
        let (subscriptions, stop) = (Arc::clone(&self.shared.subscriptions), self.shared.stop.clone());
        self.run("subscribing", Work::Writes, context, move |memory| {
            watch::start(memory, &subscriptions, &stop)?;
            Ok(memory.graph().revision()?)
        })
        .await
    }

    /// Tells subscribers of the present revision if they do not know of it.
    pub(crate) async fn tell(&self, context: &RequestContext<RoleServer>) -> Result<(), Refusal> {
        let revision =
            self.run("subscribing", Work::Writes, context, |memory| Ok(memory.graph().revision()?)).await?;
        self.shared.subscriptions.tell(revision).await;
        Ok(())
    }
}

fn too_often(tool: &str, limit: crate::RateLimit, wait: Duration) -> Refusal {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Refusal(format!("{tool} is limited to {limit}; try again in {seconds} s"))
}

fn too_slow(name: &str, work: Work, timeout: Duration) -> Refusal {
    let advice = match work {
        Work::Reads => "ask for less, or try again",
        Work::Writes => "it may still be carried out, so look before you repeat it",
    };
    Refusal(format!("{name} was not done within {timeout:?}; {advice}"))
}
