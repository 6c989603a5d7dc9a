//! Stories with a known right answer: one directory per behaviour under `tests/scenarios/`.
//!
//! `cluster.json` has a simulated cluster, and what its configuration and settings add; `README`
//! says what must happen; `expect.json` has it. `UPDATE=1 cargo test --test plan scenarios` rewrites
//! the expectations: the diff is the review.

use pve_foresight::api::{DrainReply, ExplainReply, RecommendReply, SkippedGuest, Standing};
use pve_foresight::engine::{Engine, RecommendRequest};
use pve_foresight::model::{Inventory, Vmid};
use pve_foresight::recommend::Window;
use pve_foresight::settings::{Stored, get_effective_penalty_config};
use pve_foresight::simulate::{Scenario, Simulation};
use rayon::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Adds the configuration that a simulated cluster does not have: whole fields for the cluster,
/// fields of single nodes and guests by their name or number.
fn configured(inventory: &Inventory, added: &Map<String, Value>) -> Inventory {
    let mut all = serde_json::to_value(inventory).unwrap();
    for (field, value) in added {
        match field.as_str() {
            "nodes" | "guests" => {
                let key = if field == "nodes" { "name" } else { "vmid" };
                for (name, fields) in value.as_object().unwrap() {
                    let entries = all[field].as_array_mut().unwrap();
                    let same = |e: &&mut Value| match &e[key] {
                        Value::String(text) => text == name,
                        other => other.as_u64() == name.parse().ok(),
                    };
                    let entry = entries.iter_mut().find(same).unwrap();
                    entry.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
                }
            }
            _ => all[field] = value.clone(),
        }
    }
    serde_json::from_value(all).unwrap()
}

/// What the story is about, told; and whether the advice is to do nothing, where the story asks for advice.
fn run(folder: &Path) -> (Value, Option<bool>) {
    let text = std::fs::read_to_string(folder.join("cluster.json")).unwrap();
    let case: Value = serde_json::from_str(&text).unwrap();
    let scenario: Scenario = serde_json::from_value(case["scenario"].clone()).unwrap();
    let mut simulation = Simulation::new(&scenario).unwrap();
    let state = tempfile::tempdir().unwrap();
    let engine = Engine::new(state.path());
    engine.append(&mut simulation).unwrap();
    let settings = match &case["settings"] {
        Value::Null => Stored::default(),
        body => Stored::default().with_settings(body).unwrap(),
    };
    let settings = match &case["expert"] {
        Value::Null => settings,
        body => settings.with_expert(body).unwrap(),
    };
    let empty = Map::new();
    let added = case["inventory"].as_object().unwrap_or(&empty);
    let request = RecommendRequest {
        now: Some(scenario.end),
        inventory: None,
        config: get_effective_penalty_config(&settings).config,
    };
    let inventory = configured(&simulation.inventory(), added);
    match case["drain"].as_str() {
        Some(node) => {
            let reply = engine.drain(&request, Some(inventory), node).unwrap();
            (drained(&reply), None)
        }
        None => {
            let reply = engine.recommend(&request, Some(inventory.clone())).unwrap();
            check_sense(&reply);
            check_explained(&reply, |vmid| {
                engine.explain(&request, Some(inventory.clone()), vmid, None).unwrap()
            });
            (told(&reply), Some(reply.recommendations.is_empty()))
        }
    }
}

/// What a story of emptying a node promises.
fn drained(reply: &DrainReply) -> Value {
    let steps: Vec<Value> = reply
        .steps
        .iter()
        .map(|s| json!({"vmid": s.vmid, "target": s.target, "command": s.command}))
        .collect();
    let stays: BTreeMap<String, Vec<Value>> = reply
        .stays
        .iter()
        .map(|s| {
            let mut codes: Vec<Value> = s.blockers.iter().map(|b| json!(b.code)).collect();
            codes.dedup();
            (s.vmid.to_string(), codes)
        })
        .collect();
    json!({"steps": steps, "stays": stays, "notes": reply.notes})
}

/// What a story promises: states, moves, and why others stayed; no figures, which may be tuned.
fn told(reply: &RecommendReply) -> Value {
    let states: BTreeMap<&str, Value> =
        reply.nodes.iter().map(|n| (n.name.as_str(), json!(n.state))).collect();
    let moves: Vec<Value> = reply
        .recommendations
        .iter()
        .map(|r| {
            let window = r.weighing.window.as_ref().map(Window::hours);
            json!({"vmid": r.vmid, "source": r.source, "target": r.target, "urgency": r.urgency,
                   "window": window, "concerns": r.concerns.len()})
        })
        .collect();
    let blockers: BTreeMap<String, Vec<Value>> = reply
        .skipped
        .iter()
        .filter(|s| !s.blockers.is_empty())
        .map(|s| {
            let mut codes: Vec<Value> = s.blockers.iter().map(|b| json!(b.code)).collect();
            codes.dedup();
            (s.vmid.to_string(), codes)
        })
        .collect();
    let weighed: BTreeMap<String, &str> = reply
        .considered
        .iter()
        .map(|c| (c.vmid.to_string(), c.reason.split(|x: char| x.is_ascii_digit()).next().unwrap()))
        .collect();
    let mut told =
        json!({"states": states, "moves": moves, "weighed": weighed, "blockers": blockers});
    if reply.crs.auto_rebalance {
        told["balancer_will_act"] = json!(reply.crs.will_act);
    }
    told
}

#[test]
fn every_story_ends_as_it_must() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    let update = std::env::var_os("UPDATE").is_some();
    let (mut asked, mut quiet, mut wrong) = (0, 0, Vec::new());
    // Each has a store of its own; what came of them is looked at in their order.
    let ended: Vec<_> = folders.par_iter().map(|folder| run(folder)).collect();
    for (folder, (told, nothing)) in folders.iter().zip(ended) {
        asked += usize::from(nothing.is_some());
        quiet += usize::from(nothing == Some(true));
        assert!(folder.join("README").is_file(), "{}: a story has a README", folder.display());
        let file = folder.join("expect.json");
        if update {
            std::fs::write(&file, format!("{told:#}\n")).unwrap();
        }
        let expected: Value =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        if told != expected {
            wrong.push(format!("{}: got {told:#}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // To hold advice back is tested about as much as to give it.
    let nearly_half = 2 * asked / 5;
    assert!(quiet >= nearly_half, "nothing to do in {quiet} of {asked} stories");
}

/// `explain` says what the plan does: its moves are possible, and who stays has no time to move.
fn check_explained(reply: &RecommendReply, explain: impl Fn(Vmid) -> ExplainReply) {
    for r in &reply.recommendations {
        let told = explain(r.vmid);
        assert_eq!(told.verdict, Standing::Recommended);
        let first = &told.targets[0];
        assert_eq!(first.node, r.target);
        assert!(first.feasible && first.worth && first.blockers.is_empty(), "{first:?}");
        let brings = first.weighing.as_ref().unwrap();
        let figures = (brings.confidence, brings.score_improvement);
        assert_eq!(figures, (r.confidence, r.weighing.score_improvement), "those of the plan");
        let group = r.concerns.iter().find(|c| c.starts_with("goes together with"));
        assert_eq!(group.is_some(), told.summary.contains(" together with "), "{}", told.summary);
        if let (Some(group), Some(reason)) = (group, &first.reason) {
            assert!(group.starts_with(reason.as_str()), "{group}: {reason}");
        }
        assert!(group.is_none() || first.reason.is_some());
    }
    // One guest of each reason will do.
    let reasons: BTreeMap<&str, &SkippedGuest> =
        reply.skipped.iter().map(|s| (s.reason.as_str(), s)).collect();
    for held in reasons.into_values() {
        check_agrees(held, &explain(held.vmid));
    }
}

/// Both say the same of who stays: what keeps it from one node is no reason while another could take it.
fn check_agrees(held: &SkippedGuest, told: &ExplainReply) {
    let both = format!("{}: {}; {}", held.vmid, held.reason, told.summary);
    match told.verdict {
        Standing::Possible => {
            let later = held.reason.starts_with("could go before the moves above");
            assert!(held.blockers.is_empty() || later, "{both}");
        }
        Standing::Stays => {
            assert!(told.window.is_none(), "{both}");
            // Of a node that gives nobody away only that is told.
            let of_node = held.reason.starts_with(&held.node);
            let own = told.blockers.first().map(|b| b.text.as_str());
            let alone =
                told.targets.is_empty() && held.reason.starts_with("there is no other node");
            let idle = ["does not run", "is a template"].contains(&held.reason.as_str());
            let same = own.map_or(!held.blockers.is_empty(), |own| held.reason.contains(own));
            assert!(of_node || alone || idle || same, "{both}");
        }
        Standing::Recommended | Standing::Weighed => panic!("{both}"),
    }
}

/// What holds in every story.
fn check_sense(reply: &RecommendReply) {
    assert!(reply.overload_after.core_hours <= reply.overload_before.core_hours);
    let calm = reply.summary.starts_with("Nothing to do: no node is");
    assert!(!calm || reply.overload_before.node_hours < 1.0, "{}", reply.summary);
    for r in &reply.recommendations {
        assert_ne!(r.source, r.target);
        assert!((0.0..=100.0).contains(&r.confidence));
        assert!(r.decision_explanation.contains(&r.source), "{}", r.decision_explanation);
        assert!(r.decision_explanation.contains(&r.target), "{}", r.decision_explanation);
        let peaks = &r.weighing.target_peaks;
        assert!(peaks.cpu_after <= 1.0 && peaks.memory_after <= 1.0);
    }
}
