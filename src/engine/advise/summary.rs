//! What to do in a few sentences, or why there is nothing to do.

use super::super::words::{are, ha_empties, is_are, listed, names};
use super::beyond::{beyond, is_pressed};
use super::stays::is_full;
use crate::evidence::{guest_label, peak_told};
use crate::model::{
    Bytes, BytesPerSecond, GuestFacts, HOUR, MIB, UnixTime, Vmid, counted, percent_beside, signed,
    span,
};
use crate::outlook::{GuestOutlook, IO_WAIT, Levels, Limits, NodeOutlook, Resource, STORAGE};
use crate::recommend::{
    BlockerCode, Cause, Considered, Finding, NodeState, Peaks, Plan, Question, State, Step,
    can_leave, copied_disks, hours_to_full, leaves_maintenance, only_heading, overload_of_all,
    stated,
};
use crate::trend::Direction;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes a second from which on what a guest writes is told where its node waits for disks.
const NOTABLE_WRITES: f64 = MIB;

/// What to do, or why there is nothing to do.
pub(super) fn summary(q: &Question, plan: &Plan) -> String {
    match plan.steps.is_empty() {
        true => of_none(q, plan),
        false => of_moves(q, plan),
    }
}

/// What the moves bring.
fn of_moves(q: &Question, plan: &Plan) -> String {
    let hours = q.outlook.horizon().round();
    let moves = plan.steps.len();
    let (before, after) = (plan.before, plan.after);
    let emptied = emptied(q, plan);
    if !emptied.is_empty() && before.node_hours.max(after.node_hours) < 0.5 {
        return format!(
            "{} recommended to move guests off {}, which {} in maintenance: no node is expected \
             above its thresholds in the next {hours} hours, with them or without.{}{}",
            counted(moves, "migration"),
            listed(&emptied),
            is_are(emptied.len()),
            waiting(q) + &beyond(q) + &left_behind(q, plan),
            full_storages(q),
        );
    }
    let (from, to) = (before.node_hours.round(), after.node_hours.round());
    let goes = if to < from { "falls" } else { "goes" };
    let memory = |p: &Peaks| p.memory_before.max(p.memory_after) > q.config.mem_threshold.0;
    let is_memory = |s: &Step| memory(&s.details.source_peaks) || memory(&s.details.target_peaks);
    let counted_as = match plan.steps.iter().any(is_memory) {
        true => ", memory counted as cores",
        false => "",
    };
    let digits = usize::from(before.core_hours < 10.0);
    let excess =
        format!("{:.digits$} to {:.digits$} core-hours", before.core_hours, after.core_hours);
    let effect = match from == to && after.core_hours < before.core_hours {
        // What falls is told first.
        true => format!(
            "falls from {excess} above the thresholds{counted_as}, in as many node-hours ({to:.0})"
        ),
        false => format!(
            "{goes} from {from:.0} to {} ({excess} above the thresholds{counted_as})",
            counted(to, "node-hour")
        ),
    };
    format!(
        "{} recommended: expected overload in the next {hours} hours {effect}.{}{}{}{}{}",
        counted(moves, "migration"),
        still_above(q, plan),
        too_large(q, plan),
        unavoidable(q, plan),
        waiting(q) + &beyond(q) + &left_behind(q, plan),
        full_storages(q),
    )
}

/// Why there is nothing to do.
fn of_none(q: &Question, plan: &Plan) -> String {
    let hours = q.outlook.horizon().round();
    let (guests, nodes) = (q.outlook.guests.len(), q.outlook.nodes.len());
    let looked = format!("looked at {} on {}", counted(guests, "guest"), counted(nodes, "node"));
    if names(q, |s| s.state < State::Offline).is_empty() {
        return format!("No advice: of no node is the load of the last day known ({looked}).");
    }
    let waits = waiting(q);
    let only_waits = !waits.is_empty()
        && names(q, |s| s.in_trouble() && waits_for_disks(s).is_none()).is_empty();
    let troubled = names(q, |s| s.in_trouble() && (only_waits || waits_for_disks(s).is_none()));
    let hot = names(q, |s| s.of_load == State::StableButHot);
    let told = match hot.is_empty() {
        true => String::new(),
        false => format!(" {} hot.", are(&hot)),
    };
    let why = match plan.considered.as_slice() {
        [] => held(q, plan).to_string(),
        [one] => format!("the one move that was weighed {}", one.reason.text),
        all => refused(q, all),
    };
    let may = unconfirmed(q);
    let storages = full_storages(q);
    let rest = format!("{waits}{told}{may}{}{}{storages}", beyond(q), left_behind(q, plan));
    if only_waits && plan.before.node_hours < 0.5 {
        return format!("Nothing to move ({looked}).{rest}");
    }
    if let Some(heading) = heading(q, &troubled).filter(|_| plan.before.node_hours < 0.5) {
        return format!("{heading} ({looked}).{rest}");
    }
    if !troubled.is_empty() {
        let all = format!("{}{}", too_large(q, plan), unavoidable(q, plan));
        let when = at_hours(q, &troubled);
        return format!("{} in trouble, but {why} ({looked}).{all}{rest}", are(&when));
    }
    let above = plan.before.node_hours.round();
    let what = match (above >= 1.0, hot.is_empty() && may.is_empty()) {
        (true, _) => {
            let is = if above < 2.0 { "is" } else { "are" };
            format!(
                "{} above the thresholds {is} expected in the next {hours} hours, but {why}",
                counted(above, "node-hour")
            )
        }
        (false, true) => {
            format!("no node is, or is heading, above its thresholds within {hours} hours")
        }
        (false, false) => format!("no node is expected above its thresholds within {hours} hours"),
    };
    match storages.is_empty() && !is_pressed(q) {
        true => format!("Nothing to do: {what} ({looked}).{rest}"),
        // The thresholds of storages are another matter, and tasks that wait are another trouble.
        false => format!("Nothing to move: by CPU and memory {what} ({looked}).{rest}"),
    }
}

/// Nodes with the hours of the day in which they are above their CPU threshold, where these are the same each day:
/// `pve1 (02-05)`.
fn at_hours(q: &Question, nodes: &[String]) -> Vec<String> {
    let with_hours = |name: &String| {
        let state = q.outlook.node_index(name).map(|n| &q.states[n]);
        format!("{name}{}", state.map_or(String::new(), peak_told))
    };
    nodes.iter().map(with_hours).collect()
}

/// That all of some nodes only head for overload, beyond the horizon.
fn heading(q: &Question, nodes: &[String]) -> Option<String> {
    let told = |name: &String| {
        let heading = only_heading(q, q.outlook.node_index(name)?)?;
        Some(format!("{name} {heading}"))
    };
    let all: Option<Vec<String>> = nodes.iter().map(told).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.join("; "))
}

/// Why none of several moves is recommended: what all have in common is told.
fn refused(q: &Question, all: &[Considered]) -> String {
    let moves = format!("{} moves that were weighed", all.len());
    let shared = |cause: Cause| all.iter().all(|c| c.reason.cause == cause);
    let first = all.iter().filter_map(|c| c.step.details.window.as_ref()).min_by_key(|w| w.start);
    match first {
        Some(first) if shared(Cause::Busy) => {
            let begin = first.begin();
            format!("all guests that would help are in their daily peak, until {begin}")
        }
        _ if shared(Cause::Confidence) => {
            let best = all.iter().map(|c| c.step.confidence.percent).fold(0.0, f64::max);
            format!(
                "none of the {moves} reaches the minimum confidence of {:.0}: the best has {}",
                q.config.settings.minimum_confidence,
                stated(best)
            )
        }
        _ if shared(Cause::Gain) => format!("none of the {moves} gains enough for what it costs"),
        _ if shared(Cause::Adds) => format!("each of the {moves} would add overload elsewhere"),
        _ => format!("none of the {moves} is worth it now"),
    }
}

/// Nodes in maintenance, if all steps leave such nodes.
fn emptied(q: &Question, plan: &Plan) -> Vec<String> {
    let sources: BTreeSet<usize> = plan.steps.iter().map(|step| step.source).collect();
    let nodes = || sources.iter().map(|n| &q.outlook.nodes[*n]);
    match nodes().all(|node| node.maintenance) {
        true => nodes().map(|node| node.name.clone()).collect(),
        false => Vec::new(),
    }
}

/// Thresholds that would be passed if a trend went on which is not sure enough to act on, or that are passed at the
/// same hours each day.
fn unconfirmed(q: &Question) -> String {
    let ahead = |h: &f64| *h > 0.0 && *h <= q.outlook.horizon();
    let within = |f: &Finding| f.hours_to_threshold.filter(ahead);
    let of_node = |(node, state): (&NodeOutlook, &NodeState)| -> String {
        let calm = state.findings.iter().filter(|f| f.state < State::TrendingTowardOverload);
        let told = calm.filter_map(|f| {
            let (hours, direction) = (within(f)?, node.trend_of(f.metric).direction);
            let (metric, name, limit) = (f.metric, &node.name, f.threshold);
            match direction {
                Direction::SustainedIncrease => Some(format!(
                    " If its trend goes on, {metric} of {name} passes {limit:.0} in {}: not sure enough to \
                     act on.",
                    span(hours)
                )),
                Direction::Cyclical => {
                    let time = q.outlook.now + (hours * HOUR as f64) as UnixTime;
                    let at = q.local.hour(time);
                    let day = match hours > 24.0 {
                        true => format!("peak of {name}'s {metric} on {}", q.local.day_name(time)),
                        false => format!("daily peak of {name}'s {metric}"),
                    };
                    Some(format!(" The {day} passes {limit:.0} at about {at:02}:00."))
                }
                _ => None,
            }
        });
        told.collect()
    };
    q.outlook.nodes.iter().zip(q.states).map(of_node).collect()
}

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
fn full_storages(q: &Question) -> String {
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
fn waiting(q: &Question) -> String {
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
fn waits_for_disks(state: &NodeState) -> Option<&Finding> {
    let in_trouble = |f: &&Finding| {
        f.metric != STORAGE && f.state > State::StableButHot && f.state < State::Offline
    };
    let mut found = state.findings.iter().filter(in_trouble);
    match (found.next(), found.next()) {
        (Some(only), None) => Some(only).filter(|f| f.metric == IO_WAIT),
        _ => None,
    }
}

/// Running guests that stay on nodes which somebody wants to be empty.
fn left_behind(q: &Question, plan: &Plan) -> String {
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
fn still_above(q: &Question, plan: &Plan) -> String {
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
fn too_large(q: &Question, plan: &Plan) -> String {
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
fn unavoidable(q: &Question, plan: &Plan) -> String {
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
fn is_too_small(q: &Question) -> bool {
    let limits = Limits::thresholds(q.config);
    let above = |resource| overload_of_all(resource, q.outlook, limits).node_hours >= 1.0;
    Resource::ALL.into_iter().any(above)
}

/// Whether of most guests of the nodes in need no load is recorded.
fn is_unrecorded(q: &Question) -> bool {
    let guests = || q.outlook.guests.iter().filter(|g| q.states[g.host].in_need);
    2 * guests().filter(|g| g.is_unrecorded()).count() > guests().count()
}

const ON_THEIR_WAY: &str = "guests are on their way to other nodes, or have just arrived there";

/// What keeps most guests of troubled nodes where they are, by the reason that is told of each.
pub(super) fn held(q: &Question, plan: &Plan) -> &'static str {
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
    use super::super::super::asked::asked;
    use super::*;
    use crate::model::{Cores, Disk, DiskSource, Fraction, HaResource, StorageFacts};
    use crate::recommend::{
        Blocker, Constraints, Overload, Refusal, Skipped, Urgency, Window, plan, states,
    };

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
    fn moves_off_a_calm_node_in_maintenance_are_told_as_such() {
        let told = |nodes: &[(&str, usize)]| asked(nodes, |q| summary(q, &plan(q)));
        assert_eq!(
            told(&[("pve1", 2), ("pve2", 1)]),
            "2 migrations recommended to move guests off pve1, which is in maintenance: no node is \
             expected above its thresholds in the next 24 hours, with them or without."
        );
    }

    #[test]
    fn a_projection_that_nothing_confirms_is_told_as_one() {
        let finding = |state, hours: f64| Finding {
            metric: "CPU",
            state,
            current: None,
            high_7d: None,
            threshold: Fraction(0.8),
            hours_to_threshold: Some(hours),
            peak_hours: Vec::new(),
        };
        let told = |state, direction, hours| {
            let findings = vec![finding(state, hours)];
            let states = [NodeState { state, of_load: state, ..NodeState::of(findings) }];
            asked(&[("pve1", 1)], |q| {
                let mut outlook = q.outlook.clone();
                outlook.nodes[0].cpu_trend.direction = direction;
                unconfirmed(&Question { states: &states, outlook: &outlook, ..*q })
            })
        };
        let rising = Direction::SustainedIncrease;
        let text = told(State::Healthy, rising, 9.0);
        assert!(text.contains("CPU of pve1 passes 80 % in 9 hours"), "{text}");
        assert_eq!(told(State::Healthy, rising, 90.0), "", "beyond the horizon");
        assert_eq!(told(State::TrendingTowardOverload, rising, 9.0), "", "confirmed");
        let daily = told(State::Healthy, Direction::Cyclical, 9.0);
        assert_eq!(daily, " The daily peak of pve1's CPU passes 80 % at about 09:00.");
        assert_eq!(told(State::Healthy, Direction::Cyclical, 0.0), "", "it is there");
        assert_eq!(told(State::Healthy, Direction::Stable, 9.0), "", "no trend");
    }

    #[test]
    fn a_node_in_trouble_at_the_same_hours_each_day_says_at_which() {
        let told = |metrics: &[&'static str]| {
            let finding = |metric: &&'static str| Finding {
                metric,
                state: State::Overloaded,
                current: None,
                high_7d: None,
                threshold: Fraction(0.8),
                hours_to_threshold: None,
                peak_hours: if *metric == "CPU" { vec![2, 3, 4] } else { Vec::new() },
            };
            let states = [NodeState::of(metrics.iter().map(finding).collect())];
            asked(&[("pve1", 1)], |q| {
                at_hours(&Question { states: &states, ..*q }, &["pve1".into()]).concat()
            })
        };
        assert_eq!(told(&["CPU"]), "pve1 (02-05)");
        assert_eq!(told(&["CPU", "memory"]), "pve1", "memory is above it all day");
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
    fn where_as_many_hours_stay_above_the_fall_of_core_hours_is_told() {
        asked(&[("pve1", 2), ("pve2", 1)], |q| {
            let of = |core_hours| Overload { node_hours: 24.0, core_hours };
            let plan = Plan { before: of(512.0), after: of(310.0), ..plan(q) };
            let text = summary(q, &plan);
            let want = "falls from 512 to 310 core-hours above the thresholds, in as many node-hours (24).";
            assert!(text.contains(want), "{text}");
        });
    }

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
    fn what_all_refusals_have_in_common_is_told() {
        asked(&[("pve1", 2), ("pve2", 1)], |q| {
            let step = plan(q).steps.first().expect("a step").clone();
            let of = |cause, percent: f64, hour: u8| {
                let mut step = step.clone();
                step.confidence.percent = percent;
                let (start, end) = (i64::from(hour) * HOUR, 24 * HOUR);
                let why = String::new();
                let tomorrow = hour < 6;
                let window = Window {
                    start,
                    end,
                    start_hour: hour,
                    end_hour: 23,
                    tomorrow,
                    end_day: None,
                    why,
                };
                step.details.window = Some(window);
                Considered { step, reason: Refusal { cause, text: String::new() } }
            };
            let told = |all: &[Considered]| refused(q, all);
            assert_eq!(
                told(&[of(Cause::Busy, 90.0, 18), of(Cause::Busy, 90.0, 16)]),
                "all guests that would help are in their daily peak, until 16:00"
            );
            assert_eq!(
                told(&[of(Cause::Busy, 90.0, 5)]),
                "all guests that would help are in their daily peak, until tomorrow at 05:00"
            );
            assert_eq!(
                told(&[of(Cause::Confidence, 67.9, 0), of(Cause::Confidence, 60.0, 0)]),
                "none of the 2 moves that were weighed reaches the minimum confidence of 75 %: the best has 67 %"
            );
            assert_eq!(
                told(&[of(Cause::Confidence, 67.9, 0), of(Cause::Gain, 90.0, 0)]),
                "none of the 2 moves that were weighed is worth it now"
            );
        });
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
                let advice = super::super::advise(&q, 0, Vec::new());
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
