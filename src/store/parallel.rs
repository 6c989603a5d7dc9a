//! Work on several cores, on threads that have ended when the call returns: the process may fork
//! or unload the library afterwards.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Threads at most: several calls may run side by side in the daemons that serve requests.
const MOST_THREADS: usize = 4;

/// Threads that work on `items` pieces, the calling one included.
pub(super) fn threads(items: usize) -> usize {
    if items < 2 {
        return 1;
    }
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS).min(items)
}

/// `work` on each item, results in the items' order. Where no thread can be started the calling
/// one does the work.
pub(super) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = threads(items.len());
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        while let Some((number, item)) = {
            let number = next.fetch_add(1, Ordering::Relaxed);
            items.get(number).map(|item| (number, item))
        } {
            done.push((number, work(item)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, take).ok();
        let helpers: Vec<_> = (1..threads).filter_map(spawn).collect();
        let mut done = take();
        for helper in helpers {
            match helper.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_a_panic_comes_through() {
        let items: Vec<u32> = (0..1_000).collect();
        assert_eq!(in_parallel(&items, |i| i * 2), items.iter().map(|i| i * 2).collect::<Vec<_>>());
        assert_eq!(in_parallel(&items[..1], |i| *i), [0]);
        let caught = std::panic::catch_unwind(|| in_parallel(&items, |i| assert!(*i < 999)));
        assert!(caught.is_err());
    }
}
