//! The configuration file: TOML whose keys are flags' names. A dot in a name may be written as a table
//! (`[storage]` and `walSync = "always"`) or as a dotted or quoted key (`"storage.walSync" = "always"`).

use super::ConfigError;
use super::definitions::{Arity, Definitions};
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

/// The flags that `text`, the content of the file at `path`, sets: values by flag name, several for a list.
pub(super) fn read(
    definitions: &Definitions,
    path: &Path,
    text: &str,
) -> Result<BTreeMap<String, Vec<String>>, ConfigError> {
    let refuse = |reason: String| ConfigError::File {
        path: path.to_owned(),
        reason,
    };
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| refuse(error.to_string().trim_end().to_owned()))?;
    let mut leaves = Vec::new();
    flatten("", table, &mut leaves);
    let mut flags = BTreeMap::new();
    for (key, value) in leaves {
        let Some(definition) = definitions.get(&key) else {
            return Err(ConfigError::UnknownKey {
                nearest: definitions.nearest(&key),
                key,
                path: path.to_owned(),
            });
        };
        let values = match (value, definition.arity) {
            (Value::Array(items), Arity::List) => items.into_iter().map(scalar).collect(),
            (value, _) => scalar(value).map(|value| vec![value]),
        };
        let values = values.ok_or_else(|| refuse(format!("{key:?} must be {}", expected(definition.arity))))?;
        if flags.insert(key.clone(), values).is_some() {
            return Err(refuse(format!("{key:?} is set twice")));
        }
    }
    Ok(flags)
}

fn flatten(prefix: &str, table: Table, leaves: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let name = if prefix.is_empty() {
            key
        } else {
            format!("{prefix}.{key}")
        };
        match value {
            Value::Table(table) => flatten(&name, table, leaves),
            value => leaves.push((name, value)),
        }
    }
}

fn scalar(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

fn expected(arity: Arity) -> &'static str {
    match arity {
        Arity::Switch => "true or false",
        Arity::One => "a string, a number or a boolean",
        Arity::List => "a string, a number, or an array of them",
    }
}
