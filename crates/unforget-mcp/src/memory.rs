//! The store that a server serves, and the file that shows its graph.

use std::path::Path;

use unforget::{Graph, JsonLines, MirrorOptions, Unforget};

/// What a server serves: a store, and a file that shows its graph if there is one.
#[derive(Debug)]
pub struct Memory {
    pub(crate) store: Unforget,
    pub(crate) mirror: Option<JsonLines>,
}

impl Memory {
    /// A store without a file.
    pub fn new(store: Unforget) -> Self {
        Self { store, mirror: None }
    }

    /// A store whose graph a file of the official server shows, from now on and after each change.
    ///
    /// What the file holds already is added to the graph. What happens to the file, such as changes by other programs,
    /// is told on standard error.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or written.
    pub fn mirrored(store: Unforget, file: &Path) -> unforget::Result<Self> {
        // The path is one that its owner named; the official server follows links too.
        let options = MirrorOptions::new().follow_symlinks(true);
        let options = options.log(|event| crate::log(format_args!("{event}")));
        let mirror = store.graph().mirror(file, options)?;
        Ok(Self { store, mirror: Some(mirror) })
    }

    pub(crate) fn graph(&self) -> Graph {
        self.store.graph()
    }

    /// Ends the mirror and the store. Blocks.
    pub(crate) fn end(&self) -> unforget::Result<()> {
        // What is wrong with the file was told, and the store has all of it.
        let _told = self.mirror.as_ref().map(|mirror| self.graph().detach(mirror));
        self.store.clone().shutdown()
    }
}
