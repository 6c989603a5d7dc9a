//! `collect`: one run of the collector.

use crate::args::{Args, Collect};
use crate::out::{Out, warn};
use pve_foresight::engine::Engine;
use pve_foresight::error::Result;

pub(crate) fn run(args: &Args, command: &Collect, out: &mut Out) -> Result<bool> {
    let engine = Engine::new(&args.state);
    let reply = engine.collect(&command.root, &command.run_dir, args.now)?;
    if out.is_json() {
        out.value(&reply)?;
    } else {
        out.line(format!(
            "{} nodes ({} online), {} guests ({} running) stored",
            reply.nodes, reply.nodes_online, reply.guests, reply.guests_running
        ))?;
    }
    reply.warnings.iter().for_each(warn);
    Ok(true)
}
