//! The named faults, and what reconciling finds after each.

use super::*;

#[tokio::test]
async fn a_refusing_destination_moves_nothing() {
    let sandbox = Fixture::new().await;
    let hold = hold_of(1, &[to("sandbox:refuse", 1)]);
    assert!(is_refused(&sandbox.send(&hold).await, "sandbox:refuse"));
    assert!(is_refused(&sandbox.rail.reconcile(&hold, &Notes::default()).await, "sandbox:refuse"));
    assert_eq!(sandbox.balance("wallet").await, Amount::new(1_000_000));
}

#[tokio::test]
async fn a_lost_answer_and_a_failure_after_sending_are_unknown_until_reconciled() {
    let sandbox = Fixture::new().await;
    for (number, address) in [(1, "sandbox:drop-answer"), (2, "sandbox:fail-after-send")] {
        let hold = hold_of(number, &[to(address, 1)]);
        assert!(is_unknown(&sandbox.send(&hold).await), "{address}");
        assert!(is_done(&sandbox.rail.reconcile(&hold, &Notes::default()).await), "{address}");
    }
    assert_eq!(sandbox.transfers().len(), 2);
    let broke = |number, address| hold_of(number, &[to(address, 2_000_000)]);
    assert!(is_unknown(&sandbox.send(&broke(3, "sandbox:drop-answer")).await), "a refusal is lost as well");
    assert!(is_refused(&sandbox.send(&broke(4, "sandbox:fail-after-send")).await, "insufficient"));
    assert!(is_refused(
        &sandbox.rail.reconcile(&broke(3, "sandbox:drop-answer"), &Notes::default()).await,
        "insufficient"
    ));
}

#[tokio::test]
async fn a_spend_that_never_reached_the_rail_is_refused_when_reconciled_and_stays_refused() {
    let sandbox = Fixture::new().await;
    let never = hold_of(1, &[to("sandbox:never", 1)]);
    assert!(is_unknown(&sandbox.send(&never).await));
    assert!(is_refused(&sandbox.rail.reconcile(&never, &Notes::default()).await, "never saw it"));
    // A send that comes after its hold was given up moves nothing.
    assert!(is_refused(&sandbox.rail.reconcile(&hold(2), &Notes::default()).await, "never saw it"));
    assert!(is_refused(&sandbox.send(&hold(2)).await, "never saw it"));
    assert!(sandbox.transfers().is_empty());
}

#[tokio::test]
async fn a_slow_destination_sends_at_once_and_answers_after_two_seconds() {
    let sandbox = Fixture::new().await;
    let hold = hold_of(1, &[to("sandbox:slow", 1)]);
    let before = std::time::Instant::now();
    assert!(is_done(&sandbox.send(&hold).await));
    assert!(before.elapsed() >= SLOW);
    assert_eq!(sandbox.transfers().len(), 1);
}
