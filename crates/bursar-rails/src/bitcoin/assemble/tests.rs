use proptest::prelude::*;

use super::*;
use crate::Operation;
use crate::bitcoin::change::Verdicts;
use crate::bitcoin::fixtures::{CHANGE, KINDS, Key, Kind, call, coin, coins};
use crate::bitcoin::network::Network;
use crate::bitcoin::payment::Payment;
use crate::bitcoin::{Spend, classify};

const RATE: FeeRate = FeeRate::per_1000_bytes(2_000);

fn asked(method: &str, params: &str) -> Wanted {
    match classify(Network::Regtest, &call(method, params)) {
        Operation::Spend(Spend::Make(wanted)) => wanted,
        other => panic!("{other:?}"),
    }
}

fn wanted(rest: &str) -> Wanted {
    let address = Key::new(1).address(Kind::Segwit);
    asked("sendtoaddress", &format!(r#"{{"address":"{address}","amount":0.001{rest}}}"#))
}

fn change() -> ScriptBuf {
    Key::new(2).script(Kind::Segwit)
}

fn owned(worth: &[u64]) -> Coins {
    let script = Key::new(3).script(Kind::Segwit);
    let one = |(number, value): (u8, &u64)| (number, *value, script.clone());
    coins(&(1..).zip(worth).map(one).collect::<Vec<_>>())
}

fn judged(wanted: &Wanted, coins: &Coins, made: &Transaction) -> Payment {
    let verdicts = Verdicts::from([(change(), CHANGE)]);
    Payment::of_wanted(wanted, made, coins, &verdicts).expect("what was wanted")
}

fn sum(made: &Transaction) -> u64 {
    made.output.iter().map(|output| output.value.to_sat()).sum()
}

#[test]
fn greater_coins_are_spent_first_and_only_as_many_as_are_needed() {
    let coins = owned(&[50_000, 90_000, 70_000, 10_000]);
    let made = assemble(&wanted(""), &coins, &change(), RATE).expect("made");
    let spent: Vec<_> = made.input.iter().map(|input| input.previous_output).collect();
    assert_eq!(spent, [coin(2), coin(3)]);
    let payment = judged(&wanted(""), &coins, &made);
    assert_eq!((payment.payees.len(), payment.change.len()), (1, 1));
    assert!(!made.is_explicitly_rbf());
    assert!(assemble(&wanted(r#","replaceable":true"#), &coins, &change(), RATE).expect("made").is_explicitly_rbf());
}

#[test]
fn the_fee_is_that_of_the_signed_transaction() {
    for kind in KINDS {
        let key = Key::new(3);
        let coins = coins(&[(1, 60_000, key.script(kind)), (2, 60_000, key.script(kind))]);
        let mut made = assemble(&wanted(""), &coins, &change(), RATE).expect("made");
        let fee = 120_000 - sum(&made);
        for place in [0, 1] {
            key.sign(&mut made, place, kind, &coins, 1);
        }
        let size = u64::try_from(made.vsize()).expect("small");
        assert!(fee >= 2 * size && fee <= 2 * (size + 4), "{kind:?}: {fee} for {size}");
    }
}

#[test]
fn change_that_could_not_be_spent_again_is_left_to_miners() {
    let coins = owned(&[100_000 + 400]);
    let made = assemble(&wanted(""), &coins, &change(), RATE).expect("made");
    assert_eq!((made.output.len(), sum(&made)), (1, 100_000));
    judged(&wanted(""), &coins, &made);
}

#[test]
fn whoever_pays_the_fee_gets_the_less() {
    let wanted = wanted(r#","subtractfeefromamount":true"#);
    for worth in [&[100_000][..], &[100_100], &[150_000], &[60_000, 60_000]] {
        let coins = owned(worth);
        let made = assemble(&wanted, &coins, &change(), RATE).expect("made");
        assert!(made.output[0].value < Amount::from_sat(100_000), "{worth:?}");
        judged(&wanted, &coins, &made);
    }
}

#[test]
fn a_sweep_spends_every_coin() {
    let address = Key::new(1).address(Kind::Legacy);
    let coins = owned(&[5_000, 7_000, 600]);
    let worth: Vec<_> = coins.iter().map(|(coin, output)| (*coin, output.value)).collect();
    let swept = asked("sendall", &format!(r#"[["{address}"]]"#)).swept(&worth).expect("swept");
    let made = assemble(&swept, &coins, &change(), RATE).expect("made");
    assert_eq!((made.input.len(), made.output.len()), (3, 1));
    judged(&swept, &coins, &made);
}

#[test]
fn what_does_not_suffice_is_refused() {
    let refused = |worth: &[u64]| assemble(&wanted(""), &owned(worth), &change(), RATE).expect_err("refused").detail;
    assert!(refused(&[]).contains("worth less"));
    assert!(refused(&[100_000]).contains("worth less"));
    assert!(refused(&[50_000, 50_100]).contains("worth less"));
    let named = Key::new(1).script(Kind::Segwit);
    assert!(assemble(&wanted(""), &owned(&[200_000]), &named, RATE).is_err(), "change to the payee");
    let tiny = asked("sendtoaddress", &format!(r#"["{}",0.000004,"","",true]"#, Key::new(1).address(Kind::Segwit)));
    assert!(assemble(&tiny, &owned(&[200_000]), &change(), RATE).expect_err("dust").detail.contains("next to nothing"));
    let bare = coins(&[(1, 200_000, ScriptBuf::from_bytes(vec![0x51]))]);
    assert!(assemble(&wanted(""), &bare, &change(), RATE).is_err(), "anyone can spend it");
}

proptest! {
    #[test]
    fn whatever_is_made_is_what_was_wanted(
        worth in prop::collection::vec(1_u64..200_000, 0..12), rate in 0_u64..50_000, pays_fee: bool,
    ) {
        let wanted = wanted(if pays_fee { r#","subtractfeefromamount":true"# } else { "" });
        let coins = owned(&worth);
        if let Ok(made) = assemble(&wanted, &coins, &change(), FeeRate::per_1000_bytes(rate)) {
            judged(&wanted, &coins, &made);
            let weight = made.weight().to_vbytes_ceil();
            let spent: u64 = made.input.iter().map(|input| coins[&input.previous_output].value.to_sat()).sum();
            prop_assert!(spent - sum(&made) >= FeeRate::per_1000_bytes(rate).fee(weight).expect("small").to_sat());
        }
    }
}
