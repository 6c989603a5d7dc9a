//! `simulate`: ticks of a cluster that never was.

use crate::args::{Args, Simulate};
use crate::out::{Out, note};
use crate::settings::read;
use crate::usage;
use pve_foresight::error::{Error, Kind, Result};
use pve_foresight::simulate::{
    GuestGroup, PveVersion, Scenario, Simulation, TraceSpec, TreeWriter, write_jsonl,
};
use std::io::{BufWriter, ErrorKind};
use std::path::Path;

/// Largest scenario file that is read.
const MAX_SCENARIO: usize = 16 << 20;

pub(crate) fn run(args: &Args, command: &Simulate, out: &mut Out) -> Result<bool> {
    let scenario = scenario(args, command)?;
    if command.print_scenario {
        out.value(&scenario)?;
        return Ok(true);
    }
    let mut simulation = Simulation::new(&scenario)?;
    match &command.tree {
        Some(dir) => write_tree(dir, &mut simulation)?,
        None => {
            let count = write_jsonl(BufWriter::new(std::io::stdout().lock()), simulation)
                .or_else(closed_is_fine)?;
            note(format!("{count} ticks written"));
        }
    }
    Ok(true)
}

/// `simulate | head` is no failure.
fn closed_is_fine(e: Error) -> Result<u64> {
    let broken = std::io::Error::from(ErrorKind::BrokenPipe).to_string();
    match e.kind == Kind::Io && e.message.contains(&broken) {
        true => Ok(0),
        false => Err(e),
    }
}

fn scenario(args: &Args, c: &Simulate) -> Result<Scenario> {
    let mut scenario = match &c.scenario {
        Some(file) => serde_json::from_slice(&read(file, MAX_SCENARIO)?)
            .map_err(|e| Error::invalid(e.to_string()).at(file.display()))?,
        None => Scenario::default(),
    };
    if let Some(end) = args.now {
        scenario.end = end;
    }
    if let Some(count) = c.nodes {
        let Some(group) = scenario.nodes.first_mut() else {
            return Err(usage("--nodes: the scenario has no group of nodes to resize"));
        };
        group.count = count;
        scenario.nodes.truncate(1);
    }
    if let Some(count) = c.guests {
        scenario.guests = vec![GuestGroup { count, ..GuestGroup::default() }];
    }
    if let Some(path) = &c.traces {
        if c.guests.is_none() && c.scenario.is_none() {
            scenario.guests.clear();
        }
        let known = scenario.traces.take().unwrap_or_default();
        scenario.traces = Some(TraceSpec { path: path.clone(), repeat: true, ..known });
    }
    scenario.days = c.days.unwrap_or(scenario.days);
    scenario.interval = c.interval.unwrap_or(scenario.interval);
    scenario.seed = c.seed.unwrap_or(scenario.seed);
    scenario.check()?;
    Ok(scenario)
}

fn write_tree(dir: &Path, simulation: &mut Simulation) -> Result<()> {
    let mut writer = TreeWriter::new(dir, PveVersion::V9)?;
    let mut count = 0u64;
    while let Some(tick) = simulation.next() {
        // Counters need two ticks; what is on disk in the end is the last one.
        let inventory = simulation.inventory();
        writer.write(&tick, &inventory)?;
        count += 1;
    }
    note(format!("{count} ticks written as a pmxcfs tree to {}", dir.display()));
    Ok(())
}
