use proptest::prelude::*;

use super::*;
use crate::bitgo::routes::find;

const TO: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

fn coin() -> Coin {
    Coin::parse("hteth").expect("a ticker")
}

/// What the SDK of BitGo asks for when it pays from such a wallet.
fn sound() -> String {
    format!(
        r#"{{"intent":{{"intentType":"payment","sequenceId":"s","comment":"c","isTss":true,"feeOptions":{{}},
            "recipients":[{{"address":{{"address":"{TO}"}},"amount":{{"value":"1000","symbol":"hteth"}}}}]}},"apiVersion":"full","preview":false}}"#
    )
}

fn refused(body: &str) -> Forbidden {
    read(body.as_bytes(), &coin()).expect_err(body)
}

#[test]
fn a_payment_is_read_with_its_recipients_and_goes_upstream_under_the_name_of_its_hold() {
    let order = read(sound().as_bytes(), &coin()).expect("an order");
    let [Recipient { address, amount }] = order.claimed.as_slice() else { panic!("a recipient") };
    assert_eq!((address.as_str(), amount.to_string().as_str()), (TO, "1000"));
    assert_eq!((order.sequence_id.as_deref(), order.comment.as_deref()), (Some("s"), Some("c")));
    let call = Call::unpack(&order.instruction).expect("a call");
    assert_eq!((call.way, call.packed()), (Way::Request, order.instruction));
    let sent = call.called("bursar-6".to_owned()).named("bursar-7".to_owned()).to_string();
    let intent = format!(
        r#""intentType":"payment","isTss":true,"recipients":[{{"address":{{"address":"{TO}"}},"amount":{{"value":"1000","symbol":"hteth"}}}}],"sequenceId":"bursar-7""#
    );
    assert_eq!(sent, format!(r#"{{"intent":{{{intent}}},"apiVersion":"full"}}"#));
}

#[test]
fn a_wish_for_what_a_payment_may_cost_is_refused_by_name() {
    for (hint, value) in [("feeOptions", r#"{"gasLimit":21000}"#), ("unspents", r#"["ab:0"]"#), ("numBlocks", "2")] {
        let body = sound().replacen("\"feeOptions\":{}", &format!("\"{hint}\":{value}"), 1);
        let detail = refused(&body).detail;
        assert!(detail.starts_with(&format!("`{hint}` is not carried out")), "{detail}");
    }
}

#[test]
fn an_intent_that_is_no_plain_payment_is_refused_with_its_reason() {
    for (kind, why) in [
        ("acceleration", Why::NotSupported),
        ("fillNonce", Why::NotSupported),
        ("transferToken", Why::NotSupported),
        ("consolidate", Why::NotPriced),
        ("stake", Why::NotPriced),
        ("signMessage", Why::Withheld),
        ("signTypedStructuredData", Why::Withheld),
        ("tokenApproval", Why::NotPriced),
        ("enableToken", Why::NotPriced),
        ("customTx", Why::NotPriced),
        ("defi-deposit", Why::NotPriced),
        ("Payment", Why::NotPriced),
        ("paymеnt", Why::NotPriced),
    ] {
        let body = sound().replacen("\"payment\"", &format!("\"{kind}\""), 1);
        assert_eq!(refused(&body).why, why, "{kind}");
        // Whatever else such an intent has, its kind is what is told.
        let body = body.replacen("\"comment\"", "\"solInstructions\":[],\"comment\"", 1);
        assert_eq!(refused(&body).why, why, "{kind}");
    }
}

#[test]
fn what_a_payment_would_do_besides_is_refused() {
    for (from, to) in [
        ("\"comment\":\"c\"", "\"memo\":\"7\""),
        ("\"comment\":\"c\"", "\"nonce\":\"7\""),
        ("\"comment\":\"c\"", "\"token\":\"usdc\""),
        ("\"comment\":\"c\"", "\"tokenName\":\"hteth:usdc\""),
        ("\"comment\":\"c\"", "\"enableTokens\":[{\"name\":\"x\"}]"),
        ("\"comment\":\"c\"", "\"hopParams\":{}"),
        ("\"comment\":\"c\"", "\"selfSend\":true"),
        ("\"comment\":\"c\"", "\"senderAddress\":\"x\""),
        ("\"comment\":\"c\"", "\"receiveAddress\":\"x\""),
        ("\"comment\":\"c\"", "\"custodianTransactionId\":\"x\""),
        ("\"comment\":\"c\"", "\"comment\":null"),
        ("\"symbol\":\"hteth\"", "\"symbol\":\"hteth:usdc\""),
        ("\"symbol\":\"hteth\"", "\"symbol\":\"HTETH\""),
        ("\"symbol\":\"hteth\"", "\"symbol\":\"hteth\",\"unit\":\"gwei\""),
        (",\"symbol\":\"hteth\"", ""),
        ("\"amount\":{", "\"data\":\"0xa9059cbb\",\"amount\":{"),
        ("\"amount\":{", "\"tokenData\":{\"tokenType\":\"ERC20\",\"tokenQuantity\":\"5\"},\"amount\":{"),
        ("\"amount\":{\"value\":\"1000\",\"symbol\":\"hteth\"}", "\"amount\":\"1000\""),
        ("{\"address\":\"0x", "{\"tag\":\"1\",\"address\":\"0x"),
        ("\"preview\":false", "\"preview\":true"),
        ("\"preview\":false", "\"preview\":null"),
        ("\"preview\":false", "\"txRequestId\":\"r-1\""),
        ("\"preview\":false", "\"intents\":[]"),
        ("\"full\"", "\"next\""),
        ("\"intentType\":\"payment\",", ""),
        ("\"recipients\":[", "\"others\":["),
    ] {
        let body = sound().replacen(from, to, 1);
        assert_ne!(body, sound(), "{to}");
        refused(&body);
    }
    for kept in ["\"selfSend\":false", "\"enableTokens\":[]", "\"isTestTransaction\":false"] {
        assert!(read(sound().replacen("\"comment\":\"c\"", kept, 1).as_bytes(), &coin()).is_ok(), "{kept}");
    }
}

#[test]
fn an_intent_that_two_readers_could_take_in_two_ways_is_refused() {
    assert!(read(sound().replace("\"1000\"", "1000").as_bytes(), &coin()).is_ok());
    for amount in
        ["-1000", "\"-1\"", "1000.0", "1e3", "\"0x3e8\"", "\"01000\"", "\" 1000\"", "null", "\"\"", "0", "[1000]"]
    {
        refused(&sound().replace("\"1000\"", amount));
    }
    for (from, to) in [
        ("\"intent\"", "\"intent\":{},\"intent\""),
        ("\"intentType\"", "\"\\u0069ntentType\":\"payment\",\"intentType\""),
        ("\"value\"", "\"value\":\"1\",\"\\u0076alue\""),
        ("\"recipients\"", "\"recipients\":[],\"recipients\""),
    ] {
        refused(&sound().replacen(from, to, 1));
    }
    for body in ["", "[]", "{}", "null", "{\"intent\":null}", "{\"intent\":[]}", "intent=payment", "{\"intent\":{}}"] {
        refused(body);
    }
    refused(&sound().replacen("\"comment\":\"c\"", &format!("\"comment\":\"{}\"", "x".repeat(LONGEST_BODY)), 1));
}

#[test]
fn a_step_names_its_request_and_says_nothing_that_is_not_understood() {
    let base = "/api/v2/wallet/0a/txrequests/r-1";
    let asked = |path: &str, body: &str| {
        let asked = Asked { method: "POST", path, query: None, headers: &[], body: body.as_bytes() };
        let found = find("POST", path).expect("a route");
        (continued(&found, &asked).map(String::from), step(&found, &asked, "up"))
    };
    for (path, body) in [
        ("/transfers", ""),
        ("/transfers", "{}"),
        ("/transactions/0/send", ""),
        ("/transactions/0/sign", r#"{"type":"ecdsaMpcV2","signatureShares":[],"signerGpgPublicKey":"k"}"#),
        ("/transactions/0/signatureshares", r#"{"signatureShare":{"from":"user","to":"bitgo","share":"s"}}"#),
        ("/signatureshares", r#"{"signatureShare":{},"signerShare":"s","userPublicGpgKey":"k"}"#),
        ("/transactions/0/commit", r#"{"commitmentShare":{},"encryptedSignerShare":{}}"#),
        ("/commit", r#"{"commitmentShare":{}}"#),
        ("/transactions/0/challenge", r#"{"paillierModulus":"m"}"#),
    ] {
        let (request, passed) = asked(&format!("{base}{path}"), body);
        assert_eq!(request.as_deref(), Some("r-1"), "{path}");
        let passed = passed.expect(path);
        assert_eq!(passed.names.join("/"), format!("api/v2/wallet/up/txrequests/r-1{path}"));
        assert_eq!(passed.body.is_some(), body.len() > 2, "{path}");
        let (_, refused) = asked(&format!("{base}{path}"), r#"{"otp":"1"}"#);
        assert!(refused.is_err(), "{path}");
    }
    for index in ["x", "-1", "0x0"] {
        assert!(asked(&format!("{base}/transactions/{index}/send"), "").1.is_err(), "{index}");
    }
    let send = "/api/v2/hteth/wallet/0a/tx/send";
    let (request, passed) = asked(send, r#"{"txRequestId":"r-1"}"#);
    assert_eq!((request.as_deref(), passed.is_ok()), (Some("r-1"), true));
    assert!(asked(send, r#"{"txRequestId":"r-1","txHex":"00"}"#).1.is_err());
    assert_eq!(asked(send, r#"{"txHex":"00"}"#).0, None);
    assert_eq!(asked("/api/v2/wallet/0a/txrequests", r#"{"txRequestId":"r-1"}"#).0, None);
    assert!(is_id("0b6f-9") && !is_id("") && !is_id("R") && !is_id("..") && !is_id("a/b") && !is_id(&"a".repeat(65)));
}

proptest! {
    #[test]
    fn no_bytes_are_an_intent_by_chance_and_none_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&bytes, &coin()).is_err());
    }
}
