//! vtselect
