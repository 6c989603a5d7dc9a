//! Where all text goes: stdout for answers, stderr for notes; colour only on a terminal.

use anstyle::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use pve_foresight::error::{Error, Kind, Result};
pub(crate) use pve_foresight::model::counted;
use serde::Serialize;
use std::fmt::Display;
use std::io::{BufWriter, ErrorKind, Write};

/// Message of the error that says the reader went away.
pub(crate) const CLOSED: &str = "output closed";

/// Something good, or calm.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Something to look at.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
/// Trouble.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// Headings.
pub(crate) const HEAD: Style = Style::new().bold();
/// Side notes.
pub(crate) const DIM: Style = Style::new().dimmed();

/// Longest cell of a table that is kept on one line, whatever the width.
const WHOLE: usize = 14;

/// Standard output, with the choice between text and JSON.
pub(crate) struct Out {
    stdout: anstream::AutoStream<std::io::StdoutLock<'static>>,
    json: bool,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        Self { stdout: anstream::AutoStream::auto(std::io::stdout().lock()), json }
    }

    /// Whether JSON was asked for.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// One line of text.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<()> {
        writeln!(self.stdout, "{}", tame(&text.to_string())).map_err(closed)
    }

    /// Sentences behind `lead`; on a terminal they are broken between words, below each other.
    pub(crate) fn prose(&mut self, lead: &str, text: impl Display) -> Result<()> {
        self.line(wrapped(lead, &text.to_string(), terminal_width()))
    }

    /// A table, at most as wide as the terminal if that can be: long cells are broken between words.
    pub(crate) fn table(&mut self, mut table: Table) -> Result<()> {
        fit(&mut table);
        self.line(table.trim_fmt())
    }

    /// `value` as JSON: indented for a person, one line for a pipe.
    pub(crate) fn value(&mut self, value: &impl Serialize) -> Result<()> {
        let pretty = std::io::IsTerminal::is_terminal(&std::io::stdout());
        let text = match pretty {
            true => serde_json::to_string_pretty(value),
            false => serde_json::to_string(value),
        };
        let text = text.map_err(|e| Error::new(Kind::Io, format!("cannot write JSON: {e}")))?;
        // Past the stream that looks for colours: JSON has none.
        writeln!(std::io::stdout(), "{text}").map_err(closed)
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        self.stdout.flush().map_err(closed)
    }
}

fn closed(e: std::io::Error) -> Error {
    match e.kind() {
        ErrorKind::BrokenPipe => Error::new(Kind::Io, CLOSED),
        _ => Error::new(Kind::Io, format!("standard output: {e}")),
    }
}

/// What `write` makes of standard output, which is not looked at as text: many lines, fast.
///
/// That the reader went away is [`CLOSED`], in whatever words `write` tells of it.
pub(crate) fn piped<T>(write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
    let out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let mut pipe = Pipe { out, is_closed: false };
    let done = write(&mut pipe);
    let flushed = pipe.flush();
    if pipe.is_closed {
        return Err(Error::new(Kind::Io, CLOSED));
    }
    let done = done?;
    flushed.map_err(closed)?;
    Ok(done)
}

/// Standard output that remembers whether its reader went away.
struct Pipe<W> {
    out: W,
    is_closed: bool,
}

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let result = self.out.write(bytes);
        self.noted(result)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let result = self.out.flush();
        self.noted(result)
    }
}

impl<W> Pipe<W> {
    fn noted<T>(&mut self, result: std::io::Result<T>) -> std::io::Result<T> {
        self.is_closed |= result.as_ref().is_err_and(|e| e.kind() == ErrorKind::BrokenPipe);
        result
    }
}

/// `text` in `style`; plain where colours are off.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A guest's name behind its number; nothing where it has none.
pub(crate) fn quoted(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" '{name}'") }
}

/// An empty table; [`Out::table`] shows it.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    if terminal_width().is_none() {
        table.force_no_tty();
    }
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.iter().map(|h| styled(HEAD, h)));
    table
}

/// Gives each column the room that its short cells and its longest words need.
fn fit(table: &mut Table) {
    let mut least = vec![0usize; table.column_count()];
    let mut need = |column: usize, text: &str, whole: usize| {
        let text = anstream::adapter::strip_str(text).to_string();
        let room = match width_of(&text) {
            width if width <= whole => width,
            _ => text.split(' ').map(width_of).max().unwrap_or(0),
        };
        least[column] = least[column].max(room);
    };
    for (column, cell) in table.header().into_iter().flat_map(|row| row.cell_iter()).enumerate() {
        need(column, &cell.content(), 0);
    }
    for row in table.row_iter() {
        for (column, cell) in row.cell_iter().enumerate() {
            need(column, &cell.content(), WHOLE);
        }
    }
    let airy = least.iter().sum::<usize>() + 2 * least.len().saturating_sub(1);
    let gap = if table.width().is_none_or(|width| airy <= usize::from(width)) { 2 } else { 1 };
    if let Some(width) = table.width() {
        // The gap behind the last column is cut off again.
        table.set_width(width.saturating_add(gap));
    }
    for (column, room) in table.column_iter_mut().zip(least) {
        let room = u16::try_from(room).unwrap_or(u16::MAX).saturating_add(gap);
        column.set_padding((0, gap));
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(room)));
    }
}

/// Columns of the terminal that shows the answer; `None` in a pipe, and where it does not know.
fn terminal_width() -> Option<usize> {
    Table::new().width().map(usize::from).filter(|&columns| columns > 0)
}

/// `text` with its colours, but without what else could steer a terminal: names come from files of
/// others, too.
fn tame(text: &str) -> String {
    let mut tamed = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let colour = || {
            let code = text[at + 1..].strip_prefix('[').unwrap_or("");
            code.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
        };
        match c {
            '\n' | '\t' => tamed.push(c),
            '\u{1b}' if colour() => tamed.push(c),
            c if c.is_control() || turns(c) => tamed.push('\u{fffd}'),
            c => tamed.push(c),
        }
    }
    tamed
}

/// Whether `c` makes a terminal show what stands around it in another order (Unicode's UAX #9).
fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Columns that a text without colours takes.
fn width_of(text: &str) -> usize {
    text.chars().count()
}

/// `text` behind `lead`, broken between words where a line would be wider than `width`.
fn wrapped(lead: &str, text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return format!("{lead}{text}") };
    let seen = |text: &str| width_of(&anstream::adapter::strip_str(text).to_string());
    let margin = seen(lead);
    let (mut lines, mut column) = (lead.to_string(), margin);
    // A number stays with its unit.
    for word in text.replace(" %", "\u{a0}%").split(' ') {
        let word = word.replace('\u{a0}', " ");
        if column > margin && column + 1 + seen(&word) > width {
            lines += &format!("\n{:margin$}", "");
            column = margin;
        } else if column > margin {
            lines.push(' ');
            column += 1;
        }
        lines += &word;
        column += seen(&word);
    }
    lines
}

/// Reports an error on stderr.
pub(crate) fn complain(error: &Error) {
    note(format!("{} {error}", styled(BAD, "error:")));
}

/// Something odd about the answer, on stderr.
pub(crate) fn warn(text: impl Display) {
    note(format!("{} {text}", styled(WARN, "note:")));
}

/// A note on stderr, beside the answer.
pub(crate) fn note(text: impl Display) {
    let mut stderr = anstream::AutoStream::auto(std::io::stderr().lock());
    // Nobody listens on stderr: then there is nobody to tell.
    let text = wrapped("", &tame(&text.to_string()), terminal_width());
    let _ = writeln!(stderr, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn width(text: &str) -> usize {
        text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
    }

    #[test]
    fn sentences_are_broken_between_words_below_their_lead() {
        let text = wrapped("   ! ", "pve1 reaches 88 % of its CPU", Some(20));
        assert_eq!(text, "   ! pve1 reaches\n     88 % of its CPU");
        assert_eq!(wrapped("", "as it is", None), "as it is");
        assert_eq!(wrapped("", "unbreakable", Some(3)), "unbreakable");
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        let shown = tame(&format!("{} a\u{1b}]0;title\u{7}\u{1b}[2Jb", styled(BAD, "x")));
        assert_eq!(shown, format!("{} a\u{fffd}]0;title\u{fffd}\u{fffd}[2Jb", styled(BAD, "x")));
    }

    #[test]
    fn names_cannot_turn_the_order_of_what_is_shown() {
        assert_eq!(tame("a\u{202e}b\u{2066}c\u{200f}d"), "a\u{fffd}b\u{fffd}c\u{fffd}d");
        assert_eq!(tame("weiß, שלום, 日本"), "weiß, שלום, 日本", "letters may run as they do");
    }

    #[test]
    fn a_narrow_terminal_breaks_long_cells_and_no_word() {
        let mut rows = table(&["state", "now", "why"]);
        rows.add_row([
            styled(BAD, "overloaded"),
            "59 %".into(),
            "because of this and of that".into(),
        ]);
        rows.set_width(30);
        fit(&mut rows);
        let shown = anstream::adapter::strip_str(&rows.trim_fmt()).to_string();
        assert!(shown.contains("overloaded  59 %  because of"), "{shown}");
        assert!(width(&shown) <= 30, "{shown}");
    }
}
