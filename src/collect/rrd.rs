//! `.rrd`: what every node last said of itself, its guests and its storages.
//!
//! One line per resource, `KEY:field:field:...`. A key is `KIND/ID`; its kind names the columns.
//! Up to PVE 8 kinds are `pve2-node`, `pve2.3-vm`, `pve2-storage`; from PVE 9 on `pve-TYPE-VERSION`,
//! where a newer version only appends columns (pve-cluster, `status.c`).

use super::limits::{self, pressure};
use super::text::{Notes, Parsed, clean_name, decode, is_node_name, lines, quote};
use crate::model::{
    Bytes, Cores, Fraction, GuestSample, GuestStatus, LATEST, MAX_AMOUNT, MAX_LOAD, NodeSample,
    StorageSample, UnixTime, Vmid,
};
use nom::Parser;
use nom::bytes::complete::{take_till, take_till1};
use nom::character::complete::char;
use nom::combinator::all_consuming;
use nom::multi::separated_list1;
use nom::sequence::terminated;
use std::collections::{BTreeMap, BTreeSet};

/// All entries, each under its own key. A resource that occurs twice (its node was just upgraded,
/// or it just moved) keeps the newer one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rrd {
    /// By name.
    pub nodes: BTreeMap<String, NodeEntry>,
    /// By number.
    pub guests: BTreeMap<Vmid, GuestEntry>,
    /// By node and storage id.
    pub storages: BTreeMap<(String, String), StorageEntry>,
}

/// When an entry was made, and on which line it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stamp {
    /// Line in `.rrd`.
    pub line: usize,
    /// When its node made it, by that node's clock.
    pub ctime: UnixTime,
    /// Seconds since the node or guest started; 0 for a stopped guest.
    pub uptime: f64,
}

/// A node's entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeEntry {
    /// When and where.
    pub stamp: Stamp,
    /// PVE's major version that its key is of.
    pub version: u32,
    /// Bytes received and sent since the node started.
    pub counters: [Option<f64>; 2],
    /// Everything that is no counter.
    pub sample: NodeSample,
}

/// A guest's entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GuestEntry {
    /// When and where.
    pub stamp: Stamp,
    /// Bytes received, sent, read and written since the guest started.
    pub counters: [Option<f64>; 4],
    /// Everything that is no counter; host and kind are not told here.
    pub sample: GuestSample,
}

/// A storage's entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StorageEntry {
    /// When and where.
    pub stamp: Stamp,
    /// Its size and use.
    pub sample: StorageSample,
}

/// Columns of a kind of key, before its version is known to be one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Columns {
    Node,
    /// `pve2-vm`: neither status nor template.
    OldGuest,
    Guest,
    Storage,
}

/// A key taken apart.
struct Key<'a> {
    columns: Columns,
    /// Number of columns this version has; `None`: a version newer than we know.
    width: Option<usize>,
    /// PVE's major version that it came with.
    version: u32,
    id: &'a str,
}

/// Reads `.rrd`. A last line without its end is dropped: its last number may be cut short.
pub fn parse(bytes: &[u8]) -> Parsed<Rrd> {
    let mut notes = Notes::default();
    let mut value = Rrd::default();
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    let text = decode(&bytes[..whole], &mut notes);
    let mut unknown = BTreeSet::new();
    for (number, line) in lines(&text) {
        if line.is_empty() {
            continue;
        }
        let Ok((_, (kind, id, fields))) = split(line) else {
            notes.add(number, format!("not an entry, skipped: {}", quote(line)));
            continue;
        };
        let Some((columns, width, version)) = columns_of(kind) else {
            if unknown.insert(kind.to_string()) {
                notes.add(number, format!("unknown key {}, such entries are skipped", quote(kind)));
            }
            continue;
        };
        if width.is_none() && unknown.insert(kind.to_string()) {
            let message = "key {} is newer than this program; its known columns are used";
            notes.add(number, message.replace("{}", &quote(kind)));
        }
        let key = Key { columns, width, version, id };
        let mut row = Row { line: number, fields, notes: &mut notes };
        if value.insert(&key, &mut row).is_none() {
            notes.add(number, format!("unusable entry, skipped: {}", quote(line)));
        }
    }
    if whole < bytes.len() {
        let number = bytes[..whole].iter().filter(|b| **b == b'\n').count() + 1;
        notes.add(number, "cut off in the middle of this line, which was skipped");
    }
    Parsed { value, notes }
}

/// `KIND/ID:field:field:...`
fn split(line: &str) -> nom::IResult<&str, (&str, &str, Vec<&str>)> {
    let kind = terminated(take_till1(|c| c == '/' || c == ':'), char('/'));
    let id = terminated(take_till1(|c| c == ':'), char(':'));
    let fields = separated_list1(char(':'), take_till(|c| c == ':'));
    all_consuming((kind, id, fields)).parse(line)
}

/// Last major version of PVE with the old keys.
const OLD_KEYS: u32 = 8;

/// Columns and width of a kind of key, and PVE's major version that it is of.
fn columns_of(kind: &str) -> Option<(Columns, Option<usize>, u32)> {
    match kind {
        "pve2-node" => return Some((Columns::Node, Some(15), OLD_KEYS)),
        "pve2-vm" => return Some((Columns::OldGuest, Some(13), OLD_KEYS)),
        "pve2.3-vm" => return Some((Columns::Guest, Some(15), OLD_KEYS)),
        "pve2-storage" => return Some((Columns::Storage, Some(3), OLD_KEYS)),
        _ => (),
    }
    let (name, version) = kind.strip_prefix("pve-")?.split_once('-')?;
    let (columns, width) = match name {
        "node" => (Columns::Node, 22),
        "vm" => (Columns::Guest, 22),
        "storage" => (Columns::Storage, 3),
        _ => return None,
    };
    let major = version.split('.').next().and_then(super::text::number);
    Some((columns, (version == "9.0").then_some(width), major.unwrap_or(OLD_KEYS + 1)))
}

/// The fields of one line.
struct Row<'a, 'n> {
    line: usize,
    fields: Vec<&'a str>,
    notes: &'n mut Notes,
}

impl Row<'_, '_> {
    /// A number in `0..=max`; `U` and nothing are unknown, anything else is noted.
    fn number(&mut self, column: usize, what: &str, max: f64) -> Option<f64> {
        let text = *self.fields.get(column)?;
        if text.is_empty() || text == "U" {
            return None;
        }
        match text.parse::<f64>() {
            Ok(x) if (0.0..=max).contains(&x) => Some(x + 0.0),
            _ => {
                self.notes.add(self.line, format!("{what} is {}: taken as unknown", quote(text)));
                None
            }
        }
    }

    fn bytes(&mut self, column: usize, what: &str) -> Option<Bytes> {
        self.number(column, what, MAX_AMOUNT).map(Bytes)
    }

    fn percent(&mut self, column: usize, what: &str) -> Option<Fraction> {
        self.number(column, what, limits::PRESSURE).map(pressure)
    }

    /// When the entry was made; without it nothing else can be used.
    fn stamp(&mut self, ctime: usize, uptime: Option<usize>) -> Option<Stamp> {
        let time = self.number(ctime, "the time", LATEST as f64).filter(|t| *t >= 1.0)?;
        let uptime = uptime.and_then(|column| self.number(column, "uptime", LATEST as f64));
        Some(Stamp { line: self.line, ctime: time as UnixTime, uptime: uptime.unwrap_or(0.0) })
    }

    /// Puts a name with `:` in it together again. Nothing tells how many parts it has, so the
    /// columns behind it must make sense: a status, a template flag and a time.
    fn join_name(&mut self, width: usize) -> Option<String> {
        let surplus = self.fields.len().saturating_sub(width);
        let name = *self.fields.get(1)?;
        if surplus == 0 {
            return Some(name.to_string());
        }
        let fits = |shift: &usize| {
            let at = |column: usize| self.fields.get(column + shift).copied().unwrap_or("");
            at(2).starts_with(|c: char| c.is_ascii_lowercase())
                && matches!(at(3), "0" | "1" | "U" | "")
                && at(4).len() >= 9
                && at(4).bytes().all(|b| b.is_ascii_digit())
        };
        let shift = (0..=surplus).find(fits)?;
        let name = self.fields.splice(1..=1 + shift, [""]).collect::<Vec<&str>>().join(":");
        if shift > 0 {
            let message = format!("name with ':' in it, read as {}", quote(&name));
            self.notes.add(self.line, message);
        }
        self.cut(width);
        Some(name)
    }

    /// Drops columns that this kind of key does not have.
    fn cut(&mut self, width: usize) {
        let surplus = self.fields.len().saturating_sub(width);
        if surplus > 0 {
            self.notes.add(self.line, format!("{surplus} columns more than known, ignored"));
            self.fields.truncate(width);
        }
    }
}

impl Rrd {
    /// Reads one line; `None` when it says nothing usable.
    fn insert(&mut self, key: &Key<'_>, row: &mut Row<'_, '_>) -> Option<()> {
        if let (Some(width), false) = (key.width, key.columns == Columns::Guest) {
            row.cut(width);
        }
        match key.columns {
            Columns::Node => {
                let name = Some(key.id).filter(|id| is_node_name(id))?;
                let entry = node(name, key.version, row)?;
                newer(&mut self.nodes, name.to_string(), entry, |e| e.stamp.ctime);
            }
            Columns::Guest | Columns::OldGuest => {
                let vmid = super::text::number(key.id).filter(|vmid| *vmid > 0)?;
                let entry = match key.columns {
                    Columns::OldGuest => old_guest(vmid, row)?,
                    _ => guest(vmid, key.width, row)?,
                };
                newer(&mut self.guests, vmid, entry, |e| e.stamp.ctime);
            }
            Columns::Storage => {
                let (node, id) = key.id.split_once('/')?;
                if !is_node_name(node) || id.is_empty() || id.contains('/') {
                    return None;
                }
                let entry = storage(id, row)?;
                newer(&mut self.storages, (node.into(), id.into()), entry, |e| e.stamp.ctime);
            }
        }
        Some(())
    }
}

/// Keeps the newer of two entries, and of two equally new ones the first.
fn newer<K: Ord, E>(map: &mut BTreeMap<K, E>, key: K, entry: E, ctime: fn(&E) -> UnixTime) {
    if map.get(&key).is_none_or(|old| ctime(old) < ctime(&entry)) {
        map.insert(key, entry);
    }
}

/// Columns: uptime, sublevel, ctime, loadavg, maxcpu, cpu, iowait, memtotal, memused, swaptotal,
/// swapused, roottotal, rootused, netin, netout; PVE 9: memavailable, arcsize, pressures of cpu
/// (some), io (some, full), memory (some, full).
fn node(name: &str, version: u32, row: &mut Row<'_, '_>) -> Option<NodeEntry> {
    let stamp = row.stamp(2, Some(0))?;
    let share = |row: &mut Row<'_, '_>, column, what| {
        row.number(column, what, limits::NODE_CPU).map(Fraction)
    };
    let sample = NodeSample {
        name: name.to_string(),
        online: true,
        load_avg: row.number(3, "loadavg", MAX_LOAD),
        maxcpu: row.number(4, "maxcpu", MAX_LOAD).map(Cores),
        cpu: share(row, 5, "cpu"),
        iowait: share(row, 6, "iowait"),
        maxmem: row.bytes(7, "memtotal"),
        mem: row.bytes(8, "memused"),
        maxswap: row.bytes(9, "swaptotal"),
        swap: row.bytes(10, "swapused"),
        mem_available: row.bytes(15, "memavailable"),
        arc: row.bytes(16, "arcsize"),
        psi_cpu_some: row.percent(17, "pressurecpusome"),
        psi_io_some: row.percent(18, "pressureiosome"),
        psi_io_full: row.percent(19, "pressureiofull"),
        psi_memory_some: row.percent(20, "pressurememorysome"),
        psi_memory_full: row.percent(21, "pressurememoryfull"),
        ..NodeSample::default()
    };
    let counters = [row.number(13, "netin", MAX_AMOUNT), row.number(14, "netout", MAX_AMOUNT)];
    Some(NodeEntry { stamp, version, counters, sample })
}

/// Columns: uptime, name, status, template, ctime, maxcpu, cpu, maxmem, mem, maxdisk, disk, netin,
/// netout, diskread, diskwrite; PVE 9: memhost, pressures of cpu, io and memory (some, full each).
fn guest(vmid: Vmid, width: Option<usize>, row: &mut Row<'_, '_>) -> Option<GuestEntry> {
    let name = match width {
        Some(width) => row.join_name(width)?,
        None => row.fields.get(1)?.to_string(),
    };
    let stamp = row.stamp(4, Some(0))?;
    let sample = GuestSample {
        vmid,
        name: clean_name(&name),
        status: status(row.fields.get(2)?),
        template: row.fields.get(3) == Some(&"1"),
        ..load(row, 5)
    };
    let sample = GuestSample {
        mem_host: row.bytes(15, "memhost"),
        psi_cpu_some: row.percent(16, "pressurecpusome"),
        psi_cpu_full: row.percent(17, "pressurecpufull"),
        psi_io_some: row.percent(18, "pressureiosome"),
        psi_io_full: row.percent(19, "pressureiofull"),
        psi_memory_some: row.percent(20, "pressurememorysome"),
        psi_memory_full: row.percent(21, "pressurememoryfull"),
        ..sample
    };
    Some(GuestEntry { stamp, counters: traffic(row, 11), sample })
}

/// Columns: uptime, name, ctime, maxcpu and so on as above; a running guest has an uptime.
fn old_guest(vmid: Vmid, row: &mut Row<'_, '_>) -> Option<GuestEntry> {
    let stamp = row.stamp(2, Some(0))?;
    let running = if stamp.uptime > 0.0 { GuestStatus::Running } else { GuestStatus::Stopped };
    let name = clean_name(row.fields.get(1)?);
    let sample = GuestSample { vmid, name, status: running, ..load(row, 3) };
    Some(GuestEntry { stamp, counters: traffic(row, 9), sample })
}

/// The columns maxcpu, cpu, maxmem, mem from `first` on.
fn load(row: &mut Row<'_, '_>, first: usize) -> GuestSample {
    GuestSample {
        maxcpu: row.number(first, "maxcpu", MAX_LOAD).map(Cores),
        cpu: row.number(first + 1, "cpu", limits::GUEST_CPU).map(Fraction),
        maxmem: row.bytes(first + 2, "maxmem"),
        mem: row.bytes(first + 3, "mem"),
        ..GuestSample::default()
    }
}

/// The columns netin, netout, diskread, diskwrite from `first` on.
fn traffic(row: &mut Row<'_, '_>, first: usize) -> [Option<f64>; 4] {
    let names = ["netin", "netout", "diskread", "diskwrite"];
    std::array::from_fn(|i| row.number(first + i, names[i], MAX_AMOUNT))
}

/// Run state as QEMU's or LXC's word for it.
fn status(word: &str) -> GuestStatus {
    match word {
        "running" => GuestStatus::Running,
        "stopped" => GuestStatus::Stopped,
        "paused" | "suspended" | "prelaunch" => GuestStatus::Paused,
        _ => GuestStatus::Unknown,
    }
}

/// Columns: ctime, total, used.
fn storage(id: &str, row: &mut Row<'_, '_>) -> Option<StorageEntry> {
    let stamp = row.stamp(0, None)?;
    let (total, used) = (row.bytes(1, "total")?, row.bytes(2, "used")?);
    let sample = StorageSample { id: clean_name(id), total, used };
    Some(StorageEntry { stamp, sample })
}
