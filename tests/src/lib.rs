//! tests

pub mod contract_suite;
