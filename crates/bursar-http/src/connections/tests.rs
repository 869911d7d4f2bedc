use axum::routing::get;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper::upgrade::OnUpgrade;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use tokio::time::timeout;

use super::*;

const SHORT: Bounds =
    Bounds { idle: Duration::from_millis(200), leaving: Duration::from_millis(200), connections: 64, requests: 64 };
const FEW: Bounds =
    Bounds { idle: Duration::from_secs(60), leaving: Duration::from_secs(60), connections: 8, requests: 8 };

async fn served() -> SocketAddr {
    serving(SHORT, Vec::new()).await
}

async fn serving(bounds: Bounds, proxies: Vec<IpNet>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(|| async { "here" }).post(|_: Bytes| async { "taken" }));
    let router = router.route("/else", get(become_another)).route("/long", get(|| async { "x".repeat(1000) }));
    tokio::spawn(serve_within(listener, router, proxies, std::future::pending(), bounds));
    address
}

/// Becomes a connection of another kind, for as long as its client keeps it.
async fn become_another(mut request: Request<Body>) -> Response {
    let begun = request.extensions_mut().remove::<OnUpgrade>().unwrap();
    let closing = request.extensions_mut().remove::<Closing>().unwrap();
    tokio::spawn(async move {
        let mut upgraded = TokioIo::new(begun.await.unwrap());
        let _ended = upgraded.read(&mut [0; 1]).await;
        drop(closing);
    });
    let answer = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    answer.header("connection", "upgrade").header("upgrade", "else").body(Body::empty()).unwrap()
}

/// A connection from one of this machine's addresses.
async fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Whether a connection that asks now is answered.
async fn is_served(socket: &mut TcpStream) -> bool {
    // Writing to what is closed fails or not, as the news of it has come.
    let _ = socket.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut read = [0; 64];
    let answered = timeout(Duration::from_secs(10), socket.read(&mut read)).await.expect("no answer and no end");
    answered.is_ok_and(|length| read.get(..length).is_some_and(|read| read.starts_with(b"HTTP/1.1 200")))
}

#[tokio::test]
async fn a_connection_that_has_become_another_still_counts() {
    let address = serving(FEW, Vec::new()).await;
    let mut greedy = Vec::new();
    for _ in 0..4 {
        let mut socket = connect("127.0.0.1", address).await;
        let ask = b"GET /else HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: else\r\n\r\n";
        socket.write_all(ask).await.unwrap();
        let mut read = [0; 12];
        socket.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"HTTP/1.1 101");
        greedy.push(socket);
    }
    assert!(!is_served(&mut connect("127.0.0.1", address).await).await);
    assert!(is_served(&mut connect("127.0.0.2", address).await).await);
    drop(greedy);
    let again = async { while !is_served(&mut connect("127.0.0.1", address).await).await {} };
    timeout(Duration::from_secs(10), again).await.expect("its places are lost");
}

#[tokio::test]
async fn requests_of_every_version_count_together() {
    let address = serving(Bounds { connections: 64, ..FEW }, Vec::new()).await;
    let mut begun = Vec::new();
    let mut refused = 0;
    for _ in 0..6 {
        let mut socket = connect("127.0.0.1", address).await;
        socket.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n{").await.unwrap();
        let mut read = [0; 12];
        // Who is under way is told nothing.
        if timeout(Duration::from_millis(100), socket.read_exact(&mut read)).await.is_ok() {
            assert_eq!(&read, b"HTTP/1.1 503");
            refused += 1;
        }
        begun.push(socket);
    }
    assert_eq!(refused, 2);
    for (client, status) in [("127.0.0.1", StatusCode::SERVICE_UNAVAILABLE), ("127.0.0.2", StatusCode::OK)] {
        let request = Request::get("http://x/").body(Body::empty()).unwrap();
        let answer = frames(client, address).await.send_request(request).await;
        assert_eq!(answer.unwrap().status(), status);
    }
}

type Sender = http2::SendRequest<Body>;

async fn frames(from: &str, to: SocketAddr) -> Sender {
    let socket = TokioIo::new(connect(from, to).await);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), socket).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Begins requests whose bodies never end, of which so many are to be refused; the others are then under way.
async fn hold_up(sender: &mut Sender, (requests, refused): (usize, usize), forwarded: &str) {
    let mut begun = tokio::task::JoinSet::new();
    for _ in 0..requests {
        let request = Request::post("http://x/").header("x-forwarded-for", forwarded);
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        begun.spawn(sender.send_request(request.body(never).unwrap()));
    }
    for _ in 0..refused {
        let answer = timeout(Duration::from_secs(10), begun.join_next()).await.expect("more are under way");
        assert_eq!(answer.unwrap().unwrap().unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(timeout(Duration::from_millis(100), begun.join_next()).await.is_err(), "fewer are under way");
    begun.detach_all();
}

#[tokio::test]
async fn a_client_with_many_connections_leaves_as_many_to_others() {
    let address = serving(FEW, Vec::new()).await;
    let mut greedy = Vec::new();
    for _ in 0..8 {
        greedy.push(connect("127.0.0.1", address).await);
    }
    let mut served = Vec::new();
    for socket in &mut greedy {
        served.push(is_served(socket).await);
    }
    assert_eq!(served, [true, true, true, true, false, false, false, false]);
    assert!(is_served(&mut connect("127.0.0.2", address).await).await);
    // What it gives back it can have again, once the server has seen it.
    drop(greedy);
    let again = async { while !is_served(&mut connect("127.0.0.1", address).await).await {} };
    timeout(Duration::from_secs(10), again).await.expect("it has its share for good");
}

#[tokio::test]
async fn a_client_with_many_requests_under_way_leaves_as_many_to_others() {
    let address = serving(FEW, Vec::new()).await;
    let mut greedy = frames("127.0.0.1", address).await;
    hold_up(&mut greedy, (8, 4), "").await;
    let mut other = frames("127.0.0.2", address).await;
    let request = Request::get("http://x/").body(Body::empty()).unwrap();
    assert_eq!(other.send_request(request).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn an_answer_over_http_2_is_under_way_until_its_client_has_taken_it() {
    let address = serving(FEW, Vec::new()).await;
    let socket = TokioIo::new(connect("127.0.0.1", address).await);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) = builder.initial_stream_window_size(999).handshake::<_, Body>(socket).await.unwrap();
    tokio::spawn(connection);
    let mut ask = || {
        let request = Request::get("http://x/long").body(Body::empty()).unwrap();
        timeout(Duration::from_secs(10), sender.send_request(request))
    };
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let answer = ask().await.unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        waiting.push(answer);
    }
    assert_eq!(ask().await.unwrap().unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    for answer in waiting {
        assert_eq!(answer.headers()["content-length"], "1000");
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes().len(), 1000);
    }
    let again = async { while ask().await.unwrap().unwrap().status() != StatusCode::OK {} };
    timeout(Duration::from_secs(10), again).await.expect("what was taken is under way for good");
}

#[tokio::test]
async fn clients_behind_a_proxy_have_a_share_each_and_the_proxy_none() {
    let address = serving(FEW, vec!["127.0.0.1/32".parse().unwrap()]).await;
    let mut proxy = frames("127.0.0.1", address).await;
    hold_up(&mut proxy, (5, 1), "192.0.2.1").await;
    hold_up(&mut proxy, (3, 1), "192.0.2.2").await;
    let mut connections = Vec::new();
    for _ in 0..7 {
        connections.push(connect("127.0.0.1", address).await);
    }
    for socket in &mut connections {
        assert!(is_served(socket).await);
    }
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
