//! The v4 scheme, offered by BitGo's HMAC package for clients of one's own (WC §2.8).
//!
//! The bearer is the token's public id, so the key never travels; the subject names the method and the body's hash.

use sha2::{Digest, Sha256};

use super::{Subject, hex_text, lower_hex, method_text, status_text, target};

/// SHA-256 of a body: 64 lower-case hex characters.
#[derive(Clone, Copy)]
pub struct ContentHash([u8; 64]);

impl ContentHash {
    /// The hash of the exact body bytes, empty if there is none.
    pub fn of(body: &[u8]) -> Self {
        Self(lower_hex(&Sha256::digest(body).into()))
    }

    /// The text for the `X-Content-SHA256` header.
    pub fn as_str(&self) -> &str {
        hex_text(&self.0)
    }

    /// Whether the `X-Content-SHA256` header names this body.
    pub fn is(&self, presented: &str) -> bool {
        self.as_str() == presented
    }
}

/// A v4 request. Whoever verifies one also checks that the `X-Content-SHA256` header, if present,
/// [is](ContentHash::is) the hash used here, which is taken from the body and not from that header.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method, in any case.
    pub method: &'a str,
    /// The text of the `X-Request-Timestamp` header: Unix seconds.
    pub timestamp: &'a str,
    /// The request target as on the wire.
    pub target: &'a str,
    /// The hash of the body.
    pub content: &'a ContentHash,
    /// The text of the `X-Auth-Request-Id` header.
    pub request_id: &'a str,
}

impl Subject for Request<'_> {
    fn feed(&self, sink: &mut impl FnMut(&[u8])) {
        feed_head(self.timestamp, self.method, self.target, sink);
        feed_line(self.content.as_str().as_bytes(), sink);
        feed_line(self.request_id.as_bytes(), sink);
    }
}

/// The answer to a v4 request.
#[derive(Clone, Copy)]
pub struct Response<'a> {
    /// The method of the request, in any case.
    pub method: &'a str,
    /// The text of the answer's timestamp: Unix seconds of our clock.
    pub timestamp: &'a str,
    /// The target of the request, with its query.
    pub target: &'a str,
    /// The status, three digits.
    pub status: u16,
    /// The hash of the answer's body.
    pub content: &'a ContentHash,
    /// The id of the request.
    pub request_id: &'a str,
}

impl Subject for Response<'_> {
    fn feed(&self, sink: &mut impl FnMut(&[u8])) {
        feed_head(self.timestamp, self.method, self.target, sink);
        feed_line(&status_text(self.status), sink);
        feed_line(self.content.as_str().as_bytes(), sink);
        feed_line(self.request_id.as_bytes(), sink);
    }
}

fn feed_head(timestamp: &str, method: &str, target: &str, sink: &mut impl FnMut(&[u8])) {
    feed_line(timestamp.as_bytes(), sink);
    feed_line(method_text(method).as_bytes(), sink);
    feed_line(target::wire(&target::signed(target)).as_bytes(), sink);
}

fn feed_line(text: &[u8], sink: &mut impl FnMut(&[u8])) {
    sink(text);
    sink(b"\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signature::SigningKey;

    proptest! {
        #[test]
        fn what_is_signed_verifies_and_an_answer_is_not_taken_for_a_request(body: Vec<u8>, target: String, status in 100u16..600) {
            let key = SigningKey::from_token_text("any");
            let content = ContentHash::of(&body);
            let request = Request { method: "put", timestamp: "1", target: &target, content: &content, request_id: "r" };
            let response = Response {
                method: "put", timestamp: "1", target: &target, status, content: &content, request_id: "r",
            };
            prop_assert_eq!(key.verify(&request, key.sign(&request).as_str()), Ok(()));
            prop_assert_eq!(key.verify(&response, key.sign(&response).as_str()), Ok(()));
            prop_assert!(key.verify(&response, key.sign(&request).as_str()).is_err());
        }
    }

    #[test]
    fn the_content_header_must_name_the_body_that_came() {
        let content = ContentHash::of(b"{}");
        assert!(content.is(content.as_str()));
        assert!(!content.is(ContentHash::of(b"{ }").as_str()));
        assert!(!content.is(""));
    }
}
