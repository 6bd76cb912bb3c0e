//! What can be wrong with a configuration; each message names the flag, key or variable at fault.

use super::effective::Source;
use std::path::PathBuf;

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A flag on the command line that does not exist.
    #[error("unknown flag --{name}{}", hint("--", .nearest))]
    UnknownFlag { name: String, nearest: Option<String> },
    /// A key of the configuration file that is no flag's name.
    #[error("unknown key {key:?} in {}{}", .path.display(), hint("", .nearest))]
    UnknownKey {
        key: String,
        path: PathBuf,
        nearest: Option<String>,
    },
    /// An environment variable with the product's prefix that belongs to no flag.
    #[error("unknown environment variable {name}{}", hint("", .nearest))]
    UnknownVariable { name: String, nearest: Option<String> },
    /// An argument that is no flag.
    #[error("unexpected argument {0:?}: flags begin with one or two dashes")]
    NotAFlag(String),
    /// A flag without its value.
    #[error("the flag --{0} needs a value")]
    MissingValue(String),
    /// A value that its flag does not accept.
    #[error("bad value {value:?} for --{name}, set by {origin}: {reason}")]
    BadValue {
        name: String,
        value: String,
        origin: Source,
        reason: String,
    },
    /// The configuration file cannot be read, or is no TOML of flags.
    #[error("configuration file {}: {reason}", .path.display())]
    File { path: PathBuf, reason: String },
    /// Two environment variables that differ in case only.
    #[error("the environment variables {0} and {1} set the same flag")]
    AmbiguousVariable(String, String),
    /// An argument or a variable that is not UTF-8.
    #[error("{0} is not valid UTF-8")]
    NotUtf8(String),
    /// A combination of values that clap refuses, in its words.
    #[error("{0}")]
    Refused(String),
}

fn hint(prefix: &str, nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map(|name| format!("; did you mean {prefix}{name}?"))
        .unwrap_or_default()
}
