//! Conformance data as lines of JSON: reads the files of a folder, runs each line, and reports what passed, failed or
//! was skipped. What a line means is known to the module of its language.

pub mod logsql;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As expected.
    Passed,
    /// Not as expected: what was found.
    Failed(String),
    /// Not run, and why.
    Skipped(String),
}

impl Outcome {
    /// Passed when both are equal.
    pub fn equal<T: PartialEq + fmt::Debug>(found: T, expected: T) -> Self {
        if found == expected {
            Self::Passed
        } else {
            Self::Failed(format!("found {found:?}, expected {expected:?}"))
        }
    }

    /// Passed when it is so.
    pub fn check(passed: bool, otherwise: impl FnOnce() -> String) -> Self {
        if passed {
            Self::Passed
        } else {
            Self::Failed(otherwise())
        }
    }
}

/// Runs one line of a file.
pub type Case = fn(&str) -> Outcome;

/// The outcomes of one file.
pub struct FileReport {
    name: String,
    passed: usize,
    failed: Vec<(usize, String)>,
    skipped: BTreeMap<String, usize>,
}

impl FileReport {
    /// Runs every line of a file; `None` when there is no such file.
    pub fn of(folder: &Path, name: &str, case: Case) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join(name)).ok()?;
        let mut report = Self {
            name: name.to_owned(),
            passed: 0,
            failed: Vec::new(),
            skipped: BTreeMap::new(),
        };
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            match case(line) {
                Outcome::Passed => report.passed += 1,
                Outcome::Failed(found) => report.failed.push((number, format!("{found}\n    {line}"))),
                Outcome::Skipped(reason) => *report.skipped.entry(reason).or_default() += 1,
            }
        }
        Some(report)
    }

    /// True when nothing failed.
    pub fn is_good(&self) -> bool {
        self.failed.is_empty()
    }
}

impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped: usize = self.skipped.values().sum();
        write!(
            f,
            "{}: {} passed, {} failed, {skipped} skipped",
            self.name,
            self.passed,
            self.failed.len()
        )?;
        for (reason, cases) in &self.skipped {
            write!(f, "\n  skipped {cases}: {reason}")?;
        }
        for (line, found) in &self.failed {
            write!(f, "\n  failed line {line}: {found}")?;
        }
        Ok(())
    }
}
