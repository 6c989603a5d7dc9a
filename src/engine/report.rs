//! Replies about what is stored and how it develops.

use super::explain::{unknown_guest, unknown_node};
use super::history::History;
use super::{TrendsRequest, growth};
use crate::api::{
    GuestTrends, HistoryReply, MetricHistory, MetricTrend, NodeTrends, Only, StabilityReply,
    TrendsReply,
};
use crate::error::{Error, Kind, Result};
use crate::model::{Bucket, GuestMetric, Metric, Migration, NodeMetric, Unit, UnixTime};
use crate::series::{LocalTime, Point};
use crate::store::{self, Entity, GuestTrack};
use crate::trend::{
    Nature, Params, Scale, Trend, analyze, analyze_each, compare_node_stability, node_stability,
    plot,
};

/// Traffic below this is idle.
const IDLE_BYTES_PER_SECOND: f64 = 10_000.0;
/// Load averages and counts below this are idle.
const IDLE_NUMBER: f64 = 0.1;

/// What is said when nothing of what was asked for is there.
pub(super) const NOTHING: &str =
    "nothing is stored under this name in this time; `quality` lists of whom something is";

/// `node pve1` or `guest 100`.
pub(super) fn entity_label(entity: &Entity) -> String {
    match entity {
        Entity::Node(name) => format!("node {name}"),
        Entity::Guest(vmid) => format!("guest {vmid}"),
        Entity::Collector => "collector".into(),
    }
}

/// All metrics of a history that have values.
pub(super) fn history<M: Metric>(
    entity: String,
    history: &store::History<M>,
) -> Result<HistoryReply>
where
    store::History<M>: Buckets<M>,
{
    if history.count() == 0 {
        return Err(Error::new(Kind::NotFound, NOTHING).at(entity));
    }
    let metrics = M::ALL.iter().map(|&metric| MetricHistory {
        metric: metric.name().to_string(),
        unit: metric.unit(),
        help: metric.help().to_string(),
        buckets: history.buckets(metric),
    });
    let metrics = metrics.filter(|m| !m.buckets.is_empty()).collect();
    Ok(HistoryReply { entity, metrics, warnings: history.warned() })
}

/// A stored history of either kind.
pub(super) trait Buckets<M> {
    fn count(&self) -> usize;
    fn buckets(&self, metric: M) -> Vec<Bucket>;
    fn warned(&self) -> Vec<String>;
}

macro_rules! buckets {
    ($($metric:ty),+) => {$(
        impl Buckets<$metric> for store::History<$metric> {
            fn count(&self) -> usize {
                self.windows().len()
            }
            fn buckets(&self, metric: $metric) -> Vec<Bucket> {
                self.series(metric)
            }
            fn warned(&self) -> Vec<String> {
                self.warnings.iter().map(ToString::to_string).collect()
            }
        }
    )+};
}

buckets!(NodeMetric, GuestMetric);

/// Trends of whom the request names, or of everybody, with those of the `moves` that concern them.
pub(super) fn trends(
    history: &History,
    moves: &[Migration],
    request: &TrendsRequest,
    local: &LocalTime,
) -> Result<TrendsReply> {
    let asked_node = |name: &String| request.node.as_ref().is_none_or(|n| n == name);
    let asked_guest = |t: &&GuestTrack| request.guest.is_none_or(|vmid| vmid == t.vmid);
    let wants_nodes = request.guest.is_none() && request.only != Some(Only::Guests);
    let wants_guests = request.node.is_none() && request.only != Some(Only::Nodes);
    let names = history.node_names();
    let tracks = history.guest_tracks();
    let asked: Vec<&String> = names.iter().filter(|n| wants_nodes && asked_node(n)).collect();
    let nodes =
        analyze_each(&asked, |name| analyze_node_trends(history, name, moves, request, local));
    let asked: Vec<&GuestTrack> =
        tracks.into_iter().filter(|track| wants_guests && asked_guest(track)).collect();
    let guests =
        analyze_each(&asked, |track| analyze_guest_trends(history, track, moves, request, local));
    let missing = match (&request.node, request.guest) {
        (Some(name), _) if nodes.is_empty() => {
            Some(unknown_node(name, names.iter().map(String::as_str)))
        }
        (_, Some(vmid)) if guests.is_empty() => Some(unknown_guest(vmid)),
        _ => None,
    };
    match missing {
        Some(error) => Err(error),
        None => {
            let mut warnings = history.warnings();
            warnings.extend(shorter(history, request.lookback_hours));
            Ok(TrendsReply { now: history.now, nodes, guests, warnings })
        }
    }
}

/// That the store does not reach as far back as was asked, if so.
fn shorter(history: &History, asked: u32) -> Option<String> {
    let days = |hours: u32| format!("{:.1} days", f64::from(hours) / 24.0);
    let known = history.window(asked);
    (known < asked).then(|| format!("{} are stored of the {} asked for", days(known), days(asked)))
}

/// How each metric of a node develops.
fn analyze_node_trends(
    history: &History,
    name: &str,
    moves: &[Migration],
    request: &TrendsRequest,
    local: &LocalTime,
) -> NodeTrends {
    let touches = |m: &&Migration| m.from == name || m.to == name;
    let shifts: Vec<UnixTime> = moves.iter().filter(touches).map(|m| m.time).collect();
    let asked = |m: &&NodeMetric| request.wants(m.name()) || STEADY.contains(m);
    let metrics = NodeMetric::ALL.iter().filter(asked).filter_map(|&metric| {
        let points = history.node_points(name, metric);
        let config = &request.config;
        let (threshold, nature) = match metric {
            NodeMetric::Cpu => (Some(config.cpu_threshold), Nature::Work),
            NodeMetric::Memory => (Some(config.mem_threshold), Nature::Fill),
            NodeMetric::Iowait => (Some(config.iowait_threshold), Nature::Work),
            NodeMetric::StorageUsage => (Some(config.storage_threshold), Nature::Fill),
            NodeMetric::Swap => (None, Nature::Fill),
            _ => (None, Nature::Work),
        };
        let limit = threshold.map(|t| t.0);
        let params =
            Params { shifts: &shifts, ..params(metric, limit, nature, history, request, local) };
        trend(metric, &points, &params, request)
    });
    let mut metrics: Vec<MetricTrend> = metrics.collect();
    let stability_score = node_stability(steady(&metrics));
    let claimed = |metric: NodeMetric| {
        metrics.iter().any(|m| m.metric == metric.name() && m.trend.claimed_slope().is_some())
    };
    let growth = match request.node {
        Some(_) => growth::of_node(history, name, claimed, request, local),
        None => Vec::new(),
    };
    metrics.retain(|m| request.wants(m.metric));
    NodeTrends {
        node: name.to_string(),
        lookback_hours: history.window(request.lookback_hours),
        stability_score,
        metrics,
        migrations: match request.node {
            Some(_) => moves.iter().filter(touches).cloned().collect(),
            None => Vec::new(),
        },
        growth,
    }
}

/// Metrics of guests that an answer is made from: those asked for, and the one that says how a guest behaves.
pub(super) fn of_guests(request: &TrendsRequest) -> Vec<GuestMetric> {
    let asked = |m: &GuestMetric| request.wants(m.name()) || *m == GuestMetric::Cpu;
    GuestMetric::ALL.iter().copied().filter(asked).collect()
}

/// How each metric of a guest develops, and what its migrations did.
fn analyze_guest_trends(
    history: &History,
    track: &GuestTrack,
    moves: &[Migration],
    request: &TrendsRequest,
    local: &LocalTime,
) -> GuestTrends {
    let metrics = of_guests(request).into_iter().filter_map(|metric| {
        let points = history.guest_points(track, metric);
        let nature = match metric {
            GuestMetric::Memory | GuestMetric::MemoryHost => Nature::Fill,
            _ => Nature::Work,
        };
        let params = params(metric, None, nature, history, request, local);
        trend(metric, &points, &params, request)
    });
    let mut metrics: Vec<MetricTrend> = metrics.collect();
    let cpu = metrics.iter().find(|m| m.metric == GuestMetric::Cpu.name());
    let behavior = cpu.and_then(|m| m.trend.behavior);
    let peak_hours = cpu.map(|m| m.trend.peak_hours.clone()).unwrap_or_default();
    metrics.retain(|m| request.wants(m.metric));
    // Another guest may have had the number before.
    let own = |m: &&Migration| m.vmid == track.vmid && m.time >= track.since;
    let moves: Vec<Migration> = moves.iter().filter(own).cloned().collect();
    GuestTrends {
        vmid: track.vmid,
        name: track.name.clone(),
        node: track.placements.last().map_or_else(String::new, |p| p.host.to_string()),
        lookback_hours: history.window(request.lookback_hours),
        behavior,
        peak_hours,
        effects: match request.guest {
            Some(_) => growth::effects(history, track, &moves),
            None => Vec::new(),
        },
        migrations: moves,
        metrics,
    }
}

/// What says how steady a node is.
const STEADY: [NodeMetric; 3] = [NodeMetric::Cpu, NodeMetric::Memory, NodeMetric::Iowait];

fn steady(metrics: &[MetricTrend]) -> impl Iterator<Item = &Trend> {
    let counts = |m: &&MetricTrend| STEADY.iter().any(|s| s.name() == m.metric);
    metrics.iter().filter(counts).map(|m| &m.trend)
}

/// Compares two nodes of the reply by the least steady of CPU, memory and I/O wait.
pub(super) fn compare(reply: &TrendsReply, names: [&str; 2]) -> Result<StabilityReply> {
    let trends = |name: &str| -> Result<Vec<&Trend>> {
        let node = reply.nodes.iter().find(|n| n.node == name);
        let Some(node) = node else {
            return Err(unknown_node(name, reply.nodes.iter().map(|n| n.node.as_str())));
        };
        Ok(steady(&node.metrics).collect())
    };
    let (first, second) = (trends(names[0])?, trends(names[1])?);
    let comparison = compare_node_stability(first, second).ok_or_else(|| {
        let message = "too short a history for a stability; 3 hours are needed";
        Error::new(Kind::NotFound, message).at(names.join(" and "))
    })?;
    let warnings = reply.warnings.clone();
    Ok(StabilityReply { nodes: names.map(str::to_string), comparison, warnings })
}

/// What to analyse a metric against.
fn params<'a, M: Metric>(
    metric: M,
    threshold: Option<f64>,
    nature: Nature,
    history: &History,
    request: &TrendsRequest,
    local: &'a LocalTime,
) -> Params<'a> {
    let scale = match metric.unit() {
        Unit::Fraction => Scale::Share { whole: 1.0 },
        Unit::BytesPerSecond => Scale::Relative { floor: IDLE_BYTES_PER_SECOND },
        Unit::Number => Scale::Relative { floor: IDLE_NUMBER },
    };
    Params {
        now: history.now,
        lookback_hours: request.lookback_hours,
        threshold,
        worse: metric.worse(),
        scale,
        nature,
        shifts: &[],
        local,
        forecasts: false,
    }
}

/// The trend of a metric; `None` where it has no values.
fn trend<M: Metric>(
    metric: M,
    points: &[Point],
    params: &Params<'_>,
    request: &TrendsRequest,
) -> Option<MetricTrend> {
    let trend: Trend = (!points.is_empty()).then(|| analyze(points, params))?;
    let single = request.node.is_some() || request.guest.is_some();
    let plot = if single { plot(points, params) } else { None };
    Some(MetricTrend { metric: metric.name(), unit: metric.unit(), trend, plot })
}
