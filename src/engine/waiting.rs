//! The store to write to, once whoever has it is done.

use crate::error::{Kind, Result};
use crate::store::Writer;
use std::path::Path;
use std::time::Duration;

/// Longest that a run of the collector waits: an import has the store for seconds at a time. The limit of the unit is
/// 50 s, and the next run is due in a minute.
pub(super) const COLLECTOR: Duration = Duration::from_secs(20);
/// Longest that an import waits: the collector has the store for a moment once a minute.
pub(super) const IMPORT: Duration = Duration::from_secs(30);
/// Time between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// The store to write to. While another writer has it, it is asked for again and again for as long as `patience` lasts.
pub(super) fn writer(state: &Path, patience: Duration) -> Result<Writer> {
    let mut left = patience;
    loop {
        match Writer::open(state) {
            Err(e) if e.kind == Kind::Busy && !left.is_zero() => {
                let pause = PAUSE.min(left);
                std::thread::sleep(pause);
                left -= pause;
            }
            opened => return opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn whoever_has_the_store_is_waited_for_as_long_as_patience_lasts() {
        let folder = tempfile::tempdir().unwrap();
        let ((locked, is_locked), (release, is_released)) = (channel(), channel());
        std::thread::scope(|scope| {
            let state = folder.path();
            scope.spawn(move || {
                let _writer = Writer::open(state).unwrap();
                locked.send(()).unwrap();
                is_released.recv().unwrap();
                // Long enough for the one who waits to be refused once.
                std::thread::sleep(PAUSE / 2);
            });
            is_locked.recv().unwrap();
            for impatient in [Duration::ZERO, PAUSE * 3 / 2] {
                assert_eq!(writer(state, impatient).err().map(|e| e.kind), Some(Kind::Busy));
            }
            release.send(()).unwrap();
            assert!(writer(state, IMPORT).is_ok());
        });
    }
}
