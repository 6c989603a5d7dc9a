//! A model on its way, and how a series stands to it.

use super::Term;
use super::rows::{Column, Rows};
use crate::series::Buffer;
use crate::series::stats::dot;
use std::rc::Rc;

/// Columns of a model as an orthonormal basis that is known by its products with all candidates.
/// Adding a column costs a few operations a candidate, whatever the columns.
#[derive(Debug)]
pub(super) struct Basis {
    pub(super) columns: Vec<Column>,
    /// Each column in the basis, one after the other: its products with the basis before it, its length beyond.
    triangle: Buffer,
    /// Products of the candidates with each column of the basis, which copies share; those of the last one may lack.
    parts: Vec<Rc<Buffer>>,
    /// Squared length of each candidate's part that the basis does not explain, as of `parts`; infinite where none may be.
    pub(super) free: Buffer,
}

impl Basis {
    /// Without a column yet; the candidates are as long as `free` says.
    pub(super) fn of(free: Buffer) -> Self {
        Self { columns: Vec::new(), triangle: Buffer::default(), parts: Vec::new(), free }
    }

    /// A copy with room for `more` columns.
    pub(super) fn fork(&self, more: usize) -> Self {
        let known = self.columns.len() + more;
        let mut copy = Self {
            columns: Vec::with_capacity(known),
            triangle: Buffer::with_capacity(known * (known + 1) / 2),
            parts: Vec::with_capacity(known),
            free: self.free.clone(),
        };
        copy.columns.extend_from_slice(&self.columns);
        copy.triangle.extend_from_slice(&self.triangle);
        copy.parts.extend_from_slice(&self.parts);
        copy
    }

    /// Adds a column with these `products` with the basis and of squared length `length`; says how long it is beyond the
    /// basis, or that it is nothing new.
    pub(super) fn add(&mut self, column: Column, length: f64, products: &[f64]) -> Option<f64> {
        let beyond = length - dot(products, products);
        if beyond <= 1e-12 * length {
            return None;
        }
        self.columns.push(column);
        self.triangle.extend_from_slice(products);
        self.triangle.push(beyond.sqrt());
        Some(beyond.sqrt())
    }

    /// The last column in the basis: its products with the basis before it, its length beyond.
    pub(super) fn last(&self) -> &[f64] {
        let known = self.columns.len();
        &self.triangle[known * known.saturating_sub(1) / 2..]
    }

    /// Products of the candidates with the last column that they know of.
    pub(super) fn last_part(&self) -> &[f64] {
        self.parts.last().map_or(&[], |part| part)
    }

    /// Tells the candidates about the last column; says whether they did not know of it.
    pub(super) fn open(&mut self, rows: &Rows) -> bool {
        let known = self.parts.len();
        let Some(column) = self.columns.get(known) else { return false };
        let row = &self.triangle[known * (known + 1) / 2..];
        let shrink = 1.0 / row[known];
        let mut new = rows.with(*column);
        for (part, q) in row.iter().zip(&self.parts) {
            new.iter_mut().zip(q.iter()).for_each(|(p, q)| *p -= part * q);
        }
        for (p, free) in new.iter_mut().zip(self.free.iter_mut()) {
            *p *= shrink;
            *free -= *p * *p;
        }
        self.parts.push(Rc::new(new));
        true
    }
}

/// How a series stands to a basis.
#[derive(Debug)]
pub(super) struct Stand {
    /// Product of the series with each column of the basis.
    pub(super) shares: Buffer,
    /// Products of the candidates with the residual, as of the basis's `parts`.
    pub(super) products: Buffer,
    pub(super) rss: f64,
}

impl Stand {
    /// A copy with room for `more` columns.
    pub(super) fn fork(&self, more: usize) -> Self {
        let mut shares = Buffer::with_capacity(self.shares.len() + more);
        shares.extend_from_slice(&self.shares);
        Self { shares, products: self.products.clone(), rss: self.rss }
    }

    /// Adds a column that is so `long` beyond the basis and has this product with the residual.
    pub(super) fn add(&mut self, long: f64, product: f64) {
        let share = product / long;
        self.shares.push(share);
        self.rss -= share * share;
    }

    /// Takes the last column, of which `part` are the candidates' products, out of the residual.
    pub(super) fn open(&mut self, part: &[f64]) {
        let share = self.shares.last().copied().unwrap_or(0.0);
        self.products.iter_mut().zip(part).for_each(|(product, p)| *product -= share * p);
    }
}

/// A model on its way.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) basis: Basis,
    pub(super) stand: Stand,
}

impl Path {
    /// Tells the candidates about the last column, if they do not know of it.
    pub(super) fn open(&mut self, rows: &Rows) {
        if self.basis.open(rows) {
            self.stand.open(self.basis.last_part());
        }
    }

    /// Adds a candidate.
    pub(super) fn add_candidate(&mut self, rows: &Rows, candidate: usize) {
        self.open(rows);
        let basis = &mut self.basis;
        let products: Buffer = basis.parts.iter().map(|part| part[candidate]).collect();
        let column = match candidate.checked_sub(rows.t.len()) {
            None => Column::Step(candidate),
            Some(row) => Column::Hinge(row),
        };
        if let Some(long) = basis.add(column, rows.length(candidate), &products) {
            self.stand.add(long, self.stand.products[candidate]);
        }
    }

    /// Closes the neighbourhood of a term.
    pub(super) fn close(&mut self, t: &[f64], term: Term, apart: f64) {
        let (n, time) = (t.len(), term.time());
        let between = |i: usize| 0.5 * (t[i - 1] + t[i]);
        let at = t.partition_point(|t| *t < time).max(1);
        let before = (1..at).rev().take_while(|i| time - between(*i) < apart);
        let after = (at..n).take_while(|i| between(*i) - time < apart);
        before.chain(after).for_each(|i| {
            self.basis.free[i] = f64::INFINITY;
            self.basis.free[n + i] = f64::INFINITY;
        });
    }

    /// Coefficients of the columns: the triangle solved from its end.
    pub(super) fn coefficients(&self) -> Buffer {
        let (mut beta, triangle) = (self.stand.shares.clone(), &self.basis.triangle);
        let row = |k: usize| k * (k + 1) / 2;
        for k in (0..beta.len()).rev() {
            beta[k] /= triangle[row(k) + k];
            for j in 0..k {
                beta[j] -= beta[k] * triangle[row(k) + j];
            }
        }
        beta
    }
}
