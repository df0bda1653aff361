//! What kind of file system a path is on.

use std::path::Path;

use crate::Error;

/// Whether other machines may change files under a path, as far as the system tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileSystem {
    /// Of this machine alone, or not known to be anything else.
    Local,
    /// Shared with other machines, or with the host of a virtual machine.
    Network {
        /// What it is called, such as "NFS".
        name: &'static str,
    },
}

/// Looks what file system a path is on, which must exist.
///
/// For programs that need locks and shared memory to work: on a network file system they may be absent, or seen by one
/// machine only, and nothing tells. A file system in user space (FUSE) does not say what is behind it and counts as
/// local: refusing all of them would refuse encrypted directories for the sake of sshfs. On Linux the type is looked
/// at, on Apple systems the mark of a local mount; elsewhere everything counts as local.
///
/// # Errors
///
/// [`Error::Io`].
///
/// # Examples
///
/// ```
/// use unforget_fs::{FileSystem, file_system_of};
///
/// let dir = tempfile::tempdir()?;
/// assert_eq!(file_system_of(dir.path())?, FileSystem::Local);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn file_system_of(path: &Path) -> Result<FileSystem, Error> {
    look(path).map_err(|e| Error::io("look at the file system of", path, e))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn look(path: &Path) -> std::io::Result<FileSystem> {
    let found = rustix::io::retry_on_intr(|| rustix::fs::statfs(path))?;
    // The width and the sign of the number differ between machines; its lower 32 bits do not.
    let magic = u32::try_from(i128::from(found.f_type) & 0xFFFF_FFFF).unwrap_or(0);
    Ok(by_magic(magic))
}

#[cfg(target_vendor = "apple")]
fn look(path: &Path) -> std::io::Result<FileSystem> {
    /// `MNT_LOCAL` of `sys/mount.h`.
    const LOCAL: u32 = 0x1000;
    let found = rustix::io::retry_on_intr(|| rustix::fs::statfs(path))?;
    let is_local = found.f_flags & LOCAL != 0;
    Ok(if is_local { FileSystem::Local } else { FileSystem::Network { name: "a network volume" } })
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn look(path: &Path) -> std::io::Result<FileSystem> {
    path.symlink_metadata().map(|_| FileSystem::Local)
}

/// The network file systems of Linux by the number in `f_type` (statfs(2), `linux/magic.h`, and the list of remote
/// ones in `stat.c` of coreutils).
#[cfg(any(target_os = "linux", target_os = "android", test))]
const NETWORK: [(u32, &str); 22] = [
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "SMB (CIFS)"),
    (0xFE53_4D42, "SMB 2"),
    (0x0102_1997, "9P"),
    (0x5346_414F, "AFS"),
    (0x6B41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x564C, "NCP"),
    (0x00C3_6400, "Ceph"),
    (0x0BD0_0BD0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x0116_1970, "GFS2"),
    (0x7461_636F, "OCFS2"),
    (0x1983_0326, "BeeGFS"),
    (0xAAD7_AAEA, "PanFS"),
    (0x6163_6673, "ACFS"),
    (0xBEEF_DEAD, "StorNext"),
    (0x0131_11A8, "IBRIX"),
    (0xBACB_ACBC, "VMware shared folders"),
    (0x786F_4256, "VirtualBox shared folders"),
    (0x7C7C_6673, "Parallels shared folders"),
];

#[cfg(any(target_os = "linux", target_os = "android", test))]
fn by_magic(magic: u32) -> FileSystem {
    let known = NETWORK.iter().find(|(number, _)| *number == magic);
    known.map_or(FileSystem::Local, |(_, name)| FileSystem::Network { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_number() {
        for (magic, name) in
            [(0x6969, "NFS"), (0xFF53_4D42, "SMB (CIFS)"), (0xFE53_4D42, "SMB 2"), (0x0102_1997, "9P")]
        {
            assert_eq!(by_magic(magic), FileSystem::Network { name }, "{magic:#x}");
        }
        for (magic, _) in NETWORK {
            assert!(matches!(by_magic(magic), FileSystem::Network { .. }), "{magic:#x}");
        }
    }

    #[test]
    fn file_systems_of_one_machine_are_local() {
        // ext4, XFS, Btrfs, tmpfs, ZFS, overlay, F2FS, exFAT, FUSE, and a number nobody has.
        for magic in [
            0xEF53,
            0x5846_5342,
            0x9123_683E,
            0x0102_1994,
            0x2FC1_2FC1,
            0x794C_7630,
            0xF2F5_2010,
            0x2011_BAB0,
            0x6573_5546,
            0,
        ] {
            assert_eq!(by_magic(magic), FileSystem::Local, "{magic:#x}");
        }
    }

    #[test]
    fn what_is_not_there_has_no_file_system() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(file_system_of(root.path()).unwrap(), FileSystem::Local);
        assert!(matches!(file_system_of(&root.path().join("missing")), Err(Error::Io { .. })));
    }
}
