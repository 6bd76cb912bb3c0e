//! Generates the messages and services of `proto/`, without a protobuf compiler on the machine.

use std::error::Error;

const FILES: [&str; 2] = ["proto/vt/v1/storage.proto", "proto/vt/v1/raft.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
