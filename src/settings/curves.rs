//! Penalties as continuous curves: the keys are their heights, the thresholds place their knees.
//!
//! A curve is 0 up to its start, straight between its knees, and goes on with its last slope: load
//! of 150 % costs more than load of 101 %. Steps would let a tenth of a percent flip a decision.

use super::keys::{Key, PenaltyConfig};
use crate::model::{Fraction, Points};

/// Parts of the blended load; they sum to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blend {
    /// Part of the load of this moment.
    pub current: f64,
    /// Part of the mean of the last 24 hours.
    pub day: f64,
    /// Part of the mean of the last 7 days.
    pub week: f64,
}

/// What a curve says about one observation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Height of the curve there.
    pub points: Points,
    /// Key of the highest knee reached, or of the first when none is.
    pub key: Key,
    /// Where that knee is.
    pub limit: Fraction,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Knee {
    at: f64,
    points: f64,
    key: Key,
}

/// A rising piecewise linear penalty of a load, given as share of what there is.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    start: f64,
    knees: Vec<Knee>,
}

impl Curve {
    /// A curve that leaves 0 at `start`. A knee below the one before is lifted to its height, so
    /// that more load never costs less.
    fn new(start: f64, knees: impl IntoIterator<Item = (Key, f64, Points)>) -> Self {
        let mut height = 0.0_f64;
        let mut rising = |(key, at, points): (Key, f64, Points)| {
            height = height.max(points.0);
            Knee { at, points: height, key }
        };
        Self { start, knees: knees.into_iter().map(&mut rising).collect() }
    }

    /// The penalty of `load`; `None` where the curve is still 0.
    pub fn at(&self, load: Fraction) -> Option<Reading> {
        let points = self.height(load.0);
        let reached = self.knees.iter().rfind(|k| k.at <= load.0).or(self.knees.first())?;
        let reading =
            Reading { points: Points(points), key: reached.key, limit: Fraction(reached.at) };
        (points > 0.0).then_some(reading)
    }

    /// The penalty of `load` as a number of points, 0 below the start.
    pub fn points(&self, load: Fraction) -> Points {
        Points(self.height(load.0))
    }

    fn height(&self, load: f64) -> f64 {
        let (mut from, mut slope) = ((self.start, 0.0), 0.0);
        for knee in &self.knees {
            let run = knee.at - from.0;
            // Two knees at one place make a step; the slope before it then holds on.
            if run > 0.0 {
                slope = (knee.points - from.1) / run;
            }
            if load < knee.at {
                break;
            }
            from = (knee.at, knee.points);
        }
        if load > self.start { from.1 + slope * (load - from.0) } else { 0.0 }
    }
}

/// Configured over installed memory at which overcommitment begins to cost, and where its knees
/// are (ProxBalance's ramp, without the jump at its foot).
const OVERCOMMIT: [f64; 3] = [1.0, 1.2, 2.0];

/// Stability that neither costs nor helps: about where a node begins to count as volatile.
const NEUTRAL_STABILITY: f64 = 60.0;

impl PenaltyConfig {
    /// Parts of the blended load. Weights that are all 0, which no settings may have, leave the
    /// present load alone.
    pub fn blend(&self) -> Blend {
        let (current, day, week) = (self.weight_current.0, self.weight_24h.0, self.weight_7d.0);
        let sum = current + day + week;
        if sum <= 0.0 {
            return Blend { current: 1.0, day: 0.0, week: 0.0 };
        }
        Blend { current: current / sum, day: day / sum, week: week / sum }
    }

    /// Of the CPU load now: knees at the threshold and both offsets above it.
    pub fn cpu_current(&self) -> Curve {
        let heights = [
            (Key::cpu_high_penalty, self.cpu_high_penalty),
            (Key::cpu_very_high_penalty, self.cpu_very_high_penalty),
            (Key::cpu_extreme_penalty, self.cpu_extreme_penalty),
        ];
        self.cpu_marks().above(heights)
    }

    /// Of the expected 99th percentile of the CPU load with the guest on the node: knees as [`PenaltyConfig::cpu_current`].
    pub fn cpu_predicted(&self) -> Curve {
        let heights = [
            (Key::predicted_cpu_over_penalty, self.predicted_cpu_over_penalty),
            (Key::predicted_cpu_high_penalty, self.predicted_cpu_high_penalty),
            (Key::predicted_cpu_extreme_penalty, self.predicted_cpu_extreme_penalty),
        ];
        self.cpu_marks().above(heights)
    }

    /// Of the expected mean of the CPU load: the present curve's knees moved down by one offset,
    /// since a mean at the threshold hides peaks above it.
    pub fn cpu_sustained(&self) -> Curve {
        let heights = [
            (Key::cpu_sustained_high, self.cpu_sustained_high),
            (Key::cpu_sustained_very_high, self.cpu_sustained_very_high),
            (Key::cpu_sustained_critical, self.cpu_sustained_critical),
        ];
        self.cpu_marks().lowered().above(heights)
    }

    /// Of the expected 95th percentile of the CPU load: one knee below the threshold, one at it, two above.
    pub fn cpu_spikes(&self) -> Curve {
        let heights = [
            (Key::cpu_spike_moderate, self.cpu_spike_moderate),
            (Key::cpu_spike_high, self.cpu_spike_high),
            (Key::cpu_spike_very_high, self.cpu_spike_very_high),
            (Key::cpu_spike_extreme, self.cpu_spike_extreme),
        ];
        self.cpu_marks().around(heights)
    }

    /// Of the memory use now: knees at the threshold and both offsets above it.
    pub fn mem_current(&self) -> Curve {
        let heights = [
            (Key::mem_high_penalty, self.mem_high_penalty),
            (Key::mem_very_high_penalty, self.mem_very_high_penalty),
            (Key::mem_extreme_penalty, self.mem_extreme_penalty),
        ];
        self.mem_marks().above(heights)
    }

    /// Of the expected 99th percentile of the memory use with the guest on the node: knees as [`PenaltyConfig::mem_current`].
    pub fn mem_predicted(&self) -> Curve {
        let heights = [
            (Key::predicted_mem_over_penalty, self.predicted_mem_over_penalty),
            (Key::predicted_mem_high_penalty, self.predicted_mem_high_penalty),
            (Key::predicted_mem_extreme_penalty, self.predicted_mem_extreme_penalty),
        ];
        self.mem_marks().above(heights)
    }

    /// Of the expected mean of the memory use: knees as [`PenaltyConfig::cpu_sustained`].
    pub fn mem_sustained(&self) -> Curve {
        let heights = [
            (Key::mem_sustained_high, self.mem_sustained_high),
            (Key::mem_sustained_very_high, self.mem_sustained_very_high),
            (Key::mem_sustained_critical, self.mem_sustained_critical),
        ];
        self.mem_marks().lowered().above(heights)
    }

    /// Of the expected 95th percentile of the memory use: knees as [`PenaltyConfig::cpu_spikes`].
    pub fn mem_spikes(&self) -> Curve {
        let heights = [
            (Key::mem_spike_moderate, self.mem_spike_moderate),
            (Key::mem_spike_high, self.mem_spike_high),
            (Key::mem_spike_very_high, self.mem_spike_very_high),
            (Key::mem_spike_extreme, self.mem_spike_extreme),
        ];
        self.mem_marks().around(heights)
    }

    /// Of the guests' configured memory over the node's: 0 up to 1.0, knees at 1.2 and 2.0.
    pub fn mem_overcommit(&self) -> Curve {
        let [start, first, second] = OVERCOMMIT;
        let knees = [
            (Key::mem_overcommit_penalty, first, self.mem_overcommit_penalty),
            (Key::mem_overcommit_high_penalty, second, self.mem_overcommit_high_penalty),
        ];
        Curve::new(start, knees)
    }

    /// Of the I/O wait now: from a quarter of the threshold, knees at 1/2, 1 and 3/2 of it.
    pub fn iowait_current(&self) -> Curve {
        let at = |share: f64| self.iowait_threshold.0 * share;
        let knees = [
            (Key::iowait_high_penalty, at(0.5), self.iowait_high_penalty),
            (Key::iowait_very_high_penalty, at(1.0), self.iowait_very_high_penalty),
            (Key::iowait_extreme_penalty, at(1.5), self.iowait_extreme_penalty),
        ];
        Curve::new(at(0.25), knees)
    }

    /// Of the 7-day mean of the I/O wait: from a quarter of the threshold, knees at 1/2, 3/4 and 1.
    pub fn iowait_sustained(&self) -> Curve {
        let at = |share: f64| self.iowait_threshold.0 * share;
        let knees = [
            (Key::iowait_sustained_elevated, at(0.5), self.iowait_sustained_elevated),
            (Key::iowait_sustained_high, at(0.75), self.iowait_sustained_high),
            (Key::iowait_sustained_critical, at(1.0), self.iowait_sustained_critical),
        ];
        Curve::new(at(0.25), knees)
    }

    /// Of a stability of 0 to 100: a penalty below 60, a bonus (negative points) above.
    pub fn stability_points(&self, stability: f64) -> Points {
        let stability = stability.clamp(0.0, 100.0);
        if stability < NEUTRAL_STABILITY {
            return self.stability_penalty * (1.0 - stability / NEUTRAL_STABILITY);
        }
        let above = (stability - NEUTRAL_STABILITY) / (100.0 - NEUTRAL_STABILITY);
        self.stability_bonus * -above
    }

    fn cpu_marks(&self) -> Marks {
        let (first, second) = (self.cpu_threshold_offset_1.0, self.cpu_threshold_offset_2.0);
        Marks { threshold: self.cpu_threshold.0, first, second }
    }

    fn mem_marks(&self) -> Marks {
        let (first, second) = (self.mem_threshold_offset_1.0, self.mem_threshold_offset_2.0);
        Marks { threshold: self.mem_threshold.0, first, second }
    }
}

/// A threshold and the distances of the knees above it.
#[derive(Clone, Copy)]
struct Marks {
    threshold: f64,
    first: f64,
    second: f64,
}

impl Marks {
    /// The same one first offset lower.
    fn lowered(self) -> Self {
        Self { threshold: self.threshold - self.first, ..self }
    }

    /// Knees at the threshold and above.
    fn above(self, heights: [(Key, Points); 3]) -> Curve {
        let at = [self.threshold, self.threshold + self.first, self.threshold + self.second];
        let knees = at.into_iter().zip(heights).map(|(x, (key, points))| (key, x, points));
        Curve::new(self.threshold - self.first, knees)
    }

    /// Knees below, at and above the threshold.
    fn around(self, heights: [(Key, Points); 4]) -> Curve {
        let t = self.threshold;
        let at = [t - self.first, t, t + self.first, t + self.second];
        let knees = at.into_iter().zip(heights).map(|(x, (key, points))| (key, x, points));
        Curve::new(t - 2.0 * self.first, knees)
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::Table;
    use super::*;
    use proptest::prelude::*;

    fn curves(config: &PenaltyConfig) -> [Curve; 11] {
        [
            config.cpu_current(),
            config.cpu_sustained(),
            config.cpu_spikes(),
            config.cpu_predicted(),
            config.mem_current(),
            config.mem_sustained(),
            config.mem_spikes(),
            config.mem_predicted(),
            config.mem_overcommit(),
            config.iowait_current(),
            config.iowait_sustained(),
        ]
    }

    #[test]
    fn keys_are_the_heights_at_the_knees() {
        let config = PenaltyConfig::default();
        for curve in curves(&config) {
            for knee in &curve.knees {
                let reading = curve.at(Fraction(knee.at)).unwrap();
                assert!((reading.points.0 - config.get(knee.key)).abs() < 1e-9, "{knee:?}");
                assert_eq!(reading.key, knee.key);
            }
        }
    }

    #[test]
    fn knees_stand_where_the_help_says() {
        let config = PenaltyConfig::default();
        let at = |curve: Curve| -> Vec<i64> {
            let percent = |x: f64| (x * 1000.0).round() as i64;
            std::iter::once(curve.start)
                .chain(curve.knees.iter().map(|k| k.at))
                .map(percent)
                .collect()
        };
        assert_eq!(at(config.cpu_current()), [700, 800, 900, 1000]);
        assert_eq!(at(config.cpu_predicted()), [700, 800, 900, 1000]);
        assert_eq!(at(config.cpu_sustained()), [600, 700, 800, 900]);
        assert_eq!(at(config.cpu_spikes()), [600, 700, 800, 900, 1000]);
        assert_eq!(at(config.mem_current()), [800, 850, 900, 950]);
        assert_eq!(at(config.mem_sustained()), [750, 800, 850, 900]);
        assert_eq!(at(config.mem_spikes()), [750, 800, 850, 900, 950]);
        assert_eq!(at(config.iowait_current()), [50, 100, 200, 300]);
        assert_eq!(at(config.iowait_sustained()), [50, 100, 150, 200]);
        assert_eq!(at(config.mem_overcommit()), [1000, 1200, 2000]);
    }

    #[test]
    fn between_and_beyond_knees_the_curve_is_straight() {
        let curve = PenaltyConfig::default().cpu_current();
        let table = [
            (0.0, 0.0),
            (0.70, 0.0),
            (0.75, 10.0),
            (0.85, 35.0),
            (0.95, 75.0),
            (1.10, 150.0),
            (1.50, 350.0),
            (f64::NAN, 0.0),
        ];
        for (load, points) in table {
            assert!((curve.points(Fraction(load)).0 - points).abs() < 1e-9, "{load}");
        }
        assert_eq!(curve.at(Fraction(0.6)), None);
        let reading = curve.at(Fraction(0.72)).unwrap();
        assert_eq!((reading.key, reading.limit), (Key::cpu_high_penalty, Fraction(0.8)));
    }

    #[test]
    fn stability_helps_above_sixty_and_costs_below() {
        let config = PenaltyConfig::default();
        let table =
            [(100.0, -10.0), (80.0, -5.0), (60.0, 0.0), (30.0, 10.0), (0.0, 20.0), (-5.0, 20.0)];
        for (stability, points) in table {
            assert!((config.stability_points(stability).0 - points).abs() < 1e-9, "{stability}");
        }
    }

    #[test]
    fn a_blend_is_always_whole() {
        let weights = |current, day, week| {
            let mut config = PenaltyConfig::default();
            config.set(Key::weight_current, current);
            config.set(Key::weight_24h, day);
            config.set(Key::weight_7d, week);
            config.blend()
        };
        assert_eq!(weights(0.0, 0.0, 0.0), Blend { current: 1.0, day: 0.0, week: 0.0 });
        assert_eq!(weights(1.0, 1.0, 0.0), Blend { current: 0.5, day: 0.5, week: 0.0 });
    }

    fn any_config() -> impl Strategy<Value = PenaltyConfig> {
        proptest::collection::vec(0.0..=1.0_f64, Key::ALL.len()).prop_map(|parts| {
            let mut config = PenaltyConfig::default();
            for (&key, part) in Key::ALL.iter().zip(parts) {
                let field = key.field();
                config.set(key, field.lowest + part * (field.highest - field.lowest));
            }
            config
        })
    }

    proptest! {
        /// Whatever an expert sets, more load never costs less.
        #[test]
        fn curves_never_fall(config in any_config(), a in 0.0..2.5_f64, b in 0.0..2.5_f64) {
            let (low, high) = (a.min(b), a.max(b));
            for curve in curves(&config) {
                let (less, more) = (curve.points(Fraction(low)).0, curve.points(Fraction(high)).0);
                prop_assert!(less >= 0.0 && less <= more + 1e-9, "{curve:?} {low} {high}");
            }
        }

        /// With the defaults a tenth of a percent of load never moves a decision by a step.
        #[test]
        fn curves_have_no_steps(load in 0.0..2.5_f64) {
            for curve in curves(&PenaltyConfig::default()) {
                let step = curve.points(Fraction(load + 0.001)).0 - curve.points(Fraction(load)).0;
                prop_assert!(step < 1.0, "{curve:?}");
            }
        }
    }
}
