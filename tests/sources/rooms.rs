//! Data flows one way: a room of `src/` uses only rooms that stand before it in `src/lib.rs`.

use std::fs;
use std::path::{Path, PathBuf};

/// Names of the rooms in the order of `src/lib.rs`.
fn rooms(root: &Path) -> Vec<String> {
    let lib = fs::read_to_string(root.join("lib.rs")).unwrap();
    let name = |line: &str| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_string());
    lib.lines().filter_map(name).collect()
}

/// All Rust files of a room, be it a file or a folder.
fn files(root: &Path, room: &str) -> Vec<PathBuf> {
    let single = root.join(format!("{room}.rs"));
    if single.is_file() {
        return vec![single];
    }
    let (mut found, mut open) = (Vec::new(), vec![root.join(room)]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

/// Rooms that `text` names as `crate::room`, also inside `crate::{a, b::c}` over several lines.
fn used<'a>(text: &'a str, rooms: &'a [String]) -> Vec<(usize, &'a String)> {
    let code = |line: &'a str| if line.trim_start().starts_with("//") { "" } else { line };
    let code: Vec<&str> = text.lines().map(code).collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let number = code[..at].matches('\n').count() + 1;
        let rest = &code[at + "crate::".len()..];
        let heads: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => {
                list.split(';').next().unwrap_or("").split([',', '{', '}']).map(str::trim).collect()
            }
            None => vec![rest],
        };
        let word = |s: &str| {
            s.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("").to_string()
        };
        let names: Vec<String> = heads.into_iter().map(word).collect();
        found.extend(rooms.iter().filter(|r| names.contains(r)).map(|r| (number, r)));
    }
    found
}

#[test]
fn no_arrow_points_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rooms = rooms(&root);
    assert!(rooms.len() >= 2, "lib.rs lists the rooms as 'pub mod name;'");
    let mut arrows = Vec::new();
    for (position, room) in rooms.iter().enumerate() {
        for file in files(&root, room) {
            let text = fs::read_to_string(&file).unwrap();
            for (line, other) in used(&text, &rooms) {
                if rooms.iter().position(|r| r == other) > Some(position) {
                    arrows.push(format!(
                        "{}:{line}: '{room}' uses the later '{other}'",
                        file.display()
                    ));
                }
            }
        }
    }
    assert!(arrows.is_empty(), "{}", arrows.join("\n"));
}

#[test]
fn the_scanner_sees_arrows() {
    let rooms: Vec<String> = ["error", "model", "trend"].map(String::from).to_vec();
    let text = "use crate::{model::Tick, trend};\nfn f() { crate::error::g() }\n// crate::trend\n\
                use crate::{\n    error::{Error, Result},\n    trend::Trend,\n};\n";
    let seen: Vec<_> = used(text, &rooms).into_iter().map(|(n, r)| (n, r.as_str())).collect();
    let first = [(1, "model"), (1, "trend"), (2, "error")];
    assert_eq!(seen, [&first[..], &[(4, "error"), (4, "trend")]].concat());
}
