//! Files of the state directory, which root reads too: links and pipes that the collector's user could
//! plant there must neither lead it astray nor make it wait.

use super::append::sync_folder;
use crate::error::{Error, Kind, Result};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What any file of the state directory is opened with.
pub(super) const PLAIN: i32 = libc::O_NOFOLLOW | libc::O_NONBLOCK;

/// Opens a file of the state directory for reading; it waits for nobody and follows no link.
///
/// [`Kind::Corrupt`] for anything but a regular file.
pub(crate) fn plain(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().read(true).custom_flags(PLAIN).open(path);
    let file = opened.map_err(|e| failed(path, &e))?;
    match file.metadata().map_err(|e| Error::io(path, &e))?.is_file() {
        true => Ok(file),
        false => Err(odd(path)),
    }
}

/// Replaces a file of the state directory by one with these bytes: whole, or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut new = OsString::from(path);
    new.push(".new");
    let new = PathBuf::from(new);
    match fs::remove_file(&new) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io(&new, &e)),
        _ => (),
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(&new);
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let written = written.map_err(|e| Error::io(&new, &e));
    let renamed = written.and_then(|()| fs::rename(&new, path).map_err(|e| Error::io(path, &e)));
    if renamed.is_err() {
        // On a full disk it would take what room is left.
        let _ = fs::remove_file(&new);
    }
    renamed?;
    let folder = path.parent().unwrap_or(Path::new("."));
    sync_folder(folder).map_err(|e| Error::io(folder, &e))
}

/// The error of opening a file with [`PLAIN`].
pub(super) fn failed(path: &Path, error: &io::Error) -> Error {
    match error.raw_os_error() {
        Some(libc::ELOOP | libc::ENXIO | libc::EISDIR) => odd(path),
        _ => Error::io(path, error),
    }
}

fn odd(path: &Path) -> Error {
    let message = "is no regular file; remove what stands there";
    Error::new(Kind::Corrupt, message).at(path.display())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::replace;
    use std::fs;

    #[test]
    fn what_cannot_be_replaced_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kept.json");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"new").is_err(), "no file takes the place of a folder");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        fs::remove_dir(&path).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}
