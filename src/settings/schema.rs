//! The table in other people's words: PVE's JSON schema, and a page for people.

use super::keys::{Field, Key, Knob, Settings, Table};
use super::knobs::{Rule, map_simplified_to_penalty_config};
use super::leaves::LEAVES;
use super::stored::VERSION;
use super::values::{Sensitivity, Unit};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// `share/settings.json`: for both lists `properties` in PVE's schema words alone (PVE refuses
/// words it does not know), `details` with ours, and `order` of the table.
pub fn schema() -> Value {
    json!({
        "version": VERSION,
        "migration-settings": list::<Knob>(|knob| json!({ "moves": moved_by(knob) })),
        "penalty-config": list::<Key>(|key| json!({ "moved-by": movers(key.field()) })),
    })
}

fn list<T: Table>(relation: impl Fn(T) -> Value) -> Value {
    let mut properties = Map::new();
    let mut details = Map::new();
    for &setting in T::ALL {
        let field = setting.field();
        properties.insert(field.name.to_string(), property(field));
        let mut detail = relation(setting);
        detail["unit"] = json!(field.unit.sign());
        detail["term"] = json!(field.term.name());
        details.insert(field.name.to_string(), detail);
    }
    let order: Vec<&str> = T::ALL.iter().map(|s| s.name()).collect();
    json!({ "order": order, "properties": properties, "details": details })
}

/// A setting in PVE's words.
fn property(field: &Field) -> Value {
    let unit = field.unit;
    let mut property = json!({ "description": format!("{}.", described(field)), "optional": 1 });
    property["type"] = json!(match unit {
        Unit::Flag => "boolean",
        Unit::Choice(_) => "string",
        _ if field.whole => "integer",
        _ => "number",
    });
    property["default"] = match unit {
        // PVE writes booleans as 0 and 1.
        Unit::Flag => json!(field.default as u8),
        _ => unit.json(field.default),
    };
    match unit {
        Unit::Flag => {}
        Unit::Choice(words) => property["enum"] = json!(words),
        _ => {
            property["minimum"] = unit.json(field.lowest);
            property["maximum"] = unit.json(field.highest);
        }
    }
    if !field.only.is_empty() {
        property["enum"] = field.only.iter().map(|&n| unit.json(n)).collect();
    }
    property
}

/// Help with the unit, where there is one to say.
fn described(field: &Field) -> String {
    match field.unit.sign() {
        "" => field.help.to_string(),
        sign => format!("{} (in {sign})", field.help),
    }
}

/// Which of the five settings move `field`, by name.
fn movers(field: &Field) -> Vec<&'static str> {
    let follows = |sensitivity| field.rules.iter().any(|r| r.follows_sensitivity() == sensitivity);
    let both = [(Knob::migration_sensitivity, true), (Knob::trend_weight, false)];
    both.iter().filter(|(_, s)| follows(*s)).map(|(knob, _)| knob.name()).collect()
}

/// Names of the keys that `knob` moves.
fn moved_by(knob: Knob) -> Vec<&'static str> {
    let moved = |key: &&Key| movers(key.field()).contains(&knob.name());
    Key::ALL.iter().filter(moved).map(|key| key.name()).collect()
}

/// `docs/settings.md`.
pub fn markdown() -> String {
    let mut page = String::from(HEAD);
    // Writing to a string cannot fail.
    let _ = five(&mut page);
    page += EXPERT;
    let _ = expert(&mut page);
    page += LEGACY;
    let _ = retired(&mut page);
    page
}

fn five(page: &mut String) -> std::fmt::Result {
    writeln!(page, "| setting | default | allowed | what it does |\n|---|---|---|---|")?;
    for &knob in Knob::ALL {
        let f = knob.field();
        let default = f.unit.text(f.default);
        writeln!(page, "| `{}` | {default} | {} | {} |", f.name, allowed(f), f.help)?;
    }
    Ok(())
}

fn expert(page: &mut String) -> std::fmt::Result {
    let at = |migration_sensitivity| {
        map_simplified_to_penalty_config(&Settings { migration_sensitivity, ..Default::default() })
    };
    let levels = Sensitivity::ALL.map(at);
    writeln!(
        page,
        "| key | term | conservative | balanced | aggressive | with trend weight | allowed | what it is |"
    )?;
    writeln!(page, "|---|---|---|---|---|---|---|---|")?;
    for &key in Key::ALL {
        let f = key.field();
        let [low, middle, high] = levels.map(|config| f.unit.text(config.get(key)));
        let (term, trend, allowed) = (f.term.name(), trend(f), allowed(f));
        writeln!(
            page,
            "| `{}` | {term} | {low} | **{middle}** | {high} | {trend} | {allowed} | {} |",
            f.name, f.help
        )?;
    }
    Ok(())
}

fn retired(page: &mut String) -> std::fmt::Result {
    writeln!(page, "| ProxBalance key | its default | here |\n|---|---|---|")?;
    for leaf in LEAVES {
        writeln!(page, "| `{}` | {} | {} |", leaf.path, leaf.default, leaf.fate)?;
    }
    Ok(())
}

/// How the trend weight moves a key, in a few words.
fn trend(field: &Field) -> String {
    let words = field.rules.iter().find_map(|rule| match rule {
        Rule::Scale(..) | Rule::Levels(..) => None,
        Rule::Snapshot => Some("fades out from 60 to 100 %".to_string()),
        Rule::History => Some("fades in from 0 to 60 %".to_string()),
        Rule::Trend(factor) if *factor == 1.0 => Some("is the weight".to_string()),
        Rule::Trend(factor) => Some(format!("{factor} x weight")),
        Rule::Rest => Some("1 - weight".to_string()),
    });
    words.unwrap_or_else(|| "-".to_string())
}

fn allowed(field: &Field) -> String {
    let json = |n: &f64| field.unit.json(*n).to_string();
    match field.unit {
        Unit::Flag => "on, off".to_string(),
        Unit::Choice(words) => words.join(", "),
        _ if field.only.is_empty() => format!("{}..{}", json(&field.lowest), json(&field.highest)),
        _ => field.only.iter().map(json).collect::<Vec<_>>().join(", "),
    }
}

const HEAD: &str = "\
# Settings

<!-- Generated from src/settings/keys.rs: change the table there, then run UPDATE=1 cargo test. -->

Five settings decide how advice is given. They move a table of expert keys; decisions read the
resolved table. An expert value overrides its own key and is shown as such; all other keys go on
following the five. What nobody chose follows the defaults below.

The settings are cluster-wide, in one small file: JSON, format 1, with only what was chosen in it:

```json
{
  \"version\": 1,
  \"settings\": { \"migration-sensitivity\": \"conservative\", \"analysis-lookback\": 14 },
  \"expert\": { \"cpu_threshold\": 75 }
}
```

- Numbers may be written as strings (`\"60\"`), as PVE's API hands them on; on/off takes `1`, `on`, `yes`,
  `true` and `0`, `off`, `no`, `false`, or JSON's own `true` and `false`.
- A wrong value is refused with its field and range. A file that cannot be used (damaged, or of a newer
  format) gives the defaults and a warning, and is left as it is.
- A name that this version does not know does nothing, gives a warning, and is kept when the file is
  written again: a node that was upgraded first may have put it there. In a request it is an error.

## The five

";

const EXPERT: &str = "
## Expert keys

Penalties are heights of continuous curves at their knees: straight between knees, 0 below the start
(one first offset below the first knee; a quarter of the threshold for I/O wait), and going on with
the last slope beyond the last knee. Points are compared between source and target; lower is better.
The three weights are read in proportion to their sum, which must not be 0; of two offsets the second
must be above the first.

The values in the three middle columns hold at the default trend weight of 60 %, where the present and
history both count in full. At 0 % everything drawn from history or projections is 0 and the blend
is the present load alone; at 100 % the present counts nothing.

";

const LEGACY: &str = "
## From ProxBalance

A ProxBalance `config.json` can be migrated: its five settings are taken over, or fitted to its penalties
so that the fewest expert values remain, where what the file does not have counts at ProxBalance's default; a
value that differs from what ProxBalance itself would have set becomes an expert value. Everything in the
file that is not taken over is reported; values that cannot be used make the exit status 3.

";
