//! A guest of the simulation: what it is, when it runs and what it then wants.

use super::demand::Demand;
use super::scenario::{Gaps, Growth};
use super::trace::{Reading, Trace};
use super::workload::Workload;
use crate::model::{Bytes, Cores, DAY, GIB, GuestKind, UnixTime, Vmid};
use std::ops::Range;
use std::sync::Arc;

/// A guest over the time of the simulation.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Its number; another guest may have had it before.
    pub vmid: Vmid,
    /// VM or container.
    pub kind: GuestKind,
    /// Its name.
    pub name: String,
    /// Cores it has.
    pub cores: Cores,
    /// Memory it has.
    pub memory: Bytes,
    /// Memory that placements reckon with: what it uses at most, often far less than it has.
    pub(super) need: Bytes,
    /// Storage of its disk; `None`: the first that fits on its node.
    pub storage: Option<String>,
    /// When it was created.
    pub created: UnixTime,
    /// When it is destroyed.
    pub(super) destroyed: UnixTime,
    pub(super) stops: Vec<Range<UnixTime>>,
    pub(super) growth: Vec<Line>,
    pub(super) source: Source,
}

/// Where its demand comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Synthetic(Box<Workload>),
    Recorded(Recorded),
}

/// A guest of a recording, placed in time.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) trace: Arc<Trace>,
    pub(super) index: usize,
    /// Time that stands for the start of the recording.
    pub(super) origin: UnixTime,
    /// Seconds after which it begins again.
    pub(super) repeat: Option<i64>,
    pub(super) scale: f64,
    pub(super) memory_scale: f64,
    pub(super) reading: Reading,
}

/// Growth with its moments in unix time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    from: UnixTime,
    growth: Growth,
}

/// A guest at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Presence {
    /// Not yet created, or destroyed.
    Absent,
    /// There, but not running.
    Stopped,
    /// Running, with what it wants.
    Running(Demand),
}

impl Guest {
    /// What the guest is at `time` and what it wants; a pure function, wherever the guest is.
    pub fn at(&self, time: UnixTime) -> Presence {
        if time < self.created || time >= self.destroyed {
            return Presence::Absent;
        }
        if self.stops.iter().any(|s| s.contains(&time)) {
            return Presence::Stopped;
        }
        match &self.source {
            Source::Synthetic(workload) => Presence::Running(self.grown(workload.at(time), time)),
            Source::Recorded(recorded) => match (recorded.at(time), recorded.reading.gaps) {
                (Some(demand), _) => Presence::Running(self.grown(demand, time)),
                (None, Gaps::Stopped | Gaps::Held) => Presence::Stopped,
                (None, Gaps::Absent) => Presence::Absent,
            },
        }
    }

    /// Demand at `time`; `None` when it does not run.
    pub fn demand(&self, time: UnixTime) -> Option<Demand> {
        match self.at(time) {
            Presence::Running(demand) => Some(demand),
            Presence::Absent | Presence::Stopped => None,
        }
    }

    fn grown(&self, mut demand: Demand, time: UnixTime) -> Demand {
        let most = self.cores.0.max(demand.cpu.0);
        for line in &self.growth {
            let days = line.days(time);
            demand.cpu.0 += days * line.growth.cpu_cores_per_day;
            demand.mem.0 += days * line.growth.memory_gib_per_day * GIB;
        }
        // Recorded CPU may lie a little above the guest's cores, as PVE's does; growth ends there.
        demand.cpu.0 = demand.cpu.0.clamp(0.0, most);
        demand.mem.0 = demand.mem.0.clamp(0.0, self.memory.0);
        demand
    }
}

impl Line {
    pub(super) fn new(from: UnixTime, growth: &Growth) -> Self {
        Self { from, growth: growth.clone() }
    }

    /// Days of growth that have taken effect at `time`.
    fn days(&self, time: UnixTime) -> f64 {
        let days = (time - self.from).max(0) as f64 / DAY as f64;
        let days = days.min(self.growth.for_days.unwrap_or(f64::INFINITY));
        match self.growth.saturating_days {
            None => days,
            Some(scale) => scale * (1.0 - (-days / scale).exp()),
        }
    }
}

impl Recorded {
    fn at(&self, time: UnixTime) -> Option<Demand> {
        let t = time - self.origin;
        let t = self.repeat.map_or(t, |length| t.rem_euclid(length));
        let guest = self.trace.guests.get(self.index)?;
        let demand = guest.at(t as f64, self.trace.step, &self.reading)?;
        let most = guest.cores.0.max(demand.cpu.0);
        let mut scaled = demand.scaled(self.scale, self.memory_scale);
        scaled.cpu.0 = scaled.cpu.0.min(most);
        Some(scaled)
    }
}
