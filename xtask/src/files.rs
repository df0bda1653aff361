//! The files of the workspace, as git sees them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;

/// Directories that are never part of the sources, for a tree that is not a git checkout.
const NOT_SOURCES: [&str; 2] = [".git", "target"];

/// Lists every regular file that is tracked or would be if added, relative to `root`, with `/` between names.
pub(crate) fn list(root: &Path) -> Result<Vec<String>, Error> {
    let mut paths = match from_git(root) {
        Some(paths) => paths,
        None => walk(root)?,
    };
    paths.retain(|path| root.join(path).symlink_metadata().is_ok_and(|metadata| metadata.is_file()));
    paths.sort_unstable();
    paths.dedup();
    Ok(paths)
}

/// Returns `None` when `root` is not the top of a work tree: within a larger checkout git would list the
/// files of the wrong tree, or none at all.
fn from_git(root: &Path) -> Option<Vec<String>> {
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(top.trim_end()).ok()? != fs::canonicalize(root).ok()? {
        return None;
    }
    let listed = git(root, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
    Some(listed.split_terminator('\0').map(String::from).collect())
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(root).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn walk(root: &Path) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let mut pending = vec![String::new()];
    while let Some(directory) = pending.pop() {
        let path = root.join(&directory);
        for entry in fs::read_dir(&path).map_err(Error::io("list", &path))? {
            let entry = entry.map_err(Error::io("list", &path))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if directory.is_empty() && NOT_SOURCES.contains(&name.as_str()) {
                continue;
            }
            let relative = if directory.is_empty() { name } else { format!("{directory}/{name}") };
            // A link is neither followed nor listed: it could leave the tree or turn back into it.
            let kind = entry.file_type().map_err(Error::io("inspect", entry.path()))?;
            let list = if kind.is_dir() { &mut pending } else { &mut found };
            list.push(relative);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let tree = tempfile::tempdir().expect("a scratch directory");
        for path in ["a.rs", "src/b.rs", "target/c.rs", "src/target/d.rs"] {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().expect("below the root")).expect("a directory");
            fs::write(path, "").expect("a file");
        }
        tree
    }

    #[test]
    fn outside_git_everything_but_the_build_directory_is_a_source() {
        let tree = tree();
        assert_eq!(list(tree.path()).expect("a list"), ["a.rs", "src/b.rs", "src/target/d.rs"]);
    }

    #[test]
    fn in_a_checkout_ignored_and_deleted_files_are_left_out() {
        let tree = tree();
        fs::write(tree.path().join(".gitignore"), "/target\n").expect("a file");
        git(tree.path(), &["init", "--quiet"]).expect("git makes a repository");
        git(tree.path(), &["add", "a.rs"]).expect("git adds a file");
        fs::remove_file(tree.path().join("a.rs")).expect("the file is removed");
        assert_eq!(list(tree.path()).expect("a list"), [".gitignore", "src/b.rs", "src/target/d.rs"]);
    }

    #[test]
    fn a_directory_inside_a_checkout_is_not_a_checkout() {
        let tree = tree();
        git(tree.path(), &["init", "--quiet"]).expect("git makes a repository");
        assert_eq!(list(&tree.path().join("src")).expect("a list"), ["b.rs"]);
    }
}
