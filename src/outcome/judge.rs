//! The verdict on one window of one move.

use super::expect::{Estimate, Frame, Swing, Z90, swing, without};
use super::record::{Effect, GuestEffects, NodeEffects, Verdict, WindowOutcome};
use super::scene::{NodeRecord, Scene, before, covered, is_plausible, means};
use super::span::Span;
use crate::model::{DAY, UnixTime};
use crate::outlook::{Limits, Resource};
use crate::series::{LocalTime, Point, stats};
use std::ops::Range;

/// Relief that matters, as a share of a node: below it a migration is not worth its trouble.
const MATERIAL: f64 = 0.03;
/// How near its threshold a node must be to count as busy, as a share of capacity. Relief below
/// that is real, but nobody needed it.
const NEAR: f64 = 0.20;
/// Waiting that matters to a guest, as a share of time.
const WAITING: f64 = 0.05;
/// Standard errors that a difference must exceed: 90 % one-sided.
const SURE: f64 = 1.2816;
/// Share of a window's slots that must be known.
const LEAST_KNOWN: f64 = 0.5;
/// Before the move a node's busy quarter is that of this long.
const LATELY: i64 = DAY;

impl NodeRecord {
    pub(super) fn of(&self, resource: Resource) -> &[Point] {
        match resource {
            Resource::Cpu => &self.cpu,
            Resource::Memory => &self.mem,
        }
    }
}

/// Judges one window of a move at `now`; the window is over by then.
///
/// A pure function of the scene. O(points) and a trend analysis for each series and resource.
pub fn judge(
    scene: &Scene,
    span: Span,
    limits: Limits,
    local: &LocalTime,
    now: UnixTime,
) -> WindowOutcome {
    let time = scene.migration.time;
    let slots = span.slots(time);
    let mut outcome = WindowOutcome { judged: Some(now), ..WindowOutcome::open(span, time) };
    if let Some((result, reason)) = obstacle(scene, span, &slots) {
        return WindowOutcome { result, reason, ..outcome };
    }
    let frame = Frame { time, slots: &slots, local };
    let deciding = deciding(scene, limits);
    let pairs = Resource::ALL.map(|resource| {
        let swing = swing(&frame, scene.controls.iter().map(|node| node.of(resource)));
        Pair::new(scene, &frame, resource, swing)
    });
    let [cpu, memory] = &pairs;
    outcome.source = NodeEffects { cpu: cpu.source.effect(), memory: memory.source.effect() };
    outcome.target = NodeEffects { cpu: cpu.target.effect(), memory: memory.target.effect() };
    let common = swing(&frame, scene.controls.iter().map(|node| node.pressure.as_slice()));
    outcome.guest = guest_effects(scene, &frame, common);
    let decided = if deciding == Resource::Cpu { cpu } else { memory };
    outcome.resource = Some(deciding);
    outcome.controls = decided.swing.nodes;
    outcome.common_swing = (decided.swing.nodes > 0).then_some(decided.swing.value);
    // With other moves beside it, what came is not what was predicted of this one.
    let alone = scene.source.shifts.is_empty() && scene.target.shifts.is_empty();
    outcome.predicted = decided.predicted(limits).filter(|_| alone);
    let reliefs = [cpu.relief(limits), memory.relief(limits)];
    let relief = if deciding == Resource::Cpu { reliefs[0] } else { reliefs[1] };
    outcome.actual = relief.map(|r| r.value);
    outcome.uncertainty = relief.map(|r| Z90 * r.sigma);
    outcome.needed = relief.map(|r| r.is_near());
    let works = cpu.source.load.iter().flatten().copied().collect::<Vec<_>>();
    let is_busy = !works.is_empty() && stats::mean(&works) >= MATERIAL;
    (outcome.result, outcome.reason) = verdict(scene, &outcome, relief, reliefs, is_busy);
    outcome
}

/// Why a window cannot be judged.
fn obstacle(scene: &Scene, span: Span, slots: &[Range<UnixTime>]) -> Option<(Verdict, String)> {
    let time = scene.migration.time;
    let end = slots.last().map_or(time, |s| s.end);
    if let Some(next) = scene.next_move.as_ref().filter(|m| m.time < end) {
        let minutes = (next.time - time) / 60;
        let reason = format!("it moved on to {} after {minutes} minutes", next.to);
        return Some((Verdict::Interrupted, reason));
    }
    // A move during an outage is seen at its end: what is taken for the time after it may be long after.
    let seen =
        [&scene.source, &scene.target].into_iter().filter_map(|n| last_end(&n.cpu, time)).max();
    if let Some(seen) = seen.filter(|seen| time - seen > span.seconds()) {
        let minutes = (time - seen) / 60;
        let reason = format!(
            "it may be up to {minutes} minutes older than it was seen: there are no samples before it"
        );
        return Some((Verdict::Unknown, reason));
    }
    let covered = covered(&scene.rows, slots);
    let rows = covered.iter().filter(|c| **c).count();
    let enough = |known: usize, of: usize| known > 0 && known as f64 >= LEAST_KNOWN * of as f64;
    if !enough(rows, slots.len()) {
        let reason = format!(
            "no samples of {} are there: the collector was down, or they are too old",
            match rows {
                0 => span.label().to_string(),
                _ => format!("most of {}", span.label()),
            }
        );
        return Some((Verdict::Unknown, reason));
    }
    let known = |points: &[Point]| {
        let known = means(points, slots);
        enough(known.iter().zip(&covered).filter(|(m, c)| m.is_some() && **c).count(), rows)
    };
    for node in [&scene.source, &scene.target] {
        if !known(&node.cpu) {
            return Some((Verdict::Interrupted, format!("{} was down or silent", node.name)));
        }
    }
    (!known(&scene.guest.cpu)).then(|| (Verdict::Interrupted, "the guest did not run".into()))
}

/// Until when there were values before `time`.
fn last_end(points: &[Point], time: UnixTime) -> Option<UnixTime> {
    before(points, time).iter().map(|p| p.time + i64::from(p.seconds) / 2).max()
}

/// Resource in which the source was nearest to its threshold in the busy quarter of the last day
/// before the move: what the move was for.
fn deciding(scene: &Scene, limits: Limits) -> Resource {
    let time = scene.migration.time;
    let fullness = |resource| {
        let points = scene.source.of(resource);
        let lately = before(points, time).into_iter().filter(|p| p.time >= time - LATELY);
        busy(lately.map(|p| p.value)).map_or(0.0, |x| x / limits.of(resource))
    };
    match fullness(Resource::Memory) > fullness(Resource::Cpu) {
        true => Resource::Memory,
        false => Resource::Cpu,
    }
}

/// Mean of the highest quarter of some values: what a peak hour feels like. `None` without any.
fn busy(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut all: Vec<f64> = values.filter(|x| x.is_finite()).collect();
    all.sort_unstable_by(|a, b| b.total_cmp(a));
    let quarter = all.len().div_ceil(4);
    (quarter > 0).then(|| all[..quarter].iter().sum::<f64>() / quarter as f64)
}

/// One resource of one node with and without the move.
struct Side {
    measured: Vec<Option<f64>>,
    expected: Vec<Option<Estimate>>,
    /// As forecast before the move, without the common swing.
    forecast: Option<Vec<Estimate>>,
    /// The guest's load, share of this node.
    load: Vec<Option<f64>>,
    /// The same as forecast.
    guest: Option<Vec<f64>>,
}

impl Side {
    fn effect(&self) -> Option<Effect> {
        Effect::of(&self.measured, &self.expected)
    }
}

/// One resource of both nodes.
struct Pair {
    resource: Resource,
    source: Side,
    target: Side,
    swing: Swing,
}

/// A difference with its standard error, and the levels that it is of.
#[derive(Clone, Copy, Debug)]
struct Relief {
    resource: Resource,
    value: f64,
    sigma: f64,
    /// Busy quarter of the fuller node without and with the move.
    without: f64,
    with: f64,
    limit: f64,
}

impl Relief {
    fn is_sure(&self) -> bool {
        self.value.abs() >= MATERIAL && self.value.abs() > SURE * self.sigma
    }

    /// Whether a node is near its threshold, with the move or without.
    fn is_near(&self) -> bool {
        self.without.max(self.with) >= self.limit - NEAR
    }

    /// Whether a node is now overloaded that would not be, or more so.
    fn is_harm(&self) -> bool {
        self.value < 0.0 && self.is_sure() && self.with >= self.limit
    }
}

impl Pair {
    fn new(scene: &Scene, frame: &Frame, resource: Resource, swing: Swing) -> Self {
        let guest = &scene.guest;
        let (points, size) = match resource {
            Resource::Cpu => (&guest.cpu, guest.cores),
            Resource::Memory => (&guest.mem, guest.memory),
        };
        let used = means(points, frame.slots);
        let foreseen = frame.forecast(points);
        let side = |node: &NodeRecord, sign: f64| {
            let whole = match resource {
                Resource::Cpu => node.cores,
                Resource::Memory => node.memory,
            };
            let known = whole > 0.0 && size > 0.0;
            let share = |x: f64| if known { x * size / whole } else { 0.0 };
            let load: Vec<Option<f64>> =
                used.iter().map(|x| x.filter(|_| known).map(share).filter(is_plausible)).collect();
            let measured = means(node.of(resource), frame.slots);
            let forecast = frame.forecast(node.of(resource));
            // Where other guests came or went, the forecast is of another node.
            let stands = forecast.as_deref().filter(|_| node.shifts.is_empty());
            let expected = without(&measured, &load, stands, swing, sign);
            let guest: Option<Vec<f64>> =
                foreseen.as_ref().map(|f| f.iter().map(|e| share(e.value)).collect());
            let guest = guest.filter(|g| g.iter().all(is_plausible));
            Side { measured, expected, forecast, load, guest }
        };
        Self {
            resource,
            source: side(&scene.source, 1.0),
            target: side(&scene.target, -1.0),
            swing,
        }
    }

    /// Relief as it came; `None` where too little is known.
    fn relief(&self, limits: Limits) -> Option<Relief> {
        let limit = limits.of(self.resource);
        let (s, t) = (&self.source, &self.target);
        let known: Vec<(f64, Estimate)> = (0..s.measured.len())
            .filter_map(|i| {
                let with = s.measured[i]?.max(t.measured[i]?);
                let (a, b) = (s.expected[i]?, t.expected[i]?);
                Some((with, if a.value >= b.value { a } else { b }))
            })
            .collect();
        let with = || known.iter().map(|k| k.0);
        let without = || known.iter().map(|k| k.1.value);
        let strained = |values: &mut dyn Iterator<Item = f64>| {
            busy(values.map(|x| strain(x, limit))).unwrap_or_default()
        };
        let sigma = known.iter().map(|k| k.1.sigma).sum::<f64>() / known.len().max(1) as f64;
        Some(Relief {
            resource: self.resource,
            value: strained(&mut without()) - strained(&mut with()),
            sigma,
            without: busy(without())?,
            with: busy(with())?,
            limit,
        })
    }

    /// Relief as the forecasts before the move had it.
    fn predicted(&self, limits: Limits) -> Option<f64> {
        let limit = limits.of(self.resource);
        let (s, t) = (&self.source, &self.target);
        let (source, target) = (s.forecast.as_ref()?, t.forecast.as_ref()?);
        let (leaves, arrives) = (s.guest.as_ref()?, t.guest.as_ref()?);
        let slots = 0..source.len().min(target.len());
        let without = slots.clone().map(|i| source[i].value.max(target[i].value));
        let with = slots.map(|i| {
            (source[i].value - leaves[i]).max(target[i].value + arrives[i]).clamp(0.0, 1.0)
        });
        let without = busy(without.map(|x| strain(x, limit)))?;
        Some(without - busy(with.map(|x| strain(x, limit)))?)
    }
}

/// How far a load is above the level from which a node counts as busy.
fn strain(load: f64, limit: f64) -> f64 {
    (load - (limit - NEAR)).max(0.0)
}

/// What the same rule says of a relief without its error: for predictions.
pub(super) fn class(relief: f64) -> Verdict {
    match relief {
        x if x >= MATERIAL => Verdict::Improved,
        x if x <= -MATERIAL => Verdict::Worse,
        _ => Verdict::NoEffect,
    }
}

/// What the guest does, beside what was forecast. `waiting` is what tasks of unaffected nodes wait beyond their forecasts:
/// as far as the guest's waiting changed the same way, the move has nothing to do with it.
fn guest_effects(scene: &Scene, frame: &Frame, waiting: Swing) -> GuestEffects {
    let effect = |points: &[Point], swing: Swing| {
        let forecast = frame.forecast(points)?;
        let measured = means(points, frame.slots);
        let of = |shift: f64| {
            let shifted = |e: &Estimate| Estimate {
                value: e.value + shift,
                sigma: e.sigma.hypot(swing.sigma),
                ..*e
            };
            let expected: Vec<_> = forecast.iter().map(|e| Some(shifted(e))).collect();
            Effect::of(&measured, &expected)
        };
        let apart = of(0.0)?.difference;
        let whole = swing.whole();
        of(match apart * whole > 0.0 {
            true => whole.signum() * whole.abs().min(apart.abs()),
            false => 0.0,
        })
    };
    let guest = &scene.guest;
    GuestEffects {
        cpu: effect(&guest.cpu, Swing::default()),
        pressure: effect(&guest.pressure, waiting),
    }
}

/// Puts pair and guest together: harm first, then help.
fn verdict(
    scene: &Scene,
    outcome: &WindowOutcome,
    relief: Option<Relief>,
    all: [Option<Relief>; 2],
    guest_is_busy: bool,
) -> (Verdict, String) {
    let names = format!("the fuller of {} and {}", scene.source.name, scene.target.name);
    let told = |r: &Relief| {
        let label = r.resource.label();
        format!(
            "in the busiest quarter of the time {names} uses {:.0} % {label}; without the move it \
             would want {:.0} %",
            r.with * 100.0,
            r.without * 100.0
        )
    };
    if let Some(harm) = all.iter().flatten().find(|r| r.is_harm()) {
        return (Verdict::Worse, told(harm));
    }
    let waiting = outcome.guest.pressure.filter(|p| {
        let half = (p.high - p.low) / 2.0;
        p.difference.abs() >= WAITING && p.difference.abs() > half
    });
    let waits = |p: &Effect| {
        format!(
            "the guest waits {:.0} % of the time; {:.0} % was to be expected",
            p.measured * 100.0,
            p.expected * 100.0
        )
    };
    if let Some(p) = waiting.filter(|p| p.difference > 0.0) {
        return (Verdict::Worse, waits(&p));
    }
    let Some(relief) = relief else {
        return (Verdict::Unknown, "neither the guest's load nor enough history is known".into());
    };
    if relief.value > 0.0 && relief.is_sure() {
        return (Verdict::Improved, told(&relief));
    }
    // That a guest with next to nothing to do waits less helps nobody.
    if let Some(p) = waiting.filter(|_| guest_is_busy) {
        return (Verdict::Improved, waits(&p));
    }
    if !relief.is_near() {
        let text = format!(
            "neither node would have been busy without the move: {:.0} % {}",
            relief.without * 100.0,
            relief.resource.label()
        );
        return (Verdict::NoEffect, text);
    }
    (Verdict::NoEffect, told(&relief))
}
