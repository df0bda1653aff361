//! Looks up what was acknowledged, and says what was found.

use std::fmt::Write;
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;
use unforget::{Create, Query, UserContext};

use super::stage::Played;
use super::{CONTEXT, QUESTIONS};
use crate::failure::{Failure, exit};
use crate::output::Report;
use crate::terminal;

/// What a fresh look at the store showed.
pub(crate) struct Look {
    acknowledged: u64,
    found: u64,
    updates_acknowledged: u64,
    updates_counted: u64,
    busy: u64,
    restarted: u64,
    faults: Vec<String>,
    answers: Vec<(&'static str, String)>,
    context: String,
}

/// Opens the store anew, after every process that wrote it has ended, and asks for each acknowledged turn.
pub(crate) fn look_up(directory: &Path, played: &Played, counted_before: u64) -> Result<Look, Failure> {
    let store = unforget::Options::default().create(Create::Never).open(directory)?;
    let mut found = 0;
    for (turn_id, words) in &played.turns {
        let content = store.memories().content(turn_id, unforget::DEFAULT_LAYER)?;
        found += u64::from(content.as_deref() == Some(*words));
    }
    let mut answers = Vec::new();
    for question in QUESTIONS {
        let hits = store.memories().recall(&Query::new(question).limit(1))?;
        let best =
            hits.first().map_or_else(|| "nothing found".to_owned(), |hit| terminal::visible(&hit.content));
        answers.push((question, best));
    }
    let context = store.contexts().get(CONTEXT).map_err(unforget::Error::from)?;
    let counted = context.as_ref().map_or(0, |context| context.conversations_count());
    Ok(Look {
        acknowledged: played.turns.len() as u64,
        found,
        updates_acknowledged: played.context_updates,
        updates_counted: counted.saturating_sub(counted_before),
        busy: played.busy,
        restarted: played.restarted,
        faults: store.check()?.faults,
        answers,
        context: context.map_or_else(String::new, |context| describe(&context, context.revision())),
    })
}

fn describe(context: &UserContext, revision: u64) -> String {
    let topics: Vec<&str> = context.topics().iter().map(String::as_str).collect();
    format!(
        "{} · revision {revision} · {} turns counted · talked about {}",
        context.user_id(),
        context.conversations_count(),
        topics.join(", ")
    )
}

impl Look {
    /// Acknowledged and not there. More counted than acknowledged is no loss: what was under way when its process was
    /// killed may have been committed without anybody being told.
    fn lost(&self) -> u64 {
        self.acknowledged - self.found + self.updates_acknowledged.saturating_sub(self.updates_counted)
    }

    fn integrity(&self) -> String {
        if self.faults.is_empty() { "ok".to_owned() } else { self.faults.join("; ") }
    }

    pub(crate) fn into_report(self, kept: Option<&Path>) -> Report {
        let data = json!({
            "acknowledged": self.acknowledged,
            "found": self.found,
            "lost": self.lost(),
            "context_updates_acknowledged": self.updates_acknowledged,
            "context_updates_counted": self.updates_counted,
            "busy_seen": self.busy,
            "integrity": self.integrity(),
            "restarted": self.restarted,
        });
        let sound = self.lost() == 0 && self.faults.is_empty();
        let mut report = Report::new(data, self.text(kept));
        report.exit = if sound { 0 } else { exit::FAILURE };
        report
    }

    fn text(&self, kept: Option<&Path>) -> String {
        let mut text = String::from(
            "Three processes wrote one store at the same time; one was killed and started again.\n\n",
        );
        for (question, answer) in &self.answers {
            let _writing_to_a_string_succeeds = writeln!(text, "  {question}\n    {answer}");
        }
        let _writing_to_a_string_succeeds = write!(text, "\n  {}\n\n{}\n", self.context, self.table());
        if let Some(directory) = kept {
            let _writing_to_a_string_succeeds =
                write!(text, "\nThe store is in {}", terminal::visible(&directory.display().to_string()));
        }
        text
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        let rows = [
            ("turns acknowledged", self.acknowledged.to_string()),
            ("turns found", self.found.to_string()),
            ("context updates acknowledged", self.updates_acknowledged.to_string()),
            ("context updates counted", self.updates_counted.to_string()),
            ("lost", self.lost().to_string()),
            ("SQLITE_BUSY seen by callers", self.busy.to_string()),
            ("integrity check", self.integrity()),
        ];
        for (name, value) in rows {
            table.add_row([name, &value]);
        }
        if let Some(values) = table.column_mut(1) {
            values.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}
