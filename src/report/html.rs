//! Pieces of HTML.

use crate::model::signed;
use crate::trend::Direction;

/// `text` for use between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Characters that a document may not hold.
            c if c.is_control() && !matches!(c, '\n' | '\t') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// A section with a heading, where there is one; `body` is HTML.
pub(super) fn section(title: &str, body: &str) -> String {
    let heading = match title {
        "" => String::new(),
        title => format!("<h2>{}</h2>\n", escape(title)),
    };
    format!("<section>\n{heading}{body}</section>\n")
}

/// A table; `head` is text, cells are HTML.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: String =
        head.iter().map(|h| format!("<th scope=\"col\">{}</th>", escape(h))).collect();
    let row = |cells: &Vec<String>| {
        let cells: String = cells.iter().map(|c| format!("<td>{c}</td>")).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows: String = rows.iter().map(row).collect();
    format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n")
}

/// A share in percent; a dash where it is unknown.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".into(), |s| format!("{:.0} %", s * 100.0))
}

/// An arrow with its word, and the slope where a trend is claimed.
pub(super) fn arrow(direction: Direction, per_day: Option<f64>) -> String {
    let slope = per_day.map_or_else(String::new, |s| format!(" {} %/day", signed(s * 100.0, 1)));
    match direction {
        Direction::SustainedIncrease => format!("<span class=\"bad\">↑{slope}</span>"),
        Direction::SustainedDecrease => format!("<span class=\"good\">↓{slope}</span>"),
        Direction::Stable => "→ stable".into(),
        Direction::Volatile => "<span class=\"warn\">≈ volatile</span>".into(),
        Direction::Cyclical => "∿ regular".into(),
        Direction::Unknown => "<span class=\"dim\">too little data</span>".into(),
    }
}
