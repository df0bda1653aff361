//! One process of the tour: says what it is told to say, and acknowledges what was stored.

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};
use unforget::{NewTurn, Unforget, UserContext, unforget_memory};

use super::CONTEXT;
use super::conversation::{Line, PARTS, Part};
use crate::cli::TourActor;
use crate::failure::Failure;
use crate::output::Report;

/// What an actor tells the parent, one line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    /// The turn is stored and the context counts it.
    Stored { index: usize, turn_id: String },
    /// The turn was stored before the process was killed; whether the context counts it is unknown.
    Found { index: usize, turn_id: String },
    /// A caller was told that the store is busy.
    Busy { index: usize },
}

/// Says the lines whose numbers come in on standard input, until that ends.
pub(crate) fn run(args: &TourActor) -> Result<Report, Failure> {
    let store = Unforget::open(&args.directory)?;
    let part = PARTS.get(args.part).ok_or_else(|| super::broken("there is no such part"))?;
    let lines = part.lines();
    let mut stdout = std::io::stdout();
    for number in std::io::stdin().lock().lines() {
        let Ok(number) = number else { break };
        let Some(index) = number.parse().ok().filter(|index| *index < lines.len()) else { continue };
        let said = say(&store, args, part, &lines, index)?;
        // If the parent is gone, so is the reason to go on.
        if writeln!(stdout, "{}", serde_json::json!(said)).and_then(|()| stdout.flush()).is_err() {
            break;
        }
    }
    store.shutdown()?;
    Ok(Report::new(serde_json::Value::Null, ""))
}

fn say(
    store: &Unforget,
    args: &TourActor,
    part: &Part,
    lines: &[Line],
    index: usize,
) -> Result<Said, Failure> {
    let Line { speaker, words, topic } = lines[index];
    let turn_id = format!("{}-{}-{index:03}", args.run, part.session);
    let turn = NewTurn::new(Part::user_of(lines, index), part.session, words);
    match store.memories().remember(turn.turn_id(&turn_id).speaker(speaker)) {
        Ok(_) => {}
        Err(unforget_memory::Error::Duplicate { .. }) => return Ok(Said::Found { index, turn_id }),
        Err(error) => return refused(error.into(), index),
    }
    match count(store, topic) {
        Ok(()) => Ok(Said::Stored { index, turn_id }),
        Err(error) => refused(error, index),
    }
}

fn count(store: &Unforget, topic: &'static str) -> unforget::Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let contexts = store.contexts();
    contexts.get_or_create(CONTEXT, || UserContext::new(CONTEXT))?;
    contexts.update(CONTEXT, move |context| context.with_conversation(now).with_topic(topic))?;
    Ok(())
}

/// Being told to wait longer is what the tour counts; anything else ends it.
fn refused(error: unforget::Error, index: usize) -> Result<Said, Failure> {
    if error.is_retryable() { Ok(Said::Busy { index }) } else { Err(error.into()) }
}
