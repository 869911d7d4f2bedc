//! Wallets and the rails that they are on.

use serde_json::{Value, json};

use super::Part;
use super::operation::Operation;
use super::schemas::{flag, given, list, name, object, or_null, otp, reference, text};

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
    let outflow =
        object(&["at", "reference"], [("at", reference("Instant")), ("reference", text("what the rail calls it"))]);
    let fields = [
        ("id", reference("Id")),
        ("coin", reference("Coin")),
        ("label", text("its name")),
        ("organisation", reference("Id")),
        ("rail", text("the rail it is on")),
        ("reference", text("what the rail calls it")),
        ("railPath", or_null(text("where the rail is spoken to in its own way; null if it is not"))),
        ("isSandbox", flag("whether it holds play money")),
        ("role", role),
        ("balance", or_null(reference("Amount"))),
        ("address", or_null(text("where it can be paid"))),
        ("unexplainedOutflow", or_null(outflow)),
        ("frozen", or_null(frozen)),
        ("created", reference("Instant")),
    ];
    let required = fields.clone().map(|(name, _)| name);
    let rail = object(
        &["name", "kind", "isSandbox", "wallets", "caveat", "health"],
        [
            ("name", text("its name in the configuration")),
            ("kind", text("what kind of rail it is, such as `sandbox`")),
            ("isSandbox", flag("whether it moves play money")),
            ("wallets", json!({"type": "integer", "minimum": 0, "description": "the caller's wallets on it"})),
            ("caveat", or_null(text("what those who rely on it should know"))),
            ("health", health()),
        ],
    );
    let places = json!({"type": "integer", "minimum": 0, "maximum": 77, "description": "decimal places between it and its base unit"});
    let coin = object(&["coin", "decimals"], [("coin", reference("Coin")), ("decimals", places)]);
    Part {
        tag: ("wallets", "Spendable accounts on rails"),
        operations: vec![
            Operation::new("GET", "/wallets", "The wallets that the caller may read").paged(200).answers(
                200,
                "The wallets",
                "Wallets",
            ),
            Operation::new("POST", "/wallets", "Make a wallet on a rail, or register one that the rail has")
                .about("For owners and admins of the organisation. Without `reference` the key is made by the server and never \
                    shown. With it the wallet is one that the rail's node or upstream has, and that the operator allowed the \
                    organisation (`bursar wallet allow`): whether there is no such wallet, it is not allowed, or another \
                    organisation has it is not told. Its own again is a conflict that names it.")
                .takes("NewWallet")
                .refuses(&[404, 409])
                .answers(201, "The wallet", "Wallet"),
            Operation::new("GET", "/wallets/{wallet}", "A wallet").answers(200, "The wallet", "Wallet"),
            Operation::new("DELETE", "/wallets/{wallet}", "Remove a wallet that was registered by mistake")
                .about("For whoever administers it or owns its organisation, with a one-time password in its header. Only a wallet from which no spend was ever \
                    recorded, and whose key the server does not keep: freeze others. Tokens that name it are refused it from then \
                    on, and what it was registered from can be registered anew.")
                .with_otp()
                .refuses(&[409])
                .answers(200, "It is done", "Done"),
            Operation::new("GET", "/rails", "The rails of this server, and whether they answer")
                .about("For owners and admins of an organisation. Each rail is asked for the balance of one of the caller's \
                    wallets on it, for a few seconds.")
                .answers(200, "The rails", "Rails"),
            Operation::new("GET", "/coins", "The coins whose decimals the rails of this server tell")
                .about("Beside those that Bursar knows by itself. Limits and amounts in sentences are told in these units, figures in \
                    base units. A coin of which two rails say different decimals is not among them.")
                .answers(200, "The coins", "Coins"),
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
            (
                "NewWallet",
                given(
                    &["organisation", "rail", "label"],
                    [
                        ("organisation", reference("Id")),
                        ("rail", text("the name of a rail; without `reference`, of one that makes wallets")),
                        ("label", name("its name")),
                        (
                            "reference",
                            text("what the rail calls a wallet that it has: an address, a name or an id, in any spelling of it"),
                        ),
                        ("otp", otp()),
                    ],
                ),
            ),
            ("Rails", object(&["rails"], [("rails", list(rail))])),
            ("Coins", object(&["coins"], [("coins", list(coin))])),
        ],
    }
}

fn health() -> Value {
    json!({
        "enum": ["answers", "behind", "wallet_unknown", "credential_refused", "silent", "not_asked"],
        "description": "`behind`: it answers, but knows less than it did or is on another chain, and takes no spends; `credential_refused`: whoever is behind it does not take the credential that this server shows it; `silent`: it gave no answer in time; `not_asked`: the caller has no wallet on it, or it is an API that tells no balance",
    })
}
