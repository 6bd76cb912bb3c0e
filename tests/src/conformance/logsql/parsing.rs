//! Text and its canonical text, or text that must be refused.

use std::fmt::Display;

use vtselect::logsql::ParseError;
use vtselect::logsql::parse::{parse_pipe, parse_query, parse_stats_func};

use super::super::Outcome;
use super::{CONTEXT, with_members};

/// `{"query","canonical"}` or `{"query","error":true}`.
pub(super) fn query(line: &str) -> Outcome {
    run(line, "query", |text| parse_query(text, &CONTEXT))
}

/// `{"pipe","canonical"}` or `{"pipe","error":true}`.
pub(super) fn pipe(line: &str) -> Outcome {
    run(line, "pipe", |text| parse_pipe(text, &CONTEXT))
}

/// `{"func","canonical"}` or `{"func","error":true}`.
pub(super) fn stats_func(line: &str) -> Outcome {
    run(line, "func", |text| parse_stats_func(text, &CONTEXT))
}

/// The canonical text must also parse to an equal tree.
fn run<T: Display + PartialEq>(line: &str, key: &str, parse: impl Fn(&str) -> Result<T, ParseError>) -> Outcome {
    with_members(line, |case| {
        let refused = case.get("error").unwrap_or(false);
        outcome(parse(case.text(key)), refused, case.text("canonical"), parse)
    })
}

fn outcome<T: Display + PartialEq>(
    parsed: Result<T, ParseError>,
    refused: bool,
    canonical: &str,
    parse: impl Fn(&str) -> Result<T, ParseError>,
) -> Outcome {
    match parsed {
        Ok(parsed) if refused => Outcome::Failed(format!("accepted as {parsed}")),
        Err(_) if refused => Outcome::Passed,
        Err(error) => Outcome::Failed(format!("refused: {}", error.reason())),
        Ok(parsed) => {
            let printed = parsed.to_string();
            let again = parse(&printed).is_ok_and(|again| again == parsed);
            let unstable = || format!("the canonical text {printed} does not give the same tree");
            match Outcome::equal(printed.as_str(), canonical) {
                Outcome::Passed => Outcome::check(again, unstable),
                other => other,
            }
        }
    }
}
