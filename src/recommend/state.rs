//! Who suffers: the state of every node, from what was seen and how it develops.

use super::overload::{Overload, demand, need, overload, risk};
use crate::model::Fraction;
use crate::outlook::{Limits, NodeOutlook, Outlook, Readings};
use crate::settings::PenaltyConfig;
use crate::trend::{Direction, ProjectionBasis, Trend};
use serde::Serialize;

/// State of a node; the worst of its metrics decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing near a threshold.
    Healthy,
    /// Near or above a threshold in busy hours, so that a move may be worth it, but not getting worse.
    StableButHot,
    /// Rising, near a threshold, and projected to cross it within the lookback horizon.
    TrendingTowardOverload,
    /// Above a threshold at its busy hours, and the last day confirms it.
    Overloaded,
    /// Not online, so nothing is advised about it.
    Offline,
    /// Too little is known to say anything.
    Unknown,
}

/// How soon somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// Nothing to do.
    None,
    /// When convenient.
    Low,
    /// Within days.
    Medium,
    /// Today.
    High,
}

impl State {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::StableButHot => "hot",
            Self::TrendingTowardOverload => "heading for overload",
            Self::Overloaded => "overloaded",
            Self::Offline => "offline",
            Self::Unknown => "unknown",
        }
    }

    /// Urgency that goes with it; a hot node that is over a threshold for an hour a day and more,
    /// if only in its busy hours or not today, cannot wait until it is convenient.
    fn urgency(self, hours_per_day: f64) -> Urgency {
        match self {
            Self::Overloaded => Urgency::High,
            Self::TrendingTowardOverload => Urgency::Medium,
            Self::StableButHot if hours_per_day >= 1.0 => Urgency::Medium,
            Self::StableButHot => Urgency::Low,
            Self::Healthy | Self::Offline | Self::Unknown => Urgency::None,
        }
    }
}

/// A metric that shapes a node's state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// `CPU`, `memory` or `IO wait`.
    pub metric: &'static str,
    /// State by this metric alone.
    pub state: State,
    /// Level now.
    pub current: Option<Fraction>,
    /// 95th percentile of the hourly means of the last 7 days.
    pub high_7d: Option<Fraction>,
    /// Threshold of the settings.
    pub threshold: Fraction,
    /// Hours until the busy hours cross the threshold if the trend goes on.
    pub hours_to_threshold: Option<f64>,
}

/// A node's state with the metric behind it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeState {
    /// Worst state of its metrics.
    pub state: State,
    /// How soon somebody should look.
    pub urgency: Urgency,
    /// All metrics, the worst first.
    pub findings: Vec<Finding>,
    /// Expected overload with all guests where they are.
    pub overload: Overload,
    /// Whether that is enough to look for moves off the node.
    pub in_need: bool,
}

impl NodeState {
    /// Before anything is expected of the node.
    pub(crate) fn of(state: State, findings: Vec<Finding>) -> Self {
        let (urgency, overload) = (Urgency::None, Overload::default());
        Self { state, urgency, findings, overload, in_need: false }
    }

    /// Urgency of a step off the node when so much of its overload is left by the steps before it.
    pub fn urgency_of_step(&self, hours_per_day: f64, maintenance: bool) -> Urgency {
        match maintenance || hours_per_day >= 1.0 {
            true => self.urgency,
            false => self.urgency.min(Urgency::Low),
        }
    }
}

/// Name of the metric that counts the time in which a node waits for its disks.
pub(super) const IO_WAIT: &str = "IO wait";
/// A node this close below a threshold is hot.
const HOT_MARGIN: f64 = 0.05;
/// A rising CPU must be this close for its projection to count (most CPU trends end, docs/trend.md).
const NEAR_MARGIN: f64 = 0.10;
/// A claimed projection counts from this confidence on.
const MIN_CLAIM: f64 = 0.75;

/// States of all nodes, in the order of [`Outlook::nodes`].
pub fn states(outlook: &Outlook, config: &PenaltyConfig) -> Vec<NodeState> {
    let loads = outlook.node_loads();
    let with_need = |(i, node): (usize, &NodeOutlook)| {
        let mut of_node = of_node(node, config);
        let limits = Limits::thresholds(config);
        of_node.overload = overload(outlook, i, &loads[i], None, limits);
        let risk = risk(outlook, i, &loads[i], None, limits);
        of_node.in_need = need(of_node.overload, risk, demand(outlook, i, config)).is_some();
        if of_node.state == State::Healthy && of_node.in_need {
            of_node.state = State::StableButHot;
        }
        let hours_per_day =
            24.0 * of_node.overload.node_hours / outlook.horizon().max(f64::MIN_POSITIVE);
        of_node.urgency = of_node.state.urgency(hours_per_day);
        if node.maintenance && node.online {
            // Somebody waits for it to be empty.
            of_node.urgency = of_node.urgency.max(Urgency::Medium);
        }
        of_node
    };
    outlook.nodes.iter().enumerate().map(with_need).collect()
}

fn of_node(node: &NodeOutlook, config: &PenaltyConfig) -> NodeState {
    if !node.online {
        return NodeState::of(State::Offline, Vec::new());
    }
    let finding = |metric, seen: &Readings, trend: &Trend, threshold: Fraction, lasting| Finding {
        metric,
        state: of_metric(seen, trend, threshold.0, lasting, config),
        current: seen.current,
        high_7d: seen.high_7d,
        threshold,
        hours_to_threshold: hours_to_threshold(trend),
    };
    let mut findings = vec![
        finding("CPU", &node.cpu, &node.cpu_trend, config.cpu_threshold, false),
        finding("memory", &node.mem, &node.mem_trend, config.mem_threshold, true),
        finding(IO_WAIT, &node.iowait, &node.iowait_trend, config.iowait_threshold, false),
    ];
    findings.sort_by_key(|f| std::cmp::Reverse((f.state != State::Unknown, f.state)));
    let state = findings.first().map_or(State::Unknown, |f| f.state);
    NodeState::of(state, findings)
}

/// `lasting`: a projection of this metric must have stood for two days instead of being near.
fn of_metric(
    seen: &Readings,
    trend: &Trend,
    threshold: f64,
    lasting: bool,
    config: &PenaltyConfig,
) -> State {
    let Some(current) = seen.current.or(seen.mean_24h) else { return State::Unknown };
    if config.blend().current >= 1.0 {
        return if current.0 >= threshold { State::Overloaded } else { State::Healthy };
    }
    let high = seen.high_7d.unwrap_or(current).0;
    let lately = seen.high_24h.unwrap_or(current).0.max(current.0);
    let falling = trend.direction == Direction::SustainedDecrease;
    if high >= threshold && lately >= threshold && !falling {
        return State::Overloaded;
    }
    if rises_into(trend, threshold, high.max(lately), lasting, config) {
        return State::TrendingTowardOverload;
    }
    let usually = seen.mean_7d.unwrap_or(current).0;
    if high >= threshold || usually >= threshold - HOT_MARGIN {
        return State::StableButHot;
    }
    State::Healthy
}

/// Whether a claimed rise crosses the threshold within the horizon and something confirms it.
fn rises_into(
    trend: &Trend,
    threshold: f64,
    high: f64,
    lasting: bool,
    config: &PenaltyConfig,
) -> bool {
    let horizon = config.settings.analysis_lookback.hours().0;
    let crosses = hours_to_threshold(trend).is_some_and(|h| h <= horizon);
    let confirmed = match lasting {
        true => lasting_rise(trend),
        false => sure_rise(trend) && high >= threshold - NEAR_MARGIN,
    };
    crosses && confirmed
}

fn sure_rise(trend: &Trend) -> bool {
    trend.direction == Direction::SustainedIncrease && trend.confidence >= MIN_CLAIM
}

/// Whether a rise is claimed that was claimed two days ago already: such ones mostly go on.
pub(super) fn lasting_rise(trend: &Trend) -> bool {
    sure_rise(trend) && trend.projection_basis == Some(ProjectionBasis::Persistent)
}

/// Hours until the busy hours cross the threshold that the trend was analysed against: a node is in
/// trouble when its daily peaks are, long before its level is.
fn hours_to_threshold(trend: &Trend) -> Option<f64> {
    trend.projection.and_then(|p| p.peak.hours())
}
