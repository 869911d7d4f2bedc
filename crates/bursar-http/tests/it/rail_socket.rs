//! Rails over WebSockets, with a socket of this machine on either side: who opens one, what is said over it, and what
//! ends it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use bursar_core::ambient::Clock as _;
use bursar_core::secret::Secret;
use bursar_core::time::Span;
use bursar_gateway::live::LivePlace;
use bursar_gateway::tls::Trust;
use bursar_service::freezes::FreezeOrder;
use bursar_wire::signature::{AuthVersion, Request as Signed, SigningKey};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};

use crate::house::House;
use crate::support::{Listening, OTP, Server, chain_at};

const CHAIN: u64 = 31_337;
const SOON: Duration = Duration::from_secs(10);

type Socket = WebSocketStream<TcpStream>;

/// Everything that a double of a node was told, credentials and calls.
type Heard = Arc<Mutex<Vec<String>>>;

/// A double of a node. It tells of a subscription of somebody else's before each event of one's own.
async fn node(heard: &Heard, chain: u64) -> (String, String) {
    let (http, live) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let places = (http.local_addr().unwrap(), live.local_addr().unwrap());
    let answer = post(|body: String| async move {
        let asked: Value = serde_json::from_str(&body).unwrap();
        let result = if asked["method"] == "eth_getLogs" { json!(vec![0; 200_000]) } else { json!("0x2a") };
        json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}).to_string()
    });
    tokio::spawn(bursar_http::serve(http, Router::new().route("/", answer), Vec::new(), std::future::pending()));
    let heard = Arc::clone(heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = live.accept().await {
            tokio::spawn(converse(stream, Arc::clone(&heard), chain));
        }
    });
    (format!("http://{}", places.0), format!("ws://node:secret@{}", places.1))
}

async fn converse(stream: TcpStream, heard: Heard, chain: u64) {
    #[expect(clippy::result_large_err, reason = "the library's callback wants it so")]
    let note = |request: &Request, response: Response| {
        heard.lock().unwrap().push(format!("{:?}", request.headers().get("authorization").unwrap()));
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, note).await.unwrap();
    let mut number = 0;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        heard.lock().unwrap().push(text.to_string());
        let asked: Value = serde_json::from_str(&text).unwrap();
        let name = match asked["method"].as_str() {
            Some("eth_chainId") => json!(format!("0x{chain:x}")),
            Some("eth_subscribe") => {
                number += 1;
                json!(format!("0x{number:x}"))
            }
            _ => json!(true),
        };
        let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": name});
        socket.send(Message::Text(answer.to_string().into())).await.unwrap();
        let events = match asked["params"][0].as_str() {
            Some("newHeads") => 1,
            // With their bodies: as many as wait for their reader.
            Some("newPendingTransactions") if asked["params"][1] == true => 600,
            Some("newPendingTransactions") => 1_000_000,
            // A node that goes away.
            Some("logs") => return,
            _ => 0,
        };
        for event in 0..events {
            for subscription in [json!("0xdead"), name.clone()] {
                let params =
                    json!({"subscription": subscription, "result": {"number": event, "filling": "x".repeat(900)}});
                let told = json!({"jsonrpc": "2.0", "method": "eth_subscription", "params": params});
                if socket.send(Message::Text(told.to_string().into())).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A server whose rail `chain` is before a double of a node, with somebody who has a wallet there.
struct World {
    house: House,
    session: String,
    listening: Listening,
    heard: Heard,
}

impl World {
    async fn new() -> Self {
        Self::on(CHAIN).await
    }

    /// One whose node takes WebSockets on this chain.
    async fn on(chain: u64) -> Self {
        let heard = Heard::default();
        let (url, ws_url) = node(&heard, chain).await;
        let live = LivePlace::new(&Secret::new(ws_url), &Trust::public().unwrap()).unwrap();
        Self::with(chain_at(&url).telling(live), heard).await
    }

    async fn with(rail: bursar_gateway::evm::EvmRail, heard: Heard) -> Self {
        let house = House::of(Server::before(Arc::new(rail)).await).await;
        let session = house.session("owner").await;
        let organisation = crate::house::organisation("");
        let body =
            json!({"organisation": organisation.rsplit('/').next(), "rail": "chain", "label": "Cold", "otp": OTP});
        assert_eq!(house.ask("POST", "/wallets", &session, Some(body)).await.status, 201);
        let listening = house.server.listen().await;
        Self { house, session, listening, heard }
    }

    async fn token(&self, more: Value) -> Token {
        let issued = self.house.server.issue(&self.session, more).await;
        let text = |name: &str| issued[name].as_str().unwrap().to_owned();
        Token { id: text("id"), text: text("token") }
    }

    async fn open(&self, token: &str) -> Socket {
        let headers = [("authorization", format!("Bearer {token}"))];
        opened(self.listening.address, &headers).await.unwrap()
    }

    /// What a handshake with these headers is refused with.
    async fn refused(&self, headers: &[(&'static str, String)]) -> (u16, String) {
        match opened(self.listening.address, headers).await {
            Err(Error::Http(answer)) => {
                let body: Value =
                    serde_json::from_slice(answer.body().as_deref().unwrap_or_default()).unwrap_or_default();
                (answer.status().as_u16(), body["code"].as_str().unwrap_or_default().to_owned())
            }
            other => panic!("{headers:?}: {}", other.is_ok()),
        }
    }
}

struct Token {
    id: String,
    text: String,
}

async fn opened(address: SocketAddr, headers: &[(&'static str, String)]) -> Result<Socket, Error> {
    let mut request = format!("ws://{address}/rail/chain").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(address).await.unwrap();
    client_async(request, stream).await.map(|(socket, _)| socket)
}

async fn say(socket: &mut Socket, method: &str, params: Value) {
    let call = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    socket.send(Message::Text(call.to_string().into())).await.unwrap();
}

async fn hear(socket: &mut Socket) -> Value {
    loop {
        match timeout(SOON, socket.next()).await.expect("silence") {
            Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
            Some(Ok(Message::Ping(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn ask(socket: &mut Socket, method: &str, params: Value) -> Value {
    say(socket, method, params).await;
    hear(socket).await
}

/// Why the server closes, whatever it says before.
async fn closed(socket: &mut Socket) -> (CloseCode, String) {
    loop {
        match timeout(SOON, socket.next()).await.expect("still open") {
            Some(Ok(Message::Close(Some(frame)))) => return (frame.code, frame.reason.to_string()),
            Some(Ok(_)) => {}
            other => panic!("no reason: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_client_reads_and_is_told_of_what_it_subscribed_to_and_of_nothing_else() {
    let world = World::new().await;
    let token = world.token(json!({})).await;
    let mut socket = world.open(&token.text).await;
    let read = ask(&mut socket, "eth_blockNumber", json!([])).await;
    assert_eq!(read, json!({"jsonrpc": "2.0", "result": "0x2a", "id": 7}));
    let name = ask(&mut socket, "eth_subscribe", json!(["newHeads"])).await["result"].clone();
    assert_eq!(name, "0x1");
    let told = hear(&mut socket).await;
    assert_eq!((&told["method"], &told["params"]["subscription"]), (&json!("eth_subscription"), &name));
    assert_eq!(told["params"]["result"]["number"], 0);
    // That of somebody else cannot be ended either, and the node never hears of it.
    let other = ask(&mut socket, "eth_unsubscribe", json!(["0xdead"])).await;
    assert_eq!(other["error"]["message"], "subscription not found");
    assert_eq!(ask(&mut socket, "eth_unsubscribe", json!([name])).await["result"], true);
    let heard = world.heard.lock().unwrap().clone();
    // Who we are, which chain it is on, and the two calls.
    assert_eq!(heard.len(), 4, "{heard:?}");
    assert_eq!(heard[0], "\"Basic bm9kZTpzZWNyZXQ=\"");
    assert!(!heard.iter().any(|said| said.contains(&token.text) || said.contains("0xdead")), "{heard:?}");
}

#[tokio::test]
async fn what_is_no_read_is_refused_over_a_socket_and_holds_nothing() {
    let world = World::new().await;
    let token = world.token(json!({"limits": ["hteth 1/day"]})).await;
    let mut socket = world.open(&token.text).await;
    let from = ask(&mut socket, "eth_accounts", json!([])).await["result"][0].clone();
    let spend = json!([{"from": from, "to": "0x70997970c51812dc3a010c7d01b50e0d17dc79c8", "value": "0x1"}]);
    for (method, params, code) in [
        ("eth_sendTransaction", spend.clone(), "spend_over_socket"),
        ("eth_signTransaction", spend.clone(), "spend_over_socket"),
        ("eth_sign", json!([from, "0x00"]), "method_withheld"),
        ("eth_blockNumbers", json!([]), "method_unknown"),
        ("eth_subscribe", json!(["syncing"]), "method_unknown"),
        ("eth_subscribe", json!(["logs", {"fromBlock": "0x0"}]), "undecodable"),
        ("eth_subscribe", json!({"0": "newHeads"}), "undecodable"),
    ] {
        let answer = ask(&mut socket, method, params.clone()).await;
        assert_eq!(answer["error"]["data"]["code"], code, "{method} {params}: {answer}");
    }
    socket.send(Message::Text("{".into())).await.unwrap();
    assert_eq!(hear(&mut socket).await["error"]["code"], -32700);
    let held: i64 =
        world.house.server.database().query_row("SELECT count(*) FROM holds", [], |row| row.get(0)).unwrap();
    assert_eq!((held, world.heard.lock().unwrap().len()), (0, 0));
    socket.send(Message::Binary(b"{}".to_vec().into())).await.unwrap();
    assert_eq!(closed(&mut socket).await.0, CloseCode::Unsupported);
}

#[tokio::test]
async fn a_socket_of_a_token_that_may_no_more_closes_within_a_second() {
    let world = World::new().await;
    let server = &world.house.server;
    for (end, reason) in [
        ("rotate", "token_unknown"),
        ("lock", "locked"),
        ("revoke", "token_revoked"),
        ("freeze", "owner_frozen"),
        ("expire", "token_expired"),
    ] {
        let token = world.token(json!({})).await;
        let mut socket = world.open(&token.text).await;
        assert_eq!(ask(&mut socket, "eth_subscribe", json!(["newHeads"])).await["id"], 7);
        let order = FreezeOrder { duration: Some(Span::from_seconds(60)), reason: None };
        match end {
            "rotate" => {
                let (path, body) = (format!("/tokens/{}/rotate", token.id), json!({"overlap": 0, "otp": OTP}));
                let new = world.house.ask("POST", &path, &world.session, Some(body)).await;
                assert_eq!(new.status, 200, "{}", new.body);
            }
            "revoke" => {
                let path = format!("/tokens/{}", token.id);
                assert_eq!(world.house.ask("DELETE", &path, &world.session, None).await.status, 200);
            }
            "lock" => {
                let path = format!("/tokens/{}/lock", token.id);
                assert_eq!(world.house.ask("POST", &path, &world.session, Some(json!({}))).await.status, 200);
            }
            "freeze" => drop(server.bursar.freeze_named("owner@example.com", &order).await.unwrap()),
            _ => server.pass(Span::from_seconds(3601)),
        }
        let since = Instant::now();
        assert_eq!(closed(&mut socket).await, (CloseCode::Policy, reason.to_owned()), "{end}");
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
        if end == "freeze" {
            server.pass(Span::from_seconds(61));
        }
    }
}

#[tokio::test]
async fn a_socket_is_opened_as_a_call_is_made_and_never_by_a_signature_or_a_page() {
    use base64::Engine as _;
    let world = World::new().await;
    let Token { text, .. } = world.token(json!({})).await;
    let bearer = ("authorization", format!("Bearer {text}"));
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("anybody:{text}"));
    assert!(opened(world.listening.address, &[("authorization", format!("Basic {basic}"))]).await.is_ok());
    let own = ("origin", format!("http://{}", world.listening.address));
    assert!(opened(world.listening.address, &[bearer.clone(), own]).await.is_ok());
    let foreign = ("origin", "https://evil.example".to_owned());
    assert_eq!(world.refused(&[bearer.clone(), foreign]).await, (403, "foreign_origin".to_owned()));
    assert_eq!(world.refused(&[]).await, (401, "token_missing".to_owned()));
    let cookie = ("cookie", format!("__Host-bursar={}", world.session));
    assert_eq!(world.refused(&[cookie]).await, (401, "token_missing".to_owned()));
    assert_eq!(world.refused(&[("authorization", "Bearer v2xnothing".to_owned())]).await.0, 401);
    let now = world.house.server.clock.now().as_millis().to_string();
    let signed = Signed { version: AuthVersion::V3, method: "GET", timestamp: &now, target: "/rail/chain", body: b"" };
    let hmac = SigningKey::from_token_text(&text).sign(&signed).as_str().to_owned();
    let hash = bursar_wire::token_text::BearerHash::of(&text);
    let headers = [
        ("authorization", format!("Bearer {}", base16ct::lower::encode_string(hash.expose()))),
        ("hmac", hmac),
        ("auth-timestamp", now),
        ("bitgo-auth-version", "3.0".to_owned()),
    ];
    assert_eq!(world.refused(&headers).await, (403, "signed_socket".to_owned()));
    let stranger = world.house.session("admin").await;
    assert_eq!(world.refused(&[("authorization", format!("Bearer {stranger}"))]).await, (404, "not_found".to_owned()));
    let plain = world.house.server.send("GET", "/rail/chain", Some(&text), None).await;
    assert_eq!((plain.status.as_u16(), &plain.body["code"]), (426, &json!("upgrade_needed")));
    let nowhere = world.house.server.send("GET", "/rail/nope", Some(&text), None).await;
    assert_eq!((nowhere.status.as_u16(), &nowhere.body["code"]), (404, &json!("not_found")));
}

#[tokio::test]
async fn sockets_subscriptions_and_frames_are_bounded() {
    let world = World::new().await;
    let token = world.token(json!({})).await;
    let bearer = [("authorization", format!("Bearer {}", token.text))];
    let mut sockets = Vec::new();
    for _ in 0..16 {
        sockets.push(world.open(&token.text).await);
    }
    assert_eq!(world.refused(&bearer).await, (429, "too_many_sockets".to_owned()));
    let socket = sockets.last_mut().unwrap();
    let kind = json!([{"jsonrpc": "2.0", "id": 0, "method": "eth_blockNumber"}]);
    for _ in 0..32 {
        let mut answer = ask(socket, "eth_subscribe", json!(["newHeads"])).await;
        while answer.get("id").is_none() {
            answer = hear(socket).await;
        }
        assert!(answer["result"].is_string(), "{answer}");
    }
    let mut answer = ask(socket, "eth_subscribe", json!(["newHeads"])).await;
    while answer.get("id").is_none() {
        answer = hear(socket).await;
    }
    assert_eq!(answer["error"]["code"], -32005, "{kind}: {answer}");
    let long = format!("[{}]", " ".repeat(65 * 1024));
    socket.send(Message::Text(long.into())).await.unwrap();
    assert_eq!(closed(socket).await, (CloseCode::Size, "body_too_long".to_owned()));
}

#[tokio::test]
async fn a_batch_is_answered_as_far_as_its_answers_have_room_over_a_socket_as_by_a_post() {
    let world = World::new().await;
    let token = world.token(json!({})).await;
    let call = |id| json!({"jsonrpc": "2.0", "id": id, "method": "eth_getLogs", "params": [{}]});
    let batch = json!((0..40).map(call).collect::<Vec<_>>());
    let posted = world.house.server.send("POST", "/rail/chain", Some(&token.text), Some(batch.clone())).await;
    let mut socket = world.open(&token.text).await;
    socket.send(Message::Text(batch.to_string().into())).await.unwrap();
    for answers in [posted.body, hear(&mut socket).await] {
        let answers = answers.as_array().unwrap();
        let answered = answers.iter().take_while(|one| one["result"].is_array()).count();
        assert!((1..20).contains(&answered), "{answered} of these are more than 32 MiB");
        assert!(answers.iter().skip(answered).all(|one| one["error"]["code"] == -32005));
        assert_eq!(answers.len(), 40, "each call is answered");
    }
    assert_eq!(ask(&mut socket, "eth_blockNumber", json!([])).await["result"], "0x2a", "and the socket stays");
}

#[tokio::test]
async fn who_does_not_read_and_whose_node_is_gone_loses_the_socket_and_nothing_grows() {
    let world = World::new().await;
    let token = world.token(json!({})).await;
    let mut deaf = world.open(&token.text).await;
    say(&mut deaf, "eth_subscribe", json!(["newPendingTransactions"])).await;
    let mut gone = world.open(&token.text).await;
    say(&mut gone, "eth_subscribe", json!(["logs", {}])).await;
    assert_eq!(closed(&mut gone).await, (CloseCode::Again, "subscriptions_ended".to_owned()));
    // All sixteen are free again: the one that does not read is gone, too.
    let bearer = [("authorization", format!("Bearer {}", token.text))];
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let mut open = Vec::new();
        while let Ok(socket) = opened(world.listening.address, &bearer).await {
            open.push(socket);
        }
        if open.len() == 16 {
            break;
        }
        assert!(Instant::now() < until, "{} places", open.len());
    }
}

#[tokio::test]
async fn what_waits_for_a_client_that_does_not_read_is_not_read_after_its_token_is_revoked() {
    let world = World::new().await;
    let token = world.token(json!({})).await;
    let narrow = TcpSocket::new_v4().unwrap();
    narrow.set_recv_buffer_size(8 << 10).unwrap();
    let stream = narrow.connect(world.listening.address).await.unwrap();
    let mut request = format!("ws://{}/rail/chain", world.listening.address).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {}", token.text).parse().unwrap());
    let (mut paused, _) = client_async(request, stream).await.unwrap();
    let named = ask(&mut paused, "eth_subscribe", json!(["newPendingTransactions", true])).await;
    assert!(named["result"].is_string(), "{named}");
    hear(&mut paused).await;

    let path = format!("/tokens/{}", token.id);
    assert_eq!(world.house.ask("DELETE", &path, &world.session, None).await.status, 200);
    let since = Instant::now();
    // Nothing is read: only that the connection is at its end is heard.
    timeout(SOON, paused.get_ref().ready(Interest::ERROR)).await.expect("still open").unwrap();
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    let mut events = 0;
    let end = loop {
        match timeout(SOON, paused.next()).await.expect("still open") {
            Some(Ok(Message::Text(_))) => events += 1,
            Some(Ok(Message::Ping(_))) => {}
            other => break other,
        }
    };
    assert!(matches!(end, Some(Err(_))), "reset, with what was not taken by then: {end:?}");
    assert!(events < 100, "{events}");
}

#[tokio::test]
async fn a_server_that_stops_closes_its_sockets_and_waits_for_that() {
    let world = World::new().await;
    let token = world.token(json!({})).await;
    let mut socket = world.open(&token.text).await;
    let Listening { stop, served, .. } = world.listening;
    stop.send(()).unwrap();
    assert_eq!(closed(&mut socket).await, (CloseCode::Away, "server_stopping".to_owned()));
    timeout(SOON, served).await.expect("it does not end").unwrap().unwrap();
}

#[tokio::test]
async fn without_a_place_for_it_a_subscription_is_refused_with_what_to_configure_and_reads_go_on() {
    let heard = Heard::default();
    let (url, _) = node(&heard, CHAIN).await;
    let world = World::with(chain_at(&url), heard).await;
    let token = world.token(json!({})).await;
    let mut socket = world.open(&token.text).await;
    let refused = ask(&mut socket, "eth_subscribe", json!(["newHeads"])).await;
    assert_eq!(refused["error"]["data"]["code"], "not_configured");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("`ws_url`") && message.contains("`eth_getLogs`"), "{refused}");
    assert_eq!(ask(&mut socket, "eth_blockNumber", json!([])).await["result"], "0x2a");
}

#[tokio::test]
async fn a_node_of_another_chain_is_subscribed_to_by_nobody() {
    let world = World::on(1).await;
    let token = world.token(json!({})).await;
    let mut socket = world.open(&token.text).await;
    let refused = ask(&mut socket, "eth_subscribe", json!(["newHeads"])).await;
    assert_eq!(refused["error"]["data"]["code"], "rail_unavailable");
    assert!(refused["error"]["message"].as_str().unwrap().contains("is on chain 1"), "{refused}");
    let heard = world.heard.lock().unwrap().clone();
    assert!(!heard.iter().any(|said| said.contains("eth_subscribe")), "{heard:?}");
}
