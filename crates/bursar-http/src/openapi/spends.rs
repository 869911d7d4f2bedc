//! Spends of those who move the money themselves, and what became of them.

use serde_json::{Value, json};

use super::Part;
use super::limits::payment;
use super::operation::Operation;
use super::schemas::{described, flag, given, integer, list, name, object, or_null, otp, reference, text};

/// Entries of a list, at most.
const MOST: u32 = 200;

/// What stands beside an amount and its fee.
const TOTAL: &str = "what leaves of `coin` in all: `amount`, and `fee` too if it is in the same coin";

/// What recipients got, of a spend that moved.
const GOT: &str = "what recipients got, without the fee; what is held for them if left out";

/// What was paid for it.
const PAID: &str = "what was paid for it; what is held for it if left out";

/// What may be shown of a spend that is asked after.
const SHOWED: [&str; 8] =
    ["moved", "reverted", "not_moved", "under_way", "awaiting_approval", "more_than_held", "unknown", "not_asked"];

pub(super) fn part() -> Part {
    Part {
        tag: ("spends", "Holding budget before money moves, and settling it"),
        operations: vec![
            Operation::new("GET", "/tokens/{token}/spends", "A token's spends, newest first").paged(MOST).answers(
                200,
                "Its spends",
                "Spends",
            ),
            Operation::new(
                "GET",
                "/spends",
                "Spends of which nobody knows the outcome, or that nobody has settled, and that the caller may resolve or, as a service, holds",
            )
            .about("One of the two is asked for: there are no other lists here.")
            .query("unresolved", json!({"const": "true"}), "those of which nobody knows the outcome")
            .query("unsettled", json!({"const": "true"}), "these, and those that are still open")
            .paged(MOST)
            .answers(200, "The spends", "Spends"),
            Operation::new("POST", "/spends", "Hold what a token is about to spend")
                .about("Asked before the money is moved. A refusal says why, and holds nothing.")
                .idempotent()
                .takes("NewSpend")
                .answers(201, "The spend is held", "Spend")
                .answers(200, "It was held before, under the same key", "Spend")
                .telling_limits()
                .refuses(&[404, 423]),
            Operation::new("GET", "/spends/{spend}", "A spend").answers(200, "The spend", "Spend"),
            Operation::new("POST", "/spends/{spend}/capture", "The money moved").takes("Capture").answers(
                200,
                "The spend",
                "Spend",
            ),
            Operation::new("POST", "/spends/{spend}/release", "The money did not move and will not")
                .takes("Release")
                .answers(200, "The spend", "Spend"),
            Operation::new("POST", "/spends/{spend}/resolve", "Say what became of a spend, having looked")
                .takes("Resolution")
                .answers(200, "The spend", "Spend"),
            Operation::new("POST", "/spends/{spend}/reconcile", "Ask the rail what became of a spend")
                .about("What it knows settles the spend at once. The rail is also asked by itself, now and then.")
                .answers(200, "What was shown, and the spend as it stands now", "Reconciled"),
        ],
        schemas: schemas(),
    }
}

fn schemas() -> Vec<(&'static str, Value)> {
    let recipient = object(&["address", "amount"], [("address", text("an address")), ("amount", reference("Amount"))]);
    let spend = [
        ("id", reference("Id")),
        ("state", json!({"enum": ["open", "unresolved", "captured", "released"]})),
        ("coin", reference("Coin")),
        ("amount", described(reference("Amount"), "what recipients get")),
        ("fee", described(reference("Amount"), "what may be paid for it at most")),
        ("feeCoin", reference("Coin")),
        ("total", described(reference("Amount"), TOTAL)),
        ("recipients", list(recipient)),
        ("wallet", or_null(reference("Id"))),
        ("organisation", reference("Id")),
        ("token", reference("Id")),
        ("user", reference("Id")),
        ("heldBy", or_null(reference("Id"))),
        (
            "overridden",
            flag("whether its token's own limits did not hold it back: the token was unlocked, or it came with a code"),
        ),
        (
            "capturesItself",
            flag("whether it counts as captured once its deadline is over, unless somebody says better"),
        ),
        ("created", reference("Instant")),
        ("deadline", reference("Instant")),
        ("comment", or_null(text("what was said about it"))),
    ];
    let required = spend.clone().map(|(name, _)| name);
    let states = [
        ("idempotencyKey", text("the key it was asked for under")),
        ("sequenceId", text("the same, of BitGo's clients")),
        (
            "sent",
            object(&["reference"], [("reference", text("what it is called where it was sent, until it is settled"))]),
        ),
        (
            "unresolved",
            object(
                &["since"],
                [
                    ("since", reference("Instant")),
                    ("reason", text("what the rail told in place of an outcome, or that more moved than was held")),
                ],
            ),
        ),
        (
            "lookedUp",
            object(
                &["at", "said", "backFrom"],
                [
                    ("at", reference("Instant")),
                    ("said", text("what was said when its rail was last asked what became of it")),
                    (
                        "backFrom",
                        described(
                            or_null(reference("Instant")),
                            "from when on that gives it back, if it is said again",
                        ),
                    ),
                ],
            ),
        ),
        (
            "captured",
            object(
                &["at", "amount", "fee", "total", "reference"],
                [
                    ("at", reference("Instant")),
                    ("amount", described(reference("Amount"), "what recipients got")),
                    ("fee", described(reference("Amount"), "what was paid for it")),
                    ("total", described(reference("Amount"), TOTAL)),
                    ("reference", text("what it is called where the money moved")),
                ],
            ),
        ),
        ("released", object(&["at", "reason"], [("at", reference("Instant")), ("reason", text("why"))])),
    ];
    vec![
        ("Spend", object(&required, spend.into_iter().chain(states))),
        ("Spends", object(&["spends"], [("spends", list(reference("Spend"))), ("next", reference("Id"))])),
        (
            "Reconciled",
            object(
                &["showed", "detail", "reference", "spend"],
                [
                    ("showed", json!({"enum": SHOWED})),
                    ("detail", text("what that means, or why it is so")),
                    ("reference", or_null(text("what it, or the approval it waits for, is called where it was sent"))),
                    ("spend", reference("Spend")),
                ],
            ),
        ),
        ("NewSpend", {
            let mut schema = payment(&[
                ("token", text("the token of whoever spends")),
                ("organisation", reference("Id")),
                ("deadline", integer(1, 604_800, "seconds until it is overdue")),
                ("address", text("where the spender asked from")),
                ("comment", name("to be kept")),
            ]);
            schema["required"] = json!(["coin", "token"]);
            schema
        }),
        (
            "Capture",
            given(
                &["reference"],
                [
                    ("amount", described(reference("AmountGiven"), GOT)),
                    ("fee", described(reference("AmountGiven"), PAID)),
                    ("reference", name("what it is called where the money moved")),
                    ("otp", otp()),
                ],
            ),
        ),
        ("Release", given(&["reason"], [("reason", name("why not")), ("otp", otp())])),
        (
            "Resolution",
            given(
                &["moved", "evidence"],
                [
                    ("moved", flag("whether the money moved")),
                    ("amount", described(reference("AmountGiven"), GOT)),
                    ("fee", described(reference("AmountGiven"), PAID)),
                    ("reference", name("what it is called where the money moved; needed if it moved")),
                    ("moreThanHeld", flag("whether it may be more than was held, which stops the token")),
                    ("evidence", name("what was seen")),
                    ("otp", otp()),
                ],
            ),
        ),
    ]
}
