//! Recorded traces on a simulated cluster, replayed.

use crate::args::Backtest;
use crate::simulate::of_option;
use pve_foresight::backtest::{Bounds, Contestant, Policy, Recording, Report, replay};
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
pub(crate) struct Run {
    pub(crate) seed: u64,
    #[serde(flatten)]
    pub(crate) report: Report,
}

/// Replays the traces of `file` on every cluster that was asked for.
pub(crate) fn of_traces(
    file: &Path,
    command: &Backtest,
    policies: &[Policy],
    config: &PenaltyConfig,
) -> Result<Vec<Run>> {
    let trace = Arc::new(Trace::read(file)?);
    let warm_up = command.cluster.warm_up.unwrap_or(WARM_UP);
    let recorded = i64::from(trace.length) / DAY;
    let days = command.days.map_or(recorded, |days| i64::from(warm_up + days));
    let hours = |days: u16| usize::from(days) * 24;
    let bounds = Bounds {
        warm_up: hours(warm_up),
        judged: command.days.map_or(usize::MAX, hours),
        every: usize::from(command.every),
    };
    let mut runs = Vec::new();
    for &nodes in &command.cluster.nodes {
        for &seed in &command.cluster.seed {
            let cluster = scenario(file, command, &trace, nodes, seed, days)
                .and_then(|scenario| Simulation::with_trace(&scenario, trace.clone()))
                // All that is particular to the scenario comes from options.
                .map_err(|e| of_option(e, |_| true))?;
            let recording = Recording::of_simulation(cluster, START, days, STEP)?;
            let contestants = Contestant::all(policies, config);
            let report = replay(&recording, &contestants, bounds, config, &LocalTime::utc())?;
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
    let more =
        command.cluster.guests.map_or(1.0, |n| f64::from(n) / trace.guests.len().max(1) as f64);
    let share = (recorded * more / OVERCOMMIT / f64::from(nodes.max(1))).ceil();
    let cores = command.cluster.cores.unwrap_or(share.clamp(1.0, 1024.0) as u32);
    let memory = command.cluster.memory.map_or(GIB_PER_CORE * f64::from(cores), f64::from);
    let warm_up = f64::from(command.cluster.warm_up.unwrap_or(WARM_UP));
    let growth = Growth {
        share: command.cluster.growing,
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
            guests: command.cluster.guests,
            repeat: true,
            gaps: Gaps::Held,
            ..TraceSpec::default()
        }),
        placement: command.cluster.placement.parse()?,
        growth: if command.cluster.growing != 0.0 { vec![growth] } else { Vec::new() },
        ..Scenario::default()
    })
}
