//! Calls to a node of Bitcoin: who is said to get how much is what another decoder finds in the same JSON.

use bitcoin::{Amount, Denomination};
use bursar_rails::Operation;
use bursar_rails::bitcoin::network::Network;
use bursar_rails::bitcoin::outcome::Reply;
use bursar_rails::bitcoin::request::Share;
use bursar_rails::bitcoin::{Spend, amount, classify_all};
use bursar_rails::json::Json;
use bursar_rails::jsonrpc::Calls;
use serde_json::Value;

use crate::samples::texts;

const SAMPLES: [&str; 6] = [
    r#"{"method":"sendtoaddress","params":["bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",0.5],"id":1}"#,
    r#"{"method":"sendtoaddress","params":{"address":"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080","amount":"0.10","subtractfeefromamount":true},"id":1}"#,
    r#"{"method":"sendmany","params":["",{"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080":0.1,"mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn":"0.00000001"}],"id":1}"#,
    r#"{"method":"send","params":[[{"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080":0.25}]],"id":1}"#,
    r#"[{"method":"getbalance","params":[],"id":1},{"method":"dumpprivkey","params":["x"],"id":2}]"#,
    r#"{"method":"sendall","params":[["mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"]],"id":"x"}"#,
];

/// All amounts in a call's parameters that stand for an address, by the address.
fn theirs(params: &Value) -> Vec<(String, String)> {
    let written = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match params {
        Value::Array(all) => {
            let [Value::String(address), amount, ..] = &all[..] else { return all.iter().flat_map(theirs).collect() };
            let rest = all.iter().flat_map(theirs);
            rest.chain([(address.clone(), written(amount))]).collect()
        }
        Value::Object(entries) => {
            let by_name = entries.get("address").zip(entries.get("amount"));
            let named = by_name.map(|(address, amount)| (written(address), written(amount)));
            let paid = entries.iter().map(|(address, amount)| (address.clone(), written(amount)));
            named.into_iter().chain(paid).chain(entries.values().flat_map(theirs)).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn who_is_said_to_get_how_much_stands_in_the_call() {
    let samples = texts(&SAMPLES);
    every!(&samples, |bytes| {
        let Ok(calls) = Calls::read(&bytes) else { return };
        let Ok(operations) = classify_all(Network::Regtest, &calls) else { return };
        let spends = operations.iter().filter(|operation| matches!(operation, Operation::Spend(_))).count();
        assert!(spends <= 1);
        for (operation, call) in operations.iter().zip(calls.as_slice()) {
            let Operation::Spend(Spend::Make(wanted)) = operation else { continue };
            // Through text, lest a float come between.
            let sent = call.to_json().to_string();
            let Ok(value) = serde_json::from_str::<Value>(&sent) else { continue };
            let found = theirs(&value["params"]);
            for output in &wanted.outputs {
                let Share::Exactly(amount) = output.share else { continue };
                let is_there = found.iter().any(|(address, text)| {
                    *address == output.address
                        && text.parse::<f64>().is_ok_and(|number| (number * 1e8).round() as u64 == amount.to_sat())
                });
                assert!(is_there, "{output:?} in {sent}");
                let payable = Network::Regtest.address(&output.address).expect("an address");
                assert_eq!(payable.script, output.script);
            }
        }
    });
}

#[test]
fn an_amount_is_read_as_others_read_it_to_the_satoshi() {
    let samples = texts(&["0.5", "20999999.97690000", "0.00000001", "1", "0.1", "1e-8"]);
    every!(&samples, |bytes| {
        let Ok(text) = std::str::from_utf8(&bytes) else { return };
        let Ok(read) = amount::parse(text) else { return };
        assert_eq!(Amount::from_str_in(text, Denomination::Bitcoin), Ok(read), "{text}");
        assert_eq!(amount::read(&amount::write(read)), Ok(read));
    });
}

#[test]
fn an_answer_is_a_result_or_an_error_and_only_to_its_own_call() {
    let samples = texts(&[
        r#"{"result":"00","error":null,"id":1}"#,
        r#"{"result":null,"error":{"code":-26,"message":"no"},"id":1}"#,
        r#"{"jsonrpc":"2.0","result":{"txid":"00"},"id":1}"#,
    ]);
    let id = Json::Number("1".into());
    every!(&samples, |bytes| {
        let Ok(reply) = Reply::read(&bytes, &id) else { return };
        let Ok(theirs) = serde_json::from_slice::<Value>(&bytes) else { return };
        assert_eq!(theirs["id"].to_string(), "1");
        match reply {
            Reply::Result(_) => assert!(theirs["error"].is_null()),
            Reply::Error { code, .. } => {
                assert_eq!(theirs["error"]["code"].as_i64(), Some(code));
                assert!(theirs["result"].is_null());
            }
        }
    });
}
