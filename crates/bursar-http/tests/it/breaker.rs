//! Circuit breakers over the whole router: who only fails is paused on that rail and nowhere else, is told that it is broken and
//! not out of budget, and goes on after the pause, after an unlock, or never noticed when something succeeded between.

use bursar_core::breaker::BreakerRules;
use bursar_core::time::Span;
use bursar_service::Policy;
use serde_json::{Value, json};

use crate::house::{House, organisation};
use crate::support::{Answer, OTP, Server, policy};
use crate::world::{NAME, World, code};

fn breaking() -> Policy {
    let rules = BreakerRules { after: 3, pause: Span::from_seconds(60), longest: Span::from_seconds(3600) };
    Policy { breaker: Some(rules), ..policy() }
}

async fn world() -> World {
    let server = Server::with(breaking()).await;
    server.user(NAME).await;
    server.wallet_of(NAME).await;
    let session = server.log_in(NAME).await;
    World { server, session }
}

fn seconds(answer: &Answer) -> Option<&str> {
    answer.headers.get("retry-after").map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_token_that_only_fails_is_paused_and_told_that_it_is_broken_and_its_owner_learns_of_it_once() {
    let world = world().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 0.0001/day"]})).await;
    for _ in 0..3 {
        assert_eq!(code(&world.spend(&token, "1000000").await), "limit_exceeded");
    }
    // What would fit does not pass either, and is not said to be out of budget.
    let paused = world.spend(&token, "1").await;
    assert_eq!((paused.status.as_u16(), code(&paused), seconds(&paused)), (429, "broken", Some("60")));
    let context = &paused.body["context"];
    assert_eq!(
        (&context["rail"], &context["failures"], &context["lastCode"]),
        (&json!("sandbox"), &json!(3), &json!("limit_exceeded"))
    );
    let shown = world.get(&format!("/bursar/v1/tokens/{id}"), &world.session).await.body;
    assert_eq!((&shown["pauses"][0]["doing"], &shown["pauses"][0]["rail"]), (&json!("spend"), &json!("sandbox")));

    world.server.pass(Span::from_seconds(60));
    assert_eq!(code(&world.spend(&token, "1000000").await), "limit_exceeded", "after the pause it is let through once");
    assert_eq!(
        seconds(&world.spend(&token, "1").await),
        Some("120"),
        "and is paused for twice as long if it still fails"
    );

    let events = world.get("/bursar/v1/audit?action=token.pause", &world.session).await.body;
    let pauses = events["events"].as_array().unwrap();
    assert_eq!(pauses.len(), 2, "{events}");
    let mails = world.server.mails().await;
    let told: Vec<_> = mails.iter().filter(|mail| mail.subject.contains("only fails")).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].text.contains("\"bot\" failed 3 times in a row on rail sandbox"), "{}", told[0].text);
}

#[tokio::test]
async fn a_success_between_keeps_the_circuit_closed_and_a_repeat_is_none() {
    let world = world().await;
    let (_, token) = world.token(json!({"limits": ["tbtc 0.0001/day"]})).await;
    let send = async |sequence: &str, amount: &str| {
        let body = json!({"address": crate::world::ADDRESS, "amount": amount, "sequenceId": sequence});
        let path = format!("/api/v2/tbtc/wallet/{}/sendcoins", world.server.wallet);
        world.server.send("POST", &path, Some(&token), Some(body)).await
    };
    for number in 0..4 {
        assert_eq!(code(&send("-", "1000000").await), "limit_exceeded");
        assert_eq!(code(&send("-", "1000000").await), "limit_exceeded");
        assert_eq!(send(&number.to_string(), "1").await.status, 200);
    }
    for _ in 0..2 {
        assert_eq!(code(&send("-", "1000000").await), "limit_exceeded");
        assert_eq!(send("0", "1").await.status, 200, "asked for before, and done before");
    }
    assert_eq!(code(&send("-", "1000000").await), "limit_exceeded");
    assert_eq!(code(&send("0", "1").await), "broken");
}

#[tokio::test]
async fn an_unlock_by_its_owner_ends_the_pause() {
    let world = world().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 0.0001/day"]})).await;
    for _ in 0..3 {
        world.spend(&token, "1000000").await;
    }
    assert_eq!(code(&world.spend(&token, "1").await), "broken");
    let unlock = json!({"otp": OTP, "duration": 60});
    let path = format!("/bursar/v1/tokens/{id}/unlock");
    let unlocked = world.server.send("POST", &path, Some(&world.session), Some(unlock)).await;
    assert_eq!((unlocked.status.as_u16(), unlocked.body.get("pauses")), (200, None));
    assert_eq!(world.spend(&token, "1").await.status, 200);
}

#[tokio::test]
async fn one_token_is_paused_and_no_other_and_no_service_spends_with_it_meanwhile() {
    let world = world().await;
    let limits = json!({"limits": ["tbtc 0.0001/day"]});
    let (_, broken) = world.token(limits.clone()).await;
    let (_, well) = world.token(limits).await;
    let service = world.server.service(&world.session).await;
    for _ in 0..3 {
        assert_eq!(code(&world.hold(&service, &broken, None, "1000000").await), "limit_exceeded");
    }
    assert_eq!(code(&world.hold(&service, &broken, None, "1").await), "broken");
    assert_eq!(world.hold(&service, &well, None, "1").await.status, 201);
    assert_eq!(world.spend(&well, "1").await.status, 200);
}

#[tokio::test]
async fn a_service_whose_requests_cannot_be_read_is_paused_unless_one_succeeds_between() {
    let world = world().await;
    let (_, token) = world.token(json!({"limits": ["tbtc 1/day"]})).await;
    let service = world.server.service(&world.session).await;
    let nonsense = async || {
        let body = json!({"token": token, "coin": "tbtc", "amount": "a lot"});
        world.server.send("POST", "/bursar/v1/spends", Some(&service), Some(body)).await
    };
    for key in ["a", "b"] {
        for _ in 0..2 {
            assert_eq!(code(&nonsense().await), "invalid_field");
        }
        let held = world.hold(&service, &token, Some(key), "1").await;
        assert_eq!(held.status, 201, "{}", held.body);
    }
    for _ in 0..3 {
        assert_eq!(code(&nonsense().await), "invalid_field");
    }
    assert_eq!(code(&nonsense().await), "broken");
}

#[tokio::test]
async fn reading_is_paused_apart_from_spending() {
    let house = House::of(Server::with(breaking()).await).await;
    let owner = house.session("owner").await;
    let body =
        json!({"organisation": organisation("").rsplit('/').next(), "rail": "chain", "label": "Cold", "otp": OTP});
    assert_eq!(house.ask("POST", "/wallets", &owner, Some(body)).await.status, 201);
    let token =
        house.server.issue(&owner, json!({"limits": ["hteth 1/day"]})).await["token"].as_str().unwrap().to_owned();
    let call = async |method: &str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = house.server.send("POST", "/rail/chain", Some(&token), Some(body)).await;
        answer.body["error"]["data"]["code"].as_str().unwrap_or_default().to_owned()
    };
    let from = {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_accounts", "params": []});
        house.server.send("POST", "/rail/chain", Some(&token), Some(body)).await.body["result"][0].clone()
    };
    for _ in 0..2 {
        assert_eq!(call("eth_sign", json!([from, "0x00"])).await, "method_withheld");
    }
    assert_eq!(call("eth_blockNumber", json!([])).await, "rail_unavailable");
    assert_eq!(call("eth_accounts", json!([])).await, "broken");
    let spend = json!([{"from": from, "to": "0x70997970c51812dc3a010c7d01b50e0d17dc79c8", "value": "0x1"}]);
    for _ in 0..3 {
        assert_eq!(call("eth_sendTransaction", spend.clone()).await, "rail_unavailable");
    }
    assert_eq!(call("eth_sendTransaction", spend).await, "broken");
}
