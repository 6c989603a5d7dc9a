//! THE table: every setting with name, type, range, default, help and the term it feeds.
//!
//! Struct fields, schema, API parameters, screens and documentation derive from it. A row reads
//! `name: Type = default in lowest..=highest, Term [rules];` in the unit people use (percent for
//! fractions). The rules say how the five settings move an expert key ([`Rule`]); a key without
//! rules is moved by the expert alone.
//!
//! Names of expert keys are ProxBalance's where the meaning survived. Its penalties were steps; ours
//! are heights of a continuous curve at its knees (`curves.rs`), so that a tenth of a percent of
//! load cannot flip a decision.

use super::knobs::Rule::{self, History, Levels, Rest, Scale, Snapshot, Trend};
use super::values::{CoreHours, Days, Hours, Quantity, Sensitivity, Share, Sigma, Unit};
use crate::error::{Error, Result};
use crate::model::{Fraction, Points};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Part of the decision that a setting feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    /// How eager the advice is as a whole.
    Sensitivity,
    /// How present, past and projected load are mixed.
    Blend,
    /// How far back and ahead is looked.
    Horizon,
    /// Where trouble begins.
    Threshold,
    /// CPU load now.
    CpuCurrent,
    /// Mean of the CPU load that is expected.
    CpuSustained,
    /// 95th percentile of the CPU load that is expected.
    CpuSpikes,
    /// Rise of the CPU load.
    CpuTrend,
    /// 99th percentile of the CPU load that is expected with the guest on the node.
    CpuPredicted,
    /// Memory use now.
    MemCurrent,
    /// Mean of the memory use that is expected.
    MemSustained,
    /// 95th percentile of the memory use that is expected.
    MemSpikes,
    /// Rise of the memory use.
    MemTrend,
    /// 99th percentile of the memory use that is expected with the guest on the node.
    MemPredicted,
    /// Configured memory of all guests against the memory there is.
    MemOvercommit,
    /// I/O wait now.
    IowaitCurrent,
    /// Mean I/O wait of the last 7 days.
    IowaitSustained,
    /// How predictable the node is.
    Stability,
    /// Distance from what is usual for the node at this hour.
    Baseline,
    /// Nodes in maintenance.
    Maintenance,
    /// What a migration costs.
    Cost,
    /// What a move must bring to be recommended.
    Gate,
    /// When and how often a guest may move.
    Repeat,
    /// Room that must stay free.
    Capacity,
    /// How long the store keeps what.
    Retention,
}

impl Term {
    /// Its name in evidence, schema and documentation.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sensitivity => "sensitivity",
            Self::Blend => "blend",
            Self::Horizon => "horizon",
            Self::Threshold => "threshold",
            Self::CpuCurrent => "cpu_current",
            Self::CpuSustained => "cpu_sustained",
            Self::CpuSpikes => "cpu_spikes",
            Self::CpuTrend => "cpu_trend",
            Self::CpuPredicted => "cpu_predicted",
            Self::MemCurrent => "mem_current",
            Self::MemSustained => "mem_sustained",
            Self::MemSpikes => "mem_spikes",
            Self::MemTrend => "mem_trend",
            Self::MemPredicted => "mem_predicted",
            Self::MemOvercommit => "mem_overcommit",
            Self::IowaitCurrent => "iowait_current",
            Self::IowaitSustained => "iowait_sustained",
            Self::Stability => "stability",
            Self::Baseline => "baseline",
            Self::Maintenance => "maintenance",
            Self::Cost => "cost",
            Self::Gate => "gate",
            Self::Repeat => "repeat",
            Self::Capacity => "capacity",
            Self::Retention => "retention",
        }
    }
}

impl Serialize for Term {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What the table knows about one setting. Numbers are in `unit`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    /// Name in files, API and on screens.
    pub name: &'static str,
    /// Unit of the numbers below.
    pub unit: Unit,
    /// Value when nobody said anything.
    pub default: f64,
    /// Smallest value allowed.
    pub lowest: f64,
    /// Largest value allowed.
    pub highest: f64,
    /// The only values allowed; empty when the range says all.
    pub only: &'static [f64],
    /// Fractions of the unit are not allowed.
    pub whole: bool,
    /// One sentence for people.
    pub help: &'static str,
    /// Part of the decision it feeds.
    pub term: Term,
    /// How the five settings move it.
    pub rules: &'static [Rule],
}

impl Field {
    /// The number that `value` stands for, checked against type and range.
    ///
    /// It is kept to six decimals: more than anybody tunes by, and few enough to be written and
    /// read by any JSON library without changing.
    pub fn read(&self, value: &Value) -> Result<f64> {
        let number = self.unit.read(value)?;
        if self.allows(number) {
            return Ok((number * 1e6).round() / 1e6);
        }
        let fine = (self.lowest..=self.highest).contains(&number) && self.only.is_empty();
        let allowed = if fine { "a whole number".to_string() } else { self.allowed() };
        Err(Error::invalid(format!("{} is not {allowed}", self.unit.json(number))))
    }

    /// Whether `number` is a possible value.
    pub fn allows(&self, number: f64) -> bool {
        let listed = self.only.is_empty() || self.only.contains(&number);
        let whole = !self.whole || number.fract() == 0.0;
        (self.lowest..=self.highest).contains(&number) && listed && whole
    }

    /// What is allowed, as it completes "140 is not ...".
    fn allowed(&self) -> String {
        let json = |n: f64| self.unit.json(n).to_string();
        if self.only.is_empty() {
            return format!("in {}..{}", json(self.lowest), json(self.highest));
        }
        let values: Vec<String> = self.only.iter().map(|&n| json(n)).collect();
        format!("one of {}", values.join(", "))
    }
}

/// A list of settings: the five, or the expert keys.
pub trait Table: Copy + Ord + std::fmt::Debug + 'static {
    /// All of them, in the order of the table.
    const ALL: &'static [Self];
    /// What the table knows about it.
    fn field(self) -> &'static Field;

    /// Name in files, API and on screens.
    fn name(self) -> &'static str {
        self.field().name
    }

    /// The setting called `name`.
    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|s| s.name() == name)
    }
}

macro_rules! settings {
    (
        $(#[$enum_doc:meta])* $list:ident,
        $(#[$struct_doc:meta])* $values:ident $({ $(#[$more_doc:meta])* $more:ident: $more_type:ty })? [
            $($(#[doc = $help:literal])+
            $name:ident $(as $file_name:literal)?: $type:ident = $default:literal
            in $lowest:literal..=$highest:literal $(only $only:tt)? $(whole $whole:literal)?,
            $term:ident [$($rule:expr),*];)+
        ]
    ) => {
        // A variant is spelled like the key itself: one search finds file, field and variant.
        #[allow(non_camel_case_types)]
        $(#[$enum_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $list {
            $($(#[doc = $help])+ $name,)+
        }

        impl Table for $list {
            const ALL: &'static [Self] = &[$(Self::$name,)+];

            fn field(self) -> &'static Field {
                const FIELDS: &[Field] = &[$(Field {
                    name: [$($file_name,)? stringify!($name)][0],
                    unit: <$type as Quantity>::UNIT,
                    default: $default,
                    lowest: $lowest,
                    highest: $highest,
                    only: [$(&$only as &[f64],)? &[]][0],
                    whole: [$($whole,)? matches!(<$type as Quantity>::UNIT, Unit::Count)][0],
                    help: concat!($($help),+).trim_ascii(),
                    term: Term::$term,
                    rules: &[$($rule),*],
                },)+];
                &FIELDS[self as usize]
            }
        }

        $(#[$struct_doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $values {
            $($(#[$more_doc])* pub $more: $more_type,)?
            $($(#[doc = $help])+ pub $name: $type,)+
        }

        impl Default for $values {
            fn default() -> Self {
                Self {
                    $($more: <$more_type>::default(),)?
                    $($name: Quantity::from_number($default),)+
                }
            }
        }

        impl $values {
            /// The value of one setting in the unit people use.
            pub fn get(&self, setting: $list) -> f64 {
                match setting { $($list::$name => self.$name.number(),)+ }
            }

            /// All of them by name, as JSON people read and write.
            pub fn json(&self) -> Value {
                let pair = |s: &$list| (s.name().to_string(), s.field().unit.json(self.get(*s)));
                Value::Object($list::ALL.iter().map(pair).collect())
            }

            /// Sets one setting, in the unit people use; the range is the caller's business.
            pub fn set(&mut self, setting: $list, number: f64) {
                match setting { $($list::$name => self.$name = Quantity::from_number(number),)+ }
            }
        }
    };
}

settings! {
    /// One of the five settings.
    Knob,
    /// The five settings an admin is asked for.
    Settings [
        /// How eagerly migrations are recommended: conservative acts on sustained, clear problems only, balanced on problems that grow, aggressive early
        migration_sensitivity as "migration-sensitivity": Sensitivity = 1.0 in 0.0..=2.0, Sensitivity [];
        /// How much history and trends count against the present: 0 decides by the present load alone, 100 by history and trends alone
        trend_weight as "trend-weight": Fraction = 60.0 in 0.0..=100.0 whole true, Blend [];
        /// How far back trends are judged, and how far ahead trouble is looked for; what load may come is taken from the hours of the last two weeks, whatever this is
        analysis_lookback as "analysis-lookback": Days = 7.0 in 1.0..=30.0 only [1.0, 3.0, 7.0, 14.0, 30.0] whole true, Horizon [];
        /// How sure a recommendation must be; what is less sure is listed as considered only
        minimum_confidence as "minimum-confidence": Fraction = 75.0 in 50.0..=95.0 whole true, Gate [];
        /// Do not recommend to move a guest during the hours of its daily peak
        protect_running_workloads as "protect-running-workloads": bool = 1.0 in 0.0..=1.0, Repeat [];
    ]
}

/// Rule of CPU and I/O-wait penalties: three quarters when conservative, 1.3 times when aggressive.
const FULL: Rule = Scale(0.75, 1.3);
/// Rule of memory penalties: half as strong, since memory does not come and go like CPU load.
const HALF: Rule = Scale(0.875, 1.15);

settings! {
    /// An expert key.
    Key,
    /// Everything a decision reads: the five settings and all expert keys, resolved.
    PenaltyConfig {
        /// The five settings as they hold: look-back, minimum confidence and protection act
        /// through them, the other two through the keys they move.
        settings: Settings
    } [
        // Thresholds. ProxBalance kept 60/70/30 % outside of its table and so called a node
        // overloaded that any admin would call well used. 80 % CPU leaves one core in five for
        // bursts; 85 % memory leaves room for the page cache without swapping; at 20 % I/O wait
        // guests notice their disks.
        /// CPU load of a node, as share of all its cores, at which overload begins
        cpu_threshold: Fraction = 80.0 in 30.0..=100.0, Threshold [Levels(85.0, 75.0)];
        /// Memory use of a node at which overload begins
        mem_threshold: Fraction = 85.0 in 30.0..=100.0, Threshold [Levels(90.0, 80.0)];
        /// I/O wait of a node at which overload begins; the I/O-wait penalties have their knees at a half, three quarters, once and one and a half times this value
        iowait_threshold: Fraction = 20.0 in 2.0..=90.0, Threshold [Levels(25.0, 15.0)];
        /// Use of a node's fullest storage at which it counts as full
        storage_threshold: Fraction = 85.0 in 30.0..=100.0, Threshold [];
        /// Distance from the CPU threshold to the second knee, and from the first knee down to where penalties begin
        cpu_threshold_offset_1: Fraction = 10.0 in 1.0..=30.0, Threshold [];
        /// Distance from the CPU threshold to the third knee; penalties grow on beyond it
        cpu_threshold_offset_2: Fraction = 20.0 in 2.0..=60.0, Threshold [];
        // 5 and 10, not ProxBalance's 10 and 20: above a threshold of 85 % the third knee would lie
        // beyond all memory there is.
        /// Distance from the memory threshold to the second knee, and from the first knee down to where penalties begin
        mem_threshold_offset_1: Fraction = 5.0 in 1.0..=30.0, Threshold [];
        /// Distance from the memory threshold to the third knee; penalties grow on beyond it
        mem_threshold_offset_2: Fraction = 10.0 in 2.0..=60.0, Threshold [];

        // Blend.
        /// Weight of the present, the mean of the last hour, among what may come: it fades over the coming days unless it is all that counts
        weight_current: Share = 0.4 in 0.0..=1.0, Blend [Rest];
        /// Weight of the hours of the last day among what may come, beside that of all recorded hours
        weight_24h: Share = 0.42 in 0.0..=1.0, Blend [Trend(0.7)];
        /// Weight of all recorded hours of the last two weeks among what may come
        weight_7d: Share = 0.18 in 0.0..=1.0, Blend [Trend(0.3)];
        /// Part of a trend's projected change that is added to the expected load; 0 ignores projections
        trend_share: Share = 0.6 in 0.0..=1.0, Blend [Trend(1.0)];

        // CPU.
        /// Penalty when the CPU load now is at the threshold
        cpu_high_penalty: Points = 20.0 in 0.0..=1000.0, CpuCurrent [FULL, Snapshot];
        /// Penalty when the CPU load now is at the threshold plus the first offset
        cpu_very_high_penalty: Points = 50.0 in 0.0..=1000.0, CpuCurrent [FULL, Snapshot];
        /// Penalty when the CPU load now is at the threshold plus the second offset
        cpu_extreme_penalty: Points = 100.0 in 0.0..=1000.0, CpuCurrent [FULL, Snapshot];
        /// Penalty when the expected mean of the CPU load is one first offset below the threshold
        cpu_sustained_high: Points = 40.0 in 0.0..=1000.0, CpuSustained [FULL, History];
        /// Penalty when the expected mean of the CPU load is at the threshold
        cpu_sustained_very_high: Points = 80.0 in 0.0..=1000.0, CpuSustained [FULL, History];
        /// Penalty when the expected mean of the CPU load is at the threshold plus the second less the first offset
        cpu_sustained_critical: Points = 150.0 in 0.0..=1000.0, CpuSustained [FULL, History];
        /// Penalty when the expected 95th percentile of the CPU load is one first offset below the threshold
        cpu_spike_moderate: Points = 5.0 in 0.0..=1000.0, CpuSpikes [FULL, History];
        /// Penalty when the expected 95th percentile of the CPU load is at the threshold
        cpu_spike_high: Points = 10.0 in 0.0..=1000.0, CpuSpikes [FULL, History];
        /// Penalty when the expected 95th percentile of the CPU load is at the threshold plus the first offset
        cpu_spike_very_high: Points = 20.0 in 0.0..=1000.0, CpuSpikes [FULL, History];
        /// Penalty when the expected 95th percentile of the CPU load is at the threshold plus the second offset
        cpu_spike_extreme: Points = 30.0 in 0.0..=1000.0, CpuSpikes [FULL, History];
        /// Penalty for each percent of the node's cores a day by which its guests grow in sustained trends
        cpu_trend_rising_penalty: Points = 15.0 in 0.0..=1000.0, CpuTrend [FULL, History];
        /// Penalty when the expected 99th percentile of the CPU load with the guest would be at the threshold
        predicted_cpu_over_penalty: Points = 25.0 in 0.0..=1000.0, CpuPredicted [FULL];
        /// Penalty when the expected 99th percentile of the CPU load with the guest would be at the threshold plus the first offset
        predicted_cpu_high_penalty: Points = 50.0 in 0.0..=1000.0, CpuPredicted [FULL];
        /// Penalty when the expected 99th percentile of the CPU load with the guest would be at the threshold plus the second offset
        predicted_cpu_extreme_penalty: Points = 100.0 in 0.0..=1000.0, CpuPredicted [FULL];

        // Memory.
        /// Penalty when the memory use now is at the threshold
        mem_high_penalty: Points = 8.0 in 0.0..=1000.0, MemCurrent [HALF, Snapshot];
        /// Penalty when the memory use now is at the threshold plus the first offset
        mem_very_high_penalty: Points = 20.0 in 0.0..=1000.0, MemCurrent [HALF, Snapshot];
        /// Penalty when the memory use now is at the threshold plus the second offset
        mem_extreme_penalty: Points = 50.0 in 0.0..=1000.0, MemCurrent [HALF, Snapshot];
        /// Penalty when the expected mean of the memory use is one first offset below the threshold
        mem_sustained_high: Points = 10.0 in 0.0..=1000.0, MemSustained [HALF, History];
        /// Penalty when the expected mean of the memory use is at the threshold
        mem_sustained_very_high: Points = 25.0 in 0.0..=1000.0, MemSustained [HALF, History];
        /// Penalty when the expected mean of the memory use is at the threshold plus the second less the first offset
        mem_sustained_critical: Points = 60.0 in 0.0..=1000.0, MemSustained [HALF, History];
        /// Penalty when the expected 95th percentile of the memory use is one first offset below the threshold
        mem_spike_moderate: Points = 2.0 in 0.0..=1000.0, MemSpikes [HALF, History];
        /// Penalty when the expected 95th percentile of the memory use is at the threshold
        mem_spike_high: Points = 5.0 in 0.0..=1000.0, MemSpikes [HALF, History];
        /// Penalty when the expected 95th percentile of the memory use is at the threshold plus the first offset
        mem_spike_very_high: Points = 10.0 in 0.0..=1000.0, MemSpikes [HALF, History];
        /// Penalty when the expected 95th percentile of the memory use is at the threshold plus the second offset
        mem_spike_extreme: Points = 20.0 in 0.0..=1000.0, MemSpikes [HALF, History];
        // ProxBalance switched this off (0), since it took every arrived guest for a rise. Steps
        // are removed before our fit, and memory trends are the ones that do go on.
        /// Penalty for each percent of the node's memory a day by which its guests grow in sustained trends
        mem_trend_rising_penalty: Points = 8.0 in 0.0..=1000.0, MemTrend [HALF, History];
        /// Penalty when the expected 99th percentile of the memory use with the guest would be at the threshold
        predicted_mem_over_penalty: Points = 10.0 in 0.0..=1000.0, MemPredicted [HALF];
        /// Penalty when the expected 99th percentile of the memory use with the guest would be at the threshold plus the first offset
        predicted_mem_high_penalty: Points = 25.0 in 0.0..=1000.0, MemPredicted [HALF];
        /// Penalty when the expected 99th percentile of the memory use with the guest would be at the threshold plus the second offset
        predicted_mem_extreme_penalty: Points = 50.0 in 0.0..=1000.0, MemPredicted [HALF];
        /// Penalty when the guests' configured memory is 1.2 times the node's; it begins at 1.0 times
        mem_overcommit_penalty: Points = 8.0 in 0.0..=1000.0, MemOvercommit [];
        /// Penalty when the guests' configured memory is twice the node's
        mem_overcommit_high_penalty: Points = 25.0 in 0.0..=1000.0, MemOvercommit [];

        // I/O wait.
        /// Penalty when the I/O wait now is half the threshold
        iowait_high_penalty: Points = 20.0 in 0.0..=1000.0, IowaitCurrent [FULL, Snapshot];
        /// Penalty when the I/O wait now is at the threshold
        iowait_very_high_penalty: Points = 40.0 in 0.0..=1000.0, IowaitCurrent [FULL, Snapshot];
        /// Penalty when the I/O wait now is one and a half times the threshold
        iowait_extreme_penalty: Points = 80.0 in 0.0..=1000.0, IowaitCurrent [FULL, Snapshot];
        /// Penalty when the 7-day mean of the I/O wait is half the threshold
        iowait_sustained_elevated: Points = 15.0 in 0.0..=1000.0, IowaitSustained [FULL, History];
        /// Penalty when the 7-day mean of the I/O wait is three quarters of the threshold
        iowait_sustained_high: Points = 30.0 in 0.0..=1000.0, IowaitSustained [FULL, History];
        /// Penalty when the 7-day mean of the I/O wait is at the threshold
        iowait_sustained_critical: Points = 60.0 in 0.0..=1000.0, IowaitSustained [FULL, History];

        // Character of the node.
        /// Points taken off a node whose stability is 100; none at a stability of 60
        stability_bonus: Points = 10.0 in 0.0..=1000.0, Stability [History];
        /// Penalty of a node whose stability is 0; none at a stability of 60
        stability_penalty: Points = 20.0 in 0.0..=1000.0, Stability [History];
        /// Penalty for each standard deviation by which a node is further above its usual load at this hour than the tolerated deviation
        baseline_deviation_penalty: Points = 5.0 in 0.0..=1000.0, Baseline [History];
        /// Deviation from the usual load at this hour that is tolerated
        baseline_sigma_threshold: Sigma = 2.0 in 0.0..=10.0, Baseline [];
        /// Points added to a source node in maintenance, so that it is emptied first
        maintenance_score_boost: Points = 100.0 in 0.0..=1000.0, Maintenance [];

        // Cost of a move, in the points of the scores it is weighed against.
        /// Cost of any migration
        migration_cost: Points = 3.0 in 0.0..=1000.0, Cost [];
        /// Cost for each GiB of memory that a running VM has in use
        memory_cost_per_gib: Points = 0.2 in 0.0..=100.0, Cost [];
        /// Cost for each MB/s that a running VM writes, the visible part of how fast it dirties memory
        write_rate_cost_per_mbps: Points = 0.1 in 0.0..=100.0, Cost [];
        /// Cost for each GiB of local disk that has to be copied
        local_disk_cost_per_gib: Points = 0.1 in 0.0..=100.0, Cost [];
        /// Cost of the restart that moving a running container takes
        container_restart_cost: Points = 10.0 in 0.0..=1000.0, Cost [];

        // Gates.
        /// Points a move must gain, its cost deducted
        min_score_improvement: Points = 15.0 in 0.0..=1000.0, Gate [Levels(25.0, 8.0)];
        // Not hours of a node: a move is the same work on a large node and a small one.
        /// Core-hours of expected overload that a move must take away a week, near misses of a threshold counted in part; of a node of fewer than 9 cores its part of that
        min_benefit: CoreHours = 30.0 in 0.0..=10000.0, Gate [Levels(60.0, 15.0)];
        /// Spread of CPU and memory load between the nodes below which the cluster counts as balanced while no node is above a threshold
        cluster_convergence_threshold: Fraction = 8.0 in 0.0..=100.0, Gate [Levels(12.0, 5.0)];
        /// Most moves in one plan
        max_moves: u32 = 50.0 in 1.0..=1000.0, Gate [];

        // Repetition.
        /// Rest of a guest after a migration before it is recommended to move again
        cooldown_hours: Hours = 24.0 in 0.0..=720.0, Repeat [Levels(48.0, 12.0)];
        /// Time during which a guest is not sent back to a node it left
        ping_pong_days: Days = 7.0 in 0.0..=90.0, Repeat [];
        /// Time during which a migration that had no effect, or harmed, is not recommended again
        repeat_block_hours: Hours = 168.0 in 0.0..=2160.0, Repeat [Levels(336.0, 72.0)];

        // Room.
        /// Memory use that a target must not exceed with the guest, whatever the scores say
        target_mem_limit: Fraction = 95.0 in 50.0..=100.0, Capacity [];
        /// Refuse moves after which the other nodes could no longer take over the guests of a failed node, unless they already cannot
        n1_reserve: bool = 1.0 in 0.0..=1.0, Capacity [];

        // The store. The ranges follow one another: a finer tier is never kept longer than a coarser one.
        /// How long every sample is kept
        keep_samples_hours: Hours = 48.0 in 24.0..=168.0 whole true, Retention [];
        /// How long hourly values are kept; profiles of the day are made from up to 14 days of them
        keep_hourly_days: Days = 14.0 in 7.0..=30.0 whole true, Retention [];
        /// How long six-hourly values are kept, and so anything at all
        keep_six_hourly_days: Days = 90.0 in 30.0..=730.0 whole true, Retention [];
    ]
}

/// Most hours that a store can be told to keep anything: no question about the past reaches further.
pub fn most_kept_hours() -> u32 {
    Days(Key::keep_six_hourly_days.field().highest).hours().0 as u32
}
