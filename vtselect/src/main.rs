//! The program `vtselect`: flags, logs and metrics, then [`vtselect::node::run`].

use std::process::ExitCode;
use vtselect::node::{SelectNodeConfig, command, run};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    common::process::main("vtselect", command(), |config: &SelectNodeConfig| &config.logger, run)
}
