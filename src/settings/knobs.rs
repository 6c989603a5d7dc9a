//! The five settings move the expert keys: each key's row in the table names the rules.

use super::keys::{Key, PenaltyConfig, Settings, Table};
use super::values::Sensitivity;

/// How the five settings move a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Sensitivity multiplies by the first factor when conservative, the second when aggressive.
    Scale(f64, f64),
    /// Sensitivity sets the first value when conservative, the second when aggressive.
    Levels(f64, f64),
    /// Looks at this moment: counts in full up to the default trend weight, fades out towards 100 %.
    Snapshot,
    /// Looks at the past: fades in from 0 %, counts in full from the default trend weight on.
    History,
    /// The trend weight times this factor.
    Trend(f64),
    /// What the trend weight leaves.
    Rest,
}

/// Trend weight up to which the present, and from which history, counts in full. It is the default
/// trend weight, so that the table's defaults are what the default settings give.
const BOTH_IN_FULL: f64 = 0.6;

impl Rule {
    fn apply(self, value: f64, settings: &Settings) -> f64 {
        let weight = settings.trend_weight.0;
        match (self, settings.migration_sensitivity) {
            (Self::Scale(..) | Self::Levels(..), Sensitivity::Balanced) => value,
            (Self::Scale(low, _), Sensitivity::Conservative) => value * low,
            (Self::Scale(_, high), Sensitivity::Aggressive) => value * high,
            (Self::Levels(low, _), Sensitivity::Conservative) => low,
            (Self::Levels(_, high), Sensitivity::Aggressive) => high,
            (Self::Snapshot, _) => value * ((1.0 - weight) / (1.0 - BOTH_IN_FULL)).clamp(0.0, 1.0),
            (Self::History, _) => value * (weight / BOTH_IN_FULL).clamp(0.0, 1.0),
            (Self::Trend(factor), _) => weight * factor,
            (Self::Rest, _) => 1.0 - weight,
        }
    }

    /// Whether it follows the sensitivity; else it follows the trend weight.
    pub fn follows_sensitivity(self) -> bool {
        matches!(self, Self::Scale(..) | Self::Levels(..))
    }
}

/// All keys as the five settings alone give them.
///
/// Trend weight 0 leaves a pure snapshot: the blend is the present load, and every penalty and
/// bonus drawn from history or projections is 0. Trend weight 100 leaves the present out.
pub fn map_simplified_to_penalty_config(settings: &Settings) -> PenaltyConfig {
    let mut config = PenaltyConfig { settings: *settings, ..PenaltyConfig::default() };
    for &key in Key::ALL {
        let field = key.field();
        let moved = field.rules.iter().fold(field.default, |v, r| r.apply(v, settings));
        // Four decimals are more than anybody tunes by and keep 0.27 from reading 0.27000000000000002.
        let tidy = (moved * 1e4).round() / 1e4;
        config.set(key, tidy.clamp(field.lowest, field.highest));
    }
    config
}
