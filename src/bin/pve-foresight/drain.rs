//! `drain`: a way to empty a node, as text made for people or as JSON.

use crate::args::{Args, Drain};
use crate::out::{BAD, DIM, HEAD, Out, WARN, quoted, styled, table, warn};
use crate::recommend::request;
use pve_foresight::api::{DrainBlocker, DrainReply, DrainStay};
use pve_foresight::engine::Engine;
use pve_foresight::error::Result;
use pve_foresight::recommend::BlockerCode;
use std::collections::BTreeMap;

pub(crate) fn run(args: &Args, command: &Drain, out: &mut Out) -> Result<bool> {
    let (request, warnings) = request(args, command.inventory.as_deref(), &command.settings)?;
    let mut reply = Engine::new(&args.state).drain(&request, None, &command.node)?;
    reply.warnings.splice(0..0, warnings);
    if out.is_json() {
        out.value(&reply)?;
    } else {
        show(&reply, out)?;
    }
    Ok(true)
}

fn show(reply: &DrainReply, out: &mut Out) -> Result<()> {
    reply.warnings.iter().for_each(warn);
    out.prose("", styled(HEAD, &reply.summary))?;
    for text in &reply.notes {
        out.prose("   ", text)?;
    }
    if !reply.stays.is_empty() {
        out.line(styled(BAD, "\nMust stay"))?;
        for stay in &reply.stays {
            stays(stay, out)?;
        }
    }
    if reply.steps.is_empty() {
        return Ok(());
    }
    out.line(styled(HEAD, format!("\nOn {}, in this order (nothing is executed)", reply.node)))?;
    for step in &reply.steps {
        let name = quoted(&step.name);
        let idle = if step.running { "" } else { ", not running" };
        let text = styled(DIM, format!("# {}{name}{idle}", step.vmid));
        out.line(format!("{:>4}. {}   {text}", step.order, step.command))?;
        for concern in &step.concerns {
            out.prose(&format!("      {} ", styled(WARN, "-")), concern)?;
        }
    }
    out.line(styled(HEAD, "\nThe other nodes in their busy hours"))?;
    let mut rows = table(&["node", "arrivals", "CPU", "memory"]);
    for node in &reply.nodes {
        let change = |a: f64, b: f64| format!("{:.0} → {:.0} %", a * 100.0, b * 100.0);
        let peaks = &node.peaks;
        rows.add_row([
            node.name.clone(),
            node.arrivals.to_string(),
            change(peaks.cpu_before, peaks.cpu_after),
            change(peaks.memory_before, peaks.memory_after),
        ]);
    }
    out.table(rows)
}

/// A guest that stays: what holds everywhere, else what stands in the way node by node.
fn stays(stay: &DrainStay, out: &mut Out) -> Result<()> {
    let name = quoted(&stay.name);
    // Of a node that is away nobody reports what runs there.
    let is_away = |b: &DrainBlocker| {
        b.node.is_none() && matches!(b.code, BlockerCode::NodeOffline | BlockerCode::NodeSilent)
    };
    let unknown = stay.blockers.iter().any(is_away);
    let idle = if stay.running || unknown { "" } else { ", not running" };
    out.line(format!("   {}{name}{idle}", stay.vmid))?;
    let mut by_node: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
    for blocker in &stay.blockers {
        by_node.entry(blocker.node.as_deref()).or_default().push(&blocker.text);
    }
    for (node, texts) in by_node {
        let place = node.map_or(String::new(), |node| format!("{node}: "));
        let text = format!("{place}{}", texts.join("; "));
        out.prose(&format!("      {} ", styled(BAD, "!")), text)?;
    }
    Ok(())
}
