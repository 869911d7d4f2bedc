//! What the operations listener tells, and what it keeps to itself.

use axum::http::StatusCode;
use bursar_core::time::Span;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::chain_node::ChainWorld;
use crate::support::{OTP, Server, policy};

const USER: &str = "operated@example.com";

#[tokio::test]
async fn a_server_is_ready_once_it_has_settled_what_was_left_and_until_it_stops() {
    let server = Server::start().await;
    let told = |(status, text): (StatusCode, String)| (status.as_u16(), serde_json::from_str::<Value>(&text).unwrap());
    assert_eq!(told(server.operate("/healthz").await), (200, json!({"alive": true})));
    let (status, starting) = told(server.operate("/readyz").await);
    assert_eq!((status, &starting["ready"], &starting["reasons"][0]["code"]), (503, &json!(false), &json!("starting")));
    server.operations.opened();
    assert_eq!(told(server.operate("/readyz").await), (200, json!({"ready": true})));
    server.operations.stopping();
    assert_eq!(told(server.operate("/readyz").await).1["reasons"][0]["code"], "stopping");
    assert_eq!(told(server.operate("/healthz").await).0, 200, "what stops is alive");
    assert_eq!(server.operate("/api/v2/ping").await.0, 404, "no other route is here");
}

#[tokio::test]
async fn the_metrics_count_what_was_asked_held_and_refused() {
    let server = Server::start().await;
    server.operations.opened();
    server.user(USER).await;
    server.wallet_of(USER).await;
    let session = server.log_in(USER).await;
    let issued = server.issue(&session, json!({"spendingLimits": [{"coin": "tbtc", "txValueLimit": "10"}]})).await;
    let token = issued["token"].as_str().unwrap();
    let spend = format!("/api/v2/tbtc/wallet/{}/sendcoins", server.wallet);
    let address = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
    for body in [
        json!({"address": address, "amount": "3"}),
        json!({"address": address, "amount": "4"}),
        json!({"address": address, "amount": "11"}),
        json!({"address": address, "amount": "1", "otp": OTP}),
    ] {
        server.send("POST", &spend, Some(token), Some(body)).await;
    }
    server.send("GET", "/nowhere", None, None).await;
    let (status, text) = server.operate("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "bursar_ready 1",
        r#"bursar_ledger_commands_total{kind="hold",outcome="held"} 3"#,
        r#"bursar_ledger_commands_total{kind="hold",outcome="refused"} 1"#,
        r#"bursar_refusals_total{code="limit_exceeded"} 1"#,
        r#"bursar_refusals_total{code="no_such_route"} 1"#,
        r#"bursar_http_requests_total{method="POST",route="/api/v2/{coin}/wallet/{wallet}/sendcoins",status="2xx"} 3"#,
        r#"bursar_http_requests_total{method="POST",route="/api/v2/{coin}/wallet/{wallet}/sendcoins",status="4xx"} 1"#,
        r#"bursar_http_requests_total{method="any",route="none",status="4xx"} 1"#,
        r#"bursar_ledger_queue_depth{lane="settles"} "#,
        r#"bursar_ledger_batches_total{result="failed"} 0"#,
        r#"bursar_unsettled_spends{state="unresolved"} 0"#,
        r#"bursar_ledger_batch_commands_bucket{le="1.0"} "#,
        r#"bursar_ledger_commit_seconds_bucket{le="0.00025"} "#,
        "# EOF",
    ] {
        assert!(text.contains(line), "`{line}` is not in:\n{text}");
    }
    // Not who, what or how much: only how often.
    for secret in [token, USER, address, &server.wallet.to_string(), issued["id"].as_str().unwrap()] {
        assert!(!text.contains(secret), "{secret} in:\n{text}");
    }
}

#[tokio::test]
async fn refusals_on_pages_are_counted_as_those_of_the_interface() {
    let server = Server::start().await;
    server.operations.opened();
    server.user(USER).await;
    Browser::new(&server).enter(USER, "wrong", OTP, &[]).await;
    let mut browser = Browser::signed_in(&server, USER).await;
    browser.get("/tokens/00").await;
    assert_eq!(browser.post("/tokens/new", &[("label", ""), ("lifetime", "soon")]).await.status, 422);
    browser.form_token = "another's".to_owned();
    browser.post("/theme", &[("theme", "dark")]).await;
    let (_, text) = server.operate("/metrics").await;
    for code in ["password_wrong", "no_such_route", "invalid_field", "form_not_ours"] {
        let line = format!("bursar_refusals_total{{code=\"{code}\"}} 1\n");
        assert!(text.contains(&line), "{code}:\n{text}");
    }
}

#[tokio::test]
async fn the_metrics_say_which_rails_answer_and_when_each_last_did() {
    let world = ChainWorld::new(policy()).await;
    let server = &world.house.server;
    let figures = async || server.operate("/metrics").await.1;
    assert!(!figures().await.contains("bursar_rail_answers{"), "nobody has asked yet");
    server.bursar.ask_rails().await;
    let well = figures().await;
    let stamp = |text: &str| {
        let line =
            text.lines().find(|line| line.starts_with("bursar_rail_last_answer_timestamp_seconds{rail=\"chain\"}"));
        line.map(|line| line.rsplit(' ').next().unwrap().to_owned()).unwrap_or_else(|| panic!("{text}"))
    };
    for rail in ["chain", "sandbox"] {
        assert!(well.contains(&format!("bursar_rail_answers{{rail=\"{rail}\"}} 1\n")), "{well}");
    }
    world.node.fails();
    server.pass(Span::from_seconds(60));
    server.bursar.ask_rails().await;
    let down = figures().await;
    assert!(down.contains("bursar_rail_answers{rail=\"chain\"} 0\n"), "{down}");
    assert_eq!(stamp(&down), stamp(&well), "it says since when");
}
