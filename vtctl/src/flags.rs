//! How flags are written here: as those of the other programs, with one or two dashes, and also as environment variables
//! `VT_<flag>` in any case.

use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};

const PREFIX: &str = "VT_";

/// Never by the environment: what it is about must be read each time.
const SAID_EACH_TIME: [&str; 2] = ["yes", "help"];

/// Lets flags be set by the environment, whose variables have these `names`.
pub(crate) fn by_environment(command: Command, names: &[OsString]) -> Command {
    command.mut_args(|arg| match arg.get_long() {
        Some(flag) if !SAID_EACH_TIME.contains(&flag) => {
            let usual = OsString::from(format!("{PREFIX}{flag}"));
            let found = names.iter().find(|name| name.eq_ignore_ascii_case(&usual));
            let name = found.unwrap_or(&usual).clone();
            arg.env(name)
        }
        _ => arg,
    })
}

/// The arguments with two dashes before each flag of `command`.
pub(crate) fn with_two_dashes(command: &Command, arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    arguments
        .map(|argument| match one_dash(command, &argument) {
            true => {
                let mut two = OsString::from("-");
                two.push(argument);
                two
            }
            false => argument,
        })
        .collect()
}

fn one_dash(command: &Command, argument: &OsStr) -> bool {
    let flag = argument.to_str().and_then(|text| text.strip_prefix('-'));
    let name = flag.map(|flag| flag.split_once('=').map_or(flag, |(name, _)| name));
    let known = |name| {
        command
            .get_arguments()
            .filter_map(Arg::get_long)
            .any(|long| long == name)
    };
    name.is_some_and(|name| known(name) || ["help", "version"].contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        let flag = |name: &'static str| Arg::new(name).long(name);
        Command::new("x").arg(flag("tlsCAFile")).arg(flag("yes"))
    }

    #[test]
    fn one_dash_is_enough() {
        let given = ["-tlsCAFile=a-b", "--tlsCAFile", "-x", "-", "-help"].map(OsString::from);
        let taken = with_two_dashes(&command(), given.into_iter());
        assert_eq!(taken, ["--tlsCAFile=a-b", "--tlsCAFile", "-x", "-", "--help"]);
    }

    #[test]
    fn variables_are_known_in_any_case() {
        let named = by_environment(command(), &["VT_TLSCAFILE".into(), "VT_YES".into()]);
        let variable = |flag: &str| {
            let arg = named.get_arguments().find(|arg| arg.get_long() == Some(flag)).unwrap();
            arg.get_env().map(OsStr::to_owned)
        };
        assert_eq!(variable("tlsCAFile"), Some("VT_TLSCAFILE".into()));
        assert_eq!(variable("yes"), None);
        let unset = by_environment(command(), &[]);
        let arg = unset.get_arguments().next().unwrap();
        assert_eq!(arg.get_env(), Some(OsStr::new("VT_tlsCAFile")));
    }
}
