//! vtstorage
