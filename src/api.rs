//! The JSON contract: requests and replies of every verb, for CLI, C ABI, Perl and UI alike.
//!
//! Fields are only ever added. Times are unix seconds; shares are fractions (1 = all of it) unless
//! a name says percent.

use crate::backtest::{Policy, Report};
use crate::evidence::TrendEvidence;
use crate::model::{
    Bucket, Bytes, Cores, GuestKind, GuestSample, GuestStatus, Inventory, Migration, Tick, Unit,
    UnixTime, Vmid,
};
use crate::outcome::{Accuracy, Decile, Outcome, Tally, Verdict};
use crate::outlook::Readings;
use crate::recommend::{
    Balancer, Blocker, BlockerCode, Confidence, Cost, Finding, Overload, Peaks, State, Urgency,
    Window,
};
use crate::score::Contribution;
use crate::settings::{Entry, most_kept_hours};
use crate::store::{DataQuality, Retention, Stats, Verification};
use crate::trend::{BeforeAfter, Behaviour, Direction, Plot, StabilityComparison, Trend};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// What `append` did with a stream of ticks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AppendReply {
    /// Ticks stored.
    pub appended: u64,
    /// Ticks that were stored already (same time).
    pub duplicates: u64,
    /// Ticks that came too late: samples of their time are kept no more, and its hourly and six-hourly values rest
    /// on as many or more. Nothing of these ticks stays.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late: u64,
    /// Ticks refused; nothing of them is stored.
    pub rejected: u64,
    /// The first refusals, with the line they stand in.
    pub errors: Vec<LineError>,
    /// Repairs, values beyond their scale, and troubles that lost no tick.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A refused line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineError {
    /// Line of the input, from 1.
    pub line: u64,
    /// What is wrong and where in the tick.
    pub message: String,
}

/// What one collector run saw and stored.
#[derive(Clone, Debug, Serialize)]
pub struct CollectReply {
    /// Time of the tick.
    pub ts: UnixTime,
    /// Nodes of the cluster.
    pub nodes: usize,
    /// Those that are online.
    pub nodes_online: usize,
    /// Guests of the cluster.
    pub guests: usize,
    /// Those that run.
    pub guests_running: usize,
    /// Whether the tick was stored; not where there is one of its time already.
    pub stored: bool,
    /// What was odd: skipped lines, reset counters, values that cannot be.
    pub warnings: Vec<String>,
}

impl CollectReply {
    /// What `tick` holds, and whether it was `stored`.
    pub fn of(tick: &Tick, stored: bool, warnings: Vec<String>) -> Self {
        let running = |g: &&GuestSample| g.status == GuestStatus::Running;
        Self {
            ts: tick.ts,
            nodes: tick.nodes.len(),
            nodes_online: tick.nodes.iter().filter(|n| n.online).count(),
            guests: tick.guests.len(),
            guests_running: tick.guests.iter().filter(running).count(),
            stored,
            warnings,
        }
    }
}

/// What `compress` did.
#[derive(Clone, Debug, Serialize)]
pub struct CompressReply {
    /// Rows written to the coarser tiers.
    pub rows: usize,
    /// Files removed because they were too old.
    pub removed: usize,
    /// Troubles that left something undone; the next run tries again.
    pub warnings: Vec<String>,
}

/// What is stored of one node or guest.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryReply {
    /// `node pve1` or `guest 100`.
    pub entity: String,
    /// Metrics that have values.
    pub metrics: Vec<MetricHistory>,
    /// Files and frames that could not be read.
    pub warnings: Vec<String>,
}

/// What is stored of one metric.
#[derive(Clone, Debug, Serialize)]
pub struct MetricHistory {
    /// Name of the metric.
    pub metric: String,
    /// Unit of the values.
    pub unit: Unit,
    /// What it is.
    pub help: String,
    /// Values, oldest first: samples where they are kept, else hourly, else six-hourly.
    pub buckets: Vec<Bucket>,
}

/// How complete the stored data is.
#[derive(Clone, Debug, Serialize)]
pub struct QualityReply {
    /// Moment of the question.
    pub now: UnixTime,
    /// How long the store keeps what: coverage is the share of it.
    pub retention: Retention,
    /// By entity.
    pub entities: Vec<QualityEntry>,
    /// That the data is old, and files and frames that could not be read.
    pub warnings: Vec<String>,
}

/// How complete the data of one node or guest is.
#[derive(Clone, Debug, Serialize)]
pub struct QualityEntry {
    /// `node pve1` or `guest 100`.
    pub entity: String,
    /// The figures.
    #[serde(flatten)]
    pub quality: DataQuality,
}

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

/// Advice.
#[derive(Clone, Debug, Serialize)]
pub struct RecommendReply {
    /// Moment of the analysis.
    pub now: UnixTime,
    /// Newest sample behind it.
    pub data_until: UnixTime,
    /// Nodes by name.
    pub nodes: Vec<NodeReply>,
    /// Moves in the order in which to make them.
    pub recommendations: Vec<Recommendation>,
    /// Moves that were weighed and rejected.
    pub considered: Vec<ConsideredMove>,
    /// Guests that were not candidates, with the reason.
    pub skipped: Vec<SkippedGuest>,
    /// Expected overload without the moves.
    pub overload_before: Overload,
    /// Expected overload with them.
    pub overload_after: Overload,
    /// Hours ahead that "expected" looks.
    pub horizon_hours: f64,
    /// Hours of history from which a trend may be claimed; nodes with less are still collecting.
    pub trend_hours: f64,
    /// One or two sentences: what to do, or why there is nothing to do.
    pub summary: String,
    /// What PVE's own balancer sees and will do.
    pub crs: Balancer,
    /// What is different from an earlier reply; absent when none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// What was odd or not known.
    pub warnings: Vec<String>,
}

/// What an earlier reply to `recommend` said; everything else in it is ignored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Earlier {
    /// Moment of its analysis.
    pub now: UnixTime,
    /// Moves that it recommended.
    pub recommendations: Vec<EarlierMove>,
}

/// A move of an earlier reply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EarlierMove {
    /// Guest.
    pub vmid: Vmid,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Node it was to leave.
    pub source: String,
    /// Node it was to go to.
    pub target: String,
}

/// What is different from an earlier reply.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Changes {
    /// Moment of the earlier analysis.
    pub since: UnixTime,
    /// Moves that are recommended now and were not then.
    pub new: Vec<EarlierMove>,
    /// Moves that were recommended then and are not now.
    pub gone: Vec<Gone>,
    /// Moves whose target changed.
    pub other_target: Vec<OtherTarget>,
    /// Moves that both recommend.
    pub unchanged: usize,
}

/// A move that is no longer recommended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gone {
    /// The move.
    #[serde(flatten)]
    pub was: EarlierMove,
    /// What became of it, in one clause.
    pub why: String,
}

/// A move with another target than before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OtherTarget {
    /// The move as it is recommended now.
    #[serde(flatten)]
    pub now: EarlierMove,
    /// Target of then.
    pub earlier_target: String,
}

/// A node's part in the advice.
#[derive(Clone, Debug, Serialize)]
pub struct NodeReply {
    /// Name in the cluster.
    pub name: String,
    /// Its state.
    pub state: State,
    /// Whether it is overloaded or heading there by CPU, memory or IO wait; a storage alone is none of its load.
    pub in_trouble: bool,
    /// Whether HA has it in maintenance, or was asked to.
    pub maintenance: bool,
    /// How soon somebody should look.
    pub urgency: Urgency,
    /// What it is about, the worst metric first.
    pub findings: Vec<Finding>,
    /// Cores.
    pub maxcpu: Cores,
    /// Memory.
    pub maxmem: Bytes,
    /// Running guests; of an offline node those that were left there.
    pub guests: usize,
    /// CPU: now as measured, before as if today's guests had always been there.
    pub cpu: Readings,
    /// Memory, likewise.
    pub memory: Readings,
    /// Measured wait for disks.
    pub iowait: Readings,
    /// CPU change per day, as a share of capacity; only where a trend is claimed.
    pub cpu_trend_per_day: Option<f64>,
    /// Direction of the CPU.
    pub cpu_direction: Direction,
    /// Memory change per day.
    pub mem_trend_per_day: Option<f64>,
    /// Direction of the memory use.
    pub mem_direction: Direction,
    /// 0 (erratic) to 100 (predictable): the least of CPU, memory and IO wait.
    pub stability_score: Option<f64>,
    /// Expected overload without moves.
    pub overload: Overload,
    /// Days of history.
    pub history_days: f64,
}

/// A move that is recommended.
#[derive(Clone, Debug, Serialize)]
pub struct Recommendation {
    /// Position in the plan, from 1.
    pub order: usize,
    /// Guest.
    pub vmid: Vmid,
    /// Its name.
    pub name: String,
    /// VM or container.
    #[serde(rename = "type")]
    pub kind: GuestKind,
    /// Node it leaves.
    pub source: String,
    /// Node it goes to.
    pub target: String,
    /// How soon.
    pub urgency: Urgency,
    /// 0 to 100.
    pub confidence: f64,
    /// What the confidence consists of.
    pub confidence_parts: Confidence,
    /// Why, in two sentences.
    pub decision_explanation: String,
    /// What the decision rests on.
    pub trend_evidence: TrendEvidence,
    /// Command to paste into a shell on the source node; nothing runs it for you.
    pub command: String,
    /// What to know before running it, each in one clause.
    pub concerns: Vec<String>,
    /// Scores and what it costs.
    #[serde(flatten)]
    pub weighing: Weighing,
}

/// What a move brings and costs.
#[derive(Clone, Debug, Serialize)]
pub struct Weighing {
    /// Penalty points that the guest's place loses.
    pub score_improvement: f64,
    /// Penalties of the source, by term.
    pub source_score: Vec<Contribution>,
    /// Penalties of the target with the guest, by term.
    pub target_score: Vec<Contribution>,
    /// Overload that it avoids.
    pub benefit: Overload,
    /// What it costs.
    pub cost: Cost,
    /// Busy hours of the source.
    pub source_peaks: Peaks,
    /// Busy hours of the target.
    pub target_peaks: Peaks,
    /// When to make it; absent where any hour is as good.
    pub window: Option<Window>,
}

/// A move that was weighed and rejected.
#[derive(Clone, Debug, Serialize)]
pub struct ConsideredMove {
    /// Guest.
    pub vmid: Vmid,
    /// Its name.
    pub name: String,
    /// Node it would leave.
    pub source: String,
    /// Node it would go to.
    pub target: String,
    /// 0 to 100.
    pub confidence: f64,
    /// Why it was rejected.
    pub reason: String,
    /// Scores and what it would cost.
    #[serde(flatten)]
    pub weighing: Weighing,
}

/// A guest that was not a candidate.
#[derive(Clone, Debug, Serialize)]
pub struct SkippedGuest {
    /// Guest.
    pub vmid: Vmid,
    /// Its name.
    pub name: String,
    /// Its host.
    pub node: String,
    /// Why, in one clause.
    pub reason: String,
    /// What keeps it where it is, or what keeps it from the node that would be best, then from the others.
    pub blockers: Vec<Blocker>,
}

/// What became of migrations, and how good the advice about them was.
#[derive(Clone, Debug, Serialize)]
pub struct OutcomesReply {
    /// Moment of the question.
    pub now: UnixTime,
    /// Newest move first.
    pub outcomes: Vec<OutcomeEntry>,
    /// Guests that moved, by vmid.
    pub guests: Vec<GuestOutcomes>,
    /// Predicted against actual relief at `1h` and `24h`, of all moves.
    pub accuracy: BTreeMap<&'static str, Accuracy>,
    /// Stated confidence against what came, ten deciles.
    pub calibration: Vec<Decile>,
    /// What was odd.
    pub warnings: Vec<String>,
}

/// A move with its timeline.
#[derive(Clone, Debug, Serialize)]
pub struct OutcomeEntry {
    /// Verdict of the longest window that is judged.
    pub result: Verdict,
    /// Why, in one clause.
    pub summary: String,
    /// All of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// How a guest's moves turned out.
#[derive(Clone, Debug, Serialize)]
pub struct GuestOutcomes {
    /// Its number.
    pub vmid: Vmid,
    /// Its newest name.
    pub name: String,
    /// Counts.
    #[serde(flatten)]
    pub tally: Tally,
    /// Share of judged moves that helped; absent while none is judged.
    pub success_rate: Option<f64>,
    /// Predicted against actual relief at `1h` and `24h`.
    pub accuracy: BTreeMap<&'static str, Accuracy>,
}

/// A guest against every node.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainReply {
    /// Moment of the analysis.
    pub now: UnixTime,
    /// Newest sample behind it.
    pub data_until: UnixTime,
    /// Guest.
    pub vmid: Vmid,
    /// Its name.
    pub name: String,
    /// VM or container.
    #[serde(rename = "type")]
    pub kind: GuestKind,
    /// Its host.
    pub node: String,
    /// Run state.
    pub status: GuestStatus,
    /// What the advice makes of it.
    pub verdict: Standing,
    /// The same in a sentence or two.
    pub summary: String,
    /// Why it cannot move at all: they hold for every target.
    pub blockers: Vec<Blocker>,
    /// Penalty points of its host; absent when the guest does not run.
    pub source: Option<Place>,
    /// Every other node: possible ones first, the best in front.
    pub targets: Vec<ExplainTarget>,
    /// When to move it; absent where any hour is as good.
    pub window: Option<Window>,
    /// What to know before moving it, each in one clause.
    pub concerns: Vec<String>,
    /// What PVE's own balancer sees and will do.
    pub crs: Balancer,
    /// What was odd or not known.
    pub warnings: Vec<String>,
}

/// What the advice makes of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// The plan moves it.
    Recommended,
    /// The plan weighed a move and rejected it.
    Weighed,
    /// It could move, but nothing asks for it.
    Possible,
    /// It cannot move anywhere.
    Stays,
}

/// Penalty points of a node as a guest's home; lower is better.
#[derive(Clone, Debug, Serialize)]
pub struct Place {
    /// Node.
    pub node: String,
    /// Sum of the terms.
    pub score: f64,
    /// By term.
    pub terms: Vec<Contribution>,
}

/// A node as the target of a guest.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainTarget {
    /// Node.
    pub node: String,
    /// Whether the guest could go there.
    pub feasible: bool,
    /// What stands in the way between the two.
    pub blockers: Vec<Blocker>,
    /// Penalty points with the guest; absent when it does not run or the node is offline.
    pub score: Option<f64>,
    /// By term.
    pub terms: Vec<Contribution>,
    /// What the move would bring and cost; absent like the score.
    #[serde(flatten)]
    pub weighing: Option<ExplainMove>,
    /// Whether the settings would take this move by itself.
    pub worth: bool,
    /// Why not, or what it takes where the plan makes the move, in one clause.
    pub reason: Option<String>,
    /// Command to paste into a shell on the source node, where the move is possible.
    pub command: Option<String>,
}

/// What a move to a target would bring and cost.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainMove {
    /// Penalty points that the guest's place loses.
    pub score_improvement: f64,
    /// Overload that it avoids.
    pub benefit: Overload,
    /// What it costs.
    pub cost: Cost,
    /// 0 to 100.
    pub confidence: f64,
    /// Busy hours of the source.
    pub source_peaks: Peaks,
    /// Busy hours of the target.
    pub target_peaks: Peaks,
}

/// A way to empty a node. Nothing is executed.
#[derive(Clone, Debug, Serialize)]
pub struct DrainReply {
    /// Moment of the analysis.
    pub now: UnixTime,
    /// Newest sample behind it.
    pub data_until: UnixTime,
    /// Node to empty.
    pub node: String,
    /// Whether it is online.
    pub online: bool,
    /// Whether PVE has it in maintenance.
    pub maintenance: bool,
    /// Every guest has a place.
    pub complete: bool,
    /// One or two sentences.
    pub summary: String,
    /// Moves in the order in which to make them.
    pub steps: Vec<DrainStep>,
    /// Guests without a place.
    pub stays: Vec<DrainStay>,
    /// The other nodes, before and after.
    pub nodes: Vec<DrainNode>,
    /// Worth knowing, such as what HA does by itself.
    pub notes: Vec<String>,
    /// What was odd or not known.
    pub warnings: Vec<String>,
}

/// A guest that leaves the node.
#[derive(Clone, Debug, Serialize)]
pub struct DrainStep {
    /// Position, from 1.
    pub order: usize,
    /// Guest.
    pub vmid: Vmid,
    /// Its name.
    pub name: String,
    /// VM or container.
    #[serde(rename = "type")]
    pub kind: GuestKind,
    /// Whether it runs.
    pub running: bool,
    /// Node it goes to.
    pub target: String,
    /// Guests that must go to the same node.
    pub together: Vec<Vmid>,
    /// What it costs; absent when it does not run.
    pub cost: Option<Cost>,
    /// Command to paste into a shell on the node; nothing runs it for you.
    pub command: String,
    /// What to know before running it, each in one clause.
    pub concerns: Vec<String>,
}

/// A guest without a place.
#[derive(Clone, Debug, Serialize)]
pub struct DrainStay {
    /// Guest.
    pub vmid: Vmid,
    /// Its name.
    pub name: String,
    /// VM or container.
    #[serde(rename = "type")]
    pub kind: GuestKind,
    /// Whether it runs.
    pub running: bool,
    /// What stands in the way.
    pub blockers: Vec<DrainBlocker>,
}

/// What keeps a guest on the node.
#[derive(Clone, Debug, Serialize)]
pub struct DrainBlocker {
    /// Node that it could not go to; absent: it holds for every node.
    pub node: Option<String>,
    /// Stable word for programs.
    pub code: BlockerCode,
    /// One clause for people.
    pub text: String,
}

/// Another node, before and after all steps: busy hours as shares of capacity.
#[derive(Clone, Debug, Serialize)]
pub struct DrainNode {
    /// Its name.
    pub name: String,
    /// Guests that come.
    pub arrivals: usize,
    /// Busy hours.
    #[serde(flatten)]
    pub peaks: Peaks,
}

/// What `import` took over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImportReply {
    /// Whose history: `rrd` or `proxbalance`.
    pub source: String,
    /// Files read.
    pub files: usize,
    /// Files or rows that could not be used; the warnings say which.
    pub refused: usize,
    /// Nodes of which something was taken.
    pub nodes: usize,
    /// Guests of which something was taken.
    pub guests: usize,
    /// Ticks stored.
    pub ticks: u64,
    /// Time of the oldest of them.
    pub from: Option<UnixTime>,
    /// Time of the newest of them.
    pub until: Option<UnixTime>,
    /// Rows left out because the store has something for their time, or because of their age.
    pub left_out: u64,
    /// Minimum, maximum and 95th percentile of the imported time are estimates: those of averages.
    pub estimated: bool,
    /// What to know about the imported time.
    pub notes: Vec<String>,
    /// What was odd, by file.
    pub warnings: Vec<String>,
}

/// Whether every stored byte is as it was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerifyReply {
    /// Nothing was found.
    pub clean: bool,
    /// What was read and found.
    #[serde(flatten)]
    pub verification: Verification,
}

/// How large the store is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatsReply {
    /// Moment of the question: "today" began at midnight UTC before it.
    pub now: UnixTime,
    /// The figures.
    #[serde(flatten)]
    pub stats: Stats,
}

/// A number that a request may leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<T> {
    /// What it may be.
    pub range: RangeInclusive<T>,
    /// What it is where nobody says.
    pub usual: T,
}

/// Hours of the past that a question is about: as far as a store can reach, usually a week.
pub fn hours() -> Choice<u32> {
    Choice { range: 1..=most_kept_hours(), usual: 168 }
}

/// Values of a metric that a history is thinned to: usually as many as a plot has pixels for.
pub const POINTS: Choice<usize> = Choice { range: 2..=2_000, usual: 300 };

/// Days that a backtest judges.
pub fn days() -> Choice<u32> {
    Choice { range: 1..=most_kept_hours() / 24, usual: 30 }
}

/// Hours between the decisions of a backtest. It tells what following the advice would have brought: an admin does not
/// look hourly, and a day without a look is not following.
pub const EVERY: Choice<usize> = Choice { range: 1..=24, usual: 6 };

/// The same on the command line, which compares rules with each other: some act hourly, and who waits may as well wait
/// for all of it.
pub const EVERY_COMPARED: Choice<usize> = Choice { range: 1..=168, usual: 1 };

/// What a backtest compares usually; on the command line all that there are, for the same reason.
pub const POLICIES: [Policy; 2] = [Policy::None, Policy::Ours];

/// Which engine to open.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenRequest {
    /// Directory that holds the metrics, as an absolute path: a daemon changes its directory.
    pub state: PathBuf,
}

/// One run of the collector.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectRequest {
    /// Root of the pmxcfs tree.
    pub root: PathBuf,
    /// Where the counters of the previous run are kept.
    pub run_dir: PathBuf,
    /// Moment of the run; absent: the clock.
    pub now: Option<UnixTime>,
}

/// Whose history to import: one of the first two.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// Directory of PVE's RRD files.
    pub rrd: Option<PathBuf>,
    /// ProxBalance's database, or one of its older JSON files.
    pub proxbalance: Option<PathBuf>,
    /// As in [`RecommendRequest`]; absent: the newest tick says which guest is on which node.
    pub inventory_path: Option<PathBuf>,
    /// Moment up to which history is taken; absent: the clock.
    pub now: Option<UnixTime>,
}

/// A question with no more than a moment: `compress`, `status`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MomentRequest {
    /// Moment of the question; absent: the clock.
    pub now: Option<UnixTime>,
}

/// Whose trends to analyse.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrendsRequest {
    /// Moment of the analysis; absent: the clock, or the newest sample where that is older than an
    /// hour.
    pub now: Option<UnixTime>,
    /// Window of the trend in the range of [`hours`]; absent: the settings' own.
    pub lookback_hours: Option<u32>,
    /// Only this node.
    pub node: Option<String>,
    /// Only this guest.
    pub guest: Option<Vmid>,
    /// Only nodes or only guests.
    pub only: Option<Only>,
    /// Names of the metrics to answer with; absent: all that have values.
    pub metrics: Option<Vec<String>>,
    /// Content of the settings file; absent: the defaults.
    pub settings: Option<String>,
}

/// A half of a cluster's trends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Only {
    /// Its nodes.
    Nodes,
    /// Its guests.
    Guests,
}

/// What to decide from.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecommendRequest {
    /// As in [`TrendsRequest`].
    pub now: Option<UnixTime>,
    /// A pmxcfs tree or a JSON file with the constraints.
    pub inventory_path: Option<PathBuf>,
    /// The constraints themselves. With neither, only the last tick is known.
    pub inventory: Option<Inventory>,
    /// Content of the settings file; absent: the defaults.
    pub settings: Option<String>,
    /// An earlier reply, to tell what changed since.
    pub since: Option<Earlier>,
}

/// Which guest to explain.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// As in [`TrendsRequest`].
    #[serde(default)]
    pub now: Option<UnixTime>,
    /// As in [`RecommendRequest`].
    #[serde(default)]
    pub inventory_path: Option<PathBuf>,
    /// As in [`RecommendRequest`].
    #[serde(default)]
    pub inventory: Option<Inventory>,
    /// Content of the settings file; absent: the defaults.
    #[serde(default)]
    pub settings: Option<String>,
    /// The guest.
    pub guest: Vmid,
    /// Only this target.
    #[serde(default)]
    pub target: Option<String>,
}

/// Which node to empty.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrainRequest {
    /// As in [`TrendsRequest`].
    #[serde(default)]
    pub now: Option<UnixTime>,
    /// As in [`RecommendRequest`].
    #[serde(default)]
    pub inventory_path: Option<PathBuf>,
    /// As in [`RecommendRequest`].
    #[serde(default)]
    pub inventory: Option<Inventory>,
    /// Content of the settings file; absent: the defaults.
    #[serde(default)]
    pub settings: Option<String>,
    /// The node.
    pub node: String,
}

/// Whose outcomes to tell.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomesRequest {
    /// As in [`TrendsRequest`].
    pub now: Option<UnixTime>,
    /// Only this guest.
    pub guest: Option<Vmid>,
    /// Content of the settings file; absent: the defaults.
    pub settings: Option<String>,
}

/// What other moves, or none, would have made of the stored time.
#[derive(Clone, Debug, Serialize)]
pub struct BacktestReply {
    /// End of the stored time that was asked for.
    pub now: UnixTime,
    /// One sentence.
    pub summary: String,
    /// Figures of what really happened, then of each policy.
    #[serde(flatten)]
    pub report: Report,
    /// What makes the figures less than they seem, and what was odd.
    pub warnings: Vec<String>,
}

/// What to replay.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BacktestRequest {
    /// End of the replay; as in [`TrendsRequest`].
    pub now: Option<UnixTime>,
    /// Days judged, as [`days`] allows.
    pub days: Option<u32>,
    /// Hours between decisions, as [`EVERY`] allows.
    pub every: Option<usize>,
    /// Names of policies; absent: [`POLICIES`].
    pub policies: Option<Vec<String>>,
    /// Names of sensitivities to compare; absent: that of the settings.
    pub sensitivities: Option<Vec<String>>,
    /// As in [`RecommendRequest`].
    pub inventory_path: Option<PathBuf>,
    /// As in [`RecommendRequest`].
    pub inventory: Option<Inventory>,
    /// Content of the settings file; absent: the defaults.
    pub settings: Option<String>,
}

/// What to plot.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryRequest {
    /// As in [`TrendsRequest`].
    pub now: Option<UnixTime>,
    /// A node, or
    pub node: Option<String>,
    /// a guest.
    pub guest: Option<Vmid>,
    /// How far back to look, as [`hours`] allows.
    pub hours: Option<u32>,
    /// Most values per metric, as [`POINTS`] allows.
    pub points: Option<usize>,
    /// Names of the metrics; absent: all that have values.
    pub metrics: Option<Vec<String>>,
}

/// Whose data to judge; of everybody when nobody is named.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityRequest {
    /// As in [`TrendsRequest`].
    pub now: Option<UnixTime>,
    /// A node, or
    pub node: Option<String>,
    /// a guest.
    pub guest: Option<Vmid>,
}

/// What holds, or what would hold after a change. Nothing is written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsRequest {
    /// Content of the settings file; absent: there is none yet.
    pub content: Option<String>,
    /// The change.
    pub change: Option<SettingsChange>,
}

/// A change of settings, as the API's PUT and DELETE ask for it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingsChange {
    /// Names of the five with values, and `delete` with a list of names.
    MigrationSettings(Value),
    /// Names of expert keys with values, and `delete` with a list of names.
    PenaltyConfig(Value),
    /// No expert values any more.
    DeletePenaltyConfig,
}

/// Settings as they hold.
#[derive(Clone, Debug, Serialize)]
pub struct SettingsReply {
    /// The five, chosen or default, by name.
    pub settings: Map<String, Value>,
    /// Names of those of the five that were chosen.
    pub chosen: Vec<&'static str>,
    /// Every expert key with its value and where that comes from.
    pub effective: Vec<Entry>,
    /// What is odd about the file.
    pub warnings: Vec<String>,
    /// Why the file could not be used: the defaults hold, and it must not be overwritten.
    pub refused: Option<String>,
    /// What to write to the file after a change; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// How the engine and its store are.
#[derive(Clone, Debug, Serialize)]
pub struct StatusReply {
    /// Version of the engine.
    pub version: &'static str,
    /// Moment of the question.
    pub now: UnixTime,
    /// Whether there is a store; the first collector run makes it.
    pub store: bool,
    /// Time of the newest sample at or before `now`.
    pub last_sample: Option<UnixTime>,
    /// Seconds since then.
    pub last_sample_age: Option<i64>,
    /// How large the store is.
    pub size: Option<Stats>,
    /// How complete the collector's work is: of its runs, whoever was in them.
    pub quality: Option<DataQuality>,
    /// How the collector does.
    pub collector: Option<CollectorHealth>,
    /// What an admin should know, each with its remedy; empty when all is well.
    pub warnings: Vec<String>,
}

/// How the collector does, judged by what it stored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CollectorHealth {
    /// Time of the newest run that stored something, at or before now.
    pub last_run: UnixTime,
    /// Seconds usually between two runs; `None` while no two are kept.
    pub interval: Option<i64>,
    /// Runs in the last hour.
    pub runs_last_hour: u32,
    /// Runs that the last hour lacks, by the usual interval; `None` while that is not known.
    pub missed_last_hour: Option<u32>,
    /// Whether the next run is overdue: none for more than two intervals and a minute.
    pub late: bool,
}
