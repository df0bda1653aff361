//! Measures the calls of the entity graph as it grows.
//!
//! ```text
//! cargo run --release -p unforget-memory --features bundled --example graph -- [CALLS] [DIRECTORY] [full]
//! ```
//!
//! One caller, one call at a time, at 0, 1,000, 10,000 and 100,000 entities of three observations with a relation each.
//! The graph is filled with an import, which is measured too. Durability is `Normal`, so that the sync, which takes the
//! same at every size, does not hide the rest; with `full` it is not.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use unforget_memory::{Entity, Graph, Memories, NewObservations, Relation};
use unforget_sqlite::{Database, Durability, Options};

type AnyError = Box<dyn std::error::Error>;

const SIZES: [usize; 4] = [0, 1_000, 10_000, 100_000];

fn main() -> Result<(), AnyError> {
    let mut arguments = std::env::args().skip(1);
    let calls: usize = arguments.next().map_or(Ok(200), |text| text.parse())?;
    let directory = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let full = arguments.next().is_some_and(|word| word == "full");
    let durability = if full { Durability::Full } else { Durability::Normal };
    println!("{:>10} {:>28} {:>12} {:>12}", "entities", "call", "p50", "p99");
    for size in SIZES {
        measure(&directory, durability, size, calls)?;
    }
    Ok(())
}

fn measure(directory: &Path, durability: Durability, size: usize, calls: usize) -> Result<(), AnyError> {
    let directory = tempfile::tempdir_in(directory)?;
    let db = Database::open(directory.path().join("graph.db"), Options::default().durability(durability))?;
    let graph = Memories::open(db)?.graph();
    let report = |call: &str, mut times: Vec<Duration>| {
        times.sort();
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
        println!("{size:>10} {call:>28} {:>12.1?} {:>12.1?}", at(50), at(99));
    };
    let file = lines(size)?;
    report("import_lines", timed(1, |_| graph.import_lines(file.as_bytes()))?);
    drop(file);
    changes(&graph, size, calls, &report)?;
    reads(&graph, calls, &report)
}

fn changes(
    graph: &Graph,
    size: usize,
    calls: usize,
    report: &impl Fn(&str, Vec<Duration>),
) -> Result<(), AnyError> {
    report("create_entities", timed(calls, |n| graph.create_entities(vec![entity(size + n)]))?);
    let add = |n| {
        let contents = vec![format!("Inspection {n} found a worn cable.")];
        graph.add_observations(vec![NewObservations { entity_name: name(n % (size + calls)), contents }])
    };
    report("add_observations", timed(calls, add)?);
    let relate = |n| graph.create_relations(vec![Relation::new(name(n), "tows", name(size + n))]);
    report("create_relations", timed(calls, relate)?);
    Ok(())
}

fn reads(graph: &Graph, calls: usize, report: &impl Fn(&str, Vec<Duration>)) -> Result<(), AnyError> {
    report("search, one found", timed(calls, |n| graph.search(&format!("GLIDER {n} OF")))?);
    report("search, none found", timed(calls, |_| graph.search("zeppelin"))?);
    report("search by words", timed(calls, |n| graph.search(&format!("cable inspection {n}")))?);
    report("search, two letters", timed(5, |_| graph.search("zq"))?);
    report("search, all found", timed(5, |_| graph.search("hangar"))?);
    report("open", timed(calls, |n| graph.open(&[name(n)]))?);
    report("page of 100", timed(calls, |_| graph.page(None, 100))?);
    report("read", timed(5, |_| graph.read())?);
    Ok(())
}

fn timed<T>(
    calls: usize,
    mut call: impl FnMut(usize) -> unforget_memory::Result<T>,
) -> Result<Vec<Duration>, AnyError> {
    (0..calls)
        .map(|n| {
            let since = Instant::now();
            call(n)?;
            Ok(since.elapsed())
        })
        .collect()
}

fn name(n: usize) -> String {
    format!("Glider {n} of the club")
}

fn entity(n: usize) -> Entity {
    Entity::new(name(n), "aircraft")
        .observed(format!("It stands in hangar {} at place {}.", n % 97, n % 13))
        .observed(format!("Its last flight was on day {} and took {} minutes.", n % 365, n % 480))
        .observed(format!("Its registration is D-{:06}.", n * 7_919 % 1_000_000))
}

fn lines(size: usize) -> Result<String, AnyError> {
    let mut file = String::new();
    for n in 0..size {
        let entity = serde_json::to_value(entity(n))?;
        let (name, observations) = (&entity["name"], &entity["observations"]);
        writeln!(
            file,
            r#"{{"type":"entity","name":{name},"entityType":"aircraft","observations":{observations}}}"#
        )?;
        let to = serde_json::to_string(&self::name((n + 1) % size))?;
        writeln!(file, r#"{{"type":"relation","from":{name},"to":{to},"relationType":"stands beside"}}"#)?;
    }
    Ok(file)
}
