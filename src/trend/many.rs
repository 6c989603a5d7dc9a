//! Many series on a few threads.

use super::{Params, Trend, analyze};
use crate::parallel;
use crate::series::Point;

/// Below this many items threads cost more than they bring.
const WORTH_THREADS: usize = 200;

/// A series to analyse.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// Its points.
    pub points: &'a [Point],
    /// What to analyse them against.
    pub params: Params<'a>,
}

/// [`analyze`] for each job, in their order.
pub fn analyze_many(jobs: &[Job<'_>]) -> Vec<Trend> {
    in_parallel(jobs, |job| analyze(job.points, &job.params))
}

/// `work` of the size of an analysis on each item, see [`parallel::in_parallel`]; without threads for few items.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    match items.len() < WORTH_THREADS {
        true => items.iter().map(work).collect(),
        false => parallel::in_parallel(items, work),
    }
}
