//! What the README shows is what the program does. `UPDATE=1` rewrites the demo's output.

use super::agrees::agrees;
use super::args;
use clap::CommandFactory;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Columns of the README's lines.
const WIDTH: usize = 118;

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// Long lines broken between words, their rest below the first word.
fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let mut now = String::new();
        for word in line.split_inclusive(' ') {
            let width = now.chars().count();
            if width > indent && width + word.trim_end().chars().count() > WIDTH {
                lines.push(now.trim_end().to_string());
                now = " ".repeat(indent);
            }
            now += word;
        }
        lines.push(now.trim_end().to_string());
    }
    lines.join("\n")
}

/// What the demo prints, up to where it says what to try next.
fn demo() -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pve-foresight"));
    let output = command.arg("demo").env("TZ", "UTC").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    wrapped(text.split("\nWhere to look next").next().unwrap())
}

#[test]
fn the_demo_prints_what_the_readme_shows() {
    let readme = readme();
    let (before, rest) = readme.split_once("```\nA cluster of ").unwrap();
    let (_, after) = rest.split_once("\n```\n").unwrap();
    agrees("README.md", &format!("{before}```\n{}\n```\n{after}", demo().trim_end()));
}

#[test]
fn the_readme_says_what_the_exit_status_says() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&readme()).contains(&format!("Exit status: {}", args::EXIT)));
}

#[test]
fn the_readme_lists_every_command() {
    let readme = readme();
    let (_, rest) = readme.split_once("## Commands").unwrap();
    let (table, _) = rest.split_once("\n\nAll take").unwrap();
    // In backticks, and of those the first word: `import rrd` and `export --format csv` count as `import` and `export`.
    let first_cells = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let told: BTreeSet<String> = first_cells
        .flat_map(|cell| cell.split('`').step_by(2))
        .map(|code| code.split(' ').next().unwrap().to_string())
        .filter(|word| !word.is_empty())
        .collect();
    let shown = args::Args::command();
    let shown = shown.get_subcommands().filter(|c| c.get_name() != "help" && !c.is_hide_set());
    let verbs: BTreeSet<String> = shown.map(|c| c.get_name().to_string()).collect();
    assert_eq!(told, verbs);
}
