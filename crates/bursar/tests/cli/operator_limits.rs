//! Limits of users, organisations and wallets, as the operator shows and changes them on the server's machine.

use crate::support::Home;

const PASSWORD: (&str, &str) = ("BURSAR_PASSWORD", "violet harbour 31");

fn set_up() -> Home {
    let home = Home::new();
    let init = ["init", "--json", "--non-interactive", "--listen", "127.0.0.1:0", "--username", "owner@example.com"];
    home.run(&init, &[PASSWORD]).json();
    home
}

/// What the audit log says of changes of limits: who, of whom, and what.
fn events(home: &Home) -> Vec<(String, String, String)> {
    let exported = home.run(&["audit", "export"], &[]).text();
    let links = exported.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let all: Vec<serde_json::Value> =
        links.flat_map(|link| link["events"].as_array().cloned().unwrap_or_default()).collect();
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    all.iter()
        .filter(|event| event["action"] == "limits.set")
        .map(|event| (text(&event["actor"]), text(&event["subject"]), text(&event["data"])))
        .collect()
}

#[test]
fn an_operator_tightens_and_loosens_the_limits_of_a_user_and_the_audit_log_has_it() {
    let home = set_up();
    let limits = |more: &[&str]| home.run(&[&["user", "limits", "owner@example.com"], more].concat(), &[]);
    insta::assert_snapshot!(limits(&[]).text(), @r"
    no limits
    version 0
    ");
    insta::assert_snapshot!(limits(&["--limit", "tbtc 0.5/day", "--limit", "20 spends/hour"]).text(), @r"
    + tbtc 0.5/day
    + 20 spends/hour
    version 1, was 0
    ");
    insta::assert_snapshot!(limits(&[]).text(), @r"
    LIMIT           USED                  SPENT     HELD  LEFT
    tbtc 0.5/day    ....................  0 of 0.5        0.5
    20 spends/hour  ....................  0 of 20         20
    version 1
    ");
    insta::assert_snapshot!(limits(&["--limit", "tbtc 2/day"]).text(), @r"
    - tbtc 0.5/day
    - 20 spends/hour
    + tbtc 2/day
    version 2, was 1
    ");
    assert_eq!(limits(&["--clear", "--if-version", "1"]).code(), 1, "somebody changed them since");
    assert_eq!(limits(&["--if-version", "2"]).code(), 2, "nothing to change");
    assert_eq!(limits(&["--clear", "--limit", "tbtc 1/day"]).code(), 2);
    let mistaken = limits(&["--limit", "tbtc 0.5/mnoth"]);
    assert!(mistaken.code() == 2 && mistaken.told().contains("^^^^^"), "{}", mistaken.told());
    assert_eq!(limits(&["--json"]).json()["version"], 2, "nothing of that changed anything");
    insta::assert_snapshot!(limits(&["--clear", "--if-version", "2"]).text(), @r"
    - tbtc 2/day
    version 3, was 2
    ");
    let all = events(&home);
    let told: Vec<(&str, bool, bool)> = all
        .iter()
        .map(|(who, of, data)| (who.as_str(), of.starts_with("user:"), data.contains(r#"["loosens","true"]"#)))
        .collect();
    assert_eq!(told, [("operator", true, false), ("operator", true, true), ("operator", true, true)]);
}

#[test]
fn amounts_of_coins_that_the_configuration_declares_are_read_by_the_server() {
    let home = set_up();
    let file = home.path("bursar.toml");
    let rail = "\n[rails.shop]\nkind = 'http'\nurl = 'https://shop.example.com'\nassets = { credits = 3 }\n\n\
                [[rails.shop.rules]]\nmethod = 'GET'\npath = '/v1/charges'\noperation = 'read'\n";
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + rail).unwrap();
    let limits = |limit: &str| home.run(&["organisation", "limits", "--limit", limit], &[]);
    assert_eq!(limits("credits 1.5/day").text(), "+ credits 1.5/day\nversion 1, was 0\n");
    let shown = home.run(&["organisation", "limits"], &[]).text();
    assert!(shown.contains("0 of 1.5 "), "{shown}");
    let told = limits("credits 1.0005/day").told();
    assert!(told.contains("at character 14, `5`: credits has 3 decimal places"), "{told}");
    let told = limits("points 1.5/day").told();
    assert!(told.contains("the decimals of points are not known here; write whole base units"), "{told}");

    let tail = |more: &[&str]| home.run(&[&["audit", "tail", "-n", "1"], more].concat(), &[]).text();
    assert!(tail(&[]).contains("after=credits 1500 base units/day"), "no server says their decimals: {}", tail(&[]));
    let server = home.serve(&["serve", "--json"]);
    limits("credits 2.5/day").text();
    assert!(tail(&[]).contains("before=credits 1.5/day after=credits 2.5/day"), "{}", tail(&[]));
    assert!(tail(&["--json"]).contains("credits amount 2500 over rolling 86400s"), "{}", tail(&["--json"]));
    server.stop();
}

#[test]
fn limits_of_organisations_and_wallets_are_changed_beside_a_running_server_and_hold_at_once() {
    let home = Home::new();
    let server = home.serve(&["dev", "--json", "--listen", "127.0.0.1:0"]);
    let data = ["--data-dir", server.ready("dataDir")];
    let run = |arguments: &[&str]| home.run(&[arguments, &data].concat(), &[]);
    let wallet = server.wallet("tbtc");
    for of in [vec!["organisation", "limits"], vec!["wallet", "limits", wallet]] {
        assert_eq!(run(&[&of[..], &["--limit", "tbtc 0.5/day", "--json"]].concat()).json()["subject"], of[0]);
        assert!(run(&of).text().contains("tbtc 0.5/day"));
        assert!(run(&[&of[..], &["--clear"]].concat()).text().starts_with("- tbtc 0.5/day\n"));
    }
    for (of, told) in [
        (["user", "limits", "nobody@example.com"], "there is no user `nobody@example.com`"),
        (["organisation", "limits", "0a"], "there is no organisation `0a`"),
        (["wallet", "limits", "00000000000000000000000000000001"], "there is no wallet `0000"),
    ] {
        for more in [&[][..], &["--limit", "tbtc 1/day"], &["--clear"]] {
            let failed = run(&[&of[..], more].concat());
            assert!(failed.code() == 1 && failed.told().contains(told), "{}", failed.told());
        }
    }
}
