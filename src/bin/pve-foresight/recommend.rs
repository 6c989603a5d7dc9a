//! `recommend`: the advice, as text made for people or as JSON.

use crate::args::{Args, Recommend};
use crate::out::{BAD, DIM, GOOD, HEAD, Out, WARN, note, styled, table};
use crate::settings;
use anstyle::Style;
use pve_foresight::api::{NodeReply, RecommendReply, Recommendation};
use pve_foresight::engine::{Engine, RecommendRequest};
use pve_foresight::error::Result;
use pve_foresight::model::Fraction;
use pve_foresight::recommend::{State, Urgency};
use pve_foresight::trend::Direction;

pub(crate) fn run(args: &Args, command: &Recommend, out: &mut Out) -> Result<bool> {
    let beside = command.inventory.as_deref().filter(|path| path.is_dir());
    let (effective, warnings) = settings::effective(&command.settings, beside)?;
    let engine = Engine::new(&args.state);
    let request = RecommendRequest {
        now: args.now,
        inventory: command.inventory.clone(),
        config: effective.config,
    };
    let mut reply = engine.recommend(&request)?;
    reply.warnings.splice(0..0, warnings);
    if out.is_json() {
        out.value(&reply)?;
    } else {
        show(&reply, command.all, out)?;
    }
    Ok(true)
}

/// The advice for people.
pub(crate) fn show(reply: &RecommendReply, all: bool, out: &mut Out) -> Result<()> {
    for warning in &reply.warnings {
        note(format!("{} {warning}", styled(WARN, "note:")));
    }
    nodes(&reply.nodes, out)?;
    out.line("")?;
    out.line(styled(HEAD, &reply.summary))?;
    for recommendation in &reply.recommendations {
        out.line("")?;
        card(recommendation, out)?;
    }
    if all {
        considered(reply, out)?;
        skipped(reply, out)?;
    } else if !(reply.considered.is_empty() && reply.skipped.is_empty()) {
        let (considered, skipped) = (reply.considered.len(), reply.skipped.len());
        let text = format!(
            "{considered} more moves were weighed, {skipped} guests skipped: --all says why"
        );
        out.line(styled(DIM, format!("\n{text}")))?;
    }
    Ok(())
}

/// Arrow for a direction, with the weight that the eye needs.
pub(crate) fn arrow(direction: Direction, per_day: Option<f64>) -> String {
    let slope = per_day.map_or(String::new(), |s| format!(" {:+.1} %/day", s * 100.0));
    match direction {
        Direction::SustainedIncrease => styled(BAD, format!("↑{slope}")),
        Direction::SustainedDecrease => styled(GOOD, format!("↓{slope}")),
        Direction::Cyclical => "∿ regular".into(),
        Direction::Volatile => styled(WARN, "≈ volatile"),
        Direction::Stable => "→ stable".into(),
        Direction::Unknown => styled(DIM, "? too little data"),
    }
}

fn nodes(nodes: &[NodeReply], out: &mut Out) -> Result<()> {
    let header = [
        "node",
        "state",
        "guests",
        "CPU now",
        "7-day high",
        "trend",
        "memory",
        "trend",
        "stability",
    ];
    let mut rows = table(&header);
    let share = |x: Option<Fraction>| x.map_or("-".into(), |x| format!("{x:.0}"));
    for node in nodes {
        rows.add_row([
            node.name.clone(),
            state(node.state),
            node.guests.to_string(),
            share(node.cpu.current),
            share(node.cpu.high_7d),
            arrow(node.cpu_direction, node.cpu_trend_per_day),
            share(node.memory.current),
            arrow(node.mem_direction, node.mem_trend_per_day),
            node.stability_score.map_or("-".into(), |s| format!("{s:.0}")),
        ]);
    }
    out.line(rows)
}

fn state(state: State) -> String {
    match state {
        State::Healthy => styled(GOOD, "healthy"),
        State::StableButHot => styled(WARN, "hot, not rising"),
        State::TrendingTowardOverload => styled(WARN, "heading for overload"),
        State::Overloaded => styled(BAD, "overloaded"),
        State::Offline => styled(DIM, "offline"),
        State::Unknown => styled(DIM, "unknown"),
    }
}

fn urgency(urgency: Urgency) -> Style {
    match urgency {
        Urgency::High => BAD,
        Urgency::Medium => WARN,
        Urgency::Low | Urgency::None => DIM,
    }
}

fn card(r: &Recommendation, out: &mut Out) -> Result<()> {
    let name = if r.name.is_empty() { String::new() } else { format!(" '{}'", r.name) };
    let style = urgency(r.urgency);
    let word = format!("{:?} urgency", r.urgency).to_lowercase();
    out.line(format!(
        "{} {}{name}: {} → {}   confidence {:.0} %, {}",
        styled(HEAD, format!("{}.", r.order)),
        styled(HEAD, r.vmid),
        styled(HEAD, &r.source),
        styled(HEAD, &r.target),
        r.confidence,
        styled(style, word)
    ))?;
    out.line(format!("   {}", r.decision_explanation))?;
    for factor in &r.trend_evidence.decision_factors {
        let sign = match factor.kind {
            pve_foresight::evidence::Kind::Problem => styled(BAD, "!"),
            pve_foresight::evidence::Kind::Positive => styled(GOOD, "+"),
            pve_foresight::evidence::Kind::Concern => styled(WARN, "-"),
            pve_foresight::evidence::Kind::Info => "i".into(),
        };
        let weight = format!("{:?}", factor.weight).to_lowercase();
        out.line(format!("   {sign} {} {}", factor.factor, styled(DIM, format!("({weight})"))))?;
    }
    let data = &r.trend_evidence.data_quality;
    out.line(styled(
        DIM,
        format!(
            "   {} ({:.0} days of nodes, {:.0} of the guest). Score improves by {:.0} points, the \
             move costs {:.0}.",
            data.confidence_note,
            data.node_history_days,
            data.guest_history_days,
            r.weighing.score_improvement,
            r.weighing.cost.points.0
        ),
    ))?;
    out.line(format!("   $ {}", r.command))
}

fn considered(reply: &RecommendReply, out: &mut Out) -> Result<()> {
    if reply.considered.is_empty() {
        return Ok(());
    }
    out.line(styled(HEAD, "\nWeighed and rejected"))?;
    let mut rows = table(&["guest", "from", "to", "confidence", "why not"]);
    for c in &reply.considered {
        let guest = format!("{} {}", c.vmid, c.name);
        rows.add_row([
            guest,
            c.source.clone(),
            c.target.clone(),
            format!("{:.0} %", c.confidence),
            c.reason.clone(),
        ]);
    }
    out.line(rows)
}

fn skipped(reply: &RecommendReply, out: &mut Out) -> Result<()> {
    if reply.skipped.is_empty() {
        return Ok(());
    }
    out.line(styled(HEAD, "\nSkipped"))?;
    let mut rows = table(&["guest", "on", "why"]);
    for s in &reply.skipped {
        rows.add_row([format!("{} {}", s.vmid, s.name), s.node.clone(), s.reason.clone()]);
    }
    out.line(rows)
}
