//! `kill -9` while a proxy asks: what was held to pass a request is captured by the next server, and passes nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

use crate::{Home, PATIENCE, Server};

/// What the token may spend, in satoshi, one with each request.
const LIMIT: u64 = 400;
/// Who asks at once.
const CLIENTS: u64 = 8;
/// After how many answers of each the server is killed.
const ANSWERS: u64 = 10;

fn agent() -> Agent {
    let settings = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).proxy(None);
    settings.build().into()
}

/// Asks as nginx does whether one satoshi may be paid; nothing if there was no answer.
fn ask(agent: &Agent, url: &str, token: &str, address: &str, key: &str) -> Option<(u16, String)> {
    let request = Request::get(format!("{url}/authz/nginx"))
        .header("authorization", format!("Bearer {token}"))
        .header("x-original-method", "POST")
        .header("x-original-uri", format!("/pay/{address}?amount=1"))
        .header("x-forwarded-host", "api.example.com")
        .header("x-forwarded-for", "203.0.113.7")
        .header("idempotency-key", key);
    let answer = agent.run(request.body(()).unwrap()).ok()?;
    let refusal = answer.headers().get("bursar-refusal").map_or("", |code| code.to_str().unwrap());
    Some((answer.status().as_u16(), refusal.to_owned()))
}

/// What is captured and held of the token's limit.
fn used(server: &Server, session: &str, id: &str) -> (u64, u64) {
    let url = format!("{}/bursar/v1/tokens/{id}/limits", server.text("url"));
    let request = Request::get(url).header("authorization", format!("Bearer {session}"));
    let text = agent().run(request.body(()).unwrap()).unwrap().body_mut().read_to_string().unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    let number = |name: &str| {
        let found = read["limits"][0][name].as_str().and_then(|text| text.parse().ok());
        found.unwrap_or_else(|| panic!("{text}"))
    };
    (number("captured"), number("held"))
}

#[test]
fn what_passed_before_a_kill_is_captured_once_and_its_key_passes_nothing_more() {
    let home = Home::new("http://127.0.0.1:9");
    let wallets = home.start().1["wallets"].clone();
    let wallet = wallets.as_array().unwrap().iter().find(|wallet| wallet["coin"] == "tbtc").unwrap();
    let (wallet, address) = (wallet["id"].as_str().unwrap(), wallet["address"].as_str().unwrap().to_owned());
    let proxies = format!(
        "trusted_proxies = ['127.0.0.1/32']\n[[authz.rules]]\noperation = 'spend'\nhost = 'api.example.com'\n\
         method = 'POST'\npath = '/pay/{{to}}'\nwallet = '{wallet}'\ncoin = 'tbtc'\namount = 'query.amount'\n\
         destination = '{{to}}'\nkey = 'header.Idempotency-Key'\n"
    );
    fs::write(home.path("proxies.toml"), proxies).unwrap();
    let server = home.start_with("--proxies", "proxies.toml");
    let (token, id) = server.token(&format!("tbtc {LIMIT} base units/day"));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (url, token, address) = (server.text("url").to_owned(), token.clone(), address.clone());
            thread::spawn(move || {
                let (agent, mut passed) = (agent(), BTreeSet::new());
                for number in 0..LIMIT {
                    let key = format!("{client}-{number}");
                    match ask(&agent, &url, &token, &address, &key) {
                        Some((200, _)) => drop(passed.insert(key)),
                        Some((_, refusal)) => assert_eq!(refusal, "limit_exceeded"),
                        None => return passed,
                    }
                }
                passed
            })
        })
        .collect();
    let (session, began) = (server.session(), Instant::now());
    while used(&server, &session, &id).0 < CLIENTS * ANSWERS {
        assert!(began.elapsed() < PATIENCE, "too few passed");
    }
    drop(server);
    let passed: BTreeSet<String> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();

    let server = home.start_with("--proxies", "proxies.toml");
    let (session, began) = (server.session(), Instant::now());
    let captured = loop {
        let (captured, held) = used(&server, &session, &id);
        // Whatever is the state of each, it counts.
        let counted = captured + held;
        assert!(counted >= passed.len() as u64 && counted <= LIMIT, "{counted} of {}", passed.len());
        if held == 0 {
            break captured;
        }
        assert!(began.elapsed() < PATIENCE, "{held} are held");
        thread::park_timeout(Duration::from_millis(100));
    };
    // Of those that were not answered there is one for each client at most.
    assert!(captured <= passed.len() as u64 + CLIENTS, "{captured} of {}", passed.len());
    for key in &passed {
        let again = ask(&agent(), server.text("url"), &token, &address, key);
        assert_eq!(again, Some((403, "already_allowed".to_owned())), "{key}");
    }
    assert_eq!(used(&server, &session, &id), (captured, 0));
}
