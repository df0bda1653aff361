//! The copy of the workspace that is patched.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::invocation::{Ending, Invocation};
use crate::{Error, files, teeth};

/// How long git may take over one patch; it needs milliseconds.
const GIT_LIMIT: Duration = Duration::from_mins(1);

/// A copy of the workspace's sources.
///
/// It lies at one place in the build directory, not in a new temporary directory each time: cargo would
/// otherwise compile every member again on every run and keep all of the results.
#[derive(Debug)]
pub(crate) struct Scratch {
    root: PathBuf,
}

impl Scratch {
    /// Makes the copy equal to the sources, and writes only files that differ, so that little is recompiled.
    ///
    /// The patches themselves are left out: in a patched copy none of them would apply, and tidy says so.
    pub(crate) fn refresh(workspace: &Path, root: &Path) -> Result<Self, Error> {
        fs::create_dir_all(root).map_err(Error::io("create", root))?;
        let mut wanted: BTreeSet<String> = files::list(workspace)?.into_iter().collect();
        wanted.retain(|path| !teeth::is_patch(path));
        for stale in files::list(root)?.iter().filter(|path| !wanted.contains(*path)) {
            let path = root.join(stale);
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
        wanted.iter().try_for_each(|path| copy(&workspace.join(path), &root.join(path)))?;
        Ok(Self { root: root.to_path_buf() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn apply(&self, patch: &str) -> Result<(), Error> {
        self.git_apply(patch, &[])
    }

    pub(crate) fn revert(&self, patch: &str) -> Result<(), Error> {
        self.git_apply(patch, &["--reverse"])
    }

    fn git_apply(&self, patch: &str, options: &[&str]) -> Result<(), Error> {
        let applied = git_apply(&self.root, patch, options)?;
        applied.map_err(|_| Error::Failed { command: format!("git apply {}", options.join(" ")) })
    }
}

/// Runs `git apply -p1` at `root`; the inner error is what git said.
///
/// Git is pointed at a repository that does not exist: in one around `root` it would take the patch's paths as
/// relative to the top of that one's work tree, and silently skip all that lie outside `root`.
pub(crate) fn git_apply(root: &Path, patch: &str, options: &[&str]) -> Result<Result<(), String>, Error> {
    let directory = tempfile::tempdir().map_err(Error::io("create", "a temporary directory"))?;
    let file = directory.path().join("tooth.patch");
    fs::write(&file, patch).map_err(Error::io("write", &file))?;
    let git = Invocation::new("git", root)
        .environment("GIT_DIR", directory.path().join("none").to_string_lossy())
        .words("apply -p1 --whitespace=nowarn")
        .arguments(options.iter().copied())
        .arguments([file.to_string_lossy()]);
    let run = git.run_within(GIT_LIMIT)?;
    Ok(if run.ending == Ending::Success { Ok(()) } else { Err(run.text) })
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let bytes = fs::read(from).map_err(Error::io("read", from))?;
    if fs::read(to).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let directory = to.parent().unwrap_or(to);
    fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
    fs::write(to, bytes).map_err(Error::io("write", to))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1 +1 @@\n-safe\n+unsafe\n";

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    /// A workspace whose build directory holds the copy, as in real life.
    fn workspace() -> (tempfile::TempDir, PathBuf) {
        let workspace = tempfile::tempdir().expect("a scratch directory");
        write(workspace.path(), ".gitignore", "/target\n");
        write(workspace.path(), "src/a.rs", "safe\n");
        write(workspace.path(), "tests/teeth/a.patch", PATCH);
        let init = Invocation::new("git", workspace.path()).words("init --quiet");
        assert!(init.run().expect("git runs"), "git makes a repository");
        let copy = workspace.path().join("target/teeth/tree");
        (workspace, copy)
    }

    fn text(root: &Path) -> String {
        fs::read_to_string(root.join("src/a.rs")).expect("the file was copied")
    }

    #[test]
    fn a_patch_is_applied_to_the_copy_only_and_taken_back() {
        let (workspace, copy) = workspace();
        let scratch = Scratch::refresh(workspace.path(), &copy).expect("a copy");
        assert!(!copy.join("tests/teeth/a.patch").exists(), "patches are left out");
        scratch.apply(PATCH).expect("it applies");
        assert_eq!(text(scratch.root()), "unsafe\n");
        assert_eq!(text(workspace.path()), "safe\n");
        scratch.revert(PATCH).expect("it can be taken back");
        assert_eq!(text(scratch.root()), "safe\n");
    }

    #[test]
    fn a_patch_that_does_not_fit_is_an_error() {
        let (workspace, copy) = workspace();
        let scratch = Scratch::refresh(workspace.path(), &copy).expect("a copy");
        assert!(scratch.revert(PATCH).is_err(), "there is nothing to take back");
        assert!(scratch.apply(&PATCH.replace("src/a.rs", "src/b.rs")).is_err(), "the file does not exist");
    }

    #[test]
    fn refreshing_repairs_what_an_interrupted_run_left() {
        let (workspace, copy) = workspace();
        let scratch = Scratch::refresh(workspace.path(), &copy).expect("a copy");
        scratch.apply(PATCH).expect("it applies");
        write(&copy, "src/left.rs", "");
        Scratch::refresh(workspace.path(), &copy).expect("a copy");
        assert_eq!(text(&copy), "safe\n");
        assert!(!copy.join("src/left.rs").exists(), "a file that is no source is gone");
    }
}
