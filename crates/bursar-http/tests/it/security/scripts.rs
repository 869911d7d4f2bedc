//! Scripts planted in every text that is kept: pages show them as text.

use bursar_http::pages;
use serde_json::{Value, json};

use super::forms::fields;
use super::{Scene, visit};
use crate::browser::Browser;
use crate::house::{House, name, organisation};
use crate::support::OTP;
use crate::world::ADDRESS;

/// A script, an end of an attribute of either kind, an event, and what tells where it was planted.
fn evil(place: &str) -> String {
    format!("{place}\"'><script>alert(1)</script><img src=x onerror=alert(1)>")
}

/// Every text that an organisation, its people and their spends keep, with the places by which they are found again.
async fn plant(scene: &Scene) -> Vec<&'static str> {
    let house = &scene.house;
    let (owner, stranger) = (house.session("owner").await, house.session("stranger").await);
    let wallet = house.server.wallet;
    let ask = async |session: &str, method: &str, path: &str, body: Value| {
        let answer = house.ask(method, path, session, Some(body)).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.body);
        answer.body
    };
    for role in ["owner", "member", "auditor", "stranger"] {
        ask(&house.session(role).await, "PATCH", "/users/me", json!({"fullName": evil("person")})).await;
    }
    ask(&owner, "PATCH", &organisation(""), json!({"name": evil("place")})).await;
    ask(&stranger, "POST", "/organisations", json!({"name": evil("place"), "otp": OTP})).await;
    ask(&owner, "PATCH", &format!("/factors/{}", scene.factor), json!({"label": evil("factor")})).await;
    let limits = json!({"label": evil("token"), "limits": ["tbtc 1000 base units/day"]});
    let issued = house.server.issue(&owner, limits).await;
    let token = issued["token"].as_str().unwrap().to_owned();
    let body = json!({"label": evil("service"), "organisation": organisation("")[15..], "otp": OTP});
    let service = ask(&owner, "POST", "/services", body).await["token"].as_str().unwrap().to_owned();
    // Spends: their comments, what their keepers say of them, and addresses that are none.
    let spend = json!({
        "token": token, "coin": "tbtc", "amount": "1", "destination": ADDRESS, "wallet": wallet.to_string(),
        "comment": evil("comment"),
    });
    for (path, word) in [("capture", "reference"), ("release", "reason")] {
        let held = house.server.send_with("POST", "/bursar/v1/spends", Some(&service), Some(spend.clone()), Some(path));
        let held = held.await.body["id"].as_str().unwrap().to_owned();
        let mut body = json!({});
        body[word] = evil(word).into();
        ask(&service, "POST", &format!("/spends/{held}/{path}"), body).await;
    }
    let pay = format!("/api/v2/tbtc/wallet/{wallet}/sendcoins");
    for (address, amount) in [(evil("address"), "1"), ("sandbox:never".to_owned(), "2"), (ADDRESS.to_owned(), "9999")] {
        let body = json!({"address": address, "amount": amount, "comment": evil("comment")});
        let answer = house.server.send("POST", &pay, Some(&token), Some(body)).await;
        assert!(answer.status.is_client_error(), "{}", answer.body);
    }
    house.server.bursar.note_uses().await.unwrap();
    let lost = house.ask("GET", "/spends?unresolved=true", &owner, None).await.body["spends"][0]["id"].clone();
    let found = json!({"moved": false, "evidence": evil("evidence"), "otp": OTP});
    ask(&owner, "POST", &format!("/spends/{}/resolve", lost.as_str().unwrap()), found).await;
    let answer =
        house.server.send("POST", &pay, Some(&token), Some(json!({"address": "sandbox:drop-answer", "amount": "3"})));
    assert_eq!(answer.await.status, 409);
    for path in [format!("/wallets/{wallet}"), format!("/users/{}", scene.member)] {
        ask(&owner, "POST", &format!("{path}/freeze"), json!({"reason": evil("frozen")})).await;
    }
    vec!["person", "place", "factor", "token", "service", "reference", "reason", "evidence", "frozen"]
}

/// Every page of this browser, each without a script of others; and the places that were seen.
async fn walk(scene: &Scene, browser: &mut Browser<'_>, seen: &mut Vec<String>) {
    let query: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(
            ["q", "state", "after", "action", "subject", "next", "changed", "members"].map(|one| (one, evil("query"))),
        )
        .finish();
    for page in pages() {
        let path = scene.path(&page);
        let mut answers = Vec::new();
        if page.method == "GET" {
            answers.push(browser.get(&path).await);
            answers.push(browser.get(&format!("{path}?{query}")).await);
        } else {
            // A form that has to be mended shows what was written.
            let names = fields(&page, scene).into_iter().map(|(name, _)| name);
            let sent: Vec<(&str, String)> =
                names.filter(|name| *name != "otp").map(|name| (name, evil("said"))).collect();
            let sent: Vec<(&str, &str)> = sent.iter().map(|(name, text)| (*name, text.as_str())).collect();
            if page.path != "/sign-out" && !page.path.ends_with("/end") && !page.path.ends_with("/end-others") {
                answers.push(visit(browser, &page, &path, &sent).await);
            }
        }
        for answer in answers {
            assert!(answer.status.as_u16() < 500, "{path}: {}", answer.html);
            let content = answer.headers["content-type"].to_str().unwrap();
            if content.starts_with("text/html") {
                for raw in ["<script>alert", "<img src=x", "\"'>", "'><script"] {
                    assert!(!answer.html.contains(raw), "{path} has {raw}: {}", answer.html);
                }
                seen.push(answer.html);
            } else if answer.status == 200 && page.path == "/audit/export" {
                let kept = answer.headers["content-disposition"].to_str().unwrap();
                assert!(kept.starts_with("attachment"), "{path}: {kept}");
            }
        }
    }
}

#[tokio::test]
async fn a_script_in_any_text_that_is_kept_is_shown_as_text() {
    let scene = Scene::new().await;
    let places = plant(&scene).await;
    let mut seen = Vec::new();
    for role in ["owner", "admin", "auditor", "stranger", "nobody"] {
        let mut browser = scene.browser(role).await;
        walk(&scene, &mut browser, &mut seen).await;
    }
    let shown = |place: &str| format!("{place}&quot;'&gt;&lt;script&gt;alert(1)&lt;/script&gt;");
    for place in places.into_iter().chain(["said", "query"]) {
        let count = seen.iter().filter(|html| html.contains(&shown(place))).count();
        assert!(count > 0, "no page shows what was planted as {place}: the test looks at too little");
    }
}

#[tokio::test]
async fn a_script_in_an_invitation_is_shown_as_text_to_whoever_is_invited() {
    let house = House::new().await;
    let owner = house.session("owner").await;
    house.ask("PATCH", &organisation(""), &owner, Some(json!({"name": evil("place")}))).await;
    let address = "new@example.com";
    assert_eq!(house.invite(&owner, json!({"email": address, "role": "member"})).await.status, 201);
    let link = house.server.link(address, "You are invited").await;
    for mut browser in [Browser::new(&house.server), Browser::signed_in(&house.server, &name("stranger")).await] {
        let page = browser.get(&format!("/invitation/{link}")).await;
        assert_eq!(page.status, 200);
        assert!(page.html.contains("Join place&quot;") && !page.html.contains("<script>alert"), "{}", page.html);
    }
}
