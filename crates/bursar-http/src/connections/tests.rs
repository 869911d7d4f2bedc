use axum::routing::get;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use tokio::time::timeout;

use super::*;

const SHORT: Times = Times { idle: Duration::from_millis(200), leaving: Duration::from_millis(200) };

async fn served() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(|| async { "here" }));
    tokio::spawn(serve_within(listener, router, std::future::pending(), SHORT));
    address
}

/// Reads to the end, which must come soon.
async fn ended(socket: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let ended = timeout(Duration::from_secs(5), socket.read_to_end(&mut read)).await;
    // A reset is an end as well.
    let _ = ended.expect("the connection is still open");
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn who_does_not_say_what_it_wants_does_not_stay() {
    let address = served().await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = "\0\0\0\x04\0\0\0\0\0";
    for begun in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\n", preface] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(begun.as_bytes()).await.unwrap();
        ended(&mut socket).await;
    }
    // A head that is begun and never ended, in frames: HEADERS without END_HEADERS.
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(format!("{preface}{settings}\0\0\x01\x01\0\0\0\0\x01").as_bytes()).await.unwrap();
    socket.write_all(&[0x82]).await.unwrap();
    ended(&mut socket).await;
}

#[tokio::test]
async fn who_asks_for_nothing_more_is_told_to_go() {
    let address = served().await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(ended(&mut socket).await.ends_with("here"));
    let socket = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(Request::get("http://x/").body(Empty::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    drop(answer);
    // The sender is still there: it is the server that ends it.
    timeout(Duration::from_secs(5), connection).await.expect("still open").unwrap().unwrap();
}
