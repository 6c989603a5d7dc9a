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
use crate::model::UnixTime;
use crate::series::LocalTime;
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
    /// The zone of all times in the report: the one that the advice speaks of.
    pub local: &'a LocalTime,
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
    let now = date(story.local, story.advice.now);
    let body = [
        header(story, &now),
        advice::recommendations(story.advice),
        nodes::table(story),
        nodes::plots(story),
        nodes::movers(story.trends),
        outcomes::section(story.outcomes, story.local),
        backtest::told(&story.backtest, story.local),
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
        ("Running guests", advice.nodes.iter().map(|n| n.guests).sum::<usize>().to_string()),
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
        "<header>\n<h1>Foresight report</h1>\n<p class=\"dim\">As of {}, newest sample {}; times are local, \
         {}</p>\n\
         <p class=\"summary\">{}</p>\n<div class=\"tiles\">{tiles}</div>\n{warnings}</header>\n",
        escape(now),
        escape(&date(story.local, advice.data_until)),
        zone(story.local, advice.now),
        escape(&advice.summary)
    )
}

/// A moment in the zone of the report, which its head names.
fn date(local: &LocalTime, time: UnixTime) -> String {
    chrono::DateTime::from_timestamp(local.wall(time), 0)
        .map_or_else(|| time.to_string(), |t| t.format("%Y-%m-%d %H:%M").to_string())
}

/// `UTC+02:00`.
fn zone(local: &LocalTime, time: UnixTime) -> String {
    let minutes = local.east(time) / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("UTC{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
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
