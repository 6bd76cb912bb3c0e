//! What the front APIs share of HTTP: query parameters and the bytes of JSON. It knows no
//! particular API.

pub mod json;
mod params;
mod partial;

pub use params::Params;
pub use partial::mark_partial;
