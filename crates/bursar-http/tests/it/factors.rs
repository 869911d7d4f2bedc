//! Enrolling, naming and removing second factors, and what an account without any may do.

use bursar_core::ambient::Clock;
use bursar_core::time::Span;
use bursar_identity::totp::TotpSecret;
use bursar_service::Page;
use bursar_service::authenticate::{Presented, Signing};
use bursar_service::error::ServiceError;
use serde_json::{Value, json};

use crate::enrolled::{Enrolled, HOME, NAME, STEP};
use crate::support::{Answer, OTP, Server};

const NEW: &str = "new@example.com";

/// The secret an authenticator app would read.
fn secret(enrolment: &Value) -> TotpSecret {
    let alphabet = base32::Alphabet::Rfc4648 { padding: false };
    let bytes = base32::decode(alphabet, enrolment["secret"].as_str().unwrap()).unwrap();
    TotpSecret::new(bytes.try_into().unwrap())
}

fn code(answer: &Answer) -> &str {
    answer.body["code"].as_str().or(answer.body["context"]["code"].as_str()).unwrap_or_default()
}

async fn begin(server: &Server, session: &str, body: Value) -> Answer {
    server.send("POST", "/bursar/v1/factors/totp", Some(session), Some(body)).await
}

async fn confirm(server: &Server, session: &str, id: &Value, code: &str) -> Answer {
    let path = format!("/bursar/v1/factors/totp/{}/confirm", id.as_str().unwrap());
    server.send("POST", &path, Some(session), Some(json!({"otp": code}))).await
}

async fn list(server: &Server, session: &str) -> Value {
    let answer = server.send("GET", "/bursar/v1/factors", Some(session), None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

async fn remove(server: &Server, session: &str, id: &str, otp: &str) -> Answer {
    let path = format!("/bursar/v1/factors/{id}/remove");
    server.send("POST", &path, Some(session), Some(json!({"otp": otp}))).await
}

async fn session(user: &Enrolled) -> String {
    let answer = user.log_in(HOME, &user.code()).await;
    user.server.pass(STEP);
    answer.body["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_newcomer_enrols_a_factor_and_does_nothing_before_that() {
    let server = Server::start().await;
    server.user("owner@example.com").await;
    server.newcomer(NEW).await;
    let session = server.log_in_alone(NEW).await;
    let asked = [
        ("POST", "/api/v2/user/unlock", json!({"otp": OTP})),
        ("POST", "/api/v2/user/accesstoken", json!({"otp": OTP, "label": "x", "scope": ["wallet_view_all"]})),
        ("PUT", "/api/v2/user/settings", json!({"settings": {}})),
        ("POST", "/bursar/v1/factors/recovery-codes", json!({"otp": OTP})),
    ];
    for (method, path, body) in asked.clone() {
        let answer = server.send(method, path, Some(&session), Some(body)).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (403, "second_factor_required"), "{path}");
    }
    let begun = begin(&server, &session, json!({"label": "phone"})).await;
    assert_eq!(begun.status, 201, "{}", begun.body);
    assert!(begun.body["svg"].as_str().unwrap().starts_with("<svg"));
    // Until it is confirmed it is no factor.
    assert_eq!(list(&server, &session).await["factors"], json!([]));
    let app = secret(&begun.body);
    let shown = app.code_at(server.clock.now());
    let done = confirm(&server, &session, &begun.body["id"], &shown).await;
    assert_eq!(done.status, 201, "{}", done.body);
    assert_eq!(done.body["recoveryCodes"].as_array().unwrap().len(), 10);
    assert_eq!((&done.body["label"], &done.body["kind"]), (&json!("phone"), &json!("totp")));
    // The session may now do all; the code that confirmed counts no more.
    let unlock =
        async |otp: String| server.send("POST", "/api/v2/user/unlock", Some(&session), Some(json!({"otp": otp}))).await;
    assert_eq!(code(&unlock(shown).await), "otp_already_used");
    server.pass(STEP);
    assert_eq!(unlock(app.code_at(server.clock.now())).await.status, 200);
}

#[tokio::test]
async fn a_password_alone_gains_nothing_when_its_owner_enrols_elsewhere() {
    let server = Server::start().await;
    server.newcomer(NEW).await;
    let (thief, owner) = (server.log_in_alone(NEW).await, server.log_in_alone(NEW).await);
    let prepared = begin(&server, &thief, json!({"label": "thief's"})).await.body;
    let begun = begin(&server, &owner, json!({"label": "phone"})).await.body;
    let shown = secret(&begun).code_at(server.clock.now());
    assert_eq!(confirm(&server, &owner, &begun["id"], &shown).await.status, 201);
    // Neither what was begun before nor the session of before is worth anything.
    let late = confirm(&server, &thief, &prepared["id"], &secret(&prepared).code_at(server.clock.now())).await;
    assert_eq!((late.status.as_u16(), code(&late)), (401, "step_up_needed"));
    let asked = server.send("GET", "/api/v2/user/settings", Some(&thief), None).await;
    assert_eq!(code(&asked), "second_factor_required");
    assert_eq!(list(&server, &owner).await["factors"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_enrolment_belongs_to_its_session_and_ends_by_time_and_by_guessing() {
    let server = Server::start().await;
    for name in [NEW, "other@example.com"] {
        server.newcomer(name).await;
    }
    let (own, other) = (server.log_in_alone(NEW).await, server.log_in_alone("other@example.com").await);
    let begun = begin(&server, &own, json!({"label": "phone"})).await.body;
    let app = secret(&begun);
    let stolen = confirm(&server, &other, &begun["id"], &app.code_at(server.clock.now())).await;
    assert_eq!(stolen.status, 404);
    let begun = begin(&server, &own, json!({"label": "phone"})).await.body;
    for _ in 0..10 {
        assert_eq!(confirm(&server, &own, &begun["id"], "12345").await.status, 401);
    }
    let app = secret(&begun);
    assert_eq!(confirm(&server, &own, &begun["id"], &app.code_at(server.clock.now())).await.status, 404);
    let begun = begin(&server, &own, json!({"label": "phone"})).await.body;
    server.pass(Span::from_seconds(600));
    let app = secret(&begun);
    assert_eq!(confirm(&server, &own, &begun["id"], &app.code_at(server.clock.now())).await.status, 404);
    server.pass(Span::from_seconds(1));
    let late = begin(&server, &own, json!({"label": "phone"})).await;
    assert_eq!((late.status.as_u16(), code(&late)), (403, "sign_in_again"));
}

#[tokio::test]
async fn a_second_factor_is_added_with_the_first_and_named_and_removed() {
    let user = Enrolled::start().await;
    let session = session(&user).await;
    let server = &user.server;
    // Who has no confirmed address is asked for it at the first sign-in.
    let link = server.link(NAME, "Confirm your address").await;
    server.bursar.verify_address(&link, std::net::IpAddr::from(HOME)).await.unwrap();
    let alone = begin(server, &session, json!({"label": "tablet"})).await;
    assert_eq!((alone.status.as_u16(), code(&alone)), (401, "otp_missing"));
    let begun = begin(server, &session, json!({"label": "tablet", "otp": user.code()})).await.body;
    let tablet = secret(&begun);
    let added = confirm(server, &session, &begun["id"], &tablet.code_at(server.clock.now())).await;
    assert_eq!(added.status, 201, "{}", added.body);
    assert!(added.body.get("recoveryCodes").is_none(), "there are some already");
    server.pass(STEP);
    let id = added.body["id"].as_str().unwrap();
    let renamed = server
        .send("PATCH", &format!("/bursar/v1/factors/{id}"), Some(&session), Some(json!({"label": "slate"})))
        .await;
    assert_eq!((renamed.status.as_u16(), &renamed.body["label"]), (200, &json!("slate")));
    // Either proves; each code once.
    let found = list(server, &session).await;
    let labels: Vec<_> = found["factors"].as_array().unwrap().iter().map(|factor| factor["label"].clone()).collect();
    assert_eq!(labels, ["authenticator", "slate"]);
    assert_eq!(found["recoveryCodes"]["left"], 10);
    let wrong = remove(server, &session, id, &user.wrong_code()).await;
    assert_eq!(code(&wrong), "otp_wrong");
    assert_eq!(remove(server, &session, id, &tablet.code_at(server.clock.now())).await.status, 200);
    let left = list(server, &session).await["factors"].clone();
    assert_eq!(left.as_array().unwrap().len(), 1);
    let last = left[0]["id"].as_str().unwrap();
    let refused = remove(server, &session, last, &user.code()).await;
    assert_eq!((refused.status.as_u16(), code(&refused)), (409, "last_factor"));
    let events = events(server);
    for (told, name) in [("A second factor was added", "tablet"), ("A second factor was removed", "slate")] {
        let mail = server.mail(NAME, told).await;
        assert!(mail.text.contains(name), "{}", mail.text);
    }
    for action in ["factor.add", "factor.rename", "factor.remove"] {
        assert!(events.contains(&action.to_owned()), "{action} is not in the audit log: {events:?}");
    }
}

fn events(server: &Server) -> Vec<String> {
    let database = server.database();
    let mut statement = database.prepare("SELECT action FROM audit_events").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn of_the_last_two_factors_one_stays_however_they_are_removed() {
    let user = std::sync::Arc::new(Enrolled::start().await);
    let session = session(&user).await;
    let begun = begin(&user.server, &session, json!({"label": "tablet", "otp": user.code()})).await.body;
    let tablet = secret(&begun);
    let added = confirm(&user.server, &session, &begun["id"], &tablet.code_at(user.server.clock.now())).await;
    assert_eq!(added.status, 201);
    let ids: Vec<String> = list(&user.server, &session).await["factors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|factor| factor["id"].as_str().unwrap().to_owned())
        .collect();
    let tasks: Vec<_> = ids
        .into_iter()
        .enumerate()
        .map(|(number, id)| {
            let (user, session) = (std::sync::Arc::clone(&user), session.clone());
            tokio::spawn(async move {
                remove(&user.server, &session, &id, &user.recovery_codes[number]).await.status.as_u16()
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(list(&user.server, &session).await["factors"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn new_recovery_codes_end_the_old_ones() {
    let user = Enrolled::start().await;
    let session = session(&user).await;
    let path = "/bursar/v1/factors/recovery-codes";
    let alone = user.server.send("POST", path, Some(&session), Some(json!({}))).await;
    assert_eq!(code(&alone), "otp_missing");
    let made = user.server.send("POST", path, Some(&session), Some(json!({"otp": user.recovery_codes[0]}))).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let new = made.body["recoveryCodes"].as_array().unwrap();
    assert_eq!(new.len(), 10);
    assert_eq!(code(&user.log_in(HOME, &user.recovery_codes[1]).await), "otp_wrong");
    assert_eq!(user.log_in(HOME, new[0].as_str().unwrap()).await.status, 200);
    assert_eq!(user.log_in(HOME, new[0].as_str().unwrap()).await.status, 401);
    assert_eq!(list(&user.server, &session).await["recoveryCodes"]["left"], 9);
}

#[tokio::test]
async fn the_dialect_adds_and_removes_devices() {
    let user = Enrolled::start().await;
    let session = session(&user).await;
    let server = &user.server;
    let headers = |otp: String| [("authorization", format!("Bearer {session}")), ("x-bitgo-otp", otp)];
    let begun = server.send_all(HOME, "GET", "/api/v2/user/otp/totp", &headers(user.code()), Vec::new()).await;
    assert_eq!(begun.status, 200, "{}", begun.body);
    let app = secret(&json!({"secret": begun.body["key"]}));
    let body = json!({
        "type": "totp", "label": "tablet", "otp": app.code_at(server.clock.now()), "hmac": begun.body["hmac"],
    });
    let added = server.send("PUT", "/api/v2/user/otp", Some(&session), Some(body)).await;
    assert_eq!(added.status, 200, "{}", added.body);
    let devices = added.body["user"]["otpDevices"].as_array().unwrap();
    assert_eq!((devices.len(), &devices[1]["label"]), (2, &json!("tablet")));
    server.pass(STEP);
    let path = format!("/api/v1/user/otp/{}", devices[1]["id"].as_str().unwrap());
    let alone = server.send("DELETE", &path, Some(&session), None).await;
    assert_eq!((alone.status.as_u16(), code(&alone)), (401, "otp_missing"));
    let removed = server.send_all(HOME, "DELETE", &path, &headers(user.code()), Vec::new()).await;
    assert_eq!(removed.status, 200, "{}", removed.body);
    server.pass(STEP);
    let unlock = json!({"otp": user.code()});
    assert_eq!(server.send("POST", "/api/v2/user/unlock", Some(&session), Some(unlock)).await.status, 200);
    let set = list(server, &session).await["recoveryCodes"]["id"].as_str().unwrap().to_owned();
    let codes = server.send("GET", &format!("/api/v2/user/recoverycodes/{set}"), Some(&session), None).await;
    assert_eq!(codes.body["codes"].as_array().unwrap().len(), 10, "{}", codes.body);
    assert!(codes.body["codes"].as_array().unwrap().iter().all(|code| code["isActive"] == true && code["code"] == ""));
    assert!(codes.body["note"].as_str().unwrap().contains("shown once"), "{}", codes.body);
}

#[tokio::test]
async fn a_password_alone_sees_nothing_of_its_owner_s_tokens_whatever_surface_asks() {
    let server = Server::start().await;
    server.newcomer(NEW).await;
    let thief = server.log_in_alone(NEW).await;
    let owner = server.log_in_alone(NEW).await;
    let begun = begin(&server, &owner, json!({"label": "phone"})).await.body;
    let app = secret(&begun);
    assert_eq!(confirm(&server, &owner, &begun["id"], &app.code_at(server.clock.now())).await.status, 201);
    server.pass(STEP);
    let body = json!({"otp": app.code_at(server.clock.now()), "label": "bot", "scope": ["wallet_view_all"]});
    let issued = server.send("POST", "/bursar/v1/tokens", Some(&owner), Some(body)).await;
    assert_eq!(issued.status, 201, "{}", issued.body);
    let id = issued.body["id"].as_str().unwrap().parse().unwrap();
    // Past the guard of the routes, as a page would ask: the use cases hold by themselves.
    let authorization = format!("Bearer {thief}");
    let presented = Presented {
        authorization: Some(&authorization),
        signing: Signing::None,
        method: "GET",
        target: "/",
        body: &[],
        address: [127, 0, 0, 1].into(),
    };
    let principal = server.bursar.authenticate(presented).await.principal.unwrap().unwrap();
    let page = Page { limit: 10, after: None, newest_first: false };
    let refused = Some(ServiceError::SecondFactorRequired);
    assert_eq!(server.bursar.access_tokens(&principal, page).await.err(), refused);
    assert_eq!(server.bursar.access_token(&principal, id).await.err(), refused);
    assert_eq!(server.bursar.lock_token(&principal, id).await.err(), refused);
    assert_eq!(server.bursar.revoke(&principal, id).await.err(), refused);
    let alive = server.send("GET", &format!("/bursar/v1/tokens/{id}"), Some(&owner), None).await;
    assert!(alive.status == 200 && alive.body.get("revoked").is_none() && alive.body.get("locked").is_none());
}
