//! Who is behind the columns: nodes, guests and storages, each at a fixed place in its list.
//!
//! A segment starts with a full roster; what changes later is written as a change. Entries that
//! vanish keep their place, marked absent, until the next full roster.

use super::bytes::{Cursor, Put};
use super::header::Group;
use super::shared::Shared;
use crate::error::{Error, Result};
use crate::model::{Bytes, Cores, GuestKind, GuestStatus, UnixTime, Vmid, is_name};

/// Most places of a group. Guests that came within a week may all be in one, a guest a few seconds; and what memory a
/// roster takes shall not be up to a damaged file.
const MAX_PLACES: usize = 1 << 18;

/// A node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct NodeEntry {
    pub(super) name: String,
    /// In the newest row; a node may also be known only as a host of guests.
    pub(super) present: bool,
    pub(super) online: bool,
    pub(super) maxcpu: Option<Cores>,
    pub(super) maxmem: Option<Bytes>,
    pub(super) maxswap: Option<Bytes>,
}

/// A guest. Together with `since`, the vmid says which one: numbers are used again.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct GuestEntry {
    pub(super) vmid: Vmid,
    /// Time of its first sample; the label of this incarnation, never compared with other times.
    pub(super) since: UnixTime,
    pub(super) kind: GuestKind,
    /// In the newest row.
    pub(super) present: bool,
    pub(super) status: GuestStatus,
    pub(super) template: bool,
    /// Place of its host in the nodes.
    pub(super) node: usize,
    pub(super) created: Option<UnixTime>,
    pub(super) maxcpu: Option<Cores>,
    pub(super) maxmem: Option<Bytes>,
    pub(super) name: String,
    /// While absent: rows without it, and the time they cover. In the coarse tiers a guest that
    /// is gone at the end of a window has missed no row if it has samples in that window.
    pub(super) missed: Missed,
}

impl GuestEntry {
    /// Whether the row that the roster belongs to can have values of this guest.
    pub(super) fn occurs(&self) -> bool {
        self.present || self.missed.rows == 0
    }
}

/// How long a guest was seen to be absent. Outages of the collector do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Missed {
    pub(super) rows: u32,
    pub(super) seconds: u32,
}

impl Missed {
    /// Seconds that one row counts for at most.
    const LONGEST_ROW: i64 = 1_800;

    /// Counts one more row without it, `seconds` after the row before.
    pub(super) fn count(&mut self, seconds: i64) {
        self.rows = self.rows.saturating_add(1);
        let seconds = seconds.clamp(0, Self::LONGEST_ROW);
        self.seconds = self.seconds.saturating_add(seconds as u32);
    }
}

/// A storage as seen by one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StorageEntry {
    pub(super) node: usize,
    pub(super) id: String,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Roster {
    pub(super) nodes: Shared<NodeEntry>,
    pub(super) guests: Shared<GuestEntry>,
    pub(super) storages: Shared<StorageEntry>,
}

/// Places whose entries are new or differ, by group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes([Vec<usize>; 3]);

impl Changes {
    pub(super) fn note(&mut self, group: Group, place: usize) {
        self.0[group as usize].push(place);
    }

    /// Everything, as after places have moved.
    pub(super) fn all(roster: &Roster) -> Self {
        Self(Group::ALL.map(|group| (0..roster.len(group)).collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    fn count(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Few enough that writing them alone is worth it.
    pub(super) fn are_few(&self, roster: &Roster) -> bool {
        self.count() * 2 < roster.places()
    }
}

impl Roster {
    /// Number of places of a group.
    pub(super) fn len(&self, group: Group) -> usize {
        match group {
            Group::Node => self.nodes.len(),
            Group::Guest => self.guests.len(),
            Group::Storage => self.storages.len(),
        }
    }

    /// Number of places of all groups.
    pub(super) fn places(&self) -> usize {
        Group::ALL.iter().map(|&g| self.len(g)).sum()
    }

    /// Refuses a roster that would not be read again.
    pub(super) fn check(&self) -> Result<()> {
        if Group::ALL.iter().all(|&group| self.len(group) <= MAX_PLACES) {
            return Ok(());
        }
        let message = format!("more than {MAX_PLACES} nodes, guests or storages at a time");
        Err(Error::invalid(message).at("store"))
    }

    /// Place of a node.
    pub(super) fn node(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|n| n.name == name)
    }

    /// Place of a guest of a certain incarnation; looked for first at `near`, where it was in
    /// another roster.
    pub(super) fn guest(&self, vmid: Vmid, since: UnixTime, near: Option<usize>) -> Option<usize> {
        let same = |g: &GuestEntry| g.vmid == vmid && g.since == since;
        let near = near.filter(|&place| self.guests.get(place).is_some_and(same));
        near.or_else(|| self.guests.iter().position(same))
    }

    /// Place of the newest incarnation of a guest.
    pub(super) fn newest(&self, vmid: Vmid) -> Option<usize> {
        let same = self.guests.iter().enumerate().filter(|(_, g)| g.vmid == vmid);
        same.max_by_key(|(_, g)| (g.present, g.since)).map(|(place, _)| place)
    }

    /// Name of the node at `place`.
    pub(super) fn host(&self, place: usize) -> &str {
        self.nodes.get(place).map_or("", |n| n.name.as_str())
    }

    /// The payload of a full roster frame.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for group in Group::ALL {
            out.put_varint(self.len(group) as u64);
            (0..self.len(group)).for_each(|place| self.put_entry(group, place, &mut out));
        }
        out
    }

    /// The payload of a change frame.
    pub(super) fn write_changes(&self, changes: &Changes) -> Vec<u8> {
        let mut out = Vec::new();
        for group in Group::ALL {
            let places = &changes.0[group as usize];
            out.put_varint(places.len() as u64);
            for &place in places {
                out.put_varint(place as u64);
                self.put_entry(group, place, &mut out);
            }
        }
        out
    }

    /// Reads a full roster; `None` where the bytes are none.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let mut roster = Self::default();
        let mut cursor = Cursor::new(payload);
        for group in Group::ALL {
            let count: usize = cursor.number()?;
            for place in 0..count {
                roster.set(group, place, &mut cursor)?;
            }
        }
        (cursor.left() == 0).then_some(roster)
    }

    /// The roster with a change frame applied; `None` where the bytes are none.
    pub(super) fn changed(&self, payload: &[u8]) -> Option<Self> {
        let mut roster = self.clone();
        let mut cursor = Cursor::new(payload);
        for group in Group::ALL {
            for _ in 0..cursor.varint()? {
                let place = cursor.number()?;
                roster.set(group, place, &mut cursor)?;
            }
        }
        (cursor.left() == 0).then_some(roster)
    }

    /// Entries carry their length, so that later revisions can add to them.
    fn put_entry(&self, group: Group, place: usize, out: &mut Vec<u8>) {
        let mut entry = Vec::with_capacity(64);
        match group {
            Group::Node => self.nodes[place].put(&mut entry),
            Group::Guest => self.guests[place].put(&mut entry),
            Group::Storage => self.storages[place].put(&mut entry),
        }
        out.put_varint(entry.len() as u64);
        out.bytes(&entry);
    }

    /// Reads the entry of `place`, which exists or is the next one. Nodes come first in a frame, so
    /// the host of a guest or storage is known by then.
    fn set(&mut self, group: Group, place: usize, cursor: &mut Cursor<'_>) -> Option<()> {
        fn put<T: Clone>(list: &mut Shared<T>, place: usize, entry: T) -> Option<()> {
            match place.cmp(&list.len()) {
                std::cmp::Ordering::Less => list[place] = entry,
                std::cmp::Ordering::Equal if place < MAX_PLACES => list.push(entry),
                _ => return None,
            }
            Some(())
        }
        let len = cursor.number()?;
        let mut entry = Cursor::new(cursor.take(len)?);
        let nodes = self.nodes.len();
        match group {
            Group::Node => put(&mut self.nodes, place, NodeEntry::parse(&mut entry)?),
            Group::Guest => {
                let guest = GuestEntry::parse(&mut entry).filter(|g| g.node < nodes)?;
                put(&mut self.guests, place, guest)
            }
            Group::Storage => {
                let storage = StorageEntry::parse(&mut entry).filter(|s| s.node < nodes)?;
                put(&mut self.storages, place, storage)
            }
        }
    }
}

/// `value` as it comes back from a file.
// Not inlined, here and below: where there is no number the optimiser would round what is left in its place, and drop
// the result, which valgrind cannot know.
#[inline(never)]
pub(super) fn rounded_cores(value: Cores) -> Cores {
    Cores((value.0 / CORE).round() * CORE)
}

/// `value` as it comes back from a file.
#[inline(never)]
pub(super) fn rounded_bytes(value: Bytes) -> Bytes {
    Bytes(value.0.round())
}

/// A number that may be absent: 0, or the number plus one. Cores come in thousandths.
fn put_amount(value: Option<f64>, unit: f64, out: &mut Vec<u8>) {
    // Saturating by definition of `as`; ticks are checked to lie far below.
    out.put_varint(value.map_or(0, |v| ((v / unit).round() as u64).saturating_add(1)));
}

fn amount(cursor: &mut Cursor<'_>, unit: f64) -> Option<Option<f64>> {
    let raw = cursor.varint()?;
    Some(raw.checked_sub(1).map(|n| n as f64 * unit))
}

const CORE: f64 = 0.001;

/// A name as ticks may have it: a store may come from elsewhere.
fn name(cursor: &mut Cursor<'_>) -> Option<String> {
    cursor.text().filter(|text| is_name(text)).map(str::to_string)
}

impl NodeEntry {
    fn put(&self, out: &mut Vec<u8>) {
        out.put_u8(u8::from(self.present) | u8::from(self.online) << 1);
        out.put_text(&self.name);
        put_amount(self.maxcpu.map(|x| x.0), CORE, out);
        put_amount(self.maxmem.map(|x| x.0), 1.0, out);
        put_amount(self.maxswap.map(|x| x.0), 1.0, out);
    }

    fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        let flags = cursor.u8()?;
        Some(Self {
            present: flags & 1 != 0,
            online: flags & 2 != 0,
            name: name(cursor)?,
            maxcpu: amount(cursor, CORE)?.map(Cores),
            maxmem: amount(cursor, 1.0)?.map(Bytes),
            maxswap: amount(cursor, 1.0)?.map(Bytes),
        })
    }
}

impl GuestEntry {
    fn put(&self, out: &mut Vec<u8>) {
        let kind = match self.kind {
            GuestKind::Qemu => 0,
            GuestKind::Lxc => 1,
        };
        let status = match self.status {
            GuestStatus::Unknown => 0,
            GuestStatus::Running => 1,
            GuestStatus::Stopped => 2,
            GuestStatus::Paused => 3,
        };
        let created = u8::from(self.created.is_some()) << 5;
        let flags = u8::from(self.present) | u8::from(self.template) << 1;
        out.put_u8(flags | kind << 2 | status << 3 | created);
        out.put_varint(u64::from(self.vmid));
        out.put_varint(self.node as u64);
        out.put_signed(self.since);
        self.created.iter().for_each(|&t| out.put_signed(t));
        put_amount(self.maxcpu.map(|x| x.0), CORE, out);
        put_amount(self.maxmem.map(|x| x.0), 1.0, out);
        out.put_text(&self.name);
        if !self.present {
            out.put_varint(u64::from(self.missed.rows));
            out.put_varint(u64::from(self.missed.seconds));
        }
    }

    fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        let flags = cursor.u8()?;
        let present = flags & 1 != 0;
        Some(Self {
            present,
            template: flags & 2 != 0,
            kind: if flags & 4 != 0 { GuestKind::Lxc } else { GuestKind::Qemu },
            status: match flags >> 3 & 3 {
                1 => GuestStatus::Running,
                2 => GuestStatus::Stopped,
                3 => GuestStatus::Paused,
                _ => GuestStatus::Unknown,
            },
            vmid: cursor.number()?,
            node: cursor.number()?,
            since: cursor.signed()?,
            created: if flags & 32 != 0 { Some(cursor.signed()?) } else { None },
            maxcpu: amount(cursor, CORE)?.map(Cores),
            maxmem: amount(cursor, 1.0)?.map(Bytes),
            name: Some(cursor.text()?).filter(|n| n.is_empty() || is_name(n))?.to_string(),
            missed: match present {
                true => Missed::default(),
                false => Missed { rows: cursor.number()?, seconds: cursor.number()? },
            },
        })
    }
}

impl StorageEntry {
    fn put(&self, out: &mut Vec<u8>) {
        out.put_varint(self.node as u64);
        out.put_text(&self.id);
    }

    fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        Some(Self { node: cursor.number()?, id: name(cursor)? })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Roster {
        let node = |name: &str| NodeEntry {
            name: name.into(),
            present: true,
            online: true,
            maxcpu: Some(Cores(32.0)),
            maxmem: Some(Bytes(137_438_953_472.0)),
            maxswap: None,
        };
        let guest = |vmid, node, kind, present| GuestEntry {
            vmid,
            node,
            kind,
            present,
            since: 1_700_000_000,
            status: GuestStatus::Running,
            template: vmid == 101,
            created: (vmid == 100).then_some(1_690_000_000),
            maxcpu: Some(Cores(0.5)),
            maxmem: None,
            name: format!("g{vmid}"),
            missed: if present { Missed::default() } else { Missed { rows: 3, seconds: 180 } },
        };
        Roster {
            nodes: [node("a"), node("b")].into_iter().collect(),
            guests: [
                guest(100, 0, GuestKind::Qemu, true),
                guest(101, 1, GuestKind::Lxc, true),
                guest(u32::MAX, 1, GuestKind::Lxc, false),
            ]
            .into_iter()
            .collect(),
            storages: std::iter::once(StorageEntry { node: 1, id: "local-lvm".into() }).collect(),
        }
    }

    #[test]
    fn a_roster_and_its_changes_come_back() {
        let before = sample();
        assert_eq!(Roster::parse(&before.write()).unwrap(), before);
        let mut after = before.clone();
        after.guests[1].node = 0;
        after.nodes.push(NodeEntry { name: "c".into(), ..NodeEntry::default() });
        after.storages.push(StorageEntry { node: 2, id: "nfs".into() });
        let mut changes = Changes::default();
        changes.note(Group::Guest, 1);
        changes.note(Group::Node, 2);
        changes.note(Group::Storage, 1);
        assert_eq!(before.changed(&after.write_changes(&changes)).unwrap(), after);
        assert_eq!(Roster::parse(&Roster::default().write()).unwrap(), Roster::default());
    }

    #[test]
    fn nonsense_is_refused() {
        let good = sample();
        let bytes = good.write();
        for cut in 0..bytes.len() {
            assert_eq!(Roster::parse(&bytes[..cut]), None);
        }
        assert_eq!(Roster::parse(&[0xff, 0xff, 0xff, 0xff, 0x0f]), None, "hostile count");
        let mut nowhere = good.clone();
        nowhere.guests[0].node = 9;
        assert_eq!(Roster::parse(&nowhere.write()), None, "a host that is not there");
        for name in ["", "\u{1b}[2J", "a\nb", &"x".repeat(256)] {
            let mut odd = good.clone();
            odd.nodes[0].name = name.into();
            assert_eq!(Roster::parse(&odd.write()), None, "{name:?}");
            let mut odd = good.clone();
            odd.storages[0].id = name.into();
            assert_eq!(Roster::parse(&odd.write()), None, "{name:?}");
            let mut odd = good.clone();
            odd.guests[0].name = name.into();
            assert_eq!(Roster::parse(&odd.write()).is_some(), name.is_empty(), "{name:?}");
        }
        let storages =
            |n: usize| (0..n).map(|_| StorageEntry { node: 0, id: "x".into() }).collect();
        let most = Roster { storages: storages(MAX_PLACES), ..good.clone() };
        assert!(most.check().is_ok() && Roster::parse(&most.write()).is_some());
        let more = Roster { storages: storages(MAX_PLACES + 1), ..good.clone() };
        assert!(more.check().is_err());
        assert_eq!(Roster::parse(&more.write()), None);
        let mut one = Changes::default();
        one.note(Group::Storage, MAX_PLACES);
        assert_eq!(most.changed(&more.write_changes(&one)), None);
        let mut gap = Vec::new();
        for n in [1, 7] {
            gap.put_varint(n);
        }
        assert_eq!(good.changed(&gap), None, "a place beyond the next");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Roster::parse(&bytes);
            let _ = sample().changed(&bytes);
        }
    }
}
