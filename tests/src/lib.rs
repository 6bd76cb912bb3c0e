//! tests

pub mod certificates;
pub mod cluster;
pub mod conformance;
pub mod contract_suite;
pub mod load;
pub mod netns;
pub mod process;
pub mod sample;
pub mod vtctl;
pub mod vtgen;
