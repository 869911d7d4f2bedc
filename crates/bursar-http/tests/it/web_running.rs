//! Running a place in the browser: limits of people and organisations, freezes of wallets and organisations, a spend
//! in full, and the trail in names.

use bursar_core::audit::{Actor, Archived};
use serde_json::json;

use crate::browser::Browser;
use crate::house::{House, name, organisation};
use crate::support::OTP;
use crate::world::{NAME, World, code};

#[tokio::test]
async fn limits_of_an_organisation_and_of_a_member_are_set_in_the_browser_and_hold() {
    let house = House::new().await;
    let session = house.session("owner").await;
    let token = house.server.issue(&session, json!({"limits": ["tbtc 1/day"]})).await["token"].clone();
    let token = token.as_str().unwrap();
    let mut owner = Browser::signed_in(&house.server, &name("owner")).await;
    let member = organisation(&format!("/members/{}", house.id("owner").await));
    for (path, whose) in [(organisation(""), "organisation"), (member, "user"), ("/account".to_owned(), "user")] {
        assert!(owner.get(&path).await.text().contains("Limits Edit limits No limit"), "{path}");
        let edit = format!("{path}/limits");
        let version = owner.get(&edit).await.field("version");
        let none = [("version", version.as_str()), ("limits", "tbtc 0 base units/day")];
        let done = owner.submit(&edit, &none).await;
        assert!(done.text().contains("The limits are saved and hold from now on."), "{}", done.text());
        assert!(done.text().contains("0 tbtc in any 24 hours"), "{}", done.text());
        let refused = house.spend(token).await;
        assert_eq!((refused.status.as_u16(), code(&refused)), (403, "limit_exceeded"), "{}", refused.body);
        assert!(refused.body.to_string().contains(whose), "{}", refused.body);
        // Less needs no code, more does.
        let version = owner.get(&edit).await.field("version");
        let more = [("version", version.as_str()), ("limits", "")];
        assert_eq!(owner.post(&edit, &more).await.status, 401, "{path}");
        assert_eq!(code(&house.spend(token).await), "limit_exceeded");
        owner.submit(&edit, &[&more[..], &[("otp", OTP)]].concat()).await;
        assert_eq!(house.spend(token).await.status, 200);
    }
}

#[tokio::test]
async fn nobody_is_offered_a_form_of_limits_that_they_may_not_edit_and_a_member_lowers_only_their_own() {
    let house = House::new().await;
    let wallet = format!("/wallets/{}", house.server.wallet);
    let role = json!({"view": true, "spend": true, "otp": OTP});
    let path = format!("{wallet}/members/{}", house.id("member").await);
    house.ask("PUT", &path, &house.session("owner").await, Some(role)).await;
    let mut member = Browser::signed_in(&house.server, &name("member")).await;
    for path in [organisation(""), wallet] {
        assert!(!member.get(&path).await.text().contains("Edit limits"), "{path}");
        assert_eq!(member.get(&format!("{path}/limits")).await.status, 403, "{path}");
        let fields = [("version", "0"), ("limits", "tbtc 1/day"), ("otp", OTP)];
        assert_eq!(member.post(&format!("{path}/limits"), &fields).await.status, 403, "{path}");
    }
    let form = member.get("/account/limits").await;
    assert!(form.text().contains("You can lower these limits and add some.") && !form.html.contains("name=\"otp\""));
    let less = member.submit("/account/limits", &[("version", "0"), ("limits", "tbtc 1/day")]).await;
    assert!(less.text().contains("1 tbtc in any 24 hours"), "{}", less.text());
    let version = member.get("/account/limits").await.field("version");
    let more = [("version", version.as_str()), ("limits", "tbtc 2/day"), ("otp", OTP)];
    let refused = member.post("/account/limits", &more).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(member.get("/account").await.text().contains("1 tbtc in any 24 hours"));
}

#[tokio::test]
async fn a_wallet_is_frozen_after_asking_and_freed_with_a_code_by_whoever_runs_it() {
    let house = House::new().await;
    let session = house.session("owner").await;
    let token = house.server.issue(&session, json!({"limits": ["tbtc 1/day"]})).await["token"].clone();
    let wallet = format!("/wallets/{}", house.server.wallet);
    let (freeze, lift) = (format!("{wallet}/freeze"), format!("{wallet}/unfreeze"));
    let role = json!({"view": true, "spend": true, "otp": OTP});
    let path = format!("{wallet}/members/{}", house.id("member").await);
    house.ask("PUT", &path, &session, Some(role)).await;
    let mut member = Browser::signed_in(&house.server, &name("member")).await;
    let page = member.get(&wallet).await;
    assert!(page.html.contains(&format!("href=\"{freeze}\"")) && !page.html.contains(&format!("action=\"{freeze}\"")));
    assert!(member.get(&freeze).await.text().contains("Freeze the wallet Treasury?"));
    for days in ["0", "-1", "x", "99999"] {
        assert_eq!(member.post(&freeze, &[("days", days)]).await.status, 422, "{days}");
    }
    let done = member.submit(&freeze, &[("reason", "a key was lost"), ("days", "2")]).await;
    assert!(done.text().contains(": A key was lost."), "{}", done.text());
    assert!(member.get("/wallets").await.text().contains("Frozen"));
    assert_eq!(code(&house.spend(token.as_str().unwrap()).await), "wallet_frozen");
    // Who may stop it may not start it again.
    assert!(!done.html.contains(&lift));
    let refused = member.get(&lift).await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.text().contains("You need the role admin on this wallet; ask somebody who administers it"),
        "{}",
        refused.text()
    );
    let refused = member.post(&lift, &[("otp", OTP)]).await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.text().contains("ou need the role") && !refused.text().contains("token's owner"),
        "{}",
        refused.text()
    );
    let mut owner = Browser::signed_in(&house.server, &name("owner")).await;
    assert!(owner.get(&wallet).await.html.contains(&format!("href=\"{lift}\"")));
    assert_eq!(owner.post(&lift, &[]).await.status, 401);
    assert_eq!(code(&house.spend(token.as_str().unwrap()).await), "wallet_frozen");
    let done = owner.submit(&lift, &[("otp", OTP)]).await;
    assert!(done.text().contains("The freeze is lifted.") && !done.text().contains("Frozen since"), "{}", done.text());
    assert_eq!(house.spend(token.as_str().unwrap()).await.status, 200);
    // A form that was left open lifts nothing a second time, and says so.
    let late = owner.post(&lift, &[("otp", OTP)]).await;
    assert_eq!(late.status, 409);
    assert!(late.text().contains("The wallet is not frozen, so nothing was lifted"), "{}", late.text());
    // A freeze that is over is told of no more.
    owner.submit(&freeze, &[("days", "1")]).await;
    house.server.pass(bursar_core::time::Span::from_seconds(2 * 86_400));
    let mut owner = Browser::signed_in(&house.server, &name("owner")).await;
    assert!(!owner.get(&wallet).await.text().contains("Frozen since"));
    assert!(!owner.get("/wallets").await.text().contains("Frozen"));
    assert!(owner.get(&lift).await.text().contains("It is not frozen."));
}

#[tokio::test]
async fn an_organisation_is_frozen_by_an_admin_and_freed_by_an_owner_only() {
    let house = House::new().await;
    let session = house.session("owner").await;
    let token = house.server.issue(&session, json!({"limits": ["tbtc 1/day"]})).await["token"].clone();
    let (freeze, lift) = (organisation("/freeze"), organisation("/unfreeze"));
    let mut admin = Browser::signed_in(&house.server, &name("admin")).await;
    let done = admin.submit(&freeze, &[("reason", "a breach")]).await;
    assert!(done.text().contains("Frozen since") && done.text().contains("A breach."), "{}", done.text());
    assert!(!done.html.contains(&lift), "{}", done.html);
    assert_eq!(admin.get(&lift).await.status, 403);
    assert_eq!(admin.post(&lift, &[("otp", OTP)]).await.status, 403);
    assert_eq!(code(&house.spend(token.as_str().unwrap()).await), "organisation_frozen");
    let mut owner = Browser::signed_in(&house.server, &name("owner")).await;
    assert_eq!(owner.post(&lift, &[]).await.status, 401);
    let done = owner.submit(&lift, &[("otp", OTP)]).await;
    assert!(done.text().contains("The freeze of the organisation is lifted."), "{}", done.text());
    assert_eq!(house.spend(token.as_str().unwrap()).await.status, 200);
}

#[tokio::test]
async fn a_spend_is_told_in_full_to_those_who_may_see_it_and_to_nobody_else() {
    let world = World::new().await;
    let more = json!({"label": "Payout bot", "limits": ["tbtc 0.001/day"]});
    let (id, token) = world.token(more).await;
    let path = format!("/api/v2/tbtc/wallet/{}/sendcoins", world.server.wallet);
    let body = json!({"address": crate::world::ADDRESS, "amount": "40000", "sequenceId": "run-7", "comment": "May"});
    let sent = world.server.send("POST", &path, Some(&token), Some(body)).await;
    let transaction = sent.body["txid"].as_str().unwrap();
    let spends = world.get(&format!("/bursar/v1/tokens/{id}/spends"), &token).await.body;
    let spend = spends["spends"][0]["id"].as_str().unwrap();
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    for from in [format!("/tokens/{id}"), format!("/wallets/{}", world.server.wallet)] {
        assert!(browser.get(&from).await.html.contains(&format!("href=\"/spends/{spend}\"")), "{from}");
    }
    let page = browser.get(&format!("/spends/{spend}")).await;
    let text = page.text();
    for told in
        ["Spend of 0.0004 tbtc Sent", "The money moved.", transaction, "run-7", "May", "Payout bot", "Treasury", NAME]
    {
        assert!(text.contains(told), "`{told}` is not in {text}");
    }
    for told in ["held money for a spend", "recorded that money moved", "held: 0.0004 tbtc", crate::world::ADDRESS] {
        assert!(text.contains(told), "`{told}` is not in {text}");
    }
    assert!(!page.html.contains("limits lifted"), "its limits held it back");
    // A session's spend came with a code of its own: nothing was unlocked, and the page does not say so.
    let body = json!({"address": crate::world::ADDRESS, "amount": "7", "otp": OTP});
    let own = world.server.send("POST", &path, Some(&world.session), Some(body)).await;
    assert_eq!(own.status, 200, "{}", own.body);
    let page = browser.get(&format!("/wallets/{}", world.server.wallet)).await;
    assert!(page.text().contains("limits lifted") && !page.text().contains("under an unlock"), "{}", page.text());
    world.server.user("stranger@example.com").await;
    let mut stranger = Browser::signed_in(&world.server, "stranger@example.com").await;
    for id in [spend, "00000000000000000000000000000000", "x"] {
        assert_eq!(stranger.get(&format!("/spends/{id}")).await.status, 404, "{id}");
    }
}

#[tokio::test]
async fn a_spend_without_an_outcome_says_so_and_leads_to_the_decision() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 1/day"]})).await;
    assert_eq!(world.spend_to(&token, "sandbox:never", "5000").await.status, 409);
    let spends = world.get(&format!("/bursar/v1/tokens/{id}/spends"), &token).await.body;
    let spend = spends["spends"][0]["id"].as_str().unwrap();
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let (path, decide) = (format!("/spends/{spend}"), format!("/spends/{spend}/resolve"));
    let open = browser.get(&path).await;
    assert!(open.text().contains("Nobody knows whether this money moved"), "{}", open.text());
    assert!(open.html.contains(&format!("href=\"{decide}\"")), "{}", open.html);
    assert!(browser.get(&decide).await.html.contains(&format!("href=\"{path}\"")));
    let list = browser.get("/unresolved").await.text();
    assert!(list.contains("by ") && list.contains("the rail says"), "{list}");
    // In units with the ticker or in base units, and in nothing else.
    for (amount, problem) in [
        ("1", None),
        ("0.00001 tbtc", None),
        ("0.1", Some("Is no whole number")),
        ("1 eur", Some("Is no amount of tbtc")),
    ] {
        let page = browser.post(&decide, &[("moved", "yes"), ("amount", amount), ("otp", OTP)]).await;
        let told = page.text();
        assert!(told.contains("Say what the rail calls it"), "{told}");
        assert_eq!(problem.is_some(), told.contains("base units as a whole number"), "{amount}: {told}");
        assert!(problem.is_none_or(|problem| told.contains(problem)), "{told}");
    }
    let found = [("moved", "no"), ("evidence", "asked the rail"), ("otp", OTP)];
    browser.submit(&decide, &found).await;
    let text = browser.get(&path).await.text();
    assert!(text.contains("Not sent") && text.contains("The money did not move"), "{text}");
    assert!(text.contains("said what became of a spend") && text.contains("evidence: asked the rail"), "{text}");
}

#[tokio::test]
async fn whoever_may_decide_on_a_spend_has_its_rail_asked_and_reads_what_it_showed() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 1/day"]})).await;
    let unsettled = async |to: &str| {
        assert_eq!(world.spend_to(&token, to, "5000").await.status, 409);
        // What was settled last is durable once something else is.
        world.server.bursar.note_uses().await.unwrap();
        let spends = world.get("/bursar/v1/spends?unresolved=true", &world.session).await.body;
        format!("/spends/{}", spends["spends"][0]["id"].as_str().unwrap())
    };
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    for (to, told, state) in [
        ("sandbox:drop-answer", "The rail was asked: the money moved.", "Sent"),
        ("sandbox:never", "The rail was asked: the money did not move, and will not.", "Not sent"),
    ] {
        let path = unsettled(to).await;
        let page = browser.get(&path).await;
        assert!(page.html.contains(&format!("action=\"{path}/reconcile\"")), "{}", page.html);
        let settled = browser.submit(&format!("{path}/reconcile"), &[]).await;
        assert!(settled.text().contains(told) && settled.text().contains(state), "{}", settled.text());
        assert!(!settled.html.contains("Ask the rail"), "there is nothing left to ask");
        let again = browser.submit(&format!("{path}/reconcile"), &[]).await;
        assert!(again.text().contains("The rail was not asked"), "{}", again.text());
    }
    let path = unsettled("sandbox:drop-answer").await;
    world.server.user("stranger@example.com").await;
    let mut stranger = Browser::signed_in(&world.server, "stranger@example.com").await;
    assert_eq!(stranger.post(&format!("{path}/reconcile"), &[]).await.status, 404);
    assert_eq!(world.limits(&id).await["limits"][0]["held"], "5000", "nobody asked");
}

#[tokio::test]
async fn a_file_of_the_trail_says_at_its_end_that_earlier_events_are_archived() {
    let house = House::new().await;
    let mut auditor = Browser::signed_in(&house.server, &name("auditor")).await;
    let last = async |auditor: &mut Browser<'_>, form: &str| {
        let file = auditor.get(&format!("/audit/export?form={form}")).await.html;
        file.lines().last().unwrap().to_owned()
    };
    assert!(!last(&mut auditor, "csv").await.contains("archived"));
    let chain = bursar_store_sqlite::SqliteChain::open(house.server.data()).unwrap().links(2, 1).unwrap();
    let archived = Archived { first: 1, through: chain[0].0.head(), file: "old.jsonl".to_owned(), digest: [0; 32] };
    house.server.bursar.note_archive(Actor::Operator, archived).await.unwrap();
    assert_eq!(last(&mut auditor, "jsonl").await, r#"{"archivedThrough":2}"#);
    assert!(
        last(&mut auditor, "csv")
            .await
            .ends_with(",\"earlier events, up to link 2, are archived: ask whoever runs this server\"")
    );
}

#[tokio::test]
async fn the_trail_tells_names_to_those_who_know_them_and_ids_to_others() {
    let house = House::new().await;
    let owner = house.session("owner").await;
    let issued = house.server.issue(&owner, json!({"label": "Payout bot", "limits": ["tbtc 1/day"]})).await;
    let token = issued["token"].as_str().unwrap();
    assert_eq!(house.spend(token).await.status, 200);
    let member = house.id("member").await;
    let role = json!({"view": true, "otp": OTP});
    house.ask("PUT", &format!("/wallets/{}/members/{member}", house.server.wallet), &owner, Some(role)).await;
    let mut auditor = Browser::signed_in(&house.server, &name("auditor")).await;
    let text = auditor.get("/audit").await.text();
    for told in [
        "owner@example.com by token “Payout bot” held money for a spend",
        "owner@example.com by a session made a token : token “Payout bot”",
        "changed who may use a wallet : wallet “Treasury”",
        "user: member@example.com",
    ] {
        assert!(text.contains(told), "`{told}` is not in {text}");
    }
    // A username finds what its owner did, and so does the export.
    for path in ["/audit?user=owner%40example.com", "/audit/export?form=csv&user=OWNER%40example.com"] {
        let found = auditor.get(path).await;
        assert!(found.status == 200 && found.html.contains("spend.hold"), "{path}: {}", found.html);
    }
    assert!(!auditor.get("/audit?user=member%40example.com").await.html.contains("spend.hold"));
    // Who does not see everything learns nobody's name, and not whether somebody has one.
    let mut stranger = Browser::signed_in(&house.server, &name("stranger")).await;
    let told = ["owner@example.com", "nobody@example.com"].map(|who| (who, who.replace('@', "%40")));
    let mut seen = Vec::new();
    for (who, asked) in told {
        let page = stranger.get(&format!("/audit?user={asked}")).await;
        assert!(page.text().contains("Names nobody whom you know"), "{}", page.text());
        seen.push((page.status, page.html.replace(who, "").replace(&asked, "")));
    }
    assert_eq!(seen[0], seen[1]);
    let own = stranger.get("/audit?user=stranger%40example.com").await;
    assert!(own.status == 200 && !own.text().contains("Names nobody"), "{}", own.text());
    // The interface tells the same names.
    let auditor = house.session("auditor").await;
    let trail = house.ask("GET", "/audit?action=spend.hold", &auditor, None).await.body;
    let id = format!("token:{}", issued["id"].as_str().unwrap());
    assert_eq!(trail["names"][id.as_str()], json!("Payout bot"), "{trail}");
    let stranger = house.session("stranger").await;
    let own = house.ask("GET", "/audit", &stranger, None).await.body;
    assert!(!own.to_string().contains("owner@example.com"), "{own}");
}
