//! Signing in by steps: the password gives a ticket, and the ticket with a second factor gives one session.

use bursar_core::time::Span;
use serde_json::{Value, json};

use crate::enrolled::{ELSEWHERE, Enrolled, HOME, NAME, STEP};
use crate::support::{Answer, PASSWORD};

async fn begin(user: &Enrolled, name: &str, password: &str) -> Answer {
    let body = json!({"username": name, "password": password}).to_string().into_bytes();
    user.server.send_from(HOME, "POST", "/bursar/v1/sign-in", None, body).await
}

async fn finish(user: &Enrolled, ticket: &Value, proof: Value) -> Answer {
    let mut body = json!({"ticket": ticket});
    body.as_object_mut().unwrap().extend(proof.as_object().unwrap().clone());
    let body = body.to_string().into_bytes();
    user.server.send_from(HOME, "POST", "/bursar/v1/sign-in/finish", None, body).await
}

#[tokio::test]
async fn a_ticket_and_a_second_factor_make_one_session() {
    let user = Enrolled::start().await;
    let begun = begin(&user, NAME, PASSWORD).await;
    assert_eq!(begun.status, 200, "{}", begun.body);
    assert_eq!(begun.body["offers"], json!({"otp": true, "recovery": true, "passkey": null, "none": false}));
    let ticket = &begun.body["ticket"];
    // The ticket is no token.
    let asked = user.server.send("GET", "/bursar/v1/self", ticket.as_str(), None).await;
    assert_eq!(asked.status, 401);
    let done = finish(&user, ticket, json!({"otp": user.code()})).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let session = done.body["access_token"].as_str();
    assert_eq!(user.server.send("GET", "/bursar/v1/self", session, None).await.status, 200);
    user.server.pass(STEP);
    let again = finish(&user, ticket, json!({"otp": user.code()})).await;
    assert_eq!((again.status.as_u16(), again.body["code"].as_str()), (401, Some("sign_in_over")));
}

#[tokio::test]
async fn a_ticket_without_a_second_factor_is_worth_nothing() {
    let user = Enrolled::start().await;
    let ticket = begin(&user, NAME, PASSWORD).await.body["ticket"].clone();
    let alone = finish(&user, &ticket, json!({})).await;
    assert_eq!((alone.status.as_u16(), alone.body["code"].as_str()), (401, Some("otp_missing")));
    assert!(alone.body.get("access_token").is_none());
}

#[tokio::test]
async fn a_code_counts_once_over_both_ways_of_signing_in() {
    let user = Enrolled::start().await;
    let code = user.code();
    assert_eq!(user.log_in(HOME, &code).await.status, 200);
    let ticket = begin(&user, NAME, PASSWORD).await.body["ticket"].clone();
    let replayed = finish(&user, &ticket, json!({"otp": code})).await;
    assert_eq!((replayed.status.as_u16(), replayed.body["code"].as_str()), (401, Some("otp_already_used")));
}

#[tokio::test]
async fn a_few_wrong_codes_end_a_sign_in_and_time_does_too() {
    let user = Enrolled::start().await;
    let ticket = begin(&user, NAME, PASSWORD).await.body["ticket"].clone();
    for _ in 0..5 {
        let wrong = finish(&user, &ticket, json!({"otp": user.wrong_code()})).await;
        assert_eq!(wrong.body["code"], "otp_wrong", "{}", wrong.body);
        user.server.pass(Span::from_seconds(20));
    }
    assert_eq!(finish(&user, &ticket, json!({"otp": user.code()})).await.body["code"], "sign_in_over");
    let late = begin(&user, NAME, PASSWORD).await.body["ticket"].clone();
    user.server.pass(Span::from_seconds(5 * 60));
    assert_eq!(finish(&user, &late, json!({"otp": user.code()})).await.body["code"], "sign_in_over");
}

#[tokio::test]
async fn of_two_who_finish_a_sign_in_at_once_one_gets_in() {
    let user = std::sync::Arc::new(Enrolled::start().await);
    let ticket = begin(&user, NAME, PASSWORD).await.body["ticket"].clone();
    let tasks: Vec<_> = (0..8)
        .map(|number: usize| {
            let (user, ticket) = (std::sync::Arc::clone(&user), ticket.clone());
            tokio::spawn(async move {
                let proof = json!({"otp": user.recovery_codes[number]});
                finish(&user, &ticket, proof).await.status.as_u16()
            })
        })
        .collect();
    let mut inside = 0;
    for task in tasks {
        inside += usize::from(task.await.unwrap() == 200);
    }
    assert_eq!(inside, 1);
}

#[tokio::test]
async fn a_new_password_ends_what_the_old_one_began() {
    let user = Enrolled::start().await;
    let ticket = begin(&user, NAME, PASSWORD).await.body["ticket"].clone();
    let new = bursar_core::secret::Secret::new("another horse and battery".to_owned());
    user.server.bursar.set_password(NAME, &new).await.unwrap();
    assert_eq!(finish(&user, &ticket, json!({"otp": user.code()})).await.body["code"], "sign_in_over");
}

#[tokio::test]
async fn who_does_not_exist_is_answered_as_who_has_another_password() {
    let user = Enrolled::start().await;
    for round in 0..12 {
        let mut wrong = begin(&user, NAME, "wrong horse battery staple").await;
        let mut nobody = begin(&user, "nobody@example.com", "wrong horse battery staple").await;
        for answer in [&mut wrong, &mut nobody] {
            let fields = answer.body.as_object_mut().unwrap();
            fields.remove("requestId");
        }
        assert_eq!((wrong.status, wrong.body), (nobody.status, nobody.body), "round {round}");
    }
}

#[tokio::test]
async fn guessing_from_elsewhere_does_not_stop_a_sign_in_under_way() {
    let user = Enrolled::start().await;
    assert_eq!(user.log_in(HOME, &user.code()).await.status, 200);
    user.server.pass(STEP);
    let ticket = begin(&user, NAME, PASSWORD).await.body["ticket"].clone();
    for _ in 0..10 {
        user.log_in(ELSEWHERE, &user.wrong_code()).await;
    }
    assert_eq!(finish(&user, &ticket, json!({"otp": user.code()})).await.status, 200);
}
