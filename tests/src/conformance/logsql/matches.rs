//! Tables about tests of a single text.

use common::query::logsql::text::TextFilter;

use super::super::Outcome;
use super::Members;
use super::tables::Tables;

pub(super) const TABLES: Tables = &[
    ("TestMatchPhrase", |args| {
        test(args, TextFilter::Phrase(text(args, "phrase")))
    }),
    ("TestMatchPrefix", |args| {
        test(args, TextFilter::Prefix(text(args, "prefix")))
    }),
    ("TestMatchAnyCasePhrase", |args| {
        test(args, TextFilter::AnyCasePhrase(text(args, "phraseLowercase")))
    }),
    ("TestMatchAnyCasePrefix", |args| {
        test(args, TextFilter::AnyCasePrefix(text(args, "prefixLowercase")))
    }),
    ("TestMatchSequence", |args| {
        test(args, TextFilter::Sequence(args.list("phrases")))
    }),
    ("TestMatchStringRange", |args| {
        let (min, max) = (text(args, "minValue"), Some(text(args, "maxValue")));
        test(args, TextFilter::StringRange { min, max })
    }),
    ("TestMatchLenRange", |args| {
        let (min, max) = (integer(args, "minLen"), integer(args, "maxLen"));
        test(args, TextFilter::Length { min, max })
    }),
    ("TestMatchIPv4Range", |args| {
        let (min, max) = (integer(args, "minValue"), integer(args, "maxValue"));
        test(args, TextFilter::Ipv4 { min, max })
    }),
    ("TestFilterAnd", no_rows),
    ("TestFilterOr", no_rows),
];

fn test(args: &Members<'_>, filter: TextFilter) -> Outcome {
    Outcome::equal(Some(filter.matches(args.text("s"))), args.get("resultExpected"))
}

fn text(args: &Members<'_>, key: &str) -> String {
    args.text(key).to_owned()
}

fn integer<T: serde::de::DeserializeOwned + Default>(args: &Members<'_>, key: &str) -> T {
    args.get(key).unwrap_or_default()
}

fn no_rows(_: &Members<'_>) -> Outcome {
    Outcome::Skipped("the table does not give the rows; its cases are also in logsql_filters.jsonl".to_owned())
}
