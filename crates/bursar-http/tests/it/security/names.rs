//! Whether somebody has an account here is not told to whoever asks: not by signing in, resetting, inviting.

use serde_json::{Value, json};

use super::Scene;
use crate::house::{name, organisation};
use crate::support::{Answer, OTP, Server};

/// An answer without what differs each time: whom it speaks of, its number.
fn seen(answer: &Answer, who: &str) -> (u16, Vec<String>, String) {
    let mut body = answer.body.clone();
    for field in ["requestId", "ticket", "expires", "id", "created", "sent"] {
        if let Some(found) = body.get_mut(field) {
            *found = Value::Null;
        }
    }
    let headers = answer.headers.keys().map(ToString::to_string).collect();
    (answer.status.as_u16(), headers, body.to_string().replace(who, ""))
}

async fn ask(server: &Server, path: &str, token: Option<&str>, body: Value, who: &str) -> (u16, Vec<String>, String) {
    seen(&server.send("POST", path, token, Some(body)).await, who)
}

#[tokio::test]
async fn no_answer_of_an_open_route_tells_whether_there_is_such_an_account() {
    let scene = Scene::new().await;
    let server = &scene.house.server;
    server.bursar.freeze_named(&name("auditor"), &Default::default()).await.unwrap();
    let verifier = |who: &str| bursar_wire::password::WireVerifier::compute(who, "wrong").expose().to_owned();
    for path in ["/bursar/v1/sign-in", "/api/v2/user/login", "/api/auth/v1/session", "/bursar/v1/password-resets"] {
        let mut answers = Vec::new();
        for who in [name("owner"), name("nobody"), name("auditor")] {
            let body = match path {
                "/bursar/v1/sign-in" => json!({"username": who, "password": "wrong"}),
                "/bursar/v1/password-resets" => json!({"username": who}),
                "/api/auth/v1/session" => json!({"email": who, "password": verifier(&who), "otp": OTP}),
                _ => json!({"email": who, "password": "wrong", "otp": OTP}),
            };
            answers.push(ask(server, path, None, body, &who).await);
        }
        assert!(answers.iter().all(|other| *other == answers[0]), "{path}: {answers:?}");
    }
}

#[tokio::test]
async fn no_page_before_the_door_tells_whether_there_is_such_an_account() {
    let scene = Scene::new().await;
    scene.house.server.bursar.freeze_named(&name("auditor"), &Default::default()).await.unwrap();
    for (path, password) in [("/sign-in", Some("wrong")), ("/reset", None)] {
        let mut answers = Vec::new();
        for who in [name("owner"), name("nobody"), name("auditor")] {
            let mut browser = scene.browser("nobody").await;
            let mut fields = vec![("username", who.as_str())];
            fields.extend(password.map(|password| ("password", password)));
            let answer = browser.post(path, &fields).await;
            let html = answer.html.replace(&who, "").replace(&browser.form_token, "");
            answers.push((answer.status, answer.location().to_owned(), html));
        }
        assert!(answers.iter().all(|other| *other == answers[0]), "{path}: {answers:?}");
    }
}

#[tokio::test]
async fn inviting_somebody_tells_not_whether_they_have_an_account() {
    let scene = Scene::new().await;
    let server = &scene.house.server;
    let admin = scene.house.session("admin").await;
    let path = format!("/bursar/v1{}", organisation("/invitations"));
    let mut answers = Vec::new();
    for who in [name("stranger"), name("nobody")] {
        let body = json!({"email": who, "role": "member", "otp": OTP});
        answers.push(ask(server, &path, Some(&admin), body, &who).await);
    }
    assert_eq!((answers[0].0, &answers[0]), (201, &answers[1]));
    let scene = Scene::new().await;
    let mut browser = scene.browser("admin").await;
    let path = organisation("/invite");
    let mut pages = Vec::new();
    for who in [name("stranger"), name("nobody")] {
        let answer = browser.post(&path, &[("email", &who), ("role", "member"), ("otp", OTP)]).await;
        pages.push((answer.status, answer.location().to_owned(), answer.html));
    }
    assert_eq!((pages[0].0.as_u16(), &pages[0]), (303, &pages[1]));
}
