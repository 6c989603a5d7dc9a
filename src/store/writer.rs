//! The one writer: appends ticks, rolls windows that are over, drops what is too old.

use super::append::{Appender, sync_folder};
use super::file::{PLAIN, failed};
use super::keep;
use super::owner::AsOwner;
use super::roll::{self, Rolled};
use super::roster::{Changes, Roster};
use super::row::NewRow;
use super::segment::{self, Access, LastRoster, Row, Segment};
use super::tier::{Retention, Tier};
use super::tracker::{self, Tracker};
use crate::error::{Error, Kind, Result, Warning};
use crate::model::{GuestSample, NodeSample, Tick, UnixTime};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes gathered before they are written while a batch runs.
const BATCH_BYTES: usize = 1 << 20;
/// Hours of samples after which a running batch is synced and what is too old removed.
const BATCH_HOURS: u32 = 24;

/// The only one that changes a store. Holds its lock until dropped.
pub struct Writer {
    dir: PathBuf,
    retention: Retention,
    /// The file that says how long to keep what is as it should be.
    settled: bool,
    lock: File,
    active: Option<Active>,
    /// Segments that a running batch has left unsynced; `None` outside of a batch.
    batch: Option<u32>,
    /// Samples of raw segments as counted before, with the length of the file then.
    counted: BTreeMap<UnixTime, (u64, Span)>,
    warnings: Vec<Warning>,
    _owner: AsOwner,
}

/// The raw segment that ticks go to.
struct Active {
    appender: Appender,
    tracker: Tracker,
    /// Places when the last whole roster was written: another is due when too many were added.
    places: usize,
}

/// Samples of a raw segment.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    ticks: u32,
    first: UnixTime,
    last: UnixTime,
}

/// What became of one or more ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Ticks that were stored.
    pub stored: usize,
    /// Times that were there already; those ticks were left out.
    pub duplicates: Vec<UnixTime>,
    /// Guests that were on another host than in the tick before: [`Reader::migrations`] has which.
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

/// What [`Writer::compress`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compressed {
    /// Rows written to the coarser tiers.
    pub rows: usize,
    /// Segment files removed because they were too old.
    pub removed: usize,
    /// Troubles that left something undone; the next call tries again.
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
        let result = self.push(tick, &mut done).and_then(|()| self.flush(&mut done));
        let minute = |time: UnixTime| time.div_euclid(60);
        let before = self.active.as_ref().and_then(|a| {
            a.appender.ticks.range(..tick.ts).next_back().map(|(&time, _)| minute(time))
        });
        if before != Some(minute(tick.ts)) && result.is_ok() {
            self.sync()?;
        }
        done.warnings.append(&mut self.warnings);
        result.map(|()| done)
    }

    /// Stores many ticks with one sync at the end, each whole or not at all. Stops at the first
    /// tick that cannot be stored; those before it are.
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
        let flushed = self.flush(&mut done).and_then(|()| self.end_batch(&mut done));
        done.warnings.append(&mut self.warnings);
        result.and(flushed).map(|()| done)
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
        newest.map_or(Ok(()), |now| self.tidy(now, done))
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
    fn tidy(&mut self, now: UnixTime, done: &mut Appended) -> Result<()> {
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
        Ok(())
    }

    fn pending(&self) -> usize {
        self.active.as_ref().map_or(0, |a| a.appender.pending())
    }

    /// Writes what is gathered. After an error the segment is opened anew from what is on disk.
    fn flush(&mut self, done: &mut Appended) -> Result<()> {
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
        let row = active.push(tick);
        done.stored += 1;
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
        let opened = Appender::open(&self.dir, Tier::Raw, start, &mut self.warnings)?;
        let is_new = opened.segment.is_none();
        let tracker = match opened.roster {
            Some(roster) => replay(roster, opened.segment.as_ref()),
            None => match left {
                Some(active) if active.appender.start < start => active.tracker,
                _ => self.neighbour(start)?,
            },
        };
        let places = tracker.roster.places();
        self.active = Some(Active { appender: opened.appender, tracker, places });
        if is_new || !self.is_rolled(start) {
            self.tidy(start, done)?;
        }
        Ok(())
    }

    /// Who was there at the time nearest to `start`: before it if possible.
    fn neighbour(&self, start: UnixTime) -> Result<Tracker> {
        let mut starts = segment::list(&self.dir, Tier::Raw)?;
        starts.retain(|&s| s != start);
        let before = starts.partition_point(|&s| s < start);
        let (older, newer) = starts.split_at(before);
        for &candidate in older.iter().rev().chain(newer) {
            let read = Segment::read(&self.dir, Tier::Raw, candidate, Access::Sparse, &mut None);
            if let Ok(segment) = read
                && let Some((_, roster)) = &segment.roster
            {
                return Ok(replay(roster.as_ref().clone(), Some(&segment)));
            }
        }
        Ok(Tracker::default())
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

    /// Computes the rows of all windows that are over at `now`, then drops what is too old.
    ///
    /// Idempotent, and safe to interrupt: what is missing is found by comparing the tiers. Memory
    /// is bounded by six hours of samples.
    pub fn compress(&mut self, now: UnixTime) -> Result<Compressed> {
        self.flush(&mut Appended::default())?;
        let spans = self.count_samples()?;
        let mut done = Compressed::default();
        for tier in [Tier::Hourly, Tier::SixHourly] {
            self.roll_tier(tier, now, &spans, &mut done);
        }
        // In a batch nothing is removed before what replaces it has been synced.
        if done.warnings.is_empty() && self.batch.is_none_or(|segments| segments == 0) {
            self.expire(now, &spans, &mut done)?;
        }
        done.warnings.append(&mut self.warnings);
        Ok(done)
    }

    /// [`Writer::compress`] under the name that the plan gives it.
    pub fn compress_old_samples(&mut self, now: UnixTime) -> Result<Compressed> {
        self.compress(now)
    }

    /// Samples by raw segment.
    fn count_samples(&mut self) -> Result<BTreeMap<UnixTime, Span>> {
        let mut last: LastRoster = None;
        let mut spans = BTreeMap::new();
        for start in segment::list(&self.dir, Tier::Raw)? {
            let path = self.dir.join(Tier::Raw.file(start));
            let len = fs::metadata(&path).map_or(0, |m| m.len());
            let span = match self.counted.get(&start) {
                Some((counted, span)) if *counted == len => *span,
                _ => {
                    let read =
                        Segment::read(&self.dir, Tier::Raw, start, Access::Sparse, &mut last);
                    read.map(|s| span_of(&s)).unwrap_or_default()
                }
            };
            self.counted.insert(start, (len, span));
            spans.insert(start, span);
        }
        self.counted.retain(|start, _| spans.contains_key(start));
        Ok(spans)
    }

    /// Rolls what is over and has more samples than its row says.
    fn roll_tier(
        &mut self,
        tier: Tier,
        now: UnixTime,
        spans: &BTreeMap<UnixTime, Span>,
        done: &mut Compressed,
    ) {
        let mut windows: BTreeMap<UnixTime, u32> = BTreeMap::new();
        for (&start, span) in spans.iter().filter(|(_, span)| span.ticks > 0) {
            *windows.entry(tier.window_of(start)).or_default() += span.ticks;
        }
        windows.retain(|window, _| window + tier.step() <= now);
        let mut segments: BTreeMap<UnixTime, Vec<(UnixTime, u32)>> = BTreeMap::new();
        for (window, ticks) in windows {
            segments.entry(tier.segment_of(window)).or_default().push((window, ticks));
        }
        for (start, windows) in segments {
            if let Err(e) = self.roll_segment(tier, start, &windows, spans, done) {
                let file = self.dir.join(tier.file(start));
                done.warnings.push(Warning { file, line: 0, message: e.message });
            }
        }
    }

    fn roll_segment(
        &mut self,
        tier: Tier,
        start: UnixTime,
        windows: &[(UnixTime, u32)],
        spans: &BTreeMap<UnixTime, Span>,
        done: &mut Compressed,
    ) -> Result<()> {
        let rows = match Segment::read(&self.dir, tier, start, Access::Sparse, &mut None) {
            Ok(segment) => segment.by_time().iter().map(|(&t, r)| (t, r.meta.ticks)).collect(),
            Err(e) if e.kind == Kind::Unsupported => return Err(e),
            Err(_) => BTreeMap::new(),
        };
        let due = |&&(window, ticks): &&(UnixTime, u32)| {
            rows.get(&window).is_none_or(|&rolled| rolled < ticks)
        };
        let due: Vec<UnixTime> = windows.iter().filter(due).map(|w| w.0).collect();
        if due.is_empty() {
            return Ok(());
        }
        let opened = Appender::open(&self.dir, tier, start, &mut self.warnings)?;
        let mut appender = opened.appender;
        let mut roster = opened.roster.unwrap_or_default();
        for window in due {
            if let Some(rolled) = self.roll_window(tier, window, &roster, spans)? {
                appender.push(&rolled.roster, &rolled.changes, &rolled.row);
                appender.flush()?;
                roster = rolled.roster;
                done.rows += 1;
            }
        }
        match self.batch {
            None => appender.sync(),
            Some(_) => Ok(()),
        }
    }

    fn roll_window(
        &self,
        tier: Tier,
        window: UnixTime,
        base: &Roster,
        spans: &BTreeMap<UnixTime, Span>,
    ) -> Result<Option<Rolled>> {
        let mut last: LastRoster = None;
        let before = match spans.range(..window).rfind(|(_, span)| span.ticks > 0) {
            Some((&start, _)) => {
                let read = Segment::read(&self.dir, Tier::Raw, start, Access::Sparse, &mut last)?;
                let newest = read.by_time().pop_last();
                newest.map(|(time, row)| (time, Arc::clone(&row.roster)))
            }
            None => None,
        };
        let mut segments = Vec::new();
        for (&start, _) in spans.range(window..window + tier.step()) {
            let read = Segment::read(&self.dir, Tier::Raw, start, Access::Whole, &mut last);
            segments.extend(read.ok().map(Arc::new));
        }
        let by_time = segments.iter().flat_map(|s| s.by_time().into_values().map(move |r| (s, r)));
        let samples: Vec<roll::Source<'_>> = by_time.collect();
        Ok(roll::roll(tier, window, base.clone(), before, &samples))
    }

    /// Removes segments that are older than their tier is kept, once as much newer data is there:
    /// neither a clock that jumped ahead nor a node that was off for weeks empties the store.
    fn expire(
        &mut self,
        now: UnixTime,
        spans: &BTreeMap<UnixTime, Span>,
        done: &mut Compressed,
    ) -> Result<()> {
        for tier in Tier::ALL {
            let keep = self.retention.seconds(tier);
            let starts = segment::list(&self.dir, tier)?;
            let too_old = |&start: &UnixTime| start + tier.segment() <= now - keep;
            if !starts.iter().any(too_old) {
                continue;
            }
            let mut newer = 0;
            for start in starts.into_iter().rev() {
                if newer >= keep && too_old(&start) {
                    let path = self.dir.join(tier.file(start));
                    fs::remove_file(&path).map_err(|e| Error::io(&path, &e))?;
                    done.removed += 1;
                } else {
                    newer += self.covered(tier, start, spans);
                }
            }
        }
        Ok(())
    }

    /// Seconds for which a segment has data; a lone sample counts for a quarter of a segment, so
    /// that a store with few samples has a bound, too.
    fn covered(&self, tier: Tier, start: UnixTime, spans: &BTreeMap<UnixTime, Span>) -> i64 {
        let covered = match tier {
            Tier::Raw => spans.get(&start).map_or(0, |span| {
                let gaps = i64::from(span.ticks.saturating_sub(1)).max(1);
                (span.last - span.first) * i64::from(span.ticks) / gaps
            }),
            Tier::Hourly | Tier::SixHourly => {
                let read = Segment::read(&self.dir, tier, start, Access::Sparse, &mut None);
                read.map_or(0, |s| s.by_time().len() as i64 * tier.step())
            }
        };
        let least = if tier == Tier::Raw { tier.segment() / 4 } else { 0 };
        covered.clamp(least, tier.segment())
    }
}

impl Active {
    fn push(&mut self, tick: &Tick) -> NewRow {
        let listed = tick.nodes.len() + tick.guests.len();
        let crowded = self.tracker.roster.places() > self.places + listed + 64;
        let whole = crowded || self.appender.needs_roster();
        if whole {
            self.tracker.compact(tick);
        }
        let (mut changes, row) = self.tracker.advance(tick);
        if whole {
            changes = Changes::all(&self.tracker.roster);
            self.places = self.tracker.roster.places();
        }
        self.appender.push(&self.tracker.roster, &changes, &row);
        row
    }
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
    Tracker::new(roster, rows.last().map(|row| row.time))
}

fn span_of(segment: &Segment) -> Span {
    let rows = segment.by_time();
    let (first, last) = (rows.keys().next(), rows.keys().next_back());
    Span {
        ticks: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        first: first.copied().unwrap_or(0),
        last: last.copied().unwrap_or(0),
    }
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
