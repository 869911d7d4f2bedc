//! The object of `eth_sendTransaction`.

use proptest::prelude::*;

use super::*;
use crate::evm::fixtures::CHAIN_ID;

fn with(members: &str) -> String {
    format!(r#"[{{"from":"{ALICE}","to":"{BOB}","value":"0x1"{members}}}]"#)
}

fn why(members: &str) -> Why {
    refused(&chain(), "eth_sendTransaction", &with(members)).why
}

#[test]
fn what_clients_send_is_read() {
    let whole = format!(
        r#","data":"0x","input":"0x","gas":"0x5208","gasLimit":"0x5208","maxFeePerGas":"0x77359400",
        "maxPriorityFeePerGas":"0x1","nonce":"0x7","chainId":"{CHAIN_ID:#x}","type":"0x2","accessList":[]"#
    );
    let payment = spend(&chain(), "eth_sendTransaction", &with(&whole));
    assert_eq!(payment.fee(), Some(Amount::new(21_000 * 2_000_000_000)));
    let Form::Asked { fees, nonce, .. } = payment.form else { panic!("asked") };
    assert_eq!((fees.gas, fees.max_priority_fee_per_gas, nonce), (Some(21_000), Some(1), Some(7)));
    let legacy = spend(&chain(), "eth_sendTransaction", &with(r#","gasPrice":"0x2","type":"0x0","accessList":null"#));
    assert_eq!(legacy.fee(), None, "gas is still to be estimated");
    for (members, fixed) in
        [(r#","gasPrice":"0x2""#, true), (r#","type":"0x0""#, true), (r#","type":"0x2""#, false), ("", false)]
    {
        let Form::Asked { fees, .. } = spend(&chain(), "eth_sendTransaction", &with(members)).form else {
            panic!("asked")
        };
        assert_eq!(fees.is_fixed, fixed, "{members}");
    }
}

#[test]
fn a_member_that_is_unknown_malformed_or_in_contradiction_is_refused() {
    for members in [
        r#","Value":"0x2""#,
        r#","value ":"0x2""#,
        r#","Value":null"#,
        r#","gas":21000"#,
        r#","gas":"21000""#,
        r#","gas":"0x05208""#,
        r#","gas":"0x10000000000000000""#,
        r#","nonce":"0x""#,
        r#","data":"0x0""#,
        r#","data":"","type":"0x2""#,
        r#","data":"0x","input":"0x00""#,
        r#","gas":"0x1","gasLimit":"0x2""#,
        r#","gasPrice":"0x1","maxFeePerGas":"0x1""#,
        r#","gasPrice":"0x1","type":"0x2""#,
        r#","maxFeePerGas":"0x1","type":"0x0""#,
        r#","maxFeePerGas":"0x1","maxPriorityFeePerGas":"0x2""#,
        r#","gasPrice":"0x1","accessList":[]"#,
    ] {
        assert_eq!(why(members), Why::Undecodable, "{members}");
    }
}

#[test]
fn other_types_lists_and_blobs_are_not_carried_out() {
    for members in [
        r#","type":"0x1""#,
        r#","type":"0x3""#,
        r#","type":"0x4""#,
        r#","type":"0x7f""#,
        r#","accessList":[{"address":"0x0","storageKeys":[]}]"#,
        r#","authorizationList":[]"#,
        r#","blobVersionedHashes":[]"#,
        r#","maxFeePerBlobGas":"0x1""#,
        r#","gas":"0xffffffff""#,
        r#","gasPrice":"0xffffffffffff""#,
    ] {
        assert_eq!(why(members), Why::NotSupported, "{members}");
    }
    assert_eq!(why(r#","chainId":"0x1""#), Why::WrongChain);
}

#[test]
fn a_transaction_without_sender_or_called_account_is_refused() {
    let sent = |object: String| refused(&chain(), "eth_sendTransaction", &format!("[{object}]"));
    assert_eq!(sent(format!(r#"{{"to":"{BOB}"}}"#)).why, Why::Undecodable);
    for to in ["", r#","to":null"#] {
        let refusal = sent(format!(r#"{{"from":"{ALICE}","data":"0x6001"{to}}}"#));
        assert_eq!(refusal.why, Why::NotSupported);
        assert!(refusal.detail.contains("contracts are not created"), "{refusal}");
    }
    for to in [r#""""#, r#""0x""#, "7", r#"["0x0"]"#] {
        assert_eq!(sent(format!(r#"{{"from":"{ALICE}","to":{to}}}"#)).why, Why::Undecodable, "{to}");
    }
    for params in ["[]", "[7]", r#"["0x"]"#, "[[]]", "[null]", &format!("[{},1]", "{}")] {
        assert_eq!(refused(&chain(), "eth_sendTransaction", params).why, Why::Undecodable, "{params}");
    }
}

#[test]
fn a_member_that_is_there_twice_is_refused_however_it_is_spelled() {
    for twice in [r#""value":"0x1","value":"0x2""#, r#""value":"0x1","v\u0061lue":"0x2""#] {
        let request = format!(
            r#"{{"id":1,"method":"eth_sendTransaction","params":[{{"from":"{ALICE}","to":"{BOB}",{twice}}}]}}"#
        );
        assert_eq!(Calls::read(request.as_bytes()).expect_err(twice).why, Why::Undecodable);
    }
}

const MEMBERS: [&str; 20] = [
    "from",
    "to",
    "value",
    "data",
    "input",
    "gas",
    "gasLimit",
    "gasPrice",
    "maxFeePerGas",
    "maxPriorityFeePerGas",
    "nonce",
    "chainId",
    "type",
    "accessList",
    "authorizationList",
    "blobs",
    "From",
    "",
    "x",
    "v\u{0430}lue",
];

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(format!("\"{ALICE}\"")),
        Just(format!("\"{BOB}\"")),
        Just("null".to_owned()),
        Just("[]".to_owned()),
        Just(format!("\"{CHAIN_ID:#x}\"")),
        "\"0x[0-9a-fA-F]{0,66}\"",
        "-?[1-9][0-9]{0,30}",
        "\"[0-9a-z. -]{0,20}\"",
    ]
}

proptest! {
    #[test]
    fn only_an_object_of_known_members_becomes_a_spend_and_none_makes_it_panic(
        members in prop::collection::btree_map(prop::sample::select(&MEMBERS[..]), any_value(), 0..8),
    ) {
        let object: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let params = format!("[{{{}}}]", object.join(","));
        if let Operation::Spend(payment) = called(&chain(), "eth_sendTransaction", &params) {
            prop_assert!(members.keys().all(|name| MEMBERS[..14].contains(name) || MEMBERS[..16].contains(name) && members[name] == "null"));
            prop_assert_eq!(&members["from"], &format!("\"{ALICE}\""));
            prop_assert_eq!(payment.sender, ALICE);
            let value = members.get("value").filter(|value| *value != "null").map_or("0x0", |value| value.trim_matches('"'));
            prop_assert_eq!(quantity::quantity(value), Ok(payment.message.value));
        }
    }

    #[test]
    fn no_request_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(calls) = Calls::read(&bytes) {
            let _ = classify_calls(&chain(), &own, Transport::WebSocket, &calls);
        }
    }
}

#[test]
fn a_mistyped_destination_is_refused() {
    let mistyped = BOB.to_string().replace("0x3C", "0x3c");
    let params = format!(r#"[{{"from":"{ALICE}","to":"{mistyped}"}}]"#);
    assert!(refused(&chain(), "eth_sendTransaction", &params).detail.contains("EIP-55"));
}
