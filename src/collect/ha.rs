//! `ha/`: which guests HA manages, where it wants them, and what state it sees nodes in.

use super::cluster::json;
use super::section::{Section, sections, typed};
use super::text::{
    Note, Notes, Parsed, boolean, clean_name, decode, is_node_name, list, number, quote,
};
use crate::model::{HaMove, HaResource, HaRule, HaRuleKind, Vmid};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// `ha/rules.cfg`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Rules in force.
    pub rules: Vec<HaRule>,
    /// Guests of rules that could not be understood.
    pub unclear: BTreeSet<Vmid>,
}

/// A group of `ha/groups.cfg` (PVE 8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Nodes with their priorities.
    pub nodes: BTreeMap<String, i64>,
    /// Never anywhere else.
    pub restricted: bool,
    /// Its guests stay where they are when a node that they prefer comes back.
    pub nofailback: bool,
}

/// What `ha/manager_status` says of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeState {
    /// `online`, `maintenance`, `unknown`, `fence` or `gone`.
    pub state: String,
    /// The admin asked for maintenance, whether or not it is reached.
    pub maintenance_asked: bool,
}

/// `ha/manager_status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagerStatus {
    /// By node.
    pub nodes: BTreeMap<String, NodeState>,
    /// Resources in state `error`.
    pub in_error: BTreeSet<Vmid>,
    /// Resources that are being moved, or brought up elsewhere.
    pub under_way: BTreeMap<Vmid, HaMove>,
}

/// Reads `ha/resources.cfg`.
pub fn resources(bytes: &[u8]) -> Parsed<BTreeMap<Vmid, HaResource>> {
    let mut notes = Notes::default();
    let text = decode(bytes, &mut notes);
    let mut value = BTreeMap::new();
    for section in sections(&text, typed, &mut notes) {
        let vmid = number(section.id).filter(|_| matches!(section.kind.as_str(), "vm" | "ct"));
        let Some(vmid) = vmid else {
            let what = quote(&format!("{}: {}", section.kind, section.id));
            notes.add(section.line, format!("{what} is neither a VM nor a container, ignored"));
            continue;
        };
        let resource = HaResource {
            state: clean_name(section.get("state").unwrap_or("started")),
            group: clean_name(section.get("group").unwrap_or_default()),
            auto_rebalance: section.get("auto-rebalance").and_then(boolean).unwrap_or(true),
            no_failback: section.get("failback").and_then(boolean) == Some(false),
            ..HaResource::default()
        };
        value.insert(vmid, resource);
    }
    Parsed { value, notes }
}

/// Reads `ha/rules.cfg`. Disabled rules are left out.
pub fn rules(bytes: &[u8]) -> Parsed<Rules> {
    let mut notes = Notes::default();
    let text = decode(bytes, &mut notes);
    let mut value = Rules::default();
    for section in sections(&text, typed, &mut notes) {
        if section.flag("disable") {
            continue;
        }
        let guests = guests(&section);
        match rule(&section) {
            Some(kind) => {
                value.rules.push(HaRule { name: clean_name(section.id), guests, kind });
            }
            None => {
                let name = quote(section.id);
                let message = format!("rule {name} cannot be understood, so its guests must stay");
                notes.add(section.line, message);
                value.unclear.extend(guests);
            }
        }
    }
    Parsed { value, notes }
}

/// `vm:100`
fn vmid(sid: &str) -> Option<Vmid> {
    sid.split_once(':').and_then(|(_, vmid)| number(vmid))
}

/// `vm:100,ct:101`
fn guests(section: &Section<'_>) -> Vec<Vmid> {
    let all = section.get("resources").into_iter().flat_map(list);
    let mut guests: Vec<Vmid> = all.filter_map(vmid).collect();
    guests.sort_unstable();
    guests.dedup();
    guests
}

fn rule(section: &Section<'_>) -> Option<HaRuleKind> {
    match section.kind.as_str() {
        "node-affinity" => {
            let nodes = nodes(section)?;
            Some(HaRuleKind::NodeAffinity { nodes, strict: section.flag("strict") })
        }
        "resource-affinity" => match section.get("affinity")? {
            "positive" => Some(HaRuleKind::ResourceAffinity { together: true }),
            "negative" => Some(HaRuleKind::ResourceAffinity { together: false }),
            _ => None,
        },
        _ => None,
    }
}

/// `pve1:2,pve2`: a node without priority has 0. `None` without a single readable node.
fn nodes(section: &Section<'_>) -> Option<BTreeMap<String, i64>> {
    let node = |entry: &str| {
        let (name, priority) = match entry.split_once(':') {
            Some((name, priority)) => (name, i64::from(number(priority)?)),
            None => (entry, 0),
        };
        is_node_name(name).then(|| (name.to_string(), priority))
    };
    let nodes: BTreeMap<String, i64> =
        list(section.get("nodes")?).map(node).collect::<Option<_>>()?;
    (!nodes.is_empty()).then_some(nodes)
}

/// Reads `ha/groups.cfg`; `None` is a group that could not be understood.
pub fn groups(bytes: &[u8]) -> Parsed<BTreeMap<String, Option<Group>>> {
    let mut notes = Notes::default();
    let text = decode(bytes, &mut notes);
    let mut value = BTreeMap::new();
    for section in sections(&text, typed, &mut notes) {
        let group = nodes(&section).filter(|_| section.kind == "group").map(|nodes| Group {
            nodes,
            restricted: section.flag("restricted"),
            nofailback: section.flag("nofailback"),
        });
        if group.is_none() {
            let name = quote(section.id);
            let message = format!("group {name} cannot be understood, so its guests must stay");
            notes.add(section.line, message);
        }
        value.insert(clean_name(section.id), group);
    }
    Parsed { value, notes }
}

/// A group that guests belong to, as the node affinity rule that PVE 9 makes of it
/// (pve-ha-manager, `migrate_groups_to_rules`).
pub(super) fn group_rule(name: &str, group: &Group, guests: Vec<Vmid>) -> HaRule {
    let kind = HaRuleKind::NodeAffinity { nodes: group.nodes.clone(), strict: group.restricted };
    HaRule { name: format!("ha-group-{name}"), guests, kind }
}

#[derive(Deserialize)]
struct RawStatus {
    #[serde(default)]
    node_status: BTreeMap<String, String>,
    #[serde(default)]
    node_request: BTreeMap<String, RawRequest>,
    #[serde(default)]
    service_status: BTreeMap<String, RawService>,
}

#[derive(Deserialize)]
struct RawService {
    #[serde(default)]
    state: serde_json::Value,
    #[serde(default)]
    node: serde_json::Value,
    #[serde(default)]
    target: serde_json::Value,
}

impl RawService {
    /// The move that HA makes of it. In `request_start_balance` HA moves it before it starts it; in `fence` and
    /// `recovery` its node is lost, and HA brings it up on another one (pve-ha-manager, `Manager.pm`).
    fn under_way(&self) -> Option<HaMove> {
        const STATES: [&str; 5] =
            ["migrate", "relocate", "request_start_balance", "fence", "recovery"];
        let name = |value: &serde_json::Value| clean_name(value.as_str().unwrap_or_default());
        let [state, source, target] = [&self.state, &self.node, &self.target].map(name);
        STATES.contains(&state.as_str()).then_some(HaMove { state, source, target })
    }
}

#[derive(Deserialize)]
struct RawRequest {
    /// Perl writes its truth as a number, a string or a boolean.
    #[serde(default)]
    maintenance: serde_json::Value,
}

/// Reads `ha/manager_status`; an empty file is a manager that never ran. An error is the line
/// that is no JSON, or not what is expected.
pub fn manager_status(bytes: &[u8]) -> Result<ManagerStatus, Note> {
    if bytes.trim_ascii().is_empty() {
        return Ok(ManagerStatus::default());
    }
    let raw: RawStatus = json(bytes)?;
    let failed = raw.service_status.iter().filter(|(_, service)| service.state == "error");
    let in_error = failed.filter_map(|(sid, _)| vmid(sid)).collect();
    let moved = |(sid, service): (&String, &RawService)| Some((vmid(sid)?, service.under_way()?));
    let under_way = raw.service_status.iter().filter_map(moved).collect();
    let mut nodes: BTreeMap<String, NodeState> = BTreeMap::new();
    for (node, state) in raw.node_status {
        nodes.entry(node).or_default().state = state;
    }
    for (node, request) in raw.node_request {
        let asked = match request.maintenance {
            serde_json::Value::Null => false,
            serde_json::Value::Bool(asked) => asked,
            serde_json::Value::Number(n) => n.as_i64() != Some(0),
            serde_json::Value::String(text) => !matches!(text.as_str(), "" | "0"),
            _ => true,
        };
        nodes.entry(node).or_default().maintenance_asked = asked;
    }
    Ok(ManagerStatus { nodes, in_error, under_way })
}
