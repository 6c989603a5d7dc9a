//! What may be asked, and what holds where a request says nothing.

use super::Earlier;
use crate::backtest::Policy;
use crate::model::{Inventory, UnixTime, Vmid, WEEK_HOURS};
use crate::settings::most_kept_hours;
use serde::Deserialize;
use serde_json::Value;
use std::ops::RangeInclusive;
use std::path::PathBuf;

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
    Choice { range: 1..=most_kept_hours(), usual: WEEK_HOURS }
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
pub const EVERY_COMPARED: Choice<usize> = Choice { range: 1..=WEEK_HOURS as usize, usual: 1 };

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
    pub now: Option<UnixTime>,
    /// As in [`RecommendRequest`].
    pub inventory_path: Option<PathBuf>,
    /// As in [`RecommendRequest`].
    pub inventory: Option<Inventory>,
    /// Content of the settings file; absent: the defaults.
    pub settings: Option<String>,
    /// The guest.
    pub guest: Vmid,
    /// Only this target.
    pub target: Option<String>,
}

/// Which node to empty.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrainRequest {
    /// As in [`TrendsRequest`].
    pub now: Option<UnixTime>,
    /// As in [`RecommendRequest`].
    pub inventory_path: Option<PathBuf>,
    /// As in [`RecommendRequest`].
    pub inventory: Option<Inventory>,
    /// Content of the settings file; absent: the defaults.
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
