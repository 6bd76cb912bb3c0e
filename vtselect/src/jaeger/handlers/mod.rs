//! One file per group of calls.

mod archive;
mod catalogue;
mod dependencies;
mod metrics;
mod request;
mod traces;
mod transform;

pub(crate) use archive::archive;
pub(crate) use catalogue::{operation_names, operations, services};
pub(crate) use dependencies::dependencies;
pub(crate) use metrics::{latencies, min_step, rates};
pub(crate) use traces::{search, trace};
pub(crate) use transform::transform;
