//! Limits: how they stand, changing them, and what they would say (docs/limits.md).

use serde_json::{Value, json};

use super::Part;
use super::operation::Operation;
use super::schemas::{described, flag, given, integer, list, object, or_null, otp, reference, text};

pub(super) fn part() -> Part {
    Part {
        tag: ("limits", "How much may be spent, of what, in which window, and where to"),
        operations: [
            vec![
                Operation::new("GET", "/tokens/{token}/limits", "How a token's limits stand")
                    .query("bucket", json!({"enum": ["hour", "day"]}), "how long each stretch of the history is")
                    .query(
                        "since",
                        reference("Instant"),
                        "where the history begins: 31 days back by the hour, 366 by the day",
                    )
                    .answers(200, "Its limits and what it spent", "TokenLimits"),
                edit("/tokens/{token}/limits", "Change a token's limits"),
                Operation::new(
                    "POST",
                    "/tokens/{token}/limits:dry-run",
                    "What a spend would get, without holding anything",
                )
                .takes("DryRun")
                .answers(200, "Allowed, or refused and why", "DryRunAnswer"),
            ],
            subject("/users/{user}/limits", ["How a user's limits stand", "Change a user's limits"]),
            subject("/wallets/{wallet}/limits", ["How a wallet's limits stand", "Change a wallet's limits"]),
            subject(
                "/organisations/{organisation}/limits",
                ["How an organisation's limits stand", "Change an organisation's limits"],
            ),
        ]
        .into_iter()
        .flatten()
        .collect(),
        schemas: schemas(),
    }
}

fn subject(path: &'static str, [show, change]: [&'static str; 2]) -> Vec<Operation> {
    vec![Operation::new("GET", path, show).answers(200, "The limits", "Limits"), edit(path, change)]
}

fn edit(path: &'static str, summary: &'static str) -> Operation {
    Operation::new("PUT", path, summary)
        .about(
            "Names the version that was seen. Tightening takes effect at once; loosening needs `otp`. What was spent \
             is never forgotten.",
        )
        .takes("LimitsEdit")
        .answers(200, "The limits as they stand then", "Limits")
}

fn schemas() -> Vec<(&'static str, Value)> {
    let measure = json!({"enum": ["amount", "amount without fee", "fee", "count"]});
    let limit = [
        ("asset", text("a coin, a family such as `eth:*`, or `*`")),
        ("measure", measure.clone()),
        ("ceiling", json!({"type": "string", "pattern": "^([0-9]{1,78}|unlimited)$"})),
        ("window", reference("Window")),
    ];
    let standing = [
        ("rule", text("the same as a sentence")),
        ("captured", reference("Amount")),
        ("held", reference("Amount")),
        ("remaining", or_null(reference("Amount"))),
        ("resetsAt", or_null(reference("Instant"))),
        ("subject", json!({"enum": ["token", "user", "wallet", "organisation"]})),
        ("asked", reference("Amount")),
        ("destination", text("whose limit it is, if each destination has one")),
        ("fits", json!({"enum": ["now", "at", "once_settled", "never"]})),
        ("fitsAt", or_null(reference("Instant"))),
    ];
    let required = ["asset", "measure", "ceiling", "window"];
    let of_report = ["subject", "rule", "captured", "held", "asked", "remaining", "resetsAt", "fits", "fitsAt"];
    let ruled = [&limit[..], &[("rule", text("the same as a sentence"))]].concat();
    let report = [&limit[..], &standing[..]].concat();
    let apart = list(object(
        &["coin", "amount", "fee", "count"],
        [
            ("coin", reference("Coin")),
            ("amount", reference("Amount")),
            ("fee", reference("Amount")),
            ("count", json!({"type": "integer"})),
        ],
    ));
    let shown = || {
        [
            ("subject", json!({"enum": ["token", "user", "wallet", "organisation"]})),
            ("version", integer(0, i64::MAX, "to be named by an edit")),
            ("limits", list(reference("LimitReport"))),
            ("destinations", or_null(reference("Destinations"))),
            ("apart", reference("Apart")),
        ]
    };
    let with = |name: &'static str, schema: Value| shown().into_iter().chain([(name, schema)]);
    let always = ["subject", "version", "limits", "destinations", "apart"];
    vec![
        ("LimitReport", object(&[&required[..], &of_report[..]].concat(), report)),
        (
            "OthersLimit",
            object(
                &["subject", "fits", "fitsAt"],
                [
                    ("subject", json!({"enum": ["user", "wallet", "organisation"]})),
                    ("fits", json!({"enum": ["now", "at", "once_settled", "never"]})),
                    ("fitsAt", or_null(reference("Instant"))),
                ],
            ),
        ),
        (
            "Destinations",
            object(
                &["allow", "atMost", "each"],
                [
                    ("allow", or_null(list(reference("Destination")))),
                    ("atMost", or_null(integer(0, 4_294_967_295, "how many may ever be paid"))),
                    ("each", list(object(&[&required[..], &["rule"]].concat(), ruled))),
                    ("paid", integer(0, i64::MAX, "how many have been paid, if their number is limited")),
                ],
            ),
        ),
        ("Destination", object(&["address", "coin"], [("address", text("an address")), ("coin", reference("Coin"))])),
        ("Apart", object(&["held", "overridden"], [("held", apart.clone()), ("overridden", apart)])),
        ("Limits", object(&always, with("warnings", list(text("what is contradictory or useless in them"))))),
        ("TokenLimits", object(&[&always[..], &["history"]].concat(), with("history", reference("History")))),
        (
            "History",
            object(
                &["seconds", "buckets"],
                [
                    ("seconds", integer(1, i64::MAX, "how long each stretch is")),
                    (
                        "buckets",
                        list(object(
                            &["from", "coin", "amount", "fee", "count"],
                            [
                                ("from", reference("Instant")),
                                ("coin", reference("Coin")),
                                ("amount", reference("Amount")),
                                ("fee", reference("Amount")),
                                ("count", json!({"type": "integer"})),
                            ],
                        )),
                    ),
                ],
            ),
        ),
        ("Window", window()),
        (
            "LimitGiven",
            json!({
                "description": "a text such as `tbtc 0.5/day`, or an object",
                "anyOf": [{"type": "string", "examples": ["tbtc 0.5/day", "20 spends/hour"]}, object(&["asset", "ceiling"], [
                    ("asset", text("a coin, a family such as `eth:*`, or `*`")),
                    ("measure", measure),
                    ("ceiling", json!({"anyOf": [reference("AmountGiven"), {"const": "unlimited"}]})),
                    ("window", reference("Window")),
                ])],
            }),
        ),
        (
            "LimitsEdit",
            given(
                &[],
                [
                    ("version", integer(0, i64::MAX, "the version that was seen")),
                    (
                        "limits",
                        json!({"type": "array", "items": reference("LimitGiven"), "maxItems": 100, "description": "all there shall be"}),
                    ),
                    ("destinations", reference("DestinationsGiven")),
                    ("otp", otp()),
                ],
            ),
        ),
        (
            "DestinationsGiven",
            given(
                &[],
                [
                    ("allow", json!({"type": "array", "items": reference("Destination"), "maxItems": 1000})),
                    ("atMost", integer(0, 4_294_967_295, "how many may ever be paid")),
                    ("each", list(reference("LimitGiven"))),
                ],
            ),
        ),
        (
            "DryRun",
            payment(&[("organisation", reference("Id")), ("address", text("from where the token would be used"))]),
        ),
        (
            "DryRunAnswer",
            object(
                &["allowed"],
                [
                    ("allowed", flag("whether the spend would pass now")),
                    ("limits", list(json!({"anyOf": [reference("LimitReport"), reference("OthersLimit")]}))),
                    ("warnings", list(text("what a request has to say besides, and what of the answer is a guess"))),
                    (
                        "refusal",
                        json!({"type": "object", "description": "the problem that the spend would be answered with"}),
                    ),
                ],
            ),
        ),
    ]
}

/// What a spend pays, with more fields.
pub(super) fn payment(more: &[(&'static str, Value)]) -> Value {
    let recipient =
        object(&["address", "amount"], [("address", text("an address")), ("amount", reference("AmountGiven"))]);
    let mut schema = given(
        &["coin"],
        [
            ("coin", reference("Coin")),
            ("recipients", json!({"type": "array", "items": recipient, "minItems": 1})),
            ("amount", described(reference("AmountGiven"), "what the only recipient gets, without the fee")),
            ("destination", text("the only recipient, with `amount`")),
            (
                "fee",
                described(reference("AmountGiven"), "what may be paid for it at most, held beside what recipients get"),
            ),
            ("feeCoin", reference("Coin")),
            ("wallet", reference("Id")),
        ],
    );
    if let Some(fields) = schema["properties"].as_object_mut() {
        let optional = |(name, schema): &(&str, Value)| match *name {
            "token" => ("token".to_owned(), schema.clone()),
            name => (name.to_owned(), or_null(schema.clone())),
        };
        fields.extend(more.iter().map(optional));
    }
    schema["oneOf"] = json!([{"required": ["recipients"]}, {"required": ["amount", "destination"]}]);
    schema
}

fn window() -> Value {
    let seconds = || integer(1, i64::MAX, "how long, in seconds");
    let kind = |name: &str| json!({"const": name});
    json!({"oneOf": [
        object(&["type"], [("type", kind("spend"))]),
        object(&["type"], [("type", kind("lifetime"))]),
        object(&["type", "seconds"], [("type", kind("rolling")), ("seconds", seconds())]),
        object(&["type", "unit"], [
            ("type", kind("calendar")),
            ("unit", json!({"enum": ["hour", "day", "week", "month"]})),
            ("timeZone", text("a name of the IANA data base; UTC if left out")),
        ]),
        object(&["type", "seconds", "from"], [
            ("type", kind("fixed")),
            ("seconds", seconds()),
            ("from", reference("Instant")),
        ]),
        object(&["type", "seconds", "rate"], [
            ("type", kind("accrual")),
            ("seconds", seconds()),
            ("rate", reference("AmountGiven")),
        ]),
    ]})
}
