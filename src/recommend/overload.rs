//! The figure that a plan lowers: how far and how long nodes are expected above their thresholds.

use crate::outlook::{Levels, Load, NodeOutlook, Outlook, Resource};
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

    pub(super) fn of(self, resource: Resource) -> f64 {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
        }
    }
}

/// Expected overload of node number `node` under `load` plus `sign` times `change`, without
/// building the sum. O(cases).
pub fn overload(
    outlook: &Outlook,
    node: usize,
    load: &Load,
    change: Option<(&Load, f64)>,
    limits: Limits,
) -> Overload {
    let node = &outlook.nodes[node];
    let share = Shares { node, load, change };
    let mut sum = Overload::default();
    for (case, weight) in outlook.weights.iter().enumerate() {
        let excess = |resource| (share.at(resource, case) - limits.of(resource)).max(0.0);
        let (cpu, memory) = (excess(Resource::Cpu), excess(Resource::Memory));
        sum.core_hours += weight * (cpu + memory) * node.cores.0;
        if cpu > 0.0 || memory > 0.0 {
            sum.node_hours += weight;
        }
    }
    sum
}

/// Half the width, as a share of capacity, over which what may come is spread around each recorded
/// hour when moves are weighed: bursts of work do not come back at the same hours, while memory
/// holds still and wants no more room than its excess (docs/backtest.md).
fn width(resource: Resource) -> f64 {
    match resource {
        Resource::Cpu => 0.3,
        Resource::Memory => 0.05,
    }
}

/// Risk of a node in need: it is expected above a threshold in some hour, and a move could take
/// away as much as one must.
pub(super) fn need(
    outlook: &Outlook,
    node: usize,
    load: &Load,
    config: &PenaltyConfig,
) -> Option<f64> {
    let limits = Limits::thresholds(config);
    let over = overload(outlook, node, load, None, limits).core_hours > 0.0;
    let risk = risk(outlook, node, load, None, limits);
    (over && risk > config.min_benefit.0).then_some(risk)
}

/// Expected overload of node number `node` like [`overload`], with every case taken as the middle
/// of what may come: [`width`] above and below it, all equally likely. So a node just below its
/// limit is better than one at it, and two bursts that missed each other by luck are not taken
/// for safe. In core-hours. O(cases); planning asks for little else, so the loop is kept simple
/// enough to be vectorised.
pub(super) fn risk(
    outlook: &Outlook,
    node: usize,
    load: &Load,
    change: Option<(&Load, f64)>,
    limits: Limits,
) -> f64 {
    let node = &outlook.nodes[node];
    let of = |resource| {
        let capacity = node.capacity(resource).max(1e-9);
        let change = change.map(|(other, sign)| (other.of(resource), sign));
        let spread = Spread { limit: limits.of(resource), width: width(resource) };
        excess(load.of(resource), change, &outlook.weights, 1.0 / capacity, spread)
    };
    (of(Resource::Cpu) + of(Resource::Memory)) * node.cores.0
}

/// Sums that are kept side by side.
const LANES: usize = 4;

/// A limit, and how far around each case what may come is spread.
#[derive(Clone, Copy)]
struct Spread {
    limit: f64,
    width: f64,
}

impl Spread {
    /// Mean excess of a share above the limit over all that may come around it.
    fn above(self, share: f64) -> f64 {
        soft(share - self.limit, self.width)
    }
}

/// Weighted sum of the excess of the shares `scale * (load + sign * other)`.
fn excess(
    load: &[f64],
    change: Option<(&[f64], f64)>,
    weights: &[f64],
    scale: f64,
    spread: Spread,
) -> f64 {
    let (other, sign) = change.unwrap_or((load, 0.0));
    let cases = load.len().min(other.len()).min(weights.len());
    let (load, other, weights) = (&load[..cases], &other[..cases], &weights[..cases]);
    let term = |i: usize| weights[i] * spread.above((load[i] + sign * other[i]) * scale);
    let mut sums = [0.0; LANES];
    let whole = cases - cases % LANES;
    for at in (0..whole).step_by(LANES) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += term(at + lane);
        }
    }
    sums[0] += (whole..cases).map(term).sum::<f64>();
    sums.iter().sum()
}

/// Mean of max(0, x + u) over u evenly between -width and width.
fn soft(x: f64, width: f64) -> f64 {
    let inside = (x + width).clamp(0.0, 2.0 * width);
    inside * inside / (4.0 * width) + (x - width).max(0.0)
}

/// Expected levels of a resource of node number `node` under `load` plus `sign` times `change`,
/// as shares of capacity. O(cases log cases).
pub(super) fn levels(
    outlook: &Outlook,
    node: usize,
    load: &Load,
    change: Option<(&Load, f64)>,
    resource: Resource,
) -> Levels {
    let share = Shares { node: &outlook.nodes[node], load, change };
    Levels::of((0..outlook.weights.len()).map(|case| share.at(resource, case)), &outlook.weights)
}

/// A node's load as shares of its capacity, with a change.
struct Shares<'a> {
    node: &'a NodeOutlook,
    load: &'a Load,
    change: Option<(&'a Load, f64)>,
}

impl Shares<'_> {
    fn at(&self, resource: Resource, case: usize) -> f64 {
        let changed = self.change.map_or(0.0, |(other, sign)| sign * other.of(resource)[case]);
        (self.load.of(resource)[case] + changed) / self.node.capacity(resource).max(1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_excess_is_the_mean_over_what_may_come() {
        let width = 0.3;
        for x in [-0.9, -0.3, -0.29, -0.1, 0.0, 0.2, 0.3, 0.31, 2.0f64] {
            let steps = 100_000;
            let u = |i: i32| width * (2.0 * (f64::from(i) + 0.5) / f64::from(steps) - 1.0);
            let mean = (0..steps).map(|i| (x + u(i)).max(0.0)).sum::<f64>() / f64::from(steps);
            assert!((soft(x, width) - mean).abs() < 1e-6, "{x}");
        }
    }

    #[test]
    fn lanes_sum_up_whatever_the_length() {
        for cases in 0..11 {
            let load: Vec<f64> = (0..cases).map(f64::from).collect();
            let weights: Vec<f64> = (0..cases).map(|i| f64::from(i) * 0.5).collect();
            let spread = Spread { limit: 0.4, width: 0.3 };
            let one = |i: usize| weights[i] * spread.above((load[i] - 0.5 * load[i]) * 0.2);
            let plain: f64 = (0..load.len()).map(one).sum();
            let found = excess(&load, Some((load.as_slice(), -0.5)), &weights, 0.2, spread);
            assert!((found - plain).abs() < 1e-12, "{cases}");
        }
    }
}
