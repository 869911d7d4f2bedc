//! Accounts over the whole router: passwords, links in mails, addresses, sessions. What is secret works once, what was
//! answered holds, and nobody learns from an answer who has an account.

use bursar_core::time::Span;
use serde_json::{Value, json};

use crate::support::{Answer, OTP, PASSWORD, Server};
use crate::world::code;

const NAME: &str = "user@example.com";
const NEW: &str = "a quite different passphrase";
const HOUR: Span = Span::from_seconds(3600);

async fn start() -> Server {
    let server = Server::start().await;
    server.user(NAME).await;
    server
}

async fn post(server: &Server, path: &str, token: Option<&str>, body: Value) -> Answer {
    server.send("POST", &format!("/bursar/v1{path}"), token, Some(body)).await
}

async fn ask_reset(server: &Server, name: &str) -> Answer {
    post(server, "/password-resets", None, json!({"username": name})).await
}

async fn redeem(server: &Server, link: &str, password: &str) -> Answer {
    post(server, "/password-resets/redeem", None, json!({"token": link, "password": password})).await
}

async fn log_in(server: &Server, password: &str, otp: Option<&str>) -> Answer {
    let body = json!({"email": NAME, "password": password, "otp": otp});
    server.send("POST", "/api/v2/user/login", None, Some(body)).await
}

#[tokio::test]
async fn a_reset_ends_sessions_keeps_tokens_and_still_asks_for_the_second_factor() {
    let server = start().await;
    let session = server.log_in(NAME).await;
    let token = server.issue(&session, json!({})).await["token"].as_str().unwrap().to_owned();
    assert_eq!(ask_reset(&server, &NAME.to_uppercase()).await.status, 202);
    let link = server.link(NAME, "A new password").await;
    let weak = redeem(&server, &link, "short").await;
    assert_eq!((weak.status.as_u16(), code(&weak)), (400, "invalid_field"));
    for common in ["password1234", NAME, "bursar bursar"] {
        assert_eq!(redeem(&server, &link, common).await.status, 400, "{common}");
    }
    assert_eq!(redeem(&server, &link, NEW).await.status, 200);
    server.mail(NAME, "Your password was changed").await;
    let again = redeem(&server, &link, "yet another passphrase").await;
    assert_eq!((again.status.as_u16(), code(&again)), (410, "link_over"));
    assert_eq!(server.send("GET", "/bursar/v1/self", Some(&session), None).await.status, 401);
    assert_eq!(server.send("GET", "/bursar/v1/self", Some(&token), None).await.status, 200);
    assert_eq!(code(&log_in(&server, PASSWORD, Some(OTP)).await), "password_wrong");
    assert_eq!(code(&log_in(&server, NEW, None).await), "otp_missing");
    assert_eq!(log_in(&server, NEW, Some(OTP)).await.status, 200);
}

#[tokio::test]
async fn whoever_asks_for_a_reset_learns_nothing_and_only_owners_get_mail() {
    let server = start().await;
    server.bursar.set_address(NAME, "unverified@example.com").await.unwrap();
    server.user("other@example.com").await;
    let told = |answer: &Answer| (answer.status, answer.body.to_string());
    let known = ask_reset(&server, "other@example.com").await;
    for name in ["nobody@example.com", NAME, "unverified@example.com", "\r\nBcc: x@example.com", "ä"] {
        assert_eq!(told(&ask_reset(&server, name).await), told(&known), "{name}");
    }
    server.link("other@example.com", "A new password").await;
    for mail in server.mails().await {
        assert!(!mail.subject.contains("A new password"), "{} was mailed a reset", mail.to);
    }
}

#[tokio::test]
async fn a_link_is_over_after_half_an_hour_and_a_made_up_one_never_began() {
    let server = start().await;
    ask_reset(&server, NAME).await;
    let link = server.link(NAME, "A new password").await;
    let mut other = link.clone();
    other.replace_range(40..44, if link[40..44] == *"0000" { "1111" } else { "0000" });
    for text in [other.as_str(), "", "x", &link[1..], &link.to_uppercase(), &"0".repeat(80)] {
        assert_eq!(code(&redeem(&server, text, NEW).await), "link_over", "{text}");
    }
    server.pass(Span::from_seconds(30 * 60));
    assert_eq!(code(&redeem(&server, &link, NEW).await), "link_over");
    assert_eq!(log_in(&server, PASSWORD, Some(OTP)).await.status, 200);
}

#[tokio::test]
async fn somebody_elsewhere_who_asks_all_day_does_not_keep_the_owner_from_their_links() {
    let server = start().await;
    let mut links = Vec::new();
    for asked in 0..10 {
        assert_eq!(ask_reset(&server, NAME).await.status, 202);
        if asked < 3 {
            links.push(server.link(NAME, "A new password").await);
        }
    }
    assert!(server.mails().await.is_empty(), "three live links are enough");
    assert_eq!(redeem(&server, &links[0], NEW).await.status, 200, "a later link does not make an earlier one void");
    assert_eq!(code(&redeem(&server, &links[2], NEW).await), "link_over", "a reset ends all of them");
    ask_reset(&server, NAME).await;
    server.link(NAME, "A new password").await;
}

#[tokio::test]
async fn of_two_redemptions_at_once_one_counts() {
    let server = start().await;
    ask_reset(&server, NAME).await;
    let link = server.link(NAME, "A new password").await;
    let (first, second) = tokio::join!(redeem(&server, &link, NEW), redeem(&server, &link, "another passphrase here"));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410]);
    let works = if first.status == 200 { NEW } else { "another passphrase here" };
    assert_eq!(log_in(&server, works, Some(OTP)).await.status, 200);
}

#[tokio::test]
async fn a_frozen_account_gets_no_link_and_takes_none() {
    let server = start().await;
    ask_reset(&server, NAME).await;
    let link = server.link(NAME, "A new password").await;
    server.bursar.freeze_named(NAME, &Default::default()).await.unwrap();
    assert_eq!(code(&redeem(&server, &link, NEW).await), "owner_frozen");
    server.mail(NAME, "frozen").await;
    ask_reset(&server, NAME).await;
    server.user("other@example.com").await;
    ask_reset(&server, "other@example.com").await;
    let next = server.link("other@example.com", "A new password").await;
    assert!(!next.is_empty());
    server.bursar.unfreeze(NAME).await.unwrap();
    assert_eq!(log_in(&server, PASSWORD, Some(OTP)).await.status, 200, "nothing was changed");
}

#[tokio::test]
async fn an_account_that_is_frozen_while_a_password_is_hashed_keeps_its_old_one() {
    let server = std::sync::Arc::new(start().await);
    let mut refused = 0;
    for round in 0..20 {
        ask_reset(&server, NAME).await;
        let link = server.link(NAME, "A new password").await;
        let task = {
            let server = std::sync::Arc::clone(&server);
            let password = format!("{NEW} {round}");
            tokio::spawn(async move { redeem(&server, &link, &password).await.status.as_u16() })
        };
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        server.bursar.freeze_named(NAME, &Default::default()).await.unwrap();
        let status = task.await.unwrap();
        assert!([200, 403].contains(&status), "{status}");
        refused += usize::from(status == 403);
        assert!(last(&server, "user.password") < last(&server, "user.freeze"), "set after the freeze was answered");
        server.bursar.unfreeze(NAME).await.unwrap();
        server.pass(HOUR);
    }
    assert!(refused > 0, "no freeze came before the password was set");
}

/// The place of the last event of this kind in the trail; 0 if there is none.
fn last(server: &Server, action: &str) -> i64 {
    let query = "SELECT coalesce(max(link * 1000 + place), 0) FROM audit_events WHERE action = ?1";
    server.database().query_row(query, [action], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn guessing_passwords_from_elsewhere_does_not_keep_the_owner_out() {
    let server = start().await;
    let log_in_from = async |from: [u8; 4], password: &str| {
        let body = json!({"email": NAME, "password": password, "otp": OTP}).to_string().into_bytes();
        server.send_from(from, "POST", "/api/v2/user/login", None, body).await
    };
    let (home, elsewhere) = ([192, 0, 2, 7], [203, 0, 113, 9]);
    assert_eq!(log_in_from(home, PASSWORD).await.status, 200);
    let mut waits = 0;
    for _ in 0..150 {
        waits += usize::from(log_in_from(elsewhere, "wrong").await.status == 429);
        server.pass(Span::from_seconds(60));
    }
    assert!(waits > 0, "the guesses are slowed down");
    assert_eq!(log_in_from(home, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_password_is_changed_with_the_old_one_and_a_second_factor_only() {
    let server = start().await;
    let session = server.log_in(NAME).await;
    let change = async |body: Value| post(&server, "/users/me/password", Some(&session), body).await;
    assert_eq!(code(&change(json!({"old": PASSWORD, "new": NEW})).await), "step_up_needed");
    assert_eq!(code(&change(json!({"old": "wrong", "new": NEW, "otp": OTP})).await), "password_wrong");
    assert_eq!(code(&change(json!({"old": PASSWORD, "new": "iloveyou", "otp": OTP})).await), "invalid_field");
    assert_eq!(server.send("GET", "/bursar/v1/users/me", Some(&session), None).await.status, 200);
    // The same letters are the same password, however they are composed.
    assert_eq!(change(json!({"old": PASSWORD, "new": "gru\u{308}ne Wiese im Mai", "otp": OTP})).await.status, 200);
    assert_eq!(server.send("GET", "/bursar/v1/users/me", Some(&session), None).await.status, 401);
    assert_eq!(log_in(&server, "gr\u{fc}ne Wiese im Mai", Some(OTP)).await.status, 200);
    assert_eq!(log_in(&server, "gru\u{308}ne Wiese im Mai", Some(OTP)).await.status, 200);
}

#[tokio::test]
async fn who_has_no_confirmed_address_is_asked_at_the_first_sign_in_and_gets_notices_from_then_on() {
    let server = start().await;
    // As the account that was made before there was a section `[mail]`.
    server.database().execute("UPDATE users SET email_verified = 0", []).unwrap();
    let session = server.log_in(NAME).await;
    let first = server.link(NAME, "Confirm").await;
    server.log_in(NAME).await;
    assert!(server.mails().await.iter().all(|mail| !mail.subject.contains("Confirm")), "it is asked for once");
    server.issue(&session, json!({})).await;
    assert!(server.mails().await.is_empty(), "nobody has shown the address to be theirs");
    let resend = async || post(&server, "/users/me/email/resend", Some(&session), json!({})).await;
    assert_eq!(resend().await.status, 202);
    let second = server.link(NAME, "Confirm").await;
    let verify = async |link: &str| post(&server, "/email/verify", None, json!({"token": link})).await;
    assert_eq!(code(&verify(&first).await), "link_over");
    assert_eq!(verify(&second).await.status, 200);
    assert_eq!(code(&resend().await), "conflict");
    server.issue(&session, json!({})).await;
    server.mail(NAME, "An access token was made").await;
}

#[tokio::test]
async fn an_address_is_ones_own_once_its_mail_was_read() {
    let server = start().await;
    server.user("other@example.com").await;
    let session = server.log_in(NAME).await;
    let ask = async |body: Value| post(&server, "/users/me/email", Some(&session), body).await;
    assert_eq!(code(&ask(json!({"email": "new@example.com"})).await), "step_up_needed");
    for bad in ["new@example.com\r\nBcc: x@example.com", "a@b, c@d.e", "<a@example.com>", "x"] {
        assert_eq!(code(&ask(json!({"email": bad, "otp": OTP})).await), "invalid_field", "{bad}");
    }
    assert_eq!(ask(json!({"email": "New@Example.com", "otp": OTP})).await.status, 202);
    let notice = server.mail(NAME, "A change of your address").await;
    assert!(notice.text.contains("new@example.com") && !notice.text.contains("/verify/"));
    let link = server.link("new@example.com", "Confirm").await;
    let me = async || server.send("GET", "/bursar/v1/users/me", Some(&session), None).await.body;
    assert_eq!(me().await["email"], json!({"address": NAME, "verified": true}), "not before it is confirmed");
    let verify = async |link: &str| post(&server, "/email/verify", None, json!({"token": link})).await;
    assert_eq!(verify(&link).await.status, 200);
    assert_eq!(code(&verify(&link).await), "link_over");
    assert_eq!(me().await["email"], json!({"address": "new@example.com", "verified": true}));
    server.mail(NAME, "Your address was changed").await;

    assert_eq!(ask(json!({"email": "other@example.com", "otp": OTP})).await.status, 202);
    let taken = server.link("other@example.com", "Confirm").await;
    assert_eq!(code(&verify(&taken).await), "conflict", "it is somebody else's");
    assert_eq!(ask(json!({"email": "late@example.com", "otp": OTP})).await.status, 202);
    let late = server.link("late@example.com", "Confirm").await;
    server.pass(Span::from_seconds(24 * 3600));
    assert_eq!(code(&verify(&late).await), "link_over");
}

#[tokio::test]
async fn who_signs_in_with_the_old_password_while_a_new_one_is_set_gets_no_session() {
    let server = std::sync::Arc::new(start().await);
    let ticking = {
        let server = std::sync::Arc::clone(&server);
        tokio::spawn(async move {
            loop {
                server.pass(Span::from_millis(1));
                tokio::task::yield_now().await;
            }
        })
    };
    let mut old = PASSWORD.to_owned();
    for round in 0..30_u32 {
        ask_reset(&server, NAME).await;
        let link = server.link(NAME, "A new password").await;
        let thief = {
            let (server, old) = (std::sync::Arc::clone(&server), old.clone());
            tokio::spawn(async move {
                for _ in 0..round {
                    tokio::task::yield_now().await;
                }
                log_in(&server, &old, Some(OTP)).await
            })
        };
        let new = format!("{NEW} {round}");
        assert_eq!(redeem(&server, &link, &new).await.status, 200);
        let answer = thief.await.unwrap();
        if let Some(session) = answer.body["access_token"].as_str() {
            let me = server.send("GET", "/bursar/v1/users/me", Some(session), None).await;
            assert_eq!(me.status, 401, "round {round}: it lives on");
        }
        old = new;
        server.pass(HOUR);
    }
    ticking.abort();
}

#[tokio::test]
async fn a_change_of_address_ends_with_the_password_with_all_sessions_and_with_a_freeze() {
    let server = start().await;
    let ask = async |number: u8| {
        let session = server.log_in(NAME).await;
        let address = format!("thief{number}@example.com");
        let asked = post(&server, "/users/me/email", Some(&session), json!({"email": address, "otp": OTP})).await;
        assert_eq!(asked.status, 202, "{}", asked.body);
        (session, server.link(&address, "Confirm").await)
    };
    let verify = async |link: &str| post(&server, "/email/verify", None, json!({"token": link})).await;
    let (session, link) = ask(1).await;
    let ended = post(&server, "/sessions/revoke-all", Some(&session), json!({"keepThis": true})).await;
    assert_eq!(ended.status, 200, "{}", ended.body);
    assert_eq!(code(&verify(&link).await), "link_over");
    let (session, link) = ask(2).await;
    let change = json!({"old": PASSWORD, "new": NEW, "otp": OTP});
    assert_eq!(post(&server, "/users/me/password", Some(&session), change).await.status, 200);
    assert_eq!(code(&verify(&link).await), "link_over");
    server.bursar.set_password(NAME, &bursar_core::secret::Secret::new(PASSWORD.to_owned())).await.unwrap();
    server.pass(HOUR);
    let (_, link) = ask(3).await;
    server.bursar.freeze_named(NAME, &Default::default()).await.unwrap();
    assert_eq!(code(&verify(&link).await), "link_over");
}

#[tokio::test]
async fn many_wrong_passwords_at_once_are_answered_alike_whether_somebody_has_the_name() {
    let server = std::sync::Arc::new(start().await);
    let mut seen = Vec::new();
    for name in [NAME, "nobody@example.com"] {
        let tasks: Vec<_> = (0..30)
            .map(|_| {
                let server = std::sync::Arc::clone(&server);
                let body = json!({"email": name, "password": "wrong", "otp": OTP});
                tokio::spawn(async move {
                    server.send("POST", "/api/v2/user/login", None, Some(body)).await.status.as_u16()
                })
            })
            .collect();
        let mut statuses = Vec::new();
        for task in tasks {
            statuses.push(task.await.unwrap());
        }
        statuses.sort_unstable();
        seen.push(statuses);
    }
    assert_eq!(seen[0], seen[1]);
    assert!(!seen[0].contains(&503));
}

#[tokio::test]
async fn a_reset_lets_its_owner_in_from_there_however_often_others_guessed() {
    let server = start().await;
    let from = async |address: [u8; 4], path: &str, body: Value| {
        server.send_from(address, "POST", path, None, body.to_string().into_bytes()).await
    };
    let login = |password: &str| json!({"email": NAME, "password": password, "otp": OTP});
    for guess in 0..120_u8 {
        from([203, guess, 113, 9], "/api/v2/user/login", login("wrong")).await;
        server.pass(Span::from_seconds(60));
    }
    let home = [192, 0, 2, 7];
    assert_eq!(from(home, "/api/v2/user/login", login(PASSWORD)).await.status, 429);
    ask_reset(&server, NAME).await;
    let link = server.link(NAME, "A new password").await;
    let redeemed = from(home, "/bursar/v1/password-resets/redeem", json!({"token": link, "password": NEW})).await;
    assert_eq!(redeemed.status, 200, "{}", redeemed.body);
    server.pass(Span::from_seconds(1));
    assert_eq!(from(home, "/api/v2/user/login", login(NEW)).await.status, 200);
}

#[tokio::test]
async fn names_that_hide_something_are_refused_and_nothing_is_changed() {
    let server = start().await;
    let session = server.log_in(NAME).await;
    let rename = async |name: &str| {
        server.send("PATCH", "/bursar/v1/users/me", Some(&session), Some(json!({"fullName": name}))).await
    };
    for name in ["", "  ", "a\nb", "a\u{202e}b", "a\u{200b}", &"x".repeat(251)] {
        assert_eq!(rename(name).await.status, 400, "{name:?}");
    }
    assert_eq!(rename("<script>alert(1)</script> & Söhne").await.status, 200, "what a page does with it is its affair");
    let me = server.send("GET", "/bursar/v1/users/me", Some(&session), None).await;
    assert_eq!(me.body["fullName"], "<script>alert(1)</script> & Söhne");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_or_all() {
    let server = start().await;
    server.user("other@example.com").await;
    let (first, second, third) = (server.log_in(NAME).await, server.log_in(NAME).await, server.log_in(NAME).await);
    let foreign = server.log_in("other@example.com").await;
    let list = async |token: &str| {
        let listed = server.send("GET", "/bursar/v1/sessions", Some(token), None).await;
        assert_eq!(listed.status, 200, "{}", listed.body);
        listed.body["sessions"].as_array().unwrap().clone()
    };
    let lives = async |token: &str| server.send("GET", "/bursar/v1/users/me", Some(token), None).await.status == 200;
    let found = list(&first).await;
    assert_eq!(found.len(), 3);
    assert_eq!(found.iter().filter(|session| session["current"] == true).count(), 1);
    assert_eq!(found[0]["createdFrom"], "127.0.0.1");
    let paged = server.send("GET", "/bursar/v1/sessions?limit=2", Some(&first), None).await.body;
    assert_eq!((paged["sessions"].as_array().unwrap().len(), &paged["next"]), (2, &found[1]["id"]));

    let id = found.iter().find(|session| session["current"] == true).unwrap()["id"].as_str().unwrap().to_owned();
    let path = format!("/bursar/v1/sessions/{id}");
    let theirs = server.send("DELETE", &path, Some(&foreign), None).await;
    assert_eq!((theirs.status.as_u16(), lives(&first).await), (404, true));
    assert_eq!(server.send("DELETE", &path, Some(&second), None).await.status, 200);
    assert!(!lives(&first).await && lives(&second).await && lives(&third).await);

    assert_eq!(post(&server, "/sessions/revoke-all", Some(&second), json!({"keepThis": true})).await.status, 200);
    assert!(lives(&second).await && !lives(&third).await && lives(&foreign).await);
    let token = server.issue(&second, json!({})).await["token"].as_str().unwrap().to_owned();
    assert_eq!(post(&server, "/sessions/revoke-all", Some(&second), json!({})).await.status, 200);
    assert!(!lives(&second).await && lives(&foreign).await);
    assert_eq!(server.send("GET", "/bursar/v1/self", Some(&token), None).await.status, 200, "tokens go on");
    server.pass(HOUR);
}

#[tokio::test]
async fn no_secret_of_a_link_stands_in_the_data_directory() {
    let server = start().await;
    ask_reset(&server, NAME).await;
    let link = server.link(NAME, "A new password").await;
    let session = server.log_in(NAME).await;
    let body = json!({"email": "new@example.com", "otp": OTP});
    assert_eq!(post(&server, "/users/me/email", Some(&session), body).await.status, 202);
    let other = server.link("new@example.com", "Confirm").await;
    for entry in std::fs::read_dir(server.data()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in [&link[32..], &other[32..]] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
}
