//! The record of a disk: every step that can be lost on its own, and every sync.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A file, whatever its name is now.
pub(crate) type Inode = usize;

#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A file that did not exist got a name.
    Created {
        inode: Inode,
        name: String,
    },
    /// A name was taken away; with `synced`, its directory was synced after it.
    Deleted {
        name: String,
        synced: bool,
    },
    Written {
        inode: Inode,
        at: usize,
        data: Arc<[u8]>,
    },
    /// A file was cut or made longer.
    Length {
        inode: Inode,
        length: usize,
    },
    /// With `names`, the directory was synced as well.
    Synced {
        inode: Inode,
        succeeded: bool,
        names: bool,
    },
    Acknowledged(u64),
}

#[derive(Default)]
pub(crate) struct Log {
    events: Vec<Event>,
    names: BTreeMap<String, Inode>,
    inodes: usize,
}

impl Log {
    pub(crate) fn push(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }

    /// The file that has just been opened under `name`; `new` if the name was free before.
    pub(crate) fn opened(&mut self, name: &str, new: bool) -> Inode {
        if let Some(inode) = self.names.get(name) {
            return *inode;
        }
        let inode = self.inodes;
        self.inodes += 1;
        self.names.insert(name.to_owned(), inode);
        self.push(Event::Created { inode, name: name.to_owned() });
        if !new {
            // Made and synced by the library that makes files, before SQLite was asked.
            self.push(Event::Synced { inode, succeeded: true, names: true });
        }
        inode
    }

    pub(crate) fn deleted(&mut self, name: &str, synced: bool) {
        self.names.remove(name);
        self.push(Event::Deleted { name: name.to_owned(), synced });
    }
}
