//! The offline engine on the command line: arguments in, one engine call, text or JSON out.

mod append;
mod args;
mod backtest;
mod collect;
mod demo;
mod doctor;
mod drain;
mod explain;
mod export;
mod fresh;
mod history;
mod import;
mod news;
mod out;
mod outcomes;
mod recommend;
mod report;
mod settings;
mod simulate;
mod stats;
mod status;
mod traces;
mod trend;
mod verify;

use args::{Args, Command};
use clap::Parser;
use out::Out;
use pve_foresight::collect::PMXCFS;
use pve_foresight::error::{Error, Kind, Result};
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

/// Exit status of a wrong option, as the parser of the options has it.
const USAGE: u8 = 2;
/// Exit status when the work was done but some input was refused.
const PARTLY: u8 = 3;

fn main() -> ExitCode {
    let args = Args::parse();
    let mut out = Out::new(args.json);
    match run(&args, &mut out).and_then(|done| out.flush().map(|()| done)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(PARTLY),
        // The reader of our output went away (`| head`): nothing is wrong here.
        Err(e) if e.kind == Kind::Io && e.message == out::CLOSED => ExitCode::SUCCESS,
        Err(e) => {
            out::complain(&e);
            match e.place.starts_with("--") {
                true => ExitCode::from(USAGE),
                false => ExitCode::FAILURE,
            }
        }
    }
}

/// Runs the command; `false` when some of the input was refused.
fn run(args: &Args, out: &mut Out) -> Result<bool> {
    if reads_state(&args.command) {
        readable(&args.state)?;
    }
    match &args.command {
        Command::Collect(c) => collect::run(args, c, out),
        Command::Append(c) => append::run(args, c, out),
        Command::Compress => append::compress(args, out),
        Command::History(c) => history::history(args, c, out),
        Command::Quality(c) => history::quality(args, c, out),
        Command::Trend(c) => trend::run(args, c, out),
        Command::Recommend(c) => recommend::run(args, c, out),
        Command::Report(c) => report::run(args, c, out),
        Command::Outcomes(c) => outcomes::run(args, c, out),
        Command::Backtest(c) => backtest::run(args, c, out),
        Command::Explain(c) => explain::run(args, c, out),
        Command::Drain(c) => drain::run(args, c, out),
        Command::Import(c) => import::run(args, c, out),
        Command::Export(c) => export::run(args, c),
        Command::Verify => verify::run(args, out),
        Command::Stats => stats::run(args, out),
        Command::Status => status::run(args, out),
        Command::Settings(c) => settings::run(args, c, out),
        Command::Doctor(c) => doctor::run(args, c, out),
        Command::Simulate(c) => simulate::run(args, c, out),
        Command::Demo(c) => demo::run(args, c, out),
    }
}

/// Whether the command answers from what is stored, or stores.
fn reads_state(command: &Command) -> bool {
    match command {
        Command::Demo(c) => c.keep,
        Command::Trend(c) => c.series.is_none(),
        Command::Backtest(c) => c.traces.is_none(),
        Command::Settings(_) | Command::Doctor(_) | Command::Simulate(_) => false,
        _ => true,
    }
}

/// What cannot be looked into is not the same as an empty store.
fn readable(state: &Path) -> Result<()> {
    match std::fs::read_dir(state).err().map(|e| e.kind()) {
        Some(ErrorKind::NotADirectory) => {
            Err(usage("--state", format!("{} is not a directory", state.display())))
        }
        Some(ErrorKind::PermissionDenied) => {
            let message = "this user may not read it: ask as root, or as its owner";
            Err(Error::new(Kind::Io, message).at(state.display()))
        }
        _ => Ok(()),
    }
}

/// A value of `option` that makes no sense, said with the remedy: exit status 2.
fn usage(option: &str, message: impl Into<String>) -> Error {
    Error::invalid(message).at(option)
}

/// The cluster's own tree, where the metrics asked for are those of this node.
fn own_tree(args: &Args) -> Option<&'static Path> {
    Some(Path::new(PMXCFS)).filter(|tree| is_own(args) && is_mounted(tree))
}

/// Whether the metrics asked for are those of this node: only then anything else of it is read.
fn is_own(args: &Args) -> bool {
    args.state == Path::new(args::STATE)
}

/// Whether the cluster file system is mounted at `tree`, or this is a copy of one.
fn is_mounted(tree: &Path) -> bool {
    tree.join(".members").exists()
}
