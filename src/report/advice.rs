//! What to do, and what was looked at beside it.

use super::html::{escape, section, table};
use crate::api::{RecommendReply, Recommendation};
use crate::evidence::{Factor, Kind, NodeEvidence, Weight, busy_hours, good_time};
use crate::model::{UnixTime, counted, unsigned};
use crate::recommend::{Urgency, stated};

/// Most rows of the tables of what was not recommended.
const MOST: usize = 200;

/// The recommended moves with their evidence.
pub(super) fn recommendations(advice: &RecommendReply) -> String {
    let cards: String = advice.recommendations.iter().map(|r| card(r, advice.now)).collect();
    let body = match cards.as_str() {
        "" => format!("<p>{}</p>\n", escape(&advice.summary)),
        _ => format!("<p class=\"dim\">{}</p>\n{cards}", busy_hours(advice.horizon_hours)),
    };
    section("Recommended migrations", &body)
}

fn card(r: &Recommendation, now: UnixTime) -> String {
    let window = r.weighing.window.as_ref();
    let window =
        window.map_or(String::new(), |w| format!("<p>{}</p>\n", escape(&good_time(w, now))));
    let concern =
        |text: &String| format!("<li><span class=\"sign warn\">−</span> {}</li>\n", escape(text));
    let concerns: String = r.concerns.iter().map(concern).collect();
    let evidence = &r.trend_evidence;
    let factors: String = evidence.decision_factors.iter().map(factor).collect();
    format!(
        "<article>\n<h3>{}. {} {}: {} → {} <span class=\"badge {}\">{} urgency</span> \
         <span class=\"badge\">confidence {}</span></h3>\n<p>{}</p>\n<ul>\n{factors}{concerns}</ul>\n{window}{}\
         <p class=\"dim\">{}. Score improves by {} points, the move costs {}.</p>\n<pre>{}</pre>\n</article>\n",
        r.order,
        r.vmid,
        escape(&r.name),
        escape(&r.source),
        escape(&r.target),
        tone(r.urgency),
        r.urgency.word(),
        stated(r.confidence),
        escape(&r.decision_explanation),
        nodes(r),
        escape(&evidence.data_quality.told()),
        unsigned(r.weighing.score_improvement, 0),
        counted(r.weighing.cost.points.0.round(), "point"),
        escape(&r.command)
    )
}

fn tone(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::High => "bad",
        Urgency::Medium => "warn",
        Urgency::Low | Urgency::None => "dim",
    }
}

fn factor(f: &Factor) -> String {
    let (class, sign) = match f.kind {
        Kind::Problem => ("bad", "!"),
        Kind::Positive => ("good", "+"),
        Kind::Concern => ("warn", "−"),
        Kind::Info => ("dim", "i"),
    };
    let weight = match f.weight {
        Weight::High => "high",
        Weight::Medium => "medium",
        Weight::Low => "low",
    };
    format!(
        "<li><span class=\"sign {class}\">{sign}</span> {} <span class=\"badge\">{weight}</span></li>\n",
        escape(&f.factor)
    )
}

/// Source and target side by side.
fn nodes(r: &Recommendation) -> String {
    let (from, to) = (&r.trend_evidence.source_node_trend, &r.trend_evidence.target_node_trend);
    let score = |n: &NodeEvidence| n.stability_score.map_or("–".into(), |s| s.to_string());
    let change =
        |before: f64, after: f64| format!("{:.0} % → {:.0} %", before * 100.0, after * 100.0);
    let (s, t) = (&r.weighing.source_peaks, &r.weighing.target_peaks);
    // Spaced as all other shares are.
    let slope = |text: &str| text.replace('%', " %");
    let row = |label: &str, a: String, b: String| vec![escape(label), escape(&a), escape(&b)];
    let source = format!("source {}", r.source);
    let target = format!("target {}", r.target);
    table(
        &["", &source, &target],
        &[
            row("CPU trend", slope(&from.cpu_trend), slope(&to.cpu_trend)),
            row("Memory trend", slope(&from.mem_trend), slope(&to.mem_trend)),
            row("Stability", score(from), score(to)),
            row(
                "CPU in busy hours",
                change(s.cpu_before, s.cpu_after),
                change(t.cpu_before, t.cpu_after),
            ),
            row(
                "Memory in busy hours",
                change(s.memory_before, s.memory_after),
                change(t.memory_before, t.memory_after),
            ),
        ],
    )
}

/// Moves that were rejected and guests that were no candidates.
pub(super) fn others(advice: &RecommendReply) -> String {
    let considered = advice.considered.iter().map(|c| {
        let guest = format!("{} {}", c.vmid, c.name);
        let route = format!("{} → {}", c.source, c.target);
        vec![escape(&guest), escape(&route), escape(&c.reason)]
    });
    let skipped = advice.skipped.iter().map(|s| {
        // The reason often has the first of them.
        let further = s.blockers.iter().map(|b| b.text.as_str());
        let further = further.filter(|b| !s.reason.contains(b));
        let blockers: Vec<&str> = further.collect();
        let reason = match blockers.is_empty() {
            true => s.reason.clone(),
            false => format!("{}: {}", s.reason, blockers.join("; ")),
        };
        vec![escape(&format!("{} {}", s.vmid, s.name)), escape(&s.node), escape(&reason)]
    });
    let rows: Vec<Vec<String>> = considered.chain(skipped).collect();
    if rows.is_empty() {
        return String::new();
    }
    let more = match rows.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!("<p class=\"dim\">and {more} more</p>\n"),
    };
    let shown = &rows[..rows.len().min(MOST)];
    let body = format!("{}{more}", table(&["Guest", "Where", "Why not"], shown));
    section("Not recommended", &body)
}
