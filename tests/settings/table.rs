//! Promises of the table of settings, tried on every row of it.

use pve_foresight::model::Fraction;
use pve_foresight::settings::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn fields() -> impl Iterator<Item = &'static Field> {
    Knob::ALL.iter().map(|k| k.field()).chain(Key::ALL.iter().map(|k| k.field()))
}

fn with(change: impl Fn(&mut Settings)) -> PenaltyConfig {
    let mut settings = Settings::default();
    change(&mut settings);
    map_simplified_to_penalty_config(&settings)
}

#[test]
fn names_are_unique_and_say_their_kind() {
    let names: BTreeSet<&str> = fields().map(|f| f.name).collect();
    assert_eq!(names.len(), fields().count());
    let kebab = |n: &str| n.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let snake =
        |n: &str| n.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    assert!(Knob::ALL.iter().all(|k| kebab(k.name())));
    assert!(Key::ALL.iter().all(|k| snake(k.name())));
    assert_eq!(Knob::ALL.len(), 5);
}

#[test]
fn names_lead_back_to_their_setting() {
    assert!(Key::ALL.iter().all(|k| Key::from_name(k.name()) == Some(*k)));
    assert!(Knob::ALL.iter().all(|k| Knob::from_name(k.name()) == Some(*k)));
    assert_eq!(Key::from_name("cpu_high"), None);
}

#[test]
fn defaults_are_allowed_and_ranges_have_width() {
    for f in fields() {
        assert!(f.lowest < f.highest, "{}", f.name);
        assert!(f.allows(f.default), "{}", f.name);
        assert!(f.allows(f.lowest) && f.allows(f.highest), "{}", f.name);
        assert!(!f.allows(f.lowest - 0.5) && !f.allows(f.highest + 0.5), "{}", f.name);
        assert!(!f.allows(f64::NAN) && !f.allows(f64::INFINITY), "{}", f.name);
    }
}

#[test]
fn help_is_one_sentence_without_its_period() {
    for f in fields() {
        assert!(f.help.len() > 15, "{}", f.name);
        assert!(f.help.starts_with(|c: char| c.is_ascii_uppercase()), "{}: {}", f.name, f.help);
        assert!(!f.help.ends_with(['.', ' ', '!']), "{}: {}", f.name, f.help);
        assert!(!f.help.contains('|') && !f.help.contains('\n'), "breaks a table: {}", f.help);
        assert!(!f.term.name().is_empty());
    }
}

#[test]
fn what_goes_in_comes_out() {
    let mut config = PenaltyConfig::default();
    for &key in Key::ALL {
        for number in [key.field().lowest, key.field().default, key.field().highest] {
            config.set(key, number);
            assert_eq!(config.get(key), number, "{}", key.name());
            let json = key.field().unit.json(number);
            assert_eq!(key.field().read(&json).unwrap(), number, "{}", key.name());
        }
    }
    let mut settings = Settings::default();
    for &knob in Knob::ALL {
        settings.set(knob, knob.field().highest);
        assert_eq!(settings.get(knob), knob.field().highest, "{}", knob.name());
        let json = knob.field().unit.json(knob.field().lowest);
        assert_eq!(knob.field().read(&json).unwrap(), knob.field().lowest);
    }
}

#[test]
fn default_settings_give_the_tables_defaults() {
    assert_eq!(map_simplified_to_penalty_config(&Settings::default()), PenaltyConfig::default());
}

#[test]
fn every_result_of_the_five_is_an_allowed_value() {
    for migration_sensitivity in Sensitivity::ALL {
        for percent in 0..=100 {
            let trend_weight = Fraction(f64::from(percent) / 100.0);
            let settings = Settings { migration_sensitivity, trend_weight, ..Settings::default() };
            let config = map_simplified_to_penalty_config(&settings);
            for &key in Key::ALL {
                assert!(key.field().allows(config.get(key)), "{} at {settings:?}", key.name());
            }
        }
    }
}

/// A rule that moves nothing would be a knob without effect.
#[test]
fn every_rule_moves_its_key() {
    let conservative = with(|s| s.migration_sensitivity = Sensitivity::Conservative);
    let aggressive = with(|s| s.migration_sensitivity = Sensitivity::Aggressive);
    let (snapshot, trend) =
        (with(|s| s.trend_weight = Fraction(0.0)), with(|s| s.trend_weight = Fraction(1.0)));
    for &key in Key::ALL {
        let default = key.field().default;
        let moved = |configs: [&PenaltyConfig; 2]| configs.iter().any(|c| c.get(key) != default);
        for rule in key.field().rules {
            let pair = match rule.follows_sensitivity() {
                true => [&conservative, &aggressive],
                false => [&snapshot, &trend],
            };
            assert!(moved(pair), "{} has a rule that does nothing: {rule:?}", key.name());
        }
        if key.field().rules.is_empty() {
            assert!(!moved([&conservative, &aggressive]) && !moved([&snapshot, &trend]));
        }
    }
}

/// Three of ProxBalance's five were stored and shown, but did nothing.
#[test]
fn each_of_the_five_changes_the_effective_configuration() {
    let default = PenaltyConfig::default();
    for &knob in Knob::ALL {
        let other = [knob.field().lowest, knob.field().highest];
        for number in other.into_iter().filter(|n| *n != knob.field().default) {
            let config = with(|s| s.set(knob, number));
            assert_ne!(config, default, "{}", knob.name());
            assert_eq!(config.settings.get(knob), number);
        }
    }
}

#[test]
fn more_eager_means_earlier_and_dearer() {
    let [low, middle, high] = Sensitivity::ALL.map(|l| with(|s| s.migration_sensitivity = l));
    for pair in [(&low, &middle), (&middle, &high)] {
        let (reluctant, eager) = pair;
        assert!(reluctant.cpu_threshold > eager.cpu_threshold);
        assert!(reluctant.cpu_high_penalty < eager.cpu_high_penalty);
        assert!(reluctant.mem_extreme_penalty < eager.mem_extreme_penalty);
        assert!(reluctant.min_score_improvement > eager.min_score_improvement);
        assert!(reluctant.min_benefit > eager.min_benefit);
        assert!(reluctant.cooldown_hours > eager.cooldown_hours);
        assert!(reluctant.cluster_convergence_threshold > eager.cluster_convergence_threshold);
    }
    assert_eq!(low.cpu_very_high_penalty.0, 37.5);
    assert_eq!(high.cpu_sustained_critical.0, 195.0);
    assert_eq!(low.mem_sustained_very_high.0, 21.875);
}

#[test]
fn trend_weight_0_is_a_pure_snapshot() {
    let config = with(|s| s.trend_weight = Fraction(0.0));
    assert_eq!(config.blend(), Blend { current: 1.0, day: 0.0, week: 0.0 });
    let historic = [
        Term::CpuSustained,
        Term::CpuSpikes,
        Term::CpuTrend,
        Term::MemSustained,
        Term::MemSpikes,
        Term::MemTrend,
        Term::IowaitSustained,
        Term::Stability,
    ];
    for &key in Key::ALL.iter().filter(|k| historic.contains(&k.field().term)) {
        assert_eq!(config.get(key), 0.0, "{}", key.name());
    }
    assert_eq!(config.baseline_deviation_penalty.0, 0.0);
    assert_eq!(config.trend_share.0, 0.0);
    assert_eq!(config.cpu_high_penalty, PenaltyConfig::default().cpu_high_penalty);
}

#[test]
fn trend_weight_100_leaves_the_present_out() {
    let config = with(|s| s.trend_weight = Fraction(1.0));
    assert_eq!(config.blend().current, 0.0);
    assert_eq!(config.trend_share.0, 1.0);
    let present = [Term::CpuCurrent, Term::MemCurrent, Term::IowaitCurrent];
    for &key in Key::ALL.iter().filter(|k| present.contains(&k.field().term)) {
        assert_eq!(config.get(key), 0.0, "{}", key.name());
    }
    assert_eq!(config.cpu_sustained_high, PenaltyConfig::default().cpu_sustained_high);
}

#[test]
fn expert_values_win_and_freeze_nothing_else() {
    for &key in Key::ALL {
        let default = key.field().default;
        let pinned =
            if default == key.field().highest { key.field().lowest } else { key.field().highest };
        let set = |stored: Stored, number: f64| {
            stored.with_expert(&serde_json::json!({ key.name(): key.field().unit.json(number) }))
        };
        // The offsets are ordered among themselves; their extremes are tried elsewhere.
        let Ok(stored) = set(Stored::default(), pinned) else {
            assert!(key.name().contains("offset"), "{}", key.name());
            continue;
        };
        let stored = stored
            .with_settings(&serde_json::json!({"migration-sensitivity": "aggressive"}))
            .unwrap();
        let effective = get_effective_penalty_config(&stored);
        let eager = with(|s| s.migration_sensitivity = Sensitivity::Aggressive);
        for &other in Key::ALL {
            let (expected, origin) = match other == key {
                true => (pinned, Origin::Expert),
                false if eager.get(other) == other.field().default => {
                    (eager.get(other), Origin::Default)
                }
                false => (eager.get(other), Origin::Knob),
            };
            assert_eq!(effective.config.get(other), expected, "{} with {key:?}", other.name());
            assert_eq!(effective.origin(other), origin, "{} with {key:?}", other.name());
        }
    }
}

#[test]
fn entries_show_value_origin_and_what_a_reset_gives() {
    let stored = Stored::default()
        .with_expert(&serde_json::json!({"min_score_improvement": 33, "n1_reserve": 0}))
        .and_then(|s| {
            s.with_settings(&serde_json::json!({"migration-sensitivity": "conservative"}))
        })
        .unwrap();
    let effective = get_effective_penalty_config(&stored);
    let entries = effective.entries();
    assert_eq!(entries.len(), Key::ALL.len());
    let entry =
        |name: &str| serde_json::to_value(entries.iter().find(|e| e.key == name).unwrap()).unwrap();
    assert_eq!(
        entry("min_score_improvement"),
        serde_json::json!({"key": "min_score_improvement", "value": 33, "origin": "expert", "reset": 25,
            "default": 15, "unit": "points", "term": "gate"})
    );
    assert_eq!(entry("n1_reserve")["value"], false);
    assert_eq!(entry("cpu_threshold")["origin"], "knob");
    assert_eq!(entry("cpu_threshold")["value"], 85);
    assert_eq!(entry("max_moves")["origin"], "default");
}

/// A key that no decision reads is a lie on the screen.
#[test]
fn every_key_is_read_by_somebody() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let curves = std::fs::read_to_string(src.join("settings/curves.rs")).unwrap();
    let mut deciders = String::new();
    let mut open: Vec<PathBuf> = vec![src.clone()];
    while let Some(folder) = open.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            match path.is_dir() {
                true if path == src.join("settings") => {}
                true => open.push(path),
                false => deciders += &std::fs::read_to_string(path).unwrap(),
            }
        }
    }
    let read = |text: &str, name: &str| {
        let word = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        text.match_indices(&format!(".{name}")).any(|(at, m)| word(&text[at + m.len()..]))
    };
    let methods = curves.split("pub fn ").skip(1).map(|rest| rest.split('(').next().unwrap());
    let unused: Vec<&str> = methods
        .filter(|m| curves.contains(&format!("pub fn {m}(&self) -> Curve")))
        .filter(|m| !read(&deciders, m))
        .collect();
    let inert: Vec<&str> = Key::ALL
        .iter()
        .map(|k| k.name())
        .filter(|n| !read(&deciders, n) && !read(&curves, n))
        .collect();
    assert!(
        unused.is_empty() && inert.is_empty(),
        "nobody reads {inert:?}, nor the curves {unused:?}"
    );
    for field in ["analysis_lookback", "minimum_confidence", "protect_running_workloads"] {
        assert!(read(&deciders, field), "nobody reads {field}");
    }
}
