//! New files and folders under names that nothing has yet.

use pve_foresight::error::{Error, Kind, Result};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Names that are tried.
const ATTEMPTS: u32 = 100;

/// What `make` makes in `folder`, and where: under the first name behind `prefix` that is free.
pub(crate) fn fresh<T>(
    folder: &Path,
    prefix: &str,
    make: impl Fn(&Path) -> std::io::Result<T>,
) -> Result<(PathBuf, T)> {
    for attempt in 0..ATTEMPTS {
        let path = folder.join(format!("{prefix}-{}-{attempt}", std::process::id()));
        match make(&path) {
            Ok(made) => return Ok((path, made)),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io(&path, &e)),
        }
    }
    Err(Error::new(Kind::Io, "no free name for a temporary file").at(folder.display()))
}

/// Makes `content` the content of `path`, so that a reader sees the old content or the new one.
///
/// A link stays, and what it leads to is replaced. A device or a pipe has no old content: it is
/// written into.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let failed = |e: std::io::Error| Error::io(path, &e);
    let old = std::fs::metadata(path).ok();
    if old.as_ref().is_some_and(|old| old.is_dir()) {
        return Err(Error::new(Kind::Io, "is a directory: name a file in it").at(path.display()));
    }
    // A link that leads nowhere yet has nothing that could be seen half.
    let leads_nowhere = old.is_none() && path.is_symlink();
    if leads_nowhere || old.as_ref().is_some_and(|old| !old.is_file()) {
        let mut file = std::fs::File::create(path).map_err(failed)?;
        return file.write_all(content).map_err(failed);
    }
    let target = match old {
        Some(_) => path.canonicalize().map_err(failed)?,
        None => path.to_path_buf(),
    };
    let folder = target.parent().filter(|folder| *folder != Path::new(""));
    let (beside, mut file) = fresh(folder.unwrap_or(Path::new(".")), ".pve-foresight", |path| {
        std::fs::File::create_new(path)
    })
    // The name asked for is what its author knows.
    .map_err(|e| Error { place: path.display().to_string(), ..e })?;
    let rights = old.map_or(Ok(()), |old| file.set_permissions(old.permissions()));
    let written = rights
        .and_then(|()| file.write_all(content))
        .and_then(|()| std::fs::rename(&beside, &target));
    written.map_err(|e| {
        // It is of no use to anybody; that it stays would be the lesser trouble.
        let _ = std::fs::remove_file(&beside);
        failed(e)
    })
}
