//! A store under test.

use common::contract::{SpanSink, SpanSource};
use futures::future::BoxFuture;
use std::any::Any;
use std::sync::Arc;

type Settle = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// The two ends of a store, with what the suite needs to know of it.
pub struct Store {
    pub sink: Arc<dyn SpanSink>,
    pub source: Arc<dyn SpanSource>,
    settle: Option<Settle>,
    _keep: Box<dyn Any + Send + Sync>,
}

impl Store {
    pub fn new(sink: Arc<dyn SpanSink>, source: Arc<dyn SpanSource>) -> Self {
        Self {
            sink,
            source,
            settle: None,
            _keep: Box::new(()),
        }
    }

    /// Says how to move all written spans to where they rest (for an engine: flush the heads to blocks).
    pub fn settle_with<F, Fut>(mut self, settle: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.settle = Some(Box::new(move || Box::pin(settle())));
        self
    }

    /// Keeps something (a temporary directory) as long as the store.
    pub fn keep(mut self, thing: impl Any + Send + Sync) -> Self {
        self._keep = Box::new(thing);
        self
    }

    pub fn settles(&self) -> bool {
        self.settle.is_some()
    }

    pub async fn settle(&self) {
        if let Some(settle) = &self.settle {
            settle().await;
        }
    }
}
