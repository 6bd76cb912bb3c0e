//! The program `vtsingle`: flags, logs and metrics, then [`vtsingle::run`].

use common::telemetry::{Metrics, init_logging};
use std::process::ExitCode;
use vtsingle::SingleConfig;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let (config, flags) = common::config::load_or_exit::<SingleConfig>(vtsingle::command());
    let started = init_logging(&config.logger).map_err(vtsingle::RunError::from);
    let ended = started.and_then(|()| {
        let metrics = Metrics::install("vtsingle", env!("CARGO_PKG_VERSION"))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(vtsingle::run(config, flags, metrics))
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("vtsingle stops: {error}");
            ExitCode::FAILURE
        }
    }
}
