//! The arguments; the doc comments here are what `--help` prints.

#![expect(clippy::doc_markdown, reason = "what --help prints is plain text, not Markdown")]

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Memory for AI agents that many processes write at once and that loses nothing it acknowledged.
#[derive(Debug, Parser)]
#[command(name = "unforget", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// The store's directory [default: $UNFORGET_STORE, else $XDG_DATA_HOME/unforget]
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    pub(crate) store: Option<PathBuf>,

    /// Print one JSON object: {"ok":true,"data":{…}} or {"ok":false,"error":{…}}
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

const EVERYWHERE: &str = "Options of every command";

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 failure, 2 usage or bad input, 3 conflict, 4 not found,
6 too large, 9 duplicate, 10 database, 14 input/output, 15 busy, 75 lock timeout";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create the store
    Init,
    /// Store one turn and print its id
    Remember(Remember),
    /// Find turns by their words, best first
    Recall(Recall),
    /// Store many turns from a file of JSON lines; safe to repeat
    Import(Import),
    /// Be an MCP memory server on standard input and output, in place of the official one
    Serve(Serve),
    /// Show what the store holds
    Stats,
    /// See it work: three processes write one store, one of them is killed, nothing is lost
    Tour(Tour),
    /// One of the processes of the tour
    #[command(hide = true)]
    TourActor(TourActor),
}

#[derive(Debug, Args)]
pub(crate) struct Remember {
    /// Whose turn it is
    #[arg(long, default_value = "default")]
    pub(crate) user: String,
    /// The session it belongs to
    #[arg(long, default_value = "default")]
    pub(crate) session: String,
    /// Its id, unique in its layer [default: a new one]
    #[arg(long, value_name = "ID")]
    pub(crate) turn_id: Option<String>,
    /// Its layer
    #[arg(long, default_value = unforget::DEFAULT_LAYER)]
    pub(crate) layer: String,
    /// Who spoke
    #[arg(long, value_name = "NAME")]
    pub(crate) speaker: Option<String>,
    /// When it was said, in milliseconds since 1970 [default: now]
    #[arg(long, value_name = "MS")]
    pub(crate) created_ms: Option<u64>,
    /// Anything else, as a JSON object
    #[arg(long, value_name = "JSON")]
    pub(crate) metadata: Option<String>,
    /// What was said; `-` reads it from standard input
    #[arg(required = true, value_name = "CONTENT", allow_negative_numbers = true)]
    pub(crate) content: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Recall {
    /// Look at this user's turns only
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Look at this session only
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// How many hits to print at most
    #[arg(long, value_name = "N", default_value_t = unforget::DEFAULT_LIMIT, value_parser = limit)]
    pub(crate) limit: usize,
    /// Words to look for; nothing in them is search syntax
    #[arg(required = true, value_name = "QUERY", allow_negative_numbers = true)]
    pub(crate) query: Vec<String>,
}

fn limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(limit @ 1..=unforget::HIT_LIMIT) => Ok(limit),
        _ => Err(format!("give a number from 1 to {}", unforget::HIT_LIMIT)),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Keep the good lines of a file that has bad ones
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// One turn a line: {"user_id","session_id","content","turn_id"?,"layer"?,"speaker"?,"created_ms"?,"metadata"?};
    /// `-` reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The JSON Lines file of the official server, to go on with and to keep current; the store is FILE.unforget
    /// [default: $MEMORY_FILE_PATH, else none]
    #[arg(long, value_name = "FILE")]
    pub(crate) memory_file: Option<PathBuf>,
    /// How often each tool may be called: N/minute, strict (5/minute) or off
    #[arg(long, value_name = "LIMIT", default_value = "off", value_parser = rate_limit)]
    pub(crate) rate_limit: RateLimit,
    /// How long a call may take, in seconds; a write waits for others for three quarters of it, 10 s at most
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Print how a client is told of this server, and do not serve
    #[arg(long, value_name = "CLIENT", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    pub(crate) print_config: Option<Client>,
}

/// A limit, or that there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateLimit(pub(crate) Option<unforget_mcp::RateLimit>);

fn rate_limit(text: &str) -> Result<RateLimit, String> {
    match text {
        "off" => Ok(RateLimit(None)),
        _ => text.parse().map(|limit| RateLimit(Some(limit))).map_err(|_| {
            "give a number of calls and `/minute`, as in 60/minute, or strict, or off".to_owned()
        }),
    }
}

/// The longest time a call may be given.
const LONGEST: Duration = Duration::from_hours(1);

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds
        .filter(|timeout| !timeout.is_zero() && *timeout <= LONGEST)
        .ok_or_else(|| format!("give a number of seconds, more than 0 and at most {}", LONGEST.as_secs()))
}

/// Whose configuration is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    All,
    ClaudeCode,
    ClaudeDesktop,
    Cursor,
    Vscode,
}

#[derive(Debug, Args)]
pub(crate) struct Tour {
    /// Keep the store in this directory [default: a temporary one, removed at the end]
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TourActor {
    /// Where the store is
    #[arg(long)]
    pub(crate) directory: PathBuf,
    /// Which conversation to speak
    #[arg(long)]
    pub(crate) part: usize,
    /// What this tour's turn ids begin with
    #[arg(long)]
    pub(crate) run: String,
}
