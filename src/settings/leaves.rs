//! ProxBalance's keys: their defaults, how its sensitivity moved them, what becomes of them.

use super::keys::{Key, Table};
use super::values::{Sensitivity, Unit};
use crate::error::Error;
use Fate::{Key as To, Retired};
use Scaled::{Fully, Half, Never, Set};
use serde_json::Value;
use std::fmt;

/// What becomes of one of ProxBalance's keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    /// It is this key.
    Key(Key),
    /// It has no counterpart, for this reason.
    Retired(&'static str),
}

/// How ProxBalance's sensitivity moved a key.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scaled {
    /// Not at all.
    Never,
    /// By 0.75 and 1.3.
    Fully,
    /// By 0.875 and 1.15; early releases by 0.75 and 1.3.
    Half,
    /// To these values.
    Set(f64, f64),
}

/// One of ProxBalance's keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Leaf {
    /// Block and name, with dots.
    pub(super) path: &'static str,
    /// ProxBalance's default; flags are 0 and 1.
    pub(super) default: f64,
    scaled: Scaled,
    /// What becomes of it.
    pub(super) fate: Fate,
}

impl Leaf {
    /// The number in `value`, checked against our range where the key is ours.
    pub(super) fn read(&self, value: &Value) -> Result<f64, Error> {
        match self.fate {
            To(key) => key.field().read(value),
            Retired(_) if value.is_boolean() => Unit::Flag.read(value),
            Retired(_) => Unit::Points.read(value),
        }
    }

    /// ProxBalance's own value at `level`. It rounded halves to even.
    pub(super) fn at(&self, level: Sensitivity) -> f64 {
        let scaled = |low: f64, high: f64| match level {
            Sensitivity::Conservative => (self.default * low).round_ties_even(),
            Sensitivity::Balanced => self.default,
            Sensitivity::Aggressive => (self.default * high).round_ties_even(),
        };
        match (self.scaled, level) {
            (Set(low, _), Sensitivity::Conservative) => low,
            (Set(_, high), Sensitivity::Aggressive) => high,
            (Fully, _) => scaled(0.75, 1.3),
            (Half, _) => scaled(0.875, 1.15),
            _ => self.default,
        }
    }

    /// Whether `value` is what ProxBalance itself would have had at `level`.
    pub(super) fn is_own(&self, value: f64, level: Sensitivity) -> bool {
        let early = Self { scaled: Fully, ..*self };
        value == self.at(level) || (self.scaled == Half && value == early.at(level))
    }

    /// Whether ProxBalance's sensitivity moved it at all.
    pub(super) fn follows_sensitivity(&self) -> bool {
        self.scaled != Never
    }

    /// Whether it is one of the penalties that ProxBalance's sensitivity scaled.
    pub(super) fn is_scaled_penalty(&self) -> bool {
        matches!(self.scaled, Fully | Half)
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            To(key) => write!(f, "`{}`", key.name()),
            Retired(why) => write!(f, "retired: {why}"),
        }
    }
}

macro_rules! leaves {
    ($($block:literal { $($name:literal = $default:literal $scaled:expr => $fate:expr;)+ })+) => {
        /// ProxBalance's 51 penalty values and 3 thresholds.
        pub(super) const LEAVES: &[Leaf] = &[$($(Leaf {
            path: concat!($block, ".", $name),
            default: $default,
            scaled: $scaled,
            fate: $fate,
        },)+)+];
    };
}

leaves! {
    "recommendation_thresholds" {
        "cpu_threshold" = 60.0 Never => To(Key::cpu_threshold);
        "mem_threshold" = 70.0 Never => To(Key::mem_threshold);
        "iowait_threshold" = 30.0 Never => To(Key::iowait_threshold);
    }
    "penalty_scoring" {
        "cpu_high_penalty" = 20.0 Fully => To(Key::cpu_high_penalty);
        "cpu_very_high_penalty" = 50.0 Fully => To(Key::cpu_very_high_penalty);
        "cpu_extreme_penalty" = 100.0 Fully => To(Key::cpu_extreme_penalty);
        "mem_high_penalty" = 8.0 Half => To(Key::mem_high_penalty);
        "mem_very_high_penalty" = 20.0 Half => To(Key::mem_very_high_penalty);
        "mem_extreme_penalty" = 50.0 Half => To(Key::mem_extreme_penalty);
        "cpu_sustained_high" = 40.0 Fully => To(Key::cpu_sustained_high);
        "cpu_sustained_very_high" = 80.0 Fully => To(Key::cpu_sustained_very_high);
        "cpu_sustained_critical" = 150.0 Fully => To(Key::cpu_sustained_critical);
        "mem_sustained_high" = 10.0 Half => To(Key::mem_sustained_high);
        "mem_sustained_very_high" = 25.0 Half => To(Key::mem_sustained_very_high);
        "mem_sustained_critical" = 60.0 Half => To(Key::mem_sustained_critical);
        "iowait_high_penalty" = 20.0 Fully => To(Key::iowait_high_penalty);
        "iowait_very_high_penalty" = 40.0 Fully => To(Key::iowait_very_high_penalty);
        "iowait_extreme_penalty" = 80.0 Fully => To(Key::iowait_extreme_penalty);
        "iowait_sustained_elevated" = 15.0 Fully => To(Key::iowait_sustained_elevated);
        "iowait_sustained_high" = 30.0 Fully => To(Key::iowait_sustained_high);
        "iowait_sustained_critical" = 60.0 Fully => To(Key::iowait_sustained_critical);
        "cpu_trend_rising_penalty" = 15.0 Fully => To(Key::cpu_trend_rising_penalty);
        "mem_trend_rising_penalty" = 0.0 Half => To(Key::mem_trend_rising_penalty);
        "cpu_spike_moderate" = 5.0 Fully => To(Key::cpu_spike_moderate);
        "cpu_spike_high" = 10.0 Fully => To(Key::cpu_spike_high);
        "cpu_spike_very_high" = 20.0 Fully => To(Key::cpu_spike_very_high);
        "cpu_spike_extreme" = 30.0 Fully => To(Key::cpu_spike_extreme);
        "mem_spike_moderate" = 2.0 Half => To(Key::mem_spike_moderate);
        "mem_spike_high" = 5.0 Half => To(Key::mem_spike_high);
        "mem_spike_very_high" = 10.0 Half => To(Key::mem_spike_very_high);
        "mem_spike_extreme" = 20.0 Half => To(Key::mem_spike_extreme);
        "predicted_cpu_over_penalty" = 25.0 Fully => To(Key::predicted_cpu_over_penalty);
        "predicted_cpu_high_penalty" = 50.0 Fully => To(Key::predicted_cpu_high_penalty);
        "predicted_cpu_extreme_penalty" = 100.0 Fully => To(Key::predicted_cpu_extreme_penalty);
        "predicted_mem_over_penalty" = 10.0 Half => To(Key::predicted_mem_over_penalty);
        "predicted_mem_high_penalty" = 25.0 Half => To(Key::predicted_mem_high_penalty);
        "predicted_mem_extreme_penalty" = 50.0 Half => To(Key::predicted_mem_extreme_penalty);
        "mem_overcommit_penalty" = 8.0 Never => To(Key::mem_overcommit_penalty);
        "mem_overcommit_high_penalty" = 25.0 Never => To(Key::mem_overcommit_high_penalty);
        "cpu_threshold_offset_1" = 10.0 Never => To(Key::cpu_threshold_offset_1);
        "cpu_threshold_offset_2" = 20.0 Never => To(Key::cpu_threshold_offset_2);
        "mem_threshold_offset_1" = 10.0 Never => To(Key::mem_threshold_offset_1);
        "mem_threshold_offset_2" = 20.0 Never => To(Key::mem_threshold_offset_2);
        "min_score_improvement" = 15.0 Set(25.0, 8.0) => To(Key::min_score_improvement);
        "maintenance_score_boost" = 100.0 Never => To(Key::maintenance_score_boost);
        "iowait_score_boost" = 30.0 Never
            => Retired("the I/O-wait curves go on growing above the threshold; a bonus on top would be a step");
        "iowait_exempt_enabled" = 1.0 Never
            => Retired("a node is judged by what its guests wait for, whoever causes it; raise iowait_threshold where waiting is meant");
        "source_mem_migration_floor" = 65.0 Never
            => Retired("only nodes in trouble give guests away: the thresholds say which, and by trends, not by one reading");
        "weight_current" = 0.5 Never => To(Key::weight_current);
        "weight_24h" = 0.3 Never => To(Key::weight_24h);
        "weight_7d" = 0.2 Never => To(Key::weight_7d);
        "cluster_convergence_threshold" = 8.0 Set(12.0, 5.0) => To(Key::cluster_convergence_threshold);
        "seasonal_baseline.enabled" = 0.0 Never
            => Retired("a node that is overloaded every day at this hour is overloaded; deviation from the usual is a penalty, not a gate");
        "seasonal_baseline.sigma_threshold" = 2.0 Never => To(Key::baseline_sigma_threshold);
    }
}
