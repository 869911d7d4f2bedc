//! The authority table (SECURITY.md, P5): every route by every kind of credential, driven through the router and
//! compared with the checked-in file. A route that is not in the file fails the test.
//!
//! To accept a change that is meant: `BURSAR_BLESS=1 cargo test -p bursar-http authority`.

use std::fmt::Write;

use serde_json::json;

use crate::support::{Answer, OTP, Server};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/authority.txt");
const KINDS: [&str; 6] = ["nobody", "enrolling", "session", "unlocked", "access", "service"];

/// What the route's guard said; what the handler said after it is not this table's matter.
fn verdict(answer: &Answer) -> &'static str {
    // Bursar's own routes tell failures as problems, whose code stands at the top.
    match answer.body["context"]["code"].as_str().or(answer.body["code"].as_str()) {
        Some("token_missing") => "needs token",
        Some("second_factor_required") => "needs factor",
        Some("person_only") => "person only",
        Some("service_only") => "service only",
        Some("not_unlocked") => "needs unlock",
        Some("no_such_route" | "method_not_allowed") => "NO ROUTE",
        _ => "admitted",
    }
}

#[tokio::test]
async fn every_route_admits_exactly_the_credentials_in_the_table() {
    let server = Server::start().await;
    server.user("owner@example.com").await;
    server.wallet_of("owner@example.com").await;
    let owner = server.log_in("owner@example.com").await;
    let mut table = String::new();
    for (number, route) in bursar_http::table().into_iter().enumerate() {
        let path = route.path.replace("{coin}", "tbtc").replace("{wallet}", &server.wallet.to_string());
        let names = [
            "{token}",
            "{template}",
            "{user}",
            "{key}",
            "{transfer}",
            "{xpub}",
            "{organisation}",
            "{spend}",
            "{factor}",
            "{invitation}",
            "{session}",
            "{*path}",
            "{sequence}",
        ];
        let path = names.iter().fold(path, |path, name| path.replace(name, "0123456789abcdef0123456789abcdef"));
        write!(table, "{:6} {:55}", route.method, route.path).unwrap();
        for kind in KINDS {
            // An account of its own for each: some routes end a session or freeze the account.
            let name = format!("{kind}{number}@example.com");
            let token = match kind {
                "nobody" => None,
                "enrolling" => {
                    server.newcomer(&name).await;
                    Some(server.log_in_alone(&name).await)
                }
                "service" => Some(server.service(&owner).await),
                _ => {
                    server.user(&name).await;
                    let session = server.log_in(&name).await;
                    if kind == "unlocked" {
                        let unlock =
                            server.send("POST", "/api/v2/user/unlock", Some(&session), Some(json!({"otp": OTP})));
                        assert_eq!(unlock.await.status, 200);
                    }
                    let issued = server.issue(&session, json!({})).await;
                    Some(if kind == "access" { issued["token"].as_str().unwrap().to_owned() } else { session })
                }
            };
            let body = if route.method == "GET" { None } else { Some(json!({})) };
            let answer = server.send(route.method, &path, token.as_deref(), body).await;
            write!(table, " {kind}: {:12}", verdict(&answer)).unwrap();
        }
        table = table.trim_end().to_owned() + "\n";
    }
    #[expect(clippy::disallowed_methods, reason = "a test may be told to accept what it finds")]
    if std::env::var("BURSAR_BLESS").is_ok() {
        std::fs::write(FILE, &table).unwrap();
    }
    let expected = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(!table.contains("NO ROUTE"), "{table}");
    let differs = |these: &str, those: &str| {
        let known: Vec<&str> = those.lines().collect();
        these.lines().filter(|line| !known.contains(line)).collect::<Vec<_>>().join("\n")
    };
    assert!(
        table == expected,
        "the authority table changed; see the top of authority.rs\nfound:\n{}\nexpected:\n{}",
        differs(&table, &expected),
        differs(&expected, &table),
    );
}
