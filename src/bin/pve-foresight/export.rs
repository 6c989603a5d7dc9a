//! `export`: what is stored, for other programs.

use crate::args::{Args, Export, Format};
use crate::out::{CLOSED, warn};
use pve_foresight::engine::{Engine, ExportFormat, ExportRequest};
use pve_foresight::error::{Error, Kind, Result};
use std::io::{BufWriter, ErrorKind, Write};

pub(crate) fn run(args: &Args, command: &Export) -> Result<bool> {
    let request = ExportRequest {
        now: args.now,
        node: command.node.clone(),
        guest: command.guest,
        hours: command.hours,
        format: match command.format {
            Format::Csv => ExportFormat::Csv,
            Format::Jsonl => ExportFormat::Jsonl,
            Format::Openmetrics => ExportFormat::OpenMetrics,
        },
    };
    let mut pipe =
        Pipe { out: BufWriter::with_capacity(1 << 16, std::io::stdout().lock()), is_closed: false };
    let done = Engine::new(&args.state).export(&request, &mut pipe);
    let flushed = pipe.flush();
    if pipe.is_closed {
        return Err(Error::new(Kind::Io, CLOSED));
    }
    let warnings = done?;
    flushed.map_err(|e| Error::new(Kind::Io, format!("standard output: {e}")))?;
    drop(pipe);
    warnings.iter().for_each(warn);
    Ok(warnings.is_empty())
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
