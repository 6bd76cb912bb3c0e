//! The flag of access, and what it makes.

use super::file;
use super::gate::Gate;
use super::needs::Needs;
use super::users::Users;
use crate::reload::Live;
use crate::tenancy::Tenants;
use clap::Args;
use std::io;
use std::path::{Path, PathBuf};

/// Who may do what.
#[derive(Args, Clone, Debug, Default)]
pub struct AccessConfig {
    /// TOML file with users: their rights, and the tenants that they may name. Without it everybody may do everything. It
    /// is read again when it changes
    #[arg(long = "auth.config", value_name = "FILE")]
    pub auth_config: Option<PathBuf>,
}

/// Why the users are not known.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("cannot read the users in {path:?}: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("bad file of users {path:?}: {reason}")]
    Bad { path: PathBuf, reason: String },
}

/// The users of a program, if it asks who its clients are. Cheap to clone.
#[derive(Clone, Default)]
pub struct Access(Option<Live<Users>>);

impl AccessConfig {
    /// Reads the file. To be called within a runtime.
    ///
    /// # Errors
    /// When it cannot be read, or something in it is wrong.
    pub fn access(&self) -> Result<Access, AccessError> {
        let Some(path) = self.auth_config.clone() else {
            return Ok(Access(None));
        };
        let files = vec![path.clone()];
        Live::watch("users", files, move || read(&path)).map(|users| Access(Some(users)))
    }
}

impl Access {
    /// The gate in front of a listener's paths; `None` if it is open for all and tenants have no names.
    pub fn gate(&self, needs: Needs, tenants: Option<Live<Tenants>>) -> Option<Gate> {
        Gate::new(needs, self.0.clone(), tenants)
    }
}

fn read(path: &Path) -> Result<Users, AccessError> {
    let text = std::fs::read_to_string(path).map_err(|error| AccessError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    let users = file::read(&text).map_err(|reason| AccessError::Bad {
        path: path.to_owned(),
        reason,
    })?;
    tracing::info!(users = users.len(), "requests need credentials");
    Ok(users)
}
