//! The nodes' expected loads with the steps so far, and the figures that planning asks for over and
//! over: a step changes two nodes, so all others keep theirs.

use super::overload::{Overload, levels, overload, risk};
use crate::outlook::{Levels, Limits, Load, Outlook, Resource};
use std::collections::BTreeMap;

/// Expected loads of all nodes, kept up to date step by step.
#[derive(Clone, Debug)]
pub(super) struct Ledger<'a> {
    outlook: &'a Outlook,
    limits: Limits,
    loads: Vec<Load>,
    /// Of each node: how often it changed.
    versions: Vec<u32>,
    /// Of each node: levels of CPU and memory.
    levels: Vec<[Levels; 2]>,
    /// Of each node: its overload.
    overloads: Vec<Overload>,
    /// Of each node: its risk.
    risks: Vec<f64>,
    /// Of each node and guest: the node's risk if the guest left it, or came; once asked for.
    turned: Vec<Vec<Option<f64>>>,
    /// By node and guest: how full the node would be with it, and the version of the node that this is of.
    filled: BTreeMap<(usize, usize), (u32, f64)>,
}

impl<'a> Ledger<'a> {
    /// Everybody where they are. O(guests x cases).
    pub(super) fn new(outlook: &'a Outlook, limits: Limits) -> Self {
        let mut ledger = Self {
            outlook,
            limits,
            loads: outlook.node_loads(),
            versions: vec![0; outlook.nodes.len()],
            levels: vec![[Levels::default(); 2]; outlook.nodes.len()],
            overloads: vec![Overload::default(); outlook.nodes.len()],
            risks: vec![0.0; outlook.nodes.len()],
            turned: vec![vec![None; outlook.guests.len()]; outlook.nodes.len()],
            filled: BTreeMap::new(),
        };
        (0..outlook.nodes.len()).for_each(|node| ledger.refresh(node));
        ledger
    }

    fn refresh(&mut self, node: usize) {
        let of = |r| levels(self.outlook, node, &self.loads[node], None, r);
        self.levels[node] = Resource::ALL.map(of);
        self.overloads[node] = overload(self.outlook, node, &self.loads[node], None, self.limits);
        self.risks[node] = risk(self.outlook, node, &self.loads[node], None, self.limits);
        self.turned[node].fill(None);
        self.versions[node] += 1;
    }

    /// Expected load of a node.
    pub(super) fn load(&self, node: usize) -> &Load {
        &self.loads[node]
    }

    /// Number of nodes.
    pub(super) fn nodes(&self) -> usize {
        self.loads.len()
    }

    /// A number that changes whenever the node's load does.
    pub(super) fn version(&self, node: usize) -> u32 {
        self.versions[node]
    }

    /// Expected levels of a node.
    pub(super) fn levels(&self, node: usize, resource: Resource) -> Levels {
        let index = Resource::ALL.iter().position(|r| *r == resource).unwrap_or_default();
        self.levels[node][index]
    }

    /// Expected overload of a node.
    pub(super) fn overload(&self, node: usize) -> Overload {
        self.overloads[node]
    }

    /// Risk of a node.
    pub(super) fn risk(&self, node: usize) -> f64 {
        self.risks[node]
    }

    /// Risk of a node without a guest that is there (`sign` -1), or with one that is not (1).
    pub(super) fn risk_turned(&mut self, node: usize, guest: usize, sign: f64) -> f64 {
        if let Some(known) = self.turned[node][guest] {
            return known;
        }
        let change = Some((&self.outlook.guests[guest].load, sign));
        let found = risk(self.outlook, node, &self.loads[node], change, self.limits);
        self.turned[node][guest] = Some(found);
        found
    }

    /// How full a node would be in its busy hours with more load, as a share of its thresholds: of CPU or memory,
    /// whichever is more.
    pub(super) fn filled_by(&self, node: usize, more: Option<&Load>) -> f64 {
        let of = |resource| {
            let change = more.map(|load| (load, 1.0));
            let high = match change {
                None => self.levels(node, resource).high,
                Some(_) => levels(self.outlook, node, &self.loads[node], change, resource).high,
            };
            high / self.limits.of(resource).max(f64::MIN_POSITIVE)
        };
        Resource::ALL.map(of).into_iter().fold(0.0, f64::max)
    }

    /// The same with a guest that is not there.
    pub(super) fn filled_with(&mut self, node: usize, guest: usize) -> f64 {
        let version = self.versions[node];
        let known = self.filled.get(&(node, guest)).filter(|(of, _)| *of == version);
        if let Some((_, filled)) = known {
            return *filled;
        }
        let filled = self.filled_by(node, Some(&self.outlook.guests[guest].load));
        self.filled.insert((node, guest), (version, filled));
        filled
    }

    /// A guest goes from `source` to `target`.
    pub(super) fn apply(&mut self, guest: usize, source: usize, target: usize) {
        let load = &self.outlook.guests[guest].load;
        self.loads[source].add(load, -1.0);
        self.loads[target].add(load, 1.0);
        self.refresh(source);
        self.refresh(target);
    }
}
