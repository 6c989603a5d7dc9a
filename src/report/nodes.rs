//! Nodes, their plots, and the guests that change most.

use super::html::{arrow, escape, percent, section};
use super::{NodeStory, Story, plot};
use crate::api::{GuestTrends, MetricTrend, NodeReply, TrendsReply};
use crate::evidence::{guests_told, state_told};
use crate::recommend::State;
use crate::trend::{Behaviour, Direction};

/// Most rows of the table of movers.
const MOST: usize = 20;

/// All nodes with their state.
pub(super) fn table(story: &Story<'_>) -> String {
    let rows = story.advice.nodes.iter().map(|n| {
        let share = |x: Option<crate::model::Fraction>| percent(x.map(|f| f.0));
        let short = n.history_days * 24.0 < story.advice.trend_hours;
        let trend = |direction: Direction, per_day, of_guests| {
            let own = match short && direction == Direction::Stable {
                true => "<span class=\"dim\">too short</span>".into(),
                false => arrow(direction, per_day),
            };
            let guests = guests_told(direction, of_guests);
            guests.map_or(own.clone(), |told| format!("{own}, {}", escape(&told)))
        };
        // What a node did before it went says nothing of now.
        let now = |cell: String| if n.state.is_away() { "–".into() } else { cell };
        vec![
            escape(&n.name),
            state(n),
            now(n.guests.to_string()),
            now(share(n.cpu.current)),
            share(n.cpu.high_7d),
            now(trend(n.cpu_direction, n.cpu_trend_per_day, n.cpu_guests_per_day)),
            now(share(n.memory.current)),
            now(trend(n.mem_direction, n.mem_trend_per_day, n.mem_guests_per_day)),
            now(share(n.iowait.current)),
            now(n.stability_score.map_or("–".into(), |s| format!("{s:.0}"))),
        ]
    });
    let head = [
        "Node",
        "State",
        "Guests",
        "CPU last hour",
        "7-day p95, as placed now",
        "CPU trend",
        "Memory",
        "Memory trend",
        "IO wait",
        "Stability",
    ];
    section("Nodes", &super::html::table(&head, &rows.collect::<Vec<_>>()))
}

fn state(node: &NodeReply) -> String {
    let class = match node.state {
        State::Healthy => "good",
        State::StableButHot | State::TrendingTowardOverload => "warn",
        State::Overloaded => "bad",
        State::Offline | State::Silent | State::Unknown => "dim",
    };
    let told = state_told(node.state, &node.findings, node.maintenance);
    format!("<span class=\"{class}\">{}</span>", escape(&told))
}

/// CPU and memory of every node.
pub(super) fn plots(story: &Story<'_>) -> String {
    let figures: String = story.nodes.iter().map(|n| figures(story, n)).collect();
    if figures.is_empty() {
        return String::new();
    }
    let legend = "<p class=\"legend\"><span class=\"key measured\"></span>measured \
        <span class=\"key range\"></span>lowest to highest <span class=\"key usual\"></span>usual range \
        <span class=\"key ahead\"></span>expected, 80 % interval \
        <span class=\"key limit\"></span>threshold <span class=\"key move\"></span>migration</p>\n";
    section("Trends of the nodes", &format!("{legend}<div class=\"plots\">\n{figures}</div>\n"))
}

fn figures(story: &Story<'_>, node: &NodeStory) -> String {
    let figure = |(metric, label): (&str, &str)| {
        let history = node.history.metrics.iter().find(|m| m.metric == metric)?;
        let trend = node.trends.metrics.iter().find(|m| m.metric == metric);
        let title = format!("{} {label}", node.trends.node);
        let moves = &node.trends.migrations;
        let svg = plot::share(&title, (story.advice.now, story.local), history, trend, moves);
        Some(format!(
            "<figure>\n<figcaption><b>{}</b> {}</figcaption>\n{svg}</figure>\n",
            escape(&title),
            trend.map_or_else(String::new, told)
        ))
    };
    [("cpu", "CPU"), ("memory", "memory")].into_iter().filter_map(figure).collect()
}

/// Direction, or why there is none.
fn told(metric: &MetricTrend) -> String {
    match &metric.trend.not_enough {
        Some(n) => format!(
            "<span class=\"dim\">{}; needed: {}</span>",
            escape(&n.reason),
            escape(&n.needed)
        ),
        None => arrow(metric.trend.direction, metric.trend.slope_per_day),
    }
}

/// The guests with the steepest trends.
pub(super) fn movers(trends: &TrendsReply) -> String {
    let mut moving: Vec<(f64, &GuestTrends)> =
        trends.guests.iter().map(|g| (steepest(g), g)).filter(|(s, _)| *s > 0.0).collect();
    moving.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.vmid.cmp(&b.1.vmid)));
    let rows = moving.iter().take(MOST).map(|(_, g)| {
        let cell = |name: &str| {
            g.metrics.iter().find(|m| m.metric == name).map_or_else(|| "–".into(), told)
        };
        vec![
            escape(&format!("{} {}", g.vmid, g.name)),
            escape(&g.node),
            cell("cpu"),
            cell("memory"),
            g.behavior.map_or("–", Behaviour::word).into(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let body = match rows.is_empty() {
        true => "<p>No guest has a sustained trend.</p>\n".to_string(),
        false => super::html::table(&["Guest", "Node", "CPU", "Memory", "Behaviour"], &rows),
    };
    section("Guests that change most", &body)
}

/// Steepest claimed change per day of CPU or memory.
fn steepest(guest: &GuestTrends) -> f64 {
    let of = |m: &MetricTrend| match matches!(m.metric, "cpu" | "memory")
        && m.trend.direction.is_trend()
    {
        true => m.trend.slope_per_day.map_or(0.0, f64::abs),
        false => 0.0,
    };
    guest.metrics.iter().map(of).fold(0.0, f64::max)
}
