//! The environment: the variable of a flag is a prefix and the flag's name with every dot as an underscore, in any
//! case (`--storage.walSync` is `VT_storage_walSync` or `VT_STORAGE_WALSYNC`).

use super::ConfigError;
use super::definitions::{Definitions, nearest};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// The variables' prefix unless `--envflag.prefix` says otherwise.
pub(super) const DEFAULT_PREFIX: &str = "VT_";

/// The variable that sets the flag `name`.
pub(super) fn variable(prefix: &str, name: &str) -> String {
    format!("{prefix}{}", name.replace('.', "_"))
}

/// A value set by a variable.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) variable: String,
    pub(super) value: String,
}

/// The flags that the environment sets, by flag name.
pub(super) fn read(
    definitions: &Definitions,
    prefix: &str,
    env: &[(OsString, OsString)],
) -> Result<BTreeMap<String, Set>, ConfigError> {
    let mut flags: BTreeMap<String, Set> = BTreeMap::new();
    for (name, value) in env {
        let name = name.to_string_lossy();
        if !starts_with_ignoring_case(&name, prefix) {
            continue;
        }
        let Some(definition) = definitions
            .iter()
            .find(|d| variable(prefix, &d.name).eq_ignore_ascii_case(&name))
        else {
            // Without a prefix the whole environment is the product's: what is no flag is then not a mistake.
            if prefix.is_empty() || is_service_link(&name) {
                continue;
            }
            return Err(unknown(definitions, prefix, &name));
        };
        let value = value
            .to_str()
            .ok_or_else(|| ConfigError::NotUtf8(format!("the value of {name}")))?;
        let set = Set {
            variable: name.to_string(),
            value: value.to_owned(),
        };
        if let Some(other) = flags.insert(definition.name.clone(), set) {
            return Err(ConfigError::AmbiguousVariable(other.variable, name.into_owned()));
        }
    }
    Ok(flags)
}

fn unknown(definitions: &Definitions, prefix: &str, name: &str) -> ConfigError {
    let variables: Vec<String> = definitions.iter().map(|d| variable(prefix, &d.name)).collect();
    ConfigError::UnknownVariable {
        nearest: nearest(name, variables.iter().map(String::as_str)),
        name: name.to_owned(),
    }
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Whether Kubernetes set the variable for a Service: it does so in every pod of a namespace, and a Service called
/// `vt-storage` makes variables that begin with `VT_`.
fn is_service_link(name: &str) -> bool {
    if name.contains(|c: char| c.is_ascii_lowercase()) {
        return false;
    }
    if name.ends_with("_SERVICE_HOST") || name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
        return true;
    }
    let Some((_, port)) = name
        .rsplit_once("_PORT_")
        .filter(|(_, tail)| tail.starts_with(|c: char| c.is_ascii_digit()))
        .or_else(|| name.strip_suffix("_PORT").and_then(|head| head.rsplit_once("_PORT_")))
    else {
        return name.ends_with("_PORT");
    };
    let mut words = port.split('_');
    words
        .next()
        .is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
        && words
            .next()
            .is_some_and(|protocol| ["TCP", "UDP", "SCTP"].contains(&protocol))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_links_of_kubernetes_are_told_from_mistakes() {
        for name in [
            "VT_STORAGE_SERVICE_HOST",
            "VT_STORAGE_SERVICE_PORT",
            "VT_STORAGE_SERVICE_PORT_HTTP",
            "VT_STORAGE_PORT",
            "VT_STORAGE_PORT_10428_TCP",
            "VT_STORAGE_PORT_10428_TCP_PROTO",
            "VT_STORAGE_PORT_10428_TCP_PORT",
            "VT_STORAGE_PORT_10428_TCP_ADDR",
        ] {
            assert!(is_service_link(name), "{name}");
        }
        for name in [
            "VT_STORAGEDATAPAHT",
            "VT_httpListen_SERVICE_HOST",
            "VT_PORTS",
            "VT_A_PORT_X_TCP",
        ] {
            assert!(!is_service_link(name), "{name}");
        }
    }
}
