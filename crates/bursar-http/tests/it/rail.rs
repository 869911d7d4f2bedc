//! Rails in their own protocols, over the whole router: who may speak to one, what is refused, and how it is told. What a
//! node does with the rest is tried with a real one.

use bursar_core::breaker::BreakerRules;
use bursar_core::time::Span;
use bursar_service::Policy;
use serde_json::{Value, json};

use crate::chain_node::ChainWorld;
use crate::house::{House, organisation};
use crate::support::{Answer, OTP, Server, policy};
use crate::world::code;

async fn wallet(house: &House, session: &str, rail: &str) -> Answer {
    let body = json!({"organisation": organisation("").rsplit('/').next(), "rail": rail, "label": "Cold", "otp": OTP});
    house.ask("POST", "/wallets", session, Some(body)).await
}

async fn call(server: &Server, token: &str, body: &Value) -> Answer {
    server.send("POST", "/rail/chain", Some(token), Some(body.clone())).await
}

fn asked(method: &str, params: impl Into<Value>) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params.into()})
}

#[tokio::test]
async fn who_runs_an_organisation_makes_wallets_whose_keys_nobody_sees() {
    let house = House::new().await;
    for (role, status) in [("owner", 201), ("admin", 201), ("member", 403), ("auditor", 403), ("stranger", 404)] {
        let made = wallet(&house, &house.session(role).await, "chain").await;
        assert_eq!(made.status, status, "{role}: {}", made.body);
    }
    let owner = house.session("owner").await;
    for rail in ["sandbox", "nowhere"] {
        let refused = wallet(&house, &owner, rail).await;
        assert_eq!((refused.status.as_u16(), code(&refused)), (400, "invalid_field"), "{rail}");
    }
    let made = wallet(&house, &owner, "chain").await.body;
    let address = made["address"].as_str();
    assert_eq!((&made["coin"], &made["balance"], address), (&json!("hteth"), &Value::Null, None), "the node is silent");
    let no_factor = json!({"organisation": made["organisation"], "rail": "chain", "label": "Cold"});
    assert_eq!(code(&house.ask("POST", "/wallets", &owner, Some(no_factor)).await), "step_up_needed");
    let notes: i64 = house
        .server
        .database()
        .query_row("SELECT count(*) FROM documents WHERE kind = 'rail' AND name LIKE 'chain/key/%'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(notes, 3);
}

#[tokio::test]
async fn only_a_token_with_a_part_in_a_wallet_of_the_rail_speaks_to_it() {
    let house = House::new().await;
    let owner = house.session("owner").await;
    let accounts = asked("eth_accounts", json!([]));
    assert_eq!(code(&call(&house.server, &owner, &accounts).await), "not_found", "there is no wallet yet");
    assert_eq!(wallet(&house, &owner, "chain").await.status, 201);
    let found = call(&house.server, &owner, &accounts).await.body;
    assert_eq!(found["result"].as_array().unwrap().len(), 1);
    for (scope, expected) in [("wallet_view_all", None), ("crypto_compare", Some("scope_missing"))] {
        let body = json!({"scope": [scope]});
        let token = house.server.issue(&owner, body).await["token"].as_str().unwrap().to_owned();
        let answer = call(&house.server, &token, &accounts).await;
        assert_eq!(answer.body["code"].as_str(), expected, "{scope}: {}", answer.body);
    }
    let admin = house.session("admin").await;
    assert_eq!(code(&call(&house.server, &admin, &accounts).await), "not_found");
    let none = house.server.send("POST", "/rail/chain", None, Some(accounts.clone())).await;
    assert_eq!(code(&none), "token_missing");
    for rail in ["sandbox", "nowhere", "..", "%2e%2e"] {
        let answer = house.server.send("POST", &format!("/rail/{rail}"), Some(&owner), Some(accounts.clone())).await;
        assert_eq!(answer.status, 404, "{rail}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_token_is_told_first_of_the_wallets_that_it_may_spend_from() {
    let house = House::new().await;
    let owner = house.session("owner").await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(wallet(&house, &owner, "chain").await.body["id"].as_str().unwrap().to_owned());
    }
    let accounts = async |token: &str| {
        let told = call(&house.server, token, &asked("eth_accounts", json!([]))).await.body;
        told["result"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = accounts(&owner).await;
    assert_eq!(all.len(), 3);
    let reference = async |id: &str| {
        let told = house.ask("GET", &format!("/wallets/{id}"), &owner, None).await.body;
        told["reference"].as_str().unwrap().to_owned()
    };
    // The one that would come last by itself.
    let mut last = String::new();
    for id in &made {
        if reference(id).await == all[2] {
            last.clone_from(id);
        }
    }
    let body = json!({"scope": ["wallet_view_all", format!("wallet_spend:{last}")], "limits": ["hteth 1/day"]});
    let token = house.server.issue(&owner, body).await["token"].as_str().unwrap().to_owned();
    let told = accounts(&token).await;
    assert_eq!(told, [&all[2], &all[0], &all[1]].map(String::clone));
    // A freeze ends again: it puts no other wallet in its place.
    let frozen = house.ask("POST", &format!("/wallets/{last}/freeze"), &owner, Some(json!({}))).await;
    assert_eq!(frozen.status, 200, "{}", frozen.body);
    assert_eq!(accounts(&token).await, told);
}

#[tokio::test]
async fn what_is_refused_is_told_as_the_protocol_tells_failures() {
    let house = House::new().await;
    let owner = house.session("owner").await;
    wallet(&house, &owner, "chain").await;
    let token =
        house.server.issue(&owner, json!({"limits": ["hteth 1/day"]})).await["token"].as_str().unwrap().to_owned();
    let from = call(&house.server, &token, &asked("eth_accounts", json!([]))).await.body["result"][0].clone();
    let send = |to: &str| asked("eth_sendTransaction", json!([{"from": from, "to": to, "value": "0x1"}]));
    let to = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
    for (body, number, expected) in [
        (asked("eth_sign", json!([from, "0x00"])), -32601, "method_withheld"),
        (asked("eth_blockNumbers", json!([])), -32601, "method_unknown"),
        (asked("eth_blockNumber", json!([])), -32603, "rail_unavailable"),
        (send("0x1"), -32602, "undecodable"),
        (json!([send(to), {"jsonrpc": "2.0", "id": 2, "method": "eth_chainId", "params": [1, {"a": {}}]}]), 0, ""),
        (json!({"id": 1}), -32600, "undecodable"),
        (json!([asked("eth_chainId", json!([])), asked("eth_accounts", json!([]))]), -32600, "undecodable"),
        // The node cannot be asked what it takes: nothing is held.
        (send(to), -32603, "rail_unavailable"),
    ] {
        let answer = call(&house.server, &token, &body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.body);
        match &answer.body {
            Value::Array(answers) => assert_eq!(answers.len(), 2),
            answer => assert_eq!(
                (&answer["error"]["code"], &answer["error"]["data"]["code"]),
                (&json!(number), &json!(expected)),
                "{body}"
            ),
        }
    }
    let held: i64 = house.server.database().query_row("SELECT count(*) FROM holds", [], |row| row.get(0)).unwrap();
    assert_eq!(held, 0);
}

#[tokio::test]
async fn a_token_may_be_given_as_a_password() {
    use base64::Engine as _;
    let house = House::new().await;
    let owner = house.session("owner").await;
    wallet(&house, &owner, "chain").await;
    let body = asked("eth_accounts", json!([])).to_string().into_bytes();
    let basic = |pair: &str| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    for (credentials, path, status) in [
        (basic(&format!("anybody:{owner}")), "/rail/chain", 200),
        (basic(&format!(":{owner}")), "/rail/chain", 200),
        (basic(&owner), "/rail/chain", 401),
        (basic("user:wrong"), "/rail/chain", 401),
        ("Basic !".to_owned(), "/rail/chain", 401),
        (basic(&format!("anybody:{owner}")), "/bursar/v1/step-up", 401),
    ] {
        let headers = [("authorization", credentials.clone())];
        let answer = house.server.send_all([127, 0, 0, 1], "POST", path, &headers, body.clone()).await;
        assert_eq!(answer.status, status, "{credentials} {path}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_answers_to_one_batch_take_so_much_memory_and_no_more() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let node = axum::Router::new().fallback(|body: axum::body::Bytes| async move {
        let asked: Value = serde_json::from_slice(&body).unwrap();
        let result = if asked["method"] == "eth_call" { "f".repeat(18 << 20) } else { "0x7a69".to_owned() };
        json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}).to_string()
    });
    tokio::spawn(async move { axum::serve(listener, node).await });
    let house = House::of(Server::before(std::sync::Arc::new(crate::support::chain_at(&url))).await).await;
    let owner = house.session("owner").await;
    assert_eq!(wallet(&house, &owner, "chain").await.status, 201);
    let one = |id: u8| json!({"jsonrpc": "2.0", "id": id, "method": "eth_call", "params": [{"to": format!("0x{}", "22".repeat(20))}, "latest"]});
    let listening = house.server.listen().await;
    let request = json!([one(1), one(2), one(3)]).to_string();
    let text = {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut socket = tokio::net::TcpStream::connect(listening.address).await.unwrap();
        let head = format!(
            "POST /rail/chain HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {owner}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{request}",
            request.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    let answers: Value = serde_json::from_str(body).unwrap();
    let lengths: Vec<_> =
        answers.as_array().unwrap().iter().map(|answer| answer["result"].as_str().map(str::len)).collect();
    assert_eq!(lengths, [Some(18 << 20), Some(18 << 20), None]);
    assert_eq!(answers[2]["error"]["code"], -32005);
    listening.stop.send(()).unwrap();
}

#[tokio::test]
async fn a_path_that_a_rail_does_not_have_is_told_to_those_only_who_have_a_part_in_it() {
    let house = House::new().await;
    let owner = house.session("owner").await;
    let told = async |method: &str, path: &str| {
        let answer = house.server.send(method, path, Some(&owner), None).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (404, "not_found"), "{}", answer.body);
        answer.body["detail"].as_str().unwrap().to_owned()
    };
    for path in ["/rail/chain/foo", "/rail/nowhere/foo"] {
        assert_eq!(told("GET", path).await, "there is no such rail", "{path}");
    }
    assert_eq!(wallet(&house, &owner, "chain").await.status, 201);
    let path = told("GET", "/rail/chain/foo").await;
    assert_eq!(
        path,
        "there is no such path on this rail: its calls are posted to its name alone, or to `/wallet/NAME` behind it"
    );
    assert_eq!(told("GET", "/rail/nowhere/foo").await, "there is no such rail");
}

#[tokio::test]
async fn refusals_within_an_answer_are_counted_each_once_and_say_in_one_shape_what_helps_and_when() {
    let rules = BreakerRules { after: 4, pause: Span::from_seconds(60), longest: Span::from_seconds(3600) };
    let world = ChainWorld::new(Policy { breaker: Some(rules), ..policy() }).await;
    let server = &world.house.server;
    let token = world.token(json!(["hteth 0.0009/day"])).await;
    let (fits, over) = (world.spend("0x1"), world.spend("0x6f05b59d3b20001"));
    let header = |answer: &Answer, name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned());

    let spent = call(server, &token, &fits).await;
    assert!(spent.body["result"].is_string(), "{}", spent.body);
    let left = header(&spent, "ratelimit").unwrap();
    assert!(left.starts_with("\"hteth amount rolling 86400s\";r=857999999978999;"), "{left}");

    let mut number = asked("eth_blockNumber", json!([]));
    number["id"] = 2.into();
    let batch = json!([over, number]);
    let refused = call(server, &token, &batch).await;
    assert!(header(&refused, "ratelimit").is_some(), "{}", refused.body);
    assert_eq!(header(&refused, "retry-after"), None, "{}", refused.body);
    assert_eq!(refused.body[1]["result"], "0x10");
    let withheld = call(server, &token, &asked("eth_sign", json!([world.from, "0x00"]))).await.body;
    for (error, code, status) in
        [(&refused.body[0]["error"], "limit_exceeded", 401), (&withheld["error"], "method_withheld", 403)]
    {
        let data = &error["data"];
        assert_eq!((&data["code"], &data["status"]), (&json!(code), &json!(status)), "{data}");
        assert_eq!(data["type"], format!("urn:bursar:problem:{code}"), "{data}");
    }
    for _ in 0..3 {
        call(server, &token, &over).await;
    }
    let broken = call(server, &token, &fits).await;
    assert_eq!(
        (&broken.body["error"]["data"]["code"], header(&broken, "retry-after").as_deref()),
        (&json!("broken"), Some("60"))
    );
    assert_eq!(broken.body["error"]["data"]["retryAfter"], 60);
    world.node.fails();
    let silent = call(server, &token, &asked("eth_blockNumber", json!([]))).await;
    let data = &silent.body["error"]["data"];
    assert_eq!(
        (&data["code"], &data["status"], &data["retryAfter"]),
        (&json!("rail_unavailable"), &json!(503), &json!(5))
    );
    assert_eq!(header(&silent, "retry-after").as_deref(), Some("5"));
    call(server, &token, &json!({"id": 1})).await;

    let (_, figures) = server.operate("/metrics").await;
    for (code, count) in
        [("limit_exceeded", 4), ("method_withheld", 1), ("broken", 1), ("rail_unavailable", 1), ("undecodable", 1)]
    {
        let line = format!("bursar_refusals_total{{code=\"{code}\"}} {count}\n");
        assert!(figures.contains(&line), "`{line}` is not in:\n{figures}");
    }
}

#[tokio::test]
async fn a_node_that_is_behind_is_told_as_such_and_what_it_cannot_send_now_may_be_asked_for_again() {
    let world = ChainWorld::new(policy()).await;
    let token = world.token(json!(["hteth 0.5/day"])).await;
    let health = async || world.house.ask("GET", "/rails", &world.owner, None).await.body["rails"].clone();
    let of_chain = |rails: Value| {
        let rails = rails.as_array().unwrap().clone();
        rails.into_iter().find(|rail| rail["name"] == "chain").unwrap()["health"].as_str().unwrap().to_owned()
    };
    world.node.says("eth_getTransactionCount", json!("0x0"));
    assert_eq!(of_chain(health().await), "answers");
    world.mined(&token).await;
    // It still counts none, of which one was final.
    assert_eq!(of_chain(health().await), "behind");
    let refused = world.call(&token, world.spend("0x1")).await;
    let data = &refused.body["error"]["data"];
    assert_eq!((&data["code"], &data["status"]), (&json!("rail_unavailable"), &json!(503)), "{}", refused.body);
    let path = format!("/api/v2/hteth/wallet/{}/sendcoins", world.wallet);
    let body = json!({"address": crate::chain_node::TO, "amount": "1"});
    let refused = world.house.server.send("POST", &path, Some(&token), Some(body)).await;
    assert_eq!((refused.status.as_u16(), code(&refused)), (503, "rail_unavailable"), "{}", refused.body);
    assert_eq!(world.house.ask("GET", "/spends?unsettled=true", &world.owner, None).await.body["spends"], json!([]));
    world.node.says("eth_getTransactionCount", json!("0x1"));
    assert_eq!(of_chain(health().await), "answers");
    assert!(world.call(&token, world.spend("0x1")).await.body["result"].is_string());
}

#[tokio::test]
async fn a_spend_beyond_the_wallet_is_refused_in_units_of_the_coin() {
    let world = ChainWorld::new(policy()).await;
    let token = world.token(json!(["hteth 100/day"])).await;
    world.node.says("eth_getBalance", json!("0xde0b6b3a7640000"));
    let refused = world.call(&token, world.spend("0xde0b6b3a7640000")).await;
    let told = refused.body["error"]["message"].as_str().unwrap();
    assert!(told.contains("the wallet has 1 hteth, of which 0 hteth is under way, and this takes 1.000042"), "{told}");
}
