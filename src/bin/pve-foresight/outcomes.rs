//! `outcomes`: what became of migrations, and how good the advice about them was.

use crate::args::{Args, Outcomes};
use crate::out::{BAD, DIM, GOOD, HEAD, Out, WARN, styled, table, warn};
use crate::settings;
use crate::trend::when;
use pve_foresight::api::{OutcomeEntry, OutcomesReply};
use pve_foresight::engine::{Engine, OutcomesRequest};
use pve_foresight::error::Result;
use pve_foresight::model::{Fraction, signed};
use pve_foresight::outcome::{Decile, Effect, Outcome, Verdict, WindowOutcome};

pub(crate) fn run(args: &Args, command: &Outcomes, out: &mut Out) -> Result<bool> {
    let (effective, warnings) = settings::effective(args, &command.settings, None)?;
    let request = OutcomesRequest { now: args.now, guest: command.guest, config: effective.config };
    let mut reply = Engine::new(&args.state).outcomes(&request)?;
    reply.warnings.splice(0..0, warnings);
    if out.is_json() {
        out.value(&reply)?;
        return Ok(true);
    }
    reply.warnings.iter().for_each(warn);
    if command.calibration {
        calibration(&reply.calibration, out)?;
    } else if reply.outcomes.is_empty() {
        let of = command.guest.map_or(String::new(), |vmid| format!(" of guest {vmid}"));
        out.line(format!("No migration was seen yet{of}."))?;
    } else {
        moves(&reply, out)?;
        if command.guest.is_some() {
            reply.outcomes.iter().try_for_each(|entry| timeline(&entry.outcome, out))?;
        }
    }
    Ok(true)
}

fn moves(reply: &OutcomesReply, out: &mut Out) -> Result<()> {
    let mut rows = table(&[
        "moved (local time)",
        "guest",
        "from",
        "to",
        "advised",
        "result",
        "predicted",
        "actual",
        "why",
    ]);
    for entry in &reply.outcomes {
        rows.add_row(row(entry));
    }
    out.table(rows)?;
    let relief = "predicted and actual: relief of the fuller node in the busiest quarter of the \
        time, in points of its capacity, as far as it counts as busy";
    out.prose("", styled(DIM, relief))?;
    out.line("")?;
    for guest in &reply.guests {
        let tally = &guest.tally;
        let helped = match tally.judged {
            0 => "no final verdict yet".to_string(),
            judged => format!("{} of {judged} judged moves helped", tally.improved),
        };
        out.line(format!(
            "{} migrated {}x: {helped}",
            guest_label(guest.vmid, &guest.name),
            tally.previous_migrations
        ))?;
    }
    for (window, accuracy) in &reply.accuracy {
        let Some(((bias, error), hits)) =
            accuracy.bias.zip(accuracy.mean_abs_error).zip(accuracy.hit_rate)
        else {
            continue;
        };
        out.prose(
            "",
            format!(
                "after {window}: {} off by {:.1} points on average (bias {}); whether the move helps, harms or \
                 does neither was foreseen in {:.0} %",
                predictions(accuracy.moves),
                error * 100.0,
                signed(bias * 100.0, 1),
                hits * 100.0
            ),
        )?;
    }
    Ok(())
}

fn predictions(moves: usize) -> String {
    let s = if moves == 1 { "" } else { "s" };
    format!("{moves} prediction{s}")
}

fn row(entry: &OutcomeEntry) -> [String; 9] {
    let outcome = &entry.outcome;
    let telling = outcome.telling();
    let advised = match &outcome.advice {
        Some(advice) if advice.recommended => {
            advice.confidence.map_or_else(|| "yes".into(), |c| format!("yes, {c:.0} %"))
        }
        Some(_) => "no".into(),
        None => "?".into(),
    };
    [
        when(outcome.time),
        guest_label(outcome.vmid, &outcome.name),
        outcome.source.clone(),
        outcome.target.clone(),
        advised,
        result(entry.result),
        points(telling.and_then(|w| w.predicted)),
        points(telling.and_then(|w| w.actual)),
        entry.summary.clone(),
    ]
}

fn guest_label(vmid: u32, name: &str) -> String {
    format!("{vmid} {name}").trim_end().to_string()
}

fn result(verdict: Verdict) -> String {
    match verdict {
        Verdict::Improved => styled(GOOD, verdict.label()),
        Verdict::Worse => styled(BAD, verdict.label()),
        Verdict::NoEffect => styled(WARN, verdict.label()),
        Verdict::Pending | Verdict::Interrupted | Verdict::Unknown => styled(DIM, verdict.label()),
    }
}

fn points(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |x| signed(x * 100.0, 1))
}

/// The windows of one move.
fn timeline(outcome: &Outcome, out: &mut Out) -> Result<()> {
    out.line(styled(
        HEAD,
        format!("\n{}: {} to {}", when(outcome.time), outcome.source, outcome.target),
    ))?;
    let mut rows = table(&["after", "result", "source CPU", "target CPU", "guest CPU", "why"]);
    for window in &outcome.windows {
        rows.add_row(window_row(window));
    }
    out.table(rows)
}

fn window_row(window: &WindowOutcome) -> [String; 6] {
    [
        window.window.name().into(),
        result(window.result),
        effect(window.source.cpu),
        effect(window.target.cpu),
        effect(window.guest.cpu),
        window.reason.clone(),
    ]
}

/// `66.0 % (78.0 % without)`.
fn effect(effect: Option<Effect>) -> String {
    effect.map_or_else(
        || "-".into(),
        |e| format!("{:.1} ({:.1} without)", Fraction(e.measured), Fraction(e.expected)),
    )
}

fn calibration(deciles: &[Decile], out: &mut Out) -> Result<()> {
    let mut rows = table(&["stated confidence", "judged moves", "mean stated", "helped"]);
    let percent = |x: Option<f64>| x.map_or_else(|| "-".to_string(), |x| format!("{x:.0} %"));
    for decile in deciles {
        rows.add_row([
            format!("{} to {} %", decile.from, decile.to),
            decile.moves.to_string(),
            percent(decile.stated),
            percent(decile.improved.map(|x| x * 100.0)),
        ]);
    }
    out.table(rows)?;
    let text = "Counted are moves that the advice before them had weighed, with a final verdict.";
    out.line(styled(DIM, text))
}
