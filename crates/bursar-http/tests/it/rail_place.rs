//! Where a rail is found and how its clients are told to present a token: hosts of its own, wallets in the path, challenges.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::id::WalletId;
use bursar_core::ledger::FeeCeiling;
use bursar_core::secret::Secret;
use bursar_gateway::bitcoin::{BitcoinRail, Rates, Settings, Software};
use bursar_gateway::tls::Trust;
use bursar_http::operations::Operations;
use bursar_rails::bitcoin::network::Network;
use bursar_rails::bitcoin::request::FeeRate;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::house::{House, organisation};
use crate::support::{Answer, OTP, Server};
use crate::world::code;

/// A rail in front of a node of Bitcoin that nobody runs.
fn bitcoin() -> BitcoinRail {
    let rate = FeeRate::per_1000_bytes(10_000);
    let settings = Settings {
        network: Network::Regtest,
        software: Software::Core,
        url: Secret::new("http://127.0.0.1:1".to_owned()),
        wallet_url: None,
        trust: Trust::public().unwrap(),
        fees: FeeCeiling { per_spend: Amount::MAX, per_day: Amount::MAX },
        rates: Rates { ceiling: rate, fallback: rate },
        confirmations: 1,
    };
    BitcoinRail::new(settings).unwrap()
}

/// Somebody with two wallets on a chain: their session, and what the rail calls the wallets.
async fn with_two_wallets(house: &House) -> (String, [String; 2]) {
    let owner = house.session("owner").await;
    let place = organisation("");
    for label in ["One", "Other"] {
        let body = json!({"organisation": place.rsplit('/').next(), "rail": "chain", "label": label, "otp": OTP});
        assert_eq!(house.ask("POST", "/wallets", &owner, Some(body)).await.status, 201);
    }
    let found = accounts(&house.server, &owner, "/rail/chain").await.body["result"].clone();
    let names: Vec<String> = serde_json::from_value(found).unwrap();
    (owner, names.try_into().unwrap())
}

async fn accounts(server: &Server, token: &str, path: &str) -> Answer {
    let asked = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_accounts", "params": []});
    server.send("POST", path, Some(token), Some(asked)).await
}

#[tokio::test]
async fn a_wallet_in_the_path_is_the_one_that_is_meant_and_no_other() {
    let house = House::new().await;
    let (owner, names) = with_two_wallets(&house).await;
    for name in &names {
        let one = accounts(&house.server, &owner, &format!("/rail/chain/wallet/{name}")).await;
        assert_eq!(one.body["result"], json!([name]), "{}", one.body);
        let escaped = accounts(&house.server, &owner, &format!("/rail/chain/wallet/%30{}", &name[1..])).await;
        assert_eq!(escaped.body["result"], json!([name]), "{}", escaped.body);
    }
    for other in ["nobody", "", "%ff", "..", "%2e%2e"] {
        let none = accounts(&house.server, &owner, &format!("/rail/chain/wallet/{other}")).await;
        let is_refused = none.status == 404 || none.body["error"]["code"] == -18;
        assert!(is_refused && none.body["result"].is_null(), "{other}: {}", none.body);
    }
    let admin = house.session("admin").await;
    let theirs = accounts(&house.server, &admin, &format!("/rail/chain/wallet/{}", names[0])).await;
    assert_eq!((theirs.status.as_u16(), code(&theirs)), (404, "not_found"), "whose wallets these are is not told");
}

#[tokio::test]
async fn a_host_of_a_rails_own_is_the_rail_and_nothing_else() {
    let house = House::new().await;
    let (owner, names) = with_two_wallets(&house).await;
    let rail_hosts = BTreeMap::from([("node.internal".to_owned(), "chain".to_owned())]);
    let settings = bursar_http::Settings { rail_hosts, ..house.server.settings() };
    let router = bursar_http::router(Arc::clone(&house.server.bursar), settings, &Operations::new());
    let ask = async |host: &str, path: &str, token: &str| {
        let body = json!({"id": 1, "method": "eth_accounts", "params": []}).to_string();
        let mut request = Request::post(path).header("host", host).body(Body::from(body)).unwrap();
        request.headers_mut().insert("authorization", basic(token).parse().unwrap());
        request.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 1))));
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice::<Value>(&bytes).unwrap_or_default())
    };
    for (path, expected) in [
        ("/".to_owned(), json!(names)),
        ("//".to_owned(), json!(names)),
        (format!("/wallet/{}", names[1]), json!([names[1]])),
    ] {
        let (status, body) = ask("node.internal:8332", &path, &owner).await;
        assert_eq!((status, &body["result"]), (200, &expected), "{path}: {body}");
    }
    assert_eq!(ask("node.internal", "/", "v2xnobody").await.0, 401);
    for (host, path) in [("bursar.example", "/"), ("node.internal", "/bursar/v1/step-up"), ("other.internal", "/")] {
        let (status, body) = ask(host, path, &owner).await;
        assert!(status >= 400 && body["result"].is_null(), "{host} {path}: {body}");
    }
}

fn basic(token: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("any:{token}")))
}

#[tokio::test]
async fn who_presents_no_token_or_a_bad_one_is_told_how_it_is_presented() {
    let (chain, bitcoin) = (Server::start().await, Server::before(Arc::new(bitcoin())).await);
    let (bearer, invalid) = ("Bearer realm=\"bursar\"", "Bearer realm=\"bursar\", error=\"invalid_token\"");
    let password = "Basic realm=\"bursar\", charset=\"UTF-8\"";
    for (server, path, none, bad) in [
        (&chain, "/rail/chain", bearer, invalid),
        (&chain, "/rail/chain/v1/charges", bearer, invalid),
        (&chain, "/rail/nowhere", bearer, invalid),
        (&bitcoin, "/rail/chain", password, password),
        (&bitcoin, "/rail/chain/wallet/cold", password, password),
    ] {
        for (token, challenge) in [(None, none), (Some("v2xnobody"), bad)] {
            let answer = server.send("POST", path, token, Some(json!({}))).await;
            let told = answer.headers.get("www-authenticate").and_then(|value| value.to_str().ok());
            assert_eq!((answer.status.as_u16(), told), (401, Some(challenge)), "{path} {token:?}");
        }
    }
    let elsewhere = chain.send("POST", "/bursar/v1/step-up", None, Some(json!({}))).await;
    assert_eq!((elsewhere.status.as_u16(), elsewhere.headers.get("www-authenticate")), (401, None));
}

#[tokio::test]
async fn a_rail_that_there_is_not_is_none_however_it_is_spoken_to() {
    let house = House::new().await;
    let (owner, _) = with_two_wallets(&house).await;
    let headers = [("authorization", format!("Bearer {owner}"))];
    for (path, body, status) in [
        ("/rail/nowhere", "{", 404),
        ("/rail/nowhere", "[]", 404),
        ("/rail/sandbox", "{", 404),
        ("/rail/nowhere/wallet/a", "{", 404),
        ("/rail/chain", "{", 200),
    ] {
        let answer = house.server.send_all([127, 0, 0, 1], "POST", path, &headers, body.as_bytes().to_vec()).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_spend_that_cannot_be_is_refused_for_the_parameter_of_its_call() {
    let house = House::of(Server::before(Arc::new(bitcoin())).await).await;
    let owner = house.server.bursar.user_named("owner@example.com").await.unwrap().id;
    let (id, coin) = (WalletId::from_bytes([8; 16]), Coin::parse("tbtc").unwrap());
    house.server.bursar.register_wallet(id, coin, "Cold".to_owned(), "chain", owner).await.unwrap();
    let session = house.session("owner").await;
    let issued = house.server.issue(&session, json!({"limits": ["tbtc 1/day"]})).await;
    let token = issued["token"].as_str().unwrap();
    let (to, dust) = ("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "0.00000001");
    for (method, params, field) in [
        ("sendtoaddress", json!([to, dust]), "amount"),
        ("sendmany", json!(["", {to: dust}]), "amounts"),
        ("send", json!([[{to: dust}]]), "outputs"),
    ] {
        let body = json!({"id": 1, "method": method, "params": params});
        let answer = house.server.send("POST", "/rail/chain", Some(token), Some(body)).await.body;
        assert_eq!(answer["error"]["data"]["field"], field, "{method}: {answer}");
        let told = answer["error"]["message"].as_str().unwrap();
        assert!(told.starts_with(&format!("`{field}` ")), "{method}: {told}");
    }
}

#[tokio::test]
async fn who_only_sees_a_wallet_makes_no_address_of_it_in_the_words_of_its_node_either() {
    let house = House::of(Server::before(Arc::new(bitcoin())).await).await;
    let owner = house.server.bursar.user_named("owner@example.com").await.unwrap().id;
    let (id, coin) = (WalletId::from_bytes([8; 16]), Coin::parse("tbtc").unwrap());
    house.server.bursar.register_wallet(id, coin, "Cold".to_owned(), "chain", owner).await.unwrap();
    let session = house.session("owner").await;
    for (scope, code) in [
        (json!(["wallet_view_all"]), "scope_missing"),
        (json!(["wallet_view_all", "wallet_spend_all"]), "rail_unavailable"),
    ] {
        let issued = house.server.issue(&session, json!({"scope": scope, "limits": ["tbtc 1/day"]})).await;
        let token = issued["token"].as_str().unwrap();
        for method in ["getnewaddress", "getrawchangeaddress"] {
            let body = json!({"id": 1, "method": method, "params": []});
            let answer = house.server.send("POST", "/rail/chain", Some(token), Some(body)).await.body;
            assert_eq!(answer["error"]["data"]["code"], code, "{method} with {scope}: {answer}");
        }
        // The node is not there, so that it was asked is all that can be seen.
        let read = json!({"id": 1, "method": "getbalance", "params": []});
        let read = house.server.send("POST", "/rail/chain", Some(token), Some(read)).await.body;
        assert_eq!(read["error"]["data"]["code"], "rail_unavailable", "{scope}: {read}");
    }
}
