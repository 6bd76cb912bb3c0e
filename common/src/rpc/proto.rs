//! The generated messages and services of `common/proto`.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::unwrap_used
)]

tonic::include_proto!("vt.v1");
