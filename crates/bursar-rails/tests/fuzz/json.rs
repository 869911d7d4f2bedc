//! Strict JSON and the calls in it, beside what `serde_json` reads.

use bursar_rails::json::Json;
use bursar_rails::jsonrpc::{Call, Calls, Params};
use serde_json::Value;

use crate::samples::texts;

const SAMPLES: [&str; 6] = [
    r#"{"jsonrpc":"2.0","id":7,"method":"eth_call","params":[{"to":"0x01","data":"0x"},"latest"]}"#,
    r#"[{"id":1,"method":"a","params":[]},{"id":"b","method":"eth_sendTransaction","params":[{"value":"0x1"}]}]"#,
    r#"{"id":1,"method":"send","params":{"address":"x","amount":1.50,"more":[null,true,false,-1e3]}}"#,
    r#"{"a":{"b":[{"c":[[[]]]}]},"\u0061\"":"\ud83d\ude00\n","z":123456789012345678901234567890}"#,
    r#"[0,-0,1.0,1e-8,0.00000001,"0x1",""]"#,
    r#" {"a" : 1 , "a":2}"#,
];

/// What somebody else reads; nothing if a number is larger than they can hold.
fn theirs(bytes: &[u8]) -> Option<Result<Value, String>> {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => Some(Ok(value)),
        Err(error) if error.to_string().contains("number out of range") => None,
        Err(error) => Some(Err(error.to_string())),
    }
}

fn has_each_name_once(json: &Json) -> bool {
    match json {
        Json::List(items) => items.iter().all(has_each_name_once),
        Json::Object(entries) => {
            let names: std::collections::HashSet<_> = entries.iter().map(|(name, _)| name).collect();
            names.len() == entries.len() && entries.iter().all(|(_, value)| has_each_name_once(value))
        }
        _ => true,
    }
}

#[test]
fn what_is_read_as_json_means_the_same_to_others_and_what_is_written_anew_too() {
    let samples = texts(&SAMPLES);
    every!(&samples, |bytes| {
        match (Json::read(&bytes), theirs(&bytes)) {
            (_, None) => {}
            (Ok(read), Some(theirs)) => {
                let written = read.to_string();
                assert_eq!(serde_json::from_str::<Value>(&written).ok(), theirs.ok(), "{written}");
                assert!(has_each_name_once(&read), "{written}");
                assert_eq!(Json::read(written.as_bytes()), Ok(read));
            }
            // Whatever else they read, it could be read in two ways.
            (Err(refusal), Some(Ok(_))) => {
                let known = ["is there twice", "levels"].iter().any(|known| refusal.detail.contains(known));
                assert!(known, "{refusal}");
            }
            (Err(_), Some(Err(_))) => {}
        }
    });
}

#[test]
fn a_call_that_is_understood_is_the_one_that_others_see_and_is_sent_on_unchanged() {
    let samples = texts(&SAMPLES);
    every!(&samples, |bytes| {
        let Ok(calls) = Calls::read(&bytes) else { return };
        for call in calls.as_slice() {
            let sent = call.to_json().to_string();
            assert_eq!(Calls::read(sent.as_bytes()), Ok(Calls::One(call.clone())), "{sent}");
        }
        let Some(Ok(theirs)) = theirs(&bytes) else { return };
        let theirs = match theirs {
            Value::Array(all) => all,
            one => vec![one],
        };
        assert_eq!(theirs.len(), calls.as_slice().len());
        for (call, theirs) in calls.as_slice().iter().zip(&theirs) {
            same(call, theirs);
        }
    });
}

fn same(call: &Call, theirs: &Value) {
    assert_eq!(theirs.get("method").and_then(Value::as_str), Some(&*call.method));
    let read = |json: &Json| serde_json::from_str::<Value>(&json.to_string()).expect("JSON");
    assert_eq!(theirs.get("id"), Some(&read(&call.id)));
    let params = match &call.params {
        Params::List(items) => read(&Json::List(items.clone())),
        Params::Named(entries) => read(&Json::Object(entries.clone())),
    };
    match theirs.get("params") {
        None | Some(Value::Null) => assert_eq!(params, Value::Array(Vec::new())),
        Some(theirs) => assert_eq!(*theirs, params),
    }
}
