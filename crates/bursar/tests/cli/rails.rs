//! Rules of rails over plain HTTP by the command line: the examples' are sound, and say what a request would mean.

use std::fs;
use std::net::TcpListener;

use serde_json::json;

use crate::support::{Home, set_mode};

/// A file of the example with a form API.
fn of_example(name: &str) -> String {
    format!("{}/../../examples/form-api/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn rules_are_checked_and_what_is_wrong_is_told_with_its_place() {
    let home = Home::new();
    let sound = home.run(&["rail", "check", &of_example("rails.toml"), "--json"], &[]).json();
    assert_eq!(sound, json!({"rails": [{"rail": "payments", "rules": 3, "notes": []}]}));
    let node = "[rails.chain]\nkind = \"evm\"\nurl = \"http://127.0.0.1:8545\"\nchain_id = 31337\ncoin = \"hteth\"\n";
    fs::write(home.path("node.toml"), node).unwrap();
    let none = home.run(&["rail", "check", "node.toml"], &[]);
    assert_eq!(none.code(), 0, "{}", none.told());
    assert!(none.text().contains("no rules to check"), "{}", none.text());
    let rules = fs::read_to_string(of_example("rails.toml")).unwrap();
    let wrong = rules.replace("minor(body.amount, body.currency)", "minor(bdy.amount, body.currency)");
    fs::write(home.path("rails.toml"), wrong).unwrap();
    let refused = home.run(&["rail", "check", "rails.toml"], &[]);
    assert_eq!(refused.code(), 1);
    let told = refused.told();
    assert!(
        told.contains("rails.payments: rules[0] `POST /v1/charges`, `amount` at column 7: `bdy` is none of"),
        "{told}"
    );
}

#[test]
fn a_request_is_explained_without_being_sent() {
    let home = Home::new();
    let explained =
        |request: &str| home.run(&["rail", "explain", &of_example("rails.toml"), "--request", request], &[]);
    let charge = explained(&of_example("charge.http")).text();
    for line in
        ["rule         POST /v1/charges", "amount       15 usd", "destination  tok_visa", "key          order-7"]
    {
        assert!(charge.contains(line), "{charge}");
    }
    assert!(charge.ends_with("amount=1500&currency=usd&source=tok_visa&description=Order%207\n"), "{charge}");
    fs::write(home.path("payout"), "POST /v1/payouts\n").unwrap();
    let refused = explained("payout");
    assert_eq!(refused.code(), 3);
    assert!(refused.told().contains("payouts are made by hand"), "{}", refused.told());
}

/// An answer of the provider to a payment.
fn answered(home: &Home, status: u16, intent: &str) -> serde_json::Value {
    let body = json!({"id": "pi_1", "status": intent, "amount_received": "1500", "currency": "eur"});
    fs::write(home.path("answer"), format!("{status}\n\n{body}\n")).unwrap();
    let explain = ["rail", "explain", "cards.toml", "--request", "payment", "--answer", "answer", "--json"];
    home.run(&explain, &[]).json()["answer"]["outcome"].clone()
}

#[test]
fn the_documented_payment_that_waits_for_its_customer_stays_held_until_it_is_final() {
    let home = Home::new();
    let page = include_str!("../../../../docs/gateway.md");
    let (_, section) = page.split_once("### When a payment waits for its customer").unwrap();
    let (_, rules) = section.split_once("```toml\n").unwrap();
    let (rules, _) = rules.split_once("```").unwrap();
    fs::write(home.path("cards.toml"), rules).unwrap();
    let sound = home.run(&["rail", "check", "cards.toml", "--json"], &[]).json();
    assert_eq!((&sound["rails"][0]["rail"], &sound["rails"][0]["rules"]), (&json!("cards"), &json!(1)), "{sound}");
    let payment = |confirm: &str| {
        let head = "POST /v1/payment_intents HTTP/1.1\ncontent-type: application/x-www-form-urlencoded\nidempotency-key: order-7";
        let form = format!("amount=1500&currency=eur&customer=cus_1&payment_method=pm_1&confirm={confirm}");
        fs::write(home.path("payment"), format!("{head}\n\n{form}")).unwrap();
    };
    payment("true");
    for (status, intent, outcome) in [
        (200, "succeeded", "done"),
        (200, "requires_action", "unknown"),
        (200, "processing", "unknown"),
        (200, "requires_payment_method", "unknown"),
        (200, "canceled", "refused"),
        (402, "requires_payment_method", "refused"),
        (500, "succeeded", "unknown"),
    ] {
        assert_eq!(answered(&home, status, intent), outcome, "{status} {intent}");
    }
    payment("false");
    let refused = home.run(&["rail", "explain", "cards.toml", "--request", "payment"], &[]);
    assert!(refused.code() == 3 && refused.told().contains("confirmed as it is made"), "{}", refused.told());
}

const SECRET: &str = "sk_live_violet_harbour_31";

/// A server that was set up, with the example's rail and its provider's key in a file.
fn with_a_rail(home: &Home) -> TcpListener {
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let init = ["init", "--json", "--non-interactive", "--listen", "127.0.0.1:0", "--username", "owner@example.com"];
    home.run(&init, &[("BURSAR_PASSWORD", "violet harbour 31")]).json();
    let rules = fs::read_to_string(of_example("rails.toml")).unwrap();
    let rules = rules.replace("provider.key", "payments.key");
    let rules =
        rules.replace("url_file = \"provider.url\"", &format!("url = \"http://{}\"", provider.local_addr().unwrap()));
    let written = fs::read_to_string(home.path("bursar.toml")).unwrap();
    fs::write(home.path("bursar.toml"), format!("{written}\n{rules}")).unwrap();
    fs::write(home.path("payments.key"), format!("{SECRET}\n")).unwrap();
    set_mode(&home.path("payments.key"), 0o600);
    provider
}

/// Whether the secret is in clear in a file of the data directory.
fn lies_in_clear(home: &Home) -> bool {
    let files = fs::read_dir(home.path("data")).unwrap().map(|entry| entry.unwrap().path());
    let has = |bytes: Vec<u8>| bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
    files.filter(|path| path.is_file()).any(|path| has(fs::read(path).unwrap()))
}

#[test]
fn a_credential_is_sealed_once_and_shown_never() {
    let home = Home::new();
    let provider = with_a_rail(&home);
    let list = ["rail", "credential", "list", "--json"];
    let listed = home.run(&list, &[]).json();
    assert_eq!(listed["credentials"][0]["name"], "credential");
    assert!(listed["credentials"][0]["kept"].as_str().unwrap().starts_with("in clear, "), "{listed}");
    set_mode(&home.path("payments.key"), 0o640);
    let unsound = home.run(&["doctor", "--json"], &[]).failure().to_string();
    assert!(unsound.contains("others may read it (mode 640)"), "{unsound}");
    set_mode(&home.path("payments.key"), 0o600);
    assert!(home.run(&["doctor"], &[]).told().is_empty());
    assert!(home.run(&["doctor"], &[]).text().contains("in clear: `credential` of payments"));

    let set = ["rail", "credential", "set", "payments", "--from-file", "payments.key"];
    let told = home.run(&set, &[]).text();
    assert!(told.contains("sealed = [\"credential\"]") && !told.contains(SECRET), "{told}");
    let written = fs::read_to_string(home.path("bursar.toml")).unwrap();
    let written = written.replace("credential_file = \"payments.key\"", "sealed = [\"credential\"]");
    fs::write(home.path("bursar.toml"), written).unwrap();
    fs::remove_file(home.path("payments.key")).unwrap();
    assert_eq!(home.run(&list, &[]).json()["credentials"][0]["kept"], "sealed");
    assert!(home.run(&["doctor"], &[]).text().contains("none lies in clear"));

    let server = home.serve(&["serve", "--json"]);
    assert_eq!(server.ready["rails"], json!(["payments"]));
    assert_eq!(home.run(&list, &[]).json()["credentials"][0]["kept"], "sealed", "while the server runs");
    assert!(home.run(&["doctor"], &[]).text().contains("the server that has the store opened them, and each is there"));
    drop(provider);
    let unsound = home.run(&["doctor", "--json"], &[]).failure().to_string();
    assert!(unsound.contains("payments: "), "{unsound}");
    fs::write(home.path("new.key"), format!("{SECRET}-2")).unwrap();
    let told = home.run(&["rail", "credential", "set", "payments", "--from-file", "new.key"], &[]).text();
    assert!(told.contains("started again"), "the server that runs seals it: {told}");
    assert!(!lies_in_clear(&home));
    server.stop();

    home.run(&["rail", "credential", "remove", "payments"], &[]).text();
    assert_eq!(home.run(&list, &[]).json()["credentials"][0]["kept"], "missing");
    let refused = home.run(&["serve"], &[]);
    assert_eq!(refused.code(), 1);
    let told = refused.told();
    assert!(told.contains("bursar rail credential set payments --name credential"), "{told}");
    assert!(!told.contains("--config"), "{told}");
    fs::copy(home.path("bursar.toml"), home.path("other.toml")).unwrap();
    let told = home.run(&["serve", "--config", "other.toml"], &[]).told();
    assert!(told.contains("payments --name credential --from-file FILE --config other.toml"), "{told}");
    let audit = home.run(&["audit", "tail", "--json"], &[]).text();
    for action in ["rail.credential_seal", "rail.credential_remove"] {
        assert!(audit.contains(action), "{audit}");
    }
    assert!(!audit.contains(SECRET));
}

#[test]
fn a_sealed_credential_opens_for_its_rail_alone() {
    let home = Home::new();
    with_a_rail(&home);
    home.run(&["rail", "credential", "set", "payments", "--from-file", "payments.key"], &[]).text();
    let written = fs::read_to_string(home.path("bursar.toml")).unwrap();
    let written = written.replace("credential_file = \"payments.key\"", "sealed = [\"credential\"]");
    fs::write(home.path("bursar.toml"), written.replace("rails.payments", "rails.other")).unwrap();
    let store = rusqlite::Connection::open(home.path("data").join("bursar.db")).unwrap();
    let moved = "UPDATE documents SET name = 'other/credential' WHERE kind = 'rail_credential'";
    assert_eq!(store.execute(moved, []).unwrap(), 1);
    drop(store);
    let refused = home.run(&["serve"], &[]);
    assert_eq!(refused.code(), 1);
    assert!(refused.told().contains("does not open"), "{}", refused.told());
    assert_eq!(home.run(&["rail", "credential", "set", "other", "--name", "token"], &[]).code(), 2);
    let told = home.run(&["rail", "credential", "set", "other", "--name", "token"], &[]).told();
    assert!(told.contains("has no credential `token`; it may have `credential`, `url`"), "{told}");
    assert_eq!(home.run(&["rail", "credential", "set", "nobody", "--from-file", "payments.key"], &[]).code(), 2);
    let typo = ["rail", "credential", "set", "nobody", "--name", "token", "--from-file", "payments.key"];
    let told = home.run(&typo, &[]).told();
    assert!(told.contains("no rail `nobody`") && told.contains("`other`"), "{told}");
}

#[test]
fn wallets_are_allowed_to_an_organisation_and_taken_back_by_the_operator() {
    let home = Home::new();
    with_a_rail(&home);
    let shop = ["--rail", "payments", "--reference", "shop"];
    let wallet = |arguments: &[&str]| home.run(&[&["wallet"], arguments].concat(), &[]);
    let allow = |more: &[&str]| wallet(&[&["allow", "--coin", "usd"], &shop[..], more].concat());
    let theirs = home.run(&["user", "add-organisation", "Theirs", "--owner", "owner@example.com"], &[]).text();
    let theirs = theirs.trim();
    assert!(allow(&["--organisation", "0a"]).told().contains("there is no organisation `0a`"));
    let nowhere = ["allow", "--coin", "usd", "--rail", "nowhere", "--reference", "shop"];
    assert!(wallet(&nowhere).told().contains("there is no rail `nowhere`; there are `payments`"));
    let typo = ["add", "--coin", "usd", "--rail", "paymnets", "--label", "Shop", "--owner", "owner@example.com"];
    let typo = wallet(&[&typo[..], &["--reference", "shop"]].concat());
    assert!(typo.told().contains("there is no rail `paymnets`; there are `payments`"), "{}", typo.told());
    let empty = wallet(&["allowed"]);
    assert_eq!(empty.told(), "no wallet is allowed to be registered\n");
    assert!(empty.text().starts_with("RAIL "), "the titles stand for whoever counts columns");
    let told = allow(&["--organisation", theirs]).text();
    assert_eq!(told, format!("organisation {theirs} may register `shop` of rail `payments`, as a wallet of usd\n"));
    let other = allow(&[]);
    assert!(other.code() == 1 && other.told().contains("take that back first"), "{}", other.told());

    let server = home.serve(&["serve", "--json"]);
    let expected = json!({
        "rail": "payments", "reference": "shop", "coin": "usd", "organisation": theirs, "wallet": null,
    });
    assert_eq!(wallet(&["allowed", "--json"]).json(), json!({"wallets": [expected]}), "while the server runs");
    let add = [&["add", "--coin", "usd", "--label", "Shop", "--owner", "owner@example.com"], &shop[..]].concat();
    let added = wallet(&[&add[..], &["--organisation", theirs, "--json"]].concat()).json();
    let id = added["id"].as_str().unwrap();
    assert!(wallet(&["allowed"]).text().contains(id));
    let told = wallet(&[&["disallow"], &shop[..]].concat()).text();
    assert!(told.contains(&format!("it was registered before, and stays as wallet {id}")), "{told}");
    assert_eq!(wallet(&["allowed", "--json"]).json(), json!({"wallets": []}));
    assert!(wallet(&[&["disallow"], &shop[..]].concat()).told().contains("there is no such allowed wallet"));
    let again = allow(&[]);
    assert!(again.code() == 1 && again.told().contains("registered already"), "{}", again.told());
    server.stop();
    let audit = home.run(&["audit", "tail", "--json"], &[]).text();
    for action in ["wallet.allow", "wallet.disallow", "wallet.register"] {
        assert!(audit.contains(action), "{audit}");
    }
}

#[test]
fn two_rails_of_one_chain_have_one_wallet_for_a_key() {
    let home = Home::new();
    with_a_rail(&home);
    let rail = |name: &str, coin: &str| {
        format!(
            "[rails.{name}]\nkind = 'evm'\nurl = 'http://127.0.0.1:9'\nchain_id = 1\ncoin = '{coin}'\nconfirmations = 1\n\
             fees_per_spend = '0.1'\nfees_per_day = '1'\n"
        )
    };
    let rails = [rail("first", "eth"), rail("second", "eth"), rail("elsewhere", "hteth")].concat();
    let written = fs::read_to_string(home.path("bursar.toml")).unwrap();
    fs::write(home.path("bursar.toml"), format!("{written}\n{rails}")).unwrap();
    fs::write(home.path("wallet.key"), format!("0x{}\n", "17".repeat(32))).unwrap();
    set_mode(&home.path("wallet.key"), 0o600);
    let add = |rail: &str, coin: &str| {
        let add = ["wallet", "add", "--rail", rail, "--coin", coin, "--label", "Shop", "--owner", "owner@example.com"];
        home.run(&[&add[..], &["--key-file", "wallet.key"]].concat(), &[])
    };
    assert_eq!(add("first", "eth").code(), 0);
    let again = add("second", "eth");
    assert!(again.code() == 1 && again.told().contains("registered already"), "{}", again.told());
    assert_eq!(add("elsewhere", "hteth").code(), 0, "the same address on another chain is another wallet");
}

#[test]
fn credentials_of_dev_are_sealed_as_it_says_and_listed_as_far_as_is_known() {
    let home = Home::new();
    let rails = "[rails.up]\nkind = 'bitgo'\nurl = 'http://127.0.0.1:9'\ncoin = 'tbtc'\nsealed = ['token']\n";
    fs::write(home.path("rails.toml"), rails).unwrap();
    let dev = ["dev", "--json", "--listen", "127.0.0.1:0", "--rails", "rails.toml", "--data-dir", "kept"];
    let missing = home.run(&dev, &[]).told();
    let command = "rail credential set up --name token --from-file FILE --data-dir kept";
    assert!(missing.contains(command), "{missing}");
    fs::write(home.path("FILE"), format!("v2x{}", "0".repeat(64))).unwrap();
    home.run(&command.split(' ').collect::<Vec<_>>(), &[]).text();
    let list = ["rail", "credential", "list", "--json", "--data-dir", "kept"];
    let server = home.serve(&dev);
    assert_eq!(home.run(&list, &[]).json()["credentials"], json!([{"rail": "up", "name": "token", "kept": "sealed"}]));
    drop(server);
    let unsaid = home.run(&["rail", "credential", "set", "up", "--data-dir", "kept"], &[]);
    assert!(unsaid.code() == 2 && unsaid.told().contains("say --name, as `sealed`"), "{}", unsaid.told());
}

#[test]
fn a_credential_that_is_not_named_is_asked_for_by_the_keys_of_its_kind() {
    let home = Home::new();
    with_a_rail(&home);
    let written = fs::read_to_string(home.path("bursar.toml")).unwrap();
    let none = "[rails.node]\nkind = 'evm'\nurl = 'http://127.0.0.1:9'\nchain_id = 31337\ncoin = 'hteth'\n";
    fs::write(home.path("bursar.toml"), format!("{written}\n{none}")).unwrap();
    let unsaid = home.run(&["rail", "credential", "set", "node"], &[]).told();
    assert!(unsaid.contains("hint: say --name url or ws_url or client_key"), "{unsaid}");
}
