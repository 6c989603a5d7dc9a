//! What is replayed: the demand of all guests on one time grid, and the nodes they started on.

use crate::error::{Error, Result};
use crate::model::{DAY, GuestKind, HOUR, Inventory, UnixTime, Vmid};
use crate::series::Point;
use crate::simulate::{Simulation, host_memory};

/// A cluster's demand over time. Everything but `host` is independent of any placement.
#[derive(Clone, Debug)]
pub struct Recording {
    /// First second; a whole hour.
    pub start: UnixTime,
    /// Seconds between samples; divides an hour.
    pub step: i64,
    /// Number of samples of each series.
    pub steps: usize,
    /// Nodes by name.
    pub nodes: Vec<Machine>,
    /// Guests by number.
    pub guests: Vec<Tenant>,
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
    /// What it uses besides its guests.
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

/// Longest recording, in days, and most samples of all guests together that are taken.
const MOST: (i64, usize) = (400, 500_000_000);

impl Recording {
    /// Samples of an hour.
    pub fn per_hour(&self) -> usize {
        (HOUR / self.step) as usize
    }

    /// Whole hours that it holds.
    pub fn hours(&self) -> usize {
        self.steps / self.per_hour()
    }

    /// Demand of a simulated cluster from `start` on for `days` days, sampled every `step`
    /// seconds, with guests where they are at first.
    pub fn of_simulation(
        mut cluster: Simulation,
        start: UnixTime,
        days: i64,
        step: i64,
    ) -> Result<Self> {
        if step < 1 || HOUR % step != 0 {
            return Err(Error::invalid(format!("{step} s does not divide an hour")));
        }
        let steps = (days.clamp(0, MOST.0) * DAY / step) as usize;
        if days > MOST.0 || steps.saturating_mul(cluster.guests().len()) > MOST.1 {
            return Err(Error::invalid("too long a recording: use fewer days, guests or samples"));
        }
        let per_hour = (HOUR / step) as usize;
        let first = cluster.next().map_or(start, |tick| tick.ts);
        let inventory = cluster.inventory();
        let host = cluster.host().clone();
        let mut nodes: Vec<Machine> = cluster
            .nodes()
            .iter()
            .map(|node| Machine {
                name: node.name.clone(),
                cores: node.capacity.cores.0,
                memory: node.capacity.memory.0,
                own: Demand::steady(
                    host.cpu_cores,
                    host.memory_gib * (1u64 << 30) as f64,
                    steps,
                    per_hour,
                ),
            })
            .collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        let mut guests = Vec::new();
        for guest in cluster.guests() {
            let on = cluster.host_of(guest.vmid);
            let Some(host) = nodes.iter().position(|n| Some(n.name.as_str()) == on) else {
                continue;
            };
            let mut demand = Demand::default();
            let mut writes = Vec::with_capacity(steps);
            for i in 0..steps {
                let wants = guest.demand(first + i as i64 * step);
                demand.cpu.push(wants.map(|d| d.cpu.0 as f32));
                demand.memory.push(wants.map(|d| host_memory(guest.kind, d.mem).0 as f32));
                writes.push(wants.map(|d| d.disk_write.0 as f32));
            }
            demand = Demand::of(demand.cpu, demand.memory, per_hour);
            demand.write_hours = writes.chunks(per_hour).map(mean).collect();
            guests.push(Tenant {
                vmid: guest.vmid,
                name: guest.name.clone(),
                kind: guest.kind,
                cores: guest.cores.0,
                maxmem: guest.memory.0,
                host,
                demand,
            });
        }
        guests.sort_by_key(|g| g.vmid);
        guests.dedup_by_key(|g| g.vmid);
        Ok(Self { start: first, step, steps, nodes, guests, inventory })
    }
}

impl Tenant {
    /// Hourly points of CPU and memory as shares of what it has, for trend analysis.
    pub(super) fn points(&self, start: UnixTime) -> (Vec<Point>, Vec<Point>) {
        let cpu = hour_points(start, &self.demand.cpu, &self.demand.cpu_hours, self.cores);
        let memory =
            hour_points(start, &self.demand.memory, &self.demand.memory_hours, self.maxmem);
        (cpu, memory)
    }
}

/// Hourly points of a series as shares of `whole`.
fn hour_points(
    start: UnixTime,
    samples: &[Option<f32>],
    hours: &[Option<f64>],
    whole: f64,
) -> Vec<Point> {
    let per_hour = samples.len() / hours.len().max(1);
    let of_hour = |(hour, mean): (usize, &Option<f64>)| {
        let mut known: Vec<f32> =
            samples[hour * per_hour..(hour + 1) * per_hour].iter().flatten().copied().collect();
        known.sort_unstable_by(f32::total_cmp);
        let high = known.get((known.len() * 95).div_ceil(100).checked_sub(1)?)?;
        Some(Point {
            time: start + hour as i64 * HOUR + HOUR / 2,
            value: (*mean)? / whole.max(1e-9),
            seconds: HOUR as u32,
            count: known.len() as u32,
            p95: Some(f64::from(*high) / whole.max(1e-9)),
        })
    };
    hours.iter().enumerate().filter_map(of_hour).collect()
}
