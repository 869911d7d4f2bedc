//! What happens when budgets do not say what their spends say.

use rusqlite::Connection;
use serde_json::json;

use crate::support::OTP;
use crate::world::{World, code};

/// Changes the store behind the server's back.
fn tamper(world: &World, change: &str) -> usize {
    let store = Connection::open(world.server.data().join("bursar.db")).unwrap();
    store.execute(change, []).unwrap()
}

fn events(world: &World, action: &str) -> u64 {
    let store = Connection::open(world.server.data().join("bursar.db")).unwrap();
    store.query_row("SELECT count(*) FROM audit_events WHERE action = ?1", [action], |row| row.get(0)).unwrap()
}

async fn differences(world: &World) -> String {
    let (_, text) = world.server.operate("/metrics").await;
    text.lines().find(|line| line.starts_with("bursar_conservation_differences ")).unwrap().to_owned()
}

#[tokio::test]
async fn what_was_captured_and_does_not_add_up_is_told_until_it_is_looked_at_again_and_locks_its_token_once() {
    let world = World::new().await;
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    assert_eq!(world.spend(&token, "60").await.status, 200);
    world.server.bursar.note_uses().await.unwrap();
    assert_eq!(world.server.bursar.check_conservation(true).await.unwrap(), []);
    assert_eq!(tamper(&world, "UPDATE budgets SET captured = x'' WHERE subject_kind = 'token'"), 1);
    assert_eq!(world.server.bursar.check_conservation(true).await.unwrap().len(), 1);
    assert_eq!(world.server.bursar.check_conservation(false).await.unwrap(), []);
    assert_eq!(differences(&world).await, "bursar_conservation_differences 1");
    assert_eq!(world.server.bursar.check_conservation(true).await.unwrap().len(), 1);
    assert_eq!(events(&world, "token.lock"), 1);
    assert_eq!(code(&world.spend(&token, "1").await), "locked");
}

/// What the check stopped says so to whoever asks, and nothing lifts it before it adds up again.
#[tokio::test]
async fn a_window_that_was_put_back_stops_its_token_and_no_code_lifts_that_while_it_is_so() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"label": "bot", "limits": ["tbtc 100 base units/day"]})).await;
    assert_eq!(world.spend(&token, "10").await.status, 200);
    world.server.bursar.note_uses().await.unwrap();
    let before = "UPDATE budgets SET windows = (SELECT windows FROM kept) WHERE subject_kind = 'token'";
    tamper(&world, "CREATE TABLE kept AS SELECT windows FROM budgets WHERE subject_kind = 'token'");
    assert_eq!(world.spend(&token, "60").await.status, 200);
    world.server.bursar.note_uses().await.unwrap();
    tamper(&world, "CREATE TABLE sound AS SELECT windows FROM budgets WHERE subject_kind = 'token'");
    assert_eq!(world.server.bursar.check_conservation(true).await.unwrap(), []);
    assert_eq!(tamper(&world, before), 1);
    let found = world.server.bursar.check_conservation(true).await.unwrap();
    assert_eq!(found.len(), 1);
    let told = "tbtc: the spends add up to 70 base units in 2 spends that count over `rolling 86400s`, \
                the budget says 10 in 1";
    assert!(found[0].to_string().ends_with(told), "{}", found[0]);

    let refused = world.spend(&token, "1").await;
    assert_eq!((refused.status.as_u16(), code(&refused)), (403, "locked"));
    assert!(refused.body["error"].as_str().unwrap().contains("check of the ledger"), "{}", refused.body);
    let shown = world.get("/bursar/v1/self", &token).await;
    assert_eq!(shown.body["lockedBy"], "ledger", "{}", shown.body);
    let page = world.get(&format!("/bursar/v1/tokens/{id}"), &world.session).await;
    assert_eq!(page.body["lockedBy"], "ledger");
    let mails = world.server.mails().await;
    assert_eq!(mails.iter().filter(|mail| mail.subject.contains("token was stopped")).count(), 1);

    let unlock = format!("/bursar/v1/tokens/{id}/unlock");
    let ask = async |resume: bool| {
        let body = json!({"otp": OTP, "duration": 60, "resume": resume});
        world.server.send("POST", &unlock, Some(&world.session), Some(body)).await
    };
    for resume in [false, true] {
        let refused = ask(resume).await;
        assert_eq!(code(&refused), "conflict");
        assert!(refused.body.to_string().contains("the spends add up to 70 base units"), "{}", refused.body);
    }
    let path = format!("/api/v2/tbtc/wallet/{}/sendcoins", world.server.wallet);
    let with_code = json!({"address": crate::world::ADDRESS, "amount": "1", "otp": OTP});
    let refused = world.server.send("POST", &path, Some(&token), Some(with_code)).await;
    assert_eq!(code(&refused), "locked", "nor does a code for one spend: {}", refused.body);

    tamper(&world, "UPDATE budgets SET windows = (SELECT windows FROM sound) WHERE subject_kind = 'token'");
    assert_eq!(ask(true).await.status, 200);
    assert!(world.get("/bursar/v1/self", &token).await.body.get("lockedBy").is_none());
    assert_eq!(world.server.bursar.check_conservation(true).await.unwrap(), []);
}

#[tokio::test]
async fn a_budget_that_was_deleted_is_found() {
    let world = World::new().await;
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units in total"]})).await;
    assert_eq!(world.spend(&token, "90").await.status, 200);
    world.server.bursar.note_uses().await.unwrap();
    assert_eq!(tamper(&world, "DELETE FROM budgets WHERE subject_kind = 'token'"), 1);
    assert_eq!(world.server.bursar.check_conservation(true).await.unwrap().len(), 1);
    assert_eq!(code(&world.spend(&token, "90").await), "locked");
}

#[tokio::test]
async fn a_wallet_whose_budget_does_not_add_up_is_frozen_until_an_operator_has_looked() {
    let world = World::new().await;
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let service = world.server.service(&world.session).await;
    assert_eq!(world.hold(&service, &token, None, "7").await.status, 201);
    assert_eq!(tamper(&world, "UPDATE budgets SET held = x'' WHERE subject_kind = 'wallet'"), 1);
    for _ in 0..2 {
        assert_eq!(world.server.bursar.check_conservation(false).await.unwrap().len(), 1);
    }
    assert_eq!(events(&world, "wallet.freeze"), 1);
    assert_eq!(code(&world.spend(&token, "1").await), "wallet_frozen");
    let lift = format!("/bursar/v1/wallets/{}/unfreeze", world.server.wallet);
    let lifted = world.server.send("POST", &lift, Some(&world.session), Some(json!({"otp": OTP}))).await;
    assert_eq!(code(&lifted), "conflict", "its administrator does not");
    world.server.bursar.unfreeze_wallet(world.server.wallet).await.unwrap();
    assert_eq!(world.spend(&token, "1").await.status, 200);
}

#[tokio::test]
async fn a_user_is_frozen_and_an_organisation_makes_the_server_unready() {
    let world = World::new().await;
    world.server.operations.opened();
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let service = world.server.service(&world.session).await;
    assert_eq!(world.hold(&service, &token, None, "7").await.status, 201);
    let change = "UPDATE budgets SET held = x'' WHERE subject_kind IN ('organisation', 'user')";
    assert_eq!(tamper(&world, change), 2);
    world.server.bursar.check_conservation(false).await.unwrap();
    assert_eq!(code(&world.spend(&token, "1").await), "owner_frozen");
    let (status, text) = world.server.operate("/readyz").await;
    assert_eq!(status, 503);
    assert!(text.contains("ledger_differs"), "{text}");
    assert_eq!(differences(&world).await, "bursar_conservation_differences 2");
}

#[tokio::test]
async fn a_figure_that_cannot_be_read_makes_the_server_unready() {
    let world = World::new().await;
    world.server.operations.opened();
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    assert_eq!(world.spend(&token, "1").await.status, 200);
    // A write waits for the settlements before it, which would put the budget right again.
    world.server.bursar.note_uses().await.unwrap();
    assert_eq!(tamper(&world, "UPDATE budgets SET captured = x'fa' WHERE subject_kind = 'token'"), 1);
    assert!(world.server.bursar.check_conservation(true).await.is_err());
    let (status, text) = world.server.operate("/readyz").await;
    assert_eq!(status, 503);
    assert!(text.contains("ledger_differs") && text.contains("cannot be read"), "{text}");
    // The budget that cannot be read is missing, too.
    assert_eq!(differences(&world).await, "bursar_conservation_differences 2");
    assert_eq!(code(&world.spend(&token, "1").await), "locked");
}

#[tokio::test]
async fn a_spend_that_cannot_be_read_stops_whoever_spent_it_also_if_their_budgets_are_gone() {
    for all in [true, false] {
        let world = World::new().await;
        let (_, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
        let (_, other) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
        let service = world.server.service(&world.session).await;
        assert_eq!(world.hold(&service, &token, None, "7").await.status, 201);
        assert!(tamper(&world, "DELETE FROM budgets") > 0);
        assert_eq!(tamper(&world, "UPDATE holds SET terms = x'fafa'"), 1);
        assert!(world.server.bursar.check_conservation(all).await.is_err());
        for (action, times) in [("token.lock", 1), ("user.freeze", 1), ("wallet.freeze", 1)] {
            assert_eq!(events(&world, action), times, "{action}");
        }
        for spender in [&token, &other] {
            assert_ne!(world.spend(spender, "1").await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_spend_that_cannot_be_read_hides_no_other_and_is_remembered_until_all_are_looked_at_again() {
    let world = World::new().await;
    world.server.operations.opened();
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units in total"]})).await;
    let (_, other) = world.token(json!({"limits": ["tbtc 100 base units in total"]})).await;
    for spender in [&token, &token, &other] {
        assert_eq!(world.spend(spender, "45").await.status, 200);
    }
    world.server.bursar.note_uses().await.unwrap();
    // Somebody fills up the limits again, and spoils the oldest spend besides, so that nobody would add them up.
    assert_eq!(tamper(&world, "UPDATE budgets SET captured = x'', windows = x'01' WHERE subject_kind = 'token'"), 2);
    assert_eq!(tamper(&world, "UPDATE holds SET terms = x'fafa' WHERE id = (SELECT min(id) FROM holds)"), 1);
    assert!(world.server.bursar.check_conservation(true).await.is_err());
    for spender in [&token, &other] {
        assert!(["locked", "owner_frozen"].contains(&code(&world.spend(spender, "1").await)));
    }
    // Only what is held is looked at every minute; that must not call it off.
    assert_eq!(world.server.bursar.check_conservation(false).await.unwrap(), []);
    let (status, text) = world.server.operate("/readyz").await;
    assert!(status == 503 && text.contains("cannot be read"), "{status}: {text}");
}
