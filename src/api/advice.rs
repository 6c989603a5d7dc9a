//! Which moves are worth it and why, how a node is emptied, what became of moves, and what others would have brought.

use crate::backtest::Report;
use crate::evidence::TrendEvidence;
use crate::model::{Bytes, Cores, GuestKind, GuestStatus, UnixTime, Vmid};
use crate::outcome::{Accuracy, Decile, Outcome, Tally, Verdict};
use crate::outlook::Readings;
use crate::recommend::{
    Balancer, Blocker, BlockerCode, Confidence, Cost, Finding, Overload, Peaks, State, Urgency,
    Window,
};
use crate::score::Contribution;
use crate::trend::Direction;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// CPU change per day that is claimed of its running guests, as a share of its capacity: theirs may be a trend where
    /// its own is none, as of a node that is at its limit.
    pub cpu_guests_per_day: f64,
    /// Memory change per day of its guests, likewise.
    pub mem_guests_per_day: f64,
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
    /// What the confidence consists of.
    pub confidence_parts: Confidence,
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
    /// Guests that rules keep it with, where nothing else holds it and all of them could go there together.
    pub with: Vec<Vmid>,
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
    /// What the confidence consists of.
    pub confidence_parts: Confidence,
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
