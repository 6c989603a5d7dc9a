//! Small least squares: a few columns, a few hundred rows.

use super::Buffer;
use super::stats::dot;

/// A fitted linear model.
#[derive(Clone, Debug, Default)]
pub struct Fit {
    /// Coefficients, one per column.
    pub beta: Vec<f64>,
    /// Inverse of Z'Z, row by row: times the error variance it is the covariance of `beta`.
    pub inverse: Vec<f64>,
}

/// Columns of a linear model, factorised once for any number of right-hand sides.
#[derive(Clone, Debug, Default)]
pub struct Design {
    columns: Vec<Buffer>,
    inverse: Vec<f64>,
}

impl Design {
    /// Factorises the normal equations by Cholesky's method, O(n p²).
    ///
    /// A column that depends on those before it (to 1e-10 of its size) gets coefficient and variance 0.
    pub fn of(columns: Vec<Buffer>) -> Self {
        let p = columns.len();
        let mut lower = vec![0.0; p * p];
        let mut dependent = vec![false; p];
        for i in 0..p {
            for j in 0..=i {
                let known: f64 = (0..j).map(|k| lower[i * p + k] * lower[j * p + k]).sum();
                let full = dot(&columns[i], &columns[j]);
                if i == j {
                    dependent[i] = full - known <= 1e-10 * full;
                    lower[i * p + i] = if dependent[i] { 1.0 } else { (full - known).sqrt() };
                } else if !dependent[j] {
                    lower[i * p + j] = (full - known) / lower[j * p + j];
                }
            }
            if dependent[i] {
                lower[i * p..i * p + i].fill(0.0);
            }
        }
        let mut inverse = vec![0.0; p * p];
        let mut unit = vec![0.0; p];
        for e in (0..p).filter(|e| !dependent[*e]) {
            unit.fill(0.0);
            unit[e] = 1.0;
            solve(&lower, &mut unit);
            (0..p).filter(|r| !dependent[*r]).for_each(|r| inverse[r * p + e] = unit[r]);
        }
        Self { columns, inverse }
    }

    /// Coefficients of the least-squares fit of `y`, O(n p).
    pub fn solve(&self, y: &[f64]) -> Vec<f64> {
        let right: Vec<f64> = self.columns.iter().map(|c| dot(c, y)).collect();
        self.inverse.chunks_exact(right.len().max(1)).map(|row| dot(row, &right)).collect()
    }

    /// Writes `y` less the model with coefficients `beta` to `residual`.
    pub fn residual(&self, y: &[f64], beta: &[f64], residual: &mut Vec<f64>) {
        residual.clear();
        residual.extend_from_slice(y);
        for (b, column) in beta.iter().zip(&self.columns) {
            residual.iter_mut().zip(column.iter()).for_each(|(r, c)| *r -= b * c);
        }
    }

    /// The columns and, row by row, (Z'Z)^-1.
    pub fn into_parts(self) -> (Vec<Buffer>, Vec<f64>) {
        (self.columns, self.inverse)
    }
}

/// Least squares of `y` on `columns`, to check others by.
#[cfg(test)]
pub(super) fn least_squares(columns: &[Vec<f64>], y: &[f64]) -> Fit {
    let design = Design::of(columns.iter().map(|c| Buffer::of(c)).collect());
    Fit { beta: design.solve(y), inverse: design.inverse }
}

/// Solves L L' x = b in place.
fn solve(lower: &[f64], b: &mut [f64]) {
    let p = b.len();
    for i in 0..p {
        let known: f64 = (0..i).map(|k| lower[i * p + k] * b[k]).sum();
        b[i] = (b[i] - known) / lower[i * p + i];
    }
    for i in (0..p).rev() {
        let known: f64 = (i + 1..p).map(|k| lower[k * p + i] * b[k]).sum();
        b[i] = (b[i] - known) / lower[i * p + i];
    }
}

impl Fit {
    /// c' beta.
    pub fn estimate(&self, c: &[f64]) -> f64 {
        c.iter().zip(&self.beta).map(|(c, b)| c * b).sum()
    }

    /// a' (Z'Z)^-1 b: the covariance of two estimates in units of the error variance.
    pub fn covariance(&self, a: &[f64], b: &[f64]) -> f64 {
        let p = self.beta.len();
        let row = |i: usize| -> f64 { (0..p).map(|j| self.inverse[i * p + j] * b[j]).sum() };
        (0..p).map(|i| a[i] * row(i)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_line_and_its_variance() {
        let t = vec![0.0, 1.0, 2.0, 3.0];
        let fit = least_squares(&[vec![1.0; 4], t.clone()], &[1.0, 3.0, 5.0, 7.0]);
        assert!((fit.beta[0] - 1.0).abs() < 1e-12 && (fit.beta[1] - 2.0).abs() < 1e-12);
        // Var(slope) = s² / sum (t - mean)² = s² / 5
        assert!((fit.covariance(&[0.0, 1.0], &[0.0, 1.0]) - 0.2).abs() < 1e-12);
    }

    #[test]
    fn a_dependent_column_is_ignored() {
        let one = vec![1.0; 5];
        let t = vec![0.0, 1.0, 2.0, 3.0, 4.0];
        let fit = least_squares(&[one.clone(), one, t], &[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(fit.beta[1], 0.0);
        assert!((fit.beta[2] - 1.0).abs() < 1e-12);
        assert!(least_squares(&[], &[1.0]).beta.is_empty());
    }
}
