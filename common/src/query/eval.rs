//! What a filter means, on one owned span. Engines are free in how they evaluate; their answers must be these.
//!
//! - `And`, `Or`, `Not` combine conditions on the same span; an empty `And` holds, an empty `Or` does not.
//! - A key that repeats within a level has the value of its first occurrence. A key with an empty value
//!   ([`AttrValue::Empty`]) is there: [`Predicate::Exists`] holds, its text form is empty.
//! - A key with dots that is not there has the value inside of a map: [`find_path`].
//! - Every field has a value, texts also when they are empty, except the parent span id of a root and the ids of a
//!   link where they are zeros.
//! - An event or link column without an index has the values of all events or links; a predicate holds where it
//!   holds for one of them. Two such predicates may hold for different events.
//! - [`Predicate::Text`] looks at [`AttrValue::to_text`]; of fields, ids are lower-case hexadecimal digits and
//!   kind, status code, flags, counts, times and durations are decimal numbers.
//! - [`Predicate::Is`] compares by [`AttrValue::same`]: texts and ids are `Str`, numeric fields are `Int` (one above
//!   `i64::MAX` equals no attribute value).
//! - [`Predicate::Int`] holds for ints and numeric fields, [`Predicate::Number`] for doubles too: an int is then
//!   converted to the nearest double; a NaN is within no bounds.
//! - [`Predicate::Field`] looks at [`super::field_text()`], and at the empty text where there is no value (of any event or
//!   link: where none has the value).

use super::logsql::text::CompiledTextFilter;
use super::{AttrLevel, Column, EventField, Filter, LinkField, Predicate, SpanField, TextMatcher, attribute_text};
use crate::contract::QueryError;
use crate::span::{Event, Link, Span};
use crate::value::{AttrValue, Attribute, find_path};
use std::borrow::Cow;

/// A [`Filter`] with its texts made ready to be tested on many spans.
#[derive(Clone, Debug)]
pub enum CompiledFilter {
    All,
    None,
    And(Vec<CompiledFilter>),
    Or(Vec<CompiledFilter>),
    Not(Box<CompiledFilter>),
    Test(Column, CompiledPredicate),
}

/// A [`Predicate`] with its text made ready.
#[derive(Clone, Debug)]
pub enum CompiledPredicate {
    Exists,
    Is(AttrValue),
    Text(TextMatcher),
    Number { min: f64, max: f64 },
    Int { min: i128, max: i128 },
    Field(CompiledTextFilter),
}

impl Filter {
    /// Fails on a bad regular expression.
    pub fn compile(&self) -> Result<CompiledFilter, QueryError> {
        let all = |filters: &[Self]| filters.iter().map(Self::compile).collect::<Result<Vec<_>, _>>();
        Ok(match self {
            Self::All => CompiledFilter::All,
            Self::None => CompiledFilter::None,
            Self::And(filters) => CompiledFilter::And(all(filters)?),
            Self::Or(filters) => CompiledFilter::Or(all(filters)?),
            Self::Not(filter) => CompiledFilter::Not(Box::new(filter.compile()?)),
            Self::Test(column, predicate) => CompiledFilter::Test(column.clone(), predicate.compile()?),
        })
    }
}

impl Predicate {
    /// Fails on a bad regular expression.
    pub fn compile(&self) -> Result<CompiledPredicate, QueryError> {
        Ok(match self {
            Self::Exists => CompiledPredicate::Exists,
            Self::Is(value) => CompiledPredicate::Is(value.clone()),
            Self::Text(text) => CompiledPredicate::Text(text.compile()?),
            Self::Number { min, max } => CompiledPredicate::Number { min: *min, max: *max },
            Self::Int { min, max } => CompiledPredicate::Int { min: *min, max: *max },
            Self::Field(text) => CompiledPredicate::Field(text.compile()),
        })
    }
}

/// Whether the filter holds for the span.
pub fn matches(filter: &CompiledFilter, span: &Span) -> bool {
    match filter {
        CompiledFilter::All => true,
        CompiledFilter::None => false,
        CompiledFilter::And(filters) => filters.iter().all(|f| matches(f, span)),
        CompiledFilter::Or(filters) => filters.iter().any(|f| matches(f, span)),
        CompiledFilter::Not(filter) => !matches(filter, span),
        CompiledFilter::Test(column, predicate) => {
            let mut missing = true;
            let found = any_value(column, span, &mut |value| {
                missing = false;
                predicate.holds(&value)
            });
            found || missing && predicate.holds_for_none()
        }
    }
}

/// One value of a column.
#[derive(Clone, Debug)]
pub enum ColumnValue<'a> {
    Attr(&'a AttrValue),
    Text(Cow<'a, str>),
    /// A numeric field
    Int(i128),
    /// A numeric field that is shown also where it is zero
    Duration(u64),
}

impl ColumnValue<'_> {
    /// The form that [`Predicate::Text`] looks at.
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Attr(AttrValue::Str(text)) => Cow::Borrowed(text),
            Self::Attr(value) => Cow::Owned(value.to_text()),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Int(number) => Cow::Owned(number.to_string()),
            Self::Duration(number) => Cow::Owned(number.to_string()),
        }
    }

    /// The form that [`Predicate::Field`] looks at: [`super::field_text()`].
    pub fn field_text(&self) -> Cow<'_, str> {
        match self {
            Self::Attr(value) => attribute_text(value),
            Self::Int(0) => Cow::Borrowed(""),
            value => value.to_text(),
        }
    }

    /// The value as an attribute would have it; a number that is too large for one is its decimal text.
    pub fn to_value(&self) -> AttrValue {
        match self {
            Self::Attr(value) => (*value).clone(),
            Self::Text(text) => text.as_ref().into(),
            Self::Int(number) => i64::try_from(*number).map_or_else(|_| number.to_string().into(), AttrValue::Int),
            Self::Duration(number) => Self::Int((*number).into()).to_value(),
        }
    }

    fn is(&self, wanted: &AttrValue) -> bool {
        match (self, wanted) {
            (Self::Attr(value), wanted) => value.same(wanted),
            (Self::Text(text), AttrValue::Str(wanted)) => **text == **wanted,
            (value, AttrValue::Int(wanted)) => value.whole() == Some(i128::from(*wanted)),
            _ => false,
        }
    }

    /// The number, if it is a whole one by its type.
    pub fn whole(&self) -> Option<i128> {
        match self {
            Self::Attr(AttrValue::Int(number)) => Some(i128::from(*number)),
            Self::Int(number) => Some(*number),
            Self::Duration(number) => Some(i128::from(*number)),
            Self::Attr(_) | Self::Text(_) => None,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Attr(AttrValue::Double(number)) => Some(*number),
            _ => self.whole().map(|number| number as f64),
        }
    }
}

impl CompiledPredicate {
    /// Whether the condition holds for a value that is there.
    pub fn holds(&self, value: &ColumnValue<'_>) -> bool {
        match self {
            Self::Exists => true,
            Self::Is(wanted) => value.is(wanted),
            Self::Text(text) => text.matches(&value.to_text()),
            Self::Number { min, max } => value.number().is_some_and(|n| *min <= n && n <= *max),
            Self::Int { min, max } => value.whole().is_some_and(|n| *min <= n && n <= *max),
            Self::Field(text) => text.matches(&value.field_text()),
        }
    }

    /// Whether the condition holds where there is no value.
    pub fn holds_for_none(&self) -> bool {
        matches!(self, Self::Field(text) if text.matches_missing())
    }
}

/// The value, or the first of several, that `column` has in `span`.
pub fn first_value<'s>(column: &Column, span: &'s Span) -> Option<ColumnValue<'s>> {
    let mut first = None;
    any_value(column, span, &mut |value| {
        first = Some(value);
        true
    });
    first
}

/// Whether `test` holds for any of the values that `column` has in `span`.
pub fn any_value<'s>(column: &Column, span: &'s Span, test: &mut dyn FnMut(ColumnValue<'s>) -> bool) -> bool {
    match column {
        Column::Field(field) => span_field(*field, span).is_some_and(test),
        Column::Attr { level, key } => {
            find_path(attributes(*level, span), key).is_some_and(|v| test(ColumnValue::Attr(v)))
        }
        Column::Event { field, index } => chosen(&span.events, *index)
            .iter()
            .any(|event| event_field(field, event).is_some_and(&mut *test)),
        Column::Link { field, index } => chosen(&span.links, *index)
            .iter()
            .any(|link| link_field(field, link).is_some_and(&mut *test)),
    }
}

/// All items, or the one at an index.
fn chosen<T>(items: &[T], index: Option<u32>) -> &[T] {
    match index {
        None => items,
        Some(index) => items.get(index as usize).map(std::slice::from_ref).unwrap_or_default(),
    }
}

/// The attributes of a level, in the order in which they came.
pub fn attributes(level: AttrLevel, span: &Span) -> &[Attribute] {
    match level {
        AttrLevel::Resource => &span.resource.attributes,
        AttrLevel::Scope => &span.scope.attributes,
        AttrLevel::Span => &span.attributes,
    }
}

fn text(text: &str) -> Option<ColumnValue<'_>> {
    Some(ColumnValue::Text(Cow::Borrowed(text)))
}

fn id(id: impl std::fmt::Display) -> Option<ColumnValue<'static>> {
    Some(ColumnValue::Text(Cow::Owned(id.to_string())))
}

fn int<'a>(number: impl Into<i128>) -> Option<ColumnValue<'a>> {
    Some(ColumnValue::Int(number.into()))
}

fn span_field(field: SpanField, span: &Span) -> Option<ColumnValue<'_>> {
    match field {
        SpanField::TraceId => id(span.trace_id),
        SpanField::SpanId => id(span.span_id),
        SpanField::ParentSpanId => span.parent_span_id.and_then(id),
        SpanField::TraceState => text(&span.trace_state),
        SpanField::Flags => int(span.flags),
        SpanField::Name => text(&span.name),
        SpanField::Kind => int(span.kind.0),
        SpanField::Start => int(span.start.0),
        SpanField::End => int(span.end.0),
        SpanField::Duration => Some(ColumnValue::Duration(span.duration_nanos())),
        SpanField::DroppedAttributesCount => int(span.dropped_attributes_count),
        SpanField::DroppedEventsCount => int(span.dropped_events_count),
        SpanField::DroppedLinksCount => int(span.dropped_links_count),
        SpanField::StatusCode => int(span.status_code.0),
        SpanField::StatusMessage => text(&span.status_message),
        SpanField::ScopeName => text(&span.scope.name),
        SpanField::ScopeVersion => text(&span.scope.version),
    }
}

fn event_field<'a>(field: &EventField, event: &'a Event) -> Option<ColumnValue<'a>> {
    match field {
        EventField::Name => text(&event.name),
        EventField::Time => int(event.time.0),
        EventField::DroppedAttributesCount => int(event.dropped_attributes_count),
        EventField::Attr(key) => find_path(&event.attributes, key).map(ColumnValue::Attr),
    }
}

fn link_field<'a>(field: &LinkField, link: &'a Link) -> Option<ColumnValue<'a>> {
    match field {
        LinkField::TraceId => Some(link.trace_id).filter(|id| !id.is_zero()).and_then(id),
        LinkField::SpanId => Some(link.span_id).filter(|id| !id.is_zero()).and_then(id),
        LinkField::TraceState => text(&link.trace_state),
        LinkField::Flags => int(link.flags),
        LinkField::DroppedAttributesCount => int(link.dropped_attributes_count),
        LinkField::Attr(key) => find_path(&link.attributes, key).map(ColumnValue::Attr),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SpanId;
    use crate::query::TextMatch;
    use crate::span::{Resource, SpanKind};
    use crate::time::UnixNanos;

    fn span() -> Span {
        Span {
            name: "GET /".into(),
            kind: SpanKind::SERVER,
            start: UnixNanos(1_000),
            end: UnixNanos(3_500),
            attributes: vec![
                Attribute::new("code", 200i64),
                Attribute::new("code", 500i64),
                Attribute::new("load", 0.5),
                Attribute::new("nan", f64::NAN),
                Attribute {
                    key: "none".into(),
                    value: AttrValue::Empty,
                },
            ],
            events: vec![
                Event {
                    name: "a".into(),
                    attributes: vec![Attribute::new("x", "1")],
                    ..Event::default()
                },
                Event {
                    name: "b".into(),
                    attributes: vec![Attribute::new("x", "2")],
                    ..Event::default()
                },
            ],
            links: vec![Link {
                span_id: SpanId([0, 0, 0, 0, 0, 0, 0, 0xab]),
                ..Link::default()
            }],
            resource: Resource {
                attributes: vec![Attribute::new("service.name", "shop")],
                ..Resource::default()
            }
            .into(),
            ..Span::default()
        }
    }

    fn holds(column: Column, predicate: Predicate) -> bool {
        matches(&Filter::Test(column, predicate).compile().unwrap(), &span())
    }

    fn equals(text: &str) -> Predicate {
        Predicate::Text(TextMatch::Equals(text.into()))
    }

    #[test]
    fn text_finds_every_type_and_the_first_of_a_repeated_key() {
        assert!(holds(Column::span("code"), equals("200")));
        assert!(!holds(Column::span("code"), equals("500")));
        assert!(holds(Column::span("load"), equals("0.5")));
        assert!(holds(Column::span("nan"), equals("NaN")));
        assert!(holds(Column::service(), equals("shop")));
        assert!(!holds(Column::span("service.name"), equals("shop")));
    }

    #[test]
    fn an_empty_value_is_there_and_a_missing_key_is_not() {
        assert!(holds(Column::span("none"), Predicate::Exists));
        assert!(holds(Column::span("none"), equals("")));
        assert!(!holds(Column::span("missing"), Predicate::Exists));
        assert!(!holds(Column::span("missing"), equals("")));
    }

    #[test]
    fn types_count_where_a_predicate_asks_for_them() {
        assert!(holds(Column::span("code"), Predicate::Is(AttrValue::Int(200))));
        assert!(!holds(Column::span("code"), Predicate::Is("200".into())));
        assert!(!holds(Column::span("code"), Predicate::Is(AttrValue::Double(200.0))));
        assert!(holds(Column::span("nan"), Predicate::Is(AttrValue::Double(f64::NAN))));
        assert!(holds(
            Column::span("code"),
            Predicate::Number { min: 199.5, max: 200.0 }
        ));
        assert!(!holds(
            Column::span("nan"),
            Predicate::Number {
                min: f64::NEG_INFINITY,
                max: f64::INFINITY
            }
        ));
        assert!(!holds(Column::span("load"), Predicate::Int { min: 0, max: 1 }));
    }

    #[test]
    fn fields_are_numbers_texts_and_hexadecimal_ids() {
        assert!(holds(Column::Field(SpanField::Kind), equals("2")));
        assert!(holds(
            Column::Field(SpanField::Duration),
            Predicate::Int { min: 2_500, max: 2_500 }
        ));
        assert!(holds(Column::Field(SpanField::StatusMessage), equals("")));
        assert!(!holds(Column::Field(SpanField::ParentSpanId), Predicate::Exists));
        let link = |field| Column::Link { field, index: None };
        assert!(holds(link(LinkField::SpanId), equals("00000000000000ab")));
        assert!(!holds(link(LinkField::TraceId), Predicate::Exists));
    }

    #[test]
    fn events_match_by_any_or_by_index() {
        let at = |index| Column::Event {
            field: EventField::Attr("x".into()),
            index,
        };
        assert!(holds(at(None), equals("2")));
        assert!(holds(at(Some(1)), equals("2")));
        assert!(!holds(at(Some(0)), equals("2")));
        assert!(!holds(at(Some(2)), Predicate::Exists));
        let both = Filter::And(vec![
            Filter::Test(Column::event("x"), equals("1")),
            Filter::Test(Column::event("x"), equals("2")),
        ]);
        assert!(matches(&both.compile().unwrap(), &span()));
        assert!(!matches(&(!both).compile().unwrap(), &span()));
    }
}
