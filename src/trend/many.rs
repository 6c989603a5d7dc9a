//! Many series on a few threads.

use crate::parallel::in_parallel;

/// Below this many items threads cost more than they bring.
const WORTH_THREADS: usize = 200;

/// `work` of the size of an analysis on each item, see [`in_parallel`]; without threads for few items.
pub fn analyze_each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    match items.len() < WORTH_THREADS {
        true => items.iter().map(work).collect(),
        false => in_parallel(items, work),
    }
}
