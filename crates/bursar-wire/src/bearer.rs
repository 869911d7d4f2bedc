//! The `Authorization` header, and how BitGo's client decides what to put there (WC §2.1, §2.3).
//!
//! Which headers came along decides how a bearer is read, never its shape: a raw token of an older format and a hash
//! are both 64 hex characters.

use std::fmt;

use bursar_core::id::TokenId;
use bursar_core::secret::Secret;

use crate::token_text::{BearerHash, LENGTH};

/// What a request says about its caller.
#[derive(Clone, Debug)]
pub enum Bearer {
    /// Nobody: no header, an empty bearer, or the literal `undefined` of a client without a token.
    Anonymous,
    /// The token's text itself (v1 mode).
    Raw(Secret<String>),
    /// The hash of the token's text (HMAC mode, v2 and v3).
    Hashed(BearerHash),
    /// The token's public id (v4).
    PublicId(TokenId),
}

/// Which signature header the request carries; it decides what its bearer means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignatureHeader {
    /// None: the bearer is the token itself.
    Absent,
    /// [`HMAC`](crate::header::HMAC): the bearer is the token's hash.
    Hmac,
    /// [`V4_SIGNATURE`](crate::header::V4_SIGNATURE): the bearer is the token's public id.
    V4,
}

/// Why an `Authorization` header cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BearerError {
    /// The scheme is not `Bearer`.
    OtherScheme,
    /// The bearer holds blanks or control characters.
    NotOneWord,
    /// The request is signed with v2 or v3, but its bearer is not a hash.
    NotAHash,
    /// The request is signed with v4, but its bearer is not an id.
    NotAnId,
}

impl fmt::Display for BearerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherScheme => "the authorization scheme must be `Bearer`",
            Self::NotOneWord => "the bearer must be one word without blanks",
            Self::NotAHash => {
                "with an `HMAC` header the bearer must be the token's sha256 (64 lower-case hex characters); \
                 leave `HMAC` out to send the token itself"
            }
            Self::NotAnId => "with `X-Signature` the bearer must be the token's id (32 lower-case hex characters)",
        })
    }
}

impl std::error::Error for BearerError {}

impl Bearer {
    /// Reads the value of the `Authorization` header, if there is one.
    ///
    /// # Errors
    /// The header names another scheme, or its bearer does not have the form that the signature header asks for.
    pub fn read(authorization: Option<&str>, signature: SignatureHeader) -> Result<Self, BearerError> {
        let value = authorization.unwrap_or_default().trim_ascii();
        let (scheme, bearer) = value.split_once(' ').unwrap_or((value, ""));
        let bearer = bearer.trim_ascii();
        if !value.is_empty() && !scheme.eq_ignore_ascii_case("bearer") {
            return Err(BearerError::OtherScheme);
        }
        if bearer.is_empty() || bearer == "undefined" {
            return Ok(Self::Anonymous);
        }
        match signature {
            SignatureHeader::Absent if bearer.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Self::Raw(Secret::new(bearer.to_owned())))
            }
            SignatureHeader::Absent => Err(BearerError::NotOneWord),
            SignatureHeader::Hmac => BearerHash::from_hex(bearer).map(Self::Hashed).ok_or(BearerError::NotAHash),
            SignatureHeader::V4 => bearer.parse().map(Self::PublicId).map_err(|_| BearerError::NotAnId),
        }
    }
}

/// What BitGo's client sends for a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientMode {
    /// Hash as bearer, signed requests, verified answers.
    Hmac,
    /// The raw token as bearer, nothing signed.
    RawBearer,
    /// No `Authorization` at all.
    NoToken,
    /// The literal bearer `undefined`.
    UndefinedBearer,
}

impl ClientMode {
    /// The mode of BitGo's client, for its token and its `forceV1Auth` flag (WC §2.1).
    pub fn of(token: Option<&str>, force_v1: bool) -> Self {
        match token.filter(|text| !text.is_empty()) {
            None if force_v1 => Self::UndefinedBearer,
            None => Self::NoToken,
            Some(_) if force_v1 => Self::RawBearer,
            // JavaScript counts UTF-16 units.
            Some(text) if text.starts_with("v2x") || text.encode_utf16().count() == LENGTH => Self::Hmac,
            Some(_) => Self::RawBearer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_empty_and_undefined_are_anonymous_whatever_is_signed() {
        for signature in [SignatureHeader::Absent, SignatureHeader::Hmac, SignatureHeader::V4] {
            for header in [None, Some(""), Some("Bearer"), Some("Bearer "), Some("bearer undefined")] {
                assert!(matches!(Bearer::read(header, signature), Ok(Bearer::Anonymous)), "{header:?}");
            }
        }
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for header in ["Bearer t0k", "bearer t0k", "BEARER   t0k "] {
            let Ok(Bearer::Raw(text)) = Bearer::read(Some(header), SignatureHeader::Absent) else { panic!("{header}") };
            assert_eq!(text.expose(), "t0k");
        }
    }

    #[test]
    fn the_signature_header_decides_what_the_same_bearer_means() {
        let hash = BearerHash::of("a token");
        let header = format!("Bearer {}", hash.to_hex().expose());
        assert!(matches!(Bearer::read(Some(&header), SignatureHeader::Absent), Ok(Bearer::Raw(_))));
        let Ok(Bearer::Hashed(read)) = Bearer::read(Some(&header), SignatureHeader::Hmac) else { panic!() };
        assert_eq!(read, hash);
        assert_eq!(Bearer::read(Some(&header), SignatureHeader::V4).err(), Some(BearerError::NotAnId));
        let id = Bearer::read(Some("Bearer 59cd72485007a239fb00282ed480da1f"), SignatureHeader::V4);
        assert!(matches!(id, Ok(Bearer::PublicId(_))));
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_not_taken_for_anonymous() {
        let refusal = |header, signature| Bearer::read(Some(header), signature).err();
        assert_eq!(refusal("Basic YTpi", SignatureHeader::Absent), Some(BearerError::OtherScheme));
        assert_eq!(refusal("v2xabc", SignatureHeader::Absent), Some(BearerError::OtherScheme));
        assert_eq!(refusal("Bearer a b", SignatureHeader::Absent), Some(BearerError::NotOneWord));
        assert_eq!(refusal("Bearer v2xabc", SignatureHeader::Hmac), Some(BearerError::NotAHash));
    }
}
