//! `settings`: what holds, where it comes from, and the way over from ProxBalance.

use crate::args::{Args, Settings, SettingsSource};
use crate::out::{DIM, HEAD, Out, note, styled, table, warn};
use crate::{own_tree, usage};
use pve_foresight::error::{Error, Result};
use pve_foresight::settings::{
    DEFAULTS_HOLD, Effective, FILE_NAME, Key, Knob, LEGACY_BLOCKS, Loaded, MAX_BYTES, Origin,
    Outcome, Stored, Table, get_effective_penalty_config, load, migrate_legacy_config, strict,
};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Largest ProxBalance configuration that is read.
const MAX_LEGACY_BYTES: usize = 4 << 20;

pub(crate) fn run(args: &Args, command: &Settings, out: &mut Out) -> Result<bool> {
    if let Some(file) = &command.migrate {
        return migrate(file, out);
    }
    let (effective, warnings) = effective(args, &command.source, None)?;
    if out.is_json() {
        let settings: Map<String, Value> = Knob::ALL
            .iter()
            .map(|&k| {
                let number = effective.settings().get(k);
                (k.name().to_string(), k.field().unit.json(number))
            })
            .collect();
        let effective = effective.entries();
        out.value(&json!({ "settings": settings, "effective": effective, "warnings": warnings }))?;
        return Ok(true);
    }
    warnings.iter().for_each(warn);
    show(&effective, out)?;
    Ok(true)
}

/// What the options and the file, if there is one, give. A file that was named must be good; one
/// that was found in the inventory's tree, without an inventory in the cluster's own, is used as
/// far as it can be, with warnings.
pub(crate) fn effective(
    args: &Args,
    source: &SettingsSource,
    inventory: Option<&Path>,
) -> Result<(Effective, Vec<String>)> {
    let mut warnings = Vec::new();
    let tree = inventory.or_else(|| own_tree(args)).filter(|path| path.is_dir());
    let mut take = |loaded: Loaded| {
        warnings.extend(loaded.warnings.iter().map(ToString::to_string));
        loaded.stored
    };
    let mut stored = match (&source.file, tree.map(|dir| dir.join(FILE_NAME))) {
        (Some(file), _) => {
            let loaded = load(file, &read(file, MAX_BYTES)?);
            match loaded.refused {
                Some(error) => return Err(error),
                None => take(loaded),
            }
        }
        (None, Some(file)) if file.is_file() => match read(&file, MAX_BYTES) {
            Ok(bytes) => take(load(&file, &bytes)),
            Err(error) => {
                warnings.push(format!("{error}; {DEFAULTS_HOLD}"));
                Stored::default()
            }
        },
        _ => Stored::default(),
    };
    for assignment in &source.set {
        let Some((name, value)) = assignment.split_once('=') else {
            return Err(usage("--set", format!("{assignment}: expected NAME=VALUE")));
        };
        let body = json!({ name: value });
        stored = match (Knob::from_name(name), Key::from_name(name)) {
            (Some(_), _) => stored.with_settings(&body),
            (None, Some(_)) => stored.with_expert(&body),
            (None, None) => {
                Err(Error::invalid("no such setting; `pve-foresight settings` lists them").at(name))
            }
        }
        .map_err(|e| e.at("--set"))?;
    }
    Ok((get_effective_penalty_config(&stored), warnings))
}

/// A file's bytes, refused beyond `limit`.
pub(crate) fn read(file: &Path, limit: usize) -> Result<Vec<u8>> {
    use std::io::Read;
    let open = std::fs::File::open(file).map_err(|e| Error::io(file, &e))?;
    let mut bytes = Vec::new();
    open.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|e| Error::io(file, &e))?;
    if bytes.len() > limit {
        return Err(Error::invalid(format!("is larger than {limit} bytes")).at(file.display()));
    }
    Ok(bytes)
}

fn show(effective: &Effective, out: &mut Out) -> Result<()> {
    out.line(styled(HEAD, "Settings"))?;
    let mut knobs = table(&["setting", "value", "what it does"]);
    for &knob in Knob::ALL {
        let field = knob.field();
        let value = field.unit.text(effective.settings().get(knob));
        knobs.add_row([field.name, &value, field.help]);
    }
    out.table(knobs)?;
    out.line(styled(HEAD, "\nExpert keys as they hold"))?;
    let mut keys = table(&["key", "value", "from", "feeds"]);
    for entry in effective.entries() {
        let from = match entry.origin {
            Origin::Default => styled(DIM, "default"),
            Origin::Knob => "settings".to_string(),
            Origin::Expert => styled(HEAD, "expert"),
        };
        let value = match &entry.value {
            Value::Bool(on) => if *on { "on" } else { "off" }.to_string(),
            number => format!("{number} {}", entry.unit),
        };
        keys.add_row([entry.key, &value, &from, entry.term]);
    }
    out.table(keys)
}

/// Prints our settings file; the report goes to stderr, so that `> foresight.cfg` just works. `false`
/// when a value could not be used.
fn migrate(file: &Path, out: &mut Out) -> Result<bool> {
    let config = strict(&read(file, MAX_LEGACY_BYTES)?, MAX_LEGACY_BYTES)
        .map_err(|e| e.at(file.display()))?;
    // A part that is there and no object is reported with the rest.
    if LEGACY_BLOCKS.iter().all(|block| config.get(block).is_none()) {
        let blocks = LEGACY_BLOCKS.join(", ");
        let message = format!("has none of {blocks}: not a ProxBalance config.json");
        return Err(Error::invalid(message).at(file.display()));
    }
    let migrated = migrate_legacy_config(&config);
    for line in &migrated.report {
        note(line);
    }
    out.line(migrated.stored().serialise().trim_end())?;
    Ok(migrated.report.iter().all(|line| line.outcome != Outcome::Invalid))
}
