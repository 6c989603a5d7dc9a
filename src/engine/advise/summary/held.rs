//! Why nobody moves although a node is in trouble.

use super::left::is_too_small;
use crate::outlook::GuestOutlook;
use crate::recommend::{BlockerCode, Plan, Question, State};
use std::collections::BTreeMap;

/// Whether of most guests of the nodes in need no load is recorded.
fn is_unrecorded(q: &Question) -> bool {
    let guests = || q.outlook.guests.iter().filter(|g| q.states[g.host].in_need);
    2 * guests().filter(|g| g.is_unrecorded()).count() > guests().count()
}

const ON_THEIR_WAY: &str = "guests are on their way to other nodes, or have just arrived there";

/// What keeps most guests of troubled nodes where they are, by the reason that is told of each.
pub(in crate::engine::advise) fn held(q: &Question, plan: &Plan) -> &'static str {
    use BlockerCode as C;
    let reason = |code: C| match code {
        C::CrsBalanced => "the guests that would help are left to PVE's own balancer",
        C::Cooldown | C::PingPong | C::FailedBefore => {
            "the guests that would help have moved not long ago"
        }
        // At other hours another node has room, or for what it would get in exchange.
        C::Overload if !is_too_small(q) => {
            "no single move helps: it would take another node over a threshold"
        }
        C::Overload | C::MemoryCapacity | C::N1Reserve | C::TooManyCores => {
            "no node has room for the guests that would help"
        }
        C::ConfigUnknown => "the guests that would help are not known well enough to move them",
        C::MovedSince => ON_THEIR_WAY,
        C::Locked => "guests are locked or on their way",
        C::OlderVersion => "the other nodes are of an older version of PVE",
        C::HaMoves => "HA moves the guests by itself that would help",
        C::HaError => "HA has given up the guests that would help",
        C::NodeOffline | C::NodeSilent | C::NodeMaintenance => {
            "the other nodes are offline, silent or in maintenance"
        }
        _ => "rules, storages, devices or tags keep the guests there that would help",
    };
    // What was measured of a node that they leave will be true no more.
    let leaves = |g: &GuestOutlook| g.is_on_its_way() && q.states[g.seen].state != State::Healthy;
    if q.outlook.guests.iter().any(leaves) {
        return ON_THEIR_WAY;
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    // Who would not help is not asked for.
    let helps = plan.skipped.iter().filter(|(vmid, _)| !plan.slight.contains_key(vmid));
    for first in helps.filter_map(|(_, s)| s.blockers.first()) {
        *counts.entry(reason(first.code)).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    match most {
        Some((reason, _)) => reason,
        None if q.outlook.nodes.len() == 1 => "there is no other node",
        None if is_unrecorded(q) => {
            "of most of its guests no load is recorded: whose move would help is not known"
        }
        None if !q.states.iter().any(|state| state.in_need) => {
            "what is expected above the thresholds is too little for a move"
        }
        None => "no move would take enough away",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::advise::advise;
    use crate::engine::asked::asked;
    use crate::model::Fraction;
    use crate::recommend::{Blocker, Constraints, Skipped, states};

    #[test]
    fn where_guests_are_on_their_way_it_is_told() {
        let told = |state, host| {
            asked(&[("pve1", 2), ("pve2", 1)], |q| {
                let (mut outlook, mut states) = (q.outlook.clone(), q.states.to_vec());
                outlook.guests[0].host = host;
                states[0].state = state;
                held(&Question { outlook: &outlook, states: &states, ..*q }, &Plan::default())
            })
        };
        assert_eq!(told(State::Overloaded, 1), ON_THEIR_WAY);
        assert_ne!(told(State::Overloaded, 0), ON_THEIR_WAY, "nobody moves");
        assert_ne!(told(State::Healthy, 1), ON_THEIR_WAY, "it leaves no node that is in trouble");
    }

    #[test]
    fn what_holds_most_guests_is_what_is_told_of_them() {
        let skipped = |vmid, codes: &[BlockerCode]| {
            let blockers = codes.iter().map(|code| Blocker::new(*code, "")).collect();
            (vmid, Skipped { blockers, nodes: 2, first: 1, could: false })
        };
        let all = [
            skipped(100, &[BlockerCode::PingPong, BlockerCode::N1Reserve]),
            skipped(101, &[BlockerCode::PingPong, BlockerCode::Overload]),
            // That of a node further down the list is not what holds it.
            skipped(102, &[BlockerCode::Overload, BlockerCode::NodeOffline]),
        ];
        let plan = Plan { skipped: all.into(), ..Plan::default() };
        let told = asked(&[("pve1", 1), ("pve2", 1)], |q| held(q, &plan));
        assert_eq!(told, "the guests that would help have moved not long ago");
        let alone = asked(&[("pve1", 1)], |q| held(q, &Plan::default()));
        assert_eq!(alone, "there is no other node");
    }

    #[test]
    fn where_most_loads_are_not_known_no_move_is_said_to_be_useless() {
        let told = |known: usize| {
            asked(&[("pve1", 0), ("pve2", 3)], |q| {
                let mut outlook = q.outlook.clone();
                outlook.nodes[0].maintenance = false;
                outlook.nodes[1].base.cpu = vec![7.9; 24];
                for (node, cpu) in outlook.nodes.iter_mut().zip([0.1, 0.99]) {
                    node.cpu.current = Some(Fraction(cpu));
                }
                outlook.guests[known..].iter_mut().for_each(|g| g.history_hours = 0.0);
                let mut inventory = q.inventory.clone();
                inventory.nodes[0].maintenance = false;
                let (inventory, constraints) = (&inventory, &Constraints::new(&inventory));
                let states = states(&outlook, q.config, q.local);
                let q =
                    Question { states: &states, outlook: &outlook, inventory, constraints, ..*q };
                let advice = advise(&q, 0, Vec::new());
                (
                    advice.summary,
                    advice.skipped.iter().map(|s| s.reason.clone()).collect::<Vec<_>>(),
                )
            })
        };
        let (summary, reasons) = told(1);
        let unknown =
            "of most of its guests no load is recorded: whose move would help is not known";
        assert!(summary.contains(unknown), "{summary}");
        assert_eq!(reasons[1..], ["no load is recorded of it", "no load is recorded of it"]);
        assert_ne!(reasons[0], reasons[1]);
        assert!(told(2).0.contains("no move would take enough away"));
    }
}
