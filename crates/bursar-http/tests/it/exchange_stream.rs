//! Answers that go to the client while they come: what is captured at their end, in the middle, and without a client.

use std::time::{Duration, Instant};

use bursar_core::ambient::Clock as _;
use bursar_wire::signature::{AuthVersion, Request as Signed, SigningKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::exchange::{OWNER, Shop, rail_by, whole_request};
use crate::support::{Answer, Listening};
use crate::world::code;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const PATH: &str = "/rail/chain/v1/ask";
/// Longer than anything takes that is to come at all.
const LONG: Duration = Duration::from_secs(20);

/// A model whose answers are written by the test: all connections write what comes next of it.
struct Model {
    says: mpsc::Sender<Says>,
    asked: mpsc::Receiver<()>,
}

enum Says {
    Raw(String),
    /// The connection is reset or closed here.
    Gone,
}

impl Model {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (says, mut script) = mpsc::channel(64);
        let (heard, asked) = mpsc::channel(64);
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                whole_request(&mut socket).await;
                heard.send(()).await.unwrap();
                while let Some(Says::Raw(text)) = script.recv().await {
                    socket.write_all(text.as_bytes()).await.unwrap();
                }
            }
        });
        (Self { says, asked }, url)
    }

    async fn raw(&self, text: impl Into<String>) {
        self.says.send(Says::Raw(text.into())).await.unwrap();
    }

    async fn event(&self, data: &str) {
        let event = format!("data: {data}\n\n");
        self.raw(format!("{:x}\r\n{event}\r\n", event.len())).await;
    }

    async fn named(&self, name: &str, data: &Value) {
        let event = format!("event: {name}\ndata: {data}\n\n");
        self.raw(format!("{:x}\r\n{event}\r\n", event.len())).await;
    }

    /// Ends as a model does that tells what it took.
    async fn end(&self, cost: &str) {
        self.event(&json!({"id": "run_1", "cost": cost}).to_string()).await;
        self.event("[DONE]").await;
        self.raw("0\r\n\r\n").await;
        self.gone().await;
    }

    async fn gone(&self) {
        self.says.send(Says::Gone).await.unwrap();
    }
}

/// A shop whose upstream is such a model; each question may cost 600 of 1000 a day.
struct Asking {
    shop: Shop,
    model: Model,
    listening: Listening,
}

impl Asking {
    async fn open(cut_off: &str) -> Self {
        Self::reading(json!({
            "done": "status == 200 && has(answer.cost)", "captured": "minor(answer.cost, 'microusd')",
            "record": "answer.id", "cut_off": cut_off,
        }))
        .await
    }

    /// One whose rule reads answers so.
    async fn reading(answers: Value) -> Self {
        let (model, url) = Model::start().await;
        let mut rule = json!({
            "method": "POST", "path": "/v1/ask", "operation": "spend", "headers": ["idempotency-key"],
            "body": "json", "fields": ["most"], "asset": "microusd", "amount": "minor(body.most, 'microusd')",
            "destination": "none", "key": "headers['idempotency-key']", "refused": "status == 402",
        });
        rule.as_object_mut().unwrap().extend(answers.as_object().unwrap().clone());
        let shop = Shop::before(rail_by(url, json!([rule])), "microusd", "microusd 1000 base units/day").await;
        let listening = shop.server.listen().await;
        Self { shop, model, listening }
    }

    /// Asks over a connection of its own.
    async fn ask(&self, key: &str, headers: &str) -> Taking {
        let mut socket = TcpStream::connect(self.listening.address).await.unwrap();
        let body = r#"{"most":600}"#;
        let head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{headers}");
        let rest = format!("idempotency-key: {key}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        socket.write_all(format!("{head}{rest}").as_bytes()).await.unwrap();
        Taking { socket, read: String::new() }
    }

    async fn bearing(&self, key: &str) -> Taking {
        self.ask(key, &format!("authorization: Bearer {}\r\n", self.shop.token)).await
    }

    /// Asks under a key again until it is known what came of it.
    async fn again(&self, key: &str) -> Answer {
        let headers = [
            ("authorization", format!("Bearer {}", self.shop.token)),
            ("idempotency-key", key.to_owned()),
            ("content-type", "application/json".to_owned()),
        ];
        let body = br#"{"most":600}"#.to_vec();
        self.shop.server.send_all([127, 0, 0, 1], "POST", PATH, &headers, body).await
    }

    /// The same once it is settled.
    async fn settled(&self, key: &str) -> Answer {
        let settled = async {
            loop {
                let answer = self.again(key).await;
                if code(&answer) != "outcome_pending" {
                    return answer;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, settled).await.expect("settled")
    }
}

/// A client in the middle of an answer.
struct Taking {
    socket: TcpStream,
    read: String,
}

impl Taking {
    /// Reads until this has come; `false` if it ends before.
    async fn until(&mut self, text: &str) -> bool {
        while !self.read.contains(text) {
            let mut more = [0; 4096];
            let count = timeout(LONG, self.socket.read(&mut more)).await.expect("in time").unwrap_or(0);
            if count == 0 {
                return false;
            }
            self.read.push_str(std::str::from_utf8(&more[..count]).unwrap());
        }
        true
    }

    /// Whether it comes to its end, and not only to that of the connection.
    async fn is_whole(&mut self) -> bool {
        self.until("0\r\n\r\n").await
    }
}

#[tokio::test]
async fn a_stream_comes_piece_by_piece_and_what_its_last_event_says_is_captured() {
    let mut asking = Asking::open("unknown").await;
    let mut taking = asking.bearing("k").await;
    asking.model.raw(HEAD).await;
    asking.model.event(r#"{"text":"Forty"}"#).await;
    // Nothing more was said by then.
    assert!(taking.until("Forty").await, "{}", taking.read);
    assert!(taking.read.starts_with("HTTP/1.1 200 OK\r\n"), "{}", taking.read);
    assert!(taking.read.contains("ratelimit: ") && taking.read.contains(";r=400;"), "{}", taking.read);
    assert_eq!(code(&asking.again("k").await), "outcome_pending", "while it comes");
    asking.model.end("250").await;
    assert!(taking.is_whole().await && taking.read.contains("[DONE]"), "{}", taking.read);
    // It is settled before its end is told.
    let again = asking.again("k").await;
    assert_eq!((code(&again), &again.body["reference"]), ("answer_streamed", &json!("run_1")), "{}", again.body);
    assert!(asking.model.asked.recv().await.is_some() && asking.model.asked.try_recv().is_err(), "it was sent once");
    // 250 were captured of the 600 that were held: another 600 fit.
    let mut taking = asking.bearing("l").await;
    asking.model.raw(HEAD).await;
    asking.model.end("600").await;
    assert!(taking.is_whole().await, "{}", taking.read);
}

#[tokio::test]
async fn what_a_stream_took_can_stand_in_two_events_before_its_last_one() {
    for ends in [true, false] {
        let asking = Asking::reading(json!({
            "events": ["begin", "took", "end"], "done": "status == 200 && has(answer.end)", "record": "answer.begin.id",
            "captured": "total([minor(answer.begin.input, 'microusd'), minor(answer.took.output, 'microusd')])",
        }))
        .await;
        let mut taking = asking.bearing("k").await;
        asking.model.raw(HEAD).await;
        asking.model.named("begin", &json!({"id": "run_1", "input": "100"})).await;
        for output in ["1", "250"] {
            asking.model.named("took", &json!({"output": output})).await;
        }
        asking.model.named(if ends { "end" } else { "error" }, &json!({})).await;
        asking.model.raw("0\r\n\r\n").await;
        asking.model.gone().await;
        assert!(taking.is_whole().await, "{}", taking.read);
        let again = asking.again("k").await;
        let told = if ends { "answer_streamed" } else { "outcome_pending" };
        assert_eq!(code(&again), told, "{}", again.body);
        // 350 were captured of the 600 that were held, or all of them stay.
        let mut more = asking.bearing("l").await;
        match ends {
            true => {
                asking.model.raw(HEAD).await;
                assert!(more.until(";r=50;").await, "{}", more.read);
            }
            false => assert!(more.until("limit_exceeded").await, "{}", more.read),
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_stays_held_unless_the_rule_captures_it() {
    for (cut_off, told) in [("unknown", "outcome_pending"), ("captured", "answer_streamed")] {
        for end in ["", "0\r\n\r\n", "garbage", "3\r\n\r\r\n\r\n"] {
            let asking = Asking::open(cut_off).await;
            let mut taking = asking.bearing("k").await;
            asking.model.raw(HEAD).await;
            asking.model.event(r#"{"cost":"1"}"#).await;
            // In the middle of the next event, however the connection ends then.
            asking.model.raw("6\r\ndata: \r\n").await;
            assert!(taking.until("cost").await, "{}", taking.read);
            asking.model.raw(end).await;
            asking.model.gone().await;
            assert!(!taking.is_whole().await, "{end:?}: {}", taking.read);
            let again = if told == "outcome_pending" { asking.again("k").await } else { asking.settled("k").await };
            assert_eq!(code(&again), told, "{end:?}: {}", again.body);
            let mut more = asking.bearing("l").await;
            assert!(more.until("limit_exceeded").await, "600 of 1000 count: {}", more.read);
        }
    }
}

#[tokio::test]
async fn a_stream_that_ends_without_a_cost_is_told_whole_and_stays_held() {
    let asking = Asking::open("captured").await;
    let mut taking = asking.bearing("k").await;
    asking.model.raw(HEAD).await;
    asking.model.event(r#"{"text":"no cost"}"#).await;
    asking.model.raw("0\r\n\r\n").await;
    asking.model.gone().await;
    assert!(taking.is_whole().await, "{}", taking.read);
    assert_eq!(code(&asking.again("k").await), "outcome_pending");
}

#[tokio::test]
async fn a_client_that_goes_does_not_keep_what_it_costs_from_being_known() {
    let asking = Asking::open("unknown").await;
    let mut taking = asking.bearing("k").await;
    asking.model.raw(HEAD).await;
    asking.model.event(r#"{"text":"Forty"}"#).await;
    assert!(taking.until("Forty").await);
    drop(taking);
    asking.model.end("250").await;
    let again = asking.settled("k").await;
    assert_eq!((code(&again), &again.body["reference"]), ("answer_streamed", &json!("run_1")), "{}", again.body);
    assert!(again.headers.get("ratelimit").is_none());
}

#[tokio::test]
async fn the_stream_of_a_token_that_may_spend_no_more_breaks_off_within_a_second() {
    for end in ["revoke", "lock"] {
        let asking = Asking::open("unknown").await;
        let mut taking = asking.bearing("k").await;
        asking.model.raw(HEAD).await;
        asking.model.event(r#"{"text":"Forty"}"#).await;
        assert!(taking.until("Forty").await);
        let server = &asking.shop.server;
        let done = match end {
            "revoke" => {
                let session = server.log_in(OWNER).await;
                let path = format!("/bursar/v1/tokens/{}", asking.shop.token_id);
                server.send("DELETE", &path, Some(&session), None).await
            }
            _ => server.send("POST", "/api/v1/user/lock", Some(&asking.shop.token), None).await,
        };
        assert_eq!(done.status, 200, "{end}: {}", done.body);
        let since = Instant::now();
        assert!(!taking.is_whole().await, "{end}: {}", taking.read);
        assert!(since.elapsed() < Duration::from_secs(1), "{end}: {:?}", since.elapsed());
        // What it came to counts all the same.
        asking.model.end("250").await;
        let spent = async {
            loop {
                let swept = server.bursar.sweep(bursar_service::sweep::Overdue::All).await.unwrap();
                if swept == bursar_service::sweep::Swept::default() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, spent).await.expect("settled");
    }
}

#[tokio::test]
async fn whoever_signs_is_answered_once_all_of_it_is_there() {
    let asking = Asking::open("unknown").await;
    let now = asking.shop.server.clock.now().as_millis().to_string();
    let body = br#"{"most":600}"#;
    let signed = Signed { version: AuthVersion::V3, method: "POST", timestamp: &now, target: PATH, body };
    let hmac = SigningKey::from_token_text(&asking.shop.token).sign(&signed).as_str().to_owned();
    let hash = bursar_wire::token_text::BearerHash::of(&asking.shop.token);
    let hash = base16ct::lower::encode_string(hash.expose());
    let headers =
        format!("authorization: Bearer {hash}\r\nhmac: {hmac}\r\nauth-timestamp: {now}\r\nbitgo-auth-version: 3.0\r\n");
    let mut taking = asking.ask("k", &headers).await;
    asking.model.raw(HEAD).await;
    asking.model.event(r#"{"text":"Forty"}"#).await;
    asking.model.end("250").await;
    assert!(taking.until("[DONE]").await, "{}", taking.read);
    assert!(taking.read.contains("content-length: ") && taking.read.contains("hmac: "), "{}", taking.read);
}

#[tokio::test]
async fn a_credential_that_a_stream_quotes_over_the_border_of_two_pieces_reaches_nobody() {
    let asking = Asking::open("unknown").await;
    let mut taking = asking.bearing("k").await;
    asking.model.raw(HEAD).await;
    // The rail shows `Bearer restricted`.
    for piece in ["data: {\"text\":\"by rest", "rict", "ed\"}\n\n"] {
        asking.model.raw(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
    }
    asking.model.end("250").await;
    assert!(taking.is_whole().await, "{}", taking.read);
    let text: String = taking.read.lines().filter(|line| usize::from_str_radix(line, 16).is_err()).collect();
    assert!(text.contains("by [redacted]") && !text.contains("restricted"), "{}", taking.read);
}
