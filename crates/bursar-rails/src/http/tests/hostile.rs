//! What somebody sends who would like Bursar to read another amount than the upstream.

use proptest::prelude::*;

use super::*;

/// Amounts that are none, as JSON writes them.
const NO_AMOUNTS: [&str; 24] = [
    "-500",
    "5.5",
    "500.0",
    "5e2",
    "5E2",
    "0500",
    "1e400",
    "null",
    "true",
    "[500]",
    "{}",
    "{\"a\":500}",
    "\"\"",
    "\" 500\"",
    "\"500 \"",
    "\"+500\"",
    "\"0x1f4\"",
    "\"5_00\"",
    "\"٥٠٠\"",
    "\"500\\u0000\"",
    "\"NaN\"",
    "\"Infinity\"",
    "NaN",
    "115792089237316195423570985008687907853269984665640564039457584007913129639936",
];

#[test]
fn an_amount_that_is_not_exact_is_refused_with_the_reason() {
    let rules = rules(&[charge(Content::Json)]);
    for amount in NO_AMOUNTS {
        let body = format!(r#"{{"amount":{amount},"currency":"usd","source":"tok_1"}}"#);
        let refused = posted(&rules, JSON, body.as_bytes()).expect_err(amount);
        assert!(matches!(refused.why, Why::NotPriced | Why::Undecodable), "{amount}: {refused:?}");
        assert!(!refused.detail.is_empty());
    }
    let missing = posted(&rules, JSON, br#"{"currency":"usd","source":"tok_1"}"#).expect_err("no amount");
    assert_eq!(missing.detail, "the amount of this spend: `amount` of `body` is missing");
    let wrong = posted(&rules, JSON, br#"{"amount":500,"currency":"eur","source":"tok_1"}"#).expect_err("no usd");
    assert_eq!(wrong.detail, "the amount of this spend: gives an amount of `eur`, not of `usd`");
}

#[test]
fn a_body_that_can_be_read_in_two_ways_is_refused() {
    let json = rules(&[charge(Content::Json)]);
    let rest = r#""currency":"usd","source":"tok_1""#;
    for body in [
        format!(r#"{{"amount":5,"amount":500,{rest}}}"#),
        format!(r#"{{"amount":5,"\u0061mount":500,{rest}}}"#),
        format!(r#"{{"amount":5,"Amount":500,{rest}}}"#),
        format!(r#"{{"amount":5,"tip":500,{rest}}}"#),
        format!(r#"{{"amount":5,"card":{{"source":{{"id":1}},"source.id":2}},{rest}}}"#),
        format!(r#"{{"amount":5,"card":[{{"source":{{"id":1}},"Source[id]":2}}],{rest}}}"#),
        format!(r#"{{"amount":5,{rest}}}{{"amount":500}}"#),
        format!(r#"[{{"amount":5,{rest}}}]"#),
        format!("amount=5&{rest}"),
        format!("\u{feff}{{\"amount\":5,{rest}}}"),
        format!(r#"{{"amount":5,{rest},}}"#),
        format!(r#"{{"amount":5,/* 500 */{rest}}}"#),
        format!(r#"{{'amount':5,{rest}}}"#),
    ] {
        assert!(posted(&json, JSON, body.as_bytes()).is_err(), "{body}");
    }
    let form = rules(&[charge(Content::Form)]);
    let rest = "currency=usd&source=tok_1";
    for body in [
        format!("amount=5&amount=500&{rest}"),
        format!("amount=5&%61mount=500&{rest}"),
        format!("amount=5&AMOUNT=500&{rest}"),
        format!("amount=5&amount[]=500&{rest}"),
        format!("amount=5;amount=500&{rest}"),
        format!("amount=5&tip=500&{rest}"),
        format!("amount=5%00&{rest}"),
        format!("amount=5+&{rest}"),
        format!("amount=%ff&{rest}"),
        format!("amount&{rest}"),
        r#"{"amount":500}"#.to_owned(),
    ] {
        assert!(posted(&form, FORM, body.as_bytes()).is_err(), "{body}");
    }
    // The other kind of body, said to be this one, and the other way round.
    assert!(posted(&form, JSON, br#"{"amount":5,"currency":"usd","source":"tok_1"}"#).is_err());
    assert!(posted(&json, FORM, b"amount=5&currency=usd&source=tok_1").is_err());
}

#[test]
fn what_leads_to_what_a_rule_reads_is_refused_however_the_rule_names_it() {
    let with = |amount: &str| {
        let amount = Some(amount.to_owned());
        rules(&[WrittenRule { fields: names(&["*"]), amount, ..charge(Content::Json) }])
    };
    let rest = r#""currency":"usd","source":"tok_1""#;
    for (amount, sound, hostile) in [
        (
            "minor(body[body.kind].amount, 'usd')",
            r#""kind":"t","t":{"amount":1}"#,
            r#""kind":"t","t":{"amount":1},"t.amount":9000"#,
        ),
        (
            "has(body.tip) ? minor(body.tip, 'usd') : minor(body.amount, 'usd')",
            r#""amount":1,"note.tip":2"#,
            r#""amount":1,"tip.amount":9000"#,
        ),
        (
            "'tip' in body ? minor(body.tip, 'usd') : minor(body.amount, 'usd')",
            r#""amount":1,"note":{"tip":3}"#,
            r#""amount":1,"Tip":9000"#,
        ),
        ("minor(body.t.amount, 'usd')", r#""t":{"amount":1}"#, r#""t":{"amount":1},"[t].amount":9000"#),
        ("minor(body.amount, 'usd')", r#""amount":1"#, r#""amount":1,"_method":"PUT""#),
    ] {
        let rules = with(amount);
        let asked = |fields: &str| posted(&rules, JSON, format!("{{{fields},{rest}}}").as_bytes());
        assert!(asked(sound).is_ok(), "{amount} {sound}: {:?}", asked(sound));
        let refused = asked(hostile).expect_err(hostile);
        assert!(matches!(refused.why, Why::Undecodable | Why::NotPriced), "{refused}");
    }
}

#[test]
fn what_is_in_the_query_is_not_in_the_body_besides() {
    for content in [Content::Form, Content::Json] {
        let reads_more = Some("minor(has(body.a_b) ? body.a_b : body.amount, body.currency)".to_owned());
        let rule = WrittenRule { query: names(&["*"]), fields: names(&["*"]), amount: reads_more, ..charge(content) };
        let rules = rules(&[rule]);
        let (kind, body) = match content {
            Content::Json => (JSON, r#"{"amount":5,"currency":"usd","source":"tok_1","b.c":1,"note":{"c":1,"c.b":2}}"#),
            _ => (FORM, "amount=5&currency=usd&source=tok_1&b.c=1&note=2"),
        };
        let asked = |query| {
            let headers: &[(&str, &[u8])] = &[("content-type", kind.as_bytes()), ("idempotency-key", b"order-7")];
            rules.meaning(&Asked { method: "POST", path: "/v1/charges", query, headers, body: body.as_bytes() })
        };
        assert!(asked(None).is_ok() && asked(Some("expand=all")).is_ok());
        // What no rule reads may be wherever it is.
        assert!(asked(Some("note=1")).is_ok());
        for query in ["amount=500", "AMOUNT=500", "amount[]=500", "amount.0=500", "source=mallory", "a_b=1"] {
            let refused = asked(Some(query)).expect_err(query);
            assert!(matches!(refused.why, Why::Undecodable | Why::NotPriced), "{content:?} {query}: {refused}");
        }
    }
}

#[test]
fn what_a_rule_reads_in_one_place_is_not_in_another() {
    let with = |path: &str, amount: &str| {
        let (path, amount) = (path.to_owned(), Some(amount.to_owned()));
        let (query, fields) = (names(&["*"]), names(&["*"]));
        rules(&[WrittenRule { path, amount, query, fields, ..charge(Content::Json) }])
    };
    let asked = |rules: &Rules, path: &str, query, body: &str| {
        let headers: &[(&str, &[u8])] = &[("content-type", JSON.as_bytes()), ("idempotency-key", b"order-7")];
        let fields = format!(r#"{{"currency":"usd","source":"tok_1"{body}}}"#);
        rules.meaning(&Asked { method: "POST", path, query, headers, body: fields.as_bytes() })
    };
    let of_body = with("/v1/charges", "has(body.tip) ? minor(body.tip, 'usd') : minor('1', 'usd')");
    let of_query = with("/v1/charges", "has(query.tip) ? minor(query.tip, 'usd') : minor('1', 'usd')");
    let of_any = with("/v1/charges", "minor(body[body.kind], 'usd')");
    let of_path = with("/v1/charges/{sum}", "minor(path.sum, 'usd')");
    let of_parts = with("/v1/charges/{to_id}", "minor(path.to_id, 'usd')");
    for (rules, path, query, body) in [
        (&of_body, "/v1/charges", Some("note=1"), r#","tip":2"#),
        (&of_query, "/v1/charges", Some("tip=2"), r#","note":1"#),
        (&of_any, "/v1/charges", None, r#","kind":"k","k":2"#),
        (&of_path, "/v1/charges/2", Some("note=1"), r#","note":{"sum":2}"#),
    ] {
        assert!(asked(rules, path, query, body).is_ok(), "{:?}", asked(rules, path, query, body));
    }
    for (rules, path, query, body) in [
        (&of_body, "/v1/charges", Some("tip=9000"), ""),
        (&of_body, "/v1/charges", Some("tip[]=9000"), ""),
        (&of_query, "/v1/charges", None, r#","tip":9000"#),
        (&of_query, "/v1/charges", Some("TIP=9000"), ""),
        (&of_query, "/v1/charges", Some("tip[]=9000"), ""),
        (&of_query, "/v1/charges", Some("tip.0=9000"), ""),
        (&of_any, "/v1/charges", Some("k=9000"), r#","kind":"k","k":2"#),
        (&of_path, "/v1/charges/2", Some("sum=9000"), ""),
        (&of_path, "/v1/charges/2", None, r#","sum":9000"#),
        (&of_path, "/v1/charges/2", None, r#","Sum":9000"#),
        (&of_parts, "/v1/charges/2", Some("to_id=9000"), ""),
        (&of_parts, "/v1/charges/2", None, r#","to.id":9000"#),
    ] {
        let refused = asked(rules, path, query, body).expect_err(body);
        assert!(matches!(refused.why, Why::Undecodable | Why::NotPriced), "{query:?} {body}: {refused}");
    }
}

#[test]
fn what_is_written_otherwise_than_the_rule_reads_it_is_refused_wherever_it_is() {
    let with = |amount: &str| {
        let amount = Some(amount.to_owned());
        rules(&[WrittenRule { fields: names(&["*"]), amount, ..charge(Content::Json) }])
    };
    let rest = r#""source":"tok_1""#;
    for (amount, sound, hostile) in [
        ("minor(body['t.amount'], 'usd')", r#""t.amount":1"#, r#""t.amount":1,"t[amount]":9000"#),
        (
            "has(body.t) && has(body.t.a) ? minor(body.t.a.tip, 'usd') : minor(body.amount, 'usd')",
            r#""amount":1,"t":{"b.tip":9000}"#,
            r#""amount":1,"t":{"a.tip":9000}"#,
        ),
        (
            "has(body.tip) ? minor(body.tip, 'usd') : minor(body.amount, 'usd')",
            r#""amount":1,"proto":{"tip":2}"#,
            r#""amount":1,"__proto__":{"tip":9000}"#,
        ),
    ] {
        let rules = with(amount);
        let asked = |fields: &str| posted(&rules, JSON, format!("{{{fields},{rest}}}").as_bytes());
        assert_eq!(asked(sound).map(|charge| charge.amount < Amount::new(9000)), Ok(true), "{sound}");
        let refused = asked(hostile).expect_err(hostile);
        assert!(matches!(refused.why, Why::Undecodable | Why::NotPriced), "{refused}");
    }
    let form = |amount: &str| {
        let amount = Some(format!("{amount} ? minor('1', 'usd') : minor(body.amount, 'usd')"));
        rules(&[WrittenRule { fields: names(&["*"]), amount, ..charge(Content::Form) }])
    };
    let (part, item) = (form("'tip[amount]' in body"), form("'tip[0]' in body"));
    let asked = |rules: &Rules, more: &str| posted(rules, FORM, format!("source=tok_1&amount=1&{more}").as_bytes());
    assert!(asked(&part, "tip[note]=a").is_ok() && asked(&item, "list[]=a&list[]=b").is_ok());
    let second = form("'items[1][price]' in body");
    assert!(asked(&second, "items[0][price]=a&items[0][rates][]=b&items[0][rates][]=c").is_ok());
    assert!(asked(&second, "metadata[order%20(7)]=a&metadata[it's]=b&metadata[007]=c").is_ok());
    for (rules, more) in [
        (&part, "tip[amount][]=9000"),
        (&part, "tip[amount][0]=9000"),
        (&part, "tip[amount][x][y]=9000"),
        (&part, "tip.amount.x=9000"),
        (&item, "tip[]=9000"),
        (&item, "tip[5]=9000"),
        (&item, "tip.0=9000"),
        (&item, "tip[7][x]=9000"),
        (&item, "tip=9000"),
        (&part, "tip[amount]:int=9000"),
        (&part, "tip[0][Key]=amount&tip[0][Value]=9000"),
        (&part, "tip['amount']=9000"),
        (&item, "tip[a]=9000"),
        (&item, "tip.index=a"),
        (&second, "items[2][price]=9000"),
        (&second, "items[][price]=9000"),
        (&part, "X-HTTP-Method-Override=PUT"),
    ] {
        assert!(asked(rules, more).is_err(), "{more}");
    }
    let amount = Some("has(body.a_b) ? minor(body.a_b, 'usd') : minor(body.amount, 'usd')".to_owned());
    let form = rules(&[WrittenRule { fields: names(&["*"]), amount, ..charge(Content::Form) }]);
    let asked = |fields: &str| posted(&form, FORM, format!("source=tok_1&amount=1&{fields}").as_bytes());
    assert!(asked("c.b=1").is_ok() && asked("expand[]=a&expand[]=b").is_ok());
    for fields in ["a.b=9000", "a.b[c]=9000", "a_b[]=9000", "A_B=9000", "__proto__[a_b]=9000", "amount=1"] {
        assert!(asked(fields).is_err(), "{fields}");
    }
}

#[test]
fn a_name_behind_a_prefix_is_the_name_in_forms_and_queries_to_some() {
    let with = |content, amount: &str| {
        let amount = Some(amount.to_owned());
        rules(&[WrittenRule { query: names(&["*"]), fields: names(&["*"]), amount, ..charge(content) }])
    };
    let asked = |rules: &Rules, kind: &str, query: Option<&str>, body: &str| {
        let headers: &[(&str, &[u8])] = &[("content-type", kind.as_bytes()), ("idempotency-key", b"order-7")];
        rules.meaning(&Asked { method: "POST", path: "/v1/charges", query, headers, body: body.as_bytes() })
    };
    let of_body = with(Content::Form, "has(body.tip) ? minor(body.tip, 'usd') : minor(body.amount, 'usd')");
    let of_query = with(Content::Form, "has(query.tip) ? minor(query.tip, 'usd') : minor(body.amount, 'usd')");
    let sound = "source=a&amount=1";
    for rules in [&of_body, &of_query] {
        for more in ["", "&x.note=1", "&_note=1", "&amounts.x=1", "&note.tips=1", "&a.b.tip=1", "&x[amount]=1"] {
            let body = format!("{sound}{more}");
            assert!(asked(rules, FORM, None, &body).is_ok(), "{body}: {:?}", asked(rules, FORM, None, &body));
        }
        for more in
            ["_amount", "x.amount", "X.Amount", "_x.amount", "x.amount[0]", "_AMOUNT", "x.amount.y", "_tip", "x.tip"]
        {
            let body = format!("{sound}&{more}=9000");
            let refused = asked(rules, FORM, None, &body).expect_err(more);
            assert!(matches!(refused.why, Why::NotPriced | Why::Undecodable), "{more}: {refused}");
            let query = format!("{more}=9000");
            assert!(asked(rules, FORM, Some(&query), sound).is_err(), "{more}");
        }
        assert!(asked(rules, FORM, Some("x.note=1&_note=1"), sound).is_ok());
    }
    let json = with(Content::Json, "minor(body.amount, 'usd')");
    let body = r#"{"source":"a","amount":1,"x.amount":2,"_amount":3}"#;
    assert!(asked(&json, JSON, None, body).is_ok());
    assert!(asked(&json, JSON, Some("_amount=9000"), r#"{"source":"a","amount":1}"#).is_err());
}

#[test]
fn headers_that_are_there_twice_or_pack_the_body_are_refused() {
    let rules = rules(&[charge(Content::Form)]);
    let kind: (&str, &[u8]) = ("content-type", FORM.as_bytes());
    let key: (&str, &[u8]) = ("idempotency-key", b"order-7");
    let body = b"amount=500&currency=usd&source=tok_1";
    let with = |headers: &[(&str, &[u8])]| {
        rules.meaning(&Asked { method: "POST", path: "/v1/charges", query: None, headers, body })
    };
    assert!(with(&[kind, key]).is_ok());
    assert!(with(&[kind, key, ("content-encoding", b"identity")]).is_ok());
    for headers in [
        &[kind, key, key][..],
        &[kind, kind, key],
        &[kind],
        &[key],
        &[kind, ("idempotency-key", b"")],
        &[kind, ("idempotency-key", b"a b")],
        &[kind, ("idempotency-key", b"a\xff")],
        &[kind, ("idempotency-key", "k".repeat(256).as_bytes())],
        &[kind, key, ("content-encoding", b"gzip")],
        &[kind, key, ("content-encoding", b"identity"), ("content-encoding", b"gzip")],
    ] {
        assert!(with(headers).is_err(), "{headers:?}");
    }
}

#[test]
fn a_key_that_would_be_looked_up_elsewhere_is_refused_before_it_is_spent_under() {
    let keyed = |key_header: Option<&str>| {
        let rules = rules(&[WrittenRule { key_header: key_header.map(str::to_owned), ..charge(Content::Form) }]);
        move |key: &str| {
            let headers: &[(&str, &[u8])] = &[("content-type", FORM.as_bytes()), ("idempotency-key", key.as_bytes())];
            let body = b"amount=500&currency=usd&source=tok_1";
            rules.meaning(&Asked { method: "POST", path: "/v1/charges", query: None, headers, body })
        }
    };
    let (by_client, by_bursar) = (keyed(None), keyed(Some("idempotency-key")));
    for key in ["..", ".", "...", "a/b", "../../refunds", "%2e%2e", "a%2Fb", "a\\b", "a;b", "a?b=c", "a#b"] {
        let refused = by_client(key).expect_err(key);
        assert_eq!(refused.why, Why::NotPriced, "{key}");
        assert!(refused.detail.contains("the key") && refused.detail.contains("letters, digits"), "{refused}");
        // The upstream never hears of it: it is given the name of the hold.
        assert!(by_bursar(key).is_ok(), "{key}");
    }
    for key in ["order-7", "a.b..c", "urn:uuid:6e8b", "~_"] {
        assert!(by_client(key).is_ok(), "{key}");
    }
    let instruction = Instruction { rule: "POST /v1/charges".into(), key: "..".into() };
    assert_eq!(rules(&[charge(Content::Form)]).look_up(&instruction, ".."), None, "kept before this was refused");
}

#[test]
fn what_stands_in_a_path_is_one_plain_segment() {
    let rules = rules(&[read()]);
    assert_eq!(got(&rules, "/v1/charges/ch_1", None).as_deref(), Ok("/v1/charges/ch_1"));
    for path in ["/v1/charges/...", "/v1/charges/a%20b", "/v1/charges/%EF%BC%8E%EF%BC%8E", "/v1/charges/a,b"] {
        let refused = got(&rules, path, None).expect_err(path);
        assert!(refused.detail.contains("`id` of the path"), "{refused}");
    }
}

#[test]
fn a_name_that_a_rule_reads_counts_in_its_own_letters_only() {
    // `has` would find nothing in `Quantity`, and the upstream perhaps does.
    let amount = "has(body.quantity) ? total([minor(body.amount, 'usd'), minor(body.quantity, 'usd')]) : minor(body.amount, 'usd')";
    let lenient = WrittenRule { amount: Some(amount.to_owned()), fields: names(&["*"]), ..charge(Content::Json) };
    let rules = rules(&[lenient]);
    let amount = |body: &str| posted(&rules, JSON, body.as_bytes()).map(|charge| charge.amount);
    assert_eq!(amount(r#"{"amount":5,"source":"a","other":{"x":[1]}}"#), Ok(Amount::new(5)));
    assert_eq!(amount(r#"{"amount":5,"source":"a","quantity":9}"#), Ok(Amount::new(14)));
    for body in [
        r#"{"amount":5,"source":"a","Quantity":9}"#,
        r#"{"amount":5,"source":"a","QUANTITY":9}"#,
        "{\"amount\":5,\"\u{17f}ource\":\"b\",\"source\":\"a\"}",
    ] {
        assert!(amount(body).is_err(), "{body}");
    }
}

#[test]
fn names_in_parts_count_where_the_rule_reads_them_and_are_anybodys_elsewhere() {
    let with = |amount: &str| {
        let amount = Some(amount.to_owned());
        rules(&[WrittenRule { query: names(&["*"]), fields: names(&["*"]), amount, ..charge(Content::Json) }])
    };
    let passes =
        |rules: &Rules, fields: &str| posted(rules, JSON, format!(r#"{{"source":"a",{fields}}}"#).as_bytes()).is_ok();
    let top = with("minor(body.amount, 'usd')");
    assert!(passes(&top, r#""amount":1,"metadata":{"amount.usd":"1","Amount":2,"amount[0]":3}"#));
    let part = with("minor(body.t.amount, 'usd')");
    assert!(passes(&part, r#""t":{"amount":1},"amount":9"#));
    assert!(!passes(&part, r#""t":{"amount":1,"amount.0":9}"#));
    // Which of both it is, the request says: it is read in each.
    let either = with("has((body.kind == 'q' ? query : body).tip) ? minor('9', 'usd') : minor('1', 'usd')");
    assert!(passes(&either, r#""kind":"b","tip":9"#) && !passes(&either, r#""kind":"b","Tip":9"#));
    // A list has no names, and an object no items: somebody finds there what a rule would not.
    let listed = with("has(body.tip.amount) ? minor('9', 'usd') : minor('1', 'usd')");
    assert!(passes(&listed, r#""tip":{"amount":1}"#) && passes(&listed, r#""tip":{}"#));
    assert!(!passes(&listed, r#""tip":[{"amount":9000}]"#));
    let tags = with("'vip' in body.tags ? minor('9', 'usd') : minor('1', 'usd')");
    for (tags_there, is_read) in [
        (r#"["vip"]"#, true),
        (r#"["a"]"#, true),
        (r#"{"a":"b"}"#, true),
        (r#"{"0":"vip"}"#, false),
        (r#"{"x":"vip"}"#, false),
    ] {
        assert_eq!(passes(&tags, &format!(r#""tags":{tags_there}"#)), is_read, "{tags_there}");
    }
    assert!(passes(&with("'tip' in body ? minor('9', 'usd') : minor('1', 'usd')"), r#""note":"tip""#));
}

#[test]
fn what_is_forbidden_by_its_name_is_forbidden_in_a_list_and_in_another_spelling_too() {
    let with = |holds: &str| {
        let require = vec![WrittenCondition { holds: holds.to_owned(), reason: "no".to_owned() }];
        rules(&[WrittenRule { require, fields: names(&["*"]), ..charge(Content::Json) }])
    };
    let rest = r#""amount":5,"currency":"usd","source":"tok_1""#;
    for (holds, sound, hostile) in [
        ("body.kind != 'payout'", r#""kind":"sale""#, &[r#""kind":["payout"]"#, r#""kind":{"0":"payout"}"#][..]),
        ("!(body.kind in ['payout', 'refund'])", r#""kind":"sale""#, &[r#""kind":["refund"]"#]),
        ("body.kind != '5'", r#""kind":6"#, &[r#""kind":5.0"#, r#""kind":5e0"#, r#""kind":"05""#, r#""kind":5"#]),
        (
            "body.from != body.to",
            r#""from":"a","to":"b""#,
            &[r#""from":["a"],"to":"a""#, r#""from":{"i":1},"to":{"i":1}"#],
        ),
        ("body.instant != true", r#""instant":false"#, &[r#""instant":"true""#, r#""instant":[true]"#]),
        (
            "!(body.kind in (body.plan == 'a' ? ['payout'] : ['refund']))",
            r#""kind":"sale","plan":"a""#,
            &[r#""kind":["payout"],"plan":"a""#, r#""kind":"payout","plan":"a""#],
        ),
        (
            "!(body.kind in body)",
            r#""kind":"sale""#,
            &[r#""kind":["vip"]"#, r#""kind":["vip"],"vip":1"#, r#""kind":"vip","vip":1"#, r#""kind":true"#],
        ),
        ("!(body.kind in body.tags)", r#""kind":"a","tags":{"b":1}"#, &[r#""kind":["b"],"tags":{"b":1}"#]),
        ("!('vip' in body.tags)", r#""tags":["a","b"]"#, &[r#""tags":["a",["vip"]]"#, r#""tags":{"0":"vip"}"#]),
        ("body.note == null", r#""note":null"#, &[r#""note":[]"#, r#""note":"x""#]),
    ] {
        let rules = with(holds);
        let asked = |fields: &str| posted(&rules, JSON, format!("{{{fields},{rest}}}").as_bytes());
        assert!(asked(sound).is_ok(), "{holds} {sound}: {:?}", asked(sound));
        for fields in hostile {
            assert_eq!(asked(fields).expect_err(fields).why, Why::Withheld, "{holds} {fields}");
        }
    }
}

#[test]
fn a_name_that_the_rule_makes_is_judged_like_one_that_it_says() {
    let amount = Some("body.kind in body ? minor(body[body.kind].fee, 'usd') : minor('1', 'usd')".to_owned());
    let rules = rules(&[WrittenRule { fields: names(&["*"]), amount, ..charge(Content::Json) }]);
    let asked = |fields: &str| {
        let charged = posted(&rules, JSON, format!(r#"{{"source":"a","kind":"tip",{fields}}}"#).as_bytes());
        charged.map(|charge| charge.amount)
    };
    assert_eq!(asked(r#""tip":{"fee":7}"#), Ok(Amount::new(7)));
    assert_eq!(asked(r#""note.tip":{"fee":7}"#), Ok(Amount::new(1)));
    for fields in [
        r#""tip.fee":9000"#,
        r#""Tip":{"fee":9000}"#,
        r#""[tip].fee":9000"#,
        r#""['tip']":{"fee":9000}"#,
        r#""tip":{"fee":7},"tip.fee":9000"#,
        r#""tip":{"fee":7,"fee.0":9000}"#,
        r#""__proto__":{"tip":{"fee":9000}}"#,
    ] {
        assert!(asked(fields).is_err(), "{fields}: {:?}", asked(fields));
    }
    // As long as the request: nobody's name, and dear to compare with others.
    for kind in ["_".repeat(200_000), "a.".repeat(200), "a[".repeat(100_000)] {
        let body = format!(r#"{{"source":"a","kind":"{kind}","{}":1}}"#, ".".repeat(400_000));
        assert!(posted(&rules, JSON, body.as_bytes()).is_err());
    }
}

#[test]
fn names_that_lead_on_are_looked_at_once_each_however_many_there_are() {
    let with = |amount: &str| {
        let amount = Some(amount.to_owned());
        rules(&[WrittenRule { fields: names(&["*"]), amount, ..charge(Content::Json) }])
    };
    let many: Vec<_> = (0..50_000).map(|number| format!(r#""t.n{number}":1"#)).collect();
    let body = format!(r#"{{"source":"a","kind":"k","k":{{"amount":5}},"t.amount":5,{}}}"#, many.join(","));
    for amount in ["minor(body[body.kind].amount, 'usd')", "minor(body['t.amount'], 'usd')"] {
        let charged = posted(&with(amount), JSON, body.as_bytes()).map(|charge| charge.amount);
        assert_eq!(charged, Ok(Amount::new(5)), "{amount}");
    }
    let deep = format!(r#"{{"source":"a","t.amount":5,"{}":1}}"#, "t.".repeat(100_000));
    assert!(posted(&with("minor(body['t.amount'], 'usd')"), JSON, deep.as_bytes()).is_ok());
}

#[test]
fn a_body_of_any_size_makes_no_more_steps() {
    let many = WrittenRule {
        fields: names(&["*"]),
        amount: Some("total(body.items, 'amount', 'usd')".to_owned()),
        ..charge(Content::Json)
    };
    let rules = rules(&[many]);
    let body = |items: &[String]| format!(r#"{{"source":"a","items":[{}]}}"#, items.join(","));
    let items = vec![r#"{"amount":1}"#.to_owned(); 10_000];
    assert_eq!(posted(&rules, JSON, body(&items).as_bytes()).map(|charge| charge.amount), Ok(Amount::new(10_000)));
    let too_many = vec!["0".to_owned(); 200_000];
    assert!(posted(&rules, JSON, body(&too_many).as_bytes()).is_err());
    let deep = format!(r#"{{"source":"a","items":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    assert!(posted(&rules, JSON, deep.as_bytes()).is_err());
    for items in ["[]", "{}", "null", "\"1\"", "[1]", "[null]", "[[1]]", r#"[{"amount":-1}]"#, r#"[{"amount":1},{}]"#] {
        let body = format!(r#"{{"source":"a","items":{items}}}"#);
        assert!(posted(&rules, JSON, body.as_bytes()).is_err(), "{items}");
    }
}

#[test]
fn what_is_missing_or_no_amount_is_named_with_its_place() {
    let with = |amount: &str| {
        let amount = Some(amount.to_owned());
        rules(&[WrittenRule { fields: names(&["*"]), amount, ..charge(Content::Json) }])
    };
    for (amount, body, told) in [
        (
            "total(body.items, 'price', 'usd')",
            r#"{"items":[{"price":1},{"price":1.5}]}"#,
            "`price` of item 2 is no whole",
        ),
        ("total(body.items, 'price', 'usd')", r#"{"items":[{"prize":1}]}"#, "`price` of item 1 is no whole"),
        ("total(body.items, 'price', 'usd')", r#"{"items":3}"#, "no list of amounts"),
        ("minor(body.value, 'usd')", r#"{"valu":1}"#, "`value` of `body` is missing"),
        ("minor(body.a.value, 'usd')", r#"{"a":{}}"#, "`value` of a part of `body` is missing"),
        ("minor(headers['idempotency-key'], 'usd')", "{}", "`order-7` is no whole number"),
    ] {
        let refused = posted(&with(amount), JSON, body.as_bytes()).expect_err(body);
        assert!(refused.detail.contains(told), "{refused}");
    }
    let asked = Asked {
        method: "POST",
        path: "/v1/charges",
        query: None,
        headers: &[("content-type", JSON.as_bytes())],
        body: b"{}",
    };
    let refused = with("minor('1', 'usd')").meaning(&asked).expect_err("no key");
    assert!(refused.detail.contains("is missing"), "{refused}");
}

#[test]
fn a_number_names_one_recipient_however_it_is_written() {
    let rules = rules(&[charge(Content::Json)]);
    let asked = |source: &str| {
        let body = format!(r#"{{"amount":5,"currency":"usd","source":{source}}}"#);
        posted(&rules, JSON, body.as_bytes())
    };
    for source in ["123", "\"123\"", "\"12e3\"", "\"1.2.3\"", "\"a.5\"", "9007199254740991", "\"9007199254740993\""] {
        assert!(asked(source).is_ok(), "{source}");
    }
    for source in ["123.0", "1.23e2", "123E0", "-0", "\"123.0\"", "\"123.\""] {
        assert!(asked(source).is_err(), "{source}");
    }
}

#[test]
fn a_number_that_javascript_rounds_is_written_as_text() {
    let with = |amount: &str, destination: &str| {
        let (amount, destination) = (Some(amount.to_owned()), Some(destination.to_owned()));
        rules(&[WrittenRule { fields: names(&["*"]), amount, destination, ..charge(Content::Json) }])
    };
    let rounded = |field: &str, name: &str| {
        Err(format!("the {field} of this spend: `{name}` is a number that some round; write it as text"))
    };
    let rules = with("minor(body.sum, 'usd')", "body.to");
    let told = |body: &str| posted(&rules, JSON, body.as_bytes()).map_err(|refused| refused.detail);
    let told = |body: &str| told(body).map(|charge| charge.amount);
    assert_eq!(told(r#"{"sum":1,"to":9007199254740993}"#), rounded("destination", "to"));
    assert_eq!(told(r#"{"sum":9007199254740993,"to":"a"}"#), rounded("amount", "sum"));
    // What no rule reads is anybody's, and texts are exact.
    let exact = told(r#"{"sum":"9007199254740993","to":"9007199254740993","note":9007199254740993}"#);
    assert_eq!(exact, Ok(Amount::new(9_007_199_254_740_993)));
    for (amount, destination, sound, hostile) in [
        ("minor('1', 'usd')", "body.to[0]", r#""to":[12]"#, r#""to":[9007199254740992]"#),
        ("minor('1', 'usd')", "body.to[0]", r#""to":["1e2"]"#, r#""to":[1e2]"#),
        ("decimal(body.sum, 'usd')", "body.to", r#""to":"a","sum":1.25"#, r#""to":"a","sum":90071992547409.93"#),
        (
            "total(body.all, 'sum', 'usd')",
            "body.to",
            r#""to":"a","all":[{"sum":1}]"#,
            r#""to":"a","all":[{"sum":9007199254740993}]"#,
        ),
        (
            "'9007199254740992' in body.all ? minor('9', 'usd') : minor('1', 'usd')",
            "body.to",
            r#""to":"a","all":[1,"b"]"#,
            r#""to":"a","all":[9007199254740993]"#,
        ),
    ] {
        let rules = with(amount, destination);
        let asked = |fields: &str| posted(&rules, JSON, format!("{{{fields}}}").as_bytes());
        assert!(asked(sound).is_ok(), "{amount} {sound}: {:?}", asked(sound));
        assert_eq!(asked(hostile).expect_err(hostile).why, Why::NotPriced, "{hostile}");
    }
}

#[test]
fn a_recipient_is_named_in_plain_characters() {
    let rules = rules(&[charge(Content::Json)]);
    for source in [
        "\"\"",
        "null",
        "[\"a\"]",
        "\"a b\"",
        "\"-\"",
        "\"ü\"",
        "\"a\\n\"",
        "\"a\\u202eb\"",
        &format!("\"{}\"", "a".repeat(257)),
    ] {
        let body = format!(r#"{{"amount":5,"currency":"usd","source":{source}}}"#);
        assert!(posted(&rules, JSON, body.as_bytes()).is_err(), "{source}");
    }
}

proptest! {
    /// What is sent on is what was understood: read again, it means the same and is the same.
    #[test]
    fn what_is_sent_on_means_the_same(amount in 0_u128.., source in "[!-~]{2,20}", cvc in "[^\\x00]*") {
        let form = rules(&[charge(Content::Form)]);
        let body = super::super::form::written([
            ("amount", amount.to_string().as_str()), ("currency", "usd"), ("source", &source), ("card[cvc]", &cvc),
        ]);
        let first = posted(&form, FORM, body.as_bytes()).expect("a charge");
        let second = posted(&form, FORM, &first.outgoing.body).expect("a charge");
        prop_assert_eq!(first.amount, Amount::new(amount));
        prop_assert_eq!(first, second);
    }

    #[test]
    fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = posted(&rules(&[charge(Content::Json)]), JSON, &body);
        let _ = posted(&rules(&[charge(Content::Form)]), FORM, &body);
    }
}
