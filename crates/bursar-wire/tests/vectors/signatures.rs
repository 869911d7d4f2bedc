//! Subjects and HMACs of requests and answers.

use bursar_core::time::Timestamp;
use bursar_wire::bearer::{Bearer, SignatureHeader};
use bursar_wire::signature::{AuthVersion, Request, Response, SigningKey, Subject, target, v4, window};
use bursar_wire::token_text::BearerHash;

use crate::{Vector, to_hex};

/// The key as the server has it, of the hash alone, where the token is long enough; else of the text.
fn key_of(token: &str) -> SigningKey {
    if token.len() > 64 { SigningKey::new(&BearerHash::of(token)) } else { SigningKey::from_token_text(token) }
}

fn version_of(vector: &Vector) -> AuthVersion {
    if vector.input("authVersion") == 3 { AuthVersion::V3 } else { AuthVersion::V2 }
}

pub(crate) fn request(vector: &Vector) {
    let (version, token, body) = (version_of(vector), vector.text("token"), vector.body());
    let timestamp = vector.input("timestampMs").to_string();
    // What the client signs is escaped in two ways by its URL parser; the server gets there by its second check.
    let sent = vector.text("url").replace(' ', "%20");
    let target = match (vector.name(), vector.input("useOriginalPath") == true) {
        (_, true) => vector.text("url").to_owned(),
        (name, _) if name.ends_with("normalised-path") => target::escaped(&sent).expect("something to escape"),
        _ => {
            assert_eq!(sent, vector.text("url"), "{}", vector.name());
            sent
        }
    };
    let request =
        Request { version, method: vector.text("method"), timestamp: &timestamp, target: &target, body: &body };

    assert_eq!(to_hex(&request.render()), vector.expected_text("subjectHex"), "{}", vector.name());
    if let Some(subject) = vector.expected("subject").as_str() {
        assert_eq!(request.render(), subject.as_bytes(), "{}", vector.name());
    }
    let (key, headers) = (key_of(token), &vector.0["expected"]["headers"]);
    vector.check_text("hmac", key.sign(&request).as_str());
    assert_eq!(key.verify(&request, headers["HMAC"].as_str().expect("HMAC")), Ok(()), "{}", vector.name());
    assert_eq!(SigningKey::from_token_text(token).sign(&request).as_str(), key.sign(&request).as_str());

    assert_eq!(AuthVersion::from_header(headers["BitGo-Auth-Version"].as_str()), Ok(version));
    assert_eq!(headers["Auth-Timestamp"], timestamp);
    let Ok(Bearer::Hashed(hash)) = Bearer::read(headers["Authorization"].as_str(), SignatureHeader::Hmac) else {
        panic!("{}: bearer", vector.name());
    };
    assert_eq!(hash, BearerHash::of(token), "{}", vector.name());
}

pub(crate) fn response(vector: &Vector) {
    let (version, token, body) = (version_of(vector), vector.text("token"), vector.body());
    let timestamp = vector.input("timestampMs").as_u64().map(|ms| ms.to_string()).unwrap_or_default();
    let response = Response {
        version,
        method: vector.text("method"),
        timestamp: &timestamp,
        target: vector.text("url"),
        status: vector.input("statusCode").as_u64().expect("status").try_into().expect("status"),
        body: &body,
    };
    let ours = key_of(token).sign(&response);
    if vector.name().ends_with("missing-headers-rejected") {
        // Without headers the client builds a subject without a time; ours is signed, so it is never in that case.
        assert_eq!(response.render(), vector.expected_text("subjectTheSdkBuilds").as_bytes());
        assert!(key_of(token).verify(&response, "").is_err());
        assert_eq!(ours.as_str().len(), 64);
    } else if let Some(presented) = vector.input("hmacHeader").as_str() {
        vector.check_text("expectedHmac", ours.as_str());
        assert!(key_of(token).verify(&response, presented).is_err(), "{}", vector.name());
        assert_eq!(vector.expected("sdkAccepts"), false);
    } else {
        assert_eq!(response.render(), vector.expected_text("subject").as_bytes(), "{}", vector.name());
        vector.check_text("hmac", ours.as_str());
        assert_eq!(vector.0["expected"]["headers"]["timestamp"], timestamp);
        assert_eq!(vector.0["expected"]["headers"]["hmac"], ours.as_str());
        assert_eq!(vector.expected("sdkAccepts"), true);
    }
}

pub(crate) fn response_window(vector: &Vector) {
    let time = |field| Timestamp::from_millis(vector.input(field).as_i64().expect("a time"));
    let verdict = window::check(time("responseTimestampMs"), time("nowMs"));
    assert_eq!(verdict.is_ok(), vector.expected("inWindow") == true, "{}", vector.name());
}

pub(crate) fn request_v4(vector: &Vector) {
    let content = v4::ContentHash::of(&vector.body());
    vector.check_text("bodyHashHex", content.as_str());
    assert!(content.is(vector.expected_text("bodyHashHex")));
    let original = |field, given| vector.input(field).as_str().unwrap_or_else(|| vector.text(given));
    let timestamp = vector.input("timestampSec").to_string();
    let request = v4::Request {
        method: original("xOriginalMethod", "method"),
        timestamp: &timestamp,
        target: original("xOriginalUri", "url"),
        content: &content,
        request_id: vector.text("authRequestId"),
    };
    vector.check_text("pathWithQuery", &target::wire(&target::signed(request.target)));
    assert_eq!(request.render(), vector.expected_text("preimage").as_bytes(), "{}", vector.name());
    let key = SigningKey::new(&BearerHash::of(vector.text("rawToken")));
    vector.check_text("hmac", key.sign(&request).as_str());
    assert_eq!(key.verify(&request, vector.expected_text("hmac")), Ok(()), "{}", vector.name());
}

pub(crate) fn response_v4(vector: &Vector) {
    let content = v4::ContentHash::of(&vector.body());
    assert!(content.is(vector.text("bodyHashHex")), "{}", vector.name());
    let timestamp = vector.input("timestampSec").to_string();
    let response = v4::Response {
        method: vector.text("method"),
        timestamp: &timestamp,
        target: vector.text("pathWithQuery"),
        status: vector.input("statusCode").as_u64().expect("status").try_into().expect("status"),
        content: &content,
        request_id: vector.text("authRequestId"),
    };
    assert_eq!(response.render(), vector.expected_text("preimage").as_bytes(), "{}", vector.name());
    let key = SigningKey::new(&BearerHash::of(vector.text("rawToken")));
    vector.check_text("hmac", key.sign(&response).as_str());
}

pub(crate) fn token_hash(vector: &Vector) {
    let hash = BearerHash::of(vector.text("token"));
    vector.check_text("sha256Hex", hash.to_hex().expose());
    assert_eq!(BearerHash::from_hex(vector.expected_text("sha256Hex")), Some(hash));
}

pub(crate) fn key_equivalence(vector: &Vector) {
    /// A message that is already whole.
    struct Message<'a>(&'a str);
    impl Subject for Message<'_> {
        fn feed(&self, sink: &mut impl FnMut(&[u8])) {
            sink(self.0.as_bytes());
        }
    }
    let (token, message) = (vector.text("token"), Message(vector.text("message")));
    assert_eq!(vector.input("tokenBytes"), token.len());
    let with_token = SigningKey::from_token_text(token).sign(&message);
    let with_hash = SigningKey::new(&BearerHash::of(token)).sign(&message);
    vector.check_text("hmacKeyedWithToken", with_token.as_str());
    vector.check_text("hmacKeyedWithRawSha256OfToken", with_hash.as_str());
    assert_eq!(vector.expected("equal"), (with_token.as_str() == with_hash.as_str()), "{}", vector.name());
}
