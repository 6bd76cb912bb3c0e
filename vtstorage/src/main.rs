//! The program `vtstorage`: flags, logs and metrics, then [`vtstorage::node::run`].

use std::process::ExitCode;
use vtstorage::node::{StorageNodeConfig, command, run};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    common::process::main("vtstorage", command(), |config: &StorageNodeConfig| &config.logger, run)
}
