//! A synthetic guest's CPU use along time.

use super::noise::{Noise, around};
use super::workload::{Profile, Wishes};
use crate::model::{DAY, HOUR};
use crate::series::calendar::weekend_of;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// CPU as a share of the guest's own cores.
#[derive(Clone, Debug)]
pub(super) struct Cpu {
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
    pub(super) mean: f64,
}

impl Cpu {
    pub(super) fn draw(rng: &mut ChaCha8Rng, profile: Profile, wishes: &Wishes) -> Self {
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

    pub(super) fn share(&self, t: f64) -> f64 {
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
        let is_weekend = weekend_of(t.floor() as i64);
        let hour = t.rem_euclid(DAY as f64) / HOUR as f64;
        match *self {
            Self::Always => 1.0,
            Self::Bell { peak_hour, sharpness, weekend } => {
                let angle = (hour - peak_hour) / 24.0 * std::f64::consts::TAU;
                let bell = (0.5 + 0.5 * angle.cos()).powf(sharpness);
                if is_weekend { bell * weekend } else { bell }
            }
            Self::Office { start, end, night, weekend } => {
                // People arrive and leave within an hour.
                let inside = (hour - start).min(end - hour).clamp(0.0, 1.0);
                let people = if is_weekend { inside * weekend } else { inside };
                night + (1.0 - night) * people
            }
            Self::Jobs { slot, chance, longest, source } => {
                let now = (t / slot).floor();
                let intensity = |index| job(t, index, slot, chance, longest, source);
                intensity(now).max(intensity(now - 1.0))
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
