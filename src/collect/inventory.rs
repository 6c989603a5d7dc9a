//! The whole tree, put together: what the configuration says about where guests may run.
//!
//! A missing optional file is normal (a standalone node, no HA). A file that cannot be read or
//! understood is a warning, and the guests whose constraints it holds are marked: a guest that
//! cannot be judged is never moved.

use super::cluster::{Members, Place};
use super::ha::{self, Rules};
use super::live::{folder, guest_file, roster, unusable};
use super::mapping::{self, Mapping};
use super::rrd::{self, Rrd};
use super::text::{Parsed, is_node_name};
use super::tree::{MAX_CONFIG, Tree};
use super::{corosync, datacenter, lxc, qemu, replication, storage};
use crate::error::{Error, Kind, Result, Warning};
use crate::model::{
    GuestFacts, GuestKind, HaResource, Inventory, NodeFacts, ReplicationJob, StorageFacts,
    UnixTime, Vmid,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Kinds of mappings with their files.
const MAPPINGS: [(&str, &str); 3] =
    [("pci", "mapping/pci.cfg"), ("usb", "mapping/usb.cfg"), ("dir", "mapping/directory.cfg")];

/// Reads everything below `root`, at the time `now`. Works on a copy of a tree as well.
///
/// # Errors
/// Only when there is no tree at all: no directory, or neither members nor nodes in it.
pub fn inventory(root: &Path, now: UnixTime) -> Result<Inventory> {
    let tree = Tree::open(root)?;
    let mut reader = Reader { tree: &tree, warnings: Vec::new() };
    let (members, places) = roster(&tree, &mut reader.warnings);
    let rrd = reader.parsed(".rrd", tree.read_live(".rrd"), rrd::parse).found().unwrap_or_default();
    let names = reader.node_names(members.as_ref(), &places);
    if names.is_empty() {
        let message = "no cluster here: neither .members nor a folder of a node is readable \
                       (is pve-cluster running?)";
        return Err(Error::new(Kind::NotFound, message).at(root.display()));
    }
    let crs = reader.optional("datacenter.cfg", datacenter::parse);
    let ha = Ha::read(&mut reader, matches!(crs, Outcome::Unreadable));
    let mappings = Mappings::read(&mut reader);
    let storages = reader.storages();
    let replication = reader.replication();
    let votes = reader.optional("corosync.conf", corosync::parse).found().flatten();
    let guests = places.iter().map(|(vmid, place)| {
        let mut facts = reader.guest(*vmid, place);
        with_entry(&mut facts, &rrd);
        mappings.complete(&mut facts);
        ha.complete(&mut facts);
        for (read, file) in
            [(storages.is_some(), "storage.cfg"), (replication.is_some(), "replication.cfg")]
        {
            doubt(&mut facts, (!read).then_some(file));
        }
        facts.replication =
            replication.iter().flat_map(|jobs| jobs.get(vmid)).flatten().cloned().collect();
        facts
    });
    let guests = guests.collect();
    let members = members.unwrap_or_default();
    let online = |name: &str| members.nodes.get(name).copied();
    Ok(Inventory {
        ts: now,
        nodes: names.iter().map(|name| node(name, online(name), &rrd, &ha)).collect(),
        guests,
        storages,
        ha_rules: ha.rules.rules,
        mappings: mappings.nodes(),
        crs: crs.found().unwrap_or_default(),
        warnings: reader.warnings,
        cluster: members.cluster,
        local_node: members.local,
        quorate: members.quorate,
        votes,
    })
}

/// What became of a file.
enum Outcome<T> {
    Found(T),
    Absent,
    /// There, but unreadable; a warning says why.
    Unreadable,
}

impl<T> Outcome<T> {
    fn found(self) -> Option<T> {
        match self {
            Self::Found(value) => Some(value),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

/// Reads files and gathers what is odd in them.
struct Reader<'a> {
    tree: &'a Tree,
    warnings: Vec<Warning>,
}

impl Reader<'_> {
    /// A file of the configuration that need not be there.
    fn optional<T>(&mut self, name: &str, parse: fn(&[u8]) -> Parsed<T>) -> Outcome<T> {
        self.parsed(name, self.tree.read(name, MAX_CONFIG), parse)
    }

    /// What was read of a file.
    fn parsed<T>(
        &mut self,
        name: &str,
        read: Result<Option<Vec<u8>>>,
        parse: fn(&[u8]) -> Parsed<T>,
    ) -> Outcome<T> {
        match read {
            Ok(None) => Outcome::Absent,
            Ok(Some(bytes)) => {
                let parsed = parse(&bytes);
                self.warnings.extend(parsed.notes.about(&self.tree.path(name)));
                Outcome::Found(parsed.value)
            }
            Err(error) => {
                self.warnings.push(unusable(&self.tree.path(name), &error));
                Outcome::Unreadable
            }
        }
    }

    fn warn(&mut self, name: &str, message: &str) {
        let file = self.tree.path(name);
        self.warnings.push(Warning { file, line: 0, message: message.into() });
    }

    /// Names of all nodes: the members, or the folders where the members are not known, and in any
    /// case those that guests are on.
    fn node_names(
        &mut self,
        members: Option<&Members>,
        places: &BTreeMap<Vmid, Place>,
    ) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = match members {
            Some(members) => members.nodes.keys().cloned().collect(),
            None => folder(self.tree, "nodes", &mut self.warnings).into_iter().collect(),
        };
        names.retain(|name| is_node_name(name));
        names.extend(places.values().map(|place| place.node.clone()));
        names
    }

    /// A guest's configuration; without a readable one the guest is marked.
    fn guest(&mut self, vmid: Vmid, place: &Place) -> GuestFacts {
        let name = guest_file(vmid, place);
        let parse = match place.kind {
            GuestKind::Qemu => qemu::parse,
            GuestKind::Lxc => lxc::parse,
        };
        let outcome = self.optional(&name, parse);
        if matches!(outcome, Outcome::Absent) {
            self.warn(&name, "missing although the guest is listed, so it must stay");
        }
        let unknown = GuestFacts { config_unknown: true, ..GuestFacts::default() };
        let facts = outcome.found().unwrap_or(unknown);
        GuestFacts { vmid, kind: place.kind, node: place.node.clone(), ..facts }
    }

    /// `ha/manager_status`.
    fn manager_status(&mut self) -> Option<ha::ManagerStatus> {
        let name = "ha/manager_status";
        let file = self.tree.path(name);
        let read = self.tree.read(name, MAX_CONFIG).map_err(|e| unusable(&file, &e));
        let status = read.and_then(|bytes| {
            let status = ha::manager_status(&bytes.unwrap_or_default());
            status.map_err(|note| note.about(&file))
        });
        status.map_err(|warning| self.warnings.push(warning)).ok()
    }

    /// Replication jobs by guest; `None`: not readable, so any guest may be replicated.
    fn replication(&mut self) -> Option<BTreeMap<Vmid, Vec<ReplicationJob>>> {
        match self.optional("replication.cfg", replication::parse) {
            Outcome::Found(jobs) => Some(jobs),
            Outcome::Absent => Some(BTreeMap::new()),
            Outcome::Unreadable => None,
        }
    }

    /// `storage.cfg`. Without one PVE knows `local` alone, and so do we; `None`: not readable.
    fn storages(&mut self) -> Option<BTreeMap<String, StorageFacts>> {
        let outcome = self.optional("storage.cfg", storage::parse);
        if matches!(outcome, Outcome::Absent) {
            self.warn("storage.cfg", "missing, so no storage but 'local' is known");
            return Some(storage::parse(b"").value);
        }
        outcome.found()
    }
}

/// A node, with what the HA manager and `.rrd` add to it.
fn node(name: &str, online: Option<bool>, rrd: &Rrd, ha: &Ha) -> NodeFacts {
    let entry = rrd.nodes.get(name);
    let sample = entry.map(|entry| &entry.sample);
    let state = ha.status.as_ref().and_then(|status| status.nodes.get(name));
    let own = || rrd.storages.iter().filter(|((node, _), _)| node == name);
    let storage: Vec<String> = own().map(|((_, id), _)| id.clone()).collect();
    let free = own().filter_map(|((_, id), entry)| Some((id.clone(), entry.sample.free()?)));
    let size = own().filter_map(|((_, id), entry)| Some((id.clone(), entry.sample.size()?)));
    NodeFacts {
        name: name.to_string(),
        // A node about to be fenced is lost, whatever corosync still thinks of it.
        online: if state.is_some_and(|s| s.state == "fence") { Some(false) } else { online },
        maintenance: state.is_some_and(|s| s.maintenance_asked || s.state == "maintenance"),
        reports_as: entry.map(|e| e.version),
        maxcpu: sample.and_then(|s| s.maxcpu),
        maxmem: sample.and_then(|s| s.maxmem),
        storage: (!storage.is_empty()).then_some(storage),
        storage_free: free.collect(),
        storage_size: size.collect(),
    }
}

/// Marks a guest of which `file` is not known; its own configuration is named by nobody.
fn doubt(facts: &mut GuestFacts, file: Option<&str>) {
    let Some(file) = file else { return };
    if !facts.config_unknown {
        facts.unknown_file = file.into();
    }
    facts.config_unknown = true;
}

/// Adds what only `.rrd` tells: the run state, and sizes the configuration leaves open.
fn with_entry(facts: &mut GuestFacts, rrd: &Rrd) {
    let Some(entry) = rrd.guests.get(&facts.vmid).map(|entry| &entry.sample) else { return };
    facts.status = entry.status;
    facts.maxcpu = facts.maxcpu.or(entry.maxcpu);
    facts.maxmem = facts.maxmem.or(entry.maxmem);
    if facts.name.is_empty() {
        facts.name = entry.name.clone();
    }
}

/// Mapped devices of all kinds by qualified name: `pci:gpu`.
struct Mappings(BTreeMap<String, Mapping>);

impl Mappings {
    /// An unreadable file leaves its mappings without nodes, so nothing moves for them.
    fn read(reader: &mut Reader<'_>) -> Self {
        let mut all = BTreeMap::new();
        for (kind, file) in MAPPINGS {
            let found = reader.optional(file, mapping::parse).found();
            let found = found.into_iter().flatten();
            all.extend(found.map(|(name, mapping)| (format!("{kind}:{name}"), mapping)));
        }
        Self(all)
    }

    /// Says of each device whether a running guest can take it along.
    fn complete(&self, facts: &mut GuestFacts) {
        for device in &mut facts.devices {
            let mapping = device.mapping.as_ref().and_then(|name| self.0.get(name));
            device.live = mapping.is_some_and(|mapping| mapping.live);
        }
    }

    fn nodes(self) -> BTreeMap<String, Vec<String>> {
        self.0.into_iter().map(|(name, mapping)| (name, mapping.nodes)).collect()
    }
}

/// Where rules and groups are.
const RULES: &str = "ha/rules.cfg or ha/groups.cfg";

/// What HA knows.
struct Ha {
    /// `None`: not readable, so any guest may be one of its own.
    resources: Option<BTreeMap<Vmid, HaResource>>,
    /// Rules and groups.
    rules: Rules,
    /// A file of rules or groups, or of the scheduler's settings, was not readable, so no resource
    /// can be judged: its name.
    rules_unknown: Option<&'static str>,
    /// `None`: not readable, so any node may be in maintenance.
    status: Option<ha::ManagerStatus>,
}

impl Ha {
    fn read(reader: &mut Reader<'_>, scheduler_unknown: bool) -> Self {
        let mut resources = match reader.optional("ha/resources.cfg", ha::resources) {
            Outcome::Found(resources) => Some(resources),
            Outcome::Absent => Some(BTreeMap::new()),
            Outcome::Unreadable => None,
        };
        let found = reader.optional("ha/rules.cfg", ha::rules);
        let rules_unreadable = matches!(found, Outcome::Unreadable);
        let mut rules = found.found().unwrap_or_default();
        let groups = reader.optional("ha/groups.cfg", ha::groups);
        let rules_unknown = match (scheduler_unknown, rules_unreadable, &groups) {
            (true, ..) => Some("datacenter.cfg"),
            (_, true, _) => Some("ha/rules.cfg"),
            (_, _, Outcome::Unreadable) => Some("ha/groups.cfg"),
            _ => None,
        };
        let groups = groups.found().unwrap_or_default();
        let mut members: BTreeMap<&str, Vec<Vmid>> = BTreeMap::new();
        for (vmid, resource) in resources.iter().flatten().filter(|(_, r)| !r.group.is_empty()) {
            members.entry(&resource.group).or_default().push(*vmid);
        }
        for (name, guests) in members {
            match groups.get(name) {
                Some(Some(group)) => rules.rules.push(ha::group_rule(name, group, guests)),
                Some(None) => rules.unclear.extend(guests),
                // A group that does not exist binds nobody.
                None => (),
            }
        }
        // As PVE 9 does with them (pve-ha-manager, `migrate_groups_to_resources`).
        for resource in resources.iter_mut().flat_map(|all| all.values_mut()) {
            if let Some(Some(group)) = groups.get(&resource.group) {
                resource.no_failback = group.nofailback;
            }
        }
        let status = reader.manager_status();
        let failed = status.iter().flat_map(|status| &status.in_error);
        for vmid in failed {
            if let Some(resource) = resources.as_mut().and_then(|all| all.get_mut(vmid)) {
                resource.in_error = true;
            }
        }
        for (vmid, moved) in status.iter().flat_map(|status| &status.under_way) {
            if let Some(resource) = resources.as_mut().and_then(|all| all.get_mut(vmid)) {
                resource.under_way = Some(moved.clone());
            }
        }
        Self { resources, rules, rules_unknown, status }
    }

    /// Makes a guest an HA resource, and marks it where HA's wishes for it are not known.
    fn complete(&self, facts: &mut GuestFacts) {
        facts.ha = self.resources.as_ref().and_then(|all| all.get(&facts.vmid)).cloned();
        let unknown = match () {
            () if self.resources.is_none() => Some("ha/resources.cfg"),
            () if self.status.is_none() => Some("ha/manager_status"),
            () if self.rules.unclear.contains(&facts.vmid) => Some(RULES),
            () if facts.ha.is_some() => self.rules_unknown,
            () => None,
        };
        doubt(facts, unknown);
    }
}
