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
#[derive(Clone)]
struct Path {
    residual: Vec<f64>,
    /// One column after the other.
    basis: Vec<f64>,
    /// Squared length of each candidate's part that the basis does not explain: steps, hinges.
    free: [Vec<f64>; 2],
    /// Whether there may be a term between a row and the one before it.
    open: Vec<bool>,
}

/// Turns noise that remembers into noise that does not: row j of L is
/// (x_j - phi^g x_{j-1}) / sqrt(1 - phi^2g) for a distance of g slots, so that the variance stays
/// (Prais & Winsten 1954). Shifts are sharp and slow wander is not: this tells them apart.
struct Whitening {
    /// Weight of a row, and of the row before it.
    own: Vec<f64>,
    before: Vec<f64>,
}

impl Whitening {
    fn of(keys: &[i64], phi: f64) -> Self {
        let n = keys.len();
        let (mut own, mut before) = (vec![1.0; n], vec![0.0; n]);
        if phi > 0.0 {
            let row = |gap: i64| {
                let far = phi.powi(gap.clamp(1, 1_000) as i32);
                let own = 1.0 / (1.0 - far * far).sqrt();
                (own, far * own)
            };
            let next = row(1);
            for j in 1..n {
                let gap = keys[j] - keys[j - 1];
                (own[j], before[j]) = if gap == 1 { next } else { row(gap) };
            }
        }
        Self { own, before }
    }

    /// L x in place.
    fn apply(&self, x: &mut [f64]) {
        for j in (1..x.len()).rev() {
            x[j] = self.own[j] * x[j] - self.before[j] * x[j - 1];
        }
    }

    /// Sums over the rows from `i` to the end of L'x and t L'x: products of `x` with steps and hinges.
    #[inline]
    fn suffix_sums(&self, t: &[f64], x: &[f64], mut each: impl FnMut(usize, f64, f64)) {
        let (mut sum, mut moment, mut carried) = (0.0, 0.0, 0.0);
        let n = t.len();
        let (t, x, own, before) = (&t[..n], &x[..n], &self.own[..n], &self.before[..n]);
        for i in (0..n).rev() {
            let back = own[i] * x[i] - carried;
            carried = before[i] * x[i];
            sum += back;
            moment += t[i] * back;
            each(i, sum, moment);
        }
    }

    /// Squared lengths of L times each step and each hinge.
    fn lengths(&self, t: &[f64]) -> [Vec<f64>; 2] {
        let n = t.len();
        let (mut steps, mut hinges) = (vec![0.0; n], vec![0.0; n]);
        let (mut ones, mut cross, mut squares) = (0.0, 0.0, 0.0);
        for i in (0..n).rev() {
            steps[i] = self.own[i] * self.own[i] + ones;
            hinges[i] = squares - 2.0 * t[i] * cross + t[i] * t[i] * ones;
            if i > 0 {
                let one = self.own[i] - self.before[i];
                let time = self.own[i] * t[i] - self.before[i] * t[i - 1];
                ones += one * one;
                cross += one * time;
                squares += time * time;
            }
        }
        [steps, hinges]
    }
}

impl Path {
    /// Adds a column: orthonormalises it, takes it out of the residual and of every candidate.
    fn add(&mut self, t: &[f64], white: &Whitening, mut column: Vec<f64>) {
        white.apply(&mut column);
        for q in self.basis.chunks_exact(t.len()) {
            let part = dot(&column, q);
            column.iter_mut().zip(q).for_each(|(c, q)| *c -= part * q);
        }
        let length = dot(&column, &column).sqrt();
        if length < 1e-9 {
            return;
        }
        let shrink = 1.0 / length;
        column.iter_mut().for_each(|c| *c *= shrink);
        let part = dot(&self.residual, &column);
        self.residual.iter_mut().zip(&column).for_each(|(r, q)| *r -= part * q);
        let [steps, hinges] = &mut self.free;
        let n = t.len();
        let (steps, hinges) = (&mut steps[..n], &mut hinges[..n]);
        white.suffix_sums(t, &column, |i, sum, moment| {
            let bent = moment - t[i] * sum;
            steps[i] -= sum * sum;
            hinges[i] -= bent * bent;
        });
        self.basis.extend(column);
    }

    /// Adds a term's column and closes its neighbourhood.
    fn add_term(&mut self, t: &[f64], white: &Whitening, term: Term, apart: f64) {
        let time = term.time();
        let between = |i: usize| 0.5 * (t[i - 1] + t[i]);
        let at = t.partition_point(|t| *t < time).max(1);
        let before = (1..at).rev().take_while(|i| time - between(*i) < apart);
        let after = (at..t.len()).take_while(|i| between(*i) - time < apart);
        before.chain(after).for_each(|i| self.open[i] = false);
        self.add(t, white, t.iter().map(|t| term.at(*t)).collect());
    }

    fn rss(&self) -> f64 {
        dot(&self.residual, &self.residual)
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

/// A series that is searched, with what all searches of it share.
pub struct Ground<'a> {
    t: &'a [f64],
    rules: Search,
    white: Whitening,
    /// Candidates that explain less than this on their own are nothing but rounding: steps, hinges.
    least: [Vec<f64>; 2],
    /// Rows before this one may bend.
    bendable: usize,
    /// Fitted with a constant, and with a line.
    level: Path,
    line: Path,
}

impl<'a> Ground<'a> {
    /// Prepares `x` at the ascending times `t` in the ascending slots `keys` (same length, not empty), for
    /// noise of which the share `phi` is left a slot later.
    pub fn of(t: &'a [f64], x: &[f64], keys: &[i64], phi: f64, rules: Search) -> Self {
        let n = t.len();
        let last = t.last().copied().unwrap_or(0.0);
        let (from, to) = (t.first().map_or(0.0, |t| t + rules.apart), last - rules.apart);
        let white = Whitening::of(keys, phi);
        let free = white.lengths(t);
        let least = [0, 1].map(|k| free[k].iter().map(|v| 1e-6 * v).collect());
        let between = |i: usize| 0.5 * (t[i - 1] + t[i]);
        let open = (0..n).map(|i| i > 0 && (from..=to).contains(&between(i))).collect();
        let mut residual = x.to_vec();
        white.apply(&mut residual);
        let mut level = Path { residual, basis: Vec::new(), free, open };
        level.add(t, &white, vec![1.0; n]);
        let mut line = level.clone();
        line.add(t, &white, t.to_vec());
        let bendable = t.partition_point(|t| *t <= rules.last_hinge);
        Self { t, rules, white, least, bendable, level, line }
    }

    /// Adds up to `terms` steps and hinges to a constant, the `given` terms and (if `sloped`) t,
    /// each time the one that lowers the sum of squares most. All candidates are weighed by suffix
    /// sums: O(n (terms + given)²).
    pub fn search(&self, sloped: bool, given: &[Term], terms: usize) -> Found {
        let mut path = if sloped { self.line.clone() } else { self.level.clone() };
        given.iter().for_each(|term| path.add_term(self.t, &self.white, *term, self.rules.apart));
        let mut chosen = given.to_vec();
        let mut models = vec![Model { sloped, terms: chosen.clone(), rss: path.rss() }];
        for _ in 0..terms {
            let Some(term) = self.best(&path) else { break };
            path.add_term(self.t, &self.white, term, self.rules.apart);
            chosen.push(term);
            models.push(Model { sloped, terms: chosen.clone(), rss: path.rss() });
        }
        Found { models, residual: path.residual }
    }

    /// The candidate with the largest drop of the sum of squares, (z'r)² / z'(1 - QQ')z. O(n).
    fn best(&self, path: &Path) -> Option<Term> {
        let (t, n) = (self.t, self.t.len());
        let (t, open) = (&t[..n], &path.open[..n]);
        let (steps, hinges) = (&path.free[0][..n], &path.free[1][..n]);
        let (least_step, least_hinge) = (&self.least[0][..n], &self.least[1][..n]);
        // The gain of the best so far as a fraction: products are cheaper than divisions.
        let (mut over, mut under, mut best) = (0.0, 1.0, None);
        self.white.suffix_sums(t, &path.residual, |i, sum, moment| {
            if !open[i] {
                return;
            }
            if sum * sum * under > over * steps[i] && steps[i] > least_step[i] {
                (over, under, best) = (sum * sum, steps[i], Some((i, false)));
            }
            let bent = moment - t[i] * sum;
            let more = bent * bent * under > over * hinges[i];
            if more && i < self.bendable && hinges[i] > least_hinge[i] {
                (over, under, best) = (bent * bent, hinges[i], Some((i, true)));
            }
        });
        best.map(|(i, bends)| match bends {
            true => Term::Hinge(t[i]),
            false => Term::Step(0.5 * (t[i - 1] + t[i])),
        })
    }

    /// Models one move away from `model`: t put in or taken out, a term dropped, a term moved to its
    /// best place given the others, a term added. The first `fixed` terms stay.
    pub fn neighbours(&self, model: &Model, fixed: usize) -> Vec<Model> {
        let mut models = self.search(!model.sloped, &model.terms, 0).models;
        if model.terms.len() < fixed + self.rules.terms {
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
        let white = Whitening::of(&keys, 0.7);
        let whitened = |mut x: Vec<f64>| {
            white.apply(&mut x);
            x
        };
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
