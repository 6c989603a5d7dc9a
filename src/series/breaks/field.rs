//! What searches of a series share, and first looks at all series of the same times.
//!
//! Rows and candidates beside a constant or a line know nothing of values, and the series of a cluster mostly have the same
//! times. So each thread keeps the last of these that it made for white noise, where each search begins.

use super::Search;
use super::path::Basis;
use super::rows::{Column, Rows};
use crate::series::{self, Buffer};
use std::cell::RefCell;
use std::rc::Rc;

/// Fields that a thread keeps at most, and their most rows.
const KEPT: usize = 4;
const ROWS: usize = 512;

/// The candidates at some times for noise of some correlation.
#[derive(Debug)]
pub(super) struct Field {
    keys: series::Column<i64>,
    pub(super) rules: Search,
    pub(super) rows: Rows,
    /// Beside a constant, and beside a line.
    pub(super) level: Basis,
    pub(super) line: Basis,
}

thread_local! {
    static FIELDS: RefCell<Vec<Rc<Field>>> = const { RefCell::new(Vec::new()) };
}

/// The field of these times, made now or kept from a series before.
pub(super) fn field(t: &[f64], keys: &[i64], phi: f64, rules: Search) -> Rc<Field> {
    if phi > 0.0 || t.len() > ROWS {
        return Rc::new(Field::of(t, keys, phi, rules));
    }
    let known = |fields: &RefCell<Vec<Rc<Field>>>| {
        fields.borrow().iter().find(|field| field.is_of(t, keys, rules)).cloned()
    };
    // A thread that is ending keeps nothing.
    if let Some(field) = FIELDS.try_with(known).ok().flatten() {
        return field;
    }
    let field = Rc::new(Field::of(t, keys, phi, rules));
    let _kept = FIELDS.try_with(|fields| {
        let mut fields = fields.borrow_mut();
        if fields.len() == KEPT {
            fields.remove(0);
        }
        fields.push(field.clone());
    });
    field
}

impl Field {
    fn is_of(&self, t: &[f64], keys: &[i64], rules: Search) -> bool {
        self.rules == rules && *self.rows.t == t && *self.keys == keys
    }

    pub(super) fn of(t: &[f64], keys: &[i64], phi: f64, rules: Search) -> Self {
        let rows = Rows::of(t, keys, phi);
        let mut level = Basis::of(candidates(t, &rows, rules));
        let [ones, product, times] = rows.of_line();
        level.add(Column::One, ones, &[]);
        level.open(&rows);
        let mut line = level.fork(1);
        line.add(Column::Time, times, &[product / ones.sqrt()]);
        line.open(&rows);
        Self { keys: series::Column::of(keys), rules, rows, level, line }
    }
}

/// Squared lengths of the candidates: steps, then hinges; infinite where none may be.
fn candidates(t: &[f64], rows: &Rows, rules: Search) -> Buffer {
    let n = t.len();
    let last = t.last().copied().unwrap_or(0.0);
    let (from, to) = (t.first().map_or(0.0, |t| t + rules.apart), last - rules.apart);
    // Steps lie between two rows, and these places ascend as the rows do.
    let place = |end: f64, within: bool| {
        let between = |w: &[f64]| 0.5 * (w[0] + w[1]);
        let before = |m: f64| if within { m <= end } else { m < end };
        1 + t.windows(2).take_while(|w| before(between(w))).count()
    };
    let bendable = t.partition_point(|t| *t <= rules.last_hinge);
    let mut free = Buffer::filled(2 * n, f64::INFINITY);
    let open = place(from, false)..place(to, true).min(n);
    let (steps, hinges) = free.split_at_mut(n);
    open.clone().for_each(|i| steps[i] = rows.step_length(i));
    (open.start..open.end.min(bendable)).for_each(|i| hinges[i] = rows.hinges(i, t[i]));
    free
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::breaks::Ground;

    #[test]
    fn what_is_kept_changes_no_answer() {
        let rules = |apart| Search { apart, last_hinge: -1.0, terms: 3 };
        let x: Vec<f64> = (0..120).map(|i| ((i * i * 7) % 31 + i / 60 * 40) as f64).collect();
        // Gaps, correlations and rules in turn, more of them than are kept, and each of them again.
        for round in 0..3 {
            for kind in 0..2 * KEPT {
                let keys: Vec<i64> = (0..120).filter(|k| k % (3 + kind as i64) > 0).collect();
                let t: Vec<f64> = keys.iter().map(|k| (*k as f64 - 119.0) / 24.0).collect();
                let x: Vec<f64> = keys.iter().map(|k| x[*k as usize]).collect();
                let (phi, rules) = (0.3 * (kind % 2) as f64, rules(0.1 * (1 + kind % 3) as f64));
                let alone = Rc::new(Field::of(&t, &keys, phi, rules));
                let search = |ground: Ground| ground.search(true, &[], 3).models;
                let kept = search(Ground::of(&t, &x, &keys, phi, rules));
                assert_eq!(kept, search(Ground::on(alone, &x)), "{round} {kind}");
            }
        }
        FIELDS.with(|fields| assert_eq!(fields.borrow().len(), KEPT));
    }
}
