//! The operators' program, run to its end.

use crate::process::{Finished, binary_named};
use serde_json::Value;
use std::process::{Command, Stdio};

/// Runs `vtctl` with these arguments, and these variables besides those that are no flags.
///
/// # Panics
/// When it cannot be run.
pub fn vtctl(arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
    let output = Command::new(binary_named("vtctl"))
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| !name.to_string_lossy().to_uppercase().starts_with("VT_")))
        .envs(variables.iter().copied())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("run vtctl");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Finished {
        status: output.status,
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// What `vtctl --json` prints when it succeeds.
///
/// # Panics
/// When it fails.
pub fn vtctl_json(arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    let done = vtctl(&arguments, &[]);
    assert!(done.status.success(), "{done:?}");
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}
