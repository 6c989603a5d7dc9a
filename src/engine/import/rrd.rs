//! PVE's RRD files: of each entity the finest averages there are at each time.
//!
//! Files are read twice: once to learn which rows are wanted, then block by block of time, so that
//! memory is bounded however many guests there are.

use super::{Import, Progress};
use crate::collect::{
    Archive, Function, RrdFile, Subject, guest_sample, history_bytes, history_files, node_sample,
    parse, storage_sample,
};
use crate::error::Result;
use crate::model::{GuestSample, GuestStatus, HOUR, NodeSample, Tick, UnixTime};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Longest rows that are taken. The mean of a week would stand for one moment of it.
const LONGEST: i64 = 12 * HOUR;
/// Numbers held at a time (128 MiB).
const BLOCK: usize = 16 << 20;
/// Data sources of a file, about.
const SOURCES: usize = 19;

/// A file that can be read.
struct Source {
    subject: Subject,
    path: PathBuf,
    /// Rows that end later are in a newer file of the subject.
    until: UnixTime,
}

/// A row that is known.
#[derive(Clone, Copy)]
struct Row {
    start: UnixTime,
    seconds: i64,
    /// Which archive of the file, and which row of it.
    archive: usize,
    index: usize,
    /// Whether its moment becomes a tick. One that is not tells others' ticks who was there, so
    /// that an import that goes on where another was broken off says the same as that would have.
    wanted: bool,
}

impl Row {
    fn end(&self) -> UnixTime {
        self.start + self.seconds
    }

    /// Where the average stands in time.
    fn middle(&self) -> UnixTime {
        self.start + self.seconds / 2
    }
}

/// Rows of a file within a block of time, oldest first.
struct Track {
    subject: Subject,
    sources: Vec<String>,
    rows: Vec<Row>,
    /// A value of each source by row; NaN where it is unknown.
    values: Vec<f64>,
    /// The row that is due next.
    next: usize,
}

impl Import<'_> {
    /// Imports what is below `root`.
    pub(super) fn rrd(&mut self, root: &Path) -> Result<()> {
        let (files, warnings) = history_files(root)?;
        self.reply.source = "rrd".into();
        self.reply.warnings.extend(warnings.iter().map(ToString::to_string));
        self.reply.notes.extend(NOTES.map(String::from));
        let mut times = BTreeSet::new();
        let known = files.into_iter().filter(|(subject, _)| self.exists(subject));
        let known: Vec<(Subject, Vec<PathBuf>)> = known.collect();
        let total = known.iter().map(|(_, paths)| paths.len()).sum();
        let (mut usable, mut done) = (Vec::new(), 0);
        for (subject, paths) in known {
            let mut until = UnixTime::MAX;
            for path in paths {
                done += 1;
                (self.progress)(Progress { what: "files looked at", done, total })?;
                let source = Source { subject: subject.clone(), path, until };
                let found = history_bytes(&source.path).and_then(|bytes| {
                    let file = source.parse(&bytes)?;
                    Ok(self.rows(&file, &source))
                });
                match found {
                    Ok(found) => {
                        self.reply.files += 1;
                        self.reply.left_out += found.left_out;
                        until = until.min(found.oldest.unwrap_or(until));
                        let wanted = found.rows.iter().filter(|row| row.wanted);
                        times.extend(wanted.map(Row::middle));
                        usable.push(source);
                    }
                    Err(e) => {
                        self.reply.refused += 1;
                        self.reply.warnings.push(format!("{e}; left out"));
                    }
                }
            }
        }
        let times: Vec<UnixTime> = times.into_iter().collect();
        let block = (BLOCK / (SOURCES * usable.len().max(1))).max(1);
        let total = times.len().div_ceil(block);
        for (done, times) in times.chunks(block).enumerate() {
            (self.progress)(Progress { what: "blocks of time stored", done, total })?;
            self.block(&usable, times)?;
        }
        Ok(())
    }

    /// Whether the subject exists today. Files of those that are gone stay around for ever.
    fn exists(&mut self, subject: &Subject) -> bool {
        match subject {
            Subject::Node(name) | Subject::Storage(name, _) => self.roster.node(name).is_some(),
            Subject::Guest(vmid) => self.roster.guest(*vmid).is_some(),
        }
    }

    /// Stores the ticks at `times`.
    fn block(&mut self, files: &[Source], times: &[UnixTime]) -> Result<()> {
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return Ok(()) };
        let mut tracks = Vec::new();
        for source in files {
            let track = history_bytes(&source.path).and_then(|bytes| {
                let file = source.parse(&bytes)?;
                let mut rows = self.rows(&file, source).rows;
                rows.retain(|row| row.end() > first && row.start <= last);
                rows.shrink_to_fit();
                Ok(Track::new(&source.subject, &file, rows))
            });
            match track {
                Ok(track) => tracks.push(track),
                Err(e) => self.reply.warnings.push(format!("{e}; left out of a block of time")),
            }
        }
        self.store(times.iter().map(|&ts| tick(ts, &mut tracks)))
    }

    /// Rows of a file: of each time the finest that are known.
    fn rows(&mut self, file: &RrdFile<'_>, source: &Source) -> Found {
        let created = match &source.subject {
            Subject::Guest(vmid) => self.roster.guest(*vmid).and_then(|guest| guest.created),
            _ => None,
        };
        let averages = file.archives.iter().enumerate();
        let mut averages: Vec<(usize, &Archive<'_>)> = averages
            .filter(|(_, a)| a.function == Function::Average && a.seconds <= LONGEST)
            .collect();
        averages.sort_by_key(|(_, archive)| archive.seconds);
        let mut until = source.until;
        let mut rows: Vec<Row> = Vec::new();
        for (archive, average) in averages {
            let seconds = average.seconds;
            let of = average.times().enumerate();
            let of: Vec<Row> = of
                .map(|(index, end)| Row {
                    start: end - seconds,
                    seconds,
                    archive,
                    index,
                    wanted: false,
                })
                .filter(|row| row.end() <= until)
                .filter(|row| {
                    (0..file.sources.len()).any(|s| average.value(row.index, s).is_some())
                })
                .collect();
            until = of.first().map_or(until, |oldest| oldest.start);
            rows.extend(of.into_iter().rev());
        }
        rows.reverse();
        let oldest = rows.first().map(|row| row.start);
        // What was recorded before a guest was created is about another one.
        rows.retain(|row| created.is_none_or(|created| row.end() > created));
        for row in &mut rows {
            row.wanted = self.wants(row.start, row.end());
        }
        let left_out = rows.iter().filter(|row| !row.wanted).count() as u64;
        Found { rows, left_out, oldest }
    }
}

impl Source {
    fn parse<'a>(&self, bytes: &'a [u8]) -> Result<RrdFile<'a>> {
        parse::rrd_file(bytes).map_err(|e| e.at(self.path.display()))
    }
}

/// Rows of a file.
struct Found {
    /// All that are known, oldest first.
    rows: Vec<Row>,
    /// How many of them are not wanted.
    left_out: u64,
    /// Start of the first one that is known.
    oldest: Option<UnixTime>,
}

/// What an admin should know of such an import.
const NOTES: [&str; 3] = [
    "minimum, maximum and 95th percentile of imported times are those of averages: true peaks were higher",
    "RRD files do not tell on which node a guest was: each counts for the node that the store's own samples say, else for the one it is on today",
    "rows of more than 12 hours (beyond a month in PVE 8) are left out; rrdcached may still hold the last half hour",
];

impl Track {
    fn new(subject: &Subject, file: &RrdFile<'_>, rows: Vec<Row>) -> Self {
        let width = file.sources.len();
        let mut values = Vec::with_capacity(rows.len() * width);
        for row in &rows {
            let archive = &file.archives[row.archive];
            values.extend((0..width).map(|s| archive.value(row.index, s).unwrap_or(f64::NAN)));
        }
        Self { subject: subject.clone(), sources: file.sources.clone(), rows, values, next: 0 }
    }

    /// The row that spans `time`, with its number.
    fn row_at(&mut self, time: UnixTime) -> Option<(usize, Row)> {
        while self.rows.get(self.next).is_some_and(|row| row.end() <= time) {
            self.next += 1;
        }
        self.rows.get(self.next).filter(|row| row.start <= time).map(|row| (self.next, *row))
    }

    fn value(&self, row: usize, source: &str) -> Option<f64> {
        let column = self.sources.iter().position(|name| name == source)?;
        let value = self.values.get(row * self.sources.len() + column);
        value.copied().filter(|value| value.is_finite())
    }
}

/// What the files say of the moment `ts`. Whose row is longer, and has its middle elsewhere, is
/// there with its size alone.
fn tick(ts: UnixTime, tracks: &mut [Track]) -> Tick {
    let mut tick = Tick { ts, ..Tick::default() };
    let mut storages: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for track in tracks {
        let Some((number, row)) = track.row_at(ts) else { continue };
        let is_here = row.middle() == ts;
        let get = |source: &str| track.value(number, source);
        match &track.subject {
            Subject::Node(name) => {
                let sample = node_sample(name, &get);
                tick.nodes.push(match is_here {
                    true => sample,
                    false => NodeSample {
                        name: sample.name,
                        online: true,
                        maxcpu: sample.maxcpu,
                        maxmem: sample.maxmem,
                        maxswap: sample.maxswap,
                        ..NodeSample::default()
                    },
                });
            }
            Subject::Guest(vmid) => {
                let mut sample = guest_sample(*vmid, &get);
                let runs = sample.cpu.is_some() && sample.mem.is_some_and(|mem| mem.0 > 0.0);
                let status = if runs { GuestStatus::Running } else { GuestStatus::Unknown };
                if !is_here {
                    let (maxcpu, maxmem) = (sample.maxcpu, sample.maxmem);
                    sample = GuestSample { vmid: *vmid, maxcpu, maxmem, ..GuestSample::default() };
                }
                tick.guests.push(GuestSample { status, ..sample });
            }
            Subject::Storage(node, id) if is_here => {
                storages.entry(node).or_default().extend(storage_sample(id, &get));
            }
            Subject::Storage(..) => {}
        }
    }
    for node in &mut tick.nodes {
        node.storage = storages.remove(node.name.as_str()).unwrap_or_default();
    }
    tick
}
