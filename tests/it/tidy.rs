//! The workspace keeps its own rules; `cargo xtask tidy` prints the same.

use std::path::Path;

#[test]
fn the_workspace_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's root");
    let report = xtask::tidy::check(root).expect("the workspace can be read");
    assert!(report.findings.is_empty(), "tidy finds nothing to change\n{report}");
}
