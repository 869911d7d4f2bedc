//! Second factors and step-up.

use bursar_service::step_up::Action;
use serde_json::json;

use super::Part;
use super::operation::Operation;
use super::schemas::{described, flag, given, integer, list, name, object, or_null, otp, reference, text};

pub(super) fn part() -> Part {
    let factor = [
        ("id", reference("Id")),
        ("kind", json!({"enum": ["totp", "passkey"]})),
        ("label", text("its name")),
        ("added", reference("Instant")),
        ("lastUsed", or_null(reference("Instant"))),
    ];
    let always = factor.clone().map(|(name, _)| name);
    Part {
        tag: ("factors", "Authenticator apps, passkeys, recovery codes, and showing one of them for an action."),
        operations: vec![
            Operation::new("POST", "/step-up", "Ask for a challenge to show a passkey for an action")
                .about(
                    "What the passkey answers goes where a one-time password would, in `otp` of the request that does \
                     the action. It is good once, for five minutes, for this action and for the token that asked.",
                )
                .takes("AskStepUp")
                .answers(200, "call `navigator.credentials.get` with this", "PasskeyOptions")
                .refuses(&[404]),
            Operation::new("GET", "/factors", "List one's second factors").answers(200, "all of them", "Factors"),
            Operation::new("POST", "/factors/totp", "Begin to enrol an authenticator app")
                .about(
                    "Whoever has a second factor shows it in `otp`; a first one is enrolled within ten minutes after \
                     signing in. The app counts for nothing until it has shown a code.",
                )
                .takes("NewFactor")
                .answers(201, "what the app is to be shown, this once", "TotpEnrolment"),
            Operation::new("POST", "/factors/totp/{factor}/confirm", "Make the app a second factor by its first code")
                .takes("FactorProof")
                .answers(201, "it counts from now on", "AddedFactor"),
            Operation::new("POST", "/factors/passkeys/challenge", "Begin to enrol a passkey")
                .may_take("FactorProof")
                .answers(200, "call `navigator.credentials.create` with this", "PasskeyOptions"),
            Operation::new("POST", "/factors/passkeys", "Make a passkey a second factor and a way to sign in")
                .takes("NewPasskey")
                .answers(201, "it counts from now on", "AddedFactor"),
            Operation::new("POST", "/factors/recovery-codes", "Replace one's recovery codes")
                .may_take("FactorProof")
                .answers(201, "the new ones; the old ones pass no more", "RecoveryCodes"),
            Operation::new("PATCH", "/factors/{factor}", "Give a second factor another name")
                .takes("FactorName")
                .answers(200, "the factor", "Factor"),
            Operation::new("POST", "/factors/{factor}/remove", "Remove a second factor")
                .about("The last one stays if an organisation of the account demands one (`last_factor`).")
                .may_take("FactorProof")
                .answers(200, "it is gone", "Nothing"),
        ],
        schemas: vec![
            (
                "AskStepUp",
                given(
                    &["action"],
                    [
                        ("action", json!({"enum": Action::NAMES})),
                        ("target", text("the id of what it is done to; for `limits` with its kind, as in `token:…`")),
                    ],
                ),
            ),
            ("Factor", object(&always, factor.clone())),
            (
                "AddedFactor",
                object(
                    &always,
                    factor.into_iter().chain([(
                        "recoveryCodes",
                        described(list(text("a code")), "if there were none, shown this once"),
                    )]),
                ),
            ),
            (
                "Factors",
                object(
                    &["factors", "recoveryCodes", "passkeys"],
                    [
                        ("factors", list(reference("Factor"))),
                        (
                            "recoveryCodes",
                            or_null(object(
                                &["id", "made", "lastUsed", "left"],
                                [
                                    ("id", reference("Id")),
                                    ("made", reference("Instant")),
                                    ("lastUsed", or_null(reference("Instant"))),
                                    ("left", integer(0, 10, "how many still pass")),
                                ],
                            )),
                        ),
                        ("passkeys", flag("whether passkeys are set up on this server")),
                    ],
                ),
            ),
            ("NewFactor", given(&["label"], [("label", name("its name")), ("otp", otp())])),
            ("FactorName", given(&["label"], [("label", name("its name"))])),
            ("FactorProof", given(&[], [("otp", otp())])),
            (
                "TotpEnrolment",
                object(
                    &["id", "secret", "uri", "svg", "expires"],
                    [
                        ("id", reference("Id")),
                        ("secret", text("for typing, in base32")),
                        ("uri", text("an `otpauth://` URI")),
                        ("svg", text("the URI as a QR code, an SVG element")),
                        ("expires", reference("Instant")),
                    ],
                ),
            ),
            (
                "NewPasskey",
                given(&["label", "passkey"], [("label", name("its name")), ("passkey", reference("PasskeyAnswer"))]),
            ),
            (
                "RecoveryCodes",
                object(&["recoveryCodes"], [("recoveryCodes", described(list(text("a code")), "shown this once"))]),
            ),
            ("Nothing", object(&[], [])),
        ],
    }
}
