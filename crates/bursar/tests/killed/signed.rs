//! `kill -9` while a spend is at an upstream that signs its answers: it has carried it out, and the server that asked is gone.
//! The next one finds it by its name, counts it once, and sends nothing again.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use bursar_wire::signature::{AuthVersion, Response, SigningKey};
use serde_json::{Value, json};

use crate::{Home, PATIENCE, Server, whole};

const TOKEN: &str = "v2x0000000000000000000000000000000000000000000000000000000000000000";
const TO: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
const CHANGE: &str = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";
/// What each spend pays, and what one costs with its greatest fee, in satoshi.
const AMOUNT: u64 = 1000;
const RAIL: &str = "[rails.up]\nkind = 'bitgo'\nurl = 'URL'\ntoken_file = 'up.token'\ncoin = 'tbtc'\n\
                    fees_per_spend = '0.0000005'\nfees_per_day = '0.000005'\n";

/// An upstream that carries out what it is asked, answers only look-ups, and shows as final what it was asked to pay.
fn upstream() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (hears, heard) = channel();
    thread::spawn(move || {
        let (mut open, mut paid) = (Vec::new(), BTreeSet::new());
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let Some((head, body)) = whole(&mut socket) else { continue };
            let mut words = head.split(' ');
            let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
            if method == "GET" {
                answer(&mut socket, &target, &head, &paid);
                continue;
            }
            let asked: Value = serde_json::from_str(&body).unwrap();
            let name = asked["sequenceId"].as_str().or_else(|| asked["intent"]["sequenceId"].as_str()).unwrap();
            assert!(paid.insert(name.to_owned()), "{name} was asked for twice");
            open.push(socket);
            if hears.send(target).is_err() {
                return;
            }
        }
    });
    (url, heard)
}

fn answer(socket: &mut TcpStream, target: &str, head: &str, paid: &BTreeSet<String>) {
    let path = target.split('?').next().unwrap();
    let found = path.rsplit('/').next().filter(|name| paid.contains(*name));
    let (status, shown) = match found {
        Some(name) => {
            let shown = json!({
                "id": "t1", "sequenceId": name, "coin": "tbtc", "wallet": "0a", "state": "confirmed", "txid": "ab",
                "valueString": "-1007", "feeString": "7", "entries": [{"address": TO, "valueString": "1000"}],
            });
            (200, shown)
        }
        None if path.ends_with("/wallet/0a") => {
            (200, json!({"id": "0a", "coin": "tbtc", "permissions": ["spend"], "confirmedBalanceString": "9000"}))
        }
        None if path.ends_with("/unspents") => {
            let coin = json!({"id": format!("{}:0", "01".repeat(32)), "address": CHANGE, "valueString": "1007"});
            (200, json!({"unspents": [coin]}))
        }
        None if path.ends_with("/txrequests") => (200, json!({"txRequests": []})),
        None if path.contains("/transfer/") => (404, json!({"error": "no such transfer"})),
        None => (200, json!({"user": "up"})),
    };
    let body = shown.to_string();
    // Its clock is the asker's.
    let timestamp = head.lines().find_map(|line| line.strip_prefix("auth-timestamp: ")).unwrap().to_owned();
    let subject = Response {
        version: AuthVersion::V3,
        method: "GET",
        timestamp: &timestamp,
        target,
        status,
        body: body.as_bytes(),
    };
    let signature = SigningKey::from_token_text(TOKEN).sign(&subject);
    let (hmac, length) = (signature.as_str(), body.len());
    let headers = format!("timestamp: {timestamp}\r\nhmac: {hmac}\r\nconnection: close\r\ncontent-length: {length}");
    write!(socket, "HTTP/1.1 {status} X\r\n{headers}\r\n\r\n{body}").unwrap();
}

/// What is captured and held of the token's limit.
fn used(server: &Server, session: &str, id: &str) -> (u64, u64) {
    let shown = server.get(&format!("/bursar/v1/tokens/{id}/limits"), session);
    let number = |name: &str| shown["limits"][0][name].as_str().and_then(|text| text.parse().ok());
    (number("captured").unwrap(), number("held").unwrap())
}

/// Kills the server while the upstream has this call, and looks at what the next one makes of it.
fn killed_in_the_middle_of(call: &'static str, body: &Value) {
    let (url, heard) = upstream();
    let home = Home::new("http://127.0.0.1:9");
    fs::write(home.path("rails.toml"), RAIL.replace("URL", &url)).unwrap();
    fs::write(home.path("up.token"), TOKEN).unwrap();
    let server = home.start();
    let wallet = home.add_wallet(&server, &["--rail", "up", "--coin", "tbtc", "--reference", "0a"]);
    let (token, id) = server.token("tbtc 2000 base units/day");
    let path = call.replace("WALLET", &wallet);
    let (at, bearer, asked) = (server.text("url").to_owned(), token.clone(), body.clone());
    let asking = thread::spawn({
        let path = path.clone();
        move || {
            let mut response = crate::asked(&at, &path, &bearer, "unused", &asked)?;
            response.body_mut().read_to_string().ok()
        }
    });
    let target = heard.recv_timeout(PATIENCE).expect("a request");
    drop(server);
    assert_eq!(asking.join().unwrap(), None, "{target}: nobody was answered");

    let server = home.start();
    let (session, began) = (server.session(), Instant::now());
    let captured = loop {
        let (captured, held) = used(&server, &session, &id);
        assert!((AMOUNT..=AMOUNT + 50).contains(&(captured + held)), "{target}: {captured} and {held} count");
        if held == 0 {
            break captured;
        }
        assert!(began.elapsed() < PATIENCE, "{target}: {held} are held");
        thread::park_timeout(Duration::from_millis(100));
    };
    assert_eq!(captured, AMOUNT + 7, "{target}: the real fee is what counts");
    let again = server.post(&path, &token, "unused", body).expect("an answer");
    assert_eq!(again["txid"], "ab", "{target}: {again}");
    assert_eq!(heard.try_iter().count(), 0, "{target}: it was sent once");
}

#[test]
fn a_payment_that_a_signing_upstream_has_is_found_by_the_next_server_and_never_sent_again() {
    let body = json!({"address": TO, "amount": "1000", "sequenceId": "a"});
    killed_in_the_middle_of("/api/v2/tbtc/wallet/WALLET/sendcoins", &body);
}

#[test]
fn a_transaction_that_a_signing_upstream_has_is_found_by_the_next_server() {
    let pays = "e803000000000000160014751e76e8199196d454941c45d1b3a323f1433bd6";
    let raw = format!("0200000001{}0000000000fdffffff01{pays}00000000", "01".repeat(32));
    let body = json!({"txHex": raw, "recipients": [{"address": TO, "amount": "1000"}], "sequenceId": "a"});
    killed_in_the_middle_of("/api/v2/tbtc/wallet/WALLET/tx/send", &body);
}

#[test]
fn what_the_upstream_makes_and_has_made_is_found_by_the_next_server() {
    let body = json!({"recipients": [{"address": TO, "amount": "1000"}], "sequenceId": "a"});
    killed_in_the_middle_of("/api/v2/tbtc/wallet/WALLET/tx/initiate", &body);
}

#[test]
fn a_transaction_request_that_the_upstream_has_is_found_by_the_next_server() {
    let recipient = json!({"address": {"address": TO}, "amount": {"value": "1000", "symbol": "tbtc"}});
    let intent = json!({"intentType": "payment", "sequenceId": "a", "recipients": [recipient]});
    killed_in_the_middle_of("/api/v2/wallet/WALLET/txrequests", &json!({"intent": intent, "apiVersion": "full"}));
}
