//! What earlier migrations brought, and how right the predictions were.

use super::date;
use super::html::{self, escape, percent, table};
use crate::api::{OutcomeEntry, OutcomesReply};
use crate::model::counted;
use crate::outcome::{Accuracy, Verdict};
use crate::series::LocalTime;

/// Most rows, newest first.
const MOST: usize = 100;

/// Accuracy, and every move with its verdict.
pub(super) fn section(reply: &OutcomesReply, local: &LocalTime) -> String {
    if reply.outcomes.is_empty() {
        return html::section("Earlier migrations", "<p>No migration was seen yet.</p>\n");
    }
    let accuracy: String = reply.accuracy.iter().filter_map(|(w, a)| told(w, a)).collect();
    let rows: Vec<Vec<String>> =
        reply.outcomes.iter().take(MOST).map(|entry| row(entry, local)).collect();
    let head = ["Moved", "Guest", "From", "To", "Advised", "Result", "Why"];
    html::section("Earlier migrations", &format!("{accuracy}{}", table(&head, &rows)))
}

fn told(window: &str, accuracy: &Accuracy) -> Option<String> {
    let hits = accuracy.hit_rate?;
    Some(format!(
        "<p>After {}: whether the move helps, harms or does neither was foreseen in {} of {}, mean error {} of a \
         node.</p>\n",
        escape(window),
        percent(Some(hits)),
        counted(accuracy.moves, "prediction"),
        accuracy.mean_abs_error.map_or("–".into(), |e| format!("{:.1} %", e * 100.0))
    ))
}

fn row(entry: &OutcomeEntry, local: &LocalTime) -> Vec<String> {
    let o = &entry.outcome;
    let advised = match &o.advice {
        Some(advice) if advice.recommended => "yes",
        Some(_) => "no",
        None => "–",
    };
    let class = match entry.result {
        Verdict::Improved => "good",
        Verdict::Worse => "bad",
        Verdict::NoEffect => "warn",
        Verdict::Pending | Verdict::Interrupted | Verdict::Unknown => "dim",
    };
    vec![
        date(local, o.time),
        escape(&format!("{} {}", o.vmid, o.name)),
        escape(&o.source),
        escape(&o.target),
        advised.into(),
        format!("<span class=\"{class}\">{}</span>", entry.result.label()),
        escape(&entry.summary),
    ]
}

#[cfg(test)]
mod tests {
    use super::{Accuracy, told};

    #[test]
    fn one_prediction_is_no_several() {
        let said = |moves: usize| {
            told("24h", &Accuracy { moves, hit_rate: Some(1.0), ..Accuracy::default() })
        };
        assert!(said(1).unwrap_or_default().contains("foreseen in 100 % of 1 prediction, mean"));
        assert!(said(2).unwrap_or_default().contains("foreseen in 100 % of 2 predictions, mean"));
    }
}
