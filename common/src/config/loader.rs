//! Puts the layers on top of each other and hands the result to clap, which knows the types.

use super::command_line::{self, Asked};
use super::definitions::{Arity, Definition, Definitions, normalise};
use super::environment::{self, DEFAULT_PREFIX};
use super::{ConfigError, EffectiveFlag, EffectiveFlags, Source, file};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Args, Command};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What came of the configuration.
#[derive(Debug)]
pub enum Loaded<C> {
    /// Run with these values.
    Run(C, EffectiveFlags),
    /// `--help` or `--version` was asked for: print this to the standard output and stop with status 0.
    Print(String),
}

/// The loader's own flags.
#[derive(Args, Debug)]
#[command(next_help_heading = "Configuration")]
struct LoaderConfig {
    /// TOML file with flags' names as keys. It overrides defaults; environment variables and flags override it.
    #[arg(long = "config", value_name = "PATH")]
    config: Option<PathBuf>,
    /// Whether flags are also read from environment variables. To be set on the command line only.
    #[arg(long = "envflag.enable", default_value = "true")]
    envflag_enable: bool,
    /// What the names of the environment variables begin with. To be set on the command line only.
    #[arg(long = "envflag.prefix", default_value = DEFAULT_PREFIX, value_name = "PREFIX")]
    envflag_prefix: String,
}

/// The values of one flag and where they come from.
struct Setting {
    values: Vec<String>,
    source: Source,
}

type Settings = BTreeMap<String, Setting>;

/// Loads the flags that `C` declares: defaults ← the TOML file named by `--config` ← `env` ← `args`, whose first item
/// is the program's name. Nothing else is read but that file.
///
/// # Errors
/// An unknown flag, key or variable, a value that its flag does not accept, a file that cannot be read.
pub fn load<C: Args>(
    command: Command,
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Loaded<C>, ConfigError> {
    let command = command_of::<C>(command);
    let definitions = Definitions::of(&command);
    let line = match command_line::parse(&definitions, args.into_iter().skip(1))? {
        Asked::Help => return Ok(Loaded::Print(help(command, &definitions))),
        Asked::Version => return Ok(Loaded::Print(command.render_version())),
        Asked::Run(line) => line,
    };
    let mut settings = Settings::new();
    let environment = read_environment(&definitions, &line, env)?;
    let path = last(&line, "config").or_else(|| environment.get("config").map(|setting| setting.value.as_str()));
    if let Some(path) = path {
        add_file(&mut settings, &definitions, Path::new(path))?;
    }
    for (name, set) in environment {
        let source = Source::Environment(set.variable);
        settings.insert(
            name,
            Setting {
                values: vec![set.value],
                source,
            },
        );
    }
    add_command_line(&mut settings, &definitions, line);
    let matches = parse_values(command, &settings)?;
    let config = C::from_arg_matches(&matches).map_err(|error| ConfigError::Refused(first_line(&error)))?;
    Ok(Loaded::Run(config, effective(&definitions, &matches, &settings)))
}

/// [`load`] from the process's own arguments and environment; prints and ends the process where there is nothing to
/// run with (status 2 for an error).
#[allow(clippy::print_stdout, clippy::print_stderr)]
pub fn load_or_exit<C: Args>(command: Command) -> (C, EffectiveFlags) {
    let name = command.get_name().to_owned();
    match load(command, std::env::args_os(), std::env::vars_os()) {
        Ok(Loaded::Run(config, flags)) => (config, flags),
        Ok(Loaded::Print(text)) => {
            println!("{}", text.trim_end());
            std::process::exit(0)
        }
        Err(error) => {
            eprintln!("{name}: {error}");
            std::process::exit(2)
        }
    }
}

/// `command` with the flags of `C` and the loader's own, as the layers and the documentation see it.
pub(super) fn command_of<C: Args>(command: Command) -> Command {
    // clap takes the structs' own documentation for the program's.
    let about = command.get_about().cloned().unwrap_or_default();
    let command = LoaderConfig::augment_args(C::augment_args(command));
    normalise(command.about(about).long_about(None))
}

fn read_environment(
    definitions: &Definitions,
    line: &[(String, String)],
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, environment::Set>, ConfigError> {
    if last(line, "envflag.enable") == Some("false") {
        return Ok(BTreeMap::new());
    }
    let prefix = last(line, "envflag.prefix").unwrap_or(DEFAULT_PREFIX);
    let flags = environment::read(definitions, prefix, &env.into_iter().collect::<Vec<_>>())?;
    match flags.iter().find(|(name, _)| name.starts_with("envflag.")) {
        Some((name, set)) => Err(ConfigError::BadValue {
            name: name.clone(),
            value: set.value.clone(),
            origin: Source::Environment(set.variable.clone()),
            reason: "it can be set on the command line only".to_owned(),
        }),
        None => Ok(flags),
    }
}

fn add_file(settings: &mut Settings, definitions: &Definitions, path: &Path) -> Result<(), ConfigError> {
    let refuse = |reason: String| ConfigError::File {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    for (name, values) in file::read(definitions, path, &text)? {
        if name == "config" || name.starts_with("envflag.") {
            return Err(refuse(format!("{name:?} cannot be set in the file")));
        }
        settings.insert(
            name,
            Setting {
                values,
                source: Source::File(path.to_owned()),
            },
        );
    }
    Ok(())
}

/// Flags of the command line replace what lower layers set; a list collects its repetitions, else the last one counts.
fn add_command_line(settings: &mut Settings, definitions: &Definitions, line: Vec<(String, String)>) {
    let mut own: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in line {
        let is_list = definitions
            .get(&name)
            .is_some_and(|definition| definition.arity == Arity::List);
        let values = own.entry(name).or_default();
        if !is_list {
            values.clear();
        }
        values.push(value);
    }
    settings.extend(own.into_iter().map(|(name, values)| {
        (
            name,
            Setting {
                values,
                source: Source::CommandLine,
            },
        )
    }));
}

fn last<'a>(line: &'a [(String, String)], name: &str) -> Option<&'a str> {
    line.iter()
        .rev()
        .find(|(flag, _)| flag == name)
        .map(|(_, value)| value.as_str())
}

fn parse_values(command: Command, settings: &Settings) -> Result<ArgMatches, ConfigError> {
    let flags = settings
        .iter()
        .flat_map(|(name, setting)| setting.values.iter().map(move |value| format!("--{name}={value}")));
    let program = command.get_name().to_owned();
    let args: Vec<String> = std::iter::once(program).chain(flags).collect();
    command
        .try_get_matches_from(args)
        .map_err(|error| refused(&error, settings))
}

/// clap's error in terms of the flag, its value and the layer that set it.
fn refused(error: &clap::Error, settings: &Settings) -> ConfigError {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (Some(arg), Some(value)) = (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue)) else {
        return ConfigError::Refused(first_line(error));
    };
    // clap writes the flag as `--name <VALUE_NAME>` or `--name[=<BOOL>]`.
    let name = arg
        .trim_start_matches('-')
        .split([' ', '[', '='])
        .next()
        .unwrap_or_default()
        .to_owned();
    let origin = settings
        .get(&name)
        .map_or(Source::Default, |setting| setting.source.clone());
    let (value, reason) = match super::effective::is_secret(&name) {
        true => ("secret", "it is not of the flag's form".to_owned()),
        false => (value, reason(error)),
    };
    ConfigError::BadValue {
        value: value.to_owned(),
        origin,
        reason,
        name,
    }
}

fn reason(error: &clap::Error) -> String {
    if let Some(source) = std::error::Error::source(error) {
        return source.to_string();
    }
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => format!("expected one of {}", values.join(", ")),
        _ => first_line(error),
    }
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .to_owned()
}

fn effective(definitions: &Definitions, matches: &ArgMatches, settings: &Settings) -> EffectiveFlags {
    let flag = |definition: &Definition| {
        let raw = matches.get_raw(&definition.id).into_iter().flatten();
        let values: Vec<_> = raw.map(|value| value.to_string_lossy()).collect();
        EffectiveFlag {
            name: definition.name.clone(),
            value: values.join(","),
            source: settings
                .get(&definition.name)
                .map_or(Source::Default, |setting| setting.source.clone()),
        }
    };
    EffectiveFlags::new(definitions.iter().map(flag).collect())
}

fn help(command: Command, definitions: &Definitions) -> String {
    let rule = format!(
        "Flags are written with one or two dashes, as -flag=value or -flag value. Each can also be set by an environment \
         variable, {DEFAULT_PREFIX} followed by the flag's name with dots as underscores, in any case; and in the TOML file \
         named by --config, under the flag's name. Flags override variables, variables the file, the file the defaults."
    );
    let command = command.mut_args(|arg| help_of_flag(arg, definitions));
    command.after_help(rule).render_help().to_string()
}

/// Adds the flag's variable to its help, and says VALUE where clap made a name out of the field's.
fn help_of_flag(arg: Arg, definitions: &Definitions) -> Arg {
    let field = arg.get_id().as_str().to_uppercase();
    let is_named = arg
        .get_value_names()
        .is_none_or(|names| names.iter().any(|name| name.as_str() != field));
    let arg = if is_named { arg } else { arg.value_name("VALUE") };
    let definition = arg.get_long().and_then(|name| definitions.get(name));
    let variable = definition.map(|definition| environment::variable(DEFAULT_PREFIX, &definition.name));
    match (arg.get_long_help().or(arg.get_help()).cloned(), variable) {
        (Some(text), Some(variable)) => arg.help(format!("{text} [env: {variable}]")),
        _ => arg,
    }
}
