//! What changed since the last advice: a comparison of two replies, with nothing remembered.

use crate::api::{Changes, Earlier, EarlierMove, Gone, OtherTarget, RecommendReply};
use crate::model::Vmid;
use std::collections::BTreeMap;

/// What `reply` recommends otherwise than `earlier` did.
pub fn changes(earlier: &Earlier, reply: &RecommendReply) -> Changes {
    let then: BTreeMap<Vmid, &EarlierMove> =
        earlier.recommendations.iter().map(|m| (m.vmid, m)).collect();
    let mut found = Changes { since: earlier.now, ..Changes::default() };
    for r in &reply.recommendations {
        let now = EarlierMove {
            vmid: r.vmid,
            name: r.name.clone(),
            source: r.source.clone(),
            target: r.target.clone(),
        };
        match then.get(&r.vmid) {
            Some(was) if was.target == r.target => found.unchanged += 1,
            Some(was) => {
                found.other_target.push(OtherTarget { now, earlier_target: was.target.clone() });
            }
            None => found.new.push(now),
        }
    }
    let still = |vmid: &Vmid| reply.recommendations.iter().any(|r| r.vmid == *vmid);
    for (vmid, was) in then.into_iter().filter(|(vmid, _)| !still(vmid)) {
        found.gone.push(Gone { was: was.clone(), why: fate(vmid, was, reply) });
    }
    found
}

/// What became of a move that is no longer recommended.
fn fate(vmid: Vmid, was: &EarlierMove, reply: &RecommendReply) -> String {
    let skipped = reply.skipped.iter().find(|s| s.vmid == vmid);
    let weighed = reply.considered.iter().find(|c| c.vmid == vmid);
    let place = skipped.map(|s| (&s.node, &s.reason));
    match place.or(weighed.map(|c| (&c.source, &c.reason))) {
        None => "is not in the cluster any more".into(),
        Some((node, _)) if *node == was.target => format!("done: it is on {node} now"),
        Some((node, _)) if *node != was.source => format!("moved elsewhere: it is on {node} now"),
        Some((_, reason)) => reason.clone(),
    }
}
