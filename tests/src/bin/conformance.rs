//! Runs conformance data: `conformance LANGUAGE DIR` reads the language's files in the folder, prints per file what
//! passed, failed and was skipped, and fails when a case failed or there was nothing to run.

use std::path::Path;
use std::process::ExitCode;

use tests::conformance::{FileReport, logsql};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let reports = match arguments.as_slice() {
        [language, folder] if language == "logsql" => logsql::run(Path::new(folder)),
        _ => {
            eprintln!("usage: conformance logsql DIR");
            return ExitCode::from(2);
        }
    };
    for report in &reports {
        println!("{report}");
    }
    if reports.is_empty() {
        eprintln!("no conformance data in the folder");
    }
    if !reports.is_empty() && reports.iter().all(FileReport::is_good) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
