//! Synthetic guests: what they do over a week, drawn from the guest's own stream.
//!
//! `docs/simulation.md` compares the statistics with those of real VMs.

use super::demand::Demand;
use super::noise::{Noise, stream};
use crate::model::{Bytes, BytesPerSecond, Cores, DAY, HOUR, UnixTime};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};
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

/// Bytes in a GiB.
pub(super) const GIB: f64 = 1_073_741_824.0;

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

/// A log-normal draw around `median`; `spread` is the standard deviation of the logarithm.
fn around(rng: &mut ChaCha8Rng, median: f64, spread: f64) -> f64 {
    LogNormal::new(median.ln(), spread).map_or(median, |d| d.sample(rng))
}

/// CPU as a share of the guest's own cores.
#[derive(Clone, Debug)]
struct Cpu {
    shape: Shape,
    floor: f64,
    /// What a fully active guest uses above the floor.
    peak: f64,
    /// Spread of the slow wander, of the logarithm.
    wander: f64,
    /// Spread within minutes, of the logarithm.
    jitter: f64,
    slow: Noise,
    fast: Noise,
    /// Mean over a week, wander aside; never 0.
    mean: f64,
}

impl Cpu {
    fn draw(rng: &mut ChaCha8Rng, profile: Profile, wishes: &Wishes) -> Self {
        let shape = Shape::draw(rng, profile, wishes);
        let floor = around(rng, if profile == Profile::Idle { 0.006 } else { 0.02 }, 0.8);
        let height: f64 = rng.random();
        let unrest: f64 = rng.random();
        let (slow, fast) = (Noise::draw(rng), Noise::draw(rng));
        let peak = match profile {
            Profile::Idle => 0.02 + 0.3 * height * height,
            Profile::Steady => 0.03 + 0.4 * height * height,
            Profile::Daily | Profile::Weekly => 0.1 + 0.6 * height * height,
            Profile::Bursty | Profile::NightBatch => 0.3 + 0.75 * height.sqrt(),
            Profile::Cyclic => 0.2 + 0.5 * height,
        };
        // A batch job takes what it gets; services wander with their users.
        let (wander, jitter) = match profile {
            Profile::Idle => (0.25 * height, 0.08 + 0.3 * unrest),
            Profile::Bursty | Profile::NightBatch | Profile::Cyclic => (0.2, 0.05 + 0.3 * unrest),
            Profile::Steady => (0.08 + 0.4 * unrest, 0.03 + 0.15 * height),
            Profile::Daily | Profile::Weekly => (0.4 + 0.5 * unrest, 0.25),
        };
        let mut cpu = Self {
            shape,
            floor: floor.min(if profile == Profile::Idle { 0.014 } else { 0.1 }),
            peak,
            wander,
            jitter,
            slow,
            fast,
            mean: 1.0,
        };
        if let Some(unrest) = wishes.unrest {
            (cpu.wander, cpu.jitter) = (unrest, unrest / 2.0);
        }
        let active = cpu.shape.mean();
        if let Some(level) = wishes.level {
            cpu.floor = cpu.floor.min(level / 2.0);
            cpu.peak = (level - cpu.floor) / active.max(1e-3);
        }
        cpu.mean = (cpu.floor + cpu.peak * active).max(1e-4);
        cpu
    }

    fn share(&self, t: f64) -> f64 {
        // Octaves from minutes to a day: autocorrelation that falls off slowly, as in the traces.
        let slow = 0.3 * self.slow.smooth(t, 900.0)
            + 0.45 * self.slow.smooth(t + 1e7, 5_400.0)
            + 0.6 * self.slow.smooth(t + 2e7, 28_800.0)
            + 0.59 * self.slow.smooth(t + 3e7, 129_600.0);
        let fast = 0.5 * self.fast.normal((t / 60.0).floor() as i64)
            + 0.87 * self.fast.smooth(t + 1e9, 200.0);
        let spread = self.wander * self.wander + self.jitter * self.jitter;
        let factor = (self.wander * slow + self.jitter * fast - spread / 2.0).exp();
        let active = self.shape.activity(t);
        ((self.floor + self.peak * active) * factor).clamp(0.0, 1.0)
    }
}

/// When a guest is active: 0 to 1 along time.
#[derive(Clone, Debug)]
enum Shape {
    Always,
    Bell { peak_hour: f64, sharpness: f64, weekend: f64 },
    Office { start: f64, end: f64, night: f64, weekend: f64 },
    Jobs { slot: f64, chance: f64, longest: f64, source: Noise },
    Night { start: f64, hours: f64, source: Noise },
    Cycle { period: f64, on: f64, offset: f64 },
}

impl Shape {
    fn draw(rng: &mut ChaCha8Rng, profile: Profile, wishes: &Wishes) -> Self {
        let peak_hour = wishes.peak_hour;
        let (a, b, c): (f64, f64, f64) = (rng.random(), rng.random(), rng.random());
        let source = Noise::draw(rng);
        let hour = HOUR as f64;
        match profile {
            Profile::Steady => Self::Always,
            // A spike of some minutes every other day.
            Profile::Idle => {
                Self::Jobs { slot: 24.0 * hour, chance: 0.3 * a * a, longest: 0.3 * hour, source }
            }
            Profile::Daily => Self::Bell {
                peak_hour: peak_hour.unwrap_or(8.0 + 12.0 * a),
                sharpness: 1.0 + 3.0 * b,
                weekend: wishes.weekend.unwrap_or(0.5 + 0.5 * c),
            },
            Profile::Weekly => {
                let middle = peak_hour.unwrap_or(12.0 + 2.0 * a);
                let half = 4.0 + 2.0 * b;
                Self::Office {
                    start: middle - half,
                    end: middle + half,
                    night: 0.15 * c,
                    weekend: wishes.weekend.unwrap_or(0.0),
                }
            }
            Profile::Bursty => {
                let slot = (6.0 + 42.0 * a * a) * hour;
                Self::Jobs {
                    slot,
                    chance: 0.12 + 0.8 * b * b,
                    longest: slot * (0.3 + 0.7 * c),
                    source,
                }
            }
            Profile::NightBatch => Self::Night {
                start: peak_hour.unwrap_or((20.0 + 9.0 * a) % 24.0),
                hours: 1.0 + 4.0 * b,
                source,
            },
            Profile::Cyclic => {
                let period = (2.0 + 8.0 * a) * hour;
                Self::Cycle { period, on: 0.3 + 0.4 * b, offset: c * period }
            }
        }
    }

    fn activity(&self, t: f64) -> f64 {
        let hour = t.rem_euclid(DAY as f64) / HOUR as f64;
        match *self {
            Self::Always => 1.0,
            Self::Bell { peak_hour, sharpness, weekend } => {
                let angle = (hour - peak_hour) / 24.0 * std::f64::consts::TAU;
                let bell = (0.5 + 0.5 * angle.cos()).powf(sharpness);
                if is_weekend(t) { bell * weekend } else { bell }
            }
            Self::Office { start, end, night, weekend } => {
                // People arrive and leave within an hour.
                let inside = (hour - start).min(end - hour).clamp(0.0, 1.0);
                let people = if is_weekend(t) { inside * weekend } else { inside };
                night + (1.0 - night) * people
            }
            Self::Jobs { slot, chance, longest, source } => {
                let now = (t / slot).floor();
                job(t, now, slot, chance, longest, source).max(job(
                    t,
                    now - 1.0,
                    slot,
                    chance,
                    longest,
                    source,
                ))
            }
            Self::Night { start, hours, source } => {
                let since = (hour - start).rem_euclid(24.0);
                let night = ((t - (since + start) * HOUR as f64) / DAY as f64).round() as i64;
                let length = hours * (0.7 + 0.6 * source.uniform(night));
                if since < length { 1.0 } else { 0.0 }
            }
            Self::Cycle { period, on, offset } => {
                if (t + offset).rem_euclid(period) < on * period {
                    1.0
                } else {
                    0.05
                }
            }
        }
    }

    /// Mean over two weeks of quarter hours from a Monday on.
    fn mean(&self) -> f64 {
        const MONDAY: f64 = 4.0 * DAY as f64;
        const STEPS: i32 = 14 * 96;
        (0..STEPS).map(|i| self.activity(MONDAY + f64::from(i) * 900.0)).sum::<f64>()
            / f64::from(STEPS)
    }
}

/// Intensity at `t` of the job that may begin in slot number `index`; it ends a slot later at most.
fn job(t: f64, index: f64, slot: f64, chance: f64, longest: f64, source: Noise) -> f64 {
    let cell = (index as i64).wrapping_mul(4);
    if source.uniform(cell) >= chance {
        return 0.0;
    }
    let start = (index + source.uniform(cell + 1)) * slot;
    let length = longest * source.uniform(cell + 2).powf(1.5).max(0.02);
    if t >= start && t < start + length { 0.5 + 0.5 * source.uniform(cell + 3).sqrt() } else { 0.0 }
}

/// Saturday or Sunday in UTC; 1 January 1970 was a Thursday.
fn is_weekend(t: f64) -> bool {
    let day = (t / DAY as f64).floor() as i64;
    matches!(day.rem_euclid(7), 2 | 3)
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
