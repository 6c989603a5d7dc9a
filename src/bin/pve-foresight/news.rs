//! What is new among the warnings of a run that is repeated every minute: a journal wants to hear once that
//! something began, and once that it is over.

use pve_foresight::collect::{keep, kept};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, btree_map::Entry};
use std::path::Path;

/// Its name in the folder that is kept from run to run.
const FILE: &str = "told";

/// Warnings of the previous run, by their gist.
type Told = BTreeMap<String, Known>;

/// A warning that was told.
#[derive(Serialize, Deserialize)]
struct Known {
    /// Its words when it was told.
    text: String,
    /// Whether a later run had it, too: what came and went within a run needs no end.
    lasts: bool,
}

/// Of `warnings` those that the previous run did not have, and those of earlier ones that lasted and are over.
///
/// Takes note of all of them in `run_dir`. Where it cannot, everything is told again next time.
pub(crate) fn news(run_dir: &Path, warnings: &[String]) -> Vec<String> {
    let file = run_dir.join(FILE);
    let read = |bytes: Vec<u8>| serde_json::from_slice::<Told>(&bytes).ok();
    let mut before = kept(&file).ok().and_then(read).unwrap_or_default();
    let (mut new, mut now) = (Vec::new(), Told::new());
    for text in warnings {
        let gist = gist(text);
        if let Some(known) = before.remove(&gist) {
            now.insert(gist, Known { lasts: true, ..known });
        } else if let Entry::Vacant(place) = now.entry(gist) {
            place.insert(Known { text: text.clone(), lasts: false });
            new.push(text.clone());
        }
    }
    let over = before.into_values().filter(|known| known.lasts);
    new.extend(over.map(|known| format!("over: {}", known.text)));
    // Counters are kept in the same folder, and that they could not be is told.
    let _kept = serde_json::to_vec(&now).map(|bytes| keep(&file, &bytes));
    new
}

/// A warning without what differs from run to run while it is the same: seconds, times, lines of files.
fn gist(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    // `2026-11-30` and `06:51`, not a node `1-pve` nor `guest 100:`.
    let is_time = |word: &str| {
        let word = word.trim_end_matches([':', ',', ';', '.']);
        word.contains(['-', ':']) && word.split(['-', ':']).all(is_number)
    };
    let general =
        |(i, word): (usize, &&str)| match word.strip_suffix(':').and_then(|w| w.rsplit_once(':')) {
            _ if is_number(word) && words.get(i + 1) == Some(&"s") => "#".to_string(),
            _ if is_time(word) => "#".to_string(),
            Some((file, line)) if is_number(line) => format!("{file}:"),
            _ => word.to_string(),
        };
    words.iter().enumerate().map(general).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const SILENT: &str =
        "/etc/pve/.rrd:7: node pve2 last reported 95 s ago; is its pvestatd running?";

    /// What each of some runs tells.
    fn runs(runs: &[&[&str]]) -> Vec<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let told = |texts: &&[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| text.to_string()).collect();
            news(folder.path(), &texts)
        };
        runs.iter().map(told).collect()
    }

    #[test]
    fn what_lasts_is_told_when_it_begins_and_when_it_is_over() {
        let later = SILENT.replace(":7:", ":9:").replace("95 s", "155 s");
        let told = runs(&[&[SILENT], &[&later], &[SILENT], &[], &[], &[SILENT]]);
        let over = format!("over: {SILENT}");
        let none = Vec::<String>::new();
        assert_eq!(
            told,
            [
                vec![SILENT.into()],
                none.clone(),
                none.clone(),
                vec![over],
                none,
                vec![SILENT.into()]
            ]
        );
    }

    #[test]
    fn another_node_or_guest_is_another_condition() {
        let other = SILENT.replace("pve2", "pve3");
        assert_eq!(runs(&[&[SILENT], &[SILENT, &other]])[1], [other]);
        assert_eq!(
            runs(&[&["no report of guest 100"], &["no report of guest 101"]])[1],
            ["no report of guest 101"]
        );
        let odd = |node: &str| SILENT.replace("pve2", node);
        assert_eq!(
            runs(&[&[&odd("1-pve1")], &[&odd("1-pve1"), &odd("1-pve2")]])[1],
            [odd("1-pve2")]
        );
        let guest = |vmid: u32| format!("guest {vmid}: cpu is above 100 % and was stored as that");
        assert_eq!(runs(&[&[&guest(100)], &[&guest(101)]])[1][..1], [guest(101)]);
    }

    #[test]
    fn what_came_and_went_has_no_end() {
        assert_eq!(runs(&[&["a segment was mended"], &[]])[1], Vec::<String>::new());
    }

    #[test]
    fn the_same_at_another_time_is_no_news() {
        let clock =
            |time: &str| format!("the clock says 2026-11-30 {time} UTC, but a sample is stored");
        assert_eq!(runs(&[&[&clock("06:51")], &[&clock("06:52")]])[1], Vec::<String>::new());
    }

    #[test]
    fn where_nothing_can_be_kept_everything_is_told() {
        let texts = [SILENT.to_string()];
        for _ in 0..2 {
            assert_eq!(news(Path::new("/nonexistent"), &texts), texts);
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert_eq!(news(folder.path(), &texts), texts, "nor what is damaged");
        assert_eq!(news(folder.path(), &texts), Vec::<String>::new(), "which is replaced");
    }
}
