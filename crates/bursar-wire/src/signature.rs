//! HMAC signatures of requests and answers, v2, v3 and v4 (WC §2.4 to §2.8).
//!
//! A subject is streamed into the MAC as it is on the wire: the raw request target and the exact body bytes, never
//! decoded, never serialised again. A [`SigningKey`] holds the prepared key, so that a request costs no key set-up and
//! nothing is allocated. Comparisons take constant time. A signature is never logged.

pub mod target;
pub mod v4;
pub mod window;

use std::borrow::Cow;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::constant_time::is_same;
use crate::token_text::BearerHash;

pub(crate) type HmacSha256 = Hmac<Sha256>;

/// The bytes that a signature covers, as parts in order.
pub trait Subject {
    /// Hands each part to `sink`.
    fn feed(&self, sink: &mut impl FnMut(&[u8]));

    /// The whole subject, for diagnostics and vectors; it may hold secrets of the body.
    fn render(&self) -> Vec<u8> {
        let mut whole = Vec::new();
        self.feed(&mut |part| whole.extend_from_slice(part));
        whole
    }
}

/// The prepared key of one token secret.
#[derive(Clone)]
pub struct SigningKey(HmacSha256);

impl SigningKey {
    /// The key of a token of more than 64 characters, from its hash (WC §2.6). Every token of ours is one.
    pub fn new(hash: &BearerHash) -> Self {
        Self(keyed(hash.expose()))
    }

    /// The key of any token text, also one of another issuer that is short.
    pub fn from_token_text(text: &str) -> Self {
        Self(keyed(text.as_bytes()))
    }

    /// Signs a subject.
    pub fn sign(&self, subject: &impl Subject) -> Signature {
        let mut mac = self.0.clone();
        subject.feed(&mut |part| mac.update(part));
        Signature(lower_hex(&mac.finalize().into_bytes().into()))
    }

    /// Whether `presented` is the signature of the subject, in time that does not depend on how wrong it is.
    ///
    /// Only lower-case hex is accepted, as the client does: with one spelling per signature, a replayed one is known.
    ///
    /// # Errors
    /// It is not.
    pub fn verify(&self, subject: &impl Subject, presented: &str) -> Result<(), WrongSignature> {
        let presented = presented.as_bytes().try_into().map_err(|_| WrongSignature)?;
        let expected = self.sign(subject);
        if is_same(&expected.0, presented).into() { Ok(()) } else { Err(WrongSignature) }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// The presented signature is not that of the subject under this key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongSignature;

impl fmt::Display for WrongSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature does not fit what was received: sign the exact request target and body bytes")
    }
}

impl std::error::Error for WrongSignature {}

/// A signature: 64 lower-case hex characters.
#[derive(Clone, Copy)]
pub struct Signature([u8; 64]);

impl Signature {
    /// The text for the header.
    pub fn as_str(&self) -> &str {
        hex_text(&self.0)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

/// Which subject a v2 or v3 client signs: a property of the client, not of its token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuthVersion {
    /// Subjects without a method: a signature fits every verb on the same path, time and body.
    V2,
    /// Subjects that begin with the method.
    V3,
}

/// The `BitGo-Auth-Version` header names a version that does not exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownAuthVersion;

impl fmt::Display for UnknownAuthVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`BitGo-Auth-Version` must be `2.0` or `3.0`")
    }
}

impl std::error::Error for UnknownAuthVersion {}

impl AuthVersion {
    /// Reads the header; without one a request is signed as v2, the client's default.
    ///
    /// # Errors
    /// The header is there and is neither `2.0` nor `3.0`.
    pub fn from_header(value: Option<&str>) -> Result<Self, UnknownAuthVersion> {
        match value {
            None | Some("2.0") => Ok(Self::V2),
            Some("3.0") => Ok(Self::V3),
            Some(_) => Err(UnknownAuthVersion),
        }
    }

    /// The header's value.
    pub const fn as_header(self) -> &'static str {
        match self {
            Self::V2 => "2.0",
            Self::V3 => "3.0",
        }
    }
}

/// A v2 or v3 request, as it was received or is about to be sent.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Which subject is signed.
    pub version: AuthVersion,
    /// The method, in any case.
    pub method: &'a str,
    /// The text of the `Auth-Timestamp` header: Unix milliseconds.
    pub timestamp: &'a str,
    /// The request target as on the wire; a bare `?` at its end does not count.
    pub target: &'a str,
    /// The exact body, empty if there is none.
    pub body: &'a [u8],
}

impl Subject for Request<'_> {
    fn feed(&self, sink: &mut impl FnMut(&[u8])) {
        if self.version == AuthVersion::V3 {
            sink(method_text(self.method).as_bytes());
            sink(b"|");
        }
        sink(self.timestamp.as_bytes());
        sink(if self.version == AuthVersion::V3 { b"|3.0|" } else { b"|" });
        sink(target::signed(self.target).as_bytes());
        sink(b"|");
        sink(self.body);
    }
}

/// The answer to a v2 or v3 request. Each answer to a signed request is signed, refusals too; but for those to a request that is no
/// news: repeated, out of its window, or from before the start.
#[derive(Clone, Copy)]
pub struct Response<'a> {
    /// Which subject the request was signed with.
    pub version: AuthVersion,
    /// The method of the request, in any case.
    pub method: &'a str,
    /// The text of the answer's `timestamp` header: Unix milliseconds of our clock.
    pub timestamp: &'a str,
    /// The target of the request, with its query.
    pub target: &'a str,
    /// The status, three digits.
    pub status: u16,
    /// The exact body before any content encoding; valid UTF-8, since the client checks the text.
    pub body: &'a [u8],
}

impl Subject for Response<'_> {
    fn feed(&self, sink: &mut impl FnMut(&[u8])) {
        if self.version == AuthVersion::V3 {
            sink(method_text(self.method).as_bytes());
            sink(b"|");
        }
        sink(self.timestamp.as_bytes());
        sink(b"|");
        sink(target::signed(self.target).as_bytes());
        sink(b"|");
        sink(&status_text(self.status));
        sink(b"|");
        sink(self.body);
    }
}

/// The method as it is signed: upper-case, and the client's legacy name `del` as `DELETE`.
fn method_text(method: &str) -> Cow<'_, str> {
    if method.eq_ignore_ascii_case("del") {
        Cow::Borrowed("DELETE")
    } else if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
        Cow::Owned(method.to_ascii_uppercase())
    } else {
        Cow::Borrowed(method)
    }
}

/// The three digits of a status.
fn status_text(status: u16) -> [u8; 3] {
    [status / 100, status / 10, status].map(|digits| b'0' + (digits % 10) as u8)
}

/// The MAC with its key prepared: one hash block, zeros behind; a longer key is replaced by its hash.
pub(crate) fn keyed(key: &[u8]) -> HmacSha256 {
    let mut block = Zeroizing::new([0; 64]);
    if key.len() > block.len() {
        let digest = BearerHash::from_bytes(Sha256::digest(key).into());
        block.iter_mut().zip(digest.expose()).for_each(|(slot, byte)| *slot = *byte);
    } else {
        block.iter_mut().zip(key).for_each(|(slot, byte)| *slot = *byte);
    }
    HmacSha256::new((&*block).into())
}

fn lower_hex(bytes: &[u8; 32]) -> [u8; 64] {
    let mut text = [0; 64];
    // The buffer is twice as long as the bytes, which is all that can go wrong.
    let _ = base16ct::lower::encode(bytes, &mut text);
    text
}

fn hex_text(text: &[u8; 64]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> SigningKey {
        SigningKey::new(&BearerHash::of("some token"))
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies_whatever_the_bytes(
            method in "[A-Za-z]{0,8}", timestamp in "[0-9]{0,16}", target: String, body: Vec<u8>, status in 100u16..600,
        ) {
            for version in [AuthVersion::V2, AuthVersion::V3] {
                let request = Request { version, method: &method, timestamp: &timestamp, target: &target, body: &body };
                prop_assert_eq!(key().verify(&request, key().sign(&request).as_str()), Ok(()));
                let response = Response {
                    version, method: &method, timestamp: &timestamp, target: &target, status, body: &body,
                };
                prop_assert_eq!(key().verify(&response, key().sign(&response).as_str()), Ok(()));
                prop_assert!(key().verify(&response, key().sign(&request).as_str()).is_err());
            }
        }

        #[test]
        fn a_signature_fits_no_other_body_and_no_other_key(body: Vec<u8>, other: Vec<u8>) {
            prop_assume!(body != other);
            let request = |body| Request {
                version: AuthVersion::V3, method: "POST", timestamp: "1", target: "/", body,
            };
            let signature = key().sign(&request(&body));
            prop_assert!(key().verify(&request(&other), signature.as_str()).is_err());
            let stranger = SigningKey::from_token_text("another token");
            prop_assert!(stranger.verify(&request(&body), signature.as_str()).is_err());
        }

        #[test]
        fn the_streamed_subject_is_signed_like_the_rendered_one(target in "/[a-z?&=]{0,20}", body: Vec<u8>) {
            let request = Request { version: AuthVersion::V2, method: "GET", timestamp: "9", target: &target, body: &body };
            let mut mac = key().0;
            mac.update(&request.render());
            let whole = lower_hex(&mac.finalize().into_bytes().into());
            let streamed = key().sign(&request);
            prop_assert_eq!(streamed.as_str(), hex_text(&whole));
        }
    }

    #[test]
    fn only_the_whole_signature_in_lower_case_verifies() {
        let request = Request { version: AuthVersion::V2, method: "GET", timestamp: "1", target: "/", body: b"" };
        let text = key().sign(&request).as_str().to_owned();
        assert_eq!(key().verify(&request, &text), Ok(()));
        for wrong in ["", &text[..63], &text.to_uppercase(), &format!("{text}0"), &format!(" {text}")] {
            assert_eq!(key().verify(&request, wrong), Err(WrongSignature), "{wrong}");
        }
    }

    #[test]
    fn methods_are_signed_in_upper_case_and_del_as_delete() {
        for (method, signed) in
            [("get", "GET"), ("Patch", "PATCH"), ("del", "DELETE"), ("DEL", "DELETE"), ("PUT", "PUT")]
        {
            assert_eq!(method_text(method), signed);
        }
    }

    #[test]
    fn the_version_header_is_absent_or_one_of_two() {
        assert_eq!(AuthVersion::from_header(None), Ok(AuthVersion::V2));
        for version in [AuthVersion::V2, AuthVersion::V3] {
            assert_eq!(AuthVersion::from_header(Some(version.as_header())), Ok(version));
        }
        for wrong in ["", "2", "4.0", "3.0 "] {
            assert_eq!(AuthVersion::from_header(Some(wrong)), Err(UnknownAuthVersion));
        }
    }

    #[test]
    fn neither_key_nor_signature_is_printed() {
        let request = Request { version: AuthVersion::V2, method: "GET", timestamp: "1", target: "/", body: b"" };
        assert_eq!(format!("{:?} {:?}", key(), key().sign(&request)), "SigningKey(..) Signature(..)");
    }
}
