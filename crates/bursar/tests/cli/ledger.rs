//! Whether the ledger adds up, as an operator asks it.

use rusqlite::Connection;

use crate::support::Home;

const ADDRESS: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";

#[test]
fn a_budget_that_was_tampered_with_is_named_and_its_token_stops() {
    let home = Home::new();
    let data = home.path("data");
    let directory = data.to_str().unwrap();
    let dev = ["dev", "--json", "--listen", "127.0.0.1:0", "--data-dir", directory];
    let server = home.serve(&dev);
    let url = server.ready("url").to_owned();
    let login = ["login", "--username", server.ready("username"), "--otp", server.ready("otp")];
    home.run(&login, &[("BURSAR_URL", url.as_str()), ("BURSAR_PASSWORD", server.ready("password"))]).text();
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
