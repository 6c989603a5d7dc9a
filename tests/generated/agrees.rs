//! Files that are generated and kept in git.

use std::path::Path;

/// Compares a file with what it should hold; with `UPDATE` set, writes it first.
pub(crate) fn agrees(path: &str, wanted: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == wanted, "{path} is stale: run `make header` and review the diff");
}
