//! tests

pub mod conformance;
pub mod contract_suite;
pub mod load;
pub mod process;
pub mod sample;
