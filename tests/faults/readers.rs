//! Somebody who looks on while faults happen: the command line and the C ABI of a long-lived process.

use super::cli::{complaint, foresight, reply, run};
use pve_foresight::ffi;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A reader beside the faults, until it is asked what it saw.
pub(crate) struct Readers {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(u64, Vec<String>)>,
}

impl Readers {
    /// Reads a store of so many guests that has at least one tick.
    pub(crate) fn start(state: &Path, guests: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (flag, state) = (Arc::clone(&stop), state.to_path_buf());
        let thread = std::thread::spawn(move || watch(&state, guests, &flag));
        Self { stop, thread }
    }

    /// Readings, and those that failed or saw half a tick.
    pub(crate) fn finish(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn watch(state: &Path, guests: usize, stop: &AtomicBool) -> (u64, Vec<String>) {
    let engine = Abi::open(state);
    let (mut readings, mut losses) = (0, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let seen = match readings % 5 {
            0 => cli(state, &["status", "--json"], |v| v["store"] == true),
            1 => cli(state, &["trend", "--json"], |v| {
                v["guests"].as_array().is_some_and(|g| g.len() == guests)
            }),
            2 => cli(state, &["export", "--format", "openmetrics"], |_| true),
            3 => engine.ask(ffi::foresight_status, "{}"),
            _ => engine.ask(ffi::foresight_recommend, "{}"),
        };
        losses.extend(seen.err().map(|e| format!("reading {readings}: {e}")));
        readings += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    (readings, losses)
}

/// One reading by a command: it succeeds and its JSON is as expected.
fn cli(
    state: &Path,
    args: &[&str],
    whole: impl Fn(&serde_json::Value) -> bool,
) -> Result<(), String> {
    let output = run(&mut foresight(state, args));
    match reply(&output) {
        Some(value) if whole(&value) => Ok(()),
        None if output.status.success() && !args.contains(&"--json") => Ok(()),
        _ => Err(format!(
            "{args:?}: {}: {}",
            complaint(&output),
            String::from_utf8_lossy(&output.stdout)
        )),
    }
}

type Verb = unsafe extern "C" fn(
    *const ffi::Handle,
    *const std::ffi::c_char,
    usize,
    *mut ffi::Text,
) -> ffi::Status;

/// An engine that stays open, as in an API worker.
struct Abi {
    engine: *mut ffi::Handle,
    state: PathBuf,
}

impl Abi {
    fn open(state: &Path) -> Self {
        let request = serde_json::json!({ "state": state }).to_string();
        let mut engine = std::ptr::null_mut();
        let mut text = ffi::Text { data: std::ptr::null_mut(), len: 0 };
        // SAFETY: pointers and lengths belong together; the text is freed once.
        let status = unsafe {
            let status =
                ffi::foresight_open(request.as_ptr().cast(), request.len(), &mut engine, &mut text);
            ffi::foresight_text_free(&mut text);
            status
        };
        assert_eq!(status, ffi::Status::Ok);
        Self { engine, state: state.into() }
    }

    fn ask(&self, verb: Verb, request: &str) -> Result<(), String> {
        let mut text = ffi::Text { data: std::ptr::null_mut(), len: 0 };
        // SAFETY: the engine lives as long as `self`; the text is freed once, after its last use.
        let (status, said) = unsafe {
            let status = verb(self.engine, request.as_ptr().cast(), request.len(), &mut text);
            let said = std::slice::from_raw_parts(text.data.cast::<u8>(), text.len);
            let said = String::from_utf8_lossy(said).into_owned();
            ffi::foresight_text_free(&mut text);
            (status, said)
        };
        match status {
            ffi::Status::Ok => Ok(()),
            status => Err(format!("{}: {status:?}: {said}", self.state.display())),
        }
    }
}

impl Drop for Abi {
    fn drop(&mut self) {
        // SAFETY: it was opened and is closed once.
        unsafe { ffi::foresight_close(self.engine) }
    }
}
