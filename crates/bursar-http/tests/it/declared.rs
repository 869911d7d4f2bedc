//! Limits in units of a coin whose decimals only the rail's description tells, wherever limits are written.

use serde_json::{Value, json};

use crate::browser::{Browser, between};
use crate::exchange::{OWNER, Shop, rail_by, rules};
use crate::support::OTP;

#[tokio::test]
async fn limits_are_written_in_units_of_coins_that_a_rail_declares_wherever_there_are_limits() {
    let shop = Shop::before(rail_by("http://127.0.0.1:9".to_owned(), rules()), "usd", "credits 1.5/day").await;
    let server = &shop.server;
    let session = server.log_in(OWNER).await;
    let ask = async |method: &str, path: &str, body| server.send(method, path, Some(&session), body).await;
    let of_token = format!("/bursar/v1/tokens/{}/limits", shop.token_id);
    let limits = ask("GET", &of_token, None).await.body;
    assert_eq!(limits["limits"][0]["rule"], "credits 1.5/day");
    assert_eq!(limits["limits"][0]["ceiling"], "1500");
    // What is shown is understood again, and means the same.
    let again = json!({"version": limits["version"], "limits": [limits["limits"][0]["rule"]]});
    assert_eq!(ask("PUT", &of_token, Some(again)).await.body["limits"][0]["ceiling"], "1500");

    let mine = "/bursar/v1/users/me/limits";
    let less = json!({"version": 0, "limits": ["credits 0.25/hour"]});
    assert_eq!(ask("PUT", mine, Some(less)).await.body["limits"][0]["ceiling"], "250");
    for (text, problem) in [
        ("credits 0.0001/hour", "at character 14, `1`: credits has 3 decimal places"),
        ("credits 1,5/hour", "at character 10, `,`: this stands in no plain number"),
        ("points 1.5/hour", "at character 8, `1.5`: the decimals of points are not known here"),
    ] {
        let refused = ask("PUT", mine, Some(json!({"version": 1, "limits": [text]}))).await;
        assert_eq!((refused.status.as_u16(), &refused.body["field"]), (400, &json!("limits[0]")));
        assert!(refused.body["problem"].as_str().unwrap().contains(problem), "{}", refused.body);
    }
    assert_eq!(ask("GET", mine, None).await.body["limits"][0]["ceiling"], "250", "nothing of that was kept");

    let mut browser = Browser::signed_in(server, OWNER).await;
    let checked = browser.post("/limits/check", &[("limits", "credits 2.5/day")]).await;
    assert!(checked.html.contains("\"right\":true") && checked.html.contains("2.5 credits"), "{}", checked.html);
    let page = format!("/tokens/{}/limits", shop.token_id);
    let version = browser.get(&page).await.field("version");
    let sent = [("version", version.as_str()), ("limits", "credits 2.5/day"), ("otp", OTP)];
    browser.submit(&page, &sent).await;
    assert_eq!(ask("GET", &of_token, None).await.body["limits"][0]["ceiling"], "2500");
}

/// A shop whose charges are in credits, and a token that may spend 1.5 of them a day.
async fn in_credits() -> Shop {
    let rules = serde_json::from_str(&rules().to_string().replace("usd", "credits")).unwrap();
    Shop::before(rail_by("http://127.0.0.1:9".to_owned(), rules), "credits", "credits 1.5/day").await
}

#[tokio::test]
async fn a_refusal_tells_amounts_of_a_declared_coin_in_its_units() {
    let shop = in_credits().await;
    let refused = shop.charge("one", "amount=2000&source=acct_1").await;
    let told = "the token's limit of credits 1.5/day leaves 1.5 credits, 2 credits asked";
    assert!(refused.body.to_string().contains(told), "{}", refused.body);
    let limit = &refused.body["limits"][0];
    assert_eq!([&limit["rule"], &limit["asked"]], ["credits 1.5/day", "2000"], "figures stay base units");

    let session = shop.server.log_in(OWNER).await;
    let ask = async |method: &str, path: &str, body| shop.server.send(method, path, Some(&session), body).await;
    let wallets = ask("GET", "/bursar/v1/wallets", None).await.body;
    let trial =
        json!({"coin": "credits", "amount": "2000", "destination": "acct_1", "wallet": wallets["wallets"][0]["id"]});
    let dry = ask("POST", &format!("/bursar/v1/tokens/{}/limits:dry-run", shop.token_id), Some(trial)).await.body;
    assert!(dry["refusal"].to_string().contains(told), "{dry}");
    // What is written down stays as it is, whatever is declared later.
    let trail = ask("GET", "/bursar/v1/audit?action=spend.refuse", None).await.body;
    assert!(trail.to_string().contains("leaves 1500 base units of credits"), "{trail}");

    let mut browser = Browser::signed_in(&shop.server, OWNER).await;
    let page = browser.get(&format!("/tokens/{}", shop.token_id)).await;
    assert!(page.text().contains("leaves 1.5 credits, 2 credits asked"), "{}", page.text());

    let coins = shop.server.send("GET", "/bursar/v1/coins", Some(&shop.token), None).await.body;
    let declared = |coin: &str| {
        let found = coins["coins"].as_array().unwrap().iter().find(|one| one["coin"] == coin);
        found.map_or(Value::Null, |one| one["decimals"].clone())
    };
    assert_eq!([declared("credits"), declared("microusd"), declared("points")], [json!(3), json!(0), Value::Null]);
}

#[tokio::test]
async fn pages_show_limits_of_a_declared_coin_in_its_units_and_their_forms_read_them_back() {
    let shop = in_credits().await;
    let mut browser = Browser::signed_in(&shop.server, OWNER).await;
    let page = browser.get(&format!("/tokens/{}", shop.token_id)).await;
    assert!(page.text().contains("1.5 credits in any 24 hours"), "{}", page.text());

    // Sent as it is shown, the form changes nothing and needs no code.
    let path = format!("/tokens/{}/limits", shop.token_id);
    let page = browser.get(&path).await;
    let shown = between(&page.html, "<textarea id=\"limits\"", "</textarea>");
    let shown = shown.split_once('>').unwrap().1.trim();
    assert_eq!(shown, "credits 1.5/day");
    assert!(!page.text().contains("1500"), "{}", page.text());
    let (version, each) = (page.field("version"), "credits 0.25/day");
    let sent = [("version", version.as_str()), ("limits", shown), ("each", each)];
    let saved = browser.submit(&path, &sent).await;
    assert!(saved.text().contains("The limits are saved"), "{}", saved.text());
    let page = browser.get(&path).await;
    assert!(page.html.contains("credits 0.25/day without fees") && page.html.contains("credits 1.5/day"));
    let session = shop.server.log_in(OWNER).await;
    let stored = shop.server.send("GET", &format!("/bursar/v1{path}"), Some(&session), None).await.body;
    assert_eq!(stored["limits"][0]["ceiling"], "1500");
    let each = &stored["destinations"]["each"][0];
    assert_eq!([&each["ceiling"], &each["rule"]], ["250", "credits 0.25/day without fees"]);
}
