//! Why a guest stays where it is.

use crate::api::SkippedGuest;
use crate::engine::words::by_hand;
use crate::model::{GuestFacts, GuestStatus};
use crate::recommend::{
    Blocker, BlockerCode, Plan, Question, Skipped, Slight, State, Step, little_need, not_reported,
};
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// Every guest that is neither recommended nor considered, with the reason.
pub(super) fn skipped(q: &Question, plan: &Plan) -> Vec<SkippedGuest> {
    let vmid = |step: &Step| q.outlook.guests[step.guest].vmid;
    let told: BTreeSet<_> =
        plan.steps.iter().map(vmid).chain(plan.considered.iter().map(|c| vmid(&c.step))).collect();
    let rest = q.inventory.guests.iter().filter(|g| !told.contains(&g.vmid));
    // All guests of a node hear the same of it.
    let needs = vec![OnceCell::new(); q.outlook.nodes.len()];
    let need = |node: usize| needs[node].get_or_init(|| little_need(q, node)).clone();
    let listed = rest.map(|guest| {
        let held = plan.skipped.get(&guest.vmid);
        let reason = match (plan.slight.get(&guest.vmid), held) {
            (_, Some(held)) => held_reason(held, || by_hand(q, guest)),
            _ if is_unrecorded(q, guest) => "no load is recorded of it".into(),
            (Some(slight), None) => slight_reason(q, plan, guest, *slight),
            (None, None) => idle_reason(q, plan, guest, &need),
        };
        SkippedGuest {
            vmid: guest.vmid,
            name: guest.name.clone(),
            node: guest.node.clone(),
            reason,
            blockers: held.map(|s| s.blockers.clone()).unwrap_or_default(),
        }
    });
    let unlisted = q.unlisted().map(|guest| {
        let blocker = Blocker::not_listed();
        SkippedGuest {
            vmid: guest.vmid,
            name: guest.name.clone(),
            node: q.outlook.nodes[guest.host].name.clone(),
            reason: blocker.text.clone(),
            blockers: vec![blocker],
        }
    });
    listed.chain(unlisted).collect()
}

/// Whether the guest runs where somebody looked for moves, with a load that nobody knows.
fn is_unrecorded(q: &Question, guest: &GuestFacts) -> bool {
    let index = q.outlook.guest_index(guest.vmid).filter(|_| guest.status.runs());
    index.map(|i| &q.outlook.guests[i]).is_some_and(|known| {
        known.is_unrecorded() && q.states[known.host].in_need && q.outlook.nodes[known.host].online
    })
}

/// What keeps a guest where it is: of several nodes that cannot take it, the best one speaks, and that it could be moved
/// `by_hand`, if so, where nothing but a storage keeps it from that.
fn held_reason(held: &Skipped, by_hand: impl FnOnce() -> Option<String>) -> String {
    let best = &held.blockers[..held.first];
    let first = best.iter().map(|b| b.text.as_str()).collect::<Vec<_>>().join("; ");
    let hand = if of_storages(best) { by_hand() } else { None };
    let why = match held.nodes {
        _ if held.is_bound() => with_its_group(&first),
        0 | 1 => first,
        _ => format!("{first}; {}", hand.unwrap_or_else(|| "no other node can take it".into())),
    };
    match held.could {
        true => format!("could go before the moves above, not after them: {why}"),
        false => why,
    }
}

/// Whether storages are all that stands in the way.
pub(in crate::engine) fn of_storages(blockers: &[Blocker]) -> bool {
    !blockers.is_empty() && blockers.iter().all(|b| b.code == BlockerCode::Storage)
}

/// Of a guest that rules keep where others are, and nothing else.
pub(in crate::engine) fn with_its_group(kept: &str) -> String {
    format!("{kept}: it could leave with them only")
}

/// Whether the plan ends because it may have no more steps.
pub(super) fn is_full(q: &Question, plan: &Plan) -> bool {
    plan.steps.len() >= q.config.max_moves as usize
}

/// Why a guest that could go stays.
fn slight_reason(q: &Question, plan: &Plan, guest: &GuestFacts, slight: Slight) -> String {
    let node = q.outlook.node_index(&guest.node).map(|n| &q.outlook.nodes[n]);
    let worth = slight.saved >= slight.asked || node.is_some_and(|n| n.maintenance);
    if worth && is_full(q, plan) {
        return format!(
            "could go as well, but the plan ends after max_moves = {}",
            q.config.max_moves
        );
    }
    format!("its best move {slight}")
}

/// Why nobody even asked whether this guest could move.
fn idle_reason(
    q: &Question,
    plan: &Plan,
    guest: &GuestFacts,
    need: &dyn Fn(usize) -> Option<String>,
) -> String {
    if guest.template {
        return "is a template".into();
    }
    let Some(node) = q.outlook.node_index(&guest.node) else {
        return format!("its node {} is not known", guest.node);
    };
    if let Some(away) = Blocker::away(&q.outlook.nodes[node]) {
        return away.text;
    }
    match guest.status {
        GuestStatus::Unknown => return not_reported(guest),
        status if !status.runs() => return "does not run".into(),
        _ if q.outlook.guest_index(guest.vmid).is_none() => return Blocker::not_recorded().text,
        _ => {}
    }
    match q.states[node].state {
        State::Unknown => format!("too little is known of {}", guest.node),
        _ if plan.steps.iter().any(|step| step.source == node) => {
            format!("other moves relieve {} better", guest.node)
        }
        _ => need(node).unwrap_or_else(|| match others(q, node) {
            0 => "there is no other node that could take it".into(),
            _ => format!("its move would take too little away from {}", guest.node),
        }),
    }
}

/// Nodes besides one that guests can be moved to.
fn others(q: &Question, node: usize) -> usize {
    let nodes = q.outlook.nodes.iter().enumerate();
    nodes.filter(|(i, n)| *i != node && n.online && !n.maintenance).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::asked::asked;
    use crate::recommend::plan;

    const HAND: &str = "by hand it could go";

    #[test]
    fn of_a_guest_that_no_sample_has_nothing_else_is_told() {
        let reasons = asked(&[("pve1", 2), ("pve2", 1)], |q| {
            let mut inventory = q.inventory.clone();
            let new = |node: &str| GuestFacts {
                vmid: 900,
                node: node.into(),
                ..inventory.guests[0].clone()
            };
            let new = [GuestFacts { vmid: 901, ..new("pve2") }, new("pve1")];
            inventory.guests.extend(new);
            let q = Question { inventory: &inventory, ..*q };
            let plan = plan(&q);
            assert!(!plan.steps.is_empty(), "pve1 is emptied");
            let told = skipped(&q, &plan).into_iter().filter(|s| s.vmid >= 900);
            told.map(|s| s.reason).collect::<Vec<_>>()
        });
        assert_eq!(reasons, ["runs, but nothing is recorded of it yet"; 2]);
    }

    #[test]
    fn of_nodes_that_cannot_take_a_guest_the_best_one_speaks() {
        let blockers = vec![
            Blocker::new(BlockerCode::Overload, "pve2 would reach 98 % CPU"),
            Blocker::new(BlockerCode::Storage, "storage 'a' is not active on pve4"),
        ];
        let of = |nodes, first, could| {
            held_reason(&Skipped { blockers: blockers.clone(), first, nodes, could }, || {
                Some(HAND.into())
            })
        };
        assert_eq!(of(2, 1, false), "pve2 would reach 98 % CPU; no other node can take it");
        assert_eq!(of(1, 1, false), "pve2 would reach 98 % CPU");
        assert_eq!(of(0, 2, false), "pve2 would reach 98 % CPU; storage 'a' is not active on pve4");
        let (blockers, nodes) = (blockers[1..].to_vec(), 2);
        let by_name = Skipped { blockers, first: 1, nodes, could: false };
        let by_name = |hand: Option<&str>| held_reason(&by_name, || hand.map(String::from));
        let alone = "storage 'a' is not active on pve4";
        assert_eq!(by_name(Some(HAND)), format!("{alone}; {HAND}"));
        assert_eq!(by_name(None), format!("{alone}; no other node can take it"));
        assert_eq!(
            of(1, 1, true),
            "could go before the moves above, not after them: pve2 would reach 98 % CPU"
        );
    }
}
