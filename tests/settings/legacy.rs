//! A ProxBalance configuration is taken over: best fit, choices kept, nothing silently dropped.

use pve_foresight::settings::*;
use serde_json::{Map, Value, json};

/// ProxBalance's penalty block as it writes it when nobody changed anything.
fn block() -> Value {
    let text = r#"{
        "cpu_high_penalty": 20, "cpu_very_high_penalty": 50, "cpu_extreme_penalty": 100,
        "mem_high_penalty": 8, "mem_very_high_penalty": 20, "mem_extreme_penalty": 50,
        "cpu_sustained_high": 40, "cpu_sustained_very_high": 80, "cpu_sustained_critical": 150,
        "mem_sustained_high": 10, "mem_sustained_very_high": 25, "mem_sustained_critical": 60,
        "iowait_high_penalty": 20, "iowait_very_high_penalty": 40, "iowait_extreme_penalty": 80,
        "iowait_sustained_elevated": 15, "iowait_sustained_high": 30, "iowait_sustained_critical": 60,
        "cpu_trend_rising_penalty": 15, "mem_trend_rising_penalty": 0,
        "cpu_spike_moderate": 5, "cpu_spike_high": 10, "cpu_spike_very_high": 20, "cpu_spike_extreme": 30,
        "mem_spike_moderate": 2, "mem_spike_high": 5, "mem_spike_very_high": 10, "mem_spike_extreme": 20,
        "predicted_cpu_over_penalty": 25, "predicted_cpu_high_penalty": 50,
        "predicted_cpu_extreme_penalty": 100, "predicted_mem_over_penalty": 10,
        "predicted_mem_high_penalty": 25, "predicted_mem_extreme_penalty": 50,
        "mem_overcommit_penalty": 8, "mem_overcommit_high_penalty": 25,
        "cpu_threshold_offset_1": 10, "cpu_threshold_offset_2": 20,
        "mem_threshold_offset_1": 10, "mem_threshold_offset_2": 20,
        "min_score_improvement": 15, "maintenance_score_boost": 100, "iowait_score_boost": 30,
        "iowait_exempt_enabled": true, "source_mem_migration_floor": 65,
        "weight_current": 0.5, "weight_24h": 0.3, "weight_7d": 0.2,
        "cluster_convergence_threshold": 8.0,
        "seasonal_baseline": { "enabled": false, "sigma_threshold": 2.0 }
    }"#;
    serde_json::from_str(text).unwrap()
}

fn with(mut block: Value, changes: &[(&str, f64)]) -> Value {
    changes.iter().for_each(|(name, value)| block[*name] = json!(value));
    block
}

/// The block as ProxBalance's sensitivity 1 or 3 and a trend weight make it.
fn mapped(scale: [f64; 2], gates: [f64; 2], trend_weight: f64) -> Value {
    let mut block = block();
    let entries: &mut Map<String, Value> = block.as_object_mut().unwrap();
    for (name, value) in entries.iter_mut() {
        let factor = if name.contains("mem_") { scale[1] } else { scale[0] };
        let fixed =
            ["overcommit", "offset", "score", "exempt", "floor", "weight", "cluster", "seasonal"];
        if !fixed.iter().any(|word| name.contains(word)) {
            *value = json!((value.as_f64().unwrap() * factor).round_ties_even());
        }
    }
    let t = trend_weight / 100.0;
    let cents = |x: f64| (x * 100.0).round() / 100.0;
    with(
        block,
        &[
            ("min_score_improvement", gates[0]),
            ("cluster_convergence_threshold", gates[1]),
            ("weight_current", cents(0.9 - 0.75 * t)),
            ("weight_24h", cents(0.1 + 0.25 * t)),
            ("weight_7d", cents(0.5 * t)),
        ],
    )
}

fn conservative(trend_weight: f64) -> Value {
    mapped([0.75, 0.875], [25.0, 12.0], trend_weight)
}

fn aggressive(trend_weight: f64) -> Value {
    mapped([1.3, 1.15], [8.0, 5.0], trend_weight)
}

fn migrate(config: Value) -> Migrated {
    assert!(detect_legacy_config(&config));
    let migrated = migrate_legacy_config(&config);
    let stored =
        parse(migrated.stored().serialise().as_bytes()).expect("what is migrated can be read");
    assert_eq!(stored, migrated.stored());
    migrated
}

fn outcome(migrated: &Migrated, field: &str) -> Option<Outcome> {
    migrated.report.iter().find(|line| line.field == field).map(|line| line.outcome)
}

fn overridden(migrated: &Migrated) -> Vec<(&'static str, f64)> {
    migrated.overrides.iter().map(|(key, value)| (key.name(), *value)).collect()
}

#[test]
fn only_proxbalance_configurations_are_recognised() {
    for yes in [
        json!({"penalty_scoring": {}}),
        json!({"recommendation_thresholds": {"cpu_threshold": 60}}),
        json!({"migration_settings": {"sensitivity": 1}, "penalty_scoring": {}}),
    ] {
        assert!(detect_legacy_config(&yes), "{yes}");
    }
    for no in [
        json!({"version": 1, "settings": {}, "expert": {}}),
        json!({"penalty_scoring": 7}),
        json!([]),
        json!("penalty_scoring"),
        Value::Null,
    ] {
        assert!(!detect_legacy_config(&no), "{no}");
        migrate_legacy_config(&no);
    }
}

#[test]
fn an_untouched_block_becomes_the_defaults() {
    let thresholds = json!({"cpu_threshold": 60, "mem_threshold": 70, "iowait_threshold": 30});
    let migrated =
        migrate(json!({"penalty_scoring": block(), "recommendation_thresholds": thresholds}));
    assert_eq!(overridden(&migrated), []);
    assert_eq!(get_effective_penalty_config(&migrated.stored()).config, PenaltyConfig::default());
}

#[test]
fn all_51_values_and_the_thresholds_appear_in_the_report() {
    let migrated = migrate(json!({"penalty_scoring": block()}));
    let mut leaves = 0;
    for (name, value) in block().as_object().unwrap() {
        let names = match value.as_object() {
            Some(inner) => inner.keys().map(|n| format!("{name}.{n}")).collect(),
            None => vec![name.clone()],
        };
        for name in names {
            leaves += 1;
            let outcome = outcome(&migrated, &format!("penalty_scoring.{name}"));
            let known = Key::from_name(&name).is_some() || name.ends_with("sigma_threshold");
            let wanted = if known { Outcome::Follows } else { Outcome::Retired };
            assert_eq!(outcome, Some(wanted), "{name}");
        }
    }
    assert_eq!(leaves, 51);
    let retired: Vec<&Line> =
        migrated.report.iter().filter(|l| l.outcome == Outcome::Retired).collect();
    assert_eq!(retired.len(), 4);
    assert!(retired.iter().all(|l| l.text.len() > 40), "a reason is given");
}

#[test]
fn what_proxbalance_mapped_itself_comes_back_as_settings_alone() {
    for (block, sensitivity) in [(conservative as fn(f64) -> Value, 0.0), (aggressive, 2.0)] {
        for weight in [0.0, 10.0, 25.0, 60.0, 77.0, 100.0] {
            let migrated = migrate(json!({"penalty_scoring": block(weight)}));
            assert_eq!(overridden(&migrated), []);
            assert_eq!(migrated.settings[&Knob::migration_sensitivity], sensitivity);
            assert!((migrated.settings[&Knob::trend_weight] - weight).abs() <= 1.0);
        }
    }
}

#[test]
fn its_five_settings_are_taken_over() {
    let settings = json!({"sensitivity": 3, "trend_weight": 80, "lookback_days": 14,
        "min_confidence": 90, "protect_workloads": false, "expert_overrides": null,
        "min_score_improvement": null});
    for penalties in [json!(null), aggressive(80.0)] {
        let migrated =
            migrate(json!({"migration_settings": settings, "penalty_scoring": penalties}));
        let settings = migrated.stored().settings();
        assert_eq!(settings.migration_sensitivity, Sensitivity::Aggressive);
        assert_eq!(settings.trend_weight.0, 0.8);
        assert_eq!(settings.analysis_lookback, Days(14.0));
        assert_eq!(settings.minimum_confidence.0, 0.9);
        assert!(!settings.protect_running_workloads);
        assert_eq!(overridden(&migrated), []);
        for name in ["sensitivity", "trend_weight", "lookback_days", "min_confidence"] {
            let field = format!("migration_settings.{name}");
            assert_eq!(outcome(&migrated, &field), Some(Outcome::Setting), "{name}");
        }
    }
}

#[test]
fn choices_stay_as_expert_values() {
    let penalties =
        with(block(), &[("cpu_high_penalty", 33.0), ("cluster_convergence_threshold", 3.0)]);
    let migrated = migrate(json!({
        "penalty_scoring": penalties,
        "recommendation_thresholds": {"cpu_threshold": 75, "mem_threshold": 70},
        "migration_settings": {"expert_overrides": {"iowait_extreme_penalty": 99}},
    }));
    let wanted = [
        ("cpu_threshold", 75.0),
        ("cpu_high_penalty", 33.0),
        ("iowait_extreme_penalty", 99.0),
        ("cluster_convergence_threshold", 3.0),
    ];
    assert_eq!(overridden(&migrated), wanted);
    let effective = get_effective_penalty_config(&migrated.stored());
    assert_eq!(effective.config.cpu_threshold.0, 0.75);
    assert_eq!(effective.origin(Key::cpu_high_penalty), Origin::Expert);
    assert_eq!(outcome(&migrated, "penalty_scoring.iowait_extreme_penalty"), Some(Outcome::Inert));
    let field = "migration_settings.expert_overrides.iowait_extreme_penalty";
    assert_eq!(outcome(&migrated, field), Some(Outcome::Expert));
}

/// In ProxBalance, a saved legacy block froze the sliders; here the slider moves what it should.
#[test]
fn the_upgrade_trap_is_opened() {
    let settings = json!({"sensitivity": 3, "trend_weight": 60, "expert_overrides":
        with(conservative(60.0), &[("cpu_high_penalty", 17.0)])});
    let migrated = migrate(json!({"migration_settings": settings, "penalty_scoring": block()}));
    let stored = migrated.stored();
    assert_eq!(stored.settings().migration_sensitivity, Sensitivity::Conservative);
    assert_eq!(overridden(&migrated), [("cpu_high_penalty", 17.0)]);
    assert_eq!(outcome(&migrated, "migration_settings.sensitivity"), Some(Outcome::Inert));
    let moved = stored.with_settings(&json!({"migration-sensitivity": "aggressive"})).unwrap();
    let config = get_effective_penalty_config(&moved).config;
    assert_eq!((config.min_score_improvement.0, config.cpu_high_penalty.0), (8.0, 17.0));
}

/// What a file does not have stood at its default in ProxBalance.
#[test]
fn single_values_do_not_outvote_the_defaults_behind_them() {
    let single = migrate(json!({"penalty_scoring": {"cpu_high_penalty": 25}}));
    assert_eq!(single.settings[&Knob::migration_sensitivity], 1.0);
    assert_eq!(overridden(&single), [("cpu_high_penalty", 25.0)]);
    for improvement in [25.0, 22.0, 15.0, 18.0, 20.0, 10.0, 8.0] {
        let migrated = migrate(json!({"penalty_scoring": {"min_score_improvement": improvement}}));
        assert_eq!(migrated.settings[&Knob::migration_sensitivity], 1.0, "{improvement}");
        let effective = get_effective_penalty_config(&migrated.stored()).config;
        assert_eq!(effective.min_score_improvement.0, improvement);
    }
}

/// Fewest expert values first: one far value must not drag the rest to its side.
#[test]
fn the_best_fit_leaves_the_fewest_expert_values() {
    let far = [("cpu_extreme_penalty", 1000.0), ("cpu_sustained_critical", 1000.0)];
    let migrated = migrate(json!({"penalty_scoring": with(conservative(60.0), &far)}));
    assert_eq!(migrated.settings[&Knob::migration_sensitivity], 0.0);
    assert_eq!(overridden(&migrated).len(), 2);
}

/// Early releases scaled memory penalties as strongly as the others.
#[test]
fn blocks_of_early_releases_are_recognised() {
    let migrated = migrate(json!({"penalty_scoring": mapped([0.75, 0.75], [25.0, 12.0], 60.0)}));
    assert_eq!(migrated.settings[&Knob::migration_sensitivity], 0.0);
    assert_eq!(overridden(&migrated), []);
}

#[test]
fn one_changed_gate_in_a_full_block_is_one_expert_value() {
    let migrated =
        migrate(json!({"penalty_scoring": with(block(), &[("min_score_improvement", 25.0)])}));
    assert_eq!(migrated.settings[&Knob::migration_sensitivity], 1.0);
    assert_eq!(overridden(&migrated), [("min_score_improvement", 25.0)]);
}

#[test]
fn chosen_weights_fit_the_trend_weight_and_stay_together() {
    let weights = [("weight_current", 0.1), ("weight_24h", 0.3), ("weight_7d", 0.6)];
    let migrated = migrate(json!({"penalty_scoring": with(block(), &weights)}));
    assert_eq!(migrated.settings[&Knob::trend_weight], 100.0);
    let config = get_effective_penalty_config(&migrated.stored()).config;
    assert_eq!(config.blend(), Blend { current: 0.1, day: 0.3, week: 0.6 });
    let settings = json!({"trend_weight": 30});
    let penalties = with(block(), &weights);
    let migrated = migrate(json!({"penalty_scoring": penalties, "migration_settings": settings}));
    assert_eq!(migrated.settings[&Knob::trend_weight], 30.0);
    assert_eq!(migrated.overrides.len(), 3);
    let penalties = mapped([1.0, 1.0], [15.0, 8.0], 80.0);
    let migrated = migrate(json!({"penalty_scoring": penalties, "migration_settings": settings}));
    assert_eq!(migrated.settings[&Knob::trend_weight], 80.0);
    assert_eq!(outcome(&migrated, "migration_settings.trend_weight"), Some(Outcome::Inert));
}

#[test]
fn offsets_stay_together_and_in_order() {
    let migrated =
        migrate(json!({"penalty_scoring": with(block(), &[("mem_threshold_offset_1", 12.0)])}));
    let wanted = [("mem_threshold_offset_1", 12.0), ("mem_threshold_offset_2", 20.0)];
    assert_eq!(overridden(&migrated), wanted);
    let migrated = migrate(json!({"penalty_scoring": {"mem_threshold_offset_1": 12}}));
    assert_eq!(overridden(&migrated), []);
    assert_eq!(
        outcome(&migrated, "penalty_scoring.mem_threshold_offset_2"),
        Some(Outcome::Invalid)
    );
}

#[test]
fn weights_of_which_none_counts_are_left_out() {
    let migrated =
        migrate(json!({"penalty_scoring": {"weight_current": 0, "weight_24h": 0, "weight_7d": 0}}));
    let said: Vec<String> = migrated.report.iter().map(Line::to_string).collect();
    let left_out = "would all be 0: one of them must count; all left out";
    assert!(said.iter().any(|line| line.ends_with(left_out)), "{said:?}");
    assert!(parse(migrated.stored().serialise().as_bytes()).is_ok());
}

#[test]
fn unusable_values_are_reported_with_field_and_range_and_left_out() {
    let table = [
        (
            json!({"penalty_scoring": {"cpu_high_penalty": -3}}),
            "penalty_scoring.cpu_high_penalty: -3 is not in 0..1000; left out",
        ),
        (
            json!({"penalty_scoring": {"cpu_high_penalty": "lots"}}),
            "penalty_scoring.cpu_high_penalty: \"lots\" is not a number; left out",
        ),
        (
            json!({"penalty_scoring": {"weight_7d": 3}}),
            "penalty_scoring.weight_7d: 3 is not in 0..1; left out",
        ),
        (
            json!({"penalty_scoring": {"seasonal_baseline": 7}}),
            "penalty_scoring.seasonal_baseline: 7 is not an object; left out",
        ),
        (
            json!({"penalty_scoring": [1], "migration_settings": {}}),
            "penalty_scoring: a list is not an object; left out",
        ),
        (
            json!({"recommendation_thresholds": {"mem_threshold": 120}}),
            "recommendation_thresholds.mem_threshold: 120 is not in 30..100; left out",
        ),
        (
            json!({"migration_settings": {"sensitivity": 4}}),
            "migration_settings.sensitivity: 4 is not one of 1, 2, 3; left out",
        ),
        (
            json!({"migration_settings": {"lookback_days": 5}}),
            "migration_settings.lookback_days: 5 is not one of 1, 3, 7, 14, 30; left out",
        ),
        (
            json!({"migration_settings": {"min_confidence": 20}}),
            "migration_settings.min_confidence: 20 is not in 50..95; left out",
        ),
        (
            json!({"migration_settings": {"expert_overrides": 5}}),
            "migration_settings.expert_overrides: 5 is not an object; left out",
        ),
    ];
    for (config, line) in table {
        let migrated = migrate(config);
        let invalid: Vec<String> = migrated
            .report
            .iter()
            .filter(|l| l.outcome == Outcome::Invalid)
            .map(Line::to_string)
            .collect();
        assert_eq!(invalid, [line]);
        assert_eq!(migrated.stored(), Stored::default());
    }
}

#[test]
fn unknown_names_are_reported_without_their_values() {
    let migrated = migrate(json!({
        "penalty_scoring": {"guess": 1, "seasonal_baseline": {"mood": 2}},
        "recommendation_thresholds": {"_comment_thresholds": "guidelines"},
        "migration_settings": {"speed": 9},
        "proxmox_api_token_secret": "hunter2",
    }));
    for field in [
        "penalty_scoring.guess",
        "penalty_scoring.seasonal_baseline.mood",
        "recommendation_thresholds._comment_thresholds",
        "migration_settings.speed",
        "proxmox_api_token_secret",
    ] {
        assert_eq!(outcome(&migrated, field), Some(Outcome::Unknown), "{field}");
    }
    let report: String = migrated.report.iter().map(Line::to_string).collect();
    assert!(!report.contains("hunter2"));
}

#[test]
fn a_hostile_file_makes_no_endless_report() {
    let mut config = json!({"penalty_scoring": {}});
    for n in 0..5000 {
        config["penalty_scoring"][format!("\u{1b}[2J{n}{}", "x".repeat(500))] = json!(n);
    }
    let migrated = migrate(config);
    assert!(migrated.report.len() <= 41);
    assert!(migrated.report.last().unwrap().text.starts_with("4960 more"));
    assert!(migrated.report.iter().all(|l| l.field.len() < 100 && !l.field.contains('\u{1b}')));
}

/// Migrating what we migrated, written back in ProxBalance's words, changes nothing.
#[test]
fn round_trip() {
    for sensitivity in 1..=3_u32 {
        for trend_weight in [0, 33, 60, 100] {
            let penalties = match sensitivity {
                1 => conservative(f64::from(trend_weight)),
                3 => aggressive(f64::from(trend_weight)),
                _ => mapped([1.0, 1.0], [15.0, 8.0], f64::from(trend_weight)),
            };
            let penalties = with(penalties, &[("cpu_spike_extreme", 71.0)]);
            let settings = json!({"sensitivity": sensitivity, "trend_weight": trend_weight});
            let config = json!({"migration_settings": settings, "penalty_scoring": penalties});
            let migrated = migrate(config);
            let settings = migrated.stored().settings();
            assert_eq!(settings.get(Knob::migration_sensitivity), f64::from(sensitivity - 1));
            assert_eq!(settings.get(Knob::trend_weight), f64::from(trend_weight));
            assert_eq!(overridden(&migrated), [("cpu_spike_extreme", 71.0)]);
        }
    }
}
