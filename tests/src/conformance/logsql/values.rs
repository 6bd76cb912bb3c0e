//! Tables about values: reading and printing numbers, durations, sizes, times and addresses, and buckets of them.

use vtselect::logsql::value::*;

use super::super::Outcome;
use super::tables::Tables;
use super::{Members, same_number};

pub(super) const TABLES: Tables = &[
    ("TestTryParseUint64_Success", |args| {
        parsed(parse_uint(args.text("s")).map(|n| n as f64), args)
    }),
    ("TestTryParseUint64_Failure", |args| refused(parse_uint(args.text("s")))),
    ("TestTryParseInt64_Success", |args| {
        parsed(parse_int(args.text("s")).map(|n| n as f64), args)
    }),
    ("TestTryParseInt64_Failure", |args| refused(parse_int(args.text("s")))),
    ("TestTryParseFloat64_Success", |args| {
        parsed(parse_float(args.text("s")), args)
    }),
    ("TestTryParseFloat64_Failure", |args| {
        refused(parse_float(args.text("s")))
    }),
    ("TestTryParseFloat64Exact_Success", |args| {
        parsed(parse_float_exact(args.text("s")), args)
    }),
    ("TestTryParseFloat64Exact_Failure", |args| {
        refused(parse_float_exact(args.text("s")))
    }),
    ("TestTryParseBytes_Success", |args| {
        parsed(parse_size(args.text("s")).map(|n| n as f64), args)
    }),
    ("TestTryParseBytes_Failure", |args| refused(parse_size(args.text("s")))),
    ("TestTryParseDuration_Success", |args| {
        same_number(
            parse_duration(args.text("s")).map_or(f64::NAN, |ns| ns as f64),
            args.number("nsecsExpected"),
        )
    }),
    ("TestTryParseDuration_Failure", |args| {
        refused(parse_duration(args.text("s")))
    }),
    ("TestTryParseIPv4String_Success", |args| {
        printed(parse_ipv4(args.text("s")).map(format_ipv4), args, "s")
    }),
    ("TestTryParseIPv4_Failure", |args| refused(parse_ipv4(args.text("s")))),
    ("TestTryParseIPv4Mask_Success", |args| {
        parsed(parse_ipv4_mask(args.text("s")).map(|n| n as f64), args)
    }),
    ("TestTryParseIPv4Mask_Failure", |args| {
        refused(parse_ipv4_mask(args.text("s")))
    }),
    ("TestTryParseTimestampISO8601String_Success", |args| {
        printed(parse_iso8601(args.text("s")).map(format_iso8601), args, "s")
    }),
    ("TestTryParseTimestampISO8601_Failure", |args| {
        refused(parse_iso8601(args.text("s")))
    }),
    ("TestTryParseTimestampRFC3339NanoString_Success", |args| {
        printed(
            parse_rfc3339(args.text("s")).map(format_rfc3339),
            args,
            "timestampExpected",
        )
    }),
    ("TestTryParseTimestampRFC3339Nano_Failure", |args| {
        refused(parse_rfc3339(args.text("s")))
    }),
    ("TestMarshalDurationString", |args| {
        printed(Some(format_duration(integer(args, "nsecs"))), args, "resultExpected")
    }),
    ("TestMarshalFloat64String", |args| {
        printed(Some(format_float(args.number("f"))), args, "resultExpected")
    }),
    ("TestTruncateInt64", |args| {
        parsed(
            Some(truncate_i64(integer(args, "n"), integer(args, "bucketSize"), integer(args, "offset")) as f64),
            args,
        )
    }),
    ("TestTruncateUint64", truncate_unsigned),
    ("TestTruncateUint32", truncate_unsigned),
    ("TestTruncateFloat64", |args| {
        parsed(
            Some(truncate_f64(
                args.number("n"),
                args.number("bucketSize"),
                args.number("offset"),
            )),
            args,
        )
    }),
    ("TestTruncateTimestamp", truncate_time),
];

fn parsed(found: Option<f64>, args: &Members<'_>) -> Outcome {
    same_number(found.unwrap_or(f64::NAN), args.number("resultExpected"))
}

fn printed(found: Option<String>, args: &Members<'_>, expected: &str) -> Outcome {
    Outcome::equal(found.as_deref(), Some(args.text(expected)))
}

fn refused<T: std::fmt::Debug>(found: Option<T>) -> Outcome {
    Outcome::check(found.is_none(), || format!("accepted as {found:?}"))
}

fn integer(args: &Members<'_>, key: &str) -> i64 {
    args.get(key).unwrap_or_else(|| args.number(key) as i64)
}

fn truncate_unsigned(args: &Members<'_>) -> Outcome {
    let argument = |key| args.get(key).unwrap_or_default();
    parsed(
        Some(truncate_u64(argument("n"), argument("bucketSize"), argument("offset")) as f64),
        args,
    )
}

fn truncate_time(args: &Members<'_>) -> Outcome {
    let offset = match args.text("offsetStr") {
        "" => Some(0.0),
        offset => Bucket::parse_offset(offset),
    };
    let (Some(size), Some(offset)) = (BucketSize::parse(args.text("bucketSizeStr")), offset) else {
        return Outcome::Failed("the bucket was refused".to_owned());
    };
    let truncated = parse_rfc3339(args.text("timestampStr")).map(|ns| Bucket { size, offset }.truncate_time(ns));
    printed(truncated.map(format_rfc3339), args, "resultExpected")
}
