//! Trends of nodes and guests.

use crate::model::{Migration, Unit, UnixTime, Vmid};
use crate::trend::{BeforeAfter, Behaviour, Plot, StabilityComparison, Trend};
use serde::Serialize;

/// Trends of one node.
#[derive(Clone, Debug, Serialize)]
pub struct NodeTrends {
    /// Name in the cluster.
    pub node: String,
    /// Window that was analysed: the one asked for, as far as the store reaches.
    pub lookback_hours: u32,
    /// Per metric name; metrics the node does not give are absent.
    pub metrics: Vec<MetricTrend>,
    /// 0 (erratic) to 100 (predictable): the least of CPU, memory and IO wait.
    pub stability_score: Option<f64>,
    /// Guests that came or went within retention; only where this one node was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub migrations: Vec<Migration>,
    /// Whose growth its growth is, of CPU and memory where they have a trend; only where this one node was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub growth: Vec<NodeGrowth>,
}

/// The growth of a node's load over the window, in parts that sum to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeGrowth {
    /// Name of the metric.
    pub metric: &'static str,
    /// `cores` or `bytes`.
    pub unit: &'static str,
    /// Slope of the whole, hour effects taken out, arrivals and departures left in.
    pub slope_per_day: f64,
    /// What the guests' own growth adds, largest first.
    pub guests: Vec<GuestGrowth>,
    /// What arrivals and departures add.
    pub moves: f64,
    /// What no guest explains: the host itself.
    pub rest: f64,
}

/// What one guest adds to its node's growth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GuestGrowth {
    /// Its number.
    pub vmid: Vmid,
    /// Its name.
    pub name: String,
    /// Its own growth.
    pub slope_per_day: f64,
}

/// A guest's load before and after a move: medians of a day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MoveEffect {
    /// When it moved.
    pub time: UnixTime,
    /// Share of its cores.
    pub cpu: Option<BeforeAfter>,
    /// Share of its memory.
    pub memory: Option<BeforeAfter>,
}

/// Stability of two nodes side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StabilityReply {
    /// The nodes compared.
    pub nodes: [String; 2],
    /// What came out.
    #[serde(flatten)]
    pub comparison: StabilityComparison,
    /// What was odd.
    pub warnings: Vec<String>,
}

/// Trends of one guest.
#[derive(Clone, Debug, Serialize)]
pub struct GuestTrends {
    /// Its number.
    pub vmid: Vmid,
    /// Its name.
    pub name: String,
    /// Its host.
    pub node: String,
    /// Window that was analysed: the one asked for, as far as the store reaches.
    pub lookback_hours: u32,
    /// Per metric name; metrics the guest does not give are absent.
    pub metrics: Vec<MetricTrend>,
    /// `growing`, `bursty`, `cyclical`, `stable` or `idle`, from the CPU.
    pub behavior: Option<Behaviour>,
    /// Busy hours of the day, local time, from the CPU.
    pub peak_hours: Vec<u8>,
    /// Moves within retention; where all guests were asked for, those of the time that was analysed.
    pub migrations: Vec<Migration>,
    /// What the moves of the last 14 days did to it; only where this one guest was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<MoveEffect>,
}

/// The trend of one metric.
#[derive(Clone, Debug, Serialize)]
pub struct MetricTrend {
    /// Name of the metric.
    pub metric: &'static str,
    /// Unit of the values.
    pub unit: Unit,
    /// What was found.
    #[serde(flatten)]
    pub trend: Trend,
    /// Curves for its chart; only where one node or guest was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plot: Option<Plot>,
}

/// Trends of many.
#[derive(Clone, Debug, Serialize)]
pub struct TrendsReply {
    /// Moment of the analysis.
    pub now: UnixTime,
    /// Nodes by name.
    pub nodes: Vec<NodeTrends>,
    /// Guests by vmid.
    pub guests: Vec<GuestTrends>,
    /// What was odd.
    pub warnings: Vec<String>,
}
