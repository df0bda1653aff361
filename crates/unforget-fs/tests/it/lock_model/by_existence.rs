//! Locks by the existence of a file: as `DotLock` takes them, and as others do.

use super::world::{DEAD, Inode, LOCK, NAMES, Protocol, World};

/// How many second locks are taken one inside the other, as in `DotLock`.
const DEPTH: usize = 3;
/// The file of the second lock that is the kernel's, or the place to rename to.
const ASIDE: usize = NAMES - 1;

/// What is done about the file of a dead owner.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Breaking {
    /// It is removed.
    Remove,
    /// It is renamed, looked at, and renamed back if it is another one.
    RenameAside,
    /// It is removed under a lock of the kernel on a second file.
    SecondLock { reads_again: bool },
    /// It is replaced under a second lock by existence, which is broken in the same way.
    Replace { reads_again: bool },
    /// It stays until an operator removes it, who was told that its owner is gone.
    Operator { reads_again: bool },
}

/// Who is taken for dead.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Who is dead.
    Proof,
    /// Anybody, after a while.
    Age,
    /// Who is dead, and whose process id means nobody here: a process of another container.
    ProcessId,
}

pub(super) struct ByExistence {
    breaking: Breaking,
    judgement: Judgement,
    contenders: usize,
    operators: usize,
    depth: usize,
}

const LOOK: u8 = 0;
const CREATE: u8 = 1;
const READ_AGAIN: u8 = 2;
const REPLACE: u8 = 3;
const LEAVE_SECOND: u8 = 4;
const LEAVE_SECOND_AND_LOOK: u8 = 5;
const HOLD: u8 = 6;
const VERIFY: u8 = 7;
const RELEASE: u8 = 8;
const REMOVE: u8 = 9;
const RENAME: u8 = 10;
const RENAMED: u8 = 11;
const BACK: u8 = 12;
const TRY_SECOND: u8 = 13;
const SECOND_REMOVE: u8 = 14;
const CLOSE_SECOND: u8 = 15;

type Steps = Vec<(&'static str, World)>;

impl ByExistence {
    pub(super) fn new(breaking: Breaking, judgement: Judgement) -> Self {
        Self { breaking, judgement, contenders: 3, operators: 0, depth: DEPTH }
    }

    /// The same with fewer second locks inside each other.
    pub(super) fn depth(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// Two processes that wait, and two people who both read that the owner is gone.
    pub(super) fn with_operators(reads_again: bool) -> Self {
        let breaking = Breaking::Operator { reads_again };
        Self { breaking, judgement: Judgement::Proof, contenders: 2, operators: 2, depth: DEPTH }
    }

    /// Whether the owner of a file may be taken for dead.
    fn seems_dead(&self, world: &World, inode: Inode, me: usize) -> bool {
        let owner = world.owner(inode).unwrap_or(me);
        match self.judgement {
            Judgement::Proof => !world.processes[owner].is_alive,
            Judgement::Age => owner != me,
            // The last contender is alone in its namespace.
            Judgement::ProcessId => {
                !world.processes[owner].is_alive
                    || (owner == self.contenders - 1) != (me == self.contenders - 1)
            }
        }
    }

    fn look(&self, mut world: World, me: usize) -> Steps {
        let level = world.processes[me].level;
        let Some(inode) = world.names[level] else { return vec![("finds nothing", world.at(me, CREATE))] };
        if !self.seems_dead(&world, inode, me) {
            return vec![("finds it held", restart(world, me))];
        }
        world.processes[me].saw[level] = Some(inode);
        match self.breaking {
            Breaking::Remove => vec![("finds it dead", world.at(me, REMOVE))],
            Breaking::RenameAside => vec![("finds it dead", world.at(me, RENAME))],
            Breaking::SecondLock { .. } => vec![("finds it dead", world.at(me, TRY_SECOND))],
            Breaking::Replace { .. } if level == self.depth => {
                vec![("leaves it to a person", restart(world, me))]
            }
            Breaking::Replace { .. } => {
                world.processes[me].level += 1;
                vec![("finds it dead and goes for the second lock", world.at(me, LOOK))]
            }
            Breaking::Operator { .. } if me < self.contenders => {
                vec![("leaves it to a person", restart(world, me))]
            }
            Breaking::Operator { .. } => vec![("reads the nonce", world.at(me, TRY_SECOND))],
        }
    }

    fn create(&self, mut world: World, me: usize) -> Steps {
        let level = world.processes[me].level;
        if world.names[level].is_some() {
            return vec![("was too late to create it", world.at(me, LOOK))];
        }
        let inode = world.create(Some(me));
        world.names[level] = Some(inode);
        vec![("creates it", self.obtained(world, me, inode))]
    }

    /// The lock of this depth is ours: the first is what was wanted, a second one is for the depth above.
    fn obtained(&self, mut world: World, me: usize, inode: Inode) -> World {
        let process = &mut world.processes[me];
        process.open = Some(inode);
        process.saw[process.level] = None;
        if process.level == 0 {
            process.holds = true;
            return world.at(me, HOLD);
        }
        process.level -= 1;
        let reads_again = self.breaking != Breaking::Replace { reads_again: false };
        world.at(me, if reads_again { READ_AGAIN } else { REPLACE })
    }

    /// The steps of a lock that is broken like the first.
    fn second_by_existence(&self, mut world: World, me: usize) -> Steps {
        let at = world.processes[me].at;
        let level = world.processes[me].level;
        match at {
            READ_AGAIN if world.names[level] == world.processes[me].saw[level] => {
                vec![("reads the same again", world.at(me, REPLACE))]
            }
            READ_AGAIN => vec![("reads another one", world.at(me, LEAVE_SECOND_AND_LOOK))],
            REPLACE => {
                let inode = world.create(Some(me));
                world.names[level] = Some(inode);
                world.processes[me].saw[level] = None;
                world.processes[me].open = Some(inode);
                vec![("renames its own over it", world.at(me, LEAVE_SECOND))]
            }
            LEAVE_SECOND => {
                world.names[level + 1] = None;
                let inode = world.processes[me].open.expect("it has just made it");
                vec![("removes the second lock", self.obtained(world, me, inode))]
            }
            _ => {
                world.names[level + 1] = None;
                world.processes[me].saw[level] = None;
                vec![("removes the second lock", world.at(me, LOOK))]
            }
        }
    }

    /// The steps of a second lock that is the kernel's, on a file that stays.
    fn second_by_kernel(&self, mut world: World, me: usize) -> Steps {
        let second = world.names[ASIDE].expect("it is there from the beginning");
        let at = world.processes[me].at;
        match at {
            TRY_SECOND if world.file(second).exclusive.is_some() => {
                vec![("finds the second lock held", restart(world, me))]
            }
            TRY_SECOND => {
                world.file(second).exclusive = Some(me);
                let reads_again = matches!(
                    self.breaking,
                    Breaking::SecondLock { reads_again: true } | Breaking::Operator { reads_again: true }
                );
                let next = if reads_again { READ_AGAIN } else { SECOND_REMOVE };
                vec![("has the second lock", world.at(me, next))]
            }
            READ_AGAIN if world.names[LOCK] == world.processes[me].saw[LOCK] => {
                vec![("reads the same again", world.at(me, SECOND_REMOVE))]
            }
            READ_AGAIN => vec![("reads another one", world.at(me, CLOSE_SECOND))],
            SECOND_REMOVE => {
                world.names[LOCK] = None;
                vec![("removes the lock", world.at(me, CLOSE_SECOND))]
            }
            _ => {
                world.close(me);
                vec![("closes the second lock", restart(world, me))]
            }
        }
    }

    fn rename_aside(mut world: World, me: usize) -> Steps {
        let place = 1 + me;
        match world.processes[me].at {
            RENAME if world.names[LOCK].is_none() => vec![("finds nothing to rename", world.at(me, CREATE))],
            RENAME => {
                world.names[place] = world.names[LOCK].take();
                vec![("renames it aside", world.at(me, RENAMED))]
            }
            RENAMED if world.names[place] == world.processes[me].saw[LOCK] => {
                world.names[place] = None;
                vec![("sees that it is the dead one", world.at(me, CREATE))]
            }
            RENAMED => vec![("sees that it is another one", world.at(me, BACK))],
            _ => {
                world.names[LOCK] = world.names[place].take();
                vec![("renames it back", restart(world, me))]
            }
        }
    }
}

/// Forgets everything and begins again.
fn restart(mut world: World, me: usize) -> World {
    world.processes[me].level = 0;
    world.processes[me].saw = [None; NAMES];
    world.processes[me].open = None;
    world.at(me, LOOK)
}

impl Protocol for ByExistence {
    fn begin(&self) -> World {
        let mut world = World::new(self.contenders + self.operators);
        world.names[LOCK] = Some(world.create(Some(DEAD)));
        if matches!(self.breaking, Breaking::SecondLock { .. } | Breaking::Operator { .. }) {
            world.names[ASIDE] = Some(world.create(None));
        }
        world.a_holder_died = true;
        world
    }

    fn step(&self, world: &World, me: usize) -> Steps {
        let mut world = world.clone();
        let is_operator = me >= self.contenders;
        match world.processes[me].at {
            LOOK if is_operator
                && world.names[LOCK].is_none_or(|inode| !self.seems_dead(&world, inode, me)) =>
            {
                Vec::new()
            }
            LOOK => self.look(world, me),
            CREATE => self.create(world, me),
            HOLD => {
                world.processes[me].holds = false;
                vec![("is done", world.at(me, VERIFY))]
            }
            VERIFY if world.names[LOCK] != world.processes[me].open => {
                vec![("sees that it was broken", restart(world, me))]
            }
            VERIFY => vec![("sees that it is its own", world.at(me, RELEASE))],
            RELEASE => {
                world.names[LOCK] = None;
                vec![("releases it", restart(world, me))]
            }
            REMOVE => {
                world.names[LOCK] = None;
                vec![("removes it", world.at(me, CREATE))]
            }
            RENAME | RENAMED | BACK => Self::rename_aside(world, me),
            _ if matches!(self.breaking, Breaking::Replace { .. }) => self.second_by_existence(world, me),
            _ => self.second_by_kernel(world, me),
        }
    }
}
