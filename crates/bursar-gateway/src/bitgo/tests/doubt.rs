//! What a person may say of a spend, as the upstream lets them: only what it does not have at all.

use super::*;

/// A spend that waits for an approval, an hour later.
async fn awaiting() -> (Double, BitgoRail, Hold) {
    let double = Double::new(AuthVersion::V3);
    double.says("POST sendcoins", 202, r#"{"pendingApproval":{"id":"5f","state":"pending"}}"#);
    let (rail, hold) = (double.rail(Software::Bitgo).await, spend());
    let outcome = rail.carry_out(WALLET, &hold, &*double.notes).await;
    assert!(matches!(outcome, SendOutcome::Awaiting { .. }), "{outcome:?}");
    double.clock.pass(minutes(60));
    (double, rail, hold)
}

async fn problem(double: &Double, rail: &BitgoRail, hold: &Hold) -> Option<String> {
    rail.may_still_move(hold, &*double.notes).await.unwrap()
}

#[tokio::test]
async fn what_waits_for_an_approval_is_a_persons_to_give_back_only_once_that_was_rejected() {
    let (double, rail, hold) = awaiting().await;
    double.says("GET sequenceId", 404, &absent());
    double.says("GET 5f", 200, r#"{"id":"5f","state":"pending"}"#);
    assert!(problem(&double, &rail, &hold).await.unwrap().contains("not rejected or cancelled"));
    double.says("GET 5f", 200, r#"{"id":"5f","state":"approved"}"#);
    assert!(problem(&double, &rail, &hold).await.is_some());
    for (status, body) in
        [(200, r#"{"id":"5f","state":"rejected"}"#), (200, r#"{"id":"5f","state":"canceled"}"#), (404, "{}")]
    {
        double.says("GET 5f", status, body);
        assert_eq!(problem(&double, &rail, &hold).await, None);
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_say_whether_it_has_a_spend_keeps_it_held() {
    let (double, rail, hold) = awaiting().await;
    double.says("GET 5f", 200, r#"{"id":"5f","state":"rejected"}"#);
    for answer in [
        None,
        Some((503, "{}".to_owned(), Signed::Well)),
        Some((429, "{}".to_owned(), Signed::Well)),
        Some((404, absent(), Signed::Wrongly)),
        Some((404, absent(), Signed::Not)),
        Some((200, transfer("confirmed", r#""ab""#), Signed::Well)),
    ] {
        double.set("GET sequenceId", answer.clone());
        assert!(problem(&double, &rail, &hold).await.is_some(), "{:?}", answer.map(|(status, _, _)| status));
    }
    double.says("GET sequenceId", 404, &absent());
    assert_eq!(problem(&double, &rail, &hold).await, None);
    double.says("GET 5f", 503, "{}");
    assert!(problem(&double, &rail, &hold).await.is_some());
}

#[tokio::test]
async fn what_was_on_its_way_is_a_persons_to_give_back_once_the_upstream_shows_that_it_failed() {
    let double = Double::new(AuthVersion::V3);
    double.says("POST sendcoins", 200, &sent("signed"));
    let (rail, hold) = (double.rail(Software::Bitgo).await, spend());
    let outcome = rail.carry_out(WALLET, &hold, &*double.notes).await;
    assert!(matches!(outcome, SendOutcome::Sent { .. }), "{outcome:?}");
    double.clock.pass(minutes(60));
    for (status, body, is_free) in [
        (200, transfer("signed", r#""ab""#), false),
        (404, absent(), false),
        (200, transfer("failed", r#""ab""#), true),
        (200, transfer("removed", r#""ab""#), true),
    ] {
        double.says("GET sequenceId", status, &body);
        assert_eq!(problem(&double, &rail, &hold).await.is_none(), is_free, "{status} {body}");
    }
}

#[tokio::test]
async fn what_the_upstream_may_still_take_is_nobodys_to_give_back() {
    let double = Double::new(AuthVersion::V3);
    double.set("POST sendcoins", None);
    double.says("GET sequenceId", 404, &absent());
    let (rail, hold) = (double.rail(Software::Bitgo).await, spend());
    assert!(is_unknown(&rail.carry_out(WALLET, &hold, &*double.notes).await));
    let told = problem(&double, &rail, &hold).await.unwrap();
    assert!(told.contains("may still take it until 2027-01-15T08:10:00"), "{told}");
    double.clock.pass(minutes(11));
    assert_eq!(problem(&double, &rail, &hold).await, None);
}

#[tokio::test]
async fn more_requests_than_are_looked_through_are_not_taken_for_none() {
    let double = Double::new(AuthVersion::V3);
    double.set("POST txrequests", None);
    double.says("GET sequenceId", 404, &absent());
    let (rail, hold) = (double.rail(Software::Bitgo).await, hostile::requested());
    assert!(is_unknown(&rail.carry_out(WALLET, &hold, &*double.notes).await));
    double.clock.pass(minutes(60));
    double.says("GET txrequests", 200, r#"{"txRequests":[],"nextBatchPrevId":"1"}"#);
    let told = problem(&double, &rail, &hold).await.unwrap();
    assert!(told.contains("more transaction requests than are looked through"), "{told}");
    double.says("GET txrequests", 200, r#"{"txRequests":[]}"#);
    assert_eq!(problem(&double, &rail, &hold).await, None);
}
