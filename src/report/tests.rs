use super::*;
use crate::api::{BacktestReply, OutcomeEntry, OutcomesReply, SkippedGuest};
use crate::backtest::Policy;
use crate::engine::{
    BacktestRequest, Engine, EntityRequest, OutcomesRequest, RecommendRequest, TrendsRequest,
};
use crate::model::Migration;
use crate::outcome::{Outcome, Verdict};
use crate::outlook::Limits;
use crate::recommend::{Blocker, BlockerCode, State, Window};
use crate::series::LocalTime;
use crate::settings::{PenaltyConfig, Stored, get_effective_penalty_config};
use crate::simulate::{Scenario, Simulation};

const END: i64 = 1_792_681_200;
const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&\u{1}";

/// What a report is made from.
struct Replies {
    advice: RecommendReply,
    trends: TrendsReply,
    outcomes: OutcomesReply,
    quality: QualityReply,
    backtest: BacktestReply,
}

/// The report of a small simulated cluster whose replies were changed.
fn told(change: impl Fn(&mut Replies)) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let mut scenario = Scenario::demo(END);
    scenario.interval = 600;
    let engine = Engine::new(dir.path());
    let mut simulation = Simulation::new(&scenario).expect("a simulation");
    engine.append(&mut simulation).expect("stored");
    let config = PenaltyConfig::default();
    let asked = |node: Option<String>| TrendsRequest {
        now: Some(END),
        lookback_hours: 168,
        node,
        guest: None,
        only: None,
        metrics: None,
        config: PenaltyConfig::default(),
    };
    let entity = |node: Option<String>| EntityRequest { now: Some(END), node, guest: None };
    let request = RecommendRequest { now: Some(END), inventory: None, config };
    let replay = BacktestRequest {
        now: Some(END),
        days: 2,
        every: 24,
        policies: vec![Policy::None],
        sensitivities: Vec::new(),
        inventory: None,
        settings: get_effective_penalty_config(&Stored::default()),
    };
    let whose = OutcomesRequest { now: Some(END), guest: None, config };
    let mut replies = Replies {
        advice: engine.recommend(&request, Some(simulation.inventory())).expect("advice"),
        trends: engine.trends(&asked(None)).expect("trends"),
        outcomes: engine.outcomes(&whose).expect("outcomes"),
        quality: engine.quality(&entity(None)).expect("quality"),
        backtest: engine.backtest(&replay, Some(simulation.inventory())).expect("a replay"),
    };
    let name = replies.trends.nodes[0].node.clone();
    let mut one = engine.trends(&asked(Some(name.clone()))).expect("trends");
    let history = engine.history_thinned(&entity(Some(name)), 168, 100).expect("history");
    let nodes = [NodeStory { trends: one.nodes.swap_remove(0), history }];
    change(&mut replies);
    let Replies { advice, trends, outcomes, quality, backtest } = &replies;
    let backtest = match backtest.summary.as_str() {
        "" => Err(HOSTILE.to_string()),
        _ => Ok(backtest),
    };
    let local = &LocalTime::fixed(7_200);
    html(&Story { advice, trends, nodes: &nodes, outcomes, backtest, quality, local })
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
    let page = told(|_| {});
    let seen = well_formed(&page);
    let wanted = [
        "Recommended migrations",
        "Trends of the nodes",
        "Had the advice been",
        "Data quality",
        "%/day",
    ];
    for wanted in wanted {
        assert!(page.contains(wanted), "{wanted}");
    }
    assert!(seen.iter().filter(|n| *n == "svg").count() >= 2, "plots");
    assert!(seen.iter().any(|n| n == "article"), "a recommendation");
    for outside in ["http:", "https:", "src=", "url(", "@import", "<script", "<link", "<img"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf "), "numbers");
}

#[test]
fn hostile_names_stay_text() {
    let page = told(|replies| {
        let hostile = || HOSTILE.to_string();
        for r in &mut replies.advice.recommendations {
            (r.name, r.source, r.target) = (hostile(), hostile(), hostile());
            (r.decision_explanation, r.command) = (hostile(), hostile());
            r.concerns = vec![hostile()];
            r.trend_evidence.decision_factors.iter_mut().for_each(|f| f.factor = hostile());
        }
        replies.advice.skipped.iter_mut().for_each(|s| (s.name, s.reason) = (hostile(), hostile()));
        replies.advice.nodes.iter_mut().for_each(|n| n.name = hostile());
        replies.advice.summary = hostile();
        replies.advice.warnings.push(hostile());
        replies.trends.guests.iter_mut().for_each(|g| (g.name, g.node) = (hostile(), hostile()));
        replies.quality.entities.iter_mut().for_each(|e| e.entity = hostile());
        let moved = Migration { time: END - 60, vmid: 101, from: hostile(), to: hostile() };
        let limits = Limits { cpu: 0.8, memory: 0.85 };
        let outcome = Outcome::new(&moved, (hostile(), 0), limits, END);
        let entry = OutcomeEntry { result: Verdict::Pending, summary: hostile(), outcome };
        replies.outcomes.outcomes.push(entry);
        replies.backtest.summary = hostile();
        replies.backtest.warnings.push(hostile());
    });
    well_formed(&page);
    assert!(!page.contains("<img") && !page.contains('\u{1}'));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;"));
}

#[test]
fn a_card_tells_what_to_know_before_the_move() {
    let page = told(|replies| {
        let r = &mut replies.advice.recommendations[0];
        r.concerns = vec!["goes together with 102: tag 'affinity_shop'".into()];
        r.confidence = 92.9;
        let now = END;
        r.weighing.window = Some(Window {
            start: now,
            end: now + 7_200,
            start_hour: 1,
            end_hour: 3,
            tomorrow: false,
            end_day: None,
            why: "outside the busy hours of pve1 (09-17)".into(),
        });
        let ignored = Blocker::new(BlockerCode::TagIgnore, "has the tag 'ignore'");
        replies.advice.skipped.push(SkippedGuest {
            vmid: 7,
            name: "seven".into(),
            node: "pve1".into(),
            reason: ignored.text.clone(),
            blockers: vec![ignored],
        });
        let gone = &mut replies.advice.nodes[0];
        (gone.name, gone.state) = ("gone".into(), State::Offline);
    });
    assert!(page.contains("goes together with 102: tag &#39;affinity_shop&#39;"));
    assert!(page.contains("A good time is now, until 03:00"));
    // 15:00 UTC, as the texts of the advice call it.
    assert!(page.contains("As of 2026-10-22 17:00, newest sample"));
    assert!(page.contains("times are local, UTC+02:00") && !page.contains(" UTC<"));
    assert!(page.contains("confidence 92 %"), "rounded down, as the minimum asks");
    assert_eq!(page.matches("has the tag").count(), 1);
    let gone = page.split("<tr><td>gone</td>").nth(1).expect("a row");
    let gone = gone.split("</tr>").next().expect("its end");
    assert_eq!(gone.matches("<td>–</td>").count(), 7, "{gone}");
    well_formed(&page);
}

#[test]
fn a_cluster_without_advice_still_has_a_report() {
    let page = told(|replies| {
        replies.advice.recommendations.clear();
        replies.advice.skipped.clear();
        replies.advice.nodes.clear();
        replies.trends.guests.clear();
        replies.quality.entities.clear();
        replies.backtest.summary.clear();
    });
    assert!(page.contains("Not replayed: &lt;img"));
    well_formed(&page);
    assert!(page.contains("No guest has a sustained trend"));
}
