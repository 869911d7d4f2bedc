//! Header names of the dialect, in the lower case that HTTP libraries compare with (WC §2.2, §2.5, §2.8 to §2.10, §7).

/// `Bearer` and the raw token, its hash, or (v4) its public id.
pub const AUTHORIZATION: &str = "authorization";
/// `2.0` or `3.0`: which subject the request's HMAC covers.
pub const AUTH_VERSION: &str = "bitgo-auth-version";
/// Unix milliseconds of a v2 or v3 request, part of its subject.
pub const AUTH_TIMESTAMP: &str = "auth-timestamp";
/// The HMAC of a v2 or v3 request and of its answer; its presence decides how the bearer is read.
pub const HMAC: &str = "hmac";
/// Unix milliseconds of a signed answer, and of a token extension.
pub const TIMESTAMP: &str = "timestamp";
/// The signed message of a token extension.
pub const SIGNATURE: &str = "signature";
/// Unix seconds of a v4 request.
pub const V4_TIMESTAMP: &str = "x-request-timestamp";
/// The HMAC of a v4 request.
pub const V4_SIGNATURE: &str = "x-signature";
/// SHA-256 of a v4 request's body, lower-case hex.
pub const V4_CONTENT_HASH: &str = "x-content-sha256";
/// The id a v4 client gives its request, part of its subject.
pub const V4_REQUEST_ID: &str = "x-auth-request-id";
/// The path a proxy received; to be honoured from configured proxies only.
pub const ORIGINAL_URI: &str = "x-original-uri";
/// The method a proxy received; to be honoured from configured proxies only.
pub const ORIGINAL_METHOD: &str = "x-original-method";
/// The request's id, echoed in the answer's header and error body.
pub const REQUEST_ID: &str = "request-id";
/// Tells the client that its token is no longer good; the only value it understands is [`AUTH_REQUIRED_VALUE`].
pub const AUTH_REQUIRED: &str = "x-auth-required";
/// The value of [`AUTH_REQUIRED`], compared by the client letter by letter.
pub const AUTH_REQUIRED_VALUE: &str = "true";
/// A one-time password for this one request.
pub const OTP: &str = "x-bitgo-otp";
/// Names what a native request makes: the same name again is the same thing.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
