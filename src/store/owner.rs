//! Root writes as the owner of the store.

use std::fs;
use std::marker::PhantomData;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// While this lives, the thread's file access is that of the owner of a folder.
///
/// The collector has a user of its own; an admin's command or the API's backfill runs as root.
/// Files that root made would lock the collector out, and names that the collector's user could
/// plant as links would lead root astray. Neither happens to one who is that user to the kernel.
/// Only root changes: for everybody else, and in a folder of root's, this does nothing.
pub(super) struct AsOwner {
    changed: bool,
    /// The identity is the thread's, so that this must not leave it.
    stays: PhantomData<*const ()>,
}

impl AsOwner {
    /// Becomes the owner of `dir`, if it is there.
    pub(super) fn of(dir: &Path) -> Self {
        let same = Self { changed: false, stays: PhantomData };
        // SAFETY: takes and changes nothing.
        let is_root = unsafe { libc::geteuid() } == 0;
        let Some(found) = fs::metadata(dir).ok().filter(|found| is_root && found.uid() != 0) else {
            return same;
        };
        set_identity(found.uid(), found.gid());
        let other = Self { changed: true, stays: PhantomData };
        // A copy in a place that its owner cannot get to, such as root's home: root stays root.
        if fs::metadata(dir).is_ok() { other } else { same }
    }
}

impl Drop for AsOwner {
    fn drop(&mut self) {
        if self.changed {
            set_identity(0, 0);
        }
    }
}

/// While this lives within an [`AsOwner`], the thread's file access is root's again: what is read outside of the store,
/// as below /etc/pve, may be closed to the store's owner.
pub(crate) struct AsItself {
    before: Option<(libc::uid_t, libc::gid_t)>,
    stays: PhantomData<*const ()>,
}

impl AsItself {
    /// Becomes root again, if this is root's process.
    pub(crate) fn again() -> Self {
        // Numbers that are none change nothing and tell what holds.
        let none = libc::uid_t::MAX;
        // SAFETY: all take numbers at most and return numbers.
        let (root, uid, gid) =
            unsafe { (libc::geteuid() == 0, libc::setfsuid(none), libc::setfsgid(none)) };
        let before = (uid as libc::uid_t, gid as libc::gid_t);
        let before = (root && before.0 != 0).then_some(before);
        if before.is_some() {
            set_identity(0, 0);
        }
        Self { before, stays: PhantomData }
    }
}

impl Drop for AsItself {
    fn drop(&mut self) {
        if let Some((uid, gid)) = self.before {
            set_identity(uid, gid);
        }
    }
}

/// The identity of this thread's file access; nothing else of the process changes.
fn set_identity(uid: libc::uid_t, gid: libc::gid_t) {
    // SAFETY: both take numbers and return numbers.
    unsafe {
        libc::setfsgid(gid);
        libc::setfsuid(uid);
    }
}

#[cfg(test)]
#[path = "../../tests/skip_support/mod.rs"]
mod skip_support;

#[cfg(test)]
mod tests {
    use super::skip_support::skip;
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown};

    #[test]
    fn root_makes_files_of_the_folders_owner_and_is_root_again() {
        // SAFETY: takes and changes nothing.
        if unsafe { libc::geteuid() } != 0 {
            skip("root", "only root can become somebody else");
            return;
        }
        let top = tempfile::tempdir().unwrap();
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let dir = top.path().join("state");
        fs::create_dir(&dir).unwrap();
        chown(&dir, Some(4321), Some(4322)).unwrap();
        let root = top.path().join("of-root");
        {
            let _owner = AsOwner::of(&dir);
            fs::write(dir.join("file"), "").unwrap();
            assert!(fs::write(&root, "").is_err(), "writes where the owner may not");
            {
                let _itself = AsItself::again();
                fs::write(&root, "").unwrap();
            }
            fs::write(dir.join("other"), "").unwrap();
            assert_eq!(fs::metadata(dir.join("other")).unwrap().gid(), 4322);
        }
        assert!(AsItself::again().before.is_none(), "root is root");
        let file = fs::metadata(dir.join("file")).unwrap();
        assert_eq!((file.uid(), file.gid()), (4321, 4322));
        fs::write(&root, "").unwrap();
        let root = fs::metadata(&root).unwrap();
        assert_eq!((root.uid(), root.gid()), (0, 0));
    }

    #[test]
    fn root_stays_root_where_the_owner_cannot_go() {
        // SAFETY: takes and changes nothing.
        if unsafe { libc::geteuid() } != 0 {
            skip("root", "only root can become somebody else");
            return;
        }
        let top = tempfile::tempdir().unwrap();
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let dir = top.path().join("state");
        fs::create_dir(&dir).unwrap();
        chown(&dir, Some(4321), Some(4322)).unwrap();
        let _owner = AsOwner::of(&dir);
        fs::write(dir.join("file"), "").unwrap();
        assert_eq!(fs::metadata(dir.join("file")).unwrap().uid(), 0);
    }
}
