//! The C header is as the sources say, and the library exports what it declares. `UPDATE=1`
//! rewrites the header.

use super::agrees::agrees;
use super::skip_support::skip;
use pve_foresight::api::{self, Choice};
use pve_foresight::backtest::Policy;
use pve_foresight::settings::most_kept_hours;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).unwrap();
    let builder = cbindgen::Builder::new().with_config(config);
    let bindings = builder.with_src(root().join("src/ffi/mod.rs")).generate().unwrap();
    let mut text = Vec::new();
    bindings.write(&mut text);
    String::from_utf8(text).unwrap()
}

#[test]
fn the_header_is_current() {
    agrees("include/pve_foresight.h", &generated());
}

#[test]
fn windows_that_texts_name_are_those_of_the_settings() {
    let hours = most_kept_hours();
    for (file, named) in
        [("include/pve_foresight.h", 3), ("docs/c-abi.md", 1), ("docs/trend.md", 1)]
    {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let number = |rest: &str| -> Option<u32> {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest[..end].parse().ok()
        };
        // Shorter ones than a month are no windows of the store.
        let most: Vec<u32> =
            text.split("1 to ").skip(1).filter_map(number).filter(|n| *n > 31).collect();
        assert_eq!(most.len(), named, "{file}: {most:?}");
        assert!(
            most.iter().all(|n| [hours, hours / 24].contains(n)),
            "{file}: {most:?}, but {hours} h are kept"
        );
    }
}

/// The header, the API's page (which is made from the Perl modules) and the man page.
#[test]
fn what_texts_say_of_requests_is_what_requests_may_say() {
    let one_line = |file: &str| {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        text.split_whitespace().filter(|word| *word != "*").collect::<Vec<_>>().join(" ")
    };
    fn range<T: Display>(choice: &Choice<T>) -> String {
        format!("{} to {}", choice.range.start(), choice.range.end())
    }
    let (hours, days, points, every) = (api::hours(), api::days(), api::POINTS, api::EVERY);
    let policies = api::POLICIES.map(Policy::name).join(" and ");
    let header = one_line("include/pve_foresight.h");
    for text in [
        format!("\"lookback_hours\"?: {}", range(&hours)),
        format!("\"hours\"?: {}, usually {}", range(&hours), hours.usual),
        format!(
            "\"points\"?: most values per metric, {}, usually {}",
            range(&points),
            points.usual
        ),
        format!("\"days\"?: {}, usually {}", range(&days), days.usual),
        format!("hours between decisions, {}, usually {}", range(&every), every.usual),
        format!("relief, ours, usually {policies},"),
    ] {
        assert!(header.contains(&text), "the header lacks {text}");
    }
    let page = one_line("docs/api.md");
    for text in [
        format!("`lookback-hours` | integer, {} |", range(&hours)),
        format!("`points` | integer, {} | {} |", range(&points), points.usual),
        format!("`days` | integer, {} | {} |", range(&days), days.usual),
    ] {
        assert!(page.contains(&text), "docs/api.md lacks {text}");
    }
    let manual = one_line("share/man/pve-foresight.1");
    assert!(manual.contains(&format!("[default: {}; with", days.usual)), "the man page's --days");
}

/// Functions that the header declares.
fn declared() -> BTreeSet<String> {
    let header = generated();
    let code: Vec<&str> = header.split("*/").filter_map(|part| part.split("/*").next()).collect();
    let code = code.join(" ");
    let names = code.match_indices('(').filter_map(|(at, _)| {
        let name = |c: char| c.is_alphanumeric() || c == '_';
        let word = code[..at].rsplit(|c| !name(c)).next()?;
        word.starts_with("foresight_").then(|| word.to_string())
    });
    names.collect()
}

/// The library that cargo built beside this test, in whatever target directory.
fn library() -> PathBuf {
    let file = std::env::current_exe().unwrap().parent().unwrap().join("libpve_foresight.so");
    assert!(file.is_file(), "{} is missing", file.display());
    file
}

#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    let declared = declared();
    assert!(declared.contains("foresight_open"), "{declared:?}");
    let nm = Command::new("nm").args(["-D", "--defined-only"]).arg(library()).output();
    let Ok(output) = nm else {
        skip("nm", "nm (binutils) absent");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listing = String::from_utf8(output.stdout).unwrap();
    let exported: BTreeSet<String> =
        listing.lines().map(|line| line.split_whitespace().last().unwrap().to_string()).collect();
    assert_eq!(exported, declared);
}
