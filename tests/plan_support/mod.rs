//! Clusters of a given size as planning sees them: crowded nodes beside empty ones, some guests
//! kept apart, some pinned.
#![allow(dead_code, reason = "shared by a test and a bench")]

use pve_foresight::model::{
    Bytes, Cores, GIB, GuestFacts, GuestStatus, Inventory, NodeFacts, UnixTime,
};
use pve_foresight::outlook::{GuestOutlook, Load, NodeOutlook, Outlook, Readings};
use pve_foresight::series::{LocalTime, Point};
use pve_foresight::settings::{PenaltyConfig, Stored, get_effective_penalty_config};
use pve_foresight::trend::{Params, Trend, analyze};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) const NOW: UnixTime = 1_790_006_400;
const HOURS: usize = 336;
/// Memory in use of all nodes together, and CPU.
const FULL: (f64, f64) = (0.55, 0.35);
/// No node starts fuller than this.
const FULLEST: f64 = 0.94;
const VCPU_PER_CORE: f64 = 2.9;

/// Default settings, but memory counts as full at 75 %.
pub(crate) fn config() -> PenaltyConfig {
    let stored = Stored::default().with_expert(&serde_json::json!({"mem_threshold": 75}));
    get_effective_penalty_config(&stored.unwrap_or_default()).config
}

pub(crate) struct Shape {
    pub(crate) outlook: Outlook,
    pub(crate) inventory: Inventory,
}

/// A guest before it is placed.
struct Wish {
    cores: f64,
    maxmem: f64,
    cpu: Vec<f64>,
    memory: f64,
}

impl Shape {
    /// `nodes` equal nodes with `guests` guests.
    pub(crate) fn new(nodes: usize, guests: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let wishes: Vec<Wish> = (0..guests).map(|_| wish(&mut rng)).collect();
        let sum = |of: fn(&Wish) -> f64| wishes.iter().map(of).sum::<f64>();
        let cores = sum(|w| w.cores) / VCPU_PER_CORE / nodes as f64;
        let memory = sum(|w| w.memory) / FULL.0 / nodes as f64;
        let mean = |w: &Wish| w.cpu.iter().sum::<f64>() / w.cpu.len() as f64;
        let scale = FULL.1 * cores * nodes as f64 / wishes.iter().map(mean).sum::<f64>();
        let hosts = placed(&mut rng, &wishes, nodes, memory);
        let trend = flat();
        let load = |w: &Wish| Load {
            cpu: w.cpu.iter().map(|x| x * scale).collect(),
            memory: vec![w.memory; HOURS + 1],
        };
        let guests: Vec<GuestOutlook> = wishes
            .iter()
            .zip(&hosts)
            .enumerate()
            .map(|(i, (w, &host))| {
                let load = load(w);
                let vmid = 100 + i as u32;
                GuestOutlook {
                    name: format!("g{i}"),
                    cpu_now: Cores(load.cpu[0]),
                    memory_now: Bytes(load.memory[0]),
                    load,
                    write_bps: 1e5,
                    history_hours: HOURS as f64,
                    ..GuestOutlook::idle(vmid, host, Cores(w.cores), Bytes(w.maxmem), &trend)
                }
            })
            .collect();
        let base = Load { cpu: vec![0.0; HOURS + 1], memory: vec![0.0; HOURS + 1] };
        let node = |n: usize| NodeOutlook {
            base: base.clone(),
            history_hours: HOURS as f64,
            ..NodeOutlook::idle(&format!("pve{n:02}"), Cores(cores), Bytes(memory), &trend)
        };
        let mut outlook =
            Outlook { now: NOW, weights: weights(), nodes: (0..nodes).map(node).collect(), guests };
        let loads = outlook.node_loads();
        for (node, load) in outlook.nodes.iter_mut().zip(&loads) {
            let shares = |all: &[f64], whole: f64| -> Vec<Option<f64>> {
                all[1..].iter().map(|x| Some(x / whole)).collect()
            };
            node.cpu = Readings::of(&shares(&load.cpu, cores), Some(load.cpu[0] / cores));
            node.mem = Readings::of(&shares(&load.memory, memory), Some(load.memory[0] / memory));
        }
        let inventory = inventory(&outlook, &mut rng);
        Self { outlook, inventory }
    }

    /// GiB that must leave nodes above `limit` of their memory, whatever the plan.
    pub(crate) fn least_gib(&self, limit: f64) -> f64 {
        let loads = self.outlook.node_loads();
        let over =
            |(n, load): (&NodeOutlook, &Load)| (load.memory[0] - limit * n.memory.0).max(0.0);
        self.outlook.nodes.iter().zip(&loads).map(over).sum::<f64>() / GIB
    }
}

fn wish(rng: &mut ChaCha8Rng) -> Wish {
    const SIZES: [(f64, u32); 6] =
        [(2.0, 25), (4.0, 30), (8.0, 25), (16.0, 12), (32.0, 6), (64.0, 2)];
    const CORES: [f64; 5] = [1.0, 2.0, 2.0, 4.0, 8.0];
    let mut at = rng.random_range(0..100);
    let size = SIZES.iter().find(|(_, weight)| {
        let found = at < *weight;
        at = at.saturating_sub(*weight);
        found
    });
    let maxmem = size.map_or(4.0, |(gib, _)| *gib) * GIB;
    let cores = CORES[rng.random_range(0..CORES.len())];
    let level = 0.02 + 0.4 * rng.random::<f64>().powi(2);
    // Peaks at all hours: memory is what these clusters lack, and what `least_gib` knows of.
    let swing = rng.random::<f64>() * 0.3;
    let peak = f64::from(rng.random_range(0..24u32));
    let hour = |h: usize, noise: f64| {
        let day = ((h as f64 - peak) / 24.0 * std::f64::consts::TAU).cos();
        (cores * level * (1.0 + swing * day) * (0.8 + 0.4 * noise)).min(cores)
    };
    let cpu = (0..=HOURS).map(|h| hour(h, rng.random::<f64>())).collect();
    Wish { cores, maxmem, cpu, memory: maxmem * (0.4 + 0.5 * rng.random::<f64>()) }
}

/// One node in eight gets half as many guests again as the others, which are uneven, too.
fn placed(rng: &mut ChaCha8Rng, wishes: &[Wish], nodes: usize, memory: f64) -> Vec<usize> {
    let favour: Vec<f64> = (0..nodes)
        .map(|n| if n % 8 == 0 { 1.6 } else { 0.7 + 0.5 * rng.random::<f64>() })
        .collect();
    let whole: f64 = favour.iter().sum();
    let mut used = vec![0.0; nodes];
    let place = |wish: &Wish| {
        let mut at = rng.random::<f64>() * whole;
        let mut host = favour.iter().position(|f| {
            at -= f;
            at < 0.0
        });
        if host.is_none_or(|h| used[h] + wish.memory > FULLEST * memory) {
            host = (0..nodes).min_by(|a, b| used[*a].total_cmp(&used[*b]));
        }
        let host = host.unwrap_or(0);
        used[host] += wish.memory;
        host
    };
    wishes.iter().map(place).collect()
}

/// As the default settings weigh a week ahead.
fn weights() -> Vec<f64> {
    let present = 40.0;
    let rest = 128.0;
    let hour =
        |h: usize| rest * (0.3 / HOURS as f64 + if h + 24 >= HOURS { 0.7 / 24.0 } else { 0.0 });
    std::iter::once(present).chain((0..HOURS).map(hour)).collect()
}

fn flat() -> Trend {
    let local = LocalTime::utc();
    let points: Vec<Point> =
        (0..HOURS as i64).map(|h| Point::sample(NOW - (HOURS as i64 - h) * 3600, 0.3)).collect();
    analyze(&points, &Params { threshold: Some(0.8), ..Params::share(NOW, 1.0, &local) })
}

/// One guest in 17 is one of three that are kept apart, one in 50 is pinned to its node.
fn inventory(outlook: &Outlook, rng: &mut ChaCha8Rng) -> Inventory {
    let guests = outlook.guests.iter().map(|g| {
        let node = outlook.nodes[g.host].name.clone();
        let mut tags = Vec::new();
        if rng.random_range(0..100) < 6 {
            tags.push(format!("exclude_t{}", rng.random_range(0..outlook.guests.len() / 50 + 1)));
        } else if rng.random_range(0..100) < 2 {
            tags.push(format!("pin_{node}"));
        }
        GuestFacts {
            vmid: g.vmid,
            name: g.name.clone(),
            node,
            status: GuestStatus::Running,
            maxcpu: Some(g.cores),
            maxmem: Some(g.maxmem),
            tags,
            ..GuestFacts::default()
        }
    });
    let node = |n: &NodeOutlook| NodeFacts {
        name: n.name.clone(),
        online: Some(true),
        maxcpu: Some(n.cores),
        maxmem: Some(n.memory),
        ..NodeFacts::default()
    };
    Inventory {
        guests: guests.collect(),
        nodes: outlook.nodes.iter().map(node).collect(),
        storages: Some(Default::default()),
        ..Inventory::default()
    }
}
