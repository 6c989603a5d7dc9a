//! What HA rules and tags say: guests together, apart, or on some nodes.

use super::{Constraints, Placement, runs};
use crate::model::{GuestFacts, HaRuleKind, Inventory, NodeFacts, Vmid, joined};
use crate::recommend::blocker::{Blocker, BlockerCode};
use std::collections::{BTreeMap, BTreeSet};

/// Guests that belong together or apart, from HA rules and tags alike.
#[derive(Debug)]
pub(super) struct Group {
    /// `HA rule 'db'` or `tag 'exclude_db'`.
    pub(super) label: String,
    pub(super) together: bool,
    /// A rule of HA, which looks at what runs alone.
    of_ha: bool,
    pub(super) members: Vec<Vmid>,
}

/// A node affinity rule: its name, nodes with their priorities, and whether guests must stay on them.
pub(super) type NodeRule<'a> = (&'a str, &'a BTreeMap<String, i64>, bool);

/// Prefix of tags whose guests must not share a node.
const EXCLUDE_PREFIX: &str = "exclude_";
/// Prefix of tags whose guests must share a node.
const AFFINITY_PREFIX: &str = "affinity_";
/// Prefix of tags that name a node the guest must stay on.
const PIN_PREFIX: &str = "pin_";

/// Nodes that a guest must stay on by its tags.
pub(crate) fn pins(guest: &GuestFacts) -> impl Iterator<Item = &str> {
    guest.tags.iter().filter_map(|tag| tag.strip_prefix(PIN_PREFIX))
}

impl<'a> Constraints<'a> {
    /// A guest and all that rules or tags keep on its node, directly or through others.
    pub fn together(&self, vmid: Vmid) -> BTreeSet<Vmid> {
        let (mut found, mut open) = (BTreeSet::from([vmid]), vec![vmid]);
        while let Some(next) = open.pop() {
            for group in self.groups_of(next).filter(|g| g.together) {
                open.extend(group.members.iter().filter(|v| found.insert(**v)));
            }
        }
        found
    }

    /// What keeps a guest together with others, such as `HA rule 'db'`.
    pub(in crate::recommend) fn bond(&self, vmid: Vmid) -> Option<&str> {
        self.groups_of(vmid).find(|g| g.together).map(|g| g.label.as_str())
    }

    pub(super) fn groups_of(&self, vmid: Vmid) -> impl Iterator<Item = &Group> {
        self.groups_of.get(&vmid).into_iter().flatten().map(|&index| &self.groups[index])
    }

    /// HA's node affinity: `source` is the node that the guest leaves by choice, empty when it must.
    ///
    /// HA keeps a guest on the online nodes of the highest priority, and takes it there from any
    /// other (pve-ha-manager, `select_service_node`). Without failback it stays where it is allowed.
    pub(super) fn node_rules(
        &self,
        guest: &GuestFacts,
        source: &str,
        target: &NodeFacts,
        found: &mut Vec<Blocker>,
    ) {
        for (rule, nodes, strict) in self.node_rules_of(guest) {
            let listed = nodes.contains_key(&target.name);
            let held = strict || (nodes.contains_key(source) && fails_back(guest));
            let what = if !listed && held {
                format!("keeps it off {}", target.name)
            } else if source.is_empty() {
                continue;
            } else {
                let taken = self.taken(guest, nodes, &target.name, "");
                if taken.is_empty() {
                    continue;
                }
                let back = if taken.contains(&source) { "brings it back" } else { "takes it" };
                format!("{back} to {} by itself", taken.join(" or "))
            };
            let text = format!("HA rule '{rule}' {what}");
            found.push(Blocker::new(BlockerCode::HaNodeAffinity, text));
        }
    }

    /// The nodes of a rule to which HA takes a guest by itself when it is on `target`; as if the node
    /// `away` did not serve.
    fn taken(
        &self,
        guest: &GuestFacts,
        nodes: &BTreeMap<String, i64>,
        target: &str,
        away: &str,
    ) -> Vec<&str> {
        let preferred = self.preferred(nodes, away);
        let stays = !fails_back(guest) || preferred.contains(&target);
        if stays { Vec::new() } else { preferred }
    }

    /// Where HA takes a guest on by itself that has left the node `away` for `target`, in one clause.
    pub(in crate::recommend) fn taken_on(
        &self,
        guest: &GuestFacts,
        target: &str,
        away: &str,
    ) -> Option<String> {
        self.node_rules_of(guest).find_map(|(rule, nodes, _)| {
            let on = self.taken(guest, nodes, target, away);
            let to = || on.join(" or ");
            (!on.is_empty()).then(|| format!("HA rule '{rule}' takes it on to {} by itself", to()))
        })
    }

    /// That HA would bring a guest back to the node `away` that it has left for `target`, in one clause.
    pub(in crate::recommend) fn brought_back(
        &self,
        guest: &GuestFacts,
        target: &str,
        away: &str,
    ) -> Option<String> {
        let back = |nodes| self.taken(guest, nodes, target, "").contains(&away);
        let (rule, ..) = self.node_rules_of(guest).find(|(_, nodes, _)| back(nodes))?;
        Some(format!(
            "HA rule '{rule}' brings it back to {away} by itself unless that is in maintenance"
        ))
    }

    /// The node affinity rules that hold for a guest.
    fn node_rules_of(&self, guest: &GuestFacts) -> impl Iterator<Item = NodeRule<'a>> {
        let rules = self.node_rules_of.get(&guest.vmid).filter(|_| is_bound(guest));
        rules.into_iter().flatten().copied()
    }

    /// Of the nodes of a rule, without `away`, those that serve and have the highest priority.
    fn preferred(&self, nodes: &BTreeMap<String, i64>, away: &str) -> Vec<&str> {
        let serving = || self.inventory.nodes.iter().filter(|n| serves(n) && n.name != away);
        let highest = serving().filter_map(|n| nodes.get(&n.name)).max();
        let chosen = serving().filter(|n| highest.is_some() && nodes.get(&n.name) == highest);
        chosen.map(|n| n.name.as_str()).collect()
    }

    /// The node where most of the `others` of a group run, if `target` is not one with as many: HA
    /// takes the guest there. Who does not run holds nobody.
    pub(super) fn others_elsewhere<'p>(
        &self,
        others: impl Iterator<Item = Vmid>,
        target: &str,
        placement: &'p Placement,
    ) -> Option<(&'p str, Vec<Vmid>)> {
        let mut there: BTreeMap<&str, Vec<Vmid>> = BTreeMap::new();
        for other in others.filter(|v| self.is_running(*v)) {
            let online = |name: &&String| self.inventory.node(name).is_some_and(serves);
            if let Some(node) = placement.get(&other).filter(online) {
                there.entry(node).or_default().push(other);
            }
        }
        let most = there.values().map(Vec::len).max()?;
        if there.get(target).is_some_and(|others| others.len() == most) {
            return None;
        }
        there.into_iter().find(|(_, others)| others.len() == most)
    }

    fn is_running(&self, vmid: Vmid) -> bool {
        self.inventory.guest(vmid).is_some_and(runs)
    }

    pub(super) fn affinities(
        &self,
        guest: &GuestFacts,
        source: &str,
        target: &NodeFacts,
        placement: &Placement,
        found: &mut Vec<Blocker>,
    ) {
        use BlockerCode as C;
        let pins: Vec<&str> = pins(guest).collect();
        if !pins.is_empty() && !pins.iter().any(|p| p.eq_ignore_ascii_case(&target.name)) {
            found.push(Blocker::new(C::TagPin, format!("is pinned to {}", pins.join(", "))));
        }
        self.node_rules(guest, source, target, found);
        for group in self.groups_of(guest.vmid) {
            let others = || group.members.iter().copied().filter(|v| *v != guest.vmid);
            let on = |node: &str| -> Vec<Vmid> {
                others().filter(|v| placement.get(v).is_some_and(|n| n == node)).collect()
            };
            if group.together {
                let mut here = on(source);
                here.retain(|v| self.is_running(*v));
                let held = match here.is_empty() {
                    false => Some((source, here)),
                    true => self.others_elsewhere(others(), &target.name, placement),
                };
                if let Some((node, others)) = held {
                    let label = &group.label;
                    let text = format!("{label} keeps it with {} on {node}", list(&others));
                    found.push(Blocker::new(C::Together, text));
                }
            } else if let Some(other) =
                on(&target.name).into_iter().find(|v| !group.of_ha || self.is_running(*v))
            {
                let (label, node) = (&group.label, &target.name);
                let text = format!("{label} keeps it apart from {other} on {node}");
                found.push(Blocker::new(C::Apart, text));
            }
        }
    }
}

/// Groups of HA resource rules and of `affinity_*`/`exclude_*` tags.
pub(super) fn groups(inventory: &Inventory) -> Vec<Group> {
    let mut all = Vec::new();
    for rule in &inventory.ha_rules {
        if let HaRuleKind::ResourceAffinity { together } = rule.kind {
            let label = format!("HA rule '{}'", rule.name);
            let bound = |v: &&Vmid| inventory.guest(**v).is_none_or(is_bound);
            let members = rule.guests.iter().filter(bound).copied().collect();
            all.push(Group { label, together, of_ha: true, members });
        }
    }
    let mut tagged: BTreeMap<&str, Vec<Vmid>> = BTreeMap::new();
    for guest in &inventory.guests {
        for tag in &guest.tags {
            if tag.starts_with(EXCLUDE_PREFIX) || tag.starts_with(AFFINITY_PREFIX) {
                tagged.entry(tag).or_default().push(guest.vmid);
            }
        }
    }
    all.extend(tagged.into_iter().filter(|(_, members)| members.len() > 1).map(
        |(tag, members)| Group {
            label: format!("tag '{tag}'"),
            together: tag.starts_with(AFFINITY_PREFIX),
            of_ha: false,
            members,
        },
    ));
    all
}

pub(super) fn list(guests: &[Vmid]) -> String {
    joined(&guests.iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// Whether HA's rules bind a guest: not while it is told to ignore it. A guest that is no resource, as in an
/// inventory that tells the rules alone, counts as one.
fn is_bound(guest: &GuestFacts) -> bool {
    guest.ha.is_none() || guest.ha_moves()
}

/// Whether HA takes a guest back to the nodes that it prefers.
fn fails_back(guest: &GuestFacts) -> bool {
    guest.ha.as_ref().is_none_or(|ha| !ha.no_failback)
}

/// Whether HA sees a node as one to use.
fn serves(node: &NodeFacts) -> bool {
    node.online != Some(false) && !node.maintenance
}
