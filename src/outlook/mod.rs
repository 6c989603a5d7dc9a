//! What load to expect on every node and guest over the coming days.
//!
//! Decisions compare placements under the *same* expected demand, so demand is expected per guest
//! and added up per node: a guest that moved last week counts where it is now, and its arrival is
//! no trend (a node's own history would show a step). What may come is a set of *cases*: the
//! present, as it goes on through a day, and the recorded hours of the window, each with the load of
//! all guests in that hour and a weight. So guests that peak together are seen to peak together, and
//! bursts are not averaged away: the distribution of the last days predicts the coming ones better
//! than a fitted line.

mod build;
mod cases;
mod lens;
mod past;
mod wanted;

pub use build::{Expected, GuestHistory, NodeHistory, Placed, Weights, build};
pub use cases::{PRESENT, RECORDED};
pub use lens::{Lens, fall, growth};
pub use past::{held, host_at, hosts, in_units, mean_of_last_day, newest};
pub use wanted::factor as wanted_factor;

use crate::model::{Bytes, Cores, Fraction, GuestKind, HOUR, Migration, UnixTime, Vmid, start_of};
use crate::settings::PenaltyConfig;
use crate::trend::{Trend, node_stability};
use std::ops::Range;

/// A resource that placements share out.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Processor time, in host cores.
    Cpu,
    /// Memory, in bytes.
    Memory,
}

impl Resource {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Memory];

    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
        }
    }
}

/// Name of the metric that counts the time in which a node waits for its disks.
pub const IO_WAIT: &str = "IO wait";
/// Name of the metric that tells how full the fullest storage is.
pub const STORAGE: &str = "storage";

/// Limits as shares of capacity.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// CPU limit.
    pub cpu: f64,
    /// Memory limit.
    pub memory: f64,
}

impl Limits {
    /// The thresholds of the settings: beyond them a node is in trouble.
    pub fn thresholds(config: &PenaltyConfig) -> Self {
        Self { cpu: config.cpu_threshold.0, memory: config.mem_threshold.0 }
    }

    /// That of a resource.
    pub fn of(self, resource: Resource) -> f64 {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
        }
    }
}

/// Expected use in each case, in host cores and bytes. The first [`PRESENT`] cases are the present, those from
/// [`RECORDED`] on recorded hours; between them is the last day as one of the other kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// Host cores in use.
    pub cpu: Vec<f64>,
    /// Bytes in use.
    pub memory: Vec<f64>,
}

impl Load {
    /// The series of one resource.
    pub fn of(&self, resource: Resource) -> &[f64] {
        match resource {
            Resource::Cpu => &self.cpu,
            Resource::Memory => &self.memory,
        }
    }

    /// Adds `other` case by case, `sign` times.
    pub fn add(&mut self, other: &Self, sign: f64) {
        for (sum, x) in self.cpu.iter_mut().zip(&other.cpu) {
            *sum += sign * x;
        }
        for (sum, x) in self.memory.iter_mut().zip(&other.memory) {
            *sum += sign * x;
        }
    }

    /// Takes `other` away in some cases.
    pub fn remove(&mut self, other: &Self, cases: Range<usize>) {
        for case in cases {
            self.cpu[case] -= other.cpu[case];
            self.memory[case] -= other.memory[case];
        }
    }
}

/// What was recorded of one metric, as shares of capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Readings {
    /// Mean of the last samples.
    pub current: Option<Fraction>,
    /// Mean of the last 24 hours.
    pub mean_24h: Option<Fraction>,
    /// 95th percentile of the hourly means of the last 24 hours.
    pub high_24h: Option<Fraction>,
    /// Mean of the last 7 days.
    pub mean_7d: Option<Fraction>,
    /// 95th percentile of the hourly means of the last 7 days.
    pub high_7d: Option<Fraction>,
}

/// A node as expected.
#[derive(Clone, Debug)]
pub struct NodeOutlook {
    /// Name in the cluster.
    pub name: String,
    /// Whether the last tick saw it online, and it reports.
    pub online: bool,
    /// Whether the cluster sees it, but it no longer reports: `online` is false then, since of it and its
    /// guests nothing is known.
    pub silent: bool,
    /// HA maintenance mode.
    pub maintenance: bool,
    /// Cores it has.
    pub cores: Cores,
    /// Memory it has.
    pub memory: Bytes,
    /// What it uses besides its guests: host services, storage daemons.
    pub base: Load,
    /// ZFS cache that it gives back when memory is needed, which therefore counts as free here.
    pub cache: Bytes,
    /// Hours of the last 168 in which it was at its limit and its guests wanted more, by its load average.
    pub hours_short: u32,
    /// Share of the last day in which tasks waited (PSI): some for CPU, all for disks, all for memory.
    pub pressure: [Option<Fraction>; 3],
    /// CPU: the current value as measured, the others as if today's guests had always been there.
    /// So a node that a busy guest left last night is not held overloaded for a week. All as measured where it is not
    /// online.
    pub cpu: Readings,
    /// Memory, likewise.
    pub mem: Readings,
    /// Measured wait for disks.
    pub iowait: Readings,
    /// Measured use of its fullest storage.
    pub storage: Readings,
    /// CPU trend over the lookback.
    pub cpu_trend: Trend,
    /// Memory trend over the lookback.
    pub mem_trend: Trend,
    /// Trend of the wait for disks.
    pub iowait_trend: Trend,
    /// Trend of the use of its fullest storage.
    pub storage_trend: Trend,
    /// Hours of history behind all this.
    pub history_hours: f64,
}

impl NodeOutlook {
    /// A node that is online and idle, of which nothing is known but its size: `trend` is that of
    /// every metric.
    pub fn idle(name: &str, cores: Cores, memory: Bytes, trend: &Trend) -> Self {
        Self {
            name: name.to_string(),
            online: true,
            silent: false,
            maintenance: false,
            cores,
            memory,
            base: Load::default(),
            cache: Bytes(0.0),
            hours_short: 0,
            pressure: [None; 3],
            cpu: Readings::default(),
            mem: Readings::default(),
            iowait: Readings::default(),
            storage: Readings::default(),
            cpu_trend: trend.clone(),
            mem_trend: trend.clone(),
            iowait_trend: trend.clone(),
            storage_trend: trend.clone(),
            history_hours: 0.0,
        }
    }

    /// Capacity of a resource in the unit of [`Load`].
    pub fn capacity(&self, resource: Resource) -> f64 {
        match resource {
            Resource::Cpu => self.cores.0,
            Resource::Memory => self.memory.0,
        }
    }

    /// Readings of a resource.
    pub fn readings(&self, resource: Resource) -> &Readings {
        match resource {
            Resource::Cpu => &self.cpu,
            Resource::Memory => &self.mem,
        }
    }

    /// Trend of a resource.
    pub fn trend(&self, resource: Resource) -> &Trend {
        match resource {
            Resource::Cpu => &self.cpu_trend,
            Resource::Memory => &self.mem_trend,
        }
    }

    /// Trend of what a finding is about, by its name.
    pub fn trend_of(&self, metric: &str) -> &Trend {
        match metric {
            IO_WAIT => &self.iowait_trend,
            STORAGE => &self.storage_trend,
            _ if metric == Resource::Memory.label() => &self.mem_trend,
            _ => &self.cpu_trend,
        }
    }

    /// How steady it is, 0-100: as steady as the least steady of its resources.
    pub fn stability(&self) -> Option<f64> {
        node_stability([&self.cpu_trend, &self.mem_trend, &self.iowait_trend])
    }
}

/// A guest as expected.
#[derive(Clone, Debug)]
pub struct GuestOutlook {
    /// Its number.
    pub vmid: Vmid,
    /// Its name, or the empty string.
    pub name: String,
    /// VM or container.
    pub kind: GuestKind,
    /// Index in [`Outlook::nodes`] of the node it is on, or on its way to.
    pub host: usize,
    /// Index of the node that the newest sample saw it on.
    pub seen: usize,
    /// Cores it has.
    pub cores: Cores,
    /// Memory it is configured with.
    pub maxmem: Bytes,
    /// Expected use.
    pub load: Load,
    /// CPU in use now, in host cores.
    pub cpu_now: Cores,
    /// Memory in use now, which the present of [`Self::load`] is not: that stands for days, in which it grows.
    pub memory_now: Bytes,
    /// Mean write rate of the last day in bytes per second: how fast its memory and disks change.
    pub write_bps: f64,
    /// CPU trend over the lookback, in shares of its own cores.
    pub cpu_trend: Trend,
    /// Memory trend over the lookback, in shares of its own memory.
    pub mem_trend: Trend,
    /// Its moves within retention, oldest first.
    pub moves: Vec<Migration>,
    /// Hours of history behind all this.
    pub history_hours: f64,
}

impl GuestOutlook {
    /// A VM that is idle, of which nothing is known but its size: `trend` is that of every metric.
    pub fn idle(vmid: Vmid, host: usize, cores: Cores, maxmem: Bytes, trend: &Trend) -> Self {
        Self {
            vmid,
            name: String::new(),
            kind: GuestKind::Qemu,
            host,
            seen: host,
            cores,
            maxmem,
            load: Load::default(),
            cpu_now: Cores(0.0),
            memory_now: Bytes(0.0),
            write_bps: 0.0,
            cpu_trend: trend.clone(),
            mem_trend: trend.clone(),
            moves: Vec::new(),
            history_hours: 0.0,
        }
    }

    /// Whether it has left the node that the newest sample saw it on, or is about to.
    pub fn is_on_its_way(&self) -> bool {
        self.host != self.seen
    }

    /// Whether nothing is recorded of its load, which then counts as none.
    pub fn is_unrecorded(&self) -> bool {
        self.history_hours <= 0.0
    }

    /// Growth of its CPU load in host cores per day, 0 without a claimed trend.
    pub fn cpu_growth(&self) -> Cores {
        Cores(self.cpu_trend.claimed_slope().unwrap_or(0.0) * self.cores.0)
    }

    /// Growth of its memory in bytes per day, 0 without a claimed trend.
    pub fn memory_growth(&self) -> Bytes {
        Bytes(self.mem_trend.claimed_slope().unwrap_or(0.0) * self.maxmem.0)
    }

    /// Growth of a resource per day in the unit of [`Load`], 0 without a claimed trend.
    pub fn growth(&self, resource: Resource) -> f64 {
        match resource {
            Resource::Cpu => self.cpu_growth().0,
            Resource::Memory => self.memory_growth().0,
        }
    }
}

/// The cluster as expected.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// When it was made.
    pub now: UnixTime,
    /// Coming hours that each case of the loads stands for; they sum to the horizon.
    pub weights: Vec<f64>,
    /// Nodes by name.
    pub nodes: Vec<NodeOutlook>,
    /// Running guests by vmid.
    pub guests: Vec<GuestOutlook>,
}

impl Outlook {
    /// Hours that are looked ahead.
    pub fn horizon(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// Begin of the recorded hour that a case stands for; `None` before [`RECORDED`].
    pub fn hour_of_case(&self, case: usize) -> Option<UnixTime> {
        let ago = self.weights.len().checked_sub(case + 1).filter(|_| case >= RECORDED)?;
        Some(start_of(self.now, HOUR) - ago as i64 * HOUR)
    }

    /// The first recorded hour of somebody with so many hours of history. Those before it are made up of the others.
    pub fn first_case_of(&self, history_hours: f64) -> usize {
        self.weights.len().saturating_sub(history_hours as usize).max(RECORDED)
    }

    /// Expected load of every node with all guests where they are. O(guests x cases).
    pub fn node_loads(&self) -> Vec<Load> {
        let mut loads: Vec<Load> = self.nodes.iter().map(|n| n.base.clone()).collect();
        for guest in &self.guests {
            loads[guest.host].add(&guest.load, 1.0);
        }
        loads
    }

    /// Index of the node called `name`.
    pub fn node_index(&self, name: &str) -> Option<usize> {
        self.nodes.binary_search_by(|n| n.name.as_str().cmp(name)).ok()
    }

    /// Index of the guest with that number.
    pub fn guest_index(&self, vmid: Vmid) -> Option<usize> {
        self.guests.binary_search_by_key(&vmid, |g| g.vmid).ok()
    }
}

/// Figures of values with weights: mean and percentiles by weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Levels {
    /// Mean.
    pub mean: f64,
    /// 95th percentile: the busy hours.
    pub high: f64,
    /// 99th percentile: the busiest hours, one or two of a week.
    pub peak: f64,
}

impl Levels {
    /// Of `values` with `weights`; all 0 without any. O(n log n).
    pub fn of(values: impl IntoIterator<Item = f64>, weights: &[f64]) -> Self {
        let mut all: Vec<(f64, f64)> =
            values.into_iter().zip(weights.iter().copied()).filter(|(_, w)| *w > 0.0).collect();
        all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let whole: f64 = all.iter().map(|(_, w)| w).sum();
        let at = |share: f64| -> f64 {
            let mut below = 0.0;
            let reached = all.iter().find(|(_, w)| {
                below += w;
                below >= share * whole
            });
            reached.or(all.last()).map_or(0.0, |(value, _)| *value)
        };
        let sum: f64 = all.iter().map(|(value, weight)| value * weight).sum();
        let mean = if whole > 0.0 { sum / whole } else { 0.0 };
        Self { mean, high: at(0.95), peak: at(0.99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_count_by_weight() {
        let values = (1..=100).map(f64::from);
        let even = Levels::of(values.clone(), &[1.0; 100]);
        assert_eq!(even, Levels { mean: 50.5, high: 95.0, peak: 99.0 });
        let mut weights = vec![0.0; 100];
        weights[41] = 3.0;
        assert_eq!(Levels::of(values, &weights), Levels { mean: 42.0, high: 42.0, peak: 42.0 });
        assert_eq!(Levels::of([], &[]), Levels::default());
    }
}
