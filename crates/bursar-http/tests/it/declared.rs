//! Limits in units of a coin whose decimals only the rail's description tells, wherever limits are written.

use serde_json::json;

use crate::browser::Browser;
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
    assert_eq!(limits["limits"][0]["rule"], "credits 1500 base units/day");
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
    assert!(checked.html.contains("\"right\":true") && checked.html.contains("2500 base units"), "{}", checked.html);
    let page = format!("/tokens/{}/limits", shop.token_id);
    let version = browser.get(&page).await.field("version");
    let sent = [("version", version.as_str()), ("limits", "credits 2.5/day"), ("otp", OTP)];
    browser.submit(&page, &sent).await;
    assert_eq!(ask("GET", &of_token, None).await.body["limits"][0]["ceiling"], "2500");
}
