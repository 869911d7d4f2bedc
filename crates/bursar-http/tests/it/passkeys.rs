//! Passkeys, with an authenticator in software: each challenge is for one person, one thing and one time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::Url;
use webauthn_authenticator_rs::AuthenticatorBackend;
use webauthn_authenticator_rs::softpasskey::SoftPasskey;

use crate::enrolled::{Enrolled, HOME, NAME, STEP};
use crate::support::{Answer, ORIGIN, PASSWORD};

/// A person with an authenticator app, a passkey and a session.
struct Holder {
    user: Enrolled,
    session: String,
    device: SoftPasskey,
    credential: String,
}

fn code(answer: &Answer) -> &str {
    answer.body["code"].as_str().or(answer.body["context"]["code"].as_str()).unwrap_or_default()
}

fn create(device: &mut SoftPasskey, origin: &str, options: &Value) -> Value {
    let options = serde_json::from_value(options.clone()).unwrap();
    serde_json::to_value(device.perform_register(Url::parse(origin).unwrap(), options, 1000).unwrap()).unwrap()
}

impl Holder {
    async fn start() -> Self {
        let user = Enrolled::start().await;
        let answer = user.log_in(HOME, &user.code()).await;
        let session = answer.body["access_token"].as_str().unwrap().to_owned();
        user.server.pass(STEP);
        let mut device = SoftPasskey::new(true);
        let body = json!({"otp": user.code()});
        let options =
            user.server.send("POST", "/bursar/v1/factors/passkeys/challenge", Some(&session), Some(body)).await;
        assert_eq!(options.status, 200, "{}", options.body);
        assert_eq!(options.body["publicKey"]["authenticatorSelection"]["residentKey"], "preferred");
        assert_eq!(options.body["publicKey"]["authenticatorSelection"]["userVerification"], "required");
        let made = create(&mut device, ORIGIN, &options.body["publicKey"]);
        let credential = made["id"].as_str().unwrap().to_owned();
        let body = json!({"label": "laptop", "passkey": made});
        let added = user.server.send("POST", "/bursar/v1/factors/passkeys", Some(&session), Some(body.clone())).await;
        assert_eq!((added.status.as_u16(), &added.body["kind"]), (201, &json!("passkey")), "{}", added.body);
        // Once is once.
        let again = user.server.send("POST", "/bursar/v1/factors/passkeys", Some(&session), Some(body)).await;
        assert_eq!(code(&again), "passkey_wrong");
        user.server.pass(STEP);
        Self { user, session, device, credential }
    }

    async fn challenge(&self, action: &str, target: Option<&str>) -> Value {
        let body = json!({"action": action, "target": target});
        let answer = self.user.server.send("POST", "/bursar/v1/step-up", Some(&self.session), Some(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["publicKey"].clone()
    }

    /// What the device answers, with changes to what it was asked.
    fn answer(&mut self, origin: &str, options: &Value) -> Value {
        let options = serde_json::from_value(options.clone()).unwrap();
        serde_json::to_value(self.device.perform_auth(Url::parse(origin).unwrap(), options, 1000).unwrap()).unwrap()
    }

    async fn issue(&self, otp: &Value) -> Answer {
        let body = json!({"otp": otp, "label": "bot", "scope": ["wallet_view_all"]});
        self.user.server.send("POST", "/bursar/v1/tokens", Some(&self.session), Some(body)).await
    }

    fn passkey_row(&self, change: &str) {
        let statement = format!("UPDATE credentials SET {change} WHERE kind = 'passkey'");
        assert_eq!(self.user.server.database().execute(&statement, []).unwrap(), 1);
    }
}

#[tokio::test]
async fn a_passkey_is_registered_once_whoever_asks_for_it() {
    let holder = Holder::start().await;
    // What a device that does not mind says: the passkey it has, as if it were new.
    let again = |device: &mut SoftPasskey, options: &Value| {
        let mut made = create(device, ORIGIN, options);
        relabel(&mut made, &holder.credential);
        made
    };
    let server = &holder.user.server;
    server.user("other@example.com").await;
    let other = server.log_in("other@example.com").await;
    for (session, otp) in [(&holder.session, holder.user.code()), (&other, crate::support::OTP.to_owned())] {
        let path = "/bursar/v1/factors/passkeys";
        let body = json!({"otp": otp});
        let options = server.send("POST", &format!("{path}/challenge"), Some(session), Some(body)).await;
        let made = again(&mut SoftPasskey::new(true), &options.body["publicKey"]);
        let answer = server.send("POST", path, Some(session), Some(json!({"label": "again", "passkey": made}))).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (409, "conflict"), "{}", answer.body);
        assert!(answer.body.to_string().contains("this passkey is registered already"), "{}", answer.body);
    }
    let known = server
        .database()
        .query_row("SELECT count(*) FROM credentials WHERE kind = 'passkey'", [], |row| row.get::<_, u32>(0));
    assert_eq!(known.unwrap(), 1);
}

/// Gives a new passkey the id of another. Its maker vouches for nothing then, which nobody asks for.
fn relabel(made: &mut Value, id: &str) {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).unwrap();
    let object = bytes(made["response"]["attestationObject"].as_str().unwrap());
    let name = b"authData";
    let at = object.windows(name.len()).position(|part| part == name).unwrap() + name.len();
    // CBOR: a string of bytes with its length in one byte or two.
    let (length, start) = match object[at] {
        0x58 => (usize::from(object[at + 1]), at + 2),
        0x59 => (usize::from(u16::from_be_bytes([object[at + 1], object[at + 2]])), at + 3),
        other => panic!("{other:x}"),
    };
    let mut data = object[start..start + length].to_vec();
    let (old, new) = (bytes(made["id"].as_str().unwrap()), bytes(id));
    let place = data.windows(old.len()).position(|part| part == old).unwrap();
    data[place..place + old.len()].copy_from_slice(&new);
    let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
    object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    object.extend(data);
    made["response"]["attestationObject"] = URL_SAFE_NO_PAD.encode(object).into();
    (made["id"], made["rawId"]) = (id.into(), id.into());
}

#[tokio::test]
async fn a_passkey_stands_behind_the_action_it_was_asked_for_once() {
    let mut holder = Holder::start().await;
    let options = holder.challenge("issue", None).await;
    let answer = holder.answer(ORIGIN, &options);
    let issued = holder.issue(&answer).await;
    assert_eq!(issued.status, 201, "{}", issued.body);
    assert_eq!(code(&holder.issue(&answer).await), "passkey_wrong");
    // As text in the dialect, as BitGo's clients send it.
    let own = holder.user.server.send("GET", "/api/v2/user/otp/webauthn/auth", Some(&holder.session), None).await.body;
    let text = holder.answer(ORIGIN, &own).to_string();
    let body = json!({"otp": text});
    let unlocked = holder.user.server.send("POST", "/api/v2/user/unlock", Some(&holder.session), Some(body)).await;
    assert_eq!(unlocked.status, 200, "{}", unlocked.body);
}

#[tokio::test]
async fn an_answer_for_one_action_does_not_do_another() {
    let mut holder = Holder::start().await;
    let options = holder.challenge("regenerate_recovery_codes", None).await;
    let answer = holder.answer(ORIGIN, &options);
    assert_eq!(code(&holder.issue(&answer).await), "passkey_wrong");
    // The attempt used the challenge up, also for what it was asked for.
    let path = "/bursar/v1/factors/recovery-codes";
    let late = holder.user.server.send("POST", path, Some(&holder.session), Some(json!({"otp": answer}))).await;
    assert_eq!(code(&late), "passkey_wrong");
}

#[tokio::test]
async fn an_answer_counts_for_the_session_that_asked_and_for_its_time() {
    let mut holder = Holder::start().await;
    let other = holder.user.log_in(HOME, &holder.user.code()).await.body["access_token"].as_str().unwrap().to_owned();
    let options = holder.challenge("issue", None).await;
    let answer = holder.answer(ORIGIN, &options);
    let body = json!({"otp": answer, "label": "bot", "scope": ["wallet_view_all"]});
    let stolen = holder.user.server.send("POST", "/bursar/v1/tokens", Some(&other), Some(body)).await;
    assert_eq!(code(&stolen), "passkey_wrong");
    let options = holder.challenge("issue", None).await;
    let answer = holder.answer(ORIGIN, &options);
    holder.user.server.pass(bursar_core::time::Span::from_seconds(300));
    assert_eq!(code(&holder.issue(&answer).await), "passkey_wrong");
}

#[tokio::test]
async fn another_page_or_a_device_that_was_not_unlocked_proves_nothing() {
    let mut holder = Holder::start().await;
    let options = holder.challenge("issue", None).await;
    let answer = holder.answer("https://bursar.example.org", &options);
    assert_eq!(code(&holder.issue(&answer).await), "passkey_wrong");
    let mut options = holder.challenge("issue", None).await;
    options["userVerification"] = "discouraged".into();
    let answer = holder.answer(ORIGIN, &options);
    assert_eq!(code(&holder.issue(&answer).await), "passkey_wrong");
    for text in ["{}", "{\"id\":\"x\"}", "{"] {
        assert_eq!(code(&holder.issue(&json!(text)).await), "passkey_wrong", "{text}");
    }
    let tokens = holder.user.server.send("GET", "/bursar/v1/tokens", Some(&holder.session), None).await;
    assert_eq!(tokens.body["tokens"], json!([]));
}

#[tokio::test]
async fn a_counter_that_does_not_go_on_is_refused_and_told_of() {
    let mut holder = Holder::start().await;
    holder.passkey_row("progress = x'000000ff'");
    let options = holder.challenge("issue", None).await;
    let answer = holder.answer(ORIGIN, &options);
    assert_eq!(code(&holder.issue(&answer).await), "passkey_copied");
    let told: i64 = holder
        .user
        .server
        .database()
        .query_row("SELECT count(*) FROM audit_events WHERE action = 'factor.counter_regressed'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn a_passkey_is_a_second_factor_of_the_sign_in_it_was_asked_in() {
    let mut holder = Holder::start().await;
    let begin = json!({"username": NAME, "password": PASSWORD});
    let (mut tickets, mut answers) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let begun = holder.user.server.send("POST", "/bursar/v1/sign-in", None, Some(begin.clone())).await;
        answers.push(holder.answer(ORIGIN, &begun.body["offers"]["passkey"]["publicKey"]));
        tickets.push(begun.body["ticket"].clone());
    }
    let finish = async |ticket: &Value, answer: &Value| {
        let body = json!({"ticket": ticket, "passkey": answer});
        holder.user.server.send("POST", "/bursar/v1/sign-in/finish", None, Some(body)).await
    };
    assert_eq!(code(&finish(&tickets[0], &answers[1]).await), "passkey_wrong");
    let done = finish(&tickets[0], &answers[0]).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(code(&finish(&tickets[0], &answers[0]).await), "sign_in_over");
}

#[tokio::test]
async fn a_passkey_signs_in_by_itself_and_each_challenge_once() {
    let mut holder = Holder::start().await;
    let handle = URL_SAFE_NO_PAD.encode(holder.user.server.bursar.user_named(NAME).await.unwrap().id.as_bytes());
    let path = "/bursar/v1/sign-in/passkey";
    let mut answers = Vec::new();
    for _ in 0..2 {
        let options = holder.user.server.send("POST", &format!("{path}/challenge"), None, None).await;
        let mut options = options.body["publicKey"].clone();
        assert_eq!(options["allowCredentials"], json!([]));
        // The device finds its key by itself; this one has to be told.
        options["allowCredentials"] = json!([{"type": "public-key", "id": holder.credential}]);
        let mut answer = holder.answer(ORIGIN, &options);
        answer["response"]["userHandle"] = handle.clone().into();
        answers.push(answer);
    }
    let sign_in =
        async |answer: &Value| holder.user.server.send("POST", path, None, Some(json!({"passkey": answer}))).await;
    let done = sign_in(&answers[0]).await;
    assert_eq!((done.status.as_u16(), &done.body["grant_type"]), (200, &json!("passkey")), "{}", done.body);
    assert_eq!(code(&sign_in(&answers[0]).await), "passkey_wrong");
    // The same by the dialect, with what BitGo's clients send of it (WC §3.3).
    let sent = json!({"id": answers[1]["id"], "response": answers[1]["response"]}).to_string();
    let body = json!({"passkey": sent, "userId": handle});
    let done = holder.user.server.send("POST", "/api/auth/v1/session", None, Some(body)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let session = done.body["access_token"].as_str();
    assert_eq!(holder.user.server.send("GET", "/bursar/v1/self", session, None).await.status, 200);
}

#[tokio::test]
async fn who_is_named_and_who_is_not_get_the_same_answer() {
    let mut holder = Holder::start().await;
    let path = "/bursar/v1/sign-in/passkey";
    let other = URL_SAFE_NO_PAD.encode([7; 16]);
    let own = URL_SAFE_NO_PAD.encode(holder.user.server.bursar.user_named(NAME).await.unwrap().id.as_bytes());
    let mut bodies = Vec::new();
    for handle in [other, own] {
        let options = holder.user.server.send("POST", &format!("{path}/challenge"), None, None).await;
        let mut options = options.body["publicKey"].clone();
        options["allowCredentials"] = json!([{"type": "public-key", "id": holder.credential}]);
        let mut answer = holder.answer(ORIGIN, &options);
        answer["response"]["userHandle"] = handle.into();
        answer["response"]["signature"] = "AAAA".into();
        let mut refused = holder.user.server.send("POST", path, None, Some(json!({"passkey": answer}))).await;
        refused.body.as_object_mut().unwrap().remove("requestId");
        bodies.push((refused.status, refused.body));
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(bodies[0].1["code"], "passkey_wrong");
}
