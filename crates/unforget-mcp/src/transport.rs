//! JSON-RPC messages as lines, with everything bounded: the length of a line, the requests in flight, what they take.
//!
//! A task of its own reads, so that a line is not lost when whoever waits for it looks elsewhere. It stops reading
//! while too much is in flight: a client that sends and does not read is stopped by its own pipe.

mod flight;
mod lines;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorCode, GetExtensions, GetMeta,
    JsonRpcMessage, JsonRpcRequest, ProtocolVersion, ServerJsonRpcMessage,
};
use rmcp::service::RoleServer;
use rmcp::transport::Transport;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Mutex, mpsc};

pub(crate) use self::flight::{InFlight, LISTENERS, Listening, Slot};
use self::lines::{Line, Lines};
use crate::message::{self, Said};
use crate::stop::Stop;

/// How long a client that does not read is waited for at the end.
const FLUSH: Duration = Duration::from_secs(1);

/// The server's side of a connection over a pair of byte streams.
#[derive(Debug)]
pub(crate) struct LineTransport<W> {
    messages: mpsc::Receiver<ClientJsonRpcMessage>,
    output: Arc<Output<W>>,
    in_flight: Arc<InFlight>,
}

/// How a [`LineTransport`] reads.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) line_limit: usize,
    pub(crate) drain: Duration,
    /// Asked for: stop reading. Said: reading has ended.
    pub(crate) stop: Stop,
    /// Said: what is in flight is not waited for any more.
    pub(crate) given_up: Stop,
}

impl<W: AsyncWrite + Unpin + Send + 'static> LineTransport<W> {
    /// Begins to read; has to be called on a runtime.
    pub(crate) fn start(
        input: impl AsyncRead + Unpin + Send + 'static,
        output: W,
        in_flight: Arc<InFlight>,
        reading: Reading,
    ) -> Self {
        let output = Arc::new(Output {
            stream: Mutex::new(Some(output)),
            stop: reading.stop.clone(),
            given_up: reading.given_up.clone(),
        });
        let (sender, messages) = mpsc::channel(1);
        let reader = Reader {
            messages: sender,
            output: Arc::clone(&output),
            in_flight: Arc::clone(&in_flight),
            line_limit: reading.line_limit,
            is_opened: false,
        };
        tokio::spawn(reader.run(input, reading));
        Self { messages, output, in_flight }
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Transport<RoleServer> for LineTransport<W> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let output = Arc::clone(&self.output);
        let id = match &message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        let answered = id.and_then(|id| self.in_flight.leave(id));
        async move {
            let written = output.write(message).await;
            drop(answered);
            written
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        self.messages.recv().await
    }

    /// Waits for what is being written, so that no line ends in its middle, unless the client does not read.
    async fn close(&mut self) -> io::Result<()> {
        let flush = async {
            match self.output.stream.lock().await.as_mut() {
                Some(stream) => stream.flush().await,
                None => Ok(()),
            }
        };
        tokio::time::timeout(FLUSH, flush).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

#[derive(Debug)]
struct Output<W> {
    /// Nothing once a line could not be written whole, since nothing can come after half of one.
    stream: Mutex<Option<W>>,
    stop: Stop,
    given_up: Stop,
}

impl<W: AsyncWrite + Unpin> Output<W> {
    async fn write(&self, message: ServerJsonRpcMessage) -> io::Result<()> {
        let mut line = serde_json::to_vec(&message)?;
        drop(message);
        line.push(b'\n');
        let mut stream = self.stream.lock().await;
        let Some(open) = stream.as_mut() else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let written = tokio::select! {
            written = write_line(open, &line) => written,
            () = self.given_up_reading() => Err(io::ErrorKind::TimedOut.into()),
        };
        if written.is_err() {
            // Whoever cannot be answered is gone.
            *stream = None;
            self.stop.ask();
        }
        written
    }

    /// Waits until a client that does not read is waited for no more.
    async fn given_up_reading(&self) {
        self.given_up.asked().await;
        tokio::time::sleep(FLUSH).await;
    }
}

async fn write_line(stream: &mut (impl AsyncWrite + Unpin), line: &[u8]) -> io::Result<()> {
    stream.write_all(line).await?;
    stream.flush().await
}

struct Reader<W> {
    messages: mpsc::Sender<ClientJsonRpcMessage>,
    output: Arc<Output<W>>,
    in_flight: Arc<InFlight>,
    line_limit: usize,
    /// Whether rmcp has seen the message that decides the era. It ends the connection if anything but a request comes
    /// before, so nothing else is passed on.
    is_opened: bool,
}

impl<W: AsyncWrite + Unpin + Send + 'static> Reader<W> {
    /// Reads until the end of the input or until asked to stop, then waits for what is in flight.
    async fn run(mut self, input: impl AsyncRead + Unpin + Send, reading: Reading) {
        let mut lines = Lines::new(input, self.line_limit);
        tokio::select! {
            () = reading.stop.asked() => {}
            _ended = self.read(&mut lines) => {}
        }
        reading.stop.ask();
        // The connection ends when the sender of messages is dropped, so its end waits for the answers.
        if self.in_flight.drained(reading.drain).await {
            return;
        }
        reading.given_up.ask();
        let drain = reading.drain;
        crate::log(format_args!("some calls were not done {drain:?} after the end and are given up"));
    }

    async fn read(&mut self, lines: &mut Lines<impl AsyncRead + Unpin>) -> Option<()> {
        loop {
            let (said, bytes) = match lines.next().await.ok()?? {
                Line::Whole(line) => message::read(&line),
                Line::TooLong => {
                    let limit = self.line_limit;
                    (
                        message::refuse_line(format!(
                            "the line is longer than {limit} bytes; send less at once"
                        )),
                        0,
                    )
                }
            };
            match said {
                Said::Nothing => {}
                Said::Refused(answer) => self.answer(*answer).await?,
                Said::Message(message) => self.pass(*message, bytes).await?,
            }
        }
    }

    /// Passes a message on; `None` if nobody takes it any more.
    async fn pass(&mut self, mut message: ClientJsonRpcMessage, bytes: usize) -> Option<()> {
        // Nothing is waited for once a request is entered: who is told to stop here would leave it in flight for ever.
        let place = self.messages.clone().reserve_owned().await.ok()?;
        match &mut message {
            JsonRpcMessage::Request(request) => {
                self.is_opened |= opens(&request.request);
                let slot = self.in_flight.admit(bytes).await?;
                let Some(slot) = self.in_flight.enter(request.id.clone(), slot) else {
                    return self.refuse_again(request).await;
                };
                request.request.extensions_mut().insert(slot);
            }
            _ if !self.is_opened => return Some(()),
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    // Nobody will answer it; its work goes on to hold its share.
                    self.in_flight.leave(id);
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
        place.send(message);
        Some(())
    }

    async fn refuse_again(&self, request: &JsonRpcRequest<ClientRequest>) -> Option<()> {
        let reason = "a request with this id is in flight; use another id".to_owned();
        match message::refuse(ErrorCode::INVALID_REQUEST, reason, Some(request.id.clone())) {
            Said::Refused(answer) => self.answer(*answer).await,
            Said::Message(_) | Said::Nothing => Some(()),
        }
    }

    /// Answers what is not passed on. A task of its own writes, so that who is told to stop leaves no half of a line.
    async fn answer(&self, answer: ServerJsonRpcMessage) -> Option<()> {
        let output = Arc::clone(&self.output);
        tokio::spawn(async move { output.write(answer).await }).await.ok()?.ok()
    }
}

/// Whether rmcp decides for an era when it sees this request.
fn opens(request: &ClientRequest) -> bool {
    match request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::DiscoverRequest(_) | ClientRequest::PingRequest(_) => false,
        request => {
            let meta = request.get_meta();
            let version = meta.protocol_version();
            meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
                && version.is_some_and(|version| ProtocolVersion::KNOWN_VERSIONS.contains(&version))
        }
    }
}
