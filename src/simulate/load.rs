//! What the guests on a node make of it: contention, host overhead, waiting.

use super::demand::Demand;
use super::scenario::HostSpec;
use crate::model::{Bytes, BytesPerSecond, Cores, Fraction, GIB, GuestKind, MIB};

/// What a node has.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Capacity {
    /// Cores (hardware threads).
    pub cores: Cores,
    /// Installed memory.
    pub memory: Bytes,
    /// Configured swap.
    pub swap: Bytes,
}

/// Load of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// CPU that guests and host would use if there were enough of it.
    pub cpu_demand: Cores,
    /// CPU in use, at most all cores.
    pub cpu: Cores,
    /// Part of its CPU demand that every guest gets: 1 without contention.
    pub granted: Fraction,
    /// Share of all cores waiting for disks.
    pub iowait: Fraction,
    /// Tasks running or waiting.
    pub load_avg: f64,
    /// Memory that guests and host would use if there were enough of it; without the ZFS cache.
    pub mem_demand: Bytes,
    /// Memory in use, ZFS cache included.
    pub mem: Bytes,
    /// ZFS cache: gives way to guests.
    pub arc: Bytes,
    /// Swap in use.
    pub swap: Bytes,
    /// Network traffic of all guests received.
    pub net_in: BytesPerSecond,
    /// Network traffic of all guests sent.
    pub net_out: BytesPerSecond,
    /// Guests running.
    pub guests: u32,
}

/// Memory that a guest takes on its host: a VM's emulator needs some of its own.
pub fn host_memory(kind: GuestKind, used: Bytes) -> Bytes {
    match kind {
        GuestKind::Qemu => Bytes(used.0 * 1.02 + 64.0 * MIB),
        GuestKind::Lxc => used,
    }
}

/// Load of a node with `guests` running on it: a pure function of demand and placement.
///
/// Guests share what the host leaves in proportion to their demand. The host's own needs, the
/// waiting for disks and the load average are plausible, not measured.
pub fn node_load<'a>(
    capacity: Capacity,
    host: &HostSpec,
    guests: impl IntoIterator<Item = (GuestKind, &'a Demand)>,
) -> Load {
    let (mut cpu, mut mem, mut disk) = (0.0, 0.0, 0.0);
    let mut load = Load::default();
    for (kind, demand) in guests {
        cpu += demand.cpu.0;
        mem += host_memory(kind, demand.mem).0;
        disk += demand.disk_read.0 + demand.disk_write.0;
        load.net_in = load.net_in + demand.net_in;
        load.net_out = load.net_out + demand.net_out;
        load.guests += 1;
    }
    let cores = capacity.cores.0;
    let own = (host.cpu_cores + host.cpu_share * cpu.min(cores)).min(cores);
    let granted = if cpu > cores - own { (cores - own) / cpu } else { 1.0 };
    load.granted = Fraction(granted);
    load.cpu_demand = Cores(cpu + own);
    load.cpu = Cores(cpu * granted + own);
    // A full node can come out a hair above its cores.
    let idle = (1.0 - (load.cpu / capacity.cores).0).max(0.0);
    let wait = disk / (disk + host.disk_mib_per_second * MIB);
    load.iowait = Fraction(idle * wait);
    load.load_avg = load.cpu_demand.0 + load.iowait.0 * cores;
    add_memory(&mut load, capacity, host, mem);
    load
}

fn add_memory(load: &mut Load, capacity: Capacity, host: &HostSpec, guests: f64) {
    let demand = guests + host.memory_gib * GIB;
    let free = capacity.memory.0 - demand;
    load.mem_demand = Bytes(demand);
    load.arc = Bytes((host.arc * capacity.memory.0).min(free * 0.9).max(0.0));
    load.mem = Bytes((demand + load.arc.0).min(capacity.memory.0));
    load.swap = Bytes((-free).clamp(0.0, capacity.swap.0));
}

/// Pressure stall information of a node: share of time in which some task waited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// For CPU.
    pub cpu: Fraction,
    /// For disks.
    pub io: Fraction,
    /// For memory.
    pub memory: Fraction,
}

impl Load {
    /// Pressure at this load. Plausible curves: queues form well before all cores are busy.
    pub fn pressure(&self, capacity: Capacity) -> Pressure {
        let busy = (self.cpu / capacity.cores).0;
        let short = 1.0 - capacity.memory.0 / self.mem_demand.0.max(capacity.memory.0);
        Pressure {
            cpu: Fraction((0.2 * busy.powi(4) + 1.0 - self.granted.0).min(1.0)),
            io: Fraction((1.5 * self.iowait.0).min(1.0)),
            memory: Fraction((4.0 * short).clamp(0.0, 1.0)),
        }
    }
}
