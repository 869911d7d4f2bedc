//! Error answers, as the client reads them.

use bursar_wire::error::ErrorBody;
use bursar_wire::header;
use serde_json::Value;

use crate::Vector;

/// What the client makes of an error answer.
#[derive(PartialEq, Debug)]
struct ClientError {
    message: String,
    status: u64,
    needs_otp: bool,
    invalid_token: bool,
}

/// The client's own rule (WC §7.2).
fn as_the_client_sees(status: u64, body: &Value, text: &str, auth_required: Option<&str>) -> ClientError {
    let error = body.get("error").and_then(Value::as_str).filter(|error| !error.is_empty());
    ClientError {
        message: error.map_or_else(|| format!("{status}\n{}", without_html(text)), str::to_owned),
        status,
        needs_otp: body.get("needsOTP").is_some(),
        invalid_token: auth_required == Some("true"),
    }
}

fn without_html(text: &str) -> String {
    let mut plain = String::new();
    let mut in_tag = false;
    for character in text.chars().filter(|character| *character != '\r') {
        match character {
            '<' => in_tag = true,
            '>' => in_tag = false,
            '\n' if plain.ends_with("\n\n") => {}
            _ if !in_tag => plain.push(character),
            _ => {}
        }
    }
    plain
}

pub(crate) fn error_mapping(vector: &Vector) {
    let status = vector.input("status").as_u64().expect("status");
    let body = vector.input("body");
    let text = vector.input("text").as_str().unwrap_or_default();
    let auth_required = vector.input("header")[header::AUTH_REQUIRED].as_str();
    let expected = ClientError {
        message: vector.expected_text("message").to_owned(),
        status: vector.expected("status").as_u64().expect("status"),
        needs_otp: vector.expected("needsOTP") == true,
        invalid_token: vector.expected("invalidToken") == true,
    };
    assert_eq!(as_the_client_sees(status, body, text, auth_required), expected, "{}", vector.name());

    // What our error body makes of the same refusal: the client shows the text we mean, and asks for an OTP only
    // where one helps, which the two traps (`needsOTP: false`, no `error`) would spoil.
    let means_otp = body["needsOTP"] == true;
    let error = body["error"].as_str().unwrap_or_default();
    let name = body["name"].as_str().unwrap_or("Unauthorized");
    let mut ours = ErrorBody::new(name.to_owned(), error, "r1");
    for (key, value) in body.as_object().expect("an object") {
        ours = ours.with_field(key.clone(), value.clone());
    }
    if means_otp {
        ours = ours.needing_unlock();
    }
    let sent = ours.to_bytes();
    let parsed: Value = serde_json::from_slice(&sent).expect("always JSON");
    let seen = as_the_client_sees(status, &parsed, "", Some(header::AUTH_REQUIRED_VALUE));
    assert_eq!(seen.message, if error.is_empty() { name } else { error }, "{}", vector.name());
    assert_eq!((seen.status, seen.needs_otp, seen.invalid_token), (status, means_otp, true), "{}", vector.name());
    assert!(!seen.message.contains('\n'), "{}", vector.name());
    if body.get("requestId").is_some() {
        assert_eq!(sent, body.to_string().as_bytes(), "{}", vector.name());
    }
}
