//! One-time passwords of a real authenticator: each counts once, and guessing is slowed down where it comes from.

use serde_json::json;

use crate::enrolled::{ELSEWHERE, Enrolled, HOME, NAME, STEP};
use crate::support::OTP;

#[tokio::test]
async fn a_code_counts_once_and_the_answer_says_when_the_next_one_starts() {
    let user = Enrolled::start().await;
    let code = user.code();
    assert_eq!(user.log_in(HOME, &code).await.status, 200);
    let again = user.log_in(HOME, &code).await;
    assert_eq!(again.status, 401);
    assert_eq!(again.body["context"]["code"], "otp_already_used");
    assert_eq!(again.body["needsOTP"], true);
    assert!(again.body["context"]["nextCodeAt"].is_string());
    user.server.pass(STEP);
    assert_eq!(user.log_in(HOME, &user.code()).await.status, 200);
}

#[tokio::test]
async fn the_fixed_code_of_the_test_environment_is_worth_nothing_to_an_enrolled_user() {
    let user = Enrolled::start().await;
    assert_eq!(user.log_in(HOME, OTP).await.body["context"]["code"], "otp_wrong");
}

#[tokio::test]
async fn a_recovery_code_counts_once() {
    let user = Enrolled::start().await;
    let code = user.recovery_codes[4].clone();
    assert_eq!(user.log_in(HOME, &code).await.status, 200);
    assert_eq!(user.log_in(HOME, &code).await.status, 401);
    assert_eq!(user.log_in(HOME, &user.recovery_codes[5].to_uppercase()).await.status, 200);
}

#[tokio::test]
async fn guesses_made_at_the_same_time_do_not_slip_past_the_count() {
    let user = std::sync::Arc::new(Enrolled::start().await);
    let wrong = user.wrong_code();
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let (user, wrong) = (std::sync::Arc::clone(&user), wrong.clone());
            tokio::spawn(async move { user.log_in(ELSEWHERE, &wrong).await.status.as_u16() })
        })
        .collect();
    let mut looked_at = 0;
    for task in tasks {
        let status = task.await.unwrap();
        assert!([401, 429, 503].contains(&status), "{status}");
        looked_at += usize::from(status == 401);
    }
    // Five are free; the one after them is the first to be followed by a wait.
    assert!(looked_at <= 6, "{looked_at} guesses were looked at");
}

#[tokio::test]
async fn guessing_from_elsewhere_does_not_keep_the_owner_out() {
    let user = Enrolled::start().await;
    assert_eq!(user.log_in(HOME, &user.code()).await.status, 200);
    let wrong = user.wrong_code();
    let mut waits = 0;
    for _ in 0..10 {
        let answer = user.log_in(ELSEWHERE, &wrong).await;
        waits += usize::from(answer.status == 429 && answer.headers.contains_key("retry-after"));
    }
    assert!(waits >= 4, "{waits}");
    user.server.pass(STEP);
    assert_eq!(user.log_in(HOME, &user.code()).await.status, 200);
}

#[tokio::test]
async fn a_spend_that_is_asked_for_again_with_its_used_code_gets_its_first_outcome() {
    let user = Enrolled::start().await;
    user.server.wallet_of(NAME).await;
    let session = user.log_in(HOME, &user.code()).await.body["access_token"].as_str().unwrap().to_owned();
    user.server.pass(STEP);
    let path = format!("/api/v2/tbtc/wallet/{}/sendcoins", user.server.wallet);
    let ask = |amount: &str, otp: String| json!({"address": "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "amount": amount, "sequenceId": "1", "otp": otp});
    let send = async |body| user.server.send("POST", &path, Some(&session), Some(body)).await;
    let body = ask("5", user.code());
    let first = send(body.clone()).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let again = send(body).await;
    assert_eq!((again.status.as_u16(), &again.body["txid"]), (200, &first.body["txid"]), "{}", again.body);
    user.server.pass(STEP);
    let other = send(ask("6", user.code())).await;
    assert_eq!(
        (other.status.as_u16(), &other.body["name"]),
        (400, &json!("DuplicateSequenceIdError")),
        "{}",
        other.body
    );
    // What was refused before it was looked at used up no code.
    let unlock = json!({"otp": user.code()});
    assert_eq!(user.server.send("POST", "/api/v2/user/unlock", Some(&session), Some(unlock)).await.status, 200);
}
