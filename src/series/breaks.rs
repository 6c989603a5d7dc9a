//! Level shifts and slope breaks by greedy forward selection.

use super::Buffer;
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

/// A column of a model: constant, t, or a term at a row.
#[derive(Clone, Copy, Debug)]
enum Column {
    One,
    Time,
    Step(usize),
    Hinge(usize),
}

/// The rows of the whitened constant and of whitened t, and what products of columns are made of.
///
/// Whitening turns noise that remembers into noise that does not: row j of L is
/// (x_j - phi^g x_{j-1}) / sqrt(1 - phi^2g) for a distance of g slots, so that the variance stays
/// (Prais & Winsten 1954). Shifts are sharp and slow wander is not: this tells them apart.
///
/// L times a step at row i is `own` there and `one` below; L times a hinge at row i is `time` - t_i `one` below
/// and nothing there. So all products of two columns are sums over the rows below the later one.
struct Rows<'a> {
    t: &'a [f64],
    /// Weight of a row in itself.
    own: Buffer,
    /// L 1 and L t.
    one: Buffer,
    time: Buffer,
    /// Sums over the rows below of one², one time and time².
    one_one: Buffer,
    one_time: Buffer,
    time_time: Buffer,
}

impl<'a> Rows<'a> {
    /// The rows at the times `t` in the slots `keys`, and `x` whitened.
    fn of(t: &'a [f64], x: &[f64], keys: &[i64], phi: f64) -> (Self, Buffer) {
        let n = t.len();
        let (mut own, mut one, mut time) =
            (Buffer::filled(n, 1.0), Buffer::filled(n, 1.0), Buffer::of(t));
        let mut y = Buffer::of(x);
        if phi > 0.0 {
            let row = |gap: i64| {
                let far = phi.powi(gap.clamp(1, 1_000) as i32);
                let own = 1.0 / (1.0 - far * far).sqrt();
                (own, far * own)
            };
            let next = row(1);
            let pairs = keys.windows(2).zip(t.windows(2)).zip(x.windows(2));
            let rows = own[1..].iter_mut().zip(&mut one[1..]).zip(&mut time[1..]).zip(&mut y[1..]);
            for ((((own, one), time), y), ((keys, t), x)) in rows.zip(pairs) {
                let gap = keys[1] - keys[0];
                let (here, before) = if gap == 1 { next } else { row(gap) };
                *own = here;
                *one = here - before;
                *time = here * t[1] - before * t[0];
                *y = here * x[1] - before * x[0];
            }
        }
        let (mut one_one, mut one_time, mut time_time) =
            (Buffer::filled(n, 0.0), Buffer::filled(n, 0.0), Buffer::filled(n, 0.0));
        let (mut oo, mut ot, mut tt) = (0.0, 0.0, 0.0);
        let sums = one_one.iter_mut().zip(one_time.iter_mut()).zip(time_time.iter_mut());
        for (((one_one, one_time), time_time), (one, time)) in
            sums.zip(one.iter().zip(time.iter())).rev()
        {
            (*one_one, *one_time, *time_time) = (oo, ot, tt);
            oo += one * one;
            ot += one * time;
            tt += time * time;
        }
        (Self { t, own, one, time, one_one, one_time, time_time }, y)
    }

    /// Products of all steps, then all hinges, with the whitened `y`.
    fn products(&self, y: &[f64]) -> Buffer {
        let n = self.t.len();
        let mut products = Buffer::filled(2 * n, 0.0);
        let (steps, hinges) = products.split_at_mut(n);
        let (mut ones, mut times) = (0.0, 0.0);
        let rows = self.own.iter().zip(self.one.iter()).zip(self.time.iter()).zip(self.t).zip(y);
        let candidates = steps.iter_mut().zip(hinges);
        for ((step, hinge), ((((own, one), time), t), y)) in candidates.zip(rows).rev() {
            *step = own * y + ones;
            *hinge = times - t * ones;
            ones += one * y;
            times += time * y;
        }
        products
    }

    /// Squared length of a step at row `i`.
    fn step_length(&self, i: usize) -> f64 {
        self.own[i] * self.own[i] + self.one_one[i]
    }

    /// Product of two hinges, the later one at row `i`, the other at time `t`.
    fn hinges(&self, i: usize, t: f64) -> f64 {
        self.time_time[i] - (self.t[i] + t) * self.one_time[i] + self.t[i] * t * self.one_one[i]
    }

    /// Squared length of a candidate: steps are numbered by their rows, hinges go on from there.
    fn length(&self, candidate: usize) -> f64 {
        match candidate.checked_sub(self.t.len()) {
            None => self.step_length(candidate),
            Some(row) => self.hinges(row, self.t[row]),
        }
    }

    /// Products of all steps, then all hinges, with a column.
    fn with(&self, column: Column, products: &mut [f64]) {
        let n = self.t.len();
        let (t, own, one, time) = (&self.t[..n], &self.own[..n], &self.one[..n], &self.time[..n]);
        let (one_one, one_time) = (&self.one_one[..n], &self.one_time[..n]);
        let (steps, hinges) = products.split_at_mut(n);
        let hinges = &mut hinges[..n];
        let with_one = |i: usize| own[i] * one[i] + one_one[i];
        let with_time = |i: usize| own[i] * time[i] + one_time[i];
        match column {
            Column::One => (0..n).for_each(|i| {
                steps[i] = with_one(i);
                hinges[i] = one_time[i] - t[i] * one_one[i];
            }),
            Column::Time => (0..n).for_each(|i| {
                steps[i] = with_time(i);
                hinges[i] = self.time_time[i] - t[i] * one_time[i];
            }),
            Column::Step(row) => {
                let (level, moment) = (with_one(row), with_time(row));
                steps[..row].fill(level);
                (0..row).for_each(|i| hinges[i] = moment - t[i] * level);
                (row..n).for_each(|i| {
                    steps[i] = with_one(i);
                    hinges[i] = one_time[i] - t[i] * one_one[i];
                });
                steps[row] = self.step_length(row);
            }
            Column::Hinge(row) => {
                let at = t[row];
                steps[..=row].fill(one_time[row] - at * one_one[row]);
                (row + 1..n).for_each(|i| steps[i] = with_time(i) - at * with_one(i));
                (0..row).for_each(|i| hinges[i] = self.hinges(row, t[i]));
                (row..n).for_each(|i| hinges[i] = self.hinges(i, at));
            }
        }
    }
}

/// A model on its way: an orthonormal basis of its columns, known by its products with all candidates.
/// Adding a column costs a few operations a candidate, whatever the columns.
#[derive(Debug)]
struct Path {
    columns: Vec<Column>,
    /// Each column in the basis, one after the other: its products with the basis before it, its length beyond.
    triangle: Buffer,
    /// Product of the series with each column of the basis.
    shares: Buffer,
    /// Products of the candidates with each column of the basis, one column after the other; the last column may lack.
    parts: Buffer,
    /// Products of the candidates with the residual, as of `parts`.
    products: Buffer,
    /// Squared length of each candidate's part that the basis does not explain, as of `parts`; infinite where none may be.
    free: Buffer,
    rss: f64,
}

impl Path {
    /// A copy with room for `more` columns.
    fn fork(&self, more: usize) -> Self {
        let (known, size) = (self.columns.len() + more, self.free.len());
        let mut copy = Self {
            columns: Vec::with_capacity(known),
            triangle: Buffer::with_capacity(known * (known + 1) / 2),
            shares: Buffer::with_capacity(known),
            parts: Buffer::with_capacity(known * size),
            products: self.products.clone(),
            free: self.free.clone(),
            rss: self.rss,
        };
        copy.columns.extend_from_slice(&self.columns);
        copy.triangle.extend_from_slice(&self.triangle);
        copy.shares.extend_from_slice(&self.shares);
        copy.parts.extend_from_slice(&self.parts);
        copy
    }

    /// Adds a column with these `products` with the basis, of squared length `length` and product `share`
    /// with the residual.
    fn add(&mut self, column: Column, (length, share): (f64, f64), products: &[f64]) {
        let beyond = length - dot(products, products);
        if beyond <= 1e-12 * length {
            return;
        }
        let share = share * (1.0 / beyond.sqrt());
        self.columns.push(column);
        self.triangle.extend_from_slice(products);
        self.triangle.push(beyond.sqrt());
        self.shares.push(share);
        self.rss -= share * share;
    }

    /// Tells the candidates about the last column, if they do not know of it.
    fn open(&mut self, rows: &Rows<'_>) {
        let (size, before) = (self.free.len(), self.parts.len());
        let known = self.columns.len() - 1;
        if before > known * size {
            return;
        }
        let row = &self.triangle[known * (known + 1) / 2..];
        let (shrink, share) = (1.0 / row[known], self.shares[known]);
        self.parts.resize(before + size, 0.0);
        let (parts, new) = self.parts.split_at_mut(before);
        rows.with(self.columns[known], new);
        for (part, q) in row.iter().zip(parts.chunks_exact(size)) {
            new.iter_mut().zip(q).for_each(|(p, q)| *p -= part * q);
        }
        let candidates = self.free.iter_mut().zip(self.products.iter_mut());
        for (p, (free, product)) in new.iter_mut().zip(candidates) {
            *p *= shrink;
            *free -= *p * *p;
            *product -= share * *p;
        }
    }

    /// Adds a candidate.
    fn add_candidate(&mut self, rows: &Rows<'_>, candidate: usize) {
        self.open(rows);
        let products: Buffer =
            self.parts.chunks_exact(self.free.len()).map(|q| q[candidate]).collect();
        let column = match candidate.checked_sub(rows.t.len()) {
            None => Column::Step(candidate),
            Some(row) => Column::Hinge(row),
        };
        self.add(column, (rows.length(candidate), self.products[candidate]), &products);
    }

    /// Closes the neighbourhood of a term.
    fn close(&mut self, t: &[f64], time: f64, apart: f64) {
        let n = t.len();
        let between = |i: usize| 0.5 * (t[i - 1] + t[i]);
        let at = t.partition_point(|t| *t < time).max(1);
        let before = (1..at).rev().take_while(|i| time - between(*i) < apart);
        let after = (at..n).take_while(|i| between(*i) - time < apart);
        before.chain(after).for_each(|i| {
            self.free[i] = f64::INFINITY;
            self.free[n + i] = f64::INFINITY;
        });
    }

    /// Coefficients of the columns: the triangle solved from its end.
    fn coefficients(&self) -> Buffer {
        let mut beta = self.shares.clone();
        let row = |k: usize| k * (k + 1) / 2;
        for k in (0..beta.len()).rev() {
            beta[k] /= self.triangle[row(k) + k];
            for j in 0..k {
                beta[j] -= beta[k] * self.triangle[row(k) + j];
            }
        }
        beta
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

/// A series that is searched, with what all searches of it share.
pub struct Ground<'a> {
    rules: Search,
    rows: Rows<'a>,
    /// The whitened series.
    y: Buffer,
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
        let (rows, y) = Rows::of(t, x, keys, phi);
        // Steps lie between two rows, and these places ascend as the rows do.
        let place = |end: f64, within: bool| {
            let between = |w: &[f64]| 0.5 * (w[0] + w[1]);
            let before = |m: f64| if within { m <= end } else { m < end };
            1 + t.windows(2).take_while(|w| before(between(w))).count()
        };
        let bendable = t.partition_point(|t| *t <= rules.last_hinge);
        let mut free = Buffer::filled(2 * n, f64::INFINITY);
        let open = place(from, false)..place(to, true);
        for i in open {
            free[i] = rows.step_length(i);
            if i < bendable {
                free[n + i] = rows.hinges(i, t[i]);
            }
        }
        let mut level = Path {
            columns: Vec::with_capacity(1),
            triangle: Buffer::with_capacity(1),
            shares: Buffer::with_capacity(1),
            parts: Buffer::with_capacity(2 * n),
            products: rows.products(&y),
            free,
            rss: dot(&y, &y),
        };
        let whole = |sums: &[f64], a: &[f64], b: &[f64]| sums[0] + a[0] * b[0];
        let ones = whole(&rows.one_one, &rows.one, &rows.one);
        level.add(Column::One, (ones, dot(&rows.one, &y)), &[]);
        level.open(&rows);
        let mut line = level.fork(1);
        let product = whole(&rows.one_time, &rows.one, &rows.time) / ones.sqrt();
        let share = dot(&rows.time, &y) - product * level.shares[0];
        let length = whole(&rows.time_time, &rows.time, &rows.time);
        line.add(Column::Time, (length, share), &[product]);
        line.open(&rows);
        Self { rules, rows, y, level, line }
    }

    /// Adds up to `terms` steps and hinges to a constant, the `given` terms (hinges at times of the series) and
    /// (if `sloped`) t, each time the one that lowers the sum of squares most: O(n (terms + given)²).
    pub fn search(&self, sloped: bool, given: &[Term], terms: usize) -> Found {
        let path = if sloped { &self.line } else { &self.level };
        let mut path = path.fork(given.len() + self.rules.terms);
        for term in given {
            if let Some(candidate) = self.candidate(*term) {
                path.add_candidate(&self.rows, candidate);
            }
            path.close(self.rows.t, term.time(), self.rules.apart);
        }
        let mut models = Vec::with_capacity(1 + terms);
        models.push(Model { sloped, terms: given.to_vec(), rss: path.rss });
        let mut found = Found { models, path };
        self.further(&mut found, terms);
        found
    }

    /// Goes on from the richest model that was found, by up to `terms` terms.
    pub fn further(&self, found: &mut Found, terms: usize) {
        for _ in 0..terms {
            let Found { models, path } = found;
            path.open(&self.rows);
            let Some((candidate, last)) = self.best(path).zip(models.last()) else { return };
            let term = self.term(candidate);
            path.add_candidate(&self.rows, candidate);
            path.close(self.rows.t, term.time(), self.rules.apart);
            let (sloped, chosen) = (last.sloped, [&*last.terms, &[term]].concat());
            models.push(Model { sloped, terms: chosen, rss: path.rss });
        }
    }

    /// What the richest model that was found leaves of the whitened series.
    pub fn residual(&self, found: &Found) -> Buffer {
        let mut residual = self.y.clone();
        let Rows { t, own, one, time, .. } = &self.rows;
        for (column, b) in found.path.columns.iter().zip(found.path.coefficients().iter().copied())
        {
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
        let n = self.rows.t.len();
        let row = self.rows.t.partition_point(|t| *t < term.time());
        let inside = (1..n).contains(&row);
        inside.then_some(if matches!(term, Term::Step(_)) { row } else { n + row })
    }

    fn term(&self, candidate: usize) -> Term {
        let t = self.rows.t;
        match candidate.checked_sub(t.len()) {
            None => Term::Step(0.5 * (t[candidate - 1] + t[candidate])),
            Some(row) => Term::Hinge(t[row]),
        }
    }

    /// The candidate with the largest drop of the sum of squares, (z'r)² / z'(1 - QQ')z; of equals the
    /// latest step. O(n).
    fn best(&self, path: &Path) -> Option<usize> {
        let n = self.rows.t.len();
        // The gain of the best so far as a fraction: products are cheaper than divisions.
        let mut best = Best { over: 0.0, under: 1.0, candidate: None };
        let mut weigh = |from: usize, products: &[f64], free: &[f64]| {
            // Most are worse than the best so far: several are refused by one branch.
            let gains = products.iter().zip(free);
            if !gains.fold(false, |any, (p, f)| any | (p * p * best.under > best.over * f)) {
                return;
            }
            for (i, (product, free)) in products.iter().zip(free).enumerate().rev() {
                let gain = product * product;
                // What explains next to nothing on its own is nothing but rounding.
                let real = || *free > 1e-6 * self.rows.length(from + i);
                if gain * best.under > best.over * free && real() {
                    best = Best { over: gain, under: *free, candidate: Some(from + i) };
                }
            }
        };
        for from in [0, n] {
            let products = path.products[from..from + n].as_rchunks::<ABREAST>();
            let free = path.free[from..from + n].as_rchunks::<ABREAST>();
            let first = products.0.len();
            for (k, (products, free)) in products.1.iter().zip(free.1).enumerate().rev() {
                weigh(from + first + k * ABREAST, products, free);
            }
            weigh(from, products.0, free.0);
        }
        best.candidate
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
        let whitened = |x: Vec<f64>| Rows::of(&t, &x, &keys, 0.7).1.to_vec();
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
