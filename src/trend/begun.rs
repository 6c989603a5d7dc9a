//! Step 4c: growth that has begun lately. The search seeks no bend in the last fifth of a window, and comes as close to a
//! later one as it may: by a bend before it, by steps, or by a curve that is far too steep at its end.

use super::curve::Clock;
use super::ended::{best_bend, left, now};
use super::structure::Structure;
use crate::series::Bins;
use crate::series::breaks::Term;
use crate::series::stats::dot;

/// Share of the window whose terms may stand for a later bend.
const LATE: f64 = 0.25;
/// Days for which it must have grown.
const LASTED: f64 = 2.0;
/// Standard errors by which the slope must have changed.
const PLAIN: f64 = 4.0;
/// Share of the slope since, less two standard errors, that the one before must stay below.
const BEFORE: f64 = 0.5;

/// The model with the bend at which growth began, if that leaves less than the late terms or the curve in its place.
/// `fit` fits terms, each with whether it is known, by an even clock.
pub(super) fn begun(
    bins: &Bins,
    s: &Structure,
    fit: impl Fn(&[(Term, bool)]) -> Structure,
) -> Option<Structure> {
    let last = bins.t[bins.len() - 1];
    let late = last - LATE * bins.span();
    let all = s.terms.iter().copied().zip(s.known.iter().copied());
    let mut terms: Vec<(Term, bool)> =
        all.filter(|(term, known)| *known || term.time() <= late).collect();
    let until = last - LASTED;
    if (terms.len() == s.terms.len() && s.clock == Clock::EVEN) || until <= late {
        return None;
    }
    let base = fit(&terms);
    let from = bins.t.partition_point(|t| *t < late);
    let times = bins.t[from..bins.t.partition_point(|t| *t < until)].iter().copied();
    // Not clipped: what is young may be no more than outliers of what misses it.
    let (_, bend) = best_bend(bins, &base, &base.residual, times, |_| true)?;
    terms.push((bend, false));
    // Nor is what misses a restart of today to be believed for its outliers, nor what makes outliers of all that is new.
    let whole = |s: &Structure| dot(&s.residual, &s.residual);
    let closer = |bent: &Structure| left(bent) < left(s) && whole(bent) < whole(s);
    Some(fit(&terms)).filter(|bent| has_begun(bent) && closer(bent))
}

/// Whether the last term of `s` is a bend since which it plainly grows, or falls, as it did not before.
fn has_begun(s: &Structure) -> bool {
    let last = s.fit.beta.len() - 1;
    let change = s.fit.beta[last];
    let (slope, error) = now(s);
    let alone: Vec<f64> = (0..=last).map(|i| f64::from(u8::from(i == last))).collect();
    let of_change = (s.fit.covariance(&alone, &alone) * s.long_run.long_run).sqrt();
    change.abs() > PLAIN * of_change
        && (slope - change).abs() < BEFORE * (slope.abs() - 2.0 * error)
}
