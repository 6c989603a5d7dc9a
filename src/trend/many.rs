//! Many series on a few threads, in a process that may have been forked.

use super::{Params, Trend, analyze};
use crate::series::Point;
use rayon::prelude::*;
use std::num::NonZero;
use std::sync::Mutex;

/// Below this many items threads cost more than they bring.
const WORTH_THREADS: usize = 200;
/// Analysis is a guest on a hypervisor: it takes no more threads than this.
const MOST_THREADS: usize = 4;

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

/// `work` on each item, results in the items' order; on a pool that lives for this call only.
///
/// All threads have ended when it returns, so the caller may fork or be unloaded afterwards; the
/// global pool is never touched (it would hang in a forked child). Below 200 items, on one
/// core, or where no thread can be started, the calling thread does the work.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    if items.len() < WORTH_THREADS || cores < 2 {
        return items.iter().map(&work).collect();
    }
    let handles = Mutex::new(Vec::new());
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(cores.min(MOST_THREADS))
        .spawn_handler(|thread| {
            let handle = std::thread::Builder::new().spawn(|| thread.run())?;
            handles.lock().unwrap_or_else(|e| e.into_inner()).push(handle);
            Ok(())
        })
        .build();
    let results = match &pool {
        Ok(pool) => pool.install(|| items.par_iter().with_min_len(16).map(&work).collect()),
        Err(_) => items.iter().map(&work).collect(),
    };
    drop(pool);
    for handle in handles.into_inner().unwrap_or_else(|e| e.into_inner()) {
        // A panic in `work` was already passed on by `install`.
        let _ended = handle.join();
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept() {
        let items: Vec<u32> = (0..5_000).collect();
        assert_eq!(in_parallel(&items, |i| i * 2), items.iter().map(|i| i * 2).collect::<Vec<_>>());
        assert_eq!(in_parallel(&items[..3], |i| *i), [0, 1, 2]);
    }
}
