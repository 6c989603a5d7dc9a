//! Chooses, ranks and words what a decision carried along. Computes nothing new.
//!
//! The JSON is the one that the product's plan spells out: `trend_evidence` and
//! `decision_explanation`.

mod factor;
mod sentence;
#[cfg(test)]
mod tests;

pub use factor::{Factor, Kind, Weight};
pub use sentence::{busy_hours, explanation, good_time, guests_told, peak_told, state_told};

use crate::model::{GuestKind, Vmid, counted};
use crate::outcome::Tally;
use crate::outlook::{GuestOutlook, NodeOutlook};
use crate::recommend::{Question, Recent, Step};
use crate::trend::{Behaviour, Direction, Trend};
use serde::Serialize;

/// The evidence package of a recommendation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrendEvidence {
    /// The node that the guest leaves.
    pub source_node_trend: NodeEvidence,
    /// The node that the guest goes to.
    pub target_node_trend: NodeEvidence,
    /// The guest.
    pub guest_trend: GuestEvidence,
    /// What spoke for and against, strongest first.
    pub decision_factors: Vec<Factor>,
    /// How much history it rests on.
    pub data_quality: DataNote,
}

/// How a node develops.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeEvidence {
    /// CPU change in points of capacity per day, e.g. `+3.2%/day`; `none` where no trend is claimed.
    pub cpu_trend: String,
    /// Direction of the CPU.
    pub cpu_direction: Direction,
    /// Memory change, likewise.
    pub mem_trend: String,
    /// Direction of the memory use.
    pub mem_direction: Direction,
    /// 0 (erratic) to 100 (predictable); absent without enough data.
    pub stability_score: Option<u32>,
    /// Whether the CPU is above what is normal at this hour.
    pub above_baseline: bool,
    /// Whether it is as far below.
    pub below_baseline: bool,
    /// How far, in standard deviations; absent without a baseline.
    pub baseline_deviation_sigma: Option<f64>,
}

/// How a guest develops.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GuestEvidence {
    /// CPU growth in points of the guest's own cores per day; `none` where no trend is claimed.
    pub cpu_growth_rate: String,
    /// The same in host cores per day.
    pub cpu_growth_cores: f64,
    /// Memory growth in points of the guest's own memory per day; `none` where no trend is claimed.
    pub mem_growth_rate: String,
    /// The same in bytes per day.
    pub mem_growth_bytes: f64,
    /// `growing`, `bursty`, `cyclical`, `stable` or `idle`.
    pub behavior: Option<Behaviour>,
    /// Busy hours of the day, local time.
    pub peak_hours: Vec<u8>,
    /// Moves seen, judged or not.
    pub previous_migrations: usize,
    /// Share of judged moves that helped; absent while none is judged.
    pub success_rate: Option<f64>,
    /// Verdict on the last judged move: `improved`, `no_effect` or `worse`; absent while none is judged.
    pub last_outcome: Option<String>,
}

/// How much history a decision rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataNote {
    /// Days of history of the node with less of it.
    pub node_history_days: f64,
    /// Days of history of the guest.
    pub guest_history_days: f64,
    /// One line for people.
    pub confidence_note: String,
}

impl TrendEvidence {
    /// Evidence of `step` as the planner carried it.
    pub fn of(q: &Question, step: &Step) -> Self {
        let (source, target) = (&q.outlook.nodes[step.source], &q.outlook.nodes[step.target]);
        let guest = &q.outlook.guests[step.guest];
        let sigma = q.config.baseline_sigma_threshold.0;
        Self {
            source_node_trend: NodeEvidence::of(source, sigma),
            target_node_trend: NodeEvidence::of(target, sigma),
            guest_trend: GuestEvidence::of(guest, q.experience.guest(guest.vmid)),
            decision_factors: factor::factors(q, step),
            data_quality: DataNote::of(source, target, guest, q.recent),
        }
    }
}

impl NodeEvidence {
    fn of(node: &NodeOutlook, tolerated_sigma: f64) -> Self {
        let sigma = node.cpu_trend.anomaly.map(|a| a.sigma);
        Self {
            cpu_trend: rate(&node.cpu_trend),
            cpu_direction: node.cpu_trend.direction,
            mem_trend: rate(&node.mem_trend),
            mem_direction: node.mem_trend.direction,
            stability_score: node.stability().map(|s| s.round() as u32),
            above_baseline: sigma.is_some_and(|s| s > tolerated_sigma),
            below_baseline: sigma.is_some_and(|s| s < -tolerated_sigma),
            baseline_deviation_sigma: sigma.map(|s| round(s, 1)),
        }
    }
}

impl GuestEvidence {
    fn of(guest: &GuestOutlook, tally: Tally) -> Self {
        Self {
            cpu_growth_rate: rate(&guest.cpu_trend),
            cpu_growth_cores: round(guest.cpu_growth().0, 3),
            mem_growth_rate: rate(&guest.mem_trend),
            mem_growth_bytes: guest.memory_growth().0.round() + 0.0,
            behavior: guest.cpu_trend.behavior,
            peak_hours: guest.cpu_trend.peak_hours.clone(),
            // Moves of the stored history that no outcome is kept of count as well.
            previous_migrations: tally.previous_migrations.max(guest.moves.len()),
            success_rate: tally.success_rate().map(|rate| round(rate, 2)),
            last_outcome: tally.last_outcome.map(|v| v.name().to_string()),
        }
    }
}

impl DataNote {
    /// All of it in one clause.
    pub fn told(&self) -> String {
        let days = |days: f64| match days.round() {
            0.0 => "less than a day".to_string(),
            days => counted(days, "day"),
        };
        let [nodes, guest] = [self.node_history_days, self.guest_history_days].map(days);
        format!("{} ({nodes} of nodes and {guest} of the guest used)", self.confidence_note)
    }

    fn of(
        source: &NodeOutlook,
        target: &NodeOutlook,
        guest: &GuestOutlook,
        recent: Recent,
    ) -> Self {
        let node_days = source.history_hours.min(target.history_hours) / 24.0;
        let guest_days = guest.history_hours / 24.0;
        let amount = match node_days.min(guest_days) {
            days if days >= 7.0 => "High data availability",
            days if days >= 2.0 => "Moderate data availability",
            _ => "Limited data: less than two days of history",
        };
        let gaps = recent.told().map(|gaps| format!("Gaps in the data: {gaps}"));
        let confidence_note = gaps.unwrap_or_else(|| amount.into());
        Self {
            node_history_days: round(node_days, 1),
            guest_history_days: round(guest_days, 1),
            confidence_note,
        }
    }
}

/// A claimed slope in points of capacity per day, as the plan writes it: what is no trend has a
/// slope by chance.
fn rate(trend: &Trend) -> String {
    match trend.slope_per_day {
        Some(_) if !trend.direction.is_trend() => "none".into(),
        Some(slope) => format!("{:+.1}%/day", round(slope * 100.0, 1)),
        None => "unknown".into(),
    }
}

/// `VM 101 'web'` or `CT 200`.
pub fn guest_label(guest: &GuestOutlook) -> String {
    label_of(guest.kind, guest.vmid, &guest.name)
}

/// The same of a guest that may have no load.
pub fn label_of(kind: GuestKind, vmid: Vmid, name: &str) -> String {
    let kind = match kind {
        GuestKind::Qemu => "VM",
        GuestKind::Lxc => "CT",
    };
    match name.is_empty() {
        true => format!("{kind} {vmid}"),
        false => format!("{kind} {vmid} '{name}'"),
    }
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    // Adding zero turns -0 into 0.
    (value * scale).round() / scale + 0.0
}
