//! What the advice would have brought over the stored days.

use super::date;
use super::html::{escape, section, table};
use crate::api::BacktestReply;
use crate::backtest::{Outcome, Policy};
use crate::series::LocalTime;

/// The replay, or why there is none.
pub(super) fn told(replay: &Result<&BacktestReply, String>, local: &LocalTime) -> String {
    let reply = match replay {
        Ok(reply) => reply,
        Err(why) => {
            let text = format!("<p class=\"dim\">Not replayed: {}</p>\n", escape(why));
            return section("Had the advice been followed", &text);
        }
    };
    let report = &reply.report;
    let rows: Vec<Vec<String>> = report.outcomes.iter().map(row).collect();
    let head = [
        "Policy",
        "Core-hours above the threshold",
        "Node-hours above a threshold",
        "GiB-hours above the threshold",
        "Core-hours not served",
        "Moves",
        "GiB moved",
    ];
    let warnings: String = reply
        .warnings
        .iter()
        .map(|w| format!("<p class=\"warning\">{}</p>\n", escape(w)))
        .collect();
    let body = format!(
        "<p class=\"summary\">{}</p>\n<p class=\"dim\">{} hours judged, {} to {}, a decision every {} \
         hours.</p>\n{warnings}{}",
        escape(&reply.summary),
        report.judged_hours,
        date(local, report.judged_from),
        date(local, report.judged_until),
        report.every_hours,
        table(&head, &rows)
    );
    section("Had the advice been followed", &body)
}

fn row(outcome: &Outcome) -> Vec<String> {
    let policy = match outcome.policy {
        Policy::AsItWas => "as it was",
        Policy::None => "without any move",
        Policy::Snapshot => "by the load of the moment",
        Policy::PveCrs => "Proxmox VE's own balancer (CRS)",
        Policy::Relief => "relief of the fullest node",
        Policy::Ours => "advice followed",
    };
    let label = match outcome.sensitivity {
        Some(sensitivity) => format!("{policy} ({sensitivity})"),
        None => policy.to_string(),
    };
    vec![
        escape(&label),
        format!("{:.1}", outcome.core_hours),
        format!("{:.1}", outcome.node_hours),
        format!("{:.1}", outcome.gib_hours),
        format!("{:.1}", outcome.unmet_core_hours),
        outcome.moves.to_string(),
        format!("{:.0}", outcome.gib_moved),
    ]
}
