//! What is replayed: the demand of all guests on one time grid, and the nodes they started on.

use super::lived::Relocation;
use crate::model::{GuestKind, HOUR, Inventory, UnixTime, Vmid, rank_95};
use crate::series::Point;

/// A cluster's demand over time. Everything but `host` and `moves` is independent of any placement.
#[derive(Clone, Debug)]
pub struct Recording {
    /// First second; a whole hour.
    pub start: UnixTime,
    /// Seconds between samples; divides an hour.
    pub step: i64,
    /// Number of samples of each series.
    pub steps: usize,
    /// Leading hours of which only the mean of six hours is known, a multiple of six.
    pub coarse_hours: usize,
    /// Nodes by name.
    pub nodes: Vec<Machine>,
    /// Guests by number.
    pub guests: Vec<Tenant>,
    /// Moves that were made while it was recorded, each with the hour from which on it counts.
    pub moves: Vec<(usize, Relocation)>,
    /// Configuration: rules, storages, what guests need.
    pub inventory: Inventory,
}

/// A node.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Cores it has.
    pub cores: f64,
    /// Memory it has, in bytes.
    pub memory: f64,
    /// What it uses besides its guests; nothing is known of it while it is off.
    pub own: Demand,
}

/// A guest.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its number.
    pub vmid: Vmid,
    /// Its name.
    pub name: String,
    /// VM or container.
    pub kind: GuestKind,
    /// Cores it has.
    pub cores: f64,
    /// Memory it is configured with, in bytes.
    pub maxmem: f64,
    /// Index of the node it starts on.
    pub host: usize,
    /// What it wants.
    pub demand: Demand,
}

/// Demand over time; `None` while there is none or nothing was recorded.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    /// Host cores at each step.
    pub cpu: Vec<Option<f32>>,
    /// Bytes at each step.
    pub memory: Vec<Option<f32>>,
    /// Means of the hours.
    pub cpu_hours: Vec<Option<f64>>,
    /// Means of the hours.
    pub memory_hours: Vec<Option<f64>>,
    /// Means of the bytes written per second in the hours.
    pub write_hours: Vec<Option<f64>>,
}

impl Demand {
    /// From samples, `per_hour` of which make an hour.
    pub fn of(cpu: Vec<Option<f32>>, memory: Vec<Option<f32>>, per_hour: usize) -> Self {
        let cpu_hours = cpu.chunks(per_hour).map(mean).collect();
        let memory_hours = memory.chunks(per_hour).map(mean).collect();
        Self { cpu, memory, cpu_hours, memory_hours, write_hours: Vec::new() }
    }

    /// Steady demand.
    pub(super) fn steady(cpu: f64, memory: f64, steps: usize, per_hour: usize) -> Self {
        Self::of(vec![Some(cpu as f32); steps], vec![Some(memory as f32); steps], per_hour)
    }
}

/// Mean of what is known.
pub(super) fn mean(values: &[Option<f32>]) -> Option<f64> {
    let known = values.iter().flatten().map(|x| f64::from(*x));
    let (sum, count) = known.fold((0.0, 0u32), |(s, n), x| (s + x, n + 1));
    (count > 0).then(|| sum / f64::from(count))
}

impl Recording {
    /// Samples of an hour.
    pub fn per_hour(&self) -> usize {
        (HOUR / self.step) as usize
    }

    /// Whole hours that it holds.
    pub fn hours(&self) -> usize {
        self.steps / self.per_hour()
    }

    /// Whether the node was on in that hour.
    pub(super) fn on(&self, node: usize, hour: usize) -> bool {
        self.nodes[node].own.cpu_hours.get(hour).is_some_and(Option::is_some)
    }

    /// Whether all that was recorded before the hour is over by then: the mean of six hours tells
    /// of the last of them.
    pub(super) fn is_over_before(&self, hour: usize) -> bool {
        hour >= self.coarse_hours || hour.is_multiple_of(COARSE)
    }

    /// Points of a guest's CPU and memory as shares of what it has, for trend analysis.
    pub(super) fn points(&self, guest: &Tenant) -> (Vec<Point>, Vec<Point>) {
        let demand = &guest.demand;
        (self.series(&demand.cpu, guest.cores), self.series(&demand.memory, guest.maxmem))
    }

    /// Points of a series as shares of `whole`: six-hourly while no more is known, then hourly.
    fn series(&self, samples: &[Option<f32>], whole: f64) -> Vec<Point> {
        let (per_hour, hours) = (self.per_hour(), self.hours());
        let mut points = Vec::with_capacity(hours);
        let mut hour = 0;
        while hour < hours {
            let length = if hour < self.coarse_hours { COARSE } else { 1 };
            let end = (hour + length).min(hours);
            let within = &samples[hour * per_hour..end * per_hour];
            let start = self.start + hour as i64 * HOUR;
            points.extend(point(start, (end - hour) as i64 * HOUR, within, whole));
            hour = end;
        }
        points
    }
}

/// Hours of a coarse mean.
const COARSE: usize = 6;

/// The mean of samples as a share of `whole`; their 95th percentile where there are several.
fn point(start: UnixTime, seconds: i64, samples: &[Option<f32>], whole: f64) -> Option<Point> {
    let mut known: Vec<f32> = samples.iter().flatten().copied().collect();
    known.sort_unstable_by(f32::total_cmp);
    let share = |x: f64| x / whole.max(1e-9);
    let high = known.get(rank_95(known.len())?)?;
    Some(Point {
        time: start + seconds / 2,
        value: share(mean(samples)?),
        seconds: seconds as u32,
        count: known.len() as u32,
        p95: Some(share(f64::from(*high))),
    })
}
