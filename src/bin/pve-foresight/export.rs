//! `export`: what is stored, for other programs.

use crate::args::{Args, Export, Format};
use crate::out::{piped, warn};
use pve_foresight::engine::{Engine, ExportFormat, ExportRequest};
use pve_foresight::error::Result;

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
    let warnings = piped(|out| Engine::new(&args.state).export(&request, out))?;
    warnings.iter().for_each(warn);
    Ok(warnings.is_empty())
}
