//! RRD database files, as librrd writes them on 64-bit little-endian machines (version 0003).
//!
//! Layout, all numbers 8 bytes: header (magic `RRD`, version, float cookie, counts of sources and
//! archives, step, parameters), source definitions, archive definitions, time of the last update,
//! preparation areas for sources and for each source of each archive, the current row of each
//! archive, then the rows of each archive, one double per source, oldest behind the current row.

use crate::error::{Error, Kind, Result};
use crate::model::{LATEST, UnixTime};
use nom::bytes::complete::{tag, take};
use nom::combinator::map;
use nom::multi::count;
use nom::number::complete::{le_f64, le_i64, le_u64};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

/// Magic and version; 0004 only adds types of sources that PVE does not use.
const MAGIC: &[u8] = b"RRD\0";
const VERSIONS: [&[u8]; 2] = [b"0003\0", b"0004\0"];
/// The number by which librrd knows a machine of its own kind.
const COOKIE: f64 = 8.642135e130;
/// Most data sources of a file; PVE's nodes have 19.
const MAX_SOURCES: u64 = 1_000;
/// Most archives of a file; PVE's files have 10.
const MAX_ARCHIVES: u64 = 1_000;
/// Longest step and longest row in seconds: a year.
const MAX_SECONDS: u64 = 366 * 86_400;
/// Bytes of a name, with its end and the padding behind an archive's.
const NAME: usize = 20;
/// Bytes of the ten parameters that most structures end with.
const PARAMETERS: usize = 80;
/// Bytes of a source's preparation area: its last value as text, padded, and parameters.
const SOURCE_AREA: usize = 32 + PARAMETERS;

/// An RRD file, its values still in the bytes it was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct RrdFile<'a> {
    /// Seconds between two updates.
    pub step: i64,
    /// When it was last updated.
    pub last_update: UnixTime,
    /// Names of the data sources.
    pub sources: Vec<String>,
    /// Archives, in the order of the file.
    pub archives: Vec<Archive<'a>>,
}

/// Rows of one length and one way to consolidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Archive<'a> {
    /// How a row was made of the updates in it.
    pub function: Function,
    /// Seconds that a row spans.
    pub seconds: i64,
    /// Time of the last row's end.
    end: UnixTime,
    /// Index of the last row.
    current: usize,
    /// Number of values in a row.
    width: usize,
    values: &'a [u8],
}

/// How the updates of a row become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Their mean.
    Average,
    /// The largest.
    Max,
    /// Anything that PVE does not use.
    Other,
}

/// Reads the structure of a file; nothing is allocated for its rows.
pub fn parse(bytes: &[u8]) -> Result<RrdFile<'_>> {
    let short = |_| Error::new(Kind::Corrupt, "cut off within its headers");
    let (rest, (version, cookie)) =
        magic(bytes).map_err(|_| Error::new(Kind::Corrupt, "does not begin like an RRD file"))?;
    if !VERSIONS.contains(&version) {
        let version = String::from_utf8_lossy(version);
        let message =
            format!("RRD version {:?}, this program knows 0003", version.trim_matches('\0'));
        return Err(Error::new(Kind::Unsupported, message));
    }
    if cookie.to_bits() != COOKIE.to_bits() {
        let message = "made on another kind of machine; only 64-bit little-endian files are read";
        return Err(Error::new(Kind::Unsupported, message));
    }
    let (rest, (sources, archives, step)) = counts(rest).map_err(short)?;
    let sources = within("number of data sources", sources, MAX_SOURCES)?;
    let archives = within("number of archives", archives, MAX_ARCHIVES)?;
    let step = within("step", step, MAX_SECONDS)?;
    let (rest, names) = count(source, sources).parse(rest).map_err(short)?;
    let (rest, shapes) = count(shape, archives).parse(rest).map_err(short)?;
    let (rest, last_update) = live_head(rest).map_err(short)?;
    if !(0..=LATEST).contains(&last_update) {
        return Err(Error::new(Kind::Corrupt, format!("last update at {last_update}")));
    }
    let areas = sources * SOURCE_AREA + sources * archives * PARAMETERS;
    let (rest, _) = take::<_, _, nom::error::Error<&[u8]>>(areas).parse(rest).map_err(short)?;
    let (mut rest, rows) = count(number, archives).parse(rest).map_err(short)?;
    let mut found = Vec::new();
    for (index, (shape, current)) in shapes.into_iter().zip(rows).enumerate() {
        let (behind, archive) = archive(rest, &shape, current, step, sources, last_update)
            .map_err(|error| error.at(format!("archive {index}")))?;
        found.push(archive);
        rest = behind;
    }
    Ok(RrdFile { step: step as i64, last_update, sources: names, archives: found })
}

fn magic(bytes: &[u8]) -> IResult<&[u8], (&[u8], f64)> {
    let padding = take(7_usize);
    (preceded(tag(MAGIC), terminated(take(5_usize), padding)), le_f64).parse(bytes)
}

fn number(bytes: &[u8]) -> IResult<&[u8], u64> {
    le_u64(bytes)
}

/// Sources, archives, step.
fn counts(bytes: &[u8]) -> IResult<&[u8], (u64, u64, u64)> {
    terminated((number, number, number), take(PARAMETERS)).parse(bytes)
}

/// Name of a source; its type decides only how updates became values.
fn source(bytes: &[u8]) -> IResult<&[u8], String> {
    terminated(map(take(NAME), text), take(NAME + PARAMETERS)).parse(bytes)
}

/// An archive as defined: function, number of rows, steps per row.
struct Shape {
    function: Function,
    rows: u64,
    steps: u64,
}

fn shape(bytes: &[u8]) -> IResult<&[u8], Shape> {
    let name = terminated(map(take(NAME), text), take(4_usize));
    let parts = (name, number, number);
    map(terminated(parts, take(PARAMETERS)), |(name, rows, steps)| {
        let function = match name.as_str() {
            "AVERAGE" => Function::Average,
            "MAX" => Function::Max,
            _ => Function::Other,
        };
        Shape { function, rows, steps }
    })
    .parse(bytes)
}

/// Seconds of the last update; its microseconds do not matter here.
fn live_head(bytes: &[u8]) -> IResult<&[u8], i64> {
    terminated(le_i64, take(8_usize)).parse(bytes)
}

/// A name up to its end.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// A count that is neither nothing nor absurd.
fn within(what: &str, value: u64, max: u64) -> Result<usize> {
    let fits = usize::try_from(value).ok().filter(|_| (1..=max).contains(&value));
    fits.ok_or_else(|| Error::new(Kind::Corrupt, format!("{what} is {value}, not in 1..={max}")))
}

/// An archive and the bytes behind its rows.
fn archive<'a>(
    bytes: &'a [u8],
    shape: &Shape,
    current: u64,
    step: usize,
    width: usize,
    last_update: UnixTime,
) -> Result<(&'a [u8], Archive<'a>)> {
    let steps = within("steps per row", shape.steps, MAX_SECONDS)?;
    let seconds = steps.checked_mul(step).filter(|s| *s as u64 <= MAX_SECONDS);
    let seconds = seconds
        .ok_or_else(|| Error::new(Kind::Corrupt, format!("rows of {steps} steps of {step} s")))?;
    let length = usize::try_from(shape.rows).ok().and_then(|rows| rows.checked_mul(width * 8));
    let length = length.filter(|length| (1..=bytes.len()).contains(length)).ok_or_else(|| {
        Error::new(Kind::Corrupt, format!("cut off: {} rows missing", shape.rows))
    })?;
    if current >= shape.rows {
        let message = format!("current row {current} of {}", shape.rows);
        return Err(Error::new(Kind::Corrupt, message));
    }
    let (values, rest) = bytes.split_at(length);
    let seconds = seconds as i64;
    let archive = Archive {
        function: shape.function,
        seconds,
        end: last_update - last_update % seconds,
        current: current as usize,
        width,
        values,
    };
    Ok((rest, archive))
}

impl RrdFile<'_> {
    /// Position of a data source in a row.
    pub fn source(&self, name: &str) -> Option<usize> {
        self.sources.iter().position(|source| source == name)
    }
}

impl Archive<'_> {
    /// Number of rows, known or not.
    pub fn len(&self) -> usize {
        self.values.len() / (self.width * 8)
    }

    /// Whether there is no row; no file has such an archive.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends of the rows, oldest first. A row spans the `seconds` before its end.
    pub fn times(&self) -> impl Iterator<Item = UnixTime> {
        let (end, seconds, rows) = (self.end, self.seconds, self.len());
        (0..rows).map(move |index| end - (rows - 1 - index) as i64 * seconds)
    }

    /// Value of a source in a row, rows counted from the oldest; `None` when unknown.
    pub fn value(&self, row: usize, source: usize) -> Option<f64> {
        if row >= self.len() || source >= self.width {
            return None;
        }
        let at = (self.current + 1 + row) % self.len() * self.width + source;
        let bytes = self.values.get(at * 8..at * 8 + 8)?;
        Some(f64::from_le_bytes(bytes.try_into().ok()?)).filter(|value| value.is_finite())
    }

    /// All (end, value) of a source, oldest first.
    pub fn series(&self, source: usize) -> impl Iterator<Item = (UnixTime, Option<f64>)> {
        self.times().enumerate().map(move |(row, end)| (end, self.value(row, source)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two sources, one archive of three rows of two steps, its last row in the middle.
    fn sample() -> Vec<u8> {
        fn field(bytes: &mut Vec<u8>, text: &str, length: usize) {
            bytes.extend(text.bytes().chain(std::iter::repeat(0)).take(length));
        }
        let mut b = Vec::new();
        field(&mut b, "RRD", 4);
        field(&mut b, "0003", 12);
        b.extend(COOKIE.to_le_bytes());
        b.extend([2_u64, 1, 60].into_iter().flat_map(u64::to_le_bytes));
        field(&mut b, "", PARAMETERS);
        for name in ["cpu", "twenty-letters-long!"] {
            field(&mut b, name, NAME);
            field(&mut b, "GAUGE", NAME);
            field(&mut b, "", PARAMETERS);
        }
        field(&mut b, "AVERAGE", NAME + 4);
        b.extend([3_u64, 2].into_iter().flat_map(u64::to_le_bytes));
        field(&mut b, "", PARAMETERS);
        b.extend([1_250_i64, 999].into_iter().flat_map(i64::to_le_bytes));
        field(&mut b, "", 2 * SOURCE_AREA + 2 * PARAMETERS);
        b.extend(1_u64.to_le_bytes());
        let rows = [2.0, 20.0, 3.0, f64::NAN, 1.0, 10.0];
        b.extend(rows.into_iter().flat_map(f64::to_le_bytes));
        b
    }

    #[test]
    fn rows_come_oldest_first_and_end_at_whole_rows() {
        let bytes = sample();
        let file = parse(&bytes).unwrap();
        assert_eq!((file.step, file.last_update), (60, 1_250));
        assert_eq!(file.sources, ["cpu", "twenty-letters-long!"]);
        let archive = &file.archives[0];
        assert_eq!((archive.function, archive.seconds, archive.len()), (Function::Average, 120, 3));
        let series = |name| archive.series(file.source(name).unwrap()).collect::<Vec<_>>();
        assert_eq!(series("cpu"), [(960, Some(1.0)), (1_080, Some(2.0)), (1_200, Some(3.0))]);
        assert_eq!(
            series("twenty-letters-long!"),
            [(960, Some(10.0)), (1_080, Some(20.0)), (1_200, None)]
        );
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = sample();
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]).unwrap_err().kind, Kind::Corrupt, "cut at {end}");
        }
    }

    #[test]
    fn hostile_counts_are_refused_by_name() {
        let shape = 128 + 2 * 120 + NAME + 4;
        let end = sample().len() - 7 * 8;
        for (at, value, hint) in [
            (24, 0, "number of data sources is 0"),
            (24, u64::MAX, "number of data sources"),
            (24, 1_000, "cut off within its headers"),
            (32, u64::MAX, "number of archives"),
            (40, 0, "step is 0"),
            (40, u64::MAX, "step is"),
            (shape, 0, "archive 0: cut off: 0 rows"),
            (shape, u64::MAX, "archive 0: cut off"),
            (shape, u64::MAX / 16 + 1, "archive 0: cut off"),
            (shape + 8, 0, "steps per row is 0"),
            (shape + 8, u64::MAX, "steps per row"),
            (shape + 8, 31_000_000, "rows of 31000000 steps"),
            (shape + 8 + 8 + 80, u64::MAX, "last update at -1"),
            (shape + 8 + 8 + 80, 1 << 62, "last update at"),
            (end, 3, "current row 3 of 3"),
        ] {
            let mut bytes = sample();
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            let error = parse(&bytes).unwrap_err();
            assert_eq!(error.kind, Kind::Corrupt, "{error}");
            assert!(error.to_string().contains(hint), "{hint}: {error}");
        }
    }
}
