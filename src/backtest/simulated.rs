//! A simulated cluster as a recording: synthetic guests, or traces on a simulated placement.

use super::recording::{Demand, Machine, Recording, Tenant, mean};
use crate::error::{Error, Result};
use crate::model::{DAY, GIB, HOUR, UnixTime};
use crate::simulate::{Simulation, host_memory};

/// Longest recording, in days, and most samples of all guests together that are taken.
const MOST: (i64, usize) = (400, 500_000_000);

impl Recording {
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
                own: Demand::steady(host.cpu_cores, host.memory_gib * GIB, steps, per_hour),
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
        Ok(Self {
            start: first,
            step,
            steps,
            coarse_hours: 0,
            nodes,
            guests,
            moves: Vec::new(),
            inventory,
        })
    }
}
