//! How long the store keeps what: the cluster's setting, handed on to the store by each run of the
//! collector.

use crate::error::{Error, Result};
use crate::model::{DAY, HOUR};
use crate::settings::{
    FILE_NAME, Loaded, MAX_BYTES, PenaltyConfig, Stored, get_effective_penalty_config, load,
};
use crate::store::{AsItself, Retention, Tier, Writer};
use std::io::Read;
use std::path::Path;

/// The settings file of the tree, as far as it can be used.
pub(super) fn settings(root: &Path) -> Result<Loaded> {
    let _reads = AsItself::again();
    let path = root.join(FILE_NAME);
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Loaded { stored: Stored::default(), warnings: Vec::new(), refused: None });
        }
        Err(e) => return Err(Error::io(&path, &e)),
    };
    let mut bytes = Vec::new();
    // One byte too many is refused by the parser.
    let most = MAX_BYTES as u64 + 1;
    file.take(most).read_to_end(&mut bytes).map_err(|e| Error::io(&path, &e))?;
    Ok(load(&path, &bytes))
}

/// Has the store keep what the settings of the tree say, and tells of a change, or why there can be none.
///
/// A file that cannot be read or used changes nothing: its defaults could cost what was to be kept.
pub(super) fn keep(writer: &mut Writer, root: &Path) -> Result<Option<String>> {
    let loaded = match settings(root) {
        Ok(loaded) if loaded.refused.is_none() => loaded,
        Ok(loaded) => return Ok(loaded.warnings.first().map(ToString::to_string)),
        Err(e) => return Ok(Some(format!("what is kept for how long stays as it is: {e}"))),
    };
    let retention = retention(&get_effective_penalty_config(&loaded.stored).config);
    Ok(writer.keep(retention)?.map(|before| told(&before, &retention)))
}

fn retention(config: &PenaltyConfig) -> Retention {
    Retention {
        raw_hours: config.keep_samples_hours.seconds() / HOUR,
        hourly_days: config.keep_hourly_days.seconds() / DAY,
        six_hourly_days: config.keep_six_hourly_days.seconds() / DAY,
    }
}

fn told(before: &Retention, now: &Retention) -> String {
    let names = [(Tier::Raw, "samples"), (Tier::Hourly, "hourly"), (Tier::SixHourly, "six-hourly")];
    let changed = names.iter().filter(|(tier, _)| before.seconds(*tier) != now.seconds(*tier));
    let words: Vec<String> = changed
        .map(|(tier, name)| format!("{name} {} instead of {}", now.text(*tier), before.text(*tier)))
        .collect();
    let less = names.iter().any(|(tier, _)| now.seconds(*tier) < before.seconds(*tier));
    let then = if less { "; what is older is removed when the next hour begins" } else { "" };
    format!("the settings change how long is kept: {}{then}", words.join(", "))
}
