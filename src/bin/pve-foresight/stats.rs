//! `stats`: how large the store is.

use crate::args::Args;
use crate::out::{Out, counted, table};
use crate::trend::when;
use pve_foresight::engine::Engine;
use pve_foresight::error::Result;
use pve_foresight::model::{Bytes, UnixTime};
use pve_foresight::store::{Retention, Tier, TierStats};

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<bool> {
    let reply = Engine::new(&args.state).stats(args.now)?;
    if out.is_json() {
        out.value(&reply)?;
        return Ok(true);
    }
    let stats = &reply.stats;
    let head = ["tier", "files", "size", "rows", "oldest (local time)", "newest", "kept for"];
    let mut rows = table(&head);
    for tier in &stats.tiers {
        rows.add_row(row(tier, &stats.retention));
    }
    out.table(rows)?;
    let size = |bytes: f64| Bytes(bytes).to_string();
    let each = stats.bytes_per_entity.map_or_else(|| "-".into(), size);
    let sum = format!(
        "{} in all for {} and {}: {each} each; {} written today (UTC)",
        size(stats.bytes as f64),
        counted(stats.nodes, "node"),
        counted(stats.guests, "guest"),
        size(stats.bytes_written_today as f64),
    );
    out.prose("", sum)?;
    Ok(true)
}

fn row(tier: &TierStats, retention: &Retention) -> [String; 7] {
    let name = match tier.tier {
        Tier::Raw => "samples",
        Tier::Hourly => "hourly",
        Tier::SixHourly => "six-hourly",
    };
    let time = |time: Option<UnixTime>| time.map_or_else(|| "-".into(), when);
    [
        name.into(),
        tier.files.to_string(),
        Bytes(tier.bytes as f64).to_string(),
        tier.rows.to_string(),
        time(tier.oldest),
        time(tier.newest),
        retention.text(tier.tier),
    ]
}
