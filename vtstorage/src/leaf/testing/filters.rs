//! Random columns, predicates and filters.

use super::*;

fn key() -> impl Strategy<Value = Arc<str>> {
    select(vec!["k", "code", "service.name", "http.route", "missing"]).prop_map(Arc::from)
}

fn span_field() -> impl Strategy<Value = SpanField> {
    use SpanField::*;
    select(vec![
        TraceId,
        SpanId,
        ParentSpanId,
        TraceState,
        Flags,
        Name,
        Kind,
        Start,
        End,
        Duration,
        DroppedAttributesCount,
        DroppedEventsCount,
        DroppedLinksCount,
        StatusCode,
        StatusMessage,
        ScopeName,
        ScopeVersion,
    ])
}

/// A column that has at most one value in a row.
pub(crate) fn single_column() -> BoxedStrategy<Column> {
    column()
        .prop_map(|mut column| {
            if let Column::Event { index, .. } | Column::Link { index, .. } = &mut column {
                index.get_or_insert(0);
            }
            column
        })
        .boxed()
}

fn column() -> BoxedStrategy<Column> {
    let level = select(vec![
        AttrLevel::Resource,
        AttrLevel::Scope,
        AttrLevel::Span,
        AttrLevel::Span,
    ]);
    let index = select(vec![None, None, Some(0), Some(1), Some(u32::MAX)]);
    let event = prop_oneof![
        Just(EventField::Name),
        Just(EventField::Time),
        Just(EventField::DroppedAttributesCount),
        key().prop_map(EventField::Attr),
    ];
    let link = prop_oneof![
        Just(LinkField::TraceId),
        Just(LinkField::SpanId),
        Just(LinkField::TraceState),
        Just(LinkField::Flags),
        Just(LinkField::DroppedAttributesCount),
        key().prop_map(LinkField::Attr),
    ];
    prop_oneof![
        4 => span_field().prop_map(Column::Field),
        6 => (level, key()).prop_map(|(level, key)| Column::Attr { level, key }),
        2 => (event, index.clone()).prop_map(|(field, index)| Column::Event { field, index }),
        2 => (link, index).prop_map(|(field, index)| Column::Link { field, index }),
    ]
    .boxed()
}

fn wanted_text() -> impl Strategy<Value = Arc<str>> {
    prop_oneof![
        6 => text(),
        1 => value().prop_map(|v| v.to_text().into()),
        1 => (1..6u8).prop_map(|n| trace_id(n).to_string().into()),
        1 => (1..40u8).prop_map(|n| span_id(n).to_string().into()),
        1 => select(vec!["0", "1", "2", "3", "4294967295", "00", "+1", "b", "0000"]).prop_map(Arc::from),
    ]
}

fn text_match() -> impl Strategy<Value = TextMatch> {
    prop_oneof![
        4 => wanted_text().prop_map(TextMatch::Equals),
        1 => vec(wanted_text(), 0..4).prop_map(TextMatch::In),
        1 => wanted_text().prop_map(TextMatch::Prefix),
        1 => wanted_text().prop_map(TextMatch::Contains),
        1 => select(vec!["", "^a", "a$", "^(ab|500)$", "[0-9]+", "(?i)SHOP", "^$", r"orders/\d+"])
            .prop_map(|pattern| TextMatch::Regex(pattern.into())),
    ]
}

fn bound() -> impl Strategy<Value = i128> {
    prop_oneof![
        int().prop_map(i128::from),
        nanos().prop_map(|n| i128::from(NOON + n)),
        -5..1_000i128,
        select(vec![i128::MIN, i128::MAX, i128::from(u64::MAX)]),
    ]
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(shown_text(), 0..4)
}

/// What LogsQL shows, and parts of it.
fn shown_text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => wanted_text().prop_map(|text| text.to_string()),
        1 => select(vec!["-", "1e+300", "-0", "NaN", "+Inf", "9223372036854775807", "orders", "-9223372036854775808"])
            .prop_map(String::from),
    ]
}

fn text_filter() -> BoxedStrategy<TextFilter> {
    let pattern = select(vec![
        "",
        "^a",
        "a$",
        "^(ab|500)$",
        "[0-9]+",
        "(?i)SHOP",
        "^$",
        r"orders/\d+",
        "^-",
    ]);
    let length = (0..5u64, 0..30u64);
    let whole = prop_oneof![
        4 => shown_text().prop_map(TextFilter::Exact),
        2 => texts().prop_map(TextFilter::In),
        1 => shown_text().prop_map(TextFilter::ExactPrefix),
        1 => (shown_text(), proptest::option::of(shown_text()))
            .prop_map(|(min, max)| TextFilter::StringRange { min, max }),
        1 => length.prop_map(|(min, max)| TextFilter::Length { min, max }),
        1 => texts().prop_map(TextFilter::EqualsCommonCase),
        1 => texts().prop_map(TextFilter::JsonArrayContainsAny),
        1 => select(vec!["const", "dict", "uint8", "string"]).prop_map(|name| TextFilter::ValueType(ValueType::parse(name))),
        2 => (bound(), bound()).prop_map(|(min, max)| TextFilter::Number { min: min as f64, max: max as f64 }),
        1 => (double(), double()).prop_map(|(min, max)| TextFilter::Number { min, max }),
        1 => Just(TextFilter::Number { min: f64::NEG_INFINITY, max: f64::INFINITY }),
        1 => Just(TextFilter::Ipv4 { min: 0, max: u32::MAX }),
    ];
    let part = prop_oneof![
        2 => shown_text().prop_map(TextFilter::Phrase),
        1 => shown_text().prop_map(TextFilter::Prefix),
        2 => shown_text().prop_map(TextFilter::Substring),
        1 => shown_text().prop_map(TextFilter::AnyCasePhrase),
        1 => shown_text().prop_map(TextFilter::AnyCasePrefix),
        2 => pattern.prop_map(|pattern| TextFilter::Regexp(Regexp::unanchored(pattern).unwrap())),
        1 => texts().prop_map(TextFilter::ContainsAll),
        1 => texts().prop_map(TextFilter::ContainsAny),
        1 => texts().prop_map(TextFilter::Sequence),
        1 => texts().prop_map(TextFilter::ContainsCommonCase),
        1 => select(vec!["<N>", "/api/<W>/<N>"])
            .prop_map(|pattern| TextFilter::Pattern(PatternEnds::None, pattern.into())),
    ];
    prop_oneof![whole, part].boxed()
}

fn predicate() -> BoxedStrategy<Predicate> {
    prop_oneof![
        1 => Just(Predicate::Exists),
        2 => value().prop_map(Predicate::Is),
        6 => text_match().prop_map(Predicate::Text),
        10 => text_filter().prop_map(Predicate::Field),
        2 => (bound(), bound()).prop_map(|(min, max)| Predicate::Int { min, max }),
        1 => (bound(), bound()).prop_map(|(min, max)| Predicate::Number { min: min as f64, max: max as f64 }),
        1 => (double(), double()).prop_map(|(min, max)| Predicate::Number { min, max }),
    ]
    .boxed()
}

pub(crate) fn filter() -> BoxedStrategy<Filter> {
    let leaf = prop_oneof![
        1 => Just(Filter::All),
        1 => Just(Filter::None),
        30 => (column(), predicate()).prop_map(|(column, predicate)| Filter::Test(column, predicate)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Filter::And),
            vec(inner.clone(), 0..4).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
    .boxed()
}
