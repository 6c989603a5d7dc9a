//! `simulate`: ticks of a cluster that never was.

use crate::args::{Args, Simulate};
use crate::out::{Out, note, piped};
use crate::settings::read;
use crate::usage;
use pve_foresight::error::{Error, Result};
use pve_foresight::simulate::{
    Gaps, GuestGroup, PveVersion, Scenario, Simulation, TraceSpec, TreeWriter, write_jsonl,
};
use std::path::Path;

/// Largest scenario file that is read.
const MAX_SCENARIO: usize = 16 << 20;

pub(crate) fn run(args: &Args, command: &Simulate, out: &mut Out) -> Result<bool> {
    let scenario = scenario(args, command)?;
    if command.print_scenario {
        out.value(&scenario)?;
        return Ok(true);
    }
    let mut simulation = Simulation::new(&scenario)
        .map_err(|e| of_option(e, |option| is_given(option, args, command)))?;
    match &command.trees {
        Some(dir) => write_trees(dir, command.pve, &mut simulation)?,
        None => {
            let count = piped(|out| write_jsonl(out, simulation))?;
            let s = if count == 1 { "" } else { "s" };
            note(format!("{count} tick{s} written"));
        }
    }
    Ok(true)
}

/// Nodes and guests of a simulated cluster when only one of them is said.
const USUAL: (u32, u32) = (4, 40);

fn scenario(args: &Args, c: &Simulate) -> Result<Scenario> {
    let mut scenario = base(c, args.now.unwrap_or(Scenario::default().end))?;
    if let Some(end) = args.now {
        scenario.end = end;
    }
    if let Some(path) = &c.traces {
        let mut known = scenario.traces.take().unwrap_or_default();
        if c.scenario.is_none() {
            // The recorded guests instead of synthetic ones, not beside them.
            scenario.guests.clear();
            known.guests = c.guests;
        }
        let gaps = if c.scenario.is_some() { known.gaps } else { Gaps::Held };
        scenario.traces = Some(TraceSpec { path: path.clone(), repeat: true, gaps, ..known });
    }
    if let Some(placement) = &c.placement {
        scenario.placement = placement.clone();
    }
    scenario.days = c.days.unwrap_or(scenario.days);
    scenario.interval = c.interval.unwrap_or(scenario.interval);
    scenario.seed = c.seed.unwrap_or(scenario.seed);
    scenario.check().map_err(|e| of_option(e, |option| is_given(option, args, c)))?;
    Ok(scenario)
}

/// Whether the command line has this option.
fn is_given(option: &str, args: &Args, c: &Simulate) -> bool {
    match option {
        "--days" => c.days.is_some() || c.interval.is_some(),
        "--interval" => c.interval.is_some(),
        "--nodes" => c.nodes.is_some(),
        "--guests" => c.guests.is_some(),
        "--placement" => c.placement.is_some(),
        "--now" => args.now.is_some(),
        _ => false,
    }
}

/// What an option gave to a scenario is refused as that option.
pub(crate) fn of_option(error: Error, is_given: impl Fn(&str) -> bool) -> Error {
    match option_of(&error.place) {
        Some(option) if is_given(option) => Error { place: option.into(), ..error },
        _ => error,
    }
}

/// The option that gives what stands at `place` of a scenario.
fn option_of(place: &str) -> Option<&'static str> {
    Some(match place {
        "days" => "--days",
        "interval" => "--interval",
        "end" => "--now",
        "nodes" => "--nodes",
        "guests" | "traces.guests" => "--guests",
        "placement" | "placement.skewed" => "--placement",
        "growth[0]: share" => "--growing",
        _ => return None,
    })
}

/// The scenario file with its sizes overridden; without one a fleet of the asked size.
fn base(c: &Simulate, end: i64) -> Result<Scenario> {
    let Some(file) = &c.scenario else {
        return Ok(match c.nodes.or(c.guests) {
            None => Scenario { end, ..Scenario::default() },
            Some(_) => {
                let (nodes, guests) = (c.nodes.unwrap_or(USUAL.0), c.guests.unwrap_or(USUAL.1));
                Scenario::fleet(nodes, guests, c.seed.unwrap_or(1), end)
            }
        });
    };
    let text = String::from_utf8(read(file, MAX_SCENARIO)?)
        .map_err(|e| Error::invalid(format!("not UTF-8: {e}")).at(file.display()))?;
    let mut scenario = Scenario::parse(&text, file)?;
    if let Some(count) = c.nodes {
        let Some(group) = scenario.nodes.first_mut() else {
            return Err(usage("--nodes", "the scenario has no group of nodes to resize"));
        };
        group.count = count;
        scenario.nodes.truncate(1);
    }
    if let Some(count) = c.guests {
        scenario.guests = vec![GuestGroup { count, ..GuestGroup::default() }];
    }
    Ok(scenario)
}

/// Most trees that are written: each has a file per guest.
const MAX_TREES: u64 = 10_000;

fn write_trees(dir: &Path, version: PveVersion, simulation: &mut Simulation) -> Result<()> {
    let mut writer: Option<TreeWriter> = None;
    let mut count = 0u64;
    while let Some(tick) = simulation.next() {
        if count == MAX_TREES {
            let message =
                format!("stopped after {MAX_TREES} trees; take less --days or a longer --interval");
            return Err(usage("--trees", message));
        }
        let root = dir.join(tick.ts.to_string());
        match &mut writer {
            Some(writer) => writer.move_to(&root)?,
            None => writer = Some(TreeWriter::new(&root, version)?),
        }
        if let Some(writer) = &mut writer {
            writer.write(&tick, &simulation.inventory())?;
        }
        count += 1;
    }
    let s = if count == 1 { "" } else { "s" };
    note(format!("{count} tree{s} written below {}", dir.display()));
    Ok(())
}
