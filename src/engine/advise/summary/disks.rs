//! Storages that fill up, and nodes that wait for their disks: trouble that no move of a guest by CPU or memory ends.

use crate::engine::words::listed;
use crate::evidence::guest_label;
use crate::model::{Bytes, BytesPerSecond, GuestFacts, MIB, Vmid, counted, percent_beside, signed};
use crate::outlook::{IO_WAIT, NodeOutlook, STORAGE};
use crate::recommend::{
    Finding, NodeState, Question, State, can_leave, copied_disks, hours_to_full,
};
use std::collections::BTreeSet;

/// Bytes a second from which on what a guest writes is told where its node waits for disks.
const NOTABLE_WRITES: f64 = MIB;

/// The storage of a node of which most is in use, where the inventory tells.
fn fullest<'a>(q: &Question<'a>, node: &str) -> Option<&'a str> {
    let facts = q.inventory.node(node)?;
    let used = |(id, size): (&'a String, &Bytes)| {
        let free = facts.storage_free.get(id)?;
        Some((1.0 - free.0 / size.0.max(1.0), id.as_str()))
    };
    let all = facts.storage_size.iter().filter_map(used);
    all.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, id)| id)
}

/// Guests of a node that have disks on a storage which is not shared: their moves would free it.
fn guests_on<'a>(
    q: &Question<'a>,
    node: &'a str,
    storage: &'a str,
) -> impl Iterator<Item = &'a GuestFacts> {
    let inventory = q.inventory;
    let there = inventory.guests.iter().filter(move |g| g.node == node);
    there.filter(move |g| copied_disks(g, inventory).iter().any(|disk| disk.storage == storage))
}

/// Storages that are full or fill up, for which no move is planned.
pub(super) fn full_storages(q: &Question) -> String {
    let shared = |id: &str| {
        q.inventory.storages.as_ref().and_then(|all| all.get(id)).is_some_and(|s| s.shared)
    };
    let mut told_of: BTreeSet<&str> = BTreeSet::new();
    let mut guests: Vec<Vmid> = Vec::new();
    let of_node = |(node, state): (&NodeOutlook, &NodeState)| -> Option<String> {
        let used = state.full_storage()?.current?;
        let full = hours_to_full(used, &node.storage_trend);
        let rise = match (node.storage_trend.slope_per_day, full) {
            (Some(slope), Some(hours)) => {
                let days = counted((hours / 24.0).round(), "day");
                format!(" ({} %/day, full in {days})", signed(slope * 100.0, 1))
            }
            _ => String::new(),
        };
        let name = match fullest(q, &node.name) {
            // All nodes see the same one.
            Some(id) if shared(id) => told_of.insert(id).then(|| format!("'{id}'"))?,
            Some(id) => {
                guests.extend(guests_on(q, &node.name, id).map(|g| g.vmid));
                format!("'{id}' of {}", node.name)
            }
            None => format!("a storage of {}", node.name),
        };
        let used = percent_beside(used.0, q.config.storage_threshold.0);
        Some(format!("{name} is {used} % full{rise}"))
    };
    let all: Vec<String> = q.outlook.nodes.iter().zip(q.states).filter_map(of_node).collect();
    if all.is_empty() {
        return String::new();
    }
    let able: Vec<String> = can_leave(q, &guests).iter().map(ToString::to_string).collect();
    let mut facts = guests.iter().filter_map(|vmid| q.inventory.guest(*vmid));
    let by_name = facts.all(|guest| q.constraints.only_here(guest).is_some());
    let moves = match (able.is_empty(), guests.is_empty()) {
        (false, _) => format!(
            ", or move guests that have their disks there ({}): `explain` says where to",
            listed(&able)
        ),
        (true, false) if by_name => {
            ", or move guests that have their disks there by hand, to another storage \
             (`--targetstorage`): no other node has one of that name"
                .into()
        }
        (true, false) => {
            "; no node that has it can take a guest with its disks there: `explain` says why".into()
        }
        (true, true) if q.constraints.knows_storages() => "; no move of a guest does that".into(),
        (true, true) => String::new(),
    };
    format!(
        " Storage (threshold {:.0}): {}. Free or add space{moves}.",
        q.config.storage_threshold,
        listed(&all)
    )
}

/// Nodes that are in trouble because they wait for their disks, which no plan changes.
pub(super) fn waiting(q: &Question) -> String {
    let of_node = |(index, (node, state)): (usize, (&NodeOutlook, &NodeState))| -> Option<String> {
        let found = waits_for_disks(state)?;
        let busiest = q.outlook.guests.iter().filter(|g| g.host == index);
        let busiest = busiest.max_by(|a, b| a.write_bps.total_cmp(&b.write_bps));
        let writes = busiest.filter(|g| g.write_bps >= NOTABLE_WRITES).map(|guest| {
            let rate = BytesPerSecond(guest.write_bps);
            format!(
                "; {} writes most there, on average {rate:.0} in the last day",
                guest_label(guest)
            )
        });
        // The last hour, unless it was another one that was too much.
        let (share, when) = match found.current.filter(|now| *now >= found.threshold) {
            Some(now) => (now, ""),
            None => (found.high_7d?, " in its busy hours"),
        };
        Some(format!(
            " {} waits for its disks {share:.0} of the time{when} (threshold {:.0}): moves are sought by CPU and \
             memory alone{}.",
            node.name,
            found.threshold,
            writes.unwrap_or_default()
        ))
    };
    q.outlook.nodes.iter().zip(q.states).enumerate().filter_map(of_node).collect()
}

/// The finding of a node whose trouble is that it waits for its disks, and nothing else.
pub(super) fn waits_for_disks(state: &NodeState) -> Option<&Finding> {
    let in_trouble = |f: &&Finding| {
        f.metric != STORAGE && f.state > State::StableButHot && f.state < State::Offline
    };
    let mut found = state.findings.iter().filter(in_trouble);
    match (found.next(), found.next()) {
        (Some(only), None) => Some(only).filter(|f| f.metric == IO_WAIT),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary;
    use super::*;
    use crate::engine::asked::asked;
    use crate::model::{Disk, DiskSource, Fraction, StorageFacts};
    use crate::recommend::{Constraints, Urgency, plan, states};
    use crate::trend::Direction;

    /// The summary where a storage of pve2 is full: `ceph`, which the guest there uses, or `local`.
    fn of_full_storage(id: Option<&str>, guests_disk: &str) -> String {
        asked(&[("pve1", 0), ("pve2", 1)], |q| {
            let mut inventory = q.inventory.clone();
            if let Some(id) = id {
                let kind = |shared| StorageFacts { shared, ..StorageFacts::default() };
                let own = StorageFacts { nodes: vec!["pve2".into()], ..kind(false) };
                let all = [("ceph", kind(true)), ("local", kind(false)), ("own", own)];
                let all = all.map(|(id, facts)| (id.to_string(), facts));
                inventory.storages = Some(all.into());
                let facts = &mut inventory.nodes[1];
                for (name, free) in [("ceph", 60.0), ("local", 50.0), ("own", 40.0)] {
                    facts.storage_size.insert(name.into(), Bytes(100.0));
                    let free = if name == id { 13.0 } else { free };
                    facts.storage_free.insert(name.into(), Bytes(free));
                }
                let source =
                    DiskSource::Volume { storage: guests_disk.into(), volume: "disk-0".into() };
                inventory.guests[0].disks = vec![Disk { source, ..Disk::default() }];
            }
            inventory.nodes[0].maintenance = false;
            let mut outlook = q.outlook.clone();
            outlook.nodes[0].maintenance = false;
            for node in &mut outlook.nodes {
                node.cpu.current = Some(Fraction(0.1));
            }
            let node = &mut outlook.nodes[1];
            node.storage.current = Some(Fraction(0.87));
            node.storage_trend.direction = Direction::SustainedIncrease;
            (node.storage_trend.slope_per_day, node.storage_trend.confidence) = (Some(0.01), 0.99);
            let states = states(&outlook, q.config, q.local);
            assert_eq!(
                (states[1].state, states[1].urgency),
                (State::StableButHot, Urgency::Medium)
            );
            assert_eq!(states[1].urgency_of_moves, Urgency::None);
            let constraints = Constraints::new(&inventory);
            let (inventory, constraints) = (&inventory, &constraints);
            let q = Question { states: &states, outlook: &outlook, inventory, constraints, ..*q };
            summary(&q, &plan(&q))
        })
    }

    #[test]
    fn a_full_storage_is_told_and_moves_nobody() {
        assert_eq!(
            of_full_storage(None, ""),
            "Nothing to move: by CPU and memory no node is, or is heading, above its thresholds within \
             24 hours (looked at 1 guest on 2 nodes). Storage (threshold 85 %): a storage of pve2 is 87 % full \
             (+1.0 %/day, full in 13 days). Free or add space."
        );
    }

    #[test]
    fn a_full_storage_is_named_and_who_could_leave_it() {
        let of = |id, guests_disk| {
            let told = of_full_storage(Some(id), guests_disk);
            told.split_once("(threshold 85 %): ").expect("a sentence").1.to_string()
        };
        let rise = "is 87 % full (+1.0 %/day, full in 13 days). Free or add space";
        assert_eq!(
            of("local", "local"),
            format!(
                "'local' of pve2 {rise}, or move guests that have their disks there (100): `explain` \
                 says where to."
            )
        );
        assert_eq!(
            of("own", "own"),
            format!(
                "'own' of pve2 {rise}, or move guests that have their disks there by hand, to another storage \
                 (`--targetstorage`): no other node has one of that name."
            )
        );
        let able = |lock: Option<&str>| {
            asked(&[("pve1", 0), ("pve2", 1)], |q| {
                let mut inventory = q.inventory.clone();
                inventory.nodes[0].maintenance = false;
                inventory.guests[0].lock = lock.map(String::from);
                let constraints = &Constraints::new(&inventory);
                can_leave(&Question { inventory: &inventory, constraints, ..*q }, &[100])
            })
        };
        assert_eq!((able(None), able(Some("backup"))), (vec![100], vec![]));
        assert_eq!(
            of("local", "ceph"),
            format!("'local' of pve2 {rise}; no move of a guest does that.")
        );
        assert_eq!(of("ceph", "ceph"), format!("'ceph' {rise}; no move of a guest does that."));
    }

    #[test]
    fn a_node_that_waits_for_its_disks_is_told_with_who_writes_there() {
        let told_of = |iowait: [f64; 2], write_bps, cpu| {
            asked(&[("pve1", 0), ("pve2", 2)], |q| {
                let mut outlook = q.outlook.clone();
                outlook.nodes[0].maintenance = false;
                let node = &mut outlook.nodes[1];
                let [now, high] = iowait.map(|x| Some(Fraction(x)));
                (node.iowait.current, node.iowait.high_24h, node.iowait.high_7d) =
                    (now, high, high);
                (node.cpu.current, node.cpu.high_7d) = (Some(Fraction(cpu)), Some(Fraction(cpu)));
                outlook.guests[1].write_bps = write_bps;
                let states = states(&outlook, q.config, q.local);
                let q = Question { states: &states, outlook: &outlook, ..*q };
                summary(&q, &plan(&q))
            })
        };
        let told = |write_bps, cpu| told_of([0.41, 0.4], write_bps, cpu);
        let waits = " pve2 waits for its disks 41 % of the time (threshold 20 %): moves are sought by CPU and \
                     memory alone";
        let looked = "(looked at 2 guests on 2 nodes).";
        assert_eq!(
            told(5.0 * MIB, 0.1),
            format!(
                "Nothing to move {looked}{waits}; VM 101 writes most there, on average 5 MiB/s in the last day."
            )
        );
        assert_eq!(told(100.0, 0.1), format!("Nothing to move {looked}{waits}."));
        let at_times = waits.replace("41 % of the time", "28 % of the time in its busy hours");
        let told_then = told_of([0.09, 0.28], 100.0, 0.1);
        assert_eq!(told_then, format!("Nothing to move {looked}{at_times}."));
        assert!(told(0.0, 0.95).starts_with("pve2 is in trouble, but"), "{}", told(0.0, 0.95));
    }
}
