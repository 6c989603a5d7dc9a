//! Disks on storages that are not shared: which are copied, and which PVE does not copy.

use super::{Constraints, runs};
use crate::model::{Bytes, Disk, DiskSource, GuestFacts, GuestKind, Inventory, StorageFacts};

impl Constraints<'_> {
    /// That a template's volume has linked clones, with which PVE does not copy it (qemu-server, `scan_local_volumes`).
    pub(super) fn cloned(&self, guest: &GuestFacts, volume: &LocalVolume) -> Option<String> {
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
}

/// A disk on a storage that is not shared.
pub(super) struct LocalVolume<'a> {
    pub(super) disk: &'a Disk,
    pub(super) storage: &'a str,
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
    pub(super) fn not_copied(&self, guest: &GuestFacts) -> Option<String> {
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

pub(super) fn local_volumes<'a>(
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
pub(in crate::recommend) fn size_of(disks: &[LocalDisk]) -> Bytes {
    // Not a sum: that of nothing is -0.0.
    Bytes(disks.iter().filter_map(|disk| disk.size).fold(0.0, |sum, size| sum + size.0))
}
