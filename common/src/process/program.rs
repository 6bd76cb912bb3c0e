//! What every `main` does before and after its program's own part.

use crate::config::{EffectiveFlags, Source, load_or_exit};
use crate::telemetry::{LoggerConfig, LoggingError, Metrics, MetricsError, init_logging};
use clap::{Args, Command};
use std::fmt::Display;
use std::process::ExitCode;

/// Why a program could not even begin.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error(transparent)]
    Logging(#[from] LoggingError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The runtime.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Loads the flags (a wrong one ends the process with a message), starts logs and metrics, and runs `run` to its end on a
/// runtime with all cores. `name` is the program's in logs and metrics.
pub fn main<C, E, R>(
    name: &'static str,
    command: Command,
    logger: impl FnOnce(&C) -> &LoggerConfig,
    run: impl FnOnce(C, EffectiveFlags, Metrics) -> R,
) -> ExitCode
where
    C: Args,
    E: Display,
    R: Future<Output = Result<(), E>>,
{
    let (config, flags) = load_or_exit::<C>(command);
    let ended = match start(name, logger(&config)) {
        Ok((runtime, metrics)) => {
            log_start(name, &flags);
            runtime
                .block_on(run(config, flags, metrics))
                .map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{name} stops: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(name: &'static str, logger: &LoggerConfig) -> Result<(tokio::runtime::Runtime, Metrics), ProgramError> {
    init_logging(logger)?;
    let metrics = Metrics::install(name, env!("CARGO_PKG_VERSION"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok((runtime, metrics))
}

fn log_start(name: &str, flags: &EffectiveFlags) {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting {name}");
    for flag in flags.iter().filter(|flag| flag.source != Source::Default) {
        tracing::info!(flag = flag.name, value = flag.value, source = %flag.source, "flag set");
    }
}
