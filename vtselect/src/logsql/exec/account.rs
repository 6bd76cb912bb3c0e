//! What one part of a query holds in memory, counted against the budget of the whole query.

use common::contract::{QueryContext, QueryError};

use super::ExecError;

/// Memory is taken from the budget in steps of this many bytes, so that small growth costs nothing.
const STEP: usize = 64 << 10;

/// The memory of one pipe. It goes back to the budget when this is dropped.
#[derive(Debug)]
pub struct Account {
    query: QueryContext,
    pipe: &'static str,
    used: usize,
    reserved: usize,
}

impl Account {
    /// An empty account of the pipe with this name.
    pub fn new(query: &QueryContext, pipe: &'static str) -> Self {
        Self {
            query: query.clone(),
            pipe,
            used: 0,
            reserved: 0,
        }
    }

    /// Counts `bytes` more. An error names the pipe.
    pub fn grow(&mut self, bytes: usize) -> Result<(), ExecError> {
        self.used = self.used.saturating_add(bytes);
        let Some(missing) = self.used.checked_sub(self.reserved).filter(|missing| *missing > 0) else {
            return Ok(());
        };
        let step = missing.max(STEP);
        self.reserved = self.reserved.saturating_add(step);
        self.query.reserve(step, self.pipe).map_err(|error| match error {
            QueryError::OverBudget { limit_bytes, .. } => ExecError::OverBudget {
                part: format!("pipe `{}`", self.pipe),
                limit_bytes,
            },
            other => other.into(),
        })
    }

    /// Counts `bytes` less.
    pub fn shrink(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
        let spare = self.reserved.saturating_sub(self.used);
        if spare > 4 * STEP {
            self.reserved -= spare;
            self.query.release(spare);
        }
    }

    /// Leaves what was counted in the budget until the end of the query.
    pub fn keep(mut self) {
        self.reserved = 0;
    }

    /// An error once the query is cancelled or late: to be asked in long loops.
    pub fn check(&self) -> Result<(), ExecError> {
        Ok(self.query.check()?)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.query.release(self.reserved);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_error_names_the_pipe_and_memory_goes_back() {
        let query = QueryContext::new(Duration::from_secs(60), 10 * STEP);
        let mut account = Account::new(&query, "sort");
        account.grow(9 * STEP).expect("within the budget");
        let error = account.grow(2 * STEP).expect_err("over the budget").to_string();
        assert!(error.contains("pipe `sort`") && error.contains("655360"), "{error}");
        drop(account);
        let mut account = Account::new(&query, "uniq");
        account.grow(9 * STEP).expect("what was held is free again");
        account.shrink(8 * STEP);
        let mut other = Account::new(&query, "top");
        other.grow(8 * STEP).expect("what was given back is free again");
    }
}
