//! What is asked of every contender.

use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

use crate::Effort;
use crate::maps::{Fixed, Fold, Imbl, Map, Papaya, Rpds, Sharded, Sip, value};
use crate::table::{Contender, compare};
use crate::{contexts, deferred};

/// Calls of one round.
const CALLS: usize = 1 << 16;
/// One in so many calls replaces a value.
const WRITES: usize = 100;

pub(crate) fn run(effort: Effort, size: usize) {
    let keys: Rc<[String]> = (0..size).map(|n| format!("user-{n:07}")).collect();
    reads(effort, &keys, "evenly", &Rc::from(evenly(size)));
    reads(effort, &keys, "skewed", &Rc::from(skewed(size)));
    mixed(effort, &keys);
    whole(effort, &keys);
    deferred::run(effort, &keys);
}

/// Keys in a random order, each as likely as any other.
fn evenly(size: usize) -> Vec<usize> {
    draw().map(|drawn| drawn % size).take(CALLS).collect()
}

/// Keys of which few are asked for often: nine in ten calls are for a hundredth of the keys.
fn skewed(size: usize) -> Vec<usize> {
    let few = (size / 100).max(1);
    draw().map(|drawn| (drawn >> 8) % if drawn % 10 == 0 { size } else { few }).take(CALLS).collect()
}

/// Marsaglia's xorshift, from the same seed each time.
fn draw() -> impl Iterator<Item = usize> {
    let step = |state: &u64| {
        let a = state ^ (state << 13);
        let b = a ^ (a >> 7);
        Some(b ^ (b << 17))
    };
    std::iter::successors(Some(0x0139_408d_cbbf_7a44), step)
        .map(|drawn| usize::try_from(drawn >> 16).expect("48 bits"))
}

fn reads(effort: Effort, keys: &Rc<[String]>, how: &str, order: &Rc<[usize]>) {
    let contexts = contexts::of(keys);
    let (asked, ordered) = (Rc::clone(keys), Rc::clone(order));
    let unforget = Contender::new("unforget Contexts::get", move || {
        each(&ordered, |index| drop(black_box(contexts.get(&asked[index]).expect("nothing can fail"))))
    });
    compare(
        &format!("reading, {} keys asked for {how}", keys.len()),
        effort.rounds,
        &[
            unforget,
            reader::<Fixed<Sip>>("ArcSwap<std HashMap>, SipHash", keys, order),
            reader::<Fixed<Fold>>("ArcSwap<std HashMap>, foldhash", keys, order),
            reader::<Imbl<Sip>>("ArcSwap<imbl>, SipHash", keys, order),
            reader::<Imbl<Fold>>("ArcSwap<imbl>, foldhash", keys, order),
            reader::<Rpds<Sip>>("ArcSwap<rpds>, SipHash", keys, order),
            reader::<Rpds<Fold>>("ArcSwap<rpds>, foldhash", keys, order),
            reader::<Sharded<Fold>>("sharded cells, foldhash", keys, order),
            reader::<Papaya<Fold>>("papaya, foldhash", keys, order),
        ],
    );
}

fn mixed(effort: Effort, keys: &Rc<[String]>) {
    let order: Rc<[usize]> = Rc::from(evenly(keys.len()));
    compare(
        &format!("reading, and replacing once in {WRITES}, {} keys", keys.len()),
        effort.rounds,
        &[
            writer::<Imbl<Fold>>("ArcSwap<imbl>, foldhash", keys, &order, WRITES),
            writer::<Rpds<Fold>>("ArcSwap<rpds>, foldhash", keys, &order, WRITES),
            writer::<Sharded<Fold>>("sharded cells, foldhash", keys, &order, WRITES),
            writer::<Papaya<Fold>>("papaya, foldhash", keys, &order, WRITES),
        ],
    );
    let one: Rc<[usize]> = Rc::from(vec![7; CALLS]);
    let (contexts, key) = (contexts::of(keys), keys[7].clone());
    compare(
        &format!("replacing one of {} keys", keys.len()),
        effort.rounds,
        &[
            writer::<Imbl<Fold>>("ArcSwap<imbl>, foldhash", keys, &one, 1),
            writer::<Rpds<Fold>>("ArcSwap<rpds>, foldhash", keys, &one, 1),
            writer::<Sharded<Fold>>("sharded cells, foldhash", keys, &one, 1),
            writer::<Papaya<Fold>>("papaya, foldhash", keys, &one, 1),
            Contender::new("unforget Contexts::update, in memory", move || {
                contexts::updates(&contexts, &key)
            }),
        ],
    );
}

fn whole(effort: Effort, keys: &Rc<[String]>) {
    let contexts = contexts::of(keys);
    let title = format!("a view of {} keys", keys.len());
    compare(
        &title,
        effort.rounds,
        &[Contender::new("unforget Contexts::view", move || contexts::views(&contexts))],
    );
}

fn reader<M: Map + 'static>(name: &'static str, keys: &Rc<[String]>, order: &Rc<[usize]>) -> Contender {
    let (map, keys, order) = (M::of(keys), Rc::clone(keys), Rc::clone(order));
    Contender::new(name, move || each(&order, |index| drop(black_box(map.get(&keys[index])))))
}

fn writer<M: Map + 'static>(
    name: &'static str,
    keys: &Rc<[String]>,
    order: &Rc<[usize]>,
    writes: usize,
) -> Contender {
    let (map, keys, order) = (M::of(keys), Rc::clone(keys), Rc::clone(order));
    Contender::new(name, move || {
        let mut calls = 0;
        each(&order, |index| {
            calls += 1;
            if calls % writes == 0 {
                map.replace(&keys[index], value(calls as u64));
            } else {
                drop(black_box(map.get(&keys[index])));
            }
        })
    })
}

/// What each of the calls takes, in nanoseconds.
fn each(order: &[usize], mut call: impl FnMut(usize)) -> f64 {
    let started = Instant::now();
    for index in order {
        call(*index);
    }
    started.elapsed().as_secs_f64() * 1e9 / order.len() as f64
}
