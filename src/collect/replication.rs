//! `replication.cfg`: where the local disks of guests are replicated to.

use super::section::{sections, typed};
use super::text::{Notes, Parsed, clean_name, decode, number, quote};
use crate::model::{ReplicationJob, Vmid};
use std::collections::BTreeMap;

/// Reads the jobs of each guest; the id of a job is `VMID-NUMBER`.
pub fn parse(bytes: &[u8]) -> Parsed<BTreeMap<Vmid, Vec<ReplicationJob>>> {
    let mut notes = Notes::default();
    let text = decode(bytes, &mut notes);
    let mut value: BTreeMap<Vmid, Vec<ReplicationJob>> = BTreeMap::new();
    for section in sections(&text, typed, &mut notes) {
        let Some(vmid) = section.id.split_once('-').and_then(|(vmid, _)| number(vmid)) else {
            notes
                .add(section.line, format!("{} is no replication job, ignored", quote(section.id)));
            continue;
        };
        value.entry(vmid).or_default().push(ReplicationJob {
            target: clean_name(section.get("target").unwrap_or_default()),
            removed: section.get("remove_job").is_some(),
        });
    }
    Parsed { value, notes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_by_guest() {
        let text = b"local: 100-0\n\ttarget pve2\n\tschedule */15\n\nlocal: 100-1\n\tdisable\n\ttarget \
                     pve3\n\nlocal: 7-0\n\ttarget pve1\n\tremove_job full\n\nlocal: odd\n\ttarget x\n";
        let parsed = parse(text);
        let job = |target: &str, removed| ReplicationJob { target: target.into(), removed };
        assert_eq!(
            parsed.value,
            [(7, vec![job("pve1", true)]), (100, vec![job("pve2", false), job("pve3", false)])]
                .into()
        );
        assert_eq!(parsed.notes.iter().map(|n| n.line).collect::<Vec<_>>(), [13]);
    }
}
