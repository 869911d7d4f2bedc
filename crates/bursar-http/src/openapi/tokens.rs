//! Tokens: what one is, rotation, credentials of services.

use bursar_core::token::LockedBy;
use serde_json::{Value, json};

use super::Part;
use super::operation::Operation;
use super::schemas::{described, flag, given, integer, list, name, object, or_null, otp, reference, text};

pub(super) fn part() -> Part {
    Part {
        tag: ("tokens", "What software presents: what it may do, and its secrets"),
        operations: vec![
            Operation::new("GET", "/self", "What the presented token is, and what it has left")
                .about("Every token may ask this, whatever its scopes.")
                .answers(200, "The token", "OwnToken"),
            Operation::new("GET", "/tokens", "One's tokens")
                .query("ended", json!({"enum": ["true", "false"]}), "those that are over instead of those that live")
                .query("sort", json!({"enum": ["ASC", "DESC"]}), "oldest first, or newest first")
                .paged(200)
                .answers(200, "The tokens", "Tokens"),
            Operation::new("POST", "/tokens", "Make a token").idempotent().takes("NewToken").answers(
                201,
                "The token with its secret, shown this once",
                "CreatedToken",
            ),
            Operation::new("GET", "/tokens/{token}", "A token").answers(200, "The token", "OwnToken"),
            Operation::new("DELETE", "/tokens/{token}", "End a token for good")
                .about("A person ends any of their own, a token only itself.")
                .answers(200, "The token as it was", "OwnToken"),
            Operation::new("POST", "/tokens/{token}/lock", "Stop a token from spending until its owner resumes it")
                .answers(200, "The token", "OwnToken"),
            Operation::new("POST", "/tokens/{token}/unlock", "Let a token spend without its own limits for a while")
                .about("With `resume` an earlier lock is lifted for good.")
                .takes("Unlock")
                .answers(200, "The token", "OwnToken"),
            Operation::new("POST", "/tokens/{token}/rotate", "Give a token a new secret")
                .about("The old secret stays good for the overlap, so that software can be changed over without a gap.")
                .may_take("Rotation")
                .answers(200, "The token with its new secret, shown this once", "RotatedToken"),
            Operation::new("POST", "/tokens/{token}/end-old-secret", "End the old secret of a rotation now")
                .about("It needs no second factor. If no old secret goes on, nothing changes.")
                .answers(200, "The token, and whether an old secret went on", "OwnToken"),
            Operation::new("POST", "/services", "Make the credential of a service")
                .about("A service holds, captures and releases spends of others' tokens, of one organisation.")
                .idempotent()
                .takes("NewService")
                .answers(201, "The credential, shown this once", "CreatedToken")
                .refuses(&[404]),
        ],
        schemas: vec![
            (
                "OwnToken",
                token(
                    &["seenFrom"],
                    [
                        ("limits", list(reference("LimitReport"))),
                        ("revoked", reference("Instant")),
                        ("seenFrom", list(reference("Use"))),
                        ("expiresSoon", flag("there, and true, in the last week before it expires")),
                        (
                            "oldEnds",
                            described(
                                reference("Instant"),
                                "when its old secret ends, while that goes on after a rotation",
                            ),
                        ),
                        ("pauses", list(reference("Pause"))),
                        ("oldSecretEnded", flag("whether an old secret went on until now, where it was to be ended")),
                    ],
                ),
            ),
            (
                "Pause",
                object(
                    &["rail", "doing", "failures", "lastCode", "since", "until"],
                    [
                        ("rail", text("where it only failed; `-` for spends without a wallet")),
                        ("doing", json!({"enum": ["read", "spend"]})),
                        ("failures", integer(1, u32::MAX.into(), "in a row")),
                        ("lastCode", text("the code of the last of them")),
                        ("since", reference("Instant")),
                        ("until", reference("Instant")),
                    ],
                ),
            ),
            ("Use", object(&["time", "ip"], [("time", reference("Instant")), ("ip", text("from where"))])),
            (
                "Tokens",
                object(
                    &["tokens", "next"],
                    [("tokens", list(reference("OwnToken"))), ("next", or_null(reference("Id")))],
                ),
            ),
            (
                "NewToken",
                json!({
                    "type": "object",
                    "description": "BitGo's fields with ours. Others are left alone",
                    "required": ["label"],
                    "properties": {
                        "label": name("its name"),
                        "otp": otp(),
                        "scope": json!({"type": "array", "minItems": 1, "maxItems": 100, "items": {"type": "string"}}),
                        "duration": integer(1, 315_360_000, "seconds"),
                        "ipRestrict": list(text("an address or a range, such as 203.0.113.0/24")),
                        "limits": or_null(list(reference("LimitGiven"))),
                        "destinations": or_null(reference("DestinationsGiven")),
                        "enterprise": or_null(reference("Id")),
                        "permittedEnterprises": list(reference("Id")),
                        "permittedWallets": list(reference("Id")),
                        "accessTokenTemplateId": or_null(reference("Id")),
                    },
                }),
            ),
            (
                "Unlock",
                given(
                    &["otp"],
                    [
                        ("otp", otp()),
                        (
                            "duration",
                            integer(
                                0,
                                3600,
                                "seconds, ten minutes if left out; 0 only with `resume`: then its limits hold as before",
                            ),
                        ),
                        ("resume", flag("whether an earlier lock is lifted for good")),
                        ("keepSpendingLimits", flag("whether limits are kept where unlocks drop them")),
                    ],
                ),
            ),
            (
                "RotatedToken",
                token(
                    &["token", "oldEnds"],
                    [
                        ("token", text("the new secret, shown this once")),
                        (
                            "oldEnds",
                            described(json!({"type": "string", "format": "date-time"}), "when the old one ends"),
                        ),
                        ("warnings", list(text("that the old one ends sooner than was asked for"))),
                    ],
                ),
            ),
            (
                "CreatedToken",
                token(
                    &[],
                    [
                        ("token", text("the secret, shown this once")),
                        ("encryptedToken", text("the same, encrypted to the caller's key")),
                        ("derivationPath", text("how the key of the encryption is derived")),
                        ("warnings", list(text("what is contradictory or useless in its limits"))),
                    ],
                ),
            ),
            ("Rotation", given(&[], [("overlap", integer(0, 604_800, "seconds, a day if left out")), ("otp", otp())])),
            (
                "NewService",
                given(
                    &["label", "organisation"],
                    [
                        ("label", name("its name")),
                        ("organisation", reference("Id")),
                        ("wallets", list(reference("Id"))),
                        ("ipRestrict", list(text("an address or a range, such as 203.0.113.0/24"))),
                        ("duration", integer(1, 315_360_000, "seconds")),
                        ("otp", otp()),
                    ],
                ),
            ),
            (
                "Usage",
                object(
                    &["txCount", "txValue"],
                    [("txCount", json!({"type": "integer"})), ("txValue", json!({"type": ["integer", "string"]}))],
                ),
            ),
        ],
    }
}

/// BitGo's shape of a token with what is ours, and more.
pub(super) fn token<'a>(required: &[&str], more: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let mut schema = object(
        &["id", "kind", "user", "scope", "created", "expires", "ip", "origin"],
        [
            ("id", reference("Id")),
            ("kind", json!({"enum": ["session", "access", "service"]})),
            ("client", text("what BitGo's clients expect here")),
            ("user", reference("Id")),
            ("scope", list(text("a scope, such as `wallet_spend:<wallet>`"))),
            ("created", reference("Instant")),
            ("expires", reference("Instant")),
            ("ip", text("where it was made from")),
            ("ipRestrict", list(text("where it may be used from"))),
            ("origin", text("the environment's name")),
            ("isExtensible", flag("whether its end can be moved by its extension address")),
            ("extensionAddress", text("the address that may move its end")),
            ("label", text("its name")),
            ("enterprise", reference("Id")),
            ("permittedEnterprises", list(reference("Id"))),
            ("permittedWallets", list(reference("Id"))),
            ("accessTokenTemplateId", reference("Id")),
            (
                "unlock",
                json!({"type": "object", "description": "BitGo's picture of what it may spend now (`Session`)"}),
            ),
            ("held", json!({"type": "object", "additionalProperties": reference("Usage")})),
            ("overridden", json!({"type": "object", "additionalProperties": reference("Usage")})),
            ("destinations", reference("Destinations")),
            ("locked", reference("Instant")),
            (
                "lockedBy",
                json!({"enum": LockedBy::ALL.map(LockedBy::as_str), "description": "why: its owner's wish; second factors that \
                       the operator replaced; a rail that moved more than was held; a budget that does not say what its spends \
                       say, which no unlock lifts while it is so"}),
            ),
            ("fingerprint", text("tells its secret from others without being one")),
            ("lastUsed", or_null(reference("Use"))),
        ],
    );
    let more = more.into_iter().map(|(name, schema)| (name.to_owned(), schema));
    if let Some(fields) = schema["properties"].as_object_mut() {
        fields.extend(more);
    }
    if let Some(all) = schema["required"].as_array_mut() {
        all.extend(required.iter().map(|&name| name.into()));
    }
    schema
}
