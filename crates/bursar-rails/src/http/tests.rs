//! Rules as a whole: what is understood is what is sent on, and everything else is refused.

mod hostile;
mod written;

use std::collections::BTreeMap;

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::scope::ScopeName;

use crate::exchange::{Answered, Asked, Charge, Exchange};
use crate::forbidden::{Forbidden, Why};
use crate::http::written::{Content, CutOff, WrittenCondition, WrittenLookUp, WrittenOperation, WrittenRule};
use crate::http::{Became, Instruction, RuleProblem, Rules};

fn rule(method: &str, path: &str, operation: WrittenOperation) -> WrittenRule {
    WrittenRule {
        method: method.to_owned(),
        path: path.to_owned(),
        operation,
        query: Vec::new(),
        headers: Vec::new(),
        body: Content::None,
        fields: Vec::new(),
        scope: None,
        require: Vec::new(),
        reason: None,
        asset: None,
        amount: None,
        destination: None,
        key: None,
        key_header: None,
        done: None,
        refused: None,
        captured: None,
        may_exceed: false,
        record: None,
        events: Vec::new(),
        cut_off: None,
        reconcile: None,
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A charge as form APIs have it.
fn charge(content: Content) -> WrittenRule {
    let text = |text: &str| Some(text.to_owned());
    WrittenRule {
        headers: names(&["idempotency-key"]),
        body: content,
        fields: names(&["amount", "currency", "source", "card[*]"]),
        asset: text("usd"),
        amount: text("minor(body.amount, body.currency)"),
        destination: text("body.source"),
        key: text("headers['idempotency-key']"),
        key_header: text("idempotency-key"),
        done: text("status == 200 && answer.status == 'succeeded'"),
        refused: text("status == 402"),
        record: text("answer.id"),
        cut_off: Some(CutOff::Captured),
        reconcile: Some(WrittenLookUp {
            method: None,
            path: "/v1/charges/by-key/{key}".to_owned(),
            body: Content::None,
            send: None,
            done: "status == 200".to_owned(),
            refused: text("status == 404"),
            captured: None,
            record: text("answer.id"),
        }),
        ..rule("POST", "/v1/charges", WrittenOperation::Spend)
    }
}

fn read() -> WrittenRule {
    WrittenRule { query: names(&["expand", "page[*]"]), ..rule("GET", "/v1/charges/{id}", WrittenOperation::Read) }
}

fn try_rules(written: &[WrittenRule]) -> Result<Rules, Vec<RuleProblem>> {
    let assets = BTreeMap::from([("usd".to_owned(), 2), ("jpy".to_owned(), 0), ("microusd".to_owned(), 0)]);
    Rules::new(&assets, written)
}

fn rules(written: &[WrittenRule]) -> Rules {
    try_rules(written).unwrap_or_else(|problems| panic!("{problems:?}"))
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn posted(rules: &Rules, kind: &str, body: &[u8]) -> Result<Charge, Forbidden> {
    let headers: &[(&str, &[u8])] =
        &[("content-type", kind.as_bytes()), ("idempotency-key", b"order-7"), ("authorization", b"Bearer mine")];
    let asked = Asked { method: "POST", path: "/v1/charges", query: None, headers, body };
    match rules.meaning(&asked)? {
        Exchange::Spend(charge) => Ok(*charge),
        Exchange::Read { outgoing, .. } => panic!("a charge was taken for a read: {outgoing:?}"),
    }
}

fn got(rules: &Rules, path: &str, query: Option<&str>) -> Result<String, Forbidden> {
    let asked = Asked { method: "GET", path, query, headers: &[], body: b"" };
    match rules.meaning(&asked)? {
        Exchange::Read { outgoing, .. } => Ok(outgoing.target),
        Exchange::Spend(charge) => panic!("a read was taken for a spend: {charge:?}"),
    }
}

#[test]
fn a_charge_is_an_amount_a_destination_and_a_key_whatever_its_body_is_written_in() {
    let form = posted(&rules(&[charge(Content::Form)]), FORM, b"amount=500&currency=usd&source=tok_1&card[cvc]=123");
    let form = form.expect("a charge");
    assert_eq!((form.coin.as_str(), form.amount), ("usd", Amount::new(500)));
    assert_eq!((form.destination.as_deref(), &*form.key), (Some("tok_1"), "order-7"));
    assert_eq!(form.outgoing.body, b"amount=500&currency=usd&source=tok_1&card%5Bcvc%5D=123");
    assert_eq!(form.outgoing.target, "/v1/charges");
    let headers: Vec<_> = form.outgoing.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(headers, [("idempotency-key", "order-7"), ("content-type", FORM)], "nothing else of the client's");
    let instruction = Instruction::read(&form.instruction).expect("an instruction");
    assert_eq!((&*instruction.rule, &*instruction.key), ("POST /v1/charges", "order-7"));

    let json = rules(&[charge(Content::Json)]);
    for body in [
        &br#"{"amount":500,"currency":"usd","source":"tok_1"}"#[..],
        br#"{"amount":"500", "currency":"usd","source":"tok_1"}"#,
    ] {
        assert_eq!(posted(&json, JSON, body).expect("a charge").amount, Amount::new(500));
    }
}

#[test]
fn what_is_refused_at_a_place_where_requests_only_read_is_no_spend() {
    let search = WrittenRule {
        body: Content::Json,
        fields: names(&["text"]),
        ..rule("POST", "/v1/search", WrittenOperation::Read)
    };
    let rules = rules(&[search, charge(Content::Json)]);
    let headers: &[(&str, &[u8])] = &[("content-type", JSON.as_bytes())];
    let at = |path| Asked { method: "POST", path, query: None, headers, body: b"[" };
    let found = ["/v1/search", "/v1/charges", "/v1/nowhere"]
        .map(|path| (rules.meaning(&at(path)).is_err(), rules.is_read(&at(path))));
    assert_eq!(found, [(true, true), (true, false), (true, false)]);
}

#[test]
fn a_read_is_written_anew_and_what_no_rule_is_for_is_refused() {
    let rules = rules(&[
        read(),
        WrittenRule {
            reason: Some("payouts are by hand".to_owned()),
            ..rule("POST", "/v1/payouts", WrittenOperation::Refuse)
        },
    ]);
    let target = got(&rules, "/v1/charges/ch_%31", Some("expand=a+b&page[size]=10"));
    assert_eq!(target.as_deref(), Ok("/v1/charges/ch_1?expand=a%20b&page%5Bsize%5D=10"));
    let refused = |method, path: &str| {
        let asked = Asked { method, path, query: None, headers: &[], body: b"" };
        rules.meaning(&asked).expect_err(path)
    };
    for (method, path) in
        [("GET", "/v1/charges"), ("DELETE", "/v1/charges/1"), ("get", "/v1/charges/1"), ("GET", "/v2/charges/1")]
    {
        assert_eq!(refused(method, path).why, Why::UnknownRoute, "{method} {path}");
    }
    let by_rule = refused("POST", "/v1/payouts");
    assert_eq!((by_rule.why, by_rule.detail.as_str()), (Why::Withheld, "payouts are by hand"));
    for query in ["limit=1", "expand=1&Expand=2", "expand", "page=1&page[size]=2", "expand=1;limit=2"] {
        assert!(got(&rules, "/v1/charges/1", Some(query)).is_err(), "{query}");
    }
}

#[test]
fn what_became_of_a_spend_is_looked_up_by_the_name_the_upstream_was_given() {
    let rules = rules(&[charge(Content::Form)]);
    let instruction = Instruction { rule: "POST /v1/charges".into(), key: "order-7".into() };
    assert_eq!(rules.key_header(&instruction), Some("idempotency-key"));
    let asked = rules.look_up(&instruction, "a:b").expect("a look-up");
    assert_eq!((&*asked.method, asked.target.as_str()), ("GET", "/v1/charges/by-key/a%3Ab"));
    let other = Instruction { rule: "POST /v1/other".into(), ..instruction };
    assert_eq!(rules.look_up(&other, "x"), None);
}

#[test]
fn a_rule_for_several_assets_counts_each_in_its_own_decimal_places_and_refuses_others() {
    let several = WrittenRule {
        asset: Some("body.currency".to_owned()),
        amount: Some("decimal(body.amount, body.currency)".to_owned()),
        captured: Some("decimal(answer.amount, answer.currency)".to_owned()),
        ..charge(Content::Json)
    };
    let rules = rules(&[several]);
    let asked = |amount: &str, currency: &str| {
        let body = format!(r#"{{"amount":"{amount}","currency":{currency},"source":"tok_1"}}"#);
        posted(&rules, JSON, body.as_bytes()).map(|charge| (charge.coin.to_string(), charge.amount))
    };
    assert_eq!(asked("5.00", "\"usd\""), Ok(("usd".to_owned(), Amount::new(500))));
    assert_eq!(asked("5", "\"jpy\""), Ok(("jpy".to_owned(), Amount::new(5))));
    for (amount, currency) in
        [("5.0", "\"jpy\""), ("5", "\"eur\""), ("5", "\"USD\""), ("5", "null"), ("5", "[\"usd\"]")]
    {
        let refused = asked(amount, currency).expect_err(currency);
        assert_eq!(refused.why, Why::NotPriced, "{refused:?}");
    }
    let instruction = Instruction { rule: "POST /v1/charges".into(), key: "order-7".into() };
    let became = |coin: &str, body: &str| {
        let headers = vec![("content-type".into(), JSON.into())];
        let answered = Answered { status: 200, headers, body: body.as_bytes().to_vec() };
        rules.became(&instruction, &answered, &Coin::parse(coin).expect(coin), Amount::new(500))
    };
    let done = |currency: &str| format!(r#"{{"status":"succeeded","amount":"4.00","currency":"{currency}"}}"#);
    let captured = Became::Done { captured: Some(Amount::new(400)), record: None };
    assert_eq!(became("usd", &done("usd")), captured);
    // Another asset than was held, and one of which there is no such amount.
    for (coin, body) in [("usd", done("jpy")), ("jpy", done("jpy")), ("eur", done("eur"))] {
        assert!(matches!(became(coin, &body), Became::Unknown { .. }), "{coin}");
    }
}

#[test]
fn what_a_rule_asks_for_besides_comes_with_what_a_request_means() {
    let scoped = |written: WrittenRule, scope: &str| WrittenRule { scope: Some(scope.to_owned()), ..written };
    let rules = rules(&[scoped(charge(Content::Form), "trade_trade"), scoped(read(), "wallet_manage")]);
    let body = b"amount=500&currency=usd&source=tok_1";
    assert_eq!(posted(&rules, FORM, body).map(|charge| charge.needs), Ok(Some(ScopeName::TradeTrade)));
    let asked = Asked { method: "GET", path: "/v1/charges/1", query: None, headers: &[], body: b"" };
    let meaning = rules.meaning(&asked);
    assert!(matches!(meaning, Ok(Exchange::Read { needs: Some(ScopeName::WalletManage), .. })), "{meaning:?}");
}

/// A charge that is looked up so, as a configuration writes it.
fn looked_up(written: &str) -> WrittenRule {
    let look_up: WrittenLookUp = serde_json::from_str(written).unwrap_or_else(|error| panic!("{written}: {error}"));
    WrittenRule { reconcile: Some(look_up), ..charge(Content::Form) }
}

#[test]
fn a_look_up_can_be_a_question_with_a_body_that_names_the_spend() {
    let instruction = Instruction { rule: "POST /v1/charges".into(), key: "order-7".into() };
    let asked = |written: &str, name: &str| rules(&[looked_up(written)]).look_up(&instruction, name);
    let json = r#"{"method":"POST","path":"/v1/charges/search","body":"json","done":"status == 200",
        "send":{"limit":1,"filter":{"all":[true,"ref:'{key}'"]},"key":"{key}"}}"#;
    let outgoing = asked(json, "order-7").expect("a look-up");
    assert_eq!((&*outgoing.method, outgoing.target.as_str()), ("POST", "/v1/charges/search"));
    let body = r#"{"filter":{"all":[true,"ref:'order-7'"]},"key":"order-7","limit":1}"#;
    assert_eq!(String::from_utf8_lossy(&outgoing.body), body);
    assert_eq!(outgoing.headers, [("content-type".into(), JSON.into())]);
    let form = r#"{"method":"POST","path":"/v1/find/{key}","body":"form","send":{"q":"a={key}","n":5},"done":"status == 200"}"#;
    let outgoing = asked(form, "a:b").expect("a look-up");
    assert_eq!((outgoing.target.as_str(), &outgoing.body[..]), ("/v1/find/a%3Ab", &b"n=5&q=a%3Da%3Ab"[..]));
    let bare = asked(r#"{"method":"POST","path":"/v1/find/{key}","done":"status == 200"}"#, "x").expect("a look-up");
    assert!(bare.body.is_empty() && bare.headers.is_empty());
    for strange in ["'", "\"", "a/b", "..", "", "a b", "{key}"] {
        assert_eq!(asked(json, strange), None, "a name that could end a text leads nowhere: {strange}");
    }
    let captured = looked_up(&json.replacen('{', r#"{"captured":"minor(answer.found.amount, 'usd')","#, 1));
    let answered = Answered {
        status: 200,
        headers: vec![("content-type".into(), JSON.into())],
        body: br#"{"found":{"amount":"400"}}"#.to_vec(),
    };
    let usd = Coin::parse("usd").expect("an asset");
    let became = rules(&[captured]).became_as_looked_up(&instruction, &answered, &usd, Amount::new(500));
    assert_eq!(became, Became::Done { captured: Some(Amount::new(400)), record: None });
}

#[test]
fn a_condition_of_a_rule_refuses_with_its_reason_whatever_the_request_costs() {
    let condition = |holds: &str, reason: &str| WrittenCondition { holds: holds.to_owned(), reason: reason.to_owned() };
    let require = vec![
        condition("body.currency == 'usd'", "only dollars are paid from here"),
        condition("!has(body.source) || body.source.startsWith('tok_')", "sources are tokens"),
    ];
    let spends = rules(&[WrittenRule { require, ..charge(Content::Json) }]);
    let body = |currency: &str, source: &str| {
        posted(&spends, JSON, format!(r#"{{"amount":"5","currency":{currency},"source":"{source}"}}"#).as_bytes())
    };
    assert!(body("\"usd\"", "tok_1").is_ok());
    let refused = |found: Result<Charge, Forbidden>| found.map(drop).expect_err("a refusal");
    let dollars = refused(body("\"eur\"", "tok_1"));
    assert_eq!((dollars.why, dollars.detail.as_str()), (Why::Withheld, "only dollars are paid from here"));
    assert_eq!(refused(body("\"usd\"", "card")).detail, "sources are tokens");
    assert!(refused(body("null", "tok_1")).detail.starts_with("only dollars"));
    let missing = refused(posted(&spends, JSON, br#"{"amount":"5","source":"tok_1"}"#));
    assert!(missing.detail.contains("cannot be told: `currency` of `body` is missing"), "{missing:?}");
    let require = vec![condition("path.id.startsWith('ch_')", "only charges are shown")];
    let reads = rules(&[WrittenRule { require, ..read() }]);
    assert!(got(&reads, "/v1/charges/ch_1", None).is_ok() && got(&reads, "/v1/charges/po_1", None).is_err());
}

#[test]
fn decimals_of_a_list_are_added_up_exactly_with_the_places_of_their_asset() {
    let priced = |amount: &str| WrittenRule {
        fields: names(&["items", "source"]),
        amount: Some(amount.to_owned()),
        ..charge(Content::Json)
    };
    let rules = rules(&[priced("decimal_total(body.items, 'price', 'usd')")]);
    let asked = |items: &str| {
        let body = format!(r#"{{"items":{items},"source":"tok_1"}}"#);
        posted(&rules, JSON, body.as_bytes()).map(|charge| charge.amount)
    };
    assert_eq!(asked(r#"[{"price":"0.10"},{"price":0.2},{"price":"3"}]"#), Ok(Amount::new(330)));
    for items in [
        "[]",
        "{}",
        "null",
        r#"["0.10"]"#,
        r#"[{"price":"0.101"}]"#,
        r#"[{"price":"-1"}]"#,
        r#"[{"price":"1e2"}]"#,
        r#"[{"price":null}]"#,
        r#"[{"price":"1"},{"cost":"1"}]"#,
        r#"[{"price":"1","Price":"2"}]"#,
    ] {
        assert!(asked(items).is_err(), "{items}");
    }
}
