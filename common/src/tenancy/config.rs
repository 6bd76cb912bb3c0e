//! The flag of tenants, and what it makes.

use super::Tenants;
use crate::reload::Live;
use clap::Args;
use std::io;
use std::path::{Path, PathBuf};

/// Names and limits of tenants.
#[derive(Args, Clone, Debug, Default)]
pub struct TenantConfig {
    /// TOML file with tenants' names, for the headers X-Scope-OrgID and x-tenant, and their limits. Without it tenants have
    /// numbers only (headers AccountID and ProjectID). It is read again when it changes
    #[arg(long = "tenant.config", value_name = "FILE")]
    pub tenant_config: Option<PathBuf>,
}

/// Why the tenants are not known.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    #[error("cannot read the tenants in {path:?}: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("bad file of tenants {path:?}: {reason}")]
    Bad { path: PathBuf, reason: String },
}

impl TenantConfig {
    /// Reads the file, if one is given. To be called within a runtime.
    ///
    /// # Errors
    /// When it cannot be read, or something in it is wrong.
    pub fn tenants(&self) -> Result<Option<Live<Tenants>>, TenancyError> {
        let Some(path) = self.tenant_config.clone() else {
            return Ok(None);
        };
        Live::watch("tenants", vec![path.clone()], move || read(&path)).map(Some)
    }
}

fn read(path: &Path) -> Result<Tenants, TenancyError> {
    let text = std::fs::read_to_string(path).map_err(|error| TenancyError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    text.parse().map_err(|reason| TenancyError::Bad {
        path: path.to_owned(),
        reason,
    })
}
