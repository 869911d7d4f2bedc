//! What is over is let go of, and what lives is not.

use bursar_core::time::Span;
use rusqlite::Connection;
use serde_json::json;

use crate::support::OTP;
use crate::world::World;

const YEAR: Span = Span::from_seconds(366 * 86_400);

fn rows(world: &World, table: &str) -> u64 {
    let store = Connection::open(world.server.data().join("bursar.db")).unwrap();
    store.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_ended_longer_ago_than_spends_are_kept_is_gone_with_all_that_was_kept_of_it() {
    let world = World::new().await;
    let make = async |key, session: &str, seconds: u64| {
        let scope = ["wallet_view_all", "wallet_spend_all"];
        let limits = ["tbtc 100 base units/day"];
        let body = json!({"otp": OTP, "label": "bot", "duration": seconds, "scope": scope, "limits": limits});
        let path = "/api/v2/user/accesstoken";
        let made = world.server.send_with("POST", path, Some(session), Some(body), Some(key)).await;
        assert_eq!(made.status, 200, "{}", made.body);
        made.body["token"].as_str().unwrap().to_owned()
    };
    let spender = make("spent", &world.session, 60).await;
    assert_eq!(world.spend(&spender, "60").await.status, 200);
    make("idle", &world.session, 60).await;
    make("living", &world.session, 3 * 366 * 86_400).await;
    world.server.bursar.note_uses().await.unwrap();
    assert_eq!(world.server.bursar.forget_ended_tokens().await.unwrap(), 0);
    assert_eq!((rows(&world, "tokens"), rows(&world, "documents WHERE kind = 'created'")), (4, 3));

    world.server.pass(YEAR);
    world.server.pass(Span::from_seconds(4000));
    // What the clock says counts once the ledger has gone by it.
    let session = world.server.log_in("user@example.com").await;
    assert_eq!(world.server.bursar.forget_ended_tokens().await.unwrap(), 2, "the idle one and the session");
    assert_eq!((rows(&world, "tokens"), rows(&world, "documents WHERE kind = 'created'")), (3, 2));
    assert_eq!(rows(&world, "token_secrets"), 3);
    make("idle", &session, 60).await;
    assert_eq!(world.server.bursar.check_conservation(true).await.unwrap(), []);
}

#[tokio::test]
async fn a_clock_that_leaps_ahead_ends_nothing_that_lives() {
    let world = World::new().await;
    world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    world.server.pass(Span::from_seconds(100 * 366 * 86_400));
    assert_eq!(world.server.bursar.forget_ended_tokens().await.unwrap(), 0);
    assert_eq!(rows(&world, "tokens"), 2);
}
