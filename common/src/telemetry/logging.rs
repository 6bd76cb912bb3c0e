//! Structured logs to the standard error, as text or as one JSON object per line.

use std::fmt;
use std::io::IsTerminal;
use std::str::FromStr;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer};

/// Libraries that say much at levels that are for operators. A level given for such a module comes later and counts.
const QUIET: &str = "openraft=ERROR";

/// How and how much is logged.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Logging")]
pub struct LoggerConfig {
    /// Form of log lines on the standard error
    #[arg(long = "loggerFormat", value_enum, default_value = "default", value_name = "FORMAT")]
    pub logger_format: LogFormat,
    /// Least severe level that is logged: ERROR, WARN, INFO, DEBUG, TRACE or OFF; also per module, as in
    /// INFO,vtstorage=DEBUG
    #[arg(long = "loggerLevel", default_value = "INFO", value_name = "LEVEL")]
    pub logger_level: LogFilter,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text for people; coloured on a terminal.
    Default,
    /// One JSON object per line, the event's fields at its top.
    Json,
}

/// Which events are logged: a level, and levels per module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

/// A text that is no log filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a level (ERROR, WARN, INFO, DEBUG, TRACE, OFF) or a list such as INFO,vtstorage=DEBUG, got {0:?}")]
pub struct LogFilterError(String);

/// Logging was set up before in this process.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up logging: {0}")]
pub struct LoggingError(#[from] TryInitError);

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, LogFilterError> {
        let refuse = || LogFilterError(text.chars().take(200).collect());
        // A lone word that is no level would be taken for a module's name and switch everything else off.
        let levels_only = |part: &str| part.contains('=') || part.trim().parse::<LevelFilter>().is_ok();
        if text.trim().is_empty() || !text.split(',').all(levels_only) {
            return Err(refuse());
        }
        EnvFilter::builder().parse(text).map_err(|_| refuse())?;
        Ok(Self(text.to_owned()))
    }
}

impl LogFilter {
    fn filter(&self) -> EnvFilter {
        match self.0.trim().eq_ignore_ascii_case("off") {
            true => EnvFilter::new(&self.0),
            false => EnvFilter::new(format!("{QUIET},{}", self.0)),
        }
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Sends this process's events, panics included, to the standard error as `config` says, and counts them in
/// `vt_log_messages_total`.
///
/// # Errors
/// When logging was set up before.
pub fn init_logging(config: &LoggerConfig) -> Result<(), LoggingError> {
    let filter = config.logger_level.filter();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match config.logger_format {
        LogFormat::Default => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(CountMessages)
        .try_init()?;
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(location, %backtrace, "panic: {}", panic.payload_as_str().unwrap_or("no message"));
    }));
    Ok(())
}

/// Counts log messages by level.
struct CountMessages;

impl<S: Subscriber> Layer<S> for CountMessages {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        ::metrics::counter!("vt_log_messages_total", "level" => event.metadata().level().as_str()).increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_levels_or_levels_per_module() {
        for text in [
            "INFO",
            "warn",
            "OFF",
            "INFO,vtstorage=DEBUG",
            "error,vtinsert::otlp=trace",
        ] {
            assert_eq!(text.parse::<LogFilter>().unwrap().to_string(), text);
        }
        for text in ["", "INOF", "vtstorage", "INFO,vtstorage", "a=b=c"] {
            assert!(text.parse::<LogFilter>().is_err(), "{text:?}");
        }
    }
}
