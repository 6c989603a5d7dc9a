//! `explain` and `drain`: indices become names, obstacles become sentences.

use super::Engine;
use super::RecommendRequest;
use super::advise::{of_storages, with_its_group};
use super::command::command;
use super::warnings::{away, of_all, refused_now};
use super::words::{by_hand, ha_empties, listed};
use crate::api::{
    DrainBlocker, DrainNode, DrainReply, DrainStay, DrainStep, ExplainMove, ExplainReply,
    ExplainTarget, Place, Standing,
};
use crate::error::{Error, Kind, Result};
use crate::evidence::{guest_label, label_of};
use crate::model::{GuestFacts, Inventory, UnixTime, Vmid, counted, joined};
use crate::outlook::{Limits, NodeOutlook};
use crate::recommend::{
    BlockerCode, Cause, Drain, Explained, Group, Leaving, Plan, Question, Staying, Step, Target,
    drain, explain, plan,
};
use crate::score::total;
use std::cmp::Ordering;

impl Engine {
    /// A guest against every node, or against `target` alone: scores, or what stands in the way.
    ///
    /// # Errors
    /// `NotFound` where the cluster has no such guest or node, `Invalid` where it is the guest's own.
    pub fn explain(
        &self,
        request: &RecommendRequest,
        inventory: Option<Inventory>,
        vmid: Vmid,
        target: Option<&str>,
    ) -> Result<ExplainReply> {
        self.ask(request, inventory, |q, data_until, warnings| {
            let guest = q.inventory.guest(vmid).ok_or_else(|| no_guest(q, vmid))?;
            if let Some(name) = target.filter(|name| q.outlook.node_index(name).is_none()) {
                return Err(no_node(q, name));
            }
            if target.is_some_and(|name| name == guest.node) {
                let message =
                    format!("guest {vmid} is on {} already: name another node", guest.node);
                return Err(Error::invalid(message));
            }
            let mut reply = explain_reply(q, guest, data_until, warnings);
            reply.targets.retain(|t| target.is_none_or(|name| t.node == name));
            Ok(reply)
        })
    }

    /// An ordered plan that empties a node. Nothing is executed.
    ///
    /// # Errors
    /// `NotFound` where the cluster has no such node.
    pub fn drain(
        &self,
        request: &RecommendRequest,
        inventory: Option<Inventory>,
        node: &str,
    ) -> Result<DrainReply> {
        self.ask(request, inventory, |q, data_until, warnings| {
            let index = q.outlook.node_index(node).ok_or_else(|| no_node(q, node))?;
            Ok(drain_reply(q, index, &drain(q, index), data_until, warnings))
        })
    }
}

pub(super) fn no_guest(q: &Question, vmid: Vmid) -> Error {
    if !q.unlisted().any(|g| g.vmid == vmid) {
        return unknown_guest(vmid);
    }
    let message = format!(
        "guest {vmid} runs, but is not in the inventory: is it of this cluster, and of now?"
    );
    Error::new(Kind::NotFound, message)
}

pub(super) fn unknown_guest(vmid: Vmid) -> Error {
    let message = format!("there is no guest {vmid} in this cluster; `quality` lists who is there");
    Error::new(Kind::NotFound, message)
}

fn no_node(q: &Question, name: &str) -> Error {
    unknown_node(name, q.outlook.nodes.iter().map(|node| node.name.as_str()))
}

pub(super) fn unknown_node<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known: Vec<String> = known.map(String::from).collect();
    let message =
        format!("there is no node '{name}' in this cluster; its nodes are {}", listed(&known));
    Error::new(Kind::NotFound, message)
}

pub(super) fn explain_reply(
    q: &Question,
    guest: &GuestFacts,
    data_until: UnixTime,
    warnings: Vec<String>,
) -> ExplainReply {
    let warnings = of_all(q, warnings);
    let plan = plan(q);
    let own = |step: &Step| q.outlook.guests[step.guest].vmid == guest.vmid;
    let before = plan.steps.iter().position(own).map_or(&[][..], |at| &plan.steps[..at]);
    let explained = &explain(q, guest, before);
    let mut targets: Vec<ExplainTarget> =
        explained.targets.iter().map(|t| target(q, guest, explained, t)).collect();
    as_planned(q, guest, &plan, &mut targets);
    for target in &mut targets {
        let is = |t: &&Target| t.waits && q.outlook.nodes[t.node].name == target.node;
        let waits = explained.targets.iter().find(is);
        let why = waits.and_then(|t| not_the_hour(q, guest, explained, &plan, t));
        target.reason = why.or(target.reason.take());
    }
    let (verdict, summary) = verdict(q, guest, explained, &plan, &targets);
    let source = explained.guest.map(|_| Place {
        node: guest.node.clone(),
        score: total(&explained.source_score).0,
        terms: explained.source_score.clone(),
    });
    // A guest that stays has no good time to move.
    let best = targets.iter().find(|t| t.feasible);
    let best = best.and_then(|best| {
        let same = |t: &&Target| q.outlook.nodes[t.node].name == best.node;
        explained.targets.iter().find(same)?.step.as_ref()
    });
    ExplainReply {
        now: q.outlook.now,
        data_until,
        vmid: guest.vmid,
        name: guest.name.clone(),
        kind: guest.kind,
        node: guest.node.clone(),
        status: guest.status,
        verdict,
        summary: refused_now(q, summary),
        blockers: explained.blockers.clone(),
        source,
        targets,
        window: best.and_then(|step| step.details.window.clone()),
        concerns: explained.concerns.clone(),
        crs: plan.balancer,
        warnings,
    }
}

fn target(q: &Question, guest: &GuestFacts, all: &Explained, t: &Target) -> ExplainTarget {
    let node = &q.outlook.nodes[t.node].name;
    let feasible = t.blockers.is_empty() && all.blockers.is_empty();
    let with = t.group.as_ref().filter(|group| group.held.is_none());
    ExplainTarget {
        node: node.clone(),
        feasible,
        with: with.map_or_else(Vec::new, |group| group.others.clone()),
        blockers: t.blockers.clone(),
        score: t.step.as_ref().map(|s| total(&s.target_score).0),
        terms: t.step.as_ref().map(|s| s.target_score.clone()).unwrap_or_default(),
        weighing: t.step.as_ref().map(brings),
        worth: feasible && t.step.is_some() && t.reason.is_none(),
        reason: t.reason.clone().or_else(|| t.group.as_ref().map(|g| of_group(guest, g))),
        command: feasible.then(|| command(q, guest.vmid, node)),
    }
}

/// What becomes of a guest that may go with its companions only.
fn of_group(guest: &GuestFacts, group: &Group) -> String {
    let Some((vmid, blockers)) = &group.held else {
        let others: Vec<String> = group.others.iter().map(ToString::to_string).collect();
        return format!("could go there together with {}", listed(&others));
    };
    let why: Vec<&str> = blockers.iter().map(|b| b.text.as_str()).collect();
    let of = if *vmid == guest.vmid { String::new() } else { format!("{vmid}: ") };
    format!("nor could they go there together: {of}{}", why.join("; "))
}

/// What the plan does is possible: what stands against the move alone, it takes along or moves out
/// of the way first. Its target comes first.
fn as_planned(q: &Question, guest: &GuestFacts, plan: &Plan, targets: &mut [ExplainTarget]) {
    let vmid = |step: &Step| q.outlook.guests[step.guest].vmid;
    let Some(at) = plan.steps.iter().position(|s| vmid(s) == guest.vmid) else { return };
    let node = plan.steps[at].target;
    let group = q.constraints.together(guest.vmid);
    let along: Vec<String> = plan
        .steps
        .iter()
        .filter(|s| s.target == node && vmid(s) != guest.vmid && group.contains(&vmid(s)))
        .map(|s| vmid(s).to_string())
        .collect();
    targets.sort_by_key(|t| t.node != q.outlook.nodes[node].name);
    let Some(first) = targets.first_mut().filter(|t| t.node == q.outlook.nodes[node].name) else {
        return;
    };
    let alone = first.blockers.is_empty() && first.reason.is_none();
    // The figures of the plan, after the steps before it.
    let step = &plan.steps[at];
    first.score = Some(total(&step.target_score).0);
    first.terms.clone_from(&step.target_score);
    first.weighing = Some(brings(step));
    first.reason = match (along.is_empty(), alone) {
        (false, _) => Some(format!("goes together with {}", joined(&along))),
        (true, false) => Some(format!("possible and worth it as step {} of the plan", at + 1)),
        (true, true) if at > 0 => {
            Some(format!("worth it as step {}, with what the steps before it leave", at + 1))
        }
        (true, true) => None,
    };
    first.blockers.clear();
    (first.feasible, first.worth) = (true, true);
    if first.command.is_none() {
        first.command = Some(command(q, guest.vmid, &first.node));
    }
}

/// Why a move that waits is not the one of the plan, where the plan has one that waits as long: that is no reason then.
fn not_the_hour(
    q: &Question,
    guest: &GuestFacts,
    all: &Explained,
    plan: &Plan,
    of: &Target,
) -> Option<String> {
    let vmid = |step: &Step| q.outlook.guests[step.guest].vmid;
    if let Some(weighed) = plan.considered.iter().find(|c| vmid(&c.step) == guest.vmid) {
        return Some(weighed.reason.text.clone()).filter(|_| weighed.reason.cause == Cause::Behind);
    }
    let step = plan.steps.iter().find(|step| vmid(step) == guest.vmid)?;
    let chosen = all.targets.iter().find(|t| t.node == step.target && t.node != of.node)?;
    let name = &q.outlook.nodes[step.target].name;
    let [here, there] = [of.saved, chosen.saved].map(|saved| (saved * 10.0).round() / 10.0);
    Some(match here.total_cmp(&there) {
        _ if q.outlook.nodes[step.source].maintenance => format!("{name} is left less full"),
        Ordering::Less => {
            format!("takes {here:.1} core-hours of risk away; its move to {name} takes {there:.1}")
        }
        Ordering::Equal => format!("takes as much risk away as its move to {name}"),
        Ordering::Greater => format!("after the steps before it, its move to {name} is better"),
    })
}

fn brings(step: &Step) -> ExplainMove {
    ExplainMove {
        score_improvement: step.gain.0,
        benefit: step.benefit,
        cost: step.cost,
        confidence: step.confidence.percent,
        confidence_parts: step.confidence.clone(),
        source_peaks: step.details.source_peaks,
        target_peaks: step.details.target_peaks,
    }
}

fn verdict(
    q: &Question,
    guest: &GuestFacts,
    explained: &Explained,
    plan: &Plan,
    targets: &[ExplainTarget],
) -> (Standing, String) {
    let label = label(q, guest);
    let of = |step: &Step| q.outlook.guests[step.guest].vmid;
    let own = |step: &Step| of(step) == guest.vmid;
    // What rules keep together goes as one.
    let company = |goes: &dyn Fn(Vmid) -> bool| -> String {
        let group = q.constraints.together(guest.vmid).into_iter();
        let others: Vec<String> =
            group.filter(|v| *v != guest.vmid && goes(*v)).map(|v| v.to_string()).collect();
        let with = listed(&others);
        if others.is_empty() { with } else { format!(" together with {with}") }
    };
    let name = |node: usize| &q.outlook.nodes[node].name;
    if let Some((i, step)) = plan.steps.iter().enumerate().find(|(_, s)| own(s)) {
        let (source, target) = (name(step.source), name(step.target));
        let along = company(&|v| plan.steps.iter().any(|s| s.target == step.target && of(s) == v));
        let after = match i {
            0 => "",
            1 => " The figures are those after the step before it.",
            _ => " The figures are those after the steps before it.",
        };
        let step = i + 1;
        let text = format!(
            "The plan moves {label}{along} from {source} to {target} (step {step}).{after}"
        );
        return (Standing::Recommended, text);
    }
    if let Some(weighed) = plan.considered.iter().find(|c| own(&c.step)) {
        let target = name(weighed.step.target);
        let source = weighed.step.source;
        let there = |v| q.outlook.guests.iter().any(|g| g.vmid == v && g.host == source);
        let text = format!(
            "A move of {label}{} to {target} was weighed and rejected: it {}.",
            company(&there),
            weighed.reason.text
        );
        return (Standing::Weighed, text);
    }
    if let Some(first) = explained.blockers.first() {
        return (Standing::Stays, format!("{label} stays on {}: it {}.", guest.node, first.text));
    }
    let possible: Vec<&ExplainTarget> = targets.iter().filter(|t| t.feasible).collect();
    let Some(best) = possible.first() else {
        // What belongs together may go together.
        let bound = |t: &&ExplainTarget| {
            !t.blockers.is_empty() && t.blockers.iter().all(|b| b.code == BlockerCode::Together)
        };
        let why = match targets.iter().find(bound).and_then(|t| t.blockers.first()) {
            Some(together) => {
                let all = targets.iter().filter(|t| !t.with.is_empty());
                let able: Vec<String> = all.map(|t| t.node.clone()).collect();
                let to = match able.is_empty() {
                    true => String::new(),
                    false => format!(", to {}", able.join(" or ")),
                };
                with_its_group(&together.text) + &to
            }
            None => {
                let by_name = |t: &ExplainTarget| of_storages(&t.blockers);
                let hand = by_hand(q, guest).filter(|_| targets.iter().any(by_name));
                hand.unwrap_or_else(|| "no other node can take it".into())
            }
        };
        return (Standing::Stays, format!("{label} stays on {}: {why}.", guest.node));
    };
    let instead: Vec<String> = plan
        .steps
        .iter()
        .filter(|s| *name(s.source) == guest.node)
        .map(|s| q.outlook.guests[s.guest].vmid.to_string())
        .collect();
    let why = match (&best.reason, instead.is_empty()) {
        (_, false) => format!("the plan relieves {} by moving {}", guest.node, joined(&instead)),
        (Some(reason), true) => format!("not recommended: {reason}"),
        (None, true) => "nothing asks for it".into(),
    };
    let text = format!(
        "{label} could go to {} of {} other nodes, best to {}; {why}.",
        possible.len(),
        targets.len(),
        best.node
    );
    (Standing::Possible, text)
}

fn label(q: &Question, guest: &GuestFacts) -> String {
    match q.outlook.guest_index(guest.vmid) {
        Some(index) => guest_label(&q.outlook.guests[index]),
        None => label_of(guest.kind, guest.vmid, &guest.name),
    }
}

pub(super) fn drain_reply(
    q: &Question,
    node: usize,
    drain: &Drain,
    data_until: UnixTime,
    warnings: Vec<String>,
) -> DrainReply {
    let mut warnings = of_all(q, warnings);
    warnings.extend(away(q));
    let outlook = &q.outlook.nodes[node];
    let nodes = &q.outlook.nodes;
    let others = drain.peaks.iter().enumerate().filter(|(n, _)| *n != node && nodes[*n].online);
    let arrivals = |n: usize| drain.steps.iter().filter(|s| s.target == n).count();
    DrainReply {
        now: q.outlook.now,
        data_until,
        node: outlook.name.clone(),
        online: outlook.online || outlook.silent,
        maintenance: outlook.maintenance,
        complete: drain.stays.is_empty(),
        summary: refused_now(q, drain_summary(q, node, drain)),
        steps: drain.steps.iter().enumerate().map(|(i, s)| drain_step(q, i, s)).collect(),
        stays: drain.stays.iter().map(|s| drain_stay(q, s)).collect(),
        nodes: others
            .map(|(n, peaks)| DrainNode {
                name: q.outlook.nodes[n].name.clone(),
                arrivals: arrivals(n),
                peaks: *peaks,
            })
            .collect(),
        notes: drain_notes(q, node, drain),
        warnings,
    }
}

fn drain_step(q: &Question, index: usize, leaving: &Leaving) -> DrainStep {
    let facts = q.inventory.guest(leaving.vmid);
    let target = &q.outlook.nodes[leaving.target].name;
    DrainStep {
        order: index + 1,
        vmid: leaving.vmid,
        name: facts.map(|f| f.name.clone()).unwrap_or_default(),
        kind: facts.map(|f| f.kind).unwrap_or_default(),
        running: facts.is_some_and(|f| f.status.runs()),
        target: target.clone(),
        together: leaving.together.clone(),
        cost: leaving.cost,
        command: command(q, leaving.vmid, target),
        concerns: leaving.concerns.clone(),
    }
}

fn drain_stay(q: &Question, staying: &Staying) -> DrainStay {
    let facts = q.inventory.guest(staying.vmid);
    // Who is not in the inventory is known because it runs.
    let seen = q.unlisted().find(|g| g.vmid == staying.vmid);
    let blocker = |(node, b): &(Option<usize>, crate::recommend::Blocker)| DrainBlocker {
        node: node.map(|n| q.outlook.nodes[n].name.clone()),
        code: b.code,
        text: b.text.clone(),
    };
    DrainStay {
        vmid: staying.vmid,
        name: facts.map(|f| &f.name).or(seen.map(|g| &g.name)).cloned().unwrap_or_default(),
        kind: facts.map(|f| f.kind).or(seen.map(|g| g.kind)).unwrap_or_default(),
        running: facts.map_or(seen.is_some(), |f| f.status.runs()),
        blockers: staying.blockers.iter().map(blocker).collect(),
    }
}

fn drain_summary(q: &Question, node: usize, drain: &Drain) -> String {
    let name = &q.outlook.nodes[node].name;
    let (moves, stays) = (drain.steps.len(), drain.stays.len());
    let guests = |n: usize| counted(n, "guest");
    if moves + stays == 0 {
        return format!("{name} is empty already.");
    }
    let above = drain.over(node, Limits::thresholds(q.config)).into_iter();
    let above: Vec<String> = above.map(|n| q.outlook.nodes[n].name.clone()).collect();
    let load = match above.as_slice() {
        [] => "no other node comes over a threshold in its busy hours".to_string(),
        names => format!("{} would be over a threshold in busy hours", joined(names)),
    };
    match (moves, stays) {
        (0, 1) => format!("{name} cannot be emptied: its guest cannot leave."),
        (0, _) => format!("{name} cannot be emptied: none of its {} can leave.", guests(stays)),
        (1, 0) => format!("1 guest leaves {name} in 1 step; {load}."),
        (_, 0) => format!("{} leave {name} in {moves} steps; {load}.", guests(moves)),
        _ => format!("{} can leave {name}, {} must stay; {load}.", guests(moves), guests(stays)),
    }
}

/// That the others have no quorum once a node is off, though they have it now.
fn quorum_lost(q: &Question, node: &NodeOutlook) -> Option<String> {
    let votes = q.inventory.votes.as_ref()?;
    let nodes = q.inventory.nodes.iter().filter(|n| n.online == Some(true));
    let online: Vec<&str> = nodes.map(|n| n.name.as_str()).collect();
    let others = online.iter().copied().filter(|name| *name != node.name);
    let (needed, left) = (votes.needed(), votes.with(others));
    let lost = left < needed && votes.with(online.iter().copied()) >= needed;
    lost.then(|| {
        format!(
            "the cluster loses its quorum when {} is shut down: {} would be left of the {needed} needed; no \
             guest can be started or moved then, and HA resets nodes with guests of its own",
            node.name,
            counted(left, "vote")
        )
    })
}

pub(super) fn drain_notes(q: &Question, node: usize, drain: &Drain) -> Vec<String> {
    let outlook = &q.outlook.nodes[node];
    let managed =
        |s: &&Leaving| q.inventory.guest(s.vmid).is_some_and(|g| g.ha_moves() && g.status.runs());
    let ha = drain.steps.iter().filter(managed).count();
    let mut notes: Vec<String> = quorum_lost(q, outlook).into_iter().collect();
    if outlook.maintenance && ha > 0 {
        notes.push(ha_empties(&outlook.name));
    } else if ha > 0 {
        let name = &outlook.name;
        let who = match (ha, drain.steps.len()) {
            (1, 1) => "it is an HA resource".to_string(),
            (1, _) => "1 of them is an HA resource".to_string(),
            (ha, all) if ha == all => "all of them are HA resources".to_string(),
            _ => format!("{ha} of them are HA resources"),
        };
        let (them, nodes) = if ha == 1 { ("it", "a node") } else { ("them", "nodes") };
        notes.push(format!(
            "{who}: `ha-manager crm-command node-maintenance enable {name}` makes HA move {them} by \
             itself, to {nodes} of its own choice, and bring {them} back afterwards"
        ));
    }
    let lost: Vec<&str> =
        drain.unbearable.iter().map(|n| q.outlook.nodes[*n].name.as_str()).collect();
    let mut able = q
        .outlook
        .nodes
        .iter()
        .enumerate()
        .filter(|(n, o)| *n != node && o.online && !o.maintenance);
    if let ([only], Some(_), None) = (lost.as_slice(), able.next(), able.next()) {
        notes.push(format!("while {} is away, all guests run on {only} alone", outlook.name));
    } else if !lost.is_empty() {
        notes.push(format!(
            "while {} is away no other node may fail: the guests of {} would not find memory \
             elsewhere",
            outlook.name,
            lost.join(" or ")
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::asked::asked;
    use super::*;
    use crate::model::Votes;

    #[test]
    fn a_move_that_waits_as_the_planned_one_does_is_not_refused_by_the_hour() {
        let why = |maintenance, saved: f64| {
            asked(&[("pve1", 1), ("pve2", 1), ("pve3", 0)], |q| {
                let plan = plan(q);
                assert_eq!(plan.steps[0].target, 1, "the first of equals");
                let mut outlook = q.outlook.clone();
                outlook.nodes[0].maintenance = maintenance;
                let q = Question { outlook: &outlook, ..*q };
                let guest = q.inventory.guest(100).expect("listed");
                let target = |node, saved| Target {
                    node,
                    blockers: Vec::new(),
                    group: None,
                    step: None,
                    reason: None,
                    waits: true,
                    saved,
                };
                let targets = vec![target(1, 107.8), target(2, saved)];
                let all = Explained { targets, ..explain(&q, guest, &[]) };
                assert_eq!(not_the_hour(&q, guest, &all, &plan, &all.targets[0]), None);
                not_the_hour(&q, guest, &all, &plan, &all.targets[1]).expect("a reason")
            })
        };
        let less = "takes 102.9 core-hours of risk away; its move to pve2 takes 107.8";
        assert_eq!(why(false, 102.9), less);
        assert_eq!(why(false, 107.8), "takes as much risk away as its move to pve2");
        assert_eq!(why(false, 110.0), "after the steps before it, its move to pve2 is better");
        assert_eq!(why(true, 102.9), "pve2 is left less full");
    }

    #[test]
    fn a_drain_that_costs_the_quorum_says_so() {
        let told = |votes: &[(&str, u32)], qdevice, away: Option<usize>| {
            asked(&[("pve1", 0), ("pve2", 1), ("pve3", 0)], |q| {
                let nodes = votes.iter().map(|(name, votes)| (name.to_string(), *votes)).collect();
                let votes = Some(Votes { nodes, qdevice, two_node: false });
                let mut inventory = Inventory { votes, ..q.inventory.clone() };
                for (n, node) in inventory.nodes.iter_mut().enumerate() {
                    node.online = Some(away != Some(n));
                }
                let notes =
                    drain_notes(&Question { inventory: &inventory, ..*q }, 1, &Drain::default());
                notes.into_iter().find(|note| note.contains("quorum"))
            })
        };
        let three = [("pve1", 1), ("pve2", 1), ("pve3", 1)];
        assert_eq!(told(&three, 0, None), None);
        assert_eq!(
            told(&three, 0, Some(2)).expect("a note"),
            "the cluster loses its quorum when pve2 is shut down: 1 vote would be left of the 2 needed; \
             no guest can be started or moved then, and HA resets nodes with guests of its own"
        );
        let two = [("pve1", 1), ("pve2", 1)];
        assert!(told(&two, 0, Some(2)).is_some());
        assert_eq!(told(&two, 1, Some(2)), None, "the QDevice has the third vote");
        assert_eq!(told(&[("pve1", 3), ("pve2", 1)], 0, None), None, "pve1 decides alone");
        assert!(told(&three, 0, Some(0)).is_some());
    }

    #[test]
    fn a_drain_that_leaves_one_node_says_so() {
        let lost = Drain { unbearable: vec![1], ..Drain::default() };
        let notes = |nodes: &[(&str, usize)]| asked(nodes, |q| drain_notes(q, 0, &lost));
        let two = [("pve1", 1), ("pve2", 1)];
        assert_eq!(notes(&two), ["while pve1 is away, all guests run on pve2 alone"]);
        let three = [("pve1", 1), ("pve2", 1), ("pve3", 0)];
        assert!(notes(&three)[0].starts_with("while pve1 is away no other node may fail"));
    }
}
