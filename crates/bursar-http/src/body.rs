//! Reading bodies: so much and no more, in so much time and no more.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::failure::Failure;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);
/// How much of a body that is too long is read and thrown away, in bytes, and for how long. Closing on a client that
/// still sends resets the connection, and the answer that says why is lost with it.
const LINGER: u64 = 64 << 20;
const LINGER_TIME: Duration = Duration::from_secs(5);

/// The body of a request, if it has at most `limit` bytes.
pub(crate) async fn read(headers: &HeaderMap, mut body: Body, limit: usize) -> Result<Bytes, Failure> {
    // Whoever asks before sending is told at once.
    let asks_first = headers.contains_key(header::EXPECT);
    if asks_first && body.size_hint().lower() > limit as u64 {
        return Err(Failure::BodyTooLong);
    }
    let found = timeout(BODY_TIME, Limited::new(&mut body, limit).collect()).await;
    match found {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            // Out of patience or not: the answer is the same.
            let _ = timeout(LINGER_TIME, discard(&mut body)).await;
            Err(Failure::BodyTooLong)
        }
        Ok(Err(_)) | Err(_) => Err(Failure::BodyUnreadable),
    }
}

async fn discard(body: &mut Body) {
    let mut left = LINGER;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
