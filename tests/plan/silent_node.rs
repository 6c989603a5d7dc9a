//! A node that is online, but does not report any more, is neither healthy nor a place to move guests to.

use super::store_support::*;
use pve_foresight::api::RecommendReply;
use pve_foresight::engine::{Engine, RecommendRequest};
use pve_foresight::model::{GuestSample, GuestStatus, NodeSample, Tick, UnixTime};
use pve_foresight::recommend::{BlockerCode, State};
use pve_foresight::settings::PenaltyConfig;
use pve_foresight::store::{Entity, Reader, Writer};
use std::path::Path;
use tempfile::TempDir;

/// Guest 100 is on `alpha`, 101 on `beta`.
const GUESTS: u32 = 2;

/// A tick in which nothing is known of `beta` but that it is online.
fn without_beta(ts: UnixTime) -> Tick {
    let mut tick = tick(ts, GUESTS);
    tick.nodes[1] = NodeSample { name: "beta".into(), online: true, ..NodeSample::default() };
    let guest = &mut tick.guests[1];
    *guest = GuestSample {
        vmid: guest.vmid,
        kind: guest.kind,
        name: guest.name.clone(),
        node: guest.node.clone(),
        status: GuestStatus::Unknown,
        ..GuestSample::default()
    };
    tick
}

/// Two days of ticks, after which `beta` says nothing for `minutes`; with the time of the last tick.
fn silent_for(minutes: i64) -> (TempDir, UnixTime) {
    let dir = tempfile::tempdir().unwrap();
    let last = START + 2 * DAY;
    let ticks = (0..=2 * 24 * 12).map(|i| START + i * 5 * MINUTE);
    let ticks = ticks.map(|ts| match last - ts < minutes * MINUTE {
        true => without_beta(ts),
        false => tick(ts, GUESTS),
    });
    Writer::open(dir.path()).unwrap().append_all(ticks).unwrap();
    (dir, last)
}

fn request(now: UnixTime) -> RecommendRequest {
    RecommendRequest { now: Some(now), inventory: None, config: PenaltyConfig::default() }
}

fn recommend(dir: &Path, now: UnixTime) -> RecommendReply {
    Engine::new(dir).recommend(&request(now), None).unwrap()
}

fn says(warnings: &[String], what: &str) -> bool {
    warnings.iter().any(|w| w.contains(what))
}

#[test]
fn a_silent_node_is_told_and_has_no_present() {
    let (dir, now) = silent_for(20);
    let advice = recommend(dir.path(), now);
    let [alpha, beta] = &advice.nodes[..] else { panic!("two nodes: {:?}", advice.nodes) };
    assert_eq!((beta.state, beta.cpu.current), (State::Silent, None));
    assert!(alpha.state < State::Offline && alpha.cpu.current.is_some(), "{alpha:?}");
    assert!(says(&advice.warnings, "beta is online, but does not report"), "{advice:?}");
    let stays = advice.skipped.iter().find(|s| s.vmid == 101).expect("who stays is told");
    assert_eq!(stays.reason, "beta does not report");
    let status = Engine::new(dir.path()).status(Some(now)).unwrap();
    assert!(says(&status.warnings, "no values of it"), "{:?}", status.warnings);
}

#[test]
fn a_silent_node_is_no_target_and_nothing_is_moved_off_it() {
    let (dir, now) = silent_for(7 * 60);
    let engine = Engine::new(dir.path());
    let to = engine.explain(&request(now), None, 100, Some("beta")).unwrap();
    let [target] = &to.targets[..] else { panic!("one target: {:?}", to.targets) };
    assert!(!target.feasible && target.score.is_none(), "{target:?}");
    let codes: Vec<BlockerCode> = target.blockers.iter().map(|b| b.code).collect();
    assert!(codes.contains(&BlockerCode::NodeSilent), "{codes:?}");
    let of = engine.explain(&request(now), None, 101, None).unwrap();
    let text = "is not reported by beta: whether it runs is not known";
    assert!(of.blockers.iter().any(|b| b.text == text), "{:?}", of.blockers);
    let drain = engine.drain(&request(now), None, "beta").unwrap();
    assert!(drain.online && drain.steps.is_empty() && !drain.complete, "{drain:?}");
}

#[test]
fn a_few_missed_reports_and_a_late_collector_make_nobody_silent() {
    let (dir, now) = silent_for(10);
    assert!(recommend(dir.path(), now).nodes[1].state < State::Offline);
    let (dir, now) = silent_for(0);
    let later = recommend(dir.path(), now + 40 * MINUTE);
    assert!(later.nodes.iter().all(|n| n.state < State::Offline), "{:?}", later.nodes);
    assert!(
        Engine::new(dir.path())
            .status(Some(now))
            .unwrap()
            .warnings
            .iter()
            .all(|w| !w.contains("no values"))
    );
}

#[test]
fn what_lists_a_guest_without_a_word_of_it_is_no_sample_of_it() {
    for silent in [0, 7 * 60, 60 * 60] {
        let (dir, now) = silent_for(silent);
        let reader = Reader::open(dir.path()).unwrap();
        let of = |vmid| reader.get_data_quality(&Entity::Guest(vmid), now).unwrap();
        let (known, unknown) = (of(100), of(101));
        let missing = known.total_samples - unknown.total_samples;
        let silent = (silent / 5).min(2 * 24 * 12 + 1);
        assert_eq!(missing, silent as u64, "{known:?} {unknown:?}");
        let age = (unknown.total_samples > 0).then_some(silent * 5 * MINUTE);
        assert_eq!(unknown.last_sample_age, age);
    }
}
