//! The man page and the shell's completions are what the parser says. `UPDATE=1` rewrites them.

use super::agrees::agrees;
use super::args;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::fmt::Write;
use std::path::Path;

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

const SETTINGS_HEAD: &str = r#".TH foresight.cfg 5 "" pve-foresight pve-foresight
.SH NAME
foresight.cfg \- settings of pve\-foresight
.SH SYNOPSIS
/etc/pve/foresight.cfg
.SH DESCRIPTION
JSON, the same for all nodes of a cluster. The web interface and
.B pvesh set /cluster/foresight/migration\-settings
write it. Without the file, and for whatever it does not name, the defaults hold. It is an object with
.BR version ,
which is 1,
.BR settings ,
and
.BR expert ,
keys that are set one by one and then no longer follow the settings.
"#;

const SETTINGS_END: &str = r#".SH EXAMPLE
.EX
{"version": 1, "settings": {"trend\-weight": 80}, "expert": {"cpu_threshold": 85}}
.EE
.SH "SEE ALSO"
.BR pve\-foresight (1),
/usr/share/doc/pve\-foresight/settings.md
"#;

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
    writeln!(page, ".SH \"EXIT STATUS\"\n{}", args::EXIT).unwrap();
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

/// The page of the settings file, from the table of settings.
fn settings_page() -> String {
    let schema = pve_foresight::settings::schema();
    let mut page = String::from(SETTINGS_HEAD);
    for (list, heading) in [("migration-settings", "SETTINGS"), ("penalty-config", "EXPERT KEYS")] {
        writeln!(page, ".SH \"{heading}\"").unwrap();
        for name in schema[list]["order"].as_array().unwrap() {
            let name = name.as_str().unwrap();
            let property = &schema[list]["properties"][name];
            let about = property["description"].as_str().unwrap();
            writeln!(page, ".TP\n\\fB{}\\fR {}", escaped(name), escaped(&values(property)))
                .unwrap();
            writeln!(page, "{}", escaped(about)).unwrap();
        }
    }
    page + SETTINGS_END
}

/// What a property may be, and is if nothing is said.
fn values(property: &serde_json::Value) -> String {
    let allowed = match (&property["enum"], &property["minimum"], &property["maximum"]) {
        (serde_json::Value::Array(words), ..) => {
            words.iter().map(|w| w.to_string().replace('"', "")).collect::<Vec<_>>().join(", ")
        }
        (_, least, most) if least.is_number() => format!("{least} to {most}"),
        _ => property["type"].as_str().unwrap().to_string(),
    };
    format!("({allowed}; default {})", property["default"].to_string().replace('"', ""))
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
fn the_page_of_the_settings_is_current() {
    agrees("share/man/foresight.cfg.5", &settings_page());
    let example = SETTINGS_END.lines().find(|line| line.starts_with('{')).unwrap();
    let example = example.replace("\\-", "-");
    assert_eq!(pve_foresight::settings::parse(example.as_bytes()).unwrap().expert().len(), 1);
}

#[test]
fn the_completion_is_current() {
    let shell = clap_complete::Shell::Bash;
    let script = rendered(|text| {
        clap_complete::generate(shell, &mut command(), "pve-foresight", text);
        Ok(())
    });
    // The generator takes the program's name as it is where it looks for a verb, and as that of a
    // verb where it lists what the verb knows: the two never meet when the name has a hyphen.
    let script = script.replace("pve__subcmd__foresight", "pve__foresight");
    agrees("share/completions/pve-foresight.bash", &script);
}

/// What bash offers behind `words`.
fn completed(words: &[&str]) -> Vec<String> {
    let script = r#"source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _pve__foresight "$1" "${@: -1}" "${@: -2:1}"; printf '%s\n' "${COMPREPLY[@]}""#;
    let file = root().join("share/completions/pve-foresight.bash");
    let mut bash = std::process::Command::new("bash");
    let output = bash.args(["-c", script, "bash"]).arg(file).args(words).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect()
}

#[test]
fn bash_completes_what_stands_behind_a_verb() {
    let offered = |words: &[&str]| completed(&[&["pve-foresight"], words].concat());
    assert_eq!(offered(&["recommend", "--inv"]), ["--inventory"]);
    assert_eq!(offered(&["export", "--format", ""]), ["csv", "jsonl", "openmetrics"]);
    assert_eq!(offered(&["import", "rr"]), ["rrd"]);
    assert!(offered(&["recom"]).contains(&"recommend".to_string()));
}

/// The version is declared in Cargo.toml; the Debian changelog has to repeat it.
#[test]
fn the_package_has_the_version_of_the_program() {
    let changelog = std::fs::read_to_string(root().join("debian/changelog")).unwrap();
    let wanted = format!("pve-foresight ({}) ", env!("CARGO_PKG_VERSION"));
    assert!(changelog.starts_with(&wanted), "the newest entry of debian/changelog is not {wanted}");
}
