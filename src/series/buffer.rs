//! Columns that are needed for a moment only.
//!
//! One analysis makes dozens of columns of a few hundred values. The allocator takes longer for blocks of that size
//! than most steps take to fill them, so each thread keeps those it is done with.

use super::Point;
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::thread::LocalKey;

/// Columns of a kind that a thread keeps at most, and the least and the largest of them in bytes.
const KEPT: usize = 64;
const LEAST: usize = 8;
const LARGEST: usize = 32_768;

/// What a thread keeps columns of.
pub trait Kept: Copy + 'static {
    /// The columns that are not in use.
    fn spare() -> &'static LocalKey<RefCell<Vec<Vec<Self>>>>;
}

macro_rules! kept {
    ($($kind:ty),*) => {$(
        impl Kept for $kind {
            fn spare() -> &'static LocalKey<RefCell<Vec<Vec<Self>>>> {
                thread_local! {
                    static SPARE: RefCell<Vec<Vec<$kind>>> = const { RefCell::new(Vec::new()) };
                }
                &SPARE
            }
        }
    )*};
}

kept!(f64, i64, u8, bool, Point);

/// A column whose memory is used again by the same thread.
#[derive(Debug)]
pub struct Column<T: Kept>(Vec<T>);

/// A column of numbers.
pub type Buffer = Column<f64>;

impl<T: Kept> Column<T> {
    /// An empty column with room for `n` values.
    pub fn with_capacity(n: usize) -> Self {
        if n * size_of::<T>() < LEAST {
            return Self(Vec::with_capacity(n));
        }
        let spare = T::spare().try_with(|spare| spare.borrow_mut().pop()).ok().flatten();
        let mut column = spare.unwrap_or_default();
        column.clear();
        column.reserve(n);
        Self(column)
    }

    /// `n` times `value`.
    pub fn filled(n: usize, value: T) -> Self {
        let mut column = Self::with_capacity(n);
        column.0.resize(n, value);
        column
    }

    /// A copy.
    pub fn of(x: &[T]) -> Self {
        let mut column = Self::with_capacity(x.len());
        column.0.extend_from_slice(x);
        column
    }
}

impl<T: Kept> Default for Column<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Kept> FromIterator<T> for Column<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let values = values.into_iter();
        let mut column = Self::with_capacity(values.size_hint().0);
        column.0.extend(values);
        column
    }
}

impl<T: Kept> Clone for Column<T> {
    fn clone(&self) -> Self {
        Self::of(&self.0)
    }
}

impl<T: Kept> Deref for Column<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T: Kept> DerefMut for Column<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T: Kept> Drop for Column<T> {
    fn drop(&mut self) {
        let column = std::mem::take(&mut self.0);
        if !(LEAST..=LARGEST).contains(&(column.capacity() * size_of::<T>())) {
            return;
        }
        // A thread that is ending keeps nothing.
        let _kept = T::spare().try_with(|spare| {
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
        drop(Buffer::filled(LARGEST / 8 + 1, 0.0));
        f64::spare()
            .with(|spare| assert!(spare.borrow().iter().all(|c| c.capacity() <= LARGEST / 8)));
    }
}
