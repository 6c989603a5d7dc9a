//! `import`: history that others recorded.

use crate::args::{Args, Import, ImportFrom};
use crate::out::{DIM, Out, counted, styled, warn};
use crate::trend::when;
use crate::{is_own, own_tree, usage};
use pve_foresight::api::ImportReply;
use pve_foresight::engine::{Engine, ImportRequest, ImportSource, Progress};
use pve_foresight::error::Result;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Where PVE keeps the RRD files of a node.
const RRD: &str = "/var/lib/rrdcached/db";

pub(crate) fn run(args: &Args, command: &Import, out: &mut Out) -> Result<bool> {
    let (source, inventory) = match &command.from {
        ImportFrom::Rrd(c) => {
            (ImportSource::Rrd(rrd_files(args, c.root.as_deref())?), &c.inventory)
        }
        ImportFrom::Proxbalance(c) => (ImportSource::ProxBalance(c.file.clone()), &c.inventory),
    };
    let inventory = inventory.clone().or_else(|| own_tree(args).map(Path::to_path_buf));
    let request = ImportRequest { now: args.now, inventory, source };
    let mut line = ProgressLine::new();
    let reply = Engine::new(&args.state).import(&request, &mut |progress| {
        line.show(progress);
        Ok(())
    });
    line.clear();
    let reply = reply?;
    match out.is_json() {
        true => out.value(&reply)?,
        false => text(&reply, out)?,
    }
    reply.warnings.iter().for_each(warn);
    Ok(reply.refused == 0)
}

/// The folder of the RRD files; those of this node are not the history of another's metrics.
fn rrd_files(args: &Args, asked: Option<&Path>) -> Result<PathBuf> {
    match asked {
        Some(root) => Ok(root.to_path_buf()),
        None if is_own(args) => Ok(PathBuf::from(RRD)),
        None => {
            let message =
                "with another --state, name the folder of the RRD files that belong to it";
            Err(usage("--root", message))
        }
    }
}

fn text(reply: &ImportReply, out: &mut Out) -> Result<()> {
    out.line(format!(
        "{} of {} and {} stored, from {}",
        counted(reply.ticks, "tick"),
        counted(reply.nodes, "node"),
        counted(reply.guests, "guest"),
        counted(reply.files, "file")
    ))?;
    if let (Some(from), Some(until)) = (reply.from, reply.until) {
        out.line(format!("{}  to  {} local time", when(from), when(until)))?;
    }
    if reply.left_out > 0 {
        let why = "too old, or the store has something for their time";
        out.line(format!("{} left out: {why}", counted(reply.left_out, "row")))?;
    }
    for text in &reply.notes {
        out.prose("- ", styled(DIM, text))?;
    }
    Ok(())
}

/// One line on a terminal that is written over and over.
struct ProgressLine {
    is_terminal: bool,
    shown: usize,
}

impl ProgressLine {
    fn new() -> Self {
        Self { is_terminal: std::io::stderr().is_terminal(), shown: 0 }
    }

    fn show(&mut self, progress: Progress) {
        let Progress { what, done, total } = progress;
        let text = match total {
            0 => format!("{done} {what}"),
            _ => format!("{done} of {total} {what}"),
        };
        self.write(&text);
    }

    fn clear(&mut self) {
        if self.shown > 0 {
            self.write("");
            self.write_raw("\r");
        }
    }

    fn write(&mut self, text: &str) {
        if self.is_terminal {
            self.write_raw(&format!("\r{text:<width$}", width = self.shown));
            self.shown = text.len();
        }
    }

    fn write_raw(&self, text: &str) {
        let mut stderr = std::io::stderr().lock();
        // Nobody looks on: then there is nobody to tell.
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }
}
