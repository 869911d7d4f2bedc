//! Requests to rails by rules: whole ones, broken ones, and what is sent on of those that are understood.

use std::collections::BTreeMap;

use bursar_rails::exchange::{Answered, Asked, Exchange, Outgoing};
use bursar_rails::http::{Events, Instruction, Rules, one_event};
use serde_json::Value;

use crate::samples::texts;

const RULES: &str = r#"[
    {"method": "POST", "path": "/v1/{account}/json", "operation": "spend", "query": ["*"], "body": "json",
     "headers": ["key"], "fields": ["*"], "asset": "usd", "amount": "minor(body.amount, body.currency)",
     "destination": "body.to", "key": "headers['key']", "done": "status == 200 && answer.ok",
     "captured": "minor(answer.amount, 'usd')", "record": "answer.id"},
    {"method": "POST", "path": "/v1/{account}/form", "operation": "spend", "query": ["*"], "body": "form",
     "headers": ["key"], "fields": ["*"], "asset": "usd", "amount": "decimal(body.amount, 'usd')",
     "destination": "none", "key": "headers['key']", "done": "status == 200"}
]"#;

const SAMPLES: [&str; 7] = [
    r#"{"amount":500,"currency":"usd","to":"tok_1"}"#,
    r#"{"amount":"0","currency":"usd","to":"a","more":[{"amount":1e3}, null, "\u0000\ud83d\ude00"]}"#,
    "amount=5.00&card%5Bnumber%5D=42&note=a+b%2Bc",
    "amount=0&a=%C3%BC",
    "/v1/acct%201/json",
    "/v1/%41/form",
    "expand=a&page[size]=10",
];

fn rules() -> Rules {
    let written: Vec<_> = serde_json::from_str(RULES).expect("rules");
    Rules::new(&BTreeMap::from([("usd".to_owned(), 2)]), &written).expect("rules")
}

fn asked(rules: &Rules, outgoing: &Outgoing) -> Option<Exchange> {
    let headers: Vec<(&str, &[u8])> =
        outgoing.headers.iter().map(|(name, value)| (&**name, value.as_bytes())).collect();
    let (path, query) = match outgoing.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (outgoing.target.as_str(), None),
    };
    rules.meaning(&Asked { method: &outgoing.method, path, query, headers: &headers, body: &outgoing.body }).ok()
}

#[test]
fn what_is_sent_on_is_understood_as_what_came_and_others_read_the_same_amount() {
    let rules = rules();
    every!(&texts(&SAMPLES), |bytes| {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for (kind, media_type) in [("json", "application/json"), ("form", "application/x-www-form-urlencoded")] {
            let headers: &[(&str, &[u8])] = &[("content-type", media_type.as_bytes()), ("key", b"k")];
            for (path, query, body) in [
                (format!("/v1/a/{kind}"), None, bytes.as_slice()),
                (format!("/v1/a/{kind}"), Some(text.as_str()), SAMPLES[if kind == "json" { 0 } else { 2 }].as_bytes()),
                (text.clone(), None, SAMPLES[if kind == "json" { 0 } else { 2 }].as_bytes()),
            ] {
                let found = rules.meaning(&Asked { method: "POST", path: &path, query, headers, body });
                let Ok(Exchange::Spend(charge)) = found else { continue };
                let again = asked(&rules, &charge.outgoing);
                assert_eq!(again, Some(Exchange::Spend(charge.clone())), "{charge:?}");
                if let Ok(theirs) = serde_json::from_slice::<Value>(&charge.outgoing.body) {
                    let amount = theirs.get("amount").map(|amount| amount.to_string().replace('"', ""));
                    assert_eq!(amount, Some(charge.amount.to_string()), "{charge:?}");
                }
            }
        }
    });
}

#[test]
fn no_answer_is_read_as_more_than_it_says() {
    let rules = rules();
    let instruction = Instruction { rule: "POST /v1/{account}/json".into(), key: "k".into() };
    let held = bursar_core::amount::Amount::new(500);
    let coin = bursar_core::coin::Coin::parse("usd").expect("a ticker");
    let samples = [
        r#"{"ok":true,"amount":"400","id":"x"}"#,
        "data: {\"ok\":true}\n\ndata: {\"ok\":true,\"amount\":400}\n\ndata: [DONE]\n\n",
    ];
    every!(&texts(&samples), |bytes| {
        for kind in ["application/json", "text/event-stream"] {
            let headers = vec![("content-type".into(), kind.into())];
            let answered = Answered { status: 200, headers, body: bytes.clone() };
            if let bursar_rails::http::Became::Done { captured, .. } =
                rules.became(&instruction, &answered, &coin, held)
            {
                assert!(captured.is_some_and(|captured| captured <= held), "{answered:?}");
            }
        }
    });
}

#[test]
fn a_stream_of_events_says_the_same_however_it_is_cut_and_keeps_no_more_than_it_may() {
    let samples = [
        "data: {\"ok\":true}\n\ndata: {\"ok\":true,\"amount\":400}\n\ndata: [DONE]\n\n",
        "event: a\r\nid: 1\r\ndata:{\"a\":\r\ndata: 1}\r\n\r\n: ping\r\n\r\n",
        "data\n\ndata:\n\ndata: \u{feff}{}\n\n",
    ];
    let last = |pieces: &mut dyn Iterator<Item = &[u8]>, most| {
        let mut events = Events::new(most);
        pieces.for_each(|piece| events.push(piece));
        events.last()
    };
    every!(&texts(&samples), |bytes| {
        let whole = last(&mut std::iter::once(bytes.as_slice()), 1000);
        for size in [1, 2, 3, 7] {
            assert_eq!(last(&mut bytes.chunks(size), 1000), whole);
        }
        assert!(last(&mut bytes.chunks(5), 20).is_none_or(|kept| kept.len() <= 20));
        if let Some(data) = whole {
            // Another reader finds the same event in it, line by line.
            let text = std::str::from_utf8(&bytes).expect("what says something is a text");
            let data = String::from_utf8(data).expect("a text");
            assert!(data.split('\n').all(|line| text.contains(line)), "{data:?}");
            assert_eq!(
                last(&mut std::iter::once(&*one_event(data.as_bytes())), 1000).as_deref(),
                Some(data.as_bytes())
            );
        }
    });
}

#[test]
fn whatever_is_written_for_an_expression_is_refused_or_gives_what_it_must() {
    let samples = [
        "minor(body.amount, body.currency)",
        "total([decimal('1.5', 'usd'), metered(length, has(body.n) ? body.n : '1', 'usd')])",
        "total(body.items, 'amount', 'usd')",
        "headers['key'] + path.account + query['a']",
        "body.currency == 'usd' && !(size(body.to) > 3) || 'x' in body.items",
    ];
    let body = br#"{"amount":"500","currency":"usd","to":"tok_1","n":"3","items":[{"amount":"1"},{"amount":"2"}]}"#;
    let headers: &[(&str, &[u8])] = &[("content-type", b"application/json"), ("key", b"k")];
    let asked = Asked { method: "POST", path: "/v1/a/json", query: Some("a=b"), headers, body };
    let template: Vec<Value> = serde_json::from_str(RULES).expect("rules");
    every!(&texts(&samples), |bytes| {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for field in ["asset", "amount", "destination", "key"] {
            let mut rule = template[0].clone();
            rule[field] = text.as_str().into();
            let written = [serde_json::from_value(rule).expect("a rule")];
            let Ok(rules) = Rules::new(&BTreeMap::from([("usd".to_owned(), 2)]), &written) else { continue };
            // What is of another kind than the field, or of another asset, is told at the latest here.
            if let Ok(Exchange::Spend(charge)) = rules.meaning(&asked) {
                assert_eq!(charge.coin.as_str(), "usd", "{text}");
                assert!(!charge.key.is_empty() && charge.key.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
            }
        }
    });
}
