//! People in the browser: roles in wallets, invitations, lists of those who run the place.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::house::{House, ROLES, name, organisation};
use crate::support::{OTP, PASSWORD};

/// The roles in the wallet, as its owner reads them.
async fn roles(house: &House) -> Value {
    let path = format!("/wallets/{}/members", house.server.wallet);
    house.ask("GET", &path, &house.session("owner").await, None).await.body["members"].clone()
}

#[tokio::test]
async fn a_role_in_a_wallet_is_given_to_a_member_who_is_chosen_from_a_list() {
    let house = House::new().await;
    let mut owner = Browser::signed_in(&house.server, &name("owner")).await;
    let path = format!("/wallets/{}/members", house.server.wallet);
    let page = owner.get(&path).await;
    let member = house.id("member").await;
    assert!(page.html.contains(&format!("<option value=\"{member}\">Test User (member@example.com)</option>")));
    assert!(!page.html.contains("stranger@example.com"), "{}", page.text());
    let fields = [("who", member.as_str()), ("view", "yes"), ("spend", "yes")];
    assert_eq!(owner.post(&path, &fields).await.status, 401, "more than before needs a code");
    let done = owner.submit(&path, &[&fields[..], &[("otp", OTP)]].concat()).await;
    assert!(done.text().contains("member@example.com see, spend"), "{}", done.text());
    assert!(done.text().contains("Changed for Test User, at once: nothing → see, spend."), "{}", done.text());
    // Whoever is chosen from the list finds their rights ticked: saving takes none away unseen.
    let row = format!("{path}?who={member}");
    assert!(done.html.contains(&format!("href=\"{row}#role\"")), "{}", done.html);
    let form = owner.get(&row).await;
    assert!(form.html.contains(&format!("<option value=\"{member}\" selected>")));
    for (name, has) in [("view", true), ("spend", true), ("admin", false)] {
        assert_eq!(form.html.contains(&format!("name=\"{name}\" value=\"yes\" checked")), has, "{name}");
    }
    let less = owner.submit(&path, &[("who", &member), ("view", "yes")]).await;
    assert!(less.text().contains("see, spend → see."), "{}", less.text());
    let none = owner.submit(&path, &[("who", &member)]).await;
    assert!(none.text().contains("see → nothing."), "{}", none.text());
}

#[tokio::test]
async fn whoever_runs_a_wallet_learns_nothing_of_who_has_an_account() {
    let house = House::new().await;
    let path = format!("/wallets/{}/members", house.server.wallet);
    let owner = house.session("owner").await;
    let member = house.id("member").await;
    let run = json!({"view": true, "admin": true, "otp": OTP});
    assert_eq!(house.ask("PUT", &format!("{path}/{member}"), &owner, Some(run)).await.status, 200);
    let before = roles(&house).await;
    for (role, knows_members) in [("owner", true), ("member", false)] {
        let mut browser = Browser::signed_in(&house.server, &name(role)).await;
        let page = browser.get(&path).await;
        assert_eq!(page.html.contains("auditor@example.com"), knows_members, "{role}");
        let unknown = "nobody@example.com".to_owned();
        let (stranger, stranger_id) = (name("stranger"), house.id("stranger").await);
        let whose = if knows_members { vec![] } else { vec![name("auditor")] };
        for may in [&[][..], &[("view", "yes")], &[("view", "yes"), ("otp", OTP)], &[("view", "yes"), ("otp", "1")]] {
            let mut seen = Vec::new();
            for who in [&unknown, &stranger, &stranger_id].into_iter().chain(&whose) {
                let answer = browser.post(&path, &[&[("who", who.as_str())], may].concat()).await;
                let html = answer.html.replace(who.as_str(), "").replace(&browser.form_token, "");
                seen.push((answer.status, answer.headers.get("location").cloned(), html));
            }
            assert_eq!(seen[0].0, 422, "{}", seen[0].2);
            assert!(seen.iter().all(|other| *other == seen[0]), "{role} {may:?}");
        }
    }
    assert_eq!(roles(&house).await, before);
    // By id, as in the interface, a member is found.
    let mut runs = Browser::signed_in(&house.server, &name("member")).await;
    runs.get(&path).await;
    let auditor = house.id("auditor").await;
    let done = runs.submit(&path, &[("who", &auditor), ("view", "yes"), ("otp", OTP)]).await;
    assert!(done.text().contains("auditor@example.com"), "{}", done.text());
    let mut theirs = Browser::signed_in(&house.server, &name("auditor")).await;
    assert!(theirs.get("/account").await.text().contains(&auditor), "members find their id");
}

#[tokio::test]
async fn an_invitation_gives_roles_in_the_wallets_that_its_maker_runs_and_no_others() {
    let house = House::new().await;
    let wallet = house.server.wallet;
    let path = organisation("/invite");
    let [view, spend] = ["view", "spend"].map(|role| format!("{wallet} {role}"));
    let mut admin = Browser::signed_in(&house.server, &name("admin")).await;
    assert!(!admin.get(&path).await.html.contains(&view), "an admin runs no wallet by that alone");
    let fields = [("email", "new@example.com"), ("role", "member"), ("otp", OTP), ("wallet", &spend)];
    let refused = admin.post(&path, &fields).await.status.as_u16();
    assert!(matches!(refused, 403 | 404), "{refused}");
    let mut owner = Browser::signed_in(&house.server, &name("owner")).await;
    assert!(owner.get(&path).await.html.contains(&format!("<option value=\"{view}\">See it</option>")));
    for strange in [format!("{wallet} own"), format!("{wallet}"), "x view".to_owned()] {
        let fields = [("email", "new@example.com"), ("role", "member"), ("otp", OTP), ("wallet", &strange)];
        let answer = owner.post(&path, &fields).await;
        assert_eq!(answer.status, 422, "{strange}");
        assert!(answer.html.contains("href=\"#wallets\""));
    }
    let missing = owner.post(&path, &[("email", ""), ("role", "member"), ("wallet", &spend)]).await;
    assert!(missing.html.contains(&format!("<option value=\"{spend}\" selected>")), "what was chosen is kept");
    let done = owner.submit(&path, &fields).await;
    assert!(done.text().contains("new@example.com member with roles in 1 wallet"), "{}", done.text());
    let link = house.server.link("new@example.com", "You are invited").await;
    assert!(owner.get(&format!("/invitation/{link}")).await.text().contains("with roles in 1 wallet"));
    assert_eq!(house.accept(&link).await.status, 201);
    let found = roles(&house).await;
    let theirs = found.as_array().unwrap().iter().find(|one| one["user"]["username"] == "new@example.com").unwrap();
    assert_eq!((&theirs["spend"], &theirs["admin"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn rails_are_shown_to_those_who_run_an_organisation_and_asked_about_their_own_wallets() {
    let house = House::new().await;
    for (role, health) in
        [("owner", Some("answers")), ("admin", Some("not_asked")), ("member", None), ("auditor", None)]
    {
        let answer = house.ask("GET", "/rails", &house.session(role).await, None).await;
        let mut browser = Browser::signed_in(&house.server, &name(role)).await;
        let page = browser.get("/rails").await;
        let leads = browser.get("/organisations").await.html.contains("href=\"/rails\"");
        assert_eq!(leads, health.is_some());
        let Some(health) = health else {
            assert_eq!((answer.status.as_u16(), page.status.as_u16()), (403, 403), "{role}");
            continue;
        };
        let wallets = usize::from(role == "owner");
        let rail = json!({"name": "sandbox", "kind": "sandbox", "isSandbox": true, "wallets": wallets, "caveat": null, "health": health});
        let chain = json!({"name": "chain", "kind": "evm", "isSandbox": false, "wallets": 0, "caveat": null, "health": "not_asked"});
        assert_eq!(answer.body, json!({"rails": [chain, rail]}));
        let told = if wallets == 1 { "1 wallet Answers" } else { "0 wallets Not asked" };
        assert!(page.text().contains(&format!("sandbox Sandbox Play money {told}")), "{}", page.text());
    }
}

#[tokio::test]
async fn a_list_of_users_has_those_of_organisations_that_one_runs_and_nobody_else() {
    let house = House::new().await;
    for (role, sees) in [
        ("owner", vec!["owner", "admin", "member", "auditor"]),
        ("admin", vec!["owner", "admin", "member", "auditor"]),
        ("member", vec![]),
        ("auditor", vec![]),
        ("stranger", vec!["stranger"]),
    ] {
        let page = Browser::signed_in(&house.server, &name(role)).await.get("/users").await;
        assert_eq!(page.status, 200);
        let seen: Vec<&str> = ROLES.into_iter().filter(|other| page.text().contains(&name(other))).collect();
        assert_eq!(seen, sees, "{role}: {}", page.text());
    }
}

#[tokio::test]
async fn a_rail_that_does_not_answer_is_told_of_without_what_it_said_instead() {
    let house = House::new().await;
    let sandbox = rusqlite::Connection::open(house.server.data().join("sandbox.db")).unwrap();
    sandbox.execute_batch("ALTER TABLE wallets RENAME TO gone").unwrap();
    let answer = house.ask("GET", "/rails", &house.session("owner").await, None).await;
    assert_eq!(answer.body["rails"][1]["health"], "silent", "{}", answer.body);
    let page = Browser::signed_in(&house.server, &name("owner")).await.get("/rails").await;
    assert!(page.text().contains("1 wallet Does not answer"), "{}", page.text());
    assert!(!page.html.contains("no such table") && !answer.body.to_string().contains("no such table"));
}

#[tokio::test]
async fn nobody_is_frozen_or_taken_out_by_one_click_and_nobody_freezes_themselves() {
    let house = House::new().await;
    let mut owner = Browser::signed_in(&house.server, &name("owner")).await;
    let of = async |role: &str| organisation(&format!("/members/{}", house.id(role).await));
    let member = of("member").await;
    let page = owner.get(&member).await;
    for does in ["freeze", "remove"] {
        assert!(page.html.contains(&format!("href=\"{member}/{does}\"")), "{does}: {}", page.html);
        assert!(!page.html.contains(&format!("action=\"{member}/{does}\"")), "{does}");
        let asks = owner.get(&format!("{member}/{does}")).await;
        assert!(asks.html.contains(&format!("action=\"{member}/{does}\"")), "{does}: {}", asks.html);
    }
    assert!(house.role_of(&name("member")).await.is_some(), "asking takes nobody out");
    let wrong = owner.post(&format!("{member}/freeze"), &[("reason", "lost a laptop"), ("days", "x")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.html.contains("value=\"lost a laptop\"") && wrong.html.contains("value=\"x\""), "{}", wrong.html);
    let own = of("owner").await;
    assert!(!owner.get(&own).await.html.contains(&format!("href=\"{own}/freeze\"")));
    let refused = owner.post(&format!("{own}/freeze"), &[("reason", "test")]).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("ask another administrator"), "{}", refused.text());
    assert_eq!(owner.get("/tokens").await.status, 200, "the owner is not frozen");
    let last = owner.post(&format!("{own}/remove"), &[]).await;
    assert_eq!(last.status, 409, "the last owner stays");
    let mut theirs = Browser::signed_in(&house.server, &name("member")).await;
    owner.submit(&format!("{member}/freeze"), &[("reason", "lost a laptop"), ("days", "2")]).await;
    assert!(theirs.get("/tokens").await.location().starts_with("/sign-in"), "a frozen account has no session");
    owner.submit(&format!("{member}/remove"), &[]).await;
    assert!(house.role_of(&name("member")).await.is_none());
}

#[tokio::test]
async fn a_frozen_account_is_told_why_until_when_and_whom_to_ask() {
    let house = House::new().await;
    let mut owner = Browser::signed_in(&house.server, &name("owner")).await;
    let path = organisation(&format!("/members/{}/freeze", house.id("member").await));
    owner.submit(&path, &[("reason", "lost a laptop"), ("days", "2")]).await;
    let mut theirs = Browser::new(&house.server);
    let told = theirs.enter(&name("member"), PASSWORD, OTP, &[]).await;
    assert_eq!(told.status, 403);
    let said = "Your account is frozen: lost a laptop, until 23 September 2026, 14:13 UTC. Ask whoever runs your \
                organisation or this server.";
    assert!(told.text().contains(said), "{}", told.text());
    // Only to whoever knows the password.
    let wrong = theirs.enter(&name("member"), "another", OTP, &[]).await;
    assert!(!wrong.text().contains("frozen"), "{}", wrong.text());
}
