//! How the store and its collector are, in figures and in words.

use super::words::{are, is_are};
use crate::api::{CollectorHealth, StatusReply};
use crate::error::{Kind, Result};
use crate::model::{DAY, HOUR, NodeSample, Tick, UnixTime, counted, utc_date};
use crate::store::{DataQuality, Overview, Reader, Retention, Tier};
use std::path::Path;

/// Seconds by which clocks may differ and a run may be late without a word.
pub const CLOCK_SLACK: i64 = 60;
/// Seconds between two runs while that is not known.
const UNKNOWN: i64 = 300;
/// Share of the runs of an hour that may be missing without a word.
const TOLERATED: f64 = 0.1;
/// History that a trend needs, with some to spare.
const ENOUGH: i64 = 7 * DAY;

/// The status of the store in `state` at `now`.
pub(super) fn status(state: &Path, now: UnixTime) -> Result<StatusReply> {
    let mut reply = StatusReply {
        version: env!("CARGO_PKG_VERSION"),
        now,
        store: false,
        last_sample: None,
        last_sample_age: None,
        size: None,
        quality: None,
        collector: None,
        warnings: Vec::new(),
    };
    let reader = match Reader::open(state) {
        Ok(reader) => reader,
        Err(e) if e.kind == Kind::NotFound => {
            reply.warnings.push(
                "nothing is stored yet: enable the collector with `systemctl enable --now \
                 pve-foresight-collect.timer`"
                    .into(),
            );
            return Ok(reply);
        }
        Err(e) => return Err(e),
    };
    let overview = reader.overview(now)?;
    let health = health(&overview, now);
    reply.store = true;
    reply.last_sample = health.as_ref().map(|h| h.last_run);
    reply.last_sample_age = reply.last_sample.map(|last| now - last);
    reply.warnings = warnings(&overview, &reader.retention(), health.as_ref(), now);
    reply.warnings.extend(reader.last_tick(now)?.and_then(|tick| silent(&tick)));
    reply.collector = health;
    reply.size = Some(overview.stats);
    reply.quality = Some(overview.quality);
    Ok(reply)
}

/// `None` without any run.
fn health(overview: &Overview, now: UnixTime) -> Option<CollectorHealth> {
    let quality = &overview.quality;
    let age = quality.last_sample_age.or(overview.last.map(|last| now - last))?;
    let interval = quality.interval.filter(|&seconds| seconds > 0);
    let known = quality.oldest_sample_age.unwrap_or(0).min(HOUR);
    // The run that is due at this very moment may still be under way.
    let due = |interval: i64| u32::try_from((known - CLOCK_SLACK).max(0) / interval).unwrap_or(0);
    Some(CollectorHealth {
        last_run: now - age,
        interval,
        runs_last_hour: overview.last_hour,
        missed_last_hour: interval.map(|i| due(i).saturating_sub(overview.last_hour)),
        late: age > 2 * interval.unwrap_or(UNKNOWN) + CLOCK_SLACK,
    })
}

/// Seconds of history, without those of which nothing is known.
fn known(quality: &DataQuality, retention: &Retention) -> Option<i64> {
    let span = quality.oldest_sample_age? - quality.last_sample_age?;
    // Each tier reaches back from now, the coarser the further: the one that covers most knows.
    let covered = Tier::ALL.into_iter().zip(quality.coverage);
    let covered = covered.map(|(tier, share)| (share * retention.seconds(tier) as f64) as i64);
    Some(covered.max().unwrap_or(0).min(span).max(0))
}

/// That nodes do not report: the newest sample has nothing of them although they are online.
fn silent(tick: &Tick) -> Option<String> {
    let silent = |n: &&NodeSample| n.online && n.cpu.is_none() && n.mem.is_none();
    let names: Vec<String> = tick.nodes.iter().filter(silent).map(|n| n.name.clone()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} online, but the newest sample has no values of {}: see `systemctl status pvestatd` \
             there, and `chronyc tracking`",
            are(&names),
            if names.len() == 1 { "it" } else { "them" }
        )
    })
}

fn warnings(
    overview: &Overview,
    retention: &Retention,
    health: Option<&CollectorHealth>,
    now: UnixTime,
) -> Vec<String> {
    const LOOK: &str = "see `systemctl status pve-foresight-collect.timer` and `journalctl -u \
                        pve-foresight-collect`";
    let mut all = Vec::new();
    match health {
        // Samples from the future have a word of their own.
        None if overview.newest.is_some() => {}
        None => all.push(format!("the store holds no samples yet: {LOOK}")),
        Some(h) if h.late => {
            let last = utc_date(h.last_run);
            all.push(format!("the collector is late, its last run was at {last}: {LOOK}"));
        }
        Some(h) => {
            let missed = h.missed_last_hour.unwrap_or(0);
            let due = missed + h.runs_last_hour;
            if f64::from(missed) > f64::from(due) * TOLERATED {
                all.push(format!("{missed} of {due} runs of the last hour are missing: {LOOK}"));
            }
        }
    }
    if let Some(newest) = overview.newest.filter(|&newest| newest > now + CLOCK_SLACK) {
        all.push(format!(
            "the newest sample is from {}, which is yet to come: check the clock (`chronyc \
             tracking`); samples from the future are left out until then",
            utc_date(newest)
        ));
    }
    if let Some(known) = known(&overview.quality, retention).filter(|&known| known < ENOUGH) {
        let hours = counted(known / HOUR, "hour");
        all.push(format!(
            "history is stored of {hours}, trends need some days: wait, or import what the nodes \
             have with `pve-foresight import rrd`"
        ));
    }
    if overview.damaged > 0 {
        let (places, are) = (counted(overview.damaged, "place"), is_are(overview.damaged));
        all.push(format!(
            "{places} in the store cannot be read and {are} left out: `pve-foresight verify` says \
             where; replace the disk if it fails (`smartctl -a`)"
        ));
    }
    if overview.newer > 0 {
        let (files, are) = (counted(overview.newer, "file"), is_are(overview.newer));
        all.push(format!(
            "{files} of the store {are} of a newer version and left out: install that version, or a \
             newer one"
        ));
    }
    all
}
