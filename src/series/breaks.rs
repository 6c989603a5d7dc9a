//! Level shifts and slope breaks by greedy forward selection.

use super::stats::dot;

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
        dot(&self.residual, &self.residual)
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

/// A model: constant, perhaps t, and terms; with its sum of squares.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Whether t is in it.
    pub sloped: bool,
    /// Steps and hinges.
    pub terms: Vec<Term>,
    /// Sum of squares of its residual.
    pub rss: f64,
}

/// A greedy path: models with more and more terms, and the residual of the last.
#[derive(Clone, Debug)]
pub struct Found {
    /// Models in the order found, the given one first.
    pub models: Vec<Model>,
    /// Residual of the richest.
    pub residual: Vec<f64>,
}

/// Adds up to `search.terms` steps and hinges to a constant, the `given` terms and (if `sloped`) t,
/// each time the one that lowers the sum of squares most. All candidates are weighed by suffix
/// sums: O(n (terms + given)²). Times `t` ascend.
pub fn search(t: &[f64], x: &[f64], sloped: bool, given: &[Term], search: &Search) -> Found {
    let mut path = Path::new(t, x);
    path.add(vec![1.0; t.len()]);
    if sloped {
        path.add(t.to_vec());
    }
    given.iter().for_each(|term| path.add_term(*term));
    let mut terms = given.to_vec();
    let mut models = vec![Model { sloped, terms: terms.clone(), rss: path.rss() }];
    for _ in 0..search.terms {
        let Some((term, _)) = path.best(search, &terms) else { break };
        path.add_term(term);
        terms.push(term);
        models.push(Model { sloped, terms: terms.clone(), rss: path.rss() });
    }
    Found { models, residual: path.residual }
}

/// Models one move away from `model`: t put in or taken out, a term dropped, a term moved to its best place
/// given the others, a term added. The first `fixed` terms stay.
pub fn neighbours(t: &[f64], x: &[f64], model: &Model, fixed: usize, rules: &Search) -> Vec<Model> {
    let one = Search { terms: 1, ..*rules };
    let none = Search { terms: 0, ..*rules };
    let mut models = search(t, x, !model.sloped, &model.terms, &none).models;
    if model.terms.len() < fixed + rules.terms {
        models.extend(search(t, x, model.sloped, &model.terms, &one).models.into_iter().skip(1));
    }
    for i in fixed..model.terms.len() {
        let mut others = model.terms.clone();
        others.remove(i);
        models.extend(search(t, x, model.sloped, &others, &one).models);
    }
    models
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
        assert!(
            matches!(found.models[1].terms[0], Term::Step(at) if (at + 3.02).abs() < 0.02),
            "{found:?}"
        );
        assert!(found.models[1].rss < 1e-9);
    }

    #[test]
    fn finds_a_hinge_where_it_is() {
        let t = days(168);
        let x: Vec<f64> = t.iter().map(|t| 4.0 * (t + 3.0).max(0.0)).collect();
        let found = search(&t, &x, false, &[], &Search { terms: 1, ..SEARCH });
        assert!(
            matches!(found.models[1].terms[0], Term::Hinge(at) if (at + 3.0).abs() < 0.05),
            "{found:?}"
        );
    }

    #[test]
    fn gains_agree_with_a_full_refit() {
        let t = days(60);
        let x: Vec<f64> = (0..60).map(|i| ((i * i * 7) % 31) as f64).collect();
        let found = search(&t, &x, true, &[], &Search { terms: 3, apart: 0.2, last_hinge: -0.5 });
        assert_eq!(found.models.len(), 4);
        for model in &found.models {
            let mut columns = vec![vec![1.0; 60], t.clone()];
            columns.extend(model.terms.iter().map(|c| t.iter().map(|t| c.at(*t)).collect()));
            let fit = least_squares(&columns, &x);
            let row = |i: usize| columns.iter().map(|c| c[i]).collect::<Vec<_>>();
            let rss: f64 = (0..60).map(|i| (x[i] - fit.estimate(&row(i))).powi(2)).sum();
            assert!((rss - model.rss).abs() < 1e-6 * rss, "{rss} {model:?}");
        }
    }

    #[test]
    fn two_steps_that_look_like_a_hinge_are_told_apart_by_moving_terms() {
        let t = days(168);
        let level = |t: f64| {
            if t > -2.0 {
                18.0
            } else if t > -4.0 {
                8.0
            } else {
                0.0
            }
        };
        let x: Vec<f64> = t.iter().map(|t| level(*t)).collect();
        let mut model = search(&t, &x, true, &[], &SEARCH).models.remove(2);
        for _ in 0..4 {
            let near = neighbours(&t, &x, &model, 0, &SEARCH).into_iter();
            let same_size = near.filter(|m| m.terms.len() == 2);
            model =
                same_size.chain([model.clone()]).min_by(|a, b| a.rss.total_cmp(&b.rss)).unwrap();
        }
        assert!(model.rss < 1e-6, "{model:?}");
    }

    #[test]
    fn too_short_a_series_has_no_candidates() {
        let found = search(&days(3), &[1.0, 2.0, 9.0], true, &[], &SEARCH);
        assert_eq!(found.models.len(), 1);
    }
}
