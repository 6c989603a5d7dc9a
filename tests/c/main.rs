//! A C program over the public header alone: `api.c` is compiled with every warning an error and
//! run as it is, and on request under valgrind and with the sanitizers.

// Clippy lets `#[test]` functions panic but not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// So many guests that their trends are worth threads, which must have ended when a call returns.
const MANY: &str = "230";
/// So few that valgrind is done in a minute.
const FEW: &str = "12";

fn compiler() -> Option<String> {
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let there = Command::new(&cc).arg("--version").output().is_ok_and(|o| o.status.success());
    if !there {
        println!("skipped: C compiler {cc} absent");
    }
    there.then_some(cc)
}

/// Where cargo put the library, in whatever target directory.
fn library_dir() -> PathBuf {
    let dir = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
    assert!(dir.join("libpve_foresight.so").is_file(), "no library in {}", dir.display());
    dir
}

fn compile(cc: &str, dir: &Path, flags: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (program, library) = (dir.join("api"), library_dir());
    let mut command = Command::new(cc);
    command.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g"]).args(flags);
    command.arg("-I").arg(root.join("include")).arg(root.join("tests/c/api.c"));
    command.arg("-o").arg(&program).arg("-L").arg(&library).args(["-lpve_foresight", "-pthread"]);
    command.arg(format!("-Wl,-rpath,{}", library.display()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
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

fn run(program: &OsStr, args: &[&OsStr], dir: &Path, guests: &str) -> Output {
    let mut command = Command::new(program);
    command.args(args).arg(dir).arg(guests).env("TZ", "UTC");
    let output = command.output().unwrap();
    is_well(&output);
    output
}

#[test]
fn a_c_program_gets_a_status_for_everything() {
    let Some(cc) = compiler() else { return };
    let dir = tempfile::tempdir().unwrap();
    let program = compile(&cc, dir.path(), &[]);
    let output = run(program.as_os_str(), &[], dir.path(), MANY);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.is_empty(), "the library writes nothing of its own: {err}");
}

#[test]
#[ignore = "takes minutes; docs/c-abi.md says how to run it"]
fn valgrind_finds_nothing() {
    let Some(cc) = compiler() else { return };
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind absent");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = compile(&cc, dir.path(), &[]);
    let options =
        ["--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect"];
    let mut args: Vec<&OsStr> = options.iter().map(OsStr::new).collect();
    args.push(program.as_os_str());
    let output = run(OsStr::new("valgrind"), &args, dir.path(), FEW);
    println!("{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "needs the sanitizers' libraries; docs/c-abi.md says how to run it"]
fn the_sanitizers_find_nothing() {
    let Some(cc) = compiler() else { return };
    let dir = tempfile::tempdir().unwrap();
    let program =
        compile(&cc, dir.path(), &["-fsanitize=address,undefined", "-fno-sanitize-recover"]);
    run(program.as_os_str(), &[], dir.path(), MANY);
}
