//! How sure a recommendation is: a weighted mean of parts, each shown with its reason.
//!
//! It says how well founded the advice is, not how bad the source is: every part can be high or
//! low on its own, so all of 50 to 95 is reachable.

use super::overload::{Limits, levels};
use crate::outcome::Experience;
use crate::outlook::{GuestOutlook, Load, Outlook, Resource};
use crate::trend::{Direction, Trend};
use serde::Serialize;

/// One part of a confidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// `need`, `target`, `guest`, `data` or `outcome`.
    pub name: &'static str,
    /// 0 to 1.
    pub value: f64,
    /// Its share of the whole.
    pub weight: f64,
    /// What it rests on.
    pub why: String,
}

/// Confidence of a recommendation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confidence {
    /// 0 to 100.
    pub percent: f64,
    /// What it consists of.
    pub parts: Vec<Part>,
}

const NEED: f64 = 0.34;
const TARGET: f64 = 0.30;
const GUEST: f64 = 0.10;
const DATA: f64 = 0.14;
/// The plan asks for 10-15 % by past outcomes.
const OUTCOME: f64 = 0.12;
/// History from which the data can not be the weak point, in hours.
const ENOUGH_HISTORY: f64 = 168.0;
/// Expected overloaded hours from which the need is certain.
const CERTAIN_HOURS: f64 = 12.0;
/// Value of a part about which nothing is known.
const UNKNOWN: f64 = 0.5;
/// Spread of hourly load that no history excludes, as a share of capacity.
const LEAST_SPREAD: f64 = 0.03;

/// What a confidence rests on.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// Nodes and weights.
    pub outlook: &'a Outlook,
    /// Node that the guest leaves.
    pub source: usize,
    /// Its expected load before.
    pub source_load: &'a Load,
    /// Node that the guest goes to.
    pub target: usize,
    /// Its expected load before.
    pub target_load: &'a Load,
    /// The guest.
    pub guest: &'a GuestOutlook,
    /// Thresholds.
    pub limits: Limits,
    /// What earlier moves taught.
    pub experience: &'a Experience,
}

impl Confidence {
    /// Judges a move. O(cases log cases).
    pub fn of(basis: &Basis) -> Self {
        let parts =
            vec![need(basis), target(basis), guest(basis.guest), data(basis), outcome(basis)];
        let percent = 100.0 * parts.iter().map(|p| p.value * p.weight).sum::<f64>();
        Self { percent, parts }
    }
}

/// Is the source really in trouble? Hours that it is expected above a threshold, or a claimed rise.
fn need(b: &Basis) -> Part {
    let node = &b.outlook.nodes[b.source];
    let over = |case: usize| {
        Resource::ALL
            .iter()
            .any(|&r| b.source_load.of(r)[case] >= b.limits.of(r) * node.capacity(r))
    };
    let cases = b.outlook.weights.iter().enumerate();
    let bad: f64 = cases.filter(|(case, _)| over(*case)).map(|(_, weight)| weight).sum();
    let claim = [&node.cpu_trend, &node.mem_trend]
        .into_iter()
        .filter(|t| t.direction == Direction::SustainedIncrease)
        .map(|t| t.confidence)
        .fold(0.0, f64::max);
    // An expected hour is already a need, half a day is a certain one.
    let value =
        (0.5 + 0.5 * (bad / CERTAIN_HOURS).min(1.0)).max(claim) * f64::from(u8::from(bad > 0.0));
    let horizon = b.outlook.horizon();
    let why = format!("expected above a threshold in {bad:.0} of the next {horizon:.0} hours");
    Part { name: "need", value, weight: NEED, why }
}

/// Will the target stay below its thresholds with the guest?
fn target(b: &Basis) -> Part {
    let node = &b.outlook.nodes[b.target];
    let change = Some((&b.guest.load, 1.0));
    let safe = |resource: Resource, trend: &Trend| {
        let busy = levels(b.outlook, b.target, b.target_load, change, resource).high;
        let margin = b.limits.of(resource) - busy;
        let spread = trend.baseline.map_or(0.0, |b| b.spread).max(LEAST_SPREAD);
        (margin, normal_cdf(margin / spread))
    };
    let cpu = safe(Resource::Cpu, &node.cpu_trend);
    let memory = safe(Resource::Memory, &node.mem_trend);
    let (label, (margin, value)) =
        if cpu.1 <= memory.1 { ("CPU", cpu) } else { ("memory", memory) };
    let why = format!(
        "{} keeps {:.0} points of {label} below its threshold in its busy hours",
        node.name,
        (margin * 100.0).max(0.0)
    );
    Part { name: "target", value, weight: TARGET, why }
}

/// Is the guest's own load predictable, or growing as claimed?
fn guest(g: &GuestOutlook) -> Part {
    let steady = g.cpu_trend.stability.map_or(UNKNOWN, |s| s / 100.0);
    let claim = match g.cpu_trend.direction {
        Direction::SustainedIncrease => g.cpu_trend.confidence,
        _ => 0.0,
    };
    let why = match g.cpu_trend.stability {
        _ if claim > steady => "its growth is clear".into(),
        Some(stability) => format!("its load has a stability of {stability:.0}/100"),
        None => "too little is known of its load".into(),
    };
    Part { name: "guest", value: steady.max(claim), weight: GUEST, why }
}

/// Is there enough history of all three?
fn data(b: &Basis) -> Part {
    let nodes = &b.outlook.nodes;
    let hours =
        nodes[b.source].history_hours.min(nodes[b.target].history_hours).min(b.guest.history_hours);
    let value = (hours / ENOUGH_HISTORY).clamp(0.0, 1.0);
    let why = format!("{:.1} days of history of source, target and guest", hours / 24.0);
    Part { name: "data", value, weight: DATA, why }
}

/// How did past moves turn out? The guest's own, shrunk to those that we advised here.
fn outcome(b: &Basis) -> Part {
    let (own, advised) = (b.experience.guest(b.guest.vmid), b.experience.advised());
    let why = match (own.judged, advised.judged) {
        (0, 0) => "no judged outcome of an earlier move".into(),
        (0, n) => format!("{} of {n} moves that we advised here helped", advised.improved),
        (n, _) => format!("{} of {n} earlier moves of this guest helped", own.improved),
    };
    let value = b.experience.expected_success(b.guest.vmid);
    Part { name: "outcome", value, weight: OUTCOME, why }
}

/// Standard normal distribution function by the logistic approximation of Bowling et al. 2009
/// (error below 0.0002).
fn normal_cdf(z: f64) -> f64 {
    1.0 / (1.0 + (-(0.070_56 * z.powi(3) + 1.5976 * z)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_a_whole() {
        assert!((NEED + TARGET + GUEST + DATA + OUTCOME - 1.0f64).abs() < 1e-12);
    }

    #[test]
    fn normal_cdf_matches_tables() {
        for (z, p) in [(0.0, 0.5), (1.0, 0.841_34), (-1.644_85, 0.05), (2.575_83, 0.995)] {
            assert!((normal_cdf(z) - p).abs() < 0.0004, "{z}");
        }
    }
}
