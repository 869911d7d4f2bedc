//! The headers of every answer to a browser, failures included, and the flags of every cookie.

use bursar_http::{Audience, pages};

use super::forms::fields;
use super::{Scene, visit};
use crate::browser::Page;

const POLICY: [&str; 5] =
    ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"];
const HEADERS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Panics where an answer lets a browser do more than it needs.
fn check(path: &str, answer: &Page, is_kept: bool) {
    let header = |name: &str| answer.headers.get(name).map_or("", |value| value.to_str().unwrap());
    let policy = header("content-security-policy");
    for part in POLICY {
        assert!(policy.contains(part), "{path}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    for (name, text) in HEADERS {
        assert_eq!(header(name), text, "{path}: {name}");
    }
    let kept = if is_kept { "public, max-age=31536000, immutable" } else { "no-store" };
    assert_eq!(header("cache-control"), kept, "{path}");
    // Nothing that the policy would refuse, and nothing of a third party.
    for strange in [" style=", "<style", " onclick", " onload", " onerror", "javascript:", "src=\"http", "href=\"http"]
    {
        assert!(is_kept || !answer.html.contains(strange), "{path} has `{strange}`");
    }
    for cookie in answer.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        let parts: Vec<&str> = cookie.split("; ").collect();
        assert!(parts[0].starts_with("__Host-"), "{path}: {cookie}");
        for flag in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(parts.contains(&flag), "{path}: {cookie}");
        }
        assert!(!cookie.to_ascii_lowercase().contains("domain="), "{path}: {cookie}");
    }
    assert!(!is_kept || answer.headers.get("set-cookie").is_none(), "{path}");
}

#[tokio::test]
async fn every_page_and_every_failure_carries_the_headers_that_keep_it_safe() {
    let mut scene = Scene::new().await;
    for page in pages() {
        let path = scene.path(&page);
        let is_kept = page.audience == Audience::File;
        let sent = fields(&page, &scene);
        let sent: Vec<(&str, &str)> = sent.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let mut statuses = Vec::new();
        for role in ["nobody", "stranger", "owner"] {
            let mut browser = scene.browser(role).await;
            let long = "x".repeat(100_000);
            let answers = [
                visit(&mut browser, &page, &path, &[("q", &long)]).await,
                visit(&mut browser, &page, &path, &[]).await,
                visit(&mut browser, &page, &path, &sent).await,
                browser.post(&path, &[("form_token", "twice")]).await,
                browser.head(&path).await,
            ];
            for answer in answers {
                // What a route does not do at all is told to programs.
                if answer.headers["content-type"] == "application/json; charset=utf-8" && answer.status == 405 {
                    assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
                    continue;
                }
                assert!(answer.status.as_u16() < 500, "{path}: {}", answer.html);
                check(&path, &answer, is_kept && answer.status == 200 && !answer.html.is_empty());
                statuses.push(answer.status.as_u16());
            }
        }
        assert!(page.method == "GET" || statuses.contains(&413), "{path}: {statuses:?}");
        if page.method == "POST" {
            scene = Scene::new().await;
        }
    }
    let mut browser = scene.browser("owner").await;
    for path in ["/nowhere", "/assets/none.css", "/tokens/nonsense", "/audit?before=x", "/tokens/%FF"] {
        let answer = browser.get(path).await;
        assert!(answer.status.is_client_error() || answer.status == 200 || answer.status == 422, "{path}");
        check(path, &answer, false);
    }
}

#[tokio::test]
async fn answers_to_programs_are_taken_for_nothing_but_what_they_are() {
    let scene = Scene::new().await;
    let server = &scene.house.server;
    let session = scene.house.session("owner").await;
    for (path, token) in [
        ("/bursar/v1/self", Some(session.as_str())),
        ("/bursar/v1/self", None),
        ("/bursar/v1/nowhere", None),
        ("/api/v2/user/me", Some(session.as_str())),
        ("/api/v2/user/me", None),
    ] {
        let answer = server.send("GET", path, token, None).await;
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        let content = answer.headers["content-type"].to_str().unwrap();
        assert!(content.starts_with("application/"), "{path}: {content}");
    }
}
