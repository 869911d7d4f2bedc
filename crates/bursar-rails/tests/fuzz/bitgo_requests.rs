//! Requests in BitGo's language: routes by their table, and orders whose transactions are read.

use bursar_core::coin::Coin;
use bursar_rails::bitcoin::network::Network;
use bursar_rails::bitgo::order::{self, Call};
use bursar_rails::bitgo::routes::{Handling, find, table};
use bursar_rails::bitgo::{Chain, intent};
use serde_json::Value;

use crate::samples::texts;

const ORDERS: [&str; 3] = [
    r#"{"recipients":[{"address":"tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx","amount":"1000"}],"sequenceId":"a","feeRate":1000}"#,
    r#"{"recipients":[{"address":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","amount":1000}],"comment":"c"}"#,
    r#"{"recipients":[{"address":"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed","amount":7}],"halfSigned":{"recipients":[{"address":"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed","amount":"7"}],"expireTime":1,"contractSequenceId":2,"operationHash":"0xab","signature":"0xcd"}}"#,
];

#[test]
fn a_path_has_one_route_and_what_is_sent_on_leads_to_the_same() {
    let samples: Vec<&str> = table().iter().step_by(9).map(|route| route.path).collect();
    every!(&texts(&samples.iter().map(|path| path.trim_end_matches('}')).collect::<Vec<_>>()), |bytes| {
        let path = String::from_utf8_lossy(&bytes).into_owned();
        for method in ["GET", "POST"] {
            let Some(found) = find(method, &path) else { continue };
            let names = format!("/{}", found.names("0a").join("/"));
            let again = find(method, &names).expect("the same route");
            assert_eq!(again.route, found.route, "{path}");
            assert!(!names.contains(['%', '?', '#', ';', '\\']), "{names}");
        }
    });
}

#[test]
fn what_an_order_sends_pays_what_others_read_in_it() {
    every!(&texts(&ORDERS), |bytes| {
        for chain in [Chain::Bitcoin(Network::Test), Chain::Evm { id: None }] {
            for handling in [Handling::Recipients, Handling::Transaction] {
                let Ok(order) = order::read(handling, &bytes, chain) else { continue };
                let call = Call::unpack(&order.instruction).expect("what was packed");
                let sent: Value = serde_json::from_str(&call.named("n".to_owned()).to_string()).expect("JSON");
                let theirs = sent["recipients"].as_array().expect("recipients");
                assert_eq!(theirs.len(), order.claimed.len());
                for (one, other) in theirs.iter().zip(&order.claimed) {
                    assert_eq!(one["address"].as_str(), Some(other.address.as_str()));
                    assert_eq!(one["amount"].as_str(), Some(other.amount.to_string().as_str()));
                }
                assert_eq!(sent["sequenceId"], "n");
            }
        }
    });
}

const INTENTS: [&str; 2] = [
    r#"{"intent":{"intentType":"payment","recipients":[{"address":{"address":"abc"},"amount":{"value":"1000","symbol":"hteth"}}],"sequenceId":"a","isTss":true},"apiVersion":"full"}"#,
    r#"{"intent":{"recipients":[{"amount":{"symbol":"hteth","value":7},"address":{"address":"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"},"data":"0x"}],"intentType":"payment","feeOptions":{}},"preview":false}"#,
];

#[test]
fn what_an_intent_asks_for_pays_what_others_read_in_it() {
    let coin = Coin::parse("hteth").expect("a ticker");
    every!(&texts(&INTENTS), |bytes| {
        let Ok(order) = intent::read(&bytes, &coin) else { return };
        let theirs: Value = serde_json::from_slice(&bytes).expect("JSON");
        let call = Call::unpack(&order.instruction).expect("what was packed");
        let sent: Value = serde_json::from_str(&call.named("n".to_owned()).to_string()).expect("JSON");
        assert_eq!(
            (&sent["intent"]["intentType"], &theirs["intent"]["intentType"]),
            (&"payment".into(), &"payment".into())
        );
        assert_eq!((&sent["intent"]["sequenceId"], &sent["preview"]), (&"n".into(), &Value::Null));
        let lists = [&sent, &theirs].map(|body| body["intent"]["recipients"].as_array().expect("recipients"));
        assert_eq!((lists[0].len(), lists[1].len()), (order.claimed.len(), order.claimed.len()));
        for (place, claimed) in order.claimed.iter().enumerate() {
            for list in lists {
                let (address, amount) = (&list[place]["address"]["address"], &list[place]["amount"]);
                let value = amount["value"].as_str().map_or_else(|| amount["value"].to_string(), str::to_owned);
                assert_eq!((address.as_str(), value), (Some(&*claimed.address), claimed.amount.to_string()));
                assert_eq!(amount["symbol"], "hteth");
            }
        }
    });
}
