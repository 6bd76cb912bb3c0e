//! Checks of passwords. They are slow on purpose: a few run at a time, on threads that may block, and what came of them
//! is kept under a digest of what was shown.

use quick_cache::sync::Cache;
use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many checks run at a time, so that strangers cannot take all processors.
const AT_A_TIME: usize = 2;
/// How long a check waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many outcomes are kept, of good passwords and of bad ones each.
const KEPT: usize = 1_000;
/// What is compared where there is no such user, so that the time does not tell.
const NOBODY: &str = "$2b$10$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie";

type Key = [u8; 32];

/// Too many passwords are being checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooMany;

/// Checks passwords of one set of users.
pub(super) struct Passwords {
    salt: Key,
    turns: Semaphore,
    good: Cache<Key, ()>,
    bad: Cache<Key, ()>,
    nobody: String,
}

impl Passwords {
    /// `hashes` are the users'.
    pub(super) fn new(hashes: impl Iterator<Item = String>) -> Self {
        let mut salt = Key::default();
        // Without randomness the keys are still digests, only not this process's own.
        let _ = SystemRandom::new().fill(&mut salt);
        Self {
            salt,
            turns: Semaphore::new(AT_A_TIME),
            good: Cache::new(KEPT),
            bad: Cache::new(KEPT),
            nobody: hashes.last().unwrap_or_else(|| NOBODY.to_owned()),
        }
    }

    /// Whether a password has this hash; never, without one. `whole` is all that was shown.
    pub(super) async fn check(&self, whole: &[u8], password: Vec<u8>, hash: Option<&str>) -> Result<bool, TooMany> {
        let key = self.key(whole);
        if let Some(known) = self.known(&key) {
            return Ok(known);
        }
        let turn = tokio::time::timeout(PATIENCE, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(TooMany) };
        // Another request with the same password may have come first.
        if let Some(known) = self.known(&key) {
            return Ok(known);
        }
        let (is_somebody, hash) = (hash.is_some(), hash.unwrap_or(&self.nobody).to_owned());
        let check = move || bcrypt::non_truncating_verify(password, &hash).unwrap_or(false);
        let fits = tokio::task::spawn_blocking(check).await.map_err(|_| TooMany)?;
        let is_right = fits && is_somebody;
        let outcomes = if is_right { &self.good } else { &self.bad };
        outcomes.insert(key, ());
        Ok(is_right)
    }

    fn known(&self, key: &Key) -> Option<bool> {
        match (self.good.get(key), self.bad.get(key)) {
            (Some(()), _) => Some(true),
            (_, Some(())) => Some(false),
            _ => None,
        }
    }

    fn key(&self, whole: &[u8]) -> Key {
        let mut context = Context::new(&SHA256);
        context.update(&self.salt);
        context.update(whole);
        let mut key = Key::default();
        key.copy_from_slice(context.finish().as_ref());
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn outcomes_are_kept_by_all_that_was_shown() {
        let hash = bcrypt::hash("open", 4).unwrap();
        let passwords = Passwords::new(std::iter::once(hash.clone()));
        let check = |whole: &'static [u8], password: &str, hash: Option<&'static str>| {
            passwords.check(whole, password.as_bytes().to_vec(), hash)
        };
        let hash: &'static str = hash.leak();
        assert_eq!(check(b"a:open", "open", Some(hash)).await, Ok(true));
        assert_eq!(check(b"a:shut", "shut", Some(hash)).await, Ok(false));
        // Right by its hash, and nobody's.
        assert_eq!(check(b"b:open", "open", None).await, Ok(false));
        let keys = [&b"a:open"[..], b"a:shut", b"b:open", b"c"].map(|whole| passwords.known(&passwords.key(whole)));
        assert_eq!(keys, [Some(true), Some(false), Some(false), None]);
    }

    #[tokio::test]
    async fn a_password_longer_than_bcrypt_reads_is_wrong() {
        let hash = bcrypt::hash("x".repeat(72), 4).unwrap();
        let passwords = Passwords::new(std::iter::once(hash.clone()));
        let long = "x".repeat(73).into_bytes();
        assert_eq!(passwords.check(b"long", long, Some(&hash)).await, Ok(false));
    }
}
