//! What the audit log tells of spends.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::world::{World, code};

/// The refused spends in the log: of which token, and by which code.
fn refusals(world: &World) -> Vec<(String, String)> {
    let store = Connection::open(world.server.data().join("bursar.db")).unwrap();
    let query = "SELECT subject, data FROM audit_events WHERE action = 'spend.refuse' ORDER BY link, place";
    let mut statement = store.prepare(query).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
    let told = rows.map(|row| {
        let (subject, data) = row.unwrap();
        let data: Vec<(String, Value)> = serde_json::from_str(&data).unwrap();
        let code = data.into_iter().find(|(name, _)| name == "code").unwrap().1;
        (subject, code.as_str().unwrap().to_owned())
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
