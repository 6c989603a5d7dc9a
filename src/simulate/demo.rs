//! Ready-made scenarios: the demo with one node on its way into trouble, and fleets of any size.

use super::scenario::{
    Gaps, Growth, GuestGroup, Move, NodeGroup, Placement, Scenario, StorageSpec, TraceSpec,
};
use super::workload::{MemoryProfile, Profile};
use crate::model::{GuestKind, UnixTime};
use std::path::PathBuf;

impl Scenario {
    /// A cluster whose story fits on a screen, ending at `end`:
    /// - `pve1` slowly heads for trouble: five of its guests grow under their daily rhythm.
    /// - `pve2` got a busy guest from `pve4` four days ago: a step, not a trend.
    /// - `pve3` has a daily rhythm and ends the day at its peak: high, but as every day.
    /// - `pve4` and `pve5` are ordinary; `pve6` is quiet and has room.
    pub fn demo(end: UnixTime) -> Self {
        let hour = |offset: i64| ((end + offset * 3_600).rem_euclid(86_400)) as f64 / 3_600.0;
        let guests = vec![
            service("shop", 101, 5, "pve1", 0.14, hour(-6)),
            steady("cache", 106, 2, "pve1"),
            idle(108, 4, "pve1"),
            GuestGroup {
                profile: Some(Profile::Steady),
                ..service("search", 200, 1, "pve4", 0.8, hour(-6))
            },
            idle(210, 8, "pve2"),
            service("office", 301, 7, "pve3", 0.14, hour(0)),
            idle(308, 3, "pve3"),
            GuestGroup { kind: Some(GuestKind::Lxc), ..steady("proxy", 320, 1, "pve3") },
            background(401, 10, "pve4"),
            background(501, 11, "pve5"),
            idle(601, 8, "pve6"),
        ];
        Self {
            guests,
            growth: vec![Growth {
                guests: (101..=105).collect(),
                cpu_cores_per_day: 0.175,
                memory_gib_per_day: 0.15,
                ..Growth::default()
            }],
            migrations: vec![Move { day: 10.0, vmid: 200, to: "pve2".into() }],
            ..Self::demo_nodes(end)
        }
    }

    /// The demo's cluster with the guests of the recording at `path`: six nodes, skewed.
    pub fn demo_traces(end: UnixTime, path: PathBuf) -> Self {
        Self {
            traces: Some(TraceSpec {
                path,
                repeat: true,
                gaps: Gaps::Held,
                ..TraceSpec::default()
            }),
            placement: Placement::Skewed(1.3),
            ..Self::demo_nodes(end)
        }
    }

    /// The demo's six nodes and their storages, without guests.
    fn demo_nodes(end: UnixTime) -> Self {
        Self {
            seed: 7,
            end,
            days: 14.0,
            cluster: "demo".into(),
            nodes: vec![NodeGroup { count: 6, memory_gib: 192.0, ..NodeGroup::default() }],
            storages: demo_storages(),
            guests: Vec::new(),
            ..Self::default()
        }
    }

    /// `guests` drawn guests on `nodes` equal nodes, unevenly placed: about a third of the CPU and
    /// half of the memory are in use, the first node gets four times as many guests as the last.
    /// A tick every five minutes, 14 days, ending at `end`.
    pub fn fleet(nodes: u32, guests: u32, seed: u64, end: UnixTime) -> Self {
        let per_node = guests.div_ceil(nodes.max(1)).max(4);
        let steps = f64::from(nodes.max(2)) - 1.0;
        Self {
            seed,
            end,
            interval: 300,
            cluster: "fleet".into(),
            nodes: vec![NodeGroup {
                count: nodes,
                cores: per_node,
                memory_gib: 6.0 * f64::from(per_node),
                ..NodeGroup::default()
            }],
            storages: demo_storages(),
            guests: vec![GuestGroup { count: guests, ..GuestGroup::default() }],
            placement: Placement::Skewed(4f64.powf(1.0 / steps)),
            ..Self::default()
        }
    }
}

fn demo_storages() -> Vec<StorageSpec> {
    let mut storages = Scenario::default().storages;
    storages.push(StorageSpec {
        id: "ceph".into(),
        kind: "rbd".into(),
        shared: true,
        size_gib: 12_000.0,
        used_gib: 6_400.0,
        growth_gib_per_day: 14.0,
        ..StorageSpec::default()
    });
    storages
}

/// Services with a daily rhythm, on shared storage.
fn service(
    name: &str,
    vmid: u32,
    count: u32,
    node: &str,
    level: f64,
    peak_hour: f64,
) -> GuestGroup {
    GuestGroup {
        count,
        vmid: Some(vmid),
        name: Some(name.into()),
        kind: Some(GuestKind::Qemu),
        profile: Some(Profile::Daily),
        cores: Some(8),
        memory_gib: Some(16.0),
        level: Some(level),
        peak_hour: Some(peak_hour),
        weekend: Some(1.0),
        unrest: Some(0.12),
        memory_level: Some(0.55),
        memory_profile: Some(MemoryProfile::Plateau),
        node: Some(node.into()),
        storage: Some("ceph".into()),
        ..GuestGroup::default()
    }
}

fn steady(name: &str, vmid: u32, count: u32, node: &str) -> GuestGroup {
    GuestGroup {
        name: Some(name.into()),
        profile: Some(Profile::Steady),
        cores: Some(4),
        memory_gib: Some(8.0),
        level: Some(0.2),
        ..background(vmid, count, node)
    }
}

fn idle(vmid: u32, count: u32, node: &str) -> GuestGroup {
    GuestGroup { profile: Some(Profile::Idle), ..background(vmid, count, node) }
}

/// Whatever else runs on a node.
fn background(vmid: u32, count: u32, node: &str) -> GuestGroup {
    GuestGroup {
        count,
        vmid: Some(vmid),
        node: Some(node.into()),
        storage: Some("ceph".into()),
        ..GuestGroup::default()
    }
}
