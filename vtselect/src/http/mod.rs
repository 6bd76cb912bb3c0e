//! What the front APIs share of HTTP: query parameters, the tenant of a request, and the bytes of JSON. It knows no
//! particular API.

pub mod json;
mod params;
mod partial;
mod tenant;

pub use params::Params;
pub use partial::mark_partial;
pub use tenant::{TenantError, tenant_of};
