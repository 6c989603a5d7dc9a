//! The figure that a plan lowers: how far and how long nodes are expected above their thresholds.

use crate::outlook::{Load, NodeOutlook, Resource};
use crate::settings::PenaltyConfig;
use serde::Serialize;
use std::ops::{Add, Sub};

/// Expected overload over the horizon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Overload {
    /// Hours in which some resource is above its threshold.
    pub node_hours: f64,
    /// Core-hours above the threshold. Memory counts as the same share of the node's cores, so
    /// that both resources add up and a large node weighs more than a small one.
    pub core_hours: f64,
}

impl Add for Overload {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            node_hours: self.node_hours + other.node_hours,
            core_hours: self.core_hours + other.core_hours,
        }
    }
}

impl Sub for Overload {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            node_hours: self.node_hours - other.node_hours,
            core_hours: self.core_hours - other.core_hours,
        }
    }
}

impl std::iter::Sum for Overload {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// Limits as shares of capacity: (cpu, memory).
#[derive(Clone, Copy, Debug)]
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

    fn of(self, resource: Resource) -> f64 {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
        }
    }
}

/// Overload of `node` under `load` plus `sign` times `change`, without building the sum. O(hours).
pub fn overload(
    node: &NodeOutlook,
    load: &Load,
    change: Option<(&Load, f64)>,
    limits: Limits,
) -> Overload {
    let excess = |resource: Resource, hour: usize| -> f64 {
        let added = change.map_or(0.0, |(other, sign)| sign * other.of(resource)[hour]);
        let share = (load.of(resource)[hour] + added) / node.capacity(resource).max(1e-9);
        (share - limits.of(resource)).max(0.0)
    };
    let mut sum = Overload::default();
    for hour in 0..load.cpu.len() {
        let (cpu, memory) = (excess(Resource::Cpu, hour), excess(Resource::Memory, hour));
        sum.core_hours += (cpu + memory) * node.cores.0;
        if cpu > 0.0 || memory > 0.0 {
            sum.node_hours += 1.0;
        }
    }
    sum
}

/// Highest expected share of capacity under `load` plus `sign` times `change`.
pub(super) fn peak(
    node: &NodeOutlook,
    load: &Load,
    change: Option<(&Load, f64)>,
    resource: Resource,
) -> f64 {
    let at = |hour: usize| {
        let added = change.map_or(0.0, |(other, sign)| sign * other.of(resource)[hour]);
        (load.of(resource)[hour] + added) / node.capacity(resource).max(1e-9)
    };
    (0..load.cpu.len()).map(at).fold(0.0, f64::max)
}
