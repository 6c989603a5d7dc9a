//! Who suffers: the state of every node, from what was seen and how it develops.

use super::overload::{Overload, demand, need, overload, risk};
use crate::model::Fraction;
use crate::outlook::{
    GuestOutlook, IO_WAIT, Limits, NodeOutlook, Outlook, Readings, Resource, STORAGE, growth,
};
use crate::series::LocalTime;
use crate::settings::PenaltyConfig;
use crate::trend::{Direction, ProjectionBasis, Trend};
use serde::Serialize;

/// State of a node; the worst of its metrics decides. A storage makes it hot or heading for overload at most: that it
/// fills up is told, but no move of a guest is made for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing near a threshold.
    Healthy,
    /// Near or above a threshold in busy hours, so that a move may be worth it, but not getting worse.
    StableButHot,
    /// Rising, near a threshold, and projected to cross it within the lookback horizon.
    TrendingTowardOverload,
    /// Above a threshold at its busy hours, and the last day confirms it; which hours those are, its findings say.
    Overloaded,
    /// Not online, so nothing is advised about it.
    Offline,
    /// Online, but it does not report any more, so nothing is advised about it either.
    Silent,
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

impl Urgency {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
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
            Self::Silent => "silent",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the node is away as far as can be seen: what it did before says nothing of now.
    pub fn is_away(self) -> bool {
        matches!(self, Self::Offline | Self::Silent)
    }

    /// Urgency that goes with it; a hot node that is over a threshold for an hour a day and more,
    /// if only in its busy hours or not today, cannot wait until it is convenient.
    fn urgency(self, hours_per_day: f64) -> Urgency {
        match self {
            Self::Overloaded => Urgency::High,
            Self::TrendingTowardOverload => Urgency::Medium,
            Self::StableButHot if hours_per_day >= 1.0 => Urgency::Medium,
            Self::StableButHot => Urgency::Low,
            Self::Healthy | Self::Offline | Self::Silent | Self::Unknown => Urgency::None,
        }
    }
}

/// A metric that shapes a node's state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// `CPU`, `memory`, `IO wait` or `storage`.
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
    /// Local hours of the day in which it is expected above the threshold, 0-23, where that is nearly all of it; empty
    /// where it is as good as never, at any hour, or not foreseen by the hour. Of CPU only.
    pub peak_hours: Vec<u8>,
}

/// A node's state with the metric behind it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeState {
    /// Worst state of its metrics.
    pub state: State,
    /// That without its storages: what moves of guests can change.
    pub of_load: State,
    /// How soon somebody should look.
    pub urgency: Urgency,
    /// How soon a move off it is wanted.
    pub urgency_of_moves: Urgency,
    /// All metrics, the worst first.
    pub findings: Vec<Finding>,
    /// Expected overload with all guests where they are.
    pub overload: Overload,
    /// Core-hours of risk that are there for moves to take away.
    pub risk: f64,
    /// Whether that is enough to look for moves off the node.
    pub in_need: bool,
}

impl NodeState {
    /// What findings make, before anything is expected of the node.
    pub(crate) fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|f| std::cmp::Reverse((f.state != State::Unknown, f.state)));
        let mut load = findings.iter().filter(|f| f.metric != STORAGE);
        let of_load = load.next().map_or(State::Unknown, |f| f.state);
        let state = findings.first().map_or(of_load, |f| f.state.max(of_load));
        let (none, overload) = (Urgency::None, Overload::default());
        Self {
            state,
            of_load,
            urgency: none,
            urgency_of_moves: none,
            findings,
            overload,
            risk: 0.0,
            in_need: false,
        }
    }

    /// Whether its load is the trouble, or is about to be: that of a storage is none that moves of guests can end.
    pub fn in_trouble(&self) -> bool {
        self.of_load > State::StableButHot && self.of_load < State::Offline
    }

    /// Whether all that overloads it is CPU in a few hours of each day, as of a nightly job.
    fn is_a_job(&self) -> bool {
        let known = |f: &Finding| {
            f.metric == Resource::Cpu.label() && (1..=JOB_HOURS).contains(&f.peak_hours.len())
        };
        let mut loads =
            self.findings.iter().filter(|f| f.metric != STORAGE && f.state == self.of_load);
        self.of_load == State::Overloaded && loads.all(known)
    }

    /// Its storage, where that is full or fills up.
    pub fn full_storage(&self) -> Option<&Finding> {
        let full = |f: &&Finding| f.metric == STORAGE && f.state > State::Healthy;
        self.findings.iter().find(full)
    }

    /// Urgency of a step off the node when so much of its overload is left by the steps before it.
    pub fn urgency_of_step(&self, hours_per_day: f64, maintenance: bool) -> Urgency {
        match maintenance || hours_per_day >= 1.0 {
            true => self.urgency_of_moves,
            false => self.urgency_of_moves.min(Urgency::Low),
        }
    }
}

/// A node this close below a threshold is hot.
const HOT_MARGIN: f64 = 0.05;
/// A rising CPU must be this close for its projection to count (most CPU trends end, docs/trend.md).
const NEAR_MARGIN: f64 = 0.10;
/// A claimed projection counts from this confidence on.
const MIN_CLAIM: f64 = 0.75;

/// An hour of the day counts as one of the peak from this share of its days above the threshold on.
const USUAL: f64 = 0.25;
/// Of all hours above the threshold those of the peak are at least this share.
const NEARLY_ALL: f64 = 0.9;
/// A load that is above it in more hours of the day has no peak.
const MOST_PEAK_HOURS: usize = 12;
/// Hours a day, at most, of a job that is known to come: it can wait a day or two for a remedy.
const JOB_HOURS: usize = 6;

/// States of all nodes, in the order of [`Outlook::nodes`].
pub fn states(outlook: &Outlook, config: &PenaltyConfig, local: &LocalTime) -> Vec<NodeState> {
    let loads = outlook.node_loads();
    let with_need = |(i, node): (usize, &NodeOutlook)| {
        let mut of_node =
            of_node(node, Resource::ALL.map(|r| beyond(outlook, i, r, config)), config);
        let limits = Limits::thresholds(config);
        of_node.overload = overload(outlook, i, &loads[i], None, limits);
        of_node.risk = risk(outlook, i, &loads[i], None, limits);
        let asked = demand(outlook, i, config);
        of_node.in_need = need(of_node.overload, of_node.risk, asked).is_some();
        if of_node.of_load == State::Healthy && of_node.in_need {
            of_node.of_load = State::StableButHot;
            of_node.state = of_node.state.max(of_node.of_load);
        }
        let hours_per_day =
            24.0 * of_node.overload.node_hours / outlook.horizon().max(f64::MIN_POSITIVE);
        let peaks = peak_hours(outlook, i, &loads[i].cpu, limits.cpu, local);
        let cpu = |f: &&mut Finding| f.metric == Resource::Cpu.label();
        if let Some(cpu) = of_node.findings.iter_mut().find(cpu) {
            cpu.peak_hours = peaks;
        }
        let mut urgency = match of_node.is_a_job() && !sure_rise(&node.cpu_trend) {
            true => State::StableButHot.urgency(hours_per_day),
            false => of_node.of_load.urgency(hours_per_day),
        };
        if node.maintenance && node.online {
            // Somebody waits for it to be empty.
            urgency = urgency.max(Urgency::Medium);
        }
        of_node.urgency_of_moves = urgency;
        // It is so all day long.
        let storage = of_node.full_storage().map_or(Urgency::None, |f| f.state.urgency(24.0));
        of_node.urgency = urgency.max(storage);
        of_node
    };
    outlook.nodes.iter().enumerate().map(with_need).collect()
}

/// Local hours of the day in which nearly all of that is expected by which a node's CPU is above the limit.
fn peak_hours(
    outlook: &Outlook,
    node: usize,
    cpu: &[f64],
    limit: f64,
    local: &LocalTime,
) -> Vec<u8> {
    let limit = limit * outlook.nodes[node].capacity(Resource::Cpu);
    let (mut all, mut above) = ([0.0; 24], [0.0; 24]);
    for (case, used) in cpu.iter().enumerate() {
        let Some(time) = outlook.hour_of_case(case) else { continue };
        let hour = local.hour(time);
        all[hour] += 1.0;
        above[hour] += f64::from(u8::from(*used > limit));
    }
    let is_peak = |hour: &usize| above[*hour] > 0.0 && above[*hour] >= USUAL * all[*hour];
    let peak: Vec<usize> = (0..24).filter(is_peak).collect();
    let within: f64 = peak.iter().map(|hour| above[*hour]).sum();
    let told = peak.len() <= MOST_PEAK_HOURS && within >= NEARLY_ALL * above.iter().sum::<f64>();
    peak.into_iter().filter(|_| told).map(|hour| hour as u8).collect()
}

/// By which share of a node a resource would grow beyond what its guests can have if all their claimed trends went on.
fn beyond(outlook: &Outlook, node: usize, of: Resource, config: &PenaltyConfig) -> f64 {
    let of_guest = |guest: &GuestOutlook| {
        let (trend, most, now) = match of {
            Resource::Cpu => (&guest.cpu_trend, guest.cores.0, guest.cpu_now.0),
            Resource::Memory => (&guest.mem_trend, guest.maxmem.0, guest.memory_now.0),
        };
        let room = guest.load.of(of).iter().copied().fold(most, f64::max) - now;
        (growth(trend, config) * most - room).max(0.0)
    };
    let here = outlook.guests.iter().filter(|g| g.host == node);
    here.map(of_guest).sum::<f64>() / outlook.nodes[node].capacity(of).max(1e-9)
}

fn of_node(node: &NodeOutlook, beyond: [f64; 2], config: &PenaltyConfig) -> NodeState {
    if !node.online {
        let state = if node.silent { State::Silent } else { State::Offline };
        return NodeState { state, of_load: state, ..NodeState::of(Vec::new()) };
    }
    let finding = |metric, seen: &Readings, threshold: Fraction, rise: Rise| Finding {
        metric,
        state: of_metric(seen, threshold.0, rise, config),
        current: seen.current,
        high_7d: seen.high_7d,
        threshold,
        hours_to_threshold: hours_to_threshold(rise.trend),
        peak_hours: Vec::new(),
    };
    let rise = |trend, lasting, beyond| Rise { trend, lasting, beyond };
    let [cpu, memory] = beyond;
    let mut findings = vec![
        finding("CPU", &node.cpu, config.cpu_threshold, rise(&node.cpu_trend, false, cpu)),
        finding("memory", &node.mem, config.mem_threshold, rise(&node.mem_trend, true, memory)),
        finding(
            IO_WAIT,
            &node.iowait,
            config.iowait_threshold,
            rise(&node.iowait_trend, false, 0.0),
        ),
    ];
    // A node without storages has none that is unknown.
    findings.extend(node.storage.current.map(|used| Finding {
        metric: STORAGE,
        state: of_storage(used, &node.storage_trend, config),
        current: Some(used),
        high_7d: node.storage.high_7d,
        threshold: config.storage_threshold,
        hours_to_threshold: hours_to_threshold(&node.storage_trend),
        peak_hours: Vec::new(),
    }));
    NodeState::of(findings)
}

/// A storage heads for overload where a lasting rise takes it over its threshold within the horizon, or, from above it,
/// to its end.
fn of_storage(used: Fraction, trend: &Trend, config: &PenaltyConfig) -> State {
    let threshold = config.storage_threshold.0;
    let horizon = config.settings.analysis_lookback.hours().0;
    let above = used.0 >= threshold;
    let hours = if above { hours_to_full(used, trend) } else { hours_to_threshold(trend) };
    let heading = lasting_rise(trend) && hours.is_some_and(|h| h <= horizon);
    match (heading && config.blend().current < 1.0, above) {
        (true, _) => State::TrendingTowardOverload,
        (false, true) => State::StableButHot,
        (false, false) => State::Healthy,
    }
}

/// Hours until what is used so far is full if a claimed rise goes on.
pub(crate) fn hours_to_full(used: Fraction, trend: &Trend) -> Option<f64> {
    let per_day = trend.slope_per_day.filter(|slope| sure_rise(trend) && *slope > 0.0)?;
    Some((1.0 - used.0).max(0.0) / per_day * 24.0)
}

/// Hours until the memory of a node is full if its claimed rise goes on, which that of guests does only as far as they
/// have memory.
pub(crate) fn hours_to_full_memory(outlook: &Outlook, node: &NodeOutlook) -> Option<f64> {
    let hours = hours_to_full(node.mem.current?, &node.mem_trend)?;
    let ends = |guest: &GuestOutlook| {
        let now = guest.memory_now.0;
        now + guest.memory_growth().0 * hours / 24.0 > guest.maxmem.0.max(now)
    };
    let here = |guest: &&GuestOutlook| outlook.nodes[guest.host].name == node.name;
    (!outlook.guests.iter().filter(here).any(ends)).then_some(hours)
}

/// How a metric rises, and what must confirm it.
#[derive(Clone, Copy)]
struct Rise<'a> {
    trend: &'a Trend,
    /// A projection must have stood for two days instead of being near.
    lasting: bool,
    /// Share of the node of which it is known that it cannot come.
    beyond: f64,
}

fn of_metric(seen: &Readings, threshold: f64, rise: Rise, config: &PenaltyConfig) -> State {
    let Some(current) = seen.current.or(seen.mean_24h) else { return State::Unknown };
    if config.blend().current >= 1.0 {
        return if current.0 >= threshold { State::Overloaded } else { State::Healthy };
    }
    let high = seen.high_7d.unwrap_or(current).0;
    let lately = seen.high_24h.unwrap_or(current).0.max(current.0);
    let falling = rise.trend.direction == Direction::SustainedDecrease;
    if high >= threshold && lately >= threshold && !falling {
        return State::Overloaded;
    }
    if rise.leads_to(threshold, high.max(lately), config) {
        return State::TrendingTowardOverload;
    }
    let usually = seen.mean_7d.unwrap_or(current).0;
    if high >= threshold || usually >= threshold - HOT_MARGIN {
        return State::StableButHot;
    }
    State::Healthy
}

impl Rise<'_> {
    /// Whether it is claimed, crosses the threshold within the horizon from where it is `high`, and something
    /// confirms it.
    fn leads_to(self, threshold: f64, high: f64, config: &PenaltyConfig) -> bool {
        let horizon = config.settings.analysis_lookback.hours().0;
        let crosses = hours_to_threshold(self.trend).is_some_and(|h| h <= horizon);
        let confirmed = match self.lasting {
            true => lasting_rise(self.trend),
            false => sure_rise(self.trend) && high >= threshold - NEAR_MARGIN,
        };
        let possible =
            self.beyond <= 0.0 || high + growth(self.trend, config) - self.beyond >= threshold;
        crosses && confirmed && possible
    }
}

/// Whether a rise is claimed with enough confidence.
pub(super) fn sure_rise(trend: &Trend) -> bool {
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
