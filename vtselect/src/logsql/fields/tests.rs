//! Names, texts and rows of fields.

use common::ids::{SpanId, TenantId, TraceId};
use common::query::{Column, ColumnRows, RowValues, SPAN_FIELDS, SpanField};
use common::span::{Event, Link, Resource, Scope, Span, SpanKind, StatusCode};
use common::time::UnixNanos;
use common::value::{AttrValue, Attribute};

use super::*;

const ALL_NAMES: [&str; 17] = [
    "dropped_attributes_count",
    "duration",
    "kind",
    "name",
    "trace_id",
    "status_code",
    "start_time_unix_nano",
    "resource_attr:service.name",
    "scope_attr:a:b",
    "span_attr:http.route",
    "event:event_attr:exception.type:0",
    "event:event_name:12",
    "event:event_time_unix_nano:1",
    "link:link_trace_id:0",
    "link:link_attr:a:b:3",
    "event:event_attr:exception.type",
    "link:link_span_id",
];

#[test]
fn names_of_columns_read_back() {
    for name in ALL_NAMES {
        let column = match Field::of(name) {
            Field::Column(column) | Field::AnyOf(column) => column,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(column_name(&column), name);
    }
    for name in SPAN_FIELDS.map(|field| column_name(&Column::Field(field))) {
        assert_eq!(Field::of(&name).column().map(column_name), Some(name));
    }
}

#[test]
fn an_index_is_the_last_part_of_a_name() {
    let any = |name: &str| matches!(Field::of(name), Field::AnyOf(_));
    assert!(any("event:event_attr:exception.type") && any("link:link_attr:a") && any("event:event_attr:a:01"));
    assert!(!any("event:event_attr:a:7"));
    assert_eq!(Field::of("event:what"), Field::Absent);
    assert_eq!(Field::of("foo"), Field::Absent);
    assert_eq!(Field::of("_msg").constant(), Some("-"));
}

fn span() -> Span {
    Span {
        trace_id: TraceId([0xaa; 16]),
        span_id: SpanId([0xbb; 8]),
        parent_span_id: Some(SpanId([1; 8])),
        name: "test-span".into(),
        kind: SpanKind::SERVER,
        start: UnixNanos(1_700_000_000_123_000_000),
        end: UnixNanos(1_700_000_000_124_000_000),
        status_code: StatusCode::ERROR,
        attributes: vec![
            Attribute::new("n", 0i64),
            Attribute::new("n", 1i64),
            Attribute::new("empty", ""),
            Attribute::new("list", AttrValue::Array(vec![1i64.into(), "b".into()])),
            Attribute::new(
                "map",
                AttrValue::Map(vec![
                    Attribute::new("a", AttrValue::Map(vec![Attribute::new("b", 2i64)])),
                    Attribute::new("c", true),
                ]),
            ),
            Attribute::new("null", AttrValue::Empty),
        ],
        events: vec![
            Event::default(),
            Event {
                time: UnixNanos(5),
                name: "exception".into(),
                attributes: vec![Attribute::new("exception.type", "Oops")],
                dropped_attributes_count: 2,
            },
        ],
        links: vec![Link {
            trace_id: TraceId([0xcc; 16]),
            attributes: vec![Attribute::new("k", 1.5)],
            ..Link::default()
        }],
        resource: Resource {
            attributes: vec![Attribute::new("service.name", "shop")],
            ..Resource::default()
        }
        .into(),
        scope: Scope {
            name: "lib".into(),
            ..Scope::default()
        }
        .into(),
        ..Span::default()
    }
}

#[test]
fn a_span_is_a_row_of_all_its_fields() {
    let rows = span_rows(&[span()], &mut StreamTexts::new(TenantId::default()));
    let pairs: Vec<(&str, &str)> = rows.pairs(0).map(|(name, value)| (&**name, &**value)).collect();
    let id = Stream {
        service: "shop",
        name: "test-span",
    }
    .id(TenantId::default())
    .to_string();
    let expected = [
        ("_time", "2023-11-14T22:13:20.123Z"),
        ("_stream_id", id.as_str()),
        ("_stream", r#"{name="test-span",resource_attr:service.name="shop"}"#),
        ("_msg", "-"),
        ("duration", "1000000"),
        ("end_time_unix_nano", "1700000000124000000"),
        ("event:event_attr:exception.type:1", "Oops"),
        ("event:event_dropped_attributes_count:1", "2"),
        ("event:event_name:1", "exception"),
        ("event:event_time_unix_nano:1", "5"),
        ("kind", "2"),
        ("link:link_attr:k:0", "1.5"),
        ("link:link_trace_id:0", "cccccccccccccccccccccccccccccccc"),
        ("name", "test-span"),
        ("parent_span_id", "0101010101010101"),
        ("resource_attr:service.name", "shop"),
        ("scope_name", "lib"),
        ("span_attr:empty", "-"),
        ("span_attr:list", r#"[1,"b"]"#),
        ("span_attr:map.a.b", "2"),
        ("span_attr:map.c", "true"),
        ("span_attr:n", "0"),
        ("span_id", "bbbbbbbbbbbbbbbb"),
        ("start_time_unix_nano", "1700000000123000000"),
        ("status_code", "2"),
        ("trace_id", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    ];
    assert_eq!(pairs, expected);
}

#[test]
fn rows_of_different_fields_stay_whole() {
    let bare = Span {
        name: "bare".into(),
        ..Span::default()
    };
    let spans = [bare.clone(), span(), bare];
    let rows = span_rows(&spans, &mut StreamTexts::new(TenantId::default()));
    assert_eq!(rows.len(), 3);
    assert_eq!([0, 1, 2].map(|row| rows.get("span_attr:n", row)), ["", "0", ""]);
    assert_eq!(
        [0, 1, 2].map(|row| rows.get("resource_attr:service.name", row)),
        ["", "shop", ""]
    );
    assert_eq!(rows.get("_stream", 2), r#"{name="bare"}"#);
}

#[test]
fn streams_depend_on_tenant_and_labels_only() {
    let stream = Stream {
        service: "a\"b",
        name: "x",
    };
    assert_eq!(stream.text(), r#"{name="x",resource_attr:service.name="a\"b"}"#);
    let id = stream.id(TenantId::new(7, 9)).to_string();
    assert!(id.starts_with("0000000700000009") && id.len() == 48);
    assert_eq!(id, stream.id(TenantId::new(7, 9)).to_string());
    let other = Stream { name: "y", ..stream };
    assert_ne!(id, other.id(TenantId::new(7, 9)).to_string());
}

#[test]
fn values_of_storage_become_texts() {
    let rows = ColumnRows {
        len: 3,
        columns: vec![
            RowValues::Dict {
                values: vec!["a".into(), "".into()],
                codes: vec![Some(0), None, Some(1)],
            },
            RowValues::Values(vec![Some(AttrValue::Int(0)), None, Some(AttrValue::Int(7))]),
        ],
    };
    let texts = |column: &Column, at| {
        column_texts(column, &rows, at)
            .iter()
            .map(|t| t.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&Column::span("k"), 0), ["a", "", "-"]);
    assert_eq!(texts(&Column::Field(SpanField::Name), 0), ["a", "", ""]);
    assert_eq!(texts(&Column::span("k"), 1), ["0", "", "7"]);
    assert_eq!(texts(&Column::Field(SpanField::Kind), 1), ["", "", "7"]);
}
