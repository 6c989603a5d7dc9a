//! Our own advice, followed at once: the same outlook, states and plan as `recommend`, made from
//! a recording instead of the store.

use super::claims::Claim;
use super::lived::{Lived, Relocation, View, newest};
use super::recording::Recording;
use crate::model::{Bytes, Cores, GuestStatus, HOUR, Inventory, Migration, UnixTime};
use crate::outcome::Experience;
use crate::outlook::{
    GuestHistory, GuestOutlook, Lens, NodeHistory, NodeOutlook, Outlook, Readings, fall,
    mean_of_last_day,
};
use crate::recommend::{Constraints, Plan, Question, Recent, Step, plan, states};
use crate::series::{LocalTime, Point};
use crate::settings::PenaltyConfig;
use crate::trend::{Nature, Trend, analyze_each};

/// Hours of history that an outlook is made from, as from the store: the hourly tier.
const WINDOW: usize = 336;
/// Trends are made anew after this many hours, or when a node's guests changed: they look at a
/// week, so an hour more hardly changes them, and they cost more than all the rest.
const TREND_HOURS: usize = 24;

/// What is remembered between decisions: trends only.
pub(super) struct Ours<'a> {
    recording: &'a Recording,
    config: &'a PenaltyConfig,
    local: &'a LocalTime,
    points: Vec<(Vec<Point>, Vec<Point>)>,
    guests: Vec<(Trend, Trend)>,
    nodes: Vec<Option<(Trend, Trend)>>,
    analysed: Option<usize>,
}

impl<'a> Ours<'a> {
    pub(super) fn new(
        recording: &'a Recording,
        config: &'a PenaltyConfig,
        local: &'a LocalTime,
    ) -> Self {
        let points = recording.guests.iter().map(|g| recording.points(g)).collect();
        let nodes = vec![None; recording.nodes.len()];
        Self { recording, config, local, points, guests: Vec::new(), nodes, analysed: None }
    }

    /// The moves that are recommended now.
    pub(super) fn decide(&mut self, view: &View) -> Vec<(Relocation, Option<Claim>)> {
        let (outlook, _, plan) = self.advise(view);
        let index = |vmid| self.recording.guests.iter().position(|g| g.vmid == vmid);
        let claimed = |step: &Step| {
            let guest = index(outlook.guests[step.guest].vmid)?;
            let claim = Claim {
                confidence: step.confidence.percent,
                parts: step.confidence.parts.iter().map(|p| (p.name, p.value)).collect(),
                core_hours: step.benefit.core_hours,
                horizon_hours: outlook.horizon().round() as usize,
            };
            Some((Relocation { guest, to: step.target }, Some(claim)))
        };
        let moves: Vec<_> = plan.steps.iter().filter_map(claimed).collect();
        for (m, _) in &moves {
            self.nodes[view.lived.hosts[m.guest]] = None;
            self.nodes[m.to] = None;
        }
        moves
    }

    /// The whole advice with what it was made from.
    fn advise(&mut self, view: &View) -> (Outlook, Inventory, Plan) {
        let lens = Lens { now: view.now(), config: self.config, local: self.local };
        self.refresh(&lens, view.lived);
        let outlook = self.outlook(&lens, view.lived);
        let inventory = self.inventory(&outlook);
        let plan = {
            let states = states(&outlook, self.config, self.local);
            plan(&Question {
                outlook: &outlook,
                states: &states,
                inventory: &inventory,
                constraints: &Constraints::new(&inventory),
                config: self.config,
                experience: &Experience::default(),
                local: self.local,
                recent: Recent::whole(),
            })
        };
        (outlook, inventory, plan)
    }

    /// Makes trends that are missing or old.
    fn refresh(&mut self, lens: &Lens, lived: &Lived) {
        let hours = lived.hours;
        if self.analysed.is_none_or(|at| hours >= at + TREND_HOURS) {
            self.analysed = Some(hours);
            self.nodes.fill(None);
            let known = |points: &[Point]| points.partition_point(|p| p.time < lens.now);
            let trend = |points: &[Point], nature| {
                let end = known(points);
                let start = points.partition_point(|p| p.time < lens.now - WINDOW as i64 * HOUR);
                lens.trend(&points[start..end], 1.0, nature, &[])
            };
            self.guests = analyze_each(&self.points, |(cpu, memory)| {
                (trend(cpu, Nature::Work), trend(memory, Nature::Fill))
            });
        }
        for n in 0..self.nodes.len() {
            if self.nodes[n].is_none() {
                self.nodes[n] = Some(self.node_trends(lens, lived, n));
            }
        }
    }

    fn node_trends(&self, lens: &Lens, lived: &Lived, n: usize) -> (Trend, Trend) {
        let node = &self.recording.nodes[n];
        let touches = |m: &&Migration| m.from == node.name || m.to == node.name;
        let shifts: Vec<UnixTime> = lived.moves.iter().filter(touches).map(|m| m.time).collect();
        let trend = |hours: &[Option<f64>], whole: f64, threshold: f64, nature| {
            let start = hours.len().saturating_sub(WINDOW);
            let first = self.recording.start + start as i64 * HOUR + HOUR / 2;
            let shares = shares(&hours[start..], whole);
            let point = |(i, share): (usize, &Option<f64>)| {
                let time = first + i as i64 * HOUR;
                let (seconds, count) = (HOUR as u32, self.recording.per_hour() as u32);
                Some(Point { time, value: (*share)?, seconds, count, p95: None })
            };
            let points: Vec<Point> = shares.iter().enumerate().filter_map(point).collect();
            lens.trend(&points, threshold, nature, &shifts)
        };
        let (cpu, memory) = (self.config.cpu_threshold.0, self.config.mem_threshold.0);
        (
            trend(&lived.node_cpu[n], node.cores, cpu, Nature::Work),
            trend(&lived.node_memory[n], node.memory, memory, Nature::Fill),
        )
    }

    fn outlook(&self, lens: &Lens, lived: &Lived) -> Outlook {
        let nodes = (0..self.recording.nodes.len()).map(|n| self.node(lens, lived, n)).collect();
        let running = |g: &usize| {
            let demand = &self.recording.guests[*g].demand;
            last(&demand.cpu_hours, lived.hours, 1)[0].is_some()
        };
        let (there, away): (Vec<usize>, Vec<usize>) =
            (0..self.recording.guests.len()).partition(running);
        let guests = there.into_iter().map(|g| self.guest(lens, lived, g)).collect();
        let past = away.into_iter().map(|g| self.past(lived, g));
        let gone: Vec<GuestHistory> = past.filter(GuestHistory::is_over).collect();
        lens.outlook(nodes, guests, &gone)
    }

    fn node(&self, lens: &Lens, lived: &Lived, n: usize) -> (NodeOutlook, NodeHistory) {
        let node = &self.recording.nodes[n];
        let cpu = last(&lived.node_cpu[n], lived.hours, WINDOW).to_vec();
        let memory = last(&lived.node_memory[n], lived.hours, WINDOW).to_vec();
        let (cpu_now, memory_now) =
            (cpu.last().copied().flatten(), memory.last().copied().flatten());
        let readings = |hours: &[Option<f64>], whole: f64| {
            let shares = shares(hours, whole);
            Readings::of(&shares, shares.last().copied().flatten())
        };
        let (cpu_trend, mem_trend) =
            self.nodes[n].clone().unwrap_or_else(|| self.node_trends(lens, lived, n));
        let unknown = lens.trend(&[], self.config.iowait_threshold.0, Nature::Work, &[]);
        let outlook = NodeOutlook {
            online: self.recording.on(n, lived.hours.saturating_sub(1)),
            cpu: readings(&cpu, node.cores),
            mem: readings(&memory, node.memory),
            cpu_trend,
            mem_trend,
            history_hours: lived.hours as f64,
            ..NodeOutlook::idle(&node.name, Cores(node.cores), Bytes(node.memory), &unknown)
        };
        (outlook, NodeHistory { cpu, memory, cpu_now, memory_now, wanted: Vec::new() })
    }

    /// What a guest used lately, and where.
    fn past(&self, lived: &Lived, g: usize) -> GuestHistory {
        let demand = &self.recording.guests[g].demand;
        let cpu = last(&demand.cpu_hours, lived.hours, WINDOW).to_vec();
        let memory = last(&demand.memory_hours, lived.hours, WINDOW).to_vec();
        GuestHistory {
            cpu_now: newest(&cpu),
            memory_now: newest(&memory),
            cpu,
            memory,
            host: last(&lived.past_hosts[g], lived.hours, WINDOW).to_vec(),
            growth: (0.0, 0.0),
            fall: (0.0, 0.0),
            rhythm: None,
            most: (self.recording.guests[g].cores, self.recording.guests[g].maxmem),
        }
    }

    fn guest(&self, lens: &Lens, lived: &Lived, g: usize) -> (GuestOutlook, GuestHistory) {
        let guest = &self.recording.guests[g];
        let (cpu_trend, mem_trend) = self.guests[g].clone();
        let growth =
            (lens.growth(&cpu_trend) * guest.cores, lens.growth(&mem_trend) * guest.maxmem);
        let fall = (fall(&cpu_trend, guest.cores), fall(&mem_trend, guest.maxmem));
        let ago = self.analysed.map_or(0, |at| lived.hours - at);
        let rhythm = cpu_trend.rhythm(ago).map(|rhythm| rhythm.scaled(guest.cores));
        let past = GuestHistory { growth, fall, rhythm, ..self.past(lived, g) };
        let writes = &guest.demand.write_hours;
        let first = guest.demand.cpu_hours.iter().position(Option::is_some).unwrap_or(0);
        let moves = lived.moves.iter().filter(|m| m.vmid == guest.vmid).cloned().collect();
        let outlook = GuestOutlook {
            vmid: guest.vmid,
            name: guest.name.clone(),
            kind: guest.kind,
            host: lived.hosts[g],
            seen: lived.hosts[g],
            cores: Cores(guest.cores),
            maxmem: Bytes(guest.maxmem),
            load: Default::default(),
            cpu_now: Cores(past.cpu_now),
            memory_now: Bytes(past.memory_now),
            write_bps: mean_of_last_day(&writes[..lived.hours.min(writes.len())]),
            cpu_trend,
            mem_trend,
            moves,
            history_hours: lived.hours.saturating_sub(first) as f64,
        };
        (outlook, past)
    }

    /// The recording's configuration with everybody where they are now.
    fn inventory(&self, outlook: &Outlook) -> Inventory {
        let mut inventory = self.recording.inventory.clone();
        for facts in &mut inventory.guests {
            let found = outlook.guests.binary_search_by_key(&facts.vmid, |g| g.vmid);
            match found {
                Ok(i) => {
                    facts.node.clone_from(&outlook.nodes[outlook.guests[i].host].name);
                    facts.status = GuestStatus::Running;
                }
                Err(_) => facts.status = GuestStatus::Stopped,
            }
        }
        inventory
    }
}

/// The newest `count` of the first `hours` entries.
fn last<T>(all: &[T], hours: usize, count: usize) -> &[T] {
    &all[hours.saturating_sub(count)..hours]
}

/// Use as a share of what there is, as it is measured: never above all of it, nor below nothing.
fn shares(hours: &[Option<f64>], whole: f64) -> Vec<Option<f64>> {
    hours.iter().map(|x| x.map(|x| (x / whole.max(1e-9)).clamp(0.0, 1.0))).collect()
}
