//! vtinsert
