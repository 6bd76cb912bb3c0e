//! The fields of a span as LogsQL names them, and what is behind each of them: a column, or something made of columns.
//!
//! | field | behind it |
//! |---|---|
//! | `resource_attr:K`, `scope_attr:K`, `span_attr:K` | attribute `K` of the level |
//! | `event:event_attr:K:I`, `event:event_name:I`, `event:event_time_unix_nano:I`, … | the event at index `I` |
//! | `link:link_attr:K:I`, `link:link_trace_id:I`, … | the link at index `I` |
//! | the same without `:I` | any event or link; only filters can ask for that |
//! | `trace_id`, `name`, `duration`, … | the span's own field |
//! | `_time` | the start of the span |
//! | `_stream`, `_stream_id` | the service and the name of the span |
//! | `_msg` | always `-` |
//!
//! It knows no queries: names in, columns and texts out.

mod field;
mod flatten;
mod line_names;
mod names;
mod span_lines;
mod span_rows;
mod stream;
#[cfg(test)]
mod tests;
mod values;

pub use field::Field;
pub use names::column_name;
pub use span_lines::SpanLines;
pub use span_rows::{column_rank, span_rows};
pub use stream::{Stream, StreamTexts};
pub use values::{column_texts, time_text};

/// The time of a span, as text in the form of RFC 3339.
pub const TIME: &str = "_time";
/// The labels of the stream that a span belongs to.
pub const STREAM: &str = "_stream";
/// The id of the stream that a span belongs to.
pub const STREAM_ID: &str = "_stream_id";
/// The message of a log line, which a span has not.
pub const MESSAGE: &str = "_msg";
/// What a span has as its message.
pub const NO_MESSAGE: &str = "-";
