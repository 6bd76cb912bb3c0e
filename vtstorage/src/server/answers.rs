//! Answers on their way out.

use common::cluster::{NodeAnswers, NodePart};
use common::contract::QueryError;
use common::query::{Answer, RowPart};
use common::rpc::proto::AnswerFrame;
use common::rpc::{answer_frames, status};
use futures::stream::{self, BoxStream, StreamExt as _};
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::oneshot;
use tonic::Status;

/// Parts that are encoded while one is sent.
const AHEAD: usize = 2;

/// Parts of so many spans, rows or groups are encoded outside of the runtime.
const LARGE: usize = 512;

pub(super) type FrameStream = BoxStream<'static, Result<AnswerFrame, Status>>;

/// The frames of an answer, up to its end or first error. `held` is dropped with the stream.
pub(super) fn frames(parts: NodeAnswers, held: impl Send + 'static) -> FrameStream {
    let encoded = parts.map(encode).buffered(AHEAD);
    let frames = encoded.flat_map(|frames| match frames {
        Ok(frames) => stream::iter(frames).map(Ok).left_stream(),
        Err(error) => stream::iter([Err(status::of_query(&error))]).right_stream(),
    });
    let frames = frames.map(move |frame| {
        let _ = &held;
        frame
    });
    frames.boxed()
}

/// How long the beginning of an answer waits for its first frame, so that a short answer is sent at once. Whoever asked
/// takes the beginning for a sign of life.
const FIRST_FRAME: Duration = Duration::from_millis(50);

/// The same frames, when the first of them is there or may take long.
pub(super) async fn begun(frames: FrameStream) -> FrameStream {
    let mut frames = frames.peekable();
    // Peeking gives up nothing when its time is over.
    let _ = tokio::time::timeout(FIRST_FRAME, Pin::new(&mut frames).peek()).await;
    frames.boxed()
}

async fn encode(part: Result<NodePart, QueryError>) -> Result<Vec<AnswerFrame>, QueryError> {
    let part = part?;
    if is_small(&part) {
        return answer_frames::frames(part);
    }
    let (sender, encoded) = oneshot::channel();
    // Freeing a large part takes long: nobody waits for it, nor whether anybody still listens.
    tokio::task::spawn_blocking(move || drop(sender.send(answer_frames::frames(part))));
    let lost = |_| QueryError::Storage("a part of the answer was not encoded".to_owned());
    encoded.await.map_err(lost)?
}

fn is_small(part: &NodePart) -> bool {
    match part {
        NodePart::Part(answer) => size(answer) < LARGE,
        NodePart::Encoded(part) => !answer_frames::takes_long(part.len()),
        NodePart::End { .. } => true,
    }
}

fn size(answer: &Answer) -> usize {
    match answer {
        Answer::Traces { found, .. } => found.iter().map(|found| found.trace.spans.len()).sum(),
        Answer::Services(names) => names.len(),
        Answer::Operations(operations) => operations.len(),
        Answer::AttributeNames(names) => names.len(),
        Answer::Calls { edges, .. } => edges.len(),
        Answer::Rows { parts, .. } => parts.iter().map(RowPart::len).sum(),
        Answer::Groups { groups, .. } => groups.len(),
        Answer::Columns { spans, .. } => spans.len(),
    }
}
