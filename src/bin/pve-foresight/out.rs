//! Where all text goes: stdout for answers, stderr for notes; colour only on a terminal.

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use pve_foresight::error::{Error, Kind, Result};
use serde::Serialize;
use std::fmt::Display;
use std::io::{ErrorKind, Write};

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
        writeln!(self.stdout, "{text}").map_err(closed)
    }

    /// `value` as JSON: indented for a person, one line for a pipe.
    pub(crate) fn value(&mut self, value: &impl Serialize) -> Result<()> {
        let pretty = std::io::IsTerminal::is_terminal(&std::io::stdout());
        let text = match pretty {
            true => serde_json::to_string_pretty(value),
            false => serde_json::to_string(value),
        };
        let text = text.map_err(|e| Error::new(Kind::Io, format!("cannot write JSON: {e}")))?;
        self.line(text)
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

/// `text` in `style`; plain where colours are off.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A table that fits the terminal.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.iter().map(|h| styled(HEAD, h)));
    table
}

/// Reports an error on stderr.
pub(crate) fn complain(error: &Error) {
    note(format!("{} {error}", styled(BAD, "error:")));
}

/// A note on stderr, beside the answer.
pub(crate) fn note(text: impl Display) {
    let mut stderr = anstream::AutoStream::auto(std::io::stderr().lock());
    // Nobody listens on stderr: then there is nobody to tell.
    let _ = writeln!(stderr, "{text}");
}
