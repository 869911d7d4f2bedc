//! Accounts, links in mails, sessions.

use serde_json::{Value, json};

use super::Part;
use super::operation::Operation;
use super::schemas::{flag, given, integer, list, name, object, or_null, otp, reference, text};

/// What a link is answered that is over.
pub(super) const OVER: &[u16] = &[410];
/// What is answered where mail would be needed and none is sent.
pub(super) const NO_MAIL: &[u16] = &[501];

pub(super) fn part() -> Part {
    Part {
        tag: ("users", "One's own account: name, address, password, sessions; and freezing those of others"),
        operations: [account(), links(), sessions()].into_iter().flatten().collect(),
        schemas: schemas(),
    }
}

fn account() -> Vec<Operation> {
    vec![
        Operation::new("GET", "/users/me", "One's own account").answers(200, "The account", "Profile"),
        Operation::new("PATCH", "/users/me", "Change one's name").takes("ProfileEdit").answers(
            200,
            "What it is now",
            "ProfileEdit",
        ),
        Operation::new("POST", "/users/me/password", "Change one's password")
            .about("Both are given in clear. Ends all sessions, this one too; access tokens go on.")
            .takes("PasswordChange")
            .answers(200, "It is done", "Done"),
        Operation::new("POST", "/users/me/email", "Change one's address")
            .about("A link goes to the new address, which counts once it is confirmed; the old one is told.")
            .takes("AddressChange")
            .answers(202, "The mail is on its way", "Done")
            .refuses(NO_MAIL),
        Operation::new("POST", "/users/me/email/resend", "Send the link again that confirms one's address")
            .about("Only a confirmed address gets mail about the account. Links from before are over.")
            .answers(202, "The mail is on its way", "Done")
            .refuses(NO_MAIL),
        Operation::new("POST", "/users/{user}/freeze", "Freeze somebody's account")
            .about(
                "Every session and token of theirs stops at once. Whoever runs an organisation of theirs may, unless \
                 they run one that the caller does not own. A freeze is never made shorter by another.",
            )
            .may_take("Freeze")
            .answers(200, "The freeze", "Frozen"),
        Operation::new("POST", "/users/{user}/unfreeze", "Lift the freeze of somebody's account")
            .takes("StepUp")
            .answers(200, "It is done", "Done"),
    ]
}

fn links() -> Vec<Operation> {
    vec![
        Operation::new("POST", "/email/verify", "Confirm an address with the link from a mail")
            .takes("Link")
            .answers(200, "It is confirmed", "Done")
            .refuses(OVER),
        Operation::new("POST", "/password-resets", "Ask for a link that sets a new password")
            .about("The answer is the same whether or not there is such an account. Only verified addresses get mail.")
            .takes("ResetAsked")
            .answers(202, "If there is such an account, a mail is on its way", "Done")
            .refuses(NO_MAIL),
        Operation::new("POST", "/password-resets/redeem", "Set a new password with the link from a mail")
            .about(
                "Ends all sessions. Second factors and access tokens stay; signing in still needs the second factor.",
            )
            .takes("Reset")
            .answers(200, "It is set", "Done")
            .refuses(&[403, 410, 423]),
    ]
}

fn sessions() -> Vec<Operation> {
    vec![
        Operation::new("GET", "/sessions", "Where one is signed in").paged(500).answers(
            200,
            "The living sessions",
            "Sessions",
        ),
        Operation::new("DELETE", "/sessions/{session}", "End one of one's sessions").answers(200, "It is done", "Done"),
        Operation::new("POST", "/sessions/revoke-all", "End all of one's sessions").may_take("RevokeAll").answers(
            200,
            "It is done",
            "Done",
        ),
    ]
}

fn secret(about: &str) -> Value {
    json!({"type": "string", "maxLength": 1024, "description": about})
}

/// What a freeze says, or nothing.
pub(super) fn frozen() -> Value {
    or_null(reference("FreezeInForce"))
}

fn schemas() -> Vec<(&'static str, Value)> {
    let session = object(
        &["id", "created", "createdFrom", "expires", "lastUsed", "current"],
        [
            ("id", reference("Id")),
            ("created", reference("Instant")),
            ("createdFrom", text("an IP address")),
            ("expires", reference("Instant")),
            (
                "lastUsed",
                or_null(object(&["at", "from"], [("at", reference("Instant")), ("from", text("an IP address"))])),
            ),
            ("current", flag("whether it is the one that asks")),
        ],
    );
    let email = object(
        &["address", "verified"],
        [("address", text("in lower case")), ("verified", flag("whether its owner confirmed it"))],
    );
    let profile = [
        ("id", reference("Id")),
        ("username", text("what they sign in with, in lower case")),
        ("fullName", text("what people call them")),
        ("email", or_null(email)),
        ("created", reference("Instant")),
        ("frozen", frozen()),
    ];
    let required = profile.clone().map(|(name, _)| name);
    vec![
        ("Done", object(&[], [])),
        ("Profile", object(&required, profile)),
        ("ProfileEdit", object(&["fullName"], [("fullName", name("what people call one"))])),
        (
            "PasswordChange",
            given(
                &["old", "new"],
                [("old", secret("the password so far")), ("new", secret("the new one")), ("otp", otp())],
            ),
        ),
        ("AddressChange", given(&["email"], [("email", text("an e-mail address")), ("otp", otp())])),
        ("StepUp", given(&[], [("otp", otp())])),
        ("Link", object(&["token"], [("token", secret("what stands behind the last slash of the link"))])),
        ("ResetAsked", object(&["username"], [("username", secret("the username or the verified address"))])),
        (
            "Reset",
            object(
                &["token", "password"],
                [
                    ("token", secret("what stands behind the last slash of the link")),
                    ("password", secret("the new password, in clear")),
                ],
            ),
        ),
        (
            "Freeze",
            given(
                &[],
                [
                    ("duration", integer(1, 9_007_199_254_740_991, "seconds; until it is lifted if left out")),
                    ("reason", name("why; its owner is told")),
                ],
            ),
        ),
        ("Frozen", object(&["frozen"], [("frozen", frozen())])),
        (
            "FreezeInForce",
            object(
                &["since", "until", "reason"],
                [
                    ("since", reference("Instant")),
                    ("until", or_null(reference("Instant"))),
                    ("reason", or_null(text("what was said; of an account null to others than its owner"))),
                ],
            ),
        ),
        ("Sessions", object(&["sessions", "next"], [("sessions", list(session)), ("next", or_null(reference("Id")))])),
        ("RevokeAll", given(&[], [("keepThis", flag("whether the session that asks goes on"))])),
    ]
}
