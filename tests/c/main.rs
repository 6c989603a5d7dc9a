//! A C program over the public header alone: `api.c` is compiled with every warning an error and
//! run as it is, with the sanitizers, and on request under valgrind.

// Clippy lets `#[test]` functions panic but not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "../skip_support/mod.rs"]
mod skip_support;

use skip_support::skip;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// So many guests that their trends are worth threads, which must have ended when a call returns.
const MANY: &str = "230";
/// So few that valgrind is done in a minute, the sanitizers in seconds.
const FEW: &str = "12";

fn compiler() -> Option<String> {
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let there = Command::new(&cc).arg("--version").output().is_ok_and(|o| o.status.success());
    if !there {
        skip("cc", &format!("C compiler {cc} absent"));
    }
    there.then_some(cc)
}

/// Where cargo put the library, in whatever target directory.
fn library_dir() -> PathBuf {
    let dir = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
    assert!(dir.join("libpve_foresight.so").is_file(), "no library in {}", dir.display());
    dir
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn compile(cc: &str, source: &Path, dir: &Path, flags: &[&str]) -> PathBuf {
    let (program, library) = (dir.join("api"), library_dir());
    let mut command = Command::new(cc);
    command.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g"]).args(flags);
    command.arg("-I").arg(root().join("include")).arg(source);
    command.arg("-o").arg(&program).arg("-L").arg(&library).args(["-lpve_foresight", "-pthread"]);
    // Before LD_LIBRARY_PATH, in which cargo names a folder where an older library may lie.
    command.arg(format!("-Wl,--disable-new-dtags,-rpath,{}", library.display()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
}

fn api() -> PathBuf {
    root().join("tests/c/api.c")
}

fn is_well(output: &Output) {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success() && out.contains("all is well"),
        "{}\n{out}{err}",
        output.status
    );
}

/// Runs the program behind `command`; its process id and what it said.
fn run(mut command: Command, dir: &Path, guests: &str) -> (u32, Output) {
    command.arg(dir).arg(guests).arg(root().join("tests/data/pve9")).env("TZ", "UTC");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (pid, output) = (child.id(), child.wait_with_output().unwrap());
    is_well(&output);
    (pid, output)
}

#[test]
fn a_c_program_gets_a_status_for_everything() {
    let Some(cc) = compiler() else { return };
    let dir = tempfile::tempdir().unwrap();
    let program = compile(&cc, &api(), dir.path(), &[]);
    let (_, output) = run(Command::new(program), dir.path(), MANY);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.is_empty(), "the library writes nothing of its own: {err}");
}

#[test]
fn the_documented_example_compiles_and_says_what_is_missing() {
    let Some(cc) = compiler() else { return };
    let page = std::fs::read_to_string(root().join("docs/c-abi.md")).unwrap();
    let blocks = page.split("```c\n").skip(1).filter_map(|part| part.split("```").next());
    let example = blocks.into_iter().find(|block| block.contains("int main")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (source, state) = (dir.path().join("example.c"), dir.path().join("none"));
    let example = example.replace("/var/lib/pve-foresight", state.to_str().unwrap());
    std::fs::write(&source, example).unwrap();
    let output = Command::new(compile(&cc, &source, dir.path(), &[])).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && err.contains("no metrics store here"), "{err}");
}

#[test]
fn a_cpp_compiler_takes_the_header() {
    let header = root().join("include/pve_foresight.h");
    let mut command = Command::new(std::env::var("CXX").unwrap_or_else(|_| "c++".into()));
    command.args(["-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++"]);
    let Ok(output) = command.arg("-include").arg(header).arg("/dev/null").output() else {
        skip("c++", "C++ compiler absent");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "takes minutes; docs/c-abi.md says how to run it"]
fn valgrind_finds_nothing() {
    let Some(cc) = compiler() else { return };
    if Command::new("valgrind").arg("--version").output().is_err() {
        skip("valgrind", "valgrind absent");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = compile(&cc, &api(), dir.path(), &[]);
    // A child that was forked beside a busy thread inherits what that thread holds and can't free
    // it: errors count in every process, leaks in the first.
    let options = ["--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=none"];
    let mut command = Command::new("valgrind");
    command.args(options).arg(program);
    let (pid, output) = run(command, dir.path(), FEW);
    let err = String::from_utf8_lossy(&output.stderr);
    let own: Vec<&str> = err.lines().filter(|l| l.starts_with(&format!("=={pid}=="))).collect();
    println!("{}", own.join("\n"));
    let clean = ["All heap blocks were freed", "definitely lost: 0 bytes"];
    assert!(own.iter().any(|line| clean.iter().any(|words| line.contains(words))), "{err}");
}

#[test]
fn the_sanitizers_find_nothing() {
    let Some(cc) = compiler() else { return };
    let dir = tempfile::tempdir().unwrap();
    // The allocator of GCC 12's sanitizer does not mind a fork: what another thread holds then, no child ever gets.
    let flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover", "-DFORK_ALONE=1"];
    let (empty, program) = (dir.path().join("empty.c"), dir.path().join("empty"));
    std::fs::write(&empty, "int main(void) { return 0; }\n").unwrap();
    let output = Command::new(&cc).args(flags).arg(&empty).arg("-o").arg(&program).output();
    if !output.unwrap().status.success() {
        skip("sanitizers", &format!("{cc} lacks the sanitizers' libraries"));
        return;
    }
    let program = compile(&cc, &api(), dir.path(), &flags);
    run(Command::new(program), dir.path(), FEW);
}
