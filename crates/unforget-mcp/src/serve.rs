//! A connection from its beginning to its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rmcp::ServiceExt;
use rmcp::service::{QuitReason, ServerInitializeError};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::calls::{Calls, Shared, THREADS};
use crate::front::Front;
use crate::opening::{Opening, Outcome};
use crate::server::Handler;
use crate::stop::Stop;
use crate::subscriptions::Subscriptions;
use crate::tools::Refusal;
use crate::transport::{InFlight, LineTransport, Reading};
use crate::{Error, Memory, Result, Settings, log, watch};

/// How long the store is waited for at the end, at most.
const END: Duration = Duration::from_secs(5);

/// How long blocking threads, and what people were told, are waited for at the end. Nothing is left for them to do then that anybody waits for.
const LEAVE: Duration = Duration::from_millis(100);

/// How many blocking threads there are beside those that carry calls out: one reads and one writes where the streams are
/// no pipes, one opens the memory, and one ends it.
const OTHER_THREADS: usize = 4;

/// Serves a memory over a pair of byte streams until the input ends or `stop` does.
///
/// The client is greeted while `open` still opens the memory; its calls wait. If others are in the way for too long, they
/// are told so, and the next call has `open` called again. At the end no more is read, what is in
/// flight is answered, and the store is shut down, unless others use it for longer than calls in flight are waited for.
///
/// # Cancel safety
///
/// If it is dropped, calls in flight may be carried out and are not answered.
///
/// # Errors
///
/// [`Error::Memory`] if the memory cannot be opened or shut down. A client that goes away is no error.
pub async fn serve(
    open: impl FnMut() -> unforget::Result<Memory> + Send + 'static,
    input: impl AsyncRead + Unpin + Send + 'static,
    output: impl AsyncWrite + Unpin + Send + 'static,
    settings: Settings,
    stop: impl Future<Output = ()> + Send,
) -> Result<()> {
    let (asked, given_up) = (Stop::new(), Stop::new());
    let patience = settings.drain.min(END);
    let subscriptions = Arc::new(Subscriptions::default());
    let opening = Opening::start(open, {
        let (asked, subscriptions) = (asked.clone(), Arc::clone(&subscriptions));
        move |outcome| opened(outcome, &subscriptions, &asked)
    });
    let in_flight = Arc::new(InFlight::new());
    let reading = Reading {
        line_limit: settings.line_limit,
        drain: settings.drain,
        stop: asked.clone(),
        given_up: given_up.clone(),
    };
    let transport = LineTransport::start(input, output, Arc::clone(&in_flight), reading);
    let shared = Shared { subscriptions, in_flight, stop: asked.clone(), given_up };
    let calls = Arc::new(Calls::new(opening.clone(), settings, shared));
    let mut connection = std::pin::pin!(connection(Front::new(Handler::new(calls)), transport));
    tokio::select! {
        () = connection.as_mut() => {}
        () = stop => {
            asked.ask();
            connection.await;
        }
    }
    // Nothing is to be watched and nobody is to be told any more, however the connection ended.
    asked.ask();
    Ok(opening.end(patience).await?)
}

async fn connection<W>(front: Front, transport: LineTransport<W>)
where
    W: AsyncWrite + Unpin + Send + 'static,
{
    let ended = match front.serve(transport).await {
        Ok(running) => running.waiting().await,
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::TransportError { .. }) => {
            return;
        }
        Err(error) => return crate::log(format_args!("the connection ended before it began: {error}")),
    };
    match ended {
        Ok(QuitReason::JoinError(error)) | Err(error) => {
            crate::log(format_args!("the connection broke: {error}"));
        }
        Ok(_) => {}
    }
}

/// Watches for what others change if a file is to show it, and ends a server that has nothing to serve.
fn opened(outcome: &Outcome, subscriptions: &Arc<Subscriptions>, stop: &Stop) {
    match outcome {
        Ok(memory) if memory.mirror.is_some() => {
            if let Err(Refusal(reason)) = watch::start(memory, subscriptions, stop) {
                crate::log(format_args!(
                    "what others change is shown in the file after our next change: {reason}"
                ));
            }
        }
        Ok(_) => {}
        Err(error) if error.is_retryable() => {
            crate::log(format_args!("others use the store, and the next call tries again: {error}"));
        }
        Err(_) => stop.ask(),
    }
}

/// Serves a memory over standard input and output until the input ends, or until SIGTERM, SIGHUP or an interrupt.
///
/// Nothing but the protocol is written to standard output; what people are to know goes to standard error.
///
/// # Errors
///
/// [`Error::Memory`] if the memory cannot be opened or shut down, [`Error::Runtime`] if the process cannot have
/// threads.
pub fn serve_stdio(
    open: impl FnMut() -> unforget::Result<Memory> + Send + 'static,
    settings: Settings,
) -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().max_blocking_threads(THREADS + OTHER_THREADS).thread_name("unforget-mcp");
    let runtime = runtime.build().map_err(Error::Runtime)?;
    let served = runtime.block_on(async {
        let (input, output) = rmcp::transport::stdio_pipes();
        let stop = stop_signal().map_err(Error::Runtime)?;
        serve(open, input, output, settings, stop).await
    });
    // A thread that reads from a terminal, or writes to who does not read, cannot be told to end.
    runtime.shutdown_timeout(LEAVE);
    log::flush(LEAVE);
    served
}

/// Ends when the process is asked to end.
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let (mut terminate, mut interrupt, mut hang_up) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        );
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hang_up.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    {
        Ok(async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}
