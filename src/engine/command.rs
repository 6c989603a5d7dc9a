//! What an admin can paste into a shell on the source node.

use crate::model::{GuestFacts, GuestKind, GuestStatus, Vmid};
use crate::recommend::{Cost, Question};
use std::borrow::Cow;

/// The command that moves a guest. HA guests go through the HA manager, which would bring back what
/// is moved behind its back.
pub(super) fn command(q: &Question, vmid: Vmid, cost: Option<&Cost>, target: &str) -> String {
    let target = shell_word(target);
    let facts = q.inventory.guest(vmid);
    let running = facts.is_none_or(runs);
    let copies = cost.is_some_and(|c| c.local_disks.0 > 0.0);
    let kind = kind(q, vmid, facts);
    if facts.is_some_and(|f| f.ha.is_some()) {
        let sid = if kind == GuestKind::Lxc { "ct" } else { "vm" };
        return format!("ha-manager migrate {sid}:{vmid} {target}");
    }
    match (kind, running) {
        (GuestKind::Lxc, true) => format!("pct migrate {vmid} {target} --restart"),
        (GuestKind::Lxc, false) => format!("pct migrate {vmid} {target}"),
        (GuestKind::Qemu, true) if copies => {
            format!("qm migrate {vmid} {target} --online --with-local-disks")
        }
        (GuestKind::Qemu, true) => format!("qm migrate {vmid} {target} --online"),
        (GuestKind::Qemu, false) => format!("qm migrate {vmid} {target}"),
    }
}

/// A word of a command as a shell takes it: names come from files of others, too.
fn shell_word(word: &str) -> Cow<'_, str> {
    match word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', "'\\''")).into(),
    }
}

pub(super) fn runs(guest: &GuestFacts) -> bool {
    matches!(guest.status, GuestStatus::Running | GuestStatus::Paused)
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
    use super::shell_word;

    #[test]
    fn a_name_stays_one_word_of_the_command() {
        for (name, word) in [("pve-1.lan", "pve-1.lan"), ("a; b", "'a; b'"), ("it's", r"'it'\''s'")]
        {
            assert_eq!(shell_word(name), word);
        }
    }
}
