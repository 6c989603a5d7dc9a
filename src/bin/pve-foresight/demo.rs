//! `demo`: the whole way on a simulated cluster, from ticks to advice.

use crate::args::{Args, Demo};
use crate::fresh::fresh;
use crate::out::{DIM, HEAD, Out, note, styled};
use crate::recommend::{Detail, show};
use crate::simulate::of_option;
use crate::{is_own, usage};
use pve_foresight::engine::{Engine, RecommendRequest, shell_word};
use pve_foresight::error::Result;
use pve_foresight::settings::PenaltyConfig;
use pve_foresight::simulate::{Scenario, Simulation};
use std::path::{Path, PathBuf};

/// Default end of the demo: a Thursday, 15:00 UTC. A fixed date makes every run alike.
const END: i64 = 1_792_681_200;

/// Directory for the demo's metrics, removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let make = |path: &Path| std::fs::create_dir(path);
        let (folder, ()) = fresh(&std::env::temp_dir(), "pve-foresight-demo", make)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed from the temporary directory, the system removes.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn run(args: &Args, command: &Demo, out: &mut Out) -> Result<bool> {
    let end = args.now.unwrap_or(END);
    let mut scenario = match &command.traces {
        Some(file) => Scenario::demo_traces(end, file.clone()),
        None => Scenario::demo(end),
    };
    scenario.seed = command.seed;
    let scratch = match command.keep {
        true => None,
        false => Some(Scratch::new()?),
    };
    let state: &Path = scratch.as_ref().map_or(&args.state, |s| &s.0);
    let engine = Engine::new(state);
    if command.keep {
        unused(args, &engine)?;
    }
    let is_given = |option: &str| option == "--now" && args.now.is_some();
    let mut simulation = Simulation::new(&scenario).map_err(|e| of_option(e, is_given))?;
    if !out.is_json() {
        tell(&scenario, &simulation, out)?;
    }
    let stored = engine.append(&mut simulation)?;
    let request =
        RecommendRequest { now: Some(end), inventory: None, config: PenaltyConfig::default() };
    let reply = engine.recommend(&request, Some(simulation.inventory()))?;
    if out.is_json() {
        out.value(&reply)?;
        return Ok(true);
    }
    note(styled(DIM, format!("{} ticks stored and analysed", stored.stored)));
    show(&reply, Detail::default(), out)?;
    next(args, command, out)?;
    Ok(true)
}

/// Invented metrics must not get among real ones.
fn unused(args: &Args, engine: &Engine) -> Result<()> {
    if !is_own(args) && !engine.status(None)?.store {
        return Ok(());
    }
    let dir = args.state.display();
    Err(usage("--keep", format!("{dir} is for real metrics: name a new directory with --state")))
}

fn tell(scenario: &Scenario, simulation: &Simulation, out: &mut Out) -> Result<()> {
    let guests = simulation.guests().len();
    let nodes = simulation.nodes().len();
    let from = if scenario.traces.is_some() { "recorded" } else { "synthetic" };
    out.line(format!(
        "A cluster of {nodes} nodes with {guests} {from} guests over {:.0} days, one sample per {} s.\n",
        scenario.days, scenario.interval
    ))
}

/// Where to look next.
fn next(args: &Args, command: &Demo, out: &mut Out) -> Result<()> {
    out.line(styled(HEAD, "\nWhere to look next"))?;
    if !command.keep {
        out.line(
            "  pve-foresight demo --keep --state /tmp/foresight-demo    keep these metrics, then",
        )?;
    }
    let state = match command.keep {
        true => shell_word(&args.state.to_string_lossy()).into_owned(),
        false => "/tmp/foresight-demo".into(),
    };
    for (what, why) in [
        ("trend --node pve1", "how one node develops, metric by metric"),
        ("history --node pve1", "what is stored of it, with a plot"),
        ("recommend --all", "also what was weighed and skipped, and why"),
        (
            "recommend --set trend-weight=0",
            "the same decision from the load of the last hour alone",
        ),
    ] {
        out.line(format!("  pve-foresight --state {state} {what:<34} {}", styled(DIM, why)))?;
    }
    Ok(())
}
