//! What became of migrations: found, judged and kept by `collect`, told by `outcomes`.
//!
//! A run of the collector with nothing to do reads the first line of one small file. Reading writes
//! nothing: what is not on file yet is judged for the answer.

use super::explain::unknown_guest;
use super::history::{History, point};
use super::keep::settings;
use super::prepare::without_cache;
use super::{Engine, RecommendRequest, local_time};
use crate::api::{GuestOutcomes, OutcomeEntry, OutcomesReply, RecommendReply};
use crate::collect::inventory;
use crate::error::{Kind, Result};
use crate::model::{
    DAY, GuestMetric, HOUR, Inventory, Migration, NodeMetric, UnixTime, Vmid, start_of,
};
use crate::outcome::{
    Advice, Experience, GuestRecord, Ledger, MAX_OUTCOME_ENTRIES, NodeRecord, Outcome, Scene, Span,
    Tally, Verdict, calculate_outcome_accuracy, calibration, judge,
};
use crate::outlook::Limits;
use crate::series::{LocalTime, Point};
use crate::settings::{Knob, Loaded, PenaltyConfig, Stored, Table, get_effective_penalty_config};
use crate::store::{
    Appended, AsItself, Detail, Entity, Fleet, GuestTrack, Reader, Resolution, Writer,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How far back the store is searched for moves: the hourly values of the first day must be there,
/// and history before it.
const REACH: i64 = 12 * DAY;
/// How far to search is put on file at least this often.
const SEARCH: i64 = 6 * HOUR;
/// A search begins this long before the end of the last one; and the same move seen twice within it
/// (the clock stepped, or samples of before were added) is one.
const OVERLAP: i64 = HOUR;
/// Most windows that one run of the collector judges, and most guests whose advice it computes anew (a moment with
/// moves costs a few analyses of the cluster); the next run goes on, so that none takes longer than it may.
const BATCH: Batch = Batch { windows: 32, guests: 16_000 };
/// No such bounds: somebody waits for the whole answer.
const ALL: Batch = Batch { windows: usize::MAX, guests: usize::MAX };
/// Guests that a moment counts for at least: eight moments a run in clusters up to this size.
const FEW: usize = 2_000;
/// Most unaffected nodes that are looked at.
const CONTROLS: usize = 16;
/// Moments before a move whose advice is looked at: just before it, and while somebody may have
/// read the advice and waited.
const ADVISED: [i64; 4] = [1, HOUR, 6 * HOUR, DAY];
/// History that forecasts are made from, in hours.
const LOOKBACK: u32 = 336;

#[derive(Clone, Copy)]
struct Batch {
    windows: usize,
    guests: usize,
}

/// Whose outcomes to tell.
#[derive(Clone, Debug)]
pub struct OutcomesRequest {
    /// Moment of the question; `None`: see [`Engine`].
    pub now: Option<UnixTime>,
    /// Only this guest.
    pub guest: Option<Vmid>,
    /// Effective settings: thresholds for moves that no collector run took note of.
    pub config: PenaltyConfig,
}

impl Engine {
    /// What became of migrations, as of now. Writes nothing.
    ///
    /// # Errors
    /// `NotFound` where a guest is asked for that is not there and of which no migration is known.
    pub fn outcomes(&self, request: &OutcomesRequest) -> Result<OutcomesReply> {
        let reader = Reader::open(&self.state)?;
        let (now, tick) = self.moment(&reader, request.now)?;
        let (ledger, warnings) = self.judged(&reader, now, Limits::thresholds(&request.config))?;
        let mut outcomes = ledger.outcomes;
        outcomes.sort_by_key(|o| (o.time, o.vmid));
        outcomes.retain(|o| request.guest.is_none_or(|vmid| o.vmid == vmid));
        if let Some(vmid) = request.guest.filter(|_| outcomes.is_empty()) {
            let is_there = tick.guests.iter().any(|guest| guest.vmid == vmid);
            // One on a node that is away is in no tick.
            let was_there = || -> Result<bool> {
                let (stored, _) = reader.data_quality(&[Entity::Guest(vmid)], now)?;
                Ok(stored.iter().any(|quality| quality.total_samples > 0))
            };
            if !is_there && !was_there()? {
                return Err(unknown_guest(vmid));
            }
        }
        Ok(OutcomesReply {
            now,
            guests: by_guest(&outcomes),
            accuracy: calculate_outcome_accuracy(outcomes.iter()),
            calibration: calibration(outcomes.iter()),
            outcomes: outcomes.into_iter().rev().map(entry).collect(),
            warnings,
        })
    }

    /// What earlier moves taught about the guests that are there, as of the history's moment. Advice
    /// can do without: trouble is told, not returned.
    pub(super) fn experience(
        &self,
        reader: &Reader,
        history: &History,
        config: &PenaltyConfig,
    ) -> (Experience, Vec<String>) {
        let (ledger, warnings) = match self.judged(reader, history.now, Limits::thresholds(config))
        {
            Ok(read) => read,
            Err(e) => (Ledger::default(), vec![e.to_string()]),
        };
        let there: BTreeSet<(Vmid, UnixTime)> =
            history.guest_tracks().iter().map(|g| (g.vmid, g.since)).collect();
        let same = |o: &&Outcome| there.contains(&(o.vmid, o.since));
        (Experience::of(ledger.outcomes.iter().filter(same)), warnings)
    }

    /// What is on file, and what no run of the collector has noted or judged yet: of the last minute
    /// where there is a collector, of all days in a state that `append` filled.
    fn judged(
        &self,
        reader: &Reader,
        now: UnixTime,
        limits: Limits,
    ) -> Result<(Ledger, Vec<String>)> {
        let (mut ledger, warnings) = self.ledger(now)?;
        let study = Study::new(reader, now, limits)?;
        study.take_note(&mut ledger, ALL.guests)?;
        study.judge_due(&mut ledger, ALL.windows)?;
        Ok((ledger, warnings))
    }

    /// What is on file, as it was at `now`. A file that cannot be read is no reason to say nothing.
    fn ledger(&self, now: UnixTime) -> Result<(Ledger, Vec<String>)> {
        match Ledger::load(&self.state) {
            Ok(mut ledger) => {
                ledger.outcomes.retain(|o| o.time <= now);
                ledger.outcomes.iter_mut().for_each(|o| {
                    o.reopen(now);
                });
                Ok((ledger, Vec::new()))
            }
            Err(e) if matches!(e.kind, Kind::Corrupt | Kind::Unsupported) => {
                Ok((Ledger::default(), vec![e.to_string()]))
            }
            Err(e) => Err(e),
        }
    }

    /// After a tick was stored: takes note of moves and judges what is due. Cheap when nothing is.
    /// Once an hour moves are searched for in any case: a killed run or another program may have
    /// left some unnoticed. Trouble here must not cost a tick: it is told and tried again.
    pub(super) fn follow_up(
        &self,
        writer: &Writer,
        root: &Path,
        done: &Appended,
        now: UnixTime,
    ) -> Vec<String> {
        let stirred = done.moved > 0 || done.compressed.rows > 0;
        let idle = match Ledger::header(&self.state) {
            // A search in the future: the clock had run ahead.
            Ok(Some(header)) => {
                !stirred && header.searched <= now && header.next_due.is_none_or(|due| due > now)
            }
            _ => false,
        };
        if idle {
            return Vec::new();
        }
        self.study(writer, root, now).unwrap_or_else(|e| vec![format!("outcomes: {e}")])
    }

    fn study(&self, writer: &Writer, root: &Path, now: UnixTime) -> Result<Vec<String>> {
        let (mut ledger, aside) = Ledger::load_to_change(&self.state, writer)?;
        let mut warnings: Vec<String> = aside.iter().map(ToString::to_string).collect();
        let reader = Reader::open(&self.state)?;
        let Loaded { stored, warnings: odd, .. } = settings(root)?;
        warnings.extend(odd.iter().map(ToString::to_string));
        let config = get_effective_penalty_config(&stored).config;
        let study = Study::new(&reader, now, Limits::thresholds(&config))?;
        // Of a clock that was ahead: what was noted then may never have been, and is found again if it was.
        if ledger.searched.is_some_and(|searched| searched > now) {
            ledger.outcomes.retain(|outcome| outcome.time <= now);
        }
        let known = ledger.outcomes.len();
        let reopened: usize = ledger.outcomes.iter_mut().map(|o| o.reopen(now)).sum();
        let searched = study.take_note(&mut ledger, BATCH.guests)?;
        if ledger.outcomes.len() > known {
            let inventory = {
                let _reads = AsItself::again();
                inventory(root, now)?
            };
            let mut adviser = Adviser::new(self, inventory, config, &stored);
            for outcome in &mut ledger.outcomes[known..] {
                outcome.advice = adviser.before(&outcome.migration());
            }
        }
        let judged = study.judge_due(&mut ledger, BATCH.windows)?;
        let goes_on = searched < now;
        let stale = ledger.searched.is_none_or(|s| s > now || now.saturating_sub(s) >= SEARCH);
        if stale
            || goes_on != ledger.goes_on
            || reopened + judged > 0
            || ledger.outcomes.len() > known
        {
            (ledger.searched, ledger.goes_on) = (Some(searched), goes_on);
            ledger.save(&self.state, writer)?;
        }
        Ok(warnings)
    }
}

fn entry(outcome: Outcome) -> OutcomeEntry {
    let result = outcome.result();
    let summary = outcome.telling().map_or_else(String::new, |w| w.reason.clone());
    OutcomeEntry { result, summary, outcome }
}

/// Counts of each guest; `outcomes` are oldest first. A guest that took the number of a destroyed one has its own alone.
fn by_guest(outcomes: &[Outcome]) -> Vec<GuestOutcomes> {
    let mut guests: BTreeMap<Vmid, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        let of_guest = guests.entry(outcome.vmid).or_default();
        of_guest.retain(|before| before.since == outcome.since);
        of_guest.push(outcome);
    }
    let told = |(vmid, all): (Vmid, Vec<&Outcome>)| {
        let tally = Tally::of(all.iter().copied());
        GuestOutcomes {
            vmid,
            name: all.last().map(|o| o.name.clone()).unwrap_or_default(),
            tally,
            success_rate: tally.success_rate(),
            accuracy: calculate_outcome_accuracy(all.iter().copied()),
        }
    };
    guests.into_iter().map(told).collect()
}

/// Our advice at moments before moves. Analysis is a pure function of what is stored, so past
/// advice is computed anew: nobody has to keep it.
struct Adviser<'a> {
    engine: &'a Engine,
    inventory: Inventory,
    config: PenaltyConfig,
    settings: Value,
    given: BTreeMap<UnixTime, Option<RecommendReply>>,
}

impl<'a> Adviser<'a> {
    fn new(
        engine: &'a Engine,
        inventory: Inventory,
        config: PenaltyConfig,
        stored: &Stored,
    ) -> Self {
        let chosen = stored.settings();
        let value =
            |&knob: &Knob| (knob.name().to_string(), knob.field().unit.json(chosen.get(knob)));
        let settings = Value::Object(Knob::ALL.iter().map(value).collect::<Map<_, _>>());
        Self { engine, inventory, config, settings, given: BTreeMap::new() }
    }

    fn at(&mut self, as_of: UnixTime) -> Option<&RecommendReply> {
        let (engine, inventory, config) = (self.engine, &self.inventory, self.config);
        let ask = || {
            let request = RecommendRequest { now: Some(as_of), inventory: None, config };
            engine.recommend(&request, Some(inventory.clone())).ok()
        };
        self.given.entry(as_of).or_insert_with(ask).as_ref()
    }

    /// The advice before a move: the latest that recommended it, else the last one before it.
    fn before(&mut self, migration: &Migration) -> Option<Advice> {
        let mut last = None;
        for ahead in ADVISED {
            let as_of = migration.time.saturating_sub(ahead);
            let settings = self.settings.clone();
            let Some(reply) = self.at(as_of) else { break };
            let advice = advice(reply, migration, as_of, settings);
            if advice.recommended {
                return Some(advice);
            }
            last = last.or(Some(advice));
        }
        last
    }
}

fn advice(
    reply: &RecommendReply,
    migration: &Migration,
    as_of: UnixTime,
    settings: Value,
) -> Advice {
    let same = |vmid, source: &str, target: &str| {
        vmid == migration.vmid && source == migration.from && target == migration.to
    };
    let step = reply.recommendations.iter().find(|r| same(r.vmid, &r.source, &r.target));
    let weighed = reply.considered.iter().find(|c| same(c.vmid, &c.source, &c.target));
    Advice {
        recommended: step.is_some(),
        as_of,
        confidence: step.map(|s| s.confidence).or(weighed.map(|c| c.confidence)),
        decision_explanation: step.map(|s| s.decision_explanation.clone()),
        trend_evidence: step.and_then(|s| serde_json::to_value(&s.trend_evidence).ok()),
        settings,
    }
}

/// The store as of a moment, asked about moves.
struct Study<'a> {
    reader: &'a Reader,
    now: UnixTime,
    limits: Limits,
    local: LocalTime,
    /// All moves that matter, in order of time.
    moves: Vec<Migration>,
}

impl<'a> Study<'a> {
    fn new(reader: &'a Reader, now: UnixTime, limits: Limits) -> Result<Self> {
        let moves = reader.migrations(now.saturating_sub(REACH)..now.saturating_add(1))?;
        Ok(Self { reader, now, limits, local: local_time(now), moves })
    }

    /// Adds moves that are not in the ledger yet, oldest first, at its end, until the clusters of their moments have `most`
    /// guests together. Up to when all moves are noted now.
    fn take_note(&self, ledger: &mut Ledger, most: usize) -> Result<UnixTime> {
        let from = ledger.searched.map_or(UnixTime::MIN, |s| s.min(self.now) - OVERLAP);
        // What is older than all that a full ledger keeps was dropped, or would be: it stays forgotten.
        let full = ledger.outcomes.len() >= MAX_OUTCOME_ENTRIES;
        let oldest = ledger.outcomes.iter().map(|o| (o.time, o.vmid)).min().filter(|_| full);
        let mut guests = 0;
        for moves in self.moves.chunk_by(|a, b| a.time == b.time) {
            let Some(Migration { time, .. }) = moves.first().filter(|m| m.time >= from) else {
                continue;
            };
            let is_new = |m: &&Migration| {
                oldest.is_none_or(|oldest| oldest < (m.time, m.vmid))
                    && !self.is_known(&ledger.outcomes, m)
            };
            let new: Vec<&Migration> = moves.iter().filter(is_new).collect();
            if new.is_empty() {
                continue;
            }
            if guests >= most {
                return Ok(time - 1);
            }
            let fleet = self.at(*time)?;
            guests += fleet.guests.len().max(FEW);
            for migration in new {
                let track = fleet.guest(migration.vmid).map(|i| &fleet.guests[i]);
                let who = track.map_or((String::new(), 0), |g| (g.name.clone(), g.since));
                ledger.outcomes.push(Outcome::new(migration, who, self.limits, self.now));
            }
        }
        Ok(self.now)
    }

    /// Who was there at a moment: the sample of it, else the hour around it.
    fn at(&self, time: UnixTime) -> Result<Fleet> {
        let sample = self.reader.fleet(time..time + 1, Resolution::Raw, Detail::Typical)?;
        if !sample.guests.is_empty() {
            return Ok(sample);
        }
        let hour = start_of(time, HOUR);
        self.reader.fleet(hour..hour + HOUR, Resolution::Hourly, Detail::Typical)
    }

    /// The same move: same guest, source and target at about the same time, without another move of
    /// the guest in between.
    fn is_known(&self, outcomes: &[Outcome], migration: &Migration) -> bool {
        let same = |o: &&Outcome| {
            (o.vmid, &o.source, &o.target) == (migration.vmid, &migration.from, &migration.to)
                && (o.time - migration.time).abs() < OVERLAP
        };
        let between = |o: &Outcome| {
            let (first, last) = (o.time.min(migration.time), o.time.max(migration.time));
            let other = |m: &&Migration| m.vmid == o.vmid && first < m.time && m.time < last;
            self.moves.iter().any(|m| other(&m))
        };
        outcomes.iter().filter(same).any(|o| !between(o))
    }

    /// Judges at most `most` windows that are over, the oldest moves first; how many it were.
    fn judge_due(&self, ledger: &mut Ledger, most: usize) -> Result<usize> {
        let mut due: Vec<(UnixTime, Span, usize)> = Vec::new();
        for (i, outcome) in ledger.outcomes.iter().enumerate() {
            let open = outcome.windows.iter().filter(|w| w.result == Verdict::Pending);
            due.extend(open.filter(|w| w.due <= self.now).map(|w| (outcome.time, w.window, i)));
        }
        due.sort_unstable();
        due.truncate(most);
        let judged = due.len();
        let mut before: Option<(UnixTime, History)> = None;
        let mut after: Option<(UnixTime, Span, Vec<Fleet>)> = None;
        for (time, span, i) in due {
            let history = match before.take() {
                Some((of, history)) if of == time => history,
                _ => History::load(self.reader, time.saturating_sub(1), LOOKBACK, &[])?,
            };
            let fleets = match after.take() {
                Some((of, same, fleets)) if (of, same) == (time, span) => fleets,
                _ => self.after(time, span)?,
            };
            let outcome = &mut ledger.outcomes[i];
            let scene = self.scene(&outcome.migration(), outcome.since, span, &history, &fleets);
            let judged = judge(&scene, span, outcome.limits, &self.local, self.now);
            if let Some(window) = outcome.windows.iter_mut().find(|w| w.window == span) {
                *window = judged;
            }
            before = Some((time, history));
            after = Some((time, span, fleets));
        }
        Ok(judged)
    }

    /// Rows after a move: samples within the hour, then whole hours.
    fn after(&self, time: UnixTime, span: Span) -> Result<Vec<Fleet>> {
        let (start, end) = (time + 1, time + 1 + span.seconds());
        if span != Span::Day {
            return Ok(vec![self.reader.fleet(start..end, Resolution::Raw, Detail::Typical)?]);
        }
        let hour = start_of(start, HOUR) + HOUR;
        Ok(vec![
            self.reader.fleet(start..hour, Resolution::Raw, Detail::Typical)?,
            self.reader.fleet(hour..end, Resolution::Hourly, Detail::Typical)?,
        ])
    }

    fn scene(
        &self,
        migration: &Migration,
        since: UnixTime,
        span: Span,
        history: &History,
        fleets: &[Fleet],
    ) -> Scene {
        let end = migration.time + span.seconds();
        // A forecast goes by the last day most of all: a move in it makes another node of that one, too.
        let since_day_before = migration.time.saturating_sub(DAY)..=end;
        let others = |name: &str| -> Vec<UnixTime> {
            let meanwhile = |m: &&Migration| {
                since_day_before.contains(&m.time)
                    && *m != migration
                    && (m.from == name || m.to == name)
            };
            self.moves.iter().filter(meanwhile).map(|m| m.time).collect()
        };
        let node = |name: &str| NodeRecord { shifts: others(name), ..node(name, history, fleets) };
        let calm = |name: &String| {
            ![&migration.from, &migration.to].contains(&name) && others(name).is_empty()
        };
        let controls = history.node_names().into_iter().filter(calm).take(CONTROLS);
        let next = self.moves.iter().find(|m| m.vmid == migration.vmid && m.time > migration.time);
        let rows = fleets.iter().flat_map(Fleet::windows);
        Scene {
            migration: migration.clone(),
            source: node(&migration.from),
            target: node(&migration.to),
            guest: guest(migration.vmid, since, history, fleets),
            controls: controls.map(|name| node(&name)).collect(),
            next_move: next.cloned(),
            rows: rows.map(|w| w.middle()).collect(),
        }
    }
}

fn node(name: &str, history: &History, fleets: &[Fleet]) -> NodeRecord {
    let points = |metric: NodeMetric| {
        let mut all = history.node_points(name, metric);
        for fleet in fleets {
            let entity = fleet.node(name);
            all.extend(entity.iter().flat_map(|&i| fleet.node_table.points(i, metric)).map(point));
        }
        all
    };
    let (cores, memory) = history.node_size(name);
    // A cache that fills what a guest left is no load.
    let mut mem = points(NodeMetric::Memory);
    without_cache(&mut mem, &points(NodeMetric::Arc));
    NodeRecord {
        name: name.to_string(),
        cores,
        memory,
        cpu: points(NodeMetric::Cpu),
        mem,
        pressure: worst(
            [NodeMetric::PsiCpuSome, NodeMetric::PsiIoSome, NodeMetric::PsiMemorySome].map(points),
        ),
        shifts: Vec::new(),
    }
}

fn guest(vmid: Vmid, since: UnixTime, history: &History, fleets: &[Fleet]) -> GuestRecord {
    let tracks = history.guest_tracks();
    let track = tracks.into_iter().find(|g| g.vmid == vmid && g.since == since);
    let points = |metric: GuestMetric| {
        let mut all = track.map(|t| history.guest_points(t, metric)).unwrap_or_default();
        for fleet in fleets {
            let same = |g: &GuestTrack| g.vmid == vmid && g.since == since;
            let entity = fleet.guests.iter().position(same);
            all.extend(entity.iter().flat_map(|&i| fleet.guest_table.points(i, metric)).map(point));
        }
        all
    };
    let (cores, memory) = track.map_or((0.0, 0.0), |t| history.guest_size(t));
    let on_host = points(GuestMetric::MemoryHost);
    GuestRecord {
        cores,
        memory,
        cpu: points(GuestMetric::Cpu),
        mem: if on_host.is_empty() { points(GuestMetric::Memory) } else { on_host },
        pressure: worst(
            [GuestMetric::PsiCpuSome, GuestMetric::PsiIoSome, GuestMetric::PsiMemorySome]
                .map(points),
        ),
    }
}

/// The highest of several series at each time.
fn worst(series: [Vec<Point>; 3]) -> Vec<Point> {
    let mut all: BTreeMap<UnixTime, Point> = BTreeMap::new();
    for point in series.into_iter().flatten() {
        let kept = all.entry(point.time).or_insert(point);
        if point.value > kept.value {
            *kept = point;
        }
    }
    all.into_values().collect()
}
