//! The flags of a binary as the layers see them: names and arities, read off the clap command.

use clap::{Arg, ArgAction, Command};

/// How many values a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arity {
    /// May stand without a value, which means `true`.
    Switch,
    One,
    /// May be repeated; values may also be separated by commas.
    List,
}

/// One flag.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) name: String,
    /// clap's id.
    pub(super) id: String,
    pub(super) arity: Arity,
}

/// All flags of a binary.
#[derive(Clone, Debug)]
pub(super) struct Definitions(Vec<Definition>);

impl Definitions {
    /// The flags of `command`, which must have gone through [`normalise`].
    pub(super) fn of(command: &Command) -> Self {
        let definition = |arg: &Arg| {
            let name = arg.get_long()?.to_owned();
            let arity = match arg.get_action() {
                ArgAction::Append => Arity::List,
                _ if arg.get_num_args().is_some_and(|n| n.min_values() == 0) => Arity::Switch,
                _ => Arity::One,
            };
            Some(Definition {
                name,
                id: arg.get_id().to_string(),
                arity,
            })
        };
        Self(command.get_arguments().filter_map(definition).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Definition> {
        self.0.iter()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Definition> {
        self.0.iter().find(|definition| definition.name == name)
    }

    /// The flag's name nearest to a mistyped one, if any is near.
    pub(super) fn nearest(&self, name: &str) -> Option<String> {
        nearest(name, self.0.iter().map(|definition| definition.name.as_str()))
    }
}

/// Makes boolean flags take an optional `=value` and lists take commas, for all flags alike.
pub(super) fn normalise(command: Command) -> Command {
    command
        .disable_help_flag(true)
        .disable_version_flag(true)
        .mut_args(|arg| match arg.get_action() {
            ArgAction::SetTrue => switch(arg),
            ArgAction::Append => arg.value_delimiter(','),
            _ => arg,
        })
}

fn switch(arg: Arg) -> Arg {
    let arg = if arg.get_default_values().is_empty() {
        arg.default_value("false")
    } else {
        arg
    };
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_name("BOOL")
}

/// The most similar of `known`, when similar enough to be meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    const SIMILAR: f64 = 0.8;
    let name = name.to_lowercase();
    known
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}
