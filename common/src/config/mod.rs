//! Configuration of a binary: flags declared with clap, set by defaults ← TOML file ← environment ← command line.
//!
//! Each crate declares its own flags as a `#[derive(clap::Args)]` struct whose `long` names are the flags' names; a
//! binary flattens those structs into one and calls [`load`]. Two rules keep the composition free of clashes: the
//! structs' names and their fields' names (clap's group and argument ids) are unique over the binary. Plain `bool`
//! fields become flags that accept `-name`, `-name=true` and `-name=false`; `Vec` fields accept repetition and commas.
//!
//! ```
//! use common::config::{ByteSize, Loaded, Period, load};
//!
//! #[derive(clap::Args)]
//! struct ExampleConfig {
//!     /// How long spans are kept.
//!     #[arg(long = "retentionPeriod", default_value = "7d", value_parser = Period::parse_months)]
//!     retention_period: Period,
//!     /// The largest accepted request.
//!     #[arg(long = "opentelemetry.traces.maxRequestSize", default_value = "64MiB")]
//!     max_request_size: ByteSize,
//! }
//!
//! let args = ["example".into(), "-retentionPeriod=30d".into()];
//! let Loaded::Run(config, flags) = load::<ExampleConfig>(clap::Command::new("example"), args, []).unwrap() else {
//!     panic!("neither --help nor --version was asked for");
//! };
//! assert_eq!(config.retention_period, Period::from_days(30));
//! assert_eq!(config.max_request_size.bytes(), 64 << 20);
//! assert_eq!(flags.get("retentionPeriod").unwrap().value, "30d");
//! ```
//!
//! It knows no particular flag but its own three (`config`, `envflag.enable`, `envflag.prefix`), and keeps no global
//! state: the loaded values are passed on by the caller.

mod byte_size;
mod command_line;
mod definitions;
mod effective;
mod environment;
mod error;
mod file;
mod listen_addr;
mod loader;
mod markdown;
mod period;
#[cfg(test)]
mod tests;

pub use byte_size::ByteSize;
pub use effective::{EffectiveFlag, EffectiveFlags, Source};
pub use error::ConfigError;
pub use listen_addr::ListenAddr;
pub use loader::{Loaded, load, load_or_exit};
pub use markdown::flags_markdown;
pub use period::Period;
