//! `qemu-server/VMID.conf`: configuration of a VM.

use super::guest::{Belongings, Config, disk, mib, numbered};
use super::text::{Notes, Parsed, clean_name, decode, number, properties};
use crate::model::{Cores, GuestFacts, GuestKind, UnixTime};

/// Memory of a VM that names none, in MiB.
const DEFAULT_MEMORY: u32 = 512;
/// Keys of disks, each followed by a number.
const DISKS: [&str; 7] = ["ide", "sata", "scsi", "virtio", "efidisk", "tpmstate", "unused"];
/// Settings that tie a VM to its host as they stand.
const TIES: [&str; 5] = ["hostpci", "hostusb", "ivshmem", "amd-sev", "intel-tdx"];
/// Words in `args` that hand a device of the host to QEMU.
const HOST_ARGS: [&str; 4] = ["vfio-pci", "vfio-mdev", "usb-host", "/dev/"];

/// Reads what decides where the VM may run. Number, host and run state are not in the file.
///
/// Disks of snapshots and pending changes are listed too, as `snapshot/scsi0`: PVE's migration
/// looks at them (qemu-server, `scan_local_volumes`).
pub fn parse(bytes: &[u8]) -> Parsed<GuestFacts> {
    let mut notes = Notes::default();
    let text = decode(bytes, &mut notes);
    let config = Config::read(&text, &mut notes);
    let mut has = Belongings::default();
    for (key, (line, value)) in &config.current {
        if is_disk(key) {
            let key = if *key == "cdrom" { "ide2" } else { *key };
            has.disk("", key, *line, disk(key, value, "file"), &mut notes);
        } else {
            device(&mut has, key, *line, value, &mut notes);
        }
    }
    for (part, settings) in &config.others {
        for (key, (line, value)) in settings.iter().filter(|(key, _)| is_disk(key)) {
            has.disk(part, key, *line, disk(key, value, "file"), &mut notes);
        }
    }
    let mut facts = has.give_to(config.common("name"));
    facts.kind = GuestKind::Qemu;
    facts.created = created_in(&config);
    (facts.maxcpu, facts.start_cores) = cores(&config, &mut notes);
    facts.cpu_model = config.get("cpu").and_then(model).unwrap_or_default();
    let memory = memory(&config, &mut notes);
    facts.maxmem = Some(mib(memory));
    facts.minmem =
        config.number("balloon", &mut notes).filter(|least| (1..memory).contains(least)).map(mib);
    Parsed { value: facts, notes }
}

/// When the VM was created, from its `meta` line alone.
pub(super) fn created(bytes: &[u8]) -> Option<UnixTime> {
    let mut notes = Notes::default();
    let text = decode(bytes, &mut notes);
    created_in(&Config::read(&text, &mut notes))
}

fn created_in(config: &Config<'_>) -> Option<UnixTime> {
    let parts = properties(config.get("meta")?, "")?;
    number(parts.get("ctime")?).filter(|ctime| *ctime > 0).map(UnixTime::from)
}

fn is_disk(key: &str) -> bool {
    matches!(key, "cdrom" | "vmstate") || DISKS.iter().any(|prefix| numbered(key, prefix))
}

/// Hot-plugged cores, or sockets times cores; and the latter, where they are more: qemu-server starts no VM that could get
/// more than its node has.
fn cores(config: &Config<'_>, notes: &mut Notes) -> (Option<Cores>, Option<Cores>) {
    let mut setting = |key| config.number(key, notes).filter(|n| *n > 0);
    let plugged = setting("vcpus");
    let all = setting("sockets").unwrap_or(1).checked_mul(setting("cores").unwrap_or(1));
    let cores = |n: u32| Cores(f64::from(n));
    (plugged.or(all).map(cores), all.filter(|all| plugged.is_some_and(|n| n < *all)).map(cores))
}

/// `memory: 4096` or `memory: current=4096`, in MiB.
fn memory(config: &Config<'_>, notes: &mut Notes) -> u32 {
    let Some((line, text)) = config.current.get("memory") else { return DEFAULT_MEMORY };
    let current = properties(text, "current").and_then(|p| number(p.get("current")?));
    current.unwrap_or_else(|| {
        notes.add(*line, format!("memory cannot be understood: {DEFAULT_MEMORY} MiB assumed"));
        DEFAULT_MEMORY
    })
}

/// `cpu: host,flags=+aes` or `cpu: cputype=host`.
fn model(text: &str) -> Option<String> {
    properties(text, "cputype")?.get("cputype").map(|model| clean_name(model))
}

/// Devices of the host, as qemu-server's `check_local_resources` counts them.
fn device(has: &mut Belongings, key: &str, line: usize, value: &str, notes: &mut Notes) {
    let mut mapped = |kind: &str, name_key: &str, default_key: &str| {
        let Some(parts) = properties(value, default_key) else {
            return has.doubtful(key, line, notes);
        };
        if kind == "usb" && parts.get("host").is_some_and(|h| h.eq_ignore_ascii_case("spice")) {
            return;
        }
        let mapping = parts.get(name_key).map(|name| format!("{kind}:{}", clean_name(name)));
        has.device(key, mapping);
    };
    if numbered(key, "hostpci") {
        mapped("pci", "mapping", "host");
    } else if numbered(key, "usb") {
        mapped("usb", "mapping", "host");
    } else if numbered(key, "virtiofs") {
        mapped("dir", "dirid", "dirid");
    } else if (numbered(key, "serial") && value != "socket")
        || numbered(key, "parallel")
        || TIES.contains(&key)
        || (key == "args" && HOST_ARGS.iter().any(|word| value.contains(word)))
    {
        has.device(key, None);
    }
}
