//! Series of many entities side by side, as codes until somebody asks for values.

use super::header::Statistic;
use super::scale::{MISSING, Stored};
use super::sheet::Sheet;
use crate::model::{Bucket, UnixTime};
use crate::parallel::{in_parallel, threads};
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

/// A stretch of time that the store has a row for; stretches without any are simply not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Window {
    /// First second, or the time of the sample.
    pub start: UnixTime,
    /// Length; 0 for a sample.
    pub seconds: u32,
    /// Samples the collector took in it.
    pub ticks: u32,
    /// Samples it would have taken without interruption.
    pub expected: u32,
}

impl Window {
    /// End of the span, or the time of the sample.
    pub fn end(&self) -> UnixTime {
        self.start + i64::from(self.seconds)
    }

    /// Middle of the span: where its average stands in time.
    pub fn middle(&self) -> UnixTime {
        self.start + i64::from(self.seconds / 2)
    }
}

/// A metric of an entity in one window, for the fast path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where it is in time, and how many samples it could have.
    pub window: Window,
    /// Samples behind it; never 0.
    pub count: u32,
    /// Mean of them.
    pub avg: f64,
    /// 95th percentile of them by nearest rank.
    pub p95: f64,
}

/// Which statistics are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Mean and 95th percentile: what [`Table::points`] needs.
    Typical,
    /// Smallest and largest, too: what [`Table::buckets`] needs.
    Full,
}

impl Detail {
    pub(super) fn statistics(self) -> &'static [Statistic] {
        match self {
            Self::Typical => &[Statistic::Avg, Statistic::P95, Statistic::Count],
            Self::Full => &Statistic::ALL,
        }
    }
}

/// Metrics `M` of entities over common windows.
///
/// A metric is decoded when it is first asked for, by whichever thread asks.
#[derive(Clone, Debug)]
pub struct Table<M> {
    windows: Arc<[Window]>,
    entities: usize,
    statistics: &'static [Statistic],
    /// What is decoded from; `None` when everything is.
    sheet: Option<Arc<Sheet>>,
    /// `codes[metric][statistic][entity * windows + window]`; empty where nothing is known.
    codes: Vec<OnceLock<[Vec<u16>; 5]>>,
    metrics: PhantomData<M>,
}

#[allow(private_bounds, reason = "metrics are a closed set; how they are stored is our business")]
impl<M: Stored> Table<M> {
    /// A table of one entity with everything decoded.
    pub(super) fn of_one(windows: Arc<[Window]>, codes: Vec<[Vec<u16>; 5]>) -> Self {
        let codes = codes.into_iter().map(OnceLock::from).collect();
        let statistics = Detail::Full.statistics();
        Self { windows, entities: 1, statistics, sheet: None, codes, metrics: PhantomData }
    }

    /// A table that decodes from `sheet` on demand.
    pub(super) fn lazy(
        windows: Arc<[Window]>,
        sheet: Sheet,
        entities: usize,
        detail: Detail,
    ) -> Self {
        let codes = M::ALL.iter().map(|_| OnceLock::new()).collect();
        let (sheet, statistics) = (Some(Arc::new(sheet)), detail.statistics());
        Self { windows, entities, statistics, sheet, codes, metrics: PhantomData }
    }

    /// Codes of a metric by statistic, decoded now if need be.
    fn codes(&self, metric: M) -> Option<&[Vec<u16>; 5]> {
        let decode = || self.gather(&[metric]).into_iter().next().unwrap_or_default();
        self.codes.get(metric.index()).map(|codes| codes.get_or_init(decode))
    }

    fn gather(&self, metrics: &[M]) -> Vec<[Vec<u16>; 5]> {
        let Some(sheet) = &self.sheet else { return Vec::new() };
        let metrics: Vec<_> = metrics.iter().map(|m| (m.index(), m.scale())).collect();
        sheet.gather(&metrics, self.statistics, self.entities, self.windows.len())
    }

    /// Decodes these metrics now, on several cores.
    pub(super) fn decode(&self, metrics: &[M]) {
        let open = |m: &M| self.codes.get(m.index()).is_some_and(|codes| codes.get().is_none());
        let open: Vec<M> = metrics.iter().copied().filter(open).collect();
        // Neighbours stay together: their columns lie side by side.
        let parts: Vec<&[M]> =
            open.chunks(open.len().div_ceil(threads(open.len())).max(1)).collect();
        let decoded = in_parallel(&parts, |part| self.gather(part));
        for (metric, codes) in open.iter().zip(decoded.into_iter().flatten()) {
            // Whoever was first meanwhile decoded the same.
            self.codes.get(metric.index()).map(|slot| slot.set(codes).ok());
        }
    }

    /// Windows in order of time.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// Whether any entity has this metric.
    pub fn has(&self, metric: M) -> bool {
        self.codes(metric).is_some_and(|c| !c[Statistic::Avg.index()].is_empty())
    }

    fn series(&self, entity: usize, metric: M, statistic: Statistic) -> &[u16] {
        let width = self.windows.len();
        let column = self.codes(metric).map(|c| c[statistic.index()].as_slice());
        column.and_then(|c| c.get(entity * width..(entity + 1) * width)).unwrap_or_default()
    }

    /// The metric's mean and 95th percentile wherever the entity has it, in order of time.
    pub fn points(&self, entity: usize, metric: M) -> impl Iterator<Item = Point> + '_ {
        let values = metric.scale().values();
        let of = |statistic| self.series(entity, metric, statistic);
        let (avg, p95) = (of(Statistic::Avg), of(Statistic::P95));
        let count = of(Statistic::Count);
        let known = avg.iter().zip(p95).enumerate().filter(|(_, (avg, _))| **avg != MISSING);
        known.filter_map(move |(w, (&avg, &p95))| {
            let window = *self.windows.get(w)?;
            Some(Point {
                window,
                // No counts are kept where they are those of the windows.
                count: count.get(w).map_or(window.ticks, |&count| u32::from(count)),
                avg: *values.get(usize::from(avg))?,
                p95: *values.get(usize::from(p95))?,
            })
        })
    }

    /// All statistics of the metric wherever the entity has it, in order of time. Nothing unless
    /// the table was loaded with [`Detail::Full`].
    pub fn buckets(&self, entity: usize, metric: M) -> impl Iterator<Item = Bucket> + '_ {
        (0..self.windows.len()).filter_map(move |w| self.bucket(entity, metric, w))
    }

    /// The metric in window number `window`; `None` where the entity lacks it, and unless the
    /// table was loaded with [`Detail::Full`].
    pub fn bucket(&self, entity: usize, metric: M, window: usize) -> Option<Bucket> {
        let values = metric.scale().values();
        let code = |s| self.series(entity, metric, s).get(window).filter(|&&c| c != MISSING);
        let value = |s| values.get(usize::from(*code(s)?)).copied();
        let at = self.windows.get(window)?;
        let counts = self.series(entity, metric, Statistic::Count);
        let all = counts.is_empty();
        Some(Bucket {
            start: at.start,
            seconds: at.seconds,
            count: if all { at.ticks } else { u32::from(*code(Statistic::Count)?) },
            min: value(Statistic::Min)?,
            max: value(Statistic::Max)?,
            avg: value(Statistic::Avg)?,
            p95: value(Statistic::P95)?,
        })
    }
}
