//! What a searched tag (`key`, `value`) means: a condition on one span.
//!
//! A plain key is looked for in the attributes of the span, its scope, its resource, its events and its links; the
//! value is compared with the text form of the attribute, so that `123` finds a number. Keys under which answers
//! show fields of the span find those fields. Two keys from VictoriaTraces name a level: `resource_attr:k`,
//! `scope_attr:k`, and for symmetry `span_attr:k`.
//!
//! A value that begins with `~` is also a regular expression that matches anywhere (VictoriaTraces); one that
//! contains `.*`, `.+` or an escaped punctuation character is also one that matches the whole value
//! (Elasticsearch behind Jaeger). A number with an exponent, the form in which very large and very small ones are
//! shown, also finds the number that it means. The literal text always matches too.

use common::contract::QueryError;
use common::query::{Column, EventField, Filter, LinkField, Predicate, SpanField, TextMatch};
use common::span::{SpanKind, StatusCode};
use common::value::write_double;
use std::sync::Arc;

/// The condition that a tag sets. Fails on a `~` value that is no regular expression.
pub(crate) fn tag_filter(key: &str, value: &str) -> Result<Filter, QueryError> {
    let text = TextCondition::of(value)?;
    Ok(match key {
        "error" => error_filter(value).unwrap_or_else(|| text.anywhere(key)),
        "span.kind" => match SpanKind::from_name(&value.to_ascii_lowercase()) {
            Some(kind) if !value.is_empty() => number(SpanField::Kind, kind.0),
            _ => text.anywhere(key),
        },
        "span.status" => status(value).map_or_else(|| text.anywhere(key), |code| number(SpanField::StatusCode, code.0)),
        "otel.status_code" => {
            let code = status(value).map_or(Filter::None, |code| number(SpanField::StatusCode, code.0));
            either(code, text.anywhere(key))
        }
        "otel.status_description" => text.field_or_attribute(SpanField::StatusMessage, key),
        "otel.scope.name" | "otel.library.name" => text.field_or_attribute(SpanField::ScopeName, key),
        "otel.scope.version" | "otel.library.version" => text.field_or_attribute(SpanField::ScopeVersion, key),
        "w3c.tracestate" => text.field_or_attribute(SpanField::TraceState, key),
        "scope.name" => text.on(Column::Field(SpanField::ScopeName)),
        "scope.version" => text.on(Column::Field(SpanField::ScopeVersion)),
        "event" => either(
            text.on(Column::Event {
                field: EventField::Name,
                index: None,
            }),
            text.anywhere(key),
        ),
        _ => text.attribute(key),
    })
}

/// `error` is the status; where it is false, any but "error". VictoriaTraces' `unset` is the unset status.
fn error_filter(value: &str) -> Option<Filter> {
    let is_error = number(SpanField::StatusCode, StatusCode::ERROR.0);
    match value {
        "unset" => Some(number(SpanField::StatusCode, StatusCode::UNSET.0)),
        _ => super::params::go_bool(value).map(|error| if error { is_error } else { !is_error }),
    }
}

fn status(value: &str) -> Option<StatusCode> {
    [
        ("unset", StatusCode::UNSET),
        ("ok", StatusCode::OK),
        ("error", StatusCode::ERROR),
    ]
    .into_iter()
    .find(|(name, _)| value.eq_ignore_ascii_case(name))
    .map(|(_, code)| code)
}

fn number(field: SpanField, number: i32) -> Filter {
    let number = i128::from(number);
    Filter::Test(
        Column::Field(field),
        Predicate::Int {
            min: number,
            max: number,
        },
    )
}

fn either(a: Filter, b: Filter) -> Filter {
    match (a, b) {
        (Filter::None, f) | (f, Filter::None) => f,
        (a, Filter::Or(mut rest)) => {
            rest.insert(0, a);
            Filter::Or(rest)
        }
        (a, b) => Filter::Or(vec![a, b]),
    }
}

/// The texts that a value stands for: one of them has to match.
struct TextCondition(Vec<TextMatch>);

impl TextCondition {
    fn of(value: &str) -> Result<Self, QueryError> {
        let mut matches = vec![TextMatch::Equals(value.into())];
        matches.extend(without_exponent(value).map(|text| TextMatch::Equals(text.into())));
        if let Some(pattern) = value.strip_prefix('~') {
            let pattern = TextMatch::Regex(pattern.into());
            pattern.compile()?;
            matches.push(pattern);
        } else if looks_like_pattern(value) {
            let pattern = TextMatch::Regex(format!("^(?:{value})$").into());
            if pattern.compile().is_ok() {
                matches.push(pattern);
            }
        }
        Ok(Self(matches))
    }

    fn on(&self, column: Column) -> Filter {
        Filter::any(
            self.0
                .iter()
                .map(|m| Filter::Test(column.clone(), Predicate::Text(m.clone())))
                .collect(),
        )
    }

    fn on_any(&self, columns: impl IntoIterator<Item = Column>) -> Filter {
        let mut tests = Vec::new();
        for column in columns {
            tests.extend(
                self.0
                    .iter()
                    .map(|m| Filter::Test(column.clone(), Predicate::Text(m.clone()))),
            );
        }
        Filter::any(tests)
    }

    /// An attribute of any level.
    fn anywhere(&self, key: &str) -> Filter {
        let key: Arc<str> = key.into();
        self.on_any([
            Column::span(key.clone()),
            Column::scope(key.clone()),
            Column::resource(key.clone()),
            Column::Event {
                field: EventField::Attr(key.clone()),
                index: None,
            },
            Column::Link {
                field: LinkField::Attr(key),
                index: None,
            },
        ])
    }

    fn field_or_attribute(&self, field: SpanField, key: &str) -> Filter {
        either(self.on(Column::Field(field)), self.anywhere(key))
    }

    /// An attribute whose key may name its level.
    fn attribute(&self, key: &str) -> Filter {
        if let Some(key) = key.strip_prefix("resource_attr:") {
            self.on(Column::resource(key))
        } else if let Some(key) = key.strip_prefix("scope_attr:") {
            self.on(Column::scope(key))
        } else if let Some(key) = key.strip_prefix("span_attr:") {
            self.on(Column::span(key))
        } else if let Some(rest) = key.strip_prefix("resource.") {
            either(self.on(Column::resource(rest)), self.anywhere(key))
        } else {
            self.anywhere(key)
        }
    }
}

/// The text form of attributes for a finite number that is written with an exponent.
fn without_exponent(value: &str) -> Option<String> {
    let (_, exponent) = value.split_once(['e', 'E'])?;
    exponent.parse::<i16>().ok()?;
    let number = value.parse::<f64>().ok().filter(|number| number.is_finite())?;
    let mut text = String::new();
    write_double(number, &mut text);
    Some(text)
}

/// Whether a value is likely meant as a pattern: few ordinary values have what is asked for here.
fn looks_like_pattern(value: &str) -> bool {
    value.as_bytes().windows(2).any(|pair| match pair {
        [b'.', b'*' | b'+'] => true,
        [b'\\', next] => next.is_ascii_punctuation(),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::query::eval::matches;
    use common::span::{Event, Link, Resource, Scope, Span};
    use common::value::Attribute;

    fn span() -> Span {
        Span {
            kind: SpanKind::CLIENT,
            status_code: StatusCode::ERROR,
            status_message: "boom".into(),
            trace_state: "a=b".into(),
            attributes: vec![
                Attribute::new("n", 123i64),
                Attribute::new("d", 72.5),
                Attribute::new("tiny", -2.5e-9),
                Attribute::new("commit", "1e5"),
                Attribute::new("host", "a.b"),
                Attribute::new("odd", "~("),
                Attribute::new("resource.kind", "disk"),
            ],
            events: vec![Event {
                name: "exception".into(),
                attributes: vec![Attribute::new("exception.type", "IoError")],
                ..Event::default()
            }],
            links: vec![Link {
                attributes: vec![Attribute::new("why", true)],
                ..Link::default()
            }],
            resource: Resource {
                attributes: vec![Attribute::new("zone", "eu-1")],
                ..Resource::default()
            }
            .into(),
            scope: Scope {
                name: "lib".into(),
                version: "2".into(),
                attributes: vec![Attribute::new("s", "x")],
                ..Scope::default()
            }
            .into(),
            ..Span::default()
        }
    }

    fn finds(key: &str, value: &str) -> bool {
        matches(&tag_filter(key, value).unwrap().compile().unwrap(), &span())
    }

    #[test]
    fn plain_keys_search_all_levels_by_text() {
        for (key, value) in [
            ("n", "123"),
            ("d", "72.5"),
            ("zone", "eu-1"),
            ("s", "x"),
            ("exception.type", "IoError"),
            ("why", "true"),
            ("resource.zone", "eu-1"),
            ("resource.kind", "disk"),
            ("resource_attr:zone", "eu-1"),
            ("scope_attr:s", "x"),
            ("span_attr:n", "123"),
        ] {
            assert!(finds(key, value), "{key}={value}");
        }
        for (key, value) in [
            ("n", "124"),
            ("zone", "eu"),
            ("scope_attr:zone", "eu-1"),
            ("resource_attr:n", "123"),
        ] {
            assert!(!finds(key, value), "{key}={value}");
        }
    }

    #[test]
    fn shown_fields_are_found_by_the_keys_they_are_shown_under() {
        for (key, value) in [
            ("error", "true"),
            ("error", "1"),
            ("span.kind", "client"),
            ("span.kind", "CLIENT"),
            ("span.status", "error"),
            ("otel.status_code", "ERROR"),
            ("otel.status_description", "boom"),
            ("otel.scope.name", "lib"),
            ("otel.scope.version", "2"),
            ("scope.name", "lib"),
            ("w3c.tracestate", "a=b"),
            ("event", "exception"),
        ] {
            assert!(finds(key, value), "{key}={value}");
        }
        for (key, value) in [
            ("error", "false"),
            ("error", "unset"),
            ("error", "boom"),
            ("span.kind", "server"),
            ("span.status", "ok"),
        ] {
            assert!(!finds(key, value), "{key}={value}");
        }
    }

    #[test]
    fn no_error_includes_the_unset_status() {
        let filter = tag_filter("error", "false").unwrap().compile().unwrap();
        for (code, found) in [
            (StatusCode::UNSET, true),
            (StatusCode::OK, true),
            (StatusCode::ERROR, false),
        ] {
            assert_eq!(
                matches(
                    &filter,
                    &Span {
                        status_code: code,
                        ..Span::default()
                    }
                ),
                found
            );
        }
    }

    #[test]
    fn numbers_are_found_as_they_are_shown_and_without_exponent() {
        for (key, value) in [
            ("tiny", "-2.5e-9"),
            ("tiny", "-2.5E-09"),
            ("tiny", "-0.0000000025"),
            ("n", "1.23e+2"),
            ("commit", "1e5"),
        ] {
            assert!(finds(key, value), "{key}={value}");
        }
        for (key, value) in [("tiny", "-2.5e-8"), ("n", "e"), ("n", "1e999"), ("commit", "100000")] {
            assert!(!finds(key, value), "{key}={value}");
        }
    }

    #[test]
    fn values_may_be_patterns_and_are_always_literal_too() {
        assert!(finds("zone", "~^eu-"));
        assert!(finds("zone", "eu.*"));
        assert!(!finds("zone", "u.*"));
        assert!(finds("host", "a\\.b"));
        assert!(!finds("host", "a.."));
        assert!(tag_filter("odd", "~(").is_err());
        assert!(finds("odd", "~\\("));
    }
}
