//! vtsingle
