//! Tenants: which one a request names, under which names tenants are known, and what they may use. Names and limits come
//! out of one file; without it tenants have numbers only, and no limits of their own.

mod bucket;
mod config;
mod file;
mod headers;
mod pattern;
mod quotas;

pub use config::{TenancyError, TenantConfig};
pub use file::{Limits, Tenants};
pub use headers::{ACCOUNT, HEADERS, PROJECT, TenantError, named, tenant_of};
pub use pattern::TenantPattern;
pub use quotas::{LimitReached, QueryPlace, Quotas};
