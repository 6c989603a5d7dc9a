//! What would have come of the advice: the store's own history, replayed.

use super::{Engine, inventory_of, local_time};
use crate::api::BacktestReply;
use crate::backtest::{Bounds, Contestant, Outcome, Policy, Recording, Report, replay};
use crate::error::{Error, Result};
use crate::model::{DAY, HOUR, Inventory, UnixTime, start_of};
use crate::settings::{Effective, Key, Sensitivity, Table};
use crate::store::{Detail, Fleet, Reader, Resolution};
use std::path::PathBuf;

/// Hours of history that a decision is made from: they come before the first one.
const WARM_UP: usize = 336;
/// Least hours that make a replay: a day to look at and a day to judge.
const LEAST: usize = 48;
/// Where six-hourly rows begin.
const COARSE: i64 = 6 * HOUR;

/// What to replay.
#[derive(Clone, Debug)]
pub struct BacktestRequest {
    /// End of the replay; `None`: see [`Engine`].
    pub now: Option<UnixTime>,
    /// Days judged; fewer where less is stored.
    pub days: u32,
    /// Hours between decisions.
    pub every: usize,
    /// Who decides; what really happened is always the first row.
    pub policies: Vec<Policy>,
    /// Our advice is replayed with each of these; empty: with that of the settings.
    pub sensitivities: Vec<Sensitivity>,
    /// A pmxcfs tree or a JSON file with the constraints; `None`: the last tick alone.
    pub inventory: Option<PathBuf>,
    /// Settings to decide and to judge by.
    pub settings: Effective,
}

impl BacktestRequest {
    /// Refuses what would be asked in vain: only our advice has a sensitivity.
    pub fn check(&self) -> Result<()> {
        if self.sensitivities.is_empty() || self.policies.contains(&Policy::Ours) {
            return Ok(());
        }
        let message = "only our advice has one: ask for the policy 'ours' as well";
        Err(Error::invalid(message).at("sensitivities"))
    }
}

impl Engine {
    /// What the nodes' load would have been under other moves than those that were made. An inventory at hand goes
    /// before the request's.
    pub fn backtest(
        &self,
        request: &BacktestRequest,
        inventory: Option<Inventory>,
    ) -> Result<BacktestReply> {
        request.check()?;
        let reader = Reader::open(&self.state)?;
        let (now, tick) = self.moment(&reader, request.now)?;
        let inventory = inventory_of(inventory, request.inventory.as_deref(), &tick, (now, None))?;
        let mut warnings: Vec<String> =
            inventory.warnings.iter().map(ToString::to_string).collect();
        let fleets = history(&reader, now, request.days)?;
        warnings.extend(fleets.iter().flat_map(|f| &f.warnings).map(ToString::to_string));
        let recording = Recording::of_fleets(&fleets, inventory)?;
        drop(fleets);
        let bounds = bounds(recording.hours(), request)?;
        if bounds.judged < request.days as usize * 24 {
            warnings.push(format!(
                "{:.1} days are stored: {:.1} of them are judged, those before are what the first \
                 decisions look at",
                recording.hours() as f64 / 24.0,
                bounds.judged as f64 / 24.0
            ));
        }
        let limits = &request.settings.config;
        let report = replay(&recording, &contestants(request), bounds, limits, &local_time(now))?;
        if report.coarse_hours > 0 {
            warnings.push(format!(
                "of the first {:.0} days judged only means of six hours are kept: overload that was \
                 shorter is not seen there",
                (report.coarse_hours as f64 / 24.0).ceil()
            ));
        }
        let own = request.settings.settings().migration_sensitivity;
        Ok(BacktestReply { now, summary: summary(&report, own), report, warnings })
    }
}

/// Where six hours begin.
fn begin(time: UnixTime) -> UnixTime {
    start_of(time, COARSE)
}

/// How far back a replay of so many days looks at `now`.
pub(super) fn earliest(now: UnixTime, days: u32) -> UnixTime {
    begin(start_of(now, HOUR) - i64::from(days) * DAY - WARM_UP as i64 * HOUR)
}

/// Rows of the judged time and what comes before it, to the last whole hour.
fn history(reader: &Reader, now: UnixTime, days: u32) -> Result<Vec<Fleet>> {
    let until = start_of(now, HOUR);
    let start = earliest(now, days);
    // As long as the settings can keep hours.
    let kept = Key::keep_hourly_days.field().highest as i64 * DAY;
    let hourly = start.max(begin(until - kept) + COARSE);
    let fine = reader.fleet(hourly..until, Resolution::Hourly, Detail::Typical)?;
    // Mostly they keep them for less than that.
    let first = fine.windows().first().map_or(until, |window| begin(window.start - 1) + COARSE);
    if start >= first {
        return Ok(vec![fine]);
    }
    Ok(vec![reader.fleet(start..first, Resolution::SixHourly, Detail::Typical)?, fine])
}

/// What is judged of `hours`: what was asked for, after two weeks of warm-up, or after half of what
/// is stored where that is less.
fn bounds(hours: usize, request: &BacktestRequest) -> Result<Bounds> {
    if hours < LEAST {
        let message = format!("{hours} hours are stored; a replay needs {LEAST}");
        return Err(Error::invalid(message));
    }
    let judged = (request.days as usize * 24).min(hours - WARM_UP.min(hours / 2));
    Ok(Bounds { warm_up: hours - judged, judged, every: request.every })
}

fn contestants(request: &BacktestRequest) -> Vec<Contestant> {
    let plain = |policy| Contestant { policy, sensitivity: None, config: request.settings.config };
    let mut all = vec![plain(Policy::AsItWas)];
    for &policy in &request.policies {
        if policy != Policy::Ours || request.sensitivities.is_empty() {
            all.push(plain(policy));
            continue;
        }
        all.extend(request.sensitivities.iter().map(|&sensitivity| Contestant {
            policy,
            sensitivity: Some(sensitivity.name()),
            config: request.settings.with_sensitivity(sensitivity).config,
        }));
    }
    all
}

/// One sentence: what was, and what following the advice would have made of it; with several
/// sensitivities that of `own`, the settings', or of the first.
fn summary(report: &Report, own: Sensitivity) -> String {
    let find = |policy| report.outcomes.iter().filter(move |o: &&Outcome| o.policy == policy);
    let days = match (report.judged_hours as f64 / 24.0).round() {
        days if days > 1.0 => format!("{days:.0} days"),
        _ => "day".to_string(),
    };
    let moves = |n: usize| format!("{n} move{}", if n == 1 { "" } else { "s" });
    let ours = find(Policy::Ours).find(|o| o.sensitivity == Some(own.name()));
    let ours = ours.or_else(|| find(Policy::Ours).next());
    let (Some(was), Some(ours)) = (find(Policy::AsItWas).next(), ours) else {
        return format!("The last {days} replayed.");
    };
    let with = match ours.sensitivity {
        Some(name) => format!(" (sensitivity {name})"),
        None => String::new(),
    };
    if was.node_hours == 0.0 && ours.node_hours == 0.0 {
        let made = match ours.moves {
            0 => "and the advice would have been to leave everything where it was".to_string(),
            n => format!("with {} of ours as without", moves(n)),
        };
        return format!("No node was above a threshold in the last {days}, {made}.");
    }
    let depth = |of: fn(&Outcome) -> f64, unit: &str| {
        let told = of(ours).max(of(was)) >= 0.5;
        told.then(|| format!(", {:.0} instead of {:.0} {unit} deep", of(ours), of(was)))
    };
    format!(
        "Had you followed the advice{with} for the last {days}: nodes above a threshold for {:.0} \
         instead of {:.0} hours{}{}, with {} (there {} {}).",
        ours.node_hours,
        was.node_hours,
        depth(|o| o.core_hours, "core-hours").unwrap_or_default(),
        depth(|o| o.gib_hours, "GiB-hours of memory").unwrap_or_default(),
        moves(ours.moves),
        if was.moves == 1 { "was" } else { "were" },
        was.moves
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Stored, get_effective_penalty_config};

    fn request(days: u32) -> BacktestRequest {
        BacktestRequest {
            now: None,
            days,
            every: 1,
            policies: vec![Policy::Ours],
            sensitivities: Vec::new(),
            inventory: None,
            settings: get_effective_penalty_config(&Stored::default()),
        }
    }

    #[test]
    fn what_is_judged_leaves_history_to_decide_from() {
        for (hours, days, want) in [
            (90 * 24, 30, Some((60 * 24, 30 * 24))),
            (44 * 24, 30, Some((14 * 24, 30 * 24))),
            (20 * 24, 30, Some((10 * 24, 10 * 24))),
            (20 * 24, 7, Some((13 * 24, 7 * 24))),
            (48, 30, Some((24, 24))),
            (47, 30, None),
        ] {
            let found = bounds(hours, &request(days)).ok().map(|b| (b.warm_up, b.judged));
            assert_eq!(found, want, "{hours} h stored, {days} d asked for");
        }
    }
}
