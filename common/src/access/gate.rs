//! The gate: each request passes it before its route is looked up.

use super::credentials::shown;
use super::needs::{Need, Needs, Right};
use super::refusal::Refusal;
use super::users::{Unknown, User, Users};
use crate::ids::TenantId;
use crate::reload::Live;
use crate::tenancy::{self, Tenants};
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::EXPECT;
use axum::http::{HeaderMap, HeaderValue, Version};
use axum::response::Response;
use futures::StreamExt as _;
use std::time::Duration;

/// How much of a refused request's body is read.
const MOST_DISCARDED: usize = 1 << 20;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// Lets requests of one listener through, or refuses them. Behind it the headers `AccountID` and `ProjectID` name the
/// tenant that the user may name, and nothing else does.
pub struct Gate {
    needs: Needs,
    /// Without users everybody may do everything
    users: Option<Live<Users>>,
    /// Without these tenants have numbers only
    tenants: Option<Live<Tenants>>,
}

impl Gate {
    /// `None` where nothing is to be asked or mapped.
    pub(super) fn new(needs: Needs, users: Option<Live<Users>>, tenants: Option<Live<Tenants>>) -> Option<Self> {
        (users.is_some() || tenants.is_some()).then_some(Self { needs, users, tenants })
    }

    /// Lets `request` through as the user's and for one tenant, or gives the answer to it.
    ///
    /// # Errors
    /// The answer that refuses it.
    pub async fn admit(&self, request: &mut Request) -> Result<(), Box<Response>> {
        let need = self.needs.at(request.uri().path());
        let admitted = self.decide(need, request.headers()).await;
        match admitted {
            Ok(None) => Ok(()),
            Ok(Some(tenant)) => {
                name(request.headers_mut(), tenant);
                Ok(())
            }
            Err(refusal) => {
                let reason = match &refusal {
                    Refusal::Unauthenticated(_) => "unauthenticated",
                    Refusal::Forbidden(_) => "forbidden",
                    Refusal::Invalid(_) => "bad tenant",
                    Refusal::Busy(_) => "busy",
                };
                metrics::counter!("vt_requests_refused_total", "reason" => reason).increment(1);
                tracing::debug!(path = request.uri().path(), ?refusal, "request refused");
                if request.version() < Version::HTTP_2 && !request.headers().contains_key(EXPECT) {
                    discard(std::mem::take(request.body_mut())).await;
                }
                Err(Box::new(refusal.answer(request.headers())))
            }
        }
    }

    /// The tenant of a request that is about one.
    async fn decide(&self, need: Need, headers: &HeaderMap) -> Result<Option<TenantId>, Refusal> {
        let users = self.users.as_ref().map(Live::load_full);
        let user = match &users {
            Some(users) if !is_open(need, users) => Some(known(users, headers).await?),
            _ => None,
        };
        let Need::Right(right) = need else { return Ok(None) };
        if let Some(user) = user
            && !user.rights.has(right)
        {
            return Err(Refusal::Forbidden(format!("the user has no right to {}", verb(right))));
        }
        match right {
            Right::Insert | Right::Select => self.tenant(headers, user).map(Some),
            Right::Metrics | Right::Admin => Ok(None),
        }
    }

    fn tenant(&self, headers: &HeaderMap, user: Option<&User>) -> Result<TenantId, Refusal> {
        let tenants = self.tenants.as_ref().map(Live::load_full);
        let named = tenancy::named(headers, tenants.as_deref()).map_err(|error| Refusal::Invalid(error.to_string()))?;
        let tenant = named.unwrap_or_else(|| user.map(User::own_tenant).unwrap_or_default());
        match user {
            Some(user) if !user.may_name(tenant) => {
                Err(Refusal::Forbidden("the user may not name this tenant".to_owned()))
            }
            _ => Ok(tenant),
        }
    }
}

/// Reads what a refused client goes on sending, within reason, so that it sees the answer and can use its connection
/// again.
async fn discard(body: Body) {
    let mut chunks = body.into_data_stream();
    let mut left = MOST_DISCARDED;
    let reading = async {
        while let Some(Ok(chunk)) = chunks.next().await {
            match left.checked_sub(chunk.len()) {
                Some(less) => left = less,
                None => return,
            }
        }
    };
    // Whoever is slow is not waited for.
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, reading).await;
}

/// Whether anybody may have it.
fn is_open(need: Need, users: &Users) -> bool {
    match need {
        Need::Nothing | Need::Nodes => true,
        Need::Health => users.health_is_open,
        Need::Right(Right::Metrics) => users.metrics_are_open,
        Need::Right(_) => false,
    }
}

fn verb(right: Right) -> &'static str {
    match right {
        Right::Insert => "insert",
        Right::Select => "select",
        Right::Metrics => "read metrics",
        Right::Admin => "administer",
    }
}

async fn known<'u>(users: &'u Users, headers: &HeaderMap) -> Result<&'u User, Refusal> {
    users.find(shown(headers)).await.map_err(|unknown| match unknown {
        Unknown::NothingShown => Refusal::Unauthenticated("credentials are needed"),
        Unknown::Wrong => Refusal::Unauthenticated("the credentials are wrong"),
        Unknown::TooMany => Refusal::Busy("too many passwords are being checked"),
    })
}

/// Replaces all that names a tenant.
fn name(headers: &mut HeaderMap, tenant: TenantId) {
    for header in tenancy::HEADERS {
        headers.remove(header);
    }
    headers.insert(tenancy::ACCOUNT, HeaderValue::from(tenant.account()));
    headers.insert(tenancy::PROJECT, HeaderValue::from(tenant.project()));
}
