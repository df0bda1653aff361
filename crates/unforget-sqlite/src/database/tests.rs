//! Opening on a disk that no test has.

use super::*;

#[test]
fn a_database_on_a_network_file_system_is_opened_only_if_that_is_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.db");
    let nfs = |asked: &Path| {
        assert_eq!(asked, directory.path().canonicalize().unwrap());
        Ok(FileSystem::Network { name: "NFS" })
    };
    let refused = Database::open_on(&path, Options::default(), nfs);
    assert!(matches!(refused, Err(Error::NetworkFileSystem { file_system: "NFS", .. })), "{refused:?}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "it was not touched");
    assert!(Database::open_on(&path, Options::default().allow_network_file_system(true), nfs).is_ok());
}
