//! Realistic ticks for figures about size and speed: real VM traces, one sample a tick, rescaled
//! and shifted for each guest; PVE 9 with host memory and mostly silent pressure.
#![allow(dead_code, reason = "each user takes a part of this")]

use super::noise;
use super::skip_support::skip;
use flate2::read::GzDecoder;
use pve_foresight::model::{
    Bytes, BytesPerSecond, Cores, Fraction, GIB, GuestSample, GuestStatus, NodeSample,
    StorageSample, Tick, UnixTime,
};
use std::collections::BTreeMap;
use std::path::Path;

/// A sample of a trace: cpu, memory share, disk read and write, net in and out.
type Sample = [f64; 6];

/// A cluster whose guests replay traces.
pub(crate) struct Workload {
    traces: Vec<Vec<Sample>>,
    guests: u32,
    nodes: u32,
}

impl Workload {
    /// `guests` guests on a node for every 60, at least 3. `None` where the traces are absent.
    pub(crate) fn new(guests: u32) -> Option<Self> {
        let traces = traces()?;
        Some(Self { traces, guests, nodes: (guests / 60).max(3) })
    }

    /// What a collector run at `ts` sees; runs are taken to be a minute apart.
    pub(crate) fn tick(&self, ts: UnixTime) -> Tick {
        let minute = ts / 60;
        let guests: Vec<GuestSample> = (0..self.guests).map(|i| self.guest(i, minute)).collect();
        let nodes = (0..self.nodes).map(|n| self.node(n, minute)).collect();
        Tick { ts, nodes, guests }
    }

    fn sample(&self, guest: u32, minute: i64) -> Sample {
        let guest = guest as usize;
        let trace = &self.traces[guest % self.traces.len()];
        let shift = guest * 977;
        let scale = 0.5 + noise(guest as u64, 1);
        // PVE divides by a measured interval, which jitters.
        let jitter = 1.0 + (noise(guest as u64, minute as u64) - 0.5) * 2e-4;
        let sample = trace[(minute as usize + shift) % trace.len()];
        [
            (sample[0] * scale * jitter).min(1.0),
            sample[1],
            sample[2] * scale * jitter,
            sample[3] * scale * jitter,
            sample[4] * scale * jitter,
            sample[5] * scale * jitter,
        ]
    }

    fn guest(&self, i: u32, minute: i64) -> GuestSample {
        let [cpu, memory, read, write, net_in, net_out] = self.sample(i, minute);
        let maxmem = 4.0 * GIB;
        // One guest in ten feels some pressure now and then.
        let pressed = i.is_multiple_of(10) && noise(u64::from(i), minute as u64) > 0.7;
        let pressure = |share: f64| Some(Fraction(if pressed { share * cpu } else { 0.0 }));
        // Memory on the host creeps up to the guest's largest use and moves by a few pages.
        let on_host = (memory + (1.0 - memory) * noise(u64::from(i), (minute / 240) as u64) * 0.6)
            * (1.0 + (noise(u64::from(i), minute as u64 ^ 77) - 0.5) * 2e-3);
        GuestSample {
            vmid: 100 + i,
            name: format!("guest-{i}"),
            node: format!("node{:02}", i % self.nodes),
            status: GuestStatus::Running,
            created: Some(1_650_000_000 + i64::from(i) * 977),
            maxcpu: Some(Cores(4.0)),
            cpu: Some(Fraction(cpu)),
            maxmem: Some(Bytes(maxmem)),
            mem: Some(Bytes(memory * maxmem)),
            mem_host: Some(Bytes(on_host * maxmem)),
            disk_read_bps: Some(BytesPerSecond(read)),
            disk_write_bps: Some(BytesPerSecond(write)),
            net_in_bps: Some(BytesPerSecond(net_in)),
            net_out_bps: Some(BytesPerSecond(net_out)),
            psi_cpu_some: pressure(0.1),
            psi_cpu_full: pressure(0.0),
            psi_io_some: pressure(0.05),
            psi_io_full: pressure(0.04),
            psi_memory_some: pressure(0.0),
            psi_memory_full: pressure(0.0),
            ..GuestSample::default()
        }
    }

    fn node(&self, n: u32, minute: i64) -> NodeSample {
        let x = noise(u64::from(n), minute as u64);
        let y = noise(u64::from(n), (minute / 30) as u64);
        let memory = 512.0 * GIB;
        let storage = |id: &str, share: f64| StorageSample {
            id: id.into(),
            total: Bytes(4_000.0 * GIB),
            used: Bytes(share * 4_000.0 * GIB),
        };
        NodeSample {
            name: format!("node{n:02}"),
            online: true,
            maxcpu: Some(Cores(64.0)),
            cpu: Some(Fraction(0.3 + y * 0.3 + x * 0.05)),
            iowait: Some(Fraction(x * 0.01)),
            load_avg: Some(20.0 + y * 10.0 + x),
            maxmem: Some(Bytes(memory)),
            mem: Some(Bytes(memory * (0.6 + y * 0.01 + x * 0.001))),
            mem_available: Some(Bytes(memory * (0.35 - y * 0.01 - x * 0.001))),
            arc: Some(Bytes(memory * (0.1 + x * 0.001))),
            maxswap: Some(Bytes(8.0 * GIB)),
            swap: Some(Bytes(0.0)),
            net_in_bps: Some(BytesPerSecond(1e7 * (x + y))),
            net_out_bps: Some(BytesPerSecond(2e7 * (x + y))),
            guest_count: Some(self.guests / self.nodes),
            psi_cpu_some: Some(Fraction(x * 0.02)),
            psi_io_some: Some(Fraction(x * x * 0.01)),
            psi_io_full: Some(Fraction(x * x * 0.008)),
            psi_memory_some: Some(Fraction(0.0)),
            psi_memory_full: Some(Fraction(0.0)),
            storage: vec![storage("local", 0.2), storage("local-zfs", 0.5 + y * 0.01)],
        }
    }
}

fn traces() -> Option<Vec<Vec<Sample>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/traces/bitbrains-70vm-30d-5min.csv.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        skip("traces", &format!("{} absent", path.display()));
        return None;
    };
    let mut by_vm: BTreeMap<u32, Vec<Sample>> = BTreeMap::new();
    for row in csv::Reader::from_reader(GzDecoder::new(file)).deserialize() {
        let row: (u32, i64, f64, f64, f64, f64, f64, f64, f64, f64) = row.unwrap();
        let (vm, _, _, cpu, maxmem, mem, read, write, net_in, net_out) = row;
        let memory = if maxmem > 0.0 { (mem / maxmem).min(1.0) } else { 0.0 };
        by_vm.entry(vm).or_default().push([cpu, memory, read, write, net_in, net_out]);
    }
    Some(by_vm.into_values().filter(|samples| samples.len() > 1_000).collect())
}
