//! The figure that a plan lowers: how far and how long nodes are expected above their thresholds.

use crate::outlook::{Levels, Limits, Load, NodeOutlook, Outlook, RECORDED, Resource};
use crate::settings::{Days, PenaltyConfig};
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

/// Sum over all cases, in each of which so much, as a share of `cores`, lies above a limit.
fn summed(outlook: &Outlook, cores: f64, above: impl Fn(usize) -> f64) -> Overload {
    let mut sum = Overload::default();
    for (case, weight) in outlook.weights.iter().enumerate() {
        let above = above(case);
        if above > 0.0 {
            sum.node_hours += weight;
            sum.core_hours += weight * above * cores;
        }
    }
    sum
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
    let excess = |resource, case| (share.at(resource, case) - limits.of(resource)).max(0.0);
    summed(outlook, node.cores.0, |case| {
        excess(Resource::Cpu, case) + excess(Resource::Memory, case)
    })
}

/// Expected overload of one resource of a node, as [`overload`] tells it of both.
pub fn overload_of(
    resource: Resource,
    outlook: &Outlook,
    node: usize,
    load: &Load,
    change: Option<(&Load, f64)>,
    limits: Limits,
) -> Overload {
    let node = &outlook.nodes[node];
    let share = Shares { node, load, change };
    summed(outlook, node.cores.0, |case| share.at(resource, case) - limits.of(resource))
}

/// Expected overload of all nodes that can carry guests as if they were one: what no placement
/// avoids.
pub fn overload_of_all(resource: Resource, outlook: &Outlook, limits: Limits) -> Overload {
    let able = |n: &NodeOutlook| n.online && !n.maintenance;
    let sum = |of: &dyn Fn(&NodeOutlook) -> f64| -> f64 {
        outlook.nodes.iter().filter(|n| able(n)).map(of).sum()
    };
    let (capacity, cores) = (sum(&|n| n.capacity(resource)), sum(&|n| n.cores.0));
    summed(outlook, cores, |case| {
        let guests: f64 = outlook.guests.iter().map(|g| g.load.of(resource)[case]).sum();
        let used = guests + sum(&|n| n.base.of(resource)[case]);
        used / capacity.max(1e-9) - limits.of(resource)
    })
}

/// Most that what may come is spread around each recorded hour, up and down, when moves are
/// weighed, as a share of capacity: bursts of work do not come back at the same hours, while memory
/// holds still and wants no more room than its excess (docs/records/backtest.md).
fn widest(resource: Resource) -> f64 {
    match resource {
        Resource::Cpu => 0.3,
        Resource::Memory => 0.05,
    }
}

/// Least that it is spread, as a share of capacity: nothing holds still altogether.
const NARROWEST: f64 = 0.02;

/// How far it is spread, in standard deviations of the node's own load: what never changed is not
/// expected to be higher (docs/records/backtest.md).
const DEVIATIONS: f64 = 2.5;

const DAY_HOURS: usize = 24;

/// Risk of a node in need: it is expected above a threshold in some hour, and a move could take
/// away as much as one must.
pub(super) fn need(over: Overload, risk: f64, asked: f64) -> Option<f64> {
    (over.core_hours > 0.0 && risk > asked).then_some(risk)
}

/// Nodes of fewer cores are asked for their part of `min_benefit`: at the default 2 % of what their cores could do.
const WHOLE_DEMAND_CORES: f64 = 9.0;

/// Risk that a move off a node must take away over the horizon, in core-hours: `min_benefit` is that of a week, and a
/// small node at its limit all day could never save it.
pub fn demand(outlook: &Outlook, node: usize, config: &PenaltyConfig) -> f64 {
    let part = (outlook.nodes[node].cores.0 / WHOLE_DEMAND_CORES).min(1.0);
    least_benefit(outlook, config) * part
}

/// Core-hours that a move off a large node must take away over the horizon.
pub(super) fn least_benefit(outlook: &Outlook, config: &PenaltyConfig) -> f64 {
    config.min_benefit.0 * (outlook.horizon() / Days(7.0).hours().0)
}

/// Expected overload of node number `node` like [`overload`], with every case taken as the middle
/// of what may come: so far above and below it as the node's load varies, all equally likely. So
/// an erratic node just below its limit is worse than a steady one, and two bursts that missed each
/// other by luck are not taken for safe. In core-hours. O(cases); planning asks for little else, so
/// the loops are kept simple enough to be vectorised.
pub(super) fn risk(
    outlook: &Outlook,
    node: usize,
    load: &Load,
    change: Option<(&Load, f64)>,
    limits: Limits,
) -> f64 {
    let of = |resource| {
        let shares = Changed::of(outlook, node, load, change, resource);
        let (limit, widest) = (limits.of(resource), widest(resource));
        // Most nodes stay so far below it that their deviation need not be known.
        if shares.highest() + widest <= limit {
            return 0.0;
        }
        let own = |deviation: f64| (DEVIATIONS * deviation).clamp(NARROWEST, widest);
        let width = shares.deviation().map_or(widest, own);
        shares.excess(Spread { limit, width })
    };
    (of(Resource::Cpu) + of(Resource::Memory)) * outlook.nodes[node].cores.0
}

/// Whether a resource of node number `node` under `load` plus `sign` times `change` is above `limit` in some case. O(cases),
/// where its [`levels`] need an order.
pub(super) fn is_ever_above(
    outlook: &Outlook,
    node: usize,
    load: &Load,
    change: Option<(&Load, f64)>,
    (resource, limit): (Resource, f64),
) -> bool {
    Changed::of(outlook, node, load, change, resource).highest() > limit
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

/// The shares `scale * (load + sign * other)` of the cases, with their weights.
struct Changed<'a> {
    load: &'a [f64],
    change: Option<(&'a [f64], f64)>,
    weights: &'a [f64],
    scale: f64,
}

impl<'a> Changed<'a> {
    fn of(
        outlook: &'a Outlook,
        node: usize,
        load: &'a Load,
        change: Option<(&'a Load, f64)>,
        resource: Resource,
    ) -> Self {
        Self {
            load: load.of(resource),
            change: change.map(|(other, sign)| (other.of(resource), sign)),
            weights: &outlook.weights,
            scale: 1.0 / outlook.nodes[node].capacity(resource).max(1e-9),
        }
    }

    /// Weighted sum of the excess.
    fn excess(&self, spread: Spread) -> f64 {
        self.sums(0, |share, weight| [weight * spread.above(share)])[0]
    }

    /// Standard deviation of the recorded hours; `None` where they are less than a day or do not
    /// count.
    fn deviation(&self) -> Option<f64> {
        let [hours, sum, squares] =
            self.sums(RECORDED, |share, w| [w, w * share, w * share * share]);
        let mean = sum / hours;
        let known = self.load.len() >= RECORDED + DAY_HOURS && hours > 0.0;
        known.then(|| (squares / hours - mean * mean).max(0.0).sqrt())
    }

    /// The highest share of a case that counts; of no cases minus infinity.
    fn highest(&self) -> f64 {
        let more = |high: &mut f64, share: f64| *high = if share > *high { share } else { *high };
        self.folded(
            0,
            f64::NEG_INFINITY,
            |high, share, weight| more(high, if weight > 0.0 { share } else { f64::NEG_INFINITY }),
            |high, x| more(high, x),
        )
    }

    /// Sums of what `term` makes of share and weight of each case from number `first` on.
    fn sums<const N: usize>(&self, first: usize, term: impl Fn(f64, f64) -> [f64; N]) -> [f64; N] {
        let add = |sum: &mut [f64; N], terms: [f64; N]| {
            sum.iter_mut().zip(terms).for_each(|(sum, x)| *sum += x);
        };
        self.folded(first, [0.0; N], |sum, share, weight| add(sum, term(share, weight)), add)
    }

    /// What `take` makes of share and weight of each case from number `first` on, in lanes that `join` brings together.
    fn folded<T: Copy>(
        &self,
        first: usize,
        empty: T,
        take: impl Fn(&mut T, f64, f64),
        join: impl Fn(&mut T, T),
    ) -> T {
        let (other, sign) = self.change.unwrap_or((self.load, 0.0));
        let cases = self.load.len().min(other.len()).min(self.weights.len());
        let range = first.min(cases)..cases;
        let load = &self.load[range.clone()];
        let (other, weights) = (&other[range.clone()], &self.weights[range]);
        let share = |i: usize| (load[i] + sign * other[i]) * self.scale;
        let mut lanes = [empty; LANES];
        let whole = load.len() - load.len() % LANES;
        for start in (0..whole).step_by(LANES) {
            for (lane, sum) in lanes.iter_mut().enumerate() {
                take(sum, share(start + lane), weights[start + lane]);
            }
        }
        (whole..load.len()).for_each(|i| take(&mut lanes[0], share(i), weights[i]));
        let mut all = empty;
        lanes.into_iter().for_each(|lane| join(&mut all, lane));
        all
    }
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
            let change = Some((load.as_slice(), -0.5));
            let shares = Changed { load: &load, change, weights: &weights, scale: 0.2 };
            let spread = Spread { limit: 0.4, width: 0.3 };
            let one = |i: usize| weights[i] * spread.above((load[i] - 0.5 * load[i]) * 0.2);
            let plain: f64 = (0..load.len()).map(one).sum();
            assert!((shares.excess(spread) - plain).abs() < 1e-12, "{cases}");
        }
    }

    #[test]
    fn deviation_is_that_of_the_recorded_hours() {
        // The present is 9; the hours are 1 and 3 in turn, and one that does not count.
        let mut load = vec![9.0; RECORDED];
        load.extend((0..25).map(|hour| f64::from(hour % 2 * 2 + 1)));
        let mut weights = vec![5.0; RECORDED];
        weights.extend([1.0; 24]);
        load[RECORDED + 24] = 7.0;
        weights.push(0.0);
        let of = |load, weights| Changed { load, change: None, weights, scale: 0.1 }.deviation();
        assert!((of(&load, &weights).unwrap() - 0.1).abs() < 1e-12);
        assert_eq!(of(&load[..RECORDED + 23], &weights), None, "less than a day");
        assert_eq!(of(&load, &[0.0; RECORDED + 25]), None, "only the present counts");
    }
}
