//! Step 6b: what fills on working days only. Its line rests at each weekend, which looks like bends, and the slope since the
//! last of them depends on the day of the week.

use super::curve::Clock;
use super::slope::Slope;
use super::structure::Structure;
use crate::series::breaks::Term;
use crate::series::dist::{t_quantile, t_two_sided};
use crate::series::longrun::long_run;
use crate::series::stats::{self, dot};
use crate::series::{Bins, Buffer};

/// Working days of a week.
const SHARE: f64 = 5.0 / 7.0;
/// Days of work before a weekend and after it, if the one is to go on after the other.
const AGAIN: f64 = 0.5;

/// Slope of the whole window by a clock that stands still on weekends, where a line by it explains the window less its
/// season, `x`, as well as the bends that were found do. `None` where none were found.
pub(super) fn net(bins: &Bins, x: &[f64], s: &Structure, seasonal: f64) -> Option<Slope> {
    let bends = s.terms.iter().any(|term| matches!(term, Term::Hinge(_)));
    if !bends || s.clock != Clock::EVEN || s.known.contains(&true) {
        return None;
    }
    let mut time = worked(bins);
    let all = time[time.len() - 1];
    let rested = |i: usize| bins.weekend[i - 1] && !bins.weekend[i];
    if !(1..x.len()).any(|i| rested(i) && time[i].min(all - time[i]) >= AGAIN) {
        return None;
    }
    let (middle, mean) = (stats::mean(&time), stats::mean(x));
    time.iter_mut().for_each(|v| *v -= middle);
    let (square, total) = (dot(&time, &time), stats::variance(x) * x.len() as f64);
    let rate = dot(&time, x) / square;
    let mut rest: Buffer = x.iter().zip(time.iter()).map(|(x, t)| x - mean - rate * t).collect();
    let r2 = 1.0 - dot(&rest, &rest) / total.max(1e-12);
    stats::clip_outliers(&mut rest, 3.0, &mut Buffer::with_capacity(x.len()));
    let noise = long_run(&rest, &bins.key, 2.0, seasonal);
    let free = x.len() as f64 / noise.inflation() - 2.0;
    let per_freedom = |rest: &[f64], more: usize| dot(rest, rest) / (free - more as f64).max(1.0);
    if per_freedom(&rest, 0) > per_freedom(&s.clipped, 2 * s.terms.len()) {
        return None;
    }
    let (average, dof) = (SHARE * rate, free.max(3.0));
    let error = SHARE * (noise.long_run / square).sqrt();
    let wide = t_quantile(0.975, dof) * error;
    Some(Slope {
        current: average,
        average,
        segment: bins.span(),
        error,
        dof,
        p: t_two_sided(average / error, dof),
        ci: [average - wide, average + wide],
        r2,
    })
}

/// Days of work until each bin.
fn worked(bins: &Bins) -> Buffer {
    let mut sum = 0.0;
    let steps = (0..bins.len()).map(|i| {
        let step = if i > 0 { bins.t[i] - bins.t[i - 1] } else { 0.0 };
        sum += if bins.weekend[i] { 0.0 } else { step };
        sum
    });
    steps.collect()
}
