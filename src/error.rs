//! The one error type: what kind of trouble, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Result of everything that can fail here.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of trouble it is; callers (CLI exit codes, C ABI statuses) branch on this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The caller's argument or input is wrong; the text says which field and what is allowed.
    Invalid,
    /// The thing asked for does not exist (no such node, guest, file).
    NotFound,
    /// A file is damaged; what else is there stays readable.
    Corrupt,
    /// Written by a version this one does not know.
    Unsupported,
    /// Somebody else is writing.
    Busy,
    /// The operating system refused (permission, full disk, ...).
    Io,
}

/// An error with the place it happened at.
///
/// `place` is a file (`/etc/pve/.rrd:17`) or a field (`guests[3].cpu`); it is empty when the
/// message alone is clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of trouble it is.
    pub kind: Kind,
    /// File, line or field concerned.
    pub place: String,
    /// What is wrong and, where there is one, the remedy.
    pub message: String,
}

impl Error {
    /// An error of `kind` with no particular place.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, place: String::new(), message: message.into() }
    }

    /// Shorthand for [`Kind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// An operating-system error at `path`.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => Kind::NotFound,
            _ => Kind::Io,
        };
        Self::new(kind, error.to_string()).at(path.display())
    }

    /// The same error, placed at `place`; an inner place is kept behind it.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = if self.place.is_empty() {
            place.to_string()
        } else {
            format!("{place}: {}", self.place)
        };
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.place, self.message)
        }
    }
}

impl std::error::Error for Error {}

/// Something odd that did not stop the work: a skipped line, a missing file, a reset counter.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Warning {
    /// File concerned.
    pub file: PathBuf,
    /// Line in it, counted from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// What is odd and what was done instead.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.message)
    }
}
