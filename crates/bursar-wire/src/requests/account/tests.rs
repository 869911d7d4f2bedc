use serde_json::{Value, json};

use super::*;
use crate::requests::tests::{assert_refused, body, with};

const XPUB: &str =
    "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8";
const ADDRESS: &str = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";

#[test]
fn a_login_is_refused_for_the_field_that_is_wrong() {
    let sound = json!({"email": "a@example.com", "password": "p"});
    assert_refused(
        Login::read,
        &sound,
        &[
            (json!({"email": null}), "email", "is missing"),
            (json!({"email": 7}), "email", "must be a text"),
            (json!({"email": "a".repeat(255)}), "email", "is longer than 254 bytes"),
            (json!({"email": "ü".repeat(128)}), "email", "is longer than 254 bytes"),
            (json!({"password": null}), "password", "is missing"),
            (json!({"password": ["p"]}), "password", "must be a text"),
            (json!({"otp": 0}), "otp", "must be a text, not an integer"),
            (json!({"extensible": true}), "extensionAddress", "is needed for an extensible session"),
            (json!({"extensible": "yes"}), "extensible", "must be true or false"),
            (json!({"extensible": true, "extensionAddress": 1}), "extensionAddress", "must be a text"),
            (json!({"forceV1Auth": 1}), "forceV1Auth", "must be true or false"),
        ],
    );
}

#[test]
fn a_login_is_read_as_typed() {
    let login =
        |changes: Value| Login::read(&with(&json!({"email": "A@example.com", "password": " p "}), &changes)).unwrap();
    let plain = login(json!({"passkey": null, "isExtensible": true}));
    assert_eq!((plain.username.as_str(), plain.password.expose().as_str()), ("A@example.com", " p "));
    assert_eq!((plain.otp, plain.extension_address, plain.plain_token), (None, None, false));
    assert_eq!(login(json!({"email": "a".repeat(254)})).username.len(), 254);
    let all = login(json!({"otp": "000000", "extensible": true, "extensionAddress": ADDRESS, "forceV1Auth": true}));
    assert_eq!(all.otp.as_deref(), Some("000000"));
    assert_eq!((all.extension_address.as_deref(), all.plain_token), (Some(ADDRESS), true));
    let not_asked_for = login(json!({"extensible": false, "extensionAddress": ADDRESS}));
    assert_eq!(not_asked_for.extension_address, None);
}

#[test]
fn no_secret_of_a_request_is_printed() {
    let login = Login::read(&body(&json!({"email": "a", "password": "hunter2"}))).unwrap();
    let change = ChangePassword::read(&body(&json!({"oldPassword": "hunter2", "password": "hunter2"}))).unwrap();
    let question = VerifyPassword::read(&body(&json!({"password": "hunter2"}))).unwrap();
    assert!(!format!("{login:?}{change:?}{question:?}").contains("hunter2"));
}

#[test]
fn an_unlock_lasts_from_a_second_to_an_hour() {
    let range = "must be a number of seconds from 1 to 3600; or 0 with `resume`, which lifts a lock alone";
    assert_refused(
        Unlock::read,
        &json!({}),
        &[
            (json!({"duration": 0}), "duration", range),
            (json!({"duration": -1}), "duration", range),
            (json!({"duration": 3601}), "duration", range),
            (json!({"duration": "60"}), "duration", "must be an integer"),
            (json!({"duration": 0.5}), "duration", "must be an integer"),
            (json!({"otp": 0}), "otp", "must be a text"),
            (json!({"resume": "true"}), "resume", "must be true or false"),
            (json!({"keepSpendingLimits": 1}), "keepSpendingLimits", "must be true or false"),
        ],
    );
    let usual = Unlock { otp: None, duration: Span::from_seconds(600), resume: false, keep_limits: false };
    assert_eq!(Unlock::read(&body(&json!({"otp": null, "duration": null}))), Ok(usual));
    let all = json!({"otp": "1", "duration": 3600, "resume": true, "keepSpendingLimits": true});
    let read =
        Unlock { otp: Some("1".to_owned()), duration: Span::from_seconds(3600), resume: true, keep_limits: true };
    assert_eq!(Unlock::read(&body(&all)), Ok(read));
}

#[test]
fn an_extension_asks_for_a_positive_time_or_for_none() {
    assert_refused(
        Extend::read,
        &json!({}),
        &[
            (json!({"duration": 0}), "duration", "must be a positive number of seconds"),
            (json!({"duration": -5}), "duration", "must be a positive number of seconds"),
            (json!({"duration": "5"}), "duration", "must be an integer"),
        ],
    );
    assert_eq!(Extend::read(&body(&json!({}))), Ok(Extend { duration: None }));
    let longest = Extend { duration: Some(Span::from_seconds(u64::MAX)) };
    assert_eq!(Extend::read(&body(&json!({"duration": u64::MAX}))), Ok(longest), "the caller bounds it");
}

#[test]
fn a_freeze_may_have_an_end_and_a_reason() {
    assert_refused(
        Freeze::read,
        &json!({}),
        &[
            (json!({"duration": 0}), "duration", "must be a positive number"),
            (json!({"reason": ""}), "reason", "is empty"),
            (json!({"reason": 1}), "reason", "must be a text"),
            (json!({"reason": "a\u{0}"}), "reason", "control characters"),
            (json!({"reason": "a".repeat(251)}), "reason", "has more than 250 characters"),
        ],
    );
    assert_eq!(Freeze::read(&body(&json!({"reason": null}))), Ok(Freeze::default()));
    let read = Freeze { duration: Some(Span::from_seconds(60)), reason: Some("lost phone".to_owned()) };
    assert_eq!(Freeze::read(&body(&json!({"duration": 60, "reason": "lost phone"}))), Ok(read));
}

#[test]
fn a_keychain_has_a_real_key_and_a_bounded_document() {
    let long = "e".repeat(LONGEST_DOCUMENT + 1);
    let off_by_one = format!("{}9", &XPUB[..XPUB.len() - 1]);
    assert_refused(
        CreateKeychain::read,
        &json!({"xpub": XPUB}),
        &[
            (json!({"xpub": null}), "xpub", "is missing"),
            (json!({"xpub": 1}), "xpub", "must be a text"),
            (json!({"xpub": "xpub"}), "xpub", "is not an extended public key"),
            (json!({"xpub": off_by_one}), "xpub", "is not an extended public key"),
            (json!({"xpub": format!("{XPUB} ")}), "xpub", "is not an extended public key"),
            (json!({"encryptedXprv": {}}), "encryptedXprv", "must be a text"),
            (json!({"encryptedXprv": long}), "encryptedXprv", "is longer than 65536 bytes"),
        ],
    );
    let read = |changes: Value| CreateKeychain::read(&with(&json!({"xpub": XPUB}), &changes)).unwrap();
    assert_eq!(read(json!({"encryptedXprv": null})).encrypted_xprv, None);
    let keychain = CreateKeychain { xpub: XPUB.to_owned(), encrypted_xprv: Some("{}".to_owned()) };
    assert_eq!(read(json!({"encryptedXprv": "{}"})), keychain);
}

#[test]
fn a_change_of_password_brings_both_passwords_and_its_keychains() {
    assert_refused(
        ChangePassword::read,
        &json!({"oldPassword": "a", "password": "b"}),
        &[
            (json!({"oldPassword": null}), "oldPassword", "is missing"),
            (json!({"password": null}), "password", "is missing"),
            (json!({"password": 1}), "password", "must be a text"),
            (json!({"keychains": []}), "keychains", "must be an object"),
            (json!({"keychains": {"xpub1": null}}), "keychains.xpub1", "is missing"),
            (json!({"keychains": {"xpub1": 1}}), "keychains.xpub1", "must be a text"),
            (json!({"keychains": {"xpub1": "e".repeat(65_537)}}), "keychains.xpub1", "is longer than 65536 bytes"),
        ],
    );
    let change = json!({"oldPassword": "a", "password": "b", "keychains": {"x": "1", "y": "2"}, "version": 3});
    let change = ChangePassword::read(&body(&change)).unwrap();
    assert_eq!((change.old.expose().as_str(), change.new.expose().as_str()), ("a", "b"));
    assert_eq!(change.keychains, [("x".to_owned(), "1".to_owned()), ("y".to_owned(), "2".to_owned())]);
    assert_eq!(VerifyPassword::read(&body(&json!({}))).unwrap_err().to_string(), "`password` is missing: give a text");
}

#[test]
fn settings_are_kept_as_they_are_or_not_at_all() {
    let inexact = "holds a number that cannot be kept exactly";
    assert_refused(
        Settings::read,
        &json!({"settings": {}}),
        &[
            (json!({"settings": null}), "settings", "is missing"),
            (json!({"settings": []}), "settings", "must be an object"),
            (json!({"settings": {"ratio": 0.1}}), "settings.ratio", inexact),
            (json!({"settings": {"deep": [{"big": 1e30}]}}), "settings.deep", inexact),
        ],
    );
    let written = json!({"ecdhKeychain": XPUB, "gone": null, "deep": [{"n": -1, "u": u64::MAX, "b": true}]});
    let settings = Settings::read(&body(&json!({"settings": written}))).unwrap();
    assert_eq!(Value::Object(settings.values.into_iter().collect()), written);
}
