//! Rotation: what is answered holds, for requests under way as well.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::Recipient;
use bursar_core::refusal::Refusal;
use bursar_core::time::Span;
use bursar_service::authenticate::{Presented, Principal, Signing};
use bursar_service::error::ServiceError;
use bursar_service::spend::{SpendRequest, What};
use serde_json::json;

use crate::support::{Answer, OTP};
use crate::world::{ADDRESS, World, code};

async fn rotate(world: &World, id: &str, overlap: u64) -> Answer {
    let (path, body) = (format!("/bursar/v1/tokens/{id}/rotate"), json!({"overlap": overlap, "otp": OTP}));
    world.server.send("POST", &path, Some(&world.session), Some(body)).await
}

/// A request that has come as far as its presenter being known.
async fn under_way(world: &World, token: &str) -> Principal {
    let authorization = format!("Bearer {token}");
    let presented = Presented {
        authorization: Some(&authorization),
        signing: Signing::None,
        method: "POST",
        target: "/",
        body: b"",
        address: [127, 0, 0, 1].into(),
    };
    world.server.bursar.authenticate(presented).await.principal.unwrap().unwrap()
}

fn a_spend(world: &World, amount: u128) -> SpendRequest {
    SpendRequest {
        coin: Coin::parse("tbtc").unwrap(),
        wallet: world.server.wallet,
        what: What::Recipients(vec![Recipient { address: ADDRESS.to_owned(), amount: Amount::new(amount) }]),
        sequence_id: None,
        comment: None,
        otp: None,
    }
}

#[tokio::test]
async fn a_rotated_token_keeps_its_budget_and_both_secrets_until_the_old_one_ends() {
    let world = World::new().await;
    let (id, old) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    assert_eq!(world.spend(&old, "60").await.status, 200);
    let lost = rotate(&world, &id, 3600).await;
    assert_eq!(lost.status, 200, "{}", lost.body);
    let found = rotate(&world, &id, 3600).await;
    let (lost, new) = (lost.body["token"].as_str().unwrap(), found.body["token"].as_str().unwrap());
    assert_eq!(found.body["id"], id.as_str());
    assert_eq!(world.get("/bursar/v1/self", lost).await.status, 401, "a secret nobody got is replaced");
    assert_eq!(world.spend(new, "41").await.status, 401, "rotation never refills");
    assert_eq!(world.spend(new, "20").await.status, 200);
    assert_eq!(world.spend(&old, "10").await.status, 200, "the old one goes on");
    for (path, secret) in [("/bursar/v1/self", new), (&format!("/bursar/v1/tokens/{id}"), &world.session)] {
        assert_eq!(world.get(path, secret).await.body["oldEnds"], found.body["oldEnds"], "{path}");
    }
    let third = rotate(&world, &id, 3600).await;
    assert_eq!((third.status.as_u16(), code(&third)), (409, "rotation_under_way"));
    world.server.pass(Span::from_seconds(3600));
    assert_eq!(world.get("/bursar/v1/self", &old).await.status, 401);
    assert_eq!(world.spend(new, "10").await.status, 200);
}

#[tokio::test]
async fn what_is_under_way_with_an_old_secret_holds_nothing_once_the_rotation_is_answered() {
    let world = World::new().await;
    let (id, old) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let late = under_way(&world, &old).await;
    assert_eq!(rotate(&world, &id, 0).await.status, 200);
    let refused = world.server.bursar.spend(&late, a_spend(&world, 1)).await;
    assert_eq!(refused.unwrap_err(), ServiceError::Refused(Box::new(Refusal::TokenUnknown)));
    assert_eq!(world.limits(&id).await["limits"][0]["remaining"], "100", "nothing was held");
}

#[tokio::test]
async fn what_is_under_way_with_a_secret_that_still_counts_goes_on() {
    let world = World::new().await;
    let (id, old) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let late = under_way(&world, &old).await;
    assert_eq!(rotate(&world, &id, 60).await.status, 200);
    world.server.bursar.spend(&late, a_spend(&world, 1)).await.unwrap();
    assert_eq!(world.limits(&id).await["limits"][0]["remaining"], "99");
}

#[tokio::test]
async fn a_secret_that_nobody_got_is_replaced_also_when_the_old_one_has_ended_meanwhile() {
    let world = World::new().await;
    let (id, _) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    for overlap in [0, 60] {
        let lost = rotate(&world, &id, overlap).await;
        world.server.pass(Span::from_seconds(61));
        let found = rotate(&world, &id, 600).await;
        let (lost, new) = (lost.body["token"].as_str().unwrap(), found.body["token"].as_str().unwrap());
        assert_eq!(world.get("/bursar/v1/self", lost).await.status, 401, "overlap {overlap}");
        assert_eq!(world.get("/bursar/v1/self", new).await.status, 200, "overlap {overlap}");
        world.server.pass(Span::from_seconds(601));
    }
}
