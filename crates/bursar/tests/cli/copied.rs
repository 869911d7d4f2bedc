//! Copies of the data: taken while the server runs and spends, and put in its place.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::audit::audit;
use crate::ledger::log_in;
use crate::support::{Home, mode};

const ADDRESS: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";

#[test]
fn a_copy_taken_while_money_moves_is_one_instant_and_its_budgets_go_on() {
    let home = Home::new();
    let dev = ["dev", "--json", "--listen", "127.0.0.1:0", "--data-dir"];
    let server = home.serve(&[&dev[..], &["data"]].concat());
    let url = log_in(&home, &server);
    let create = ["token", "create", "--json", "--label", "bot", "--scope", "wallet_spend_all", "--otp", "000000"];
    let created = home.run(&[&create[..], &["--limit", "tbtc 0.00001/day"]].concat(), &[]).json();
    let token = created["token"].as_str().unwrap();
    let wallet = server.wallet("tbtc").to_owned();
    let spend = |amount: &str, url: &str| {
        let spend = ["spend", "--json", "--coin", "tbtc", "--to", ADDRESS, "--wallet", &wallet, "--amount", amount];
        home.run(&spend, &[("BURSAR_TOKEN", token), ("BURSAR_URL", url)])
    };
    spend("600", &url).json();
    let backup = |to: &str| home.run(&["backup", to, "--json", "--data-dir", "data"], &[]);
    let is_copied = AtomicBool::new(false);
    let copied = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_copied.load(Ordering::Relaxed) {
                spend("1", &url).json();
            }
        });
        let copied = backup("copy.db");
        is_copied.store(true, Ordering::Relaxed);
        copied.json()
    });
    assert_eq!(mode(&home.path("copy.db")), 0o600);
    assert_eq!(backup("copy.db").code(), 1, "nothing is written over");
    assert!(backup("data/copy.db").told().contains("must not be in the data directory"));
    assert_eq!(fs::read_dir(home.path(".")).unwrap().filter(|file| is_part(file.as_ref().unwrap())).count(), 0);
    assert!(server.stop().0.success());

    fs::create_dir(home.path("restored")).unwrap();
    fs::rename(home.path("copy.db"), home.path("restored/bursar.db")).unwrap();
    fs::copy(home.path("data/sandbox.db"), home.path("restored/sandbox.db")).unwrap();
    fs::copy(home.path("data.key"), home.path("restored.key")).unwrap();
    let verified = audit(&home, &["verify", "--json", "--data-dir", "restored"]).json();
    assert_eq!((&verified["head"]["number"], &verified["head"]["hash"]), (&copied["link"], &copied["hash"]));
    assert!(home.run(&["doctor", "ledger", "--data-dir", "restored"], &[]).text().contains("adds up"));
    let server = home.serve(&[&dev[..], &["restored"]].concat());
    let refused = spend("401", server.ready("url"));
    assert_eq!(refused.code(), 3, "what was spent before the copy counts: {}", refused.told());
}

fn is_part(file: &fs::DirEntry) -> bool {
    file.file_name().to_str().is_some_and(|name| name.starts_with(".backup"))
}

#[test]
fn where_there_is_no_store_nothing_is_copied() {
    let home = Home::new();
    let refused = home.run(&["backup", "copy.db", "--data-dir", "data"], &[]);
    assert_eq!(refused.code(), 1, "{}", refused.told());
    assert!(!home.path("copy.db").exists() && !home.path("data").exists());
}
