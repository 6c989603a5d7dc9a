//! The settings file and the changes asked for through the API: precise, lossless, unbreakable.

use proptest::prelude::*;
use pve_foresight::error::Kind;
use pve_foresight::settings::*;
use serde_json::{Value, json};
use std::path::Path;

fn refused(text: &str) -> (Kind, String) {
    let error = parse(text.as_bytes()).expect_err(text);
    (error.kind, error.to_string())
}

#[test]
fn a_full_file_is_read_and_written_back() {
    let text = r#"{
  "expert": {
    "cpu_high_penalty": 25,
    "n1_reserve": false,
    "weight_7d": 0.4
  },
  "settings": {
    "analysis-lookback": 14,
    "migration-sensitivity": "conservative",
    "minimum-confidence": 80,
    "protect-running-workloads": false,
    "trend-weight": 45
  },
  "version": 1
}
"#;
    let stored = parse(text.as_bytes()).unwrap();
    let settings = stored.settings();
    assert_eq!(settings.migration_sensitivity, Sensitivity::Conservative);
    assert_eq!(settings.analysis_lookback, Days(14.0));
    assert_eq!(settings.trend_weight.0, 0.45);
    assert!(!settings.protect_running_workloads);
    assert_eq!(stored.chosen().len(), 5);
    assert_eq!(stored.expert()[&Key::cpu_high_penalty], 25.0);
    assert_eq!(stored.serialise(), text);
}

#[test]
fn absent_sections_mean_nothing_was_chosen() {
    for text in [r#"{"version":1}"#, r#"{"version":1,"settings":{},"expert":{}}"#] {
        assert_eq!(parse(text.as_bytes()).unwrap(), Stored::default());
    }
    assert_eq!(parse(Stored::default().serialise().as_bytes()).unwrap(), Stored::default());
}

#[test]
fn errors_name_field_and_range() {
    let table = [
        (
            r#"{"version":1,"settings":{"trend-weight":140}}"#,
            "settings.trend-weight: 140 is not in 0..100",
        ),
        (
            r#"{"version":1,"settings":{"trend-weight":-1}}"#,
            "settings.trend-weight: -1 is not in 0..100",
        ),
        (
            r#"{"version":1,"settings":{"trend-weight":0.5}}"#,
            "settings.trend-weight: 0.5 is not a whole number",
        ),
        (
            r#"{"version":1,"settings":{"trend-weight":"much"}}"#,
            "settings.trend-weight: \"much\" is not a number",
        ),
        (
            r#"{"version":1,"settings":{"trend-weight":"nan"}}"#,
            "settings.trend-weight: \"nan\" is not a number",
        ),
        (
            r#"{"version":1,"settings":{"trend-weight":"1e999"}}"#,
            "settings.trend-weight: \"1e999\" is not a number",
        ),
        (
            r#"{"version":1,"settings":{"trend-weight":""}}"#,
            "settings.trend-weight: \"\" is not a number",
        ),
        (
            r#"{"version":1,"settings":{"trend-weight":true}}"#,
            "settings.trend-weight: true is not a number",
        ),
        (
            r#"{"version":1,"settings":{"trend-weight":null}}"#,
            "settings.trend-weight: null is not a number",
        ),
        (
            r#"{"version":1,"settings":{"trend-weight":[60]}}"#,
            "settings.trend-weight: a list is not a number",
        ),
        (
            r#"{"version":1,"settings":{"analysis-lookback":2}}"#,
            "settings.analysis-lookback: 2 is not one of 1, 3, 7, 14, 30",
        ),
        (
            r#"{"version":1,"settings":{"minimum-confidence":96}}"#,
            "settings.minimum-confidence: 96 is not in 50..95",
        ),
        (
            r#"{"version":1,"settings":{"migration-sensitivity":"wild"}}"#,
            "settings.migration-sensitivity: \"wild\" is not one of conservative, balanced, aggressive",
        ),
        (
            r#"{"version":1,"settings":{"migration-sensitivity":2}}"#,
            "settings.migration-sensitivity: 2 is not one of conservative, balanced, aggressive",
        ),
        (
            r#"{"version":1,"settings":{"protect-running-workloads":2}}"#,
            "settings.protect-running-workloads: 2 is neither on (1) nor off (0)",
        ),
        (
            r#"{"version":1,"settings":{"protect-running-workloads":""}}"#,
            "settings.protect-running-workloads: \"\" is neither on (1) nor off (0)",
        ),
        (
            r#"{"version":1,"expert":{"cpu_threshold":101}}"#,
            "expert.cpu_threshold: 101 is not in 30..100",
        ),
        (
            r#"{"version":1,"expert":{"max_moves":2.5}}"#,
            "expert.max_moves: 2.5 is not a whole number",
        ),
        (
            r#"{"version":1,"expert":{"cpu_threshold_offset_1":20}}"#,
            "expert.cpu_threshold_offset_2: 20 is not above the 20 of cpu_threshold_offset_1",
        ),
        (
            r#"{"version":1,"expert":{"weight_24h":0,"weight_7d":0,"weight_current":0}}"#,
            "expert.weight_7d: weight_current, weight_24h and weight_7d would all be 0: one of them \
             must count",
        ),
        (
            r#"{"version":1,"settings":{"trend-weight":0},"expert":{"weight_current":0}}"#,
            "expert.weight_current: weight_current, weight_24h and weight_7d would all be 0: one of \
             them must count",
        ),
        (r#"{"version":1,"settings":7}"#, "settings: 7 is not an object"),
        (r#"{"version":1,"expert":[]}"#, "expert: a list is not an object"),
        (r#"{"settings":{}}"#, "version: is missing; this format is 1"),
        (r#"{"version":"1"}"#, "version: \"1\" is no version; this format is 1"),
        (r#"{"version":0}"#, "version: 0 is no version; this format is 1"),
        (r#"{"version":-1}"#, "version: -1 is no version; this format is 1"),
    ];
    for (text, message) in table {
        assert_eq!(refused(text), (Kind::Invalid, message.to_string()), "{text}");
    }
}

#[test]
fn no_change_may_leave_a_blend_of_nothing() {
    let current = Stored::default().with_expert(&json!({"weight_current": 0})).unwrap();
    let error = current.with_expert(&json!({"weight_24h": 0, "weight_7d": 0})).unwrap_err();
    assert!(error.to_string().starts_with("weight_7d: weight_current, "), "{error}");
    let error = current.with_settings(&json!({"trend-weight": 0})).unwrap_err();
    assert!(error.to_string().starts_with("trend-weight: weight_current, "), "{error}");
    assert!(current.with_settings(&json!({"trend-weight": 1})).is_ok());
}

#[test]
fn a_newer_format_is_refused_politely_whatever_is_in_it() {
    let (kind, message) = refused(r#"{"version":2,"settings":"all different"}"#);
    assert_eq!(kind, Kind::Unsupported);
    assert_eq!(
        message,
        "version: 2 is newer than the 1 known here; upgrade pve-foresight on this node"
    );
}

#[test]
fn what_is_no_file_of_ours_is_corrupt() {
    let huge = format!("{{\"version\":1,\"x\":\"{}\"}}", "y".repeat(MAX_BYTES));
    let deep = format!("{{\"version\":1,\"x\":{}", "[".repeat(60_000));
    for text in [
        "",
        "null",
        "[]",
        "{",
        "{\"version\":1}}",
        "\u{feff}{}",
        "version: 1",
        &huge,
        &deep,
        r#"{"version":1,"version":1}"#,
        r#"{"version":1,"settings":{"trend-weight":1,"trend-weight":2}}"#,
    ] {
        assert_eq!(refused(text).0, Kind::Corrupt, "{}", &text[..text.len().min(40)]);
    }
}

#[test]
fn strings_count_as_numbers_and_flags_as_pve_hands_them_on() {
    for (value, on) in [
        ("1", true),
        ("on", true),
        ("Yes", true),
        ("TRUE", true),
        ("0", false),
        ("off", false),
        ("no", false),
        ("False", false),
    ] {
        for value in [json!(value), json!(on), json!(i32::from(on))] {
            let stored = Stored::default()
                .with_settings(&json!({"protect-running-workloads": value}))
                .unwrap();
            assert_eq!(stored.settings().protect_running_workloads, on, "{value}");
        }
    }
    for value in [json!("60"), json!(60), json!(60.0), json!("60.0"), json!("6e1")] {
        let stored = Stored::default().with_settings(&json!({"trend-weight": value})).unwrap();
        assert_eq!(stored.chosen()[&Knob::trend_weight], 60.0, "{value}");
    }
    for value in ["0x3c", " 60", "60 ", "6O", "inf", "NaN", "infinity", "--6", "1e", "."] {
        assert!(
            Stored::default().with_settings(&json!({"trend-weight": value})).is_err(),
            "{value}"
        );
    }
}

#[test]
fn unknown_names_are_kept_with_a_warning_in_a_file() {
    let text = r#"{"version":1,"note":"hi","settings":{"mood":3,"trend-weight":50},"expert":{"luck":{"a":1}}}"#;
    let loaded = load(Path::new("/etc/pve/foresight.cfg"), text.as_bytes());
    assert_eq!(loaded.refused, None);
    let warnings: Vec<String> = loaded.warnings.iter().map(|w| w.to_string()).collect();
    assert_eq!(
        warnings,
        [
            "/etc/pve/foresight.cfg: note is not known here and does nothing",
            "/etc/pve/foresight.cfg: expert.luck is not known here and does nothing",
            "/etc/pve/foresight.cfg: settings.mood is not known here and does nothing",
        ]
    );
    let changed = loaded.stored.with_settings(&json!({"trend-weight": 70})).unwrap();
    let written: Value = serde_json::from_str(&changed.serialise()).unwrap();
    let wanted = json!({"version":1,"note":"hi","settings":{"mood":3,"trend-weight":70},"expert":{"luck":{"a":1}}});
    assert_eq!(written, wanted);
    let reset: Value = serde_json::from_str(&changed.without_expert().serialise()).unwrap();
    assert_eq!(reset["expert"], json!({}));
    assert_eq!(reset["settings"]["mood"], 3);
}

#[test]
fn a_file_that_cannot_be_used_gives_defaults_a_warning_and_must_be_left_alone() {
    for (text, kind) in [
        ("{\"version\":9}", Kind::Unsupported),
        ("garbage", Kind::Corrupt),
        ("", Kind::Corrupt),
        ("{\"version\":1,\"settings\":{\"trend-weight\":140}}", Kind::Invalid),
    ] {
        let loaded = load(Path::new("/etc/pve/foresight.cfg"), text.as_bytes());
        assert_eq!(loaded.stored, Stored::default());
        assert_eq!(loaded.warnings.len(), 1, "{text}");
        assert!(loaded.warnings[0].message.contains("the defaults hold"), "{}", loaded.warnings[0]);
        let refused = loaded.refused.unwrap();
        assert_eq!(refused.kind, kind, "{text}");
        assert!(refused.to_string().starts_with("/etc/pve/foresight.cfg: "), "{refused}");
    }
}

#[test]
fn a_request_changes_only_what_it_names() {
    let stored = Stored::default()
        .with_settings(&json!({"trend-weight": 10, "minimum-confidence": 90}))
        .unwrap();
    let stored = stored.with_expert(&json!({"max_moves": 3, "cooldown_hours": "6"})).unwrap();
    let changed =
        stored.with_settings(&json!({"analysis-lookback": 30, "delete": "trend-weight"})).unwrap();
    assert_eq!(changed.settings().trend_weight.0, 0.6);
    assert_eq!(changed.settings().minimum_confidence.0, 0.9);
    assert_eq!(changed.settings().analysis_lookback, Days(30.0));
    assert_eq!(changed.expert(), stored.expert());
    for list in [
        json!("max_moves,cooldown_hours"),
        json!("max_moves; cooldown_hours"),
        json!(["max_moves", "cooldown_hours"]),
    ] {
        assert!(changed.with_expert(&json!({"delete": list})).unwrap().expert().is_empty());
    }
    assert_eq!(changed.without_expert().chosen(), changed.chosen());
    assert_eq!(stored.with_settings(&json!({})).unwrap(), stored);
}

#[test]
fn a_wrong_request_names_the_parameter_and_changes_nothing() {
    let table = [
        (json!({"trend-weight": 140}), "trend-weight: 140 is not in 0..100"),
        (json!({"mood": 3}), "mood: there is no such setting"),
        (json!({"cpu_high_penalty": 3}), "cpu_high_penalty: there is no such setting"),
        (json!({"delete": "mood"}), "delete: mood: there is no such setting"),
        (json!({"delete": 7}), "delete: 7 is not a list of settings"),
        (json!({"delete": ["trend-weight", 7]}), "delete: a list is not a list of settings"),
        (
            json!({"delete": "trend-weight", "trend-weight": 5}),
            "trend-weight: is both set and deleted",
        ),
        (json!([1]), "a list is not an object of settings"),
        (json!("x"), "\"x\" is not an object of settings"),
    ];
    for (body, message) in table {
        let error = Stored::default().with_settings(&body).unwrap_err();
        assert_eq!((error.kind, error.to_string()), (Kind::Invalid, message.to_string()));
    }
    let expert = |body| Stored::default().with_expert(&body).map_err(|e| e.to_string());
    assert_eq!(
        expert(json!({"trend-weight": 5})).unwrap_err(),
        "trend-weight: there is no such setting"
    );
    let order = "cpu_threshold_offset_2: 8 is not above the 10 of cpu_threshold_offset_1";
    assert_eq!(expert(json!({"cpu_threshold_offset_2": 8})).unwrap_err(), order);
    assert!(expert(json!({"cpu_threshold_offset_2": 8, "cpu_threshold_offset_1": 4})).is_ok());
}

/// Pretty printing makes a dense file larger; it must not become one that cannot be read.
#[test]
fn a_change_never_makes_a_file_that_cannot_be_read_again() {
    let dense = format!("{{\"version\":1,\"x\":[{}0]}}", "0,".repeat(30_000));
    let stored = parse(dense.as_bytes()).unwrap();
    let error = stored.with_settings(&json!({"trend-weight": 1})).unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
    assert!(error.message.contains("remove names"), "{error}");
    assert!(stored.with_expert(&json!({"max_moves": 1})).is_err());
}

#[test]
fn many_unknown_names_make_few_warnings() {
    let names: Vec<String> = (0..3000).map(|n| format!("\"n\\n{n}\":0")).collect();
    let text = format!("{{\"version\":1,\"expert\":{{{}}}}}", names.join(","));
    let loaded = load(Path::new("f"), text.as_bytes());
    assert_eq!(loaded.warnings.len(), 11);
    assert_eq!(loaded.warnings[10].message, "2990 more names are not known here");
    assert!(loaded.warnings.iter().all(|w| !w.message.contains('\n')));
}

#[test]
fn settings_show_themselves_in_peoples_units() {
    let stored = Stored::default().with_settings(&json!({"trend-weight": "45"})).unwrap();
    let wanted = json!({"migration-sensitivity": "balanced", "trend-weight": 45, "analysis-lookback": 7,
        "minimum-confidence": 75, "protect-running-workloads": true});
    assert_eq!(stored.settings().json(), wanted);
    let back = Stored::default().with_settings(&wanted).unwrap();
    assert_eq!(back.settings(), stored.settings());
    let config = get_effective_penalty_config(&stored).config;
    assert!(Stored::default().with_expert(&config.json()).is_ok());
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|x| json!(x)),
        (-10.0..200.0).prop_map(|x: f64| json!(x)),
        (0..110_i32).prop_map(Value::from),
        ".{0,60}".prop_map(Value::from),
        "-?[0-9]{1,3}(\\.[0-9])?".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        let name = prop_oneof![".{0,8}", proptest::sample::select(names())];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..6)
                .prop_map(|v| Value::Object(v.into_iter().collect())),
        ]
    })
}

fn names() -> Vec<String> {
    let keys = Key::ALL.iter().map(|k| k.name()).chain(Knob::ALL.iter().map(|k| k.name()));
    let more = [
        "version",
        "settings",
        "expert",
        "delete",
        "penalty_scoring",
        "migration_settings",
        "recommendation_thresholds",
        "expert_overrides",
        "sensitivity",
        "seasonal_baseline",
    ];
    keys.chain(more).map(String::from).collect()
}

/// Found by fuzzing: the last digit of a number drifted each time the file was written.
#[test]
fn a_number_of_an_unknown_key_does_not_drift() {
    for number in ["1e64", "1e+82", "9.999999999e37", "0.1", "1.7976931348623157e308"] {
        let text = format!(r#"{{"version": 1, "later": {{"n": {number}}}}}"#);
        let stored = parse(text.as_bytes()).unwrap();
        assert_eq!(parse(stored.serialise().as_bytes()).unwrap(), stored, "{number}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
        let _ = load(Path::new("x"), &bytes);
    }

    #[test]
    fn no_json_makes_it_panic(value in any_value(), settings in any_value(), expert in any_value()) {
        let _ = parse(value.to_string().as_bytes());
        let file = json!({"version": 1, "settings": settings, "expert": expert});
        let _ = parse(file.to_string().as_bytes());
        let _ = Stored::default().with_settings(&value);
        let _ = Stored::default().with_expert(&value);
        migrate_legacy_config(&value);
        let legacy = json!({"penalty_scoring": expert, "migration_settings": settings, "recommendation_thresholds": value});
        let migrated = migrate_legacy_config(&legacy);
        prop_assert_eq!(parse(migrated.stored().serialise().as_bytes()).unwrap(), migrated.stored());
    }

    /// Whatever is accepted is written and read back the same, and resolves to allowed values.
    #[test]
    fn round_trip(picks in proptest::collection::btree_map(0..Key::ALL.len(), 0.0..=1.0_f64, 0..20)) {
        let mut body = serde_json::Map::new();
        for (index, part) in picks {
            let field = Key::ALL[index].field();
            let number = field.lowest + part * (field.highest - field.lowest);
            let number = if field.whole { number.round() } else { number };
            body.insert(field.name.to_string(), field.unit.json(number));
        }
        let Ok(stored) = Stored::default().with_expert(&Value::Object(body)) else { return Ok(()) };
        prop_assert_eq!(&parse(stored.serialise().as_bytes()).unwrap(), &stored);
        let effective = get_effective_penalty_config(&stored);
        for (&key, &number) in stored.expert() {
            prop_assert_eq!(effective.config.get(key), number);
            prop_assert_eq!(effective.origin(key), Origin::Expert);
        }
    }
}
