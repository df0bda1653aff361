//! How MCP clients are told of this server.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Place;
use crate::cli::{Client, Serve};
use crate::failure::{self, Failure};
use crate::output::Report;

/// A command line, in the forms that clients read.
#[derive(Debug)]
pub(super) struct Configuration {
    command: PathBuf,
    arguments: Vec<String>,
}

impl Configuration {
    /// The command line that serves as this one would. Everything in it is spelled out, since clients start servers
    /// with an environment and in a directory of their own.
    pub(super) fn of_this_program(place: &Place, args: &Serve) -> Result<Self, Failure> {
        let command = std::env::current_exe()
            .map_err(|error| Failure::io("find", Path::new("this program"), &error))?;
        let (flag, path) = match place {
            Place::Store(directory) => ("--store", directory),
            Place::File(file) => ("--memory-file", file),
        };
        let path = std::path::absolute(path).map_err(|error| Failure::io("find", path, &error))?;
        let mut arguments = vec!["serve".to_owned(), flag.to_owned(), path.display().to_string()];
        if let Some(limit) = args.rate_limit.0 {
            arguments.extend(["--rate-limit".to_owned(), limit.to_string()]);
        }
        if args.timeout != unforget_mcp::TIMEOUT {
            arguments.extend(["--timeout".to_owned(), args.timeout.as_secs_f64().to_string()]);
        }
        Ok(Self { command, arguments })
    }

    /// The configuration of one client, or of all.
    pub(super) fn report(&self, client: Client) -> Report {
        let wanted = CLIENTS.iter().filter(|(of, ..)| client == Client::All || client == *of);
        let shown = wanted.clone().map(|(of, place, _)| format!("{place}\n\n{}\n", self.text(*of)));
        let text = match client {
            Client::All => shown.collect::<Vec<_>>().join("\n"),
            one => self.text(one),
        };
        let data = wanted.map(|(of, _, key)| ((*key).to_owned(), self.data(*of))).collect();
        Report::new(Value::Object(data), text)
    }

    fn text(&self, client: Client) -> String {
        match self.data(client) {
            Value::String(line) => line,
            data => format!("{data:#}"),
        }
    }

    fn data(&self, client: Client) -> Value {
        let server = json!({"command": self.command.display().to_string(), "args": self.arguments});
        match client {
            Client::All | Client::ClaudeCode => Value::String(self.shell_line()),
            Client::ClaudeDesktop | Client::Cursor => json!({"mcpServers": {"memory": server}}),
            Client::Vscode => json!({"servers": {"memory": server}}),
        }
    }

    fn shell_line(&self) -> String {
        let words = self.arguments.iter().map(|word| failure::quoted(Path::new(word)));
        let words: Vec<String> = [failure::quoted(&self.command)].into_iter().chain(words).collect();
        format!("claude mcp add --scope user memory -- {}", words.join(" "))
    }
}

/// Each client, where its configuration goes, and its key in `--json`.
const CLIENTS: [(Client, &str, &str); 4] = [
    (Client::ClaudeCode, "Claude Code: run", "claude-code"),
    (Client::ClaudeDesktop, "Claude Desktop: claude_desktop_config.json", "claude-desktop"),
    (Client::Cursor, "Cursor: ~/.cursor/mcp.json", "cursor"),
    (Client::Vscode, "VS Code: .vscode/mcp.json", "vscode"),
];
