//! No thread outlives a call: alone in its program, so that no other test's threads are counted.

#![allow(clippy::unwrap_used)]

use pve_foresight::trend::analyze_each;

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

#[test]
fn no_thread_outlives_a_call() {
    let before = threads();
    let items: Vec<u32> = (0..1_000).collect();
    for _ in 0..200 {
        assert_eq!(analyze_each(&items, |i| i + 1).len(), items.len());
        // A joined thread's entry may linger in /proc for a moment.
        let gone = (0..1_000).any(|_| {
            std::thread::yield_now();
            threads() == before
        });
        assert!(gone, "{} threads before, {} after", before, threads());
    }
}
