//! `recommend`: the advice, as text made for people or as JSON.

use crate::args::{Args, Recommend, SettingsSource};
use crate::out::{BAD, DIM, GOOD, HEAD, Out, WARN, quoted, styled, table, warn};
use crate::{own_tree, settings};
use anstyle::Style;
use pve_foresight::api::{
    Changes, ConsideredMove, Earlier, EarlierMove, NodeReply, RecommendReply, Recommendation,
};
use pve_foresight::engine::{Engine, RecommendRequest, changes};
use pve_foresight::error::{Error, Result};
use pve_foresight::evidence::{busy_hours, good_time, guests_told, state_told};
use pve_foresight::model::{Fraction, UnixTime, Worse, counted, signed, unsigned};
use pve_foresight::recommend::{Confidence, State, Urgency, stated};
use pve_foresight::score::{Contribution, total};
use pve_foresight::settings::Term;
use pve_foresight::trend::Direction;
use std::collections::BTreeSet;
use std::path::Path;

/// Largest earlier answer that is read: of 10,000 guests it has about 5 MiB.
const MAX_EARLIER: usize = 64 << 20;

pub(crate) fn run(args: &Args, command: &Recommend, out: &mut Out) -> Result<bool> {
    let (request, warnings) = request(args, command.inventory.as_deref(), &command.settings)?;
    let earlier = command.since.as_deref().map(earlier).transpose()?;
    let mut reply = Engine::new(&args.state).recommend(&request, None)?;
    reply.changes = earlier.map(|earlier| changes(&earlier, &reply));
    reply.warnings.splice(0..0, warnings);
    if out.is_json() {
        out.value(&reply)?;
    } else {
        show(&reply, Detail { all: command.all, verbose: command.verbose }, out)?;
    }
    Ok(true)
}

/// What to decide from, with what is odd about the settings.
pub(crate) fn request(
    args: &Args,
    inventory: Option<&Path>,
    source: &SettingsSource,
) -> Result<(RecommendRequest, Vec<String>)> {
    let inventory = self::inventory(args, inventory);
    let (effective, warnings) = settings::effective(args, source, inventory)?;
    let inventory = inventory.map(Path::to_path_buf);
    Ok((RecommendRequest { now: args.now, inventory, config: effective.config }, warnings))
}

/// The inventory asked for; without one, the cluster's own tree where this is its node.
pub(crate) fn inventory<'a>(args: &Args, asked: Option<&'a Path>) -> Option<&'a Path> {
    asked.or_else(|| own_tree(args))
}

/// An earlier answer from a file.
fn earlier(file: &Path) -> Result<Earlier> {
    let bytes = settings::read(file, MAX_EARLIER)?;
    serde_json::from_slice(&bytes).map_err(|e| {
        let message = format!("is not an answer of `recommend --json`: {e}");
        Error::invalid(message).at(file.display())
    })
}

/// How much of the advice to show.
#[derive(Clone, Copy, Default)]
pub(crate) struct Detail {
    /// What was considered and skipped.
    all: bool,
    /// Scores by term and the parts of the confidence.
    verbose: bool,
}

/// The advice for people.
pub(crate) fn show(reply: &RecommendReply, detail: Detail, out: &mut Out) -> Result<()> {
    reply.warnings.iter().for_each(warn);
    nodes(reply, out)?;
    out.line("")?;
    out.prose("", styled(HEAD, &reply.summary))?;
    if reply.crs.auto_rebalance && !reply.crs.will_act {
        out.prose("", format!("{}.", reply.crs.text))?;
    }
    if let Some(changes) = &reply.changes {
        changed(changes, out)?;
    }
    if !reply.recommendations.is_empty() {
        out.prose("", styled(DIM, busy_hours(reply.horizon_hours)))?;
    }
    for recommendation in &reply.recommendations {
        out.line("")?;
        card(recommendation, reply.now, out)?;
        if detail.verbose {
            breakdown(recommendation, out)?;
        }
    }
    if detail.all {
        considered(reply, out)?;
        let mut told = reply.considered.iter().filter(|_| detail.verbose);
        told.try_for_each(|weighed| weighed_parts(weighed, out))?;
        skipped(reply, out)?;
    } else if !(reply.considered.is_empty() && reply.skipped.is_empty()) {
        let (considered, skipped) = (reply.considered.len(), reply.skipped.len());
        let more = if reply.recommendations.is_empty() { "" } else { "more " };
        let moves = match considered {
            0 => String::new(),
            1 => format!("1 {more}move was weighed, "),
            n => format!("{n} {more}moves were weighed, "),
        };
        let guests = if skipped == 1 { "guest" } else { "guests" };
        let text = format!("{moves}{skipped} {guests} skipped: --all says why");
        out.line(styled(DIM, format!("\n{text}")))?;
    }
    Ok(())
}

/// Arrow for a direction, with the weight that the eye needs.
pub(crate) fn arrow(direction: Direction, per_day: Option<f64>) -> String {
    let rate = per_day.map_or(String::new(), |s| format!("{} %/day", signed(s * 100.0, 1)));
    arrow_with(direction, &rate, Worse::High)
}

/// The same with a rate in words, which may be empty, of a metric whose `worse` end is trouble.
pub(crate) fn arrow_with(direction: Direction, rate: &str, worse: Worse) -> String {
    let (rise, fall) = match worse {
        Worse::High => (BAD, GOOD),
        Worse::Low => (GOOD, BAD),
        Worse::Neither => (Style::new(), Style::new()),
    };
    match direction {
        Direction::SustainedIncrease => styled(rise, format!("↑ {rate}").trim_end()),
        Direction::SustainedDecrease => styled(fall, format!("↓ {rate}").trim_end()),
        Direction::Cyclical => "∿ regular".into(),
        Direction::Volatile => styled(WARN, "≈ volatile"),
        Direction::Stable => "→ stable".into(),
        Direction::Unknown => styled(DIM, "? too little data"),
    }
}

fn nodes(reply: &RecommendReply, out: &mut Out) -> Result<()> {
    let header = [
        "node",
        "state",
        "guests",
        "CPU last hour",
        // Not what was measured: what it would have been with the guests of now.
        "7-day p95\nas placed now",
        "trend",
        "memory",
        "trend",
        "stability",
    ];
    let mut rows = table(&header);
    let share = |x: Option<Fraction>| x.map_or("-".into(), |x| format!("{x:.0}"));
    for node in &reply.nodes {
        let short = node.history_days * 24.0 < reply.trend_hours;
        let trend = |direction: Direction, per_day, of_guests| {
            let own = match short && direction == Direction::Stable {
                true => styled(DIM, "too short"),
                false => arrow(direction, per_day),
            };
            let guests = guests_told(direction, of_guests);
            guests.map_or(own.clone(), |told| format!("{own}, {}", styled(WARN, told)))
        };
        // What a node did before it went says nothing of now.
        let now = |cell: String| if node.state.is_away() { "-".into() } else { cell };
        rows.add_row([
            node.name.clone(),
            state(node),
            now(node.guests.to_string()),
            now(share(node.cpu.current)),
            share(node.cpu.high_7d),
            now(trend(node.cpu_direction, node.cpu_trend_per_day, node.cpu_guests_per_day)),
            now(share(node.memory.current)),
            now(trend(node.mem_direction, node.mem_trend_per_day, node.mem_guests_per_day)),
            now(node.stability_score.map_or("-".into(), |s| format!("{s:.0}"))),
        ]);
    }
    out.table(rows)
}

fn state(node: &NodeReply) -> String {
    let style = match node.state {
        State::Healthy => GOOD,
        State::StableButHot | State::TrendingTowardOverload => WARN,
        State::Overloaded => BAD,
        State::Offline | State::Silent | State::Unknown => DIM,
    };
    styled(style, state_told(node.state, &node.findings, node.maintenance))
}

fn urgency(urgency: Urgency) -> Style {
    match urgency {
        Urgency::High => BAD,
        Urgency::Medium => WARN,
        Urgency::Low | Urgency::None => DIM,
    }
}

fn card(r: &Recommendation, now: UnixTime, out: &mut Out) -> Result<()> {
    let name = quoted(&r.name);
    let style = urgency(r.urgency);
    let word = format!("{} urgency", r.urgency.word());
    out.line(format!(
        "{} {}{name}: {} → {}   confidence {}, {}",
        styled(HEAD, format!("{}.", r.order)),
        styled(HEAD, r.vmid),
        styled(HEAD, &r.source),
        styled(HEAD, &r.target),
        stated(r.confidence),
        styled(style, word)
    ))?;
    out.prose("   ", &r.decision_explanation)?;
    for factor in &r.trend_evidence.decision_factors {
        let sign = match factor.kind {
            pve_foresight::evidence::Kind::Problem => styled(BAD, "!"),
            pve_foresight::evidence::Kind::Positive => styled(GOOD, "+"),
            pve_foresight::evidence::Kind::Concern => styled(WARN, "-"),
            pve_foresight::evidence::Kind::Info => "i".into(),
        };
        let weight = factor.weight.word();
        let text = format!("{} {}", factor.factor, styled(DIM, format!("({weight})")));
        out.prose(&format!("   {sign} "), text)?;
    }
    let weighed = format!(
        "{}. Score improves by {} points, the move costs {}.",
        r.trend_evidence.data_quality.told(),
        unsigned(r.weighing.score_improvement, 0),
        counted(r.weighing.cost.points.0.round(), "point")
    );
    out.prose("   ", styled(DIM, weighed))?;
    if let Some(window) = &r.weighing.window {
        out.prose("   ", good_time(window, now))?;
    }
    for concern in &r.concerns {
        out.prose(&format!("   {} ", styled(WARN, "-")), concern)?;
    }
    out.line(format!("   $ {}", r.command))
}

/// What changed since an earlier answer.
fn changed(changes: &Changes, out: &mut Out) -> Result<()> {
    let moved =
        |m: &EarlierMove| format!("{}{}: {} → {}", m.vmid, quoted(&m.name), m.source, m.target);
    let Changes { new, gone, other_target, unchanged, .. } = changes;
    if new.len() + gone.len() + other_target.len() == 0 {
        return out
            .line(format!("Nothing changed since the earlier advice ({unchanged} as before)."));
    }
    out.line(styled(HEAD, "\nSince the earlier advice"))?;
    for m in new {
        out.line(format!("   {} {}", styled(BAD, "new "), moved(m)))?;
    }
    for m in other_target {
        let text = format!("{} (was {})", moved(&m.now), m.earlier_target);
        out.line(format!("   {} {text}", styled(WARN, "else")))?;
    }
    for m in gone {
        out.line(format!("   {} {}: {}", styled(GOOD, "gone"), moved(&m.was), m.why))?;
    }
    out.line(styled(DIM, format!("   {unchanged} as before")))
}

/// The score by term, source against target, and the parts of the confidence.
fn breakdown(r: &Recommendation, out: &mut Out) -> Result<()> {
    scores(&r.weighing.source_score, &r.weighing.target_score, (&r.source, &r.target), out)?;
    parts(&r.confidence_parts, out)
}

/// What a confidence consists of.
pub(crate) fn parts(of: &Confidence, out: &mut Out) -> Result<()> {
    let mut parts = table(&["   confidence", "value", "weight", "rests on"]);
    for part in &of.parts {
        let share = |x: f64| format!("{:.0} %", x * 100.0);
        let name = format!("   {}", part.name);
        parts.add_row([name, share(part.value), share(part.weight), part.why.clone()]);
    }
    out.table(parts)
}

/// Penalty points by term, of the source and of the target with the guest.
pub(crate) fn scores(
    source: &[Contribution],
    target: &[Contribution],
    (from, to): (&str, &str),
    out: &mut Out,
) -> Result<()> {
    let terms: BTreeSet<Term> = source.iter().chain(target).map(|c| c.term).collect();
    let mut rows = table(&["   points by term", from, to]);
    let find = |all: &[Contribution], term| all.iter().find(|c| c.term == term).copied();
    let told = |c: Option<Contribution>| c.map_or("-".into(), |c| signed(c.points.0, 1));
    for term in terms {
        let name = format!("   {}", term.name());
        rows.add_row([name, told(find(source, term)), told(find(target, term))]);
    }
    let sum = |all: &[Contribution]| signed(total(all).0, 1);
    rows.add_row(["   sum".to_string(), sum(source), sum(target)]);
    out.table(rows)
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
            stated(c.confidence),
            c.reason.clone(),
        ]);
    }
    out.table(rows)
}

/// What the confidence of a move that is not recommended consists of.
fn weighed_parts(of: &ConsideredMove, out: &mut Out) -> Result<()> {
    let name = quoted(&of.name);
    out.line("")?;
    out.line(format!(
        "   {}{name}: {} → {}   confidence {}",
        of.vmid,
        of.source,
        of.target,
        stated(of.confidence)
    ))?;
    parts(&of.confidence_parts, out)
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
    out.table(rows)
}
