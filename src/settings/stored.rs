//! What somebody chose: the content of the settings file and the changes the API asks for.
//!
//! Format 1, JSON: `{"version": 1, "settings": {"trend-weight": 60}, "expert":
//! {"cpu_high_penalty": 25}}`. Only what was chosen is in it; everything else follows the table.

use super::effective::get_effective_penalty_config;
use super::json::strict;
use super::keys::{Key, Knob, Settings, Table};
use super::values::{clipped, shown};
use crate::error::{Error, Kind, Result, Warning};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// Format that this version writes, and the newest it reads.
pub const VERSION: u64 = 1;

/// Name of the settings file in a pmxcfs tree.
pub const FILE_NAME: &str = "foresight.cfg";
/// Largest file or request that is read. A full file has about 3 KiB; pmxcfs itself allows 1 MiB.
pub const MAX_BYTES: usize = 64 * 1024;

const SETTINGS: &str = "settings";
const EXPERT: &str = "expert";

/// Keys of which the second must be above the first: knees of one curve.
pub(super) const ORDERED: [(Key, Key); 2] = [
    (Key::cpu_threshold_offset_1, Key::cpu_threshold_offset_2),
    (Key::mem_threshold_offset_1, Key::mem_threshold_offset_2),
];

/// Keys of which one at least must be above 0: parts of the blended load.
pub(super) const WEIGHTS: [Key; 3] = [Key::weight_current, Key::weight_24h, Key::weight_7d];

/// Settings and expert values that somebody chose, by their numbers in the unit people use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stored {
    settings: BTreeMap<Knob, f64>,
    expert: BTreeMap<Key, f64>,
    /// What this version does not know, by section. A node that was upgraded first may have written
    /// it; writing it back keeps a rolling upgrade from losing values.
    unknown: BTreeMap<String, Map<String, Value>>,
}

/// A settings file as far as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What holds: the file's values, or none of them when it is damaged or newer.
    pub stored: Stored,
    /// What is odd about the file, for people.
    pub warnings: Vec<Warning>,
    /// Why the file could not be used. It must then not be overwritten: hand this error to whoever
    /// wants to.
    pub refused: Option<Error>,
}

impl Stored {
    /// The five settings, chosen or default.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        for (&knob, &number) in &self.settings {
            settings.set(knob, number);
        }
        settings
    }

    /// Those of the five that were chosen.
    pub fn chosen(&self) -> &BTreeMap<Knob, f64> {
        &self.settings
    }

    /// Expert values.
    pub fn expert(&self) -> &BTreeMap<Key, f64> {
        &self.expert
    }

    /// The same with these settings and expert values chosen.
    pub(super) fn of(settings: BTreeMap<Knob, f64>, expert: BTreeMap<Key, f64>) -> Self {
        Self { settings, expert, ..Self::default() }
    }

    /// The same with changes to the five settings, as a PUT on `migration-settings` asks for them:
    /// names with values, and `delete` with a list (`"a,b"` or `["a", "b"]`) of what shall
    /// follow its default again. All or nothing; an error's place is the parameter.
    pub fn with_settings(&self, body: &Value) -> Result<Self> {
        let new = Self { settings: changed(&self.settings, body)?, ..self.clone() };
        // The expert values were good before: it is the new trend weight that leaves nothing.
        new.weighed().map_err(|e| Error { place: Knob::trend_weight.name().into(), ..e })?;
        new.readable()
    }

    /// The same with changes to the expert values, as a PUT on `penalty-config` asks for them; form
    /// and errors as for [`Stored::with_settings`].
    pub fn with_expert(&self, body: &Value) -> Result<Self> {
        let expert = changed(&self.expert, body)?;
        ordered(&expert)?;
        let new = Self { expert, ..self.clone() };
        new.weighed()?;
        new.readable()
    }

    /// Checks that something counts in the blended load, with what the five settings leave of it;
    /// the error's place is the key.
    pub(super) fn weighed(&self) -> Result<()> {
        let config = get_effective_penalty_config(self).config;
        let chosen = WEIGHTS.iter().rfind(|&key| self.expert.contains_key(key));
        match chosen {
            Some(chosen) if WEIGHTS.iter().all(|&key| config.get(key) <= 0.0) => {
                let [a, b, c] = WEIGHTS.map(|key| key.name());
                let message = format!("{a}, {b} and {c} would all be 0: one of them must count");
                Err(Error::invalid(message).at(chosen.name()))
            }
            // Without an expert's the five settings share out what there is.
            _ => Ok(()),
        }
    }

    /// The same without expert values: a DELETE on `penalty-config`. Unknown ones go too.
    pub fn without_expert(&self) -> Self {
        let mut new = Self { expert: BTreeMap::new(), ..self.clone() };
        new.unknown.remove(EXPERT);
        new
    }

    /// The file's content.
    pub fn serialise(&self) -> String {
        let mut file = self.unknown.get("").cloned().unwrap_or_default();
        file.insert("version".to_string(), Value::from(VERSION));
        file.insert(SETTINGS.to_string(), self.section(SETTINGS, &self.settings));
        file.insert(EXPERT.to_string(), self.section(EXPERT, &self.expert));
        format!("{:#}\n", Value::Object(file))
    }

    fn section<T: Table>(&self, name: &str, values: &BTreeMap<T, f64>) -> Value {
        let mut section = self.unknown.get(name).cloned().unwrap_or_default();
        let known = values.iter().map(|(s, &n)| (s.name().to_string(), s.field().unit.json(n)));
        section.extend(known);
        Value::Object(section)
    }

    /// The same, unless its file would be too large to be read again.
    fn readable(self) -> Result<Self> {
        let size = self.serialise().len();
        if size <= MAX_BYTES {
            return Ok(self);
        }
        let message = format!(
            "the settings file would have {size} bytes, more than the {MAX_BYTES} allowed; \
             remove names from it that are not known here"
        );
        Err(Error::invalid(message))
    }

    /// A sentence for each name in the file that this version does not know; beyond a few, their
    /// number.
    fn oddities(&self) -> Vec<String> {
        const LISTED: usize = 10;
        let names = |(section, names): (&String, &Map<String, Value>)| {
            let dot = if section.is_empty() { "" } else { "." };
            let full = |name: &String| format!("{section}{dot}{}", clipped(name));
            names.keys().map(full).collect::<Vec<String>>()
        };
        let all: Vec<String> = self.unknown.iter().flat_map(names).collect();
        let say = |name: &String| format!("{name} is not known here and does nothing");
        let mut said: Vec<String> = all.iter().take(LISTED).map(say).collect();
        if all.len() > LISTED {
            said.push(format!("{} more names are not known here", all.len() - LISTED));
        }
        said
    }
}

/// Checks what must hold between keys; the error's place is the key.
pub(super) fn ordered(expert: &BTreeMap<Key, f64>) -> Result<()> {
    let value = |key: Key| expert.get(&key).copied().unwrap_or(key.field().default);
    for (first, second) in ORDERED {
        let (low, high) = (value(first), value(second));
        if low >= high {
            let message = format!("{high} is not above the {low} of {}", first.name());
            return Err(Error::invalid(message).at(second.name()));
        }
    }
    Ok(())
}

/// Reads a settings file.
///
/// Errors name the field (`settings.trend-weight: 140 is not in 0..100`); a newer format is
/// [`Kind::Unsupported`]. Unknown names are kept and otherwise ignored, see [`load`].
pub fn parse(bytes: &[u8]) -> Result<Stored> {
    let Value::Object(mut file) = strict(bytes, MAX_BYTES)? else {
        return Err(Error::new(Kind::Corrupt, "is not a JSON object"));
    };
    check_version(file.remove("version").as_ref())?;
    let (settings, odd_settings) = section(file.remove(SETTINGS), SETTINGS)?;
    let (expert, odd_expert) = section(file.remove(EXPERT), EXPERT)?;
    let odd = [(String::new(), file), (SETTINGS.into(), odd_settings), (EXPERT.into(), odd_expert)];
    let unknown = odd.into_iter().filter(|(_, names)| !names.is_empty()).collect();
    let placed = |e: Error| Error { place: format!("{EXPERT}.{}", e.place), ..e };
    ordered(&expert).map_err(placed)?;
    let stored = Stored { settings, expert, unknown };
    stored.weighed().map_err(placed)?;
    Ok(stored)
}

/// What follows where a settings file cannot be used. The collector changes nothing of what is kept then: the defaults
/// could cost history.
pub const DEFAULTS_HOLD: &str = "the defaults hold until the file is mended or removed, but for how long metrics are \
                                 kept, which stays as it is";

/// The settings file as far as it can be used: a damaged or newer one gives the defaults and a
/// warning, never an error, and says that it must be left alone.
pub fn load(file: &Path, bytes: &[u8]) -> Loaded {
    let warning = |message| Warning { file: file.to_path_buf(), line: 0, message };
    match parse(bytes) {
        Ok(stored) => {
            let warnings = stored.oddities().into_iter().map(warning).collect();
            Loaded { stored, warnings, refused: None }
        }
        Err(error) => {
            let said = format!("{error}; {DEFAULTS_HOLD}");
            let refused = Some(error.at(file.display()));
            Loaded { stored: Stored::default(), warnings: vec![warning(said)], refused }
        }
    }
}

fn check_version(version: Option<&Value>) -> Result<()> {
    let wrong = |kind, message| Err(Error::new(kind, message).at("version"));
    match version {
        None => wrong(Kind::Invalid, format!("is missing; this format is {VERSION}")),
        Some(v) if v.as_u64() == Some(VERSION) => Ok(()),
        Some(v) if v.as_u64() > Some(VERSION) => {
            let message = format!(
                "{v} is newer than the {VERSION} known here; upgrade pve-foresight on this node"
            );
            wrong(Kind::Unsupported, message)
        }
        Some(v) => {
            wrong(Kind::Invalid, format!("{} is no version; this format is {VERSION}", shown(v)))
        }
    }
}

/// Known and unknown names of a section.
fn section<T: Table>(
    value: Option<Value>,
    name: &str,
) -> Result<(BTreeMap<T, f64>, Map<String, Value>)> {
    let mut known = BTreeMap::new();
    let mut unknown = match value {
        None => Map::new(),
        Some(Value::Object(map)) => map,
        Some(other) => {
            return Err(Error::invalid(format!("{} is not an object", shown(&other))).at(name));
        }
    };
    for &setting in T::ALL {
        if let Some(value) = unknown.remove(setting.name()) {
            let place = |e: Error| e.at(format!("{name}.{}", setting.name()));
            known.insert(setting, setting.field().read(&value).map_err(place)?);
        }
    }
    Ok((known, unknown))
}

/// `values` after the changes of a request.
fn changed<T: Table>(values: &BTreeMap<T, f64>, body: &Value) -> Result<BTreeMap<T, f64>> {
    let Value::Object(body) = body else {
        return Err(Error::invalid(format!("{} is not an object of settings", shown(body))));
    };
    let mut values = values.clone();
    let deleted = body.get("delete").map(deletions).transpose()?.unwrap_or_default();
    for &name in &deleted {
        values.remove(&named::<T>(name).map_err(|e| e.at("delete"))?);
    }
    for (name, value) in body.iter().filter(|(name, _)| *name != "delete") {
        let setting = named::<T>(name)?;
        if deleted.contains(&setting.name()) {
            return Err(Error::invalid("is both set and deleted").at(setting.name()));
        }
        values.insert(setting, setting.field().read(value).map_err(|e| e.at(setting.name()))?);
    }
    Ok(values)
}

fn named<T: Table>(name: &str) -> Result<T> {
    let unknown = || Error::invalid("there is no such setting").at(clipped(name));
    T::from_name(name).ok_or_else(unknown)
}

/// Names of a `delete` parameter: PVE's list in one string, or a JSON list.
fn deletions(value: &Value) -> Result<Vec<&str>> {
    let wrong =
        || Error::invalid(format!("{} is not a list of settings", shown(value))).at("delete");
    match value {
        Value::String(list) => {
            let separator = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '\0');
            Ok(list.split(separator).filter(|name| !name.is_empty()).collect())
        }
        Value::Array(names) => {
            names.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}
