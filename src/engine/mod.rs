//! The composer: reads the store, calls the rooms in order, returns replies. Algorithms live
//! elsewhere; what stands here is the order of steps.

mod advise;
#[cfg(test)]
mod asked;
mod backtest;
mod changes;
mod command;
mod explain;
mod export;
mod growth;
mod history;
mod import;
mod keep;
mod lines;
mod outcomes;
mod prepare;
mod report;
mod status;
mod thin;
mod waiting;
mod warnings;
mod words;

use crate::api::{
    AppendReply, CollectReply, CompressReply, HistoryReply, LineError, Only, QualityEntry,
    QualityReply, RecommendReply, StabilityReply, StatsReply, StatusReply, TrendsReply,
    VerifyReply,
};
use crate::collect::{Counters, Live, MAX_AGE, PMXCFS, ahead, identify, inventory, live, rates};
use crate::error::{Error, Kind, Result};
use crate::model::{DAY, GuestSample, HOUR, Inventory, NodeSample, Tick, UnixTime, Vmid, utc_date};
use crate::outcome::Ledger;
use crate::recommend::{Constraints, Question, states};
use crate::series::LocalTime;
use crate::settings::{PenaltyConfig, most_kept_hours};
use crate::store::{Appended, Entity, Reader, Writer};
use crate::trend::cases::answer_numbered;
pub use backtest::BacktestRequest;
pub use changes::changes;
pub use command::shell_word;
pub use export::{ExportFormat, ExportRequest};
use history::History;
pub use import::{ImportRequest, ImportSource, Progress, Report};
use lines::{Line, Lines, MAX_LINE};
pub use outcomes::OutcomesRequest;
use prepare::DECISIVE;
pub use status::CLOCK_SLACK;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Refusals that are reported one by one; beyond them only their number is.
const MAX_ERRORS: usize = 100;
/// Data that ended longer ago than this is analysed as of its end.
const STALE: i64 = HOUR;
/// Largest inventory file that is read.
const MAX_INVENTORY: u64 = 256 << 20;
/// Name of the file that keeps the collector's counters between runs.
const COUNTERS: &str = "counters";

/// The engine over one state directory. Holds nothing open.
///
/// A request that names no moment is answered as of the clock, or as of the newest sample where that
/// is older than an hour.
#[derive(Clone, Debug)]
pub struct Engine {
    state: PathBuf,
}

/// What to analyse for trends.
#[derive(Clone, Debug)]
pub struct TrendsRequest {
    /// Moment of the analysis; `None`: see [`Engine`].
    pub now: Option<UnixTime>,
    /// Window of the trend.
    pub lookback_hours: u32,
    /// Only this node.
    pub node: Option<String>,
    /// Only this guest.
    pub guest: Option<Vmid>,
    /// Only nodes or only guests.
    pub only: Option<Only>,
    /// Names of the metrics to answer with; `None`: all that have values. The rest of the answer does not depend on
    /// it.
    pub metrics: Option<Vec<String>>,
    /// Effective settings: thresholds to project to.
    pub config: PenaltyConfig,
}

impl TrendsRequest {
    /// Whether the answer shall have a metric.
    fn wants(&self, metric: &str) -> bool {
        self.metrics.as_ref().is_none_or(|names| names.iter().any(|name| name == metric))
    }
}

/// Whom to ask about.
#[derive(Clone, Debug)]
pub struct EntityRequest {
    /// Moment of the question; `None`: see [`Engine`].
    pub now: Option<UnixTime>,
    /// A node.
    pub node: Option<String>,
    /// A guest.
    pub guest: Option<Vmid>,
}

/// What to decide from.
#[derive(Clone, Debug)]
pub struct RecommendRequest {
    /// Moment of the analysis; `None`: see [`Engine`].
    pub now: Option<UnixTime>,
    /// A pmxcfs tree or a JSON file with the constraints; `None`: the last tick alone.
    pub inventory: Option<PathBuf>,
    /// Effective settings.
    pub config: PenaltyConfig,
}

impl Engine {
    /// An engine over the metrics in `state`.
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_path_buf() }
    }

    /// One run of the collector: the tree's live state becomes a stored tick.
    ///
    /// `run_dir` keeps the counters of the previous run, from which rates are made; where it cannot, the tick is stored
    /// all the same. Another writer is waited for, up to 20 seconds.
    pub fn collect(
        &self,
        root: &Path,
        run_dir: &Path,
        now: Option<UnixTime>,
    ) -> Result<CollectReply> {
        let now = now.unwrap_or_else(clock);
        let mut live = live(root)?;
        self.make_run_dir(run_dir);
        let file = run_dir.join(COUNTERS);
        let (previous, odd) = Counters::load(&file);
        identify(root, &mut live, &previous);
        let (tick, counters, warnings) = rates(&previous, &live, now);
        if let Some(behind) = self.behind(&live, now)? {
            return Ok(CollectReply::of(&tick, false, vec![behind]));
        }
        let mut writer = waiting::writer(&self.state, waiting::COLLECTOR)?;
        let kept = keep::keep(&mut writer, root)?;
        let done = writer.append_all([&tick])?;
        let saved = counters.save(&file);
        let odd_outcomes = self.follow_up(&writer, root, &done, now);
        let mut all: Vec<String> = odd.iter().map(ToString::to_string).collect();
        all.extend(live.warnings.iter().chain(&warnings).map(ToString::to_string));
        all.extend(done.warnings.iter().map(ToString::to_string));
        all.extend(kept.clone());
        all.extend(saved.err().map(|e| format!("rates will be missing from the next run: {e}")));
        // The settings may have been told of already.
        all.extend(odd_outcomes.into_iter().filter(|odd| kept.as_ref() != Some(odd)));
        if let Some(time) = done.duplicates.first() {
            all.push(format!("a tick at {time} is stored already; this one was left out"));
        }
        Ok(CollectReply::of(&tick, done.stored > 0, all))
    }

    /// What to say where the clock is behind: nodes report from the future, and later than samples that are
    /// stored already. Whatever was recorded now would say of that past that guests were where they are now.
    fn behind(&self, live: &Live, now: UnixTime) -> Result<Option<String>> {
        let Some(ahead) = ahead(live, now) else { return Ok(None) };
        let reader = match Reader::open(&self.state) {
            Err(e) if e.kind == Kind::NotFound => return Ok(None),
            reader => reader?,
        };
        let newest = reader.last_tick(UnixTime::MAX)?.map(|tick| tick.ts);
        let passed =
            newest.filter(|&newest| now < newest && newest <= ahead.saturating_add(MAX_AGE));
        Ok(passed.map(|newest| {
            format!(
                "the clock says {}, but a sample of {} is stored and nodes report from {}: nothing was \
                 stored; check the clock (`chronyc tracking`)",
                utc_date(now),
                utc_date(newest),
                utc_date(ahead)
            )
        }))
    }

    /// Makes the folder of the counters, if need be for the owner of the store, as whom root saves them. What does not
    /// work is told when they are saved.
    fn make_run_dir(&self, run_dir: &Path) {
        if run_dir.exists() || std::fs::create_dir_all(run_dir).is_err() {
            return;
        }
        if let Ok(state) = std::fs::metadata(&self.state) {
            let _ = std::os::unix::fs::lchown(run_dir, Some(state.uid()), Some(state.gid()));
        }
    }

    /// Stores ticks, each whole or not at all.
    pub fn append<T: Borrow<Tick>>(&self, ticks: impl IntoIterator<Item = T>) -> Result<Appended> {
        Writer::open(&self.state)?.append_all(ticks)
    }

    /// Stores ticks from JSON lines. A bad line is reported and skipped; the others are stored.
    pub fn append_lines(&self, input: impl BufRead) -> Result<AppendReply> {
        let mut reply = AppendReply::default();
        let mut lines = Lines::new(input, MAX_LINE);
        let mut broken = None;
        let ticks = std::iter::from_fn(|| {
            loop {
                let read = match lines.advance() {
                    Ok(Some(Line::Whole(line))) if line.trim_ascii().is_empty() => continue,
                    Ok(Some(Line::Whole(line))) => parse_tick(line),
                    Ok(Some(Line::TooLong)) => {
                        Err(Error::invalid(format!("longer than {} MiB", MAX_LINE >> 20)))
                    }
                    Ok(None) => return None,
                    Err(e) => {
                        broken = Some(e);
                        return None;
                    }
                };
                match read {
                    Ok(tick) => return Some(tick),
                    Err(e) => {
                        reply.rejected += 1;
                        if reply.errors.len() < MAX_ERRORS {
                            let line = lines.number();
                            reply.errors.push(LineError { line, message: e.to_string() });
                        }
                    }
                }
            }
        });
        let done = self.append(ticks)?;
        if let Some(error) = broken {
            return Err(error);
        }
        reply.appended = done.stored as u64;
        reply.duplicates = done.duplicates.len() as u64;
        reply.late = done.late as u64;
        reply.warnings = done.warnings.iter().map(ToString::to_string).collect();
        Ok(reply)
    }

    /// Rolls what is over and drops what is too old.
    pub fn compress(&self, now: Option<UnixTime>) -> Result<CompressReply> {
        // Without this, a mistyped directory would be made and reported as compressed.
        let reader = Reader::open(&self.state)?;
        let (now, _) = self.moment(&reader, now)?;
        let done = Writer::open(&self.state)?.compress_old_samples(now)?;
        Ok(CompressReply {
            rows: done.rows,
            removed: done.removed,
            warnings: done.warnings.iter().map(ToString::to_string).collect(),
        })
    }

    /// What is stored of a node or guest.
    pub fn history(&self, request: &EntityRequest, hours: u32) -> Result<HistoryReply> {
        let reader = Reader::open(&self.state)?;
        let (now, _) = self.moment(&reader, request.now)?;
        match (&request.node, request.guest) {
            (Some(node), _) => {
                let history = reader.get_node_history(node, hours, now)?;
                report::history(format!("node {node}"), &history)
            }
            (None, Some(vmid)) => {
                let history = reader.get_guest_history(vmid, hours, now)?;
                report::history(format!("guest {vmid}"), &history)
            }
            (None, None) => Err(Error::invalid("name a node or a guest")),
        }
    }

    /// What is stored of a node or guest, with at most `points` values per metric: what a plot can
    /// show. Peaks stay; where values are merged, `p95` is an upper bound.
    pub fn history_thinned(
        &self,
        request: &EntityRequest,
        hours: u32,
        points: usize,
    ) -> Result<HistoryReply> {
        let mut reply = self.history(request, hours)?;
        for metric in &mut reply.metrics {
            metric.buckets = thin::thinned(std::mem::take(&mut metric.buckets), points);
        }
        Ok(reply)
    }

    /// How the store and its collector are; that there is none yet is an answer, not an error.
    pub fn status(&self, now: Option<UnixTime>) -> Result<StatusReply> {
        status::status(&self.state, now.unwrap_or_else(clock))
    }

    /// How complete the stored data is: of one, or of all of whom anything is kept, be they gone.
    pub fn quality(&self, request: &EntityRequest) -> Result<QualityReply> {
        let reader = Reader::open(&self.state)?;
        let (now, tick) = self.moment(&reader, request.now)?;
        let asked: Vec<Entity> = match (&request.node, request.guest) {
            (Some(node), _) => vec![Entity::Node(node.clone())],
            (None, Some(vmid)) => vec![Entity::Guest(vmid)],
            (None, None) => {
                let nodes = tick.nodes.iter().map(|n| Entity::Node(n.name.clone()));
                let guests = tick.guests.iter().map(|g| Entity::Guest(g.vmid));
                // Of data that ended long ago only the newest tick may be left.
                let mut all = reader.entities(reader.retention().range(now))?;
                all.extend(nodes.chain(guests));
                all.into_iter().collect()
            }
        };
        let (qualities, damage) = reader.data_quality(&asked, now)?;
        let is_there = match (&request.node, request.guest) {
            (Some(name), _) => tick.nodes.iter().any(|n| n.name == *name),
            (None, Some(vmid)) => tick.guests.iter().any(|g| g.vmid == vmid),
            (None, None) => true,
        };
        if !is_there && qualities.iter().all(|q| q.total_samples == 0) {
            let names = asked.iter().map(report::entity_label).collect::<Vec<_>>().join(", ");
            let message = "nothing is stored under this name; `quality` without a name lists all";
            return Err(Error::new(Kind::NotFound, message).at(names));
        }
        let entry =
            |(entity, quality)| QualityEntry { entity: report::entity_label(entity), quality };
        let entities = asked.iter().zip(qualities).map(entry).collect();
        let mut warnings: Vec<String> = damage.iter().map(ToString::to_string).collect();
        warnings.extend(old_data(request.now, now, &tick));
        Ok(QualityReply { now, retention: reader.retention(), entities, warnings })
    }

    /// Reads every byte and tells what is not as it was written.
    pub fn verify(&self) -> Result<VerifyReply> {
        let mut verification = Reader::open(&self.state)?.verify()?;
        Ledger::verify(&self.state, &mut verification)?;
        Ok(VerifyReply { clean: verification.is_clean(), verification })
    }

    /// How large the store is, as of `now` or the clock.
    pub fn stats(&self, now: Option<UnixTime>) -> Result<StatsReply> {
        let now = now.unwrap_or_else(clock);
        Ok(StatsReply { now, stats: Reader::open(&self.state)?.stats(now)? })
    }

    /// How nodes and guests develop.
    pub fn trends(&self, request: &TrendsRequest) -> Result<TrendsReply> {
        let reader = Reader::open(&self.state)?;
        let (now, tick) = self.moment(&reader, request.now)?;
        // Of one node or guest the values of all the others are not worth the wait.
        let all = request.node.is_none() && request.guest.is_none();
        let mut wanted = report::of_guests(request);
        wanted.retain(|_| all);
        let history = History::load(&reader, now, request.lookback_hours, &wanted)?;
        let moves = match all {
            true => history.migrations(),
            // Those of the whole store cost little beside the analysis of one.
            false => reader.migrations(reader.retention().range(now))?,
        };
        let mut reply = report::trends(&history, &moves, request, &local_time(now))?;
        reply.warnings.extend(old_data(request.now, now, &tick));
        Ok(reply)
    }

    /// Which of two nodes is steadier over the request's window.
    pub fn compare_node_stability(
        &self,
        request: &TrendsRequest,
        nodes: [&str; 2],
    ) -> Result<StabilityReply> {
        let all = TrendsRequest {
            node: None,
            guest: None,
            only: Some(Only::Nodes),
            metrics: None,
            ..request.clone()
        };
        report::compare(&self.trends(&all)?, nodes)
    }

    /// The advice, from the store and an inventory: the one at hand, else the request's.
    pub fn recommend(
        &self,
        request: &RecommendRequest,
        inventory: Option<Inventory>,
    ) -> Result<RecommendReply> {
        self.ask(request, inventory, |q, until, warnings| Ok(advise::advise(q, until, warnings)))
    }

    /// Puts everything together that decisions read, and has it answered: the question, the time of
    /// the newest sample, and what was odd so far.
    fn ask<T>(
        &self,
        request: &RecommendRequest,
        known: Option<Inventory>,
        answer: impl FnOnce(&Question, UnixTime, Vec<String>) -> Result<T>,
    ) -> Result<T> {
        let reader = Reader::open(&self.state)?;
        let (now, tick) = self.moment(&reader, request.now)?;
        let moment = (now, request.now);
        let inventory = inventory_of(known, request.inventory.as_deref(), &tick, moment)?;
        let lookback = request.config.settings.analysis_lookback.hours().0 as u32;
        let history = History::load(&reader, now, lookback, &DECISIVE)?;
        let local = local_time(now);
        let moves = reader.migrations(reader.retention().range(now))?;
        let outlook = prepare::outlook(&history, &moves, &inventory, &request.config, &local);
        let states = states(&outlook, &request.config, &local);
        let (experience, odd) = self.experience(&reader, &history, &request.config);
        let question = Question {
            outlook: &outlook,
            states: &states,
            inventory: &inventory,
            constraints: &Constraints::new(&inventory),
            config: &request.config,
            experience: &experience,
            local: &local,
            recent: history.recent(),
        };
        let mut warnings: Vec<String> =
            inventory.warnings.iter().map(ToString::to_string).collect();
        warnings.extend(odd);
        warnings.extend(history.warnings());
        warnings.extend(old_data(request.now, now, &tick));
        answer(&question, tick.ts, warnings)
    }

    /// The moment to analyse as of, with the newest tick then: the one asked for; else the clock,
    /// or the newest sample where that is older than an hour.
    fn moment(&self, reader: &Reader, asked: Option<UnixTime>) -> Result<(UnixTime, Tick)> {
        let until = asked.unwrap_or_else(clock);
        let Some(tick) = reader.last_tick(until)? else {
            let message = match asked {
                Some(now) => format!(
                    "holds no sample at or before {}: analyses start from one, and single samples are kept for {} h",
                    utc_date(now),
                    reader.retention().raw_hours
                ),
                None => "holds no samples yet; run `collect` or `append` first".to_string(),
            };
            return Err(Error::new(Kind::NotFound, message).at(self.state.display()));
        };
        let now = match asked {
            None if until - tick.ts > STALE => tick.ts,
            _ => until,
        };
        Ok((now, tick))
    }
}

/// Answers raw series line by line; each answer or refusal goes to `take`.
pub fn answer_series(
    input: impl BufRead,
    take: &mut impl FnMut(Result<String>) -> Result<()>,
) -> Result<()> {
    let mut lines = Lines::new(input, MAX_LINE);
    loop {
        let answer = match lines.advance()? {
            None => return Ok(()),
            Some(Line::TooLong) => Err(None),
            Some(Line::Whole(line)) => match std::str::from_utf8(line) {
                Ok(text) if text.trim().is_empty() => continue,
                Ok(text) => Ok(text.to_string()),
                Err(e) => Err(Some(e)),
            },
        };
        let number = lines.number();
        let place = format!("line {number}");
        take(match answer {
            Ok(text) => answer_numbered(number as usize, &text),
            Err(Some(e)) => Err(Error::invalid(format!("not UTF-8: {e}")).at(place)),
            Err(None) => {
                Err(Error::invalid(format!("longer than {} MiB", MAX_LINE >> 20)).at(place))
            }
        })?;
    }
}

fn parse_tick(line: &[u8]) -> Result<Tick> {
    let tick: Tick = serde_json::from_slice(line)
        .map_err(|e| Error::invalid(format!("not a tick: {}", fault(&e))))?;
    tick.check()?;
    Ok(tick)
}

/// What is wrong with one line of JSON: the parser counts lines too, but knows only this one.
fn fault(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

/// Constraints that are known, else from a pmxcfs tree or a JSON file; without either, what a tick tells. What is so at
/// the inventory's moment alone is none of one before it that was `asked` about.
fn inventory_of(
    known: Option<Inventory>,
    path: Option<&Path>,
    tick: &Tick,
    (now, asked): (UnixTime, Option<UnixTime>),
) -> Result<Inventory> {
    // A newer inventory knows better where guests are, but not where they were at a moment that is past.
    let newer = |known_at: UnixTime| (tick.ts..=now).contains(&known_at);
    let (mut inventory, newer) = match (known, path) {
        (Some(inventory), _) => {
            let newer = newer(inventory.ts);
            (inventory, newer)
        }
        (None, Some(path)) => {
            let inventory = inventory_at(path, now)?;
            // A tree is of this moment.
            let newer = match path.is_dir() {
                true => tick.ts <= now && (clock() - now).abs() <= CLOCK_SLACK,
                false => newer(inventory.ts),
            };
            (inventory, newer)
        }
        (None, None) => (Inventory::from_tick(tick), false),
    };
    // A copy of a tree does not tell when it was made.
    let is_live = path.is_some_and(|path| path == Path::new(PMXCFS));
    let known_at = if is_live { clock() } else { inventory.ts };
    if asked.is_some_and(|asked| known_at > asked + CLOCK_SLACK) {
        inventory.forget_moment();
    }
    Ok(current(inventory, tick, newer))
}

/// An inventory from a pmxcfs tree, or from a JSON file.
fn inventory_at(path: &Path, now: UnixTime) -> Result<Inventory> {
    if path.is_dir() { inventory(path, now) } else { read_inventory(path) }
}

/// An inventory from a JSON file.
fn read_inventory(path: &Path) -> Result<Inventory> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, &e))?;
    let mut bytes = Vec::new();
    file.take(MAX_INVENTORY + 1).read_to_end(&mut bytes).map_err(|e| Error::io(path, &e))?;
    if bytes.len() as u64 > MAX_INVENTORY {
        let message = format!("is larger than {} MiB", MAX_INVENTORY >> 20);
        return Err(Error::invalid(message).at(path.display()));
    }
    let mut inventory: Inventory = serde_json::from_slice(&bytes)
        .map_err(|e| Error::invalid(format!("not an inventory: {e}")).at(path.display()))?;
    if inventory.nodes.is_empty() && inventory.guests.is_empty() {
        // Every field may be absent: any JSON would do.
        let message = "not an inventory: neither a node nor a guest is in it";
        return Err(Error::invalid(message).at(path.display()));
    }
    inventory.check().map_err(|e| e.at(path.display()))?;
    inventory.sort();
    Ok(inventory)
}

/// Which guests run and which nodes are online, by the newest tick; where guests are as well, unless the inventory is
/// `newer`: who moved since stays for that. What moves at the moment of another inventory is no news of this one.
fn current(mut inventory: Inventory, tick: &Tick, newer: bool) -> Inventory {
    let guests: BTreeMap<Vmid, &GuestSample> = tick.guests.iter().map(|g| (g.vmid, g)).collect();
    for guest in &mut inventory.guests {
        if let Some(seen) = guests.get(&guest.vmid) {
            if !newer {
                guest.node.clone_from(&seen.node);
                guest.settle();
            }
            guest.status = seen.status;
        }
    }
    let seen = |name: &str| -> Option<&NodeSample> { tick.nodes.iter().find(|n| n.name == name) };
    for node in &mut inventory.nodes {
        if let Some(sample) = seen(&node.name) {
            node.online = node.online.map(|o| o && sample.online).or(Some(sample.online));
        }
    }
    inventory
}

/// Said of an answer for a moment that is well after the newest sample.
fn old_data(asked: Option<UnixTime>, now: UnixTime, newest: &Tick) -> Option<String> {
    let last = utc_date(newest.ts);
    match asked {
        None if clock() - now > STALE => Some(format!(
            "the newest sample is from {last}: analysed as of then; is the collector running?"
        )),
        Some(_) if now - newest.ts > STALE => Some(format!(
            "the newest sample before {} is from {last}: what came after it is not known",
            utc_date(now)
        )),
        _ => None,
    }
}

/// The system's time zone, as far back as anything looks and a month ahead.
pub fn local_time(now: UnixTime) -> LocalTime {
    use chrono::{Local, Offset, TimeZone};
    let east = |time: UnixTime| match Local.timestamp_opt(time, 0) {
        chrono::LocalResult::Single(t) | chrono::LocalResult::Ambiguous(t, _) => {
            t.offset().fix().local_minus_utc()
        }
        chrono::LocalResult::None => 0,
    };
    zone(now, east)
}

/// A zone by its seconds east of UTC, as far back as the longest replay looks.
fn zone(now: UnixTime, east: impl Fn(UnixTime) -> i32) -> LocalTime {
    let from = backtest::earliest(now, most_kept_hours() / 24);
    LocalTime::of_zone(from, now + 31 * DAY, east)
}

/// The clock in unix seconds: the one place of the library that reads it.
fn clock() -> UnixTime {
    chrono::Utc::now().timestamp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bytes, Cores, GuestFacts, HaMove, HaResource, NodeFacts};

    #[test]
    fn the_zone_is_known_as_far_back_as_a_replay_can_look() {
        let now = 1_700_000_000;
        let change = now - 743 * DAY;
        let local = zone(now, |time| if time < change { 7_200 } else { 3_600 });
        assert_eq!((local.east(change - 60), local.east(change)), (7_200, 3_600));
    }

    #[test]
    fn an_inventory_with_impossible_sizes_is_refused_and_says_where() {
        let refused = |change: fn(&mut Inventory)| {
            let mut inventory = Inventory::default();
            inventory.nodes.push(NodeFacts { name: "pve1".into(), ..NodeFacts::default() });
            inventory.guests.push(GuestFacts { vmid: 100, ..GuestFacts::default() });
            change(&mut inventory);
            let text = serde_json::to_vec(&inventory).expect("JSON");
            let dir = tempfile::tempdir().expect("a folder");
            let path = dir.path().join("inventory.json");
            std::fs::write(&path, text).expect("written");
            read_inventory(&path).err().map_or(String::new(), |e| e.to_string())
        };
        let of_node = refused(|i| i.nodes[0].maxcpu = Some(Cores(-4.0)));
        assert!(of_node.contains("node pve1") && of_node.contains("maxcpu"), "{of_node}");
        let of_guest = refused(|i| i.guests[0].maxmem = Some(Bytes(1e300)));
        assert!(of_guest.contains("guest 100") && of_guest.contains("maxmem"), "{of_guest}");
        assert_eq!(refused(|i| i.guests[0].maxcpu = Some(Cores(64.0))), "");
    }

    #[test]
    fn a_newer_inventory_says_where_guests_are_now_and_not_where_they_were() {
        let on = |node: &str, ts| {
            let guest = GuestSample { vmid: 100, node: node.into(), ..GuestSample::default() };
            Tick { ts, guests: vec![guest], ..Tick::default() }
        };
        let (tick, dir) = (on("pve1", 1_000), tempfile::tempdir().expect("a folder"));
        let path = dir.path().join("inventory.json");
        let node = |known_at, given: bool, now| {
            let inventory = Inventory::from_tick(&on("pve2", known_at));
            std::fs::write(&path, serde_json::to_vec(&inventory).expect("JSON")).expect("written");
            let known = given.then_some(inventory);
            let found =
                inventory_of(known, Some(&path), &tick, (now, Some(now))).expect("an inventory");
            found.guests[0].node.clone()
        };
        // Nor what moves at another moment than that asked about.
        let moves = |known_at, now| {
            let mut known = Inventory::from_tick(&on("pve1", known_at));
            let moved = HaMove { target: "pve2".into(), ..HaMove::default() };
            known.guests[0].lock = Some("migrate".into());
            known.guests[0].ha =
                Some(HaResource { under_way: Some(moved), ..HaResource::default() });
            let found =
                inventory_of(Some(known), None, &tick, (now, Some(now))).expect("an inventory");
            let guest = &found.guests[0];
            (guest.migrates(), guest.ha.as_ref().is_some_and(|ha| ha.under_way.is_some()))
        };
        assert_eq!(moves(1_030, 1_040), (true, true));
        assert_eq!(moves(1_030, 1_010), (false, false), "of later than the moment asked about");
        // Nor what was locked then, given up by HA, or in maintenance.
        let held = |known_at, now, asked| {
            let mut known = Inventory::from_tick(&on("pve1", known_at));
            known.guests[0].lock = Some("backup".into());
            known.guests[0].ha = Some(HaResource { in_error: true, ..HaResource::default() });
            let pve1 = NodeFacts { name: "pve1".into(), maintenance: true, ..NodeFacts::default() };
            known.nodes.push(pve1);
            let found = inventory_of(Some(known), None, &tick, (now, asked)).expect("an inventory");
            let guest = &found.guests[0];
            let in_error = guest.ha.as_ref().is_some_and(|ha| ha.in_error);
            [guest.lock.is_some(), in_error, found.nodes[0].maintenance]
        };
        assert_eq!(held(1_030, 1_040, Some(1_040)), [true; 3]);
        assert_eq!(held(970, 1_040, Some(1_040)), [true; 3], "they may last");
        let later = "of later than the moment asked about";
        assert_eq!(held(4_600, 1_040, Some(1_040)), [false; 3], "{later}");
        assert_eq!(held(4_600, 1_040, None), [true; 3], "the samples are old, not the question");
        for given in [false, true] {
            assert_eq!(node(1_030, given, 1_040), "pve2", "newer than the sample");
            assert_eq!(node(970, given, 1_040), "pve1", "older than the sample");
            assert_eq!(node(1_030, given, 1_010), "pve1", "of later than the moment asked about");
        }
    }
}
