//! Hard constraints: where a guest may not go and why. Never traded against a score.
//!
//! What is known from the configuration alone; capacity depends on the plan so far and is judged
//! in `plan`. A constraint that cannot be judged because the configuration is not known is not
//! invented; the advice says what it did not know.

use crate::model::{
    Bytes, Disk, DiskSource, GuestFacts, GuestKind, GuestStatus, HaMove, HaRuleKind, Inventory,
    NodeFacts, StorageFacts, Vmid,
};
use crate::outlook::NodeOutlook;
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
    /// It does not run, or nobody reports whether it does: moving it relieves nothing.
    NotRunning,
    /// It is locked by another operation.
    Locked,
    /// Its configuration could not be read, so nothing is known to be safe.
    ConfigUnknown,
    /// It is on another node than the newest sample saw it on: what is known of its load is known of that node.
    MovedSince,
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
    /// It is on the only node.
    NoOtherNode,
    /// The node is offline or unknown.
    NodeOffline,
    /// The node is online, but does not report any more: how it is is not known.
    NodeSilent,
    /// The node is in maintenance.
    NodeMaintenance,
    /// A storage it needs is not available there.
    Storage,
    /// A disk on a storage of its host alone is one that PVE does not copy.
    LocalDisk,
    /// PVE refuses to move it there while it runs, or its replication would fail after it.
    Replication,
    /// A mapped device it needs is not offered there.
    MappedDevice,
    /// A VM that could have more cores than the node does not start there.
    TooManyCores,
    /// The node is of an older version of PVE, to which a running VM does not move.
    OlderVersion,
    /// The HA manager has given it up, and moves it no more.
    HaError,
    /// The HA manager moves it already, or will by itself.
    HaMoves,
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
    /// Of a guest that the inventory does not have.
    pub(crate) fn not_listed() -> Self {
        Self::new(BlockerCode::ConfigUnknown, "is not in the inventory")
    }

    /// Of a guest that runs, but that no stored sample has: what it needs is not known.
    pub(super) fn not_recorded() -> Self {
        Self::new(BlockerCode::ConfigUnknown, "runs, but nothing is recorded of it yet")
    }

    /// Of a guest that the inventory has on another node than `seen`, where the newest sample has it.
    pub(super) fn moved_since(facts: &GuestFacts, seen: &str) -> Option<Self> {
        (facts.node != seen).then(|| {
            let now = &facts.node;
            let text = format!(
                "is on {now} now, not on {seen}, where the newest sample saw it; ask again after the next run"
            );
            Self::new(BlockerCode::MovedSince, text)
        })
    }

    /// Of a node with which nothing can be done now.
    pub(crate) fn away(node: &NodeOutlook) -> Option<Self> {
        let name = &node.name;
        (!node.online).then(|| match node.silent {
            true => Self::new(BlockerCode::NodeSilent, format!("{name} does not report")),
            false => Self::new(BlockerCode::NodeOffline, format!("{name} is offline")),
        })
    }

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
    /// A rule of HA, which looks at what runs alone.
    of_ha: bool,
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
    /// HA's node affinity rules of each guest.
    node_rules_of: BTreeMap<Vmid, Vec<NodeRule<'a>>>,
}

/// A node affinity rule: its name, nodes with their priorities, and whether guests must stay on them.
type NodeRule<'a> = (&'a str, &'a BTreeMap<String, i64>, bool);

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

    /// That a template's volume has linked clones, with which PVE does not copy it (qemu-server, `scan_local_volumes`).
    fn cloned(&self, guest: &GuestFacts, volume: &LocalVolume) -> Option<String> {
        let name = volume.volume.rsplit('/').next();
        let clone = |disk: &Disk| match &disk.source {
            DiskSource::Volume { storage, volume: of } => {
                storage == volume.storage && base_of(of).is_some() && base_of(of) == name
            }
            _ => false,
        };
        let mut others = self.inventory.guests.iter().filter(|_| guest.template);
        let other = others.find(|other| other.disks.iter().any(clone))?.vmid;
        Some(format!("is what {other} is a linked clone of, and PVE does not copy it"))
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
            let DiskSource::Volume { storage, .. } = &disk.source else { continue };
            if told.contains(&storage.as_str()) {
                continue;
            }
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
            told.push(storage);
            let text = format!("storage '{storage}' ({}) {trouble}", disk.key);
            found.push(Blocker::new(BlockerCode::Storage, text));
        }
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
    ///
    /// HA keeps a guest on the online nodes of the highest priority, and takes it there from any
    /// other (pve-ha-manager, `select_service_node`). Without failback it stays where it is allowed.
    fn node_rules(
        &self,
        guest: &GuestFacts,
        source: &str,
        target: &NodeFacts,
        found: &mut Vec<Blocker>,
    ) {
        for (rule, nodes, strict) in self.node_rules_of(guest) {
            let listed = nodes.contains_key(&target.name);
            let held = strict || (nodes.contains_key(source) && fails_back(guest));
            let what = if !listed && held {
                format!("keeps it off {}", target.name)
            } else if source.is_empty() {
                continue;
            } else {
                let taken = self.taken(guest, nodes, &target.name, "");
                if taken.is_empty() {
                    continue;
                }
                let back = if taken.contains(&source) { "brings it back" } else { "takes it" };
                format!("{back} to {} by itself", taken.join(" or "))
            };
            let text = format!("HA rule '{rule}' {what}");
            found.push(Blocker::new(BlockerCode::HaNodeAffinity, text));
        }
    }

    /// The nodes of a rule to which HA takes a guest by itself when it is on `target`; as if the node
    /// `away` did not serve.
    fn taken(
        &self,
        guest: &GuestFacts,
        nodes: &BTreeMap<String, i64>,
        target: &str,
        away: &str,
    ) -> Vec<&str> {
        let preferred = self.preferred(nodes, away);
        let stays = !fails_back(guest) || preferred.contains(&target);
        if stays { Vec::new() } else { preferred }
    }

    /// Where HA takes a guest on by itself that has left the node `away` for `target`, in one clause.
    pub(super) fn taken_on(&self, guest: &GuestFacts, target: &str, away: &str) -> Option<String> {
        self.node_rules_of(guest).find_map(|(rule, nodes, _)| {
            let on = self.taken(guest, nodes, target, away);
            let to = || on.join(" or ");
            (!on.is_empty()).then(|| format!("HA rule '{rule}' takes it on to {} by itself", to()))
        })
    }

    /// That HA would bring a guest back to the node `away` that it has left for `target`, in one clause.
    pub(super) fn brought_back(
        &self,
        guest: &GuestFacts,
        target: &str,
        away: &str,
    ) -> Option<String> {
        let back = |nodes| self.taken(guest, nodes, target, "").contains(&away);
        let (rule, ..) = self.node_rules_of(guest).find(|(_, nodes, _)| back(nodes))?;
        Some(format!(
            "HA rule '{rule}' brings it back to {away} by itself unless that is in maintenance"
        ))
    }

    /// The node affinity rules that hold for a guest.
    fn node_rules_of(&self, guest: &GuestFacts) -> impl Iterator<Item = NodeRule<'a>> {
        let rules = self.node_rules_of.get(&guest.vmid).filter(|_| is_bound(guest));
        rules.into_iter().flatten().copied()
    }

    /// Of the nodes of a rule, without `away`, those that serve and have the highest priority.
    fn preferred(&self, nodes: &BTreeMap<String, i64>, away: &str) -> Vec<&str> {
        let serving = || self.inventory.nodes.iter().filter(|n| serves(n) && n.name != away);
        let highest = serving().filter_map(|n| nodes.get(&n.name)).max();
        let chosen = serving().filter(|n| highest.is_some() && nodes.get(&n.name) == highest);
        chosen.map(|n| n.name.as_str()).collect()
    }

    /// The node where most of the `others` of a group run, if `target` is not one with as many: HA
    /// takes the guest there. Who does not run holds nobody.
    fn others_elsewhere<'p>(
        &self,
        others: impl Iterator<Item = Vmid>,
        target: &str,
        placement: &'p Placement,
    ) -> Option<(&'p str, Vec<Vmid>)> {
        let mut there: BTreeMap<&str, Vec<Vmid>> = BTreeMap::new();
        for other in others.filter(|v| self.is_running(*v)) {
            let online = |name: &&String| self.inventory.node(name).is_some_and(serves);
            if let Some(node) = placement.get(&other).filter(online) {
                there.entry(node).or_default().push(other);
            }
        }
        let most = there.values().map(Vec::len).max()?;
        if there.get(target).is_some_and(|others| others.len() == most) {
            return None;
        }
        there.into_iter().find(|(_, others)| others.len() == most)
    }

    fn is_running(&self, vmid: Vmid) -> bool {
        self.inventory.guest(vmid).is_some_and(runs)
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
            let others = || group.members.iter().copied().filter(|v| *v != guest.vmid);
            let on = |node: &str| -> Vec<Vmid> {
                others().filter(|v| placement.get(v).is_some_and(|n| n == node)).collect()
            };
            if group.together {
                let mut here = on(source);
                here.retain(|v| self.is_running(*v));
                let held = match here.is_empty() {
                    false => Some((source, here)),
                    true => self.others_elsewhere(others(), &target.name, placement),
                };
                if let Some((node, others)) = held {
                    let label = &group.label;
                    let text = format!("{label} keeps it with {} on {node}", list(&others));
                    found.push(Blocker::new(C::Together, text));
                }
            } else if let Some(other) =
                on(&target.name).into_iter().find(|v| !group.of_ha || self.is_running(*v))
            {
                let (label, node) = (&group.label, &target.name);
                let text = format!("{label} keeps it apart from {other} on {node}");
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
            let bound = |v: &&Vmid| inventory.guest(**v).is_none_or(is_bound);
            let members = rule.guests.iter().filter(bound).copied().collect();
            all.push(Group { label, together, of_ha: true, members });
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
            of_ha: false,
            members,
        },
    ));
    all
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

fn list(guests: &[Vmid]) -> String {
    guests.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Whether HA's rules bind a guest: not while it is told to ignore it. A guest that is no resource, as in an
/// inventory that tells the rules alone, counts as one.
fn is_bound(guest: &GuestFacts) -> bool {
    guest.ha.is_none() || guest.ha_moves()
}

/// Whether HA takes a guest back to the nodes that it prefers.
fn fails_back(guest: &GuestFacts) -> bool {
    guest.ha.as_ref().is_none_or(|ha| !ha.no_failback)
}

/// Whether HA sees a node as one to use.
fn serves(node: &NodeFacts) -> bool {
    node.online != Some(false) && !node.maintenance
}

/// Of a guest whose run state is unknown.
pub(crate) fn not_reported(guest: &GuestFacts) -> String {
    format!("is not reported by {}: whether it runs is not known", guest.node)
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

/// A disk on a storage that is not shared.
struct LocalVolume<'a> {
    disk: &'a Disk,
    storage: &'a str,
    volume: &'a str,
    facts: &'a StorageFacts,
}

impl LocalVolume<'_> {
    /// Whether it is there already wherever the guest may go: PVE replicates what a storage of this
    /// kind has, and moves a running VM that is replicated to the targets of its jobs alone.
    fn is_replicated(&self, guest: &GuestFacts) -> bool {
        let running_vm = guest.kind == GuestKind::Qemu && runs(guest);
        let replicates = self.facts.kind == "zfspool" && !self.disk.not_replicated;
        running_vm && replicates && !guest.replication.is_empty()
    }

    /// Why PVE refuses to copy it, and what helps (qemu-server, `scan_local_volumes`;
    /// pve-container, `phase1`).
    fn not_copied(&self, guest: &GuestFacts) -> Option<String> {
        if let Some(base) = base_of(self.volume) {
            return Some(format!(
                "is a linked clone of {base}, which PVE does not copy: move the disk to another \
                 storage, which makes it a full one"
            ));
        }
        let taken = self.takes_snapshots(guest) || self.is_replicated(guest);
        let snapshot = self.disk.snapshot.as_ref().filter(|_| !taken)?;
        Some(format!(
            "is in the snapshot '{snapshot}', with which PVE does not copy it: delete the snapshot"
        ))
    }

    /// Whether PVE copies it with its snapshots: never while a VM runs, else by the kind of storage.
    /// A container stops for its move.
    fn takes_snapshots(&self, guest: &GuestFacts) -> bool {
        let kept = matches!(self.facts.kind.as_str(), "zfspool" | "btrfs");
        match guest.kind {
            GuestKind::Lxc => kept,
            GuestKind::Qemu if runs(guest) => false,
            GuestKind::Qemu => {
                kept || (self.facts.kind == "dir" && self.volume.ends_with(".qcow2"))
            }
        }
    }
}

/// What a volume is a linked clone of: `base-9000-disk-0/vm-101-disk-0`, or in directories
/// `9000/base-9000-disk-0.qcow2/101/vm-101-disk-0.qcow2`.
fn base_of(volume: &str) -> Option<&str> {
    let base = |part: &&str| part.starts_with("base-") || part.starts_with("basevol-");
    volume.rsplit('/').skip(1).find(base)
}

fn local_volumes<'a>(
    guest: &'a GuestFacts,
    inventory: &'a Inventory,
) -> impl Iterator<Item = LocalVolume<'a>> {
    let local = |disk: &'a Disk| {
        let DiskSource::Volume { storage, volume } = &disk.source else { return None };
        let facts = inventory.storages.as_ref()?.get(storage).filter(|s| !s.shared)?;
        Some(LocalVolume { disk, storage, volume, facts })
    };
    guest.disks.iter().filter(|d| !d.cdrom).filter_map(local)
}

/// A disk that must be copied to the storage of the same name on another node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LocalDisk<'a> {
    pub(crate) storage: &'a str,
    pub(crate) size: Option<Bytes>,
}

/// Whether a guest has disks on a storage that is not shared.
pub(crate) fn has_local_disks(guest: &GuestFacts, inventory: &Inventory) -> bool {
    local_volumes(guest, inventory).next().is_some()
}

/// Disks of a guest that must be copied, since no other node has them.
pub(crate) fn copied_disks<'a>(
    guest: &'a GuestFacts,
    inventory: &'a Inventory,
) -> Vec<LocalDisk<'a>> {
    let of = |v: LocalVolume<'a>| LocalDisk { storage: v.storage, size: v.disk.size };
    local_volumes(guest, inventory).filter(|v| !v.is_replicated(guest)).map(of).collect()
}

/// Bytes of these disks as far as their sizes are known.
pub(super) fn size_of(disks: &[LocalDisk]) -> Bytes {
    // Not a sum: that of nothing is -0.0.
    Bytes(disks.iter().filter_map(|disk| disk.size).fold(0.0, |sum, size| sum + size.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cores, Device, HaResource, HaRule, ReplicationJob};

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
        let cases: [(BlockerCode, Change); 23] = [
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
            (C::HaError, |i| {
                i.guests[0].ha = Some(HaResource { in_error: true, ..HaResource::default() });
            }),
            (C::Replication, |i| {
                i.guests[0].replication.push(ReplicationJob { target: "c".into(), removed: false });
            }),
            (C::NodeOffline, |i| i.nodes[1].online = Some(false)),
            (C::NodeMaintenance, |i| i.nodes[1].maintenance = true),
            (C::TooManyCores, |i| i.guests[0].maxcpu = Some(Cores(9.0))),
            (C::TooManyCores, |i| i.guests[0].start_cores = Some(Cores(9.0))),
            (C::Passthrough, |i| {
                let mapping = Some("pci:gpu".into());
                i.guests[0].devices.push(Device { key: "hostpci0".into(), mapping, live: false });
                i.mappings.insert("pci:gpu".into(), vec!["b".into()]);
                i.guests[0].status = GuestStatus::Paused;
            }),
            (C::Storage, |i| {
                // The CD comes after a disk of the same storage, which can be copied.
                let local = StorageFacts { kind: "dir".into(), ..StorageFacts::default() };
                i.storages.as_mut().unwrap().insert("local".into(), local);
                let of = |key: &str, volume: &str, cdrom| Disk {
                    key: key.into(),
                    source: DiskSource::Volume { storage: "local".into(), volume: volume.into() },
                    cdrom,
                    ..Disk::default()
                };
                i.guests[0].disks.push(of("efidisk0", "1/vm-1-disk-0.raw", false));
                i.guests[0].disks.push(of("ide2", "iso/x.iso", true));
            }),
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
    fn ha_rules_bind_where_ha_applies_them() {
        let rule = |i: &mut Inventory, kind: HaRuleKind, guests: &[Vmid]| {
            i.ha_rules.push(HaRule { name: "r".into(), guests: guests.to_vec(), kind });
            for vmid in guests {
                let index = i.guests.iter().position(|g| g.vmid == *vmid).unwrap();
                i.guests[index].ha = Some(HaResource::default());
            }
        };
        let nodes = |strict| HaRuleKind::NodeAffinity { nodes: [("a".into(), 1)].into(), strict };
        let apart = || HaRuleKind::ResourceAffinity { together: false };
        let mut inventory = cluster();
        rule(&mut inventory, nodes(true), &[1]);
        inventory.guests[0].ha.as_mut().unwrap().state = "ignored".into();
        assert_eq!(codes(&inventory), [], "HA is told to ignore it");
        let mut inventory = cluster();
        rule(&mut inventory, nodes(false), &[1]);
        assert_eq!(codes(&inventory), [BlockerCode::HaNodeAffinity], "HA would take it back");
        inventory.guests[0].ha.as_mut().unwrap().no_failback = true;
        assert_eq!(codes(&inventory), [], "HA leaves it there");
        let mut inventory = cluster();
        rule(&mut inventory, apart(), &[1, 2]);
        assert_eq!(codes(&inventory), [BlockerCode::Apart]);
        inventory.guests[1].status = GuestStatus::Stopped;
        assert_eq!(codes(&inventory), [], "who does not run is nowhere for HA");
        let mut inventory = cluster();
        rule(&mut inventory, apart(), &[1, 2]);
        inventory.guests[1].ha.as_mut().unwrap().state = "ignored".into();
        assert_eq!(codes(&inventory), []);
    }

    #[test]
    fn what_is_harmless_does_not_block() {
        let mut inventory = cluster();
        inventory.guests[0].tags =
            vec!["prod".into(), "exclude_x".into(), "pin_B".into(), "affinity_shop".into()];
        // A guest that does not run holds nobody.
        inventory.guests[2].tags = vec!["affinity_shop".into()];
        inventory.guests[2].status = GuestStatus::Stopped;
        inventory.guests[0].devices.push(Device {
            key: "usb0".into(),
            mapping: Some("usb:k".into()),
            live: true,
        });
        inventory.mappings.insert("usb:k".into(), vec!["b".into()]);
        let path = "/mnt/nas".into();
        inventory.guests[0].disks[0].source = DiskSource::HostPath { path, shared: true };
        assert_eq!(codes(&inventory), []);
        // A container runs with the cores that there are.
        inventory.guests[0].kind = GuestKind::Lxc;
        inventory.guests[0].maxcpu = Some(Cores(64.0));
        assert_eq!(codes(&inventory), []);
    }

    /// What rules say of guest 1, on node a, against each node.
    fn told(inventory: &Inventory) -> Vec<(&str, String)> {
        let constraints = Constraints::new(inventory);
        let guest = inventory.guest(1).unwrap();
        let texts = |node: &NodeFacts| -> String {
            let found = constraints.of_pair(guest, node, &placement(inventory));
            found.into_iter().map(|b| b.text).collect::<Vec<_>>().join("; ")
        };
        let others = inventory.nodes.iter().filter(|n| n.name != guest.node);
        others.map(|node| (node.name.as_str(), texts(node))).collect()
    }

    fn node_rule(priorities: &[(&str, i64)]) -> Inventory {
        let nodes = priorities.iter().map(|(n, p)| ((*n).to_string(), *p)).collect();
        let kind = HaRuleKind::NodeAffinity { nodes, strict: false };
        let rule = HaRule { name: "r".into(), guests: vec![1], kind };
        Inventory { ha_rules: vec![rule], ..cluster() }
    }

    #[test]
    fn ha_takes_a_guest_to_the_nodes_of_the_highest_priority() {
        let free = String::new;
        let mut inventory = node_rule(&[("a", 2), ("b", 1), ("c", 1)]);
        let back = || "HA rule 'r' brings it back to a by itself".to_string();
        assert_eq!(told(&inventory), [("b", back()), ("c", back())]);
        inventory.guests[0].ha = Some(HaResource { no_failback: true, ..HaResource::default() });
        assert_eq!(told(&inventory), [("b", free()), ("c", free())]);
        inventory.guests[0].ha = Some(HaResource { state: "ignored".into(), ..Default::default() });
        assert_eq!(told(&inventory), [("b", free()), ("c", free())]);
        inventory.guests[0].ha = Some(HaResource::default());
        inventory.nodes[0].maintenance = true;
        assert_eq!(told(&inventory), [("b", free()), ("c", free())], "a does not serve");
        let equal = node_rule(&[("a", 1), ("b", 1)]);
        let off = "HA rule 'r' keeps it off c".to_string();
        assert_eq!(told(&equal), [("b", free()), ("c", off)]);
    }

    #[test]
    fn ha_takes_a_guest_to_its_nodes_from_elsewhere() {
        let takes = || "HA rule 'r' takes it to c by itself".to_string();
        let mut inventory = node_rule(&[("c", 0)]);
        assert_eq!(told(&inventory), [("b", takes()), ("c", String::new())]);
        inventory.nodes[2].online = Some(false);
        assert_eq!(told(&inventory)[0], ("b", String::new()), "c does not serve");
    }

    #[test]
    fn a_guest_goes_where_the_others_of_its_group_are() {
        let kind = HaRuleKind::ResourceAffinity { together: true };
        let rule = HaRule { name: "r".into(), guests: vec![1, 2, 3], kind };
        let mut inventory = Inventory { ha_rules: vec![rule], ..cluster() };
        inventory.guests[2].node = "c".into();
        assert_eq!(told(&inventory), [("b", String::new()), ("c", String::new())], "one on each");
        inventory.guests.push(guest(4, "c"));
        inventory.ha_rules[0].guests.push(4);
        let with = "HA rule 'r' keeps it with 3, 4 on c".to_string();
        assert_eq!(told(&inventory), [("b", with), ("c", String::new())], "most are on c");
        for index in [2, 3] {
            inventory.guests[index].status = GuestStatus::Stopped;
        }
        let with = "HA rule 'r' keeps it with 2 on b".to_string();
        assert_eq!(told(&inventory), [("b", String::new()), ("c", with)], "only 2 runs");
    }

    #[test]
    fn a_local_disk_that_pve_does_not_copy_stays_with_its_guest() {
        let stays = |kind, status, storage: &str, volume: &str, snapshot: Option<&str>| {
            let mut inventory = cluster();
            let local = StorageFacts { kind: storage.into(), ..StorageFacts::default() };
            inventory.storages.as_mut().unwrap().insert("tank".into(), local);
            let guest = &mut inventory.guests[0];
            (guest.kind, guest.status) = (kind, status);
            guest.disks[0].source =
                DiskSource::Volume { storage: "tank".into(), volume: volume.into() };
            guest.disks[0].snapshot = snapshot.map(String::from);
            let found = Constraints::new(&inventory).of_guest(&inventory.guests[0]);
            found.into_iter().find(|b| b.code == BlockerCode::LocalDisk).map(|b| b.text)
        };
        use GuestKind::{Lxc, Qemu};
        use GuestStatus::{Running, Stopped};
        let (disk, clone, snap) = ("vm-1-disk-0", "base-9-disk-0/vm-1-disk-0", Some("before"));
        assert_eq!(stays(Qemu, Running, "zfspool", disk, None), None);
        assert_eq!(
            stays(Qemu, Running, "zfspool", disk, snap).unwrap(),
            "has the local disk scsi0 on 'tank', which is in the snapshot 'before', with which PVE does \
             not copy it: delete the snapshot"
        );
        assert_eq!(
            stays(Qemu, Running, "zfspool", clone, None).unwrap(),
            "has the local disk scsi0 on 'tank', which is a linked clone of base-9-disk-0, which PVE \
             does not copy: move the disk to another storage, which makes it a full one"
        );
        let in_directory = "9/base-9-disk-0.qcow2/1/vm-1-disk-0.qcow2";
        for (want, kind, status, storage, volume, snapshot) in [
            (true, Qemu, Stopped, "dir", in_directory, None),
            (true, Lxc, Running, "zfspool", "basevol-9-disk-0/subvol-1-disk-0", None),
            (false, Qemu, Running, "dir", "9/base-9-disk-0.qcow2", None),
            (false, Qemu, Stopped, "zfspool", disk, snap),
            (false, Qemu, Stopped, "dir", "1/vm-1-disk-0.qcow2", snap),
            (true, Qemu, Stopped, "lvmthin", disk, snap),
            (false, Lxc, Running, "zfspool", disk, snap),
            (true, Lxc, Running, "lvmthin", disk, snap),
        ] {
            let told = stays(kind, status, storage, volume, snapshot);
            assert_eq!(told.is_some(), want, "{kind:?} {status:?} {storage} {volume} {told:?}");
        }
    }

    #[test]
    fn local_disks_are_named() {
        let mut inventory = cluster();
        assert!(copied_disks(&inventory.guests[0], &inventory).is_empty());
        inventory.storages.as_mut().unwrap().get_mut("ceph").unwrap().shared = false;
        let disk = LocalDisk { storage: "ceph", size: None };
        assert_eq!(copied_disks(&inventory.guests[0], &inventory), [disk]);
    }

    #[test]
    fn a_running_vm_goes_where_it_is_replicated_to() {
        let job = |target: &str| ReplicationJob { target: target.into(), removed: false };
        let text = |inventory: &Inventory| told(inventory).remove(0).1;
        let mut inventory = cluster();
        inventory.guests[0].replication = vec![job("c")];
        let elsewhere = "is replicated to c: PVE moves it nowhere else while it runs";
        assert_eq!(told(&inventory), [("b", elsewhere.into()), ("c", String::new())]);
        inventory.guests[0].ha = Some(HaResource { state: "started".into(), ..Default::default() });
        assert_eq!(text(&inventory), "is replicated to c, which would fail from b");
        inventory.guests[0].status = GuestStatus::Stopped;
        assert_eq!(text(&inventory), "", "a stopped one is copied");
        inventory.guests[0].replication = vec![ReplicationJob { removed: true, ..job("b") }];
        assert_eq!(text(&inventory), "has a replication job to b that is marked for removal");
        inventory.guests[0].replication = vec![job("c")];
        inventory.guests[0].status = GuestStatus::Running;
        inventory.guests[0].kind = GuestKind::Lxc;
        assert_eq!(text(&inventory), "", "a container stops for its move");
    }

    #[test]
    fn what_is_replicated_is_there_already() {
        let mut inventory = cluster();
        let tank = StorageFacts { kind: "zfspool".into(), ..StorageFacts::default() };
        inventory.storages.as_mut().unwrap().insert("ceph".into(), tank);
        inventory.guests[0].disks[0].snapshot = Some("before".into());
        let codes = |i: &Inventory| -> Vec<BlockerCode> {
            Constraints::new(i).of_guest(&i.guests[0]).into_iter().map(|b| b.code).collect()
        };
        let copied = |i: &Inventory| copied_disks(&i.guests[0], i).len();
        assert_eq!((codes(&inventory), copied(&inventory)), (vec![BlockerCode::LocalDisk], 1));
        inventory.guests[0].replication =
            vec![ReplicationJob { target: "c".into(), removed: false }];
        assert_eq!((codes(&inventory), copied(&inventory)), (vec![], 0));
        assert!(has_local_disks(&inventory.guests[0], &inventory), "qm still asks for the option");
        inventory.guests[0].disks[0].not_replicated = true;
        assert_eq!((codes(&inventory), copied(&inventory)), (vec![BlockerCode::LocalDisk], 1));
    }
}
