//! The file of users: its form in TOML, and the checks between that and [`Users`].

use super::needs::Right;
use super::users::{Digest, Rights, User, Users};
use crate::tenancy::TenantPattern;
use bcrypt::HashParts;
use serde::Deserialize;
use std::collections::HashSet;

/// The dearest password hash that is taken: each step doubles the time of a check.
const MAX_COST: u32 = 14;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default)]
    open: Vec<Open>,
    #[serde(default, rename = "user")]
    users: Vec<UserForm>,
}

/// What is answered without credentials.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Open {
    Health,
    Metrics,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserForm {
    name: String,
    password_hash: Option<String>,
    token_sha256: Option<String>,
    rights: Vec<RightForm>,
    #[serde(default)]
    tenants: Vec<String>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum RightForm {
    Insert,
    Select,
    Metrics,
    Admin,
}

impl From<RightForm> for Right {
    fn from(form: RightForm) -> Self {
        match form {
            RightForm::Insert => Self::Insert,
            RightForm::Select => Self::Select,
            RightForm::Metrics => Self::Metrics,
            RightForm::Admin => Self::Admin,
        }
    }
}

/// Reads the text of a file. The error shows no secret.
pub(super) fn read(text: &str) -> Result<Users, String> {
    let form: Form = toml::from_str(text).map_err(|error| described(text, &error))?;
    let mut names = HashSet::new();
    for user in &form.users {
        if !names.insert(&user.name) {
            return Err(format!("user {:?} stands there twice", user.name));
        }
    }
    let open = |what| form.open.contains(&what);
    let (health, metrics) = (open(Open::Health), open(Open::Metrics));
    let users: Result<Vec<User>, String> = form.users.into_iter().map(user).collect();
    Ok(Users::new(users?, health, metrics))
}

/// The parser's message with its line. The line's text may be a secret and is not shown.
fn described(text: &str, error: &toml::de::Error) -> String {
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {line}: {}", error.message())
}

fn user(form: UserForm) -> Result<User, String> {
    let name = form.name;
    let of = |what: &str| format!("user {name:?}: {what}");
    if name.is_empty() || name.contains(':') {
        return Err(of("a name is not empty and has no colon"));
    }
    if form.password_hash.is_none() && form.token_sha256.is_none() {
        return Err(of("password_hash or token_sha256 must be given"));
    }
    if form.rights.is_empty() {
        return Err(of("rights must name some of insert, select, metrics, admin"));
    }
    let rights = form.rights.into_iter().map(Right::from).collect::<Rights>();
    if form.tenants.is_empty() && (rights.has(Right::Insert) || rights.has(Right::Select)) {
        return Err(of("tenants must be given, such as [\"0:0\"], or [\"*\"] for all"));
    }
    let tenants: Result<Vec<TenantPattern>, _> = form.tenants.iter().map(|text| text.parse()).collect();
    Ok(User {
        tenants: tenants.map_err(|error| of(&error.to_string()))?,
        password: form
            .password_hash
            .map(|hash| password(&hash))
            .transpose()
            .map_err(|error| of(&error))?,
        token: form
            .token_sha256
            .map(|hex| token(&hex))
            .transpose()
            .map_err(|error| of(&error))?,
        rights,
        name,
    })
}

fn password(hash: &str) -> Result<String, String> {
    let parts: HashParts = hash
        .parse()
        .map_err(|_| "password_hash is no bcrypt hash, such as `htpasswd -nB` makes".to_owned())?;
    if parts.get_cost() > MAX_COST {
        return Err(format!(
            "the cost of password_hash is above {MAX_COST}: each check would take seconds"
        ));
    }
    Ok(hash.to_owned())
}

fn token(digits: &str) -> Result<Digest, String> {
    let mut digest = Digest::default();
    hex::decode_to_slice(digits, &mut digest)
        .map_err(|_| "token_sha256 must have 64 hexadecimal digits, such as `sha256sum` prints".to_owned())?;
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2b$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie";

    fn refused(text: &str) -> String {
        read(text).err().unwrap_or_else(|| panic!("taken: {text}"))
    }

    #[test]
    fn mistakes_are_named_without_secrets() {
        let user = |rest: &str| format!("[[user]]\nname = \"u\"\n{rest}");
        let good = "rights = [\"insert\"]\ntenants = [\"*\"]\n";
        for (text, expected) in [
            (user(good), "password_hash or token_sha256"),
            (user(&format!("{good}token_sha256 = \"s3cret\"")), "64 hexadecimal"),
            (user(&format!("{good}password_hash = \"s3cret\"")), "bcrypt"),
            (user(&format!("{good}password = \"s3cret\"")), "line 5: unknown field"),
            (
                user(&format!("password_hash = \"{HASH}\"\nrights = [\"insert\"]")),
                "tenants must be given",
            ),
            (
                user(&format!("password_hash = \"{HASH}\"\nrights = []")),
                "rights must name",
            ),
            (
                user(&format!("password_hash = \"{HASH}\"\nrights = [\"all\"]")),
                "unknown variant",
            ),
            (
                user(&format!(
                    "password_hash = \"{HASH}\"\nrights = [\"select\"]\ntenants = [\"a\"]"
                )),
                "tenant",
            ),
            ("open = [\"flags\"]".to_owned(), "line 1: unknown variant"),
            (
                format!(
                    "{}{}",
                    user(&format!("{good}password_hash = \"{HASH}\"\n")),
                    user(&format!("{good}password_hash = \"{HASH}\""))
                ),
                "twice",
            ),
        ] {
            let error = refused(&text);
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_hash_that_takes_too_long_is_refused() {
        let dear = HASH.replace("$04$", "$20$");
        let text = format!("[[user]]\nname = \"u\"\nrights = [\"admin\"]\npassword_hash = \"{dear}\"");
        assert!(refused(&text).contains("above 14"));
    }
}
