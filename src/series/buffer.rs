//! Numbers that are needed for a moment only.
//!
//! One analysis makes dozens of columns of a few hundred numbers. The allocator takes longer for blocks of that size
//! than most steps take to fill them, so each thread keeps those it is done with.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Columns that a thread keeps at most, and their largest capacity.
const KEPT: usize = 64;
const LARGEST: usize = 4_096;

thread_local! {
    static SPARE: RefCell<Vec<Vec<f64>>> = const { RefCell::new(Vec::new()) };
}

/// A column whose memory is used again by the same thread.
#[derive(Debug, Default)]
pub struct Buffer(Vec<f64>);

impl Buffer {
    /// An empty column with room for `n` numbers.
    pub fn with_capacity(n: usize) -> Self {
        let spare = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten();
        let mut column = spare.unwrap_or_default();
        column.clear();
        column.reserve(n);
        Self(column)
    }

    /// `n` times `value`.
    pub fn filled(n: usize, value: f64) -> Self {
        let mut column = Self::with_capacity(n);
        column.0.resize(n, value);
        column
    }

    /// A copy.
    pub fn of(x: &[f64]) -> Self {
        let mut column = Self::with_capacity(x.len());
        column.0.extend_from_slice(x);
        column
    }
}

impl FromIterator<f64> for Buffer {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let values = values.into_iter();
        let mut column = Self::with_capacity(values.size_hint().0);
        column.0.extend(values);
        column
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::of(&self.0)
    }
}

impl Deref for Buffer {
    type Target = Vec<f64>;

    fn deref(&self) -> &Vec<f64> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<f64> {
        &mut self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let column = std::mem::take(&mut self.0);
        if column.capacity() == 0 || column.capacity() > LARGEST {
            return;
        }
        // A thread that is ending keeps nothing.
        let _kept = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < KEPT {
                spare.push(column);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_again_holds_nothing_of_before() {
        drop(Buffer::filled(100, 7.0));
        assert!(Buffer::with_capacity(10).is_empty());
        assert_eq!(*Buffer::filled(3, 1.0), [1.0; 3]);
        assert_eq!(*Buffer::of(&[1.0, 2.0]), [1.0, 2.0]);
        let squares: Buffer = (0..4).map(|i| f64::from(i * i)).collect();
        assert_eq!(*squares.clone(), [0.0, 1.0, 4.0, 9.0]);
    }

    #[test]
    fn large_columns_are_not_kept() {
        drop(Buffer::filled(LARGEST + 1, 0.0));
        SPARE.with(|spare| assert!(spare.borrow().iter().all(|c| c.capacity() <= LARGEST)));
    }
}
