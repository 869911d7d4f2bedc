//! Texts that end a line or hide something: they reach no header of an answer or a mail, and name nothing.

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use bursar_core::scope::ScopeName;

use super::Scene;
use super::forms::fields;
use crate::browser::HOST;
use crate::support::OTP;

/// A second header, and a text that reads backwards.
const STRANGE: [&str; 4] = ["Bot\r\nBcc: evil@example.com", "Bot\nSet-Cookie: a=b", "Bot\u{202e}txt.exe", "Bot\u{0}"];
/// Fields of pages whose text is kept or mailed.
const KEPT: [(&str, &str); 21] = [
    ("/account/name", "name"),
    ("/account/address", "email"),
    ("/tokens", "label"),
    ("/tokens", "add"),
    ("/organisations", "name"),
    ("/organisations/{organisation}/settings", "name"),
    ("/organisations/{organisation}/invite", "email"),
    ("/organisations/{organisation}/wallet", "label"),
    ("/organisations/{organisation}/wallet", "rail"),
    ("/organisations/{organisation}/members/{user}/freeze", "reason"),
    ("/wallets/{wallet}/members", "who"),
    ("/spends/{spend}/resolve", "evidence"),
    ("/security/totp", "label"),
    ("/security/passkey/finish", "label"),
    ("/security/factors/{factor}/rename", "label"),
    ("/wallets/{wallet}/limits", "add"),
    ("/wallets/{wallet}/freeze", "reason"),
    ("/organisations/{organisation}/freeze", "reason"),
    ("/organisations/{organisation}/limits", "add"),
    ("/organisations/{organisation}/members/{user}/limits", "add"),
    ("/account/limits", "add"),
];

#[tokio::test]
async fn no_form_keeps_or_mails_a_text_that_ends_a_line_or_hides_something() {
    let scene = Scene::new().await;
    let mut browser = scene.browser("owner").await;
    for (path, field) in KEPT {
        let page = bursar_http::pages().into_iter().find(|page| page.method == "POST" && page.path == path).unwrap();
        let mut sent = fields(&page, &scene);
        sent.retain(|(name, _)| *name != field);
        for strange in STRANGE.into_iter().map(str::to_owned).chain([format!("Bot {}", "x".repeat(5000))]) {
            let with = sent.iter().map(|(name, text)| (*name, text.as_str())).chain([(field, strange.as_str())]);
            let answer = browser.post(&scene.path(&page), &with.collect::<Vec<_>>()).await;
            assert!(answer.status.is_client_error(), "{path} takes {strange:?} as {field}: {}", answer.status);
        }
    }
    let mut stranger = scene.browser("nobody").await;
    for strange in STRANGE {
        stranger.post("/reset", &[("username", strange)]).await;
        stranger.post("/sign-in", &[("username", strange), ("password", strange)]).await;
    }
    for mail in scene.house.server.mails().await {
        let heads = [&mail.to, &mail.subject];
        assert!(
            heads.iter().all(|head| !head.contains(['\r', '\n', '\u{202e}', '\u{0}'])),
            "{} {}",
            mail.to,
            mail.subject
        );
        assert!(!mail.to.contains("evil"), "{}", mail.to);
    }
}

#[tokio::test]
async fn a_token_gets_no_scope_by_a_page_that_the_interface_refuses() {
    let scene = Scene::new().await;
    let mut browser = scene.browser("owner").await;
    let name = ScopeName::UserManage.as_str();
    for field in ["more", "scope"] {
        let fields = [("label", "bot"), ("lifetime", "90"), ("accept", "anywhere"), ("otp", OTP), (field, name)];
        for path in ["/tokens/new", "/tokens"] {
            assert_eq!(browser.post(path, &fields).await.status, 422, "{path} {field}");
        }
    }
}

#[tokio::test]
async fn the_number_that_a_caller_gives_a_request_is_echoed_only_if_it_is_plain() {
    let scene = Scene::new().await;
    for path in ["/sign-in", "/nowhere", "/bursar/v1/self", "/api/v2/user/me"] {
        for (said, is_echoed) in [
            (&b"abc-1"[..], true),
            (b"a b", false),
            (b"a\xff", false),
            (b"a\tb", false),
            (&[b'x'; 300], false),
            (b"", false),
        ] {
            let mut request = Request::get(path).header("host", HOST).header("accept", "text/html");
            request = request.header("request-id", said);
            request.extensions_mut().unwrap().insert(ConnectInfo(std::net::SocketAddr::from(([203, 0, 113, 7], 1))));
            let answer = scene.house.server.exchange(request.body(Body::empty()).unwrap()).await;
            let told = answer.headers().get("request-id").map(|value| value.as_bytes().to_vec());
            assert_eq!(told.as_deref() == Some(said), is_echoed, "{path} {said:?}: {told:?}");
        }
    }
}
