//! PVE's section configuration: `type: id`, then indented `key value` lines up to an empty line.

use super::text::{Notes, boolean, lines, quote};

/// A section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section<'a> {
    /// Line of its header.
    pub(super) line: usize,
    /// Type, in lower case; empty in files whose headers are bare ids.
    pub(super) kind: String,
    pub(super) id: &'a str,
    /// Keys with their values, in order; a key may occur more than once.
    pub(super) values: Vec<(&'a str, &'a str)>,
}

impl<'a> Section<'a> {
    /// The value of `key`, empty when the key stands alone.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.all(key).next()
    }

    /// All values of `key`.
    pub(super) fn all(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter(move |(k, _)| *k == key).map(|(_, value)| *value)
    }

    /// A switch: a key alone means on; a value that is no switch counts as absent, as in PVE.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.is_empty() || boolean(value) == Some(true))
    }
}

/// Takes a file apart as PVE does (pve-common, `SectionConfig::parse_config`): an empty line ends a
/// section, `#` lines are comments, anything else out of place is ignored with a note.
pub(super) fn sections<'a>(
    text: &'a str,
    header: fn(&'a str) -> Option<(&'a str, &'a str)>,
    notes: &mut Notes,
) -> Vec<Section<'a>> {
    let mut all: Vec<Section<'a>> = Vec::new();
    let mut open = false;
    for (line, text) in lines(text) {
        if text.trim_start().starts_with('#') {
            continue;
        }
        if text.is_empty() {
            open = false;
        } else if let (true, Some(section), Some(pair)) = (open, all.last_mut(), indented(text)) {
            section.values.push(pair);
        } else if let (false, Some((kind, id))) = (open, header(text)) {
            let kind = kind.to_ascii_lowercase();
            all.push(Section { line, kind, id, values: Vec::new() });
            open = true;
        } else {
            notes.add(line, format!("out of place, ignored as PVE does: {}", quote(text)));
        }
    }
    all
}

/// `type: id`
pub(super) fn typed(line: &str) -> Option<(&str, &str)> {
    let (kind, id) = line.split_once(':')?;
    word(kind).zip(word(id.trim()))
}

/// `id`
pub(super) fn bare(line: &str) -> Option<(&str, &str)> {
    word(line.trim_end()).map(|id| ("", id))
}

/// Text without white space in it.
fn word(text: &str) -> Option<&str> {
    (!text.is_empty() && !text.contains(char::is_whitespace)).then_some(text)
}

/// White space, a key, and perhaps a value.
fn indented(line: &str) -> Option<(&str, &str)> {
    let text = line.trim_start();
    if text.is_empty() || text.len() == line.len() {
        return None;
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    Some((&text[..end], text[end..].trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_end_at_an_empty_line() {
        let mut notes = Notes::default();
        let text = "# top\ndir: a\n\tpath /x y\n\tdisable\n# inside\n    nodes p,q\nlvm: b\n\n\nNFS: c\nstray\n\tz 1\n\n\tlost 1\n";
        let all = sections(text, typed, &mut notes);
        assert_eq!(all.len(), 2, "without an empty line before it, 'lvm: b' is no header to PVE");
        assert_eq!(all[0].values, [("path", "/x y"), ("disable", ""), ("nodes", "p,q")]);
        assert!(all[0].flag("disable") && !all[0].flag("shared") && !all[0].flag("path"));
        assert_eq!((all[1].kind.as_str(), all[1].id, all[1].line), ("nfs", "c", 10));
        let odd: Vec<usize> = notes.iter().map(|n| n.line).collect();
        assert_eq!(odd, [7, 11, 14]);
    }

    #[test]
    fn a_blank_line_is_not_an_empty_one() {
        let mut notes = Notes::default();
        let all = sections("dir: a\n\tx 1\n \t\n\ty 2\n", typed, &mut notes);
        assert_eq!(all[0].values, [("x", "1"), ("y", "2")], "as PVE has it");
        assert_eq!(notes.iter().map(|n| n.line).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn headers() {
        assert_eq!(typed("vm: 100 "), Some(("vm", "100")));
        assert_eq!(typed("vm:100"), Some(("vm", "100")));
        for bad in ["", "vm", "vm:", "a b: c", "vm: 1 2", ": x"] {
            assert_eq!(typed(bad), None, "{bad:?}");
        }
        assert_eq!(bare("gpu "), Some(("", "gpu")));
        assert_eq!(bare("a b"), None);
    }
}
