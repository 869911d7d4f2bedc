//! What an upstream says when it is asked after a spend: what is believed at once, what takes patience, and what is shown of it.

use bursar_core::time::Span;

use super::*;

const NEEDS_ACTION: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 40\r\n\r\n\
                            {\"id\":\"ch_1\",\"status\":\"requires_action\"} ";
const CANCELED: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 33\r\n\r\n\
                        {\"id\":\"ch_1\",\"status\":\"canceled\"} ";
/// As a search says it that finds nothing.
const NONE_FOUND: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n\
                          {\"status\":\"canceled\"} ";

fn rule() -> String {
    RULE.replace(
        r#""done": "status == 200", "refused": "status == 404""#,
        r#""done": "status == 200 && answer.status == 'succeeded'",
        "refused": "status == 404 || status == 200 && answer.status == 'canceled'""#,
    )
}

fn rail_at(clock: &Arc<FixedClock>, rule: &str, url: &str) -> HttpRail {
    HttpRail::new(by_rule(rule, url, HOUR), Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}

#[tokio::test]
async fn that_this_very_spend_came_to_nothing_is_believed_at_once_where_its_request_had_an_answer() {
    let another = CANCELED.replace("ch_1", "ch_2").leak();
    let limited = CANCELED.replace("200 OK", "429 X").leak();
    let [gone, busy] = ["410 X", "504 X"].map(|status| NEEDS_ACTION.replace("200 OK", status).leak() as &str);
    let any_error =
        rule().replace("status == 200 && answer.status == 'canceled'", "status > 200 || answer.status == 'canceled'");
    let own_key = rule().replace(r#""key_header": "idempotency-key","#, "");
    let no_record = rule().replacen(r#", "record": "answer.id""#, "", 2);
    for (rule, own, says, is_believed) in [
        (rule(), NEEDS_ACTION, CANCELED, true),
        (rule(), gone, CANCELED, true),
        (rule(), NEEDS_ACTION, NOT_FOUND, false),
        (rule(), NEEDS_ACTION, NONE_FOUND, false),
        (rule(), NEEDS_ACTION, another, false),
        // The name of an error is no name of a spend, and behind whoever answers so it may still be on its way.
        (any_error, NEEDS_ACTION, limited, false),
        (rule(), busy, CANCELED, false),
        // By a name that others give, too, it may be another spend.
        (own_key, NEEDS_ACTION, CANCELED, false),
        (no_record, NEEDS_ACTION, CANCELED, false),
    ] {
        let double = Double::start(vec![Does::Answer(own), Does::Answer(says)]).await;
        let (rail, notes) = (rail_at(&clock(), &rule, &double.url), Notes::default());
        let (outcome, hold) = sent(&rail, &notes).await;
        assert!(matches!(outcome, SendOutcome::Unknown { .. }), "{outcome:?}");
        let became = rail.reconcile(&hold, &notes).await;
        assert_eq!(matches!(became, SendOutcome::Refused { .. }), is_believed, "{rule} {says}: {became:?}");
        assert_eq!(rail.looked_up(hold.id).and_then(|said| said.back_from).is_some(), !is_believed, "{rule} {says}");
    }
}

#[tokio::test]
async fn how_long_nothing_is_found_is_known_after_a_start_until_the_spend_is_settled() {
    let clock = clock();
    for (seconds, is_given_back) in [(3599, false), (3600, true)] {
        let script = vec![Does::Silence, Does::Answer(NOT_FOUND), Does::Answer(NOT_FOUND)];
        let (double, notes) = (Double::start(script).await, Notes::default());
        let before = rail_at(&clock, RULE, &double.url);
        let (_, hold) = sent(&before, &notes).await;
        let became = before.reconcile(&hold, &notes).await;
        assert!(matches!(became, SendOutcome::Unknown { .. }), "{became:?}");
        clock.pass(Span::from_seconds(seconds));
        let after = rail_at(&clock, RULE, &double.url);
        let became = after.reconcile(&hold, &notes).await;
        assert_eq!(matches!(became, SendOutcome::Refused { .. }), is_given_back, "{became:?}");
        after.forget(hold.id, &notes).await.unwrap();
        assert_eq!(notes.read(&format!("looked/{}", hold.id)), Ok(None));
    }
}

#[tokio::test]
async fn whoever_asks_is_not_kept_from_it_because_the_server_asked_and_is_told_what_was_said() {
    let script = vec![Does::Silence, Does::Answer(NOT_FOUND), Does::Answer(NEEDS_ACTION)];
    let (double, notes, clock) = (Double::start(script).await, Notes::default(), clock());
    let rail = rail_at(&clock, &rule(), &double.url);
    let (_, hold) = sent(&rail, &notes).await;
    rail.reconcile(&hold, &notes).await;
    assert_eq!(double.requests().len(), 2);
    let by_itself = rail.reconcile(&hold, &notes).await;
    assert_eq!(double.requests().len(), 2, "it was asked a moment ago");
    let told = "asked at 2026-11-30T00:00:00.000Z: the upstream says with status 404 that nothing moved, and its request may \
                still be on its way; given back from 2026-11-30T01:00:00.000Z on, if it says so then";
    assert_eq!(by_itself, SendOutcome::Unknown { reason: told.to_owned() });
    clock.pass(Span::from_seconds(2));
    let told = "asked at 2026-11-30T00:00:02.000Z: an answer with status 200 is neither done nor refused";
    // Asked by hand twice within seconds it is asked once.
    for _ in 0..2 {
        let by_hand = rail.reconcile_now(&hold, &notes).await;
        assert_eq!(by_hand, SendOutcome::Unknown { reason: told.to_owned() });
        assert_eq!(double.requests().len(), 3);
    }
    let problem = rail.may_still_move(&hold, &notes).await.unwrap().unwrap();
    assert_eq!(problem, format!("the upstream can be asked what became of it, and its word counts; {told}"));
}
