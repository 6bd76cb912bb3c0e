//! Pipes over rows, and the functions in them.

use vtselect::logsql::ast::Pipe;
use vtselect::logsql::exec::{ExecContext, ExecError, Flow, Pipeline, Rows, json, logfmt};
use vtselect::logsql::parse::parse_pipe;
use vtselect::logsql::pattern::parse_pattern;
use vtselect::logsql::quote_if_needed;

use common::contract::QueryContext;

use super::super::Outcome;
use super::tables::Tables;
use super::{CONTEXT, Members, with_members};

type Row = Vec<(String, String)>;

/// Rows in one block, for each run of a case: how the rows arrive must not change the result.
const BLOCKS: [usize; 3] = [usize::MAX, 1, 2];

/// `{"pipe","rows","expected"[,"ordered":true]}`.
pub(super) fn pipe(line: &str) -> Outcome {
    with_members(line, |case| {
        let pipe = match parse_pipe(case.text("pipe"), &CONTEXT) {
            Ok(pipe) => pipe,
            Err(error) => return Outcome::Failed(format!("refused: {}", error.reason())),
        };
        let rows: Vec<Row> = case.get("rows").unwrap_or_default();
        let ordered = case.get("ordered").unwrap_or(false);
        let expected = compared(case.get("expected").unwrap_or_default(), ordered);
        for block in BLOCKS {
            match run(&pipe, &rows, block).map(|found| compared(found, ordered)) {
                Ok(found) if found == expected => {}
                Ok(found) => return Outcome::Failed(format!("found {found:?} in blocks of {block} rows")),
                Err(ExecError::Unsupported(what)) => return Outcome::Skipped(format!("{what} is not supported")),
                Err(error) => return Outcome::Failed(error.to_string()),
            }
        }
        Outcome::Passed
    })
}

fn run(pipe: &Pipe, rows: &[Row], block: usize) -> Result<Vec<Row>, ExecError> {
    let context = ExecContext::new(QueryContext::unlimited(), CONTEXT.now);
    let mut pipeline = Pipeline::new(std::slice::from_ref(pipe), &context)?;
    let mut found = Vec::new();
    let mut out = |rows: Rows| {
        let pairs = |row| {
            rows.pairs(row)
                .map(|(name, value)| (name.to_string(), value.to_string()))
        };
        found.extend((0..rows.len()).map(|row| pairs(row).collect()));
        Ok(Flow::More)
    };
    for rows in rows.chunks(block.min(rows.len().max(1))) {
        pipeline.push(Rows::from_pairs(rows), &mut out)?;
    }
    pipeline.finish(&mut out)?;
    Ok(found)
}

/// Fields without a value are no fields; the order of fields, and of rows unless it is asked for, does not matter.
fn compared(mut rows: Vec<Row>, ordered: bool) -> Vec<Row> {
    for row in &mut rows {
        row.retain(|(_, value)| !value.is_empty());
        row.sort();
    }
    if !ordered {
        rows.sort();
    }
    rows
}

pub(super) const TABLES: Tables = &[
    ("TestAppendReplace", |args| {
        let pipe = format!(
            "replace ({}, {}) limit {}",
            quoted(args, "oldSubstr"),
            quoted(args, "newSubstr"),
            args.number("limit")
        );
        message(&pipe, args)
    }),
    ("TestAppendReplaceRegexp", |args| {
        let pipe = format!(
            "replace_regexp ({}, {}) limit {}",
            quoted(args, "reStr"),
            quoted(args, "replacement"),
            args.number("limit")
        );
        message(&pipe, args)
    }),
    ("TestDropColorSequences", |args| message("decolorize", args)),
    ("TestHasColorSequences", |args| {
        let dropped = result("decolorize", args.text("s"), "_msg");
        Outcome::equal(
            dropped.map(|dropped| dropped != args.text("s")),
            Ok(args.get("resultExpected").unwrap_or_default()),
        )
    }),
    ("TestAppendCollapseNums", |args| message("collapse_nums", args)),
    ("TestTokenizeStrings", |args| {
        let words = result("unpack_words drop_duplicates", &args.list("a").join(" "), "_msg");
        let words = words.map(|words| json::array_items(&words));
        Outcome::equal(words, Ok(args.list("tokensExpected")))
    }),
    ("TestPatternApply", pattern),
    ("TestJSONParserFailure", |args| {
        let fields = json::object_fields(args.text("data"), json::MAX_NAME);
        Outcome::check(fields.is_none(), || format!("accepted as {fields:?}"))
    }),
    ("TestJSONParserSuccess", |args| json_fields(args, json::MAX_NAME)),
    ("TestJSONParserTooLongFieldName", |args| {
        json_fields(args, args.get("maxFieldLen").unwrap_or_default())
    }),
    ("TestUnpackJSONArray", |args| {
        Outcome::equal(json::array_items(args.text("s")), args.list("resultExpected"))
    }),
    ("TestLogfmtParser", logfmt_fields),
    ("TestMarshalFieldsToJSON", |args| {
        let fields = fields(args, "fields");
        let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Outcome::equal(json::object(fields).as_str(), args.text("resultExpected"))
    }),
    ("TestMarshalFieldsToLogfmt", |args| {
        let fields = fields(args, "fields");
        let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Outcome::equal(logfmt::write(fields).as_str(), args.text("resultExpected"))
    }),
];

fn quoted(args: &Members<'_>, key: &str) -> String {
    quote_if_needed(args.text(key))
}

fn fields(args: &Members<'_>, key: &str) -> Row {
    args.get(key).unwrap_or_default()
}

/// A pipe that changes `_msg`.
fn message(pipe: &str, args: &Members<'_>) -> Outcome {
    let found = result(pipe, args.text("s"), "_msg");
    Outcome::equal(found.as_deref(), Ok(args.text("resultExpected")))
}

/// A field after the pipe was applied to a row with a `_msg`.
fn result(pipe: &str, message: &str, field: &str) -> Result<String, String> {
    let pipe = parse_pipe(pipe, &CONTEXT).map_err(|error| error.reason().to_owned())?;
    let row = vec![("_msg".to_owned(), message.to_owned())];
    let found = run(&pipe, &[row], 1).map_err(|error| error.to_string())?;
    let value = found.iter().flatten().find(|(name, _)| name == field);
    Ok(value.map(|(_, value)| value.clone()).unwrap_or_default())
}

fn pattern(args: &Members<'_>) -> Outcome {
    let text = args.text("patternStr");
    let steps = match parse_pattern(text) {
        Ok(steps) => steps,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    let pipe = format!("extract {}", quote_if_needed(text));
    let names = steps.iter().map(|step| &step.field).filter(|field| !field.is_empty());
    let found: Result<Vec<String>, String> = names.map(|name| result(&pipe, args.text("s"), name)).collect();
    Outcome::equal(found, Ok(args.list("resultsExpected")))
}

fn json_fields(args: &Members<'_>, max_name: usize) -> Outcome {
    let found = json::object_fields(args.text("data"), max_name);
    Outcome::equal(found, Some(fields(args, "fieldsExpected")))
}

/// The expected text is logfmt again, with `name=` for empty values.
fn logfmt_fields(args: &Members<'_>) -> Outcome {
    let found = logfmt::read(args.text("s"));
    let written: Vec<String> = found
        .iter()
        .map(|(name, value)| match value.as_str() {
            "" => format!("{name}="),
            value => logfmt::write([(name.as_str(), value)].into_iter()),
        })
        .collect();
    Outcome::equal(written.join(" ").as_str(), args.text("resultExpected"))
}
