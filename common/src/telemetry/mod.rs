//! What a process tells about itself: structured logs to the standard error and metrics in Prometheus' text format.
//!
//! Both are process-wide, as `tracing` and `metrics` are: a binary calls [`init_logging`] and [`Metrics::install`] once
//! at its start. Crates only emit (`tracing::info!`, `metrics::counter!`); names of metrics begin with `vt_`. It knows
//! no listener: whoever serves HTTP renders the metrics.

mod logging;
mod metrics;
mod process;

pub use logging::{LogFilter, LogFilterError, LogFormat, LoggerConfig, LoggingError, init_logging};
pub use metrics::{Metrics, MetricsError};
