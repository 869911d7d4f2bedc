mod bump;
mod double;
mod watch;

use bitcoin::{Amount as Satoshi, Transaction, TxOut, Txid};
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::{Cost, Hold, Recipient};
use bursar_core::id::HoldId;
use bursar_rails::bitcoin::build::Software;
use bursar_rails::jsonrpc::{Call, Calls};
use bursar_service::rail::{CallMeaning, Memory as _, RailError, SendOutcome};

use self::double::{Double, Told, coin};
use super::*;
use crate::fixtures;
use crate::notes::Notes;
use crate::tls::Trust;

const STRANGER: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const OTHER: &str = "bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202";
const BTC: u64 = 100_000_000;

struct Bench {
    rail: BitcoinRail,
    node: Double,
    notes: Notes,
}

async fn bench(coins: &[u64]) -> Bench {
    let (node, url) = Double::start(coins).await;
    let rate = |satoshi: u64| FeeRate::per_1000_bytes(satoshi * 1000);
    let settings = Settings {
        network: Network::Regtest,
        software: Software::Core,
        url,
        wallet_url: None,
        trust: Trust::public().unwrap(),
        fees: FeeCeiling { per_spend: Amount::new(100_000), per_day: Amount::new(1_000_000) },
        rates: Rates { ceiling: rate(100), fallback: rate(10) },
        confirmations: 3,
    };
    Bench { rail: BitcoinRail::new(settings).unwrap(), node, notes: Notes::default() }
}

fn tbtc() -> Coin {
    Coin::parse("tbtc").unwrap()
}

fn to(address: &str, amount: u64) -> Recipient {
    Recipient { address: address.to_owned(), amount: Amount::new(amount.into()) }
}

fn script(address: &str) -> bitcoin::ScriptBuf {
    Network::Regtest.address(address).unwrap().script
}

fn refused_as(outcome: &SendOutcome) -> &str {
    match outcome {
        SendOutcome::Refused { reason } => reason,
        other => panic!("{other:?}"),
    }
}

impl Bench {
    async fn planned(&self, number: u8, amount: u64) -> Result<Hold, RailError> {
        let id = HoldId::from_bytes([number; 16]);
        let recipients = [to(STRANGER, amount)];
        let plan = self.rail.plan("treasury", &tbtc(), &recipients, id).await?;
        Ok(self.hold(id, &recipients, plan))
    }

    fn hold(&self, id: HoldId, recipients: &[Recipient], plan: Plan) -> Hold {
        let payees = self.rail.payees(&tbtc(), recipients).unwrap();
        let amount = payees.iter().fold(plan.fee, |sum, payee| sum.saturating_add(payee.amount));
        let cost = Cost { coin: tbtc(), amount, fee_coin: tbtc(), fee: plan.fee };
        fixtures::hold(id, payees, cost, plan.instruction)
    }

    async fn send(&self, hold: &Hold) -> SendOutcome {
        self.rail.carry_out("treasury", hold, &self.notes).await
    }

    async fn look(&self, hold: &Hold) -> SendOutcome {
        self.rail.reconcile(hold, &self.notes).await
    }

    fn fault(&self, method: &'static str, mut told: impl FnMut() -> Told + Send + 'static) {
        self.node.state().fault = Box::new(move |asked| (asked == method).then(&mut told));
    }

    fn heal(&self) {
        self.node.state().fault = Box::new(|_| None);
    }

    fn know(&self, transaction: &Transaction, depth: i64, conflicts: Vec<Txid>) {
        let txid = transaction.compute_txid();
        self.node.state().known.insert(txid, (transaction.clone(), depth, conflicts));
    }
}

#[tokio::test]
async fn what_is_held_is_what_is_signed_and_captured_when_it_is_deep_enough() {
    let bench = bench(&[BTC]).await;
    let hold = bench.planned(1, 5_000_000).await.unwrap();
    assert_eq!(hold.cost.fee, Amount::new(2000));
    let SendOutcome::Sent { reference } = bench.send(&hold).await else { panic!("not sent") };
    let sent = bench.node.state().broadcast[0].clone();
    assert_eq!(sent.compute_txid().to_string(), reference);
    assert_eq!(sent.output[0], TxOut { value: Satoshi::from_sat(5_000_000), script_pubkey: script(STRANGER) });
    for (depth, is_final) in [(0, false), (1, false), (2, false), (3, true)] {
        bench.know(&sent, depth, Vec::new());
        let done = SendOutcome::Done { reference: reference.clone(), fee: Amount::new(2000) };
        let expected = if is_final { done } else { SendOutcome::Sent { reference: reference.clone() } };
        assert_eq!(bench.look(&hold).await, expected, "{depth}");
    }
    assert_eq!(bench.rail.sent(hold.id, &bench.notes), Ok(Some(reference)));
}

#[tokio::test]
async fn a_node_that_builds_something_else_is_not_followed() {
    let bench = bench(&[BTC]).await;
    bench.node.state().adds = vec![TxOut { value: Satoshi::from_sat(10_000), script_pubkey: script(OTHER) }];
    assert!(matches!(bench.planned(1, 5_000_000).await, Err(RailError::Refused(_))));
    bench.node.state().adds.clear();
    // What it calls no change is somebody else's.
    bench.node.state().is_change = false;
    assert!(matches!(bench.planned(2, 5_000_000).await, Err(RailError::Refused(_))));
    bench.node.state().is_change = true;
    bench.node.state().fee = Satoshi::from_sat(1_000_000);
    assert!(matches!(bench.planned(3, 5_000_000).await, Err(RailError::Refused(_))), "a fee above the ceiling");
    assert_eq!(bench.node.asked("signrawtransactionwithwallet"), 0);
}

#[tokio::test]
async fn a_node_that_signs_something_else_broadcasts_nothing() {
    let bench = bench(&[BTC]).await;
    let hold = bench.planned(1, 5_000_000).await.unwrap();
    let step = plan::read(Network::Regtest, &hold).unwrap();
    let mut other = step.unsigned.transaction().clone();
    other.output[0].value = Satoshi::from_sat(6_000_000);
    bench.node.state().signs = Some(other);
    let outcome = bench.send(&hold).await;
    assert!(refused_as(&outcome).contains("not the transaction that is held"), "{outcome:?}");
    assert_eq!(bench.node.asked("sendrawtransaction"), 0);
    assert_eq!(bench.notes.read(&sent::note(hold.id)), Ok(None));
}

#[tokio::test]
async fn a_plan_that_says_something_else_than_what_is_held_is_not_carried_out() {
    let bench = bench(&[BTC]).await;
    let hold = bench.planned(1, 5_000_000).await.unwrap();
    let mut wrong = vec![hold.clone(), hold.clone(), hold.clone(), hold.clone(), hold.clone()];
    wrong[0].payees[0].amount = Amount::new(4_999_999);
    wrong[1].payees = bench.rail.payees(&tbtc(), &[to(OTHER, 5_000_000)]).unwrap();
    wrong[2].cost.fee = Amount::new(1999);
    wrong[3].id = HoldId::from_bytes([2; 16]);
    wrong[4].instruction.pop();
    for wrong in wrong {
        refused_as(&bench.send(&wrong).await);
    }
    assert_eq!(bench.node.asked("signrawtransactionwithwallet"), 0);
}

#[tokio::test]
async fn a_lost_answer_leaves_it_held_until_the_chain_says() {
    let bench = bench(&[BTC]).await;
    let hold = bench.planned(1, 5_000_000).await.unwrap();
    bench.fault("sendrawtransaction", || Told::Lost);
    assert!(matches!(bench.send(&hold).await, SendOutcome::Unknown { .. }));
    let sent = bench.node.state().broadcast[0].clone();
    // Nobody can be asked: it is signed, and counts.
    bench.fault("gettransaction", || Told::Garbage);
    assert!(matches!(bench.look(&hold).await, SendOutcome::Unseen { .. }));
    bench.heal();
    bench.know(&sent, 3, Vec::new());
    assert!(matches!(bench.look(&hold).await, SendOutcome::Done { .. }));
    assert_eq!(bench.node.asked("signrawtransactionwithwallet"), 1);
}

#[tokio::test]
async fn what_the_node_dropped_is_broadcast_again_and_what_it_has_is_not() {
    let bench = bench(&[BTC]).await;
    let hold = bench.planned(1, 5_000_000).await.unwrap();
    bench.send(&hold).await;
    let sent = bench.node.state().broadcast[0].clone();
    bench.know(&sent, 0, Vec::new());
    bench.look(&hold).await;
    assert_eq!(bench.node.state().broadcast, [sent.clone(), sent.clone()]);
    bench.fault("getmempoolentry", || Told::Result("{}".to_owned()));
    assert!(matches!(bench.look(&hold).await, SendOutcome::Sent { .. }));
    assert_eq!(bench.node.asked("sendrawtransaction"), 2);
    assert_eq!(bench.node.asked("signrawtransactionwithwallet"), 1);
}

#[tokio::test]
async fn what_was_never_signed_is_written_off_first_and_then_given_back() {
    let bench = bench(&[BTC]).await;
    let hold = bench.planned(1, 5_000_000).await.unwrap();
    assert_eq!(refused_as(&bench.look(&hold).await), "it was never signed");
    assert_eq!(bench.rail.may_still_move(&hold, &bench.notes).await, Ok(None));
    // A send that was on its way all the while.
    assert_eq!(refused_as(&bench.send(&hold).await), "it was given up before it was signed");
    assert_eq!(bench.node.asked("sendrawtransaction"), 0);
}

#[tokio::test]
async fn what_was_given_back_is_not_signed_after_its_note_was_let_go_of() {
    let bench = bench(&[BTC]).await;
    let hold = bench.planned(1, 5_000_000).await.unwrap();
    assert_eq!(refused_as(&bench.look(&hold).await), "it was never signed");
    bench.rail.forget(hold.id, &bench.notes).await.unwrap();
    assert_eq!(refused_as(&bench.send(&hold).await), "it was given up before it was signed");
    assert_eq!(bench.node.asked("signrawtransactionwithwallet"), 0);
}

#[tokio::test]
async fn what_the_node_takes_only_later_stays_held_until_then_and_is_captured() {
    let bench = bench(&[BTC]).await;
    let hold = bench.planned(1, 5_000_000).await.unwrap();
    bench.fault("sendrawtransaction", || Told::Error(-26, "mempool min fee not met"));
    assert!(matches!(bench.send(&hold).await, SendOutcome::Unknown { .. }));
    let signed = bench.node.state().broadcast[0].clone();
    for _ in 0..3 {
        assert!(matches!(bench.look(&hold).await, SendOutcome::Unknown { .. }), "held, and offered again");
        let problem = bench.rail.may_still_move(&hold, &bench.notes).await.unwrap().unwrap();
        assert!(problem.contains("may be mined as long as its coins are not spent otherwise"), "{problem}");
    }
    bench.heal();
    assert!(matches!(bench.look(&hold).await, SendOutcome::Sent { .. }));
    assert_eq!(bench.node.state().broadcast, vec![signed.clone(); 5], "always the same bytes");
    bench.know(&signed, 3, Vec::new());
    assert!(matches!(bench.look(&hold).await, SendOutcome::Done { .. }));
    assert_eq!(bench.node.asked("signrawtransactionwithwallet"), 1);
}

#[tokio::test]
async fn a_node_that_does_not_sign_or_answers_garbage_moves_nothing() {
    let bench = bench(&[BTC]).await;
    for method in ["listunspent", "fundrawtransaction", "getaddressinfo", "estimatesmartfee"] {
        bench.fault(method, || Told::Garbage);
        assert!(matches!(bench.planned(1, 5_000_000).await, Err(RailError::Unavailable(_))), "{method}");
        bench.fault(method, || Told::Result("[{}]".to_owned()));
        let strange = bench.planned(1, 5_000_000).await;
        assert!(strange.is_err() || method == "estimatesmartfee", "{method}");
        bench.rail.give_up(HoldId::from_bytes([1; 16]));
    }
    bench.heal();
    let hold = bench.planned(2, 5_000_000).await.unwrap();
    bench.fault("signrawtransactionwithwallet", || Told::Error(-13, "the wallet is locked"));
    assert_eq!(refused_as(&bench.send(&hold).await), "the wallet is locked");
    for silent in [|| Told::Lost, || Told::Garbage] {
        bench.fault("signrawtransactionwithwallet", silent);
        let outcome = bench.send(&hold).await;
        assert!(matches!(outcome, SendOutcome::NotSent { .. }), "{outcome:?}");
    }
    assert_eq!(bench.notes.read(&sent::note(hold.id)), Ok(None));
    assert_eq!(bench.node.asked("sendrawtransaction"), 0);
}

#[tokio::test]
async fn a_spend_is_given_back_when_another_with_its_coin_is_final_and_never_before() {
    let bench = bench(&[BTC]).await;
    let hold = bench.planned(1, 5_000_000).await.unwrap();
    bench.fault("sendrawtransaction", || Told::Error(-25, "bad-txns-inputs-missingorspent"));
    assert!(matches!(bench.send(&hold).await, SendOutcome::Unknown { .. }), "it may be spent by this very one");
    let sent = bench.node.state().broadcast[0].clone();
    assert!(matches!(bench.look(&hold).await, SendOutcome::Unknown { .. }));
    let mut other = sent.clone();
    other.output.truncate(1);
    for is_known in [false, true] {
        if is_known {
            bench.know(&sent, -3, vec![other.compute_txid()]);
        }
        for depth in [0, 1, 2] {
            bench.know(&other, depth, Vec::new());
            let outcome = bench.look(&hold).await;
            assert!(!matches!(outcome, SendOutcome::Refused { .. } | SendOutcome::Done { .. }), "{outcome:?}");
        }
        bench.know(&other, 3, Vec::new());
        assert!(refused_as(&bench.look(&hold).await).contains("which is final"));
    }
}

#[tokio::test]
async fn the_same_payment_under_another_txid_is_no_other_payment() {
    let bench = bench(&[BTC]).await;
    let hold = bench.planned(1, 5_000_000).await.unwrap();
    bench.send(&hold).await;
    let mut twin = bench.node.state().broadcast[0].clone();
    twin.input[0].script_sig = bitcoin::ScriptBuf::from_bytes(vec![0x51]);
    bench.know(&twin, 3, Vec::new());
    let expected = SendOutcome::Done { reference: twin.compute_txid().to_string(), fee: hold.cost.fee };
    assert_eq!(bench.look(&hold).await, expected);
}

#[tokio::test]
async fn two_plans_never_take_one_coin() {
    let bench = bench(&[BTC, BTC]).await;
    let one = bench.planned(1, 5_000_000).await.unwrap();
    // The node would take the first coin again; it is made here of the other.
    let two = bench.planned(2, 5_000_000).await.unwrap();
    let spent = |hold: &Hold| plan::read(Network::Regtest, hold).unwrap().coins.into_keys().collect::<Vec<_>>();
    assert_eq!((spent(&one), spent(&two)), (vec![coin(1)], vec![coin(2)]));
    assert!(matches!(bench.planned(3, 5_000_000).await, Err(RailError::Refused(_))));
    bench.rail.give_up(one.id);
    let three = bench.planned(3, 5_000_000).await.unwrap();
    assert_eq!(spent(&three), vec![coin(1)]);
    // The first one was given up, and signs nothing any more.
    refused_as(&bench.send(&one).await);
    assert_eq!(bench.node.asked("signrawtransactionwithwallet"), 0);
}

#[tokio::test]
async fn a_second_send_of_one_hold_signs_and_broadcasts_no_other() {
    let bench = bench(&[BTC]).await;
    let hold = bench.planned(1, 5_000_000).await.unwrap();
    assert!(matches!(bench.send(&hold).await, SendOutcome::Sent { .. }));
    // Its coins are spent by then, so that the node would sign nothing any more.
    bench.fault("signrawtransactionwithwallet", || Told::Error(-25, "Input not found or already spent"));
    assert!(matches!(bench.send(&hold).await, SendOutcome::Unknown { .. }));
    assert_eq!(bench.node.asked("sendrawtransaction"), 1);
}

#[tokio::test]
async fn a_node_of_another_network_is_not_used() {
    let bench = bench(&[]).await;
    assert_eq!(bench.rail.is_usable().await, Ok(()));
    bench.fault("getblockchaininfo", || Told::Result(r#"{"chain":"main"}"#.to_owned()));
    assert!(matches!(bench.rail.is_usable().await, Err(RailError::Unavailable(_))));
}

#[tokio::test]
async fn a_rail_in_front_of_software_that_it_was_never_run_against_says_so() {
    let bench = bench(&[]).await;
    assert_eq!(bench.rail.caveat(), Some("tested with Bitcoin Knots 29, not with Bitcoin Core itself"));
    let url = || Secret::new("http://127.0.0.1:1".to_owned());
    let node =
        Wallets::new(Network::Regtest, Software::Bcoin, &url(), Some(&url()), &Trust::public().unwrap()).unwrap();
    assert!(!node.is_core());
}

fn call(method: &str, params: &str) -> Calls {
    Calls::read(format!(r#"{{"method":"{method}","id":1,"params":{params}}}"#).as_bytes()).unwrap()
}

#[tokio::test]
async fn what_is_wrong_with_a_spend_is_told_of_the_parameter_that_said_it() {
    let bench = bench(&[]).await;
    let parameter = |method: &str, field| {
        let Calls::One(call) = call(method, "[]") else { panic!("one call") };
        bench.rail.parameter(&call, field)
    };
    assert_eq!(parameter("sendtoaddress", "recipients"), "address");
    assert_eq!(parameter("sendtoaddress", "amount"), "amount");
    for field in ["recipients", "address", "amount"] {
        assert_eq!(parameter("sendmany", field), "amounts");
        assert_eq!(parameter("send", field), "outputs");
        assert_eq!(parameter("sendrawtransaction", field), "hexstring");
    }
    assert_eq!(parameter("sendmany", "coin"), "coin", "what is no recipient keeps its name");
}

#[tokio::test]
async fn a_call_that_could_mean_several_wallets_means_none() {
    let bench = bench(&[]).await;
    let calls = call("sendtoaddress", &format!(r#"["{STRANGER}",0.1]"#));
    let of = |wallets: &[&str]| {
        let wallets: Vec<_> = wallets.iter().map(|name| (*name).to_owned()).collect();
        bench.rail.meanings(&calls, &wallets, &Notes::default())
    };
    assert!(of(&["one", "two"]).is_err());
    let CallMeaning::Spend(wanted) = of(&["one"]).unwrap().remove(0) else { panic!("a spend") };
    assert_eq!(wanted.reference, "one");
    assert_eq!(wanted.recipients, [to(STRANGER, BTC / 10)]);
}

#[tokio::test]
async fn calls_that_differ_in_what_is_paid_or_for_what_differ_in_meaning() {
    let bench = bench(&[]).await;
    let wallets = ["one".to_owned()];
    let meaning = |params: String| match bench
        .rail
        .meanings(&call("sendtoaddress", &params), &wallets, &Notes::default())
        .unwrap()
        .remove(0)
    {
        CallMeaning::Spend(wanted) => wanted.meaning,
        other => panic!("{other:?}"),
    };
    let all: Vec<_> = [
        format!(r#"["{STRANGER}",0.1]"#),
        format!(r#"["{STRANGER}",0.2]"#),
        format!(r#"["{OTHER}",0.1]"#),
        format!(r#"["{STRANGER}",0.1,"","",true]"#),
        format!(r#"{{"address":"{STRANGER}","amount":0.1,"fee_rate":5}}"#),
    ]
    .into_iter()
    .map(meaning)
    .collect();
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[tokio::test]
async fn whoever_pays_the_fee_is_told_by_the_plan() {
    let bench = bench(&[BTC, BTC]).await;
    // The node's own building does not take the fee from anybody here: the coin it takes is in another spend.
    bench.planned(1, 5_000_000).await.unwrap();
    let Calls::One(call) = call("sendtoaddress", &format!(r#"["{STRANGER}",0.1,"","",true]"#)) else { panic!("one") };
    let id = HoldId::from_bytes([2; 16]);
    let (plan, recipients) = plan_for(&bench, &call, id).await.unwrap();
    let got = recipients[0].amount;
    assert_eq!(got.saturating_add(plan.fee), Amount::new((BTC / 10).into()));
    let hold = bench.hold(id, &recipients, plan);
    assert!(matches!(bench.send(&hold).await, SendOutcome::Sent { .. }));
}

async fn plan_for(bench: &Bench, call: &Call, id: HoldId) -> Result<(Plan, Vec<Recipient>), RailError> {
    bench.rail.plan_call("treasury", call, id, &bench.notes).await
}
