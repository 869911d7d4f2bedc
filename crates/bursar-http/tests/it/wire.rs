//! What a client sees that the SDK's own suites do not look at.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::id::WalletId;
use bursar_core::time::Span;
use bursar_gateway::sandbox::SandboxRail;
use bursar_service::Policy;
use serde_json::{Value, json};

use crate::support::{OTP, PASSWORD, Server, policy};

async fn with_user() -> (Server, String) {
    let server = Server::start().await;
    server.user("a@example.com").await;
    server.wallet_of("a@example.com").await;
    let session = server.log_in("a@example.com").await;
    (server, session)
}

fn limit(amount: &str) -> Value {
    json!({"spendingLimits": [{"coin": "tbtc", "txValueLimit": amount}]})
}

async fn spend(server: &Server, token: &str, amount: &str, more: Value) -> crate::support::Answer {
    let mut body = json!({"address": "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "amount": amount});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.send("POST", &format!("/api/v2/tbtc/wallet/{}/sendcoins", server.wallet), Some(token), Some(body)).await
}

#[tokio::test]
async fn of_400_concurrent_spends_against_a_limit_of_100_exactly_100_succeed() {
    let (server, session) = with_user().await;
    let token = server.issue(&session, limit("100")).await["token"].as_str().unwrap().to_owned();
    let server = std::sync::Arc::new(server);
    let tasks: Vec<_> = (0..400)
        .map(|_| {
            let (server, token) = (std::sync::Arc::clone(&server), token.clone());
            tokio::spawn(async move { spend(&server, &token, "1", json!({})).await.status.as_u16() })
        })
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 100);
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 300);
    let book = bursar_gateway::sandbox::Book::open(&server.data().join("sandbox.db")).unwrap();
    assert_eq!(book.transfers().unwrap().len(), 100);
}

#[tokio::test]
async fn what_wallets_hold_together_is_the_sum_of_all_and_not_of_a_first_page() {
    const MORE: usize = 500;
    let (server, session) = with_user().await;
    let ask = async |path: &str| server.send("GET", path, Some(&session), None).await;
    let sandbox = SandboxRail::open(&server.data().join("sandbox.db")).unwrap();
    let owner = server.bursar.user_named("a@example.com").await.unwrap().id;
    let mut last = server.wallet;
    for number in 0..MORE {
        // The last is of another coin, and comes after all others.
        let coin = if number + 1 == MORE { "hteth" } else { "tbtc" };
        last = WalletId::from_bytes((u128::MAX - (MORE - number) as u128).to_be_bytes());
        let coin = Coin::parse(coin).unwrap();
        sandbox.create_wallet(&last.to_string(), &coin, Amount::new(7), last.as_bytes().to_owned()).await.unwrap();
        server.bursar.register_wallet(last, coin, format!("{number}"), "sandbox", owner).await.unwrap();
    }
    let sums = ask("/api/v2/wallet/balances").await.body["balances"].clone();
    let of = |coin: &str| sums.as_array().unwrap().iter().find(|sum| sum["coin"] == coin).unwrap().clone();
    let first = 1_000_000;
    assert_eq!(of("tbtc")["balanceString"], (first + 7 * (MORE - 1)).to_string());
    assert_eq!(of("hteth")["balanceString"], "7");
    let shown = ask(&format!("/api/v2/hteth/wallet/{last}")).await;
    let key = shown.body["keys"][0].as_str().unwrap();
    assert_eq!(ask(&format!("/api/v2/hteth/key/{key}")).await.status, 200);
    let issued = server.issue(&session, json!({"limits": ["hteth 1/day"]})).await;
    assert!(!issued.to_string().contains("no wallet of that coin"), "{issued}");
}

#[tokio::test]
async fn a_refusal_by_a_limit_says_why_and_moves_nothing() {
    let (server, session) = with_user().await;
    let token = server.issue(&session, limit("100")).await["token"].as_str().unwrap().to_owned();
    assert_eq!(spend(&server, &token, "60", json!({})).await.status, 200);
    let refused = spend(&server, &token, "41", json!({})).await;
    assert_eq!(refused.status, 401);
    let mut body = refused.body;
    body["requestId"] = "…".into();
    insta::assert_json_snapshot!(body, @r#"
    {
      "error": "needs unlock",
      "name": "NeedsUnlock",
      "requestId": "…",
      "context": {
        "code": "limit_exceeded",
        "reason": "the token's limit of tbtc 0.000001 in total leaves 0.0000004 tbtc, 0.00000041 tbtc asked; no waiting makes it fit",
        "subject": "token",
        "coin": "tbtc",
        "rule": "tbtc 0.000001 in total",
        "limit": "100",
        "spent": "60",
        "held": "0",
        "asked": "41",
        "remaining": "40",
        "fits": "never",
        "fitsAt": null,
        "limits": [
          {
            "subject": "token",
            "coin": "tbtc",
            "rule": "tbtc 0.000001 in total",
            "limit": "100",
            "spent": "60",
            "held": "0",
            "asked": "41",
            "remaining": "40",
            "fits": "never",
            "fitsAt": null
          }
        ]
      },
      "needsOTP": true,
      "needsUnlock": true
    }
    "#);
    let book = bursar_gateway::sandbox::Book::open(&server.data().join("sandbox.db")).unwrap();
    assert_eq!(book.transfers().unwrap().len(), 1);
}

#[tokio::test]
async fn an_unknown_outcome_stays_held_until_the_sweep_finds_out() {
    let (server, session) = with_user().await;
    let token = server.issue(&session, limit("100")).await["token"].as_str().unwrap().to_owned();
    let lost = json!({"address": "sandbox:drop-answer", "sequenceId": "lost"});
    assert_eq!(spend(&server, &token, "70", lost.clone()).await.status, 409);
    let again = spend(&server, &token, "70", lost.clone()).await;
    assert_eq!(again.status, 409);
    assert_eq!(again.body["context"]["code"], "outcome_pending");
    let told = async |name: &str| {
        let path = format!("/api/v2/tbtc/wallet/{}/transfer/sequenceId/{name}", server.wallet);
        server.send("GET", &path, Some(&token), None).await
    };
    let known = told("lost").await;
    assert_eq!((&known.body["state"], &known.body["sequenceId"]), (&json!("unconfirmed"), &json!("lost")));
    assert_eq!(known.body["id"], again.body["context"]["spend"]);
    let strange = told("found").await;
    assert_eq!((strange.status.as_u16(), &strange.body["context"]["kind"]), (404, &json!("transfer")));
    let refused = spend(&server, &token, "31", json!({})).await;
    assert_eq!(refused.body["context"]["held"], "70", "what is unknown counts");
    server.bursar.sweep(bursar_service::sweep::Overdue::PastDeadline).await.unwrap();
    assert_eq!(spend(&server, &token, "70", lost).await.status, 200, "the first outcome");
    assert_eq!(told("lost").await.body["state"], "confirmed");
    assert_eq!(spend(&server, &token, "31", json!({})).await.body["context"]["spent"], "70");
}

#[tokio::test]
async fn a_spend_that_was_answered_is_listed_by_its_transaction_from_that_moment_on() {
    let (server, session) = with_user().await;
    let token = server.issue(&session, limit("100")).await["token"].as_str().unwrap().to_owned();
    let list = format!("/api/v2/tbtc/wallet/{}/transfer?limit=500", server.wallet);
    for _ in 0..100 {
        let sent = spend(&server, &token, "1", json!({})).await;
        assert_eq!(sent.status, 200, "{}", sent.body);
        let listed = server.send("GET", &list, Some(&token), None).await;
        let mut listed = listed.body["transfers"].as_array().unwrap().iter();
        assert!(listed.any(|transfer| transfer["txid"] == sent.body["txid"]), "{}", sent.body);
    }
}

#[tokio::test]
async fn one_built_transaction_is_one_spend_under_whatever_name_it_is_sent() {
    let (server, session) = with_user().await;
    let token = server.issue(&session, limit("100")).await["token"].as_str().unwrap().to_owned();
    let wallet = format!("/api/v2/tbtc/wallet/{}", server.wallet);
    let recipients = json!([{"address": "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "amount": "30"}]);
    let (path, body) = (format!("{wallet}/tx/build"), json!({"recipients": recipients}));
    let hex = server.send("POST", &path, Some(&token), Some(body)).await.body["txHex"].clone();
    let mut txids = std::collections::BTreeSet::new();
    for name in [json!({}), json!({"sequenceId": "one"}), json!({"sequenceId": "two"})] {
        let mut body = json!({"txHex": hex, "recipients": recipients});
        body.as_object_mut().unwrap().extend(name.as_object().unwrap().clone());
        let sent = server.send("POST", &format!("{wallet}/tx/send"), Some(&token), Some(body)).await;
        assert_eq!(sent.status, 200, "{}", sent.body);
        txids.insert(sent.body["txid"].as_str().unwrap().to_owned());
    }
    assert_eq!(txids.len(), 1);
    let book = bursar_gateway::sandbox::Book::open(&server.data().join("sandbox.db")).unwrap();
    assert_eq!(book.transfers().unwrap().len(), 1);
}

#[tokio::test]
async fn a_spend_the_rail_refused_gives_its_budget_back() {
    let (server, session) = with_user().await;
    let token = server.issue(&session, limit("100")).await["token"].as_str().unwrap().to_owned();
    let refused = spend(&server, &token, "100", json!({"address": "sandbox:refuse"})).await;
    assert_eq!(refused.body["context"]["code"], "rail_refused");
    assert_eq!(spend(&server, &token, "100", json!({})).await.status, 200);
}

#[tokio::test]
async fn a_lock_outlives_an_unlock_until_it_is_resumed() {
    let (server, session) = with_user().await;
    let token = server.issue(&session, limit("100")).await["token"].as_str().unwrap().to_owned();
    let locked = server.send("POST", "/api/v1/user/lock", Some(&token), None).await;
    assert!(locked.body["session"].get("unlock").is_none());
    assert_eq!(spend(&server, &token, "1", json!({})).await.body["context"]["code"], "locked");
    let unlock = |more: Value| {
        let mut body = json!({"otp": OTP, "duration": 60});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.send("POST", "/api/v1/user/unlock", Some(&token), Some(body))
    };
    assert_eq!(unlock(json!({})).await.status, 200);
    assert_eq!(spend(&server, &token, "1000", json!({})).await.status, 200);
    server.pass(Span::from_seconds(61));
    assert_eq!(spend(&server, &token, "1", json!({})).await.body["context"]["code"], "locked");
    assert_eq!(unlock(json!({"resume": true})).await.status, 200);
    server.pass(Span::from_seconds(61));
    assert_eq!(spend(&server, &token, "100", json!({})).await.status, 200, "limits and counters are back");
}

#[tokio::test]
async fn an_expired_session_and_a_revoked_token_say_so() {
    let (server, session) = with_user().await;
    let issued = server.issue(&session, json!({})).await;
    let path = format!("/api/v1/user/accesstoken/{}", issued["id"].as_str().unwrap());
    assert_eq!(server.send("DELETE", &path, Some(&session), None).await.status, 200);
    let answer = server.send("GET", "/api/v1/user/session", issued["token"].as_str(), None).await;
    assert_eq!((answer.status.as_u16(), answer.body["context"]["code"].as_str()), (401, Some("token_revoked")));
    assert_eq!(answer.headers["x-auth-required"], "true");
    server.pass(Span::from_seconds(3600));
    let answer = server.send("GET", "/api/v1/user/session", Some(&session), None).await;
    assert_eq!((answer.status.as_u16(), answer.body["context"]["code"].as_str()), (401, Some("token_expired")));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_answered_alike() {
    let (server, _) = with_user().await;
    let log_in = |email: &'static str, password: &'static str| {
        server.send("POST", "/api/v2/user/login", None, Some(json!({"email": email, "password": password, "otp": OTP})))
    };
    let mut answers = Vec::new();
    for (email, password) in [("a@example.com", "wrong"), ("nobody@example.com", PASSWORD)] {
        let mut answer = log_in(email, password).await;
        answer.body["requestId"] = "…".into();
        answers.push((answer.status, answer.body));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, 401);
}

#[tokio::test]
async fn a_new_password_ends_every_session_and_no_token() {
    let (server, session) = with_user().await;
    let token = server.issue(&session, limit("100")).await["token"].as_str().unwrap().to_owned();
    let new = bursar_core::secret::Secret::new("another horse another battery".to_owned());
    server.bursar.set_password("a@example.com", &new).await.unwrap();
    let refused = server.send("GET", "/api/v1/user/session", Some(&session), None).await;
    assert_eq!(refused.body["context"]["code"], "token_revoked");
    assert_eq!(spend(&server, &token, "1", json!({})).await.status, 200);
}

#[tokio::test]
async fn whatever_is_asked_the_answer_is_json() {
    let (server, session) = with_user().await;
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("GET", "/api/v9/nothing", 404),
        ("PUT", "/api/v1/ping", 405),
        ("GET", "/api/v2/tbtc/wallet/short", 400),
        ("GET", "/api/v2/tbtc/wallet/ffffffffffffffffffffffffffffffff", 404),
        ("GET", "//api/v1/ping", 200),
    ] {
        assert_eq!(server.send(method, path, Some(&session), None).await.status, status, "{method} {path}");
    }
    let huge = vec![b' '; 65 * 1024];
    assert_eq!(server.send_bytes("POST", "/api/v2/user/login", None, huge).await.status, 413);
}

#[tokio::test]
async fn a_user_has_at_most_as_many_tokens_as_allowed_also_when_they_are_made_at_once() {
    let server = Server::with(Policy { tokens_per_user: 10, ..policy() }).await;
    server.user("user@example.com").await;
    let session = server.log_in("user@example.com").await;
    let server = std::sync::Arc::new(server);
    let body = json!({"otp": OTP, "label": "bot", "duration": 3600, "scope": ["wallet_view_all"]});
    let tasks: Vec<_> = (0..30)
        .map(|_| {
            let (server, session, body) = (std::sync::Arc::clone(&server), session.clone(), body.clone());
            tokio::spawn(async move {
                server.send("POST", "/api/auth/v1/accesstoken", Some(&session), Some(body)).await.status.as_u16()
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += usize::from(task.await.unwrap() == 200);
    }
    let listed = server.send("GET", "/api/v2/user/accesstoken", Some(&session), None).await;
    assert_eq!(listed.body["accessTokens"].as_array().unwrap().len(), made);
    assert!((1..=10).contains(&made), "{made}");
}
