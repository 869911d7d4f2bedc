use super::*;
use crate::Operation;
use crate::bitcoin::fixtures::{Key, Kind, call, coin, coins, json, transaction};
use crate::bitcoin::network::Network;
use crate::bitcoin::{Spend, classify};

const ONE: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const TWO: &str = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";

fn asked(method: &str, params: &str) -> Spend {
    match classify(Network::Regtest, &call(method, params)) {
        Operation::Spend(spend) => spend,
        other => panic!("{other:?}"),
    }
}

fn wanted(method: &str, params: &str) -> Wanted {
    match asked(method, params) {
        Spend::Make(wanted) => wanted,
        other => panic!("{other:?}"),
    }
}

fn id() -> Json {
    Json::Number("7".into())
}

fn params(call: &Call) -> String {
    call.to_json().get("params").expect("params").to_string()
}

#[test]
fn a_transaction_is_created_and_funded_in_two_steps() {
    let wanted = wanted("sendmany", &format!(r#"["",{{"{ONE}":0.1,"{TWO}":2}},1,"",["{TWO}"],true,null,null,1.5]"#));
    let created = create_raw_transaction(&wanted, Software::Core, id()).expect("a call");
    assert_eq!(&*created.method, "createrawtransaction");
    assert_eq!(params(&created), format!(r#"[[],{{"{ONE}":0.10000000,"{TWO}":2.00000000}},0,true]"#));
    let funded = fund_raw_transaction(&wanted, &json(r#""0200""#), Software::Core, id()).expect("a call");
    assert_eq!(
        params(&funded),
        r#"["0200",{"add_inputs":true,"lockUnspents":false,"subtractFeeFromOutputs":[1],"replaceable":true,"fee_rate":1.500}]"#
    );
    assert!(fund_raw_transaction(&wanted, &Json::Null, Software::Core, id()).is_err());
}

#[test]
fn a_partly_signed_transaction_is_created_and_funded_in_one() {
    let wanted = wanted("send", &format!(r#"[{{"{ONE}":0.1}},6,"economical"]"#));
    let call = create_funded_psbt(&wanted, id()).expect("a call");
    assert_eq!(&*call.method, "walletcreatefundedpsbt");
    assert_eq!(
        params(&call),
        format!(
            r#"[[],[{{"{ONE}":0.10000000}}],0,{{"add_inputs":true,"lockUnspents":false,"conf_target":6,"estimate_mode":"economical"}}]"#
        )
    );
}

#[test]
fn bcoin_is_asked_for_what_it_can_only() {
    let simple =
        wanted("sendtoaddress", &format!(r#"{{"address":"{ONE}","amount":1,"fee_rate":2.5,"replaceable":false}}"#));
    let created = create_raw_transaction(&simple, Software::Bcoin, id()).expect("a call");
    assert_eq!(params(&created), format!(r#"[[],{{"{ONE}":1.00000000}}]"#));
    let fund = |wanted: &Wanted| fund_raw_transaction(wanted, &json(r#""00""#), Software::Bcoin, id());
    assert_eq!(params(&fund(&simple).expect("a call")), r#"["00",{"feeRate":0.00002500}]"#);
    for rest in [r#""subtractfeefromamount":true"#, r#""conf_target":2"#, r#""replaceable":true"#] {
        let wanted = wanted("sendtoaddress", &format!(r#"{{"address":"{ONE}","amount":1,{rest}}}"#));
        assert_eq!(fund(&wanted).expect_err(rest).why, Why::NotSupported);
    }
}

#[test]
fn the_rest_is_shared_out_to_the_satoshi() {
    let all =
        wanted("sendall", &format!(r#"[["{ONE}","{TWO}",{{"2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc":0.00000010}}]]"#));
    assert!(create_raw_transaction(&all, Software::Core, id()).is_err());
    assert!(create_funded_psbt(&all, id()).is_err());
    let worth = |satoshi: &[u64]| -> Vec<_> {
        (1..).zip(satoshi).map(|(number, value)| (coin(number), Amount::from_sat(*value))).collect()
    };
    let swept = all.swept(&worth(&[100, 111])).expect("swept");
    let shares: Vec<_> = swept.outputs.iter().map(|output| output.share).collect();
    let exactly = |satoshi| Share::Exactly(Amount::from_sat(satoshi));
    assert_eq!(shares, [exactly(101), exactly(100), exactly(10)]);
    assert_eq!((swept.inputs, swept.may_add_inputs), (vec![coin(1), coin(2)], false));
    assert!(all.swept(&worth(&[9])).is_err());
    assert!(all.swept(&[]).is_err());
}

#[test]
fn a_sweep_of_named_coins_spends_those() {
    let named = coin(2);
    let options = format!(r#"{{"inputs":[{{"txid":"{}","vout":{}}}]}}"#, named.txid, named.vout);
    let all = wanted("sendall", &format!(r#"[["{ONE}"],null,null,null,{options}]"#));
    let coins = [(coin(1), Amount::from_sat(5)), (named, Amount::from_sat(7))];
    let swept = all.swept(&coins).expect("swept");
    assert_eq!((swept.inputs.as_slice(), swept.outputs[0].share), (&[named][..], Share::Exactly(Amount::from_sat(7))));
    assert!(all.swept(&coins[..1]).is_err());
}

#[test]
fn a_bump_asks_for_what_is_not_signed() {
    let txid = coin(1).txid;
    let Spend::Bump(bump) = asked("bumpfee", &format!(r#"["{txid}",{{"fee_rate":3}}]"#)) else { panic!("a bump") };
    let call = bump_fee(&bump, id());
    assert_eq!(&*call.method, "psbtbumpfee");
    assert_eq!(params(&call), format!(r#"["{txid}",{{"fee_rate":3.000}}]"#));
}

#[test]
fn what_the_node_built_is_read_and_must_not_be_signed() {
    let key = Key::new(1);
    let mut built = transaction(&[1], &[(900, key.script(Kind::Segwit))]);
    let answer = |transaction: &bitcoin::Transaction| {
        let hex = bitcoin::consensus::encode::serialize_hex(transaction);
        json(&format!(r#"{{"hex":"{hex}","fee":0.00000100,"changepos":-1}}"#))
    };
    assert_eq!(read_raw(&answer(&built)).expect("built").transaction(), &built);
    let psbt = bitcoin::Psbt::from_unsigned_tx(built.clone()).expect("unsigned");
    let read = read_psbt(&json(&format!(r#"{{"psbt":"{psbt}","fee":0.1}}"#))).expect("built");
    assert_eq!(read.transaction(), &built);
    key.sign(&mut built, 0, Kind::Segwit, &coins(&[(1, 1000, key.script(Kind::Segwit))]), 1);
    assert!(read_raw(&answer(&built)).expect_err("signed").detail.contains("signed"));
    assert!(read_raw(&json("null")).is_err() && read_psbt(&json(r#"{"psbt":1}"#)).is_err());
}
