//! The one writer: its lock, and how ticks are appended. What it does beside that is in `compress`.

use super::append::{Appender, sync_folder};
use super::compress::{Compressed, Span};
use super::file::{PLAIN, failed};
use super::keep;
use super::late::Late;
use super::owner::AsOwner;
use super::roster::{Changes, Roster};
use super::row::NewRow;
use super::segment::{self, Access, Row, Segment};
use super::tier::{Retention, Tier};
use super::tracker::{self, Tracker};
use crate::error::{Error, Kind, Result, Warning};
use crate::model::{GuestSample, NodeSample, Tick, UnixTime};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Bytes gathered before they are written while a batch runs.
const BATCH_BYTES: usize = 1 << 20;
/// Hours of samples after which a running batch is synced and what is too old removed.
const BATCH_HOURS: u32 = 24;

/// The only one that changes a store. Holds its lock until dropped.
pub struct Writer {
    pub(super) dir: PathBuf,
    pub(super) retention: Retention,
    /// The file that says how long to keep what is as it should be.
    settled: bool,
    lock: File,
    pub(super) active: Option<Active>,
    /// Segments that a running batch has left unsynced; `None` outside of a batch.
    pub(super) batch: Option<u32>,
    /// Ticks of the present call that are older than samples are kept.
    late: Late,
    /// Samples of raw segments as counted before, with the length of the file then.
    pub(super) counted: BTreeMap<UnixTime, (u64, Span)>,
    pub(super) warnings: Vec<Warning>,
    _owner: AsOwner,
}

/// The raw segment that ticks go to.
pub(super) struct Active {
    pub(super) appender: Appender,
    tracker: Tracker,
    /// Places when the last whole roster was written: another is due when too many were added.
    places: usize,
}

/// What became of one or more ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Ticks that were stored.
    pub stored: usize,
    /// Times that were there already; those ticks were left out.
    pub duplicates: Vec<UnixTime>,
    /// Ticks that came too late: samples of their time are not kept any more, and the rows that stand rest on as
    /// many or more. Nothing of these ticks stays.
    pub late: usize,
    /// Guests that were on another host than in the tick before, late ticks and the ones that follow
    /// them left aside: [`Reader::migrations`] has which.
    ///
    /// [`Reader::migrations`]: super::Reader::migrations
    pub moved: usize,
    /// Bytes written to samples files.
    pub bytes: u64,
    /// What happened to the coarser tiers on this occasion; its warnings are among the others.
    pub compressed: Compressed,
    /// Repairs, values beyond their scale, and troubles that lost no tick.
    pub warnings: Vec<Warning>,
}

impl Writer {
    /// Opens the store in `dir`, which is made (mode 0750) if need be, and takes its lock. Root
    /// writes as the owner of `dir`.
    ///
    /// [`Kind::Busy`] when another writer has it.
    pub fn open(dir: &Path) -> Result<Self> {
        let owner = AsOwner::of(dir);
        let mut folders = DirBuilder::new();
        folders.recursive(true).mode(0o750);
        for folder in Tier::ALL.map(|t| dir.join(t.folder())) {
            folders.create(&folder).map_err(|e| Error::io(&folder, &e))?;
        }
        sync_folder(dir).map_err(|e| Error::io(dir, &e))?;
        let lock = lock(&dir.join("lock"))?;
        let mut warnings = Vec::new();
        let known = keep::read(dir).map_err(|e| {
            let (file, message) = (PathBuf::from(&e.place), e.message);
            warnings.push(Warning { file, line: 0, message });
        });
        Ok(Self {
            dir: dir.to_path_buf(),
            retention: known.unwrap_or(Retention::LONGEST),
            settled: known.is_ok(),
            lock,
            active: None,
            batch: None,
            late: Late::default(),
            counted: BTreeMap::new(),
            warnings,
            _owner: owner,
        })
    }

    /// Keeps what is stored for so long from now on; says for how long it was kept before, if that
    /// was another time. What is too old is removed when the next hour begins.
    pub fn keep(&mut self, retention: Retention) -> Result<Option<Retention>> {
        retention.check()?;
        if self.settled && self.retention == retention {
            return Ok(None);
        }
        keep::write(&self.dir, &retention)?;
        let before = std::mem::replace(&mut self.retention, retention);
        let settled = std::mem::replace(&mut self.settled, true);
        Ok(settled.then_some(before))
    }

    /// Stores a tick: whole, or not at all. A tick older than the newest goes where it belongs.
    ///
    /// Durable after a power cut once its minute is over or [`Writer::sync`] was called; a killed
    /// process loses nothing that was appended.
    pub fn append(&mut self, tick: &Tick) -> Result<Appended> {
        let mut done = Appended::default();
        let mut result = self.push(tick, &mut done).and_then(|()| self.flush(&mut done));
        let minute = |time: UnixTime| time.div_euclid(60);
        let before = self.active.as_ref().and_then(|a| {
            a.appender.ticks.range(..tick.ts).next_back().map(|(&time, _)| minute(time))
        });
        if before != Some(minute(tick.ts)) && result.is_ok() {
            result = self.sync();
        }
        self.finish(result, done)
    }

    /// Stores many ticks with one sync at the end, each whole or not at all. Stops at the first tick
    /// that cannot be stored. Those before it are, but that they are written together: where the
    /// write itself fails, as on a full disk, up to a MiB of them goes with it.
    pub fn append_all<T: std::borrow::Borrow<Tick>>(
        &mut self,
        ticks: impl IntoIterator<Item = T>,
    ) -> Result<Appended> {
        let mut done = Appended::default();
        let mut result = Ok(());
        self.batch = Some(0);
        for tick in ticks {
            result = self.push(tick.borrow(), &mut done);
            if result.is_ok() && self.pending() > BATCH_BYTES {
                result = self.flush(&mut done);
            }
            if result.is_err() {
                break;
            }
        }
        let flushed = self.flush(&mut done);
        // Whatever went wrong, the batch is over.
        let ended = self.end_batch(&mut done);
        self.finish(result.and(flushed).and(ended), done)
    }

    /// Ends a call. Warnings of one that failed come with the next that does not.
    fn finish(&mut self, result: Result<()>, mut done: Appended) -> Result<Appended> {
        self.count_late(&mut done);
        self.warnings.append(&mut done.warnings);
        result?;
        done.warnings.append(&mut self.warnings);
        Ok(done)
    }

    /// Stores one node's sample as a tick of its own. Other nodes and guests count as absent at
    /// that moment: use whole ticks where they can be had.
    pub fn append_node_sample(&mut self, ts: UnixTime, sample: NodeSample) -> Result<Appended> {
        self.append(&Tick { ts, nodes: vec![sample], guests: Vec::new() })
    }

    /// Stores one guest's sample as a tick of its own, see [`Writer::append_node_sample`].
    pub fn append_guest_sample(&mut self, ts: UnixTime, sample: GuestSample) -> Result<Appended> {
        self.append(&Tick { ts, nodes: Vec::new(), guests: vec![sample] })
    }

    /// Makes sure that everything appended survives a power cut.
    pub fn sync(&mut self) -> Result<()> {
        match &mut self.active {
            Some(active) => active.appender.sync(),
            None => Ok(()),
        }
    }

    /// Syncs what a batch wrote, and removes what has become too old meanwhile.
    fn end_batch(&mut self, done: &mut Appended) -> Result<()> {
        if self.batch.take().is_none_or(|segments| segments == 0) {
            return self.sync();
        }
        self.sync_file_system()?;
        let newest = self.active.as_ref().map(|active| active.appender.start);
        if let Some(now) = newest {
            self.tidy(now, done);
        }
        Ok(())
    }

    /// One call for the many files of a batch.
    fn sync_file_system(&self) -> Result<()> {
        // SAFETY: the descriptor belongs to `self.lock`, which lives through the call.
        match unsafe { libc::syncfs(self.lock.as_raw_fd()) } {
            0 => Ok(()),
            _ => Err(Error::io(&self.dir, &std::io::Error::last_os_error())),
        }
    }

    /// Compresses as of `now`. Whatever goes wrong is told and tried again the next time: it must
    /// not cost a tick.
    fn tidy(&mut self, now: UnixTime, done: &mut Appended) {
        match self.compress(now) {
            Ok(compressed) => {
                done.compressed.rows += compressed.rows;
                done.compressed.removed += compressed.removed;
                done.warnings.extend(compressed.warnings);
            }
            Err(e) => {
                let (file, message) = (self.dir.clone(), e.to_string());
                done.warnings.push(Warning { file, line: 0, message });
            }
        }
    }

    fn pending(&self) -> usize {
        self.active.as_ref().map_or(0, |a| a.appender.pending())
    }

    /// Writes what is gathered. After an error the segment is opened anew from what is on disk.
    pub(super) fn flush(&mut self, done: &mut Appended) -> Result<()> {
        let Some(active) = &mut self.active else { return Ok(()) };
        match active.appender.flush() {
            Ok(bytes) => done.bytes += bytes,
            Err(e) => {
                self.active = None;
                return Err(e);
            }
        }
        Ok(())
    }

    fn push(&mut self, tick: &Tick, done: &mut Appended) -> Result<()> {
        tick.check()?;
        let start = Tier::Raw.segment_of(tick.ts);
        if self.active.as_ref().is_none_or(|a| a.appender.start != start) {
            self.flush(done)?;
            self.leave()?;
            self.switch_to(start, done)?;
        }
        let Some(active) = &mut self.active else { return Ok(()) };
        if active.appender.ticks.contains_key(&tick.ts) {
            done.duplicates.push(tick.ts);
            return Ok(());
        }
        done.moved += active.tracker.moved(tick);
        if active.tracker.has_strangers(tick) {
            active.tracker.recall(&neighbour(&self.dir, start)?, tick);
        }
        let row = match active.push(tick) {
            Ok(row) => row,
            Err(e) => {
                // What came before stands; who is in the roster is read anew from there.
                self.flush(done)?;
                self.active = None;
                return Err(e);
            }
        };
        done.stored += 1;
        self.late.count(start);
        for message in tracker::saturated(tick, &row) {
            done.warnings.push(Warning { file: self.dir.clone(), line: 0, message });
        }
        Ok(())
    }

    /// Syncs the segment that is left; a batch does that for many at once.
    fn leave(&mut self) -> Result<()> {
        match self.batch {
            None => return self.sync(),
            Some(segments) if segments + 1 < BATCH_HOURS => self.batch = Some(segments + 1),
            Some(_) => {
                self.sync_file_system()?;
                self.batch = Some(0);
            }
        }
        Ok(())
    }

    /// Makes the raw segment at `start` the active one, and rolls what is over by then.
    fn switch_to(&mut self, start: UnixTime, done: &mut Appended) -> Result<()> {
        let left = self.active.take();
        let starts = segment::list(&self.dir, Tier::Raw)?;
        let newest = starts.last().copied();
        // What was left says who was there just before, unless another segment lies between.
        let before = starts.iter().rfind(|&&s| s < start).copied();
        let opened = Appender::open(&self.dir, Tier::Raw, start, &mut self.warnings)?;
        let end = start + Tier::Raw.segment();
        if newest.is_some_and(|newest| end <= newest - self.retention.seconds(Tier::Raw)) {
            self.late.note(&self.dir, start, opened.appender.ticks.len());
        }
        let is_new = opened.segment.is_none();
        let tracker = match opened.roster {
            Some(roster) => replay(roster, opened.segment.as_ref()),
            None => match left.filter(|a| before == Some(a.appender.start)) {
                Some(active) => active.tracker,
                None => neighbour(&self.dir, start)?,
            },
        };
        let places = tracker.roster.places();
        self.active = Some(Active { appender: opened.appender, tracker, places });
        if is_new || !self.is_rolled(start) {
            self.tidy(start, done);
        }
        Ok(())
    }

    /// Whether the hour before `start`, if there are samples of it, has its hourly row.
    fn is_rolled(&self, start: UnixTime) -> bool {
        let window = start - Tier::Raw.segment();
        if !self.dir.join(Tier::Raw.file(window)).exists() {
            return true;
        }
        let segment = Tier::Hourly.segment_of(window);
        Segment::read(&self.dir, Tier::Hourly, segment, Access::Sparse, &mut None)
            .is_ok_and(|s| s.rows.iter().any(|row| row.time == window))
    }

    /// Takes ticks that came too late off those that were stored.
    fn count_late(&mut self, done: &mut Appended) {
        let late = std::mem::take(&mut self.late);
        if late.is_empty() {
            return;
        }
        let spans = self.count_samples().unwrap_or_default();
        let samples = |hour| spans.get(&hour).map_or(0, |span: &Span| span.ticks);
        done.late = late.in_vain(samples);
        done.stored -= done.late;
    }
}

impl Active {
    fn push(&mut self, tick: &Tick) -> Result<NewRow> {
        let listed = tick.nodes.len() + tick.guests.len();
        let crowded = self.tracker.roster.places() > self.places + listed + 64;
        let whole = crowded || self.appender.needs_roster();
        if whole {
            self.tracker.compact(tick);
        }
        let (mut changes, row) = self.tracker.advance(tick);
        self.tracker.roster.check()?;
        if whole {
            changes = Changes::all(&self.tracker.roster);
            self.places = self.tracker.roster.places();
        }
        self.appender.push(&self.tracker.roster, &changes, &row);
        Ok(row)
    }
}

/// Who was there at the time nearest to `start`: before it if possible.
fn neighbour(store: &Path, start: UnixTime) -> Result<Tracker> {
    let mut starts = segment::list(store, Tier::Raw)?;
    starts.retain(|&s| s != start);
    let before = starts.partition_point(|&s| s < start);
    let (older, newer) = starts.split_at(before);
    for &candidate in older.iter().rev().chain(newer) {
        let read = Segment::read(store, Tier::Raw, candidate, Access::Sparse, &mut None);
        if let Ok(segment) = read
            && let Some((_, roster)) = &segment.roster
        {
            return Ok(replay(roster.as_ref().clone(), Some(&segment)));
        }
    }
    Ok(Tracker::default())
}

/// The state at the end of a segment. A roster counts the row that follows it as missed by who
/// is absent; the rows after that one are counted here.
fn replay(mut roster: Roster, segment: Option<&Segment>) -> Tracker {
    let rows = segment.map(|s| s.rows.as_slice()).unwrap_or_default();
    for (place, guest) in roster.guests.iter_mut().enumerate().filter(|(_, g)| !g.present) {
        let absent = |row: &&Row| row.roster.guests.get(place) == Some(&*guest);
        let since = rows.iter().rev().take_while(absent).count();
        let rows = &rows[rows.len() - since..];
        let mut missed = guest.missed;
        rows.windows(2).for_each(|pair| missed.count(pair[1].time - pair[0].time));
        guest.missed = missed;
    }
    Tracker::new(roster, &rows.iter().map(|row| row.time).collect::<Vec<_>>())
}

impl Drop for Writer {
    /// Unlocks by name: closing alone would leave the lock to a child just being forked.
    fn drop(&mut self) {
        // SAFETY: the descriptor belongs to `self.lock`, which lives through the call.
        unsafe { libc::flock(self.lock.as_raw_fd(), libc::LOCK_UN) };
    }
}

/// Takes the writers' lock, which ends with the process.
fn lock(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o640).custom_flags(PLAIN);
    let file = options.open(path).map_err(|e| failed(path, &e))?;
    // SAFETY: the descriptor belongs to `file`, which lives through the call.
    let taken = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0;
    if taken {
        return Ok(file);
    }
    let error = std::io::Error::last_os_error();
    if error.kind() == std::io::ErrorKind::WouldBlock {
        let message = "another process is writing to this store; try again when it is done";
        return Err(Error::new(Kind::Busy, message).at(path.display()));
    }
    Err(Error::io(path, &error))
}
