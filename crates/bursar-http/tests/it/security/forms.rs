//! What forms of ours are: they come from a page of this very session, and only they change something.

use bursar_http::{Audience, PageDescription, pages};

use super::{Scene, visit};
use crate::house::{name, organisation};
use crate::support::{OTP, PASSWORD};

const SESSION: &str = "__Host-bursar";

/// What somebody sends by a form of this page who means it.
pub(super) fn fields(page: &PageDescription, scene: &Scene) -> Vec<(&'static str, String)> {
    if page.method == "GET" {
        return Vec::new();
    }
    let new = "a quite long new password of mine";
    let organisation = organisation("").trim_start_matches("/organisations/").to_owned();
    let said: &[(&'static str, &str)] = match page.path {
        "/theme" => &[("theme", "dark")],
        "/sign-in" => &[("username", "nobody@example.com"), ("password", "wrong")],
        "/sign-in/code" => &[("ticket", "none")],
        "/sign-in/passkey" | "/sign-out" | "/account/sessions/end-others" | "/account/sessions/{session}/end" => &[],
        "/tokens" | "/tokens/new" => {
            &[("label", "bot"), ("may", "view"), ("reach", "all"), ("lifetime", "90"), ("accept", "anywhere")]
        }
        "/tokens/{token}/limits" => &[("version", "1"), ("limits", "tbtc 500 base units/day")],
        "/tokens/{token}/rotate" => &[("overlap", "0")],
        "/tokens/{token}/lock" | "/tokens/{token}/revoke" | "/tokens/{token}/end-old-secret" => &[],
        "/tokens/{token}/unlock" => &[("for", "600")],
        "/limits/check" => &[("limits", "tbtc 1/day")],
        "/wallets/{wallet}/limits" | "/organisations/{organisation}/limits" | "/account/limits" => {
            &[("version", "0"), ("limits", "tbtc 1/day")]
        }
        "/organisations/{organisation}/members/{user}/limits" => &[("version", "0"), ("limits", "tbtc 1/day")],
        "/wallets/{wallet}/freeze" | "/organisations/{organisation}/freeze" => &[("reason", "lost"), ("days", "1")],
        "/wallets/{wallet}/unfreeze" | "/organisations/{organisation}/unfreeze" | "/wallets/{wallet}/remove" => &[],
        "/account/name" => &[("name", "Another Name")],
        "/account/password" => &[("old", PASSWORD), ("password", new), ("again", new)],
        "/account/address/resend" => &[],
        "/account/address" => &[("email", "elsewhere@example.com")],
        "/organisations" => &[("name", "Another")],
        "/organisations/{organisation}/settings" => &[("name", "Acme"), ("demands", "yes")],
        "/organisations/{organisation}/invite" => &[("email", "fresh@example.com"), ("role", "member")],
        "/organisations/{organisation}/wallet" => &[("rail", "chain"), ("label", "Cold")],
        "/organisations/{organisation}/members/{user}/role" => &[("role", "auditor")],
        "/organisations/{organisation}/members/{user}/remove"
        | "/organisations/{organisation}/members/{user}/unfreeze" => &[],
        "/organisations/{organisation}/members/{user}/freeze" => &[("reason", "left")],
        "/invitations/{invitation}/withdraw" | "/invitations/{invitation}/resend" => {
            &[("organisation", organisation.as_str())]
        }
        "/wallets/{wallet}/members" => &[("who", scene.member.as_str()), ("view", "yes")],
        "/spends/{spend}/reconcile" => &[],
        "/spends/{spend}/resolve" => &[("moved", "no"), ("evidence", "looked at the rail")],
        "/reset" => &[("username", "nobody@example.com")],
        "/reset/{link}" => &[("password", new), ("again", new)],
        "/verify/{link}" => &[],
        "/invitation/{link}" => &[("name", "New"), ("password", new), ("again", new)],
        "/security/totp" | "/security/passkey" | "/security/factors/{factor}/rename" => &[("label", "phone")],
        "/security/totp/{factor}" => &[("code", "123456")],
        "/security/passkey/finish" => &[("label", "key"), ("passkey", "{}")],
        "/security/recovery-codes" | "/security/factors/{factor}/remove" => &[],
        "/step-up" => &[("action", "issue")],
        other => panic!("{other}: say here what its form sends"),
    };
    let otp = [("otp", OTP)];
    said.iter().chain(&otp).map(|(name, text)| (*name, (*text).to_owned())).collect()
}

#[tokio::test]
async fn no_form_is_taken_from_elsewhere_or_without_the_text_of_this_session() {
    let scene = Scene::new().await;
    let other = scene.browser("admin").await.form_token;
    let before = events(&scene);
    for page in pages().into_iter().filter(|page| page.method == "POST") {
        let path = scene.path(&page);
        let sent = fields(&page, &scene);
        let sent: Vec<(&str, &str)> = sent.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let role = if page.audience == Audience::Person { "owner" } else { "nobody" };
        let mut browser = scene.browser(role).await;
        let own = browser.form_token.clone();
        let here = "https://bursar.example";
        for (token, origin) in [
            (own.as_str(), Some("https://evil.example")),
            (own.as_str(), Some("https://bursar.example.evil.example")),
            (own.as_str(), Some("null")),
            (own.as_str(), None),
            ("", Some(here)),
            (other.as_str(), Some(here)),
            (&own[1..], Some(here)),
        ] {
            browser.form_token = token.to_owned();
            browser.origin = origin.map(str::to_owned);
            let answer = browser.post(&path, &sent).await;
            assert_eq!(answer.status, 403, "{path} with `{token}` from {origin:?}");
        }
        assert_eq!(browser.cookies.contains_key(SESSION), page.audience == Audience::Person);
    }
    assert_eq!(events(&scene), before, "and nothing was done");
}

#[tokio::test]
async fn the_text_of_forms_from_before_a_sign_in_is_worth_nothing_after_it() {
    let scene = Scene::new().await;
    let mut browser = scene.browser("nobody").await;
    let (before, planted) = (browser.form_token.clone(), browser.cookies.clone());
    browser.enter(&name("owner"), PASSWORD, OTP, &[]).await;
    browser.form_token.clone_from(&before);
    assert_eq!(browser.post("/theme", &[("theme", "dark")]).await.status, 403);
    // Nor does whoever planted the cookie of the visit get a form of the session from it.
    browser.cookies.extend(planted);
    browser.form_token = before;
    assert_eq!(browser.post("/theme", &[("theme", "dark")]).await.status, 403);
}

#[tokio::test]
async fn looking_at_pages_changes_nothing() {
    let scene = Scene::new().await;
    let mut browser = scene.browser("owner").await;
    let before = events(&scene);
    for page in pages().into_iter().filter(|page| page.method == "GET") {
        let answer = visit(&mut browser, &page, &scene.path(&page), &[]).await;
        assert!(answer.status.as_u16() < 500, "{}: {}", page.path, answer.html);
    }
    // Nor does a form whose method was changed on its way.
    for page in pages().into_iter().filter(|page| page.method == "POST") {
        browser.get(&format!("{}?form_token={}&otp={OTP}", scene.path(&page), browser.form_token)).await;
    }
    assert_eq!(events(&scene), before);
}

/// Everything that was done, but for signing in.
fn events(scene: &Scene) -> u64 {
    let query = "SELECT count(*) FROM audit_events WHERE action NOT IN ('session.create', 'factor.use')";
    scene.house.server.database().query_row(query, [], |row| row.get(0)).unwrap()
}
