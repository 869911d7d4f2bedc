//! Wallets.

use super::Part;
use super::operation::Operation;
use super::schemas::{flag, list, object, or_null, reference, text};

pub(super) fn part() -> Part {
    let role = object(
        &["view", "spend", "admin"],
        [
            ("view", flag("may read it")),
            ("spend", flag("may spend from it")),
            ("admin", flag("may change its settings and limits")),
        ],
    );
    let frozen = object(
        &["since", "until", "reason"],
        [("since", reference("Instant")), ("until", or_null(reference("Instant"))), ("reason", text("what was said"))],
    );
    let fields = [
        ("id", reference("Id")),
        ("coin", reference("Coin")),
        ("label", text("its name")),
        ("organisation", reference("Id")),
        ("rail", text("the rail it is on")),
        ("isSandbox", flag("whether it holds play money")),
        ("role", role),
        ("balance", reference("Amount")),
        ("address", or_null(text("where it can be paid"))),
        ("frozen", or_null(frozen)),
        ("created", reference("Instant")),
    ];
    let required = fields.clone().map(|(name, _)| name);
    Part {
        tag: ("wallets", "Spendable accounts on rails"),
        operations: vec![
            Operation::new("GET", "/wallets", "The wallets that the caller may read").paged(200).answers(
                200,
                "The wallets",
                "Wallets",
            ),
            Operation::new("GET", "/wallets/{wallet}", "A wallet").answers(200, "The wallet", "Wallet"),
        ],
        schemas: vec![
            ("Wallet", object(&required, fields)),
            (
                "Wallets",
                object(
                    &["wallets", "next"],
                    [("wallets", list(reference("Wallet"))), ("next", or_null(reference("Id")))],
                ),
            ),
        ],
    }
}
