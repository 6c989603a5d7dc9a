//! Work on several cores, on threads that have ended when the call returns: the process may fork
//! or unload the library afterwards.

use rayon::prelude::*;
use std::num::NonZero;
use std::sync::Mutex;
use std::thread;

/// Analysis is a guest on a hypervisor, and several calls may run side by side: it takes no more threads than this.
const MOST_THREADS: usize = 4;
/// Parts that a thread's share can be split into, so that none has to wait for long.
const PARTS: usize = 32;

/// Threads that work on `items` pieces.
pub fn threads(items: usize) -> usize {
    if items < 2 {
        return 1;
    }
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS).min(items)
}

/// `work` on each item, results in the items' order; on a pool that lives for this call only, since the
/// global one would hang in a forked child. On one core, or where no thread can be started, the calling thread
/// does the work. A panic in `work` comes through.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = threads(items.len());
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    let handles = Mutex::new(Vec::new());
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .spawn_handler(|thread| {
            let handle = thread::Builder::new().spawn(|| thread.run())?;
            handles.lock().unwrap_or_else(|e| e.into_inner()).push(handle);
            Ok(())
        })
        .build();
    let part = items.len().div_ceil(threads * PARTS);
    let results = match &pool {
        Ok(pool) => pool.install(|| items.par_iter().with_min_len(part).map(&work).collect()),
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
    fn results_come_in_order_and_a_panic_comes_through() {
        for n in [0, 1, 2, 3, 127, 128, 1_000] {
            let items: Vec<u32> = (0..n).collect();
            let twice: Vec<u32> = items.iter().map(|i| i * 2).collect();
            assert_eq!(in_parallel(&items, |i| i * 2), twice);
        }
        let items: Vec<u32> = (0..1_000).collect();
        let caught = std::panic::catch_unwind(|| in_parallel(&items, |i| assert!(*i < 999)));
        assert!(caught.is_err());
    }
}
