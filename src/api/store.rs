//! What is stored and imported, how complete and how large it is, how the engine does and which settings hold.

use crate::model::{Bucket, GuestSample, GuestStatus, Tick, Unit, UnixTime};
use crate::settings::Entry;
use crate::store::{DataQuality, Retention, Stats, Verification};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
