//! Plans cross the wire.

use super::*;

fn text_filters() -> Vec<TextFilter> {
    let texts = || vec!["a".to_owned(), String::new()];
    vec![
        TextFilter::Phrase("a".into()),
        TextFilter::AnyCasePrefix("b".into()),
        TextFilter::Regexp(Regexp::unanchored("a.b").unwrap()),
        TextFilter::Regexp(Regexp::anchored("a|b").unwrap()),
        TextFilter::In(texts()),
        TextFilter::Sequence(texts()),
        TextFilter::Number {
            min: -0.5,
            max: f64::INFINITY,
        },
        TextFilter::StringRange {
            min: "a".into(),
            max: None,
        },
        TextFilter::Length { min: 1, max: u64::MAX },
        TextFilter::Ipv6 {
            min: "::1".parse().unwrap(),
            max: "ff::".parse().unwrap(),
        },
        TextFilter::ValueType(ValueType::parse("uint8")),
        TextFilter::Pattern(PatternEnds::Both, "a <N>".into()),
        TextFilter::EqualsCommonCase(texts()),
    ]
}

fn plan(filter: Filter, shape: Shape) -> Plan {
    Plan {
        tenant: TenantId::new(3, 4),
        range: TimeRange::new(UnixNanos(5), UnixNanos::MAX),
        filter,
        shape,
    }
}

fn shapes() -> Vec<Shape> {
    let function = Function {
        kind: FunctionKind::CountUniq { limit: 9 },
        columns: vec![Column::span("k")],
        condition: Some(Filter::text_equals(Column::service(), "s")),
    };
    let event = Column::Event {
        field: EventField::Attr("e".into()),
        index: Some(2),
    };
    let by = GroupKey {
        column: event.clone(),
        bucket: Some(Bucket {
            size: BucketSize::Number(0.1),
            offset: -3.0,
        }),
    };
    vec![
        Shape::TracesById(vec![TraceId([7; 16])]),
        Shape::Search {
            limit: usize::MAX,
            order: Order::Slowest,
        },
        Shape::Catalogue(CatalogueQuery::Operations {
            service: "s".into(),
            kind: Some(SpanKind(77)),
        }),
        Shape::Calls,
        Shape::Rows(RowsQuery {
            projection: Projection::Columns(vec![event, Column::Field(SpanField::Duration)]),
            order: RowOrder::ByNumber {
                column: Column::link("l"),
                descending: true,
            },
            limit: Some(3),
        }),
        Shape::Aggregate(AggregateQuery {
            by: vec![by],
            functions: vec![function],
        }),
        Shape::Columns,
        Shape::Ranking {
            limit: 20,
            order: Order::Newest,
        },
    ]
}

#[test]
fn plans_survive() {
    let column = Column::resource("k");
    let mut tests: Vec<Filter> = text_filters()
        .into_iter()
        .map(|filter| Filter::Test(column.clone(), Predicate::Field(filter)))
        .collect();
    for predicate in [
        Predicate::Exists,
        Predicate::Is(AttrValue::Map(vec![Attribute::new("a", 1.5)])),
        Predicate::Text(TextMatch::Regex("x(".into())),
        Predicate::Number {
            min: f64::NEG_INFINITY,
            max: 1e300,
        },
        Predicate::Int {
            min: i128::MIN,
            max: i128::MAX,
        },
    ] {
        tests.push(!Filter::Test(Column::scope("k"), predicate));
    }
    let filter = Filter::Or(vec![Filter::And(tests), Filter::All, Filter::None]);
    for shape in shapes() {
        let plan = plan(filter.clone(), shape);
        let received = decode_plan(&encode_plan(&plan).unwrap()).unwrap();
        assert_eq!(received, plan);
        assert!(same(&received, &plan));
    }
}

/// The anchors are not in the text of an expression.
#[test]
fn regular_expressions_mean_the_same_after_the_journey() {
    let crossed = |regexp: Regexp| -> Regexp {
        let bytes = postcard::to_stdvec(&regexp).unwrap();
        postcard::from_bytes(&bytes).unwrap()
    };
    assert!(!crossed(Regexp::anchored("b").unwrap()).is_match("abc"));
    assert!(crossed(Regexp::unanchored("a.c").unwrap()).is_match("xa\nc"));
    assert!(!crossed(Regexp::plain("a.c").unwrap()).is_match("xa\nc"));
}

#[test]
fn a_regular_expression_that_does_not_compile_is_an_error() {
    let regexp = TextFilter::Regexp(Regexp::unanchored("abcd").unwrap());
    let filter = Filter::Test(Column::service(), Predicate::Field(regexp));
    let mut bytes = encode_plan(&plan(filter, Shape::Calls)).unwrap();
    let place = bytes.windows(4).position(|four| four == b"abcd").unwrap();
    bytes[place] = b'(';
    assert!(matches!(decode_plan(&bytes), Err(WireError::Decode(_))));
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    let nested = |levels: u32| {
        let mut filter = Filter::All;
        for _ in 0..levels {
            filter = Filter::Not(Box::new(filter));
        }
        let bytes = encode_plan(&plan(filter.clone(), Shape::Calls)).unwrap();
        // Dropping it takes less of the stack than reading it.
        drop(filter);
        decode_plan(&bytes)
    };
    let small_stack = std::thread::Builder::new().stack_size(2 << 20);
    let outcomes = small_stack.spawn(move || (nested(depth::MAX_DEPTH), nested(depth::MAX_DEPTH + 1)));
    let (allowed, refused) = outcomes.unwrap().join().unwrap();
    assert!(allowed.is_ok());
    assert!(matches!(refused, Err(WireError::Decode(_))), "{refused:?}");
    // Levels that were left in an error are counted no more.
    let calls = plan(Filter::All, Shape::Calls);
    assert_eq!(decode_plan(&encode_plan(&calls).unwrap()), Ok(calls));
}
