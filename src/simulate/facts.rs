//! The simulated cluster's configuration: what is where and on which storage.

use super::guest::{Guest, Presence};
use super::scenario::StorageSpec;
use super::simulation::Simulation;
use crate::model::{
    Bytes, Disk, DiskSource, GIB, GuestFacts, GuestKind, GuestStatus, Inventory, NodeFacts,
    StorageFacts,
};

impl Simulation {
    /// Configuration as of the last tick: guests with their disks, storages, no rules.
    pub fn inventory(&self) -> Inventory {
        let mut nodes: Vec<NodeFacts> = (0..self.nodes.len()).map(|i| self.node_facts(i)).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        let local = nodes.iter().find(|n| n.online == Some(true)).or(nodes.first());
        let local_node = local.map(|n| n.name.clone()).unwrap_or_default();
        let storages = self.storages.iter().map(|s| (s.id.clone(), storage_facts(s)));
        Inventory {
            ts: self.time,
            cluster: self.cluster.clone(),
            local_node,
            quorate: Some(true),
            nodes,
            guests: (0..self.guests.len()).filter_map(|i| self.guest_facts(i)).collect(),
            storages: Some(storages.collect()),
            ..Inventory::default()
        }
    }

    fn node_facts(&self, i: usize) -> NodeFacts {
        let node = &self.nodes[i];
        let storage = self.storages.iter().filter(|s| s.is_on(&node.name));
        let samples = self.storage_samples(&node.name);
        let free = samples.iter().filter_map(|s| Some((s.id.clone(), s.free()?)));
        let size = samples.iter().filter_map(|s| Some((s.id.clone(), s.size()?)));
        NodeFacts {
            name: node.name.clone(),
            online: Some(self.is_online(i)),
            maxcpu: Some(node.capacity.cores),
            maxmem: Some(node.capacity.memory),
            storage: Some(storage.map(|s| s.id.clone()).collect()),
            storage_free: free.collect(),
            storage_size: size.collect(),
            ..NodeFacts::default()
        }
    }

    fn guest_facts(&self, i: usize) -> Option<GuestFacts> {
        let (guest, host) = (&self.guests[i], self.hosts[i]);
        let status = match guest.at(self.time) {
            Presence::Absent => return None,
            _ if !self.is_online(host) => GuestStatus::Unknown,
            Presence::Stopped => GuestStatus::Stopped,
            Presence::Running(_) => GuestStatus::Running,
        };
        let node = self.nodes[host].name.clone();
        Some(GuestFacts {
            vmid: guest.vmid,
            kind: guest.kind,
            name: guest.name.clone(),
            disks: self.disk(guest, &node).into_iter().collect(),
            node,
            status,
            created: Some(guest.created),
            maxcpu: Some(guest.cores),
            maxmem: Some(guest.memory),
            ..GuestFacts::default()
        })
    }

    /// The guest's only disk: on the storage it names, or the first on `node` that takes its kind.
    fn disk(&self, guest: &Guest, node: &str) -> Option<Disk> {
        let (key, content, gib) = match guest.kind {
            GuestKind::Qemu => ("scsi0", "images", 32.0),
            GuestKind::Lxc => ("rootfs", "rootdir", 8.0),
        };
        let fits = |s: &&StorageSpec| s.is_on(node) && s.content.iter().any(|c| c == content);
        let fitting = || self.storages.iter().find(fits).map(|s| s.id.clone());
        let storage = guest.storage.clone().or_else(fitting)?;
        let volume = format!("vm-{}-disk-0", guest.vmid);
        let source = DiskSource::Volume { storage, volume };
        Some(Disk { key: key.into(), source, size: Some(Bytes(gib * GIB)), ..Disk::default() })
    }
}

fn storage_facts(spec: &StorageSpec) -> StorageFacts {
    StorageFacts {
        kind: spec.kind.clone(),
        shared: spec.shared,
        nodes: spec.nodes.clone(),
        disabled: false,
        content: spec.content.clone(),
    }
}
