//! What configurations of VMs and containers share: their lines, and the keys both have.

use super::text::{
    Notes, boolean, clean_name, lines, list, number, properties, quote, section, setting, size,
};
use crate::model::{Bytes, Device, Disk, DiskSource, GuestFacts, MIB};
use std::collections::BTreeMap;

/// Settings of one part of a file: key -> line and value. A key given twice counts as last given.
pub(super) type Settings<'a> = BTreeMap<&'a str, (usize, &'a str)>;

/// A configuration file taken apart.
#[derive(Debug, Default)]
pub(super) struct Config<'a> {
    /// What is in force.
    pub(super) current: Settings<'a>,
    /// Snapshots by name, and changes that wait for a restart as `pending`.
    pub(super) others: Vec<(&'a str, Settings<'a>)>,
    /// Raw `lxc.*` settings in force.
    pub(super) raw: Vec<(usize, &'a str, &'a str)>,
}

impl<'a> Config<'a> {
    /// Takes a file apart. Lines that PVE would ignore are noted and ignored.
    pub(super) fn read(text: &'a str, notes: &mut Notes) -> Self {
        let mut config = Self::default();
        let mut skipping = false;
        for (number, line) in lines(text) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = section(line) {
                skipping = false;
                match name {
                    "pve:pending" => config.others.push(("pending", Settings::new())),
                    _ if name.eq_ignore_ascii_case("pending") => {
                        config.others.push(("pending", Settings::new()));
                    }
                    // Parts of their own, such as the state of fleecing backups.
                    _ if name.contains(':') => skipping = true,
                    _ => config.others.push((name, Settings::new())),
                }
                continue;
            }
            if skipping {
                continue;
            }
            let Some((key, value)) = raw(line).or_else(|| setting(line)) else {
                notes.add(number, format!("not a setting, ignored: {}", quote(line)));
                continue;
            };
            match config.others.last_mut() {
                Some((_, part)) => drop(part.insert(key, (number, value))),
                None if key.starts_with("lxc.") => config.raw.push((number, key, value)),
                None => drop(config.current.insert(key, (number, value))),
            }
        }
        config
    }

    /// A setting in force.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.current.get(key).map(|(_, value)| *value)
    }

    /// A whole number in force; what is none is noted, and PVE's default counts.
    pub(super) fn number(&self, key: &str, notes: &mut Notes) -> Option<u32> {
        let (line, text) = self.current.get(key)?;
        let value = number(text);
        if value.is_none() {
            notes.add(*line, format!("{key} is {}, not a number: ignored", quote(text)));
        }
        value
    }

    /// What both kinds of guests say in the same way.
    pub(super) fn common(&self, name_key: &str) -> GuestFacts {
        let text = |key| self.get(key).unwrap_or_default();
        GuestFacts {
            name: clean_name(text(name_key)),
            template: boolean(text("template")).unwrap_or(false),
            tags: list(text("tags")).map(clean_name).collect(),
            lock: self.get("lock").map(clean_name),
            arch: architecture(text("arch")),
            ..GuestFacts::default()
        }
    }
}

/// `lxc.key: value` or `lxc.key = value`.
fn raw(line: &str) -> Option<(&str, &str)> {
    let end = line.find([':', '='])?;
    let (key, value) = (line[..end].trim_end(), line[end + 1..].trim());
    (key.starts_with("lxc.") && !key.contains(' ') && !value.is_empty()).then_some((key, value))
}

/// One word per architecture: containers and VMs have their own.
fn architecture(word: &str) -> String {
    match word {
        "amd64" => "x86_64".into(),
        "arm64" => "aarch64".into(),
        other => clean_name(other),
    }
}

/// Memory given in MiB.
pub(super) fn mib(amount: u32) -> Bytes {
    Bytes(f64::from(amount) * MIB)
}

/// Whether `key` is `prefix` followed by a number: `scsi0`, `mp12`.
pub(super) fn numbered(key: &str, prefix: &str) -> bool {
    key.strip_prefix(prefix).is_some_and(|digits| number(digits).is_some())
}

/// A disk or mount point; `None` when PVE could not read it either.
///
/// `default_key` names the part without key: `file` for VMs, `volume` for containers.
pub(super) fn disk(key: &str, value: &str, default_key: &str) -> Option<Disk> {
    let parts = properties(value, default_key)?;
    let part = |name: &str| parts.get(name).copied();
    let place = part(default_key).or_else(|| part("volume"))?;
    let media = part("media") == Some("cdrom");
    let shared = part("shared").and_then(boolean).unwrap_or(false);
    let source = match place {
        "none" => DiskSource::None,
        "cdrom" => DiskSource::HostPath { path: "/dev/cdrom".into(), shared: false },
        _ if place.starts_with('/') => DiskSource::HostPath { path: place.into(), shared },
        _ => volume(place, media)?,
    };
    Some(Disk {
        key: key.to_string(),
        cdrom: (media || matches!(place, "none" | "cdrom")) && !is_cloudinit(&source),
        source,
        size: part("size").and_then(size).map(Bytes),
        snapshot: None,
        not_replicated: part("replicate").and_then(boolean) == Some(false),
    })
}

fn is_cloudinit(source: &DiskSource) -> bool {
    matches!(source, DiskSource::Volume { volume, .. } if volume.contains("-cloudinit"))
}

/// `STORE:VOLUME`; a bare file name is one on `local`, as in very old configurations.
fn volume(place: &str, media: bool) -> Option<DiskSource> {
    let (storage, volume) = match place.split_once(':') {
        Some((storage, volume)) => (storage, volume.to_string()),
        None if place.contains('/') => return None,
        None if media => ("local", format!("iso/{place}")),
        None => ("local", place.to_string()),
    };
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let named = storage.starts_with(|c: char| c.is_ascii_alphabetic())
        && storage.chars().all(inner)
        && !volume.is_empty();
    named.then(|| DiskSource::Volume { storage: storage.into(), volume })
}

/// Collects disks and devices, and whether a line leaves a doubt about them.
#[derive(Debug, Default)]
pub(super) struct Belongings {
    pub(super) disks: Vec<Disk>,
    pub(super) devices: Vec<Device>,
    pub(super) doubt: bool,
}

impl Belongings {
    /// A disk of what is in force (`part` empty), of a snapshot or of pending changes. The same
    /// volume counts once, with a snapshot that names it: PVE looks at all parts when it migrates a
    /// guest.
    pub(super) fn disk(
        &mut self,
        part: &str,
        key: &str,
        line: usize,
        disk: Option<Disk>,
        notes: &mut Notes,
    ) {
        let full = if part.is_empty() { key.to_string() } else { format!("{part}/{key}") };
        let Some(disk) = disk else { return self.doubtful(&full, line, notes) };
        let held =
            !matches!(part, "" | "pending") && key != "vmstate" && !is_cloudinit(&disk.source);
        let snapshot = held.then(|| part.to_string());
        if part.is_empty() {
            self.disks.push(disk);
        } else if let Some(known) = self.disks.iter_mut().find(|d| d.source == disk.source) {
            known.snapshot = known.snapshot.take().or(snapshot);
        } else if disk.source != DiskSource::None {
            self.disks.push(Disk { key: full, snapshot, ..disk });
        }
    }

    /// A device of the host.
    pub(super) fn device(&mut self, key: &str, mapping: Option<String>) {
        self.devices.push(Device { key: key.to_string(), mapping, live: false });
    }

    /// Something that decides where the guest may run, and that could not be understood.
    pub(super) fn doubtful(&mut self, key: &str, line: usize, notes: &mut Notes) {
        notes.add(line, format!("{} cannot be understood, so this guest must stay", quote(key)));
        self.doubt = true;
    }

    /// The facts with these belongings.
    pub(super) fn give_to(self, facts: GuestFacts) -> GuestFacts {
        let Self { disks, devices, doubt } = self;
        GuestFacts { disks, devices, config_unknown: doubt, ..facts }
    }
}
