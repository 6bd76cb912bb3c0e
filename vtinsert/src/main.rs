//! The program `vtinsert`: flags, logs and metrics, then [`vtinsert::node::run`].

use std::process::ExitCode;
use vtinsert::node::{InsertNodeConfig, command, run};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    common::process::main("vtinsert", command(), |config: &InsertNodeConfig| &config.logger, run)
}
