//! tests

pub mod conformance;
pub mod contract_suite;
