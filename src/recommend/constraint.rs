//! Hard constraints: where a guest may not go and why. Never traded against a score.
//!
//! What is known from the configuration alone; capacity depends on the plan so far and is judged
//! in `plan`. A constraint that cannot be judged because the configuration is not known is not
//! invented; the advice says what it did not know.

mod affinity;
mod local_disk;
#[cfg(test)]
mod tests;

pub(super) use super::blocker::{Blocker, BlockerCode};
use crate::model::{
    DiskSource, GuestFacts, GuestKind, GuestStatus, HaMove, HaRuleKind, Inventory, NodeFacts, Vmid,
};
pub(crate) use affinity::pins;
use affinity::{Group, NodeRule, groups, list};
use local_disk::local_volumes;
pub(super) use local_disk::size_of;
pub(crate) use local_disk::{LocalDisk, copied_disks, has_local_disks};
use std::collections::{BTreeMap, BTreeSet};

/// Where every guest is at the moment considered: the plan changes it step by step.
pub(super) type Placement = BTreeMap<Vmid, String>;

/// All constraints of an inventory, indexed.
#[derive(Debug)]
pub struct Constraints<'a> {
    inventory: &'a Inventory,
    groups: Vec<Group>,
    groups_of: BTreeMap<Vmid, Vec<usize>>,
    /// HA's node affinity rules of each guest.
    node_rules_of: BTreeMap<Vmid, Vec<NodeRule<'a>>>,
}

/// Tags that say "leave it alone".
const IGNORE_TAGS: [&str; 2] = ["ignore", "no-auto-migrate"];

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
        let mut node_rules_of: BTreeMap<Vmid, Vec<NodeRule>> = BTreeMap::new();
        for rule in &inventory.ha_rules {
            let HaRuleKind::NodeAffinity { nodes, strict } = &rule.kind else { continue };
            for vmid in rule.guests.iter().collect::<BTreeSet<_>>() {
                node_rules_of.entry(*vmid).or_default().push((&rule.name, nodes, *strict));
            }
        }
        Self { inventory, groups, groups_of, node_rules_of }
    }

    /// Why `guest` cannot move at all.
    pub fn of_guest(&self, guest: &GuestFacts) -> Vec<Blocker> {
        use BlockerCode as C;
        let mut found = Vec::new();
        let mut add = |code, text: String| found.push(Blocker { code, text });
        if guest.template {
            add(C::Template, "is a template".into());
        }
        if !runs(guest) {
            let text = match guest.status {
                GuestStatus::Unknown => not_reported(guest),
                _ => "does not run, so moving it relieves nothing".into(),
            };
            add(C::NotRunning, text);
        }
        if let Some(lock) = &guest.lock {
            add(C::Locked, format!("is locked ({lock})"));
        }
        if guest.config_unknown {
            let what = "could not be read or understood";
            let text = match guest.unknown_file.as_str() {
                "" => format!("has a configuration that {what}"),
                file => format!("depends on {file}, which {what}"),
            };
            add(C::ConfigUnknown, text);
        }
        if guest.ha_moves() && guest.ha.as_ref().is_some_and(|ha| ha.in_error) {
            let sid = format!("{}:{}", guest.kind.ha_prefix(), guest.vmid);
            add(
                C::HaError,
                format!(
                    "is in HA's state 'error', in which HA moves it no more: find out why, then disable it \
                     (`ha-manager set {sid} --state disabled`) and start it again"
                ),
            );
        }
        if let Some(Blocker { code, text }) = under_way(guest) {
            add(code, text);
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
        for volume in local_volumes(guest, self.inventory) {
            if let Some(why) = volume.not_copied(guest).or_else(|| self.cloned(guest, &volume)) {
                let (key, storage) = (&volume.disk.key, volume.storage);
                add(C::LocalDisk, format!("has the local disk {key} on '{storage}', which {why}"));
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
        // A container takes what cores there are (pve-manager, `rebalance_lxc_containers`); a VM would not start.
        if let (Some(needs), Some(has)) = (guest.start_cores.or(guest.maxcpu), target.maxcpu)
            && guest.kind == GuestKind::Qemu
            && needs > has
        {
            let text = format!("has {:.0} cores, {} only {:.0}", needs.0, target.name, has.0);
            found.push(Blocker::new(C::TooManyCores, text));
        }
        found.extend(self.older(guest, source, target).filter(|_| live(guest)).map(|versions| {
            let text =
                format!("{versions}: PVE does not support live migration to an older version");
            Blocker::new(C::OlderVersion, text)
        }));
        found.extend(off_replication(guest, &target.name));
        self.storages(guest, target, &mut found);
        self.devices(guest, target, &mut found);
        self.affinities(guest, source, target, placement, &mut found);
        found
    }

    /// That a guest would go to a node of an older version of PVE, by the form in which both report.
    pub(super) fn older(
        &self,
        guest: &GuestFacts,
        source: &str,
        target: &NodeFacts,
    ) -> Option<String> {
        let from = self.inventory.node(source)?.reports_as?;
        let to = target.reports_as.filter(|to| from > *to && !guest.template)?;
        Some(format!("{source} reports as PVE {from} does, {} as PVE {to}", target.name))
    }

    /// Whether anything is known of storages and disks; if not, nobody checked them.
    pub fn knows_storages(&self) -> bool {
        self.inventory.storages.is_some()
    }

    fn storages(&self, guest: &GuestFacts, target: &NodeFacts, found: &mut Vec<Blocker>) {
        let Some(storages) = &self.inventory.storages else { return };
        let mut told: Vec<&str> = Vec::new();
        for disk in &guest.disks {
            let DiskSource::Volume { storage, volume } = &disk.source else { continue };
            if told.contains(&storage.as_str()) {
                continue;
            }
            let own_cd = disk.cdrom && storages.get(storage).is_some_and(|s| !s.shared);
            let cd = || format!("holds its CD image and is not shared with {}", target.name);
            let kind = wanted_content(guest.kind, volume);
            let forbids = storages.get(storage).is_some_and(|s| !s.takes(kind));
            let content = || format!("does not take content of type '{kind}'");
            let lacks = self.lacks(target, storage).or_else(|| forbids.then(content));
            let trouble = lacks.or_else(|| own_cd.then(cd));
            let Some(trouble) = trouble else { continue };
            told.push(storage);
            let text = format!("storage '{storage}' ({}) {trouble}", disk.key);
            found.push(Blocker::new(BlockerCode::Storage, text));
        }
    }

    /// Why a node has no storage of that name.
    fn lacks(&self, node: &NodeFacts, storage: &str) -> Option<String> {
        match self.inventory.storages.as_ref()?.get(storage) {
            None => Some("is not defined".into()),
            Some(s) if s.disabled => Some("is disabled".into()),
            Some(s) if !s.nodes.is_empty() && !s.nodes.contains(&node.name) => {
                Some(format!("is not available on {}", node.name))
            }
            Some(_)
                if node.storage.as_ref().is_some_and(|seen| seen.iter().all(|s| s != storage)) =>
            {
                Some(format!("is not active on {}", node.name))
            }
            Some(_) => None,
        }
    }

    /// A storage with disks of the guest that PVE would copy, if another node had one of the same name.
    pub(crate) fn only_here(&self, guest: &GuestFacts) -> Option<String> {
        let others = || self.inventory.nodes.iter().filter(|n| n.name != guest.node);
        others().next()?;
        let nowhere = |id: &&str| others().all(|node| self.lacks(node, id).is_some());
        let storages = copied_disks(guest, self.inventory).into_iter().map(|disk| disk.storage);
        storages.into_iter().find(nowhere).map(String::from)
    }

    fn devices(&self, guest: &GuestFacts, target: &NodeFacts, found: &mut Vec<Blocker>) {
        for device in &guest.devices {
            let Some(mapping) = &device.mapping else { continue };
            if !device.live && runs(guest) {
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
        let along = |v: &&Vmid| **v != guest.vmid && with.contains(v);
        for group in self.groups_of(guest.vmid) {
            let (label, members) = (&group.label, &group.members);
            if group.together {
                let others = || members.iter().copied().filter(|v| !with.contains(v));
                if let Some((node, others)) =
                    self.others_elsewhere(others(), &target.name, placement)
                {
                    let text = format!("{label} keeps it with {} on {node}", list(&others));
                    found.push(Blocker::new(C::Together, text));
                }
            } else if let Some(other) = members.iter().find(along) {
                let text = format!("{label} keeps it apart from {other}, which must go with it");
                found.push(Blocker::new(C::Apart, text));
            }
        }
        found
    }
}

/// The type of content that a storage must be set to take, or PVE does not migrate the guest (qemu-server
/// `QemuMigrate.pm`, pve-container `LXC/Migrate.pm`).
fn wanted_content(kind: GuestKind, volume: &str) -> &'static str {
    match kind {
        GuestKind::Lxc => "rootdir",
        GuestKind::Qemu if volume.starts_with("iso/") => "iso",
        GuestKind::Qemu => "images",
    }
}

/// Of a guest whose run state is unknown.
pub(crate) fn not_reported(guest: &GuestFacts) -> String {
    format!("is not reported by {}: whether it runs is not known", guest.node)
}

/// That HA moves a guest already.
fn under_way(guest: &GuestFacts) -> Option<Blocker> {
    let HaMove { state, source, target } =
        guest.ha.as_ref().filter(|_| guest.ha_moves())?.under_way.as_ref()?;
    let from = if source.is_empty() { String::new() } else { format!(" from {source}") };
    let text = match target.is_empty() {
        false => format!("is being moved by HA{from} to {target} already"),
        true => format!("is in HA's state '{state}': HA moves it{from} by itself"),
    };
    Some(Blocker::new(BlockerCode::HaMoves, text))
}

pub(super) fn runs(guest: &GuestFacts) -> bool {
    guest.status.runs()
}

/// Whether a move takes the running guest along.
pub(super) fn live(guest: &GuestFacts) -> bool {
    guest.kind == GuestKind::Qemu && runs(guest)
}

/// Whether moving the running guest interrupts it.
pub(super) fn restarts(guest: &GuestFacts) -> bool {
    guest.kind == GuestKind::Lxc && guest.status == GuestStatus::Running
}

/// Why storage replication keeps a VM off a node (qemu-server, `QemuMigrate::prepare`). HA forces the move of a running
/// one; PVE warns then that its jobs fail from there on.
fn off_replication(guest: &GuestFacts, target: &str) -> Option<Blocker> {
    let jobs = &guest.replication;
    if guest.kind != GuestKind::Qemu || jobs.is_empty() {
        return None;
    }
    let text = match jobs.iter().find(|job| job.target == target) {
        Some(job) if job.removed => {
            format!("has a replication job to {target} that is marked for removal")
        }
        Some(_) => return None,
        None if !runs(guest) => return None,
        None => {
            let targets: Vec<&str> = jobs.iter().map(|job| job.target.as_str()).collect();
            let targets = targets.join(" and ");
            match guest.ha_moves() {
                true => format!("is replicated to {targets}, which would fail from {target}"),
                false => {
                    format!("is replicated to {targets}: PVE moves it nowhere else while it runs")
                }
            }
        }
    };
    Some(Blocker::new(BlockerCode::Replication, text))
}
