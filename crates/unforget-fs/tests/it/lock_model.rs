//! Protocols of lock files as small models, searched breadth first: every order of every system call of a few
//! processes, each of which may die between any two of them.
//!
//! The wrong protocols are those of popular libraries. That the search finds their two holders is what makes its
//! silence about ours worth something.

mod by_existence;
mod by_kernel;
mod search;
mod world;

use by_existence::{Breaking, ByExistence, Judgement};
use by_kernel::{ByKernel, Release};
use search::{Found, search};
use world::Protocol;

/// Searches a protocol that must hold, and prints how much there was to see.
fn holds(name: &str, protocol: &impl Protocol) {
    let stuck = is_safe(name, protocol);
    assert_eq!(stuck, 0, "{name}: from every state on, a living process can get the lock");
}

/// The same for a protocol that may need a person; says in how many states it does.
fn is_safe(name: &str, protocol: &impl Protocol) -> usize {
    match search(protocol) {
        Found::TwoHolders { trace, .. } => panic!("{name} has two holders:\n  {}", trace.join("\n  ")),
        Found::Nothing { states, stuck, takeovers } => {
            println!("{name}: holds in {states} states");
            assert!(takeovers > 0, "{name}: somebody holds it after a holder died, or nothing was searched");
            stuck
        }
    }
}

/// Searches a protocol that is known to be wrong, and prints the shortest way to two holders.
fn breaks(name: &str, protocol: &impl Protocol) {
    match search(protocol) {
        Found::TwoHolders { states, trace } => {
            println!(
                "{name}: two holders after {} steps, {states} states\n  {}",
                trace.len(),
                trace.join("\n  ")
            );
        }
        Found::Nothing { states, .. } => {
            panic!("{name} was thought to be wrong, but holds in {states} states")
        }
    }
}

#[test]
fn the_kernels_lock_holds_on_a_file_that_stays() {
    holds("kernel lock, file stays", &ByKernel::new(Release::Keep));
}

#[test]
fn the_kernels_lock_holds_on_a_file_that_is_removed_first_and_unlocked_last() {
    holds(
        "kernel lock, identity checked, removed before it is unlocked",
        &ByKernel::new(Release::RemoveFirst),
    );
}

#[test]
fn holders_that_share_are_never_beside_an_exclusive_one() {
    for release in [Release::Keep, Release::RemoveFirst] {
        holds("kernel lock, two share and two exclude", &ByKernel::new(release).sharing(2));
    }
}

#[test]
fn a_provably_dead_owner_is_replaced_under_a_second_lock_that_may_be_left_behind_too() {
    holds("existence, ours", &ByExistence::new(Breaking::Replace { reads_again: true }, Judgement::Proof));
}

#[test]
fn takers_over_that_die_one_inside_the_other_leave_it_to_a_person_and_never_to_two() {
    let ours = ByExistence::new(Breaking::Replace { reads_again: true }, Judgement::Proof).depth(2);
    let stuck = is_safe("existence, ours, one second lock less", &ours);
    assert!(stuck > 0, "two of three have died so, one in the place of the other");
}

#[test]
fn a_provably_dead_owner_is_removed_under_a_second_lock_of_the_kernel() {
    let breaking = Breaking::SecondLock { reads_again: true };
    holds("existence, second lock of the kernel", &ByExistence::new(breaking, Judgement::Proof));
}

#[test]
fn an_operator_breaks_the_lock_that_was_read_and_no_other() {
    let stuck = is_safe("operators, nonce read again", &ByExistence::with_operators(true));
    assert!(stuck > 0, "without an operator a lock stays that nobody can prove dead");
    breaks("operators, by the path", &ByExistence::with_operators(false));
}

#[test]
fn a_lock_without_a_look_at_the_identity_has_two_holders() {
    breaks("kernel lock, removed, identity not checked", &ByKernel::new(Release::RemoveFirst).unchecked());
}

#[test]
fn a_file_that_is_unlocked_first_and_removed_last_has_two_holders() {
    breaks("kernel lock, removed after it is unlocked", &ByKernel::new(Release::UnlockFirst));
}

#[test]
fn looking_and_then_removing_has_two_holders() {
    breaks("existence, look and remove", &ByExistence::new(Breaking::Remove, Judgement::Proof));
}

#[test]
fn renaming_aside_and_looking_then_has_two_holders() {
    breaks("existence, rename aside", &ByExistence::new(Breaking::RenameAside, Judgement::Proof));
}

#[test]
fn a_second_lock_without_reading_again_has_two_holders() {
    for breaking in [Breaking::SecondLock { reads_again: false }, Breaking::Replace { reads_again: false }] {
        breaks("existence, second lock, not read again", &ByExistence::new(breaking, Judgement::Proof));
    }
}

#[test]
fn age_has_two_holders_under_every_second_lock() {
    for breaking in [Breaking::SecondLock { reads_again: true }, Breaking::Replace { reads_again: true }] {
        breaks("existence, broken by age", &ByExistence::new(breaking, Judgement::Age));
    }
}

#[test]
fn a_process_id_of_another_namespace_has_two_holders_under_every_second_lock() {
    for breaking in [Breaking::SecondLock { reads_again: true }, Breaking::Replace { reads_again: true }] {
        breaks("existence, broken by process id", &ByExistence::new(breaking, Judgement::ProcessId));
    }
}
