//! Hard constraints: where a guest may not go and why. Never traded against a score.
//!
//! What is known from the configuration alone; capacity depends on the plan so far and is judged
//! in `plan`. A constraint that cannot be judged because the configuration is not known is not
//! invented; the advice says what it did not know.

use crate::model::{
    Bytes, DiskSource, GuestFacts, GuestKind, GuestStatus, HaRuleKind, Inventory, NodeFacts, Vmid,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Why a guest cannot move, or not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Blocker {
    /// Stable word for programs.
    pub code: BlockerCode,
    /// One clause for people, naming the thing in the way.
    pub text: String,
}

/// The kinds of blockers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockerCode {
    /// It is a template.
    Template,
    /// It does not run: moving it relieves nothing.
    NotRunning,
    /// It is locked by another operation.
    Locked,
    /// Its configuration could not be read, so nothing is known to be safe.
    ConfigUnknown,
    /// The admin tagged it to be left alone.
    TagIgnore,
    /// A tag pins it to other nodes.
    TagPin,
    /// A device of its host is handed to it.
    Passthrough,
    /// A path or block device of its host is mounted in it.
    HostPath,
    /// PVE's own balancer will move it, or would undo the move.
    CrsBalanced,
    /// It is there already.
    SameNode,
    /// The node is offline or unknown.
    NodeOffline,
    /// The node is in maintenance.
    NodeMaintenance,
    /// A storage it needs is not available there.
    Storage,
    /// A mapped device it needs is not offered there.
    MappedDevice,
    /// It has more cores than the node.
    TooManyCores,
    /// An HA rule keeps it on other nodes.
    HaNodeAffinity,
    /// A rule or tag keeps it together with guests elsewhere.
    Together,
    /// A rule or tag keeps it apart from a guest there.
    Apart,
    /// It moved not long ago.
    Cooldown,
    /// It would return to a node that it left not long ago.
    PingPong,
    /// The same move did not help not long ago.
    FailedBefore,
    /// It is in its busy hours and running workloads are protected.
    PeakHours,
    /// Its memory would not fit there.
    MemoryCapacity,
    /// The cluster could no longer take over this node's guests if it failed.
    N1Reserve,
    /// The node would be, or come, over a threshold.
    Overload,
}

impl Blocker {
    /// A blocker with its sentence.
    pub fn new(code: BlockerCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// Guests that belong together or apart, from HA rules and tags alike.
#[derive(Debug)]
struct Group {
    /// `HA rule 'db'` or `tag 'exclude_db'`.
    label: String,
    together: bool,
    members: Vec<Vmid>,
}

/// Where every guest is at the moment considered: the plan changes it step by step.
pub(super) type Placement = BTreeMap<Vmid, String>;

/// All constraints of an inventory, indexed.
#[derive(Debug)]
pub struct Constraints<'a> {
    inventory: &'a Inventory,
    groups: Vec<Group>,
    groups_of: BTreeMap<Vmid, Vec<usize>>,
}

/// Tags that say "leave it alone".
const IGNORE_TAGS: [&str; 2] = ["ignore", "no-auto-migrate"];
/// Prefix of tags whose guests must not share a node.
const EXCLUDE_PREFIX: &str = "exclude_";
/// Prefix of tags whose guests must share a node.
const AFFINITY_PREFIX: &str = "affinity_";
/// Prefix of tags that name a node the guest must stay on.
const PIN_PREFIX: &str = "pin_";

impl<'a> Constraints<'a> {
    /// Indexes the rules and tags of `inventory`. O(guests + rules).
    pub fn new(inventory: &'a Inventory) -> Self {
        let groups = groups(inventory);
        let mut groups_of: BTreeMap<Vmid, Vec<usize>> = BTreeMap::new();
        for (i, group) in groups.iter().enumerate() {
            for vmid in &group.members {
                groups_of.entry(*vmid).or_default().push(i);
            }
        }
        Self { inventory, groups, groups_of }
    }

    /// Why `guest` cannot move at all.
    pub fn of_guest(&self, guest: &GuestFacts) -> Vec<Blocker> {
        use BlockerCode as C;
        let mut found = Vec::new();
        let mut add = |code, text: String| found.push(Blocker { code, text });
        if guest.template {
            add(C::Template, "is a template".into());
        }
        if !matches!(guest.status, GuestStatus::Running | GuestStatus::Paused) {
            add(C::NotRunning, "does not run, so moving it relieves nothing".into());
        }
        if let Some(lock) = &guest.lock {
            add(C::Locked, format!("is locked ({lock})"));
        }
        if guest.config_unknown {
            add(
                C::ConfigUnknown,
                "has a configuration that could not be read or understood".into(),
            );
        }
        for tag in guest.tags.iter().filter(|t| IGNORE_TAGS.contains(&t.as_str())) {
            add(C::TagIgnore, format!("has the tag '{tag}'"));
        }
        for device in guest.devices.iter().filter(|d| d.mapping.is_none()) {
            add(C::Passthrough, format!("uses the host's device {}", device.key));
        }
        for disk in &guest.disks {
            if let DiskSource::HostPath { path, shared: false } = &disk.source {
                add(C::HostPath, format!("uses {path} of its host ({})", disk.key));
            }
        }
        found
    }

    /// Why `guest` cannot go to `target`, with all guests where `placement` has them.
    pub fn of_pair(
        &self,
        guest: &GuestFacts,
        target: &NodeFacts,
        placement: &Placement,
    ) -> Vec<Blocker> {
        use BlockerCode as C;
        let mut found = Vec::new();
        let source = placement.get(&guest.vmid).unwrap_or(&guest.node);
        if *source == target.name {
            return vec![Blocker::new(C::SameNode, format!("is on {source} already"))];
        }
        if target.online == Some(false) {
            found.push(Blocker::new(C::NodeOffline, format!("{} is offline", target.name)));
        }
        if target.maintenance {
            let text = format!("{} is in maintenance", target.name);
            found.push(Blocker::new(C::NodeMaintenance, text));
        }
        if let (Some(needs), Some(has)) = (guest.maxcpu, target.maxcpu)
            && needs > has
        {
            let text = format!("has {:.0} cores, {} only {:.0}", needs.0, target.name, has.0);
            found.push(Blocker::new(C::TooManyCores, text));
        }
        self.storages(guest, target, &mut found);
        self.devices(guest, target, &mut found);
        self.affinities(guest, source, target, placement, &mut found);
        found
    }

    /// Whether anything is known of storages and disks; if not, nobody checked them.
    pub fn knows_storages(&self) -> bool {
        self.inventory.storages.is_some()
    }

    fn storages(&self, guest: &GuestFacts, target: &NodeFacts, found: &mut Vec<Blocker>) {
        let Some(storages) = &self.inventory.storages else { return };
        let mut told: Vec<&str> = Vec::new();
        for disk in &guest.disks {
            let DiskSource::Volume { storage, .. } = &disk.source else { continue };
            if told.contains(&storage.as_str()) {
                continue;
            }
            told.push(storage);
            let trouble = match storages.get(storage) {
                None => "is not defined".to_string(),
                Some(s) if s.disabled => "is disabled".to_string(),
                Some(s) if !s.nodes.is_empty() && !s.nodes.contains(&target.name) => {
                    format!("is not available on {}", target.name)
                }
                Some(_) if target.storage.as_ref().is_some_and(|seen| !seen.contains(storage)) => {
                    format!("is not active on {}", target.name)
                }
                Some(s) if disk.cdrom && !s.shared => {
                    format!("holds its CD image and is not shared with {}", target.name)
                }
                Some(_) => continue,
            };
            let text = format!("storage '{storage}' ({}) {trouble}", disk.key);
            found.push(Blocker::new(BlockerCode::Storage, text));
        }
    }

    fn devices(&self, guest: &GuestFacts, target: &NodeFacts, found: &mut Vec<Blocker>) {
        for device in &guest.devices {
            let Some(mapping) = &device.mapping else { continue };
            if !device.live && guest.status == GuestStatus::Running {
                let text = format!("cannot keep its device {} while it runs", device.key);
                found.push(Blocker::new(BlockerCode::Passthrough, text));
            }
            let offered = self.inventory.mappings.get(mapping);
            if !offered.is_some_and(|nodes| nodes.contains(&target.name)) {
                let text = format!("{} does not offer the mapped device '{mapping}'", target.name);
                found.push(Blocker::new(BlockerCode::MappedDevice, text));
            }
        }
    }

    /// Why `guest` cannot go to `target` when it has to leave its node, together with the guests
    /// `with`: a rule that only prefers its node does not hold it.
    pub(super) fn of_leaving(
        &self,
        guest: &GuestFacts,
        target: &NodeFacts,
        placement: &Placement,
        with: &[Vmid],
    ) -> Vec<Blocker> {
        use BlockerCode as C;
        let mut found = self.of_pair(guest, target, placement);
        found.retain(|b| !matches!(b.code, C::HaNodeAffinity | C::Together));
        self.node_rules(guest, "", target, &mut found);
        let elsewhere = |v: &&Vmid| {
            !with.contains(v) && placement.get(v).is_some_and(|node| *node != target.name)
        };
        let along = |v: &&Vmid| **v != guest.vmid && with.contains(v);
        for group in self.groups_of(guest.vmid) {
            let (label, members) = (&group.label, &group.members);
            if group.together {
                if let Some(other) = members.iter().find(elsewhere) {
                    let text = format!("{label} keeps it with {other}, which is not there");
                    found.push(Blocker::new(C::Together, text));
                }
            } else if let Some(other) = members.iter().find(along) {
                let text = format!("{label} keeps it apart from {other}, which must go with it");
                found.push(Blocker::new(C::Apart, text));
            }
        }
        found
    }

    /// A guest and all that rules or tags keep on its node, directly or through others.
    pub fn together(&self, vmid: Vmid) -> BTreeSet<Vmid> {
        let (mut found, mut open) = (BTreeSet::from([vmid]), vec![vmid]);
        while let Some(next) = open.pop() {
            for group in self.groups_of(next).filter(|g| g.together) {
                open.extend(group.members.iter().filter(|v| found.insert(**v)));
            }
        }
        found
    }

    /// What keeps a guest together with others, such as `HA rule 'db'`.
    pub(super) fn bond(&self, vmid: Vmid) -> Option<&str> {
        self.groups_of(vmid).find(|g| g.together).map(|g| g.label.as_str())
    }

    fn groups_of(&self, vmid: Vmid) -> impl Iterator<Item = &Group> {
        self.groups_of.get(&vmid).into_iter().flatten().map(|&index| &self.groups[index])
    }

    /// HA's node affinity: `source` is the node that the guest leaves by choice, empty when it must.
    fn node_rules(
        &self,
        guest: &GuestFacts,
        source: &str,
        target: &NodeFacts,
        found: &mut Vec<Blocker>,
    ) {
        for rule in &self.inventory.ha_rules {
            let HaRuleKind::NodeAffinity { nodes, strict } = &rule.kind else { continue };
            if !rule.guests.contains(&guest.vmid) || nodes.contains_key(&target.name) {
                continue;
            }
            // A guest on a preferred node that leaves it is brought back by the HA manager.
            if *strict || nodes.contains_key(source) {
                let text = format!("HA rule '{}' keeps it off {}", rule.name, target.name);
                found.push(Blocker::new(BlockerCode::HaNodeAffinity, text));
            }
        }
    }

    fn affinities(
        &self,
        guest: &GuestFacts,
        source: &str,
        target: &NodeFacts,
        placement: &Placement,
        found: &mut Vec<Blocker>,
    ) {
        use BlockerCode as C;
        let pins: Vec<&str> =
            guest.tags.iter().filter_map(|t| t.strip_prefix(PIN_PREFIX)).collect();
        if !pins.is_empty() && !pins.iter().any(|p| p.eq_ignore_ascii_case(&target.name)) {
            found.push(Blocker::new(C::TagPin, format!("is pinned to {}", pins.join(", "))));
        }
        self.node_rules(guest, source, target, found);
        for group in self.groups_of(guest.vmid) {
            let on = |node: &str| -> Vec<String> {
                let others = group.members.iter().filter(|v| **v != guest.vmid);
                let there = others.filter(|v| placement.get(v).is_some_and(|n| n == node));
                there.map(ToString::to_string).collect()
            };
            if group.together {
                let others = on(source);
                if !others.is_empty() {
                    let (label, others) = (&group.label, others.join(", "));
                    let text = format!("{label} keeps it with {others} on {source}");
                    found.push(Blocker::new(C::Together, text));
                }
            } else if let Some(other) = on(&target.name).first() {
                let text = format!("{} keeps it apart from {other} there", group.label);
                found.push(Blocker::new(C::Apart, text));
            }
        }
    }
}

/// Groups of HA resource rules and of `affinity_*`/`exclude_*` tags.
fn groups(inventory: &Inventory) -> Vec<Group> {
    let mut all = Vec::new();
    for rule in &inventory.ha_rules {
        if let HaRuleKind::ResourceAffinity { together } = rule.kind {
            let label = format!("HA rule '{}'", rule.name);
            all.push(Group { label, together, members: rule.guests.clone() });
        }
    }
    let mut tagged: BTreeMap<&str, Vec<Vmid>> = BTreeMap::new();
    for guest in &inventory.guests {
        for tag in &guest.tags {
            if tag.starts_with(EXCLUDE_PREFIX) || tag.starts_with(AFFINITY_PREFIX) {
                tagged.entry(tag).or_default().push(guest.vmid);
            }
        }
    }
    all.extend(tagged.into_iter().filter(|(_, members)| members.len() > 1).map(
        |(tag, members)| Group {
            label: format!("tag '{tag}'"),
            together: tag.starts_with(AFFINITY_PREFIX),
            members,
        },
    ));
    all
}

/// Whether moving the running guest interrupts it.
pub(super) fn restarts(guest: &GuestFacts) -> bool {
    guest.kind == GuestKind::Lxc && guest.status == GuestStatus::Running
}

/// Key and size of its disks that must be copied because their storage is not shared.
pub(super) fn local_disks<'a>(
    guest: &'a GuestFacts,
    inventory: &Inventory,
) -> Vec<(&'a str, Bytes)> {
    let Some(storages) = &inventory.storages else { return Vec::new() };
    let local = |source: &DiskSource| match source {
        DiskSource::Volume { storage, .. } => storages.get(storage).is_some_and(|s| !s.shared),
        DiskSource::HostPath { .. } | DiskSource::None => false,
    };
    let disks = guest.disks.iter().filter(|d| !d.cdrom && local(&d.source));
    disks.map(|d| (d.key.as_str(), d.size.unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cores, Device, Disk, HaRule, StorageFacts};

    fn guest(vmid: Vmid, node: &str) -> GuestFacts {
        let disk = Disk {
            key: "scsi0".into(),
            source: DiskSource::Volume { storage: "ceph".into(), volume: "disk-0".into() },
            cdrom: false,
            ..Disk::default()
        };
        GuestFacts {
            vmid,
            node: node.into(),
            status: GuestStatus::Running,
            maxcpu: Some(Cores(4.0)),
            disks: vec![disk],
            ..GuestFacts::default()
        }
    }

    fn cluster() -> Inventory {
        let node = |name: &str| NodeFacts {
            name: name.into(),
            online: Some(true),
            maxcpu: Some(Cores(8.0)),
            ..NodeFacts::default()
        };
        let ceph = StorageFacts { kind: "rbd".into(), shared: true, ..StorageFacts::default() };
        Inventory {
            nodes: vec![node("a"), node("b"), node("c")],
            guests: vec![guest(1, "a"), guest(2, "b"), guest(3, "a")],
            storages: Some([("ceph".to_string(), ceph)].into()),
            ..Inventory::default()
        }
    }

    fn placement(inventory: &Inventory) -> Placement {
        inventory.guests.iter().map(|g| (g.vmid, g.node.clone())).collect()
    }

    /// Codes that keep guest 1 from node b.
    fn codes(inventory: &Inventory) -> Vec<BlockerCode> {
        let constraints = Constraints::new(inventory);
        let guest = inventory.guest(1).unwrap();
        let mut found = constraints.of_guest(guest);
        let target = inventory.node("b").unwrap();
        found.extend(constraints.of_pair(guest, target, &placement(inventory)));
        found.into_iter().map(|b| b.code).collect()
    }

    #[test]
    fn each_obstacle_is_named_and_its_removal_frees_the_way() {
        use BlockerCode as C;
        type Change = fn(&mut Inventory);
        let cases: [(BlockerCode, Change); 18] = [
            (C::Template, |i| i.guests[0].template = true),
            (C::NotRunning, |i| i.guests[0].status = GuestStatus::Stopped),
            (C::Locked, |i| i.guests[0].lock = Some("backup".into())),
            (C::ConfigUnknown, |i| i.guests[0].config_unknown = true),
            (C::TagIgnore, |i| i.guests[0].tags.push("ignore".into())),
            (C::TagPin, |i| i.guests[0].tags.push("pin_a".into())),
            (C::Passthrough, |i| {
                i.guests[0].devices.push(Device { key: "hostpci0".into(), ..Device::default() });
            }),
            (C::MappedDevice, |i| {
                let mapping = Some("pci:gpu".into());
                i.guests[0].devices.push(Device { key: "hostpci0".into(), mapping, live: true });
                i.mappings.insert("pci:gpu".into(), vec!["c".into()]);
            }),
            (C::HostPath, |i| {
                let path = "/dev/sdb".into();
                i.guests[0].disks[0].source = DiskSource::HostPath { path, shared: false };
            }),
            (C::NodeOffline, |i| i.nodes[1].online = Some(false)),
            (C::NodeMaintenance, |i| i.nodes[1].maintenance = true),
            (C::TooManyCores, |i| i.guests[0].maxcpu = Some(Cores(9.0))),
            (C::Storage, |i| {
                let storages = i.storages.as_mut().unwrap();
                storages.get_mut("ceph").unwrap().nodes = vec!["a".into(), "c".into()];
            }),
            (C::Storage, |i| i.nodes[1].storage = Some(vec!["other".into()])),
            (C::HaNodeAffinity, |i| {
                let nodes = [("a".to_string(), 1)].into();
                let kind = HaRuleKind::NodeAffinity { nodes, strict: true };
                i.ha_rules.push(HaRule { name: "r".into(), guests: vec![1], kind });
            }),
            (C::Apart, |i| {
                for index in [0, 1] {
                    i.guests[index].tags.push("exclude_db".into());
                }
            }),
            (C::Together, |i| {
                for index in [0, 2] {
                    i.guests[index].tags.push("affinity_shop".into());
                }
            }),
            (C::Together, |i| {
                let kind = HaRuleKind::ResourceAffinity { together: true };
                i.ha_rules.push(HaRule { name: "r".into(), guests: vec![1, 3], kind });
            }),
        ];
        assert_eq!(codes(&cluster()), [], "the way is free without obstacles");
        for (want, obstacle) in cases {
            let mut inventory = cluster();
            obstacle(&mut inventory);
            assert_eq!(codes(&inventory), [want]);
        }
    }

    #[test]
    fn what_is_harmless_does_not_block() {
        let mut inventory = cluster();
        inventory.guests[0].tags = vec!["prod".into(), "exclude_x".into(), "pin_B".into()];
        inventory.guests[0].devices.push(Device {
            key: "usb0".into(),
            mapping: Some("usb:k".into()),
            live: true,
        });
        inventory.mappings.insert("usb:k".into(), vec!["b".into()]);
        let path = "/mnt/nas".into();
        inventory.guests[0].disks[0].source = DiskSource::HostPath { path, shared: true };
        assert_eq!(codes(&inventory), []);
    }

    #[test]
    fn local_disks_are_named() {
        let mut inventory = cluster();
        assert!(local_disks(&inventory.guests[0], &inventory).is_empty());
        inventory.storages.as_mut().unwrap().get_mut("ceph").unwrap().shared = false;
        assert_eq!(local_disks(&inventory.guests[0], &inventory), [("scsi0", Bytes(0.0))]);
    }
}
