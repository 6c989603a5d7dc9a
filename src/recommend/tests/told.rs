//! Who is left alone, and what is told beside the moves.

use super::*;

/// What of `vmid` is told to stand against any move, and to which nodes it could go at all.
fn kept(case: &Case, vmid: u32) -> (Vec<(BlockerCode, String)>, Vec<usize>) {
    case.asked(|q| {
        let told = explain(q, q.inventory.guest(vmid).unwrap());
        let blockers = told.blockers.into_iter().map(|b| (b.code, b.text)).collect();
        (blockers, told.targets.iter().map(|t| t.node).collect())
    })
}

#[test]
fn a_guest_that_moved_since_the_newest_sample_is_left_alone() {
    let mut case = hot();
    let first = case.moves()[0].0;
    assert_eq!(first, 100);
    case.change = |_, inventory| inventory.guests[0].node = "pve1".into();
    assert!(case.moves().iter().all(|(vmid, _)| *vmid != first));
    let text = "is on pve1 now, not on pve0, where the newest sample saw it; ask again after the next run";
    let want = (vec![(BlockerCode::MovedSince, text.into())], vec![2]);
    assert_eq!(kept(&case, first), want, "nor is it offered the node where it is");
}
