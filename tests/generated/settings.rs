//! What is generated from the table of settings is as the table says. `UPDATE=1` rewrites it.

use super::agrees::agrees;
use pve_foresight::settings::{Key, Knob, Table, markdown, parse, schema};

#[test]
fn share_settings_json_is_current() {
    agrees("share/settings.json", &format!("{:#}\n", schema()));
}

#[test]
fn docs_settings_md_is_current() {
    agrees("docs/settings.md", &markdown());
}

/// PVE's schema check refuses words it does not know.
#[test]
fn properties_use_pves_schema_words_only() {
    const WORDS: [&str; 7] =
        ["type", "description", "default", "minimum", "maximum", "enum", "optional"];
    for (list, count) in [("migration-settings", 5), ("penalty-config", Key::ALL.len())] {
        let list = &schema()[list];
        let properties = list["properties"].as_object().unwrap();
        assert_eq!(properties.len(), count);
        assert_eq!(list["order"].as_array().unwrap().len(), count);
        for (name, property) in properties {
            let words = property.as_object().unwrap();
            assert!(words.keys().all(|w| WORDS.contains(&w.as_str())), "{name}: {property}");
            assert_eq!(property["optional"], 1, "{name}");
            assert!(property["description"].as_str().unwrap().ends_with('.'), "{name}");
            let detail = &list["details"][name];
            assert!(detail["unit"].is_string() && detail["term"].is_string(), "{name}");
        }
    }
}

#[test]
fn types_are_what_perl_and_the_form_expect() {
    let schema = schema();
    let of = |list: &str, name: &str, word: &str| schema[list]["properties"][name][word].clone();
    let knob = |name, word| of("migration-settings", name, word);
    let key = |name, word| of("penalty-config", name, word);
    assert_eq!(knob("migration-sensitivity", "type"), "string");
    assert_eq!(knob("migration-sensitivity", "default"), "balanced");
    assert_eq!(knob("trend-weight", "type"), "integer");
    assert_eq!(knob("trend-weight", "maximum"), 100);
    assert_eq!(knob("analysis-lookback", "enum"), serde_json::json!([1, 3, 7, 14, 30]));
    assert_eq!(knob("protect-running-workloads", "type"), "boolean");
    assert_eq!(knob("protect-running-workloads", "default"), 1);
    assert_eq!(key("cpu_high_penalty", "type"), "number");
    assert_eq!(key("max_moves", "type"), "integer");
    assert_eq!(key("weight_24h", "default"), 0.42);
}

/// The form tells which keys a slider moves, and which sliders move a key: both ways the same.
#[test]
fn relations_agree_in_both_directions() {
    let schema = schema();
    let names = |list: &str, name: &str, word: &str| -> Vec<String> {
        let relation = &schema[list]["details"][name][word];
        relation.as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_string()).collect()
    };
    for knob in Knob::ALL {
        for key in Key::ALL {
            let moves = names("migration-settings", knob.name(), "moves");
            let moved = names("penalty-config", key.name(), "moved-by");
            let forth = moves.iter().any(|n| n == key.name());
            let back = moved.iter().any(|n| n == knob.name());
            assert_eq!(forth, back, "{} {}", knob.name(), key.name());
        }
    }
}

/// The example in the documentation is a file that is accepted.
#[test]
fn the_documented_example_can_be_read() {
    let page = markdown();
    let example = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let stored = parse(example.as_bytes()).unwrap();
    assert_eq!((stored.chosen().len(), stored.expert().len()), (2, 1));
}
