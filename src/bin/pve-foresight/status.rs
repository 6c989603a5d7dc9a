//! `status`: how the store and its collector are.

use crate::args::Args;
use crate::out::{GOOD, Out, WARN, counted, styled, warn};
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
        None => {
            let rows = reply.size.iter().flat_map(|s| &s.tiers).map(|t| t.rows).sum::<usize>();
            out.line(if rows == 0 { "no samples yet" } else { "no samples up to this time" })?;
        }
        Some(time) => out.line(format!("newest sample {} local time", when(time)))?,
    }
    if let Some(health) = &reply.collector {
        let state = match health.late {
            true => styled(WARN, "overdue"),
            false => styled(GOOD, "runs"),
        };
        let missed = health.missed_last_hour.map_or_else(|| "-".into(), |n| n.to_string());
        out.line(format!(
            "collector {state}: {} in the last hour, {missed} missed",
            counted(health.runs_last_hour, "run")
        ))?;
    }
    if let (Some(quality), Some(size)) = (&reply.quality, &reply.size) {
        let of = |tier: Tier| {
            let covered = quality.coverage[tier as usize] * 100.0;
            format!("{covered:.0} % of {}", size.retention.text(tier))
        };
        let covered = Tier::ALL.map(of).join(", ");
        let samples = counted(quality.total_samples, "sample");
        out.line(format!("{samples}; covered: {covered}"))?;
    }
    Ok(true)
}
