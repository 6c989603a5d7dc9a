//! `collect`: one run of the collector.

use crate::args::{Args, Collect};
use crate::news::news;
use crate::out::{Out, counted, warn};
use pve_foresight::engine::Engine;
use pve_foresight::error::Result;

pub(crate) fn run(args: &Args, command: &Collect, out: &mut Out) -> Result<bool> {
    let engine = Engine::new(&args.state);
    let reply = engine.collect(&command.root, &command.run_dir, args.now)?;
    if out.is_json() {
        out.value(&reply)?;
    } else {
        let stored = if reply.stored { "stored" } else { "seen, nothing stored" };
        out.line(format!(
            "{} ({} online), {} ({} running) {stored}",
            counted(reply.nodes, "node"),
            reply.nodes_online,
            counted(reply.guests, "guest"),
            reply.guests_running
        ))?;
    }
    match command.news {
        true => news(&command.run_dir, &reply.warnings).iter().for_each(warn),
        false => reply.warnings.iter().for_each(warn),
    }
    Ok(true)
}
