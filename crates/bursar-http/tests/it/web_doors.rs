//! The doors of the web pages: sessions and their cookies, forms of others, headers, and who may see what.

use axum::body::Body;
use axum::http::Request;

use crate::browser::{Browser, HOST, between};
use crate::support::{OTP, PASSWORD, Server};
use crate::world::{NAME, World};

const SESSION: &str = "__Host-bursar";

fn set_cookies(page: &crate::browser::Page) -> Vec<String> {
    page.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_session_cookie_is_for_this_host_over_tls_only_and_no_script_sees_it() {
    let world = World::new().await;
    let mut browser = Browser::new(&world.server);
    let entered = browser.enter(NAME, PASSWORD, OTP, &[]).await;
    assert_eq!((entered.status.as_u16(), entered.location()), (303, "/"));
    let cookies = set_cookies(&entered);
    let session = cookies.iter().find(|cookie| cookie.starts_with("__Host-bursar=v2x")).unwrap();
    for flag in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(session.contains(flag), "{session}");
    }
    assert!(!session.contains("Domain"), "{session}");
    assert_eq!(browser.get("/").await.location(), "/tokens");
}

#[tokio::test]
async fn a_session_that_was_planted_is_not_the_one_that_is_signed_in() {
    let world = World::new().await;
    let mut browser = Browser::new(&world.server);
    browser.cookies.insert(SESSION.to_owned(), "v2xplanted".to_owned());
    browser.enter(NAME, PASSWORD, OTP, &[]).await;
    let first = browser.cookies[SESSION].clone();
    assert_ne!(first, "v2xplanted");
    browser.get("/tokens").await;
    browser.post("/sign-out", &[]).await;
    assert!(!browser.cookies.contains_key(SESSION));
    browser.enter(NAME, PASSWORD, OTP, &[]).await;
    assert_ne!(browser.cookies[SESSION], first);
    // What was signed out is over, also for whoever kept a copy.
    browser.cookies.insert(SESSION.to_owned(), first);
    assert!(browser.get("/tokens").await.location().starts_with("/sign-in"));
}

#[tokio::test]
async fn a_browser_that_signs_in_again_ends_the_session_it_had_and_no_other() {
    let world = World::new().await;
    world.server.user("other@example.com").await;
    let mut elsewhere = Browser::signed_in(&world.server, NAME).await;
    for next in [NAME, "other@example.com"] {
        let mut browser = Browser::signed_in(&world.server, NAME).await;
        let before = browser.cookies[SESSION].clone();
        // A form that was loaded before, or somebody who writes one: the page itself leads who is signed in away.
        let second = browser.post("/sign-in", &[("username", next), ("password", PASSWORD)]).await;
        assert_eq!(world.get("/bursar/v1/self", &before).await.status, 200, "a password alone ends nothing");
        let ticket = second.field("ticket");
        assert_eq!(browser.post("/sign-in/code", &[("ticket", &ticket), ("otp", "123456")]).await.status, 401);
        assert_eq!(world.get("/bursar/v1/self", &before).await.status, 200, "nor does a wrong code");
        assert_eq!(browser.post("/sign-in/code", &[("ticket", &ticket), ("otp", OTP)]).await.status, 303);
        assert_ne!(browser.cookies[SESSION], before);
        assert_eq!(world.get("/bursar/v1/self", &before).await.status, 401);
        assert_eq!(browser.get("/tokens").await.status, 200);
    }
    assert_eq!(elsewhere.get("/tokens").await.status, 200, "another browser keeps its session");
}

#[tokio::test]
async fn a_token_of_software_opens_no_page() {
    let world = World::new().await;
    let (_, token) = world.token(serde_json::json!({})).await;
    let mut browser = Browser::new(&world.server);
    browser.cookies.insert(SESSION.to_owned(), token);
    let answer = browser.get("/tokens").await;
    assert_eq!((answer.status.as_u16(), answer.location()), (303, "/sign-in?next=%2Ftokens"));
}

#[tokio::test]
async fn signing_in_leads_to_a_page_of_ours_and_nowhere_else() {
    let world = World::new().await;
    for (next, place) in [
        ("/tokens/new?preset=read", "/tokens/new?preset=read"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/%09/evil.example", "/%09/evil.example"),
        ("javascript:alert(1)", "/"),
        ("/sign-in?next=/sign-in", "/"),
    ] {
        let mut browser = Browser::new(&world.server);
        assert_eq!(browser.enter(NAME, PASSWORD, OTP, &[("next", next)]).await.location(), place, "{next}");
        // Also not by a form that was changed on its way.
        let mut browser = Browser::new(&world.server);
        browser.get("/sign-in").await;
        let second = browser.post("/sign-in", &[("username", NAME), ("password", PASSWORD)]).await;
        let fields = [("ticket", second.field("ticket")), ("otp", OTP.to_owned()), ("next", next.to_owned())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
        assert_eq!(browser.post("/sign-in/code", &fields).await.location(), place, "{next}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_look_the_same_and_set_no_cookie() {
    let world = World::new().await;
    let mut seen = Vec::new();
    for (name, password) in [(NAME, "not this one"), ("nobody@example.com", PASSWORD)] {
        let mut browser = Browser::new(&world.server);
        let answer = browser.enter(name, password, OTP, &[]).await;
        assert!(!browser.cookies.contains_key(SESSION));
        assert!(!answer.html.contains(password), "a password is never shown again");
        seen.push((answer.status, answer.text()));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].0, 401);
}

#[tokio::test]
async fn a_password_alone_opens_nothing() {
    let world = World::new().await;
    let mut browser = Browser::new(&world.server);
    browser.get("/sign-in").await;
    let second = browser.post("/sign-in", &[("username", NAME), ("password", PASSWORD)]).await;
    assert_eq!(second.status, 200);
    let ticket = second.field("ticket");
    assert!(!ticket.is_empty() && !browser.cookies.contains_key(SESSION));
    browser.cookies.insert(SESSION.to_owned(), ticket.clone());
    assert!(browser.get("/tokens").await.location().starts_with("/sign-in"), "a ticket is no session");
    let none = browser.post("/sign-in/code", &[("ticket", &ticket), ("otp", "")]).await;
    assert_eq!(none.status, 422);
    assert!(!browser.cookies.contains_key(SESSION));
    assert_eq!(browser.get("/sign-in/code").await.location(), "/sign-in");
}

#[tokio::test]
async fn a_wrong_code_is_told_at_its_field_and_the_sign_in_goes_on() {
    let world = World::new().await;
    let mut browser = Browser::new(&world.server);
    let answer = browser.enter(NAME, PASSWORD, "123456", &[("next", "/wallets")]).await;
    assert_eq!(answer.status, 401);
    assert!(answer.html.contains("href=\"#otp\""), "{}", answer.html);
    assert!(answer.html.contains("aria-describedby=\"otp-hint otp-problem\""), "{}", answer.html);
    assert!(answer.html.contains("<title>Error: "));
    let (ticket, next) = (answer.field("ticket"), answer.field("next"));
    let fields = [("ticket", ticket.as_str()), ("otp", OTP), ("next", next.as_str())];
    assert_eq!(browser.post("/sign-in/code", &fields).await.location(), "/wallets");
    // A ticket is good once.
    let again = browser.post("/sign-in/code", &fields).await;
    assert_eq!(again.status, 403, "the form was one of a visit that is over");
}

#[tokio::test]
async fn a_sign_in_that_took_too_long_begins_again() {
    let world = World::new().await;
    let mut browser = Browser::new(&world.server);
    browser.get("/sign-in").await;
    let second = browser.post("/sign-in", &[("username", NAME), ("password", PASSWORD)]).await;
    world.server.pass(bursar_core::time::Span::from_seconds(301));
    let over = browser.post("/sign-in/code", &[("ticket", &second.field("ticket")), ("otp", OTP)]).await;
    assert_eq!(over.status, 401);
    assert!(over.text().contains("begin again"), "{}", over.text());
    assert!(over.html.contains("name=\"password\"") && !browser.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn files_are_kept_for_long_under_names_that_change_with_them() {
    let server = Server::start().await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/sign-in").await;
    let style = between(&page.html, "<link rel=\"stylesheet\" href=\"", "\"").to_owned();
    let file = browser.get(&style).await;
    assert_eq!(file.status, 200);
    assert_eq!(file.headers["content-type"], "text/css; charset=utf-8");
    assert_eq!(file.headers["cache-control"], "public, max-age=31536000, immutable");
    assert!(file.headers.get("set-cookie").is_none());
    for path in ["/assets/style.css", "/assets/style-0.css"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_to_people_as_a_page_and_to_programs_as_json() {
    let world = World::new().await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let page = browser.get("/nowhere").await;
    assert_eq!(
        (page.status.as_u16(), &page.headers["content-type"]),
        (404, &"text/html; charset=utf-8".parse().unwrap())
    );
    let mut request = Request::get("/nowhere").header("host", HOST).body(Body::empty()).unwrap();
    let peer = axum::extract::ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
    request.extensions_mut().insert(peer);
    let answer = world.server.exchange(request).await;
    assert_eq!(answer.headers()["content-type"], "application/json; charset=utf-8");
}

#[tokio::test]
async fn a_theme_is_kept_and_shown() {
    let world = World::new().await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let page = browser.submit("/theme", &[("theme", "dark"), ("next", "/wallets")]).await;
    assert!(page.html.contains("<html lang=\"en\" data-theme=\"dark\">"));
    assert!(page.html.contains("<h1>Wallets</h1>"));
    assert_eq!(browser.post("/theme", &[("theme", "dark\"x"), ("next", "//evil.example")]).await.location(), "/");
    assert!(browser.get("/tokens").await.html.contains("<html lang=\"en\">"));
}

#[tokio::test]
async fn a_session_that_is_over_leads_back_to_where_it_ended() {
    let world = World::new().await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    world.server.pass(bursar_core::time::Span::from_seconds(3601));
    let page = browser.get("/tokens?q=bot").await;
    assert_eq!((page.status.as_u16(), page.location()), (303, "/sign-in?next=%2Ftokens%3Fq%3Dbot"));
    assert!(!browser.cookies.contains_key(SESSION), "a session that is over is forgotten");
    let mut other = Browser::signed_in(&world.server, NAME).await;
    world.server.pass(bursar_core::time::Span::from_seconds(3601));
    // A form is not sent again by itself.
    let form = other.post("/limits/check", &[("limits", "tbtc 1/day")]).await;
    assert_eq!((form.status.as_u16(), form.location()), (303, "/sign-in?next=%2F"));
}

#[tokio::test]
async fn a_cookie_opens_pages_only_and_never_the_interface() {
    let world = World::new().await;
    let browser = Browser::signed_in(&world.server, NAME).await;
    let cookie = format!("{SESSION}={}", browser.cookies[SESSION]);
    for path in ["/api/v2/user/session", "/bursar/v1/self", "/bursar/v1/tokens"] {
        let mut request =
            Request::get(path).header("host", HOST).header("cookie", &cookie).body(Body::empty()).unwrap();
        let peer = axum::extract::ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
        request.extensions_mut().insert(peer);
        assert_eq!(world.server.exchange(request).await.status(), 401, "{path}");
    }
}

#[tokio::test]
async fn strict_transport_is_asked_for_where_a_trusted_proxy_says_that_it_is_spoken() {
    let server = Server::start().await;
    let settings = bursar_http::Settings { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..server.settings() };
    let router = bursar_http::router(std::sync::Arc::clone(&server.bursar), settings, &server.operations);
    for (peer, said, is_strict) in
        [([10, 0, 0, 1], "https", true), ([10, 0, 0, 1], "http", false), ([203, 0, 113, 7], "https", false)]
    {
        let mut request = Request::get("/sign-in").header("x-forwarded-proto", said).body(Body::empty()).unwrap();
        request.extensions_mut().insert(axum::extract::ConnectInfo(std::net::SocketAddr::from((peer, 1))));
        let answer = tower::ServiceExt::oneshot(router.clone(), request).await.unwrap();
        assert_eq!(answer.headers().contains_key("strict-transport-security"), is_strict, "{peer:?} {said}");
    }
}

#[tokio::test]
async fn a_form_that_is_too_long_is_refused_with_a_page() {
    let world = World::new().await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let answer = browser.post("/tokens/new", &[("limits", &"x".repeat(100_000))]).await;
    assert_eq!(answer.status, 413);
    assert!(answer.html.contains("<h1>"), "{}", answer.html);
    let fields = vec![("may", "view"); 1001];
    assert_eq!(browser.post("/tokens/new", &fields).await.status, 400);
}

#[tokio::test]
async fn guessing_at_the_door_ends_soon() {
    let world = World::new().await;
    let mut browser = Browser::new(&world.server);
    let mut last = 0;
    for _ in 0..30 {
        last = browser.enter(NAME, "a guess", OTP, &[]).await.status.as_u16();
    }
    assert_eq!(last, 429);
    // The right password is not even looked at then.
    let right = browser.enter(NAME, PASSWORD, OTP, &[]).await;
    assert_eq!(right.status, 429);
    assert!(!browser.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn until_a_second_factor_is_there_every_page_leads_to_where_one_is_set_up() {
    const NEW: &str = "new@example.com";
    let world = World::new().await;
    world.server.newcomer(NEW).await;
    let mut browser = Browser::new(&world.server);
    browser.get("/sign-in").await;
    let entered = browser.post("/sign-in", &[("username", NAME), ("password", "wrong")]).await;
    assert_eq!(entered.status, 401);
    assert_eq!(browser.post("/sign-in", &[("username", NEW), ("password", PASSWORD)]).await.status, 303);
    for path in ["/tokens", "/wallets", "/organisations", "/audit", "/account", "/users", "/security/recovery-codes"] {
        let answer = browser.get(path).await;
        let to_make = path == "/security/recovery-codes";
        assert!(to_make || answer.location() == "/security?needs=factor", "{path}: {}", answer.text());
    }
    let page = browser.get("/security?needs=factor").await;
    assert!(page.text().contains("Set up a second factor first; until then nothing else opens."), "{}", page.text());
    assert!(!page.html.contains("aria-label=\"Main\"") && !page.text().contains("look"), "{}", page.html);
    assert!(page.html.contains("action=\"/sign-out\""));
    assert_eq!(browser.post("/account/name", &[("name", "Else")]).await.location(), "/security?needs=factor");
    assert_eq!(browser.get("/security/totp").await.status, 200);
}

#[tokio::test]
async fn without_mail_no_page_leads_to_a_form_whose_mail_would_never_come() {
    let server = Server::sending(false).await;
    server.user(NAME).await;
    let mut browser = Browser::new(&server);
    assert!(!browser.get("/sign-in").await.html.contains("/reset"));
    let reset = browser.get("/reset").await;
    assert!(reset.text().contains("This server sends no mail") && !reset.html.contains("action=\"/reset\""));
    let mut owner = Browser::signed_in(&server, NAME).await;
    let path = format!("/organisations/{}/invite", bursar_service::people::DEFAULT_ORGANISATION);
    let invite = owner.get(&path).await;
    assert_eq!(invite.status, 200, "{}", invite.text());
    assert!(invite.text().contains("bursar user invite") && !invite.html.contains(&format!("action=\"{path}\"")));
    let sends = Server::start().await;
    assert!(Browser::new(&sends).get("/sign-in").await.html.contains("href=\"/reset\""));
}

#[tokio::test]
async fn a_passkey_is_offered_only_where_there_is_one_to_ask_for() {
    let world = World::new().await;
    let mut browser = Browser::signed_in(&world.server, NAME).await;
    let page = browser.get("/security/recovery-codes").await;
    assert!(page.text().contains("In this test environment 000000 passes."), "{}", page.text());
    assert!(!page.html.contains("data-step-up"), "{}", page.html);
}
