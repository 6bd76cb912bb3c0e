//! Fuzzes the reader of OTLP in protobuf: `cargo +nightly fuzz run otlp_protobuf` in the folder `vtinsert`.
#![no_main]

#[path = "../readers.rs"]
#[allow(dead_code, reason = "the other target uses the rest")]
mod readers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| readers::protobuf(data));
