use bitcoin::OutPoint;
use proptest::prelude::*;

use super::*;
use crate::Operation;
use crate::bitcoin::change::Verdict;
use crate::bitcoin::fixtures::{CHANGE, Key, Kind, call, coin, coins, transaction};
use crate::bitcoin::{Spend, classify};

const PAID: u64 = 100_000;
const SPENT: u64 = 200_000;
const FEE: u64 = 300;

fn payee() -> Key {
    Key::new(1)
}

fn change() -> ScriptBuf {
    Key::new(2).script(Kind::Segwit)
}

fn verdicts() -> Verdicts {
    Verdicts::from([(change(), CHANGE)])
}

fn owned() -> Coins {
    coins(&[(1, SPENT, Key::new(3).script(Kind::Segwit)), (2, SPENT, Key::new(3).script(Kind::Legacy))])
}

fn asked(method: &str, params: &str) -> Wanted {
    match classify(Network::Regtest, &call(method, params)) {
        Operation::Spend(Spend::Make(wanted)) => wanted,
        other => panic!("{other:?}"),
    }
}

fn wanted(pays_fee: bool) -> Wanted {
    let address = payee().address(Kind::Segwit);
    asked("sendtoaddress", &format!(r#"["{address}",0.001,"","",{pays_fee}]"#))
}

fn build(paid: &[(u64, ScriptBuf)]) -> Transaction {
    transaction(&[1], paid)
}

fn judged(wanted: &Wanted, paid: &[(u64, ScriptBuf)]) -> Result<Payment, Forbidden> {
    Payment::of_wanted(wanted, &build(paid), &owned(), &verdicts())
}

fn to_payee() -> ScriptBuf {
    payee().script(Kind::Segwit)
}

#[test]
fn what_was_wanted_is_held_with_its_exact_fee_and_its_change() {
    let paid = [(SPENT - PAID - FEE, change()), (PAID, to_payee())];
    let payment = judged(&wanted(false), &paid).expect("a payment");
    assert_eq!(payment.coin.as_str(), "tbtc");
    assert_eq!(payment.fee, Units::new(FEE.into()));
    let [payee] = payment.payees.as_slice() else { panic!("one payee") };
    assert_eq!(
        (&*payee.address, payee.amount),
        (&*self::payee().address(Kind::Segwit).to_string(), Units::new(PAID.into()))
    );
    assert_eq!((payee.destination.family(), payee.destination.bytes()), ("bitcoin-testnet", to_payee().as_bytes()));
    assert_eq!(payment.change, [Change { script: change(), amount: Units::new((SPENT - PAID - FEE).into()) }]);
    assert_eq!(payment.unsigned, consensus::serialize(&build(&paid)));
    assert_eq!(payment.key, build(&paid).compute_txid());
}

#[test]
fn another_amount_another_payee_or_one_more_is_refused() {
    let rest = SPENT - PAID - FEE;
    let stranger = Key::new(9).script(Kind::Legacy);
    for paid in [
        vec![(PAID - 1, to_payee()), (rest, change())],
        vec![(PAID + 1, to_payee()), (rest, change())],
        vec![(PAID, stranger.clone()), (rest, change())],
        vec![(PAID, to_payee()), (rest, stranger.clone())],
        vec![(PAID, to_payee()), (rest - 1, change()), (1, stranger)],
        vec![(PAID, to_payee()), (PAID, to_payee())],
        vec![(PAID, to_payee()), (0, to_payee())],
        vec![(rest, change())],
        vec![(PAID, to_payee()), (0, ScriptBuf::new_op_return([1]))],
        vec![(PAID, to_payee()), (SPENT - PAID + 1, change())],
    ] {
        assert!(judged(&wanted(false), &paid).is_err(), "{paid:?}");
    }
}

#[test]
fn whoever_pays_the_fee_lacks_at_most_the_fee() {
    let lacks = |lacks: u64, fee: u64| {
        judged(&wanted(true), &[(PAID - lacks, to_payee()), (SPENT - PAID + lacks - fee, change())])
    };
    assert!(lacks(FEE, FEE).is_ok());
    assert!(lacks(FEE - 1, FEE).is_ok());
    assert!(lacks(0, FEE).is_ok());
    assert!(lacks(FEE + 1, FEE).is_err());
    assert!(judged(&wanted(true), &[(PAID + 1, to_payee()), (SPENT - PAID - 1 - FEE, change())]).is_err());
}

#[test]
fn several_who_pay_the_fee_lack_it_once_and_not_each() {
    let (one, two) = (payee().address(Kind::Segwit), payee().address(Kind::Legacy));
    let wanted = asked("sendmany", &format!(r#"["",{{"{one}":0.0005,"{two}":0.0005}},1,"",["{one}","{two}"]]"#));
    let paid = |lacks_one: u64, lacks_two: u64| {
        let change = (SPENT - PAID + lacks_one + lacks_two - FEE, change());
        [(50_000 - lacks_one, payee().script(Kind::Segwit)), (50_000 - lacks_two, payee().script(Kind::Legacy)), change]
    };
    assert!(judged(&wanted, &paid(FEE / 2, FEE / 2)).is_ok());
    assert!(judged(&wanted, &paid(FEE, FEE)).is_err());
}

#[test]
fn an_address_that_the_request_names_is_paid_though_the_node_calls_it_change() {
    let named = Key::new(2).address(Kind::Segwit);
    let wanted = asked("sendtoaddress", &format!(r#"["{named}",0.001]"#));
    let payment = judged(&wanted, &[(PAID, change())]).expect("a payment");
    assert_eq!((payment.payees.len(), payment.change.len()), (1, 0));
    assert!(judged(&wanted, &[(PAID, change()), (PAID - FEE, change())]).is_err(), "named change beside what is paid");
}

#[test]
fn what_the_node_only_watches_or_does_not_know_is_no_change() {
    let paid = [(PAID, to_payee()), (SPENT - PAID - FEE, change())];
    for verdict in [
        Verdict { is_watch_only: true, ..CHANGE },
        Verdict { is_mine: false, ..CHANGE },
        Verdict { is_solvable: false, ..CHANGE },
        Verdict { is_change: false, ..CHANGE },
    ] {
        let verdicts = Verdicts::from([(change(), verdict)]);
        assert!(Payment::of_wanted(&wanted(false), &build(&paid), &owned(), &verdicts).is_err(), "{verdict:?}");
        let raw = Payment::of_raw(Network::Regtest, &build(&paid), &owned(), &verdicts).expect("a payment");
        assert_eq!((raw.payees.len(), raw.change.len()), (2, 0), "{verdict:?}");
    }
    assert!(Payment::of_wanted(&wanted(false), &build(&paid), &owned(), &Verdicts::new()).is_err());
}

#[test]
fn a_sweep_leaves_nothing_behind() {
    let (one, two) = (payee().address(Kind::Segwit), payee().address(Kind::Legacy));
    let wanted = asked("sendall", &format!(r#"[["{one}",{{"{two}":0.0005}}]]"#));
    let all = vec![(OutPoint::new(coin(1).txid, 1), Amount::from_sat(SPENT))];
    let swept = wanted.swept(&all).expect("swept");
    let two = (50_000, payee().script(Kind::Legacy));
    let paid = [(SPENT - 50_000 - FEE, payee().script(Kind::Segwit)), two.clone()];
    let payment = judged(&swept, &paid).expect("a payment");
    assert_eq!(payment.payees.len(), 2);
    let less = [(100, payee().script(Kind::Segwit)), two, (SPENT - 50_100 - FEE, change())];
    assert!(judged(&swept, &less).is_err(), "the rest comes back");
    let anyhow = Wanted { may_add_inputs: true, ..wanted };
    assert_eq!(judged(&anyhow, &paid).expect_err("not shared out").why, Why::NotPriced);
    assert_eq!(judged(&anyhow, &less).expect_err("not shared out").why, Why::NotPriced);
}

#[test]
fn coins_that_were_named_are_spent_and_no_others() {
    let address = payee().address(Kind::Segwit);
    let named = coin(2);
    let options = format!(r#"{{"inputs":[{{"txid":"{}","vout":{}}}]}}"#, named.txid, named.vout);
    let wanted = asked("send", &format!(r#"[{{"{address}":0.001}},null,null,null,{options}]"#));
    let paid = [(PAID, to_payee()), (SPENT - PAID - FEE, change())];
    let of = |spent: &[u8], paid| Payment::of_wanted(&wanted, &transaction(spent, paid), &owned(), &verdicts());
    assert!(of(&[2], &paid).is_ok());
    assert!(of(&[1], &paid).is_err());
    assert!(of(&[1, 2], &[(PAID, to_payee()), (2 * SPENT - PAID - FEE, change())]).is_err());
}

#[test]
fn a_coin_of_somebody_else_makes_a_transaction_that_is_not_priced() {
    let foreign = transaction(&[1, 7], &[(PAID, to_payee())]);
    let refused = Payment::of_raw(Network::Regtest, &foreign, &owned(), &verdicts()).expect_err("foreign");
    assert_eq!(refused.why, Why::NotPriced);
}

#[test]
fn a_signed_transaction_is_the_same_spend_as_before_it_was_signed() {
    let key = Key::new(3);
    let unsigned = transaction(&[1, 2], &[(PAID, to_payee()), (2 * SPENT - PAID - FEE, change())]);
    let mut signed = unsigned.clone();
    key.sign(&mut signed, 0, Kind::Segwit, &owned(), 1);
    key.sign(&mut signed, 1, Kind::Legacy, &owned(), 1);
    let of = |made| Payment::of_raw(Network::Regtest, made, &owned(), &verdicts());
    assert_eq!(of(&signed), of(&unsigned));
}

#[test]
fn a_replacement_pays_the_same_people_the_same() {
    let old = build(&[(PAID, to_payee()), (SPENT - PAID - FEE, change())]);
    let of = |spent: &[u8], paid: &[(u64, ScriptBuf)]| {
        Payment::of_replacement(Network::Regtest, &old, &transaction(spent, paid), &owned(), &verdicts())
    };
    let higher = of(&[1], &[(PAID, to_payee()), (SPENT - PAID - 2 * FEE, change())]).expect("a payment");
    assert_eq!((higher.fee, higher.payees.len()), (Units::new(u128::from(2 * FEE)), 1));
    assert!(of(&[1, 2], &[(2 * SPENT - PAID - 2 * FEE, change()), (PAID, to_payee())]).is_ok());
    assert!(of(&[1], &[(PAID, to_payee())]).is_ok(), "all change became fee");
    assert!(of(&[2], &[(PAID, to_payee()), (SPENT - PAID - 2 * FEE, change())]).is_err(), "both would count");
    assert!(of(&[1], &[(PAID - 1, to_payee()), (SPENT - PAID - 2 * FEE, change())]).is_err());
    assert!(of(&[1], &[(PAID, Key::new(9).script(Kind::Segwit)), (SPENT - PAID - 2 * FEE, change())]).is_err());
    assert!(of(&[1], &[(SPENT - 2 * FEE, change())]).is_err());
}

proptest! {
    #[test]
    fn what_differs_in_one_output_or_one_satoshi_is_refused_and_nothing_is_lost(
        paid in 0..SPENT, back in 0..SPENT, wants in 0..SPENT, pays_fee: bool,
    ) {
        let address = payee().address(Kind::Segwit);
        let amount = crate::bitcoin::amount::write(Amount::from_sat(wants));
        let wanted = asked("sendtoaddress", &format!(r#"["{address}",{amount},"","",{pays_fee}]"#));
        let judged = judged(&wanted, &[(paid, to_payee()), (back, change())]);
        let fee = SPENT.checked_sub(paid + back);
        let right = fee.is_some_and(|fee| paid == wants || (pays_fee && paid < wants && wants - paid <= fee));
        prop_assert_eq!(judged.is_ok(), right);
        if let Ok(payment) = judged {
            let sum = payment.payees.iter().map(|payee| payee.amount).chain(payment.change.iter().map(|back| back.amount));
            let sum = sum.chain([payment.fee]).fold(Units::ZERO, |sum, part| sum.checked_add(part).expect("small"));
            prop_assert_eq!(sum, Units::new(SPENT.into()));
        }
    }
}
