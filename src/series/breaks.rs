//! Level shifts and slope breaks by greedy forward selection.

/// A term of a piecewise linear model, at a time in days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Term {
    /// The level changes at this time.
    Step(f64),
    /// The slope changes at this time.
    Hinge(f64),
}

impl Term {
    /// Value of the term's column at time `t`.
    pub fn at(self, t: f64) -> f64 {
        match self {
            Term::Step(from) => f64::from(u8::from(t >= from)),
            Term::Hinge(from) => (t - from).max(0.0),
        }
    }

    /// When it sets in.
    pub fn time(self) -> f64 {
        match self {
            Term::Step(t) | Term::Hinge(t) => t,
        }
    }
}

/// What may be searched for.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// Least distance of a term from the ends and from other terms, days.
    pub apart: f64,
    /// No hinge after this time.
    pub last_hinge: f64,
    /// Number of terms.
    pub terms: usize,
}

/// Residual of a model and the orthonormal basis of its columns, with what the gain of every
/// candidate needs.
struct Path<'a> {
    t: &'a [f64],
    residual: Vec<f64>,
    basis: Vec<Vec<f64>>,
    /// Squared length of each candidate's part that the basis does not explain: steps, hinges.
    free: [Vec<f64>; 2],
}

/// Sums over the rows from `i` to the end of x and t x.
fn suffix_sums(t: &[f64], x: &[f64], mut each: impl FnMut(usize, f64, f64)) {
    let (mut sum, mut moment) = (0.0, 0.0);
    for i in (0..x.len()).rev() {
        sum += x[i];
        moment += t[i] * x[i];
        each(i, sum, moment);
    }
}

impl<'a> Path<'a> {
    fn new(t: &'a [f64], x: &[f64]) -> Self {
        let n = x.len();
        let mut free = [vec![0.0; n], vec![0.0; n]];
        suffix_sums(t, t, |i, sum, squares| {
            let count = (n - i) as f64;
            free[0][i] = count;
            free[1][i] = squares - 2.0 * t[i] * sum + t[i] * t[i] * count;
        });
        Self { t, residual: x.to_vec(), basis: Vec::new(), free }
    }

    /// Adds a column: orthonormalises it, takes it out of the residual and of every candidate.
    fn add(&mut self, mut column: Vec<f64>) {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        for q in &self.basis {
            let part = dot(&column, q);
            column.iter_mut().zip(q).for_each(|(c, q)| *c -= part * q);
        }
        let length = dot(&column, &column).sqrt();
        if length < 1e-9 {
            return;
        }
        column.iter_mut().for_each(|c| *c /= length);
        let part = dot(&self.residual, &column);
        self.residual.iter_mut().zip(&column).for_each(|(r, q)| *r -= part * q);
        let (t, free) = (self.t, &mut self.free);
        suffix_sums(t, &column, |i, sum, moment| {
            free[0][i] -= sum * sum;
            free[1][i] -= (moment - t[i] * sum).powi(2);
        });
        self.basis.push(column);
    }

    fn add_term(&mut self, term: Term) {
        self.add(self.t.iter().map(|t| term.at(*t)).collect());
    }

    fn rss(&self) -> f64 {
        self.residual.iter().map(|r| r * r).sum()
    }

    /// The candidate with the largest drop of the sum of squares, (z'r)² / z'(1 - QQ')z. O(n).
    fn best(&self, search: &Search, taken: &[Term]) -> Option<(Term, f64)> {
        let (t, n) = (self.t, self.t.len());
        let (first, last) = (t[0] + search.apart, t[n - 1] - search.apart);
        let mut best: Option<(Term, f64)> = None;
        suffix_sums(t, &self.residual, |i, sum, moment| {
            if i == 0 {
                return;
            }
            let between = 0.5 * (t[i - 1] + t[i]);
            let near = |time: f64| taken.iter().any(|x| (x.time() - time).abs() < search.apart);
            if between < first || between > last || near(between) {
                return;
            }
            let gain = |z: f64, free: f64, full: f64| {
                if free > 1e-6 * full { z * z / free } else { 0.0 }
            };
            let step = gain(sum, self.free[0][i], (n - i) as f64);
            if best.is_none_or(|(_, g)| step > g) {
                best = Some((Term::Step(between), step));
            }
            if t[i] <= search.last_hinge {
                let length = t[n - 1] - t[i];
                let full = length * length * (n - i) as f64 / 3.0;
                let hinge = gain(moment - t[i] * sum, self.free[1][i], full);
                if best.is_none_or(|(_, g)| hinge > g) {
                    best = Some((Term::Hinge(t[i]), hinge));
                }
            }
        });
        best.filter(|(_, gain)| *gain > 0.0)
    }
}

/// A greedy path: the terms in the order found, and the sum of squares before and after each.
#[derive(Clone, Debug)]
pub struct Found {
    /// Terms that were given, then terms found.
    pub terms: Vec<Term>,
    /// Sum of squares with the first k terms.
    pub rss: Vec<f64>,
    /// Residual of the richest model.
    pub residual: Vec<f64>,
}

/// Adds up to `search.terms` steps and hinges to a constant (and to t if `sloped`), each time the
/// one that lowers the sum of squares most. All candidates are weighed by suffix sums:
/// O(n (terms + given)²). Times `t` ascend.
pub fn search(t: &[f64], x: &[f64], sloped: bool, given: &[Term], search: &Search) -> Found {
    let mut path = Path::new(t, x);
    path.add(vec![1.0; t.len()]);
    if sloped {
        path.add(t.to_vec());
    }
    let mut found = Found { terms: Vec::new(), rss: vec![path.rss()], residual: Vec::new() };
    for term in given {
        path.add_term(*term);
        found.terms.push(*term);
        found.rss.push(path.rss());
    }
    for _ in 0..search.terms {
        let Some((term, _)) = path.best(search, &found.terms) else { break };
        path.add_term(term);
        found.terms.push(term);
        found.rss.push(path.rss());
    }
    found.residual = path.residual;
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::fit::least_squares;

    const SEARCH: Search = Search { apart: 0.25, last_hinge: -1.0, terms: 2 };

    fn days(n: usize) -> Vec<f64> {
        (0..n).map(|i| (i as f64 - n as f64 + 1.0) / 24.0).collect()
    }

    #[test]
    fn finds_a_step_where_it_is() {
        let t = days(168);
        let x: Vec<f64> = t.iter().map(|t| if *t > -3.01 { 15.0 } else { 0.0 }).collect();
        let found = search(&t, &x, false, &[], &Search { terms: 1, ..SEARCH });
        assert!(matches!(found.terms[0], Term::Step(at) if (at + 3.02).abs() < 0.02), "{found:?}");
        assert!(found.rss[1] < 1e-9);
    }

    #[test]
    fn finds_a_hinge_where_it_is() {
        let t = days(168);
        let x: Vec<f64> = t.iter().map(|t| 4.0 * (t + 3.0).max(0.0)).collect();
        let found = search(&t, &x, false, &[], &Search { terms: 1, ..SEARCH });
        assert!(matches!(found.terms[0], Term::Hinge(at) if (at + 3.0).abs() < 0.05), "{found:?}");
    }

    #[test]
    fn gains_agree_with_a_full_refit() {
        let t = days(60);
        let x: Vec<f64> = (0..60).map(|i| ((i * i * 7) % 31) as f64).collect();
        let found = search(&t, &x, true, &[], &Search { terms: 3, apart: 0.2, last_hinge: -0.5 });
        for k in 0..=found.terms.len() {
            let mut columns = vec![vec![1.0; 60], t.clone()];
            columns.extend(found.terms[..k].iter().map(|c| t.iter().map(|t| c.at(*t)).collect()));
            let fit = least_squares(&columns, &x);
            let row = |i: usize| columns.iter().map(|c| c[i]).collect::<Vec<_>>();
            let rss: f64 = (0..60).map(|i| (x[i] - fit.estimate(&row(i))).powi(2)).sum();
            assert!((rss - found.rss[k]).abs() < 1e-6 * rss, "{k}: {rss} {}", found.rss[k]);
        }
    }

    #[test]
    fn too_short_a_series_has_no_candidates() {
        let found = search(&days(3), &[1.0, 2.0, 9.0], true, &[], &SEARCH);
        assert!(found.terms.is_empty());
    }
}
