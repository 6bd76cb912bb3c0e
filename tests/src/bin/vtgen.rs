//! `vtgen --rate SPANS --seconds N --insert URL --select URL`: see [`tests::vtgen`]. Progress goes to the standard error, a
//! report in JSON to the standard output; the status says whether everything that was looked for is there.

use clap::Parser;
use std::process::ExitCode;
use tests::vtgen::{Options, run};

fn main() -> ExitCode {
    let report = run(&Options::parse(), &mut std::io::stderr());
    println!("{}", serde_json::to_string(&report).expect("numbers are JSON"));
    match report.is_good() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
