//! Ticks as JSON lines: what `append --jsonl` takes.

use crate::error::{Error, Kind, Result};
use crate::model::Tick;
use std::io::Write;

/// Writes one tick per line and says how many.
pub fn write_jsonl(mut out: impl Write, ticks: impl IntoIterator<Item = Tick>) -> Result<u64> {
    let mut count = 0;
    for tick in ticks {
        serde_json::to_writer(&mut out, &tick).map_err(|e| refused(&e.into()))?;
        out.write_all(b"\n").map_err(|e| refused(&e))?;
        count += 1;
    }
    out.flush().map_err(|e| refused(&e))?;
    Ok(count)
}

fn refused(error: &std::io::Error) -> Error {
    Error::new(Kind::Io, format!("cannot write ticks: {error}"))
}
