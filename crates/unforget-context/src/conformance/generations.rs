//! Moments, of stores that have them.

use std::time::{Duration, Instant};

use super::{Subject, demand, put, remove};
use crate::{Generation, Moment};

/// How long a moment may take to be told while nothing is changed.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn end(subject: &Subject) -> Result<(), String> {
    let (writer, reader) = (subject.open(), subject.open());
    let Some(generation) = reader.generation() else { return Ok(()) };
    let mut moments = vec![settled(&*generation)?];
    for step in 0..4 {
        if step % 2 == 0 { put(&*writer, "ada", "1") } else { remove(&*writer, "ada") }?;
        let now = generation.now();
        demand(now.is_none() || now != moments.last().copied(), || {
            "a change was acknowledged, and the moment before it lasts".to_owned()
        })?;
        let moment = settled(&*generation)?;
        demand(!moments.contains(&moment), || format!("{moment:?} came twice"))?;
        moments.push(moment);
    }
    Ok(())
}

fn settled(generation: &dyn Generation) -> Result<Moment, String> {
    let began = Instant::now();
    loop {
        if let Some(moment) = generation.now() {
            return Ok(moment);
        }
        demand(began.elapsed() < PATIENCE, || "nobody writes, and no moment is told".to_owned())?;
        std::thread::yield_now();
    }
}
