//! The course of a replay: who was where, and what the nodes carried.

use super::recording::{Machine, Recording};
use super::rules::Rules;
use crate::model::{HOUR, Migration, UnixTime};

/// A move that a policy made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Index of the guest in the recording.
    pub guest: usize,
    /// Index of the node it goes to.
    pub to: usize,
}

/// What happened so far under a policy.
#[derive(Clone, Debug)]
pub struct Lived {
    /// Hours that are over.
    pub hours: usize,
    /// Node of each guest.
    pub hosts: Vec<usize>,
    /// Node of each guest in each hour.
    pub past_hosts: Vec<Vec<Option<usize>>>,
    /// Cores that each node was asked for, means of the hours.
    pub node_cpu: Vec<Vec<Option<f64>>>,
    /// Bytes in use of each node, means of the hours.
    pub node_memory: Vec<Vec<Option<f64>>>,
    /// All moves, oldest first.
    pub moves: Vec<Migration>,
}

impl Lived {
    /// The beginning.
    pub(super) fn new(recording: &Recording) -> Self {
        Self {
            hours: 0,
            hosts: recording.guests.iter().map(|g| g.host).collect(),
            past_hosts: vec![Vec::new(); recording.guests.len()],
            node_cpu: vec![Vec::new(); recording.nodes.len()],
            node_memory: vec![Vec::new(); recording.nodes.len()],
            moves: Vec::new(),
        }
    }

    /// One hour passes with everybody where they are.
    pub(super) fn pass(&mut self, recording: &Recording) {
        let hour = self.hours;
        for (past, host) in self.past_hosts.iter_mut().zip(&self.hosts) {
            past.push(Some(*host));
        }
        let own = |n: &Machine| (n.own.cpu_hours[hour], n.own.memory_hours[hour]);
        let mut used: Vec<_> = recording.nodes.iter().map(own).collect();
        for (guest, host) in recording.guests.iter().zip(&self.hosts) {
            let (cpu, memory) = &mut used[*host];
            let demand = &guest.demand;
            *cpu = cpu.map(|x| x + demand.cpu_hours[hour].unwrap_or(0.0));
            *memory = memory.map(|x| x + demand.memory_hours[hour].unwrap_or(0.0));
        }
        for (n, (cpu, memory)) in used.into_iter().enumerate() {
            self.node_cpu[n].push(cpu);
            self.node_memory[n].push(memory);
        }
        self.hours += 1;
    }

    /// Guests whose node is off in the coming hour go where they really were then: HA or the
    /// admin saw to that. No policy did it, so it is no move.
    pub(super) fn flee(&mut self, recording: &Recording, really: &[usize]) {
        let hour = self.hours;
        for (host, &really) in self.hosts.iter_mut().zip(really) {
            if !recording.on(*host, hour) && recording.on(really, hour) {
                *host = really;
            }
        }
    }

    /// Guests move.
    pub(super) fn apply(&mut self, recording: &Recording, moves: &[Relocation]) {
        let time = recording.start + self.hours as i64 * HOUR;
        for m in moves {
            let from = std::mem::replace(&mut self.hosts[m.guest], m.to);
            let name = |node: usize| recording.nodes[node].name.clone();
            let vmid = recording.guests[m.guest].vmid;
            self.moves.push(Migration { time, vmid, from: name(from), to: name(m.to) });
        }
    }
}

/// What a policy may see: all that was recorded before this moment, and nothing after it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    recording: &'a Recording,
    rules: &'a Rules,
    /// What happened so far.
    pub lived: &'a Lived,
}

impl<'a> View<'a> {
    /// The view after the hours that `lived` has.
    pub(super) fn new(recording: &'a Recording, rules: &'a Rules, lived: &'a Lived) -> Self {
        Self { recording, rules, lived }
    }

    /// The moment of the decision.
    pub fn now(&self) -> UnixTime {
        self.recording.start + self.lived.hours as i64 * HOUR
    }

    /// Whether a node was on in the last hour.
    pub fn on(&self, node: usize) -> bool {
        self.lived.hours.checked_sub(1).is_some_and(|hour| self.recording.on(node, hour))
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.recording.nodes.len()
    }

    /// Number of guests.
    pub fn guests(&self) -> usize {
        self.recording.guests.len()
    }

    /// Cores and bytes of a node.
    pub fn capacity(&self, node: usize) -> (f64, f64) {
        let node = &self.recording.nodes[node];
        (node.cores, node.memory)
    }

    /// Cores that a guest has.
    pub fn guest_cores(&self, guest: usize) -> f64 {
        self.recording.guests[guest].cores
    }

    /// Cores a guest wanted in each of the last `hours` hours.
    pub fn cpu_hours(&self, guest: usize, hours: usize) -> &'a [Option<f64>] {
        self.last(&self.recording.guests[guest].demand.cpu_hours, hours)
    }

    /// Bytes a guest had in use in each of the last `hours` hours.
    pub fn memory_hours(&self, guest: usize, hours: usize) -> &'a [Option<f64>] {
        self.last(&self.recording.guests[guest].demand.memory_hours, hours)
    }

    /// Cores a node used besides its guests in each of the last `hours` hours.
    pub fn own_cpu_hours(&self, node: usize, hours: usize) -> &'a [Option<f64>] {
        self.last(&self.recording.nodes[node].own.cpu_hours, hours)
    }

    /// Bytes a node used besides its guests in each of the last `hours` hours.
    pub fn own_memory_hours(&self, node: usize, hours: usize) -> &'a [Option<f64>] {
        self.last(&self.recording.nodes[node].own.memory_hours, hours)
    }

    /// Latest samples of a guest: cores and bytes, the newest `count`.
    pub fn samples(&self, guest: usize, count: usize) -> (&'a [Option<f32>], &'a [Option<f32>]) {
        let demand = &self.recording.guests[guest].demand;
        let end = self.lived.hours * self.recording.per_hour();
        let range = end.saturating_sub(count)..end;
        (&demand.cpu[range.clone()], &demand.memory[range])
    }

    /// Cores and bytes, means of the last hour, of a guest; 0 while it does not run.
    pub fn last_hour(&self, guest: usize) -> (f64, f64) {
        (newest(self.cpu_hours(guest, 1)), newest(self.memory_hours(guest, 1)))
    }

    /// The same of what a node used besides its guests.
    pub fn own_last_hour(&self, node: usize) -> (f64, f64) {
        (newest(self.own_cpu_hours(node, 1)), newest(self.own_memory_hours(node, 1)))
    }

    /// Whether the guest could move to the node: it runs, the node is on, no rule forbids it, its
    /// cores are there, its memory has room.
    pub fn fits(&self, guest: usize, node: usize, memory_there: f64) -> bool {
        let (cores, memory) = self.capacity(node);
        let runs = self.cpu_hours(guest, 1).last().is_some_and(Option::is_some);
        runs && self.on(node)
            && self.rules.allow(guest, node)
            && self.guest_cores(guest) <= cores
            && memory_there + self.last_hour(guest).1 <= FULLEST * memory
    }

    fn last<T>(&self, hours: &'a [T], count: usize) -> &'a [T] {
        &hours[self.lived.hours.saturating_sub(count)..self.lived.hours]
    }
}

/// The value of the newest of some hours; 0 where it is not known.
pub(super) fn newest(hours: &[Option<f64>]) -> f64 {
    hours.last().copied().flatten().unwrap_or(0.0)
}

/// Share of a node's memory beyond which no policy puts a guest there.
const FULLEST: f64 = 0.95;
