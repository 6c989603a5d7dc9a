//! What would have been without the move, slot by slot.
//!
//! Two estimates, each with its error:
//! - *by the guest's load*: the source as measured plus what the guest uses now, the target as
//!   measured less it. It knows everything that happened meanwhile, such as a peak that ended.
//! - *by forecast*: season and level from before the move, shifted by what unaffected nodes did
//!   beyond their own forecasts (difference in differences, Ashenfelter & Card 1985).
//!
//! Where they agree they are averaged by inverse variance. Where they differ by more than three
//! standard errors something happened that no forecast could know: then the guest's load counts.

use super::record::{Basis, Effect};
use super::scene::before;
use crate::model::{HOUR, UnixTime};
use crate::series::{LocalTime, Point, stats};
use crate::trend::{Params, analyze};
use std::ops::Range;

/// Standard errors in half of an 80 % interval.
const Z80: f64 = 1.2816;
/// Standard errors in half of a 90 % interval.
pub(super) const Z90: f64 = 1.6449;
/// A forecast is never better than this, as a share of capacity.
const LEAST_SIGMA: f64 = 0.01;
/// Error of the accounting: of the guest's load (emulation, network and cache that it also causes
/// on its host), and at all (guest and host are read at different seconds).
const LOAD_ERROR: (f64, f64) = (0.10, 0.005);
/// Standard errors beyond which the forecast is refuted.
const REFUTED: f64 = 3.0;
/// Hours of history without which nothing is forecast: less than a day knows no daily cycle.
const LEAST_HISTORY: i64 = 24 * HOUR;

/// A value with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    pub(super) sigma: f64,
    pub(super) basis: Basis,
}

/// When a window is, and when its analysis stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    /// Time of the move.
    pub(super) time: UnixTime,
    pub(super) slots: &'a [Range<UnixTime>],
    pub(super) local: &'a LocalTime,
}

impl Frame<'_> {
    /// Forecast of a series of shares for each slot, from what was known before the move.
    pub(super) fn forecast(&self, points: &[Point]) -> Option<Vec<Estimate>> {
        let now = self.time.saturating_sub(1);
        let known = before(points, self.time);
        let oldest = known.iter().map(|p| p.time).min()?;
        if now.saturating_sub(oldest) < LEAST_HISTORY {
            return None;
        }
        let params = Params { forecasts: true, ..Params::share(now, 1.0, self.local) };
        let trend = analyze(&known, &params);
        let at = |slot: &Range<UnixTime>| {
            let middle = slot.start + (slot.end - slot.start) / 2;
            let ahead = trend.forecast((middle - now) as f64 / HOUR as f64)?;
            let sigma = ((ahead.high - ahead.low) / (2.0 * Z80)).max(LEAST_SIGMA);
            Some(Estimate { value: ahead.expected, sigma, basis: Basis::Forecast })
        };
        self.slots.iter().map(at).collect()
    }
}

/// What nodes that the move did not touch did beyond their own forecasts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Swing {
    /// Nodes that could be compared.
    pub(super) nodes: usize,
    /// Median of their mean deviations, shrunk towards none where they are few.
    pub(super) value: f64,
    /// Standard error of it.
    pub(super) sigma: f64,
}

impl Swing {
    /// The median as it is, for what may only take from an effect.
    pub(super) fn whole(&self) -> f64 {
        self.value * (self.nodes as f64 + 1.0) / (self.nodes as f64).max(1.0)
    }
}

/// The common swing of unaffected nodes, of whom `controls` are one series each.
pub(super) fn swing<'a>(frame: &Frame, controls: impl Iterator<Item = &'a [Point]>) -> Swing {
    let deviation = |points: &[Point]| {
        let forecast = frame.forecast(points)?;
        let measured = super::scene::means(points, frame.slots);
        let apart: Vec<f64> =
            measured.iter().zip(&forecast).filter_map(|(m, f)| Some((*m)? - f.value)).collect();
        (!apart.is_empty()).then(|| stats::mean(&apart))
    };
    let mut all: Vec<f64> = controls.filter_map(deviation).collect();
    let nodes = all.len();
    if nodes == 0 {
        return Swing::default();
    }
    let middle = stats::median(&mut all);
    let mut apart: Vec<f64> = all.iter().map(|x| (x - middle).abs()).collect();
    let spread = 1.4826 * stats::median(&mut apart);
    let trust = nodes as f64 / (nodes as f64 + 1.0);
    Swing { nodes, value: trust * middle, sigma: spread / (nodes as f64).sqrt() }
}

/// A node without the move: `sign` is +1 for the source (the guest would still be there) and -1
/// for the target. `load` is the guest's, as a share of this node. More than 1 is demand beyond
/// what there is: a full source stays full when a guest leaves, but the others get what it had.
pub(super) fn without(
    measured: &[Option<f64>],
    load: &[Option<f64>],
    forecast: Option<&[Estimate]>,
    swing: Swing,
    sign: f64,
) -> Vec<Option<Estimate>> {
    let slot = |(i, measured): (usize, &Option<f64>)| {
        let guest = load.get(i).copied().flatten();
        let counted = measured.zip(guest).map(|(m, g)| Estimate {
            value: (m + sign * g).max(0.0),
            sigma: LOAD_ERROR.0 * g + LOAD_ERROR.1,
            basis: Basis::GuestLoad,
        });
        let shifted = forecast.and_then(|f| f.get(i)).map(|f| Estimate {
            value: (f.value + swing.value).clamp(0.0, 1.0),
            sigma: f.sigma.hypot(swing.sigma),
            basis: Basis::Forecast,
        });
        match (counted, shifted) {
            (Some(a), Some(b)) => Some(combined(a, b)),
            (a, b) => a.or(b),
        }
    };
    measured.iter().enumerate().map(slot).collect()
}

/// Average by inverse variance; the first alone where the two contradict each other.
fn combined(a: Estimate, b: Estimate) -> Estimate {
    if (a.value - b.value).abs() > REFUTED * a.sigma.hypot(b.sigma) {
        return a;
    }
    let (wa, wb) = (a.sigma.powi(-2), b.sigma.powi(-2));
    Estimate {
        value: (a.value * wa + b.value * wb) / (wa + wb),
        sigma: (wa + wb).sqrt().recip(),
        basis: Basis::Both,
    }
}

impl Effect {
    /// Means of the slots where both are known; `None` without any.
    pub(super) fn of(measured: &[Option<f64>], expected: &[Option<Estimate>]) -> Option<Self> {
        let known: Vec<(f64, Estimate)> =
            measured.iter().zip(expected).filter_map(|(m, e)| Some(((*m)?, (*e)?))).collect();
        let mean = |of: fn(&(f64, Estimate)) -> f64| {
            known.iter().map(of).sum::<f64>() / known.len() as f64
        };
        let first = known.first()?.1.basis;
        let same = known.iter().all(|(_, e)| e.basis == first);
        let (measured, expected) = (mean(|k| k.0), mean(|k| k.1.value));
        // Errors of neighbouring slots are alike, so their mean is no smaller.
        let half = Z90 * mean(|k| k.1.sigma);
        Some(Self {
            measured,
            expected,
            low: expected - half,
            high: expected + half,
            difference: measured - expected,
            basis: if same { first } else { Basis::Both },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64, sigma: f64) -> Estimate {
        Estimate { value, sigma, basis: Basis::Forecast }
    }

    #[test]
    fn agreeing_estimates_are_weighed_by_their_precision() {
        let both = combined(estimate(0.5, 0.01), estimate(0.53, 0.02));
        assert!((both.value - 0.506).abs() < 1e-12, "{both:?}");
        assert!(both.sigma < 0.01);
        assert_eq!(both.basis, Basis::Both);
    }

    #[test]
    fn a_forecast_that_knew_nothing_of_the_end_of_a_peak_is_left_out() {
        let counted = Estimate { basis: Basis::GuestLoad, ..estimate(0.4, 0.01) };
        assert_eq!(combined(counted, estimate(0.9, 0.05)), counted);
    }

    #[test]
    fn the_guests_load_goes_back_to_the_source_and_off_the_target() {
        let (measured, load) = ([Some(0.5), None, Some(0.95)], [Some(0.2), Some(0.2), Some(0.2)]);
        let value = |sign| -> Vec<Option<f64>> {
            let all = without(&measured, &load, None, Swing::default(), sign);
            all.into_iter().map(|e| e.map(|e| e.value)).collect()
        };
        assert_eq!(value(1.0), [Some(0.7), None, Some(1.15)], "wanted, not got");
        assert_eq!(value(-1.0), [Some(0.3), None, Some(0.75)]);
    }

    #[test]
    fn without_the_guests_load_the_forecast_and_the_common_swing_stand() {
        let forecast = [estimate(0.6, 0.03)];
        let swing = Swing { nodes: 3, value: -0.2, sigma: 0.04 };
        let all = without(&[Some(0.4)], &[None], Some(&forecast), swing, 1.0);
        let e = all[0].unwrap();
        assert!((e.value - 0.4).abs() < 1e-12 && (e.sigma - 0.05).abs() < 1e-12, "{e:?}");
    }
}
