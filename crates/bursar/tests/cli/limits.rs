//! Limits from the command line: set, used up, changed, tried out; and what happens around them: rotation,
//! spends of which nobody knows, services through the client.

use bursar_client::ClientError;
use serde_json::{Value, json};

use crate::desk::{ADDRESS, Desk, OTP};
use crate::support::{Home, mode};

#[test]
fn a_token_spends_up_to_its_windows_and_is_told_when_it_fits() {
    let desk = Desk::new();
    let (id, token) = desk.token(&["--limit", "tbtc 0.00001/day", "--limit", "3 spends/hour"]);
    let is_settled = || desk.run(&["token", "limits", "--json", &id]).json()["limits"][0]["held"] == "0";
    let settle = || {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !is_settled() {
            assert!(std::time::Instant::now() < until, "the spend stays held");
        }
    };
    desk.spend(&token, ADDRESS, "600").json();
    // A spend is answered once it was sent; that it is captured follows.
    settle();
    let over = desk.spend(&token, ADDRESS, "401");
    assert_eq!(over.code(), 3);
    assert!(over.told().contains("leaves 0.000004 tbtc, 0.00000401 tbtc asked; it fits from 20"), "{}", over.told());
    assert!(over.failure()["context"]["fitsAt"].is_string());
    desk.spend(&token, ADDRESS, "400").json();

    settle();
    let shown = desk.run(&["token", "limits", &id]).text();
    let lines: Vec<String> = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let resets =
        |line: &str, shown: &str| line.strip_prefix(shown).is_some_and(|rest| rest.starts_with(", resets at 20"));
    assert!(resets(&lines[1], "tbtc 0.00001/day #################### 0.00001 of 0.00001 0"), "{shown}");
    assert!(resets(&lines[2], "3 spends/hour #############....... 2 of 3 1"), "{shown}");
    let limits = desk.run(&["token", "limits", "--json", &id]).json();
    assert_eq!(limits["limits"][0]["captured"], "1000");
    let own = [("BURSAR_TOKEN", token.as_str()), ("BURSAR_URL", desk.server.ready("url"))];
    let who = desk.home.run(&["whoami"], &own).text();
    assert!(who.contains("State    limited") && who.contains("2 of 3"), "{who}");
    assert!(desk.run(&["token", "list"]).text().contains("tbtc 0.00001/day (0.00001 used), 3 spends/hour (2 used)"));
}

#[test]
fn a_token_is_locked_and_resumed_by_its_id() {
    let desk = Desk::new();
    let (id, token) = desk.token(&["--limit", "tbtc 0.00001/day"]);
    desk.run(&["token", "lock", &id]).text();
    let refused = desk.spend(&token, ADDRESS, "1");
    assert!(refused.code() == 3 && refused.told().contains("`bursar token resume ID`"), "{}", refused.told());
    let shown = || desk.run(&["token", "show", &id]).text();
    let locked = shown();
    assert!(locked.contains(&format!("`bursar token resume {id}` lifts it")), "{locked}");
    assert!(locked.contains("tbtc 0.00001/day"), "a lock hides no limit: {locked}");
    let resumed = desk.run(&["token", "resume", &id, "--otp", "000000"]).text();
    assert!(resumed.contains("State    limited") && resumed.contains("tbtc 0.00001/day"), "{resumed}");
    let above = desk.spend(&token, ADDRESS, "0.00001001 tbtc");
    assert!(above.code() == 3 && above.told().contains("leaves"), "its limits hold as before: {}", above.told());
    desk.run(&["token", "lock", &id]).text();
    let opened = desk.run(&["token", "unlock", &id, "--resume", "--otp", "000000"]).text();
    assert!(opened.contains("unlocked until") && opened.contains("tbtc 0.00001/day"), "{opened}");
    desk.spend(&token, ADDRESS, "0.00000001 tbtc").json();
    // A spend is answered before it is settled on the disk.
    let spent = (0..100).map(|_| shown()).find(|shown| shown.contains("Beyond   0.00000001 tbtc under unlocks"));
    assert!(spent.is_some(), "{}", shown());
    assert!(desk.run(&["token", "list"]).text().contains("beyond them 0.00000001 tbtc"));
}

#[test]
fn tightening_is_immediate_and_loosening_needs_a_second_factor() {
    let desk = Desk::new();
    let (id, token) = desk.token(&["--limit", "tbtc 0.00001/day"]);
    let raise = ["token", "set-limits", &id, "--add", "tbtc 0.00002/day"];
    let without = desk.run(&raise);
    assert_eq!(without.code(), 4);
    assert!(without.told().contains("hint: give --otp or BURSAR_OTP"), "{}", without.told());
    let raised = desk.run(&[&raise[..], &OTP].concat()).text();
    assert_eq!(raised, "- tbtc 0.00001/day\n+ tbtc 0.00002/day\nversion 2, was 1\n");
    desk.spend(&token, ADDRESS, "1500").json();

    let stale = desk.run(&["token", "set-limits", &id, "--limit", "tbtc=1", "--if-version", "1"]);
    assert_eq!(stale.code(), 1);
    assert!(stale.told().contains("changed in the meantime: this is version "), "{}", stale.told());

    let tighten = ["--add", "tbtc 0.000016/day", "--add", "9 spends/hour", "--to", ADDRESS, "--coin", "tbtc"];
    let tightened = desk.run(&[&["token", "set-limits", &id, "--json"], &tighten[..]].concat()).json();
    assert_eq!((&tightened["version"], &tightened["limits"][0]["remaining"]), (&json!(3), &json!("100")));
    assert_eq!(desk.spend(&token, ADDRESS, "101").failure()["code"], "limit_exceeded");
    let elsewhere = desk.spend(&token, "sandbox:slow", "1");
    assert_eq!((elsewhere.code(), &elsewhere.failure()["code"]), (3, &json!("destination_not_allowed")));
    desk.spend(&token, ADDRESS, "100").json();
    let shown = desk.run(&["limits", "show", "token", &id]).text();
    assert!(shown.contains(&format!("to {ADDRESS} (")), "{shown}");

    let unknown = desk.run(&["token", "set-limits", &id, "--remove", "tbtc 5/day"]);
    assert!(unknown.told().contains("hint: there is `tbtc 0.000016/day`, `9 spends/hour`"), "{}", unknown.told());
    assert_eq!(desk.run(&["token", "set-limits", &id]).code(), 2);
    let lifted = ["token", "set-limits", &id, "--remove", "9 spends/hour", "--anywhere"];
    assert_eq!(desk.run(&lifted).code(), 4);
    desk.run(&[&lifted[..], &OTP].concat()).text();
    assert_eq!(
        desk.spend(&token, "sandbox:slow", "1").failure()["code"],
        "limit_exceeded",
        "no destination is in the way"
    );
    let nothing = desk.spend(&token, ADDRESS, "0");
    assert!(nothing.code() == 2 && nothing.told().contains("`0` pays nothing"), "{}", nothing.told());
}

#[test]
fn limits_of_a_wallet_hold_beside_those_of_the_token() {
    let desk = Desk::new();
    let (id, token) = desk.token(&["--limit", "tbtc=5000"]);
    let wallet = desk.server.wallet("tbtc");
    assert!(desk.run(&["limits", "show", "wallet", wallet]).text().starts_with("no limits\n"));
    desk.run(&["limits", "set", "wallet", wallet, "--add", "tbtc 0.00001/calendar day"]).text();
    desk.run(&["limits", "set", "user", "me", "--add", "tbtc 0.00003/week"]).text();
    let own = desk.run(&["organisation", "list", "--json"]).json()["organisations"][0]["name"].clone();
    desk.run(&["limits", "set", "organisation", own.as_str().unwrap(), "--add", "tbtc 1/day"]).text();
    let by_id = desk.run(&["limits", "show", "organisation", &desk.organisation()]).text();
    assert!(by_id.contains("tbtc 1/day"), "{by_id}");
    let nobody = desk.run(&["limits", "show", "organisation", "Nowhere"]);
    assert!(nobody.code() == 2 && nobody.told().contains("bursar organisation list"), "{}", nobody.told());
    let by_label = desk.run(&["limits", "show", "wallet", "Sandbox tbtc"]).text();
    assert!(by_label.contains("tbtc 0.00001/calendar day"), "{by_label}");
    let shown = desk.run(&["limits", "show", "wallet", wallet]).text();
    assert!(shown.contains("tbtc 0.00001/calendar day") && shown.contains("resets at 20"), "{shown}");

    let nowhere = desk.run(&["token", "try", &id, "--coin", "tbtc", "--to", ADDRESS, "--amount", "1000"]);
    assert!(nowhere.code() == 2 && nowhere.told().contains("--wallet <WALLET>"), "{}", nowhere.told());
    let organisation = desk.organisation();
    let of_organisation = ["token", "try", &id, "--coin", "tbtc", "--to", ADDRESS, "--amount", "1000", "--json"];
    let outside = desk.run(&[&of_organisation[..], &["--organisation", &organisation]].concat()).printed();
    assert!(serde_json::from_str::<Value>(&outside).unwrap()["allowed"].is_boolean(), "{outside}");
    let attempt = ["token", "try", &id, "--coin", "tbtc", "--to", ADDRESS, "--wallet", wallet, "--amount"];
    let passes = desk.run(&[&attempt[..], &["1000"]].concat()).text();
    assert!(passes.contains("wallet: tbtc 0.00001/calendar day") && passes.ends_with("it would pass\n"), "{passes}");
    let by_label =
        ["token", "try", &id, "--coin", "tbtc", "--to", ADDRESS, "--wallet", "Sandbox tbtc", "--amount", "1000"];
    assert_eq!(desk.run(&by_label).text(), passes);
    let over = desk.run(&[&attempt[..], &["1001"]].concat());
    assert_eq!(over.code(), 3);
    assert!(over.told().contains("it would not pass: the wallet's limit of tbtc has no room"), "{}", over.told());
    let answer = desk.run(&[&attempt[..], &["6000", "--json"]].concat());
    assert_eq!(answer.code(), 3);
    assert_eq!(answer.failure()["allowed"], false);
    let in_units = desk.run(&[&attempt[..], &["0.00001001 tbtc"]].concat());
    assert_eq!(in_units.code(), 3, "{}", in_units.told());
    assert_eq!(desk.spend(&token, ADDRESS, "1001").code(), 3);
    desk.spend(&token, ADDRESS, "1000").json();
}

#[test]
fn what_is_no_limit_is_told_with_its_spot_and_its_flag() {
    let desk = Desk::new();
    let create = ["token", "create", "--json", "--label", "bot", "--scope", "profile", "--otp", "000000"];
    let create = |more: &[&str]| desk.run(&[&create[..], more].concat());
    let mistyped = create(&["--limit", "tbtc 0.5/mnoth"]);
    assert_eq!((mistyped.code(), &mistyped.failure()["code"]), (2, &json!("usage")));
    assert!(mistyped.told().contains("    tbtc 0.5/mnoth\n             ^^^^^\n"), "{}", mistyped.told());
    let unknown = create(&["--limit", "usdc 100/day"]);
    assert_eq!(unknown.code(), 2);
    assert!(
        unknown.told().contains("such as `eth:usdc 100/day`\n\n    usdc 100/day\n         ^^^"),
        "{}",
        unknown.told()
    );
    assert!(mistyped.failure()["error"].as_str().unwrap().contains("this is no period of time"));
    for (flags, told) in [
        (["--ip", "10.0.0.0/8"], "error: `--ip` "),
        (["--to", "tbtc:nonsense"], "error: `--to` "),
        (["--to", "nonsense"], "error: --to `nonsense` has no coin"),
        (["--each", "20 spends/hour"], "error: `--each` "),
    ] {
        let refused = create(&flags);
        assert!(refused.told().starts_with(told), "{flags:?}: {}", refused.told());
    }
    let twice = create(&["--limit", "tbtc 1/day", "--limit", "tbtc 2/day"]);
    assert_eq!(twice.code(), 2);
    assert!(twice.told().contains("`tbtc 2/day` counts the same as `tbtc 1/day`"), "{}", twice.told());
    let sound = create(&["--limit", "tbtc 2/day", "--limit", "tbtc 1/week"]).json();
    assert!(sound["warnings"].to_string().contains("tbtc 2/day"), "{sound}");
    assert!(desk.run(&["token", "create", "--help"]).text().contains("wallet_spend:WALLET"));
}

#[test]
fn a_rotated_token_goes_on_with_both_texts_and_the_same_budget() {
    let desk = Desk::new();
    let (id, old) = desk.token(&["--limit", "tbtc=1000"]);
    desk.spend(&old, ADDRESS, "400").json();
    let file = desk.home.path("bot.env");
    std::fs::write(&file, "WALLET=x\nBURSAR_TOKEN=old\n").unwrap();
    let rotate = ["token", "rotate", &id, "--write-env", "bot.env"];
    assert_eq!(desk.run(&rotate).code(), 4);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "WALLET=x\nBURSAR_TOKEN=old\n");
    let told = desk.run(&[&rotate[..], &OTP].concat()).text();
    assert!(!told.contains("v2x") && told.contains("The old text goes on until 20"), "{told}");

    assert_eq!(mode(&file), 0o600);
    let written = std::fs::read_to_string(&file).unwrap();
    let new = written.strip_prefix("WALLET=x\nBURSAR_TOKEN=").unwrap().trim_end();
    assert!(new.starts_with("v2x") && new != old, "{written}");
    desk.spend(&old, ADDRESS, "300").json();
    desk.spend(new, ADDRESS, "300").json();
    assert_eq!(desk.spend(new, ADDRESS, "1").failure()["context"]["remaining"], "0");

    let third = desk.run(&[&["token", "rotate", &id, "--overlap", "1h"], &OTP[..]].concat());
    assert_eq!(third.code(), 1, "two texts are in use already");
    let now = desk.run(&[&["token", "rotate", &id, "--overlap", "0", "--json"], &OTP[..]].concat()).json();
    assert_eq!(now["id"], id);
    assert_eq!(desk.spend(new, ADDRESS, "1").code(), 4, "the old text has ended");
    assert_eq!(desk.spend(now["token"].as_str().unwrap(), ADDRESS, "1").code(), 3);
}

#[test]
fn who_does_not_want_to_wait_has_the_rail_asked_what_became_of_spends() {
    let desk = Desk::new();
    let (id, token) = desk.token(&["--limit", "tbtc=1000"]);
    for (to, amount) in [("sandbox:drop-answer", "600"), ("sandbox:never", "400")] {
        assert_eq!(desk.spend(&token, to, amount).failure()["code"], "outcome_pending");
    }
    assert_eq!(desk.spend(&token, ADDRESS, "1").failure()["context"]["held"], "1000");
    let all = desk.run(&["spends", "reconcile", "--json"]).json();
    let told: Vec<(&Value, &Value)> =
        all["reconciled"].as_array().unwrap().iter().map(|one| (&one["showed"], &one["spend"]["state"])).collect();
    assert_eq!(told, [(&json!("moved"), &json!("captured")), (&json!("not_moved"), &json!("released"))]);
    let limit = desk.run(&["token", "limits", "--json", &id]).json()["limits"][0].clone();
    assert_eq!((&limit["captured"], &limit["held"]), (&json!("600"), &json!("0")));
    assert_eq!(desk.run(&["spends", "reconcile", "--json"]).json(), json!({"reconciled": []}));
    let one = all["reconciled"][0]["spend"]["id"].as_str().unwrap();
    let again = desk.run(&["spends", "reconcile", one]).text();
    assert!(again.contains("captured  not asked") && again.contains("it is settled"), "{again}");

    let slipped = desk.run(&["spends", "list", one]);
    assert_eq!(slipped.code(), 2);
    assert!(
        slipped.told().contains(&format!("hint: `bursar spends show {one}` shows that spend")),
        "{}",
        slipped.told()
    );
}

#[test]
fn a_spend_of_which_nobody_knows_counts_until_somebody_says_what_became_of_it() {
    let desk = Desk::new();
    let (id, token) = desk.token(&["--limit", "tbtc=1000"]);
    let pending = desk.spend(&token, "sandbox:never", "700");
    assert_eq!(pending.failure()["code"], "outcome_pending");
    let told = pending.told();
    let ask = format!("hint: `bursar spends show {}` tells; ", pending.failure()["context"]["spend"].as_str().unwrap());
    assert_eq!(pending.code(), 6, "a script tells it from a failure, after which it may pay anew");
    assert!(
        told.contains(&ask) && told.contains("the same again with --sequence-id ") && !told.contains("anew"),
        "{told}"
    );
    assert_eq!(desk.spend(&token, ADDRESS, "301").failure()["context"]["held"], "700");

    let list = desk.run(&["spends", "list", "--unresolved", "--json"]).json();
    let spend = list["spends"][0]["id"].as_str().unwrap();
    assert!(desk.run(&["spends", "list", "--unresolved"]).text().contains(spend));
    assert!(desk.run(&["spends", "show", spend]).text().contains("State      unresolved"));
    let resolve = ["spends", "resolve", spend];
    let resolve = |more: &[&str]| desk.run(&[&resolve[..], more].concat());
    assert_eq!(resolve(&["--not-moved"]).code(), 2, "without evidence");
    assert_eq!(resolve(&["--moved", "--evidence", "seen"]).code(), 2, "without a reference");
    let slip = ["--moved", "--reference", "tx", "--amount", "70000", "--evidence", "seen", "--otp", "000000"];
    let slipped = resolve(&slip);
    assert!(slipped.told().contains("is more than the 0.000007 tbtc that were held"), "{}", slipped.told());
    let found = ["--not-moved", "--evidence", "the sandbox's book has no such send"];
    assert_eq!(resolve(&found).code(), 4);
    let resolved = resolve(&[&found[..], &OTP].concat()).text();
    assert!(resolved.contains("State      released") && resolved.contains("book has no such send"), "{resolved}");
    desk.spend(&token, ADDRESS, "1000").json();
    let again = resolve(&["--moved", "--reference", "tx", "--evidence", "seen", "--otp", "000000"]);
    assert_eq!(again.code(), 1, "a spend is settled once");
    let spends = desk.run(&["spends", "list", "--token-id", &id, "--json"]).json();
    let states: Vec<&Value> = spends["spends"].as_array().unwrap().iter().map(|spend| &spend["state"]).collect();
    assert_eq!(states, ["captured", "released"], "newest first");
}

#[test]
fn a_service_holds_captures_and_releases_what_others_spend() {
    let desk = Desk::new();
    let (_, spender) = desk.token(&["--limit", "tbtc=1000"]);
    let create = ["service", "create", "--json", "--label", "shop", "--organisation", &desk.organisation()];
    assert_eq!(desk.run(&create).code(), 4);
    let created = desk.run(&[&create[..], &OTP].concat()).json();
    let service = desk.client(created["token"].as_str().unwrap());
    let asked = |amount: &str| json!({"token": spender, "coin": "tbtc", "recipients": [{"address": ADDRESS, "amount": amount}], "deadline": 60});

    let held = service.hold(&asked("600"), "order-1").unwrap();
    assert_eq!((&held["state"], &held["idempotencyKey"]), (&json!("open"), &json!("order-1")));
    let id = held["id"].as_str().unwrap();
    assert_eq!(service.hold(&asked("600"), "order-1").unwrap()["id"], held["id"], "the same key is the same spend");
    let Err(ClientError::Declined(other)) = service.hold(&asked("601"), "order-1") else { panic!("another spend") };
    assert_eq!(other.context().unwrap()["spend"], id);
    let Err(ClientError::Declined(over)) = service.hold(&asked("401"), "order-2") else { panic!("over the limit") };
    assert_eq!((over.code(), over.context().unwrap()["held"].as_str()), (Some("limit_exceeded"), Some("600")));
    assert_eq!(desk.spend(&spender, ADDRESS, "401").code(), 3);

    let captured = service.capture(id, &json!({"amount": "500", "reference": "tx-1"})).unwrap();
    assert_eq!((&captured["state"], &captured["captured"]["amount"]), (&json!("captured"), &json!("500")));
    let second = service.hold(&asked("500"), "order-2").unwrap();
    let second = second["id"].as_str().unwrap();
    let released = service.release(second, "the buyer went away", None).unwrap();
    assert_eq!(released["released"]["reason"], "the buyer went away");
    assert!(service.capture(second, &json!({"reference": "tx-2"})).is_err(), "a spend is settled once");
    assert_eq!(service.spend_of_id(second).unwrap()["state"], "released");
    assert!(desk.client(&spender).capture(id, &json!({"reference": "x"})).is_err(), "only whoever holds it settles it");
    desk.spend(&spender, ADDRESS, "500").json();
}

/// A server that knows three spends, and cannot say of the second what became of it.
fn three_spends() -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (mut socket, mut read) = (socket.unwrap(), Vec::new());
            while !read.windows(4).any(|window| window == b"\r\n\r\n") {
                let mut more = [0; 4096];
                let count = socket.read(&mut more).unwrap();
                read.extend_from_slice(&more[..count]);
            }
            let target = String::from_utf8(read).unwrap().split(' ').nth(1).unwrap().to_owned();
            let (status, answer) = match target.strip_prefix("/bursar/v1/spends/") {
                None => (200, json!({"spends": [{"id": "a1"}, {"id": "b2"}, {"id": "c3"}], "next": null})),
                Some(place) if place.starts_with("b2") => (503, json!({"error": "rail `gone` is not configured"})),
                Some(place) => {
                    let spend = json!({"id": &place[..2], "state": "released"});
                    (200, json!({"showed": "not_moved", "detail": "never sent", "reference": null, "spend": spend}))
                }
            };
            let (answer, head) = (answer.to_string(), "content-type: application/json\r\nconnection: close");
            let length = answer.len();
            write!(socket, "HTTP/1.1 {status} X\r\n{head}\r\ncontent-length: {length}\r\n\r\n{answer}").unwrap();
            // What was not read when it closes would take the answer with it.
            socket.shutdown(std::net::Shutdown::Write).unwrap();
            std::io::copy(&mut socket, &mut std::io::sink()).ok();
        }
    });
    url
}

#[test]
fn every_spend_is_asked_after_though_one_cannot_be_and_that_is_told_at_the_end() {
    let (home, url) = (Home::new(), three_spends());
    let token = format!("v2x{}", "0".repeat(64));
    let run = |arguments: &[&str]| {
        home.run(&[&["spends", "reconcile"], arguments].concat(), &[("BURSAR_URL", &url), ("BURSAR_TOKEN", &token)])
    };
    let all = run(&["--json"]);
    assert_eq!(all.code(), 1, "{}", all.told());
    let document = all.failure();
    let reconciled = document["reconciled"].as_array().unwrap().iter();
    let ids: Vec<&str> = reconciled.map(|one| one["spend"]["id"].as_str().unwrap()).collect();
    assert_eq!((ids, &document["failed"][0]["spend"]), (vec!["a1", "c3"], &json!("b2")));
    assert!(all.told().contains("1 of 3 spends could not be asked after"), "{}", all.told());
    let shown = run(&[]);
    assert_eq!(shown.code(), 1);
    let table = shown.printed();
    assert!(table.contains("rail `gone` is not configured") && table.contains("c3     released"), "{table}");
}
