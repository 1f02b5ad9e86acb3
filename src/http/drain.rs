//! Reads what is left of a request's body before an early answer leaves.
//!
//! A server that answers and closes while the client still sends makes the client's system drop the answer: a
//! participant would see "connection reset" where "429, next attempt at midnight" was said. So after an answer
//! that did not need the body, a bounded rest of it is read and thrown away.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use tokio::sync::oneshot;

/// At most so much is read for nothing.
const MOST_BYTES: usize = 32 << 20;
/// For at most so long.
const MOST_TIME: Duration = Duration::from_secs(5);

/// A body that hands itself back when it is dropped unread.
struct Returning {
    inner: Option<axum::body::BodyDataStream>,
    back: Option<oneshot::Sender<axum::body::BodyDataStream>>,
}

impl futures_util::Stream for Returning {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.inner {
            Some(inner) => inner.poll_next_unpin(cx),
            None => Poll::Ready(None),
        }
    }
}

impl Drop for Returning {
    fn drop(&mut self) {
        if let (Some(inner), Some(back)) = (self.inner.take(), self.back.take()) {
            // Nobody waits any more when the connection is gone.
            let _ = back.send(inner);
        }
    }
}

/// The middleware for routes that take large bodies.
pub async fn drain_unread(request: Request, next: Next) -> Response {
    // A client that asked first (`Expect: 100-continue`) sends nothing unless the body is read.
    if request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let (back, returned) = oneshot::channel();
    let (parts, body) = request.into_parts();
    let body = Body::from_stream(Returning { inner: Some(body.into_data_stream()), back: Some(back) });
    let response = next.run(Request::from_parts(parts, body)).await;
    if let Ok(mut rest) = returned.await {
        let mut read = 0;
        let throw_away = async {
            while let Some(Ok(chunk)) = rest.next().await {
                read += chunk.len();
                if read > MOST_BYTES {
                    break;
                }
            }
        };
        // Past the time the answer leaves all the same.
        let _ = tokio::time::timeout(MOST_TIME, throw_away).await;
    }
    response
}
