//! What the crate promises, seen from outside, with second processes where a second process is what it is
//! about.
#![cfg(unix)]
#![cfg(test)]

mod atomic_file;
mod child;
mod crash;
mod create_new;
mod directory;
mod dot_lock;
mod full_disk;
mod git_lock;
mod in_place;
mod journal;
mod lease;
mod lock_attacks;
mod lock_file;
mod lock_fork;
mod lock_model;
mod lock_refusals;
mod lock_shared;
mod lock_torture;
mod replace;
mod replace_refusals;
mod secure_dir;
mod sim;
mod sweep;
mod turnstile;
