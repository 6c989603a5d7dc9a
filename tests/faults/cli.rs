//! The command line as users and timers run it.

use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A command with a state directory.
pub(crate) fn foresight(state: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pve-foresight"));
    command.args(args).arg("--state").arg(state).env("TZ", "UTC");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What is fed to a command, as a file: a pipe would break under a kill.
pub(crate) fn input(text: &str) -> Stdio {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(text.as_bytes(), 0).unwrap();
    file.into()
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// Runs a command and kills it so long after its start, unless it is done by then. Whether it said that all went well.
pub(crate) fn run_and_kill(command: &mut Command, after: Duration) -> bool {
    let mut child: Child = command.spawn().unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait_with_output().unwrap().status.success()
}

/// How long a command takes when nobody interrupts it.
pub(crate) fn duration(command: &mut Command) -> Duration {
    let start = Instant::now();
    let output = run(command);
    assert!(output.status.success(), "{}", complaint(&output));
    start.elapsed()
}

/// The JSON that a command printed; `None` when it failed or printed something else.
pub(crate) fn reply(output: &Output) -> Option<Value> {
    let value = serde_json::from_slice(&output.stdout).ok();
    value.filter(|_| output.status.success())
}

/// What a command said on the standard error.
pub(crate) fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")
}

/// Writes a file anew.
pub(crate) fn write(path: &Path, text: &str) {
    File::create(path).and_then(|mut file| file.write_all(text.as_bytes())).unwrap();
}
