//! What the audit log tells of spends.

use std::collections::BTreeMap;

use bursar_core::breaker::BreakerRules;
use bursar_core::time::Span;
use bursar_service::Policy;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::chain_node::{ChainWorld, TO};
use crate::exchange::{Shop, rail_by, rules};
use crate::support::{Server, policy};
use crate::world::{World, code};

/// The refused spends in the log: of which token, and by which code.
fn refusals(world: &World) -> Vec<(String, String)> {
    let code = |mut data: BTreeMap<String, String>| data.remove("code").unwrap();
    refused(&world.server).into_iter().map(|(subject, data)| (subject, code(data))).collect()
}

/// The same with all that is told of them.
pub(crate) fn refused(server: &Server) -> Vec<(String, BTreeMap<String, String>)> {
    let store = Connection::open(server.data().join("bursar.db")).unwrap();
    let query = "SELECT subject, data FROM audit_events WHERE action = 'spend.refuse' ORDER BY link, place";
    let mut statement = store.prepare(query).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
    let told = rows.map(|row| {
        let (subject, data) = row.unwrap();
        let data: Vec<(String, String)> = serde_json::from_str(&data).unwrap();
        (subject, data.into_iter().collect())
    });
    told.collect()
}

#[tokio::test]
async fn every_refused_spend_leaves_one_event_and_no_stranger_leaves_any() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"], "scope": ["wallet_view_all"]})).await;
    let (_, spender) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let service = world.server.service(&world.session).await;
    let refusals = || refusals(&world);
    assert_eq!(code(&world.spend(&token, "1").await), "scope_missing");
    assert_eq!(refusals(), [(format!("token:{id}"), "scope_missing".to_owned())]);
    assert_eq!(world.spend_to(&spender, "nowhere", "1").await.status, 400);
    assert_eq!(refusals()[1].1, "invalid_field");
    assert_eq!(code(&world.spend(&spender, "101").await), "limit_exceeded");
    assert_eq!(refusals().len(), 3, "the ledger's own are noted once");
    assert_eq!(world.hold(&service, "nobody's", None, "1").await.status, 400);
    assert_eq!(refusals().len(), 4);
    assert_eq!(world.spend("v2xnobody", "1").await.status, 401);
    assert_eq!(refusals().len(), 4);
}

#[tokio::test]
async fn a_person_reads_what_concerns_them_and_whoever_runs_the_place_reads_all() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    assert_eq!(code(&world.spend(&token, "101").await), "limit_exceeded");
    world.server.user("other@example.com").await;
    let other = world.server.log_in("other@example.com").await;

    let refused = world.get(&format!("/bursar/v1/audit?action=spend.refuse&token={id}"), &world.session).await;
    assert_eq!(refused.status, 200, "{}", refused.body);
    assert_eq!(refused.body["events"].as_array().unwrap().len(), 1);
    assert_eq!(refused.body["events"][0]["data"]["code"], "limit_exceeded");
    assert_eq!(refused.body["next"], Value::Null);

    let theirs = world.get("/bursar/v1/audit", &other).await;
    let actions = |answer: &Value| {
        let events = answer["events"].as_array().unwrap().iter();
        events.map(|event| event["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(actions(&theirs.body), ["session.create", "user.create"]);
    assert_eq!(code(&world.get("/bursar/v1/audit", &token).await), "person_only");
}

#[tokio::test]
async fn the_trail_is_read_page_by_page_without_gap_or_repetition() {
    let world = World::new().await;
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    for _ in 0..5 {
        assert_eq!(world.spend(&token, "1").await.status, 200);
    }
    let whole = world.get("/bursar/v1/audit?limit=200", &world.session).await.body["events"].clone();
    // The last capture may still come: what is compared lies before what was the newest.
    let newest = whole[0]["place"].as_str().unwrap();
    let (mut paged, mut path) = (Vec::new(), format!("/bursar/v1/audit?limit=3&before={newest}"));
    loop {
        let page = world.get(&path, &world.session).await.body;
        paged.extend(page["events"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/bursar/v1/audit?limit=3&before={next}");
    }
    assert_eq!(paged, whole.as_array().unwrap()[1..]);
    assert!(whole.as_array().unwrap().len() > 12, "{whole}");
}

#[tokio::test]
async fn a_page_of_events_that_tell_of_long_lists_ends_early_and_goes_on() {
    let world = World::new().await;
    let (id, _) = world.token(json!({"limits": ["hteth 1/day"]})).await;
    let address = |number: u32| json!({"address": format!("0x{number:040x}"), "coin": "hteth"});
    let mut version = world.limits(&id).await["version"].clone();
    for list in 0..30 {
        let allow: Vec<Value> = (1..=600).map(|number| address(number + 2000 * (list % 2))).collect();
        let edit = json!({
            "limits": ["hteth 1/day"], "destinations": {"allow": allow}, "version": version, "otp": crate::support::OTP,
        });
        let edited = world.edit(&id, edit).await;
        assert_eq!(edited.status, 200, "{}", edited.body);
        version = edited.body["version"].clone();
    }
    let (mut pages, mut path) = (Vec::new(), "/bursar/v1/audit?action=limits.set&limit=200".to_owned());
    loop {
        let page = world.get(&path, &world.session).await.body;
        let events = page["events"].as_array().unwrap().len();
        assert!(page.to_string().len() < 1 << 20);
        pages.push(events);
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/bursar/v1/audit?action=limits.set&limit=200&before={next}");
    }
    assert!(pages.len() > 1 && pages.iter().sum::<usize>() == 30, "{pages:?}");
}

#[tokio::test]
async fn a_spend_that_is_never_carried_out_at_a_rail_leaves_an_event_and_counts_as_a_spend() {
    let rules = BreakerRules { after: 3, pause: Span::from_seconds(60), longest: Span::from_seconds(3600) };
    let world = ChainWorld::new(Policy { breaker: Some(rules), ..policy() }).await;
    let token = world.token(json!(["hteth 1/day"])).await;
    let told = |answer: &crate::support::Answer| answer.body["error"]["data"]["code"].as_str().unwrap().to_owned();
    let call = |params: Value| json!({"jsonrpc": "2.0", "id": 1, "method": "eth_sendTransaction", "params": params});
    let creation = call(json!([{"from": world.from, "data": "0x6000"}]));
    let of_another = call(json!([{"from": TO, "to": TO, "value": "0x1"}]));
    let codes = [told(&world.call(&token, creation.clone()).await), told(&world.call(&token, of_another).await)];
    let noted = refused(&world.house.server);
    assert_eq!(noted.iter().map(|(_, data)| data["code"].clone()).collect::<Vec<_>>(), codes);
    assert!(noted.iter().all(|(subject, data)| subject.starts_with("token:") && data["rail"] == "chain"), "{noted:?}");
    // What only reads leaves none, be it refused.
    let sign = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_sign", "params": [world.from, "0x00"]});
    assert_eq!(told(&world.call(&token, sign).await), "method_withheld");
    assert_eq!(refused(&world.house.server).len(), 2);
    // The third spend in a row that comes to nothing pauses spending, and no look at what became of it.
    world.call(&token, creation.clone()).await;
    assert_eq!(told(&world.call(&token, creation).await), "broken");
    assert_eq!(refused(&world.house.server).len(), 3, "who is paused leaves no more");
    let read = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []});
    assert_eq!(world.call(&token, read).await.body["result"], "0x10");
}

#[tokio::test]
async fn a_request_to_spend_that_no_rule_of_a_rail_takes_leaves_an_event() {
    let shop = Shop::before(rail_by("http://127.0.0.1:1".to_owned(), rules()), "usd", "usd 10/day").await;
    assert_eq!(code(&shop.charge("k", "amount=1&amount=2&source=tok").await), "undecodable");
    let unknown = shop.server.send("POST", "/rail/chain/v1/payouts", Some(&shop.token), Some(json!({}))).await;
    assert_eq!(code(&unknown), "route_unknown");
    let noted = refused(&shop.server);
    let codes: Vec<_> = noted.iter().map(|(_, data)| data["code"].as_str()).collect();
    assert_eq!(codes, ["undecodable", "route_unknown"]);
    assert!(
        noted.iter().all(|(subject, data)| *subject == format!("token:{}", shop.token_id) && data["rail"] == "chain")
    );
    let read = shop.server.send("GET", "/rail/chain/v1/payouts", Some(&shop.token), None).await;
    assert_eq!((code(&read), refused(&shop.server).len()), ("route_unknown", 2), "a read is no spend");
}

#[tokio::test]
async fn a_spend_with_a_field_that_cannot_be_leaves_an_event() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    assert_eq!(code(&world.spend(&token, "a lot").await), "invalid_field");
    let service = world.server.service(&world.session).await;
    let held = world.server.send("POST", "/bursar/v1/spends", Some(&service), Some(json!({"token": token}))).await;
    assert_eq!(code(&held), "invalid_field");
    let noted = refused(&world.server);
    assert_eq!(noted.len(), 2);
    assert_eq!(
        (&noted[0].0, noted[0].1["wallet"].as_str()),
        (&format!("token:{id}"), &*world.server.wallet.to_string())
    );
    assert!(noted[0].1["reason"].contains("amount"), "{noted:?}");
    assert!(!noted[1].1["reason"].contains(&token), "{noted:?}");
}
