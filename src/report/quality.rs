//! How complete the data behind the report is.

use super::html::{self, escape, percent, section};
use crate::api::{QualityEntry, QualityReply};
use crate::model::DAY;
use crate::store::Tier;

/// Most rows: nodes come first.
const MOST: usize = 100;

/// Quality of nodes and guests.
pub(super) fn table(reply: &QualityReply) -> String {
    let kept = Tier::ALL.map(|tier| reply.retention.text(tier));
    let head = [
        "Of",
        "Samples",
        "Oldest",
        "Age of the newest",
        "Largest gap",
        &format!("Coverage {}", kept[0]),
        &kept[1],
        &kept[2],
    ];
    let rows: Vec<Vec<String>> = reply.entities.iter().take(MOST).map(row).collect();
    let more = match reply.entities.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!("<p class=\"dim\">and {more} more</p>\n"),
    };
    section("Data quality", &format!("{}{more}", html::table(&head, &rows)))
}

fn row(entry: &QualityEntry) -> Vec<String> {
    let q = &entry.quality;
    let days = |s: Option<i64>| {
        s.map_or("–".into(), |s| format!("{:.1} days ago", s as f64 / DAY as f64))
    };
    let minutes =
        |s: Option<i64>| s.map_or("–".into(), |s| format!("{:.0} min", s as f64 / 60.0));
    let mut cells = vec![
        escape(&entry.entity),
        q.total_samples.to_string(),
        days(q.oldest_sample_age),
        minutes(q.last_sample_age),
        minutes(q.largest_gap),
    ];
    cells.extend(q.coverage.iter().map(|c| percent(Some(*c))));
    cells
}
