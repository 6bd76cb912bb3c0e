//! The file of tenants: its form in TOML, and what it means.

use crate::config::ByteSize;
use crate::ids::TenantId;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::str::FromStr;

/// What a tenant may use of one process; 0 is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    pub spans_per_second: u64,
    /// Of requests' bodies, after decompression
    pub bytes_per_second: u64,
    pub concurrent_queries: u32,
}

/// All tenants that have a name or a limit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tenants {
    names: HashMap<String, TenantId>,
    /// Of tenants that the file does not list
    others: Limits,
    listed: HashMap<TenantId, Limits>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default)]
    limits: LimitsForm,
    #[serde(default, rename = "tenant")]
    tenants: Vec<TenantForm>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct LimitsForm {
    spans_per_second: Option<u64>,
    bytes_per_second: Option<SizeForm>,
    concurrent_queries: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantForm {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    spans_per_second: Option<u64>,
    bytes_per_second: Option<SizeForm>,
    concurrent_queries: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SizeForm {
    Bytes(u64),
    Text(String),
}

impl FromStr for Tenants {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form: Form = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let mut tenants = Self {
            others: limits(form.limits, Limits::default())?,
            ..Self::default()
        };
        let mut ids = HashSet::new();
        for tenant in form.tenants {
            let id: TenantId = tenant.id.parse().map_err(|error| format!("id: {error}"))?;
            if !ids.insert(id) {
                return Err(format!("tenant {:?} stands there twice", tenant.id));
            }
            for name in tenant.names {
                let name = name.trim().to_owned();
                if name.is_empty() {
                    return Err(format!("tenant {:?} has an empty name", tenant.id));
                }
                if tenants.names.insert(name.clone(), id).is_some() {
                    return Err(format!("the name {name:?} stands for two tenants"));
                }
            }
            let own = LimitsForm {
                spans_per_second: tenant.spans_per_second,
                bytes_per_second: tenant.bytes_per_second,
                concurrent_queries: tenant.concurrent_queries,
            };
            let own = limits(own, tenants.others).map_err(|error| format!("tenant {:?}: {error}", tenant.id))?;
            tenants.listed.insert(id, own);
        }
        Ok(tenants)
    }
}

/// What is not given is as in `default`.
fn limits(form: LimitsForm, default: Limits) -> Result<Limits, String> {
    let bytes = match form.bytes_per_second {
        None => default.bytes_per_second,
        Some(SizeForm::Bytes(bytes)) => bytes,
        Some(SizeForm::Text(text)) => {
            let size: ByteSize = text.parse().map_err(|error| format!("bytes_per_second: {error}"))?;
            size.bytes()
        }
    };
    Ok(Limits {
        spans_per_second: form.spans_per_second.unwrap_or(default.spans_per_second),
        bytes_per_second: bytes,
        concurrent_queries: form.concurrent_queries.unwrap_or(default.concurrent_queries),
    })
}

impl Tenants {
    pub fn by_name(&self, name: &str) -> Option<TenantId> {
        self.names.get(name).copied()
    }

    pub fn limits(&self, tenant: TenantId) -> Limits {
        self.listed.get(&tenant).copied().unwrap_or(self.others)
    }

    /// Whether the file lists it, so that metrics may name it.
    pub fn is_listed(&self, tenant: TenantId) -> bool {
        self.listed.contains_key(&tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_have_the_common_limits_where_they_have_none_of_their_own() {
        let text = "[limits]\nspans_per_second = 10\nbytes_per_second = \"1KiB\"\n\
                    [[tenant]]\nid = \"1:2\"\nnames = [\"a\", \"b\"]\nspans_per_second = 0\nconcurrent_queries = 3\n";
        let tenants: Tenants = text.parse().unwrap();
        let tenant = TenantId::new(1, 2);
        assert_eq!(tenants.by_name("b"), Some(tenant));
        let limits = |spans, bytes, queries| Limits {
            spans_per_second: spans,
            bytes_per_second: bytes,
            concurrent_queries: queries,
        };
        assert_eq!(tenants.limits(tenant), limits(0, 1_024, 3));
        assert_eq!(tenants.limits(TenantId::default()), limits(10, 1_024, 0));
        assert!(tenants.is_listed(tenant) && !tenants.is_listed(TenantId::default()));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("[[tenant]]\nid = \"a\"", "unsigned 32-bit"),
            ("[[tenant]]\nid = \"1\"\n[[tenant]]\nid = \"1:0\"", "twice"),
            (
                "[[tenant]]\nid = \"1\"\nnames = [\"x\"]\n[[tenant]]\nid = \"2\"\nnames = [\"x\"]",
                "two tenants",
            ),
            ("[[tenant]]\nid = \"1\"\nnames = [\" \"]", "empty name"),
            ("[limits]\nspans = 1", "unknown field"),
            ("[limits]\nbytes_per_second = \"fast\"", "bytes_per_second"),
        ] {
            let error = text.parse::<Tenants>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
