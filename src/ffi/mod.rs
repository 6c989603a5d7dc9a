//! The C ABI: handle, JSON in, text out, result back. `docs/c-abi.md` is its page.
//!
//! Each exported function is written by hand, since the header's generator does not see what a
//! macro writes; the body they share is `call::call`. What a verb does is in `verbs`.

mod call;
mod verbs;

use crate::engine::Engine;
use std::ffi::{CStr, c_char, c_int, c_void};

/// Number of this ABI. It changes when a program that was compiled against an older header would
/// break; compare it with foresight_abi_version() before anything else.
pub const FORESIGHT_ABI_VERSION: u32 = 1;

/// How a call went. Numbers never change their meaning; new ones may be added.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done; the text is the answer.
    Ok = 0,
    /// The request is wrong; the text says what and where.
    Invalid = 1,
    /// What was asked for does not exist: no such node, guest, file, or no store yet.
    NotFound = 2,
    /// A file is damaged.
    Corrupt = 3,
    /// A file was written by a newer version.
    Unsupported = 4,
    /// Somebody else is writing; try again later.
    Busy = 5,
    /// The operating system refused: permission, full disk.
    Io = 6,
    /// A mistake in this library was caught; the text says where. Other calls still work.
    Panic = 7,
    /// A pointer that must not be NULL is NULL.
    Null = 8,
    /// The caller's own progress function stopped the call.
    Stopped = 9,
}

/// Is told how far a call is: `done` of `total` (0 where that is not known) of `what`, which is
/// static text in plain words. `data` is what the caller gave for it. Runs in the caller's thread,
/// before the call returns. Anything but 0 stops the call; jumping out of it is not allowed.
pub type Progress = Option<
    unsafe extern "C" fn(
        data: *mut c_void,
        what: *const c_char,
        done: usize,
        total: usize,
    ) -> c_int,
>;

/// An engine over one state directory. It holds a path and nothing else: no open file, no lock, no
/// thread. Any number of threads may use it at once, and so may a forked child.
#[derive(Debug)]
pub struct Handle(Engine);

/// Text that the library wrote: JSON when the result is OK, else a message in plain words. It
/// belongs to the caller, who hands it to foresight_text_free() unchanged.
#[repr(C)]
#[derive(Debug)]
pub struct Text {
    /// UTF-8 with a NUL behind it.
    pub data: *mut c_char,
    /// Bytes without that NUL.
    pub len: usize,
}

/// The ABI number of the loaded library: FORESIGHT_ABI_VERSION of the header it was built with.
#[unsafe(no_mangle)]
pub extern "C" fn foresight_abi_version() -> u32 {
    FORESIGHT_ABI_VERSION
}

/// The version of the loaded library, such as "1.2.3". It is static: never free it.
#[unsafe(no_mangle)]
pub extern "C" fn foresight_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => c"",
        };
    VERSION.as_ptr()
}

/// Opens an engine. Nothing is read or created yet.
///
/// Request: {"state": absolute path of the directory with the metrics}. On OK, *engine is the
/// engine, which the caller hands to foresight_close(), and *text is "{}"; else *engine is NULL.
///
/// # Safety
/// `input` holds `len` bytes. `engine` and `text` are writable; what they held is overwritten, not
/// freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_open(
    input: *const c_char,
    len: usize,
    engine: *mut *mut Handle,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::open(input, len, engine, text) }
}

/// Closes an engine. NULL is fine. No call may be using the engine, or use it later.
///
/// # Safety
/// `engine` is NULL or comes from foresight_open() and was not closed yet. A forked child may close
/// its copy; that does not touch the parent's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_close(engine: *mut Handle) {
    // SAFETY: the caller's promise above.
    unsafe { call::close(engine) }
}

/// Frees what a call wrote and sets it to NULL and 0. NULL is fine, and so is a text that is
/// freed already or was set to {NULL, 0}.
///
/// # Safety
/// `text` is NULL, or was written by a call of this library, or is {NULL, 0}.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_text_free(text: *mut Text) {
    // SAFETY: the caller's promise above.
    unsafe { call::free(text) }
}

/// Reads the cluster's live state once and stores it.
///
/// Request: {"root": pmxcfs tree, "run_dir": where counters are kept between runs, "now"?: unix
/// seconds}. Answer: what was seen, with warnings. Another process that writes is waited for, up to
/// 20 s; then BUSY.
///
/// # Safety
/// `engine` comes from foresight_open(); `input` holds `len` bytes; `text` is writable, what it held
/// is overwritten, not freed. The caller frees the text with foresight_text_free(), whatever the
/// result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_collect(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::call(engine, input, len, text, verbs::collect) }
}

/// Stores ticks.
///
/// Request: ticks as JSON lines, one object a line. A line that is wrong is refused and the others
/// are stored: OK then means that the answer says which. BUSY while another process writes.
///
/// # Safety
/// As for foresight_collect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_append(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::call(engine, input, len, text, verbs::append) }
}

/// Imports history that was recorded before: only for times of which the store has nothing, so
/// that a second run adds nothing.
///
/// Request: {"rrd": directory of PVE's RRD files | "proxbalance": its database or JSON file,
/// "inventory_path"?: pmxcfs tree or JSON file that says which guest is on which node, else the newest
/// tick does, "now"?: unix seconds}. `progress` may be NULL. BUSY while another process writes; STOPPED
/// when `progress` said so: what is stored by then stays, and the next run does the rest.
///
/// # Safety
/// As for foresight_collect(). `progress` is NULL or may be called with `data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_import(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    progress: Progress,
    data: *mut c_void,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::import(engine, input, len, (progress, data), text) }
}

/// Rolls old samples into hourly and six-hourly values and drops what is past retention.
///
/// Request: {"now"?: unix seconds}. BUSY while another process writes.
///
/// # Safety
/// As for foresight_collect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_compress(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::call(engine, input, len, text, verbs::compress) }
}

/// How nodes and guests develop.
///
/// Request: {"now"?: unix seconds, "lookback_hours"?: 1 to 17520, "node"?: name | "guest"?: vmid |
/// "only"?: "nodes" or "guests", "metrics"?: list of names, usually all, "settings"?: content of the
/// settings file as a string}. Settings that cannot be read count as the defaults, with a warning in
/// the answer.
///
/// # Safety
/// As for foresight_collect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_trends(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::call(engine, input, len, text, verbs::trends) }
}

/// The migrations that are worth it, with evidence.
///
/// Request: {"now"?: unix seconds, "inventory_path"?: pmxcfs tree or JSON file | "inventory"?: the
/// inventory itself, "settings"?: as for foresight_trends(), "since"?: an earlier answer, to be told
/// what changed}. Without an inventory only the last tick is known, and the answer warns of it.
///
/// # Safety
/// As for foresight_collect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_recommend(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::call(engine, input, len, text, verbs::recommend) }
}

/// A guest against every node: its score there, or what stands in the way.
///
/// Request: {"guest": vmid, "target"?: only this node, "now"?, "inventory_path"? | "inventory"?,
/// "settings"?: as for foresight_recommend()}.
///
/// # Safety
/// As for foresight_collect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_explain(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::call(engine, input, len, text, verbs::explain) }
}

/// An ordered plan that empties a node. Nothing is executed.
///
/// Request: {"node": name, "now"?, "inventory_path"? | "inventory"?, "settings"?: as for
/// foresight_recommend()}.
///
/// # Safety
/// As for foresight_collect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_drain(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::call(engine, input, len, text, verbs::drain) }
}

/// What became of migrations: each judged after 5 minutes, an hour and a day against what would
/// have been without it, and how good the advice about them was.
///
/// Request: {"now"?: unix seconds, "guest"?: vmid, "settings"?: as for foresight_trends()}. Nothing
/// is written. An outcomes file that is damaged or newer counts as empty, with a warning.
///
/// # Safety
/// As for foresight_collect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_outcomes(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::call(engine, input, len, text, verbs::outcomes) }
}

/// What other moves, or none, would have made of the stored time: our advice against other policies.
///
/// Request: {"now"?: unix seconds, "days"?: 1 to 730, usually 30, "every"?: hours between decisions,
/// 1 to 24, usually 6, "policies"?: names out of none, snapshot, pve-crs, relief, ours, usually
/// none and ours, "sensitivities"?: names to compare ours with, which must then be among the
/// policies, "inventory_path"? | "inventory"? and "settings"?: as for foresight_recommend()}. The
/// first outcome is what really happened. It takes seconds for a large cluster.
///
/// # Safety
/// As for foresight_collect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_backtest(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::call(engine, input, len, text, verbs::backtest) }
}

/// What is stored of a node or guest, thinned to what a plot can show.
///
/// Request: {"now"?: unix seconds, "node": name | "guest": vmid, "hours"?: 1 to 17520, usually 168,
/// "points"?: most values per metric, 2 to 2000, usually 300, "metrics"?: list of names}.
///
/// # Safety
/// As for foresight_collect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_history(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::call(engine, input, len, text, verbs::history) }
}

/// How complete the stored data is.
///
/// Request: {"now"?: unix seconds, "node"?: name | "guest"?: vmid}; of all of whom anything is
/// stored when nobody is named.
///
/// # Safety
/// As for foresight_collect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_quality(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::call(engine, input, len, text, verbs::quality) }
}

/// Resolves settings, or checks a change of them. No file is read or written.
///
/// Request: {"content"?: content of the settings file as a string, "change"?: {"migration-settings":
/// {...}} | {"penalty-config": {...}} | "delete-penalty-config"}. Answer: every value that holds and
/// where it comes from; after a change also the content to write. A change that is wrong is INVALID,
/// a file that must not be overwritten CORRUPT, UNSUPPORTED or INVALID; the text names the setting.
///
/// # Safety
/// As for foresight_collect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_settings(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::call(engine, input, len, text, verbs::settings) }
}

/// Version, age of the newest sample and size of the store. No store yet is an answer, not an
/// error.
///
/// Request: {"now"?: unix seconds}.
///
/// # Safety
/// As for foresight_collect().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foresight_status(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    text: *mut Text,
) -> Status {
    // SAFETY: the caller's promise above.
    unsafe { call::call(engine, input, len, text, verbs::status) }
}
