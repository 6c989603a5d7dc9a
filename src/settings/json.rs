//! JSON of people and other programs, read strictly.

use crate::error::{Error, Kind, Result};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Reads at most `limit` bytes of JSON and refuses a key given twice.
///
/// The usual reading keeps the last of two equal keys: which of two values holds would then depend
/// on who reads. Nesting is bounded at 128 levels by the parser. Errors name line and column.
pub fn strict(bytes: &[u8], limit: usize) -> Result<Value> {
    if bytes.len() > limit {
        let message = format!("{} bytes are more than the {limit} allowed", bytes.len());
        return Err(Error::new(Kind::Corrupt, message));
    }
    if bytes.trim_ascii().is_empty() {
        return Err(Error::new(Kind::Corrupt, "is empty"));
    }
    let strict: Strict = serde_json::from_slice(bytes)
        .map_err(|e| Error::new(Kind::Corrupt, format!("is not JSON as it should be: {e}")))?;
    Ok(strict.0)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some((key, Strict(value))) = map.next_entry::<String, Strict>()? {
            if values.contains_key(&key) {
                return Err(A::Error::custom(format!(
                    "{:?} is given twice",
                    super::values::clipped(&key)
                )));
            }
            values.insert(key, value);
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_json() {
        let text =
            br#"{"a": [1, -2, 2.5, "x\n", true, null, {}], "b": {"c": 18446744073709551615}}"#;
        assert_eq!(strict(text, 1000).unwrap(), serde_json::from_slice::<Value>(text).unwrap());
    }

    #[test]
    fn refuses_what_is_ambiguous_or_hostile() {
        let deep = [b'['; 5000];
        let table: [(&[u8], &str); 8] = [
            (b"{\"a\": {\"b\": 1,\n\"b\": 2}}", "\"b\" is given twice at line 2"),
            (b"", "is empty"),
            (b" \n", "is empty"),
            (b"{\"a\": NaN}", "line 1"),
            (b"{\"a\": 1e999}", "number out of range"),
            (b"{\"a\": 1} x", "trailing characters"),
            (b"{\"a\": \"\xff\"}", "line 1"),
            (&deep, "recursion limit"),
        ];
        for (text, part) in table {
            let error = strict(text, 10_000).unwrap_err();
            assert_eq!(error.kind, Kind::Corrupt);
            assert!(error.message.contains(part), "{error}");
        }
        assert!(strict(b"[1, 2, 3]", 8).unwrap_err().message.contains("8 allowed"));
    }
}
