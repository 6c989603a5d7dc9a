use super::*;
use crate::api::{GuestTrends, QualityEntry};
use crate::engine::{Engine, EntityRequest, RecommendRequest, TrendsRequest};
use crate::settings::PenaltyConfig;
use crate::simulate::{Scenario, Simulation};

const END: i64 = 1_792_681_200;
const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&\u{1}";

/// Replies of a small simulated cluster.
fn told(change: impl Fn(&mut RecommendReply, &mut TrendsReply, &mut QualityReply)) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let mut scenario = Scenario::demo(END);
    scenario.interval = 600;
    let engine = Engine::new(dir.path());
    let mut simulation = Simulation::new(&scenario).expect("a simulation");
    engine.append(&mut simulation).expect("stored");
    let request =
        RecommendRequest { now: Some(END), inventory: None, config: PenaltyConfig::default() };
    let mut advice = engine.recommend_with(&request, simulation.inventory()).expect("advice");
    let asked = |node: Option<String>| TrendsRequest {
        now: Some(END),
        lookback_hours: 168,
        node,
        guest: None,
        config: PenaltyConfig::default(),
    };
    let entity = |node: Option<String>| EntityRequest { now: Some(END), node, guest: None };
    let mut trends = engine.trends(&asked(None)).expect("trends");
    let name = trends.nodes[0].node.clone();
    let mut one = engine.trends(&asked(Some(name.clone()))).expect("trends");
    let history = engine.history_thinned(&entity(Some(name)), 168, 100).expect("history");
    let nodes = [NodeStory { trends: one.nodes.swap_remove(0), history }];
    let mut quality = engine.quality(&entity(None)).expect("quality");
    change(&mut advice, &mut trends, &mut quality);
    html(&Story { advice: &advice, trends: &trends, nodes: &nodes, quality: &quality })
}

/// Every opened element is closed in turn; returns the names seen.
fn well_formed(page: &str) -> Vec<String> {
    const VOID: [&str; 2] = ["meta", "!DOCTYPE"];
    let mut open: Vec<String> = Vec::new();
    let mut seen = Vec::new();
    for piece in page.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').expect("a tag ends");
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(|c| !c.is_whitespace() && *c != '/')
            .collect();
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_deref(), Some(name.as_str()), "closing {name}");
        } else if !tag.ends_with('/') && !VOID.contains(&name.as_str()) {
            open.push(name.clone());
            seen.push(name);
        }
    }
    assert_eq!(open, Vec::<String>::new());
    seen
}

#[test]
fn tells_of_nodes_advice_trends_and_quality_and_asks_nobody() {
    let page = told(|_, _, _| {});
    let seen = well_formed(&page);
    for wanted in ["Recommended migrations", "Trends of the nodes", "Data quality", "pve1", "%/day"]
    {
        assert!(page.contains(wanted), "{wanted}");
    }
    assert!(seen.iter().filter(|n| *n == "svg").count() >= 2, "plots");
    assert!(seen.iter().any(|n| n == "article"), "a recommendation");
    for outside in ["http:", "https:", "src=", "url(", "@import", "<script", "<link", "<img"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf"), "numbers");
}

#[test]
fn hostile_names_stay_text() {
    let page = told(|advice, trends, quality| {
        for r in &mut advice.recommendations {
            r.name = HOSTILE.into();
            r.source = HOSTILE.into();
            r.target = HOSTILE.into();
            r.decision_explanation = HOSTILE.into();
            r.command = HOSTILE.into();
            for f in &mut r.trend_evidence.decision_factors {
                f.factor = HOSTILE.into();
            }
        }
        for s in &mut advice.skipped {
            s.name = HOSTILE.into();
            s.reason = HOSTILE.into();
        }
        for n in &mut advice.nodes {
            n.name = HOSTILE.into();
        }
        advice.summary = HOSTILE.into();
        advice.warnings.push(HOSTILE.into());
        let hostile = |g: &mut GuestTrends| (g.name, g.node) = (HOSTILE.into(), HOSTILE.into());
        trends.guests.iter_mut().for_each(hostile);
        let hostile = |e: &mut QualityEntry| e.entity = HOSTILE.into();
        quality.entities.iter_mut().for_each(hostile);
    });
    well_formed(&page);
    assert!(!page.contains("<img") && !page.contains('\u{1}'));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;"));
}

#[test]
fn a_cluster_without_advice_still_has_a_report() {
    let page = told(|advice, trends, quality| {
        advice.recommendations.clear();
        advice.skipped.clear();
        advice.nodes.clear();
        trends.guests.clear();
        quality.entities.clear();
    });
    well_formed(&page);
    assert!(page.contains("No guest has a sustained trend"));
}
