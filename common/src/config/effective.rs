//! The values in force and where each came from, for `/flags` and the start-up log.

use std::fmt::{self, Write};
use std::path::PathBuf;

/// Where a flag's value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File(PathBuf),
    /// The variable's name.
    Environment(String),
    CommandLine,
}

/// One flag as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveFlag {
    /// Without dashes.
    pub name: String,
    /// As it was written; values of a list joined by commas; empty when unset; `secret` for a set secret.
    pub value: String,
    pub source: Source,
}

/// All flags of a binary, by name. Secrets are masked already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EffectiveFlags(Vec<EffectiveFlag>);

impl EffectiveFlags {
    pub(super) fn new(mut flags: Vec<EffectiveFlag>) -> Self {
        flags.sort_by(|a, b| a.name.cmp(&b.name));
        for flag in &mut flags {
            if is_secret(&flag.name) && !flag.value.is_empty() {
                flag.value = "secret".to_owned();
            }
        }
        Self(flags)
    }

    pub fn get(&self, name: &str) -> Option<&EffectiveFlag> {
        self.0.iter().find(|flag| flag.name == name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &EffectiveFlag> {
        self.0.iter()
    }

    /// One line per flag: `-name="value" # source`.
    pub fn render(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, flag| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "-{}={:?} # {}", flag.name, flag.value, flag.source);
            text
        })
    }
}

/// Whether a flag's value must not be shown: its name speaks of a secret and not of the file that holds it.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !name.ends_with("file")
        && ["pass", "secret", "token", "authkey"]
            .iter()
            .any(|word| name.contains(word))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(name: &str, value: &str) -> EffectiveFlag {
        EffectiveFlag {
            name: name.to_owned(),
            value: value.to_owned(),
            source: Source::CommandLine,
        }
    }

    #[test]
    fn secrets_are_masked_and_their_files_are_not() {
        let flags = EffectiveFlags::new(vec![
            flag("httpAuth.passwordFile", "/etc/pw"),
            flag("httpAuth.password", "hunter2"),
            flag("metricsAuthKey", ""),
            flag("tlsKeyFile", "/etc/key"),
        ]);
        let value = |name| flags.get(name).unwrap().value.as_str();
        assert_eq!(value("httpAuth.password"), "secret");
        assert_eq!(value("httpAuth.passwordFile"), "/etc/pw");
        assert_eq!(value("metricsAuthKey"), "");
        assert_eq!(value("tlsKeyFile"), "/etc/key");
        assert!(!flags.render().contains("hunter2"));
    }

    #[test]
    fn flags_are_listed_by_name_with_their_source() {
        let flags = EffectiveFlags::new(vec![flag("b", "x\"y"), flag("a", "1")]);
        assert_eq!(
            flags.render(),
            "-a=\"1\" # command line\n-b=\"x\\\"y\" # command line\n"
        );
    }
}
