//! Planted secrets appear in no log line, no error, no audit event and no plain byte of the data directory
//! (SECURITY.md, at rest).

use std::io::Write;
use std::sync::{Arc, Mutex};

use bursar_wire::token_text::BearerHash;
use serde_json::json;

use crate::browser::Browser;
use crate::support::{OTP, PASSWORD, Server};

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
