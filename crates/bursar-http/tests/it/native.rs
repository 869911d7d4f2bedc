//! The native surface: limits over time, edits, rotation, and spends of those who move money themselves.

use bursar_core::time::Span;
use serde_json::{Value, json};

use crate::support::{Answer, OTP};
use crate::world::{ADDRESS, ELSEWHERE, World, code};

#[tokio::test]
async fn a_rolling_limit_says_when_a_spend_fits_and_keeps_its_word() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/hour"]})).await;
    assert_eq!(world.spend(&token, "70").await.status, 200);
    let refused = world.spend(&token, "40").await;
    assert_eq!((refused.status.as_u16(), code(&refused)), (401, "limit_exceeded"));
    assert_eq!(refused.body["context"]["fits"], "at");
    let fits_at = refused.body["context"]["fitsAt"].as_str().unwrap().to_owned();
    let standing = world.limits(&id).await;
    assert_eq!(standing["limits"][0]["captured"], "70");
    assert_eq!(standing["limits"][0]["resetsAt"], fits_at.as_str());
    assert_eq!(standing["history"]["buckets"][0]["amount"], "70");

    world.server.pass(Span::from_millis(3_599_999));
    assert_eq!(world.spend(&token, "40").await.status, 401, "a millisecond too early");
    world.server.pass(Span::from_millis(1));
    assert_eq!(world.spend(&token, "40").await.status, 200, "at {fits_at}");
}

#[tokio::test]
async fn a_token_sees_its_own_limits_without_any_scope_and_in_the_headers_of_spends() {
    let world = World::new().await;
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units/day", "20 spends/hour"]})).await;
    let sent = world.spend(&token, "30").await;
    let limits = sent.headers["ratelimit"].to_str().unwrap().to_owned();
    assert_eq!(limits, r#""tbtc amount rolling 86400s";r=70;t=86400, "* count rolling 3600s";r=19;t=3600"#);
    let own = world.get("/bursar/v1/self", &token).await;
    assert_eq!(own.status, 200, "{}", own.body);
    assert_eq!(own.body["limits"][0]["remaining"], "70");
    assert_eq!(own.body["limits"][1]["remaining"], "19");
}

#[tokio::test]
async fn limits_of_a_living_token_are_tightened_at_once_and_loosened_with_a_second_factor() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    assert_eq!(world.spend(&token, "60").await.status, 200);
    let version = world.limits(&id).await["version"].clone();
    let raise = json!({"version": version, "limits": ["tbtc 200 base units/day"]});
    let asked = world.edit(&id, raise.clone()).await;
    assert_eq!((asked.status.as_u16(), code(&asked)), (401, "step_up_needed"));
    let mut proven = raise;
    proven["otp"] = OTP.into();
    let raised = world.edit(&id, proven.clone()).await;
    assert_eq!(raised.status, 200, "{}", raised.body);
    assert_eq!(raised.body["limits"][0]["captured"], "60", "an edit never resets usage");
    let stale = world.edit(&id, proven).await;
    assert_eq!((stale.status.as_u16(), code(&stale)), (409, "conflict"));
    assert_eq!(world.spend(&token, "60").await.status, 200);

    let version = raised.body["version"].clone();
    let lowered = world.edit(&id, json!({"version": version, "limits": ["tbtc 50 base units/day"]})).await;
    assert_eq!(lowered.status, 200, "{}", lowered.body);
    assert_eq!(world.spend(&token, "1").await.status, 401, "less than is spent lets nothing more through");
    let own = world.server.send("PUT", &format!("/bursar/v1/tokens/{id}/limits"), Some(&token), Some(json!({}))).await;
    assert_eq!(code(&own), "person_only");
}

#[tokio::test]
async fn a_limit_of_another_shape_starts_with_what_was_spent() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 1000 base units in total"]})).await;
    assert_eq!(world.spend(&token, "60").await.status, 200);
    let version = world.limits(&id).await["version"].clone();
    let limits = json!(["tbtc 1000 base units in total", "tbtc 100 base units/day", "tbtc:* 2 spends/day"]);
    let edited = world.edit(&id, json!({"version": version, "limits": limits})).await;
    assert_eq!(edited.status, 200, "{}", edited.body);
    assert_eq!(edited.body["limits"][1]["captured"], "60");
    assert_eq!(edited.body["limits"][2]["captured"], "1");
    assert_eq!(code(&world.spend(&token, "41").await), "limit_exceeded");
    assert_eq!(world.spend(&token, "40").await.status, 200);
    assert_eq!(code(&world.spend(&token, "0").await), "limit_exceeded", "the third spend of the day");
}

#[tokio::test]
async fn the_dialect_shows_what_was_spent_before_an_edit_and_what_was_spent_under_an_unlock() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 1000 base units in total"]})).await;
    assert_eq!(world.spend(&token, "60").await.status, 200);
    let version = world.limits(&id).await["version"].clone();
    let limits = json!(["tbtc 1000 base units in total", "tbtc 100 base units/day"]);
    assert_eq!(world.edit(&id, json!({"version": version, "limits": limits})).await.status, 200);
    let session = async || world.get("/api/v2/user/session", &token).await.body["session"].clone();
    let shown = session().await;
    let remaining = world.limits(&id).await["limits"][1]["remaining"].clone();
    assert_eq!(remaining, "40");
    assert_eq!(shown["unlock"]["limits"][0]["remaining"], remaining, "{shown}");

    let unlock = json!({"otp": OTP, "duration": 60});
    assert_eq!(world.server.send("POST", "/api/v2/user/unlock", Some(&token), Some(unlock)).await.status, 200);
    assert_eq!(world.spend(&token, "500").await.status, 200);
    world.server.pass(Span::from_seconds(61));
    // A write waits for the settlements before it.
    world.server.bursar.note_uses().await.unwrap();
    let shown = session().await;
    assert_eq!(shown["overridden"], json!({"tbtc": {"txCount": 1, "txValue": 500}}), "{shown}");
    let standing = world.limits(&id).await;
    assert_eq!(standing["apart"]["overridden"][0]["amount"], "500", "{standing}");
    assert_eq!(standing["limits"][1]["remaining"], "40");

    let service = world.server.service(&world.session).await;
    assert_eq!(world.hold(&service, &token, None, "7").await.status, 201);
    assert_eq!(world.limits(&id).await["apart"]["held"][0]["amount"], "7");
    assert_eq!(session().await["held"], json!({"tbtc": {"txCount": 1, "txValue": 7}}));
}

#[tokio::test]
async fn the_wallets_limit_holds_for_every_token_and_tells_no_figures() {
    let world = World::new().await;
    let (_, token) = world.token(json!({"limits": ["tbtc unlimited"]})).await;
    let path = format!("/bursar/v1/wallets/{}/limits", world.server.wallet);
    let edit = json!({"version": 0, "limits": ["tbtc 50 base units/calendar day in Europe/Zurich"]});
    let set = world.server.send("PUT", &path, Some(&world.session), Some(edit)).await;
    assert_eq!(set.status, 200, "{}", set.body);
    let refused = world.spend(&token, "51").await;
    assert_eq!((refused.status.as_u16(), code(&refused)), (403, "limit_exceeded"));
    assert_eq!(refused.body["context"]["limits"][0]["subject"], "wallet");
    assert!(!refused.body.to_string().contains("\"50\""), "{}", refused.body);
    assert_eq!(world.spend(&token, "50").await.status, 200);
}

#[tokio::test]
async fn amounts_of_several_coins_are_summed_up_only_where_bitgos_wire_says_so() {
    let world = World::new().await;
    let (id, _) = world.token(json!({"allErc20TokensLimit": {"txValueLimit": 5}, "limits": ["tbtc 7"]})).await;
    let path = format!("/bursar/v1/tokens/{id}/limits");
    let edit = async |limits: Value| {
        let version = world.limits(&id).await["version"].clone();
        let edit = json!({"version": version, "limits": limits});
        world.server.send("PUT", &path, Some(&world.session), Some(edit)).await
    };
    let kept = edit(json!(["tbtc 6", "*erc20 4 base units"])).await;
    assert_eq!(kept.status, 200, "one that is there stays: {}", kept.body);
    let before = world.limits(&id).await;
    for new in ["*erc20 3 base units/day", "*bitcoin 1 per spend", "*erc20 unlimited/day"] {
        let refused = edit(json!(["tbtc 6", "*erc20 4 base units", new])).await;
        assert_eq!((refused.status.as_u16(), refused.body["field"].as_str()), (400, Some("limits[2]")), "{new}");
        let told = refused.body["detail"].as_str().unwrap();
        assert!(told.contains("a wildcard limits counts and fees only: name each coin"), "{told}");
    }
    assert_eq!(world.limits(&id).await, before);
    assert_eq!(edit(json!(["tbtc 6", "*erc20 4 base units", "*erc20 3 spends/day"])).await.status, 200);
}

#[tokio::test]
async fn money_goes_only_where_the_token_says() {
    let world = World::new().await;
    let rules = json!({
        "limits": ["tbtc 1000 base units/day"],
        "destinations": {"allow": [{"address": ADDRESS.to_uppercase(), "coin": "tbtc"}], "each": ["tbtc 50 base units/day without fees"]},
    });
    let (id, token) = world.token(rules).await;
    let elsewhere = world.spend_to(&token, ELSEWHERE, "1").await;
    assert_eq!((elsewhere.status.as_u16(), code(&elsewhere)), (403, "destination_not_allowed"));
    assert_eq!(world.spend(&token, "50").await.status, 200, "two spellings of one address are one");
    assert_eq!(code(&world.spend(&token, "1").await), "limit_exceeded");
    let shown = world.limits(&id).await;
    assert_eq!(shown["destinations"]["allow"][0]["coin"], "tbtc");

    let (_, few) = world.token(json!({"limits": ["tbtc 9 base units/day"], "destinations": {"atMost": 1}})).await;
    assert_eq!(world.spend(&few, "1").await.status, 200);
    assert_eq!(code(&world.spend_to(&few, ELSEWHERE, "1").await), "too_many_destinations");
    assert_eq!(world.spend(&few, "1").await.status, 200);
}

#[tokio::test]
async fn a_dry_run_tells_what_a_spend_would_get_and_holds_nothing() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let path = format!("/bursar/v1/tokens/{id}/limits:dry-run");
    let wallet = world.server.wallet.to_string();
    let ask = |amount: &str| json!({"coin": "tbtc", "amount": amount, "destination": ADDRESS, "wallet": wallet});
    for _ in 0..3 {
        let passes = world.server.send("POST", &path, Some(&token), Some(ask("100"))).await;
        assert_eq!((passes.status.as_u16(), &passes.body["allowed"]), (200, &json!(true)), "{}", passes.body);
    }
    let refused = world.server.send("POST", &path, Some(&token), Some(ask("101"))).await;
    assert_eq!(refused.body["allowed"], false);
    assert_eq!(refused.body["refusal"]["code"], "limit_exceeded");
    assert_eq!(refused.body["refusal"]["fits"], "never");
    assert_eq!(world.spend(&token, "100").await.status, 200);
}

#[tokio::test]
async fn a_service_holds_for_a_spender_and_settles_only_what_it_held() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let service = world.server.service(&world.session).await;
    let other = world.server.service(&world.session).await;

    let held = world.hold(&service, &token, Some("order-1"), "60").await;
    assert_eq!((held.status.as_u16(), &held.body["state"]), (201, &json!("open")), "{}", held.body);
    let again = world.hold(&service, &token, Some("order-1"), "60").await;
    assert_eq!((again.status.as_u16(), &again.body["id"]), (200, &held.body["id"]));
    let different = world.hold(&service, &token, Some("order-1"), "61").await;
    assert_eq!((different.status.as_u16(), code(&different)), (409, "idempotency_key_used"));
    assert_eq!(world.limits(&id).await["limits"][0]["held"], "60");
    assert_eq!(code(&world.spend(&token, "41").await), "limit_exceeded", "what is held counts");

    let spend = held.body["id"].as_str().unwrap().to_owned();
    let capture = format!("/bursar/v1/spends/{spend}/capture");
    let part = json!({"amount": "25", "fee": "0", "reference": "tx-1"});
    let stolen = world.server.send("POST", &capture, Some(&other), Some(part.clone())).await;
    assert_eq!(stolen.status, 404, "{}", stolen.body);
    let captured = world.server.send("POST", &capture, Some(&service), Some(part.clone())).await;
    assert_eq!((captured.status.as_u16(), &captured.body["state"]), (200, &json!("captured")));
    assert_eq!(world.server.send("POST", &capture, Some(&service), Some(part)).await.status, 200, "once or twice");
    let more = json!({"amount": "60", "reference": "tx-2"});
    assert_eq!(
        world.server.send("POST", &capture, Some(&service), Some(more)).await.status,
        409,
        "not as something else"
    );
    let standing = world.limits(&id).await;
    assert_eq!((&standing["limits"][0]["captured"], &standing["limits"][0]["held"]), (&json!("25"), &json!("0")));
    let late = format!("/bursar/v1/spends/{spend}/release");
    let release = world.server.send("POST", &late, Some(&service), Some(json!({"reason": "no"}))).await;
    assert_eq!(release.status, 409, "{}", release.body);
}

#[tokio::test]
async fn a_release_after_the_deadline_takes_a_person() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let service = world.server.service(&world.session).await;
    let held = world.hold(&service, &token, None, "60").await;
    let spend = held.body["id"].as_str().unwrap().to_owned();
    world.server.pass(Span::from_seconds(61));
    let path = format!("/bursar/v1/spends/{spend}/release");
    let alone = world.server.send("POST", &path, Some(&service), Some(json!({"reason": "timed out"}))).await;
    assert_eq!((alone.status.as_u16(), code(&alone)), (401, "step_up_needed"));
    assert_eq!(world.limits(&id).await["limits"][0]["held"], "60", "unknown is not free");
    let body = json!({"reason": "timed out", "otp": OTP});
    let proven = world.server.send("POST", &path, Some(&service), Some(body)).await;
    assert_eq!((proven.status.as_u16(), &proven.body["state"]), (200, &json!("released")), "{}", proven.body);
    assert_eq!(world.limits(&id).await["limits"][0]["held"], "0");
}

#[tokio::test]
async fn a_capture_of_nothing_after_the_deadline_takes_a_person_too() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let service = world.server.service(&world.session).await;
    let held = world.hold(&service, &token, None, "60").await;
    world.server.pass(Span::from_seconds(61));
    let path = format!("/bursar/v1/spends/{}/capture", held.body["id"].as_str().unwrap());
    let nothing = json!({"amount": "0", "reference": "none"});
    let alone = world.server.send("POST", &path, Some(&service), Some(nothing)).await;
    assert_eq!((alone.status.as_u16(), code(&alone)), (401, "step_up_needed"));
    assert_eq!(world.limits(&id).await["limits"][0]["held"], "60", "unknown is not free");
    let whole = world.server.send("POST", &path, Some(&service), Some(json!({"reference": "f00d"}))).await;
    assert_eq!((whole.status.as_u16(), &whole.body["state"]), (200, &json!("captured")), "{}", whole.body);
}

/// 50 and a fee of 20 that a service holds: the token's id and text, the service's, and where it is captured.
async fn held_with_a_fee(world: &World) -> (String, String, String, String) {
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let service = world.server.service(&world.session).await;
    let body = json!({
        "token": token, "coin": "tbtc", "amount": "50", "destination": ADDRESS, "fee": "20",
        "wallet": world.server.wallet.to_string(),
    });
    let held = world.server.send("POST", "/bursar/v1/spends", Some(&service), Some(body)).await;
    let path = format!("/bursar/v1/spends/{}/capture", held.body["id"].as_str().unwrap());
    (id, token, service, path)
}

#[tokio::test]
async fn a_fee_that_turns_out_smaller_after_the_deadline_takes_a_person_like_any_release() {
    let world = World::new().await;
    let (id, _, service, path) = held_with_a_fee(&world).await;
    world.server.pass(Span::from_seconds(61));
    let mut body = json!({"fee": "5", "reference": "f00d"});
    let alone = world.server.send("POST", &path, Some(&service), Some(body.clone())).await;
    assert_eq!((alone.status.as_u16(), code(&alone)), (401, "step_up_needed"));
    assert_eq!(world.limits(&id).await["limits"][0]["held"], "70", "unknown is not free");
    body["otp"] = OTP.into();
    let proven = world.server.send("POST", &path, Some(&service), Some(body)).await;
    assert_eq!((proven.status.as_u16(), &proven.body["captured"]["total"]), (200, &json!("55")), "{}", proven.body);
}

#[tokio::test]
async fn a_fee_that_turns_out_smaller_is_not_taken_for_a_payment() {
    let world = World::new().await;
    let (id, token, service, path) = held_with_a_fee(&world).await;
    for _ in 0..2 {
        let body = json!({"fee": "5", "reference": "f00d"});
        let captured = world.server.send("POST", &path, Some(&service), Some(body)).await;
        assert_eq!((captured.status.as_u16(), &captured.body["captured"]["total"]), (200, &json!("55")));
        assert_eq!(captured.body["captured"]["amount"], "50", "recipients got theirs");
    }
    assert_eq!(world.limits(&id).await["limits"][0]["captured"], "55");
    assert_eq!(world.spend(&token, "1").await.status, 200, "the token is not locked");
}

#[tokio::test]
async fn a_capture_in_the_words_of_its_hold_captures_what_was_held() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 2000 base units/day"]})).await;
    let service = world.server.service(&world.session).await;
    let body = json!({
        "token": token, "coin": "tbtc", "amount": "1000", "destination": ADDRESS, "fee": "100",
        "wallet": world.server.wallet.to_string(),
    });
    let held = world.server.send("POST", "/bursar/v1/spends", Some(&service), Some(body)).await.body;
    let told = |of: &Value| ["amount", "fee", "total"].map(|name| of[name].as_str().unwrap().to_owned());
    assert_eq!(told(&held), ["1000", "100", "1100"]);
    let path = format!("/bursar/v1/spends/{}/capture", held["id"].as_str().unwrap());
    let body = json!({"amount": held["amount"], "fee": held["fee"], "reference": "f00d"});
    let captured = world.server.send("POST", &path, Some(&service), Some(body)).await.body;
    assert_eq!(told(&captured["captured"]), told(&held), "{captured}");
    assert_eq!(world.limits(&id).await["limits"][0]["captured"], "1100");
    assert_eq!(world.limits(&id).await["limits"][0]["held"], "0");
}

#[tokio::test]
async fn a_member_sees_no_spends_of_other_members() {
    let world = World::new().await;
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let service = world.server.service(&world.session).await;
    let body = json!({"token": token, "coin": "tbtc", "amount": "5", "destination": ADDRESS});
    let held = world.server.send("POST", "/bursar/v1/spends", Some(&service), Some(body)).await;
    assert_eq!(held.status, 201, "{}", held.body);
    let path = format!("/bursar/v1/spends/{}", held.body["id"].as_str().unwrap());
    world.server.user("member@example.com").await;
    let member = world.server.log_in("member@example.com").await;
    assert_eq!(world.get(&path, &member).await.status, 404);
    for sees in [&world.session, &token, &service] {
        assert_eq!(world.get(&path, sees).await.status, 200);
    }
}

#[tokio::test]
async fn a_service_that_released_by_mistake_says_so_with_a_second_factor() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let service = world.server.service(&world.session).await;
    let held = world.hold(&service, &token, None, "60").await;
    let spend = held.body["id"].as_str().unwrap().to_owned();
    let path = |what: &str| format!("/bursar/v1/spends/{spend}/{what}");
    let released = world.server.send("POST", &path("release"), Some(&service), Some(json!({"reason": "no"}))).await;
    assert_eq!(released.status, 200, "{}", released.body);
    let capture = path("capture");
    let alone = world.server.send("POST", &capture, Some(&service), Some(json!({"reference": "f00d"}))).await;
    assert_eq!((alone.status.as_u16(), code(&alone)), (401, "step_up_needed"));
    assert_eq!(world.limits(&id).await["limits"][0]["captured"], "0");
    let body = json!({"reference": "f00d", "otp": OTP});
    let proven = world.server.send("POST", &capture, Some(&service), Some(body)).await;
    assert_eq!((proven.status.as_u16(), &proven.body["state"]), (200, &json!("captured")), "{}", proven.body);
    assert_eq!(world.limits(&id).await["limits"][0]["captured"], "60");
}

#[tokio::test]
async fn more_than_was_held_is_counted_in_full_and_stops_the_token() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let service = world.server.service(&world.session).await;
    let held = world.hold(&service, &token, None, "10").await;
    let path = format!("/bursar/v1/spends/{}/capture", held.body["id"].as_str().unwrap());
    let body = json!({"amount": "30", "reference": "tx"});
    assert_eq!(world.server.send("POST", &path, Some(&service), Some(body)).await.status, 200);
    assert_eq!(world.limits(&id).await["limits"][0]["captured"], "30");
    assert_eq!(code(&world.spend(&token, "1").await), "locked");
}

#[tokio::test]
async fn what_was_made_under_a_key_is_not_made_twice_and_its_secret_not_shown_again() {
    let world = World::new().await;
    let ask = || json!({"otp": OTP, "label": "bot", "duration": 3600, "scope": ["wallet_view_all"]});
    let make =
        |key| world.server.send_with("POST", "/api/v2/user/accesstoken", Some(&world.session), Some(ask()), Some(key));
    let made = make("deploy-7").await;
    assert_eq!(made.status, 200, "{}", made.body);
    let again = make("deploy-7").await;
    assert_eq!((again.status.as_u16(), code(&again)), (409, "already_created"));
    assert_eq!(again.body["context"]["id"], made.body["id"]);
    assert!(!again.body.to_string().contains(made.body["token"].as_str().unwrap()));
    assert_eq!(make("deploy-8").await.status, 200);
}

#[tokio::test]
async fn a_dry_run_tells_no_figures_of_others_and_counts_the_fee() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let edit = json!({"version": 0, "limits": ["tbtc 987654 base units/day"]});
    let path = format!("/bursar/v1/wallets/{}/limits", world.server.wallet);
    assert_eq!(world.server.send("PUT", &path, Some(&world.session), Some(edit)).await.status, 200);
    let ask = |fee: &str| json!({"coin": "tbtc", "amount": "60", "destination": ADDRESS, "fee": fee, "wallet": world.server.wallet.to_string()});
    let path = format!("/bursar/v1/tokens/{id}/limits:dry-run");
    let passes = world.server.send("POST", &path, Some(&token), Some(ask("40"))).await;
    assert_eq!(passes.body["allowed"], true, "{}", passes.body);
    assert!(!passes.body.to_string().contains("987654"), "{}", passes.body);
    let refused = world.server.send("POST", &path, Some(&token), Some(ask("41"))).await;
    assert_eq!(refused.body["allowed"], false, "{}", refused.body);
}

#[tokio::test]
async fn a_fee_never_gives_back_what_was_spent() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day without fees"]})).await;
    let service = world.server.service(&world.session).await;
    let pay = |amount: &'static str, fee: &'static str| {
        let body = json!({
            "token": token, "coin": "tbtc", "amount": amount, "destination": ADDRESS, "fee": fee,
            "wallet": world.server.wallet.to_string(),
        });
        let (server, service) = (&world.server, &service);
        async move {
            let held = server.send("POST", "/bursar/v1/spends", Some(service), Some(body)).await;
            let path = format!("/bursar/v1/spends/{}/capture", held.body["id"].as_str().unwrap_or_default());
            let body = json!({"amount": amount, "fee": fee, "reference": "tx"});
            server.send("POST", &path, Some(service), Some(body)).await.status
        }
    };
    assert_eq!(pay("100", "0").await, 200);
    assert_eq!(pay("0", "1000000").await, 200);
    assert_eq!(world.limits(&id).await["limits"][0]["remaining"], "0");
    assert_eq!(code(&world.hold(&service, &token, None, "1").await), "limit_exceeded");
}

#[tokio::test]
async fn a_locked_service_holds_nothing_more() {
    let world = World::new().await;
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let service = world.server.service(&world.session).await;
    let lock = world.server.send("POST", "/api/v2/user/lock", Some(&service), Some(json!({}))).await;
    assert_eq!(lock.status, 200, "{}", lock.body);
    let refused = world.hold(&service, &token, None, "1").await;
    assert_eq!((refused.status.as_u16(), code(&refused)), (403, "locked"));
    assert_eq!(refused.body["whose"], "service", "{}", refused.body);
    assert!(refused.body["detail"].as_str().unwrap().contains("of the service that asks"), "{}", refused.body);
    let path = format!("/bursar/v1/tokens/{}", world.id_of_service().await);
    let resumed = json!({"otp": OTP, "resume": true});
    let resumed = world.server.send("POST", &format!("{path}/unlock"), Some(&world.session), Some(resumed)).await;
    assert_eq!(resumed.status, 200, "{}", resumed.body);
    assert_eq!(world.hold(&service, &token, None, "1").await.status, 201, "a lock is lifted");
    // Whose lock it is is told apart.
    world.server.send("POST", "/api/v2/user/lock", Some(&token), Some(json!({}))).await;
    let refused = world.hold(&service, &token, None, "1").await;
    assert_eq!((code(&refused), refused.body.get("whose")), ("locked", None), "{}", refused.body);
}

#[tokio::test]
async fn limits_and_unlocks_of_a_service_are_refused_since_they_would_hold_nothing() {
    let world = World::new().await;
    let service = world.server.service(&world.session).await;
    let path = format!("/bursar/v1/tokens/{}", world.id_of_service().await);
    let refused = |answer: &Answer| {
        assert_eq!((answer.status.as_u16(), code(answer)), (409, "spends_nothing_itself"), "{}", answer.body);
    };
    for edit in
        [json!({"limits": ["tbtc 1/day"]}), json!({"destinations": {"allow": [{"coin": "tbtc", "address": ADDRESS}]}})]
    {
        let mut edit = edit;
        (edit["version"], edit["otp"]) = (0.into(), OTP.into());
        refused(&world.server.send("PUT", &format!("{path}/limits"), Some(&world.session), Some(edit)).await);
    }
    let unlock = json!({"otp": OTP, "duration": 600});
    refused(&world.server.send("POST", &format!("{path}/unlock"), Some(&world.session), Some(unlock.clone())).await);
    let own = world.server.send("POST", "/api/v2/user/unlock", Some(&service), Some(unlock)).await;
    assert_eq!((own.status.as_u16(), &own.body["context"]["code"]), (409, &json!("spends_nothing_itself")));
    let shown = world.get(&path, &world.session).await.body;
    assert_eq!((&shown["limits"], &shown["unlock"]), (&json!([]), &json!(null)), "{shown}");
}

#[tokio::test]
async fn who_runs_an_organisation_sees_and_sets_the_limits_of_its_members() {
    let world = World::new().await;
    let (server, member) = (&world.server, "member@example.com");
    server.user(member).await;
    let id = server.bursar.user_named(member).await.unwrap().id;
    let theirs = server.log_in(member).await;
    for path in [format!("/bursar/v1/users/{id}/limits"), "/bursar/v1/users/member%40example.com/limits".to_owned()] {
        let shown = server.send("GET", &path, Some(&world.session), None).await;
        assert_eq!(shown.status, 200, "{}", shown.body);
        let version = shown.body["version"].clone();
        let first = json!({"version": version, "limits": ["tbtc 100 base units/day"]});
        let set = server.send("PUT", &path, Some(&world.session), Some(first)).await;
        assert_eq!((set.status.as_u16(), &set.body["subject"]), (200, &json!("user")), "{}", set.body);
        let mut raise = json!({"version": set.body["version"], "limits": ["tbtc 200 base units/day"]});
        let alone = server.send("PUT", &path, Some(&world.session), Some(raise.clone())).await;
        assert_eq!(code(&alone), "step_up_needed");
        raise["otp"] = OTP.into();
        let by_themselves = server.send("PUT", &path, Some(&theirs), Some(raise.clone())).await;
        assert_eq!(by_themselves.status, 403, "{}", by_themselves.body);
        assert_eq!(server.send("PUT", &path, Some(&world.session), Some(raise)).await.status, 200);
    }
    let owner = server.bursar.user_named("user@example.com").await.unwrap().id;
    for path in [format!("/bursar/v1/users/{owner}/limits"), "/bursar/v1/users/user@example.com/limits".to_owned()] {
        assert_eq!(server.send("GET", &path, Some(&theirs), None).await.status, 404);
    }
}

#[tokio::test]
async fn usage_is_shown_by_the_hour_or_the_day() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    for _ in 0..2 {
        assert_eq!(world.spend(&token, "10").await.status, 200);
        world.server.bursar.note_uses().await.unwrap();
        world.server.pass(Span::from_seconds(3600));
    }
    let shown = async |query: &str| world.get(&format!("/bursar/v1/tokens/{id}/limits{query}"), &token).await.body;
    assert_eq!(shown("").await["history"]["buckets"].as_array().unwrap().len(), 2);
    let by_day = shown("?bucket=day").await;
    assert_eq!(
        (&by_day["history"]["seconds"], &by_day["history"]["buckets"][0]["amount"]),
        (&json!(86_400), &json!("20"))
    );
    assert_eq!(shown("?bucket=day&since=2026-09-22T00:00:00Z").await["history"]["buckets"], json!([]));
    assert_eq!(shown("?bucket=week").await["code"], "invalid_field");
}

#[tokio::test]
async fn what_is_not_there_under_our_own_prefix_is_told_in_our_own_form() {
    let world = World::new().await;
    for (method, path, status) in [("GET", "/bursar/v1/nothing", 404), ("DELETE", "/bursar/v1/self", 405)] {
        let answer = world.server.send(method, path, Some(&world.session), None).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
    }
}

#[tokio::test]
async fn a_service_lists_what_it_holds_and_nobody_has_settled_and_nothing_else() {
    let world = World::new().await;
    let (_, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let (service, other) = (world.server.service(&world.session).await, world.server.service(&world.session).await);
    let held = async |by: &str, key: &str| {
        let held = world.hold(by, &token, Some(key), "1").await;
        held.body["id"].as_str().unwrap_or_else(|| panic!("{}", held.body)).to_owned()
    };
    let (first, second, theirs) = (held(&service, "1").await, held(&service, "2").await, held(&other, "3").await);
    let path = format!("/bursar/v1/spends/{first}/release");
    let released =
        world.server.send("POST", &path, Some(&service), Some(json!({"reason": "the buyer went away"}))).await;
    assert_eq!(released.status, 200, "{}", released.body);
    let listed = async |by: &str| {
        let told = world.get("/bursar/v1/spends?unsettled=true", by).await.body;
        let spends = told["spends"].as_array().unwrap_or_else(|| panic!("{told}"));
        spends.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((listed(&service).await, listed(&other).await), (vec![second], vec![theirs]));
    assert_eq!(world.get("/bursar/v1/spends?unresolved=true", &service).await.body["spends"], json!([]));
    assert_eq!(code(&world.get("/bursar/v1/spends?unsettled=true", &token).await), "person_only");
}

#[tokio::test]
async fn a_token_that_may_spend_and_not_see_is_warned_of_when_it_is_made() {
    let world = World::new().await;
    let warned = async |scope: Value| {
        let body = json!({"otp": OTP, "label": "bot", "scope": scope, "limits": ["tbtc 1/day"], "duration": 3600});
        let made = world.server.send("POST", "/bursar/v1/tokens", Some(&world.session), Some(body)).await;
        assert!(made.body["token"].is_string(), "{}", made.body);
        let warnings = made.body["warnings"].as_array().into_iter().flatten();
        warnings.into_iter().any(|warning| warning.as_str().unwrap().contains("give it `wallet_view_all`, too"))
    };
    assert!(warned(json!(["wallet_spend_all"])).await);
    assert!(!warned(json!(["wallet_spend_all", "wallet_view_all"])).await);
}

#[tokio::test]
async fn a_native_state_change_without_a_body_is_not_taken_under_a_signature_that_leaves_the_method_out() {
    use bursar_core::ambient::Clock as _;
    use bursar_wire::signature::{AuthVersion, Request as Signed, SigningKey};
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 5"]})).await;
    let hash = base16ct::lower::encode_string(bursar_wire::token_text::BearerHash::of(&token).expose());
    let target = format!("/bursar/v1/tokens/{id}/lock");
    let now = world.server.clock.now().as_millis().to_string();
    for (version, name, status) in [(AuthVersion::V2, "2.0", 401), (AuthVersion::V3, "3.0", 200)] {
        let signed = Signed { version, method: "POST", timestamp: &now, target: &target, body: b"" };
        let headers = [
            ("authorization", format!("Bearer {hash}")),
            ("hmac", SigningKey::from_token_text(&token).sign(&signed).as_str().to_owned()),
            ("auth-timestamp", now.clone()),
            ("bitgo-auth-version", name.to_owned()),
        ];
        let answer = world.server.send_all([127, 0, 0, 1], "POST", &target, &headers, Vec::new()).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
        let is_locked = world.get("/bursar/v1/self", &token).await.body["locked"].is_string();
        assert_eq!(is_locked, status == 200, "{name}");
    }
}
