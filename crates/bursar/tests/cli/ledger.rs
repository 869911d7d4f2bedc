//! Whether the ledger adds up, as an operator asks it.

use rusqlite::Connection;

use crate::support::{Home, Server};

const ADDRESS: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";

/// Logs the test user in; where the server is.
pub(crate) fn log_in(home: &Home, server: &Server) -> String {
    let url = server.ready("url").to_owned();
    let login = ["login", "--username", server.ready("username"), "--otp", server.ready("otp")];
    home.run(&login, &[("BURSAR_URL", url.as_str()), ("BURSAR_PASSWORD", server.ready("password"))]).text();
    url
}

#[test]
fn a_budget_that_was_tampered_with_is_named_and_its_token_stops() {
    let home = Home::new();
    let data = home.path("data");
    let directory = data.to_str().unwrap();
    let dev = ["dev", "--json", "--listen", "127.0.0.1:0", "--data-dir", directory];
    let server = home.serve(&dev);
    let url = log_in(&home, &server);
    let create = ["token", "create", "--json", "--label", "bot", "--scope", "wallet_spend_all", "--otp", "000000"];
    let created = home.run(&[&create[..], &["--limit", "tbtc 0.00001/day"]].concat(), &[]).json();
    let (id, token) = (created["id"].as_str().unwrap(), created["token"].as_str().unwrap());
    let wallet = server.wallet("tbtc").to_owned();
    let spend = ["spend", "--json", "--coin", "tbtc", "--to", ADDRESS, "--amount", "600", "--wallet", wallet.as_str()];
    home.run(&spend, &[("BURSAR_TOKEN", token), ("BURSAR_URL", url.as_str())]).json();

    let check = ["doctor", "ledger", "--data-dir", directory];
    assert!(home.run(&check, &[]).text().contains("adds up"), "while the server runs");
    assert!(server.stop().0.success());
    assert!(home.run(&check, &[]).text().contains("adds up"), "while nobody does");

    let store = Connection::open(data.join("bursar.db")).unwrap();
    let tampered = "UPDATE budgets SET captured = x'' WHERE subject_kind = 'token' AND asset = 'tbtc'";
    assert_eq!(store.execute(tampered, []).unwrap(), 1);
    drop(store);
    let found = home.run(&check, &[]);
    assert_eq!(found.code(), 1);
    let shown = home.run(&[&check[..], &["--json"]].concat(), &[]).failure();
    assert!(shown["differences"][0].as_str().unwrap().contains(id), "{shown}");

    let server = home.serve(&dev);
    let refused = home.run(&spend, &[("BURSAR_TOKEN", token), ("BURSAR_URL", server.ready("url"))]);
    assert!(refused.told().contains("locked"), "{}", refused.told());
}

#[test]
fn one_spend_that_cannot_be_settled_keeps_neither_the_others_nor_the_start_from_it() {
    let home = Home::new();
    let data = home.path("data");
    let directory = data.to_str().unwrap();
    let dev = ["dev", "--json", "--listen", "127.0.0.1:0", "--data-dir", directory];
    let server = home.serve(&dev);
    let url = log_in(&home, &server);
    let wallet = server.wallet("tbtc").to_owned();
    let lost = ["spend", "--coin", "tbtc", "--to", "sandbox:drop-answer", "--amount", "6", "--wallet", wallet.as_str()];
    for label in ["damaged", "sound"] {
        let create = ["token", "create", "--json", "--label", label, "--scope", "wallet_spend_all", "--otp", "000000"];
        let created = home.run(&[&create[..], &["--limit", "tbtc 0.00001/day"]].concat(), &[]).json();
        let token = created["token"].as_str().unwrap();
        home.run(&lost, &[("BURSAR_TOKEN", token), ("BURSAR_URL", url.as_str())]);
    }
    assert!(server.stop().0.success());
    let store = Connection::open(data.join("bursar.db")).unwrap();
    let count = |state: &str| -> u64 {
        let count = "SELECT count(*) FROM audit_events WHERE action = ?1";
        store.query_row(count, [state], |row| row.get(0)).unwrap()
    };
    assert_eq!(count("spend.unresolved"), 2);
    let damage = "UPDATE budgets SET held = x'ff' WHERE subject_kind = 'token' AND subject =
        (SELECT id FROM tokens WHERE label = 'damaged')";
    assert_eq!(store.execute(damage, []).unwrap(), 1);

    let server = home.serve(&dev);
    assert!(server.stop().0.success());
    assert_eq!(count("spend.capture"), 1, "the sound one");
}
