//! The program `vtsingle`: flags, logs and metrics, then [`vtsingle::run`].

use std::process::ExitCode;
use vtsingle::SingleConfig;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    common::process::main(
        "vtsingle",
        vtsingle::command(),
        |config: &SingleConfig| &config.logger,
        vtsingle::run,
    )
}
