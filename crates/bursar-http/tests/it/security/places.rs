//! Where answers lead, and what paths reach: places and files of ours, and nothing else.

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use bursar_http::pages;

use super::Scene;
use super::forms::fields;
use crate::browser::HOST;
use crate::support::Server;

const ELSEWHERE: [&str; 8] = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "javascript:alert(1)",
    "/tokens\r\nSet-Cookie: __Host-bursar=planted",
    "https:evil.example",
];
/// What a place to go on to is called, here or anywhere else.
const NAMES: [&str; 8] = ["next", "back", "return", "return_to", "redirect", "url", "organisation", "changed"];

#[tokio::test]
async fn no_page_leads_elsewhere_whatever_it_is_told() {
    let mut scene = Scene::new().await;
    for page in pages() {
        let path = scene.path(&page);
        for role in ["nobody", "owner"] {
            let mut browser = scene.browser(role).await;
            for elsewhere in ELSEWHERE {
                let told = NAMES.map(|name| (name, elsewhere));
                let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(told).finish();
                let mut sent = fields(&page, &scene);
                sent.retain(|(name, _)| !NAMES.contains(name));
                let sent: Vec<(&str, &str)> =
                    sent.iter().map(|(name, text)| (*name, text.as_str())).chain(told).collect();
                let answer = match page.method {
                    "GET" => browser.get(&format!("{path}?{query}")).await,
                    _ => browser.post(&format!("{path}?{query}"), &sent).await,
                };
                let place = answer.location();
                let is_here = place.is_empty() || place.starts_with('/') && !place.starts_with("//");
                assert!(is_here && !place.contains(['\\', '\t', '\r', '\n']), "{path} leads to {place}");
                assert!(answer.headers.get_all("set-cookie").iter().all(|cookie| cookie != "__Host-bursar=planted"));
                for part in ["href=\"//", "href=\"https:", "href=\"javascript:", "action=\"//", "action=\"https:"] {
                    assert!(!answer.html.contains(part), "{path} has {part}");
                }
                assert!(answer.status.as_u16() < 500, "{path}: {}", answer.html);
            }
        }
        if page.method == "POST" {
            scene = Scene::new().await;
        }
    }
}

#[tokio::test]
async fn no_path_reaches_a_file_that_is_no_page_s() {
    let server = Server::start().await;
    for start in ["/assets/", "/", "//", "/tokens/", "/docs/api/"] {
        for path in [
            "../Cargo.toml",
            "..%2fCargo.toml",
            "..%2f..%2f..%2f..%2fetc%2fpasswd",
            "%2e%2e/%2e%2e/etc/passwd",
            "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
            "..%5c..%5cetc%5cpasswd",
            "....//....//etc/passwd",
            "%252e%252e%252fetc%252fpasswd",
            "%2fetc%2fpasswd",
            "style.css%00.txt",
            "style.css/../../bursar.db",
            "bursar.db",
            ".git/config",
            "%ff%fe",
        ] {
            let path = format!("{start}{path}");
            let mut request = Request::get(&path).header("host", HOST).header("accept", "text/html");
            request.extensions_mut().unwrap().insert(ConnectInfo(std::net::SocketAddr::from(([203, 0, 113, 7], 1))));
            let answer = server.exchange(request.body(Body::empty()).unwrap()).await;
            let status = answer.status().as_u16();
            let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
            let text = String::from_utf8_lossy(&body);
            let is_kept_out = matches!(status, 400 | 404) || status == 303 && text.is_empty();
            assert!(is_kept_out, "{path}: {status}");
            for content in ["[package]", "root:", "SQLite format", "[core]"] {
                assert!(!text.contains(content), "{path} shows {content}");
            }
        }
    }
}
