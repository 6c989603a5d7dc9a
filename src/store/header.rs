//! The head of a segment file: which tier, from when, and what its columns mean.

use super::bytes::{Cursor, Put, intact};
use super::scale::{MISSING, Scale, Stored, scales};
use super::tier::Tier;
use crate::error::{Error, Kind, Result};
use crate::model::{GuestMetric, NodeMetric, UnixTime};
use std::borrow::Cow;

/// First bytes of every segment file.
pub(super) const MAGIC: [u8; 8] = *b"\xf5PVEFS\r\n";
/// Version of the format that is written; readers take this one.
pub(super) const VERSION: u16 = 1;
/// Longest header that is read.
pub(super) const MAX_LEN: usize = 16_384;

/// What has columns of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Node = 0,
    Guest = 1,
    Storage = 2,
}

impl Group {
    pub(super) const ALL: [Self; 3] = [Self::Node, Self::Guest, Self::Storage];

    /// Names and scales of its columns, in the order in which we write them.
    pub(super) fn metrics(self) -> Vec<(&'static str, Scale)> {
        fn of<M: Stored>() -> Vec<(&'static str, Scale)> {
            M::ALL.iter().map(|&m| (m.name(), m.scale())).collect()
        }
        match self {
            Self::Node => of::<NodeMetric>(),
            Self::Guest => of::<GuestMetric>(),
            Self::Storage => vec![("total", scales().size), ("used", scales().size)],
        }
    }
}

/// What a column tells of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Statistic {
    /// Mean of the samples; in the raw tier the sample itself.
    Avg,
    /// 95th percentile by nearest rank.
    P95,
    /// Largest sample.
    Max,
    /// Smallest sample.
    Min,
    /// Number of samples.
    Count,
}

impl Statistic {
    /// In the order in which aggregates are written.
    pub(super) const ALL: [Self; 5] = [Self::Avg, Self::P95, Self::Max, Self::Min, Self::Count];

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// Statistics in the columns of a tier.
pub(super) fn statistics(tier: Tier) -> &'static [Statistic] {
    match tier {
        Tier::Raw => &Statistic::ALL[..1],
        Tier::Hourly | Tier::SixHourly => &Statistic::ALL,
    }
}

/// Groups in the rows of a tier: storages are only kept as they were sampled.
pub(super) fn groups(tier: Tier) -> &'static [Group] {
    match tier {
        Tier::Raw => &Group::ALL,
        Tier::Hourly | Tier::SixHourly => &Group::ALL[..2],
    }
}

/// What the columns of a group mean to us.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Columns {
    /// Statistic by position; `None`: one that we do not know.
    pub(super) statistics: Vec<Option<Statistic>>,
    /// Metric by position.
    pub(super) metrics: Vec<Meaning>,
}

/// A metric of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Meaning {
    /// Its index in our list; `None`: one that we do not know.
    pub(super) ours: Option<usize>,
    /// Scale of its codes where that is not the one we use.
    pub(super) foreign_scale: Option<Scale>,
}

/// Where a column of ours is in a file, and how its codes become ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Position of the metric.
    pub(super) metric: usize,
    /// Position of the statistic.
    pub(super) statistic: usize,
    /// Samples stand for any statistic of themselves; their count is 1.
    counts_samples: bool,
    foreign_scale: Option<Scale>,
}

impl Columns {
    /// Where our metric's statistic is; `None` when the file lacks it.
    pub(super) fn find(&self, metric: usize, statistic: Statistic) -> Option<Found> {
        let column = self.metrics.iter().position(|m| m.ours == Some(metric))?;
        let of = |wanted| self.statistics.iter().position(|&s| s == Some(wanted));
        let is_sample = self.statistics.len() == 1;
        let wanted = if is_sample { Statistic::Avg } else { statistic };
        let counts = statistic == Statistic::Count;
        Some(Found {
            metric: column,
            statistic: of(wanted)?,
            counts_samples: is_sample && counts,
            foreign_scale: self.metrics[column].foreign_scale.filter(|_| is_sample || !counts),
        })
    }
}

impl Meaning {
    /// Codes of a statistic of ours, on `scale`, as the file has them.
    pub(super) fn theirs<'a>(
        &self,
        codes: &'a [u16],
        statistic: Statistic,
        scale: Scale,
    ) -> Cow<'a, [u16]> {
        let encoded = |foreign: Scale| {
            let of = |&code: &u16| match code {
                MISSING => MISSING,
                code => foreign.encode(scale.decode(code)),
            };
            codes.iter().map(of).collect()
        };
        let foreign = self.foreign_scale.filter(|_| statistic != Statistic::Count);
        foreign.map_or(Cow::Borrowed(codes), encoded)
    }
}

impl Found {
    /// Whether the codes are ours as they are.
    pub(super) fn is_ours(&self) -> bool {
        !self.counts_samples && self.foreign_scale.is_none()
    }

    /// Whether it stands for the count of single samples.
    pub(super) fn counts_samples(&self) -> bool {
        self.counts_samples
    }

    /// A code of the file as code on `scale`, ours.
    pub(super) fn ours(&self, code: u16, scale: Scale) -> u16 {
        match (self.counts_samples, self.foreign_scale) {
            _ if code == MISSING => MISSING,
            (true, _) => 1,
            (false, None) => code,
            (false, Some(foreign)) => scale.encode(foreign.decode(code)),
        }
    }
}

/// A segment's header as read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) tier: Tier,
    pub(super) start: UnixTime,
    /// Columns by [`Group`]; empty for a group without any.
    pub(super) groups: [Columns; 3],
    /// Bytes of the header; frames start there.
    pub(super) len: u64,
}

impl Header {
    /// Whether a moment is of the segment's time.
    pub(super) fn spans(&self, time: UnixTime) -> bool {
        (self.start..self.start.saturating_add(self.tier.segment())).contains(&time)
    }

    /// Whether it can have a row of this time.
    pub(super) fn has(&self, time: UnixTime) -> bool {
        self.spans(time) && self.tier.window_of(time) == time
    }
}

/// Columns of a new segment, by [`Group`].
pub(super) fn columns(tier: Tier) -> [Columns; 3] {
    let mut columns: [Columns; 3] = Default::default();
    for &group in groups(tier) {
        let meaning = |metric| Meaning { ours: Some(metric), foreign_scale: None };
        columns[group as usize] = Columns {
            statistics: statistics(tier).iter().copied().map(Some).collect(),
            metrics: (0..group.metrics().len()).map(meaning).collect(),
        };
    }
    columns
}

/// The header of a new segment.
pub(super) fn write(tier: Tier, start: UnixTime) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_u8(tier as u8);
    body.put_i64(start);
    body.put_u8(groups(tier).len() as u8);
    for &group in groups(tier) {
        body.put_u8(group as u8);
        body.put_u8(statistics(tier).len() as u8);
        statistics(tier).iter().for_each(|&s| body.put_u8(s as u8));
        let metrics = group.metrics();
        body.put_u8(metrics.len() as u8);
        for (name, scale) in metrics {
            body.put_text(name);
            scale.put(&mut body);
        }
    }
    let mut out = MAGIC.to_vec();
    out.put_u16(VERSION);
    out.put_u32(body.len() as u32);
    out.bytes(&body);
    let crc = crc32fast::hash(&out);
    out.put_u32(crc);
    out
}

/// Bytes before the body.
const FIXED: usize = 14;

/// Why a header cannot be used.
fn corrupt(what: &str) -> Error {
    Error::new(Kind::Corrupt, format!("damaged header ({what}); the file is left out"))
}

/// Reads a header from the first bytes of a file.
///
/// [`Kind::Unsupported`] for a version we do not know, [`Kind::Corrupt`] for anything else.
pub(super) fn parse(file: &[u8]) -> Result<Header> {
    let mut fixed = Cursor::new(file);
    if fixed.take(MAGIC.len()) != Some(&MAGIC[..]) {
        return Err(corrupt("not a segment of the metrics store"));
    }
    let version = fixed.u16().ok_or_else(|| corrupt("cut off"))?;
    let len = fixed.u32().ok_or_else(|| corrupt("cut off"))?;
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let body = fixed.take(len);
    let crc = fixed.u32();
    let whole = matches!((body, crc), (Some(_), Some(crc))
        if len <= MAX_LEN && intact(&file[..FIXED + len], crc));
    // A flipped bit must not pass for a newer version: nothing could be stored until somebody looks.
    let flipped = || {
        let body = file.get(FIXED..FIXED + len.min(MAX_LEN)).unwrap_or_default();
        let fixed = [&MAGIC[..], &VERSION.to_le_bytes(), &file[MAGIC.len() + 2..FIXED]];
        crc.is_some_and(|crc| intact(&[&fixed.concat(), body].concat(), crc))
    };
    if version > VERSION && !flipped() {
        let message = format!(
            "format version {version} is newer than {VERSION}, the newest known here; \
             left as it is, upgrade pve-foresight to read it"
        );
        return Err(Error::new(Kind::Unsupported, message));
    }
    if !whole || version == 0 || version > VERSION {
        return Err(corrupt("wrong checksum or length"));
    }
    let mut body = Cursor::new(body.unwrap_or_default());
    body_of(&mut body, (FIXED + len + 4) as u64).ok_or_else(|| corrupt("inconsistent content"))
}

fn body_of(body: &mut Cursor<'_>, len: u64) -> Option<Header> {
    let tier = Tier::ALL.get(usize::from(body.u8()?)).copied()?;
    let start = body.i64()?;
    let mut groups: [Columns; 3] = Default::default();
    for _ in 0..body.u8()? {
        let group = usize::from(body.u8()?);
        let mut columns = Columns::default();
        for _ in 0..body.u8()? {
            columns.statistics.push(Statistic::ALL.get(usize::from(body.u8()?)).copied());
        }
        let known = Group::ALL.get(group).map(|g| g.metrics()).unwrap_or_default();
        for _ in 0..body.u8()? {
            let (name, scale) = (body.text()?, Scale::parse(body)?);
            let ours = known.iter().position(|(n, _)| *n == name);
            let same = ours.is_some_and(|i| known[i].1 == scale);
            columns.metrics.push(Meaning { ours, foreign_scale: (!same).then_some(scale) });
        }
        if let Some(slot) = groups.get_mut(group) {
            *slot = columns;
        }
    }
    Some(Header { tier, start, groups, len })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Metric;

    #[test]
    fn a_header_comes_back() {
        for tier in Tier::ALL {
            let bytes = write(tier, 3_600);
            let header = parse(&bytes).unwrap();
            assert_eq!((header.tier, header.start, header.len), (tier, 3_600, bytes.len() as u64));
            assert_eq!(header.groups, columns(tier));
            let guests = &header.groups[Group::Guest as usize];
            assert_eq!(guests.metrics.len(), GuestMetric::ALL.len());
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let bytes = write(Tier::Raw, 0);
        for i in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[i] ^= 1 << bit;
                assert!(parse(&bad).is_err(), "byte {i}");
            }
            assert!(parse(&bytes[..i]).is_err());
        }
    }

    #[test]
    fn a_newer_version_is_refused_by_name() {
        let mut bytes = write(Tier::Raw, 0);
        bytes[8] = 2;
        let body = bytes.len() - 4;
        let crc = crc32fast::hash(&bytes[..body]);
        bytes[body..].copy_from_slice(&crc.to_le_bytes());
        let error = parse(&bytes).unwrap_err();
        assert_eq!(error.kind, Kind::Unsupported);
        assert!(error.to_string().contains("version 2"), "{error}");
    }
}
