//! The one landing pad below every verb: NULL and lengths are checked, panics caught, text handed
//! out. The only place of the crate that follows a caller's pointers.

use super::{Handle, Progress, Status, Text, verbs};
use crate::engine::{self, Engine};
use crate::error::{Error, Kind, Result};
use std::any::Any;
use std::ffi::{CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// What a verb is: a request in, JSON out.
pub(super) type Verb = fn(&Engine, &[u8]) -> Result<String>;

/// A status that is not OK, and why.
struct Failure {
    status: Status,
    message: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match error.kind {
            Kind::Invalid => Status::Invalid,
            Kind::NotFound => Status::NotFound,
            Kind::Corrupt => Status::Corrupt,
            Kind::Unsupported => Status::Unsupported,
            Kind::Busy => Status::Busy,
            Kind::Io => Status::Io,
        };
        Self { status, message: error.to_string() }
    }
}

/// Runs a verb.
///
/// # Safety
/// `engine` is NULL or open, `input` NULL or `len` bytes long, `text` NULL or writable.
pub(super) unsafe fn call(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    text: *mut Text,
    verb: Verb,
) -> Status {
    let work = || {
        // SAFETY: NULL or open, as the caller promises.
        let engine = unsafe { engine.as_ref() }.ok_or_else(|| null("engine"))?;
        // SAFETY: NULL or `len` bytes, as the caller promises.
        let input = unsafe { bytes(input, len) }?;
        Ok(verb(&engine.0, input)?)
    };
    // SAFETY: NULL or writable, as the caller promises.
    unsafe { land(text, work) }
}

/// Runs an import.
///
/// # Safety
/// As for [`call`]; the progress function is NULL or may be called with its data.
pub(super) unsafe fn import(
    engine: *const Handle,
    input: *const c_char,
    len: usize,
    (progress, data): (Progress, *mut c_void),
    text: *mut Text,
) -> Status {
    let work = || {
        // SAFETY: NULL or open, as the caller promises.
        let engine = unsafe { engine.as_ref() }.ok_or_else(|| null("engine"))?;
        // SAFETY: NULL or `len` bytes, as the caller promises.
        let input = unsafe { bytes(input, len) }?;
        let mut stopped = false;
        let mut report = |at: engine::Progress| {
            let Some(tell) = progress else { return Ok(()) };
            let what = CString::new(at.what).unwrap_or_default();
            // SAFETY: callable with its data, as the caller promises; the text outlives the call.
            stopped = unsafe { tell(data, what.as_ptr(), at.done, at.total) } != 0;
            if stopped { Err(Error::invalid("stopped")) } else { Ok(()) }
        };
        let done = verbs::import(&engine.0, input, &mut report);
        if stopped {
            let message = "stopped before its end; what is stored by now stays".to_string();
            return Err(Failure { status: Status::Stopped, message });
        }
        Ok(done?)
    };
    // SAFETY: NULL or writable, as the caller promises.
    unsafe { land(text, work) }
}

/// Opens an engine into `engine`.
///
/// # Safety
/// `input` is NULL or `len` bytes long; `engine` and `text` are NULL or writable.
pub(super) unsafe fn open(
    input: *const c_char,
    len: usize,
    engine: *mut *mut Handle,
    text: *mut Text,
) -> Status {
    if !engine.is_null() {
        // SAFETY: writable, as the caller promises.
        unsafe { engine.write(ptr::null_mut()) };
    }
    let work = || {
        if engine.is_null() {
            return Err(null("engine"));
        }
        // SAFETY: NULL or `len` bytes, as the caller promises.
        let input = unsafe { bytes(input, len) }?;
        let opened = Box::new(Handle(verbs::open(input)?));
        // Now, so that a child that is forked beside a call never waits for a table being made.
        crate::store::warm();
        // SAFETY: not NULL and writable, as the caller promises.
        unsafe { engine.write(Box::into_raw(opened)) };
        Ok("{}".to_string())
    };
    match text.is_null() {
        // Without a text nothing is opened, so nothing can leak.
        true => Status::Null,
        // SAFETY: writable, as the caller promises.
        false => unsafe { land(text, work) },
    }
}

/// Drops an engine.
///
/// # Safety
/// `engine` is NULL or open, and nobody uses it any more.
pub(super) unsafe fn close(engine: *mut Handle) {
    if !engine.is_null() {
        // SAFETY: made by `Box::into_raw` in `open`, and not closed yet.
        drop(unsafe { Box::from_raw(engine) });
    }
}

/// Frees a text and clears it.
///
/// # Safety
/// `text` is NULL, was written by [`land`], or is clear.
pub(super) unsafe fn free(text: *mut Text) {
    // SAFETY: NULL or valid, as the caller promises.
    let Some(text) = (unsafe { text.as_mut() }) else { return };
    if !text.data.is_null() {
        let whole = ptr::slice_from_raw_parts_mut(text.data.cast::<u8>(), text.len + 1);
        // SAFETY: `hand_out` made it as a box of `len` bytes and a NUL.
        drop(unsafe { Box::from_raw(whole) });
    }
    *text = Text { data: ptr::null_mut(), len: 0 };
}

/// Does `work` and writes what came of it. Nothing unwinds beyond this point.
///
/// # Safety
/// `text` is NULL or writable.
unsafe fn land(
    text: *mut Text,
    work: impl FnOnce() -> std::result::Result<String, Failure>,
) -> Status {
    if text.is_null() {
        return Status::Null;
    }
    // Everything that `work` could leave half done is on disk, where the store copes with it.
    let (status, message) = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(answer)) => (Status::Ok, answer),
        Ok(Err(failure)) => (failure.status, failure.message),
        Err(payload) => (Status::Panic, panicked(payload.as_ref())),
    };
    // SAFETY: not NULL and writable, as the caller promises.
    unsafe { text.write(hand_out(message)) };
    status
}

/// Text that belongs to the caller from now on.
fn hand_out(message: String) -> Text {
    let len = message.len();
    let mut bytes = message.into_bytes();
    bytes.push(0);
    let data = Box::into_raw(bytes.into_boxed_slice());
    Text { data: data.cast(), len }
}

/// The caller's bytes.
///
/// # Safety
/// `input` is NULL or holds `len` bytes that stay unchanged for `'a`.
unsafe fn bytes<'a>(input: *const c_char, len: usize) -> std::result::Result<&'a [u8], Failure> {
    if input.is_null() {
        return Err(null("input"));
    }
    if isize::try_from(len).is_err() {
        return Err(Error::invalid(format!("{len} is no length of anything")).at("len").into());
    }
    // SAFETY: not NULL, `len` bytes as the caller promises, and no longer than memory can be.
    Ok(unsafe { std::slice::from_raw_parts(input.cast(), len) })
}

fn null(what: &str) -> Failure {
    Failure { status: Status::Null, message: format!("{what}: is NULL") }
}

fn panicked(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("no message");
    format!("a mistake in pve-foresight, please report it: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn run(verb: Verb, input: &[u8]) -> (Status, String) {
        let handle = Handle(Engine::new(Path::new("/nonexistent")));
        let mut text = Text { data: ptr::null_mut(), len: 0 };
        // SAFETY: all of it lives here.
        let status = unsafe { call(&handle, input.as_ptr().cast(), input.len(), &mut text, verb) };
        (status, taken(&mut text))
    }

    fn taken(text: &mut Text) -> String {
        // SAFETY: written by `land`.
        let bytes = unsafe { std::slice::from_raw_parts(text.data.cast::<u8>(), text.len + 1) };
        assert_eq!(bytes.last(), Some(&0));
        let copy = String::from_utf8(bytes[..text.len].to_vec()).unwrap();
        // SAFETY: written by `land`; the second time it is clear.
        unsafe { (free(text), free(text)) };
        assert!(text.data.is_null() && text.len == 0);
        copy
    }

    #[test]
    fn threads_may_share_a_handle() {
        fn shared<T: Send + Sync>() {}
        shared::<Handle>();
    }

    #[test]
    fn a_panic_becomes_a_status_with_its_message() {
        let (status, text) = run(|_, _| panic!("static"), b"{}");
        assert_eq!(status, Status::Panic);
        assert!(text.ends_with(": static"), "{text}");
        let (status, text) = run(|_, input| panic!("formatted {}", input.len()), b"{}");
        assert_eq!(status, Status::Panic);
        assert!(text.ends_with(": formatted 2"), "{text}");
        let (status, text) = run(|_, _| std::panic::panic_any(7), b"{}");
        assert_eq!(status, Status::Panic);
        assert!(text.ends_with(": no message"), "{text}");
    }

    #[test]
    fn a_panic_in_a_thread_of_the_call_becomes_a_status() {
        let verb: Verb = |_, _| {
            let items: Vec<u32> = (0..1_000).collect();
            crate::trend::analyze_each(&items, |i| assert!(*i < 900, "item {i}"));
            Ok(String::new())
        };
        let (status, text) = run(verb, b"{}");
        assert_eq!(status, Status::Panic);
        assert!(text.contains("item 9"), "{text}");
    }

    #[test]
    fn every_kind_of_error_has_its_status() {
        let verbs: [(Verb, Status); 6] = [
            (|_, _| Err(Error::new(Kind::Invalid, "x").at("y")), Status::Invalid),
            (|_, _| Err(Error::new(Kind::NotFound, "x").at("y")), Status::NotFound),
            (|_, _| Err(Error::new(Kind::Corrupt, "x").at("y")), Status::Corrupt),
            (|_, _| Err(Error::new(Kind::Unsupported, "x").at("y")), Status::Unsupported),
            (|_, _| Err(Error::new(Kind::Busy, "x").at("y")), Status::Busy),
            (|_, _| Err(Error::new(Kind::Io, "x").at("y")), Status::Io),
        ];
        for (verb, status) in verbs {
            assert_eq!(run(verb, b""), (status, "y: x".to_string()));
        }
        assert_eq!(run(|_, _| Ok("fine".into()), b""), (Status::Ok, "fine".to_string()));
    }

    #[test]
    fn null_and_impossible_lengths_are_refused_before_they_are_followed() {
        let handle = Handle(Engine::new(Path::new("/nonexistent")));
        let input = b"{}".as_ptr().cast::<c_char>();
        let verb: Verb = |_, _| Ok(String::new());
        let mut text = Text { data: ptr::null_mut(), len: 0 };
        let none = ptr::null();
        // SAFETY: NULL, or lives here; the impossible length is refused before it is used.
        unsafe {
            assert_eq!(call(none, input, 2, &mut text, verb), Status::Null);
            assert_eq!(taken(&mut text), "engine: is NULL");
            assert_eq!(call(&handle, ptr::null(), 2, &mut text, verb), Status::Null);
            assert_eq!(taken(&mut text), "input: is NULL");
            assert_eq!(call(&handle, input, 2, ptr::null_mut(), verb), Status::Null);
            assert_eq!(call(&handle, input, usize::MAX, &mut text, verb), Status::Invalid);
            assert!(taken(&mut text).starts_with("len: "));
            close(ptr::null_mut());
            free(ptr::null_mut());
        }
    }
}
