//! A directory, its files, and the processes that use them.

/// How many names there are at most: the lock, and second locks or places to rename to.
pub(super) const NAMES: usize = 5;
/// How many processes there are at most, the dead owner among them.
pub(super) const PROCESSES: usize = 5;
/// The process that has died with the lock before anything begins.
pub(super) const DEAD: usize = PROCESSES - 1;

/// The name of the lock.
pub(super) const LOCK: usize = 0;

/// A file, by its identity; it is used again when nothing refers to it.
pub(super) type Inode = u8;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct File {
    /// Who wrote its record.
    pub(super) owner: Option<usize>,
    /// Who has the kernel's lock for itself, or shares it: one bit for each process.
    pub(super) exclusive: Option<usize>,
    pub(super) shared: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) is_alive: bool,
    /// The step that is next, and the depth of second locks that it is about; what they mean is the
    /// protocol's.
    pub(super) at: u8,
    pub(super) level: usize,
    /// The file that is open.
    pub(super) open: Option<Inode>,
    /// The file that was found dead, by depth.
    pub(super) saw: [Option<Inode>; NAMES],
    pub(super) holds: bool,
    /// Whether it tolerates others that share.
    pub(super) shares: bool,
}

impl Process {
    fn new(is_alive: bool) -> Self {
        Self { is_alive, at: 0, level: 0, open: None, saw: [None; NAMES], holds: false, shares: false }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) names: [Option<Inode>; NAMES],
    pub(super) files: Vec<Option<File>>,
    pub(super) processes: Vec<Process>,
    /// Whether somebody has died with the lock since the beginning, or before it.
    pub(super) a_holder_died: bool,
}

/// What processes do, one system call at a time.
pub(super) trait Protocol {
    /// How it begins.
    fn begin(&self) -> World;

    /// What may come of the next step of a process that lives, with a name for each.
    fn step(&self, world: &World, me: usize) -> Vec<(&'static str, World)>;
}

impl World {
    /// An empty directory, and this many processes that live beside a dead one.
    pub(super) fn new(alive: usize) -> Self {
        let processes = (0..PROCESSES).map(|index| Process::new(index < alive)).collect();
        Self { names: [None; NAMES], files: Vec::new(), processes, a_holder_died: false }
    }

    /// Creates a file without a name.
    pub(super) fn create(&mut self, owner: Option<usize>) -> Inode {
        let file = Some(File { owner, ..File::default() });
        let index = self.files.iter().position(Option::is_none).unwrap_or(self.files.len());
        if index == self.files.len() {
            self.files.push(file);
        } else {
            self.files[index] = file;
        }
        u8::try_from(index).expect("a handful of files")
    }

    pub(super) fn file(&mut self, inode: Inode) -> &mut File {
        self.files[usize::from(inode)].as_mut().expect("what is referred to is kept")
    }

    pub(super) fn owner(&self, inode: Inode) -> Option<usize> {
        self.files[usize::from(inode)].as_ref().and_then(|file| file.owner)
    }

    /// The same world with the process at another step.
    pub(super) fn at(mut self, me: usize, at: u8) -> Self {
        self.processes[me].at = at;
        self
    }

    /// Closes what a process has open; its locks end.
    pub(super) fn close(&mut self, me: usize) {
        self.processes[me].open = None;
        for file in self.files.iter_mut().flatten() {
            file.exclusive = file.exclusive.filter(|holder| *holder != me);
            file.shared &= !(1 << me);
        }
    }

    /// The process is killed.
    pub(super) fn kill(&self, me: usize) -> Self {
        let mut world = self.clone();
        world.a_holder_died |= world.processes[me].holds;
        world.close(me);
        world.processes[me] = Process::new(false);
        world.tidied()
    }

    /// Who holds the lock, and whether that is one too many.
    pub(super) fn has_two_holders(&self) -> bool {
        let holders: Vec<_> = self.processes.iter().filter(|process| process.holds).collect();
        holders.len() > 1 && !holders.iter().all(|process| process.shares)
    }

    pub(super) fn has_holder(&self) -> bool {
        self.processes.iter().any(|process| process.holds)
    }

    /// Forgets files that nobody can reach, and numbers the others by who reaches them, so that equal worlds
    /// are equal.
    pub(super) fn tidied(mut self) -> Self {
        let mut new_of: Vec<Option<Inode>> = vec![None; self.files.len()];
        let mut order = Vec::new();
        let mut renumber = |slot: &mut Option<Inode>| {
            let Some(old) = *slot else { return };
            let new = *new_of[usize::from(old)].get_or_insert_with(|| {
                order.push(usize::from(old));
                u8::try_from(order.len() - 1).expect("a handful of files")
            });
            *slot = Some(new);
        };
        self.names.iter_mut().for_each(&mut renumber);
        for process in &mut self.processes {
            renumber(&mut process.open);
            process.saw.iter_mut().for_each(&mut renumber);
        }
        self.files = order.into_iter().map(|old| self.files[old].clone()).collect();
        self
    }
}
