//! The engine on real files, with real threads and real processes in the way.

#![expect(clippy::unwrap_used, reason = "a test whose preparations fail has failed")]

mod after_commit;
mod alone;
mod backup;
mod batch;
mod batch_end;
mod budget;
mod checkpoint;
mod child;
mod deadline;
mod errors;
mod fence;
#[cfg(unix)]
mod fork;
mod generation;
#[cfg(unix)]
mod generation_page;
mod generation_processes;
#[cfg(target_os = "linux")]
mod holder;
mod life;
mod memory;
mod open;
mod reading;
mod store;
mod storm;
mod upkeep;
