//! `status`: how the store and its collector are.

use crate::args::Args;
use crate::out::{GOOD, Out, WARN, styled, warn};
use crate::trend::when;
use pve_foresight::engine::Engine;
use pve_foresight::error::Result;
use pve_foresight::store::Tier;

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<bool> {
    let reply = Engine::new(&args.state).status(args.now)?;
    if out.is_json() {
        out.value(&reply)?;
        return Ok(true);
    }
    reply.warnings.iter().for_each(warn);
    out.line(format!("pve-foresight {}", reply.version))?;
    match reply.last_sample {
        None => out.line("no samples yet")?,
        Some(time) => out.line(format!("newest sample {} local time", when(time)))?,
    }
    if let Some(health) = &reply.collector {
        let state = match health.late {
            true => styled(WARN, "overdue"),
            false => styled(GOOD, "runs"),
        };
        let missed = health.missed_last_hour.map_or_else(|| "-".into(), |n| n.to_string());
        out.line(format!(
            "collector {state}: {} runs in the last hour, {missed} missed",
            health.runs_last_hour
        ))?;
    }
    if let (Some(quality), Some(size)) = (&reply.quality, &reply.size) {
        let of = |tier: Tier| {
            let covered = quality.coverage[tier as usize] * 100.0;
            format!("{covered:.0} % of {}", size.retention.text(tier))
        };
        let covered = Tier::ALL.map(of).join(", ");
        out.line(format!("{} samples; covered: {covered}", quality.total_samples))?;
    }
    Ok(true)
}
