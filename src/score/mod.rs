//! Penalty points of a node as a home for a guest, each with its contribution. Lower is better.
//!
//! The curves and their heights come from the settings table; here they meet what was seen and
//! what is expected. Nothing here is a hard limit: those are constraints.

use crate::model::{Fraction, Points};
use crate::outlook::{Levels, Load, NodeOutlook, Resource};
use crate::settings::{Curve, PenaltyConfig, Table, Term};
use serde::Serialize;

/// One term of a score, as it entered the decision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Contribution {
    /// Term of the settings table that it belongs to.
    pub term: Term,
    /// Expert key that weighs most in it; empty where the term has one key only.
    pub key: &'static str,
    /// What it added; negative for a bonus.
    pub points: Points,
    /// What was seen, in the unit of the limit.
    pub observed: f64,
    /// Where its curve has the knee that was reached.
    pub limit: f64,
}

/// A node under the load that a decision is about.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The node.
    pub node: &'a NodeOutlook,
    /// Its expected load, with the guest.
    pub load: &'a Load,
    /// Weights of the cases of the load.
    pub weights: &'a [f64],
    /// Host cores that planned moves and the guest add to what it uses now.
    pub cpu_added: f64,
    /// Bytes that they add.
    pub memory_added: f64,
    /// CPU growth that is claimed for its guests, in host cores per day.
    pub cpu_growth: f64,
    /// Memory growth that is claimed for its guests, in bytes per day.
    pub memory_growth: f64,
    /// Configured memory of all its guests, in bytes.
    pub committed: f64,
}

/// Sum of contributions.
pub fn total(contributions: &[Contribution]) -> Points {
    contributions.iter().map(|c| c.points).sum()
}

/// All terms of a node that are not zero. Terms without data are absent. O(cases log cases).
pub fn penalties(c: &Candidate, k: &PenaltyConfig) -> Vec<Contribution> {
    let (cpu, memory) = (expected(c, Resource::Cpu), expected(c, Resource::Memory));
    let overcommit = c.committed / c.node.memory.0.max(1.0);
    let growth = |amount: f64, capacity: f64| amount / capacity.max(1e-9);
    let terms = [
        curve(Term::CpuCurrent, &k.cpu_current(), now(c, Resource::Cpu, c.cpu_added)),
        curve(Term::CpuSustained, &k.cpu_sustained(), Some(cpu.mean)),
        curve(Term::CpuSpikes, &k.cpu_spikes(), Some(cpu.high)),
        curve(Term::CpuPredicted, &k.cpu_predicted(), Some(cpu.peak)),
        rise(Term::CpuTrend, k.cpu_trend_rising_penalty, growth(c.cpu_growth, c.node.cores.0)),
        curve(Term::MemCurrent, &k.mem_current(), now(c, Resource::Memory, c.memory_added)),
        curve(Term::MemSustained, &k.mem_sustained(), Some(memory.mean)),
        curve(Term::MemSpikes, &k.mem_spikes(), Some(memory.high)),
        curve(Term::MemPredicted, &k.mem_predicted(), Some(memory.peak)),
        rise(Term::MemTrend, k.mem_trend_rising_penalty, growth(c.memory_growth, c.node.memory.0)),
        curve(Term::MemOvercommit, &k.mem_overcommit(), Some(overcommit)),
        curve(Term::IowaitCurrent, &k.iowait_current(), c.node.iowait.current.map(|x| x.0)),
        curve(Term::IowaitSustained, &k.iowait_sustained(), c.node.iowait.mean_7d.map(|x| x.0)),
        stability(c.node, k),
        baseline(c.node, k),
        maintenance(c.node, k),
    ];
    terms.into_iter().flatten().filter(|t| t.points.0 != 0.0).collect()
}

/// What the change makes of a resource now, as a share; `None` when nothing was measured.
fn now(c: &Candidate, resource: Resource, added: f64) -> Option<f64> {
    let measured = c.node.readings(resource).current?;
    Some(measured.0 + added / c.node.capacity(resource).max(1e-9))
}

/// Expected levels of a resource as shares of capacity.
fn expected(c: &Candidate, resource: Resource) -> Levels {
    let capacity = c.node.capacity(resource).max(1e-9);
    Levels::of(c.load.of(resource).iter().map(|x| x / capacity), c.weights)
}

fn curve(term: Term, curve: &Curve, observed: Option<f64>) -> Option<Contribution> {
    let observed = observed?;
    let reading = curve.at(Fraction(observed))?;
    Some(Contribution {
        term,
        key: reading.key.name(),
        points: reading.points,
        observed,
        limit: reading.limit.0,
    })
}

/// Points for each percent of capacity per day that the load grows; falling costs nothing.
fn rise(term: Term, per_percent: Points, growth_per_day: f64) -> Option<Contribution> {
    let points = per_percent * (growth_per_day * 100.0).max(0.0);
    Some(Contribution { term, key: "", points, observed: growth_per_day, limit: 0.0 })
}

/// A predictable node is a better home than an erratic one.
fn stability(node: &NodeOutlook, k: &PenaltyConfig) -> Option<Contribution> {
    let observed = node.stability()?;
    let points = k.stability_points(observed);
    Some(Contribution { term: Term::Stability, key: "", points, observed, limit: 0.0 })
}

/// Points for each sigma above the node's own normal at this hour beyond what is tolerated.
fn baseline(node: &NodeOutlook, k: &PenaltyConfig) -> Option<Contribution> {
    let observed = node.cpu_trend.anomaly?.sigma;
    let limit = k.baseline_sigma_threshold.0;
    let points = k.baseline_deviation_penalty * (observed - limit).max(0.0);
    Some(Contribution { term: Term::Baseline, key: "", points, observed, limit })
}

fn maintenance(node: &NodeOutlook, k: &PenaltyConfig) -> Option<Contribution> {
    let points = k.maintenance_score_boost;
    let term = Term::Maintenance;
    node.maintenance.then_some(Contribution { term, key: "", points, observed: 1.0, limit: 0.0 })
}
