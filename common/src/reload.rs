//! Values made from files, and made again when the files change: certificates, access rules. It knows nothing of what is
//! in them.

use arc_swap::{ArcSwap, Guard};
use ring::digest::{Context, Digest, SHA256};
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often the files are read.
const PERIOD: Duration = Duration::from_secs(1);

/// The newest value that could be made. Clones share it; the files are watched until the last one is dropped.
pub struct Live<T>(Arc<ArcSwap<T>>);

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + Sync + 'static> Live<T> {
    /// Calls `make`, which reads the files, now and whenever their contents have changed. A change that it refuses is
    /// logged and counted, and the value before it stays. `what` is the value's name in logs and metrics. To be called
    /// within a runtime.
    ///
    /// # Errors
    /// Those of the first `make`.
    pub fn watch<E: Display>(
        what: &'static str,
        files: Vec<PathBuf>,
        make: impl Fn() -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        let seen = fingerprint(&files);
        let value = Arc::new(ArcSwap::from_pointee(make()?));
        let watched = Watched {
            what,
            files,
            make: Box::new(move || make().map_err(|error| error.to_string())),
            value: Arc::downgrade(&value),
        };
        tokio::spawn(watched.keep(seen));
        Ok(Self(value))
    }

    /// The value as it is now.
    pub fn load(&self) -> Guard<Arc<T>> {
        self.0.load()
    }

    /// The same, to be held for long.
    pub fn load_full(&self) -> Arc<T> {
        self.0.load_full()
    }
}

struct Watched<T> {
    what: &'static str,
    files: Vec<PathBuf>,
    make: Box<dyn Fn() -> Result<T, String> + Send + Sync>,
    value: Weak<ArcSwap<T>>,
}

impl<T: Send + Sync + 'static> Watched<T> {
    async fn keep(self, mut seen: Fingerprint) {
        let watched = Arc::new(self);
        loop {
            tokio::time::sleep(PERIOD).await;
            if watched.value.strong_count() == 0 {
                return;
            }
            let again = watched.clone();
            // Files may lie on a slow disk.
            match tokio::task::spawn_blocking(move || again.look(seen)).await {
                Ok(now) => seen = now,
                Err(_) => return,
            }
        }
    }

    fn look(&self, seen: Fingerprint) -> Fingerprint {
        let now = fingerprint(&self.files);
        if same(&now, &seen) {
            return now;
        }
        let Some(value) = self.value.upgrade() else { return now };
        match (self.make)() {
            Ok(made) => {
                value.store(Arc::new(made));
                metrics::counter!("vt_file_reloads_total", "what" => self.what).increment(1);
                tracing::info!("read the {} again", self.what);
            }
            Err(error) => {
                metrics::counter!("vt_file_reload_errors_total", "what" => self.what).increment(1);
                tracing::error!("keeping the {} as before: {error}", self.what);
            }
        }
        now
    }
}

/// Digests of the files' contents; `None` for those that cannot be read. Contents may be secret and are not kept.
type Fingerprint = Vec<Option<Digest>>;

fn fingerprint(files: &[PathBuf]) -> Fingerprint {
    let digest = |file: &PathBuf| {
        let bytes = std::fs::read(file).ok()?;
        let mut context = Context::new(&SHA256);
        context.update(&bytes);
        Some(context.finish())
    };
    files.iter().map(digest).collect()
}

fn same(one: &Fingerprint, other: &Fingerprint) -> bool {
    let bytes = |digest: &Option<Digest>| digest.map(|digest| digest.as_ref().to_vec());
    one.iter().map(bytes).eq(other.iter().map(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    async fn until(mut holds: impl FnMut() -> bool) {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn a_changed_file_is_read_again_and_a_bad_one_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("number");
        fs::write(&path, "1").unwrap();
        let read = {
            let path = path.clone();
            move || fs::read_to_string(&path).unwrap_or_default().parse::<u32>()
        };
        let live = Live::watch("number", vec![path.clone()], read).unwrap();
        assert_eq!(**live.load(), 1);
        fs::write(&path, "2").unwrap();
        until(|| **live.load() == 2).await;
        fs::write(&path, "x").unwrap();
        tokio::time::sleep(2 * PERIOD).await;
        assert_eq!(**live.load(), 2);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "3").unwrap();
        until(|| **live.load() == 3).await;
    }

    #[tokio::test]
    async fn what_cannot_be_made_at_first_is_an_error() {
        let made = Live::<u8>::watch("nothing", Vec::new(), || Err("no"));
        assert_eq!(made.err(), Some("no"));
    }
}
