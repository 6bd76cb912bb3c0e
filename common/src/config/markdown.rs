//! The flags' documentation as a Markdown table, generated from their definitions.

use super::loader::command_of;
use clap::{Arg, Args, Command};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A section per help heading, each with a table of flag, default and description, flags by name.
pub fn flags_markdown<C: Args>(command: Command) -> String {
    let command = command_of::<C>(command);
    let mut sections: BTreeMap<&str, BTreeMap<&str, &Arg>> = BTreeMap::new();
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        if let Some(name) = arg.get_long() {
            sections
                .entry(arg.get_help_heading().unwrap_or("Other"))
                .or_default()
                .insert(name, arg);
        }
    }
    let mut text = String::new();
    for (heading, flags) in sections {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "**{heading}**\n\n| Flag | Default | Meaning |\n|---|---|---|");
        for (name, arg) in flags {
            let _ = writeln!(text, "| `--{name}` | {} | {} |", default_of(arg), meaning(arg));
        }
        text.push('\n');
    }
    text
}

fn default_of(arg: &Arg) -> String {
    let values: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    match values.join(",") {
        empty if empty.is_empty() => String::new(),
        value => format!("`{value}`"),
    }
}

fn meaning(arg: &Arg) -> String {
    let help = arg
        .get_long_help()
        .or(arg.get_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut text = help
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|");
    let values: Vec<_> = arg
        .get_possible_values()
        .iter()
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() && values != ["`true`", "`false`"] {
        let _ = write!(text, ". One of {}", values.join(", "));
    }
    text
}
