//! Who may do what: users with their rights and tenants out of one file, and the gate in front of all routes that asks
//! for them. It knows no path: each part of the product says what its paths need ([`Needs`]).
//!
//! Without a file there is no gate, and everything is open.

mod config;
mod credentials;
mod file;
mod gate;
mod needs;
mod passwords;
mod refusal;
mod users;

pub use config::{Access, AccessConfig, AccessError};
pub use gate::Gate;
pub use needs::{Need, Needs, Right};
