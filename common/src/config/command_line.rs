//! The command line: flags with one or two dashes, `=value` or a separate value, as Go's `flag` package reads them.

use super::ConfigError;
use super::definitions::{Arity, Definitions};
use std::ffi::OsString;

/// What a command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Help,
    Version,
    /// The flags in their order, with their values.
    Run(Vec<(String, String)>),
}

/// Reads the arguments after the program's name.
pub(super) fn parse(definitions: &Definitions, args: impl IntoIterator<Item = OsString>) -> Result<Asked, ConfigError> {
    let mut args = args.into_iter().map(|arg| {
        arg.into_string()
            .map_err(|arg| ConfigError::NotUtf8(format!("the argument {}", arg.to_string_lossy())))
    });
    let mut flags = Vec::new();
    while let Some(arg) = args.next() {
        let arg = arg?;
        let Some(flag) = arg
            .strip_prefix("--")
            .or_else(|| arg.strip_prefix('-'))
            .filter(|flag| !flag.is_empty())
        else {
            return Err(ConfigError::NotAFlag(arg));
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        let Some(definition) = definitions.get(name) else {
            return match name {
                "h" | "help" => Ok(Asked::Help),
                "version" | "V" => Ok(Asked::Version),
                _ => Err(ConfigError::UnknownFlag {
                    name: name.to_owned(),
                    nearest: definitions.nearest(name),
                }),
            };
        };
        let value = match (value, definition.arity) {
            (Some(value), _) => value,
            (None, Arity::Switch) => "true".to_owned(),
            (None, _) => args
                .next()
                .ok_or_else(|| ConfigError::MissingValue(name.to_owned()))??,
        };
        flags.push((name.to_owned(), value));
    }
    Ok(Asked::Run(flags))
}
