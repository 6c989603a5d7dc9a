//! Writing to the end of a segment file; what is there is never written again.

use super::file::{PLAIN, failed, plain};
use super::frame::{FrameKind, put_frame, put_roster};
use super::header::{self, Columns};
use super::roster::{Changes, Roster};
use super::row::NewRow;
use super::segment::{Access, Segment};
use super::tier::Tier;
use crate::error::{Error, Kind, Result, Warning};
use crate::model::UnixTime;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The end of a segment file.
pub(super) struct Appender {
    pub(super) start: UnixTime,
    /// What its rows consist of; another version may have begun it.
    columns: [Columns; 3],
    path: PathBuf,
    file: File,
    /// Where the next frame goes.
    len: u64,
    /// Number of the roster that holds at the end; `None`: write one first.
    number: Option<u32>,
    /// Samples behind each row, by its time.
    pub(super) ticks: BTreeMap<UnixTime, u32>,
    buffer: Vec<u8>,
    unsynced: bool,
    /// Its name may not survive a power cut yet.
    is_new: bool,
}

/// A segment opened for appending.
pub(super) struct Opened {
    pub(super) appender: Appender,
    /// The roster at its end.
    pub(super) roster: Option<Roster>,
    /// Rows as they follow in the file, where there were any.
    pub(super) segment: Option<Segment>,
}

impl Appender {
    /// Opens or makes the segment of `tier` that starts at `start`.
    ///
    /// An unfinished end is cut off; a file whose header is damaged is set aside as `*.corrupt`.
    /// Both are told in `warnings`. A file of a newer version is refused.
    pub(super) fn open(
        store: &Path,
        tier: Tier,
        start: UnixTime,
        warnings: &mut Vec<Warning>,
    ) -> Result<Opened> {
        let path = store.join(tier.file(start));
        match Segment::read(store, tier, start, Access::Sparse, &mut None) {
            Ok(segment) => Self::resume(path, segment, warnings),
            Err(e) if e.kind == Kind::NotFound => Self::create(path, tier, start),
            Err(e) if e.kind == Kind::Corrupt => {
                let aside = set_aside(&path)?;
                let message = format!("{}; set aside as {}", e.message, aside.display());
                warnings.push(Warning { file: path.clone(), line: 0, message });
                Self::create(path, tier, start)
            }
            Err(e) => Err(e),
        }
    }

    fn create(path: PathBuf, tier: Tier, start: UnixTime) -> Result<Opened> {
        let io = |e: &io::Error| Error::io(&path, e);
        let folder = folder(&path);
        fs::create_dir_all(folder).map_err(|e| Error::io(folder, &e))?;
        let header = header::write(tier, start);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o640).custom_flags(PLAIN);
        let file = options.open(&path).map_err(|e| failed(&path, &e))?;
        if let Err(e) = file.write_all_at(&header, 0) {
            // Nothing is in it yet; a file without header would only puzzle readers.
            let _ = fs::remove_file(&path);
            return Err(io(&e));
        }
        let appender = Self {
            start,
            columns: header::columns(tier),
            path,
            file,
            len: header.len() as u64,
            number: None,
            ticks: BTreeMap::new(),
            buffer: Vec::new(),
            unsynced: true,
            is_new: true,
        };
        Ok(Opened { appender, roster: None, segment: None })
    }

    fn resume(path: PathBuf, mut segment: Segment, warnings: &mut Vec<Warning>) -> Result<Opened> {
        let io = |e: &io::Error| Error::io(&path, e);
        let file = OpenOptions::new().write(true).custom_flags(PLAIN).open(&path);
        let file = file.map_err(|e| failed(&path, &e))?;
        let end = segment.drop_torn_rows();
        let torn = file.metadata().map_err(|e| io(&e))?.len().saturating_sub(end);
        if torn > 0 {
            file.set_len(end).and_then(|()| file.sync_data()).map_err(|e| io(&e))?;
            let message = format!("cut off {torn} bytes of an unfinished frame at offset {end}");
            warnings.push(Warning { file: path.clone(), line: 0, message });
        }
        let ticks = segment.rows.iter().map(|row| (row.time, row.meta.ticks)).collect();
        let appender = Self {
            start: segment.header.start,
            columns: segment.header.groups.clone(),
            path,
            file,
            len: end,
            number: segment.roster.as_ref().map(|(number, _)| *number),
            ticks,
            buffer: Vec::new(),
            // Who wrote it may have been killed, or have failed, before it was synced.
            unsynced: true,
            is_new: false,
        };
        let roster = segment.roster.as_ref().map(|(_, roster)| roster.as_ref().clone());
        Ok(Opened { appender, roster, segment: Some(segment) })
    }

    /// Whether the next row comes with a whole roster in any case.
    pub(super) fn needs_roster(&self) -> bool {
        self.number.is_none()
    }

    /// Adds a row, and the roster it refers to as far as that is not in the file.
    pub(super) fn push(&mut self, roster: &Roster, changes: &Changes, row: &NewRow) {
        let number = match self.number {
            Some(number) if changes.is_empty() => number,
            Some(before) => {
                let number = before.wrapping_add(1);
                let (kind, payload) = match number != 0 && changes.are_few(roster) {
                    true => (FrameKind::Change, roster.write_changes(changes)),
                    false => (FrameKind::Roster, roster.write()),
                };
                put_roster(kind, row.time, number, &payload, &mut self.buffer);
                number
            }
            None => {
                put_roster(FrameKind::Roster, row.time, 0, &roster.write(), &mut self.buffer);
                0
            }
        };
        self.number = Some(number);
        let (meta, blocks) = row.write(&self.columns);
        put_frame(FrameKind::Row, row.time, number, &meta, &blocks, &mut self.buffer);
        self.ticks.insert(row.time, row.ticks);
    }

    /// Bytes not yet written.
    pub(super) fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Writes what was pushed, in one piece. After an error the file is as before and the
    /// appender must be opened anew.
    pub(super) fn flush(&mut self) -> Result<u64> {
        let bytes = std::mem::take(&mut self.buffer);
        if bytes.is_empty() {
            return Ok(0);
        }
        if let Err(e) = self.file.write_all_at(&bytes, self.len) {
            let _ = self.file.set_len(self.len);
            return Err(Error::io(&self.path, &e));
        }
        self.len += bytes.len() as u64;
        self.unsynced = true;
        Ok(bytes.len() as u64)
    }

    /// Makes sure that what was written survives a power cut.
    pub(super) fn sync(&mut self) -> Result<()> {
        let io = |e: &io::Error| Error::io(&self.path, e);
        if self.unsynced {
            self.file.sync_data().map_err(|e| io(&e))?;
            self.unsynced = false;
        }
        if self.is_new {
            sync_folder(folder(&self.path)).map_err(|e| io(&e))?;
            self.is_new = false;
        }
        Ok(())
    }

    /// Where the next frame goes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Takes off what was written since the file had `len` bytes, for whoever could not sync it and can write it
    /// again: the kernel reports a failed write once and then may answer that all is well.
    pub(super) fn undo(&mut self, len: u64) {
        let _ = match self.is_new {
            true => fs::remove_file(&self.path),
            false => self.file.set_len(len),
        };
    }
}

/// Renames a damaged file so that it is neither read nor lost.
fn set_aside(path: &Path) -> Result<PathBuf> {
    let free = (0..1_000).map(|i| match i {
        0 => path.with_extension("seg.corrupt"),
        i => path.with_extension(format!("seg.{i}.corrupt")),
    });
    let mut free = free.filter(|p| !p.exists());
    let aside = free.next().ok_or_else(|| {
        Error::new(Kind::Corrupt, "too many damaged copies beside it; move them away")
            .at(path.display())
    })?;
    fs::rename(path, &aside).map_err(|e| Error::io(path, &e))?;
    Ok(aside)
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Makes rows that another may have written survive a power cut, with their name. No file needs nothing.
pub(super) fn sync_file(path: &Path) -> Result<()> {
    match plain(path) {
        Ok(file) => file.sync_data().and_then(|()| sync_folder(folder(path))),
        Err(e) if e.kind == Kind::NotFound => Ok(()),
        Err(e) => return Err(e),
    }
    .map_err(|e| Error::io(path, &e))
}

/// Makes a new name in a folder survive a power cut.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::{Appender, File, Tier};

    #[test]
    fn what_could_not_be_synced_is_not_said_to_be() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Appender::open(dir.path(), Tier::Raw, 0, &mut Vec::new());
        let mut appender = opened.unwrap().appender;
        let file = std::mem::replace(&mut appender.file, File::open("/dev/null").unwrap());
        for _ in 0..2 {
            assert!(appender.sync().is_err(), "a device without sync answers so each time");
        }
        appender.file = file;
        appender.sync().unwrap();
        assert!(!appender.unsynced && !appender.is_new);
    }

    #[test]
    fn a_file_that_another_wrote_may_be_unsynced() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Appender::open(dir.path(), Tier::Raw, 0, &mut Vec::new()).unwrap().appender;
        open().flush().unwrap();
        assert!(open().unsynced);
    }

    #[test]
    fn what_is_undone_is_as_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(Tier::Hourly.file(0));
        let open =
            || Appender::open(dir.path(), Tier::Hourly, 0, &mut Vec::new()).unwrap().appender;
        let mut new = open();
        let len = new.len();
        new.undo(len);
        assert!(!path.exists(), "its header is not on the disk either");
        let len = open().len();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().set_len(len + 9).unwrap();
        open().undo(len);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), len);
    }
}
