//! What stays as it is with all moves.

use super::super::stays::is_full;
use crate::engine::words::{ha_empties, listed};
use crate::evidence::guest_label;
use crate::model::{Bytes, counted};
use crate::outlook::{GuestOutlook, Levels, Limits, NodeOutlook, Resource};
use crate::recommend::{Plan, Question, leaves_maintenance, overload_of_all};

/// Running guests that stay on nodes which somebody wants to be empty.
pub(super) fn left_behind(q: &Question, plan: &Plan) -> String {
    let leaves = |guest: usize| plan.steps.iter().any(|step| step.guest == guest);
    let of_node = |(index, node): (usize, &NodeOutlook)| {
        let guests = q.outlook.guests.iter().enumerate();
        let stay = guests.filter(|(i, g)| g.host == index && !leaves(*i));
        let of_ha = |vmid| q.inventory.guest(vmid).is_some_and(leaves_maintenance);
        let (ha, stay): (Vec<_>, Vec<_>) = stay.partition(|(_, g)| of_ha(g.vmid));
        let (stay, name) = (stay.len(), &node.name);
        let verb = if stay == 1 { "stays" } else { "stay" };
        let mut told = String::new();
        let who = match ha.is_empty() {
            true => format!(
                "{name} is in maintenance, but {} {verb} there",
                counted(stay, "running guest")
            ),
            false => {
                told += &format!(" {}.", ha_empties(name));
                format!("{} {verb} on {name}", counted(stay, "other running guest"))
            }
        };
        if stay > 0 {
            told += &format!(
                " {who}: `pve-foresight drain --node {name}` finds their places, or tells why there are none."
            );
        }
        (node.online && node.maintenance && !told.is_empty()).then_some(told)
    };
    q.outlook.nodes.iter().enumerate().filter_map(of_node).collect()
}

/// Where and how long nodes stay above their thresholds with all steps.
pub(super) fn still_above(q: &Question, plan: &Plan) -> String {
    let mut above: Vec<(&NodeOutlook, f64)> = q
        .outlook
        .nodes
        .iter()
        .zip(&plan.left)
        .map(|(node, left)| (node, left.node_hours.round()))
        .filter(|(_, hours)| *hours >= 1.0)
        .collect();
    above.sort_by(|a, b| b.1.total_cmp(&a.1));
    let told: Vec<String> = above
        .iter()
        .map(|(node, hours)| format!("{} for {}", node.name, counted(*hours, "hour")))
        .collect();
    let why = match is_full(q, plan) {
        true => format!("; max_moves = {} ends the plan here", q.config.max_moves),
        false => String::new(),
    };
    match told.is_empty() {
        true => String::new(),
        false => format!(" Left above the thresholds: {}{why}.", listed(&told)),
    }
}

/// Guests that by themselves keep a node above its threshold with all steps, and would any other.
pub(super) fn too_large(q: &Question, plan: &Plan) -> String {
    let limits = Limits::thresholds(q.config);
    let of_guest = |(index, guest): (usize, &GuestOutlook)| {
        let goes = plan.steps.iter().find(|step| step.guest == index);
        let host = goes.map_or(guest.host, |step| step.target);
        if plan.left.get(host).is_none_or(|left| left.node_hours < 1.0) {
            return None;
        }
        Resource::ALL.into_iter().find_map(|resource| {
            let needs = Levels::of(guest.load.of(resource).iter().copied(), &q.outlook.weights).high;
            let able = |n: &&NodeOutlook| n.online && !n.maintenance;
            let mut nodes = q.outlook.nodes.iter().filter(able);
            let too_much = |n: &NodeOutlook| needs > limits.of(resource) * n.capacity(resource);
            if !nodes.all(too_much) {
                return None;
            }
            let node = &q.outlook.nodes[host];
            let (needs, has) = match resource {
                Resource::Cpu => (format!("{needs:.0}"), format!("{:.0}", node.cores)),
                Resource::Memory => (Bytes(needs).to_string(), format!("{} of memory", node.memory)),
            };
            Some(format!(
                " {} alone needs {needs} of the {has} of {} in its busy hours, and no node has that much below its \
                 threshold: no placement changes that.",
                guest_label(guest),
                node.name
            ))
        })
    };
    q.outlook.guests.iter().enumerate().filter_map(of_guest).collect()
}

/// That the cluster as a whole is too small, where that is most of what is left.
pub(super) fn unavoidable(q: &Question, plan: &Plan) -> String {
    let limits = Limits::thresholds(q.config);
    let whole = |resource| (resource, overload_of_all(resource, q.outlook, limits));
    let most = Resource::ALL
        .map(whole)
        .into_iter()
        .filter(|(_, o)| o.node_hours >= 1.0 && 2.0 * o.core_hours >= plan.after.core_hours)
        .max_by(|(_, a), (_, b)| a.core_hours.total_cmp(&b.core_hours));
    let able = q.outlook.nodes.iter().all(|n| n.online && !n.maintenance);
    let who = match q.outlook.nodes.as_slice() {
        [only] => format!("{} is", only.name),
        _ if able => "All nodes together are".into(),
        _ => "The nodes that can carry guests are".into(),
    };
    most.map_or(String::new(), |(resource, o)| {
        format!(
            " {who} expected above {:.0} % {} for {:.0} of the next {:.0} hours: no \
             placement changes that.",
            limits.of(resource) * 100.0,
            resource.label(),
            o.node_hours,
            q.outlook.horizon()
        )
    })
}

/// Whether all nodes together are too small at some hour.
pub(super) fn is_too_small(q: &Question) -> bool {
    let limits = Limits::thresholds(q.config);
    let above = |resource| overload_of_all(resource, q.outlook, limits).node_hours >= 1.0;
    Resource::ALL.into_iter().any(above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::asked::asked;
    use crate::model::{Cores, HaResource};
    use crate::recommend::{Constraints, Overload, plan};

    #[test]
    fn who_stays_on_a_node_in_maintenance_is_told() {
        let told = |nodes: &[(&str, usize)]| asked(nodes, |q| left_behind(q, &Plan::default()));
        assert_eq!(
            told(&[("pve1", 2), ("pve2", 1)]),
            " pve1 is in maintenance, but 2 running guests stay there: `pve-foresight drain --node pve1` \
             finds their places, or tells why there are none."
        );
        assert!(told(&[("pve1", 1)]).contains("1 running guest stays there"));
        assert_eq!(told(&[("pve1", 0), ("pve2", 1)]), "");
    }

    #[test]
    fn where_nodes_stay_above_their_thresholds_is_told() {
        let of = |node_hours| Overload { node_hours, core_hours: 1.0 };
        let told = |left: &[f64], max_moves| {
            asked(&[("pve1", 1), ("pve2", 1)], |q| {
                let mut config = *q.config;
                config.max_moves = max_moves;
                let left = left.iter().map(|hours| of(*hours)).collect();
                let plan = Plan { left, ..Plan::default() };
                still_above(&Question { config: &config, ..*q }, &plan)
            })
        };
        assert_eq!(told(&[0.2, 107.0], 5), " Left above the thresholds: pve2 for 107 hours.");
        let both = " Left above the thresholds: pve2 for 9 hours and pve1 for 1 hour; max_moves = 0 \
                    ends the plan here.";
        assert_eq!(told(&[1.0, 9.0], 0), both);
        assert_eq!(told(&[0.0, 0.4], 5), "");
    }

    #[test]
    fn a_guest_that_is_too_large_for_any_node_is_told() {
        let told = |cores: f64| {
            asked(&[("pve1", 2), ("pve2", 1)], |q| {
                let mut outlook = q.outlook.clone();
                outlook.nodes[0].maintenance = false;
                outlook.guests[0].load.cpu = vec![7.0; 24];
                outlook.nodes[1].cores = Cores(cores);
                let left = Overload { node_hours: 24.0, core_hours: 14.0 };
                let plan = Plan { left: vec![left, Overload::default()], ..Plan::default() };
                too_large(&Question { outlook: &outlook, ..*q }, &plan)
            })
        };
        assert_eq!(
            told(8.0),
            " VM 100 alone needs 7 of the 8 cores of pve1 in its busy hours, and no node has that much \
             below its threshold: no placement changes that."
        );
        assert_eq!(told(16.0), "", "pve2 has");
    }

    #[test]
    fn that_ha_empties_a_node_in_maintenance_is_told() {
        asked(&[("pve1", 3), ("pve2", 1)], |q| {
            let mut inventory = q.inventory.clone();
            for guest in &mut inventory.guests[..2] {
                let state = "started".into();
                guest.ha = Some(HaResource { state, ..HaResource::default() });
            }
            let (inventory, constraints) = (&inventory, &Constraints::new(&inventory));
            let q = Question { inventory, constraints, ..*q };
            let plan = plan(&q);
            let moved: Vec<usize> = plan.steps.iter().map(|step| step.guest).collect();
            assert_eq!(moved, [2], "the others are HA's to move");
            let ha = " pve1 is in maintenance: the HA manager moves its HA guests by itself.";
            assert_eq!(left_behind(&q, &plan), ha);
            let more = " 1 other running guest stays on pve1: `pve-foresight drain --node pve1` finds their \
                        places, or tells why there are none.";
            assert_eq!(left_behind(&q, &Plan::default()), format!("{ha}{more}"));
        });
    }
}
