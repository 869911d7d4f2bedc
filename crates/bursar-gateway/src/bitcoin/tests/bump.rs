//! Transactions that are replaced by such as pay more: both count until one of them is final.

use bitcoin::OutPoint;
use bitcoin::hashes::Hash as _;

use super::*;

/// Asks for a replacement, and holds it.
async fn bumped(bench: &Bench, number: u8, txid: Txid, options: &str) -> Result<Hold, RailError> {
    let Calls::One(call) = call("bumpfee", &format!(r#"["{txid}"{options}]"#)) else { panic!("one call") };
    let id = HoldId::from_bytes([number; 16]);
    let (plan, recipients) = plan_for(bench, &call, id).await?;
    Ok(bench.hold(id, &recipients, plan))
}

/// A spend whose transaction may be replaced.
async fn sent(bench: &Bench) -> (Hold, Transaction) {
    let hold = bench.planned(1, 5_000_000).await.unwrap();
    assert!(matches!(bench.send(&hold).await, SendOutcome::Sent { .. }));
    let sent = bench.node.state().broadcast[0].clone();
    bench.know(&sent, 0, Vec::new());
    (hold, sent)
}

fn why(refused: Result<Hold, RailError>) -> String {
    match refused {
        Err(RailError::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_replacement_is_held_in_full_beside_what_it_replaces_and_one_of_both_is_captured() {
    for is_first_mined in [false, true] {
        let bench = bench(&[BTC]).await;
        let (first, old) = sent(&bench).await;
        let second = bumped(&bench, 2, old.compute_txid(), "").await.unwrap();
        assert_eq!((first.cost.fee, second.cost.fee), (Amount::new(2000), Amount::new(4000)));
        assert_eq!(second.cost.amount, Amount::new(5_004_000));
        assert_eq!(second.payees, first.payees);
        let SendOutcome::Sent { reference } = bench.send(&second).await else { panic!("not sent") };
        let new = bench.node.state().broadcast[1].clone();
        assert_eq!((new.compute_txid().to_string(), &new.output[0]), (reference, &old.output[0]));
        let told = bench.rail.transaction(second.id, &bench.notes).unwrap().unwrap().to_string();
        let amounts = r#""origfee":0.00002000,"fee":0.00004000,"errors":[]"#;
        assert_eq!(told, format!(r#"{{"txid":"{}",{amounts}}}"#, new.compute_txid()));

        let (mined, lost) = if is_first_mined { (&old, &new) } else { (&new, &old) };
        for depth in [0, 1, 2] {
            bench.know(mined, depth, vec![lost.compute_txid()]);
            bench.know(lost, -depth, vec![mined.compute_txid()]);
            for hold in [&first, &second] {
                let outcome = bench.look(hold).await;
                assert!(!matches!(outcome, SendOutcome::Refused { .. } | SendOutcome::Done { .. }), "{outcome:?}");
            }
        }
        bench.know(mined, 3, vec![lost.compute_txid()]);
        bench.know(lost, -3, vec![mined.compute_txid()]);
        let (captured, released) = if is_first_mined { (&first, &second) } else { (&second, &first) };
        assert!(matches!(bench.look(captured).await, SendOutcome::Done { fee, .. } if fee == captured.cost.fee));
        assert!(refused_as(&bench.look(released).await).contains("which is final"));
    }
}

#[tokio::test]
async fn a_node_that_builds_another_payment_is_not_followed() {
    let bench = bench(&[BTC, BTC]).await;
    let (_, old) = sent(&bench).await;
    type Change = fn(&mut Transaction);
    let changes: [(&str, Change); 6] = [
        ("another amount", |made| made.output[0].value -= Satoshi::from_sat(1)),
        ("another payee", |made| made.output[0].script_pubkey = script(OTHER)),
        ("one payee more", |made| {
            made.output.push(TxOut { value: Satoshi::from_sat(1000), script_pubkey: script(OTHER) });
        }),
        ("other coins", |made| made.input[0].previous_output = coin(2)),
        ("further coins", |made| made.input.push(bitcoin::TxIn { previous_output: coin(2), ..Default::default() })),
        ("no more", |made| made.output[1].value += Satoshi::from_sat(2000)),
    ];
    for (what, change) in changes {
        bench.node.state().bumps = change;
        let refused = bumped(&bench, 2, old.compute_txid(), "").await;
        assert!(matches!(refused, Err(RailError::Refused(_))), "{what}: {refused:?}");
    }
    bench.node.state().bumps = |made| made.output[1].value -= Satoshi::from_sat(5_000_000);
    assert!(why(bumped(&bench, 2, old.compute_txid(), "").await).contains("above this rail's ceiling"));
    assert_eq!(bench.node.asked("signrawtransactionwithwallet"), 1);
}

#[tokio::test]
async fn what_was_not_sent_from_here_or_is_settled_or_mined_is_not_replaced() {
    let bench = bench(&[BTC]).await;
    let stranger = Txid::from_byte_array([9; 32]);
    assert!(why(bumped(&bench, 2, stranger, "").await).contains("not sent from here"));
    let (hold, old) = sent(&bench).await;
    let Calls::One(call) = call("bumpfee", &format!(r#"["{}"]"#, old.compute_txid())) else { panic!("one call") };
    let elsewhere = bench.rail.plan_call("savings", &call, HoldId::from_bytes([2; 16]), &bench.notes).await;
    assert!(matches!(elsewhere, Err(RailError::Refused(_))), "it is another wallet's");
    bench.know(&old, 1, Vec::new());
    assert!(why(bumped(&bench, 2, old.compute_txid(), "").await).contains("in a block"));
    bench.know(&old, -1, vec![stranger]);
    assert!(why(bumped(&bench, 2, old.compute_txid(), "").await).contains("has its coins already"));
    bench.know(&old, 0, Vec::new());
    bench.rail.forget(hold.id, &bench.notes).await.unwrap();
    assert!(why(bumped(&bench, 2, old.compute_txid(), "").await).contains("is settled"));
    assert_eq!(bench.node.asked("psbtbumpfee"), 0);
}

#[tokio::test]
async fn of_two_replacements_of_one_transaction_one_is_signed() {
    let bench = bench(&[BTC]).await;
    let (_, old) = sent(&bench).await;
    let second = bumped(&bench, 2, old.compute_txid(), "").await.unwrap();
    let third = bumped(&bench, 3, old.compute_txid(), "").await.unwrap();
    assert!(matches!(bench.send(&second).await, SendOutcome::Sent { .. }));
    assert!(refused_as(&bench.send(&third).await).contains("bump that one"));
    assert!(why(bumped(&bench, 4, old.compute_txid(), "").await).contains("replaced before"));
    assert_eq!(bench.node.asked("signrawtransactionwithwallet"), 2);
    let new = bench.node.state().broadcast[1].clone();
    bench.know(&new, 0, Vec::new());
    let fourth = bumped(&bench, 4, new.compute_txid(), "").await.unwrap();
    assert_eq!(fourth.cost.fee, Amount::new(6000), "the replacement is replaced itself");
    assert!(matches!(bench.send(&fourth).await, SendOutcome::Sent { .. }));
}

#[tokio::test]
async fn what_is_replaced_is_not_given_to_the_node_again() {
    let bench = bench(&[BTC]).await;
    let (first, old) = sent(&bench).await;
    let second = bumped(&bench, 2, old.compute_txid(), "").await.unwrap();
    bench.send(&second).await;
    for _ in 0..3 {
        assert!(matches!(bench.look(&first).await, SendOutcome::Sent { .. }));
    }
    assert_eq!(bench.node.asked("sendrawtransaction"), 2);
    // A person said that the replacement did not move: the first is all there is.
    bench.rail.forget(second.id, &bench.notes).await.unwrap();
    bench.look(&first).await;
    assert_eq!(bench.node.state().broadcast[2], old);
}

#[tokio::test]
async fn a_transaction_whose_change_is_spent_is_not_replaced() {
    let bench = bench(&[BTC]).await;
    let (_, old) = sent(&bench).await;
    bench.fault("getmempoolentry", || Told::Result("{}".to_owned()));
    bench.node.state().known.remove(&old.compute_txid());
    let unknown = why(bumped(&bench, 2, old.compute_txid(), "").await);
    assert!(unknown.contains("not known to the node's wallet yet"), "{unknown}");
    bench.know(&old, 0, Vec::new());
    assert!(
        why(bumped(&bench, 2, old.compute_txid(), "").await).contains("let a child pay"),
        "the node lists no change"
    );
    let change = OutPoint::new(old.compute_txid(), 1);
    bench.node.state().coins.push((change, old.output[1].value));
    let second = bumped(&bench, 2, old.compute_txid(), "").await.unwrap();
    // A child takes it between the plan and the signature.
    bench.rail.reserved.plan(HoldId::from_bytes([3; 16]), [change].into_iter(), std::time::Instant::now());
    refused_as(&bench.send(&second).await);
    assert!(why(bumped(&bench, 4, old.compute_txid(), "").await).contains("let a child pay"));
    assert_eq!(bench.node.asked("signrawtransactionwithwallet"), 1);
}

#[tokio::test]
async fn where_the_node_builds_none_the_change_pays_what_is_asked_for() {
    let bench = bench(&[BTC]).await;
    let (_, old) = sent(&bench).await;
    bench.fault("psbtbumpfee", || Told::Error(-32601, "Method not found"));
    let size = u64::try_from(old.vsize()).unwrap();
    assert!(why(bumped(&bench, 2, old.compute_txid(), r#",{"fee_rate":15}"#).await).contains("higher `fee_rate`"));
    let asked = bumped(&bench, 2, old.compute_txid(), r#",{"fee_rate":50}"#).await.unwrap();
    assert_eq!(asked.cost.fee, Amount::new((50 * size).into()));
    // The node thinks that 10 satoshi suffice, which is less than what is paid already.
    let least = bumped(&bench, 3, old.compute_txid(), "").await.unwrap();
    assert_eq!(least.cost.fee, Amount::new((2000 + size).into()));
    assert!(matches!(bench.send(&least).await, SendOutcome::Sent { .. }));
}

#[tokio::test]
async fn a_transaction_that_was_made_as_final_is_not_replaced() {
    let bench = bench(&[BTC, BTC]).await;
    bench.planned(1, 5_000_000).await.unwrap();
    // Made here of the other coin, as one that is not replaced.
    let hold = bench.planned(2, 5_000_000).await.unwrap();
    bench.send(&hold).await;
    let made = bench.node.state().broadcast[0].clone();
    assert!(why(bumped(&bench, 3, made.compute_txid(), "").await).contains("`replaceable`"));
}
