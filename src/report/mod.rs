//! The whole story as one HTML file, for a machine without the cluster: no script, no request to
//! anywhere, plots as inline SVG, fit for printing, light or dark as the reader's system is.
//!
//! Pure: replies of the engine in, text out. Everything that is not ours is escaped where it
//! enters the text (`html::escape`).

mod advice;
mod backtest;
mod html;
mod nodes;
mod outcomes;
mod plot;
mod quality;

use crate::api::{
    BacktestReply, HistoryReply, NodeTrends, OutcomesReply, QualityReply, RecommendReply,
    TrendsReply,
};
use crate::model::utc_date as date;
use html::{escape, section};

/// What the report tells of.
#[derive(Debug)]
pub struct Story<'a> {
    /// The advice; its moment is the report's.
    pub advice: &'a RecommendReply,
    /// Trends of all nodes and guests.
    pub trends: &'a TrendsReply,
    /// Nodes with curves and stored values, by name.
    pub nodes: &'a [NodeStory],
    /// What became of earlier migrations.
    pub outcomes: &'a OutcomesReply,
    /// What the advice would have brought, or why that cannot be told.
    pub backtest: Result<&'a BacktestReply, String>,
    /// How complete the data is.
    pub quality: &'a QualityReply,
}

/// One node: its trends with curves, and what is stored of it.
#[derive(Clone, Debug)]
pub struct NodeStory {
    /// Trends, asked for this node alone: only then they carry curves.
    pub trends: NodeTrends,
    /// Stored values, thinned to what a plot can show.
    pub history: HistoryReply,
}

const STYLE: &str = include_str!("style.css");

/// The report as one HTML document.
pub fn html(story: &Story<'_>) -> String {
    let now = date(story.advice.now);
    let body = [
        header(story, &now),
        advice::recommendations(story.advice),
        nodes::table(story),
        nodes::plots(story),
        nodes::movers(story.trends),
        outcomes::section(story.outcomes),
        backtest::told(&story.backtest),
        advice::others(story.advice),
        quality::table(story.quality),
        footer(),
    ];
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Foresight report, {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
        escape(&now),
        body.concat()
    )
}

fn header(story: &Story<'_>, now: &str) -> String {
    let advice = story.advice;
    let facts = [
        ("Recommended moves", advice.recommendations.len().to_string()),
        ("Expected overload without them", hours(advice.overload_before.node_hours)),
        ("with them", hours(advice.overload_after.node_hours)),
        ("Nodes", advice.nodes.len().to_string()),
        ("Guests", story.trends.guests.len().to_string()),
    ];
    let tiles: String = facts
        .iter()
        .map(|(label, value)| format!("<div><b>{}</b>{}</div>", escape(value), escape(label)))
        .collect();
    let mut warnings: Vec<&String> = advice.warnings.iter().chain(&story.trends.warnings).collect();
    warnings.dedup();
    let warnings: String =
        warnings.iter().map(|w| format!("<p class=\"warning\">{}</p>\n", escape(w))).collect();
    format!(
        "<header>\n<h1>Foresight report</h1>\n<p class=\"dim\">As of {}, newest sample {}</p>\n\
         <p class=\"summary\">{}</p>\n<div class=\"tiles\">{tiles}</div>\n{warnings}</header>\n",
        escape(now),
        escape(&date(advice.data_until)),
        escape(&advice.summary)
    )
}

fn hours(hours: f64) -> String {
    format!("{hours:.0} node-hours")
}

fn footer() -> String {
    section(
        "",
        &format!(
            "<p class=\"dim\">Made by pve-foresight {} from stored metrics. Nothing was moved, nothing \
             was sent anywhere.</p>\n",
            env!("CARGO_PKG_VERSION")
        ),
    )
}

#[cfg(test)]
mod tests;
