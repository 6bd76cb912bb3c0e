//! Tests of the whole language: canonical text, errors, and properties on random text.
