//! Reads the rest of a request's body before an early answer is sent.
//!
//! If a server answers and closes while the client is still sending, the client's system drops the
//! answer: a participant would see "connection reset" instead of "429, next attempt at midnight".
//! So after an answer that did not need the whole body, a limited amount of the rest is read and
//! discarded.

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

/// The most bytes that are read and discarded.
const MAX_BYTES: usize = 32 << 20;
/// The longest time that this may take.
const MAX_TIME: Duration = Duration::from_secs(5);

/// A body that is sent back through a channel when it is dropped, so that its rest can be read.
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
            // If the connection is gone, nobody receives it.
            let _ = back.send(inner);
        }
    }
}

/// The middleware for routes that take large bodies.
pub async fn drain_unread(request: Request, next: Next) -> Response {
    // A client that sent `Expect: 100-continue` sends no body unless it is read.
    if request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let (back, returned) = oneshot::channel();
    let (parts, body) = request.into_parts();
    let body = Body::from_stream(Returning { inner: Some(body.into_data_stream()), back: Some(back) });
    let response = next.run(Request::from_parts(parts, body)).await;
    if let Ok(mut rest) = returned.await {
        let mut read = 0;
        let discard = async {
            while let Some(Ok(chunk)) = rest.next().await {
                read += chunk.len();
                if read > MAX_BYTES {
                    break;
                }
            }
        };
        // When the time is over, the answer is sent all the same.
        let _ = tokio::time::timeout(MAX_TIME, discard).await;
    }
    response
}
