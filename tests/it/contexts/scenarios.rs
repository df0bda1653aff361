//! Stories, played by threads and again by processes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Barrier;
use std::sync::mpsc::channel;
use std::thread;

use unforget::Contexts;

use super::stories::{Step, Story, named};
use super::{Profile, added, open};
use crate::child::{Child, hear_parent, say};

/// How many processes play a story at most; what has more actors gives each process several, as threads.
const PROCESSES: usize = 6;

/// What one step saw: the actor, the key, the revision, whether the step made it, and the value.
type Seen = (usize, String, u64, bool, Profile);

/// Who plays: answers what the steps saw, those of one actor in their order.
type Players = fn(directory: &Path, story: &str) -> Vec<Seen>;

fn threads(directory: &Path, story: &str) -> Vec<Seen> {
    let contexts = open(directory);
    let (tell, told) = channel();
    let tell = |seen| tell.send(seen).expect("it is listened to");
    play(&contexts, named(story).actors.into_iter().enumerate().collect(), &tell);
    told.try_iter().collect()
}

fn processes(directory: &Path, story: &str) -> Vec<Seen> {
    let count = named(story).actors.len().min(PROCESSES);
    let mut children: Vec<Child> = (0..count).map(|_| Child::start("act", directory)).collect();
    for child in &children {
        assert_eq!(child.hear().as_deref(), Some("ready"));
    }
    for (place, child) in children.iter_mut().enumerate() {
        child.tell(&format!("{place} {count} {story}"));
    }
    let lines = children.into_iter().flat_map(Child::finish);
    lines.map(|line| serde_json::from_str(&line).expect("what a step saw")).collect()
}

/// Role: plays some of the actors of a story, and says what their steps saw.
pub(crate) fn act(directory: &Path) {
    let contexts = open(directory);
    say("ready");
    let part = hear_parent().expect("the parent says which");
    let mut words = part.splitn(3, ' ');
    let mut word = || words.next().expect("a place, a count and a story");
    let (place, count): (usize, usize) =
        (word().parse().expect("a number"), word().parse().expect("a number"));
    let actors = named(word()).actors.into_iter().enumerate().skip(place).step_by(count);
    let tell = |seen| say(&serde_json::to_string(&seen).expect("it can be written"));
    play(&contexts, actors.collect(), &tell);
}

/// Lets actors play at the same time, a thread each.
fn play(contexts: &Contexts<Profile>, actors: Vec<(usize, Vec<Step>)>, tell: &(impl Fn(Seen) + Sync)) {
    let together = Barrier::new(actors.len());
    thread::scope(|scope| {
        for (actor, steps) in actors {
            let together = &together;
            scope.spawn(move || {
                together.wait();
                for step in steps {
                    tell(take(contexts, actor, step));
                }
            });
        }
    });
}

fn take(contexts: &Contexts<Profile>, actor: usize, step: Step) -> Seen {
    let (snapshot, made) = match step {
        Step::Read { key } => (contexts.get(key).expect("it can be read").expect("it exists"), false),
        Step::Add { key, field, amount } => {
            let changed = contexts.update(key, move |old| added(old, field, amount));
            (changed.expect("no caller sees busy"), true)
        }
    };
    (actor, step.key().to_owned(), snapshot.revision(), made, (*snapshot).clone())
}

/// Has a story played by threads and then by processes, and demands of both what is true of every story.
fn played(story: &str) -> Vec<Vec<Seen>> {
    let players: [Players; 2] = [threads, processes];
    players.map(|players| play_and_check(story, players)).to_vec()
}

fn play_and_check(name: &str, players: Players) -> Vec<Seen> {
    let root = tempfile::tempdir().expect("a directory");
    let (contexts, story) = (open(root.path()), named(name));
    let ends = story.ends();
    for key in ends.keys() {
        contexts.get_or_create(key, Profile::new).expect("it can be created");
    }
    let seen = players(root.path(), name);
    assert_eq!(seen.len(), story.actors.iter().flatten().count(), "every step was taken");
    actors_never_see_older_values(&seen);
    a_revision_is_one_value(&seen);
    every_change_has_a_revision(&story, &seen);
    for (key, end) in &ends {
        let found = contexts.get(key).expect("it can be read").expect("it exists");
        assert_eq!(*found, *end, "{name}: {key} is what all changes make of it, and nobody else's");
    }
    seen
}

fn actors_never_see_older_values(seen: &[Seen]) {
    let mut last = BTreeMap::new();
    for (actor, key, revision, ..) in seen {
        let before = last.insert((actor, key), *revision).unwrap_or(0);
        assert!(*revision >= before, "actor {actor} saw {key} at {before} and later at {revision}");
    }
}

fn a_revision_is_one_value(seen: &[Seen]) {
    let mut values = BTreeMap::new();
    for (_, key, revision, _, value) in seen {
        let known = values.entry((key, revision)).or_insert(value);
        assert_eq!(*known, value, "{key} at revision {revision} is the same for whoever sees it");
    }
}

fn every_change_has_a_revision(story: &Story, seen: &[Seen]) {
    for key in story.ends().keys() {
        let made = seen.iter().filter(|(_, of, _, made, _)| *made && of == key);
        let mut revisions: Vec<u64> = made.map(|(_, _, revision, ..)| *revision).collect();
        revisions.sort_unstable();
        let all: Vec<u64> = (2..2 + story.changes(key)).collect();
        assert_eq!(revisions, all, "{key}: each change is made from the one before");
    }
}

#[test]
fn a_hundred_readers_at_once_see_the_same() {
    for seen in played("a hundred readers") {
        assert_eq!(seen.len(), 100);
        assert!(seen.iter().all(|(_, _, revision, ..)| *revision == 1), "nobody changes it");
    }
}

#[test]
fn a_hundred_updates_at_once_add_up_to_a_hundred() {
    for seen in played("a hundred updates") {
        let last = seen.iter().max_by_key(|(_, _, revision, ..)| revision).expect("there are some");
        assert_eq!(last.4["count"], 100);
    }
}

#[test]
fn users_who_talk_at_the_same_time_see_nothing_of_each_other() {
    for seen in played("two users in chat and one by voice") {
        for (_, key, _, _, value) in &seen {
            let channel = if key == "cyd" { "voice" } else { "chat" };
            assert!(value.keys().all(|field| field == channel), "{key} holds {value:?}");
        }
    }
}

#[test]
fn five_tasks_move_one_trait_by_the_exact_sum() {
    for seen in played("five tasks on one trait") {
        let last = seen.iter().max_by_key(|(_, _, revision, ..)| revision).expect("there are some");
        assert_eq!(last.4["warmth"], 20 * (7 - 3 + 11 - 5 + 2));
    }
}

#[test]
fn chat_and_voice_of_one_user_lose_nothing_of_each_other() {
    for seen in played("chat and voice of one user") {
        let last = seen.iter().max_by_key(|(_, _, revision, ..)| revision).expect("there are some");
        assert_eq!(last.4.values().copied().collect::<Vec<_>>(), [25, 50, 25, 50]);
    }
}

#[test]
fn readers_and_writers_of_three_users_agree() {
    for seen in played("three readers and three writers") {
        assert_eq!(seen.len(), 180);
    }
}
