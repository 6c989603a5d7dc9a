//! `backtest`: what would have come of our advice, and of other policies'?

use crate::args::Backtest;
use crate::out::{BAD, DIM, GOOD, HEAD, Out, note, styled, table};
use crate::settings;
use pve_foresight::backtest::{Bounds, Day, Outcome, Policy, Recording, Report, replay};
use pve_foresight::error::Result;
use pve_foresight::model::{DAY, UnixTime};
use pve_foresight::series::LocalTime;
use pve_foresight::settings::PenaltyConfig;
use pve_foresight::simulate::{Gaps, Growth, NodeGroup, Scenario, Simulation, Trace, TraceSpec};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// Midnight of a Monday, so that a replay of traces is the same on every day.
const START: UnixTime = 1_788_134_400;
/// Seconds between the samples of a replayed trace.
const STEP: i64 = 300;
/// Days before the first decision.
const WARM_UP: u16 = 14;
/// Recorded guests have twice the cores of the nodes unless told otherwise.
const OVERCOMMIT: f64 = 2.0;
/// GiB of a node for each core.
const GIB_PER_CORE: f64 = 6.0;

/// One cluster's report with what made it.
#[derive(Serialize)]
struct Run {
    seed: u64,
    #[serde(flatten)]
    report: Report,
}

pub(crate) fn run(command: &Backtest, out: &mut Out) -> Result<bool> {
    let (effective, warnings) = settings::effective(&command.settings, None)?;
    warnings.iter().for_each(note);
    let policies = policies(&command.policy)?;
    let config = effective.config;
    let runs = of_traces(&command.traces, command, &policies, &config)?;
    if out.is_json() {
        out.value(&runs)?;
        return Ok(true);
    }
    for run in &runs {
        show(run, out)?;
    }
    if runs.len() > 1 {
        all(&runs, out)?;
    }
    Ok(true)
}

fn policies(words: &[String]) -> Result<Vec<Policy>> {
    if words.iter().any(|w| w == "all") {
        return Ok(Policy::ALL.to_vec());
    }
    let mut policies: Vec<Policy> = words.iter().map(|w| w.parse()).collect::<Result<_>>()?;
    policies.sort();
    policies.dedup();
    Ok(policies)
}

fn of_traces(
    file: &Path,
    command: &Backtest,
    policies: &[Policy],
    config: &PenaltyConfig,
) -> Result<Vec<Run>> {
    let trace = Arc::new(Trace::read(file)?);
    let warm_up = command.warm_up.unwrap_or(WARM_UP);
    let recorded = i64::from(trace.length) / DAY;
    let days = command.days.map_or(recorded, |days| i64::from(warm_up + days));
    let hours = |days: u16| usize::from(days) * 24;
    let bounds = Bounds {
        warm_up: hours(warm_up),
        judged: command.days.map_or(usize::MAX, hours),
        every: usize::from(command.every),
    };
    let mut runs = Vec::new();
    for &nodes in &command.nodes {
        for &seed in &command.seed {
            let scenario = scenario(file, command, &trace, nodes, seed, days)?;
            let cluster = Simulation::with_trace(&scenario, trace.clone())?;
            let recording = Recording::of_simulation(cluster, START, days, STEP)?;
            let report = replay(&recording, policies, bounds, config, &LocalTime::utc())?;
            runs.push(Run { seed, report });
        }
    }
    Ok(runs)
}

/// A cluster of equal nodes with the recorded guests.
fn scenario(
    file: &Path,
    command: &Backtest,
    trace: &Trace,
    nodes: u32,
    seed: u64,
    days: i64,
) -> Result<Scenario> {
    let recorded: f64 = trace.guests.iter().map(|g| g.cores.0).sum();
    let more = command.guests.map_or(1.0, |n| f64::from(n) / trace.guests.len().max(1) as f64);
    let share = (recorded * more / OVERCOMMIT / f64::from(nodes.max(1))).ceil();
    let cores = command.cores.unwrap_or(share.clamp(1.0, 1024.0) as u32);
    let memory = command.memory.map_or(GIB_PER_CORE * f64::from(cores), f64::from);
    let warm_up = f64::from(command.warm_up.unwrap_or(WARM_UP));
    let growth = Growth {
        share: command.growing,
        cpu_cores_per_day: 0.1,
        memory_gib_per_day: 0.1,
        from_day: warm_up / 2.0,
        ..Growth::default()
    };
    Ok(Scenario {
        seed,
        end: START + days * DAY,
        days: days as f64,
        interval: STEP as u32,
        nodes: vec![NodeGroup { count: nodes, cores, memory_gib: memory, ..NodeGroup::default() }],
        guests: Vec::new(),
        traces: Some(TraceSpec {
            path: file.to_path_buf(),
            guests: command.guests,
            repeat: true,
            gaps: Gaps::Held,
            ..TraceSpec::default()
        }),
        placement: command.placement.parse()?,
        growth: if command.growing > 0.0 { vec![growth] } else { Vec::new() },
        ..Scenario::default()
    })
}

/// A replay for people.
fn show(run: &Run, out: &mut Out) -> Result<()> {
    let report = &run.report;
    let head = format!(
        "{} nodes, {} cores, {} guests, seed {}: {:.1} days judged after {:.0} of warm-up",
        report.nodes,
        report.cores,
        report.guests,
        run.seed,
        report.judged_hours as f64 / 24.0,
        report.warm_up_hours as f64 / 24.0
    );
    out.line(styled(HEAD, head))?;
    out.line(styled(
        DIM,
        format!(
            "mean demand {:.0} % of all cores; {:.0} core-hours above {:.0} % are in excess of the \
             whole cluster, whatever the placement",
            report.mean_demand * 100.0,
            report.unavoidable_core_hours,
            report.threshold * 100.0
        ),
    ))?;
    let mut rows = table(&[
        "policy",
        "core-hours above",
        "node-hours above",
        "unmet core-hours",
        "moves",
        "GiB moved",
        "back in 24 h",
        "in 7 d",
        "day by day",
    ]);
    let most = report.outcomes.iter().flat_map(|o| &o.days).map(|d| d.core_hours);
    let most = most.fold(0.0, f64::max);
    let least = report.outcomes.iter().map(|o| o.core_hours).fold(f64::INFINITY, f64::min);
    for outcome in &report.outcomes {
        let depth = format!("{:.0}", outcome.core_hours);
        let style = if outcome.core_hours <= least { GOOD } else { HEAD };
        rows.add_row([
            outcome.policy.name().to_string(),
            styled(style, depth),
            format!("{:.0}", outcome.node_hours),
            format!("{:.0}", outcome.unmet_core_hours),
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
    out.line(rows)?;
    out.line("")
}

/// A bar for each day, as high as its core-hours above the threshold; a dot for none.
fn plot(days: &[Day], most: f64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |day: &Day| match day.core_hours {
        none if none < 0.5 => '·',
        some => BARS[((some / most.max(1e-9) * 8.0).ceil() as usize).clamp(1, 8) - 1],
    };
    days.iter().map(bar).collect()
}

/// Sums over the clusters of a campaign.
fn all(runs: &[Run], out: &mut Out) -> Result<()> {
    out.line(styled(HEAD, format!("All {} clusters together", runs.len())))?;
    let mut rows =
        table(&["policy", "core-hours above", "unmet core-hours", "moves", "in 7 d", "best in"]);
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
    out.line(rows)
}
