//! Answers to reads at a rail of plain HTTP, which go on while they come: what is bounded, and what ends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bursar_core::ambient::Clock as _;
use bursar_core::breaker::BreakerRules;
use bursar_core::time::Span;
use bursar_gateway::http::HttpRail;
use bursar_service::Policy;
use bursar_wire::signature::{AuthVersion, Request as Signed, SigningKey};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::exchange::{OWNER, Shop, rail_by, rail_showing, whole_request};
use crate::support::{Listening, policy};

const PATH: &str = "/rail/chain/v1/files/1";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/csv\r\ntransfer-encoding: chunked\r\n\r\n";
const MEBIBYTE: usize = 1 << 20;
/// Longer than anything takes that is to come at all.
const LONG: Duration = Duration::from_secs(20);

/// An upstream whose answers are written by the test.
struct Files {
    says: mpsc::Sender<Option<Vec<u8>>>,
    /// How many requests came, and how many bytes went.
    heard: Arc<AtomicUsize>,
    went: Arc<AtomicUsize>,
    /// Tells when the other side of a connection is gone.
    left: mpsc::Receiver<()>,
}

impl Files {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (says, mut script) = mpsc::channel::<Option<Vec<u8>>>(64);
        let (leaves, left) = mpsc::channel(64);
        let (heard, went) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (hears, goes) = (Arc::clone(&heard), Arc::clone(&went));
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                whole_request(&mut socket).await;
                hears.fetch_add(1, Ordering::SeqCst);
                let (mut nothing, mut is_left) = ([0; 16], false);
                loop {
                    tokio::select! {
                        said = script.recv() => {
                            let Some(Some(bytes)) = said else { break };
                            for piece in bytes.chunks(64 << 10) {
                                socket.write_all(piece).await.ok();
                                goes.fetch_add(piece.len(), Ordering::SeqCst);
                            }
                        }
                        _ = socket.read(&mut nothing), if !is_left => {
                            leaves.send(()).await.unwrap();
                            is_left = true;
                        }
                    }
                }
            }
        });
        (Self { says, heard, went, left }, url)
    }

    async fn raw(&self, bytes: impl Into<Vec<u8>>) {
        self.says.send(Some(bytes.into())).await.unwrap();
    }

    async fn chunk(&self, text: &str) {
        self.raw(format!("{:x}\r\n{text}\r\n", text.len())).await;
    }

    /// Closes the connection here.
    async fn gone(&self) {
        self.says.send(None).await.unwrap();
    }

    fn heard(&self) -> usize {
        self.heard.load(Ordering::SeqCst)
    }

    fn went(&self) -> usize {
        self.went.load(Ordering::SeqCst)
    }
}

/// A shop before such an upstream, whose rail reads a mebibyte of an answer and no more.
struct Reading {
    shop: Shop,
    files: Files,
    listening: Listening,
}

impl Reading {
    async fn open() -> Self {
        Self::with(rail_by, policy()).await
    }

    async fn with(rail: impl FnOnce(String, serde_json::Value) -> HttpRail, policy: Policy) -> Self {
        let (files, url) = Files::start().await;
        let rules = json!([{"method": "GET", "path": "/v1/files/{id}", "operation": "read"}]);
        let shop = Shop::before_with(rail(url, rules), "usd", "usd 10/day", policy).await;
        let listening = shop.server.listen().await;
        Self { shop, files, listening }
    }

    async fn ask(&self, line: &str, headers: &str) -> Taking {
        let mut socket = TcpStream::connect(self.listening.address).await.unwrap();
        socket.write_all(format!("{line}\r\nhost: x\r\n{headers}\r\n").as_bytes()).await.unwrap();
        Taking { socket, read: String::new() }
    }

    async fn bearing(&self) -> Taking {
        self.ask(&format!("GET {PATH} HTTP/1.1"), &format!("authorization: Bearer {}\r\n", self.shop.token)).await
    }

    async fn signing(&self) -> Taking {
        let (now, token) = (self.shop.server.clock.now().as_millis().to_string(), &self.shop.token);
        let signed = Signed { version: AuthVersion::V3, method: "GET", timestamp: &now, target: PATH, body: b"" };
        let hmac = SigningKey::from_token_text(token).sign(&signed).as_str().to_owned();
        let hash = base16ct::lower::encode_string(bursar_wire::token_text::BearerHash::of(token).expose());
        let proof = format!("authorization: Bearer {hash}\r\nhmac: {hmac}\r\n");
        let headers = format!("{proof}auth-timestamp: {now}\r\nbitgo-auth-version: 3.0\r\n");
        self.ask(&format!("GET {PATH} HTTP/1.1"), &headers).await
    }
}

/// A client in the middle of an answer.
struct Taking {
    socket: TcpStream,
    read: String,
}

/// How an answer ended.
#[derive(PartialEq, Eq, Debug)]
enum End {
    Closed,
    Reset,
}

impl Taking {
    /// Reads until this has come; how it ended if it has before.
    async fn until(&mut self, text: &str) -> Result<(), End> {
        while !self.read.contains(text) {
            let mut more = [0; 4096];
            match timeout(LONG, self.socket.read(&mut more)).await.expect("in time") {
                Ok(0) => return Err(End::Closed),
                Err(_) => return Err(End::Reset),
                Ok(count) => self.read.push_str(std::str::from_utf8(&more[..count]).unwrap()),
            }
        }
        Ok(())
    }

    /// Whether it comes to its end, and not only to that of the connection.
    async fn is_whole(&mut self) -> bool {
        self.until("\r\n0\r\n\r\n").await.is_ok()
    }

    /// What came without its chunks.
    fn text(&self) -> String {
        let body = self.read.split_once("\r\n\r\n").unwrap().1;
        body.lines().filter(|line| usize::from_str_radix(line, 16).is_err()).collect()
    }
}

#[tokio::test]
async fn the_answer_to_a_read_goes_on_while_it_comes_whatever_its_status_and_kind() {
    let reading = Reading::open().await;
    for (status, kind, told) in [
        ("200 OK", "text/csv", "text/csv"),
        ("404 Not Found", "application/json", "application/json"),
        ("500 X", "text/html", "application/octet-stream"),
    ] {
        let mut taking = reading.bearing().await;
        let head = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: {kind}\r\nset-cookie: a=b\r\nx-request-id: r\r\n"
        );
        reading.files.raw(format!("{head}transfer-encoding: chunked\r\n\r\n")).await;
        // Nothing of the body was said by then.
        taking.until("\r\n\r\n").await.unwrap();
        reading.files.chunk("one").await;
        taking.until("one").await.unwrap();
        let read = taking.read.to_lowercase();
        assert!(read.starts_with(&format!("http/1.1 {}", &status[..3])), "{read}");
        assert!(read.contains(&format!("content-type: {told}\r\n")) && read.contains("x-request-id: r\r\n"), "{read}");
        assert!(!read.contains("set-cookie") && !read.contains("content-length"), "{read}");
        reading.files.chunk("two").await;
        reading.files.raw("0\r\n\r\n").await;
        assert!(taking.is_whole().await, "{}", taking.read);
        assert_eq!(taking.text(), "onetwo");
        reading.files.gone().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_there_at_once_goes_whole_and_one_without_a_body_has_none() {
    let reading = Reading::open().await;
    for (answer, ends) in [
        (
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nhi",
            "content-length: 2\r\n",
        ),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", "content-length: 0\r\n"),
        ("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n", "204 "),
        ("HTTP/1.1 304 Not Modified\r\nconnection: close\r\ncontent-length: 7\r\n\r\n", "304 "),
    ] {
        let mut taking = reading.bearing().await;
        reading.files.raw(answer).await;
        taking.until("\r\n\r\n").await.unwrap();
        assert!(taking.read.contains(ends) && !taking.read.contains("chunked"), "{}", taking.read);
        // The connection is good for another one.
        let next =
            format!("GET /bursar/v1/self HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", reading.shop.token);
        taking.read.clear();
        taking.socket.write_all(next.as_bytes()).await.unwrap();
        taking.until("\"id\":").await.unwrap();
        reading.files.gone().await;
    }
    // No rule is for a method that reads no body: nothing is asked.
    let heard = reading.files.heard();
    let mut taking = reading
        .ask(&format!("HEAD {PATH} HTTP/1.1"), &format!("authorization: Bearer {}\r\n", reading.shop.token))
        .await;
    taking.until("\r\n\r\n").await.unwrap();
    assert!(taking.read.starts_with("HTTP/1.1 4"), "{}", taking.read);
    assert_eq!(reading.files.heard(), heard);
}

#[tokio::test]
async fn fifty_mebibytes_come_whole_and_wait_upstream_while_their_client_takes_nothing() {
    let reading = Reading::open().await;
    let mut taking = reading.bearing().await;
    reading.files.raw(CHUNKED).await;
    let (mebibyte, says) = ("x".repeat(MEBIBYTE), reading.files.says.clone());
    let sending = tokio::spawn(async move {
        for _ in 0..50 {
            says.send(Some(format!("{MEBIBYTE:x}\r\n{mebibyte}\r\n").into_bytes())).await.unwrap();
        }
        says.send(Some(b"0\r\n\r\n".to_vec())).await.unwrap();
    });
    taking.until("xxx").await.unwrap();
    let mut before = usize::MAX;
    while std::mem::replace(&mut before, reading.files.went()) != reading.files.went() {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // What the machine keeps for two connections, and next to nothing here.
    assert!(reading.files.went() < 30 * MEBIBYTE, "{}", reading.files.went());
    let (mut count, mut buffer, mut last) = (taking.read.len(), vec![0; MEBIBYTE], Vec::new());
    while !last.ends_with(b"\r\n0\r\n\r\n") {
        let read = timeout(LONG, taking.socket.read(&mut buffer)).await.expect("in time").unwrap();
        assert!(read > 0, "after {count}");
        count += read;
        last.extend_from_slice(&buffer[..read]);
        last.drain(..last.len().saturating_sub(16));
    }
    assert!(count > 50 * MEBIBYTE, "{count}");
    sending.await.unwrap();
}

#[tokio::test]
async fn an_answer_that_breaks_off_upstream_never_ends_well() {
    let reading = Reading::open().await;
    let by_length = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/csv\r\ncontent-length: 7\r\n\r\n";
    for (head, begins, ends) in [
        (CHUNKED, "3\r\none\r\n", ""),
        (CHUNKED, "3\r\none\r\n", "3\r\ntw"),
        (CHUNKED, "3\r\none\r\n", "garbage"),
        (by_length, "one", ""),
        (by_length, "one", "two"),
    ] {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let bearer = format!("authorization: Bearer {}\r\n", reading.shop.token);
            let mut taking = reading.ask(&format!("GET {PATH} {version}"), &bearer).await;
            reading.files.raw(head).await;
            taking.until("\r\n\r\n").await.unwrap();
            reading.files.raw(begins).await;
            taking.until("one").await.unwrap();
            reading.files.raw(ends).await;
            reading.files.gone().await;
            let end = taking.until("\r\n0\r\n\r\n").await.unwrap_err();
            // Before 1.1 an answer ends with its connection: one that is closed looks whole.
            assert!(version == "HTTP/1.1" || end == End::Reset, "{version} {ends:?}: {}", taking.read);
        }
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_before_any_of_it_went_on_is_told_as_such() {
    let reading = Reading::open().await;
    let mut taking = reading.bearing().await;
    reading.files.raw("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 7\r\n\r\none").await;
    reading.files.gone().await;
    // Either nothing of it went on, or it breaks off.
    let end = taking.until("rail_unavailable").await;
    assert!(end.is_ok() || taking.read.starts_with("HTTP/1.1 200"), "{}", taking.read);
}

#[tokio::test]
async fn the_read_of_a_token_that_may_read_no_more_breaks_off_within_a_second() {
    for end in ["revoke", "lock", "expire"] {
        let reading = Reading::open().await;
        let mut taking = reading.bearing().await;
        reading.files.raw(CHUNKED).await;
        reading.files.chunk("one").await;
        taking.until("one").await.unwrap();
        let server = &reading.shop.server;
        match end {
            "revoke" => {
                let session = server.log_in(OWNER).await;
                let path = format!("/bursar/v1/tokens/{}", reading.shop.token_id);
                assert_eq!(server.send("DELETE", &path, Some(&session), None).await.status, 200);
            }
            "lock" => {
                let locked = server.send("POST", "/api/v1/user/lock", Some(&reading.shop.token), None).await;
                assert_eq!(locked.status, 200, "{}", locked.body);
            }
            _ => server.pass(Span::from_seconds(11 * 366 * 86_400)),
        }
        let since = Instant::now();
        assert!(!taking.is_whole().await, "{end}: {}", taking.read);
        assert!(since.elapsed() < Duration::from_secs(1), "{end}: {:?}", since.elapsed());
        let mut files = reading.files;
        timeout(LONG, files.left.recv()).await.expect("and nobody reads on").unwrap();
    }
}

#[tokio::test]
async fn a_client_that_goes_takes_the_connection_upstream_with_it() {
    for has_begun in [false, true] {
        let mut reading = Reading::open().await;
        let mut taking = reading.bearing().await;
        if has_begun {
            reading.files.raw(CHUNKED).await;
            taking.until("\r\n\r\n").await.unwrap();
        }
        while reading.files.heard() == 0 {
            tokio::task::yield_now().await;
        }
        drop(taking);
        timeout(LONG, reading.files.left.recv()).await.expect("gone").unwrap();
    }
}

#[tokio::test]
async fn a_credential_that_lies_over_the_border_of_two_pieces_reaches_nobody() {
    let reading = Reading::open().await;
    let mut taking = reading.bearing().await;
    // The rail shows `Bearer restricted`: how long the answer is to be is not known before its end.
    reading
        .files
        .raw("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/csv\r\ncontent-length: 16\r\n\r\n")
        .await;
    taking.until("\r\n\r\n").await.unwrap();
    for piece in ["one,rest", "rict", "ed,2"] {
        reading.files.raw(piece).await;
    }
    assert!(taking.is_whole().await, "{}", taking.read);
    assert_eq!(taking.text(), "one,[redacted],2");
    assert!(!taking.read.contains("content-length"), "{}", taking.read);
}

#[tokio::test]
async fn where_nothing_can_be_taken_out_an_answer_keeps_its_length() {
    let reading = Reading::with(|url, rules| rail_showing(url, rules, None), policy()).await;
    let mut taking = reading.bearing().await;
    reading
        .files
        .raw("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/csv\r\ncontent-length: 6\r\n\r\none")
        .await;
    taking.until("one").await.unwrap();
    reading.files.raw("two").await;
    taking.until("onetwo").await.unwrap();
    assert!(taking.read.contains("content-length: 6\r\n") && !taking.read.contains("chunked"), "{}", taking.read);
}

#[tokio::test]
async fn whoever_signs_is_told_that_an_answer_is_too_long_and_what_helps() {
    let reading = Reading::open().await;
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/csv\r\ncontent-length: {}\r\n\r\n",
        MEBIBYTE + 1
    );
    let mut taking = reading.signing().await;
    reading.files.raw(head).await;
    taking.until("content-length").await.unwrap();
    reading.files.gone().await;
    taking.until("upstream_answer_too_long").await.unwrap();
    assert!(taking.read.starts_with("HTTP/1.1 502 "), "{}", taking.read);
    assert!(!taking.read.to_lowercase().contains("retry-after"), "{}", taking.read);
    assert!(taking.read.contains("1048576 bytes that `max_answer_bytes`"), "{}", taking.read);
    // What is short enough is signed.
    let mut taking = reading.signing().await;
    reading
        .files
        .raw("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/csv\r\ncontent-length: 3\r\n\r\none")
        .await;
    taking.until("one").await.unwrap();
    assert!(taking.read.contains("hmac: ") && taking.read.contains("content-length: 3\r\n"), "{}", taking.read);
}

#[tokio::test]
async fn reads_that_break_off_again_and_again_pause_the_token_and_one_that_ends_well_begins_anew() {
    let rules = BreakerRules { after: 3, pause: Span::from_seconds(60), longest: Span::from_seconds(3600) };
    let reading = Reading::with(rail_by, Policy { breaker: Some(rules), ..policy() }).await;
    for is_whole in [false, false, true, false, false, false] {
        let mut taking = reading.bearing().await;
        reading.files.raw(CHUNKED).await;
        taking.until("\r\n\r\n").await.unwrap();
        reading.files.chunk("one").await;
        taking.until("one").await.unwrap();
        if is_whole {
            reading.files.raw("0\r\n\r\n").await;
        }
        reading.files.gone().await;
        assert_eq!(taking.is_whole().await, is_whole, "{}", taking.read);
    }
    let mut taking = reading.bearing().await;
    taking.until("\"broken\"").await.unwrap();
    assert_eq!(reading.files.heard(), 6);
}
