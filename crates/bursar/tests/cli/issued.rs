//! What is issued besides plain tokens, from the command line alone: services that settle what they held, templates, and
//! the end of a rotation.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::desk::{ADDRESS, Desk, OTP};
use crate::support::Ran;

#[test]
fn a_service_holds_captures_and_releases_from_the_command_line() {
    let desk = Desk::new();
    let (_, spender) = desk.token(&["--limit", "tbtc=1000"]);
    let create = ["service", "create", "--json", "--label", "shop", "--organisation", &desk.organisation()];
    let created = desk.run(&[&create[..], &OTP].concat()).json();
    let service = created["token"].as_str().unwrap();
    let listed = desk.run(&["service", "list"]).text();
    assert!(listed.contains("shop") && listed.contains(created["id"].as_str().unwrap()), "{listed}");
    let listed = desk.run(&["service", "list", "--json"]).json();
    assert_eq!(listed["services"].as_array().unwrap().len(), 1, "tokens that spend by themselves are not among them");

    let url = desk.server.ready("url");
    let as_service = |arguments: &[&str]| -> Ran {
        let environment = [("BURSAR_TOKEN", service), ("BURSAR_URL", url), ("BURSAR_SPENDER", spender.as_str())];
        desk.home.run(arguments, &environment)
    };
    let hold = |amount: &str, key: &str| {
        as_service(&["spends", "hold", "--json", "--coin", "tbtc", "--to", ADDRESS, "--amount", amount, "--key", key])
    };
    let held = hold("600", "order-1").json();
    let id = held["id"].as_str().unwrap();
    assert_eq!((&held["state"], &hold("600", "order-1").json()["id"]), (&json!("open"), &held["id"]));
    let over = hold("401", "order-2");
    assert_eq!((over.code(), &over.failure()["code"]), (3, &json!("limit_exceeded")));
    let captured = as_service(&["spends", "capture", id, "--amount", "0.000005 tbtc", "--reference", "tx-1"]).text();
    assert!(captured.contains("State      captured") && captured.contains("Reference  tx-1"), "{captured}");
    let second = hold("500", "order-2").json();
    let more =
        ["spends", "capture", second["id"].as_str().unwrap(), "--reference", "tx", "--amount", "0.00000501 tbtc"];
    let more = as_service(&more);
    assert_eq!(more.code(), 1, "a slip of the finger would lock the token for good");
    assert!(more.told().contains("more than the 0.000005 tbtc that were held"), "{}", more.told());
    assert!(more.told().contains("hint: --more-than-held records it in full"), "{}", more.told());
    let second = second["id"].as_str().unwrap();
    let released = as_service(&["spends", "release", second, "--reason", "the buyer went away"]).text();
    assert!(released.contains("Reason     the buyer went away"), "{released}");
    assert_eq!(as_service(&["spends", "capture", second, "--reference", "tx-2"]).code(), 4, "that takes a code now");
    let third = hold("1", "order-4").json();
    let third = ["spends", "capture", third["id"].as_str().unwrap(), "--reference", "tx", "--amount", "2"];
    let all = as_service(&[&third[..], &["--more-than-held"]].concat()).text();
    assert!(all.contains("Captured   0.00000002 tbtc"), "{all}");
    let wrong = as_service(&["spends", "hold", "--coin", "tbtc", "--to", "x y", "--amount", "1", "--key", "order-3"]);
    assert!(wrong.told().starts_with("error: `--to` "), "{}", wrong.told());
}

#[test]
fn what_a_token_spent_is_shown_by_the_hour_and_by_the_day() {
    let desk = Desk::new();
    let (id, token) = desk.token(&["--limit", "tbtc=1000"]);
    let past = |more: &[&str]| desk.run(&[&["token", "limits", &id], more].concat());
    assert_eq!(past(&["--by", "hour"]).text(), "nothing was spent in this time\n");
    desk.spend(&token, ADDRESS, "600").json();
    let until = Instant::now() + Duration::from_secs(20);
    while past(&["--by", "hour"]).text().starts_with("nothing") {
        assert!(Instant::now() < until, "the spend stays held");
    }
    for by in ["hour", "day"] {
        let shown = past(&["--by", by]).text();
        assert!(shown.contains("0.000006 tbtc") && shown.lines().count() == 2, "{shown}");
    }
    let long_ago = past(&["--by", "hour", "--since", "2001-01-01T00:00:00Z"]);
    assert!(long_ago.told().starts_with("error: `--since` is too long ago"), "{}", long_ago.told());
    assert_eq!(past(&["--since", "2001-01-01T00:00:00Z"]).code(), 2);
}

#[test]
fn the_old_text_of_a_rotation_is_ended_before_its_time() {
    let desk = Desk::new();
    let (id, old) = desk.token(&["--limit", "tbtc=1000"]);
    let nothing = desk.run(&["token", "end-old-secret", &id]).text();
    assert!(nothing.starts_with("no old text went on: nothing changed"), "{nothing}");
    desk.spend(&old, ADDRESS, "1").json();
    let rotated = desk.run(&[&["token", "rotate", "--json", &id], &OTP[..]].concat()).json();
    let new = rotated["token"].as_str().unwrap();
    desk.spend(&old, ADDRESS, "1").json();
    desk.spend(new, ADDRESS, "1").json();
    let ended = desk.run(&["token", "end-old-secret", &id]).text();
    assert!(ended.contains(&id) && ended.starts_with("old text ended"), "{ended}");
    assert_eq!(desk.spend(&old, ADDRESS, "1").code(), 4);
    desk.spend(new, ADDRESS, "1").json();
}

#[test]
fn tokens_are_made_from_a_template_and_say_for_themselves_what_differs() {
    let desk = Desk::new();
    let template = |arguments: &[&str]| desk.run(&[&["template"], arguments].concat());
    assert_eq!(template(&["create", "--name", "payouts"]).code(), 3, "the login has to be unlocked");
    desk.run(&["token", "unlock", "--otp", "000000"]).text();
    let made = template(&[
        "create",
        "--json",
        "--name",
        "payouts",
        "--scope",
        "wallet_view_all,wallet_spend_all",
        "--limit",
        "tbtc 0.00001/day",
    ]);
    let made = made.json();
    let id = made["id"].as_str().unwrap();
    assert!(template(&["list"]).text().contains("tbtc 0.00001/day"));
    let token = |more: &[&str]| {
        let create = ["token", "create", "--json", "--label", "bot", "--template", id];
        desk.run(&[&create[..], more, &OTP].concat()).json()
    };
    let rule = |token: &Value| {
        desk.run(&["token", "limits", "--json", token["id"].as_str().unwrap()]).json()["limits"][0]["rule"].clone()
    };
    assert_eq!(rule(&token(&[])), "tbtc 0.00001/day");
    assert_eq!(rule(&token(&["--limit", "tbtc 0.00002/day"])), "tbtc 0.00002/day");
    let edit = ["edit", id, "--name", "refunds", "--limit", "tbtc 0.00003/week"];
    template(&edit).text();
    let shown = template(&["show", id]).text();
    assert!(shown.contains("refunds") && shown.contains("Limit     tbtc 0.00003/week"), "{shown}");
    assert_eq!(rule(&token(&[])), "tbtc 0.00003/week");
    assert_eq!(template(&["edit", id]).code(), 2);
    assert_eq!(template(&["create", "--name", "refunds"]).code(), 1, "the name is taken");
    template(&["remove", id]).text();
    assert_eq!(template(&["list", "--json"]).json()["templates"], json!([]));
}
