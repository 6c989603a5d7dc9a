//! Growth that feeds on itself: a line by a clock that runs ever faster.

use crate::series::{Buffer, stats};

/// Rates that are tried: from half an e-fold in the window on, each this many times the one before.
const SLOWEST: f64 = 0.5;
const FINER: f64 = 1.5;
/// Fastest rate per day: a quarter of the present speed is less than a day ago.
const FASTEST: f64 = 1.5;

/// How time runs for a slope. By a clock of rate k the moment t counts as (exp(k t) - 1) / k: a line by it is an
/// exponential that has the value of its constant and the slope of its slope now. At rate 0 time is what it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Clock {
    /// Rate per day.
    pub(super) rate: f64,
}

impl Clock {
    /// The common one.
    pub(super) const EVEN: Self = Self { rate: 0.0 };

    /// What it shows `t` days from now.
    pub(super) fn at(self, t: f64) -> f64 {
        if self.rate > 0.0 { (self.rate * t).exp_m1() / self.rate } else { t }
    }

    /// Days from now when it shows `time`.
    pub(super) fn when(self, time: f64) -> f64 {
        if self.rate > 0.0 { (self.rate * time).ln_1p() / self.rate } else { time }
    }

    /// What it shows at the times `t`.
    pub(super) fn column(self, t: &[f64]) -> Buffer {
        match self == Self::EVEN {
            true => Buffer::of(t),
            false => t.iter().map(|t| self.at(*t)).collect(),
        }
    }

    /// Derivative of what it shows by its rate; an even clock has no rate to be wrong about.
    pub(super) fn drift(self, t: f64) -> Option<f64> {
        let grown = self.rate * t;
        let drift = (grown * grown.exp() - grown.exp_m1()) / (self.rate * self.rate);
        (self.rate > 0.0).then_some(drift)
    }
}

/// The clock by which a line leaves least of `x`, and what it leaves; `None` where that is the slowest or the fastest one.
/// O(n) for each rate that is tried, about ten.
pub(super) fn best_clock(t: &[f64], x: &[f64]) -> Option<(Clock, Buffer)> {
    let span = t.last()? - t.first()?;
    let mean = stats::mean(x);
    let fit = |rate: f64| {
        let clock = Clock { rate };
        let mut time = clock.column(t);
        let middle = stats::mean(&time);
        time.iter_mut().for_each(|v| *v -= middle);
        let slope = stats::dot(&time, x) / stats::dot(&time, &time).max(1e-12);
        let rest: Buffer = x.iter().zip(time.iter()).map(|(x, t)| x - mean - slope * t).collect();
        (stats::dot(&rest, &rest), clock, rest)
    };
    let (mut best, mut rate) = (fit(SLOWEST / span), FINER * SLOWEST / span);
    let mut tried = vec![best.0];
    while rate <= FASTEST {
        let next = fit(rate);
        tried.push(next.0);
        if next.0 < best.0 {
            best = next;
        }
        rate *= FINER;
    }
    let at = tried.iter().position(|rss| *rss == best.0)?;
    if at == 0 || at + 1 == tried.len() {
        return None;
    }
    // Between its neighbours the sum of squares is nearly a parabola of the logarithm of the rate.
    let (a, b, c) = (tried[at - 1], tried[at], tried[at + 1]);
    let shift = 0.5 * (a - c) / (a - 2.0 * b + c).max(1e-12);
    let finer = fit(best.1.rate * FINER.powf(shift));
    let (_, clock, rest) = if finer.0 < best.0 { finer } else { best };
    Some((clock, rest))
}

/// The clock of a line through the logarithms of `x`, where all are above 0, with what that line leaves of each in the unit
/// of `x` (Box & Cox 1964): what grows in proportion often varies in proportion, and a level and a slope look at its end only.
/// `None` where it grows by less than the slowest rate would, or faster than the fastest.
pub(super) fn proportional(t: &[f64], x: &[f64]) -> Option<(Clock, Buffer)> {
    if x.iter().any(|x| *x <= 0.0) {
        return None;
    }
    let mut log: Buffer = x.iter().map(|x| x.ln()).collect();
    let (middle, mean) = (stats::mean(t), stats::mean(&log));
    let time: Buffer = t.iter().map(|t| t - middle).collect();
    let rate = stats::dot(&time, &log) / stats::dot(&time, &time).max(1e-12);
    let scale = mean.exp();
    log.iter_mut().zip(time.iter()).for_each(|(v, t)| *v = scale * (*v - mean - rate * t));
    let span = t.last()? - t.first()?;
    (rate * span >= SLOWEST && rate <= FASTEST).then_some((Clock { rate }, log))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days() -> Vec<f64> {
        (-335..=0).map(|h| f64::from(h) / 24.0).collect()
    }

    #[test]
    fn a_clock_is_read_both_ways() {
        for clock in [Clock::EVEN, Clock { rate: 0.3 }] {
            for t in [-9.0, -0.5, 0.0, 2.0] {
                assert!((clock.when(clock.at(t)) - t).abs() < 1e-9);
            }
            assert_eq!(clock.at(0.0), 0.0);
            assert!((clock.at(1e-6) - 1e-6).abs() < 1e-9, "its speed now is 1");
        }
        let apart = Clock { rate: 0.3001 }.at(-4.0) - Clock { rate: 0.2999 }.at(-4.0);
        assert!((Clock { rate: 0.3 }.drift(-4.0).unwrap() - apart / 2e-4).abs() < 1e-5);
        assert_eq!(Clock::EVEN.drift(-4.0), None);
    }

    #[test]
    fn the_rate_of_an_exponential_is_found() {
        for rate in [0.1, 0.23, 0.7] {
            let x: Vec<f64> = days().iter().map(|t| 7.0 + 50.0 * (rate * t).exp()).collect();
            let (clock, left) = best_clock(&days(), &x).unwrap();
            // Off by what the parabola is off, at rates a factor of 1.5 apart.
            assert!((clock.rate / rate - 1.0).abs() < 0.03, "{rate} {clock:?}");
            assert!(left.iter().all(|r| r.abs() < 0.3));
        }
        let line: Vec<f64> = days().iter().map(|t| 40.0 + t).collect();
        assert!(best_clock(&days(), &line).is_none(), "the slowest leaves least");
    }
}
