//! Synthetic guests: what they do over a week, drawn from the guest's own stream.
//!
//! `docs/simulation.md` compares the statistics with those of real VMs.

use super::cpu::Cpu;
use super::demand::Demand;
use super::noise::{Noise, around, stream};
use crate::model::{Bytes, BytesPerSecond, Cores, DAY, GIB, UnixTime};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// What shapes a guest's CPU use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Next to nothing, with a rare short spike.
    Idle,
    /// Busy all the time; an autocorrelated wander around its level.
    Steady,
    /// A bell around its peak hour, every day; weekends are a little lower.
    Daily,
    /// Office hours from Monday to Friday.
    Weekly,
    /// Jobs of minutes to hours at irregular times, at or near all of its cores.
    Bursty,
    /// One long job every night.
    NightBatch,
    /// On and off with a period of hours.
    Cyclic,
}

/// What a guest's memory does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryProfile {
    /// Stays at its level.
    Plateau,
    /// Another level every few days.
    Steps,
    /// Climbs for days, then the process restarts.
    Leak,
    /// Partly goes with the CPU.
    FollowsCpu,
}

/// Wishes about a guest; what is `None` is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wishes {
    /// CPU profile.
    pub profile: Option<Profile>,
    /// Cores.
    pub cores: Option<f64>,
    /// Configured memory in bytes.
    pub memory: Option<f64>,
    /// Mean CPU use over a week, share of its own cores; met as far as the peaks fit into them.
    pub level: Option<f64>,
    /// Hour of the day (UTC) of its daily peak or nightly job.
    pub peak_hour: Option<f64>,
    /// Activity on Saturday and Sunday, share of that on other days.
    pub weekend: Option<f64>,
    /// Spread of the CPU noise, of the logarithm: 0 is none, 0.2 calm, 0.6 wild.
    pub unrest: Option<f64>,
    /// Mean memory use, share of the configured memory.
    pub memory_level: Option<f64>,
    /// Memory profile.
    pub memory_profile: Option<MemoryProfile>,
}

/// Relative frequency of profiles: half of the guests idle, as in the real traces.
const MIX: [(Profile, f64); 7] = [
    (Profile::Idle, 0.50),
    (Profile::Bursty, 0.27),
    (Profile::Steady, 0.12),
    (Profile::Daily, 0.04),
    (Profile::Weekly, 0.03),
    (Profile::NightBatch, 0.02),
    (Profile::Cyclic, 0.02),
];

/// A synthetic guest: its size and its demand at any time.
#[derive(Clone, Debug)]
pub struct Workload {
    /// CPU profile it got.
    pub profile: Profile,
    /// Cores it has.
    pub cores: Cores,
    /// Memory it has.
    pub memory: Bytes,
    cpu: Cpu,
    mem: Memory,
    disk_read: Rate,
    disk_write: Rate,
    net_in: Rate,
    net_out: Rate,
}

impl Workload {
    /// The guest that `seed` and `id` stand for. The same pair always gives the same guest,
    /// whatever other guests there are.
    pub fn draw(seed: u64, id: u64, wishes: &Wishes) -> Self {
        let mut rng = stream(seed, id);
        // Everything is drawn in any case, so that a wish changes nothing but what it names.
        let drawn = pick(&mut rng);
        let profile = wishes.profile.unwrap_or(drawn);
        let (cores, memory) = size(&mut rng, profile);
        let (cores, memory) = (wishes.cores.unwrap_or(cores), wishes.memory.unwrap_or(memory));
        let cpu = Cpu::draw(&mut rng, profile, wishes);
        let mem = Memory::draw(&mut rng, wishes);
        let busy = profile != Profile::Idle;
        let mut rate = |busy_median: f64, idle_median: f64, spread: f64| {
            let median = if busy { busy_median } else { idle_median };
            Rate::draw(&mut rng, median, spread)
        };
        let disk_read = rate(5e3, 3e2, 2.0);
        let disk_write = rate(3e4, 3e3, 2.0);
        let net_in = rate(6e4, 1e3, 1.3);
        let net_out = Rate { shared: net_in.own, ..rate(1e4, 6e2, 2.0) };
        Self {
            profile,
            cores: Cores(cores),
            memory: Bytes(memory),
            cpu,
            mem,
            disk_read,
            disk_write,
            net_in,
            net_out,
        }
    }

    /// Memory that it hardly ever exceeds.
    pub(super) fn memory_need(&self) -> Bytes {
        self.memory * (1.15 * self.mem.level).min(1.0)
    }

    /// Demand at `time`, a pure function.
    pub fn at(&self, time: UnixTime) -> Demand {
        let t = time as f64;
        let share = self.cpu.share(t);
        let relative = share / self.cpu.mean;
        let rate = |r: &Rate| BytesPerSecond(r.at(t, relative));
        Demand {
            cpu: Cores(share * self.cores.0),
            mem: Bytes(self.mem.share(t, share) * self.memory.0),
            disk_read: rate(&self.disk_read),
            disk_write: rate(&self.disk_write),
            net_in: rate(&self.net_in),
            net_out: rate(&self.net_out),
        }
    }
}

fn pick(rng: &mut ChaCha8Rng) -> Profile {
    let mut left = rng.random::<f64>();
    for (profile, share) in MIX {
        if left < share {
            return profile;
        }
        left -= share;
    }
    Profile::Idle
}

/// Cores and bytes: sizes in use at hosters; idle guests are smaller.
fn size(rng: &mut ChaCha8Rng, profile: Profile) -> (f64, f64) {
    const BUSY: [f64; 8] = [1.0, 2.0, 2.0, 4.0, 4.0, 4.0, 8.0, 8.0];
    const IDLE: [f64; 8] = [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 4.0];
    const GIB_PER_CORE: [f64; 4] = [1.0, 2.0, 2.0, 4.0];
    let (which, per_core) = (rng.random_range(0..8), rng.random_range(0..4));
    let cores = if profile == Profile::Idle { IDLE[which] } else { BUSY[which] };
    (cores, cores * GIB_PER_CORE[per_core] * GIB)
}

/// Memory as a share of what is configured.
#[derive(Clone, Debug)]
struct Memory {
    profile: MemoryProfile,
    level: f64,
    /// Days between steps or restarts.
    days: f64,
    noise: Noise,
}

impl Memory {
    fn draw(rng: &mut ChaCha8Rng, wishes: &Wishes) -> Self {
        let (which, level, days): (f64, f64, f64) = (rng.random(), rng.random(), rng.random());
        let drawn = match which {
            x if x < 0.55 => MemoryProfile::Plateau,
            x if x < 0.75 => MemoryProfile::FollowsCpu,
            x if x < 0.9 => MemoryProfile::Steps,
            _ => MemoryProfile::Leak,
        };
        Self {
            profile: wishes.memory_profile.unwrap_or(drawn),
            level: wishes.memory_level.unwrap_or(0.2 + 0.6 * level),
            days: 3.0 + 9.0 * days,
            noise: Noise::draw(rng),
        }
    }

    fn share(&self, t: f64, cpu: f64) -> f64 {
        let at = t / DAY as f64 / self.days;
        let movement = match self.profile {
            MemoryProfile::Plateau => 0.0,
            MemoryProfile::Steps => 0.12 * self.noise.normal((at.floor() as i64).wrapping_mul(2)),
            MemoryProfile::Leak => 0.3 * (at - at.floor()) - 0.15,
            MemoryProfile::FollowsCpu => 0.3 * (cpu - 0.3),
        };
        let rest = 0.015 * self.noise.smooth(t, 7_200.0) + 0.01 * self.noise.smooth(t + 1e7, 300.0);
        (self.level * (1.0 + movement + rest)).clamp(0.01, 0.98)
    }
}

/// A throughput in bytes per second.
#[derive(Clone, Debug)]
struct Rate {
    mean: f64,
    /// Part of it that goes with the CPU.
    coupled: f64,
    /// Share of five-minute spans with any traffic of its own.
    present: f64,
    /// Spread of its own part, of the logarithm.
    spread: f64,
    own: Noise,
    /// Noise it has in common with another rate: what comes in is answered.
    shared: Noise,
}

impl Rate {
    fn draw(rng: &mut ChaCha8Rng, median: f64, spread: f64) -> Self {
        let mean = around(rng, median, spread).min(2e8);
        let (coupled, present): (f64, f64) = (rng.random(), rng.random());
        let unrest: f64 = rng.random();
        let own = Noise::draw(rng);
        Self {
            mean,
            coupled: 0.6 * coupled * coupled,
            present: (0.03 + 1.4 * present).min(1.0),
            spread: 0.1 + 1.1 * unrest,
            own,
            shared: own,
        }
    }

    /// At `t`, with the CPU at `relative` times its mean.
    fn at(&self, t: f64, relative: f64) -> f64 {
        let cell = (t / 300.0).floor() as i64;
        let own = if self.shared.uniform(cell) < self.present {
            // Far-away cells, so that presence and height are independent.
            let z = 0.8 * self.shared.smooth(t + 1e9, 1_800.0) + 0.6 * self.own.normal(-cell);
            (self.spread * (z - self.spread / 2.0)).exp() / self.present
        } else {
            0.0
        };
        self.mean * ((1.0 - self.coupled) * own + self.coupled * relative)
    }
}
