//! Locks of the kernel on a file: as `LockFile` takes them, and with a step left out.

use super::world::{LOCK, Protocol, World};

/// What the holder does with the file in the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    Keep,
    RemoveFirst,
    UnlockFirst,
}

pub(super) struct ByKernel {
    release: Release,
    is_checked: bool,
    exclusive: usize,
    sharing: usize,
}

const OPEN: u8 = 0;
const TRY: u8 = 1;
const CHECK: u8 = 2;
const HOLD: u8 = 3;
const FIRST: u8 = 4;
const SECOND: u8 = 5;

impl ByKernel {
    /// Three processes that exclude each other.
    pub(super) fn new(release: Release) -> Self {
        Self { release, is_checked: true, exclusive: 3, sharing: 0 }
    }

    /// The same without the look whether the name still means the file that was locked.
    pub(super) fn unchecked(self) -> Self {
        Self { is_checked: false, ..self }
    }

    /// Two processes that exclude, and some that share.
    pub(super) fn sharing(self, sharing: usize) -> Self {
        Self { exclusive: 2, sharing, ..self }
    }

    /// The kernel's answer to a try.
    fn try_lock(mut world: World, me: usize) -> (&'static str, World) {
        let shares = world.processes[me].shares;
        let open = world.processes[me].open.expect("it was opened");
        let file = world.file(open);
        if file.exclusive.is_some() || (!shares && file.shared != 0) {
            world.close(me);
            return ("finds it locked", world.at(me, OPEN));
        }
        if shares {
            file.shared |= 1 << me;
        } else {
            file.exclusive = Some(me);
        }
        ("locks", world.at(me, CHECK))
    }

    fn hold(mut world: World, me: usize) -> World {
        world.processes[me].holds = true;
        world.at(me, HOLD)
    }

    fn close(mut world: World, me: usize, next: u8) -> (&'static str, World) {
        world.close(me);
        ("closes", world.at(me, next))
    }

    fn remove(mut world: World, me: usize, next: u8) -> (&'static str, World) {
        world.names[LOCK] = None;
        ("removes", world.at(me, next))
    }
}

impl Protocol for ByKernel {
    /// The file of a dead holder is there.
    fn begin(&self) -> World {
        let mut world = World::new(self.exclusive + self.sharing);
        let inode = world.create(None);
        world.names[LOCK] = Some(inode);
        world.processes.iter_mut().skip(self.exclusive).for_each(|process| process.shares = true);
        world.a_holder_died = true;
        world
    }

    fn step(&self, world: &World, me: usize) -> Vec<(&'static str, World)> {
        let mut world = world.clone();
        let process = &world.processes[me];
        // Who shares may not be alone, and leaves the file.
        let release = if process.shares { Release::Keep } else { self.release };
        let step = match (process.at, release) {
            (OPEN, _) => {
                let inode = world.names[LOCK].unwrap_or_else(|| world.create(None));
                world.names[LOCK] = Some(inode);
                world.processes[me].open = Some(inode);
                ("opens", world.at(me, TRY))
            }
            (TRY, _) => Self::try_lock(world, me),
            (CHECK, _) if self.is_checked && world.names[LOCK] != process.open => {
                Self::close(world, me, OPEN)
            }
            (CHECK, _) => ("holds", Self::hold(world, me)),
            (HOLD, _) => {
                world.processes[me].holds = false;
                ("is done", world.at(me, FIRST))
            }
            (FIRST, Release::RemoveFirst) => Self::remove(world, me, SECOND),
            (FIRST, Release::UnlockFirst) => Self::close(world, me, SECOND),
            (_, Release::UnlockFirst) => Self::remove(world, me, OPEN),
            (_, Release::Keep | Release::RemoveFirst) => Self::close(world, me, OPEN),
        };
        vec![step]
    }
}
