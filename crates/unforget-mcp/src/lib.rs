//! An MCP memory server that takes the place of the official one and loses nothing it acknowledged.
//!
//! It has the nine tools of `@modelcontextprotocol/server-memory` with the same names, schemas, results and errors, over
//! the entity graph of an `unforget` store, which any number of servers may have open at once. A call is answered after
//! its commit; calls in flight share commits. [`serve_stdio`] is the whole server, [`serve`] the same over any pair of
//! byte streams. Both eras of the protocol are spoken: revision 2026-07-28, and 2025-11-25 and older; the first message
//! decides.
//!
//! ```
//! use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
//! use unforget::Unforget;
//! use unforget_mcp::{Memory, Settings, serve};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let root = tempfile::tempdir()?;
//! # let directory = root.path().join("store");
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let (client, server) = tokio::io::duplex(1 << 16);
//! let (input, output) = tokio::io::split(server);
//! let open = move || Ok(Memory::new(Unforget::open(&directory)?));
//! let served = tokio::spawn(serve(open, input, output, Settings::default(), std::future::pending()));
//!
//! let (answers, mut requests) = tokio::io::split(client);
//! requests.write_all(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).await?;
//! requests.write_all(b"\n").await?;
//! let answer = BufReader::new(answers).lines().next_line().await?;
//! assert_eq!(answer.as_deref(), Some(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#));
//!
//! requests.shutdown().await?;
//! served.await??;
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Limitations
//!
//! - One connection per server, over byte streams; there is no HTTP.
//! - The graph is read whole by `read_graph`, as by the official server; beyond [`ANSWER_LIMIT`] it is to be paged.
//! - A call that has begun is carried out even if its client cancels it.

#![forbid(unsafe_code)]

mod arguments;
mod calls;
mod error;
mod front;
mod log;
mod memory;
mod message;
mod opening;
mod rate;
mod resource;
mod serve;
mod server;
mod settings;
mod stop;
mod subscriptions;
mod tools;
mod transport;
mod watch;

pub use crate::error::{Error, Result};
use crate::log::log;
pub use crate::memory::Memory;
pub use crate::rate::{ParseRateLimitError, RateLimit};
pub use crate::serve::{serve, serve_stdio};
pub use crate::settings::{ANSWER_LIMIT, DRAIN, LINE_LIMIT, Settings, TIMEOUT};
/// The facade, for the store of a [`Memory`].
pub use unforget;
