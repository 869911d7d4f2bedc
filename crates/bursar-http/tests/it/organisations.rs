//! Organisations over the whole router: who may do what by role, invitations, freezes, roles in wallets.

use std::sync::Arc;

use bursar_core::account::MemberRole;
use bursar_core::time::Span;
use bursar_service::freezes::FreezeOrder;
use bursar_service::people::DEFAULT_ORGANISATION;
use serde_json::{Value, json};

use crate::house::{House, ROLES, name, organisation};
use crate::support::OTP;
use crate::world::code;

#[tokio::test]
async fn each_role_may_do_what_it_is_for_and_nothing_else() {
    let house = House::new().await;
    let wallet = house.server.wallet;
    let victim = house.newcomer("victim@example.com").await;
    let owner_id = house.id("owner").await;
    let admin_id = house.id("admin").await;
    let set_member = organisation(&format!("/members/{victim}"));
    let otp = |mut body: Value| {
        body["otp"] = OTP.into();
        Some(body)
    };
    // Method, path, body, and what owner, admin, member, auditor and stranger get.
    let table: Vec<(&str, String, Option<Value>, [u16; 5])> = vec![
        ("GET", organisation(""), None, [200, 200, 200, 200, 404]),
        ("GET", organisation("/members"), None, [200, 200, 403, 200, 404]),
        ("GET", organisation("/invitations"), None, [200, 200, 403, 200, 404]),
        ("PATCH", organisation(""), Some(json!({"name": "Acme"})), [200, 200, 403, 403, 404]),
        ("PATCH", organisation(""), otp(json!({"requiresSecondFactor": false})), [200, 200, 403, 403, 404]),
        ("PATCH", organisation(""), Some(json!({"requiresSecondFactor": true})), [200, 200, 403, 403, 404]),
        ("PUT", set_member.clone(), otp(json!({"role": "auditor"})), [200, 200, 403, 403, 404]),
        ("PUT", set_member.clone(), otp(json!({"role": "admin"})), [200, 403, 403, 403, 404]),
        ("PUT", set_member.clone(), otp(json!({"role": "owner"})), [200, 403, 403, 403, 404]),
        ("PUT", set_member.clone(), otp(json!({"role": "member"})), [200, 200, 403, 403, 404]),
        (
            "PUT",
            organisation(&format!("/members/{owner_id}")),
            Some(json!({"role": "member"})),
            [409, 403, 403, 403, 404],
        ),
        ("DELETE", organisation(&format!("/members/{owner_id}")), None, [409, 403, 403, 403, 404]),
        (
            "POST",
            organisation("/invitations"),
            otp(json!({"email": "x@example.com", "role": "owner"})),
            [201, 403, 403, 403, 404],
        ),
        (
            "POST",
            organisation("/invitations"),
            otp(json!({"email": "y@example.com", "role": "member"})),
            [201, 409, 403, 403, 404],
        ),
        ("POST", "/organisations".to_owned(), otp(json!({"name": "Another"})), [201, 403, 403, 403, 201]),
        ("POST", format!("/users/{owner_id}/freeze"), Some(json!({})), [409, 403, 404, 404, 404]),
        ("POST", format!("/users/{victim}/freeze"), Some(json!({"reason": "left"})), [200, 200, 404, 404, 404]),
        ("POST", format!("/users/{victim}/unfreeze"), otp(json!({})), [200, 200, 404, 404, 404]),
        ("GET", format!("/wallets/{wallet}/members"), None, [200, 200, 404, 200, 404]),
        ("PUT", format!("/wallets/{wallet}/members/{admin_id}"), otp(json!({"view": true})), [200, 403, 404, 404, 404]),
        ("DELETE", format!("/wallets/{wallet}/members/{admin_id}"), None, [200, 404, 404, 404, 404]),
        ("POST", format!("/wallets/{wallet}/freeze"), Some(json!({})), [200, 404, 404, 404, 404]),
        ("POST", format!("/wallets/{wallet}/unfreeze"), otp(json!({})), [200, 404, 404, 404, 404]),
        ("POST", organisation("/freeze"), Some(json!({})), [200, 200, 403, 403, 404]),
        ("POST", organisation("/unfreeze"), otp(json!({})), [200, 403, 403, 403, 404]),
    ];
    for (method, path, body, expected) in table {
        for (role, expected) in ROLES.iter().zip(expected) {
            // The victim is what they were, no owner is frozen, and what is lifted is frozen, before each.
            house
                .server
                .bursar
                .set_role_named("victim@example.com", DEFAULT_ORGANISATION, Some(MemberRole::Member))
                .await
                .unwrap();
            assert!(house.server.bursar.unfreeze(&name("owner")).await.is_err(), "{role}: {method} {path}");
            if let Some(stopped) = path.strip_suffix("/unfreeze") {
                let owner = house.session("owner").await;
                house.ask("POST", &format!("{stopped}/freeze"), &owner, None).await;
            }
            let session = house.session(role).await;
            let answer = house.ask(method, &path, &session, body.clone()).await;
            assert_eq!(answer.status.as_u16(), expected, "{role}: {method} {path} {body:?}: {}", answer.body);
            assert!(answer.status.is_success() || code(&answer) != "unknown", "{}", answer.body);
        }
    }
    assert_eq!(house.role_of(&name("owner")).await.as_deref(), Some("owner"));
    assert_eq!(house.role_of("victim@example.com").await.as_deref(), Some("member"));
}

#[tokio::test]
async fn loosening_needs_a_second_factor_and_tightening_does_not() {
    let house = House::new().await;
    let owner = house.session("owner").await;
    let member = organisation(&format!("/members/{}", house.id("member").await));
    let up = house.ask("PUT", &member, &owner, Some(json!({"role": "admin"}))).await;
    assert_eq!((up.status.as_u16(), code(&up)), (401, "step_up_needed"));
    assert_eq!(house.role_of(&name("member")).await.as_deref(), Some("member"));
    let wrong = house.ask("PUT", &member, &owner, Some(json!({"role": "admin", "otp": "123456"}))).await;
    assert_eq!(code(&wrong), "otp_wrong");
    assert_eq!(house.ask("PUT", &member, &owner, Some(json!({"role": "admin", "otp": OTP}))).await.status, 200);
    assert_eq!(house.ask("PUT", &member, &owner, Some(json!({"role": "member"}))).await.status, 200);
    let off = house.ask("PATCH", &organisation(""), &owner, Some(json!({"requiresSecondFactor": false}))).await;
    assert_eq!(code(&off), "step_up_needed");
    let invited = json!({"email": "x@example.com", "role": "member"});
    let invited = house.ask("POST", &organisation("/invitations"), &owner, Some(invited)).await;
    assert_eq!(code(&invited), "step_up_needed");
    assert!(house.server.mails().await.is_empty());
    let role = format!("/wallets/{}/members/{}", house.server.wallet, house.id("member").await);
    assert_eq!(code(&house.ask("PUT", &role, &owner, Some(json!({"view": true}))).await), "step_up_needed");
    assert_eq!(
        house.ask("PUT", &role, &owner, Some(json!({"view": true, "spend": true, "otp": OTP}))).await.status,
        200
    );
    assert_eq!(house.ask("PUT", &role, &owner, Some(json!({"view": true}))).await.status, 200);
    let user = format!("/users/{}", house.id("member").await);
    assert_eq!(house.ask("POST", &format!("{user}/freeze"), &owner, None).await.status, 200);
    assert_eq!(code(&house.ask("POST", &format!("{user}/unfreeze"), &owner, None).await), "step_up_needed");
}

#[tokio::test]
async fn two_owners_who_leave_at_once_leave_one_owner() {
    for _ in 0..10 {
        let house = Arc::new(House::new().await);
        house
            .server
            .bursar
            .set_role_named(&name("admin"), DEFAULT_ORGANISATION, Some(MemberRole::Owner))
            .await
            .unwrap();
        let leave = |role: &'static str| {
            let house = Arc::clone(&house);
            tokio::spawn(async move {
                let (session, id) = (house.session(role).await, house.id(role).await);
                let path = organisation(&format!("/members/{id}"));
                house.ask("DELETE", &path, &session, None).await.status.as_u16()
            })
        };
        let (first, second) = (leave("owner"), leave("admin"));
        let mut statuses = [first.await.unwrap(), second.await.unwrap()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        let owners = [house.role_of(&name("owner")).await, house.role_of(&name("admin")).await];
        assert_eq!(owners.iter().filter(|role| role.as_deref() == Some("owner")).count(), 1);
    }
}

#[tokio::test]
async fn two_owners_who_freeze_each_other_at_once_leave_one_who_acts() {
    for _ in 0..10 {
        let house = Arc::new(House::new().await);
        let bursar = &house.server.bursar;
        bursar.set_role_named(&name("admin"), DEFAULT_ORGANISATION, Some(MemberRole::Owner)).await.unwrap();
        let sessions = [house.session("owner").await, house.session("admin").await];
        let ids = [house.id("admin").await, house.id("owner").await];
        let freeze = async |own: usize| {
            house.ask("POST", &format!("/users/{}/freeze", ids[own]), &sessions[own], None).await.status == 200
        };
        let (first, second) = tokio::join!(freeze(0), freeze(1));
        assert!(first != second, "one is first, and the other is frozen then: {first}, {second}");
        let left = if first { &sessions[0] } else { &sessions[1] };
        assert_eq!(house.ask("GET", "/organisations", left, None).await.status, 200);
    }
}

#[tokio::test]
async fn the_last_owner_who_is_not_frozen_stays() {
    let house = House::new().await;
    let bursar = &house.server.bursar;
    bursar.set_role_named(&name("admin"), DEFAULT_ORGANISATION, Some(MemberRole::Owner)).await.unwrap();
    let (owner, path) = (house.session("owner").await, format!("/users/{}", house.id("admin").await));
    assert_eq!(house.ask("POST", &format!("{path}/freeze"), &owner, None).await.status, 200);
    let place = organisation(&format!("/members/{}", house.id("owner").await));
    let left = house.ask("DELETE", &place, &owner, None).await;
    assert_eq!((left.status.as_u16(), code(&left)), (409, "last_owner"), "{}", left.body);
    let stepped_down = house.ask("PUT", &place, &owner, Some(json!({"role": "member", "otp": OTP}))).await;
    assert_eq!(code(&stepped_down), "last_owner", "{}", stepped_down.body);
    let lifted = house.ask("POST", &format!("{path}/unfreeze"), &owner, Some(json!({"otp": OTP}))).await;
    assert_eq!(lifted.status, 200, "{}", lifted.body);
    assert_eq!(house.ask("DELETE", &place, &owner, None).await.status, 200);
}

#[tokio::test]
async fn an_invitation_makes_one_account_once_with_the_roles_it_names() {
    let house = Arc::new(House::new().await);
    let owner = house.session("owner").await;
    let wallet = house.server.wallet.to_string();
    let body = json!({
        "email": "New@Example.com", "role": "auditor", "wallets": [{"wallet": wallet, "view": true, "spend": true}],
    });
    let made = house.invite(&owner, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(code(&house.invite(&owner, body).await), "conflict", "one at a time for an address");
    let link = house.server.link("new@example.com", "You are invited").await;
    assert!(!made.body.to_string().contains(&link[32..]), "whoever invites is not shown the link");
    let shown = house.server.send("POST", "/bursar/v1/invitations/show", None, Some(json!({"token": link}))).await;
    assert_eq!((&shown.body["organisation"], &shown.body["hasAccount"]), (&json!("default"), &json!(false)));
    let weak = json!({"token": link, "fullName": "New", "password": "iloveyou"});
    assert_eq!(house.server.send("POST", "/bursar/v1/invitations/redeem", None, Some(weak)).await.status, 400);

    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (house, link) = (Arc::clone(&house), link.clone());
            tokio::spawn(async move { house.accept(&link).await.status.as_u16() })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        let status = task.await.unwrap();
        assert!([201, 409, 410].contains(&status), "{status}");
        made += usize::from(status == 201);
    }
    assert_eq!(made, 1);
    assert_eq!(code(&house.accept(&link).await), "link_over");
    let user = house.server.bursar.user_named("new@example.com").await.unwrap();
    assert_eq!((user.verified_address(), user.seeded), (Some("new@example.com"), false));
    assert_eq!(house.role_of("new@example.com").await.as_deref(), Some("auditor"));
    let members = house.ask("GET", &format!("/wallets/{wallet}/members"), &owner, None).await.body;
    let theirs =
        members["members"].as_array().unwrap().iter().find(|member| member["user"]["username"] == "new@example.com");
    assert_eq!((&theirs.unwrap()["spend"], &theirs.unwrap()["admin"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn of_two_who_invite_one_address_at_once_one_does() {
    let house = Arc::new(House::new().await);
    for round in 0..10 {
        let invite = |role: &'static str| {
            let house = Arc::clone(&house);
            tokio::spawn(async move {
                let session = house.session(role).await;
                let body = json!({"email": format!("new{round}@example.com"), "role": "member"});
                house.invite(&session, body).await.status.as_u16()
            })
        };
        let (first, second) = (invite("owner"), invite("admin"));
        let mut statuses = [first.await.unwrap(), second.await.unwrap()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
    }
}

#[tokio::test]
async fn an_invitation_ends_by_time_by_withdrawal_by_a_newer_link_and_with_its_makers_role() {
    let house = House::new().await;
    let admin = house.session("admin").await;
    let invite = async |address: &str| {
        let made = house.invite(&admin, json!({"email": address, "role": "member"})).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let link = house.server.link(address, "You are invited").await;
        (format!("/invitations/{}", made.body["id"].as_str().unwrap()), link)
    };
    let (path, link) = invite("a@example.com").await;
    assert_eq!(house.ask("DELETE", &path, &house.session("stranger").await, None).await.status, 404);
    assert_eq!(house.ask("DELETE", &path, &admin, None).await.status, 200);
    assert_eq!(code(&house.accept(&link).await), "link_over");
    let (path, link) = invite("b@example.com").await;
    assert_eq!(house.ask("POST", &format!("{path}/resend"), &admin, None).await.status, 200);
    let newer = house.server.link("b@example.com", "You are invited").await;
    assert_eq!(code(&house.accept(&link).await), "link_over");
    let (_, of_demoted) = invite("c@example.com").await;
    let (_, of_frozen) = invite("d@example.com").await;
    house.server.bursar.freeze_named(&name("admin"), &Default::default()).await.unwrap();
    assert_eq!(code(&house.accept(&of_frozen).await), "link_over", "its maker is frozen");
    house.server.bursar.unfreeze(&name("admin")).await.unwrap();
    house.server.bursar.set_role_named(&name("admin"), DEFAULT_ORGANISATION, Some(MemberRole::Member)).await.unwrap();
    assert_eq!(code(&house.accept(&of_demoted).await), "link_over", "its maker may invite nobody any more");
    house.server.bursar.set_role_named(&name("admin"), DEFAULT_ORGANISATION, Some(MemberRole::Admin)).await.unwrap();
    house.server.pass(Span::from_seconds(7 * 24 * 3600));
    assert_eq!(code(&house.accept(&newer).await), "link_over");
    for address in ["a@example.com", "b@example.com", "c@example.com", "d@example.com"] {
        assert!(house.server.bursar.user_named(address).await.is_err(), "{address}");
    }
}

#[tokio::test]
async fn somebody_with_an_account_joins_with_it() {
    let house = House::new().await;
    let owner = house.session("owner").await;
    let invited = house.invite(&owner, json!({"email": name("stranger"), "role": "admin"})).await;
    assert_eq!(invited.status, 201, "whether there is such an account is not told to whoever invites");
    let link = house.server.link(&name("stranger"), "You are invited").await;
    assert_eq!(code(&house.accept(&link).await), "account_exists");
    let stranger = house.session("stranger").await;
    let redeem = async |token: Option<&str>| {
        house.server.send("POST", "/bursar/v1/invitations/redeem", token, Some(json!({"token": link}))).await
    };
    assert_eq!(code(&redeem(None).await), "token_missing");
    let token = house.server.issue(&stranger, json!({})).await["token"].as_str().unwrap().to_owned();
    assert_eq!(code(&redeem(Some(&token)).await), "person_only");
    assert_eq!(house.role_of(&name("stranger")).await, None);
    assert_eq!(code(&redeem(Some(&house.session("member").await)).await), "conflict", "already a member, as a member");
    assert_eq!(redeem(Some(&stranger)).await.status, 201);
    assert_eq!(house.role_of(&name("stranger")).await.as_deref(), Some("admin"));
    assert_eq!(code(&redeem(Some(&stranger)).await), "link_over");
}

#[tokio::test]
async fn a_wallet_role_that_was_taken_away_spends_nothing() {
    let house = House::new().await;
    let (owner, member) = (house.session("owner").await, house.session("member").await);
    let id = house.id("member").await;
    let token = house.server.issue(&member, json!({"limits": ["tbtc 100 base units/day"]})).await;
    let token = token["token"].as_str().unwrap().to_owned();
    assert_eq!(code(&house.spend(&token).await), "wallet_unknown");
    let role = format!("/wallets/{}/members/{id}", house.server.wallet);
    let give = Some(json!({"view": true, "spend": true, "otp": OTP}));
    assert_eq!(house.ask("PUT", &role, &owner, give.clone()).await.status, 200);
    assert_eq!(house.spend(&token).await.status, 200);
    assert_eq!(house.ask("PUT", &role, &owner, Some(json!({"view": true}))).await.status, 200);
    assert_eq!(code(&house.spend(&token).await), "role_missing");
    assert_eq!(house.ask("PUT", &role, &owner, give.clone()).await.status, 200);
    assert_eq!(house.ask("DELETE", &organisation(&format!("/members/{id}")), &owner, None).await.status, 200);
    assert_eq!(code(&house.spend(&token).await), "wallet_unknown", "who leaves the organisation leaves its wallets");
    let back = house.ask("PUT", &role, &owner, give).await;
    assert_eq!((back.status.as_u16(), back.body["kind"].as_str()), (404, Some("member")), "only members have roles");
}

#[tokio::test]
async fn who_may_not_make_a_service_is_told_the_role_in_its_organisation_that_it_takes() {
    let house = House::new().await;
    let (owner, member) = (house.session("owner").await, house.session("member").await);
    let body = json!({"otp": OTP, "label": "shop", "organisation": DEFAULT_ORGANISATION.to_string()});
    let refused = house.ask("POST", "/services", &member, Some(body.clone())).await;
    assert_eq!(
        (refused.status.as_u16(), code(&refused), &refused.body["required"]),
        (403, "role_missing", &json!("admin"))
    );
    assert_eq!(refused.body["detail"], "this needs the role `admin` in the organisation", "{}", refused.body);
    assert_eq!(house.ask("POST", "/services", &owner, Some(body)).await.status, 201);
}

#[tokio::test]
async fn freezes_stop_spending_at_once_and_are_never_made_shorter() {
    let house = House::new().await;
    let owner = house.session("owner").await;
    let token = house.server.issue(&owner, json!({"limits": ["tbtc 100 base units/day"]})).await;
    let token = token["token"].as_str().unwrap().to_owned();
    assert_eq!(house.spend(&token).await.status, 200);
    let wallet = format!("/wallets/{}", house.server.wallet);
    for (path, refusal) in [(organisation(""), "organisation_frozen"), (wallet.clone(), "wallet_frozen")] {
        let freeze = async |body: Value| house.ask("POST", &format!("{path}/freeze"), &owner, Some(body)).await;
        assert_eq!(freeze(json!({"duration": 7200, "reason": "audit"})).await.status, 200);
        let shorter = freeze(json!({"duration": 60})).await;
        assert_eq!(shorter.body["frozen"]["reason"], "audit", "{}", shorter.body);
        let refused = house.spend(&token).await;
        assert_eq!((refused.status.as_u16(), code(&refused)), (423, refusal));
        let lift = house.ask("POST", &format!("{path}/unfreeze"), &owner, Some(json!({"otp": OTP}))).await;
        assert_eq!(lift.status, 200, "{}", lift.body);
        assert_eq!(house.spend(&token).await.status, 200);
    }
    let wire = format!("/api/v2/tbtc/wallet/{}/freeze", house.server.wallet);
    let other_coin = wire.replace("tbtc", "hteth");
    assert_eq!(code(&house.server.send("POST", &other_coin, Some(&owner), None).await), "wrong_coin");
    assert_eq!(house.server.send("POST", &wire, Some(&owner), None).await.status, 200);
    assert_eq!(code(&house.spend(&token).await), "wallet_frozen");
    let enterprise = format!("/api/v2/enterprise/{DEFAULT_ORGANISATION}/freeze");
    assert_eq!(house.server.send("POST", &enterprise, Some(&owner), None).await.status, 200);

    let member = house.session("member").await;
    let user = format!("/users/{}/freeze", house.id("member").await);
    assert_eq!(house.ask("POST", &user, &owner, Some(json!({"reason": "lost laptop"}))).await.status, 200);
    assert_eq!(code(&house.ask("GET", "/users/me", &member, None).await), "owner_frozen");
    let told = house.server.mail(&name("member"), "frozen").await;
    assert!(told.text.contains("lost laptop"));
}

#[tokio::test]
async fn what_the_operator_froze_no_administrator_lifts_or_makes_their_own() {
    let house = House::new().await;
    let owner = house.session("owner").await;
    let order = FreezeOrder { duration: Some(Span::from_seconds(3600)), reason: Some("subpoena".to_owned()) };
    house.server.bursar.freeze_named(&name("member"), &order).await.unwrap();
    let member = format!("/users/{}", house.id("member").await);
    let lift = async || house.ask("POST", &format!("{member}/unfreeze"), &owner, Some(json!({"otp": OTP}))).await;
    assert_eq!(code(&lift().await), "conflict");
    // A longer one of their own changes how long it lasts, and not whose it is.
    let longer = house.ask("POST", &format!("{member}/freeze"), &owner, Some(json!({"reason": "mine"}))).await;
    assert_eq!((&longer.body["frozen"]["reason"], &longer.body["frozen"]["until"]), (&Value::Null, &Value::Null));
    assert_eq!(code(&lift().await), "conflict");
    house.server.bursar.unfreeze(&name("member")).await.unwrap();
    assert_eq!(house.ask("GET", "/users/me", &house.session("member").await, None).await.status, 200);
    // And what an administrator froze, the operator may make their own.
    house.ask("POST", &format!("{member}/freeze"), &owner, Some(json!({"reason": "mine"}))).await;
    assert_eq!(house.server.bursar.freeze_named(&name("member"), &order).await.unwrap().until, None);
    assert_eq!(code(&lift().await), "conflict");
}

#[tokio::test]
async fn limits_of_a_name_tell_a_stranger_nothing_of_whether_somebody_has_it() {
    let house = House::new().await;
    let stranger = house.session("stranger").await;
    for (method, body) in [
        ("GET", None),
        ("PUT", Some(json!({}))),
        ("PUT", Some(json!({"version": 0, "limits": []}))),
        ("PUT", Some(json!({"version": 0, "limits": [], "otp": OTP}))),
    ] {
        let mut seen = Vec::new();
        for who in [name("member"), name("nobody"), house.id("member").await] {
            let mut answer = house.ask(method, &format!("/users/{who}/limits"), &stranger, body.clone()).await;
            answer.body["requestId"] = json!(null);
            seen.push((answer.status, answer.body));
        }
        assert!(seen.iter().all(|other| *other == seen[0]), "{method}: {seen:?}");
    }
}

#[tokio::test]
async fn what_one_organisation_limits_its_member_to_no_other_loosens_and_no_admin_for_themselves() {
    let house = House::new().await;
    let set = async |who: &str, whose: &str, version: u64, limit: &str| {
        let body = json!({"version": version, "limits": [limit], "otp": OTP});
        let path = format!("/users/{}/limits", house.id(whose).await);
        house.ask("PUT", &path, &house.session(who).await, Some(body)).await.status.as_u16()
    };
    assert_eq!(set("owner", "member", 0, "tbtc 1/day").await, 200);
    assert_eq!(set("stranger", "member", 1, "tbtc 0.5/day").await, 404);
    let stranger = house.session("stranger").await;
    let elsewhere = house.ask("GET", "/organisations", &stranger, None).await.body["organisations"][0]["id"].clone();
    let elsewhere = elsewhere.as_str().unwrap().parse().unwrap();
    let place = |role| house.server.bursar.set_role_named("member@example.com", elsewhere, role);
    place(Some(MemberRole::Member)).await.unwrap();
    assert_eq!(set("stranger", "member", 1, "tbtc 2/day").await, 403, "another organisation's limit");
    assert_eq!(set("stranger", "member", 1, "tbtc 0.5/day").await, 200, "less is never refused");
    place(None).await.unwrap();
    assert_eq!(set("owner", "member", 2, "tbtc 2/day").await, 200);
    // Who runs an organisation with others is limited by its owners.
    assert_eq!(set("owner", "admin", 0, "tbtc 1/day").await, 200);
    assert_eq!(set("admin", "admin", 1, "tbtc 2/day").await, 403);
    assert_eq!(set("admin", "admin", 1, "tbtc 0.5/day").await, 200);
    assert_eq!(set("owner", "admin", 2, "tbtc 2/day").await, 200);
    assert_eq!(set("admin", "owner", 0, "tbtc 1/day").await, 404, "no freeze by another name");
}

#[tokio::test]
async fn an_account_that_one_organisation_stopped_no_other_lets_go_on() {
    let house = House::new().await;
    let stranger = house.session("stranger").await;
    let elsewhere = house.ask("GET", "/organisations", &stranger, None).await.body["organisations"][0]["id"].clone();
    let elsewhere = elsewhere.as_str().unwrap().parse().unwrap();
    let place = |role| house.server.bursar.set_role_named("member@example.com", elsewhere, role);
    place(Some(MemberRole::Member)).await.unwrap();
    let path = format!("/users/{}", house.id("member").await);
    let admin = house.session("admin").await;
    assert_eq!(house.ask("POST", &format!("{path}/freeze"), &admin, Some(json!({}))).await.status, 200);
    let lift = async |who: &str| {
        let session = house.session(who).await;
        house.ask("POST", &format!("{path}/unfreeze"), &session, Some(json!({"otp": OTP}))).await.status.as_u16()
    };
    assert_eq!((lift("stranger").await, lift("admin").await), (403, 403));
    place(None).await.unwrap();
    assert_eq!((lift("stranger").await, lift("admin").await), (404, 200));
}

#[tokio::test]
async fn a_session_without_a_second_factor_ends_where_one_is_demanded() {
    let house = House::new().await;
    let owner = house.session("owner").await;
    let demand = async |demands: bool| {
        let edit = json!({"requiresSecondFactor": demands, "otp": OTP});
        let answer = house.ask("PATCH", &organisation(""), &owner, Some(edit)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    demand(false).await;
    let bare = "bare@example.com";
    house.server.newcomer(bare).await;
    house.server.bursar.set_role_named(bare, DEFAULT_ORGANISATION, Some(MemberRole::Admin)).await.unwrap();
    let session = house.server.log_in_alone(bare).await;
    assert_eq!(house.ask("GET", &organisation("/members"), &session, None).await.status, 200);
    demand(true).await;
    assert_eq!(house.ask("GET", &organisation("/members"), &session, None).await.status, 401);
    assert_eq!(house.ask("GET", "/users/me", &owner, None).await.status, 200, "who has one goes on");

    // And who has none does not join where one is demanded.
    let stranger = house.session("stranger").await;
    let elsewhere = house.ask("GET", "/organisations", &stranger, None).await.body["organisations"][0]["id"].clone();
    let elsewhere = format!("/organisations/{}", elsewhere.as_str().unwrap());
    let off = json!({"requiresSecondFactor": false, "otp": OTP});
    assert_eq!(house.ask("PATCH", &elsewhere, &stranger, Some(off)).await.status, 200);
    let guest = "guest@example.com";
    house.server.newcomer(guest).await;
    let id = elsewhere.rsplit('/').next().unwrap().parse().unwrap();
    house.server.bursar.set_role_named(guest, DEFAULT_ORGANISATION, None).await.ok();
    house.server.bursar.set_role_named(guest, id, Some(MemberRole::Member)).await.unwrap();
    house.server.pass(Span::from_seconds(1));
    let session = house.server.log_in_alone(guest).await;
    let invited = house.invite(&owner, json!({"email": "anybody@example.com", "role": "admin"})).await;
    assert_eq!(invited.status, 201, "{}", invited.body);
    let link = house.server.link("anybody@example.com", "You are invited").await;
    let join = house.ask("POST", "/invitations/redeem", &session, Some(json!({"token": link}))).await;
    assert_eq!(code(&join), "second_factor_required", "{}", join.body);
}

#[tokio::test]
async fn an_invitation_to_run_an_organisation_is_for_the_address_it_was_sent_to() {
    let house = House::new().await;
    let (owner, stranger) = (house.session("owner").await, house.session("stranger").await);
    let take = async |address: &str, role: &str| {
        let invited = house.invite(&owner, json!({"email": address, "role": role})).await;
        assert_eq!(invited.status, 201, "{}", invited.body);
        let link = house.server.link(address, "You are invited").await;
        house.ask("POST", "/invitations/redeem", &stranger, Some(json!({"token": link}))).await
    };
    let passed_on = take("somebody@example.com", "admin").await;
    assert_eq!((passed_on.status.as_u16(), code(&passed_on)), (409, "conflict"));
    assert_eq!(house.role_of(&name("stranger")).await, None);
    assert_eq!(take(&name("stranger"), "admin").await.status, 201);
    assert_eq!(house.role_of(&name("stranger")).await.as_deref(), Some("admin"));
}
