//! Planted secrets appear in no log line, no error, no audit event and no plain byte of the data directory
//! (SECURITY.md, at rest).

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use bursar_wire::token_text::BearerHash;
use serde_json::json;

use crate::browser::Browser;
use crate::exchange::{Shop, rail_with, rules};
use crate::support::{OTP, PASSWORD, Server};
use crate::world::code;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn no_secret_is_found_where_it_does_not_belong() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let server = Server::start().await;
    server.user("canary@example.com").await;
    server.wallet_of("canary@example.com").await;
    let session = server.log_in("canary@example.com").await;
    let issued = server.issue(&session, json!({"spendingLimits": [{"coin": "tbtc", "txValueLimit": "10"}]})).await;
    let token = issued["token"].as_str().unwrap().to_owned();
    let spend = format!("/api/v2/tbtc/wallet/{}/sendcoins", server.wallet);
    let to = json!({"address": "sandbox:refuse", "amount": "1", "otp": OTP});
    let mut said = Vec::new();
    for (method, path, token, body) in [
        ("POST", spend.as_str(), token.as_str(), Some(to)),
        ("POST", spend.as_str(), token.as_str(), Some(json!({"address": "sandbox:refuse", "amount": "11"}))),
        ("GET", "/api/v2/user/session", token.as_str(), None),
        ("GET", "/api/v2/user/accesstoken", session.as_str(), None),
        ("GET", "/api/v2/user/session", &token[..60], None),
        ("GET", "/nowhere", token.as_str(), None),
    ] {
        said.push(server.send(method, path, Some(token), body).await.body.to_string());
    }
    said.push(server.operate("/metrics").await.1);
    let mut browser = Browser::signed_in(&server, "canary@example.com").await;
    for path in ["/tokens", "/tokens/new", "/wallets", "/nowhere"] {
        said.push(browser.get(path).await.html);
    }
    let on_the_web = browser.cookies["__Host-bursar"].clone();
    server.bursar.close();

    let mut canaries: Vec<(&str, Vec<u8>)> = vec![("password", PASSWORD.as_bytes().to_vec())];
    let verifier = bursar_wire::password::WireVerifier::compute("canary@example.com", PASSWORD);
    canaries.push(("password verifier", verifier.expose().as_bytes().to_vec()));
    for text in [&session, &token, &on_the_web] {
        let hash = BearerHash::of(text);
        canaries.push(("token", text.as_bytes().to_vec()));
        canaries.push(("token hash", hash.expose().to_vec()));
        canaries.push(("token hash in hex", hash.to_hex().expose().as_bytes().to_vec()));
    }
    let mut places = vec![("log".to_owned(), log.0.lock().unwrap().clone())];
    places.extend(said.into_iter().map(|text| ("answer".to_owned(), text.into_bytes())));
    for entry in std::fs::read_dir(server.data()).unwrap() {
        let path = entry.unwrap().path();
        places.push((path.display().to_string(), std::fs::read(&path).unwrap()));
    }
    assert!(places.len() > 8, "the data directory was not read");
    for (place, bytes) in &places {
        for (canary, needle) in &canaries {
            assert!(!contains(bytes, needle), "{canary} found in {place}");
        }
    }
}

/// An upstream that quotes what it was shown, in every answer, with the status that a request asks for.
async fn quoting() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = async |headers: HeaderMap, body: Bytes| {
        let shown = headers["authorization"].to_str().unwrap().to_owned();
        let key = shown.split_once(' ').unwrap().1.to_owned();
        let status = std::str::from_utf8(&body).unwrap().rsplit("source=").next().unwrap().parse().unwrap_or(401);
        let told = json!({"error": format!("Invalid API Key provided: {key}"), "header": shown}).to_string();
        (
            StatusCode::from_u16(status).unwrap(),
            [("content-type", "application/json".to_owned()), ("request-id", key)],
            told,
        )
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    url
}

#[tokio::test]
async fn a_credential_that_an_upstream_quotes_goes_no_further_and_its_refusal_is_none_of_the_clients_token() {
    const KEY: &str = "sk_live_canary";
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let mut rules = rules();
    rules[0]["refused"] = json!("status == 401 || status == 402");
    let rail = rail_with(quoting().await, rules, ("authorization", &format!("Bearer {KEY}")));
    let shop = Shop::before(rail, "usd", "usd 10/day").await;
    let mut said = Vec::new();
    for (key, source, status, told) in
        [("a", "401", 502, "rail_credential_refused"), ("b", "402", 402, ""), ("c", "500", 409, "outcome_pending")]
    {
        for _ in 0..2 {
            let answer = shop.charge(key, &format!("amount=100&source={source}")).await;
            assert_eq!(answer.status, status, "{source}: {}", answer.body);
            assert_eq!(code(&answer), told, "{source}: {}", answer.body);
            assert!(!answer.headers.contains_key("www-authenticate"), "{source}");
            said.push(format!("{:?} {}", answer.headers, answer.body));
        }
    }
    assert!(said[2].contains("Invalid API Key provided: [redacted]"), "{}", said[2]);
    assert!(said[0].contains("\"spend\":"), "{}", said[0]);
    let read = shop.server.send("GET", "/rail/chain/v1/charges/ch_1", Some(&shop.token), None).await;
    assert_eq!((read.status.as_u16(), code(&read)), (502, "rail_credential_refused"), "{}", read.body);
    assert!(!read.headers.contains_key("www-authenticate"));
    said.push(read.body.to_string());
    let count = |state: &str| -> i64 {
        let query = "SELECT count(*) FROM holds WHERE state = ?1";
        shop.server.database().query_row(query, [state], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("released"), count("unresolved")), (4, 1), "each settles as its rule says");
    shop.server.bursar.close();

    let mut places = vec![("log".to_owned(), log.0.lock().unwrap().clone())];
    places.extend(said.into_iter().map(|text| ("answer".to_owned(), text.into_bytes())));
    for entry in std::fs::read_dir(shop.server.data()).unwrap() {
        let path = entry.unwrap().path();
        places.push((path.display().to_string(), std::fs::read(&path).unwrap()));
    }
    for (place, bytes) in &places {
        assert!(!contains(bytes, KEY.as_bytes()), "the credential was found in {place}");
    }
}
