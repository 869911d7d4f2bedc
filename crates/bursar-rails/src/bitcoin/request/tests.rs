use proptest::prelude::*;

use super::*;
use crate::bitcoin::fixtures::{Key, Kind, call, coins, transaction};

const ONE: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const TWO: &str = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";
const TXID: &str = "1111111111111111111111111111111111111111111111111111111111111111";

fn read(method: &str, params: &str) -> Operation<Spend> {
    classify(Network::Regtest, &call(method, params))
}

fn wanted(method: &str, params: &str) -> Wanted {
    match read(method, params) {
        Operation::Spend(Spend::Make(wanted)) => wanted,
        other => panic!("{method} {params}: {other:?}"),
    }
}

fn refused(method: &str, params: &str) -> Forbidden {
    match read(method, params) {
        Operation::Forbidden(forbidden) => forbidden,
        other => panic!("{method} {params}: {other:?}"),
    }
}

fn is_read(method: &str, params: &str) -> bool {
    matches!(read(method, params), Operation::Read)
}

fn shares(wanted: &Wanted) -> Vec<(&str, Option<u64>, bool)> {
    let share = |output: &Output| match output.share {
        Share::Exactly(amount) => Some(amount.to_sat()),
        Share::Rest => None,
    };
    wanted.outputs.iter().map(|output| (&*output.address, share(output), output.pays_fee)).collect()
}

#[test]
fn one_payment_is_the_same_by_place_and_by_name() {
    let by_place = wanted("sendtoaddress", &format!(r#"["{ONE}","0.1","rent","",true,true,null,"unset",null,1.5]"#));
    let by_name = wanted(
        "sendtoaddress",
        &format!(
            r#"{{"fee_rate":"1.500","replaceable":true,"subtractfeefromamount":true,"comment":"rent","amount":0.10,"address":"{ONE}"}}"#
        ),
    );
    assert_eq!(by_place, by_name);
    assert_eq!(shares(&by_place), [(ONE, Some(10_000_000), true)]);
    assert_eq!(by_place.fees, Fees::Rate(FeeRate::per_1000_bytes(1500)));
    assert_eq!((by_place.replaceable, by_place.comment.as_deref()), (Some(true), Some("rent")));
    assert!(by_place.may_add_inputs && !by_place.is_sweep());
}

#[test]
fn hostile_amounts_are_refused_in_every_form() {
    for amount in ["1e-8", r#""0.1 ""#, "-1", "0.123456789", r#""NaN""#, r#""0x10""#, "null", "true", "[1]", "21000001"]
    {
        let forms = [
            ("sendtoaddress", format!(r#"["{ONE}",{amount}]"#)),
            ("sendmany", format!(r#"["",{{"{ONE}":{amount}}}]"#)),
            ("send", format!(r#"[{{"{ONE}":{amount}}}]"#)),
            ("send", format!(r#"[[{{"{ONE}":{amount}}}]]"#)),
            ("sendall", format!(r#"[["{TWO}",{{"{ONE}":{amount}}}]]"#)),
        ];
        for (method, params) in forms {
            assert_eq!(refused(method, &params).why, Why::Undecodable, "{method} {params}");
        }
    }
}

#[test]
fn many_are_paid_and_who_pays_the_fee_is_one_of_them() {
    let params = format!(r#"["",{{"{ONE}":0.1,"{TWO}":"2"}},1,"wages",["{TWO}"],null,6,"CONSERVATIVE"]"#);
    let many = wanted("sendmany", &params);
    assert_eq!(shares(&many), [(ONE, Some(10_000_000), false), (TWO, Some(200_000_000), true)]);
    assert_eq!(many.fees, Fees::Target { blocks: Some(6), mode: Some(Mode::Conservative) });
    for params in [
        format!(r#"["default",{{"{ONE}":1}}]"#),
        format!(r#"["",{{"{ONE}":1}},6]"#),
        format!(r#"["",{{"{ONE}":1}},1,"",["{TWO}"]]"#),
        format!(r#"["",{{"{ONE}":1}},1,"",["{ONE}","{ONE}"]]"#),
        format!(r#"["",{{"{ONE}":1}},1,"",[0]]"#),
        r#"["",{}]"#.to_owned(),
        r#"[""]"#.to_owned(),
        format!(r#"["",[{{"{ONE}":1}}]]"#),
    ] {
        refused("sendmany", &params);
    }
}

#[test]
fn the_outputs_of_send_are_an_object_or_an_array_of_them() {
    let listed = wanted("send", &format!(r#"[[{{"{ONE}":1}},{{"{TWO}":2}}]]"#));
    assert_eq!(listed, wanted("send", &format!(r#"[{{"{ONE}":1,"{TWO}":2}}]"#)));
    let options =
        r#"{"subtract_fee_from_outputs":[1],"replaceable":false,"fee_rate":2,"psbt":false,"add_to_wallet":true}"#;
    let with = wanted("send", &format!(r#"{{"outputs":[{{"{ONE}":1}},{{"{TWO}":2}}],"options":{options}}}"#));
    assert_eq!(shares(&with), [(ONE, Some(100_000_000), false), (TWO, Some(200_000_000), true)]);
    assert_eq!((with.fees, with.replaceable), (Fees::Rate(FeeRate::per_1000_bytes(2000)), Some(false)));
    let chosen = format!(r#"[{{"{ONE}":1}},null,null,null,{{"inputs":[{{"txid":"{TXID}","vout":3}}]}}]"#);
    let chosen = wanted("send", &chosen);
    assert_eq!((chosen.inputs.len(), chosen.may_add_inputs), (1, false));
}

#[test]
fn options_that_are_not_carried_out_are_refused() {
    for (options, why) in [
        (format!(r#"{{"change_address":"{TWO}"}}"#), Why::NotSupported),
        (r#"{"change_position":0}"#.to_owned(), Why::NotSupported),
        (r#"{"add_to_wallet":false}"#.to_owned(), Why::NotSupported),
        (r#"{"psbt":true}"#.to_owned(), Why::NotSupported),
        (r#"{"lock_unspents":true}"#.to_owned(), Why::NotSupported),
        (r#"{"include_watching":true}"#.to_owned(), Why::NotSupported),
        (r#"{"subtract_fee_from_outputs":[1]}"#.to_owned(), Why::Undecodable),
        (r#"{"subtract_fee_from_outputs":[0,0]}"#.to_owned(), Why::Undecodable),
        (r#"{"subtract_fee_from_outputs":[-1]}"#.to_owned(), Why::Undecodable),
        (format!(r#"{{"inputs":[{{"txid":"{TXID}","vout":0,"weight":1}}]}}"#), Why::Undecodable),
        (format!(r#"{{"inputs":[{{"txid":"{TXID}","vout":0}},{{"txid":"{TXID}","vout":0}}]}}"#), Why::Undecodable),
        (r#"{"inputs":[{"txid":"11","vout":0}]}"#.to_owned(), Why::Undecodable),
        (r#"{"solving_data":{}}"#.to_owned(), Why::Undecodable),
        (r#"{"locktime":7}"#.to_owned(), Why::Undecodable),
        (r#"{"Psbt":true}"#.to_owned(), Why::Undecodable),
        ("true".to_owned(), Why::Undecodable),
        ("[]".to_owned(), Why::Undecodable),
    ] {
        let params = format!(r#"[{{"{ONE}":1}},null,null,null,{options}]"#);
        assert_eq!(refused("send", &params).why, why, "{options}");
    }
    for rest in [r#""fee_rate":1,"conf_target":2"#, r#""fee_rate":0"#, r#""fee_rate":1e3"#, r#""conf_target":0"#] {
        refused("send", &format!(r#"{{"outputs":{{"{ONE}":1}},{rest}}}"#));
    }
    let twice = format!(r#"{{"outputs":{{"{ONE}":1}},"fee_rate":1,"options":{{"fee_rate":1}}}}"#);
    assert!(refused("send", &twice).detail.contains("keep one of both"));
}

#[test]
fn the_rest_goes_to_whoever_is_named_without_an_amount() {
    let all = wanted("sendall", &format!(r#"[["{ONE}",{{"{TWO}":0.5}}]]"#));
    assert_eq!(shares(&all), [(ONE, None, true), (TWO, Some(50_000_000), false)]);
    assert!(all.is_sweep() && !all.may_add_inputs);
    refused("sendall", &format!(r#"[[{{"{TWO}":0.5}}]]"#));
    refused("sendall", r#"[[]]"#);
    refused("sendall", &format!(r#"[{{"{TWO}":0.5}}]"#));
    refused("sendall", &format!(r#"[["{ONE}"],null,null,null,{{"send_max":true}}]"#));
}

#[test]
fn nobody_is_paid_twice_and_nobody_of_another_network_or_by_data() {
    let upper = ONE.to_uppercase();
    assert!(refused("sendmany", &format!(r#"["",{{"{ONE}":1,"{upper}":1}}]"#)).detail.contains("twice"));
    assert!(refused("sendall", &format!(r#"[["{ONE}",{{"{ONE}":1}}]]"#)).detail.contains("twice"));
    let main = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
    assert_eq!(refused("sendtoaddress", &format!(r#"["{main}",1]"#)).why, Why::WrongChain);
    assert_eq!(refused("send", r#"[[{"data":"00"}]]"#).why, Why::NotSupported);
    refused("send", &format!(r#"[[{{"{ONE}":1,"{TWO}":1}}]]"#));
    refused("sendmany", &format!(r#"["",{{"{ONE}":20999999,"{TWO}":2}}]"#));
}

#[test]
fn a_bump_changes_what_is_paid_to_miners_and_nothing_else() {
    let Operation::Spend(Spend::Bump(bump)) = read("bumpfee", &format!(r#"["{TXID}",{{"fee_rate":3.25}}]"#)) else {
        panic!("a bump")
    };
    assert_eq!((bump.replaced.to_string().as_str(), bump.fees), (TXID, Fees::Rate(FeeRate::per_1000_bytes(3250))));
    for options in [format!(r#"{{"outputs":[{{"{ONE}":1}}]}}"#), r#"{"original_change_index":0}"#.to_owned()] {
        assert_eq!(refused("bumpfee", &format!(r#"["{TXID}",{options}]"#)).why, Why::NotSupported);
    }
    refused("bumpfee", &format!(r#"{{"txid":"{TXID}","outputs":[]}}"#));
}

#[test]
fn only_the_whole_transaction_is_signed_and_only_with_what_the_node_knows() {
    let key = Key::new(1);
    let made = transaction(&[1], &[(1000, key.script(Kind::Segwit))]);
    let hex = bitcoin::consensus::encode::serialize_hex(&made);
    for method in ["signrawtransactionwithwallet", "signrawtransaction"] {
        let sign = |rest: &str| read(method, &format!(r#"{{"hexstring":"{hex}"{rest}}}"#));
        let Operation::Spend(Spend::Sign(raw)) = sign(r#","prevtxs":[],"sighashtype":"ALL""#) else {
            panic!("{method}")
        };
        assert_eq!((raw.transaction(), raw.to_hex()), (&made, hex.clone()));
        for rest in [
            r#","sighashtype":"ALL|ANYONECANPAY""#,
            r#","sighashtype":"NONE""#,
            r#","sighashtype":"all""#,
            r#","prevtxs":[{"txid":"00","vout":0,"amount":1}]"#,
            r#","privkeys":["K"]"#,
            r#","more":1"#,
        ] {
            assert!(matches!(sign(rest), Operation::Forbidden(_)), "{method} {rest}");
        }
    }
}

#[test]
fn a_partly_signed_transaction_is_a_spend_unless_it_is_not_to_be_signed() {
    let key = Key::new(1);
    let made = transaction(&[1], &[(1000, key.script(Kind::Segwit))]);
    let psbt = bitcoin::Psbt::from_unsigned_tx(made).expect("unsigned").to_string();
    assert!(matches!(read("walletprocesspsbt", &format!(r#"["{psbt}"]"#)), Operation::Spend(Spend::SignPsbt(_))));
    assert!(is_read("walletprocesspsbt", &format!(r#"["{psbt}",false]"#)));
    for rest in [r#""sign":null"#, r#""sign":true"#, r#""finalize":false"#] {
        let params = format!(r#"{{"psbt":"{psbt}",{rest}}}"#);
        assert!(matches!(read("walletprocesspsbt", &params), Operation::Spend(Spend::SignPsbt(_))), "{rest}");
    }
    for rest in [r#"0"#, r#""false""#, r#"true,"SINGLE""#, r#"false,"NONE""#] {
        refused("walletprocesspsbt", &format!(r#"["{psbt}",{rest}]"#));
    }
}

#[test]
fn a_broadcast_keeps_its_bytes_and_its_clients_ceiling() {
    let key = Key::new(1);
    let coins = coins(&[(1, 2000, key.script(Kind::Segwit))]);
    let mut made = transaction(&[1], &[(1000, key.script(Kind::Segwit))]);
    key.sign(&mut made, 0, Kind::Segwit, &coins, 1);
    let hex = bitcoin::consensus::encode::serialize_hex(&made);
    let Operation::Spend(Spend::Broadcast(broadcast)) = read("sendrawtransaction", &format!(r#"["{hex}",0.1]"#)) else {
        panic!("a broadcast")
    };
    assert_eq!(
        (broadcast.raw.to_hex(), broadcast.fee_rate_at_most),
        (hex.clone(), Some(bitcoin::Amount::from_sat(10_000_000)))
    );
    for params in
        [format!(r#"["{hex}00"]"#), format!(r#"["0x{hex}"]"#), format!(r#"["{hex}",true]"#), r#"["zz"]"#.to_owned()]
    {
        refused("sendrawtransaction", &params);
    }
}

#[test]
fn what_moves_nothing_passes_only_where_it_locks_nothing_and_shows_no_key() {
    assert!(is_read("fundrawtransaction", r#"["00"]"#));
    assert!(is_read("fundrawtransaction", r#"["00",{"lockUnspents":false,"feeRate":0.001}]"#));
    assert!(is_read("walletcreatefundedpsbt", r#"[[],[],0,{"add_inputs":true}]"#));
    assert!(is_read("listdescriptors", "[]") && is_read("listdescriptors", "[false]"));
    assert!(is_read("createrawtransaction", "[[],[]]") && is_read("getnewaddress", "[]"));
    for (method, params) in [
        ("fundrawtransaction", r#"["00",{"lockUnspents":true}]"#),
        ("fundrawtransaction", r#"["00",{"lock_unspents":1}]"#),
        ("fundrawtransaction", r#"["00",true]"#),
        ("fundrawtransaction", r#"{"hexstring":"00","lockUnspents":true}"#),
        ("fundrawtransaction", r#"{"hexstring":"00","args":["00",{"lockUnspents":true}]}"#),
        ("walletcreatefundedpsbt", r#"[[],[],0,{"lockUnspents":true}]"#),
        ("walletcreatefundedpsbt", r#"[[],[],0,{"new_option":true}]"#),
        ("listdescriptors", "[true]"),
        ("listdescriptors", "[1]"),
        ("listdescriptors", r#"{"private":true}"#),
        ("listdescriptors", r#"{"args":[true]}"#),
    ] {
        refused(method, params);
    }
}

#[test]
fn a_batch_holds_one_spend_and_nothing_that_is_forbidden() {
    let batch = |calls: &[String]| {
        let calls = calls.iter().enumerate().map(|(id, call)| format!(r#"{{"id":{id},{call}}}"#));
        let calls = Calls::read(format!("[{}]", calls.collect::<Vec<_>>().join(",")).as_bytes()).expect("a batch");
        classify_all(Network::Regtest, &calls)
    };
    let spend = format!(r#""method":"sendtoaddress","params":["{ONE}",1]"#);
    let balance = r#""method":"getbalance""#.to_owned();
    let stop = r#""method":"stop""#.to_owned();
    let operations = batch(&[balance.clone(), spend.clone(), balance.clone()]).expect("one spend");
    assert!(matches!(operations.as_slice(), [Operation::Read, Operation::Spend(_), Operation::Read]));
    assert!(batch(&[spend.clone(), balance.clone(), spend]).expect_err("two").detail.contains("one call that spends"));
    assert_eq!(batch(&[balance, stop]).expect_err("stop").why, Why::Withheld);
}

#[test]
fn the_answer_has_the_shape_that_its_method_promises() {
    let txid: Txid = TXID.parse().expect("a txid");
    let one = wanted("sendtoaddress", &format!(r#"["{ONE}",1]"#));
    assert_eq!(one.answer(txid).to_string(), format!(r#""{TXID}""#));
    let send = wanted("send", &format!(r#"[{{"{ONE}":1}}]"#));
    assert_eq!(send.answer(txid).to_string(), format!(r#"{{"complete":true,"txid":"{TXID}"}}"#));
}

fn any_params() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        "-?[0-9]{1,20}(\\.[0-9]{0,10})?(e[0-9])?".prop_map(|text| Json::Number(text.into())),
        ".{0,20}".prop_map(|text| Json::Text(text.into())),
        Just(Json::Text(ONE.into())),
    ];
    leaf.prop_recursive(3, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::List),
            prop::collection::btree_map("[a-z_]{1,12}", inner, 0..6).prop_map(|entries| Json::Object(
                entries.into_iter().map(|(name, value)| (name.into(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn no_parameters_make_it_panic(
        method in prop::sample::select(vec![
            "sendtoaddress", "sendmany", "send", "sendall", "bumpfee", "walletprocesspsbt", "signrawtransaction",
            "sendrawtransaction", "fundrawtransaction", "walletcreatefundedpsbt", "listdescriptors",
        ]),
        items in prop::collection::vec(any_params(), 0..8),
    ) {
        let mut call = call(method, "[]");
        call.params = crate::jsonrpc::Params::List(items);
        let is_spend = !matches!(method, "fundrawtransaction" | "walletcreatefundedpsbt" | "listdescriptors");
        let operation = classify(Network::Regtest, &call);
        prop_assert!(!(is_spend && operation == Operation::Read), "{:?}", call);
    }

    #[test]
    fn the_amount_that_is_wanted_is_the_amount_that_was_written(satoshi in 0..=2_100_000_000_000_000_u64) {
        let text = amount::write(bitcoin::Amount::from_sat(satoshi)).to_string();
        for text in [text.clone(), format!(r#""{text}""#)] {
            let read = wanted("sendtoaddress", &format!(r#"["{ONE}",{text}]"#));
            prop_assert_eq!(shares(&read), [(ONE, Some(satoshi), false)]);
        }
    }
}
