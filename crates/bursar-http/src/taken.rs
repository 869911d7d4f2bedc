//! Answers that are under way until their client has taken them. Over HTTP/2 a client has many at a time, and says for each
//! how much of it may come: what waits for one that takes nothing has a place among all requests, and its client's share.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

/// A body that keeps something until it was taken.
pub(crate) struct Taken<T> {
    body: Body,
    kept: Arc<T>,
}

/// A piece of such a body: it waits in the connection when the body is through, and keeps the same.
struct Piece<T> {
    bytes: Bytes,
    _kept: Arc<T>,
}

impl<T: Send + Sync + 'static> Taken<T> {
    /// The body, of which each piece keeps this until the client has taken it, or is gone.
    pub(crate) fn keeping(kept: Arc<T>, body: Body) -> Body {
        Body::new(Self { body, kept })
    }
}

impl<T: Send + Sync + 'static> HttpBody for Taken<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, kept } = &mut *self;
        let keep = |bytes| Bytes::from_owner(Piece { bytes, _kept: Arc::clone(kept) });
        Pin::new(body).poll_frame(context).map(|next| next.map(|frame| frame.map(|frame| frame.map_data(keep))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<T> AsRef<[u8]> for Piece<T> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
