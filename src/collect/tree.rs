//! The one place that opens files: bounded reads below a root, links not followed.

use crate::error::{Error, Kind, Result};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Largest configuration file read; the cluster file system itself takes no larger ones.
pub(super) const MAX_CONFIG: u64 = 1 << 20;
/// Largest file read at all. Of 10,000 guests on 64 nodes `.rrd` has about 3 MiB, the counters kept
/// have 2 MiB; an RRD file has 1.5 MiB.
pub(super) const MAX_LIVE: u64 = 16 << 20;
/// Most readings of a file that changes all the time.
const MAX_READINGS: usize = 3;
/// Most entries read of one directory.
const MAX_ENTRIES: usize = 100_000;

/// A directory laid out like `/etc/pve`.
pub(super) struct Tree {
    root: PathBuf,
    /// Directories below the root already known to be no links.
    checked: RefCell<BTreeSet<PathBuf>>,
}

impl Tree {
    /// The tree at `root`, which may itself be reached through a link.
    pub(super) fn open(root: &Path) -> Result<Self> {
        let folder = fs::metadata(root).map_err(|e| Error::io(root, &e))?;
        if !folder.is_dir() {
            return Err(Error::invalid("not a directory").at(root.display()));
        }
        Ok(Self { root: root.to_path_buf(), checked: RefCell::default() })
    }

    /// Where `name` lies.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The whole file, or `None` when there is none.
    pub(super) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let path = self.path(name);
        let parents = path.parent().map_or(Ok(()), |folder| self.check(folder));
        present(parents.and_then(|()| read(&path, limit)))
    }

    /// A file that the cluster file system makes anew as things change, `.rrd` or another with a dot: the whole of it, or
    /// `None` when there is none.
    pub(super) fn read_live(&self, name: &str) -> Result<Option<Vec<u8>>> {
        settled(|| self.read(name, MAX_LIVE))
    }

    /// Names in a directory, sorted, those that are not UTF-8 left out; `None` when there is none.
    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<String>>> {
        let path = self.path(name);
        let names = self.check(&path).and_then(|()| {
            let entries = fs::read_dir(&path).map_err(|e| Error::io(&path, &e))?;
            let mut names = Vec::new();
            for entry in entries.take(MAX_ENTRIES) {
                let entry = entry.map_err(|e| Error::io(&path, &e))?;
                names.extend(entry.file_name().into_string());
            }
            names.sort_unstable();
            Ok(names)
        });
        present(names)
    }

    /// Refuses a folder that a link below the root leads to: it could lead anywhere.
    fn check(&self, folder: &Path) -> Result<()> {
        let mut parents: Vec<&Path> =
            folder.ancestors().take_while(|part| *part != self.root).collect();
        parents.reverse();
        for part in parents {
            if self.checked.borrow().contains(part) {
                continue;
            }
            let found = fs::symlink_metadata(part).map_err(|e| Error::io(part, &e))?;
            if !found.is_dir() {
                return Err(
                    Error::invalid("not a directory (links are not followed)").at(part.display())
                );
            }
            self.checked.borrow_mut().insert(part.to_path_buf());
        }
        Ok(())
    }
}

/// What two readings in a row agree on, or the last of a few: pmxcfs may replace a virtual file
/// between two pieces of one reading, and the pieces then do not fit at their seam.
fn settled<T: PartialEq>(mut read: impl FnMut() -> Result<T>) -> Result<T> {
    let mut last = read()?;
    for _ in 0..MAX_READINGS {
        let again = read()?;
        if again == last {
            break;
        }
        last = again;
    }
    Ok(last)
}

/// Absence as a value.
fn present<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A whole regular file of at most `limit` bytes. Never hangs on a pipe, never follows a link.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let io = |e: std::io::Error| Error::io(path, &e);
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file: File = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(io)?;
    let found = file.metadata().map_err(io)?;
    if !found.is_file() {
        return Err(Error::invalid("not a regular file").at(path.display()));
    }
    let mut bytes = Vec::new();
    if found.len() <= limit {
        file.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    }
    if found.len() > limit || bytes.len() as u64 > limit {
        let message = format!("larger than {} KiB: this is not the file it should be", limit >> 10);
        return Err(Error::new(Kind::Corrupt, message).at(path.display()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a file that changes as given, and how often it was read.
    fn read(changes: &[u8]) -> (u8, usize) {
        let mut readings = 0;
        let value = settled(|| {
            readings += 1;
            Ok(changes[(readings - 1).min(changes.len() - 1)])
        });
        (value.unwrap(), readings)
    }

    #[test]
    fn a_file_is_read_until_it_holds_still() {
        assert_eq!(read(&[1]), (1, 2));
        assert_eq!(read(&[1, 2]), (2, 3));
        assert_eq!(read(&[1, 2, 3, 4, 5, 6]), (4, 4), "but not for ever");
    }
}
