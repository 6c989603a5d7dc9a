//! What all the text formats share: notes, lines, lists, property strings, sizes.

use crate::error::Warning;
use crate::model::{GIB, MAX_AMOUNT, MAX_NAME, MIB};
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_while1};
use nom::character::complete::{char, digit1, one_of};
use nom::combinator::{all_consuming, map, opt, recognize, rest};
use nom::multi::separated_list0;
use nom::sequence::{preceded, separated_pair, terminated};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// Most notes kept of one file; a hostile file must not turn into as many warnings as it has bytes.
const MAX_NOTES: usize = 50;
/// Most characters of foreign text repeated in a note.
const MAX_QUOTE: usize = 60;

/// What a parser makes of its bytes: everything readable, and what it stumbled over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed<T> {
    /// What was read.
    pub value: T,
    /// What was odd.
    pub notes: Notes,
}

/// Something odd on a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Line counted from 1; 0: the file as a whole.
    pub line: usize,
    /// What is odd and what was done instead.
    pub message: String,
}

impl Note {
    /// The note as a warning about `file`.
    pub(super) fn about(self, file: &Path) -> Warning {
        Warning { file: file.to_path_buf(), line: self.line, message: self.message }
    }
}

/// The first notes of a file, and how many more there would have been.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    kept: Vec<Note>,
    dropped: usize,
}

impl Notes {
    /// Adds a note, unless there are too many already.
    pub(super) fn add(&mut self, line: usize, message: impl Into<String>) {
        if self.kept.len() < MAX_NOTES {
            self.kept.push(Note { line, message: message.into() });
        } else {
            self.dropped += 1;
        }
    }

    /// The notes kept.
    pub fn iter(&self) -> impl Iterator<Item = &Note> {
        self.kept.iter()
    }

    /// Whether nothing was odd.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The notes as warnings about `file`.
    pub fn about(self, file: &Path) -> Vec<Warning> {
        let mut all: Vec<Warning> = self.kept.into_iter().map(|note| note.about(file)).collect();
        if self.dropped > 0 {
            let message = format!("and {} more lines like these", self.dropped);
            all.push(Note { line: 0, message }.about(file));
        }
        all
    }
}

/// Foreign text for a message: quoted, control characters escaped, shortened.
pub(super) fn quote(text: &str) -> String {
    let short: String = text.chars().take(MAX_QUOTE).collect();
    let more = if short.len() < text.len() { "..." } else { "" };
    format!("{short:?}{more}")
}

/// A name as it may be kept: control characters replaced, at most 255 bytes.
pub(super) fn clean_name(name: &str) -> String {
    let mut kept = String::new();
    for c in name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }) {
        if kept.len() + c.len_utf8() > MAX_NAME {
            break;
        }
        kept.push(c);
    }
    kept
}

/// Whether `name` can be a node of the cluster: a host name, hence also a safe file name.
pub(super) fn is_node_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    !name.is_empty()
        && name.len() <= MAX_NAME
        && name.chars().all(inner)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// The bytes of a file as text; undecodable ones become U+FFFD with a note on their lines.
pub(super) fn decode<'a>(bytes: &'a [u8], notes: &mut Notes) -> Cow<'a, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    for (index, line) in bytes.split(|b| *b == b'\n').enumerate() {
        if std::str::from_utf8(line).is_err() {
            notes.add(index + 1, "not UTF-8; the undecodable bytes were replaced");
        }
    }
    String::from_utf8_lossy(bytes)
}

/// The lines of a text with their numbers from 1.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// `1`, `on`, `yes`, `true` and their opposites, in any case, as PVE reads them.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Some(true),
        "0" | "off" | "no" | "false" => Some(false),
        _ => None,
    }
}

/// A list separated by `,`, `;` or white space, as PVE splits lists and tags.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| matches!(c, ',' | ';' | '\0') || c.is_whitespace())
        .filter(|item| !item.is_empty())
}

/// A whole number that fits.
pub(super) fn number(text: &str) -> Option<u32> {
    let mut whole = all_consuming(digit1::<&str, ()>);
    whole.parse(text).ok().and_then(|(_, digits)| digits.parse().ok())
}

/// `32G`, `512M`, `4096`: bytes, with PVE's binary units K, M, G, T and an optional `iB`.
pub(super) fn size(text: &str) -> Option<f64> {
    let amount = recognize((digit1::<&str, ()>, opt((char('.'), digit1))));
    let unit = opt(terminated(one_of("KMGT"), opt(tag("iB"))));
    let (_, (amount, unit)) = all_consuming((amount, unit)).parse(text).ok()?;
    let factor = match unit {
        Some('K') => 1024.0,
        Some('M') => MIB,
        Some('G') => GIB,
        Some('T') => 1024.0 * GIB,
        _ => 1.0,
    };
    let bytes = amount.parse::<f64>().ok()? * factor;
    (bytes.is_finite() && bytes <= MAX_AMOUNT).then_some(bytes)
}

/// PVE's property string: `value,key=value,..`. The part without a key goes by `default_key`.
///
/// `None` when it is none: a key twice, a key without value, two parts without key.
pub(super) fn properties<'a>(
    text: &'a str,
    default_key: &'a str,
) -> Option<BTreeMap<&'a str, &'a str>> {
    let key = take_while1::<_, &str, ()>(|c| c != '=' && c != ',');
    let pair = separated_pair(key, char('='), take_while1(|c| c != ','));
    let plain = map(take_till(|c| c == '=' || c == ','), |value: &str| (default_key, value));
    let (_, parts) =
        all_consuming(separated_list0(char(','), alt((pair, plain)))).parse(text).ok()?;
    let mut all = BTreeMap::new();
    for (key, value) in parts.into_iter().filter(|(_, value)| !value.trim().is_empty()) {
        if all.insert(key, value).is_some() {
            return None;
        }
    }
    Some(all)
}

/// `key: value` of guest configurations and `datacenter.cfg`; the value is trimmed.
pub(super) fn setting(line: &str) -> Option<(&str, &str)> {
    let start = take_while1::<_, &str, ()>(|c: char| c.is_ascii_alphabetic());
    let tail = take_till(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')));
    let key = recognize((start, tail));
    let (_, (key, value)) = separated_pair(key, char(':'), rest).parse(line).ok()?;
    Some((key, value.trim()))
}

/// `[name]` on a line of its own.
pub(super) fn section(line: &str) -> Option<&str> {
    let inner = take_till::<_, &str, ()>(|c| c == ']');
    let (after, name) = terminated(preceded(char('['), inner), char(']')).parse(line).ok()?;
    after.trim().is_empty().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, want) in [
            ("0", Some(0.0)),
            ("512", Some(512.0)),
            ("4M", Some(4_194_304.0)),
            ("1.5G", Some(1_610_612_736.0)),
            ("2TiB", Some(2_199_023_255_552.0)),
            ("", None),
            ("G", None),
            ("-1G", None),
            ("1g", None),
            ("1G ", None),
            ("99999999999T", None),
            ("NaN", None),
        ] {
            assert_eq!(size(text), want, "{text:?}");
        }
    }

    #[test]
    fn property_strings() {
        let read = |text| properties(text, "file").map(|p| p.into_iter().collect::<Vec<_>>());
        assert_eq!(
            read("local:100/a.raw,size=4G"),
            Some(vec![("file", "local:100/a.raw"), ("size", "4G")])
        );
        assert_eq!(
            read("size=4G,file=a:b,serial=x=y"),
            Some(vec![("file", "a:b"), ("serial", "x=y"), ("size", "4G")])
        );
        assert_eq!(read("a,,"), Some(vec![("file", "a")]));
        assert_eq!(read(""), Some(vec![]));
        for bad in ["a,b", "a,file=b", "x=1,x=2", "=1", "a,x="] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn settings_and_sections() {
        assert_eq!(setting("cores: 4 "), Some(("cores", "4")));
        assert_eq!(setting("amd-sev: std"), Some(("amd-sev", "std")));
        assert_eq!(setting("net0:virtio=AA:BB"), Some(("net0", "virtio=AA:BB")));
        assert_eq!(setting("boot: "), Some(("boot", "")));
        assert_eq!(setting("cores"), None);
        assert_eq!(setting(": 4"), None);
        assert_eq!(section("[PENDING]  "), Some("PENDING"));
        assert_eq!(section("[special:fleecing]"), Some("special:fleecing"));
        assert_eq!(section("[a] b"), None);
        assert_eq!(section("[a"), None);
    }

    #[test]
    fn lists_split_like_pve() {
        assert_eq!(list(" a;b, c\td;;").collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }

    #[test]
    fn notes_are_bounded() {
        let mut notes = Notes::default();
        (1..=1000).for_each(|line| notes.add(line, "odd"));
        let warnings = notes.about(Path::new("x"));
        assert_eq!(warnings.len(), MAX_NOTES + 1);
        assert_eq!(warnings[MAX_NOTES].message, "and 950 more lines like these");
    }

    #[test]
    fn foreign_text_is_tamed() {
        assert_eq!(quote("a\u{1b}[31m\"b"), r#""a\u{1b}[31m\"b""#);
        assert!(quote(&"x".repeat(1000)).len() < 80);
        assert_eq!(clean_name("w\u{7}b\u{1b}"), "w\u{fffd}b\u{fffd}");
        assert_eq!(clean_name(&"ä".repeat(1000)).len(), 254);
        for name in ["pve1", "node-2.example", "7"] {
            assert!(is_node_name(name), "{name}");
        }
        for name in ["", ".", "..", "../x", "a/b", "a b", "-x", "ä", "a\0"] {
            assert!(!is_node_name(name), "{name}");
        }
    }
}
