//! What the front APIs share of HTTP: the router with its layers, query parameters, the tenant of a request, request
//! metrics, and the bytes of JSON. It knows no particular API.

pub mod json;
mod observe;
mod params;
mod tenant;

pub use observe::observe;
pub use params::Params;
pub use tenant::{TenantError, tenant_of};
