//! What the API's replies consist of, read off the sources into `tests/reference/replies.json`. The tests of the Perl
//! modules and of the panel compare their own copies with it. `UPDATE=1` rewrites it.

use super::agrees::agrees;
use pve_foresight::model::{GuestMetric, Metric, NodeMetric};
use pve_foresight::settings::{Knob, Table};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use syn::{Attribute, Fields, GenericArgument, Item, PathArguments, Type, UseTree};

/// What the API answers with, by the name that `Reply.pm` has for it.
const REPLIES: [(&str, &str); 9] = [
    ("backtest", "BacktestReply"),
    ("guest_trends", "GuestTrends"),
    ("history", "MetricHistory"),
    ("node_trends", "NodeTrends"),
    ("outcomes", "OutcomesReply"),
    ("quality", "QualityEntry"),
    ("recommend", "RecommendReply"),
    ("settings", "SettingsReply"),
    ("status", "StatusReply"),
];

/// Words that the panel has texts for: in which part of the crate their type is, and its name.
const WORDS: [(&str, &str); 9] = [
    ("backtest", "Policy"),
    ("evidence", "Kind"),
    ("evidence", "Weight"),
    ("outcome", "Verdict"),
    ("recommend", "State"),
    ("recommend", "Urgency"),
    ("store", "Tier"),
    ("trend", "Behaviour"),
    ("trend", "Direction"),
];

#[test]
fn replies_json_is_current() {
    let sources = Sources::read();
    let replies: Map<String, Value> = REPLIES
        .iter()
        .map(|(name, reply)| (name.to_string(), sources.within("api", reply)))
        .collect();
    let mut words: Map<String, Value> = WORDS
        .iter()
        .map(|(part, name)| (format!("{part}::{name}"), sources.within(part, name)["enum"].clone()))
        .collect();
    let mut metrics: Vec<&str> = NodeMetric::ALL.iter().map(|m| m.name()).collect();
    metrics.extend(GuestMetric::ALL.iter().map(|m| m.name()));
    metrics.sort_unstable();
    metrics.dedup();
    words.insert("metrics".into(), json!(metrics));
    words.insert(
        "knobs".into(),
        json!(Knob::ALL.iter().map(|knob| knob.name()).collect::<Vec<_>>()),
    );
    let text = format!("{:#}\n", json!({"replies": replies, "words": words}));
    agrees("tests/reference/replies.json", &text);
}

/// A type that serde writes.
enum Written {
    Struct(syn::ItemStruct),
    Enum(syn::ItemEnum),
}

struct Sources {
    files: BTreeMap<PathBuf, Source>,
}

struct Source {
    /// Types by name.
    types: BTreeMap<String, Written>,
    /// Names that are imported, with the part of the crate that they come from.
    imported: BTreeMap<String, (String, String)>,
}

impl Sources {
    fn read() -> Self {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        let mut folders = vec![src.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    let source = Source::of(&path, &part(&src, &path));
                    files.insert(path, source);
                }
            }
        }
        Self { files }
    }

    /// The schema of a type as `file` names it; `None` where it is a plain value.
    fn named(&self, file: &Path, name: &str) -> Option<Value> {
        let source = &self.files[file];
        if let Some(written) = source.types.get(name) {
            return Some(self.schema(file, written));
        }
        let (part, name) = source.imported.get(name)?;
        let found = self.defined(part, name)?;
        Some(self.schema(found, &self.files[found].types[name]))
    }

    /// The schema of a type in a part of the crate.
    fn within(&self, part: &str, name: &str) -> Value {
        let file = self.defined(part, name).unwrap_or_else(|| panic!("no {name} in {part}"));
        self.schema(file, &self.files[file].types[name])
    }

    /// The file of `part` that defines a type that is written.
    fn defined(&self, part: &str, name: &str) -> Option<&Path> {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = self.files.iter().filter(|(file, source)| {
            self::part(&src, file) == part && source.types.contains_key(name)
        });
        let file = found.next()?.0;
        assert!(found.next().is_none(), "{part} has several types {name}");
        Some(file)
    }

    fn schema(&self, file: &Path, written: &Written) -> Value {
        match written {
            Written::Struct(item) => {
                let mut properties = Map::new();
                self.add(file, &item.fields, false, &mut properties);
                json!({"properties": properties})
            }
            Written::Enum(item) => self.choice(file, item),
        }
    }

    /// Words; or, where variants have fields, all of these beside the word.
    fn choice(&self, file: &Path, item: &syn::ItemEnum) -> Value {
        let style = serde(&item.attrs, "rename_all");
        let word = |variant: &syn::Variant| {
            let own = serde(&variant.attrs, "rename");
            own.unwrap_or_else(|| cased(&variant.ident.to_string(), style.as_deref()))
        };
        let words = json!({"enum": item.variants.iter().map(word).collect::<Vec<_>>()});
        let Some(tag) = serde(&item.attrs, "tag") else {
            assert!(item.variants.iter().all(|v| v.fields.is_empty()), "{} has no tag", item.ident);
            return words;
        };
        let mut properties = Map::new();
        for variant in &item.variants {
            self.add(file, &variant.fields, true, &mut properties);
        }
        properties.insert(tag, words);
        json!({"properties": properties})
    }

    /// Adds fields as they are written; `optional`: each may be absent.
    fn add(&self, file: &Path, fields: &Fields, optional: bool, to: &mut Map<String, Value>) {
        for field in fields {
            if has(&field.attrs, "skip") || has(&field.attrs, "skip_serializing") {
                continue;
            }
            let mut schema = self.value(file, &field.ty);
            let may_lack = optional
                || schema.get("optional").is_some()
                || serde(&field.attrs, "skip_serializing_if").is_some();
            if has(&field.attrs, "flatten") {
                let Some(parts) = schema["properties"].as_object() else {
                    panic!(
                        "{}: {:?} has no fields",
                        file.display(),
                        field.ident.as_ref().map(ToString::to_string)
                    )
                };
                for (name, part) in parts {
                    let mut part = part.clone();
                    if may_lack {
                        part["optional"] = json!(1);
                    }
                    to.insert(name.clone(), part);
                }
                continue;
            }
            if may_lack {
                schema["optional"] = json!(1);
            }
            let name = field.ident.as_ref().expect("a named field").to_string();
            to.insert(serde(&field.attrs, "rename").unwrap_or(name), schema);
        }
    }

    fn value(&self, file: &Path, ty: &Type) -> Value {
        match ty {
            Type::Array(array) => json!({"items": self.value(file, &array.elem)}),
            Type::Path(path) => {
                let last = path.path.segments.last().unwrap();
                let inner = |n: usize| {
                    let PathArguments::AngleBracketed(list) = &last.arguments else {
                        panic!("{} of what?", last.ident)
                    };
                    match list.args.iter().nth(n) {
                        Some(GenericArgument::Type(ty)) => self.value(file, ty),
                        _ => panic!("{} of what?", last.ident),
                    }
                };
                match last.ident.to_string().as_str() {
                    "Option" => {
                        let mut schema = inner(0);
                        schema["optional"] = json!(1);
                        schema
                    }
                    "Box" => inner(0),
                    "Vec" => json!({"items": inner(0)}),
                    "BTreeMap" => json!({"each": inner(1)}),
                    name => self.named(file, name).unwrap_or_else(|| json!({})),
                }
            }
            _ => json!({}),
        }
    }
}

impl Source {
    fn of(path: &Path, part: &str) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let file = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (mut types, mut imported) = (BTreeMap::new(), BTreeMap::new());
        for item in file.items {
            match item {
                Item::Struct(item) if derives(&item.attrs) => {
                    types.insert(item.ident.to_string(), Written::Struct(item));
                }
                Item::Enum(item) if derives(&item.attrs) => {
                    types.insert(item.ident.to_string(), Written::Enum(item));
                }
                Item::Use(item) => import(&item.tree, &mut Vec::new(), part, &mut imported),
                _ => {}
            }
        }
        Self { types, imported }
    }
}

/// The part of the crate, a module of `lib.rs`, that a file belongs to.
fn part(src: &Path, file: &Path) -> String {
    let first = file.strip_prefix(src).unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_string()
}

/// Names that a `use` brings into a file of `part`. Modules have no more than a level or two: `super` stays in its part.
fn import(
    tree: &UseTree,
    above: &mut Vec<String>,
    part: &str,
    to: &mut BTreeMap<String, (String, String)>,
) {
    let from = |above: &[String]| match above {
        [first, second, ..] if first == "crate" => second.clone(),
        _ => part.to_string(),
    };
    match tree {
        UseTree::Path(path) => {
            above.push(path.ident.to_string());
            import(&path.tree, above, part, to);
            above.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| import(tree, above, part, to)),
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            to.insert(name.clone(), (from(above), name));
        }
        UseTree::Rename(both) => {
            to.insert(both.rename.to_string(), (from(above), both.ident.to_string()));
        }
        UseTree::Glob(_) => {}
    }
}

fn derives(attrs: &[Attribute]) -> bool {
    let mut found = false;
    for attr in attrs.iter().filter(|a| a.path().is_ident("derive")) {
        attr.parse_nested_meta(|meta| {
            found |= meta.path.segments.last().is_some_and(|s| s.ident == "Serialize");
            Ok(())
        })
        .unwrap();
    }
    found
}

/// Words of `#[serde(...)]` with their values, where they have one.
fn words(attrs: &[Attribute]) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    for attr in attrs.iter().filter(|a| a.path().is_ident("serde")) {
        attr.parse_nested_meta(|meta| {
            let value = match meta.value() {
                Ok(value) => Some(value.parse::<syn::LitStr>()?.value()),
                Err(_) => None,
            };
            found.push((meta.path.get_ident().unwrap().to_string(), value));
            Ok(())
        })
        .unwrap();
    }
    found
}

fn serde(attrs: &[Attribute], word: &str) -> Option<String> {
    words(attrs).into_iter().find(|(name, _)| name == word).and_then(|(_, value)| value)
}

fn has(attrs: &[Attribute], word: &str) -> bool {
    words(attrs).iter().any(|(name, _)| name == word)
}

/// A variant's name as serde writes it.
fn cased(name: &str, style: Option<&str>) -> String {
    let between = match style {
        Some("lowercase") => "",
        Some("snake_case") => "_",
        Some("kebab-case") => "-",
        other => panic!("{name}: names of style {other:?} are not known here"),
    };
    let mut word = String::new();
    for (i, c) in name.char_indices() {
        if c.is_uppercase() && i > 0 {
            word.push_str(between);
        }
        word.extend(c.to_lowercase());
    }
    word
}
