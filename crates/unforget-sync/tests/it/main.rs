//! The primitives on real threads and against oracles. Their schedules are enumerated in `tests/loom.rs`.

#![cfg(not(any(unforget_loom, unforget_shuttle)))]

#[cfg(test)]
mod backoff;
#[cfg(test)]
mod cells_oracle;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod coalescer;
#[cfg(test)]
mod coalescer_oracle;
#[cfg(test)]
mod contention;
#[cfg(test)]
mod eventually;
#[cfg(test)]
mod executors;
#[cfg(test)]
mod hanging;
#[cfg(test)]
mod init_cell;
#[cfg(test)]
mod misuse;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod queue_lead;
#[cfg(test)]
mod queue_oracle;
#[cfg(test)]
mod queue_stress;
#[cfg(test)]
mod ranked;
#[cfg(test)]
mod ranked_misuse;
#[cfg(test)]
mod ranked_oracle;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod snapshot_cell;
#[cfg(test)]
mod ticket;
#[cfg(test)]
mod watchdog;
