//! What an admin can paste into a shell on the source node.

use crate::model::{GuestFacts, GuestKind, Inventory, Vmid};
use crate::recommend::{Question, has_local_disks};
use std::borrow::Cow;

/// The command that moves a guest. HA guests go through the HA manager, which would bring back what
/// is moved behind its back.
pub(super) fn command(q: &Question, vmid: Vmid, target: &str) -> String {
    line(q.inventory, kind(q, vmid, q.inventory.guest(vmid)), vmid, target)
}

fn line(inventory: &Inventory, kind: GuestKind, vmid: Vmid, target: &str) -> String {
    let target = shell_word(target);
    let facts = inventory.guest(vmid);
    let running = facts.is_none_or(|f| f.status.runs());
    let local = facts.is_some_and(|f| has_local_disks(f, inventory));
    if facts.is_some_and(GuestFacts::ha_moves) {
        return format!("ha-manager migrate {}:{vmid} {target}", kind.ha_prefix());
    }
    match (kind, running) {
        (GuestKind::Lxc, true) => format!("pct migrate {vmid} {target} --restart"),
        (GuestKind::Lxc, false) => format!("pct migrate {vmid} {target}"),
        (GuestKind::Qemu, true) if local => {
            format!("qm migrate {vmid} {target} --online --with-local-disks")
        }
        (GuestKind::Qemu, true) => format!("qm migrate {vmid} {target} --online"),
        (GuestKind::Qemu, false) => format!("qm migrate {vmid} {target}"),
    }
}

/// A word of a command as a shell takes it: names come from files of others, too.
pub fn shell_word(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/');
    match !word.is_empty() && word.chars().all(plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', "'\\''")).into(),
    }
}

/// As the store saw it, else as the configuration has it.
fn kind(q: &Question, vmid: Vmid, facts: Option<&GuestFacts>) -> GuestKind {
    let guests = &q.outlook.guests;
    match guests.binary_search_by_key(&vmid, |g| g.vmid) {
        Ok(index) => guests[index].kind,
        Err(_) => facts.map_or(GuestKind::Qemu, |f| f.kind),
    }
}

#[cfg(test)]
mod tests {
    use super::{line, shell_word};
    use crate::model::{
        Disk, DiskSource, GuestFacts, GuestKind, GuestStatus, HaResource, Inventory, StorageFacts,
    };

    /// The command for a running guest with a disk on local storage, in that state of HA.
    fn of_local(kind: GuestKind, ha: Option<&str>) -> String {
        let source = DiskSource::Volume { storage: "local-lvm".into(), volume: "disk-0".into() };
        let guest = GuestFacts {
            vmid: 100,
            kind,
            status: GuestStatus::Running,
            disks: vec![Disk { key: "scsi0".into(), source, ..Disk::default() }],
            ha: ha.map(|state| HaResource { state: state.into(), ..HaResource::default() }),
            ..GuestFacts::default()
        };
        let storages = [("local-lvm".to_string(), StorageFacts::default())].into();
        let inventory =
            Inventory { guests: vec![guest], storages: Some(storages), ..Inventory::default() };
        line(&inventory, kind, 100, "b")
    }

    #[test]
    fn a_local_disk_is_copied_though_its_size_is_not_told() {
        let want = "qm migrate 100 b --online --with-local-disks";
        assert_eq!(of_local(GuestKind::Qemu, None), want);
    }

    #[test]
    fn what_ha_ignores_is_not_moved_by_it() {
        let (qemu, lxc) = (GuestKind::Qemu, GuestKind::Lxc);
        for (kind, state, want) in [
            (qemu, "started", "ha-manager migrate vm:100 b"),
            (lxc, "stopped", "ha-manager migrate ct:100 b"),
            (qemu, "ignored", "qm migrate 100 b --online --with-local-disks"),
            (lxc, "ignored", "pct migrate 100 b --restart"),
        ] {
            assert_eq!(of_local(kind, Some(state)), want);
        }
    }

    #[test]
    fn a_name_stays_one_word_of_the_command() {
        for (name, word) in [("pve-1.lan", "pve-1.lan"), ("a; b", "'a; b'"), ("it's", r"'it'\''s'")]
        {
            assert_eq!(shell_word(name), word);
        }
    }
}
