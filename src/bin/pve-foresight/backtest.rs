//! `backtest`: what would have come of our advice, and of other policies'?

use crate::args::{Args, Backtest};
use crate::out::{BAD, DIM, GOOD, HEAD, Out, note, styled, table, warn};
use crate::recommend::inventory;
use crate::traces::{Run, of_traces};
use crate::{settings, usage};
use pve_foresight::api::{self, BacktestReply};
use pve_foresight::backtest::{Day, Judged, NOTICED, Outcome, Policy, Reliability, Report};
use pve_foresight::engine::{BacktestRequest, Engine};
use pve_foresight::error::{Error, Result};
use pve_foresight::model::counted;
use pve_foresight::settings::Sensitivity;
use std::path::Path;
use std::str::FromStr;

pub(crate) fn run(args: &Args, command: &Backtest, out: &mut Out) -> Result<bool> {
    let inventory = inventory(args, command.inventory.as_deref());
    let (effective, warnings) = settings::effective(args, &command.settings, inventory)?;
    let policies = policies(&command.policy)?;
    let Some(file) = &command.traces else {
        let request = BacktestRequest {
            now: args.now,
            days: command.days.map_or(api::days().usual, u32::from),
            every: command.every.into(),
            policies,
            sensitivities: sensitivities(&command.sensitivity)?,
            inventory: inventory.map(Path::to_path_buf),
            settings: effective,
        };
        request.check().map_err(|e| usage("--sensitivity", e.message))?;
        let mut reply = Engine::new(&args.state).backtest(&request, None)?;
        reply.warnings.splice(0..0, warnings);
        return stored(&reply, out).map(|()| true);
    };
    warnings.iter().for_each(note);
    let runs = of_traces(file, command, &policies, &effective.config)?;
    if out.is_json() {
        out.value(&runs)?;
        return Ok(true);
    }
    for run in &runs {
        show(&run.report, &format!(", seed {}", run.seed), out)?;
    }
    if runs.len() > 1 {
        all(&runs, out)?;
    }
    let outcomes: Vec<&Outcome> = runs.iter().flat_map(|run| &run.report.outcomes).collect();
    claims(&outcomes, "", out)?;
    Ok(true)
}

/// The replay of a store.
fn stored(reply: &BacktestReply, out: &mut Out) -> Result<()> {
    if out.is_json() {
        return out.value(reply);
    }
    reply.warnings.iter().for_each(warn);
    show(&reply.report, "", out)?;
    for outcome in &reply.report.outcomes {
        let with = outcome.sensitivity.map(|name| format!(", sensitivity {name}"));
        claims(&[outcome], &with.unwrap_or_default(), out)?;
    }
    out.prose("", styled(HEAD, &reply.summary))
}

fn policies(words: &[String]) -> Result<Vec<Policy>> {
    if words.iter().any(|w| w == "all") {
        return Ok(Policy::ALL.to_vec());
    }
    let mut policies: Vec<Policy> =
        words.iter().map(|w| parsed("--policy", w)).collect::<Result<_>>()?;
    policies.sort();
    policies.dedup();
    Ok(policies)
}

fn sensitivities(words: &[String]) -> Result<Vec<Sensitivity>> {
    let mut all: Vec<Sensitivity> =
        words.iter().map(|w| parsed("--sensitivity", w)).collect::<Result<_>>()?;
    all.sort();
    all.dedup();
    Ok(all)
}

/// A word of the list behind `option`.
fn parsed<T: FromStr<Err = Error>>(option: &str, word: &str) -> Result<T> {
    word.parse().map_err(|e: Error| e.at(option))
}

/// A replay for people; `made` says of what.
fn show(report: &Report, made: &str, out: &mut Out) -> Result<()> {
    let head = format!(
        "{} nodes, {} cores, {} guests{made}: {:.1} days judged after {:.1} of warm-up",
        report.nodes,
        report.cores,
        report.guests,
        report.judged_hours as f64 / 24.0,
        report.warm_up_hours as f64 / 24.0
    );
    out.line(styled(HEAD, head))?;
    out.prose(
        "",
        styled(DIM,
        format!(
            "mean demand {:.0} % of all cores; {:.0} core-hours above {:.0} % are in excess of the \
             whole cluster, whatever the placement",
            report.mean_demand * 100.0,
            report.unavoidable_core_hours,
            report.threshold * 100.0
        )),
    )?;
    let mut rows = table(&[
        "policy",
        "core-h above",
        "node-h above",
        "unmet core-h",
        "GiB-h above",
        "moves",
        "GiB moved",
        "returns in 24 h",
        "returns in 7 days",
        "hours above, day by day",
    ]);
    let most = report.outcomes.iter().flat_map(|o| &o.days).map(|d| d.node_hours);
    let most = most.fold(0.0, f64::max);
    let least = report.outcomes.iter().map(|o| o.core_hours).fold(f64::INFINITY, f64::min);
    for outcome in &report.outcomes {
        let depth = format!("{:.0}", outcome.core_hours);
        let style = if outcome.core_hours <= least { GOOD } else { HEAD };
        rows.add_row([
            label(outcome),
            styled(style, depth),
            format!("{:.0}", outcome.node_hours),
            format!("{:.0}", outcome.unmet_core_hours),
            format!("{:.0}", outcome.gib_hours),
            outcome.moves.to_string(),
            format!("{:.0}", outcome.gib_moved),
            outcome.returns_24h.to_string(),
            match outcome.returns_7d {
                0 => "0".to_string(),
                n => styled(BAD, n),
            },
            plot(&outcome.days, most),
        ]);
    }
    out.table(rows)?;
    out.line("")
}

/// Policy with its sensitivity, where several are compared.
fn label(outcome: &Outcome) -> String {
    match outcome.sensitivity {
        Some(sensitivity) => format!("{}, {sensitivity}", outcome.policy.name()),
        None => outcome.policy.name().to_string(),
    }
}

/// A bar for each day, as high as its hours of nodes above a threshold; a dot for none.
fn plot(days: &[Day], most: f64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |day: &Day| match day.node_hours {
        none if none <= 0.0 => '·',
        some => BARS[((some / most.max(1e-9) * 8.0).ceil() as usize).clamp(1, 8) - 1],
    };
    days.iter().map(bar).collect()
}

/// Stated confidence of our moves against what came of each, by itself; `with` names their settings.
fn claims(outcomes: &[&Outcome], with: &str, out: &mut Out) -> Result<()> {
    let made = outcomes.iter().flat_map(|o| &o.judged);
    let judged: Vec<&Judged> = made.filter(|j| j.is_told()).collect();
    let Some(all) = Reliability::of(&judged) else { return Ok(()) };
    let head = format!(
        "Each of our moves by itself, where five days or all it speaks of came after it{with}"
    );
    out.line(styled(HEAD, head))?;
    let mut rows = table(&[
        "confidence",
        "moves",
        "helped",
        "made no difference",
        "did harm",
        "core-hours of overload expected to be saved",
        "saved",
    ]);
    for low in [0.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 95.0] {
        let width = if low < 60.0 {
            60.0
        } else if low < 70.0 {
            10.0
        } else {
            5.0
        };
        let stated = |j: &&&Judged| (low..low + width).contains(&j.claim.confidence);
        let within: Vec<&&Judged> = judged.iter().filter(stated).collect();
        if within.is_empty() {
            continue;
        }
        let share = |of: fn(f64) -> bool| {
            let count = within.iter().filter(|j| of(j.saved())).count();
            format!("{:.0} %", 100.0 * count as f64 / within.len() as f64)
        };
        let mean = |of: &dyn Fn(&Judged) -> f64| {
            format!("{:.0}", within.iter().map(|j| of(j)).sum::<f64>() / within.len() as f64)
        };
        rows.add_row([
            format!("{low:.0} to {:.0} %", low + width),
            within.len().to_string(),
            share(|saved| saved >= NOTICED),
            share(|saved| saved.abs() < NOTICED),
            share(|saved| saved <= -NOTICED),
            mean(&Judged::expected),
            mean(&Judged::saved),
        ]);
    }
    out.table(rows)?;
    let told = match all.discrimination {
        Some(share) => format!(
            "; a move that helped had more confidence than one that did not in {:.0} % of all pairs",
            share * 100.0
        ),
        None => String::new(),
    };
    let told = format!(
        "{}: {:.0} % stated, {:.0} % helped{told}; Brier score {:.3}, {:.3} for always stating \
         {:.0} %",
        counted(all.moves, "move"),
        all.stated * 100.0,
        all.helped * 100.0,
        all.brier,
        all.brier_constant,
        all.helped * 100.0
    );
    out.prose("", told)?;
    out.line("")
}

/// Sums over the clusters of a campaign.
fn all(runs: &[Run], out: &mut Out) -> Result<()> {
    out.line(styled(HEAD, format!("All {} clusters together", runs.len())))?;
    let mut rows =
        table(&["policy", "core-h above", "unmet core-h", "moves", "returns in 7 days", "best in"]);
    for (i, first) in runs[0].report.outcomes.iter().enumerate() {
        let of = |run: &Run| -> Outcome { run.report.outcomes[i].clone() };
        let all: Vec<Outcome> = runs.iter().map(of).collect();
        let sum = |of: fn(&Outcome) -> f64| all.iter().map(of).sum::<f64>();
        let best = runs.iter().filter(|run| {
            let depth = |o: &Outcome| o.core_hours;
            run.report.outcomes.iter().all(|o| depth(o) >= depth(&run.report.outcomes[i]))
        });
        rows.add_row([
            first.policy.name().to_string(),
            format!("{:.0}", sum(|o| o.core_hours)),
            format!("{:.0}", sum(|o| o.unmet_core_hours)),
            format!("{:.0}", sum(|o| o.moves as f64)),
            format!("{:.0}", sum(|o| o.returns_7d as f64)),
            best.count().to_string(),
        ]);
    }
    out.table(rows)
}
