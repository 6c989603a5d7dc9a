//! Level shifts and slope breaks by greedy forward selection: `rows.rs` has the products of columns, `path.rs` a model on
//! its way, `field.rs` what series at the same times share.

mod field;
mod path;
mod rows;

use super::Buffer;
use super::lanes::{dot, greater};
use field::Field;
use path::{Path, Stand};
use rows::{Column, Rows};
use std::rc::Rc;

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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Least distance of a term from the ends and from other terms, days.
    pub apart: f64,
    /// No hinge after this time.
    pub last_hinge: f64,
    /// Number of terms.
    pub terms: usize,
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

/// A greedy path: models with more and more terms.
#[derive(Debug)]
pub struct Found {
    /// Models in the order found, the given one first.
    pub models: Vec<Model>,
    path: Path,
}

/// The best candidate so far and its gain as a fraction.
struct Best {
    over: f64,
    under: f64,
    candidate: Option<usize>,
}

/// Candidates that are weighed side by side.
const ABREAST: usize = 8;

/// The greatest of them.
fn greatest(of: [f64; ABREAST]) -> f64 {
    let four: [f64; 4] = std::array::from_fn(|i| greater(of[i], of[i + 4]));
    greater(greater(four[0], four[2]), greater(four[1], four[3]))
}

/// A series that is searched, with what all searches of it share.
pub struct Ground {
    field: Rc<Field>,
    /// The whitened series.
    y: Buffer,
    /// Fitted with a constant, and with a line.
    level: Stand,
    line: Stand,
}

impl Ground {
    /// Prepares `x` at the ascending times `t` in the ascending slots `keys` (same length, not empty), for
    /// noise of which the share `phi` is left a slot later.
    pub fn of(t: &[f64], x: &[f64], keys: &[i64], phi: f64, rules: Search) -> Self {
        Self::on(field::field(t, keys, phi, rules), x)
    }

    fn on(field: Rc<Field>, x: &[f64]) -> Self {
        let rows = &field.rows;
        let y = rows.whitened(x);
        let mut level =
            Stand { shares: Buffer::default(), products: rows.products(&y), rss: dot(&y, &y) };
        if let [long] = field.level.last() {
            level.add(*long, dot(&rows.one, &y));
            level.open(field.level.last_part());
        }
        let mut line = level.fork(1);
        if let [product, long] = field.line.last() {
            line.add(*long, dot(&rows.time, &y) - product * level.shares[0]);
            line.open(field.line.last_part());
        }
        Self { field, y, level, line }
    }

    /// Adds up to `terms` steps and hinges to a constant, the `given` terms (hinges at times of the series) and
    /// (if `sloped`) t, each time the one that lowers the sum of squares most: O(n (terms + given)²).
    pub fn search(&self, sloped: bool, given: &[Term], terms: usize) -> Found {
        let Field { rows, rules, .. } = &*self.field;
        let more = given.len() + rules.terms;
        let mut path = match sloped {
            true => Path { basis: self.field.line.fork(more), stand: self.line.fork(more) },
            false => Path { basis: self.field.level.fork(more), stand: self.level.fork(more) },
        };
        for term in given {
            if let Some(candidate) = self.candidate(*term) {
                path.add_candidate(rows, candidate);
            }
            path.close(&rows.t, *term, rules.apart);
        }
        let mut models = Vec::with_capacity(1 + terms);
        models.push(Model { sloped, terms: given.to_vec(), rss: path.stand.rss });
        let mut found = Found { models, path };
        self.further(&mut found, terms);
        found
    }

    /// Goes on from the richest model that was found, by up to `terms` terms.
    pub fn further(&self, found: &mut Found, terms: usize) {
        let Field { rows, rules, .. } = &*self.field;
        for _ in 0..terms {
            let Found { models, path } = found;
            path.open(rows);
            let Some((candidate, last)) = self.best(path).zip(models.last()) else { return };
            let term = self.term(candidate);
            path.add_candidate(rows, candidate);
            path.close(&rows.t, term, rules.apart);
            let (sloped, chosen) = (last.sloped, [&*last.terms, &[term]].concat());
            models.push(Model { sloped, terms: chosen, rss: path.stand.rss });
        }
    }

    /// What the richest model that was found leaves of the whitened series.
    pub fn residual(&self, found: &Found) -> Buffer {
        let mut residual = self.y.clone();
        let Rows { t, own, one, time, .. } = &self.field.rows;
        let path = &found.path;
        for (column, b) in path.basis.columns.iter().zip(path.coefficients().iter().copied()) {
            let line = |rest: &mut [f64], from: usize, level: f64, slope: f64| {
                let rows = rest[from..].iter_mut().zip(&one[from..]).zip(&time[from..]);
                rows.for_each(|((r, one), time)| *r -= level * one + slope * time);
            };
            match *column {
                Column::One => line(&mut residual, 0, b, 0.0),
                Column::Time => line(&mut residual, 0, 0.0, b),
                Column::Step(row) => {
                    residual[row] -= b * own[row];
                    line(&mut residual, row + 1, b, 0.0);
                }
                Column::Hinge(row) => line(&mut residual, row + 1, -b * t[row], b),
            }
        }
        residual
    }

    /// The candidate that a term is; `None` outside the series.
    fn candidate(&self, term: Term) -> Option<usize> {
        let n = self.field.rows.t.len();
        let row = self.field.rows.t.partition_point(|t| *t < term.time());
        let inside = (1..n).contains(&row);
        inside.then_some(if matches!(term, Term::Step(_)) { row } else { n + row })
    }

    fn term(&self, candidate: usize) -> Term {
        let t = &self.field.rows.t;
        match candidate.checked_sub(t.len()) {
            None => Term::Step(0.5 * (t[candidate - 1] + t[candidate])),
            Some(row) => Term::Hinge(t[row]),
        }
    }

    /// The candidate with the largest drop of the sum of squares, (z'r)² / z'(1 - QQ')z; of equals the
    /// latest step. O(n).
    fn best(&self, path: &Path) -> Option<usize> {
        let (rows, n) = (&self.field.rows, self.field.rows.t.len());
        // The gain of the best so far as a fraction: products are cheaper than divisions.
        let mut best = Best { over: f64::MIN_POSITIVE, under: 1.0, candidate: None };
        let mut weigh = |from: usize, products: &[f64], free: &[f64]| {
            for (i, (product, free)) in products.iter().zip(free).enumerate().rev() {
                let gain = product * product;
                // What explains next to nothing on its own is nothing but rounding.
                let real = || *free > 1e-6 * rows.length(from + i);
                if gain * best.under > best.over * free && real() {
                    best = Best { over: gain, under: *free, candidate: Some(from + i) };
                }
            }
            (best.over, best.under)
        };
        for from in [0, n] {
            let (first, products) = path.stand.products[from..from + n].as_rchunks::<ABREAST>();
            let (_, free) = path.basis.free[from..from + n].as_rchunks::<ABREAST>();
            let (mut over, mut under) = weigh(from, &[], &[]);
            for (k, (products, free)) in products.iter().zip(free).enumerate().rev() {
                // Most are worse than the best so far: several are refused by one branch.
                let excess =
                    std::array::from_fn(|i| products[i] * products[i] * under - over * free[i]);
                if greatest(excess) > 0.0 {
                    (over, under) = weigh(from + first.len() + k * ABREAST, products, free);
                }
            }
            weigh(from, first, &path.basis.free[from..from + first.len()]);
        }
        best.candidate
    }

    /// Models one move away from `model`: t put in or taken out, a term dropped, a term moved to its
    /// best place given the others, a term added. The first `fixed` terms stay.
    pub fn neighbours(&self, model: &Model, fixed: usize) -> Vec<Model> {
        let mut models = self.search(!model.sloped, &model.terms, 0).models;
        if model.terms.len() < fixed + self.field.rules.terms {
            models.extend(self.search(model.sloped, &model.terms, 1).models.into_iter().skip(1));
        }
        for i in fixed..model.terms.len() {
            let mut others = model.terms.clone();
            others.remove(i);
            models.extend(self.search(model.sloped, &others, 1).models);
        }
        models
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::fit::least_squares;

    const SEARCH: Search = Search { apart: 0.25, last_hinge: -1.0, terms: 2 };

    fn days(n: usize) -> Vec<f64> {
        (0..n).map(|i| (i as f64 - n as f64 + 1.0) / 24.0).collect()
    }

    fn keys(n: usize) -> Vec<i64> {
        (0..n as i64).collect()
    }

    #[test]
    fn finds_a_step_where_it_is() {
        let t = days(168);
        let x: Vec<f64> = t.iter().map(|t| if *t > -3.01 { 15.0 } else { 0.0 }).collect();
        let found = Ground::of(&t, &x, &keys(t.len()), 0.0, SEARCH).search(false, &[], 1);
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
        let found = Ground::of(&t, &x, &keys(t.len()), 0.0, SEARCH).search(false, &[], 1);
        assert!(
            matches!(found.models[1].terms[0], Term::Hinge(at) if (at + 3.0).abs() < 0.05),
            "{found:?}"
        );
    }

    #[test]
    fn gains_agree_with_a_full_refit() {
        let t = days(60);
        let x: Vec<f64> = (0..60).map(|i| ((i * i * 7) % 31) as f64).collect();
        let found = Ground::of(
            &t,
            &x,
            &keys(t.len()),
            0.0,
            Search { terms: 3, apart: 0.2, last_hinge: -0.5 },
        )
        .search(true, &[], 3);
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
    fn whitened_gains_agree_with_a_full_refit_over_gaps() {
        let keys: Vec<i64> = (0..70).filter(|k| !(20..30).contains(k)).collect();
        let t: Vec<f64> = keys.iter().map(|k| (*k as f64 - 69.0) / 24.0).collect();
        let x: Vec<f64> = keys.iter().map(|i| ((i * i * 7) % 31) as f64).collect();
        let rules = Search { terms: 3, apart: 0.2, last_hinge: -0.5 };
        let rows = Rows::of(&t, &keys, 0.7);
        let whitened = |x: Vec<f64>| rows.whitened(&x).to_vec();
        let found = Ground::of(&t, &x, &keys, 0.7, rules).search(true, &[], 3);
        assert_eq!(found.models.len(), 4);
        let y = whitened(x);
        let rss = |terms: &[Term]| -> f64 {
            let mut columns = vec![whitened(vec![1.0; t.len()]), whitened(t.clone())];
            let column = |c: &Term| whitened(t.iter().map(|t| c.at(*t)).collect());
            columns.extend(terms.iter().map(column));
            let fit = least_squares(&columns, &y);
            let row = |i: usize| columns.iter().map(|c| c[i]).collect::<Vec<_>>();
            (0..t.len()).map(|i| (y[i] - fit.estimate(&row(i))).powi(2)).sum()
        };
        for model in &found.models {
            let full = rss(&model.terms);
            assert!((full - model.rss).abs() < 1e-6 * full, "{full} {model:?}");
        }
        // The first term is the best of all candidates.
        let steps = (1..t.len()).map(|i| Term::Step(0.5 * (t[i - 1] + t[i])));
        let hinges = t.iter().map(|t| Term::Hinge(*t)).filter(|h| h.time() <= rules.last_hinge);
        let open = |c: &Term| {
            let i = t.partition_point(|t| *t < c.time()).max(1);
            let between = 0.5 * (t[i - 1] + t[i]);
            between - t[0] >= 0.2 && t[t.len() - 1] - between >= 0.2
        };
        let least =
            steps.chain(hinges).filter(open).map(|c| rss(&[c])).fold(f64::INFINITY, f64::min);
        assert!((least - found.models[1].rss).abs() < 1e-6 * least, "{least} {found:?}");
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
        let ground = Ground::of(&t, &x, &keys(t.len()), 0.0, SEARCH);
        let mut model = ground.search(true, &[], 2).models.remove(2);
        for _ in 0..4 {
            let near = ground.neighbours(&model, 0).into_iter();
            let same_size = near.filter(|m| m.terms.len() == 2);
            model =
                same_size.chain([model.clone()]).min_by(|a, b| a.rss.total_cmp(&b.rss)).unwrap();
        }
        assert!(model.rss < 1e-6, "{model:?}");
    }

    #[test]
    fn too_short_a_series_has_no_candidates() {
        let found =
            Ground::of(&days(3), &[1.0, 2.0, 9.0], &keys(3), 0.0, SEARCH).search(true, &[], 2);
        assert_eq!(found.models.len(), 1);
    }
}
