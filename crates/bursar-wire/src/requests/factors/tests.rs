use super::*;

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap()
}

#[test]
fn an_answer_of_an_authenticator_may_be_text_or_the_object_itself() {
    let as_object = PasskeyAnswer::read(&json(r#"{"passkey": {"id": "a", "n": 1}}"#)).unwrap();
    let as_text = PasskeyAnswer::read(&json(r#"{"passkey": "{\"id\":\"a\",\"n\":1}"}"#)).unwrap();
    assert_eq!(as_object, as_text);
    for body in [r#"{}"#, r#"{"passkey": 1}"#, r#"{"passkey": "{}", "more": 1}"#, r#"{"passkey": {"n": 1.5}}"#] {
        assert!(PasskeyAnswer::read(&json(body)).is_err(), "{body}");
    }
    let long = format!(r#"{{"passkey": "{}"}}"#, "a".repeat(LONGEST_ANSWER + 1));
    assert!(PasskeyAnswer::read(&json(&long)).is_err());
}

#[test]
fn a_sign_in_is_finished_with_one_proof_and_not_with_two() {
    let both = json(r#"{"ticket": "t", "otp": "000000", "passkey": "{}"}"#);
    assert_eq!(FinishSignIn::read(&both).unwrap_err().field, "passkey");
    assert!(FinishSignIn::read(&json(r#"{"ticket": "t"}"#)).unwrap().otp.is_none());
    assert_eq!(SignIn::read(&json(r#"{"username": "a", "password": "b", "otp": "c"}"#)).unwrap_err().field, "otp");
}

#[test]
fn a_device_of_the_dialect_is_an_authenticator_app_or_a_passkey() {
    let app =
        AddDevice::read(&json(r#"{"type": "totp", "label": "phone", "otp": "123456", "hmac": "h", "extensions": {}}"#));
    let code = "123456".to_owned();
    assert_eq!(app.unwrap().shown, NewDevice::Totp { code, enrolment: "h".to_owned() });
    let passkey = AddDevice::read(&json(r#"{"type": "webauthn", "label": "key", "otp": "{\"id\":\"a\"}"}"#));
    assert_eq!(passkey.unwrap().shown, NewDevice::Passkey { answer: r#"{"id":"a"}"#.to_owned() });
    for body in [
        r#"{"type": "yubikey", "label": "x", "otp": "1"}"#,
        r#"{"type": "totp", "label": "x", "otp": "123456"}"#,
        r#"{"type": "totp", "otp": "123456", "hmac": "h"}"#,
    ] {
        assert!(AddDevice::read(&json(body)).is_err(), "{body}");
    }
}

#[test]
fn names_of_actions_are_bounded() {
    let long = format!(r#"{{"action": "{}"}}"#, "a".repeat(LONGEST_ACTION + 1));
    assert_eq!(AskStepUp::read(&json(&long)).unwrap_err().field, "action");
    let step_up = AskStepUp::read(&json(r#"{"action": "unlock", "target": "token:1"}"#)).unwrap();
    assert_eq!((step_up.action.as_str(), step_up.target.as_deref()), ("unlock", Some("token:1")));
}

#[test]
fn a_query_names_one_action_or_none() {
    let read = |query: &str| AskStepUp::read_query(query);
    assert_eq!(read(""), Ok(None));
    assert_eq!(read("other=1"), Ok(None));
    let limits = AskStepUp { action: "limits".to_owned(), target: Some("token:ab".to_owned()) };
    assert_eq!(read("action=limits&target=token%3Aab"), Ok(Some(limits.clone())));
    assert_eq!(read("target=token:ab&action=limits"), Ok(Some(limits)));
    for query in ["action=issue&action=unlock", "target=x", "action=%ff", &format!("action={}", "a".repeat(129))] {
        assert!(read(query).is_err(), "{query}");
    }
}
