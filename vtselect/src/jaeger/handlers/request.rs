//! What every call reads of its request.

use super::super::JaegerApi;
use super::super::envelope::ApiError;
use super::super::params;
use crate::http::Params;
use crate::query::{Reading, Wanted, Whole, asked_for_partial};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use common::ids::TenantId;
use common::query::Plan;
use common::tenancy::{TenantError, tenant_of};
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

    /// The answer to a plan, in part where that is allowed.
    pub(crate) async fn ask(&self, api: &JaegerApi, plan: Plan) -> Result<Whole, ApiError> {
        let wanted = Wanted {
            reading: Reading::Traces,
            partial: asked_for_partial(&self.params).map_err(ApiError::bad_request)?,
        };
        Ok(api.runner.run(plan, wanted).await?)
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
