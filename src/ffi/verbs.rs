//! What each verb does: a request is read, the engine asked, the reply written. No pointers here.

use crate::api::{
    self, BacktestRequest, Choice, CollectRequest, DrainRequest, ExplainRequest, HistoryRequest,
    ImportRequest, MomentRequest, OpenRequest, OutcomesRequest, QualityRequest, RecommendRequest,
    SettingsChange, SettingsReply, SettingsRequest, TrendsRequest,
};
use crate::engine::{self, Engine, EntityRequest, ImportSource, Report};
use crate::error::{Error, Result};
use crate::model::{GuestMetric, Inventory, MOMENTS, Metric, NodeMetric, UnixTime};
use crate::settings::{Effective, Knob, Loaded, Stored, Table, get_effective_penalty_config, load};
use serde::{Serialize, de::DeserializeOwned};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// What warnings call the settings file, whose path only the caller knows.
const SETTINGS: &str = "settings";

pub(super) fn open(input: &[u8]) -> Result<Engine> {
    let OpenRequest { state } = request(input)?;
    match state.is_absolute() {
        true => Ok(Engine::new(&state)),
        false => Err(Error::invalid("must be an absolute path").at("state")),
    }
}

pub(super) fn collect(engine: &Engine, input: &[u8]) -> Result<String> {
    let CollectRequest { root, run_dir, now } = request(input)?;
    answer(&engine.collect(&root, &run_dir, moment(now)?)?)
}

pub(super) fn append(engine: &Engine, input: &[u8]) -> Result<String> {
    answer(&engine.append_lines(input)?)
}

pub(super) fn import(engine: &Engine, input: &[u8], progress: &mut Report<'_>) -> Result<String> {
    let ImportRequest { rrd, proxbalance, inventory_path, now } = request(input)?;
    one_of("rrd", rrd.is_some(), "proxbalance", proxbalance.is_some())?;
    let source = match (rrd, proxbalance) {
        (Some(root), _) => ImportSource::Rrd(root),
        (None, Some(file)) => ImportSource::ProxBalance(file),
        (None, None) => return Err(Error::invalid("name what to import").at("rrd")),
    };
    let wanted = engine::ImportRequest { now: moment(now)?, inventory: inventory_path, source };
    answer(&engine.import(&wanted, progress)?)
}

pub(super) fn compress(engine: &Engine, input: &[u8]) -> Result<String> {
    let MomentRequest { now } = request(input)?;
    answer(&engine.compress(moment(now)?)?)
}

pub(super) fn trends(engine: &Engine, input: &[u8]) -> Result<String> {
    let asked: TrendsRequest = request(input)?;
    one_of("node", asked.node.is_some(), "guest", asked.guest.is_some())?;
    let (effective, warnings) = settled(asked.settings.as_deref());
    let hours =
        asked.lookback_hours.map(|hours| within("lookback_hours", hours, &api::hours().range));
    // A choice of 1 to 30 days.
    let usual = effective.settings().analysis_lookback.hours().0 as u32;
    let mut reply = engine.trends(&engine::TrendsRequest {
        now: moment(asked.now)?,
        lookback_hours: hours.transpose()?.unwrap_or(usual),
        node: asked.node,
        guest: asked.guest,
        only: asked.only,
        metrics: known_metrics(asked.metrics)?,
        config: effective.config,
    })?;
    reply.warnings.splice(0..0, warnings);
    answer(&reply)
}

pub(super) fn recommend(engine: &Engine, input: &[u8]) -> Result<String> {
    let asked: RecommendRequest = request(input)?;
    let about = About::of(asked.now, asked.inventory_path, asked.inventory, asked.settings)?;
    let (wanted, inventory, warnings) = about.recommend();
    let mut reply = engine.recommend(&wanted, inventory)?;
    reply.changes = asked.since.map(|earlier| engine::changes(&earlier, &reply));
    reply.warnings.splice(0..0, warnings);
    answer(&reply)
}

pub(super) fn outcomes(engine: &Engine, input: &[u8]) -> Result<String> {
    let asked: OutcomesRequest = request(input)?;
    let (effective, warnings) = settled(asked.settings.as_deref());
    let mut reply = engine.outcomes(&engine::OutcomesRequest {
        now: moment(asked.now)?,
        guest: asked.guest,
        config: effective.config,
    })?;
    reply.warnings.splice(0..0, warnings);
    answer(&reply)
}

pub(super) fn backtest(engine: &Engine, input: &[u8]) -> Result<String> {
    let asked: BacktestRequest = request(input)?;
    let about = About::of(asked.now, asked.inventory_path, asked.inventory, asked.settings)?;
    let policies = match asked.policies {
        None => api::POLICIES.to_vec(),
        Some(names) => all_of("policies", &names, |name| name.parse())?,
    };
    let names = asked.sensitivities.unwrap_or_default();
    let wanted = engine::BacktestRequest {
        now: about.now,
        days: chosen("days", asked.days, &api::days())?,
        every: chosen("every", asked.every, &api::EVERY)?,
        policies,
        sensitivities: all_of("sensitivities", &names, |name| name.parse())?,
        inventory: about.path,
        settings: about.settings,
    };
    let mut reply = engine.backtest(&wanted, about.inventory)?;
    reply.warnings.splice(0..0, about.warnings);
    answer(&reply)
}

/// Words of a list, each once, in the order of what they stand for.
fn all_of<T: Ord>(
    field: &str,
    names: &[String],
    read: impl Fn(&str) -> Result<T>,
) -> Result<Vec<T>> {
    let all: Result<std::collections::BTreeSet<T>> = names.iter().map(|name| read(name)).collect();
    Ok(all.map_err(|e| e.at(field))?.into_iter().collect())
}

pub(super) fn explain(engine: &Engine, input: &[u8]) -> Result<String> {
    let asked: ExplainRequest = request(input)?;
    let about = About::of(asked.now, asked.inventory_path, asked.inventory, asked.settings)?;
    let (wanted, inventory, warnings) = about.recommend();
    let mut reply = engine.explain(&wanted, inventory, asked.guest, asked.target.as_deref())?;
    reply.warnings.splice(0..0, warnings);
    answer(&reply)
}

pub(super) fn drain(engine: &Engine, input: &[u8]) -> Result<String> {
    let asked: DrainRequest = request(input)?;
    let about = About::of(asked.now, asked.inventory_path, asked.inventory, asked.settings)?;
    let (wanted, inventory, warnings) = about.recommend();
    let mut reply = engine.drain(&wanted, inventory, &asked.node)?;
    reply.warnings.splice(0..0, warnings);
    answer(&reply)
}

/// What every question about placements has in common, checked.
struct About {
    now: Option<UnixTime>,
    /// A pmxcfs tree or a JSON file.
    path: Option<PathBuf>,
    /// Given instead of it.
    inventory: Option<Inventory>,
    settings: Effective,
    /// What is odd about the settings.
    warnings: Vec<String>,
}

impl About {
    fn of(
        now: Option<UnixTime>,
        path: Option<PathBuf>,
        mut inventory: Option<Inventory>,
        settings: Option<String>,
    ) -> Result<Self> {
        one_of("inventory_path", path.is_some(), "inventory", inventory.is_some())?;
        let (settings, warnings) = settled(settings.as_deref());
        if let Some(inventory) = &mut inventory {
            inventory.check().map_err(|e| e.at("inventory"))?;
            inventory.sort();
        }
        Ok(Self { now: moment(now)?, path, inventory, settings, warnings })
    }

    /// As the engine takes it.
    fn recommend(self) -> (engine::RecommendRequest, Option<Inventory>, Vec<String>) {
        let Self { now, path, inventory, settings, warnings } = self;
        let wanted = engine::RecommendRequest { now, inventory: path, config: settings.config };
        (wanted, inventory, warnings)
    }
}

pub(super) fn history(engine: &Engine, input: &[u8]) -> Result<String> {
    let asked: HistoryRequest = request(input)?;
    let hours = chosen("hours", asked.hours, &api::hours())?;
    let points = chosen("points", asked.points, &api::POINTS)?;
    let entity = entity(asked.now, asked.node, asked.guest)?;
    let metrics = known_metrics(asked.metrics)?;
    let mut reply = engine.history_thinned(&entity, hours, points)?;
    if let Some(names) = metrics {
        reply.metrics.retain(|m| names.contains(&m.metric));
    }
    answer(&reply)
}

/// Names of metrics, each of which there must be, of nodes or of guests.
fn known_metrics(names: Option<Vec<String>>) -> Result<Option<Vec<String>>> {
    let known = |name: &str| {
        NodeMetric::from_name(name).is_some() || GuestMetric::from_name(name).is_some()
    };
    match names.iter().flatten().find(|name| !known(name)) {
        Some(name) => Err(Error::invalid(format!("there is no metric {name:?}")).at("metrics")),
        None => Ok(names),
    }
}

pub(super) fn quality(engine: &Engine, input: &[u8]) -> Result<String> {
    let asked: QualityRequest = request(input)?;
    answer(&engine.quality(&entity(asked.now, asked.node, asked.guest)?)?)
}

pub(super) fn settings(_: &Engine, input: &[u8]) -> Result<String> {
    let SettingsRequest { content, change } = request(input)?;
    let loaded = loaded(content.as_deref());
    let Some(change) = change else {
        return answer(&told(&loaded.stored, &loaded, None));
    };
    if let Some(error) = loaded.refused {
        return Err(error);
    }
    let stored = match change {
        SettingsChange::MigrationSettings(body) => loaded.stored.with_settings(&body)?,
        SettingsChange::PenaltyConfig(body) => loaded.stored.with_expert(&body)?,
        SettingsChange::DeletePenaltyConfig => loaded.stored.without_expert(),
    };
    answer(&told(&stored, &loaded, Some(stored.serialise())))
}

pub(super) fn status(engine: &Engine, input: &[u8]) -> Result<String> {
    let MomentRequest { now } = request(input)?;
    answer(&engine.status(moment(now)?)?)
}

/// Reads a request; unknown and repeated fields are refused, errors name line and column.
fn request<T: DeserializeOwned>(input: &[u8]) -> Result<T> {
    let text = std::str::from_utf8(input).map_err(|e| {
        Error::invalid(format!("request: is not UTF-8 from byte {}", e.valid_up_to()))
    })?;
    serde_json::from_str(text).map_err(|e| Error::invalid(format!("request: {e}")))
}

fn answer<T: Serialize>(reply: &T) -> Result<String> {
    serde_json::to_string(reply).map_err(|e| Error::invalid(format!("reply: {e}")))
}

fn moment(now: Option<UnixTime>) -> Result<Option<UnixTime>> {
    now.map(|now| within("now", now, &MOMENTS)).transpose()
}

fn entity(
    now: Option<UnixTime>,
    node: Option<String>,
    guest: Option<u32>,
) -> Result<EntityRequest> {
    one_of("node", node.is_some(), "guest", guest.is_some())?;
    Ok(EntityRequest { now: moment(now)?, node, guest })
}

/// What a request says, or what is usual.
fn chosen<T: Copy + PartialOrd + std::fmt::Display>(
    field: &str,
    asked: Option<T>,
    choice: &Choice<T>,
) -> Result<T> {
    within(field, asked.unwrap_or(choice.usual), &choice.range)
}

fn within<T: PartialOrd + std::fmt::Display>(
    field: &str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<T> {
    if range.contains(&value) {
        return Ok(value);
    }
    let message = format!("{value} is not from {} to {}", range.start(), range.end());
    Err(Error::invalid(message).at(field))
}

fn one_of(first: &str, has_first: bool, second: &str, has_second: bool) -> Result<()> {
    if has_first && has_second {
        let message = format!("cannot be combined with {second}");
        return Err(Error::invalid(message).at(first));
    }
    Ok(())
}

fn loaded(content: Option<&str>) -> Loaded {
    match content {
        Some(content) => load(Path::new(SETTINGS), content.as_bytes()),
        None => Loaded { stored: Stored::default(), warnings: Vec::new(), refused: None },
    }
}

/// What decisions read, and what is odd about the settings file.
fn settled(content: Option<&str>) -> (Effective, Vec<String>) {
    let loaded = loaded(content);
    let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
    (get_effective_penalty_config(&loaded.stored), warnings)
}

fn told(stored: &Stored, loaded: &Loaded, content: Option<String>) -> SettingsReply {
    let effective = get_effective_penalty_config(stored);
    let value = |&knob: &Knob| {
        let value = knob.field().unit.json(effective.settings().get(knob));
        (knob.name().to_string(), value)
    };
    SettingsReply {
        settings: Knob::ALL.iter().map(value).collect(),
        chosen: stored.chosen().keys().map(|knob| knob.name()).collect(),
        effective: effective.entries(),
        warnings: loaded.warnings.iter().map(ToString::to_string).collect(),
        refused: loaded.refused.as_ref().map(ToString::to_string),
        content,
    }
}
