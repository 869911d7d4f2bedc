//! Tokens in the browser: made after a review, shown once, looked at, changed and ended.

use bursar_service::{Policy, RequireIp};
use serde_json::json;

use crate::browser::{Browser, Page, between};
use crate::support::{OTP, Server, policy};
use crate::world::{ADDRESS, ELSEWHERE, NAME, World, code};

/// The secret that a page shows.
fn secret(page: &Page) -> String {
    let field = between(&page.html, "<textarea id=\"secret\"", "</textarea>");
    field.split_once('>').map_or("", |(_, text)| text.trim()).to_owned()
}

fn form<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![("label", "Payout bot"), ("may", "view"), ("may", "spend"), ("lifetime", "90")];
    fields.extend(more);
    fields
}

/// Reviews a form and says yes to everything.
async fn make(browser: &mut Browser<'_>, fields: &[(&str, &str)]) -> Page {
    let review = browser.post("/tokens/new", fields).await;
    assert_eq!(review.status, 200, "{}", review.text());
    let key = review.field("key");
    let yes =
        [("key", key.as_str()), ("otp", OTP), ("accept", "anywhere"), ("accept", "unlimited"), ("accept", "long")];
    browser.submit("/tokens", &[fields, &yes[..]].concat()).await
}

#[tokio::test]
async fn the_page_of_a_service_says_what_it_is_and_offers_no_limits() {
    let world = World::new().await;
    world.server.service(&world.session).await;
    let path = format!("/tokens/{}", world.id_of_service().await);
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let page = browser.get(&path).await;
    let text = page.text();
    assert!(text.contains("Service") && text.contains("for the organisation"), "{text}");
    assert!(text.contains("It spends nothing itself"), "{text}");
    for nothing in ["/limits\"", "/unlock\"", "each spend needs an unlock"] {
        assert!(!page.html.contains(nothing), "{nothing}");
    }
    browser.submit(&format!("{path}/lock"), &[]).await;
    assert!(browser.get(&path).await.text().contains("Lift the lock"));
    let form = browser.get(&format!("{path}/unlock")).await;
    assert!(!form.text().contains("without its own limits"), "{}", form.text());
    browser.submit(&format!("{path}/unlock"), &[("for", "resume"), ("otp", OTP)]).await;
    assert!(!browser.get(&path).await.text().contains("Lift the lock"));
}

#[tokio::test]
async fn what_nothing_in_bursar_asks_for_is_offered_last_and_below_a_line_that_says_so() {
    let world = World::new().await;
    let page = Browser::signed_in(&world.server, NAME).await.get("/tokens/new").await;
    let at = |text: &str| page.html.find(text).unwrap_or_else(|| panic!("no {text}"));
    let line = at("Nothing in Bursar itself asks for these two");
    for asked in ["view", "spend", "edit", "manage", "freeze"] {
        assert!(at(&format!("name=\"may\" value=\"{asked}\"")) < line, "{asked}");
    }
    for idle in ["approve", "stake"] {
        assert!(at(&format!("name=\"may\" value=\"{idle}\"")) > line, "{idle}");
    }
}

#[tokio::test]
async fn a_token_is_made_after_a_review_in_plain_sentences_and_spends() {
    let world = World::new().await;
    let wallet = world.server.wallet.to_string();
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let fields = form(&[
        ("reach", "these"),
        ("wallet", &wallet),
        ("limits", "tbtc 0.001/day\n20 spends/hour"),
        ("ips", "203.0.113.0/24\n127.0.0.1"),
    ]);
    let review = browser.post("/tokens/new", &fields).await;
    insta::assert_snapshot!(review.text().replace(". ", ".\n"), @"
    Is this what you want? Payout bot May send money from “Treasury”, as far as all of these allow: Up to 0.001 tbtc in any 24 hours, fees included.
    At most 20 spends in any 60 minutes.
    May see “Treasury”.
    Only from 203.0.113.0/24 and 127.0.0.1.
    Works until 20 December 2026, 14:13 UTC, for 90 days.
    Never makes or changes tokens, limits, people or wallets’ members: only you do.
    Code from your authenticator app Making a token needs a code of this moment.
    In this test environment 000000 passes.
    Make the token Change something
    ");
    let made = make(&mut browser, &fields).await;
    let text = secret(&made);
    assert_eq!(text.len(), 67, "{}", made.text());
    assert_eq!(world.spend(&text, "90000").await.status, 200);
    let refused = world.spend(&text, "90000").await;
    assert_eq!(refused.body["context"]["code"], "limit_exceeded", "{}", refused.body);
}

#[tokio::test]
async fn a_secret_is_shown_once_and_a_form_that_is_sent_twice_makes_one_token() {
    let world = World::new().await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let fields = form(&[("reach", "all"), ("here", "yes"), ("limits", "tbtc 1/day")]);
    let review = browser.post("/tokens/new", &fields).await;
    let key = review.field("key");
    let sent = [&fields[..], &[("key", key.as_str()), ("otp", OTP)]].concat();
    let first = browser.post("/tokens", &sent).await;
    let second = browser.post("/tokens", &sent).await;
    assert_eq!((first.status.as_u16(), first.location()), (303, second.location()));
    let place = first.location().to_owned();
    // Another session of the same person does not see it, though it may see the token.
    let mut elsewhere = Browser::signed_in(&world.server, NAME).await;
    assert_eq!(elsewhere.get(&place).await.status, 410);
    // Nor does a look at its headers use it up.
    assert_eq!(browser.head(&place).await.html, "");
    let shown = browser.get(&place).await;
    assert_eq!(secret(&shown).len(), 67);
    assert!(!shown.html.contains("action=\"/theme\""), "a choice of colours would lead away from what is shown once");
    let gone = browser.get(&place).await;
    assert_eq!(gone.status, 410);
    assert!(!gone.html.contains(&secret(&shown)));
    // Sent again after it was shown, it still is the same one token.
    assert_eq!(browser.post("/tokens", &sent).await.location(), place);
    let list = browser.get("/tokens").await;
    assert_eq!(list.html.matches("Payout bot").count(), 1, "{}", list.text());
    assert!(!list.html.contains(&secret(&shown)));
}

#[tokio::test]
async fn two_clicks_at_once_make_one_token_and_lose_no_secret() {
    let world = World::new().await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let fields = form(&[("reach", "all"), ("here", "yes")]);
    let key = browser.post("/tokens/new", &fields).await.field("key");
    let sent = [&fields[..], &[("key", key.as_str()), ("otp", OTP)]].concat();
    let mut twin = browser.clone();
    let (one, other) = tokio::join!(browser.post("/tokens", &sent), twin.post("/tokens", &sent));
    assert_eq!(one.location(), other.location());
    assert_eq!(secret(&browser.get(one.location()).await).len(), 67);
    let text = browser.get("/tokens").await.html;
    assert_eq!(text.matches("Payout bot</a>").count(), 1, "{text}");
}

#[tokio::test]
async fn what_is_wrong_is_told_at_its_field_and_nothing_is_lost() {
    let world = World::new().await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let fields = [
        ("may", "spend"),
        ("reach", "these"),
        ("limits", "tbtc 0.5/day\ntbtc 0.5/mnoth"),
        ("ips", "10.0.0.0/8"),
        ("lifetime", "4000"),
    ];
    let answer = browser.post("/tokens/new", &fields).await;
    assert_eq!(answer.status, 422);
    for field in ["label", "wallet", "limits", "ips", "lifetime"] {
        assert!(answer.html.contains(&format!("href=\"#{field}\"")), "{field}: {}", answer.text());
        assert!(answer.html.contains(&format!("id=\"{field}\"")), "{field}");
    }
    let text = answer.text();
    assert!(text.contains("Line 2, “tbtc 0.5/mnoth”: at character 10, mnoth"), "{text}");
    assert!(answer.html.contains("tbtc 0.5/day\ntbtc 0.5/mnoth</textarea>"));
    assert!(answer.html.contains("10.0.0.0/8</textarea>"));
}

#[tokio::test]
async fn a_server_that_wants_addresses_says_so_before_the_review() {
    let server = Server::with(Policy { require_ip_restriction: RequireIp::Spend, ..policy() }).await;
    server.user(NAME).await;
    let mut browser = Browser::signed_in(&server, NAME).await;
    let hint = browser.get("/tokens/new").await.text();
    assert!(hint.contains("A token that may spend needs at least one here"), "{hint}");
    let without = browser.post("/tokens/new", &form(&[("reach", "all"), ("limits", "tbtc 1/day")])).await;
    assert!(without.text().contains("Name the addresses that it will be used from"), "{}", without.text());
    assert!(!without.html.contains("name=\"otp\""), "no code is asked for what is not made");
    let with =
        browser.post("/tokens/new", &form(&[("reach", "all"), ("limits", "tbtc 1/day"), ("ips", "203.0.113.7")])).await;
    assert!(with.html.contains("name=\"otp\""), "{}", with.text());
}

#[tokio::test]
async fn a_wrong_code_makes_nothing_and_keeps_the_review() {
    let world = World::new().await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let fields = form(&[("reach", "all"), ("here", "yes")]);
    let key = browser.post("/tokens/new", &fields).await.field("key");
    let wrong = browser.post("/tokens", &[&fields[..], &[("key", &key), ("otp", "123456")]].concat()).await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.html.contains("href=\"#otp\""));
    assert_eq!(wrong.field("label"), "Payout bot");
    assert_eq!(wrong.field("key"), key);
    assert!(!browser.get("/tokens").await.html.contains("Payout bot"));
}

#[tokio::test]
async fn what_a_link_must_not_do_by_itself_is_made_only_when_it_is_ticked() {
    let world = World::new().await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let link = "/tokens/new?label=Bot&scope=wallet_spend_all&limit=tbtc+unlimited&expires=3650";
    let refused = browser.get(&format!("{link}&accept=unlimited")).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("accept is no parameter of links"), "{}", refused.text());
    let page = browser.get(link).await;
    assert!(page.text().contains("A link filled this form in"));
    assert!(page.html.contains("tbtc unlimited</textarea>"));
    let fields =
        [("label", "Bot"), ("may", "spend"), ("reach", "all"), ("limits", "tbtc unlimited"), ("lifetime", "3650")];
    let review = browser.post("/tokens/new", &fields).await;
    let key = review.field("key");
    for risk in ["anywhere", "unlimited", "long"] {
        assert!(review.html.contains(&format!("id=\"accept-{risk}\"")), "{risk}");
    }
    assert!(!review.html.contains("checked"));
    let some = [("key", key.as_str()), ("otp", OTP), ("accept", "anywhere"), ("accept", "long")];
    let refused = browser.post("/tokens", &[&fields[..], &some[..]].concat()).await;
    assert_eq!(refused.status, 422);
    assert!(refused.html.contains("href=\"#accept-unlimited\""));
    assert!(!browser.get("/tokens").await.html.contains("Bot</a>"));
    let all = [&some[..], &[("accept", "unlimited")]].concat();
    assert_eq!(browser.post("/tokens", &[&fields[..], &all[..]].concat()).await.status, 303);
}

#[tokio::test]
async fn a_link_says_where_money_may_go_and_the_token_pays_nobody_else() {
    let world = World::new().await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let page = browser.get("/tokens/new?label=Bot&to=tbtc:tb1qother&max_destinations=2&each=tbtc+0.1/day").await;
    for kept in
        [">\ntbtc tb1qother</textarea>", "name=\"most\" type=\"text\" value=\"2\"", ">\ntbtc 0.1/day</textarea>"]
    {
        assert!(page.html.contains(kept), "{kept}: {}", page.html);
    }
    let other = format!("tbtc {ADDRESS}");
    let fields = form(&[
        ("reach", "all"),
        ("ips", "127.0.0.1"),
        ("limits", "tbtc 1/day"),
        ("add", &other),
        ("most", "2"),
        ("each", "tbtc 0.0005/day"),
    ]);
    let review = browser.post("/tokens/new", &fields).await;
    let said = "Pays at most 2 different destinations. Each destination gets up to 0.0005 tbtc in any 24 hours, fees not counted.";
    assert!(review.text().contains(said), "{}", review.text());
    assert!(review.text().contains(&format!("Pays nobody but {ADDRESS} (tbtc).")), "{}", review.text());
    let token = secret(&make(&mut browser, &fields).await);
    assert_eq!(world.spend(&token, "40000").await.status, 200);
    assert_eq!(world.spend(&token, "40000").await.status, 401, "each gets so much");
    assert_eq!(world.spend_to(&token, ELSEWHERE, "40000").await.status, 403, "it is not in the list");
}

#[tokio::test]
async fn the_rules_on_destinations_are_shown_and_edited_with_the_limits() {
    let world = World::new().await;
    let rules = json!({"atMost": 3, "each": ["tbtc 0.001/day without fees"]});
    let (id, _) = world.token(json!({"limits": ["tbtc 0.5/day"], "destinations": rules})).await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let path = format!("/tokens/{id}/limits");
    let page = browser.get(&path).await;
    assert!(page.html.contains("value=\"3\""), "{}", page.html);
    assert!(page.html.contains(">\ntbtc 0.001/day without fees</textarea>"), "{}", page.html);
    let version = page.field("version");
    let with = |most: &'static str| {
        [
            ("version", version.clone()),
            ("limits", "tbtc 0.5/day".into()),
            ("most", most.into()),
            ("each", "tbtc 0.001/day".into()),
        ]
    };
    let send = |fields: [(&'static str, String); 4]| fields.map(|(name, text)| (name, text.leak() as &str));
    let more = browser.post(&path, &send(with("4"))).await;
    assert!(more.text().contains("needs a code"), "{}", more.text());
    let fewer = browser.submit(&path, &send(with("2"))).await;
    assert!(fewer.text().contains("Pays at most 2 different destinations."), "{}", fewer.text());
    let told = world.limits(&id).await["destinations"].clone();
    assert_eq!((&told["atMost"], told["each"].as_array().map(Vec::len)), (&json!(2), Some(1)), "{told}");
}

#[tokio::test]
async fn the_page_of_a_token_tells_what_it_may_do_and_what_it_did() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 0.001/day"]})).await;
    assert_eq!(world.spend(&token, "40000").await.status, 200);
    assert_eq!(world.spend(&token, "90000").await.status, 401);
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let page = browser.get(&format!("/tokens/{id}")).await;
    assert_eq!(page.status, 200, "{}", page.html);
    let text = page.text();
    for told in [
        "bot Active",
        "0.001 tbtc in any 24 hours 0.0004 tbtc spent 0.0006 tbtc left",
        "0.0004 tbtc in 1 spend over the last 30 days",
        "21 September 2026 0.0004 tbtc 1",
        "0.0004 tbtc tb1qw508d6…7kxpjzsx “Treasury” Sent",
        "limit of tbtc 0.001/day leaves 0.0006 tbtc, 0.0009 tbtc asked; it fits from 2026-09-22T14:13:20.000Z on.",
        "Last used just now from 127.0.0.1",
        "May see all your wallets. May send money from all your wallets. May read your profile. May be used from anywhere.",
    ] {
        assert!(text.contains(told), "`{told}` is not in: {text}");
    }
    assert!(!page.html.contains(&token));
}

#[tokio::test]
async fn limits_are_edited_with_a_code_only_where_they_allow_more() {
    let world = World::new().await;
    let (id, _) = world.token(json!({"limits": ["tbtc 0.5/day"]})).await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let path = format!("/tokens/{id}/limits");
    let version = browser.get(&path).await.field("version");
    let tighter = browser.submit(&path, &[("version", &version), ("limits", "tbtc 0.1/day")]).await;
    assert!(tighter.text().contains("0.1 tbtc in any 24 hours"), "{}", tighter.text());
    // Who saw an older version is told.
    let stale = browser.post(&path, &[("version", &version), ("limits", "tbtc 0.05/day")]).await;
    assert_eq!(stale.status, 409);
    let version = browser.get(&path).await.field("version");
    let looser = [("version", version.as_str()), ("limits", "tbtc 2/day")];
    let refused = browser.post(&path, &looser).await;
    assert_eq!(refused.status, 401);
    assert!(refused.html.contains("tbtc 2/day</textarea>") && refused.html.contains("href=\"#otp\""));
    assert!(browser.get(&path).await.html.contains("tbtc 0.1/day</textarea>"));
    let done = browser.submit(&path, &[&looser[..], &[("otp", OTP)]].concat()).await;
    assert!(done.text().contains("2 tbtc in any 24 hours"));
}

#[tokio::test]
async fn destinations_are_edited_with_a_code_only_where_they_allow_more() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 0.5/day"]})).await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let path = format!("/tokens/{id}/limits");
    let limits = ("limits", "tbtc 0.5/day");
    let mut version = browser.get(&path).await.field("version");
    let first = format!("tbtc {ADDRESS}\n");
    let done = browser.submit(&path, &[("version", &version), limits, ("add", &first)]).await;
    assert!(done.text().contains(&format!("Pays 1 destination only {ADDRESS} (tbtc)")), "{}", done.text());
    assert_eq!(world.spend(&token, "1").await.status, 200);
    assert_eq!(code(&world.spend_to(&token, ELSEWHERE, "1").await), "destination_not_allowed");
    version = browser.get(&path).await.field("version");
    let second = format!("tbtc {ELSEWHERE}");
    let wider = [("version", version.as_str()), limits, ("add", second.as_str())];
    let refused = browser.post(&path, &wider).await;
    assert_eq!(refused.status, 401);
    assert!(refused.html.contains("href=\"#otp\"") && refused.html.contains(&format!("{ELSEWHERE}</textarea>")));
    for wrong in ["tbtc nowhere", ELSEWHERE] {
        let answer = browser.post(&path, &[("version", &version), limits, ("otp", OTP), ("add", wrong)]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.html.contains("href=\"#add\""), "{}", answer.text());
    }
    assert_eq!(code(&world.spend_to(&token, ELSEWHERE, "1").await), "destination_not_allowed", "nothing has changed");
    browser.submit(&path, &[&wider[..], &[("otp", OTP)]].concat()).await;
    assert_eq!(world.spend_to(&token, ELSEWHERE, "1").await.status, 200);
    // Boxes of a list that has changed since remove nothing.
    let stale = browser.post(&path, &[("version", &version), limits, ("remove", "0")]).await;
    assert_eq!(stale.status, 409);
    assert!(!stale.html.contains("checked"), "{}", stale.html);
    version = browser.get(&path).await.field("version");
    browser.submit(&path, &[("version", &version), limits, ("remove", "0")]).await;
    assert_eq!(code(&world.spend(&token, "1").await), "destination_not_allowed");
    assert_eq!(world.spend_to(&token, ELSEWHERE, "1").await.status, 200);
    version = browser.get(&path).await.field("version");
    let open = [("version", version.as_str()), limits, ("anywhere", "yes")];
    assert_eq!(browser.post(&path, &open).await.status, 401);
    browser.submit(&path, &[&open[..], &[("otp", OTP)]].concat()).await;
    assert_eq!(world.spend(&token, "1").await.status, 200);
    assert!(world.limits(&id).await["destinations"].is_null());
}

#[tokio::test]
async fn a_token_is_locked_resumed_unlocked_rotated_and_revoked() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 0.001/day"]})).await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let path = format!("/tokens/{id}");
    let locked = browser.submit(&format!("{path}/lock"), &[]).await;
    assert!(locked.text().contains("Locked"), "{}", locked.text());
    assert_eq!(world.spend(&token, "1").await.body["context"]["code"], "locked");
    let unlock = format!("{path}/unlock");
    assert_eq!(browser.post(&unlock, &[("for", "resume"), ("otp", "111111")]).await.status, 401);
    assert_eq!(browser.post(&unlock, &[("for", "resume")]).await.status, 401);
    assert_eq!(world.spend(&token, "1").await.body["context"]["code"], "locked");
    browser.submit(&unlock, &[("for", "resume"), ("otp", OTP)]).await;
    assert_eq!(world.spend(&token, "1").await.status, 200);
    assert_eq!(world.spend(&token, "200000").await.status, 401, "its limits hold after it was resumed");
    let unlocked = browser.submit(&unlock, &[("for", "600"), ("otp", OTP)]).await;
    assert!(unlocked.text().contains("Unlocked for 10 minutes"), "{}", unlocked.text());
    assert_eq!(world.spend(&token, "200000").await.status, 200);
    let rotate = format!("{path}/rotate");
    let key = browser.get(&rotate).await.field("key");
    let shown = browser.submit(&rotate, &[("key", &key), ("overlap", "0"), ("otp", OTP)]).await;
    let new = secret(&shown);
    assert_eq!(world.get("/bursar/v1/self", &new).await.status, 200);
    assert_eq!(world.get("/bursar/v1/self", &token).await.status, 401);
    assert_eq!(browser.get(&format!("{path}/secret")).await.status, 410);
    let revoke = format!("{path}/revoke");
    assert!(browser.get(&revoke).await.text().contains("cannot be undone"));
    assert_eq!(world.get("/bursar/v1/self", &new).await.status, 200, "asking ends nothing");
    let over = browser.submit(&revoke, &[]).await;
    assert!(over.text().contains("Revoked"));
    assert_eq!(world.get("/bursar/v1/self", &new).await.status, 401);
    assert!(!browser.get("/tokens").await.text().contains("bot"));
    assert!(browser.get("/tokens?state=ended").await.text().contains("bot Revoked"));
}

#[tokio::test]
async fn an_unlock_over_a_lock_can_be_locked_again_and_the_lock_lifted_with_one_outcome() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 0.001/day"]})).await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let path = format!("/tokens/{id}");
    let (lock, unlock) = (format!("{path}/lock"), format!("{path}/unlock"));
    let locks = format!("action=\"{lock}\"");
    assert!(!browser.submit(&lock, &[]).await.html.contains(&locks), "there is nothing to lock");
    let over = browser.submit(&unlock, &[("for", "3600"), ("otp", OTP)]).await;
    assert!(over.html.contains(&locks), "{}", over.text());
    browser.submit(&lock, &[]).await;
    assert_eq!(world.spend(&token, "1").await.body["context"]["code"], "locked");
    browser.submit(&unlock, &[("for", "3600"), ("otp", OTP)]).await;
    let lifted = browser.submit(&unlock, &[("for", "resume"), ("otp", OTP)]).await;
    assert!(lifted.text().contains("The lock is lifted."), "{}", lifted.text());
    let longer = browser.post(&unlock, &[("for", "600"), ("otp", OTP)]).await;
    assert_eq!(longer.status, 409);
    let said = "The token is unlocked until 21 September 2026, 15:13 UTC already, which is longer.";
    assert!(longer.text().contains(said), "{}", longer.text());
}

#[tokio::test]
async fn the_list_is_searched_and_filtered() {
    let world = World::new().await;
    world.token(json!({"label": "Payout bot", "limits": ["tbtc 0.001/day"]})).await;
    let (locked, _) = world.token(json!({"label": "Reporting"})).await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    browser.submit(&format!("/tokens/{locked}/lock"), &[]).await;
    let mut shows = async |query: &str| {
        let text = browser.get(&format!("/tokens?{query}")).await.text();
        (text.contains("Payout bot"), text.contains("Reporting"))
    };
    assert_eq!(shows("").await, (true, true));
    assert_eq!(shows("q=payOUT").await, (true, false));
    assert_eq!(shows("state=locked").await, (false, true));
    assert_eq!(shows("state=ended").await, (false, false));
    assert_eq!(shows("q=nothing+like+it").await, (false, false));
    assert_eq!(shows(&format!("q={locked}")).await, (false, true));
}

#[tokio::test]
async fn tokens_and_wallets_of_others_are_not_there() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 0.5/day"]})).await;
    world.server.user("other@example.com").await;
    let mut other = Browser::signed_in(&world.server, "other@example.com").await;
    let wallet = world.server.wallet;
    for path in ["", "/secret", "/limits", "/rotate", "/unlock", "/revoke"] {
        assert_eq!(other.get(&format!("/tokens/{id}{path}")).await.status, 404, "{path}");
    }
    for path in ["/limits", "/rotate", "/lock", "/unlock", "/revoke"] {
        let fields = [("version", "1"), ("limits", ""), ("otp", OTP), ("overlap", "0"), ("for", "600")];
        assert_eq!(other.post(&format!("/tokens/{id}{path}"), &fields).await.status, 404, "{path}");
    }
    for path in [format!("/wallets/{wallet}"), format!("/wallets/{wallet}/limits")] {
        let status = other.get(&path).await.status.as_u16();
        assert!(matches!(status, 403 | 404), "{path}: {status}");
    }
    assert_eq!(world.spend(&token, "1").await.status, 200, "nothing has changed");
    assert!(!other.get("/tokens").await.text().contains("bot"));
    // A session is nobody's token, also not its own person's.
    let mut own = Browser::signed_in(&world.server, NAME).await;
    let session = world.get("/bursar/v1/self", &world.session).await.body["id"].as_str().unwrap().to_owned();
    assert_eq!(own.get(&format!("/tokens/{session}")).await.status, 404);
}

#[tokio::test]
async fn nothing_that_somebody_wrote_becomes_a_part_of_the_page() {
    const EVIL: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";
    let world = World::new().await;
    let (id, token) = world.token(json!({"label": EVIL, "limits": ["tbtc 0.00001/day"]})).await;
    world.spend_to(&token, ADDRESS, "1").await;
    world.spend_to(&token, EVIL, "1").await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let review =
        browser.post("/tokens/new", &[("label", EVIL), ("may", "view"), ("reach", "all"), ("lifetime", "7")]).await;
    assert_eq!(review.status, 200);
    let query: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(
            ["q", "state", "label", "limit", "ip", "expires", "preset", "next", "scope"].map(|name| (name, EVIL)),
        )
        .finish();
    let mut pages = vec![review];
    for path in ["", "/limits", "/rotate", "/unlock", "/revoke"] {
        pages.push(browser.get(&format!("/tokens/{id}{path}")).await);
    }
    for path in ["/tokens", "/tokens/new", "/wallets", "/nowhere", "/sign-in"] {
        pages.push(browser.get(&format!("{path}?{query}")).await);
        pages.push(Browser::new(&world.server).get(&format!("{path}?{query}")).await);
    }
    let fields = ["label", "limits", "ips", "expires", "lifetime", "more", "username", "otp", "next", "theme"]
        .map(|name| (name, EVIL));
    pages.push(browser.post("/tokens/new", &fields).await);
    let mut stranger = Browser::new(&world.server);
    stranger.get("/sign-in").await;
    pages.push(stranger.post("/sign-in", &fields).await);
    for page in &pages {
        assert!(!page.html.contains("<script>") && !page.html.contains("<img"), "{}", page.html);
        assert!(page.status.as_u16() < 500, "{}", page.html);
    }
    assert!(pages.iter().filter(|page| page.html.contains("&lt;script&gt;")).count() >= 7);
}

#[tokio::test]
async fn limits_are_read_to_whoever_writes_them() {
    let world = World::new().await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let right = browser.post("/limits/check", &[("limits", "tbtc 0.5/day")]).await;
    assert_eq!(right.html, r#"{"right":true,"lines":["Up to 0.5 tbtc in any 24 hours, fees included."]}"#);
    let wrong = browser.post("/limits/check", &[("limits", "tbtc x")]).await;
    assert!(wrong.html.starts_with(r#"{"right":false,"lines":["Line 1"#), "{}", wrong.html);
}

#[tokio::test]
async fn a_wallets_limits_are_edited_by_who_administers_it() {
    let world = World::new().await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    assert!(browser.get("/wallets").await.text().contains("Treasury"));
    let path = format!("/wallets/{}", world.server.wallet);
    let edit = format!("{path}/limits");
    let version = browser.get(&edit).await.field("version");
    let done = browser.submit(&edit, &[("version", &version), ("limits", "tbtc 0.001/day")]).await;
    assert!(done.text().contains("0.001 tbtc in any 24 hours"), "{}", done.text());
    let (_, token) = world.token(json!({"limits": ["tbtc 1/day"]})).await;
    let refused = world.spend(&token, "200000").await;
    assert_eq!((refused.status.as_u16(), &refused.body["context"]["code"]), (403, &json!("limit_exceeded")));
    assert_eq!(world.spend(&token, "50000").await.status, 200);
}

#[tokio::test]
async fn a_review_says_that_limits_and_wallets_do_not_fit() {
    let world = World::new().await;
    let wallet = world.server.wallet.to_string();
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let mut review = async |limits: &str| {
        let fields = form(&[("reach", "these"), ("wallet", &wallet), ("here", "yes"), ("limits", limits)]);
        browser.post("/tokens/new", &fields).await.text()
    };
    let other = review("hteth 1/day").await;
    assert!(other.contains("No limit covers tbtc, so it can spend nothing from “Treasury” by itself."), "{other}");
    assert!(other.contains("The limit on hteth has no effect on the chosen wallets."), "{other}");
    let both = review("tbtc 1/day\nhteth 1/day").await;
    assert!(!both.contains("No limit covers") && both.contains("The limit on hteth has no effect"), "{both}");
    for fit in ["tbtc 1/day", "tbtc 1/day\n20 spends/hour"] {
        assert!(!review(fit).await.contains("Probably not meant"), "{fit}");
    }
}

#[tokio::test]
async fn code_in_texts_is_set_apart_and_a_problem_is_told_at_its_field_and_above() {
    let world = World::new().await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let wrong = browser.post("/tokens/new", &form(&[("reach", "all"), ("limits", "tbtc 0.5/mnoth")])).await;
    assert_eq!(wrong.html.matches("<code>mnoth</code>").count(), 2, "{}", wrong.html);
    assert!(!wrong.text().contains('`'), "{}", wrong.text());
    let read = browser.post("/limits/check", &[("limits", "tbtc 0.5/mnoth")]).await;
    assert!(read.html.contains("“mnoth”") && !read.html.contains('`'), "{}", read.html);
    assert!(!browser.get("/docs/api").await.text().contains('`'));
}

#[tokio::test]
async fn a_spend_is_shown_with_what_its_rail_calls_it_and_each_cell_with_its_label() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 0.001/day"]})).await;
    let sent = world.spend(&token, "40000").await;
    let transaction = sent.body["txid"].as_str().unwrap();
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let page = browser.get(&format!("/tokens/{id}")).await;
    assert!(page.html.contains(&format!("title=\"{transaction}\"")), "{}", page.html);
    let table = between(&page.html, "<table role=\"table\" class=\"stacks\">", "</table>");
    for label in ["When", "Amount", "To", "From", "Became"] {
        assert!(table.contains(&format!("data-label=\"{label}\"")), "{label}: {table}");
    }
}

#[tokio::test]
async fn an_old_secret_that_goes_on_is_told_of_and_ends_with_one_press() {
    let world = World::new().await;
    let (id, old) = world.token(json!({"limits": ["tbtc 0.001/day"]})).await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let path = format!("/tokens/{id}");
    assert!(!browser.get(&path).await.text().contains("old secret"));
    let key = browser.get(&format!("{path}/rotate")).await.field("key");
    let fields = [("key", key.as_str()), ("overlap", "3600"), ("otp", OTP)];
    let new = secret(&browser.submit(&format!("{path}/rotate"), &fields).await);
    let page = browser.get(&path).await;
    assert!(page.text().contains("works until 21 September 2026, 15:13 UTC."), "{}", page.text());
    assert_eq!(world.spend(&old, "1").await.status, 200);
    let ended = browser.submit(&format!("{path}/end-old-secret"), &[]).await;
    assert!(ended.text().contains("The old secret works no more."), "{}", ended.text());
    assert!(!ended.text().contains("works until"), "{}", ended.text());
    assert_eq!(world.get("/bursar/v1/self", &old).await.status, 401);
    assert_eq!(world.get("/bursar/v1/self", &new).await.status, 200);
    let again = format!("/bursar/v1/tokens/{id}/end-old-secret");
    assert_eq!(world.server.send("POST", &again, Some(&world.session), None).await.status, 200, "once is enough");
    assert_eq!(world.server.send("POST", &again, Some(&new), None).await.status, 403, "its owner in person only");
}
