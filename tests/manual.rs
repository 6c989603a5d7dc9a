//! The man page and the shell's completions are what the parser says. `UPDATE=1` rewrites them.

// Clippy lets `#[test]` functions panic but not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

/// The parser itself; the tests need its types only as `clap` sees them.
#[allow(dead_code, unreachable_pub)]
#[path = "../src/bin/pve-foresight/args.rs"]
mod args;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::fmt::Write;
use std::path::Path;

fn agrees(path: &str, wanted: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == wanted, "{path} is stale: run `make header` and review the diff");
}

/// The parser with everything filled in.
fn command() -> Command {
    let mut command = args::Args::command().name("pve-foresight").term_width(100);
    command.build();
    command
}

fn rendered(render: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut text = Vec::new();
    render(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

const SYNOPSIS: &str = ".SH SYNOPSIS\n.B pve\\-foresight\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n";

/// One page for all: its first half is of the program, then follows a section for each verb.
fn page() -> String {
    let command = command();
    let man = Man::new(command.clone()).date("").manual("pve-foresight").source("pve-foresight");
    let mut page = rendered(|text| {
        man.render_title(text)?;
        man.render_name_section(text)?;
        text.extend_from_slice(SYNOPSIS.as_bytes());
        man.render_description_section(text)?;
        man.render_options_section(text)
    });
    verbs(&command, "", &mut page);
    page.push_str(&std::fs::read_to_string(root().join("share/man/end.roff")).unwrap());
    page
}

/// Verbs below `command` in their order, `prefix` being the verbs that lead to it.
fn verbs(command: &Command, prefix: &str, page: &mut String) {
    let shown = command.get_subcommands().filter(|c| c.get_name() != "help" && !c.is_hide_set());
    for verb in shown {
        let name = format!("{prefix}{}", verb.get_name());
        let about = verb.get_long_about().or(verb.get_about()).unwrap();
        writeln!(page, ".SH \"{}\"\n{}", name.to_uppercase(), escaped(&about.to_string())).unwrap();
        page.push_str(&options(verb));
        verbs(verb, &format!("{name} "), page);
    }
}

/// The options of a verb, without those that every verb has.
fn options(verb: &Command) -> String {
    let own = verb.clone().mut_args(|arg| {
        let everywhere =
            arg.is_global_set() || ["help", "version"].contains(&arg.get_id().as_str());
        arg.hide(everywhere)
    });
    let section = rendered(|text| Man::new(own).render_options_section(text));
    section
        .lines()
        .skip_while(|line| !line.starts_with(".TP"))
        .fold(String::new(), |all, line| all + line + "\n")
}

/// Text as roff shows it unchanged.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('-', "\\-").replace("\n\n", "\n.PP\n")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_man_page_is_current() {
    agrees("share/man/pve-foresight.1", &page());
}

#[test]
fn the_completion_is_current() {
    let shell = clap_complete::Shell::Bash;
    let script = rendered(|text| {
        clap_complete::generate(shell, &mut command(), "pve-foresight", text);
        Ok(())
    });
    agrees("share/completions/pve-foresight.bash", &script);
}

/// The version is declared in Cargo.toml; the Debian changelog has to repeat it.
#[test]
fn the_package_has_the_version_of_the_program() {
    let changelog = std::fs::read_to_string(root().join("debian/changelog")).unwrap();
    let wanted = format!("pve-foresight ({}) ", env!("CARGO_PKG_VERSION"));
    assert!(changelog.starts_with(&wanted), "the newest entry of debian/changelog is not {wanted}");
}
