//! One query from the gate to its whole answer.

use super::{AllowPartial, Reading};
use crate::SelectConfig;
use common::contract::{AnswerStream, QueryContext, QueryError, SpanSource, collect};
use common::ids::TenantId;
use common::query::{Answer, Plan};
use common::tenancy::{QueryPlace, Quotas};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Runs plans on a source within the configured limits. Shared by all front APIs.
pub struct QueryRunner {
    source: Arc<dyn SpanSource>,
    gate: Arc<Semaphore>,
    max_duration: Duration,
    max_queue: Duration,
    max_memory: usize,
    slow: Duration,
    allow_partial: AllowPartial,
    quotas: Option<Arc<Quotas>>,
}

/// How a query may be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    pub reading: Reading,
    /// What the request says of partial answers
    pub partial: Option<bool>,
}

/// The answer to a plan.
#[derive(Clone, PartialEq, Debug)]
pub struct Whole {
    pub answer: Answer,
    /// Something could not be reached and is left out
    pub partial: bool,
}

impl QueryRunner {
    pub fn new(config: &SelectConfig, source: Arc<dyn SpanSource>) -> Self {
        describe();
        let capacity = config.concurrent_requests();
        gauge!("vt_concurrent_select_capacity").set(capacity as f64);
        Self {
            source,
            gate: Arc::new(Semaphore::new(capacity)),
            max_duration: config.max_query_duration(),
            max_queue: config.search_max_queue_duration.into(),
            max_memory: config.search_max_memory_per_query.as_usize(),
            slow: config.search_log_slow_query_duration.into(),
            allow_partial: config.search_allow_partial_response,
            quotas: None,
        }
    }

    /// The same within limits of tenants, if given.
    pub fn with_quotas(self, quotas: Option<Arc<Quotas>>) -> Self {
        Self { quotas, ..self }
    }

    /// The whole answer to `plan`. Dropping the future cancels the query.
    pub async fn run(&self, plan: Plan, wanted: Wanted) -> Result<Whole, QueryError> {
        let started = Instant::now();
        let _turn = self.turn(plan.tenant, self.max_duration).await?;
        let context = self.context(self.max_duration, wanted);
        let _cancel = context.cancel_on_drop();
        let shape = plan.shape.clone();
        let whole = tokio::time::timeout(self.max_duration, collect(&*self.source, plan, context.clone())).await;
        let answer = whole.unwrap_or(Err(QueryError::DeadlineExceeded(self.max_duration)));
        let took = started.elapsed();
        if !self.slow.is_zero() && took > self.slow {
            counter!("vt_slow_queries_total").increment(1);
            tracing::warn!(?took, ?shape, failed = answer.is_err(), "slow query");
        }
        answer.map(|answer| Whole {
            answer,
            partial: note_partial(&context),
        })
    }

    /// Waits for a turn, then gives what runs the plans of one request: they share its turn, its limits and its
    /// deadline, which is `timeout` from now, or the configured one if that is sooner.
    pub async fn begin(
        &self,
        tenant: TenantId,
        timeout: Option<Duration>,
        wanted: Wanted,
    ) -> Result<Running, QueryError> {
        let timeout = timeout.map_or(self.max_duration, |timeout| timeout.min(self.max_duration));
        let turn = self.turn(tenant, timeout).await?;
        Ok(Running {
            source: self.source.clone(),
            context: self.context(timeout, wanted),
            _turn: Some(turn),
        })
    }

    /// As [`Self::begin`] without a deadline, for requests that last as long as their client. Each round of theirs needs a
    /// turn of its own ([`Self::round`]): a request that waits for news keeps no other one waiting.
    pub fn begin_endless(&self, wanted: Wanted) -> Running {
        Running {
            source: self.source.clone(),
            context: self.context(ENDLESS, wanted),
            _turn: None,
        }
    }

    /// Waits for a turn, which ends when it is dropped.
    ///
    /// # Errors
    /// [`QueryError::Overloaded`] when it does not come in time.
    pub async fn round(&self, tenant: TenantId) -> Result<Turn, QueryError> {
        self.turn(tenant, self.max_duration).await
    }

    /// Writes a line if the query was slow.
    pub fn log_if_slow(&self, took: Duration, what: &str, failed: bool) {
        if !self.slow.is_zero() && took > self.slow {
            counter!("vt_slow_queries_total").increment(1);
            tracing::warn!(?took, query = what, failed, "slow query");
        }
    }

    fn context(&self, timeout: Duration, wanted: Wanted) -> QueryContext {
        let context = QueryContext::new(timeout, self.max_memory);
        context.allow_partial(self.allow_partial.allows(wanted.reading, wanted.partial));
        context
    }

    /// Waits until a query may run, first among those of its tenant, for as long as it may take.
    async fn turn(&self, tenant: TenantId, timeout: Duration) -> Result<Turn, QueryError> {
        let place = match &self.quotas {
            Some(quotas) => {
                let place = quotas.query(tenant, self.max_queue.min(timeout)).await;
                place.map_err(|reached| QueryError::Overloaded(reached.to_string()))?
            }
            None => None,
        };
        let permit = match self.gate.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                counter!("vt_concurrent_select_limit_reached_total").increment(1);
                let wait = self.max_queue.min(timeout);
                match tokio::time::timeout(wait, self.gate.clone().acquire_owned()).await {
                    Ok(Ok(permit)) => permit,
                    _ => {
                        counter!("vt_concurrent_select_limit_timeout_total").increment(1);
                        return Err(QueryError::Overloaded(format!(
                            "no turn within {wait:?}; see --search.maxConcurrentRequests and --search.maxQueueDuration"
                        )));
                    }
                }
            }
        };
        gauge!("vt_concurrent_select_current").increment(1.0);
        Ok(Turn {
            _permit: permit,
            _place: place,
        })
    }
}

/// Whether the answer to a query is partial; counts it then.
fn note_partial(context: &QueryContext) -> bool {
    let partial = context.is_partial();
    if partial {
        counter!("vt_partial_responses_total").increment(1);
    }
    partial
}

/// The deadline of what has none.
const ENDLESS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Runs the plans of one request. Its turn ends when this is dropped.
pub struct Running {
    source: Arc<dyn SpanSource>,
    context: QueryContext,
    _turn: Option<Turn>,
}

impl Drop for Running {
    fn drop(&mut self) {
        note_partial(&self.context);
    }
}

impl Running {
    /// The limits that all plans of the request share.
    pub fn context(&self) -> &QueryContext {
        &self.context
    }

    /// Whether what was answered so far leaves something out that could not be reached.
    pub fn is_partial(&self) -> bool {
        self.context.is_partial()
    }

    /// The parts of the answer to one plan. Dropping them ends this plan only.
    pub async fn parts(&self, plan: Plan) -> Result<AnswerStream, QueryError> {
        self.source.query(plan, self.context.part()).await
    }
}

/// Says what the metrics mean, and shows them from the start.
fn describe() {
    describe_gauge!("vt_concurrent_select_capacity", "queries that may run at a time");
    describe_gauge!("vt_concurrent_select_current", "queries that run");
    describe_counter!(
        "vt_concurrent_select_limit_reached_total",
        "queries that had to wait for their turn"
    );
    describe_counter!(
        "vt_concurrent_select_limit_timeout_total",
        "queries refused because their turn did not come"
    );
    describe_counter!(
        "vt_partial_responses_total",
        "answers without what could not be reached"
    );
    describe_counter!(
        "vt_slow_queries_total",
        "queries slower than --search.logSlowQueryDuration"
    );
    for name in [
        "vt_concurrent_select_limit_reached_total",
        "vt_concurrent_select_limit_timeout_total",
        "vt_partial_responses_total",
        "vt_slow_queries_total",
    ] {
        counter!(name).increment(0);
    }
    gauge!("vt_concurrent_select_current").increment(0.0);
}

/// A query's place among the running ones.
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    _place: Option<QueryPlace>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        gauge!("vt_concurrent_select_current").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use common::config::Period;
    use common::contract::AnswerStream;
    use common::query::CatalogueQuery;
    use futures::StreamExt;
    use tokio::sync::mpsc;

    /// A source whose answers never come; it reports the context of each query.
    struct Stuck(mpsc::Sender<QueryContext>);

    #[async_trait]
    impl SpanSource for Stuck {
        async fn query(&self, _: Plan, context: QueryContext) -> Result<AnswerStream, QueryError> {
            self.0
                .send(context)
                .await
                .map_err(|e| QueryError::Storage(e.to_string()))?;
            Ok(futures::stream::pending().boxed())
        }
    }

    fn plan() -> Plan {
        Plan::catalogue(TenantId::default(), CatalogueQuery::Services)
    }

    const WANTED: Wanted = Wanted {
        reading: Reading::Traces,
        partial: None,
    };

    fn stuck(config: SelectConfig) -> (Arc<QueryRunner>, mpsc::Receiver<QueryContext>) {
        let (send, receive) = mpsc::channel(4);
        (Arc::new(QueryRunner::new(&config, Arc::new(Stuck(send)))), receive)
    }

    #[tokio::test]
    async fn a_dropped_query_is_cancelled_and_gives_up_its_turn() {
        let (runner, mut contexts) = stuck(SelectConfig {
            search_max_concurrent_requests: 1,
            ..SelectConfig::default()
        });
        for _ in 0..2 {
            let running = tokio::spawn({
                let runner = runner.clone();
                async move { runner.run(plan(), WANTED).await }
            });
            let context = contexts.recv().await.unwrap();
            assert!(context.check().is_ok());
            running.abort();
            assert!(running.await.unwrap_err().is_cancelled());
            assert!(matches!(context.check(), Err(QueryError::Cancelled)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_query_ends_at_its_deadline() {
        let (runner, mut contexts) = stuck(SelectConfig::default());
        let error = runner.run(plan(), WANTED).await.unwrap_err();
        assert!(
            matches!(error, QueryError::DeadlineExceeded(limit) if limit == Duration::from_secs(30)),
            "{error}"
        );
        assert!(matches!(
            contexts.recv().await.unwrap().check(),
            Err(QueryError::Cancelled)
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn rounds_take_turns_as_queries_do() {
        let (runner, _contexts) = stuck(SelectConfig {
            search_max_concurrent_requests: 1,
            search_max_queue_duration: Period::from_secs(1),
            ..SelectConfig::default()
        });
        let _endless = runner.begin_endless(WANTED);
        let turn = runner.round(TenantId::default()).await.unwrap();
        let refused = runner.begin(TenantId::default(), None, WANTED).await;
        assert!(matches!(refused, Err(QueryError::Overloaded(_))));
        drop(turn);
        let running = runner.begin(TenantId::default(), None, WANTED).await.unwrap();
        let refused = runner.round(TenantId::default()).await;
        assert!(matches!(refused, Err(QueryError::Overloaded(_))));
        drop(running);
        assert!(runner.round(TenantId::default()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_query_without_a_turn_is_refused() {
        let (runner, mut contexts) = stuck(SelectConfig {
            search_max_concurrent_requests: 1,
            search_max_queue_duration: Period::from_secs(1),
            ..SelectConfig::default()
        });
        let running = tokio::spawn({
            let runner = runner.clone();
            async move { runner.run(plan(), WANTED).await }
        });
        contexts.recv().await.unwrap();
        assert!(matches!(
            runner.run(plan(), WANTED).await,
            Err(QueryError::Overloaded(_))
        ));
        running.abort();
    }
}
