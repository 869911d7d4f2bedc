//! Asking by hand what became of a spend: who may ask, and what the rail's answer does.

use bursar_core::time::Span;
use bursar_service::sweep::Overdue;
use serde_json::json;

use crate::browser::Browser;
use crate::chain_node::ChainWorld;
use crate::support::{Answer, OTP, policy};
use crate::world::{NAME, World, code};

async fn reconcile(world: &World, spend: &str, token: &str) -> Answer {
    world.server.send("POST", &format!("/bursar/v1/spends/{spend}/reconcile"), Some(token), None).await
}

/// The only spend that nobody has settled.
async fn unsettled(world: &World) -> String {
    // What was settled last is durable once something else is.
    world.server.bursar.note_uses().await.unwrap();
    let list = world.get("/bursar/v1/spends?unsettled=true", &world.session).await;
    let spends = list.body["spends"].as_array().unwrap_or_else(|| panic!("{}", list.body));
    assert_eq!(spends.len(), 1, "{}", list.body);
    spends[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_the_rail_knows_of_a_spend_settles_it_at_once() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    for (to, showed, state, captured) in
        [("sandbox:drop-answer", "moved", "captured", "60"), ("sandbox:never", "not_moved", "released", "60")]
    {
        let lost = world.spend_to(&token, to, if state == "captured" { "60" } else { "40" }).await;
        assert_eq!(code(&lost), "outcome_pending", "{}", lost.body);
        let spend = unsettled(&world).await;
        let asked = reconcile(&world, &spend, &world.session).await;
        assert_eq!(asked.status, 200, "{}", asked.body);
        assert_eq!((&asked.body["showed"], &asked.body["spend"]["state"]), (&json!(showed), &json!(state)), "{to}");
        assert_eq!(asked.body["reference"].is_string(), state == "captured", "{}", asked.body);
        let limit = &world.limits(&id).await["limits"][0];
        assert_eq!((&limit["captured"], &limit["held"]), (&json!(captured), &json!("0")), "{to}");
        let again = reconcile(&world, &spend, &world.session).await.body;
        assert_eq!((&again["showed"], &again["detail"]), (&json!("not_asked"), &json!("it is settled")));
        assert_eq!(again["spend"]["state"], state);
    }
}

async fn not_moved(world: &World, spend: &str) -> Answer {
    say(world, spend, json!({"moved": false})).await
}

/// A person's word on a spend; it counts only if what they leave out was not moved either.
async fn say(world: &World, spend: &str, mut body: serde_json::Value) -> Answer {
    body["evidence"] = "the explorer does not show it".into();
    body["otp"] = OTP.into();
    let path = format!("/bursar/v1/spends/{spend}/resolve");
    world.server.send("POST", &path, Some(&world.session), Some(body)).await
}

#[tokio::test]
async fn why_nobody_knows_is_kept_with_the_spend_and_told_everywhere() {
    let world = World::new().await;
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    assert_eq!(world.spend_to(&token, "sandbox:drop-answer", "60").await.status, 409);
    let spend = unsettled(&world).await;
    let shown = world.get(&format!("/bursar/v1/spends/{spend}"), &token).await.body;
    let reason = shown["unresolved"]["reason"].as_str().unwrap_or_else(|| panic!("{shown}"));
    assert!(reason.contains("answer was lost"), "{reason}");
    let listed = world.get("/bursar/v1/spends?unresolved=true", &world.session).await.body;
    assert_eq!(listed["spends"][0]["unresolved"], shown["unresolved"]);
    let told = world.get(&format!("/bursar/v1/audit?subject=spend:{spend}"), &world.session).await.body;
    let noted = told["events"].as_array().unwrap().iter().find(|event| event["action"] == "spend.unresolved").unwrap();
    assert_eq!(noted["data"]["reason"], reason, "{noted}");
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    for page in [format!("/spends/{spend}"), format!("/spends/{spend}/resolve")] {
        assert!(browser.get(&page).await.text().contains("answer was lost"), "{page}");
    }
}

#[tokio::test]
async fn what_its_rail_shows_to_have_moved_is_not_given_back_on_a_word() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    assert_eq!(world.spend_to(&token, "sandbox:drop-answer", "60").await.status, 409);
    let spend = unsettled(&world).await;
    let refused = not_moved(&world, &spend).await;
    assert_eq!(code(&refused), "conflict", "{}", refused.body);
    assert!(refused.body["detail"].as_str().unwrap().contains("the rail shows that it moved as"), "{}", refused.body);
    assert_eq!(world.limits(&id).await["limits"][0]["captured"], "60");
}

#[tokio::test]
async fn a_spend_whose_rail_is_gone_from_the_configuration_is_nobodys_to_give_back() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    assert_eq!(world.spend_to(&token, "sandbox:drop-answer", "60").await.status, 409);
    let spend = unsettled(&world).await;
    // As if its section had been renamed.
    world.server.database().execute("UPDATE wallets SET rail = 'renamed'", []).unwrap();
    let refused = not_moved(&world, &spend).await;
    assert_eq!(code(&refused), "conflict", "{}", refused.body);
    assert!(refused.body["detail"].as_str().unwrap().contains("not in the configuration"), "{}", refused.body);
    assert_eq!(world.limits(&id).await["limits"][0]["held"], "60");
    world.server.database().execute("UPDATE wallets SET rail = 'sandbox'", []).unwrap();
    assert_eq!(reconcile(&world, &spend, &world.session).await.body["showed"], "moved");
}

#[tokio::test]
async fn whoever_says_that_less_moved_gives_the_rest_back_no_more_easily() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    assert_eq!(world.spend_to(&token, "sandbox:drop-answer", "60").await.status, 409);
    let spend = unsettled(&world).await;
    let more = say(&world, &spend, json!({"moved": true, "fee": "100000", "reference": "seen"})).await;
    assert_eq!((more.status.as_u16(), &more.body["field"]), (400, &json!("fee")), "{}", more.body);
    // Also if all that left is said to be the fee: limits without fees would get it back.
    for less in [
        json!({"moved": true, "amount": "0", "fee": "60", "reference": "seen", "moreThanHeld": true}),
        json!({"moved": true, "amount": "1", "reference": "seen"}),
    ] {
        let refused = say(&world, &spend, less).await;
        assert_eq!(code(&refused), "conflict", "{}", refused.body);
    }
    assert_eq!(world.limits(&id).await["limits"][0]["captured"], "60");
}

#[tokio::test]
async fn a_spend_whose_request_is_still_carried_out_is_not_given_back_on_a_word() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let deciding = async {
        // The rail takes two seconds, and the minute of the spend is over before.
        let mut spend = None;
        while spend.is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let list = world.get("/bursar/v1/spends?unsettled=true", &world.session).await.body;
            spend = list["spends"][0]["id"].as_str().map(str::to_owned);
        }
        let spend = spend.unwrap();
        world.server.pass(Span::from_seconds(61));
        for word in [json!({"moved": false}), json!({"moved": true, "amount": "1", "reference": "seen"})] {
            let refused = say(&world, &spend, word).await;
            assert_eq!(code(&refused), "conflict", "{}", refused.body);
            let detail = refused.body["detail"].as_str().unwrap();
            assert!(detail.contains("still being carried out"), "{}", refused.body);
            let asked = reconcile(&world, &spend, &world.session).await.body;
            assert_eq!(asked["showed"], "not_asked", "{asked}");
            // Past its deadline nobody knows of it either, until its request is over.
            world.server.bursar.sweep(Overdue::PastDeadline).await.unwrap();
        }
    };
    let (sent, ()) = tokio::join!(world.spend_to(&token, "sandbox:slow", "60"), deciding);
    assert_eq!(sent.status, 200, "{}", sent.body);
    world.server.bursar.note_uses().await.unwrap();
    assert_eq!(world.limits(&id).await["limits"][0]["captured"], "60");
}

#[tokio::test]
async fn a_word_that_waited_for_its_turn_is_judged_by_what_became_of_the_spend_meanwhile() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let unlock = world.server.send("POST", "/api/v2/user/unlock", Some(&world.session), Some(json!({"otp": OTP})));
    assert_eq!(unlock.await.status, 200);
    let unsettled = async |count: usize| loop {
        let spends =
            world.get("/bursar/v1/spends?unsettled=true&limit=100", &world.session).await.body["spends"].take();
        match spends.as_array() {
            Some(spends) if spends.len() >= count => return spends.clone(),
            _ => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    // The rail takes two seconds for each spend: those of the session have all of its turns long after the first one is over.
    let sent = async {
        assert_eq!(world.spend_to(&token, "sandbox:slow", "60").await.status, 200);
        world.server.bursar.note_uses().await.unwrap();
    };
    let word = async {
        let spend = unsettled(1).await[0]["id"].as_str().unwrap().to_owned();
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        let turns = (0..64).map(|_| world.spend_to(&world.session, "sandbox:slow", "1"));
        let said = async {
            unsettled(64).await;
            not_moved(&world, &spend).await
        };
        tokio::join!(said, futures_util::future::join_all(turns)).0
    };
    let ((), refused) = tokio::join!(sent, word);
    assert_eq!(code(&refused), "conflict", "{}", refused.body);
    assert!(refused.body["detail"].as_str().unwrap().contains("settled"), "{}", refused.body);
    assert_eq!(world.limits(&id).await["limits"][0]["captured"], "60");
}

#[tokio::test]
async fn only_a_person_who_may_resolve_a_spend_has_its_rail_asked() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    assert_eq!(world.spend_to(&token, "sandbox:drop-answer", "60").await.status, 409);
    let spend = unsettled(&world).await;
    world.server.user("stranger@example.com").await;
    let stranger = world.server.log_in("stranger@example.com").await;
    assert_eq!(reconcile(&world, &spend, &stranger).await.status, 404);
    assert_eq!(code(&reconcile(&world, &spend, &token).await), "person_only");
    assert_eq!(reconcile(&world, &"0".repeat(32), &world.session).await.status, 404);
    let theirs = world.get("/bursar/v1/spends?unsettled=true", &stranger).await;
    assert_eq!(theirs.body["spends"], json!([]));
    assert_eq!(world.limits(&id).await["limits"][0]["held"], "60", "nobody asked");
}

#[tokio::test]
async fn what_a_service_carries_out_itself_stays_the_services_to_settle() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let service = world.server.service(&world.session).await;
    let held = world.hold(&service, &token, None, "60").await;
    let spend = held.body["id"].as_str().unwrap();
    let asked = reconcile(&world, spend, &world.session).await.body;
    assert_eq!((&asked["showed"], &asked["spend"]["state"]), (&json!("not_asked"), &json!("open")), "{asked}");
    assert!(asked["detail"].as_str().unwrap().contains("the service that holds it has until"), "{asked}");
    world.server.pass(Span::from_seconds(61));
    let overdue = reconcile(&world, spend, &world.session).await.body;
    assert_eq!(
        (&overdue["showed"], &overdue["spend"]["state"]),
        (&json!("unknown"), &json!("unresolved")),
        "{overdue}"
    );
    assert_eq!(world.limits(&id).await["limits"][0]["held"], "60", "it counts until somebody says what became of it");
}

#[tokio::test]
async fn a_list_that_there_is_not_is_refused_by_name() {
    let world = World::new().await;
    for (query, field) in [
        ("unsettled=yes", "unsettled"),
        ("unresolved=false", "unresolved"),
        ("unresolved=true&unsettled=true", "unresolved"),
        ("unsettled", "unsettled"),
    ] {
        let refused = world.get(&format!("/bursar/v1/spends?{query}"), &world.session).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.body["field"]),
            (400, &json!(field)),
            "{query}: {}",
            refused.body
        );
    }
}

#[tokio::test]
async fn a_rail_that_cannot_be_asked_shows_nothing_and_what_is_signed_counts_as_before() {
    let world = ChainWorld::new(policy()).await;
    let (server, owner) = (&world.house.server, world.owner.as_str());
    let token = world.token(json!(["hteth 0.5/day"])).await;
    let sent = server.send("POST", "/rail/chain", Some(&token), Some(world.spend("0x1"))).await.body;
    let hash = sent["result"].as_str().unwrap_or_else(|| panic!("{sent}"));
    let spends = async || world.house.ask("GET", "/spends?unsettled=true", owner, None).await.body["spends"].clone();
    let spend = spends().await[0]["id"].as_str().unwrap().to_owned();
    let ask = async || world.house.ask("POST", &format!("/spends/{spend}/reconcile"), owner, None).await;

    world.node.fails();
    let silent = ask().await;
    assert_eq!((silent.status.as_u16(), code(&silent)), (503, "rail_unavailable"), "{}", silent.body);
    server.pass(Span::from_seconds(120));
    let swept = server.bursar.sweep(Overdue::PastDeadline).await.unwrap();
    assert_eq!((swept.under_way, swept.unresolved, swept.released), (1, 0, 0), "{swept:?}");
    let held = spends().await;
    assert_eq!((&held[0]["state"], &held[0]["sent"]["reference"]), (&json!("open"), &json!(hash)), "{held}");
}

#[tokio::test]
async fn what_a_person_calls_a_signed_spend_is_what_its_rail_has_it_as() {
    let world = ChainWorld::new(policy()).await;
    let token = world.token(json!(["hteth 0.5/day"])).await;
    let refused = json!({"error": {"code": -32000, "message": "underpriced"}});
    world.node.says("eth_sendRawTransaction", refused);
    let sent = world.call(&token, world.spend("0x1")).await.body;
    assert_eq!(sent["error"]["data"]["code"], "outcome_pending", "{sent}");
    let spends = world.house.ask("GET", "/spends?unresolved=true", &world.owner, None).await.body;
    let hash = spends["spends"][0]["sent"]["reference"].as_str().unwrap_or_else(|| panic!("{spends}"));
    let path = format!("/spends/{}/resolve", spends["spends"][0]["id"].as_str().unwrap());
    let say = async |reference: &str| {
        let body = json!({"moved": true, "reference": reference, "evidence": "seen in a block", "otp": OTP});
        world.house.ask("POST", &path, &world.owner, Some(body)).await
    };
    let wrong = say("0xabc").await;
    assert_eq!(
        (wrong.status.as_u16(), code(&wrong), &wrong.body["field"]),
        (400, "invalid_field", &json!("reference"))
    );
    assert!(wrong.body["detail"].as_str().unwrap().contains(hash), "{}", wrong.body);
    let right = say(hash).await;
    assert_eq!((right.status.as_u16(), &right.body["captured"]["reference"]), (200, &json!(hash)), "{}", right.body);
}
