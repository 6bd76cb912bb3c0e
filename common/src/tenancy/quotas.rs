//! What tenants have used of their limits in this process.

use super::bucket::Bucket;
use super::file::{Limits, Tenants};
use crate::ids::TenantId;
use crate::reload::Live;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Of how many tenants it is known at most: anybody may name any tenant where there are no users.
const MOST: usize = 10_000;

/// A tenant has used up what it may.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the tenant's limit of {limit} is reached")]
pub struct LimitReached {
    pub limit: &'static str,
    /// When it is worth while to come again
    pub retry_after: Duration,
}

/// Counts what each tenant uses, and says when it is too much.
pub struct Quotas {
    tenants: Live<Tenants>,
    used: Mutex<HashMap<TenantId, Arc<Used>>>,
    /// Shared by all that there is no room for
    others: Arc<Used>,
}

struct Used {
    rates: Mutex<Rates>,
    queries: Mutex<u32>,
    ended: Notify,
}

struct Rates {
    spans: Bucket,
    bytes: Bucket,
}

impl Used {
    fn new() -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self {
            rates: Mutex::new(Rates {
                spans: Bucket::new(now),
                bytes: Bucket::new(now),
            }),
            queries: Mutex::new(0),
            ended: Notify::new(),
        })
    }

    /// Whether nothing would be lost if it were forgotten.
    fn is_idle(&self, limits: Limits, now: Instant) -> bool {
        let mut rates = self.rates.lock();
        let spans = limits.spans_per_second == 0 || rates.spans.is_full(limits.spans_per_second, now);
        let bytes = limits.bytes_per_second == 0 || rates.bytes.is_full(limits.bytes_per_second, now);
        spans && bytes && *self.queries.lock() == 0
    }
}

impl Quotas {
    /// By the limits in `tenants`, as they are at the time.
    pub fn new(tenants: Live<Tenants>) -> Arc<Self> {
        metrics::describe_counter!(
            "vt_tenant_limit_reached_total",
            "requests refused because a tenant has used up a limit of its own"
        );
        Arc::new(Self {
            tenants,
            used: Mutex::default(),
            others: Used::new(),
        })
    }

    /// Whether a tenant may send spans now.
    ///
    /// # Errors
    /// When it has sent too many, or too many bytes, lately.
    pub fn may_write(&self, tenant: TenantId) -> Result<(), LimitReached> {
        let limits = self.tenants.load().limits(tenant);
        if limits.spans_per_second == 0 && limits.bytes_per_second == 0 {
            return Ok(());
        }
        let (used, now) = (self.used(tenant), Instant::now());
        let mut rates = used.rates.lock();
        let spans = match limits.spans_per_second {
            0 => Duration::ZERO,
            rate => rates.spans.wait(rate, now),
        };
        let bytes = match limits.bytes_per_second {
            0 => Duration::ZERO,
            rate => rates.bytes.wait(rate, now),
        };
        drop(rates);
        match (spans.is_zero(), bytes.is_zero()) {
            (true, true) => Ok(()),
            (false, _) if spans >= bytes => Err(self.reached(tenant, "spans per second", spans)),
            _ => Err(self.reached(tenant, "bytes per second", bytes)),
        }
    }

    /// Counts what a tenant has sent.
    pub fn wrote(&self, tenant: TenantId, spans: u64, bytes: u64) {
        let limits = self.tenants.load().limits(tenant);
        if limits.spans_per_second == 0 && limits.bytes_per_second == 0 {
            return;
        }
        let (used, now) = (self.used(tenant), Instant::now());
        let mut rates = used.rates.lock();
        if limits.spans_per_second > 0 {
            rates.spans.take(spans, limits.spans_per_second, now);
        }
        if limits.bytes_per_second > 0 {
            rates.bytes.take(bytes, limits.bytes_per_second, now);
        }
    }

    /// A place among the tenant's queries, waiting for at most `patience`; `None` where there is no limit.
    ///
    /// # Errors
    /// When as many run as may, for all that time.
    pub async fn query(&self, tenant: TenantId, patience: Duration) -> Result<Option<QueryPlace>, LimitReached> {
        if self.tenants.load().limits(tenant).concurrent_queries == 0 {
            return Ok(None);
        }
        let used = self.used(tenant);
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let ended = used.ended.notified();
            let most = self.tenants.load().limits(tenant).concurrent_queries;
            {
                let mut running = used.queries.lock();
                if *running < most || most == 0 {
                    *running += 1;
                    return Ok(Some(QueryPlace(used.clone())));
                }
            }
            if tokio::time::timeout_at(deadline, ended).await.is_err() {
                return Err(self.reached(tenant, "concurrent queries", Duration::from_secs(1)));
            }
        }
    }

    fn used(&self, tenant: TenantId) -> Arc<Used> {
        let mut all = self.used.lock();
        if let Some(used) = all.get(&tenant) {
            return used.clone();
        }
        if all.len() >= MOST {
            let (tenants, now) = (self.tenants.load(), Instant::now());
            all.retain(|tenant, used| Arc::strong_count(used) > 1 || !used.is_idle(tenants.limits(*tenant), now));
        }
        if all.len() >= MOST {
            return self.others.clone();
        }
        let used = Used::new();
        all.insert(tenant, used.clone());
        used
    }

    fn reached(&self, tenant: TenantId, limit: &'static str, retry_after: Duration) -> LimitReached {
        let shown = match self.tenants.load().is_listed(tenant) {
            true => tenant.to_string(),
            false => "other".to_owned(),
        };
        metrics::counter!("vt_tenant_limit_reached_total", "tenant" => shown, "limit" => limit).increment(1);
        LimitReached { limit, retry_after }
    }
}

/// A query's place among those of its tenant; given back on drop.
pub struct QueryPlace(Arc<Used>);

impl Drop for QueryPlace {
    fn drop(&mut self) {
        let mut running = self.0.queries.lock();
        *running = running.saturating_sub(1);
        drop(running);
        self.0.ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: TenantId = TenantId(1);

    fn quotas(text: &'static str) -> Arc<Quotas> {
        Quotas::new(Live::watch("tenants", Vec::new(), move || text.parse::<Tenants>()).unwrap())
    }

    #[tokio::test]
    async fn one_tenants_use_is_not_anothers() {
        let quotas = quotas("[limits]\nspans_per_second = 10");
        quotas.wrote(BUSY, 1_000, 1);
        let reached = quotas.may_write(BUSY).unwrap_err();
        assert_eq!(reached.limit, "spans per second");
        assert!(reached.retry_after > Duration::from_secs(90), "{reached:?}");
        assert_eq!(quotas.may_write(TenantId(2)), Ok(()));
    }

    #[tokio::test]
    async fn bytes_are_counted_beside_spans() {
        let quotas = quotas("[[tenant]]\nid = \"0:1\"\nbytes_per_second = 100");
        quotas.wrote(BUSY, 1_000, 200);
        assert_eq!(quotas.may_write(BUSY).unwrap_err().limit, "bytes per second");
        quotas.wrote(TenantId(2), 1 << 40, 1 << 40);
        assert_eq!(quotas.may_write(TenantId(2)), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_query_waits_for_the_tenants_others_and_not_for_ever() {
        let quotas = quotas("[limits]\nconcurrent_queries = 1");
        let patience = Duration::from_secs(5);
        let first = quotas.query(BUSY, patience).await.unwrap();
        assert!(quotas.query(TenantId(2), patience).await.is_ok());
        assert!(quotas.query(BUSY, patience).await.is_err());
        let waiting = tokio::spawn({
            let quotas = quotas.clone();
            async move { quotas.query(BUSY, Duration::from_secs(3_600)).await.is_ok() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test]
    async fn so_many_tenants_are_known_and_no_more() {
        let quotas = quotas("[limits]\nspans_per_second = 1");
        for tenant in 0..=MOST as u64 {
            quotas.wrote(TenantId(tenant), 1_000, 0);
        }
        assert_eq!(quotas.used.lock().len(), MOST);
        assert!(quotas.may_write(TenantId(u64::MAX)).is_err(), "shares what is left");
    }
}
