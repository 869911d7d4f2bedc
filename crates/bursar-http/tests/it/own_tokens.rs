//! What a person does with their tokens, and what a token may do with itself.

use bursar_core::time::Span;
use bursar_service::error::ServiceError;
use serde_json::json;

use crate::support::OTP;
use crate::world::{NAME, World, code};

#[tokio::test]
async fn a_person_makes_locks_resumes_and_ends_a_token_by_its_id() {
    let world = World::new().await;
    let new = json!({"label": "bot", "otp": OTP, "scope": ["wallet_spend_all"], "limits": ["tbtc 100 base units/day"]});
    let made = world.server.send("POST", "/bursar/v1/tokens", Some(&world.session), Some(new)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let (id, text) = (made.body["id"].as_str().unwrap(), made.body["token"].as_str().unwrap());
    let path = |verb: &str| format!("/bursar/v1/tokens/{id}{verb}");
    let ask = |verb: &'static str, body| {
        let path = path(verb);
        let world = &world;
        async move { world.server.send("POST", &path, Some(&world.session), Some(body)).await }
    };
    assert_eq!(world.spend(text, "1").await.status, 200);

    assert_eq!(ask("/lock", json!({})).await.status, 200);
    assert_eq!(code(&world.spend(text, "1").await), "locked");
    assert_eq!(code(&ask("/unlock", json!({"resume": true})).await), "otp_missing");
    assert_eq!(ask("/unlock", json!({"resume": true, "otp": OTP, "duration": 1})).await.status, 200);
    world.server.pass(Span::from_seconds(2));
    assert_eq!(world.spend(text, "1").await.status, 200, "resumed for good");

    let ended = world.server.send("DELETE", &path(""), Some(&world.session), None).await;
    assert_eq!(ended.status, 200, "{}", ended.body);
    assert!(ended.body["revoked"].is_string());
    assert_eq!(code(&world.spend(text, "1").await), "token_revoked");
    let living = world.get("/bursar/v1/tokens", &world.session).await;
    assert_eq!(living.body["tokens"], json!([]));
    let over = world.get("/bursar/v1/tokens?ended=true", &world.session).await;
    assert_eq!(over.body["tokens"][0]["id"], id);
}

#[tokio::test]
async fn a_token_tightens_itself_and_touches_no_other() {
    let world = World::new().await;
    let (id, token) = world.token(json!({"limits": ["tbtc 100 base units/day"]})).await;
    let (other, _) = world.token(json!({})).await;
    for (method, path) in [("DELETE", ""), ("POST", "/lock"), ("GET", "")] {
        let asked = world.server.send(method, &format!("/bursar/v1/tokens/{other}{path}"), Some(&token), None).await;
        assert_eq!(code(&asked), "person_only", "{method} {path}");
    }
    let unlock = format!("/bursar/v1/tokens/{id}/unlock");
    let unlocked = world.server.send("POST", &unlock, Some(&token), Some(json!({"otp": OTP}))).await;
    assert_eq!(code(&unlocked), "person_only");
    let locked = world.server.send("POST", &format!("/bursar/v1/tokens/{id}/lock"), Some(&token), None).await;
    assert_eq!(locked.status, 200, "{}", locked.body);
    assert_eq!(code(&world.spend(&token, "1").await), "locked");

    world.server.user("other@example.com").await;
    let stranger = world.server.log_in("other@example.com").await;
    let seen = world.get(&format!("/bursar/v1/tokens/{id}"), &stranger).await;
    assert_eq!((seen.status.as_u16(), code(&seen)), (404, "not_found"));
}

const DAY: u64 = 86_400;

/// Makes a token for so many days: its id.
async fn issue_for_days(world: &World, session: &str, label: &str, days: u64) -> String {
    let wish = json!({"label": label, "duration": days * DAY});
    world.server.issue(session, wish).await["id"].as_str().unwrap().to_owned()
}

async fn tell_of_expiries(world: &World) -> Result<usize, ServiceError> {
    // Time counts once it is written down.
    world.server.log_in(NAME).await;
    world.server.bursar.tell_of_expiries().await
}

#[tokio::test]
async fn the_owner_of_a_token_is_told_a_week_before_it_expires_and_once() {
    let world = World::new().await;
    let issue = async |session: &str, label: &str, days: u64| issue_for_days(&world, session, label, days).await;
    for (label, days) in [("short", 7), ("year", 365)] {
        issue(&world.session, label, days).await;
    }
    let (month, ended) = (issue(&world.session, "month", 30).await, issue(&world.session, "ended", 30).await);
    let revoke = world.server.send("DELETE", &format!("/bursar/v1/tokens/{ended}"), Some(&world.session), None).await;
    assert_eq!(revoke.status, 200, "{}", revoke.body);
    world.server.mails().await;
    let tell = async || tell_of_expiries(&world).await;
    assert_eq!(tell().await, Ok(0), "nothing but what was made for less ends within a week");
    world.server.pass(Span::from_seconds(23 * DAY + 60));
    assert_eq!(tell().await, Ok(1));
    let mail = world.server.mail(NAME, "expires soon").await;
    assert!(mail.text.contains("\"month\" expires at 2026-10-21T"), "{}", mail.text);
    assert_eq!(tell().await, Ok(0), "once");
    let session = world.server.log_in(NAME).await;
    let shown = async |id: &str| world.get(&format!("/bursar/v1/tokens/{id}"), &session).await.body;
    assert_eq!(shown(&month).await["expiresSoon"], true);
    assert_eq!(shown(&ended).await.get("expiresSoon"), None);
    let path = format!("/bursar/v1/audit?action=token.expires_soon&subject=token:{month}");
    assert_eq!(world.get(&path, &session).await.body["events"].as_array().unwrap().len(), 1);
    // Another in the very same week.
    issue(&session, "later", 30).await;
    world.server.pass(Span::from_seconds(29 * DAY));
    assert_eq!(tell().await, Ok(1));
    assert!(world.server.mail(NAME, "expires soon").await.text.contains("\"later\""));
}

#[tokio::test]
async fn the_owner_of_a_token_whose_end_nobody_could_tell_ahead_is_told_once_that_it_has_expired() {
    let world = World::new().await;
    let issue = async |session: &str, label: &str, days: u64| issue_for_days(&world, session, label, days).await;
    let tell = async || tell_of_expiries(&world).await;
    issue(&world.session, "before anybody was told", 8).await;
    world.server.pass(Span::from_seconds(9 * DAY));
    assert_eq!(tell().await, Ok(0), "it had ended before the first look");
    let session = world.server.log_in(NAME).await;
    issue(&session, "short", 7).await;
    let month = issue(&session, "month", 30).await;
    issue(&session, "longer", 40).await;
    world.server.mails().await;
    // The clock, or a server that was off, passes over the week in which it would have been told.
    world.server.pass(Span::from_seconds(35 * DAY));
    assert_eq!(tell().await, Ok(2), "one that has ended, and one that will");
    let mails = world.server.mails().await;
    let [expired, soon] = &mails[..] else { panic!("{mails:?}") };
    assert!(expired.subject.contains("has expired") && expired.text.contains("\"month\" expired at"), "{expired:?}");
    assert!(soon.subject.contains("expires soon") && soon.text.contains("\"longer\""), "{soon:?}");
    assert_eq!(tell().await, Ok(0), "once");
    world.server.pass(Span::from_seconds(10 * DAY));
    assert_eq!(tell().await, Ok(0), "who was told that it ends is not told that it has");
    let session = world.server.log_in(NAME).await;
    let path = format!("/bursar/v1/audit?action=token.expired&subject=token:{month}");
    assert_eq!(world.get(&path, &session).await.body["events"].as_array().unwrap().len(), 1);
}
