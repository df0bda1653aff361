//! Several processes on one file.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::callers::write_for;
use crate::figures::{Figures, median};
use crate::row::Kind;
use crate::stores::{Pool, Unforget};
use crate::{Effort, fresh_dir};

const CHILD: &str = "--child";
const CALLERS: usize = 16;

/// What a process tells of its turn.
struct Told {
    writes: f64,
    seconds: f64,
    max_ms: f64,
    refused: u64,
}

pub(crate) fn run(effort: Effort) {
    for kind in [Kind::ALL[0], Kind::ALL[1]] {
        for processes in if effort.smoke { vec![2] } else { vec![2, 4] } {
            println!("\n{processes} processes x {CALLERS} waiting callers, {}", kind.name());
            println!(
                "  {:<30} {:>9} {:>7} {:>8} {:>8} {:>5}",
                "", "writes/s", "ratio", "fairness", "max ms", "busy"
            );
            let contenders = ["r2d2 pool, as it comes (b)", "unforget-sqlite"];
            let mut taken = [const { Vec::new() }; 2];
            for _ in 0..effort.rounds {
                for (name, taken) in contenders.iter().zip(&mut taken) {
                    taken.push(together(name, kind, processes, effort.turn * 2));
                }
            }
            let of =
                |rounds: &[Figures], figure: fn(&Figures) -> f64| median(rounds.iter().map(figure).collect());
            let first = of(&taken[0], |round| round.per_second);
            for (name, rounds) in contenders.iter().zip(&taken) {
                let per_second = of(rounds, |round| round.per_second);
                println!(
                    "  {name:<30} {per_second:>9.0} {:>7.2} {:>8.2} {:>8.1} {:>5}",
                    per_second / first,
                    of(rounds, |round| round.fairness),
                    of(rounds, |round| round.max_ms),
                    rounds.iter().map(|round| round.refused).sum::<u64>(),
                );
            }
        }
    }
}

fn together(contender: &str, kind: Kind, processes: usize, turn: Duration) -> Figures {
    let dir = fresh_dir();
    let path = dir.path().join("rows.db");
    // Opened one after the other, begun at once.
    let open = |_| {
        let mut child = spawn(contender, &path, kind, turn);
        assert_eq!(hear(&mut child), "open");
        child
    };
    let mut children: Vec<Child> = (0..processes).map(open).collect();
    for child in &mut children {
        let input = child.stdin.as_mut().expect("it has an input");
        input.write_all(b"go\n").and_then(|()| input.flush()).expect("it listens");
    }
    let told: Vec<Told> = children.into_iter().map(finish).collect();
    let rate = |told: &Told| told.writes / told.seconds;
    let (slowest, fastest) =
        told.iter().map(rate).fold((f64::MAX, 0.0_f64), |(low, high), rate| (low.min(rate), high.max(rate)));
    Figures {
        per_second: told.iter().map(rate).sum(),
        max_ms: told.iter().map(|told| told.max_ms).fold(0.0, f64::max),
        fairness: slowest / fastest,
        refused: told.iter().map(|told| told.refused).sum(),
        ..Figures::default()
    }
}

fn spawn(contender: &str, path: &Path, kind: Kind, turn: Duration) -> Child {
    Command::new(std::env::current_exe().expect("it has a path"))
        .arg(CHILD)
        .arg(contender)
        .arg(path)
        .arg(kind.synchronous())
        .arg(turn.as_millis().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts")
}

fn hear(child: &mut Child) -> String {
    let output = child.stdout.as_mut().expect("it has an output");
    let mut line = String::new();
    // Byte by byte: what comes after the line is for the next reader.
    let mut byte = [0];
    while std::io::Read::read(output, &mut byte).expect("it tells") == 1 && byte[0] != b'\n' {
        line.push(char::from(byte[0]));
    }
    line
}

fn finish(mut child: Child) -> Told {
    let line = hear(&mut child);
    assert!(child.wait().expect("it ends").success(), "a process failed");
    let mut words = line.split(' ');
    let mut figure = || -> f64 { words.next().and_then(|word| word.parse().ok()).expect("a figure") };
    let (writes, seconds, max_ms) = (figure(), figure(), figure());
    let refused = words.next().and_then(|word| word.parse().ok()).expect("a number");
    Told { writes, seconds, max_ms, refused }
}

pub(crate) fn is_child(arguments: &[String]) -> bool {
    arguments.first().is_some_and(|argument| argument == CHILD)
}

/// Opens the file, waits for the word, writes for its turn and tells how it went.
pub(crate) fn child(arguments: &[String]) {
    let argument = |place: usize| arguments.get(place).map(String::as_str).expect("it is given all");
    let (contender, path, synchronous, turn) = (argument(1), argument(2), argument(3), argument(4));
    let kind = Kind { full: synchronous == "FULL", text: false };
    let turn = Duration::from_millis(turn.parse().expect("milliseconds"));
    let path = Path::new(path);
    let wait = || {
        println!("open");
        let mut line = String::new();
        BufReader::new(std::io::stdin()).read_line(&mut line).expect("the word");
    };
    let measured = if contender == "unforget-sqlite" {
        write_for::<Unforget>(path, kind, CALLERS, turn, wait)
    } else {
        write_for::<Pool>(path, kind, CALLERS, turn, wait)
    };
    let Figures { per_second, max_ms, refused, .. } = measured.figures();
    println!("{} {} {max_ms} {refused}", per_second * measured.seconds, measured.seconds);
}
