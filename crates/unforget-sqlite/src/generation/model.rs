//! The protocol as a small state machine, searched breadth first: every order of every step of three processes that
//! write, read, heal and shorten the log, each of which may be killed between any two steps.
//!
//! The counter is moved, and the copies are judged, by the functions that the engine uses. What stands for SQLite is
//! what its log promises: a transaction is whole in the log's file before its index says so; who finds the index half
//! written makes it anew from the file; whoever writes next writes over what the index does not know.
//!
//! The wrong protocols are ours with one step changed. That each is found wrong makes the silence about ours worth
//! something.

mod steps;
mod world;

use std::collections::HashMap;

use steps::Flaw;
use world::{Limits, Name, World};

/// How each state was first reached.
type Found = HashMap<World, Option<(World, Name)>>;

/// Searches all states; answers how many there are, or the shortest way to a wrong answer.
fn search(flaw: Option<Flaw>, limits: Limits) -> Result<usize, Vec<String>> {
    let first = World::new(limits);
    let mut found = Found::from([(first.clone(), None)]);
    let mut wave = vec![first];
    while !wave.is_empty() {
        let mut next = Vec::new();
        for world in wave {
            for (step, after) in world.steps(flaw) {
                if found.contains_key(&after) {
                    continue;
                }
                found.insert(after.clone(), Some((world.clone(), step)));
                if after.is_wrong() {
                    return Err(way_to(&after, &found));
                }
                next.push(after);
            }
        }
        wave = next;
    }
    Ok(found.len())
}

fn way_to(world: &World, found: &Found) -> Vec<String> {
    let mut way = Vec::new();
    let mut at = world;
    while let Some(Some((before, (who, what)))) = found.get(at) {
        way.push(format!("process {who} {what}"));
        at = before;
    }
    way.reverse();
    way
}

const ALL: Limits = Limits { writes: 1, heals: 1, resets: 1 };

fn holds(name: &str, flaw: Option<Flaw>, limits: Limits) {
    match search(flaw, limits) {
        Ok(states) => println!("{name}: holds in {states} states"),
        Err(way) => panic!("{name}: a read went back in time:\n  {}", way.join("\n  ")),
    }
}

fn breaks(name: &str, flaw: Flaw) {
    match search(Some(flaw), ALL) {
        Err(way) => println!("{name}: wrong after {} steps\n  {}", way.len(), way.join("\n  ")),
        Ok(states) => panic!("{name} was thought to be wrong, but holds in {states} states"),
    }
}

#[test]
fn reads_never_go_back_and_see_what_was_acknowledged() {
    holds("ours", None, ALL);
}

#[test]
fn a_counter_that_is_never_odd_is_wrong() {
    breaks("no odd value", Flaw::NeverOdd);
}

#[test]
fn a_counter_that_is_only_counted_up_is_wrong() {
    breaks("one more before and after", Flaw::OneMore);
}

#[test]
fn a_counter_that_is_even_before_the_commit_is_wrong() {
    breaks("even before COMMIT", Flaw::EvenBeforeCommit);
}

#[test]
fn a_copy_with_the_value_of_after_the_read_is_wrong() {
    breaks("tagged after the read", Flaw::TagAfterRead);
}

#[test]
fn acknowledging_before_the_commit_is_wrong() {
    breaks("acknowledged before COMMIT", Flaw::AcknowledgeBeforeCommit);
}

#[test]
fn acknowledging_a_commit_before_the_counter_is_even_is_wrong() {
    breaks("acknowledged while odd", Flaw::AcknowledgeWhileOdd);
}

#[test]
fn reading_a_commit_that_is_under_way_without_saying_so_is_wrong() {
    breaks("read in silence", Flaw::NobodySaysWhatHeSees);
}

#[test]
fn saying_what_one_may_see_before_one_looks_is_wrong() {
    breaks("said before the snapshot", Flaw::SaysItBeforeTheSnapshot);
}

#[test]
fn saying_what_one_has_seen_after_answering_is_wrong() {
    breaks("said after answering", Flaw::SaysItAfterAnswering);
}

#[test]
fn finding_what_was_left_under_the_turn_without_saying_so_is_wrong() {
    breaks("found in silence under the turn", Flaw::TurnSeesInSilence);
}

#[test]
fn publishing_a_commit_that_is_under_way_without_saying_so_is_wrong() {
    breaks("published in silence", Flaw::PublishesInSilence);
}

#[test]
fn an_unknown_outcome_that_is_said_to_be_known_is_wrong() {
    breaks("even after an unknown outcome", Flaw::UnknownIsKnown);
}

#[test]
fn a_failure_says_nothing_about_the_one_before() {
    breaks("even after a failure that followed an unknown outcome", Flaw::FailureHeals);
}

#[test]
fn a_commit_that_writes_nothing_says_nothing_about_the_one_before() {
    breaks("even after an empty commit that followed an unknown outcome", Flaw::EmptyCommitHeals);
}

#[test]
fn making_the_counter_even_heals_nothing() {
    breaks("healed without a commit", Flaw::HealWithoutCommit);
}

#[test]
fn making_the_counter_even_would_do_if_only_commits_wrote_the_index() {
    holds(
        "healed without a commit, the log never shortened",
        Some(Flaw::HealWithoutCommit),
        Limits { resets: 0, ..ALL },
    );
}

#[test]
fn healing_without_the_turn_is_wrong() {
    breaks("healed without the turn", Flaw::HealWithoutTurn);
}
