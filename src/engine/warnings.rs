//! What makes advice fail, or leaves it incomplete: all answers begin with it.

use super::words::{are, is_are, listed, names};
use crate::model::{GuestFacts, counted};
use crate::recommend::{Question, State, pins};
use std::collections::BTreeMap;

/// What all answers begin with, besides what was `odd` before: that PVE refuses all of it, and what nobody could check.
pub(super) fn of_all(q: &Question, odd: Vec<String>) -> Vec<String> {
    let all = no_quorum(q).into_iter().chain(odd).chain(unknown(q)).chain(not_listed(q));
    all.chain(nodes_not_listed(q)).chain(pinned_nowhere(q)).collect()
}

/// That PVE refuses all that is advised.
fn no_quorum(q: &Question) -> Option<String> {
    (q.inventory.quorate == Some(false)).then(|| {
        "the cluster has no quorum: PVE refuses to move or change any guest until it has (`pvecm status`); \
         nodes that seem offline may run on their own, with guests of which nothing is known here"
            .into()
    })
}

/// A summary, led by what makes everything that it advises fail.
pub(super) fn refused_now(q: &Question, summary: String) -> String {
    match q.inventory.quorate {
        Some(false) => format!("No quorum: the cluster refuses every move for now. {summary}"),
        _ => summary,
    }
}

/// What nobody could check.
fn unknown(q: &Question) -> Option<String> {
    let text = "storages, disks, HA rules and tags are not known: give --inventory, or check them \
                before you move a guest";
    (!q.constraints.knows_storages()).then(|| text.into())
}

/// That guests run which the inventory does not have.
pub(super) fn not_listed(q: &Question) -> Option<String> {
    let guests: Vec<String> = q.unlisted().map(|g| g.vmid.to_string()).collect();
    let one = guests.len() == 1;
    (!guests.is_empty()).then(|| {
        format!(
            "{} {} not in the inventory ({}) and {}: is it of this cluster, and of now?",
            counted(guests.len(), "running guest"),
            is_are(guests.len()),
            listed(&guests),
            if one { "stays where it is" } else { "stay where they are" }
        )
    })
}

/// That nodes report which the inventory does not have.
fn nodes_not_listed(q: &Question) -> Option<String> {
    let unlisted = q.outlook.nodes.iter().filter(|node| q.inventory.node(&node.name).is_none());
    let nodes: Vec<String> = unlisted.map(|node| node.name.clone()).collect();
    let there = if nodes.len() == 1 { "there" } else { "on them" };
    (!nodes.is_empty()).then(|| {
        format!(
            "{} not in the inventory: which storages and devices are {there} is not known, nor the version of PVE",
            are(&nodes)
        )
    })
}

/// That guests are pinned to what is no node of the cluster, as by a slip: nothing could move them.
fn pinned_nowhere(q: &Question) -> Vec<String> {
    let is_node = |pin: &str| {
        let known = q.outlook.nodes.iter().map(|n| &n.name);
        known.chain(q.inventory.nodes.iter().map(|n| &n.name)).any(|n| n.eq_ignore_ascii_case(pin))
    };
    let mut guests: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for guest in &q.inventory.guests {
        for pin in pins(guest).filter(|pin| !is_node(pin)) {
            guests.entry(pin).or_default().push(guest.vmid.to_string());
        }
    }
    let told = |(pin, guests): (&str, Vec<String>)| {
        format!("{} pinned to {pin}, which is no node of this cluster", are(&guests))
    };
    guests.into_iter().map(told).collect()
}

/// That nodes do not report or are offline.
pub(super) fn away(q: &Question) -> impl Iterator<Item = String> {
    silent(q).into_iter().chain(offline(q))
}

/// That nodes are offline, whose guests no advice is about.
fn offline(q: &Question) -> Option<String> {
    let nodes = names(q, |s| s.state == State::Offline);
    let there = |g: &&GuestFacts| !g.template && nodes.contains(&g.node);
    let guests = q.inventory.guests.iter().filter(there).count();
    let left_out = match guests {
        0 => String::new(),
        _ => format!("; {} there {} not looked at", counted(guests, "guest"), is_are(guests)),
    };
    (!nodes.is_empty()).then(|| format!("{} offline{left_out}", are(&nodes)))
}

/// That nodes do not report.
fn silent(q: &Question) -> Option<String> {
    let nodes = names(q, |s| s.state == State::Silent);
    let one = nodes.len() == 1;
    (!nodes.is_empty()).then(|| {
        format!(
            "{} online, but {} not report: nothing is moved there, and of the guests there nothing \
             is known; see `systemctl status pvestatd` there",
            are(&nodes),
            if one { "does" } else { "do" },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::advise::advise;
    use super::super::asked::asked;
    use super::super::explain::{drain_reply, explain_reply};
    use super::*;
    use crate::model::Inventory;
    use crate::recommend::drain;

    #[test]
    fn of_nodes_that_are_offline_it_is_told_whose_load_is_missing() {
        let told = |guests| {
            asked(&[("pve1", guests), ("pve2", 1)], |q| {
                let mut states = q.states.to_vec();
                states[0].state = State::Offline;
                away(&Question { states: &states, ..*q }).collect::<Vec<String>>()
            })
        };
        assert_eq!(told(2), ["pve1 is offline; 2 guests there are not looked at"]);
        assert_eq!(told(1), ["pve1 is offline; 1 guest there is not looked at"]);
        assert_eq!(told(0), ["pve1 is offline"]);
    }

    #[test]
    fn nodes_that_the_inventory_does_not_have_are_told() {
        let told = |listed: usize| {
            asked(&[("pve1", 1), ("pve2", 1), ("pve3", 1)], |q| {
                let mut inventory = q.inventory.clone();
                inventory.nodes.truncate(listed);
                nodes_not_listed(&Question { inventory: &inventory, ..*q })
            })
        };
        let rest = "not in the inventory: which storages and devices are";
        let after = "is not known, nor the version of PVE";
        assert_eq!(told(2), Some(format!("pve3 is {rest} there {after}")));
        assert_eq!(told(1), Some(format!("pve2 and pve3 are {rest} on them {after}")));
        assert_eq!(told(3), None);
    }

    #[test]
    fn guests_that_are_pinned_to_no_node_are_told() {
        let told = |tags: &[&str]| {
            asked(&[("pve1", 2), ("pve2", 1)], |q| {
                let mut inventory = q.inventory.clone();
                for guest in &mut inventory.guests[1..] {
                    guest.tags = tags.iter().map(|tag| tag.to_string()).collect();
                }
                let q = Question { inventory: &inventory, ..*q };
                let drained = drain_reply(&q, 0, &drain(&q, 0), 0, Vec::new()).warnings;
                let warnings = advise(&q, 0, Vec::new()).warnings;
                assert_eq!(warnings, drained);
                warnings.into_iter().filter(|text| text.contains("pinned")).collect::<Vec<_>>()
            })
        };
        assert!(told(&["pin_PVE1", "pin_pve2"]).is_empty());
        let want = "101 and 102 are pinned to pve9, which is no node of this cluster";
        assert_eq!(told(&["pin_pve9", "pin_pve1"]), [want]);
    }

    #[test]
    fn without_quorum_all_advice_says_so_first() {
        asked(&[("pve1", 1), ("pve2", 1)], |q| {
            let inventory = Inventory { quorate: Some(false), ..q.inventory.clone() };
            let q = Question { inventory: &inventory, ..*q };
            let guest = q.inventory.guest(101).expect("listed");
            let odd = || vec!["odd".to_string()];
            let advice = advise(&q, 0, odd());
            let drained = drain_reply(&q, 0, &drain(&q, 0), 0, odd());
            let explained = explain_reply(&q, guest, 0, odd());
            for (warnings, summary) in [
                (advice.warnings, advice.summary),
                (drained.warnings, drained.summary),
                (explained.warnings, explained.summary),
            ] {
                assert!(warnings[0].starts_with("the cluster has no quorum"), "{warnings:?}");
                assert!(summary.starts_with("No quorum: "), "{summary}");
            }
        });
        let told = asked(&[("pve1", 1), ("pve2", 1)], |q| advise(q, 0, Vec::new()).summary);
        assert!(!told.contains("quorum"), "it is not known whether there is one: {told}");
    }
}
