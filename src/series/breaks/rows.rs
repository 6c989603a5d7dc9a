//! The rows of a whitened design, and the products of its columns.

use super::super::Buffer;

/// A column of a model: constant, t, or a term at a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
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
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) t: Buffer,
    /// Weight of a row in itself.
    pub(super) own: Buffer,
    /// L 1 and L t.
    pub(super) one: Buffer,
    pub(super) time: Buffer,
    /// Sums over the rows below of one², one time and time².
    one_one: Buffer,
    one_time: Buffer,
    time_time: Buffer,
    /// Products of all steps, then all hinges, with the constant and with t.
    with_one: Buffer,
    with_time: Buffer,
}

impl Rows {
    /// The rows at the times `t` in the slots `keys`.
    pub(super) fn of(t: &[f64], keys: &[i64], phi: f64) -> Self {
        let n = t.len();
        let (mut own, mut one, mut time) =
            (Buffer::filled(n, 1.0), Buffer::filled(n, 1.0), Buffer::of(t));
        let left = |gap: i64| phi.powi(gap.clamp(1, 1_000) as i32);
        let weights = |left: f64| {
            let here = 1.0 / (1.0 - left * left).sqrt();
            (here, left * here)
        };
        let next = weights(left(1));
        for i in 1..n {
            let gap = keys[i] - keys[i - 1];
            let (here, before) = if gap == 1 { next } else { weights(left(gap)) };
            own[i] = here;
            one[i] = here - before;
            time[i] = here * t[i] - before * t[i - 1];
        }
        let (one_one, one_time) = (sums_below(&one, &one), sums_below(&one, &time));
        let time_time = sums_below(&time, &time);
        let with = |column: &[f64], with_one: &[f64], with_time: &[f64]| {
            let mut products = Buffer::with_capacity(2 * n);
            let rows = own.iter().zip(column).zip(with_one);
            products.extend(rows.map(|((own, column), below)| own * column + below));
            let rows = with_time.iter().zip(t).zip(with_one);
            products.extend(rows.map(|((below, t), level)| below - t * level));
            products
        };
        let with_one = with(&one, &one_one, &one_time);
        let with_time = with(&time, &one_time, &time_time);
        let t = Buffer::of(t);
        Self { t, own, one, time, one_one, one_time, time_time, with_one, with_time }
    }

    /// A series at these times, whitened: row j is `own` x_j less what is left of x_{j-1}, which is `own` less `one`.
    pub(super) fn whitened(&self, x: &[f64]) -> Buffer {
        let mut y = Buffer::of(x);
        let rows = y.iter_mut().zip(self.own.iter()).zip(self.one.iter()).skip(1);
        for (((y, own), one), w) in rows.zip(x.windows(2)) {
            *y = own * w[1] - (own - one) * w[0];
        }
        y
    }

    /// Products of all steps, then all hinges, with the whitened `y`.
    pub(super) fn products(&self, y: &[f64]) -> Buffer {
        let n = self.t.len();
        let mut products = Buffer::filled(2 * n, 0.0);
        let (steps, hinges) = products.split_at_mut(n);
        let (t, own, one, time) = (&self.t[..n], &self.own[..n], &self.one[..n], &self.time[..n]);
        let (y, hinges) = (&y[..n], &mut hinges[..n]);
        let (mut ones, mut times) = (0.0, 0.0);
        for i in (0..n).rev() {
            steps[i] = own[i] * y[i] + ones;
            hinges[i] = times - t[i] * ones;
            ones += one[i] * y[i];
            times += time[i] * y[i];
        }
        products
    }

    /// Squared length of a step at row `i`.
    pub(super) fn step_length(&self, i: usize) -> f64 {
        self.own[i] * self.own[i] + self.one_one[i]
    }

    /// Product of two hinges, the later one at row `i`, the other at time `t`.
    pub(super) fn hinges(&self, i: usize, t: f64) -> f64 {
        self.time_time[i] - (self.t[i] + t) * self.one_time[i] + self.t[i] * t * self.one_one[i]
    }

    /// Squared length of a candidate: steps are numbered by their rows, hinges go on from there.
    pub(super) fn length(&self, candidate: usize) -> f64 {
        match candidate.checked_sub(self.t.len()) {
            None => self.step_length(candidate),
            Some(row) => self.hinges(row, self.t[row]),
        }
    }

    /// Product of the constant with itself, of the constant with t and of t with itself.
    pub(super) fn of_line(&self) -> [f64; 3] {
        let whole = |sums: &[f64], a: &[f64], b: &[f64]| {
            sums.first().zip(a.first().zip(b.first())).map_or(0.0, |(sum, (a, b))| sum + a * b)
        };
        [
            whole(&self.one_one, &self.one, &self.one),
            whole(&self.one_time, &self.one, &self.time),
            whole(&self.time_time, &self.time, &self.time),
        ]
    }

    /// Products of all steps, then all hinges, with a column.
    pub(super) fn with(&self, column: Column) -> Buffer {
        let n = self.t.len();
        let (with_one, with_time) = (&self.with_one[..2 * n], &self.with_time[..2 * n]);
        // What two candidates have in common is below the later one.
        let before = |products: &mut Buffer, row: usize, level: f64, moment: f64| {
            let (steps, hinges) = products.split_at_mut(n);
            steps[..row].fill(level);
            let hinges = hinges[..row].iter_mut().zip(&self.t[..row]);
            hinges.for_each(|(hinge, t)| *hinge = moment - t * level);
        };
        match column {
            Column::One => Buffer::of(with_one),
            Column::Time => Buffer::of(with_time),
            Column::Step(row) => {
                let mut products = Buffer::of(with_one);
                before(&mut products, row, with_one[row], with_time[row]);
                products[row] = self.step_length(row);
                products
            }
            Column::Hinge(row) => {
                let (at, pairs) = (self.t[row], with_time.iter().zip(with_one));
                let mut products: Buffer = pairs.map(|(time, one)| time - at * one).collect();
                before(&mut products, row, with_one[n + row], with_time[n + row]);
                products[row] = with_one[n + row];
                products
            }
        }
    }
}

/// Sums of the products of two columns over the rows below each.
fn sums_below(a: &[f64], b: &[f64]) -> Buffer {
    let (mut sums, mut sum) = (Buffer::filled(a.len(), 0.0), 0.0);
    for ((below, a), b) in sums.iter_mut().zip(a).zip(b).rev() {
        *below = sum;
        sum += a * b;
    }
    sums
}
