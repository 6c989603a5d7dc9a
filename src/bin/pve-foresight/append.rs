//! `append` and `compress`: the writing side of the store.

use crate::args::{Append, Args};
use crate::out::{Out, WARN, counted, note, styled, warn};
use pve_foresight::engine::Engine;
use pve_foresight::error::Result;

pub(crate) fn run(args: &Args, _: &Append, out: &mut Out) -> Result<bool> {
    let reply = Engine::new(&args.state).append_lines(std::io::stdin().lock())?;
    if out.is_json() {
        out.value(&reply)?;
    } else {
        let late = match reply.late {
            0 => String::new(),
            n => {
                format!(", {n} too late (samples of their time are kept no more, its values stand)")
            }
        };
        out.line(format!(
            "{} appended, {} known already, {} refused{late}",
            counted(reply.appended, "tick"),
            reply.duplicates,
            reply.rejected
        ))?;
    }
    for error in &reply.errors {
        note(format!("{} line {}: {}", styled(WARN, "refused:"), error.line, error.message));
    }
    reply.warnings.iter().for_each(warn);
    Ok(reply.rejected == 0)
}

pub(crate) fn compress(args: &Args, out: &mut Out) -> Result<bool> {
    let reply = Engine::new(&args.state).compress(args.now)?;
    if out.is_json() {
        out.value(&reply)?;
    } else {
        let (rows, files) = (counted(reply.rows, "row"), counted(reply.removed, "expired file"));
        out.line(format!("{rows} rolled, {files} removed"))?;
    }
    reply.warnings.iter().for_each(warn);
    Ok(true)
}
