//! `explain`: why a guest goes where, and why not elsewhere.

use crate::args::{Args, Explain};
use crate::out::{BAD, DIM, GOOD, HEAD, Out, WARN, styled, table, warn};
use crate::recommend::{parts, request, scores};
use pve_foresight::api::{ExplainReply, ExplainTarget};
use pve_foresight::engine::Engine;
use pve_foresight::error::Result;
use pve_foresight::evidence::good_time;
use pve_foresight::model::unsigned;
use pve_foresight::recommend::stated;

pub(crate) fn run(args: &Args, command: &Explain, out: &mut Out) -> Result<bool> {
    let (request, warnings) = request(args, command.inventory.as_deref(), &command.settings)?;
    let engine = Engine::new(&args.state);
    let target = command.target.as_deref();
    let mut reply = engine.explain(&request, None, command.guest, target)?;
    reply.warnings.splice(0..0, warnings);
    if out.is_json() {
        out.value(&reply)?;
    } else {
        show(&reply, target.is_some(), out)?;
    }
    Ok(true)
}

fn show(reply: &ExplainReply, in_full: bool, out: &mut Out) -> Result<()> {
    reply.warnings.iter().for_each(warn);
    out.prose("", styled(HEAD, &reply.summary))?;
    // The first of them is in the summary.
    for blocker in reply.blockers.iter().filter(|b| !reply.summary.contains(&b.text)) {
        out.prose(&format!("   {} ", styled(BAD, "!")), format!("it {}", blocker.text))?;
    }
    for concern in &reply.concerns {
        out.prose(&format!("   {} ", styled(WARN, "-")), concern)?;
    }
    if let Some(window) = &reply.window {
        out.prose("   ", good_time(window, reply.now))?;
    }
    if reply.targets.is_empty() {
        return out.line("There is no other node.");
    }
    out.line("")?;
    targets(reply, out)?;
    if let (true, Some(source)) = (in_full, &reply.source) {
        for target in reply.targets.iter().filter(|t| t.score.is_some()) {
            out.line("")?;
            scores(&source.terms, &target.terms, (&source.node, &target.node), out)?;
            target.weighing.iter().try_for_each(|weighed| parts(&weighed.confidence_parts, out))?;
        }
    }
    let commands = reply.targets.iter().filter_map(|t| t.command.as_ref());
    if let (true, Some(command)) = (in_full, commands.into_iter().next()) {
        out.line(format!("\n   $ {command}"))?;
    }
    if !in_full {
        out.line(styled(DIM, "\n--target NODE shows the score by term, what the confidence rests on, and the command"))?;
    }
    Ok(())
}

fn targets(reply: &ExplainReply, out: &mut Out) -> Result<()> {
    let mut rows = table(&["target", "possible", "points", "gain", "cost", "confidence", "why"]);
    let number = |x: Option<f64>| x.map_or("-".into(), |x| unsigned(x, 0));
    if let Some(source) = &reply.source {
        let score = unsigned(source.score, 0);
        let here = [source.node.as_str(), "is there", &score, "", "", "", ""];
        // Without colour an empty cell is nothing at all, and the line ends before it.
        let dim = |cell: &str| if cell.is_empty() { String::new() } else { styled(DIM, cell) };
        rows.add_row(here.map(dim));
    }
    for target in &reply.targets {
        let brings = target.weighing.as_ref();
        rows.add_row([
            target.node.clone(),
            match (target.feasible, target.with.is_empty()) {
                (true, _) => styled(GOOD, "yes"),
                (false, true) => styled(BAD, "no"),
                (false, false) => styled(WARN, "not alone"),
            },
            number(target.score),
            number(brings.map(|m| m.score_improvement)),
            number(brings.map(|m| m.cost.points.0)),
            brings.map_or("-".into(), |m| stated(m.confidence)),
            why(target, !reply.blockers.is_empty()),
        ]);
    }
    out.table(rows)
}

/// `stays`: the guest cannot move at all.
fn why(target: &ExplainTarget, stays: bool) -> String {
    let blockers: Vec<&str> = target.blockers.iter().map(|b| b.text.as_str()).collect();
    match (&target.reason, blockers.is_empty()) {
        (Some(reason), false) => format!("{}; {reason}", blockers.join("; ")),
        (None, false) => blockers.join("; "),
        (Some(reason), true) => reason.clone(),
        (None, true) if target.worth => "worth it".into(),
        (None, true) if stays => "nothing against this node, but the guest itself stays".into(),
        (None, true) => String::new(),
    }
}
