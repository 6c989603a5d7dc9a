//! Recorded guests: a CSV of samples, plain or gzipped, read line by line.
//!
//! Columns by name: `vm, t, cores, cpu, maxmem_mb, mem_mb, disk_read_bps, disk_write_bps,
//! net_in_bps, net_out_bps` and optionally `cf` (`AVERAGE` and `MAX` rows, as in RRD files);
//! others are ignored. `t` is seconds since the start of the recording, `cpu` a share of the
//! guest's own cores, a missing row a gap.

use super::demand::Demand;
use super::noise::Noise;
use super::scenario::{Between, Gaps};
use crate::error::{Error, Kind, Result};
use crate::model::{Bytes, BytesPerSecond, Cores, MIB};
use flate2::bufread::MultiGzDecoder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Longest line taken, in bytes.
const MAX_LINE: u64 = 4_096;
/// Most rows taken: 500 guests for three months at five minutes fit.
const MAX_ROWS: usize = 20_000_000;
/// Most guests taken.
const MAX_GUESTS: usize = 20_000;
/// Latest time taken, ten years in seconds.
const MAX_TIME: f64 = 315_360_000.0;

/// Recorded guests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The guests, in order of their numbers.
    pub guests: Vec<TraceGuest>,
    /// Seconds between samples: the smallest distance found.
    pub step: u32,
    /// Seconds from the start of the recording to the end of its last sample.
    pub length: u32,
}

/// A recorded guest.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceGuest {
    /// Its number in the file.
    pub vm: u32,
    /// Most cores it had.
    pub cores: Cores,
    /// Most memory it had.
    pub memory: Bytes,
    /// Its samples, in order of time.
    samples: Vec<Sample>,
    /// The greatest five-minute values of the same spans; empty without `MAX` rows.
    peaks: Vec<Sample>,
}

/// One row, in units of the host: CPU in cores, memory in bytes, rates in bytes per second.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    t: u32,
    /// A row without cores or memory says that the guest is switched off.
    running: bool,
    cpu: f32,
    mem: f32,
    rates: [f32; 4],
}

/// How a recording is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) between: Between,
    pub(super) gaps: Gaps,
    pub(super) noise: Noise,
}

/// Relative size of the jitter that a division by a measured interval leaves.
const JITTER: f64 = 1e-4;

impl Trace {
    /// Reads `path`; whether it is gzipped is seen from its first bytes.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, &e))?;
        Self::parse(BufReader::new(file), path)
    }

    /// Reads a trace from `input`; `name` stands in error messages.
    pub fn parse(mut input: impl BufRead, name: &Path) -> Result<Self> {
        let start = input.fill_buf().map_err(|e| Error::io(name, &e))?;
        if start.starts_with(&[0x1f, 0x8b]) {
            read_rows(Lines::new(BufReader::new(MultiGzDecoder::new(input)), name))
        } else {
            read_rows(Lines::new(input, name))
        }
    }
}

impl TraceGuest {
    /// Demand `t` seconds after the start of the recording; `None` in a gap that is not held.
    ///
    /// With `MAX` rows, one five-minute part of each span gets the maximum and the others what
    /// is left, so that both the average and the maximum of the span are kept.
    pub(super) fn at(&self, t: f64, step: u32, reading: &Reading) -> Option<Demand> {
        let index = self.samples.partition_point(|s| f64::from(s.t) <= t).checked_sub(1)?;
        let sample = self.samples.get(index).filter(|s| s.running)?;
        let since = t - f64::from(sample.t);
        let hold = || jittered(sample.demand(), t, reading.noise);
        if since >= f64::from(step) {
            return (reading.gaps == Gaps::Held).then(hold);
        }
        let next = self.samples.get(index + 1).filter(|n| n.running && n.t - sample.t == step);
        Some(match (self.peak(sample.t), reading.between, next) {
            (Some(peak), _, _) => spread(sample, peak, step, since, reading.noise).demand(),
            (None, Between::Interpolate, Some(next)) => {
                sample.towards(next, (since / f64::from(step)) as f32).demand()
            }
            _ => hold(),
        })
    }

    /// Seconds from the start of the recording to its first sample while it runs and to the end
    /// of its last.
    pub(super) fn span(&self, step: u32) -> (u32, u32) {
        let mut running = self.samples.iter().filter(|s| s.running);
        let (first, last) = (running.clone().next(), running.next_back());
        (first.map_or(0, |s| s.t), last.map_or(0, |s| s.t.saturating_add(step)))
    }

    fn ever_runs(&self) -> bool {
        self.samples.iter().any(|s| s.running)
    }

    /// Most memory it ever used.
    pub(super) fn peak_memory(&self) -> Bytes {
        let all = self.samples.iter().chain(&self.peaks);
        Bytes(all.map(|s| f64::from(s.mem)).fold(0.0, f64::max))
    }

    fn peak(&self, t: u32) -> Option<&Sample> {
        self.peaks.binary_search_by_key(&t, |s| s.t).ok().and_then(|i| self.peaks.get(i))
    }
}

impl Sample {
    fn demand(&self) -> Demand {
        let rate = |i: usize| BytesPerSecond(f64::from(self.rates[i]));
        Demand {
            cpu: Cores(f64::from(self.cpu)),
            mem: Bytes(f64::from(self.mem)),
            disk_read: rate(0),
            disk_write: rate(1),
            net_in: rate(2),
            net_out: rate(3),
        }
    }

    /// Each value combined with that of `other`.
    fn with(&self, other: &Self, combine: impl Fn(f32, f32) -> f32) -> Self {
        Self {
            cpu: combine(self.cpu, other.cpu),
            mem: combine(self.mem, other.mem),
            rates: std::array::from_fn(|i| combine(self.rates[i], other.rates[i])),
            ..*self
        }
    }

    fn towards(&self, next: &Self, part: f32) -> Self {
        self.with(next, |a, b| a + (b - a) * part)
    }
}

/// The five-minute part of a span that `since` falls into, from the span's average and maximum.
fn spread(average: &Sample, peak: &Sample, step: u32, since: f64, noise: Noise) -> Sample {
    let parts = (step / 300).max(1);
    let part = (since / f64::from(step) * f64::from(parts)) as u32;
    let chosen = (noise.uniform(i64::from(average.t)) * f64::from(parts)) as u32;
    if part == chosen {
        return average.with(peak, f32::max);
    }
    let n = parts as f32;
    average.with(peak, |a, p| ((n * a - p.max(a)) / (n - 1.0)).max(0.0))
}

fn jittered(demand: Demand, t: f64, noise: Noise) -> Demand {
    let factor = 1.0 + JITTER * (2.0 * noise.uniform(t as i64) - 1.0);
    demand.scaled(factor, 1.0)
}

/// Bounded lines with their numbers.
struct Lines<'a, R> {
    input: R,
    name: &'a Path,
    number: usize,
    line: String,
}

impl<'a, R: BufRead> Lines<'a, R> {
    fn new(input: R, name: &'a Path) -> Self {
        Self { input, name, number: 0, line: String::new() }
    }

    fn place(&self) -> String {
        format!("{}:{}", self.name.display(), self.number)
    }

    /// The next line without its end; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<&str>> {
        self.number += 1;
        self.line.clear();
        let mut bounded = std::io::Read::take(&mut self.input, MAX_LINE);
        match bounded.read_line(&mut self.line) {
            Ok(0) => Ok(None),
            Ok(n) if n as u64 == MAX_LINE && !self.line.ends_with('\n') => {
                let message = format!("line longer than {MAX_LINE} bytes; is this a trace CSV?");
                Err(Error::invalid(message).at(self.place()))
            }
            Ok(_) => Ok(Some(self.line.trim_end_matches(['\n', '\r']))),
            Err(e) => {
                let message = format!("cannot be read on: {e}; the file is cut off or damaged");
                Err(Error::new(Kind::Corrupt, message).at(self.place()))
            }
        }
    }
}

const COLUMNS: [&str; 10] = [
    "vm",
    "t",
    "cores",
    "cpu",
    "maxmem_mb",
    "mem_mb",
    "disk_read_bps",
    "disk_write_bps",
    "net_in_bps",
    "net_out_bps",
];
/// Greatest values taken, in the order of the columns.
const MOST: [f64; 10] = [4e9, MAX_TIME, 4096.0, 1e3, 1e9, 1e9, 1e15, 1e15, 1e15, 1e15];

/// Where the columns stand in a row.
struct Header {
    at: [usize; 10],
    cf: Option<usize>,
}

impl Header {
    fn parse(line: &str) -> Result<Self> {
        let names: Vec<&str> = line.trim_start_matches('\u{feff}').split(',').map(clean).collect();
        let find = |name: &str| names.iter().position(|n| *n == name);
        let mut at = [0; 10];
        for (slot, name) in at.iter_mut().zip(COLUMNS) {
            *slot = find(name).ok_or_else(|| {
                Error::invalid(format!("column '{name}' is missing; needed: {}", COLUMNS.join(",")))
            })?;
        }
        Ok(Self { at, cf: find("cf") })
    }
}

fn clean(field: &str) -> &str {
    field.trim().trim_matches('"')
}

/// A row as numbers in the order of [`COLUMNS`], and whether it holds maxima.
fn parse_row(line: &str, header: &Header) -> Result<([f64; 10], bool)> {
    let fields: Vec<&str> = line.split(',').map(clean).collect();
    let mut row = [0.0; 10];
    for (i, value) in row.iter_mut().enumerate() {
        let name = COLUMNS[i];
        let text = fields.get(header.at[i]).ok_or_else(|| {
            Error::invalid(format!("the row ends before it: {} fields", fields.len())).at(name)
        })?;
        *value = match text.parse::<f64>() {
            Ok(x) if x >= 0.0 && x <= MOST[i] => x,
            _ => {
                let message = format!("'{text}' is not a number from 0 to {}", MOST[i]);
                return Err(Error::invalid(message).at(name));
            }
        };
    }
    let is_max = match header.cf.map(|i| fields.get(i).copied().unwrap_or("")) {
        None | Some("AVERAGE") => false,
        Some("MAX") => true,
        Some(other) => {
            let message = format!("'{other}' is neither AVERAGE nor MAX");
            return Err(Error::invalid(message).at("cf"));
        }
    };
    Ok((row, is_max))
}

#[derive(Default)]
struct Growing {
    cores: f64,
    memory: f64,
    last: [Option<u32>; 2],
    rows: [Vec<Sample>; 2],
}

fn read_rows<R: BufRead>(mut lines: Lines<'_, R>) -> Result<Trace> {
    let first = lines.next()?.map(Header::parse);
    let header = match first {
        None => return Err(Error::invalid("the file is empty").at(lines.name.display())),
        Some(header) => header.map_err(|e| e.at(lines.place()))?,
    };
    let mut guests: BTreeMap<u32, Growing> = BTreeMap::new();
    let (mut rows, mut step, mut end) = (0, u32::MAX, 0);
    while let Some(line) = lines.next()? {
        if line.is_empty() {
            continue;
        }
        let (row, is_max) = parse_row(line, &header).map_err(|e| e.at(lines.place()))?;
        let fail = |message: String| Error::invalid(message).at(lines.place());
        let (vm, t) = (row[0] as u32, row[1] as u32);
        rows += 1;
        if rows > MAX_ROWS || (guests.len() >= MAX_GUESTS && !guests.contains_key(&vm)) {
            return Err(fail(format!("more than {MAX_ROWS} rows or {MAX_GUESTS} guests")));
        }
        let guest = guests.entry(vm).or_default();
        if let Some(last) = guest.last[usize::from(is_max)].replace(t) {
            if t <= last {
                return Err(fail(format!("t: {t} of vm {vm} is not after {last}; sort by vm, t")));
            }
            step = step.min(t - last);
        }
        end = end.max(t);
        guest.take(&row, is_max);
    }
    let step = if step == u32::MAX { 300 } else { step };
    let guests: Vec<TraceGuest> =
        guests.into_iter().map(|(vm, g)| g.finish(vm)).filter(|g| g.ever_runs()).collect();
    if guests.is_empty() {
        return Err(Error::invalid("no row of a running guest").at(lines.name.display()));
    }
    Ok(Trace { guests, step, length: end.saturating_add(step) })
}

impl Growing {
    fn take(&mut self, row: &[f64; 10], is_max: bool) {
        let [_, t, cores, cpu, maxmem, mem, rates @ ..] = *row;
        self.cores = self.cores.max(cores);
        self.memory = self.memory.max(maxmem);
        self.rows[usize::from(is_max)].push(Sample {
            t: t as u32,
            running: cores > 0.0 && maxmem > 0.0,
            cpu: (cpu * cores) as f32,
            mem: (mem * MIB) as f32,
            rates: rates.map(|r| r as f32),
        });
    }

    fn finish(self, vm: u32) -> TraceGuest {
        let memory = Bytes(self.memory * MIB);
        // Some recordings claim more memory in use than there is, right after a change of size.
        let [samples, peaks] = self.rows.map(|mut rows| {
            rows.iter_mut().for_each(|s| s.mem = s.mem.min(memory.0 as f32));
            rows
        });
        TraceGuest { vm, cores: Cores(self.cores), memory, samples, peaks }
    }
}
