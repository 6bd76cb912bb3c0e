//! What every call reads of its request.

use super::super::envelope::ApiError;
use super::super::params;
use crate::http::{Params, TenantError, tenant_of};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use common::ids::TenantId;
use std::convert::Infallible;

/// Parameters and tenant of a call.
#[derive(Debug)]
pub(crate) struct Call {
    pub params: Params,
    tenant: Result<TenantId, TenantError>,
}

impl Call {
    pub(crate) fn tenant(&self) -> Result<TenantId, ApiError> {
        self.tenant.clone().map_err(|e| ApiError::bad_request(e.to_string()))
    }

    /// Whether the answer shall be indented.
    pub(crate) fn pretty(&self) -> bool {
        params::pretty(&self.params)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            params: Params::parse(parts.uri.query()),
            tenant: tenant_of(&parts.headers),
        })
    }
}
