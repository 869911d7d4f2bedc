//! Requests as they are on the wire: how they are framed, in which version of HTTP, and what ends a connection.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::http::{Request, Version};
use futures_util::stream;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Listening, Server};

/// Writes this, and reads until the server ends the connection or was silent for a moment.
async fn exchange(address: SocketAddr, parts: &[&str]) -> (String, bool) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    for part in parts {
        socket.write_all(part.as_bytes()).await.unwrap();
        socket.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let (mut read, mut ended) = (Vec::new(), false);
    let moment = std::time::Duration::from_millis(300);
    let mut more = [0; 4096];
    while let Ok(count) = tokio::time::timeout(moment, socket.read(&mut more)).await {
        // A reset ends it as well.
        let count = count.unwrap_or(0);
        if count == 0 {
            ended = true;
            break;
        }
        read.extend_from_slice(&more[..count]);
    }
    (String::from_utf8(read).unwrap(), ended)
}

fn answers(text: &str) -> Vec<u16> {
    text.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect()
}

const LOGIN: &str = "POST /bursar/v1/sign-in HTTP/1.1\r\nhost: x\r\n";
const PING: &str = "GET /api/v1/ping HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_request_says_its_length_once_or_is_refused_and_the_last() {
    let server = Server::start().await;
    let Listening { address, stop: _stop, .. } = server.listen().await;
    for (head, expected) in [
        ("content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "two_lengths"),
        ("transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", "two_lengths"),
        ("Transfer-Encoding: chunked\r\nCONTENT-LENGTH: 0\r\n\r\n0\r\n\r\n", "two_lengths"),
        ("transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "two_lengths"),
        ("transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "two_lengths"),
        ("content-length: 2\r\ncontent-length: 2\r\n\r\n{}", "two_lengths"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "two_lengths"),
        ("content-length: 2\r\ncontent-length: 3\r\n\r\n{}", ""),
        ("content-length: 2, 2\r\n\r\n{}", ""),
        ("content-length: +2\r\n\r\n{}", ""),
        ("content-length: -2\r\n\r\n{}", ""),
        ("content-length: 0x2\r\n\r\n{}", ""),
        ("content-length: 2 \x0b\r\n\r\n{}", ""),
        ("content-length : 2\r\n\r\n{}", ""),
        (" content-length: 2\r\n\r\n{}", ""),
        ("content-length: 1\r\n 2\r\n\r\n{}", ""),
        ("content-length: 99999999999999999999\r\n\r\n{}", ""),
        ("transfer-encoding: gzip\r\n\r\n{}", ""),
        ("transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n", ""),
        ("transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", ""),
        ("x: a\r\n b\r\ncontent-length: 2\r\n\r\n{}", ""),
        ("x\0: a\r\ncontent-length: 2\r\n\r\n{}", ""),
        ("host: y\r\ncontent-length: 2\r\n\r\n{}", "two_hosts"),
    ] {
        // Were anything of it left over, the second request would be answered.
        let (text, ended) = exchange(address, &[&format!("{LOGIN}{head}"), PING]).await;
        assert_eq!(answers(&text), [400], "{head:?}: {text}");
        assert!(ended && text.contains(expected), "{head:?}: {text}");
    }
}

#[tokio::test]
async fn what_is_framed_as_it_should_be_keeps_its_connection() {
    let server = Server::start().await;
    let Listening { address, stop: _stop, .. } = server.listen().await;
    let post = format!("{LOGIN}content-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}");
    let mut socket = TcpStream::connect(address).await.unwrap();
    for (request, status) in [(post.as_str(), "400"), (PING, "200"), (&post, "400"), (PING, "200")] {
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"}") {
            let mut more = [0; 4096];
            let count = socket.read(&mut more).await.unwrap();
            assert_ne!(count, 0, "the connection ended");
            read.extend_from_slice(&more[..count]);
        }
        let text = String::from_utf8(read).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{text}");
        assert!(!text.contains("two_") && !text.contains("head_unreadable"), "{text}");
    }
}

#[tokio::test]
async fn after_chunks_or_what_came_too_early_the_connection_ends() {
    let server = Server::start().await;
    let Listening { address, stop: _stop, .. } = server.listen().await;
    let chunks = format!("{LOGIN}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\nx-trailer: a\r\n\r\n");
    for first in [chunks.as_str(), PING] {
        let (text, ended) = exchange(address, &[&format!("{first}{PING}")]).await;
        assert_eq!(answers(&text).len(), 1, "{text}");
        assert!(ended && text.to_ascii_lowercase().contains("connection: close"), "{text}");
    }
    let other = "GET http://y/api/v1/ping HTTP/1.1\r\nhost: x\r\n\r\n";
    let (text, ended) = exchange(address, &[other]).await;
    assert!(ended && text.contains("two_hosts"), "{text}");
}

type Sender = http2::SendRequest<http_body_util::combinators::BoxBody<Bytes, std::io::Error>>;

async fn client(address: SocketAddr) -> (Sender, tokio::task::JoinHandle<hyper::Result<()>>) {
    let socket = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    (sender, tokio::spawn(connection))
}

fn whole(body: &str) -> http_body_util::combinators::BoxBody<Bytes, std::io::Error> {
    Full::new(Bytes::from(body.to_owned())).map_err(|never| match never {}).boxed()
}

async fn ask(
    sender: &mut Sender,
    request: Request<http_body_util::combinators::BoxBody<Bytes, std::io::Error>>,
) -> (u16, Value) {
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn http_2_is_spoken_with_prior_knowledge_and_many_requests_share_a_connection() {
    let server = Server::start().await;
    server.user("a@example.com").await;
    let session = server.log_in("a@example.com").await;
    let Listening { address, stop, served } = server.listen().await;
    let (mut sender, connection) = client(address).await;
    // With the first answer the client has heard how many may be under way.
    let ping = Request::get("http://bursar.test/api/v1/ping").body(whole("")).unwrap();
    assert_eq!(ask(&mut sender, ping).await.0, 200);
    let asked = (0..200).map(|_| {
        let (mut sender, session) = (sender.clone(), session.clone());
        tokio::spawn(async move {
            let request = Request::get("http://bursar.test/api/v1/user/session")
                .header("authorization", format!("Bearer {session}"));
            ask(&mut sender, request.body(whole("")).unwrap()).await.0
        })
    });
    for one in asked.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), 200);
    }
    // A server that stops says so, finishes, and ends the connection.
    stop.send(()).unwrap();
    connection.await.unwrap().unwrap();
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_of_http_2_names_one_host_and_its_trailers_change_nothing() {
    let server = Server::start().await;
    server.user("a@example.com").await;
    let Listening { address, stop: _stop, .. } = server.listen().await;
    let (mut sender, _connection) = client(address).await;
    for (host, status, code) in [("bursar.test", 200, ""), ("BURSAR.test", 200, ""), ("other.test", 400, "two_hosts")] {
        let request = Request::get("http://bursar.test/api/v1/ping").header("host", host).body(whole("")).unwrap();
        let (found, body) = ask(&mut sender, request).await;
        assert_eq!(found, status, "{host}: {body}");
        assert!(body.to_string().contains(code), "{body}");
    }
    let body = json!({"email": "a@example.com", "password": "wrong", "otp": "000000"}).to_string();
    let trailers =
        axum::http::HeaderMap::from_iter([("authorization".parse().unwrap(), "Bearer nothing".parse().unwrap())]);
    let frames = [Ok(Frame::data(Bytes::from(body))), Ok(Frame::trailers(trailers))];
    let request = Request::post("http://bursar.test/api/v2/user/login").header("content-type", "application/json");
    let (status, body) = ask(&mut sender, request.body(StreamBody::new(stream::iter(frames)).boxed()).unwrap()).await;
    assert_eq!((status, &body["context"]["code"]), (401, &json!("password_wrong")), "{body}");
}

#[tokio::test]
async fn a_body_of_http_2_has_the_same_bound_and_a_head_has_one_too() {
    let server = Server::start().await;
    let Listening { address, stop: _stop, .. } = server.listen().await;
    let (mut sender, _connection) = client(address).await;
    let long = whole(&" ".repeat(65 * 1024));
    let (status, body) = ask(&mut sender, Request::post("http://x/api/v2/user/login").body(long).unwrap()).await;
    assert_eq!((status, &body["context"]["code"]), (413, &json!("body_too_long")), "{body}");
    let head = Request::get("http://x/api/v1/ping").header("x-long", "x".repeat(40 * 1024)).body(whole("")).unwrap();
    // It is refused before anything looks at it: with a status, or by ending the stream.
    if let Ok(response) = sender.send_request(head).await {
        assert_eq!(response.status(), 431);
    }
    let (status, _) = ask(&mut sender, Request::get("http://x/api/v1/ping").body(whole("")).unwrap()).await;
    assert_eq!(status, 200);
}
