//! Why spans are rejected, and how that is told: as text for the client, as label for metrics.

use common::otlp::wire::WireError;
use std::fmt;

/// What is wrong with a span, or with the resource or scope it came under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    TraceId,
    SpanId,
    ParentId,
    StartTooOld,
    StartTooNew,
    TooManyAttributes,
    KeyTooLong,
    ValueTooDeep,
    NotUtf8,
    NotProtobuf,
}

/// All reasons, in the order of the enumeration.
const REASONS: [Reason; 10] = [
    Reason::TraceId,
    Reason::SpanId,
    Reason::ParentId,
    Reason::StartTooOld,
    Reason::StartTooNew,
    Reason::TooManyAttributes,
    Reason::KeyTooLong,
    Reason::ValueTooDeep,
    Reason::NotUtf8,
    Reason::NotProtobuf,
];

/// Where a reason was found; a bad resource or scope takes all its spans with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Span,
    Resource,
    Scope,
}

const PLACES: [Place; 3] = [Place::Span, Place::Resource, Place::Scope];

impl From<WireError> for Reason {
    fn from(error: WireError) -> Self {
        match error {
            WireError::NotUtf8(_) => Self::NotUtf8,
            _ => Self::NotProtobuf,
        }
    }
}

impl Reason {
    /// The value of the label `reason` of `vt_rows_dropped_total`: VictoriaTraces' names where it has one.
    pub fn label(self) -> &'static str {
        match self {
            Self::TraceId => "invalid_trace_id",
            Self::SpanId => "invalid_span_id",
            Self::ParentId => "invalid_parent_span_id",
            Self::StartTooOld => "too_small_timestamp",
            Self::StartTooNew => "too_big_timestamp",
            Self::TooManyAttributes => "too_many_fields",
            Self::KeyTooLong => "too_long_field_name",
            Self::ValueTooDeep => "too_deep_value",
            Self::NotUtf8 => "invalid_utf8",
            Self::NotProtobuf => "invalid_protobuf",
        }
    }

    /// All reasons that there are.
    pub fn all() -> impl Iterator<Item = Self> {
        REASONS.into_iter()
    }

    fn text(self) -> &'static str {
        match self {
            Self::TraceId => "trace id must be 16 bytes, not zero",
            Self::SpanId => "span id must be 8 bytes, not zero",
            Self::ParentId => "parent span id must be 8 bytes or absent",
            Self::StartTooOld => "start time is older than --retentionPeriod",
            Self::StartTooNew => "start time is later than --futureRetention allows",
            Self::TooManyAttributes => "more attributes than --insert.maxAttributesPerSpan",
            Self::KeyTooLong => "attribute key longer than --insert.maxKeyLength",
            Self::ValueTooDeep => "attribute value nested deeper than --insert.maxValueDepth",
            Self::NotUtf8 => "text is not valid utf-8",
            Self::NotProtobuf => "not valid protobuf",
        }
    }
}

/// How many spans of one message were rejected for what.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Rejections {
    counts: [[u64; REASONS.len()]; PLACES.len()],
}

impl Rejections {
    /// Counts `spans` more; none for a bad resource or scope that had no spans.
    pub fn add(&mut self, place: Place, reason: Reason, spans: u64) {
        if let Some(count) = self
            .counts
            .get_mut(place as usize)
            .and_then(|row| row.get_mut(reason as usize))
        {
            *count = count.saturating_add(spans);
        }
    }

    /// Rejected spans.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// Counts above zero.
    pub fn iter(&self) -> impl Iterator<Item = (Place, Reason, u64)> + '_ {
        self.counts.iter().zip(PLACES).flat_map(|(row, place)| {
            row.iter()
                .zip(REASONS)
                .filter(|(count, _)| **count > 0)
                .map(move |(count, reason)| (place, reason, *count))
        })
    }
}

impl fmt::Display for Rejections {
    /// `3 spans: trace id must be 16 bytes, not zero; 1 span: text is not valid utf-8 (resource)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (place, reason, count)) in self.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            let noun = if count == 1 { "span" } else { "spans" };
            let place = match place {
                Place::Span => "",
                Place::Resource => " (in the resource)",
                Place::Scope => " (in the scope)",
            };
            write!(f, "{separator}{count} {noun}: {}{place}", reason.text())?;
        }
        Ok(())
    }
}
