//! What holds in the end: defaults, moved by the five settings, overridden by expert values.

use super::keys::{Field, Key, PenaltyConfig, Settings, Table};
use super::knobs::map_simplified_to_penalty_config;
use super::stored::Stored;
use super::values::Sensitivity;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Where an effective value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The table's default.
    Default,
    /// The five settings moved it away from its default.
    Knob,
    /// An expert set it; the five settings no longer move it.
    Expert,
}

/// The configuration that decisions read, and where each value comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// What decisions read.
    pub config: PenaltyConfig,
    mapped: PenaltyConfig,
    expert: BTreeMap<Key, f64>,
}

/// One effective value as a screen shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Name of the key.
    pub key: &'static str,
    /// Value that holds.
    pub value: Value,
    /// Where it comes from.
    pub origin: Origin,
    /// Value that would hold without the expert's: what a reset gives.
    pub reset: Value,
    /// Default of the table.
    pub default: Value,
    /// Sign of its unit; empty where there is none.
    pub unit: &'static str,
    /// Part of the decision it feeds.
    pub term: &'static str,
}

/// Resolves what somebody chose into what decisions read.
///
/// An expert value fixes its own key and no other: unlike in ProxBalance, the five settings go on
/// moving all the rest.
pub fn get_effective_penalty_config(stored: &Stored) -> Effective {
    resolve(&stored.settings(), stored.expert())
}

fn resolve(settings: &Settings, expert: &BTreeMap<Key, f64>) -> Effective {
    let mapped = map_simplified_to_penalty_config(settings);
    let mut config = mapped;
    for (&key, &number) in expert {
        config.set(key, number);
    }
    Effective { config, mapped, expert: expert.clone() }
}

impl Effective {
    /// The five settings.
    pub fn settings(&self) -> &Settings {
        &self.config.settings
    }

    /// What would hold with another sensitivity and all else as chosen.
    #[must_use]
    pub fn with_sensitivity(&self, sensitivity: Sensitivity) -> Self {
        let settings = Settings { migration_sensitivity: sensitivity, ..*self.settings() };
        resolve(&settings, &self.expert)
    }

    /// Where the value of `key` comes from.
    pub fn origin(&self, key: Key) -> Origin {
        let default = PenaltyConfig::default().get(key);
        match self.expert.contains_key(&key) {
            true => Origin::Expert,
            false if self.mapped.get(key) == default => Origin::Default,
            false => Origin::Knob,
        }
    }

    /// All keys in the order of the table.
    pub fn entries(&self) -> Vec<Entry> {
        Key::ALL.iter().map(|&key| self.entry(key)).collect()
    }

    fn entry(&self, key: Key) -> Entry {
        let Field { name, unit, default, term, .. } = *key.field();
        Entry {
            key: name,
            value: unit.json(self.config.get(key)),
            origin: self.origin(key),
            reset: unit.json(self.mapped.get(key)),
            default: unit.json(default),
            unit: unit.sign(),
            term: term.name(),
        }
    }
}
