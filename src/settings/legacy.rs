//! A ProxBalance `config.json` becomes settings and expert values.
//!
//! Its engine read `penalty_scoring` (defaults, or what its own five settings were mapped to) and
//! `recommendation_thresholds`. A value counts as somebody's choice when it is not what ProxBalance
//! itself put there at the fitted settings; only choices become expert values, so that the five
//! settings keep moving the rest. Every name in those blocks appears in the report.

use super::keys::{Key, Knob, Settings, Table};
use super::knobs::map_simplified_to_penalty_config;
use super::leaves::{Fate, LEAVES, Leaf};
use super::stored::{ORDERED, Stored, WEIGHTS, ordered};
use super::values::{Quantity, Sensitivity, Unit, clipped, shown};
use crate::error::{Error, Result};
use crate::model::Fraction;
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
    /// It had no effect in ProxBalance, since another place in the file ruled.
    Inert,
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
    /// Unknown names beyond those that the report lists.
    unlisted: usize,
}

const PENALTIES: &str = "penalty_scoring";
const THRESHOLDS: &str = "recommendation_thresholds";
const SETTINGS: &str = "migration_settings";

/// Unknown names that a report lists one by one; the rest it counts.
const LISTED: usize = 40;

/// Parts of a ProxBalance configuration that concern decisions.
pub const LEGACY_BLOCKS: [&str; 3] = [PENALTIES, THRESHOLDS, SETTINGS];

/// Whether `config` is a ProxBalance configuration with anything to take over.
pub fn detect_legacy_config(config: &Value) -> bool {
    LEGACY_BLOCKS.iter().any(|block| config[*block].is_object())
}

/// Settings that fit a ProxBalance configuration best, and the values that differ from the fit.
///
/// Never fails: what cannot be used is left out and reported with its field and range.
pub fn migrate_legacy_config(config: &Value) -> Migrated {
    let mut migrated = Migrated::default();
    let Value::Object(config) = config else {
        migrated.say("config", Outcome::Invalid, format!("{} is not an object", shown(config)));
        return migrated;
    };
    let mut values = Values::new();
    for name in [THRESHOLDS, PENALTIES] {
        let block = migrated.object(name, config.get(name));
        migrated.read_block(name, name, block, &mut values);
    }
    let given = migrated.read_settings(config.get(SETTINGS), &mut values);
    migrated.fit_sensitivity(given.get(&Knob::migration_sensitivity).copied(), &values);
    migrated.fit_trend_weight(given.get(&Knob::trend_weight).copied(), &values);
    migrated.keep_choices(&values);
    migrated.drop_disordered();
    migrated.drop_weightless();
    migrated.report_rest(config);
    migrated
}

/// A number of the file and where it stands there.
struct Found {
    number: f64,
    field: String,
}

/// Values of known keys, by position in [`LEAVES`].
type Values = BTreeMap<usize, Found>;

impl Migrated {
    /// As content of the settings file.
    pub fn stored(&self) -> Stored {
        Stored::of(self.settings.clone(), self.overrides.clone())
    }

    fn say(&mut self, field: &str, outcome: Outcome, text: impl Into<String>) {
        let unknown = |line: &&Line| line.outcome == Outcome::Unknown;
        if outcome == Outcome::Unknown && self.report.iter().filter(unknown).count() >= LISTED {
            self.unlisted += 1;
            return;
        }
        let field = field.split('.').map(clipped).collect::<Vec<_>>().join(".");
        self.report.push(Line { field, outcome, text: text.into() });
    }

    fn set(&mut self, field: &str, knob: Knob, number: f64, how: &str) {
        self.settings.insert(knob, number);
        let text = format!("{how}{} {}", knob.name(), knob.field().unit.text(number));
        self.say(field, Outcome::Setting, text);
    }

    /// The block of that name; an absent one is empty.
    fn object<'a>(
        &mut self,
        field: &str,
        block: Option<&'a Value>,
    ) -> Option<&'a Map<String, Value>> {
        let block = block.filter(|b| !b.is_null())?;
        if !block.is_object() {
            self.say(
                field,
                Outcome::Invalid,
                format!("{} is not an object; left out", shown(block)),
            );
        }
        block.as_object()
    }

    /// Reads the numbers of a block. `path` is where [`LEAVES`] has them, `field` where the file has.
    fn read_block(
        &mut self,
        path: &str,
        field: &str,
        block: Option<&Map<String, Value>>,
        values: &mut Values,
    ) {
        for (name, value) in block.into_iter().flatten() {
            self.read_leaf(&format!("{path}.{name}"), &format!("{field}.{name}"), value, values);
        }
    }

    fn read_leaf(&mut self, path: &str, field: &str, value: &Value, values: &mut Values) {
        if path == "penalty_scoring.seasonal_baseline" {
            let block = self.object(field, Some(value));
            return self.read_block(path, field, block, values);
        }
        let Some(position) = LEAVES.iter().position(|leaf| leaf.path == path) else {
            // ProxBalance's example file explains itself in `_comment_...` strings.
            let comment = path.rsplit('.').next().is_some_and(|name| name.starts_with("_comment"));
            let text = if comment { "is a comment" } else { "is no key of ProxBalance; left out" };
            return self.say(field, Outcome::Unknown, text);
        };
        match LEAVES[position].read(value) {
            Err(error) => self.say(field, Outcome::Invalid, format!("{error}; left out")),
            Ok(number) => {
                let found = Found { number, field: field.to_string() };
                if let Some(inert) = values.insert(position, found) {
                    self.say(&inert.field, Outcome::Inert, format!("gives way to {field}"));
                }
            }
        }
    }

    /// Reads ProxBalance's own five settings; its expert values replace those of the penalty block.
    /// Gives the settings that are read; those that nothing has to be fitted for are set at once.
    fn read_settings(&mut self, block: Option<&Value>, values: &mut Values) -> BTreeMap<Knob, f64> {
        let mut given = BTreeMap::new();
        for (name, value) in self.object(SETTINGS, block).into_iter().flatten() {
            let field = format!("{SETTINGS}.{name}");
            match name.as_str() {
                "expert_overrides" => {
                    let expert = self.object(&field, Some(value));
                    self.read_block(PENALTIES, &field, expert, values);
                }
                "min_score_improvement" if value.is_null() => {}
                "min_score_improvement" => {
                    self.read_leaf("penalty_scoring.min_score_improvement", &field, value, values);
                }
                _ => match own_setting(name, value) {
                    None => {
                        self.say(&field, Outcome::Unknown, "is no setting of ProxBalance; left out")
                    }
                    Some((_, Err(error))) => {
                        self.say(&field, Outcome::Invalid, format!("{error}; left out"));
                    }
                    Some((knob, Ok(number))) => {
                        given.insert(knob, number);
                        if !matches!(knob, Knob::migration_sensitivity | Knob::trend_weight) {
                            self.set(&field, knob, number, "becomes ");
                        }
                    }
                },
            }
        }
        given
    }

    /// Takes the sensitivity that the file names. When the file has all penalties, these are what
    /// ProxBalance went by, and the sensitivity is the one that leaves the fewest to be kept.
    fn fit_sensitivity(&mut self, given: Option<f64>, values: &Values) {
        let knob = Knob::migration_sensitivity;
        let field = format!("{SETTINGS}.sensitivity");
        let scaled = |(_, leaf): &(usize, &Leaf)| leaf.is_scaled_penalty();
        let complete =
            LEAVES.iter().enumerate().filter(scaled).all(|(p, _)| values.contains_key(&p));
        let fitted = best_level(values).map(Quantity::number);
        match (given, fitted) {
            (Some(number), _) if !complete || fitted == given => {
                self.set(&field, knob, number, "becomes ");
            }
            (_, Some(number)) => {
                if given.is_some() {
                    let text = "had no effect: the penalties were those of another sensitivity";
                    self.say(&field, Outcome::Inert, text);
                }
                self.set(PENALTIES, knob, number, "its values fit best to ");
            }
            (_, None) => {}
        }
    }

    /// Takes the trend weight that the file names, unless ProxBalance itself set the blending weights
    /// by another one. Weights that it did not set stay as expert values.
    fn fit_trend_weight(&mut self, given: Option<f64>, values: &Values) {
        let knob = Knob::trend_weight;
        let field = format!("{SETTINGS}.trend_weight");
        let chosen = Weights::of(values).filter(|weights| *weights != Weights::DEFAULT);
        match (given, chosen) {
            (Some(number), weights)
                if weights.is_none_or(|w| w.is_at(number) || !w.is_at(w.fitted())) =>
            {
                self.set(&field, knob, number, "becomes ");
            }
            (_, Some(weights)) => {
                if given.is_some() {
                    let text = "had no effect: the weights were those of another trend weight";
                    self.say(&field, Outcome::Inert, text);
                }
                self.set(PENALTIES, knob, weights.fitted(), "its weights fit best to ");
            }
            (_, None) => {}
        }
    }

    /// Values that ProxBalance did not put there itself become expert values.
    fn keep_choices(&mut self, values: &Values) {
        let settings: Settings = self.stored().settings();
        let ours = map_simplified_to_penalty_config(&settings);
        for (&position, found) in values {
            let number = found.number;
            let (outcome, text) = match LEAVES[position].fate {
                Fate::Retired(why) => (Outcome::Retired, format!("is not needed: {why}")),
                Fate::Key(key) => {
                    let now = key.field().unit.text(ours.get(key));
                    let was = key.field().unit.text(number);
                    let name = key.name();
                    if ours.get(key) == number {
                        (Outcome::Follows, format!("{name} is {now} by the settings"))
                    } else if is_own(position, values, &settings) {
                        let why = format!(
                            "{was} was ProxBalance's choice; {name} is {now} by the settings"
                        );
                        (Outcome::Follows, why)
                    } else {
                        self.overrides.insert(key, number);
                        (Outcome::Expert, format!("stays: {name} {was}"))
                    }
                }
            };
            self.say(&found.field, outcome, text);
        }
    }

    /// Leaves out pairs of offsets that would be out of order here.
    fn drop_disordered(&mut self) {
        for (first, second) in ORDERED {
            let pair =
                self.overrides.clone().into_iter().filter(|(k, _)| *k == first || *k == second);
            if let Err(error) = ordered(&pair.collect()) {
                let text = format!("{}; both left out", error.message);
                self.drop_all(&[first, second], text);
            }
        }
    }

    /// Leaves out weights of which none would count.
    fn drop_weightless(&mut self) {
        if let Err(error) = self.stored().weighed() {
            self.drop_all(&WEIGHTS, format!("{}; all left out", error.message));
        }
    }

    /// Leaves out the values of `keys`, and says so of the last of them.
    fn drop_all(&mut self, keys: &[Key], text: String) {
        self.overrides.retain(|key, _| !keys.contains(key));
        self.report.retain(|l| l.outcome != Outcome::Expert || !names(l, keys));
        let last = keys.last().map_or("", |key| key.name());
        self.say(&format!("{PENALTIES}.{last}"), Outcome::Invalid, text);
    }

    /// Names outside of the three blocks; their values may be secrets and are not repeated.
    fn report_rest(&mut self, config: &Map<String, Value>) {
        for name in config.keys().filter(|name| !LEGACY_BLOCKS.contains(&name.as_str())) {
            self.say(name, Outcome::Unknown, "does not concern decisions; left out");
        }
        if self.unlisted > 0 {
            let text = format!("{} more unknown names; left out", self.unlisted);
            self.report.push(Line { field: "config".into(), outcome: Outcome::Unknown, text });
        }
    }
}

/// Whether `line` is about one of the keys.
fn names(line: &Line, keys: &[Key]) -> bool {
    let last = line.field.rsplit('.').next();
    keys.iter().any(|key| last == Some(key.name()))
}

/// One of ProxBalance's five settings as ours; `None` when it has no such name.
fn own_setting(name: &str, value: &Value) -> Option<(Knob, Result<f64>)> {
    let knob = match name {
        "sensitivity" => return Some((Knob::migration_sensitivity, level(value))),
        "trend_weight" => Knob::trend_weight,
        "lookback_days" => Knob::analysis_lookback,
        "min_confidence" => Knob::minimum_confidence,
        "protect_workloads" => Knob::protect_running_workloads,
        _ => return None,
    };
    Some((knob, knob.field().read(value)))
}

/// ProxBalance's 1, 2, 3, or the word for it, as the number of our sensitivity.
fn level(value: &Value) -> Result<f64> {
    if value.as_str().is_some_and(|word| word.starts_with(char::is_alphabetic)) {
        return Knob::migration_sensitivity.field().read(value);
    }
    let number = Unit::Count.read(value)?;
    let wrong = || Error::invalid(format!("{number} is not one of 1, 2, 3"));
    [1.0, 2.0, 3.0].contains(&number).then_some(number - 1.0).ok_or_else(wrong)
}

/// The sensitivity at which the fewest values differ from ProxBalance's own, then the one with
/// the least relative distance, then the default. What the file does not have stood at its default
/// in ProxBalance, and counts as that. `None` without a value that depends on the sensitivity.
fn best_level(values: &Values) -> Option<Sensitivity> {
    let relevant = || LEAVES.iter().enumerate().filter(|(_, leaf)| leaf.follows_sensitivity());
    if !relevant().any(|(position, _)| values.contains_key(&position)) {
        return None;
    }
    let held = |(position, leaf): (usize, &'static Leaf)| {
        (leaf, values.get(&position).map_or(leaf.default, |found| found.number))
    };
    let relevant: Vec<(&Leaf, f64)> = relevant().map(held).collect();
    let misfit = |level: Sensitivity| {
        let differing = relevant.iter().filter(|(leaf, v)| !leaf.is_own(*v, level)).count();
        let off = |(leaf, v): &(&Leaf, f64)| (v - leaf.at(level)).abs() / leaf.default.max(1.0);
        (differing, relevant.iter().map(off).sum::<f64>(), level != Sensitivity::Balanced)
    };
    Sensitivity::ALL.into_iter().min_by(|&a, &b| {
        let (a, b) = (misfit(a), misfit(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2))
    })
}

/// Whether ProxBalance itself would have had this value at `settings`. The three weights, and the
/// two offsets of a threshold, are chosen together: one chosen value makes the others choices.
fn is_own(position: usize, values: &Values, settings: &Settings) -> bool {
    let path = LEAVES[position].path;
    if Weights::PATHS.contains(&path) {
        let Fraction(weight) = settings.trend_weight;
        return Weights::of(values)
            .is_none_or(|w| w == Weights::DEFAULT || w.is_at(weight * 100.0));
    }
    let stem = path.trim_end_matches(['1', '2']);
    let group = |leaf: &Leaf| leaf.path == path || leaf.path.trim_end_matches(['1', '2']) == stem;
    let members = values.iter().map(|(&p, found)| (&LEAVES[p], found.number));
    members
        .filter(|(leaf, _)| group(leaf))
        .all(|(leaf, v)| leaf.is_own(v, settings.migration_sensitivity))
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
        let at = |path: &str| LEAVES.iter().position(|leaf| leaf.path == path);
        let found = Self::PATHS.map(|path| Some(values.get(&at(path)?)?.number));
        let mut weights = Self::DEFAULT;
        weights.0.iter_mut().zip(found).for_each(|(weight, v)| *weight = v.unwrap_or(*weight));
        found.iter().any(Option::is_some).then_some(weights)
    }

    /// ProxBalance's own weights at a trend weight in percent.
    fn line(percent: f64) -> Self {
        let t = percent / 100.0;
        Self([0.9 - 0.75 * t, 0.1 + 0.25 * t, 0.5 * t])
    }

    /// The trend weight in whole percent whose weights are nearest (least squares on the line).
    fn fitted(&self) -> f64 {
        let (start, end) = (Self::line(0.0).0, Self::line(100.0).0);
        let slope = |i: usize| end[i] - start[i];
        let along: f64 = (0..3).map(|i| (self.0[i] - start[i]) * slope(i)).sum();
        let length: f64 = (0..3).map(|i| slope(i) * slope(i)).sum();
        (100.0 * along / length).round().clamp(0.0, 100.0)
    }

    /// Whether they are ProxBalance's own at this trend weight; it rounded to two decimals.
    fn is_at(&self, percent: f64) -> bool {
        self.0.iter().zip(Self::line(percent).0).all(|(a, b)| (a - b).abs() < 0.0125)
    }
}
