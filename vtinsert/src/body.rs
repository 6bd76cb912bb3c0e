//! Reads a request's body into memory: within the size limit, the memory budget and the time allowed.

use crate::admission::Reservation;
use crate::error::InsertError;
use bytes::{Bytes, BytesMut};
use common::config::{ByteSize, Period};
use http_body_util::BodyExt;
use hyper::body::Body;
use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

/// What is read of the body of a refused request, so that a client which sends before it listens gets the answer.
const MOST_DISCARDED: usize = 256 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// The limits of one body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    pub size: ByteSize,
    pub time: Period,
}

/// The whole body, in memory of its own: what a connection was read into is larger, and a stored body would hold it.
///
/// # Errors
/// Larger than allowed, slower than allowed, cut short by the client, or no memory for it.
pub(crate) async fn read<B>(
    body: Pin<&mut B>,
    limits: BodyLimits,
    memory: &mut Reservation,
) -> Result<Bytes, InsertError>
where
    B: Body<Data = Bytes>,
    B::Error: Display,
{
    let limit = limits.size.as_usize();
    if body.size_hint().lower() > limits.size.bytes() {
        return Err(too_large(limits));
    }
    match tokio::time::timeout(limits.time.as_duration(), read_all(body, limit, memory)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => Err(too_large(limits)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(InsertError::Slow(limits.time)),
    }
}

fn too_large(limits: BodyLimits) -> InsertError {
    InsertError::TooLarge {
        what: "body",
        limit: limits.size,
    }
}

/// `None` for a body of more than `limit` bytes.
async fn read_all<B>(
    mut body: Pin<&mut B>,
    limit: usize,
    memory: &mut Reservation,
) -> Result<Option<Bytes>, InsertError>
where
    B: Body<Data = Bytes>,
    B::Error: Display,
{
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(limit).min(limit);
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| InsertError::BadRequest(format!("cannot read the body: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        let len = first.len() + whole.len() + data.len();
        if len > limit {
            return Ok(None);
        }
        memory.grow_to(len).await?;
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.reserve(declared.max(len));
            whole.extend_from_slice(&first);
            first = Bytes::new();
        }
        whole.extend_from_slice(&data);
    }
    Ok(Some(if whole.is_empty() {
        Bytes::copy_from_slice(&first)
    } else {
        whole.freeze()
    }))
}

/// Reads on, without keeping anything, to the end of the body or for as long as is reasonable.
pub(crate) async fn discard<B: Body<Data = Bytes>>(mut body: Pin<&mut B>) {
    let reading = async {
        let mut len = 0;
        while !body.is_end_stream()
            && let Some(Ok(frame)) = body.frame().await
        {
            len += frame.data_ref().map_or(0, Bytes::len);
            if len > MOST_DISCARDED {
                break;
            }
        }
    };
    // Nobody is told whether the end was reached: the answer is the same.
    let _ = tokio::time::timeout(DISCARD_TIME, reading).await;
}
