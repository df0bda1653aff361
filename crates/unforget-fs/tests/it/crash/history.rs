//! Random sequences of operations, failures and crashes, against an oracle of what was acknowledged.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::Path;

use proptest::prelude::*;
use unforget_fs::sim::{Failure, Fault, Profile, SimDisk};
use unforget_fs::{Durability, Error, Files};

use super::cases::OPTIONS;

/// A few names in two directories, one of which may be missing.
const PATHS: [&str; 4] = ["/store/a", "/store/b", "/store/c", "/store/deep/d"];

/// Longer than a block, so that it may be torn.
const LENGTH: usize = 5;

/// The one in the directory that may be missing.
const DEEP: usize = 3;

#[derive(Debug, Clone)]
enum Op {
    Replace {
        path: usize,
        content: u8,
        durability: Durability,
    },
    CreateNew {
        path: usize,
        content: u8,
    },
    Stream {
        path: usize,
        content: u8,
        is_committed: bool,
    },
    Many {
        content: u8,
    },
    Ensure {
        path: usize,
    },
    Sweep,
    /// From here on a call fails, once or for ever; until the next crash or healing.
    Fail {
        nth: u64,
        failure: Failure,
        lasts: bool,
    },
    Heal,
    /// The power fails; `which` chooses among the states that it may leave.
    Crash {
        which: prop::sample::Index,
        profile: Profile,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let path = 0..PATHS.len();
    let content = b'a'..=b'z';
    let durability = prop_oneof![4 => Just(Durability::Full), 1 => Just(Durability::None)];
    let failure = prop::sample::select(Failure::ALL.to_vec());
    let which = any::<prop::sample::Index>();
    prop_oneof![
        6 => (path.clone(), content.clone(), durability)
            .prop_map(|(path, content, durability)| Op::Replace { path, content, durability }),
        3 => (path.clone(), content.clone()).prop_map(|(path, content)| Op::CreateNew { path, content }),
        3 => (path.clone(), content.clone(), any::<bool>())
            .prop_map(|(path, content, is_committed)| Op::Stream { path, content, is_committed }),
        2 => content.prop_map(|content| Op::Many { content }),
        1 => path.prop_map(|path| Op::Ensure { path }),
        1 => Just(Op::Sweep),
        2 => (1..30_u64, failure, any::<bool>())
            .prop_map(|(nth, failure, lasts)| Op::Fail { nth, failure, lasts }),
        2 => Just(Op::Heal),
        4 => (which, prop::sample::select(Profile::ALL.to_vec()))
            .prop_map(|(which, profile)| Op::Crash { which, profile }),
    ]
}

type Content = Option<Vec<u8>>;

/// What is known of one path.
#[derive(Debug, Clone)]
struct Known {
    /// What a live process sees.
    live: Content,
    /// What a crash may leave; what is seen is always among it.
    durable: Vec<Content>,
    /// Whether a crash may leave anything: no durability was asked for, or a directory on the way was not
    /// synced, after which nothing in it is certain.
    is_uncertain: bool,
}

impl Known {
    fn certain(content: Content) -> Self {
        Self { live: content.clone(), durable: vec![content], is_uncertain: false }
    }
}

/// What the files are, as far as the outcomes of the operations tell.
struct Oracle {
    files: BTreeMap<usize, Known>,
    /// Whether directories can be synced at the moment; where they cannot, a success promises nothing.
    promises: bool,
}

impl Oracle {
    fn new() -> Self {
        let files = (0..PATHS.len()).map(|path| (path, Known::certain(None)));
        Self { files: files.collect(), promises: true }
    }

    /// Takes in what one operation did to one path.
    fn note(&mut self, path: usize, new: Content, outcome: &Result<(), Error>) {
        let known = self.files.get_mut(&path).expect("a path of ours");
        let is_deep = path == DEEP;
        match outcome {
            Ok(()) if self.promises && !(is_deep && known.is_uncertain) => *known = Known::certain(new),
            Ok(()) | Err(Error::CommittedNotDurable { .. }) => {
                known.live = new.clone();
                known.durable.push(new);
                known.is_uncertain |= is_deep && !self.promises;
            }
            // The system may have given up on the name of the directory, and a later sync would not say so.
            Err(Error::Io { operation: "sync the parent directory of", .. }) => known.is_uncertain = true,
            // It did not happen, and nothing of it may be seen later.
            Err(_) => {}
        }
    }

    /// Takes in a replacement that was not to be durable.
    fn note_loose(&mut self, path: usize, new: Content, outcome: &Result<(), Error>) {
        if outcome.is_ok() {
            let known = self.files.get_mut(&path).expect("a path of ours");
            known.live = new;
            known.is_uncertain = true;
        } else {
            self.note(path, new, outcome);
        }
    }
}

fn whole(content: u8) -> Vec<u8> {
    vec![content; LENGTH]
}

/// The disk, what is known of it, and whether something fails at the moment.
struct World {
    disk: SimDisk,
    oracle: Oracle,
    crashes: u32,
}

impl World {
    fn new() -> Self {
        let disk = SimDisk::with_block_size(4);
        disk.put_dir("/store");
        disk.set_exhaustive(10);
        Self { disk, oracle: Oracle::new(), crashes: 0 }
    }

    fn files(&self) -> Files<SimDisk> {
        Files::on(&self.disk)
    }

    fn run(&mut self, op: &Op) {
        let options = OPTIONS.create_parents(true);
        let at = |path: usize| Path::new(PATHS[path]);
        match op {
            Op::Replace { path, content, durability } => {
                let options = options.durability(*durability);
                let outcome = self.files().replace(at(*path), &whole(*content), &options);
                match durability {
                    Durability::Full => self.oracle.note(*path, Some(whole(*content)), &outcome),
                    Durability::None => self.oracle.note_loose(*path, Some(whole(*content)), &outcome),
                }
            }
            Op::CreateNew { path, content } => {
                let outcome = self.files().create_new(at(*path), &whole(*content), &options);
                let exists = self.oracle.files[path].live.is_some();
                assert!(!(exists && outcome.is_ok()), "a file that is there is not new");
                self.oracle.note(*path, Some(whole(*content)), &outcome);
            }
            Op::Stream { path, content, is_committed } => {
                let outcome = self.files().atomic_file(at(*path), &options).and_then(|mut file| {
                    let source = whole(*content);
                    let written = source.chunks(2).try_for_each(|piece| file.write_all(piece));
                    let io = |source| Error::Io { operation: "write", path: at(*path).to_owned(), source };
                    written.map_err(io)?;
                    if *is_committed {
                        Ok(file.commit()?)
                    } else {
                        Err(io(std::io::Error::other("given up")))
                    }
                });
                self.oracle.note(*path, Some(whole(*content)), &outcome);
            }
            Op::Many { content } => self.replace_many(*content),
            Op::Ensure { path } => self.ensure(*path),
            Op::Sweep => drop(self.files().sweep_orphans("/store".as_ref())),
            Op::Fail { nth, failure, lasts } => {
                let fault = Fault::at(*nth, *failure);
                self.disk.fail(if *lasts { fault.for_ever() } else { fault });
                self.oracle.promises &= *failure != Failure::Unsupported;
            }
            Op::Heal => self.heal(),
            Op::Crash { which, profile } => self.crash(*which, *profile),
        }
    }

    fn replace_many(&mut self, content: u8) {
        let files = [(PATHS[0], whole(content)), (PATHS[1], whole(content))];
        let outcome = self.files().replace_many(&files, &OPTIONS);
        let not_durable =
            || Error::CommittedNotDurable { path: "/store".into(), source: ErrorKind::Other.into() };
        for path in 0..files.len() {
            let is_replaced =
                matches!(&outcome, Err(Error::PartlyReplaced { replaced, .. }) if path < replaced.len());
            let told = if is_replaced { &Err(not_durable()) } else { &outcome };
            self.oracle.note(path, Some(whole(content)), told);
        }
    }

    fn ensure(&mut self, path: usize) {
        let was_there = self.disk.read(PATHS[path]).is_some();
        let outcome = self.files().ensure_file(Path::new(PATHS[path])).map(|_| ());
        let is_there = self.disk.read(PATHS[path]).is_some();
        if !was_there && is_there {
            // Also after an error: it is there, and its name may last or not.
            let not_durable =
                Error::CommittedNotDurable { path: "/store".into(), source: ErrorKind::Other.into() };
            let told = outcome.map_err(|_| not_durable);
            self.oracle.note(path, Some(Vec::new()), &told);
        }
    }

    fn heal(&mut self) {
        self.disk.heal();
        self.oracle.promises = true;
    }

    /// Every state that a crash may leave now is checked, and one of them is gone on with.
    fn crash(&mut self, which: prop::sample::Index, profile: Profile) {
        self.crashes += 1;
        let now = format!("crash {}", self.crashes);
        self.disk.mark(&now);
        let states = self.disk.crash_states(profile);
        // Those before the mark were the end of a shorter history.
        let states: Vec<_> = states.iter().filter(|state| state.has_mark(&now)).collect();
        for state in &states {
            self.check_crashed(&state.disk(), state);
        }
        self.disk = states[which.index(states.len())].disk();
        self.oracle.promises = true;
        self.files().sweep_orphans("/store".as_ref()).expect("nothing fails here");
        for (path, known) in &mut self.oracle.files {
            *known = Known::certain(self.disk.read(PATHS[*path]));
        }
        let left = self.disk.names("/store");
        assert!(left.iter().all(|name| name.len() <= 4), "{left:?} after a sweep");
    }

    fn check_crashed(&self, disk: &SimDisk, story: &dyn std::fmt::Display) {
        for (path, known) in &self.oracle.files {
            let found = disk.read(PATHS[*path]);
            let is_allowed = known.is_uncertain || known.durable.contains(&found);
            assert!(is_allowed, "{}: {found:?}, {known:?}\n{story}", PATHS[*path]);
        }
    }

    fn check_live(&self) {
        for (path, known) in &self.oracle.files {
            assert_eq!(self.disk.read(PATHS[*path]), known.live, "{}", PATHS[*path]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_history_keeps_what_it_acknowledged(
        ops in prop::collection::vec(op(), 1..12),
        last in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new();
        for op in &ops {
            world.run(op);
            world.check_live();
        }
        world.heal();
        world.run(&Op::Crash { which: last, profile: Profile::PosixWeak });
        world.check_live();
    }
}
