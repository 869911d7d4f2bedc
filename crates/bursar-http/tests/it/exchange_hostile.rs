//! What somebody sends who would like Bursar to read another amount than the upstream: whatever it is, and however it is framed,
//! either the upstream hears nothing of it, or it understands what was held.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::exchange::{Shop, rail_by, whole_request};
use crate::support::Listening;

/// What the token may spend, in cents.
const LIMIT: u64 = 100_000_000;

/// What an upstream understood of a request, with decoders of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Understood {
    path: String,
    amount: Option<u64>,
    to: Option<String>,
}

/// Reads a request as frameworks do that take the last of two, and numbers as they can.
fn understood(request: &str) -> Understood {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let target = head.split(' ').nth(1).unwrap();
    let url = url::Url::parse(&format!("http://upstream{target}")).unwrap();
    let is_json = head.to_ascii_lowercase().contains("content-type: application/json");
    let mut found: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if is_json {
        let read: Value = serde_json::from_str(body).unwrap();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        found.extend(read.as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value))));
    } else {
        found.extend(form_urlencoded::parse(body.as_bytes()).into_owned());
    }
    let last = |wanted: &str| {
        let base = |name: &str| name.trim_end_matches("[]").to_ascii_lowercase();
        found.iter().rev().find(|(name, _)| base(name) == wanted).map(|(_, value)| value.clone())
    };
    let number = |text: String| text.trim().parse::<f64>().ok().map(|amount| amount as u64);
    Understood { path: url.path().to_owned(), amount: last("amount").and_then(number), to: last("to") }
}

struct Upstream(Arc<Mutex<Vec<Understood>>>);

impl Upstream {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let all = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&all);
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let read = whole_request(&mut socket).await;
                let found = understood(std::str::from_utf8(&read).unwrap());
                let body = json!({"amount": found.amount.unwrap_or(0).to_string()}).to_string();
                heard.lock().unwrap().push(found);
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (Self(all), url)
    }

    fn take(&self) -> Vec<Understood> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct Door {
    shop: Shop,
    upstream: Upstream,
    listening: Listening,
    sent: u64,
    captured: u64,
}

impl Door {
    async fn open() -> Self {
        let (upstream, url) = Upstream::start().await;
        let rule = |content: &str| {
            json!({
                "method": "POST", "path": format!("/v1/{content}"), "operation": "spend", "body": content,
                "headers": ["idempotency-key"], "fields": ["*"], "query": ["note"], "asset": "usd",
                "amount": "minor(body.amount, 'usd')", "destination": "body.to", "key": "headers['idempotency-key']",
                "done": "status == 200", "captured": "minor(answer.amount, 'usd')", "may_exceed": true,
            })
        };
        let rail = rail_by(url, json!([rule("json"), rule("form")]));
        let shop = Shop::before(rail, "usd", &format!("usd {LIMIT} base units/day")).await;
        let listening = shop.server.listen().await;
        Self { shop, upstream, listening, sent: 0, captured: 0 }
    }

    /// Sends these bytes under a key of their own, and tells whether it was held and sent on: then as the upstream understood
    /// it, and no more than once.
    async fn send(&mut self, line: &str, headers: &str, body: &[u8]) -> bool {
        self.sent += 1;
        let mut socket = TcpStream::connect(self.listening.address).await.unwrap();
        let (token, key) = (&self.shop.token, self.sent);
        let own =
            format!("host: x\r\nauthorization: Bearer {token}\r\nidempotency-key: k{key}\r\nconnection: close\r\n");
        let head = format!("{line} HTTP/1.1\r\n{own}{headers}\r\n\r\n");
        socket.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut read = Vec::new();
        // Whoever is refused early may find the connection reset.
        socket.read_to_end(&mut read).await.ok();
        let answer = String::from_utf8_lossy(&read).into_owned();
        let heard = self.upstream.take();
        let shown = format!("{line}\n{headers}\n{}\n\n{answer}", String::from_utf8_lossy(body));
        if !answer.starts_with("HTTP/1.1 200") {
            assert!(answer.starts_with("HTTP/1.1 4") && heard.is_empty(), "{shown}\n{heard:?}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{shown}");
            return false;
        }
        let [one] = &heard[..] else { panic!("{shown}\n{heard:?}") };
        let left = answer.split(";r=").nth(1).and_then(|rest| rest.split([';', '\r', ',']).next()).expect(&shown);
        let held = LIMIT - self.captured - left.parse::<u64>().expect(&shown);
        assert_eq!(one.amount, Some(held), "{shown}");
        assert_eq!(one.to.as_deref(), Some("tok"), "{shown}");
        assert!(matches!(one.path.as_str(), "/v1/json" | "/v1/form"), "{shown}");
        self.captured += held;
        true
    }

    async fn post(&mut self, place: &str, kind: &str, more: &str, body: &str) -> bool {
        let line = format!("POST /rail/chain{place}");
        let headers = format!("content-type: {kind}\r\n{more}content-length: {}", body.len());
        self.send(&line, &headers, body.as_bytes()).await
    }
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn whatever_an_amount_is_written_in_both_understand_it_as_the_same_or_nobody_does() {
    let mut door = Door::open().await;
    let amounts = [
        "500",
        "\"500\"",
        "0",
        "5.0",
        "5e2",
        "-5",
        "\"-5\"",
        "\"0x1f4\"",
        "0500",
        "\"0500\"",
        "1e400",
        "null",
        "true",
        "[500]",
        "{\"x\":500}",
        "\"\"",
        "\" 500\"",
        "\"5_00\"",
        "\"\\u0035\\u0030\\u0030\"",
        "500.00",
        "\"٥\"",
        "NaN",
        "18446744073709551616",
        "\"500\\u0000\"",
        "\"1,000\"",
        "+5",
        "5.",
        ".5",
    ];
    let mut passed = 0;
    for amount in amounts {
        for body in [
            format!(r#"{{"amount":{amount},"to":"tok"}}"#),
            format!(r#"{{"\u0061mount":{amount},"to":"tok"}}"#),
            format!(r#"{{"amount":{amount},"to":"tok","amount":1}}"#),
            format!(r#"{{"amount":{amount},"to":"tok","\u0061mount":1}}"#),
            format!(r#"{{"amount":{amount},"to":"tok","Amount":1}}"#),
            format!(r#"{{"amount":{amount},"to":"tok","more":{{"amount":1}}}}"#),
            format!(r#"{{"amount":{amount},"to":"tok"}} {{"amount":1}}"#),
        ] {
            passed += u32::from(door.post("/v1/json", JSON, "", &body).await);
        }
        let text = amount.trim_matches('"');
        for body in [
            format!("amount={text}&to=tok"),
            format!("%61mount={text}&to=tok"),
            format!("amount={text}&to=tok&amount=1"),
            format!("amount={text}&to=tok&%61mount=1"),
            format!("amount={text}&to=tok&AMOUNT=1"),
            format!("amount={text}&to=tok&amount[]=1"),
            format!("amount={text}&to=tok;amount=1"),
            format!("amount={text}+&to=tok"),
        ] {
            passed += u32::from(door.post("/v1/form", FORM, "", &body).await);
        }
    }
    assert!(passed >= 12, "{passed} passed: what is plain does");
}

#[tokio::test]
async fn a_body_is_what_it_is_said_to_be_and_a_request_goes_where_it_says() {
    let mut door = Door::open().await;
    let (json, form) = (r#"{"amount":5,"to":"tok"}"#, "amount=5&to=tok");
    for (place, kind, more, body, passes) in [
        ("/v1/json", JSON, "", json, true),
        ("/v1/json", "application/json; charset=utf-8", "", json, true),
        ("/v1/form?note=a", FORM, "", form, true),
        ("/v1/%66orm", FORM, "", form, true),
        ("/v1/json", JSON, "content-encoding: identity\r\n", json, true),
        ("/v1/json", JSON, "x-http-method-override: DELETE\r\n", json, true),
        ("/v1/json", JSON, "x-original-url: /v1/other\r\nx-rewrite-url: /v1/other\r\n", json, true),
        ("/v1/json", FORM, "", json, false),
        ("/v1/json", FORM, "", form, false),
        ("/v1/form", JSON, "", json, false),
        ("/v1/form", JSON, "", form, false),
        ("/v1/form", "multipart/form-data; boundary=a", "", form, false),
        ("/v1/json", "text/plain", "", json, false),
        ("/v1/json", "application/json; charset=utf-16", "", json, false),
        ("/v1/json", JSON, "content-type: text/plain\r\n", json, false),
        ("/v1/json", JSON, "content-encoding: gzip\r\n", json, false),
        ("/v1/json", JSON, "content-encoding: br\r\n", json, false),
        ("/v1/json", JSON, "content-encoding: identity\r\ncontent-encoding: gzip\r\n", json, false),
        ("/v1/json", JSON, "idempotency-key: other\r\n", json, false),
        ("/v1/json?amount=1", JSON, "", json, false),
        ("/v1/form?amount=1", FORM, "", form, false),
        ("/v1/form?note=1&note=2", FORM, "", form, true),
        ("/v1/form?note=1&to=2", FORM, "", form, false),
        ("/v1/form?note=1%26amount=9", FORM, "", form, true),
        ("/v1/./form", FORM, "", form, false),
        ("/v1/x/../form", FORM, "", form, false),
        ("/v1/x/%2e%2e/form", FORM, "", form, false),
        ("/v1//form", FORM, "", form, false),
        ("/v1/form/", FORM, "", form, false),
        ("/v1%2fform", FORM, "", form, false),
        ("/v1/form;a=b", FORM, "", form, false),
        ("/v1/form%00", FORM, "", form, false),
        ("/v1/%2566orm", FORM, "", form, false),
        ("/v1/FORM", FORM, "", form, false),
    ] {
        assert_eq!(door.post(place, kind, more, body).await, passes, "{place} {kind} {more}");
    }
}

#[tokio::test]
async fn a_body_in_chunks_is_one_body_and_what_is_framed_in_two_ways_is_none() {
    let mut door = Door::open().await;
    let line = "POST /rail/chain/v1/json";
    let chunked = format!("content-type: {JSON}\r\ntransfer-encoding: chunked");
    let whole = b"d\r\n{\"amount\":5,\"\r\na\r\nto\":\"tok\"}\r\n0\r\n\r\n";
    assert!(door.send(line, &chunked, whole).await);
    assert!(door.send(line, &chunked, &whole.to_ascii_uppercase().to_ascii_lowercase()).await);
    let smuggled =
        "POST /rail/chain/v1/json HTTP/1.1\r\nhost: x\r\ncontent-length: 23\r\n\r\n{\"amount\":9,\"to\":\"tok\"}";
    let body = r#"{"amount":5,"to":"tok"}"#;
    for (headers, bytes) in [
        (format!("{chunked}\r\ncontent-length: 23"), whole.to_vec()),
        (format!("{chunked}\r\ncontent-length: 0"), whole.to_vec()),
        (format!("{chunked}\r\ntransfer-encoding: chunked"), whole.to_vec()),
        (format!("content-type: {JSON}\r\ntransfer-encoding: gzip, chunked"), whole.to_vec()),
        (format!("content-type: {JSON}\r\ntransfer-encoding: xchunked"), whole.to_vec()),
        (format!("content-type: {JSON}\r\ntransfer-encoding:\x0bchunked"), whole.to_vec()),
        (format!("content-type: {JSON}\r\ncontent-length: 23\r\ncontent-length: 24"), body.as_bytes().to_vec()),
        (format!("content-type: {JSON}\r\ncontent-length: +23"), body.as_bytes().to_vec()),
        (chunked.clone(), b"17;\r\n{\"amount\":5,\"to\":\"tok\"}0\r\n\r\n".to_vec()),
        (chunked.clone(), b"0x17\r\n{\"amount\":5,\"to\":\"tok\"}\r\n0\r\n\r\n".to_vec()),
        (chunked.clone(), b"-1\r\n{\"amount\":5,\"to\":\"tok\"}\r\n0\r\n\r\n".to_vec()),
    ] {
        let bytes = [bytes.as_slice(), smuggled.as_bytes()].concat();
        assert!(!door.send(line, &headers, &bytes).await, "{headers}");
    }
    // What follows a whole request is another, and nobody's: it has no token.
    let headers = format!("content-type: {JSON}\r\ncontent-length: {}", body.len());
    assert!(door.send(line, &headers, &[body, smuggled].concat().into_bytes()).await);
}
