//! How a caller says who it is: bearers and passwords.

use bursar_wire::bearer::{Bearer, ClientMode, SignatureHeader};
use bursar_wire::password;
use bursar_wire::token_text::BearerHash;

use crate::Vector;

pub(crate) fn auth_mode(vector: &Vector) {
    let token = vector.input("token").as_str();
    let mode = ClientMode::of(token, vector.input("forceV1Auth") == true);
    let authorization = vector.expected("authorization").as_str();
    let hash = token.map(|text| format!("Bearer {}", BearerHash::of(text).to_hex().expose()));
    let raw = token.map(|text| format!("Bearer {text}"));
    let (sent, signed, versioned) = match mode {
        ClientMode::Hmac => (hash.as_deref(), true, true),
        ClientMode::RawBearer => (raw.as_deref(), false, false),
        ClientMode::NoToken => (None, false, true),
        ClientMode::UndefinedBearer => (Some("Bearer undefined"), false, false),
    };
    assert_eq!(sent, authorization, "{}", vector.name());
    assert_eq!(vector.expected("hmacHeaderSent"), signed, "{}", vector.name());
    assert_eq!(vector.expected("authVersionHeader").as_str(), versioned.then_some("2.0"), "{}", vector.name());

    // The server reads back what the client meant.
    let signature = if signed { SignatureHeader::Hmac } else { SignatureHeader::Absent };
    match (Bearer::read(authorization, signature).expect("readable"), mode) {
        (Bearer::Hashed(read), ClientMode::Hmac) => {
            assert_eq!(Some(read), token.map(BearerHash::of));
        }
        (Bearer::Raw(read), ClientMode::RawBearer) => {
            assert_eq!(Some(read.expose().as_str()), token);
        }
        (Bearer::Anonymous, ClientMode::NoToken | ClientMode::UndefinedBearer) => {}
        (read, mode) => panic!("{}: {read:?} for {mode:?}", vector.name()),
    }
}

pub(crate) fn password_hmac(vector: &Vector) {
    let verifier = password::WireVerifier::compute(vector.text("username"), vector.text("password"));
    vector.check_text("passwordHmac", verifier.expose());
    assert!(password::looks_like_a_verifier(verifier.expose()));
    let body = vector.expected("requestBody");
    assert_eq!(body["email"], password::lower_case(vector.text("username")), "{}", vector.name());
    assert!(password::WireVerifier::read(body["password"].as_str().expect("password")) == Some(verifier));
}
