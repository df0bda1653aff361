//! Stores the turns of a file.
//!
//! Without `--skip-bad` the file is read twice: once to look at every line, and only if all are good once more to
//! store them, in batches. With it, good lines are stored as they come and bad ones are reported. Either way the
//! import can be repeated: what is stored already counts as a duplicate.

mod owners;
mod source;

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use unforget::{Create, Memories, NewTurn, Stored, parse_line, unforget_memory};

use crate::cli::Import;
use crate::failure::{Failure, exit};
use crate::output::Report;
use crate::{store, terminal};
use owners::Owners;
use source::Source;

/// Turns and bytes of one commit.
const BATCH_TURNS: usize = 512;
const BATCH_BYTES: usize = 4 << 20;

/// How many bad lines are shown; all are counted.
const SHOWN: usize = 20;

pub(crate) fn run(flag: Option<&Path>, args: &Import) -> Result<Report, Failure> {
    let since = Instant::now();
    let mut source = Source::open(&args.file, args.skip_bad)?;
    let store = store::open(flag, Create::InEmptyDirectory)?;
    let memories = store.memories();
    if !args.skip_bad {
        let looked = Pass::new(memories, &source, "checking", Purpose::Look).run(&mut source)?;
        if looked.bad.count > 0 {
            return Err(looked.bad.into_failure(&source));
        }
        source.rewind()?;
    }
    let done = Pass::new(memories, &source, "importing", Purpose::Store).run(&mut source)?;
    let Tally { imported, duplicates, bad } = done;
    if bad.count > 0 && !args.skip_bad {
        return Err(bad.into_changed(&source, imported));
    }
    bad.show();
    let seconds = since.elapsed().as_secs_f64();
    let rejected = bad.count;
    let text =
        format!("imported {imported}, already there {duplicates}, rejected {rejected}, in {seconds:.2} s");
    let data =
        json!({"imported": imported, "duplicates": duplicates, "rejected": rejected, "seconds": seconds});
    Ok(Report::new(data, text))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Look,
    Store,
}

#[derive(Default)]
struct Tally {
    imported: u64,
    duplicates: u64,
    bad: Bad,
}

/// One reading of the whole file.
struct Pass<'a> {
    memories: &'a Memories,
    purpose: Purpose,
    progress: ProgressBar,
    owners: Owners,
    tally: Tally,
    batch: Vec<NewTurn>,
    lines: Vec<u64>,
    bytes: usize,
}

impl<'a> Pass<'a> {
    fn new(memories: &'a Memories, source: &Source, name: &'static str, purpose: Purpose) -> Self {
        Self {
            memories,
            purpose,
            progress: progress(source.size(), name),
            owners: Owners::default(),
            tally: Tally::default(),
            batch: Vec::new(),
            lines: Vec::new(),
            bytes: 0,
        }
    }

    fn run(mut self, source: &mut Source) -> Result<Tally, Failure> {
        while let Some(line) = source.next_line()? {
            self.progress.set_position(source.position());
            match line.text.and_then(|text| self.turn(&text)) {
                Ok(None) => {}
                Ok(Some(turn)) => self.push(turn, line.number)?,
                Err(problem) => self.tally.bad.add(line.number, &problem),
            }
        }
        self.flush()?;
        self.progress.finish_and_clear();
        Ok(self.tally)
    }

    /// The turn of a line; `None` for a blank one.
    fn turn(&mut self, text: &str) -> Result<Option<NewTurn>, String> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let turn = parse_line(text).map_err(|error| error.to_string())?;
        self.memories.validate(&turn).map_err(|error| error.to_string())?;
        if !self.owners.admit(&turn) {
            return Err(foreign(&turn));
        }
        Ok(Some(turn))
    }

    fn push(&mut self, turn: NewTurn, line: u64) -> Result<(), Failure> {
        self.bytes += turn.weight();
        self.batch.push(turn);
        self.lines.push(line);
        if self.batch.len() >= BATCH_TURNS || self.bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.batch);
        let lines = std::mem::take(&mut self.lines);
        self.bytes = 0;
        let problems: Vec<String> = batch.iter().map(foreign).collect();
        let stored = match self.purpose {
            Purpose::Look => look(self.memories, &batch)?,
            Purpose::Store => self.memories.remember_all(batch)?,
        };
        for ((stored, line), problem) in stored.into_iter().zip(lines).zip(problems) {
            match stored {
                Stored::New => self.tally.imported += 1,
                Stored::Duplicate => self.tally.duplicates += 1,
                Stored::Foreign => self.tally.bad.add(line, &problem),
            }
        }
        Ok(())
    }
}

fn look(memories: &Memories, batch: &[NewTurn]) -> Result<Vec<Stored>, unforget_memory::Error> {
    let foreign = memories.are_foreign(batch)?;
    Ok(foreign.into_iter().map(|foreign| if foreign { Stored::Foreign } else { Stored::New }).collect())
}

fn foreign(turn: &NewTurn) -> String {
    format!("field `turn_id` is `{}`, which belongs to another user", turn.id().unwrap_or_default())
}

/// The lines that could not be imported.
#[derive(Default)]
struct Bad {
    count: u64,
    shown: Vec<String>,
}

impl Bad {
    fn add(&mut self, line: u64, problem: &str) {
        self.count += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(format!("line {line}: {problem}"));
        }
    }

    fn list(&self) -> String {
        let more = self.count - self.shown.len() as u64;
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        format!("{}{more}", self.shown.join("; "))
    }

    fn into_failure(self, file: &Source) -> Failure {
        let message = format!("{} cannot be imported, nothing was changed: {}", file.name(), self.list());
        Failure::new(
            ("invalid", exit::USAGE),
            message,
            "mend these lines, or keep the good ones with --skip-bad",
        )
    }

    fn into_changed(self, file: &Source, imported: u64) -> Failure {
        let list = self.list();
        let message =
            format!("{} changed while it was imported; {imported} turns were stored; {list}", file.name());
        Failure::new(("conflict", exit::CONFLICT), message, "import it again: nothing is stored twice")
    }

    /// With `--skip-bad` the import succeeds, so what was left out is told beside the answer.
    fn show(&self) {
        let mut stderr = std::io::stderr().lock();
        for line in &self.shown {
            let _nobody_may_be_listening = writeln!(stderr, "unforget: skipped {}", terminal::visible(line));
        }
        if self.count > self.shown.len() as u64 {
            let more = self.count - self.shown.len() as u64;
            let _nobody_may_be_listening = writeln!(stderr, "unforget: skipped {more} more lines");
        }
    }
}

/// A bar on a terminal; nothing where standard error is no terminal.
fn progress(size: Option<u64>, name: &'static str) -> ProgressBar {
    let (bar, template) = match size {
        Some(size) => (ProgressBar::new(size), "{prefix:>9} [{bar:30}] {bytes}/{total_bytes} {eta}"),
        None => (ProgressBar::no_length(), "{prefix:>9} {spinner} {bytes} {elapsed}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_prefix(name)
}
