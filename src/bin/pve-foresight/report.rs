//! `report`: the whole story as one HTML file for offline use.

use crate::args::{Args, Report};
use crate::fresh::replace;
use crate::out::{Out, note};
use crate::recommend::inventory;
use crate::settings;
use pve_foresight::api;
use pve_foresight::engine::{
    BacktestRequest, Engine, EntityRequest, OutcomesRequest, RecommendRequest, TrendsRequest,
    local_time,
};
use pve_foresight::error::Result;
use pve_foresight::model::UnixTime;
use pve_foresight::report::{NodeStory, Story, html};
use pve_foresight::settings::PenaltyConfig;
use std::path::Path;

pub(crate) fn run(args: &Args, command: &Report, out: &mut Out) -> Result<bool> {
    let inventory = inventory(args, command.inventory.as_deref());
    let (effective, warnings) = settings::effective(args, &command.settings, inventory)?;
    let inventory = inventory.map(Path::to_path_buf);
    let engine = Engine::new(&args.state);
    let request =
        RecommendRequest { now: args.now, inventory: inventory.clone(), config: effective.config };
    let mut advice = engine.recommend(&request, None)?;
    advice.warnings.splice(0..0, warnings);
    let config = &request.config;
    let lookback = config.settings.analysis_lookback.hours().0 as u32;
    let mut trends = engine.trends(&asked(advice.now, None, lookback, config))?;
    trends.warnings.retain(|warning| !advice.warnings.contains(warning));
    let nodes: Result<Vec<NodeStory>> =
        trends.nodes.iter().map(|n| node(&engine, &n.node, advice.now, lookback, config)).collect();
    let entity = EntityRequest { now: Some(advice.now), node: None, guest: None };
    let quality = engine.quality(&entity)?;
    let asked = OutcomesRequest { now: Some(advice.now), guest: None, config: *config };
    let outcomes = engine.outcomes(&asked)?;
    let asked = BacktestRequest {
        now: Some(advice.now),
        days: api::days().usual,
        every: api::EVERY.usual,
        policies: api::POLICIES.to_vec(),
        sensitivities: Vec::new(),
        inventory,
        settings: effective,
    };
    let backtest = engine.backtest(&asked, None);
    let page = html(&Story {
        advice: &advice,
        trends: &trends,
        nodes: &nodes?,
        outcomes: &outcomes,
        backtest: backtest.as_ref().map_err(ToString::to_string),
        quality: &quality,
        local: &local_time(advice.now),
    });
    match command.output.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => {
            replace(path, page.as_bytes())?;
            note(format!("{} written, {} KiB", path.display(), page.len() / 1024));
            Ok(true)
        }
        None => out.line(page).map(|()| true),
    }
}

fn asked(
    now: UnixTime,
    node: Option<String>,
    lookback_hours: u32,
    config: &PenaltyConfig,
) -> TrendsRequest {
    TrendsRequest {
        now: Some(now),
        lookback_hours,
        node,
        guest: None,
        only: None,
        metrics: None,
        config: *config,
    }
}

fn node(
    engine: &Engine,
    name: &str,
    now: UnixTime,
    lookback: u32,
    config: &PenaltyConfig,
) -> Result<NodeStory> {
    let mut reply = engine.trends(&asked(now, Some(name.to_string()), lookback, config))?;
    let entity = EntityRequest { now: Some(now), node: Some(name.to_string()), guest: None };
    let history = engine.history_thinned(&entity, lookback, api::POINTS.usual)?;
    Ok(NodeStory { trends: reply.nodes.swap_remove(0), history })
}
