//! Two processes that change one context in turns, each told by the other what there is to be read.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use unforget::Contexts;

use super::{Profile, added, is_long, open};
use crate::child::{Child, hear_parent, kills, say};

const BALL: &str = "ball";

/// Role: whenever the parent tells a revision, demands to read it, makes the next, and tells that.
pub(crate) fn play(directory: &Path) {
    let contexts = open(directory);
    say("ready");
    watched(&contexts, || {
        while let Some(told) = hear_parent() {
            say(&answer(&contexts, revision(&told)).to_string());
        }
    });
}

/// Reads what was told, and answers the revision of a change of its own.
fn answer(contexts: &Contexts<Profile>, told: u64) -> u64 {
    let seen = read(contexts);
    assert!(seen >= told, "revision {told} was acknowledged before this read, which sees {seen}");
    let made =
        contexts.update(BALL, |ball| added(ball, "touched", 1)).expect("no caller sees busy").revision();
    assert!(made > seen, "the change of revision {seen} is revision {made}");
    let seen = read(contexts);
    assert!(seen >= made, "revision {made} was this thread's own change, and it reads {seen}");
    made
}

fn read(contexts: &Contexts<Profile>) -> u64 {
    contexts.get(BALL).expect("it can be read").expect("it exists").revision()
}

/// Plays while another thread reads without pause: what that publishes must not be taken for more than it is.
fn watched(contexts: &Contexts<Profile>, play: impl FnOnce()) {
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut last = 0;
            while !over.load(Ordering::Relaxed) {
                let seen = read(contexts);
                assert!(seen >= last, "a read saw revision {last}, and a later one {seen}");
                last = seen;
                thread::yield_now();
            }
        });
        let _over = Over(&over);
        play();
    });
}

fn player(directory: &Path) -> Child {
    let child = Child::start("play-ping-pong", directory);
    assert_eq!(child.hear().as_deref(), Some("ready"));
    child
}

fn pass(player: &mut Child, told: u64) -> u64 {
    player.tell(&told.to_string());
    revision(&player.hear().expect("who is told of a change reads it"))
}

fn revision(line: &str) -> u64 {
    line.parse().expect("a revision")
}

#[test]
fn a_process_that_is_told_of_a_change_reads_it_at_once() {
    let root = tempfile::tempdir().expect("a directory");
    let contexts = open(root.path());
    let mut made = contexts.get_or_create(BALL, Profile::new).expect("it can be created").revision();
    let mut other = player(root.path());
    let rounds = if is_long() { 100_000 } else { 3_000 };
    watched(&contexts, || {
        for _ in 0..rounds {
            made = pass(&mut other, answer(&contexts, made));
        }
    });
    other.finish();
    let ball = contexts.get(BALL).expect("it can be read").expect("it exists");
    assert_eq!(
        (ball.revision(), ball["touched"]),
        (2 * rounds + 1, i64::try_from(2 * rounds).expect("a small number")),
        "both made every change"
    );
}

#[test]
fn reads_do_not_go_back_when_players_are_killed() {
    let root = tempfile::tempdir().expect("a directory");
    let contexts = open(root.path());
    let mut told = contexts.get_or_create(BALL, Profile::new).expect("it can be created").revision();
    let mut players = vec![player(root.path()), player(root.path())];
    for kill in 0..kills() {
        for turn in 0..(kill * 5) % 13 {
            told = pass(&mut players[turn % 2], told);
        }
        let mut victim = players.remove(kill % 2);
        victim.tell(&told.to_string());
        // Another number of turns each time, so that the kill falls into another moment of its change.
        (0..(kill * 7_919) % 40_009).for_each(|_| std::hint::spin_loop());
        told = victim.kill().last().map_or(told, |made| revision(made));
        told = pass(&mut players[0], told);
        players.insert(kill % 2, player(root.path()));
        let seen = read(&contexts);
        assert!(seen >= told, "revision {told} was acknowledged before this read, which sees {seen}");
    }
    for player in players {
        player.finish();
    }
}
