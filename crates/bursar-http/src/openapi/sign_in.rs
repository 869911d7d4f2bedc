//! Signing in by steps.

use serde_json::json;

use super::Part;
use super::operation::Operation;
use super::schemas::{described, flag, given, list, object, or_null, reference, text};

pub(super) fn part() -> Part {
    Part {
        tag: ("sign-in", "A password, or a passkey, becomes a session."),
        operations: vec![
            Operation::new("POST", "/sign-in", "Begin with the password")
                .about(
                    "Answers a ticket, good for five minutes and a few tries, and what it may be finished with. A name \
                     that nobody has is answered as a wrong password is.",
                )
                .takes("SignIn")
                .answers(200, "the password is right", "SignInUnderWay")
                .refuses(&[403]),
            Operation::new("POST", "/sign-in/finish", "Finish with a second factor")
                .about(
                    "Without any proof it finishes for an account that has no second factor; where its organisation \
                     demands one, the session is good for enrolling it and for nothing else.",
                )
                .takes("SignInFinish")
                .answers(200, "a session", "Session")
                .refuses(&[403]),
            Operation::new("POST", "/sign-in/passkey/challenge", "Ask for a challenge that any passkey may answer")
                .answers(200, "call `navigator.credentials.get` with this", "PasskeyOptions"),
            Operation::new("POST", "/sign-in/passkey", "Sign in with a passkey and nothing else")
                .takes("PasskeySignIn")
                .answers(200, "a session", "Session")
                .refuses(&[403]),
        ],
        schemas: vec![
            (
                "SignIn",
                given(
                    &["username", "password"],
                    [("username", text("in any case")), ("password", text("in clear, or its verifier"))],
                ),
            ),
            (
                "SignInUnderWay",
                object(
                    &["ticket", "expires", "offers"],
                    [
                        ("ticket", text("names the sign-in when it is finished")),
                        ("expires", reference("Instant")),
                        (
                            "offers",
                            object(
                                &["otp", "recovery", "passkey", "none"],
                                [
                                    ("otp", flag("whether the account has an authenticator app")),
                                    ("recovery", flag("whether it has recovery codes left")),
                                    ("passkey", or_null(reference("PasskeyOptions"))),
                                    ("none", flag("whether it has no second factor: it is finished without proof")),
                                ],
                            ),
                        ),
                    ],
                ),
            ),
            (
                "SignInFinish",
                given(
                    &["ticket"],
                    [
                        ("ticket", text("what the first step answered")),
                        ("otp", text("a one-time password or a recovery code")),
                        ("passkey", reference("PasskeyAnswer")),
                    ],
                ),
            ),
            ("PasskeySignIn", given(&["passkey"], [("passkey", reference("PasskeyAnswer"))])),
            (
                "PasskeyOptions",
                json!({
                    "type": "object",
                    "description": "what `navigator.credentials` is called with, binary members in base64url",
                    "required": ["publicKey"],
                    "properties": {"publicKey": {"type": "object"}, "mediation": {"type": "string"}},
                }),
            ),
            (
                "PasskeyAnswer",
                json!({
                    "description": "what the authenticator answered, binary members in base64url: the object or its text",
                    "anyOf": [{"type": "string", "maxLength": 16_384}, {"type": "object"}],
                }),
            ),
            (
                "Session",
                object(
                    &["access_token", "token_type", "expires_at", "expires_in", "scope", "token_id", "user"],
                    [
                        ("access_token", text("the session's token, shown this once")),
                        ("token_type", text("`bearer`")),
                        ("grant_type", text("`password` or `passkey`")),
                        ("expires_at", described(json!({"type": "integer"}), "seconds since 1970")),
                        ("expires_in", described(json!({"type": "integer"}), "seconds")),
                        ("scope", list(text("a scope"))),
                        ("token_id", reference("Id")),
                        ("user", described(json!({"type": "object"}), "who signed in, as BitGo shows users")),
                    ],
                ),
            ),
        ],
    }
}
