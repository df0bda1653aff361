//! The engine on a disk that fails and on one whose power is cut.

mod checkpoints;
mod failing;
mod power_cut;
mod verify;
mod workload;
