//! `lxc/VMID.conf`: configuration of a container.

use super::guest::{Belongings, Config, disk, mib, numbered};
use super::text::{Notes, Parsed, decode};
use crate::model::{Cores, GuestFacts, GuestKind};

/// Memory of a container that names none, in MiB.
const DEFAULT_MEMORY: u32 = 512;

/// Reads what decides where the container may run. Number, host and run state are not in the file.
///
/// Disks of snapshots and pending changes are listed too, as `snapshot/rootfs`: PVE's migration
/// looks at them.
pub fn parse(bytes: &[u8]) -> Parsed<GuestFacts> {
    let mut notes = Notes::default();
    let text = decode(bytes, &mut notes);
    let config = Config::read(&text, &mut notes);
    let mut has = Belongings::default();
    for (key, (line, value)) in &config.current {
        if is_disk(key) {
            has.disk("", key, *line, disk(key, value, "volume"), &mut notes);
        } else if numbered(key, "dev") {
            has.device(key, None);
        }
    }
    for (part, settings) in &config.others {
        for (key, (line, value)) in settings.iter().filter(|(key, _)| is_disk(key)) {
            has.disk(part, key, *line, disk(key, value, "volume"), &mut notes);
        }
    }
    for (_, key, value) in &config.raw {
        if *key == "lxc.mount.entry" && value.starts_with('/') {
            has.device(key, None);
        }
    }
    let mut facts = has.give_to(config.common("hostname"));
    facts.kind = GuestKind::Lxc;
    facts.maxcpu = cores(&config, &mut notes);
    facts.maxmem = Some(mib(config.number("memory", &mut notes).unwrap_or(DEFAULT_MEMORY)));
    Parsed { value: facts, notes }
}

fn is_disk(key: &str) -> bool {
    key == "rootfs" || numbered(key, "mp") || numbered(key, "unused")
}

/// Its cores, or the share of cores it is limited to; `None`: all of its host.
fn cores(config: &Config<'_>, notes: &mut Notes) -> Option<Cores> {
    if let Some(cores) = config.number("cores", notes).filter(|n| *n > 0) {
        return Some(Cores(f64::from(cores)));
    }
    let limit = config.get("cpulimit")?.parse::<f64>().ok()?;
    (limit > 0.0 && limit <= 8192.0).then_some(Cores(limit))
}
