//! The data set, moved in time.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const MICROS_PER_DAY: u64 = 86_400_000_000;
/// The later of the two days in the fixtures (2017-01-26): it becomes yesterday.
const LATER_DAY: u64 = 17_192;

/// The folder of the data and the shift that makes it recent.
pub struct DataSet {
    folder: PathBuf,
    days: u64,
}

impl DataSet {
    /// `None`, with a loud line, where the data is not at hand.
    pub fn find() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/jaeger");
        if !folder.is_dir() {
            eprintln!(
                "SKIPPED: Jaeger's conformance cases, because {} is not there",
                folder.display()
            );
            return None;
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock after 1970");
        Some(Self {
            folder,
            days: now.as_secs() / 86_400 - 1 - LATER_DAY,
        })
    }

    pub fn json(&self, name: &str) -> Value {
        let path = self.folder.join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// A trace as OTLP/JSON, with its times shifted.
    pub fn trace(&self, name: &str) -> Value {
        let mut trace = self.json(&format!("traces/{name}.json"));
        self.shift(&mut trace);
        trace
    }

    /// The names of all traces.
    pub fn trace_names(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.join("traces")).expect("traces");
        let name = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let mut names: Vec<_> = files.filter_map(|file| name(file.expect("a file").path())).collect();
        names.sort();
        names
    }

    /// A number of microseconds of the unshifted data, as text.
    pub fn shift_micros(&self, unshifted: &str) -> String {
        let micros: u64 = unshifted.parse().expect("microseconds");
        (micros + self.days * MICROS_PER_DAY).to_string()
    }

    fn shift(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.shift(item)),
            Value::Object(fields) => {
                for (name, field) in fields {
                    match field.as_str() {
                        Some(text) if name.ends_with("imeUnixNano") => {
                            let nanos: u64 = text.parse().expect("nanoseconds");
                            *field = (nanos + self.days * MICROS_PER_DAY * 1_000).to_string().into();
                        }
                        _ => self.shift(field),
                    }
                }
            }
            _ => {}
        }
    }
}
