//! What is given for transfers on its way out.

use common::cluster::Pulls;
use common::rpc::proto::PullFrame;
use common::rpc::{pull_frames, status};
use futures::stream::{self, BoxStream, StreamExt as _};
use tonic::Status;

pub(super) type PullStream = BoxStream<'static, Result<PullFrame, Status>>;

/// The frames of a pull, up to its end or first error.
pub(super) fn frames(pulls: Pulls) -> PullStream {
    let framed = pulls.map(|pulled| pulled.and_then(pull_frames::frames));
    let frames = framed.flat_map(|frames| match frames {
        Ok(frames) => stream::iter(frames).map(Ok).left_stream(),
        Err(error) => stream::iter([Err(status::of_write(&error))]).right_stream(),
    });
    frames.boxed()
}
