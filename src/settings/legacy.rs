//! A ProxBalance `config.json` becomes settings and expert values.
//!
//! Its engine read `penalty_scoring` (defaults, or what its own five settings were mapped to) and
//! `recommendation_thresholds`. A value counts as somebody's choice when it is not what ProxBalance
//! itself put there at the fitted sensitivity; only choices become expert values, so that the five
//! settings keep moving the rest. Every name in those blocks appears in the report.

use super::keys::{Key, Knob, Settings, Table};
use super::knobs::map_simplified_to_penalty_config;
use super::leaves::{Fate, LEAVES, Leaf};
use super::stored::Stored;
use super::values::{Quantity, Sensitivity, Unit, clipped, shown};
use crate::error::Error;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// What became of a name in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It gave one of the five settings.
    Setting,
    /// It became an expert value.
    Expert,
    /// It was ProxBalance's own value, nobody's choice: the key follows the five settings.
    Follows,
    /// It has no counterpart.
    Retired,
    /// It is not a name of ProxBalance's that concerns decisions.
    Unknown,
    /// Its value is not usable and was left out.
    Invalid,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Name in the file, with its block.
    pub field: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The same in words.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.text)
    }
}

/// What a ProxBalance configuration becomes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Migrated {
    /// The five settings, where the file gave or implied them.
    pub settings: BTreeMap<Knob, f64>,
    /// Expert values.
    pub overrides: BTreeMap<Key, f64>,
    /// What became of every name.
    pub report: Vec<Line>,
}

impl Migrated {
    /// As content of the settings file.
    pub fn stored(&self) -> Stored {
        Stored::of(self.settings.clone(), self.overrides.clone())
    }

    fn say(&mut self, field: &str, outcome: Outcome, text: impl Into<String>) {
        self.report.push(Line { field: clipped_path(field), outcome, text: text.into() });
    }
}

const PENALTIES: &str = "penalty_scoring";
const THRESHOLDS: &str = "recommendation_thresholds";
const SETTINGS: &str = "migration_settings";

/// Names outside of the three blocks that a report lists one by one; the rest it counts.
const LISTED: usize = 40;

/// Whether `config` is a ProxBalance configuration with anything to take over.
pub fn detect_legacy_config(config: &Value) -> bool {
    [PENALTIES, THRESHOLDS, SETTINGS].iter().any(|block| config[*block].is_object())
}

/// Settings that fit a ProxBalance configuration best, and the values that differ from the fit.
pub fn migrate_legacy_config(config: &Value) -> Migrated {
    let mut migrated = Migrated::default();
    let Value::Object(config) = config else {
        migrated.say("config", Outcome::Invalid, format!("{} is not an object", shown(config)));
        return migrated;
    };
    let mut values = BTreeMap::new();
    for block in [THRESHOLDS, PENALTIES] {
        read_block(config.get(block), block, block, &mut values, &mut migrated);
    }
    let own = read_settings(config.get(SETTINGS), &mut values, &mut migrated);
    fit_sensitivity(&own, &values, &mut migrated);
    fit_trend_weight(&own, &values, &mut migrated);
    keep_choices(&values, &mut migrated);
    report_rest(config, &mut migrated);
    migrated
}

/// Values of known keys, by position in [`LEAVES`].
type Values = BTreeMap<usize, f64>;

/// What `migration_settings` said.
#[derive(Default)]
struct Own {
    given: BTreeMap<Knob, f64>,
    /// Its expert values held all penalties and so froze its sliders.
    frozen: bool,
}

/// Reads the numbers of `block`; `shown_as` is where the file has them.
fn read_block(
    block: Option<&Value>,
    prefix: &str,
    shown_as: &str,
    values: &mut Values,
    migrated: &mut Migrated,
) {
    match block {
        None | Some(Value::Null) => {}
        Some(Value::Object(block)) => {
            for (name, value) in block {
                let path = format!("{prefix}.{name}");
                let field = format!("{shown_as}.{name}");
                read_leaf(&path, &field, value, values, migrated);
            }
        }
        Some(other) => {
            let text = format!("{} is not an object; left out", shown(other));
            migrated.say(shown_as, Outcome::Invalid, text);
        }
    }
}

fn read_leaf(path: &str, field: &str, value: &Value, values: &mut Values, migrated: &mut Migrated) {
    if path == "penalty_scoring.seasonal_baseline" && value.is_object() {
        return read_block(Some(value), path, field, values, migrated);
    }
    // ProxBalance's example file explains itself in `_comment_...` strings.
    if path.rsplit('.').next().is_some_and(|name| name.starts_with("_comment")) {
        return migrated.say(field, Outcome::Unknown, "is a comment");
    }
    let Some(position) = LEAVES.iter().position(|leaf| leaf.path == path) else {
        return migrated.say(field, Outcome::Unknown, "is not a key of ProxBalance; left out");
    };
    match LEAVES[position].read(value) {
        Ok(number) => {
            values.insert(position, number);
        }
        Err(error) => migrated.say(field, Outcome::Invalid, format!("{error}; left out")),
    }
}

/// Reads ProxBalance's own five settings; its expert values replace those of the penalty block.
fn read_settings(block: Option<&Value>, values: &mut Values, migrated: &mut Migrated) -> Own {
    let block = match block {
        None | Some(Value::Null) => return Own::default(),
        Some(Value::Object(block)) => block,
        Some(other) => {
            let text = format!("{} is not an object; left out", shown(other));
            migrated.say(SETTINGS, Outcome::Invalid, text);
            return Own::default();
        }
    };
    let mut expert = Values::new();
    let mut own = Own::default();
    for (name, value) in block {
        let field = format!("{SETTINGS}.{name}");
        match name.as_str() {
            "expert_overrides" => read_block(Some(value), PENALTIES, &field, &mut expert, migrated),
            "min_score_improvement" if value.is_null() => {}
            "min_score_improvement" => {
                read_leaf(
                    "penalty_scoring.min_score_improvement",
                    &field,
                    value,
                    &mut expert,
                    migrated,
                );
            }
            _ => read_own(name, &field, value, &mut own, migrated),
        }
    }
    let scaled = LEAVES.iter().enumerate().filter(|(_, leaf)| leaf.is_penalty_scaled());
    own.frozen = scaled.clone().all(|(position, _)| expert.contains_key(&position));
    values.extend(expert);
    own
}

fn read_own(name: &str, field: &str, value: &Value, own: &mut Own, migrated: &mut Migrated) {
    let (knob, read) = match name {
        "sensitivity" => (Knob::migration_sensitivity, level(value)),
        "trend_weight" => (Knob::trend_weight, Knob::trend_weight.field().read(value)),
        "lookback_days" => (Knob::analysis_lookback, Knob::analysis_lookback.field().read(value)),
        "min_confidence" => {
            (Knob::minimum_confidence, Knob::minimum_confidence.field().read(value))
        }
        "protect_workloads" => {
            let knob = Knob::protect_running_workloads;
            (knob, knob.field().read(value))
        }
        _ => {
            return migrated.say(
                field,
                Outcome::Unknown,
                "is not a setting of ProxBalance; left out",
            );
        }
    };
    match read {
        Ok(number) => {
            own.given.insert(knob, number);
            // The two that can be fitted are reported when they are.
            if !matches!(knob, Knob::migration_sensitivity | Knob::trend_weight) {
                migrated.settings.insert(knob, number);
                migrated.say(field, Outcome::Setting, becomes(knob, number));
            }
        }
        Err(error) => migrated.say(field, Outcome::Invalid, format!("{error}; left out")),
    }
}

/// ProxBalance's 1, 2, 3 as the number of our sensitivity.
fn level(value: &Value) -> Result<f64, Error> {
    let number = Unit::Count.read(value)?;
    let known = [1.0, 2.0, 3.0].contains(&number);
    known
        .then_some(number - 1.0)
        .ok_or_else(|| Error::invalid(format!("{number} is not 1, 2 or 3")))
}

fn becomes(knob: Knob, number: f64) -> String {
    format!("becomes {} {}", knob.name(), knob.field().unit.text(number))
}

/// Takes the sensitivity the file names, or the one that leaves the fewest values to be kept.
fn fit_sensitivity(own: &Own, values: &Values, migrated: &mut Migrated) {
    let knob = Knob::migration_sensitivity;
    let field = format!("{SETTINGS}.sensitivity");
    let given = own.given.get(&knob).copied();
    match given {
        Some(number) if !own.frozen => {
            migrated.settings.insert(knob, number);
            migrated.say(&field, Outcome::Setting, becomes(knob, number));
        }
        _ => {
            let Some(best) = best_level(values) else { return };
            migrated.settings.insert(knob, best.number());
            let why = match given {
                Some(_) => "its expert values kept it from acting; fitted to them it",
                None => "fitted to the penalties it",
            };
            let text = format!("{why} {}", becomes(knob, best.number()));
            migrated.say(if given.is_some() { &field } else { PENALTIES }, Outcome::Setting, text);
        }
    }
}

/// The sensitivity at which the fewest values differ from ProxBalance's own, then the one with
/// the least relative distance, then the default. `None` without a value that depends on it.
fn best_level(values: &Values) -> Option<Sensitivity> {
    let relevant: Vec<(&Leaf, f64)> = values
        .iter()
        .map(|(&p, &v)| (&LEAVES[p], v))
        .filter(|(l, _)| l.follows_sensitivity())
        .collect();
    if relevant.is_empty() {
        return None;
    }
    let misfit = |level: Sensitivity| {
        let differing = relevant.iter().filter(|(leaf, v)| !leaf.is_own(*v, level)).count();
        let distance =
            |(leaf, v): &(&Leaf, f64)| (v - leaf.at(level)).abs() / leaf.default.max(1.0);
        let distance: f64 = relevant.iter().map(distance).sum();
        (differing, distance, level != Sensitivity::Balanced)
    };
    Sensitivity::ALL.into_iter().min_by(|&a, &b| {
        let ((a_count, a_far, a_other), (b_count, b_far, b_other)) = (misfit(a), misfit(b));
        a_count.cmp(&b_count).then(a_far.total_cmp(&b_far)).then(a_other.cmp(&b_other))
    })
}

/// Takes the trend weight the file names, or fits it to the three weights.
fn fit_trend_weight(own: &Own, values: &Values, migrated: &mut Migrated) {
    let knob = Knob::trend_weight;
    let field = format!("{SETTINGS}.trend_weight");
    let weights = Weights::of(values);
    if let Some(&number) = own.given.get(&knob) {
        if !(own.frozen && weights.is_some_and(|w| !w.untouched())) {
            migrated.settings.insert(knob, number);
            return migrated.say(&field, Outcome::Setting, becomes(knob, number));
        }
        migrated.say(&field, Outcome::Follows, "was kept from acting by its expert values");
    }
    let Some(weights) = weights.filter(|w| !w.untouched()) else { return };
    let number = weights.fitted();
    migrated.settings.insert(knob, number);
    migrated.say(
        PENALTIES,
        Outcome::Setting,
        format!("fitted to the weights it {}", becomes(knob, number)),
    );
}

/// ProxBalance's weights of now, 24 hours and 7 days.
#[derive(Clone, Copy, PartialEq)]
struct Weights([f64; 3]);

impl Weights {
    const PATHS: [&'static str; 3] = [
        "penalty_scoring.weight_current",
        "penalty_scoring.weight_24h",
        "penalty_scoring.weight_7d",
    ];
    /// What ProxBalance used when nobody had saved settings.
    const DEFAULT: Self = Self([0.5, 0.3, 0.2]);

    /// The weights in `values`, missing ones at their default; `None` when all are missing.
    fn of(values: &Values) -> Option<Self> {
        let value =
            |path: &str| values.iter().find(|(p, _)| LEAVES[**p].path == path).map(|(_, v)| *v);
        let found = Self::PATHS.map(value);
        found.iter().any(Option::is_some).then(|| {
            let mut weights = Self::DEFAULT;
            weights.0.iter_mut().zip(found).for_each(|(w, v)| *w = v.unwrap_or(*w));
            weights
        })
    }

    fn untouched(&self) -> bool {
        *self == Self::DEFAULT
    }

    /// ProxBalance's own weights at a trend weight in percent: a line from (.9, .1, 0) at 0.
    fn line(percent: f64) -> Self {
        let t = percent / 100.0;
        Self([0.9 - 0.75 * t, 0.1 + 0.25 * t, 0.5 * t])
    }

    /// The trend weight in whole percent whose weights are nearest (least squares on the line).
    fn fitted(&self) -> f64 {
        let (start, slope) = (Self::line(0.0).0, [-0.75, 0.25, 0.5]);
        let along: f64 = (0..3).map(|i| (self.0[i] - start[i]) * slope[i]).sum();
        let length: f64 = slope.iter().map(|s| s * s).sum();
        (100.0 * along / length).round().clamp(0.0, 100.0)
    }

    /// Whether ProxBalance itself put them there: its default, or a point on its line. It
    /// rounded to two decimals.
    fn is_own(&self) -> bool {
        let line = Self::line(self.fitted());
        self.untouched() || self.0.iter().zip(line.0).all(|(a, b)| (a - b).abs() < 0.0125)
    }
}

/// Values that ProxBalance did not put there itself become expert values.
fn keep_choices(values: &Values, migrated: &mut Migrated) {
    let stored = migrated.stored();
    let settings: Settings = stored.settings();
    let ours = map_simplified_to_penalty_config(&settings);
    let own_weights = Weights::of(values).is_none_or(|w| w.is_own());
    for (&position, &value) in values {
        let leaf = &LEAVES[position];
        let is_weight = Weights::PATHS.contains(&leaf.path);
        let own = if is_weight {
            own_weights
        } else {
            leaf.is_own(value, settings.migration_sensitivity)
        };
        let field = leaf.path;
        match leaf.fate {
            Fate::Retired(why) => migrated.say(field, Outcome::Retired, why),
            Fate::Key(key) if own || ours.get(key) == value => {
                let now = key.field().unit.text(ours.get(key));
                migrated.say(
                    field,
                    Outcome::Follows,
                    format!("was ProxBalance's own value; {} is {now}", key.name()),
                );
            }
            Fate::Key(key) => {
                migrated.overrides.insert(key, value);
                let text = format!(
                    "stays as expert value {} {}",
                    key.name(),
                    key.field().unit.text(value)
                );
                migrated.say(field, Outcome::Expert, text);
            }
        }
    }
}

/// Names outside of the three blocks; their values may be secrets and are not repeated.
fn report_rest(config: &Map<String, Value>, migrated: &mut Migrated) {
    let known = [PENALTIES, THRESHOLDS, SETTINGS];
    let rest: Vec<&String> = config.keys().filter(|k| !known.contains(&k.as_str())).collect();
    for name in rest.iter().take(LISTED) {
        migrated.say(name, Outcome::Unknown, "does not concern decisions; left out");
    }
    if rest.len() > LISTED {
        let text = format!("{} more do not concern decisions; left out", rest.len() - LISTED);
        migrated.say("config", Outcome::Unknown, text);
    }
}

/// A path of untrusted names as it may stand in a report.
fn clipped_path(path: &str) -> String {
    path.split('.').map(clipped).collect::<Vec<String>>().join(".")
}
