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
    assert_eq!(differences(&world).await, "bursar_conservation_differences 1");
}
