//! The cells and the registry against oracles of a few lines: same operations, same observations.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use unforget_sync::{InitCell, InitError, ManualClock, Registry, Shared, SnapshotCell};

use crate::watchdog::watch;

const COOL_DOWN: u64 = 10;

/// How an initialiser ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Init {
    Value(u8),
    Error(u8),
    Panic,
}

/// What a caller of an initialiser is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Value(u8),
    Failed(u8),
    Panicked,
}

impl Init {
    fn run(self) -> Result<u8, u8> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Error(error) => Err(error),
            Self::Panic => resume_unwind(Box::new("on purpose")),
        }
    }
}

fn told(call: impl FnOnce() -> Result<u8, InitError<u8>>) -> Told {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Told::Value(value),
        Ok(Err(InitError::Failed(error))) => Told::Failed(*error),
        Ok(Err(error)) => panic!("alone on one thread: {error}"),
        Err(_) => Told::Panicked,
    }
}

fn inits() -> impl Strategy<Value = Init> {
    prop_oneof![
        2 => any::<u8>().prop_map(Init::Value),
        4 => any::<u8>().prop_map(Init::Error),
        2 => Just(Init::Panic),
    ]
}

#[derive(Debug, Clone)]
enum CellOp {
    Get,
    Init(Init),
    Pass { seconds: u64 },
}

fn cell_ops() -> impl Strategy<Value = CellOp> {
    prop_oneof![
        2 => Just(CellOp::Get),
        6 => inits().prop_map(CellOp::Init),
        3 => (0..=COOL_DOWN).prop_map(|seconds| CellOp::Pass { seconds }),
    ]
}

/// The specification of a cell: its value, or the error that cools down and for how long it still does.
#[derive(Default)]
struct CellOracle {
    value: Option<u8>,
    cooling: Option<(u8, u64)>,
}

impl CellOracle {
    fn init(&mut self, init: Init, cool_down: u64) -> Told {
        if let Some(value) = self.value {
            return Told::Value(value);
        }
        if let Some((error, _)) = self.cooling.filter(|(_, left)| *left > 0) {
            return Told::Failed(error);
        }
        self.cooling = None;
        match init {
            Init::Value(value) => {
                self.value = Some(value);
                Told::Value(value)
            }
            Init::Error(error) => {
                self.cooling = Some((error, cool_down));
                Told::Failed(error)
            }
            Init::Panic => Told::Panicked,
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.cooling = self.cooling.map(|(error, left)| (error, left.saturating_sub(seconds)));
    }
}

#[derive(Debug, Clone)]
enum SnapshotOp {
    Publish(u8),
    /// Adds, unless that would overflow: then nothing is published.
    Add(u8),
    Read,
    NewReader,
}

fn snapshot_ops() -> impl Strategy<Value = SnapshotOp> {
    prop_oneof![
        2 => any::<u8>().prop_map(SnapshotOp::Publish),
        3 => any::<u8>().prop_map(SnapshotOp::Add),
        4 => Just(SnapshotOp::Read),
        1 => Just(SnapshotOp::NewReader),
    ]
}

#[derive(Debug, Clone)]
enum RegistryOp {
    Open {
        key: u8,
        init: Init,
    },
    /// Counted back from the handle that was opened last.
    Drop {
        back: usize,
    },
    Forget {
        back: usize,
        key: u8,
    },
}

fn registry_ops() -> impl Strategy<Value = RegistryOp> {
    let key = || 0_u8..3;
    prop_oneof![
        6 => (key(), inits()).prop_map(|(key, init)| RegistryOp::Open { key, init }),
        4 => (0_usize..6).prop_map(|back| RegistryOp::Drop { back }),
        2 => (0_usize..6, key()).prop_map(|(back, key)| RegistryOp::Forget { back, key }),
    ]
}

/// The specification of a registry: which life each key has, and how many handles hold each life. A life that nobody
/// holds is over.
#[derive(Default)]
struct RegistryOracle {
    lives: Vec<(u8, u8)>,
    current: BTreeMap<u8, usize>,
    handles: Vec<usize>,
}

impl RegistryOracle {
    fn open(&mut self, key: u8, init: Init) -> Told {
        let living = self.current.get(&key).copied().filter(|life| self.handles.contains(life));
        let life = match (living, init) {
            (Some(life), _) => life,
            (None, Init::Value(value)) => {
                self.lives.push((key, value));
                self.lives.len() - 1
            }
            (None, Init::Error(error)) => return Told::Failed(error),
            (None, Init::Panic) => return Told::Panicked,
        };
        self.current.insert(key, life);
        self.handles.push(life);
        Told::Value(self.lives[life].1)
    }

    fn forget(&mut self, handle: usize, key: u8) {
        if self.current.get(&key) == Some(&self.handles[handle]) {
            self.current.remove(&key);
        }
    }
}

proptest! {
    #[test]
    fn a_cell_does_what_the_oracle_says(ops in prop::collection::vec(cell_ops(), 1..40), cools in any::<bool>()) {
        let _watch = watch();
        let clock = Arc::new(ManualClock::new());
        let cell = if cools {
            InitCell::with_cool_down(Duration::from_secs(COOL_DOWN), Arc::clone(&clock) as _)
        } else {
            InitCell::new()
        };
        let mut oracle = CellOracle::default();
        for (step, op) in ops.into_iter().enumerate() {
            match op {
                CellOp::Get => {}
                CellOp::Init(init) => {
                    let real = told(|| cell.get_or_try_init(|| init.run()).copied());
                    let said = oracle.init(init, if cools { COOL_DOWN } else { 0 });
                    prop_assert_eq!(real, said, "step {}: {:?}", step, op);
                }
                CellOp::Pass { seconds } => {
                    clock.advance(Duration::from_secs(seconds));
                    oracle.pass(seconds);
                }
            }
            prop_assert_eq!(cell.get().copied(), oracle.value, "step {}", step);
        }
    }

    #[test]
    fn a_snapshot_does_what_the_oracle_says(ops in prop::collection::vec(snapshot_ops(), 1..40)) {
        let _watch = watch();
        let cell = SnapshotCell::new(0_u8);
        let (mut revision, mut value) = (0, 0_u8);
        let mut reader = cell.reader();
        let first = cell.load();
        for op in ops {
            match op {
                SnapshotOp::Publish(new) => {
                    (revision, value) = (revision + 1, new);
                    prop_assert_eq!(cell.publish(new), revision);
                }
                SnapshotOp::Add(amount) => {
                    let left = cell.update_if(|value| value.checked_add(amount));
                    if let Some(sum) = value.checked_add(amount) {
                        (revision, value) = (revision + 1, sum);
                    }
                    prop_assert_eq!((left.revision(), **left), (revision, value));
                }
                SnapshotOp::Read => {
                    let read = reader.load();
                    prop_assert_eq!((read.revision(), ***read), (revision, value), "by the reader");
                }
                SnapshotOp::NewReader => reader = cell.reader(),
            }
            let lent = cell.load();
            prop_assert_eq!((lent.revision(), **lent), (revision, value));
        }
        prop_assert_eq!((first.revision(), **first), (0, 0), "a snapshot changed");
    }

    #[test]
    fn a_registry_does_what_the_oracle_says(ops in prop::collection::vec(registry_ops(), 1..40)) {
        let _watch = watch();
        let registry = Registry::<u8, u8, u8>::new();
        let mut oracle = RegistryOracle::default();
        let mut handles: Vec<Shared<u8, u8>> = Vec::new();
        for (step, op) in ops.into_iter().enumerate() {
            match op {
                RegistryOp::Open { key, init } => {
                    let real = told(|| {
                        let handle = registry.open(key, || init.run())?;
                        let value = *handle;
                        handles.push(handle);
                        Ok(value)
                    });
                    prop_assert_eq!(real, oracle.open(key, init), "step {}: {:?}", step, op);
                }
                RegistryOp::Drop { back } => {
                    if let Some(handle) = handles.len().checked_sub(1 + back) {
                        handles.remove(handle);
                        oracle.handles.remove(handle);
                    }
                }
                RegistryOp::Forget { back, key } => {
                    if let Some(handle) = handles.len().checked_sub(1 + back) {
                        registry.forget(&key, &handles[handle]);
                        oracle.forget(handle, key);
                    }
                }
            }
            for (one, life) in handles.iter().zip(&oracle.handles) {
                for (other, other_life) in handles.iter().zip(&oracle.handles) {
                    prop_assert_eq!(one.ptr_eq(other), life == other_life, "step {}: which are one value", step);
                }
            }
        }
    }
}
