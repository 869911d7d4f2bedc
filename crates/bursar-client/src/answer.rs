//! What a server answered: a document, or an error with its reason (WC §7).

use serde_json::Value;
use ureq::Body;
use ureq::http::Response;

use crate::error::{ClientError, Declined};

/// The largest answer that is read, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

pub(crate) fn read(response: Response<Body>) -> Result<Value, ClientError> {
    let status = response.status().as_u16();
    let text = response.into_body().into_with_config().limit(LARGEST).read_to_string();
    let text = text.map_err(|error| ClientError::unreadable(error.to_string()))?;
    let document: Result<Value, _> = serde_json::from_str(&text);
    match (status, document) {
        (200..=299, Ok(document)) => Ok(document),
        (200..=299, Err(error)) => Err(ClientError::unreadable(error.to_string())),
        (_, document) => Err(ClientError::Declined(Box::new(Declined::new(status, document.unwrap_or_default())))),
    }
}
