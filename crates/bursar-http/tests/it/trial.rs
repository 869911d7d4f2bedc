//! What a spend would get, and what its answer tells of limits.

use bursar_core::id::WalletId;
use bursar_core::time::Span;
use serde_json::{Value, json};

use crate::chain_node::{ChainWorld, TO};
use crate::support::{Answer, policy};
use crate::world::{ADDRESS, World, code};

async fn ask(world: &World, id: &str, caller: &str, more: Value) -> Answer {
    let mut body =
        json!({"coin": "tbtc", "amount": "10", "destination": ADDRESS, "wallet": world.server.wallet.to_string()});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.server.send("POST", &format!("/bursar/v1/tokens/{id}/limits:dry-run"), Some(caller), Some(body)).await
}

#[tokio::test]
async fn a_dry_run_judges_the_address_that_is_named_and_not_that_of_a_person() {
    let world = World::new().await;
    let rules = json!({"limits": ["tbtc 100 base units/day"], "ipRestrict": ["203.0.113.0/24"]});
    let (id, _) = world.token(rules).await;
    let plain = ask(&world, &id, &world.session, json!({})).await;
    assert_eq!(plain.body["allowed"], true, "{}", plain.body);
    let inside = ask(&world, &id, &world.session, json!({"address": "203.0.113.9"})).await;
    assert_eq!(inside.body["allowed"], true, "{}", inside.body);
    let outside = ask(&world, &id, &world.session, json!({"address": "198.51.100.1"})).await;
    assert_eq!(outside.body["refusal"]["code"], "ip_not_allowed", "{}", outside.body);
}

#[tokio::test]
async fn a_dry_run_without_wallet_and_organisation_says_which_are_missing() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let nowhere = ask(&world, &id, &token, json!({"wallet": null})).await;
    assert_eq!((nowhere.status.as_u16(), code(&nowhere)), (400, "invalid_field"), "{}", nowhere.body);
    let told = nowhere.body["detail"].as_str().unwrap();
    assert!(told.contains("`wallet` is missing") && told.contains("`organisation`"), "{told}");
}

#[tokio::test]
async fn a_dry_run_reads_recipients_of_a_wallet_without_a_rail_as_a_hold_does() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let (wallet, owner) =
        (WalletId::from_bytes([8; 16]), world.server.bursar.user_named("user@example.com").await.unwrap());
    let coin = bursar_core::coin::Coin::parse("tbtc").unwrap();
    world.server.bursar.register_wallet(wallet, coin, "Elsewhere".to_owned(), "unknown", owner.id).await.unwrap();
    let tried = ask(&world, &id, &token, json!({"wallet": wallet.to_string()})).await;
    assert_eq!(tried.body["allowed"], true, "{}", tried.body);
    let service = world.server.service(&world.session).await;
    let body =
        json!({"token": token, "coin": "tbtc", "amount": "10", "destination": ADDRESS, "wallet": wallet.to_string()});
    assert_eq!(world.server.send("POST", "/bursar/v1/spends", Some(&service), Some(body)).await.status, 201);
}

#[tokio::test]
async fn a_dry_run_goes_by_the_ledgers_time_when_the_clock_is_behind() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/hour"]})).await;
    assert_eq!(world.spend(&token, "95").await.status, 200);
    // A write waits for the settlements before it.
    world.server.bursar.note_uses().await.unwrap();
    let then = bursar_core::ambient::Clock::now(world.server.clock.as_ref());
    world.server.pass(Span::from_seconds(3601));
    world.server.bursar.note_uses().await.unwrap();
    assert_eq!(world.spend(&token, "1").await.status, 200);
    world.server.clock.set(then.plus(Span::from_seconds(60)));
    let tried = ask(&world, &id, &token, json!({})).await;
    assert_eq!(tried.body["allowed"], true, "the ledger has seen the hour pass: {}", tried.body);
}

#[tokio::test]
async fn refusals_and_repeats_say_what_is_left_and_when() {
    let world = World::new().await;
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units/hour"]})).await;
    let path = format!("/api/v2/tbtc/wallet/{}/sendcoins", world.server.wallet);
    let body = || json!({"address": ADDRESS, "amount": "70", "sequenceId": "one"});
    let send = async |body| world.server.send("POST", &path, Some(&token), Some(body)).await;
    let told = |answer: &Answer| answer.headers["ratelimit"].to_str().unwrap().to_owned();
    let first = send(body()).await;
    assert_eq!(told(&first), r#""tbtc amount rolling 3600s";r=30;t=3600"#);
    world.server.bursar.note_uses().await.unwrap();
    world.server.pass(Span::from_seconds(600));
    let again = send(body()).await;
    assert_eq!((again.status.as_u16(), told(&again).as_str()), (200, r#""tbtc amount rolling 3600s";r=30;t=3000"#));
    let refused = world.spend(&token, "40").await;
    assert_eq!(code(&refused), "limit_exceeded");
    assert_eq!(told(&refused), r#""tbtc amount rolling 3600s";r=30;t=3000"#);
}

#[tokio::test]
async fn a_limit_on_each_spend_is_whole_for_the_next() {
    let world = World::new().await;
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units per spend"]})).await;
    let first = world.spend(&token, "70").await;
    assert_eq!((first.status.as_u16(), first.headers["ratelimit"].to_str().unwrap().contains(";r=100")), (200, true));
    assert_eq!(world.spend(&token, "100").await.status, 200);
}

#[tokio::test]
async fn a_name_that_names_nothing_is_refused_and_never_passed_over() {
    let world = World::new().await;
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units/hour"]})).await;
    let path = format!("/api/v2/tbtc/wallet/{}/sendcoins", world.server.wallet);
    let headers = [
        ("authorization", format!("Bearer {token}")),
        ("content-type", "application/json".to_owned()),
        ("idempotency-key", "one".to_owned()),
    ];
    let send = async |body: Value| {
        world.server.send_all([127, 0, 0, 1], "POST", &path, &headers, body.to_string().into_bytes()).await
    };
    let refused = send(json!({"address": ADDRESS, "amount": "70"})).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.to_string().contains("sequenceId"), "{}", refused.body);
    // Both times 70 of 100: the second is the first again.
    for _ in 0..2 {
        let named = send(json!({"address": ADDRESS, "amount": "70", "sequenceId": "one"})).await;
        assert_eq!(named.status, 200, "{}", named.body);
    }
}

#[tokio::test]
async fn a_page_of_unresolved_spends_is_full_of_ones_own_and_names_no_others() {
    let world = World::new().await;
    let other = "other@example.com";
    world.server.user(other).await;
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    for _ in 0..3 {
        assert_eq!(world.spend_to(&token, "sandbox:drop-answer", "1").await.status, 409);
    }
    world.server.bursar.note_uses().await.unwrap();
    let list = "/bursar/v1/spends?unresolved=true&limit=2";
    let theirs = world.get(list, &world.server.log_in(other).await).await;
    assert_eq!(theirs.body["spends"], json!([]));
    assert!(theirs.body["next"].is_null(), "no spend of another is named: {}", theirs.body);
    let own = world.get(list, &world.session).await;
    assert_eq!(own.body["spends"].as_array().unwrap().len(), 2);
    let rest = world.get(&format!("{list}&prevId={}", own.body["next"].as_str().unwrap()), &world.session).await;
    assert_eq!((rest.body["spends"].as_array().unwrap().len(), rest.body["next"].is_null()), (1, true));
}

async fn try_on_chain(world: &ChainWorld, token: &str, amount: &str) -> Value {
    let listed = world.house.ask("GET", "/tokens", &world.owner, None).await.body;
    let id = listed["tokens"].as_array().unwrap().iter().find(|one| one["label"] == token).unwrap()["id"].clone();
    let body = json!({"coin": "hteth", "amount": amount, "destination": TO, "wallet": world.wallet});
    let path = format!("/tokens/{}/limits:dry-run", id.as_str().unwrap());
    world.house.ask("POST", &path, &world.owner, Some(body)).await.body
}

#[tokio::test]
async fn a_dry_run_counts_the_fee_that_a_spend_would_pay_and_says_so_where_the_rail_cannot_tell() {
    // This rail takes a fee of 0.1 at most; so much as it would take now fits.
    let world = ChainWorld::new(policy()).await;
    let body = json!({"limits": ["hteth 0.05/day"], "label": "try"});
    let token = world.house.server.issue(&world.owner, body).await["token"].as_str().unwrap().to_owned();
    let tried = try_on_chain(&world, "try", "10000000000000000").await;
    assert_eq!((&tried["allowed"], &tried["warnings"]), (&json!(true), &json!([])), "{tried}");
    let spent =
        world.house.server.send("POST", "/rail/chain", Some(&token), Some(world.spend("0x2386f26fc10000"))).await;
    assert!(spent.body["result"].is_string(), "{}", spent.body);
    let tried = try_on_chain(&world, "try", "40000000000000000").await;
    assert_eq!(tried["refusal"]["code"], "limit_exceeded", "{tried}");

    world.node.fails();
    let tried = try_on_chain(&world, "try", "1").await;
    assert_eq!(tried["allowed"], false, "{tried}");
    let warning = tried["warnings"][0].as_str().unwrap();
    assert!(warning.contains("the most that it may take"), "{warning}");
}

#[tokio::test]
async fn whoever_sees_the_figures_of_a_limit_sees_them_refused_as_well_as_allowed() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let edit = json!({"version": 0, "limits": ["tbtc 50 base units/day"]});
    let path = format!("/bursar/v1/wallets/{}/limits", world.server.wallet);
    assert_eq!(world.server.send("PUT", &path, Some(&world.session), Some(edit)).await.status, 200);
    for (caller, sees) in [(&world.session, true), (&token, false)] {
        let tried = ask(&world, &id, caller, json!({"amount": "60"})).await.body;
        let wallets = tried["refusal"]["limits"].as_array().unwrap().iter().find(|one| one["subject"] == "wallet");
        assert_eq!(wallets.unwrap()["limit"].as_str(), sees.then_some("50"), "{tried}");
    }
}
