//! Runs the fuzz targets on their corpora, and on corpora cut and damaged in simple ways.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panic"
)]

#[path = "../fuzz/readers.rs"]
mod readers;

use std::path::Path;

/// The inputs of a target, in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 10, "the corpus in {} is missing", folder.display());
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Every prefix of `input`, and `input` with each byte changed in turn.
fn damaged(input: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let prefixes = (0..input.len()).map(|end| input[..end].to_vec());
    let changes = (0..input.len()).flat_map(|at| {
        [0x00, 0x01, 0x7f, 0x80, 0xff].map(|byte| {
            let mut changed = input.to_vec();
            changed[at] ^= byte;
            changed
        })
    });
    prefixes.chain(changes)
}

#[test]
fn protobuf() {
    for input in corpus("otlp_protobuf") {
        readers::protobuf(&input);
        damaged(&input).for_each(|input| readers::protobuf(&input));
    }
}

#[test]
fn json() {
    for input in corpus("otlp_json") {
        readers::json(&input);
        damaged(&input).for_each(|input| readers::json(&input));
    }
}
