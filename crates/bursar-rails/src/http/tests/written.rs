//! Rules that cannot be meant are refused before they are used, with the place.

use super::*;

fn problems(written: &[WrittenRule]) -> String {
    let found = try_rules(written).map(drop).expect_err("rules that cannot be");
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn with(change: impl FnOnce(&mut WrittenRule)) -> String {
    let mut written = charge(Content::Json);
    change(&mut written);
    problems(&[written])
}

#[test]
fn an_expression_that_cannot_give_what_it_must_is_refused_at_its_place() {
    for (amount, told) in [
        ("body.amount", "gives no amount"),
        ("5", "gives no amount"),
        ("'5'", "gives no amount"),
        ("null", "gives no amount"),
        ("[minor('5', 'usd')]", "gives no amount"),
        ("1.5", "a number that rounds"),
        ("minor(5, 'usd')", "`minor` is not for these values"),
        ("minor(1.5, 'usd')", "a number that rounds"),
        ("minor(body.amount)", "`minor` is not for these values"),
        ("minor(body.amount, 'usd') + minor(body.tip, 'usd')", "at column"),
        ("minor(body.amount * 2, 'usd')", "not for these values"),
        ("minor(double(body.amount), 'usd')", "`double` is not for these values"),
        ("minor(string(int(body.amount)), 'usd')", "`int` is not for these values"),
        ("true ? minor(body.amount, 'usd') : body.amount", "not for these values"),
        ("minor(bdy.amount, 'usd')", "`bdy` is none of"),
        ("minor(answer.amount, 'usd')", "`answer` is none of"),
        ("minor(body.amount, 'usd'", "column"),
        ("", "amount"),
        ("total(body.items.map(i, minor(i.amount, 'usd')))", "is a loop"),
        ("body.items.all(i, i.amount == '1') ? minor('1', 'usd') : minor('2', 'usd')", "is a loop"),
        ("total([minor('1', 'usd'), '2'])", "texts alone, or amounts alone"),
        ("@decimal('1', 'usd', 5)", "column"),
        ("minor(body.amount, {'a': 'usd'}.a)", "no value of rules"),
        ("body.amount.matches('(a+)+$') ? minor('1', 'usd') : minor('2', 'usd')", "not for these values"),
        ("body.amount < '100' ? minor('1', 'usd') : minor('2', 'usd')", "by their letters"),
        ("body.amount == 100 ? minor('1', 'usd') : minor('2', 'usd')", "never equal"),
        ("body.?amount.hasValue() ? minor('1', 'usd') : minor('2', 'usd')", "column"),
    ] {
        let found = with(|rule| rule.amount = Some(amount.to_owned()));
        assert!(found.starts_with("rules[0] `POST /v1/charges`, `amount`"), "{amount}: {found}");
        assert!(found.contains(told), "{amount}: {found}");
    }
    let long = format!("minor('{}', 'usd')", "1".repeat(2000));
    assert!(with(|rule| rule.amount = Some(long)).contains("more than 2000 bytes"));
    let wide = format!("total([{}])", vec!["minor('1','usd')"; 100].join(","));
    assert!(with(|rule| rule.amount = Some(wide)).contains("more than 200 parts"));
    let deep = format!("{}true{}", "(".repeat(900), ")".repeat(900));
    assert!(with(|rule| rule.done = Some(deep)).contains("`done`"));
}

#[test]
fn an_expression_that_reads_what_no_request_has_is_refused_at_its_place() {
    let text = |text: &str| Some(text.to_owned());
    let key = with(|rule| rule.key = text("headers['x-request']"));
    assert!(key.starts_with("rules[0] `POST /v1/charges`, `key` at column 1: reads `x-request` of `headers`"), "{key}");
    assert!(with(|rule| rule.key = text("headers['Idempotency-Key']")).contains("`Idempotency-Key` of `headers`"));
    let destination = with(|rule| rule.destination = text("'to:' + body.recipient"));
    assert!(destination.contains("`destination` at column 9: reads `recipient` of `body`"), "{destination}");
    assert!(with(|rule| rule.amount = text("minor(body['sum'], 'usd')")).contains("reads `sum` of `body`"));
    assert!(with(|rule| rule.amount = text("minor(path.amount, 'usd')")).contains("reads `amount` of `path`"));
    let several = with(|rule| rule.asset = text("query.coin"));
    assert_eq!(several.matches("reads `coin` of `query`").count(), 1, "{several}");
    let priced = with(|rule| (rule.asset, rule.amount) = (text("body.currency"), text("minor(body.sum, 'usd')")));
    assert_eq!(priced.matches("reads `sum` of `body`").count(), 1, "once for all assets: {priced}");
    // What is asked for first may be missing, and so may what an answer says.
    for amount in ["minor(has(body.tip) ? body.tip : body.amount, 'usd')", "minor(body['card[number]'], 'usd')"] {
        let sound = WrittenRule { amount: text(amount), ..charge(Content::Json) };
        assert!(try_rules(&[sound]).is_ok(), "{amount}");
    }
    let all = WrittenRule { fields: names(&["*"]), amount: text("minor(body.sum, 'usd')"), ..charge(Content::Json) };
    assert!(try_rules(&[all]).is_ok());
}

#[test]
fn an_amount_of_another_asset_than_the_rules_is_refused_at_its_place() {
    let text = |text: &str| Some(text.to_owned());
    let other = with(|rule| rule.amount = text("minor(body.amount, 'eur')"));
    assert!(other.starts_with("rules[0] `POST /v1/charges`, `amount` at column"), "{other}");
    assert!(other.contains("gives an amount of `eur`, and the rule's `asset` is `usd`"), "{other}");
    let sometimes = with(|rule| rule.amount = text("total([decimal(body.amount, 'usd'), minor('1', 'gbp')])"));
    assert!(sometimes.contains("an amount of `gbp`"), "{sometimes}");
    let of_several =
        with(|rule| (rule.asset, rule.amount) = (text("body.currency"), text("minor(body.amount, 'gbp')")));
    assert_eq!(of_several.matches("an amount of `gbp`").count(), 1, "once for all assets: {of_several}");
    // What the request names is looked at when it comes.
    let named = WrittenRule { amount: text("minor(body.amount, body.currency)"), ..charge(Content::Json) };
    assert!(try_rules(&[named]).is_ok());
}

#[test]
fn an_asset_that_no_limit_could_name_is_refused() {
    let assets = BTreeMap::from([("microUSD".to_owned(), 0), ("usd".to_owned(), 2)]);
    let problems = Rules::new(&assets, &[charge(Content::Json)]).map(drop).expect_err("capital letters");
    assert!(problems.iter().any(|found| found.to_string().contains("`microUSD` has capital letters")), "{problems:?}");
}

#[test]
fn a_spend_must_say_all_there_is_to_say_and_others_nothing_of_it() {
    for (change, told) in [
        ((|rule| rule.amount = None) as fn(&mut WrittenRule), "`amount`: is missing"),
        (|rule| rule.destination = None, "`destination`: is missing"),
        (|rule| rule.key = None, "`key`: is missing"),
        (|rule| rule.done = None, "`done`: is missing"),
        (|rule| rule.asset = None, "`asset`: is missing"),
        (|rule| rule.asset = Some("eur".to_owned()), "`eur` is not among"),
        (|rule| rule.asset = Some("answer.currency".to_owned()), "`answer` is none of"),
        (|rule| rule.asset = Some("minor('1', 'usd')".to_owned()), "gives no text"),
        (|rule| rule.scope = Some("wallet_spnd".to_owned()), "`scope`: `wallet_spnd` is no scope"),
        (|rule| rule.scope = Some("all".to_owned()), "`scope`: is no permission to ask for"),
        (|rule| rule.scope = Some("wallet_manage_all".to_owned()), "`scope`: is `wallet_manage`"),
        (|rule| rule.operation = WrittenOperation::Read, "`cut_off`: is for `operation = \"spend\"`"),
        (|rule| rule.key = Some("'always'".to_owned()), "the same name to every spend"),
        (|rule| rule.done = Some("status".to_owned()), "neither `true` nor `false`"),
        (|rule| rule.done = Some("status == '200'".to_owned()), "never equal"),
        (|rule| rule.done = Some("body.status == 'x'".to_owned()), "neither `status` nor `answer`"),
        (|rule| rule.method = "GET".to_owned(), "another"),
        (|rule| rule.method = "post".to_owned(), "`method`"),
        (|rule| rule.path = "/v1/../x".to_owned(), "`path`"),
        (|rule| rule.headers = names(&["authorization"]), "no rule may read or send"),
        (|rule| rule.headers = names(&["Idempotency-Key"]), "small letters"),
        (|rule| rule.key_header = Some("host".to_owned()), "`key_header`"),
        (|rule| rule.body = Content::None, "`fields`"),
        (|rule| rule.done = Some("status == '201'".to_owned()), "`status` and sizes are numbers"),
        (|rule| rule.operation = WrittenOperation::Read, "`amount`: is for `operation = \"spend\"`"),
        (|rule| rule.reason = Some("no".to_owned()), "`reason`"),
        (|rule| rule.reconcile.iter_mut().for_each(|look_up| look_up.path = "/v1/x".to_owned()), "`{key}`"),
        (|rule| rule.reconcile.iter_mut().for_each(|look_up| look_up.done = "maybe".to_owned()), "`reconcile.done`"),
    ] {
        let found = with(change);
        assert!(found.contains(told), "{told}: {found}");
    }
}

#[test]
fn a_rule_that_is_never_reached_is_told_of() {
    let shadowed = [read(), rule("GET", "/v1/charges/search", WrittenOperation::Read)];
    assert!(problems(&shadowed).contains("rules[1] `GET /v1/charges/search`, `path`: is never reached"));
    let [before, after] = shadowed;
    assert!(try_rules(&[after, before]).is_ok());
    assert!(problems(&[]).contains("must be one at least"));
}

#[test]
fn all_problems_are_told_at_once() {
    let found = with(|rule| {
        rule.amount = Some("1".to_owned());
        rule.key = None;
        rule.done = Some("(".to_owned());
    });
    assert_eq!(found.lines().count(), 3, "{found}");
}

#[test]
fn a_look_up_that_asks_for_no_spend_or_in_no_way_is_refused() {
    for (written, told) in [
        (r#"{"path":"/v1/x"}"#, "asks for no spend"),
        (r#"{"path":"/v1/{id}"}"#, "`reconcile.path`: has a place that is not `{key}`"),
        (r#"{"path":"/v1/{key}","method":"DELETE"}"#, "`reconcile.method`: is none of GET, POST"),
        (r#"{"path":"/v1/{key}","method":"post"}"#, "`reconcile.method`"),
        (r#"{"path":"/v1/{key}","body":"json","send":{}}"#, "`reconcile.body`: is not for GET"),
        (r#"{"path":"/v1/{key}","method":"POST","send":{}}"#, "`reconcile.send`: is that of a `body`"),
        (r#"{"path":"/v1/{key}","method":"POST","body":"form"}"#, "`reconcile.send`: is missing"),
        (r#"{"path":"/v1/x","method":"POST","body":"json","send":{"{key}":1}}"#, "asks for no spend"),
        (r#"{"path":"/v1/x","method":"POST","body":"form","send":{"a":["{key}"]}}"#, "`a` is no value of a form"),
    ] {
        let written = written.replacen('{', r#"{"done":"status == 200","#, 1);
        let found = problems(&[looked_up(&written)]);
        assert!(found.contains(told), "{told}: {found}");
    }
    for written in [r#"{"a":1.5}"#, r#"{"a":null}"#] {
        let look_up = format!(r#"{{"path":"/{{key}}","method":"POST","body":"json","done":"true","send":{written}}}"#);
        assert!(serde_json::from_str::<WrittenLookUp>(&look_up).is_err(), "{written}");
    }
}

#[test]
fn names_of_events_are_names_each_once_and_of_spends_alone() {
    let of = |events: &[&str]| problems(&[WrittenRule { events: names(events), ..charge(Content::Json) }]);
    assert!(of(&["a b"]).contains("`events`: `a b` is no name of an event"), "{}", of(&["a b"]));
    assert!(of(&["a", "a"]).contains("`a` is there twice"), "{}", of(&["a", "a"]));
    let reads = WrittenRule { events: names(&["a"]), ..read() };
    assert!(problems(&[reads]).contains("`events`: is for `operation = \"spend\"` alone"));
}

#[test]
fn a_condition_that_is_none_is_refused_at_its_place() {
    let with = |holds: &str, reason: &str| {
        let require = vec![WrittenCondition { holds: holds.to_owned(), reason: reason.to_owned() }];
        problems(&[WrittenRule { require, ..charge(Content::Json) }])
    };
    for (holds, told) in [
        ("'x' == 'y'", "`require.holds` at column 1: says the same of every request"),
        ("true", "says the same of every request"),
        ("minor(body.amount, 'usd')", "gives neither"),
        ("body.colour == 'red'", "reads `colour` of `body`"),
        ("answer.status == 'x'", "`answer` is none of"),
    ] {
        let found = with(holds, "no");
        assert!(found.contains(told), "{holds}: {found}");
    }
    for reason in ["", " ", "two\nlines", &"x".repeat(501)] {
        assert!(with("body.amount == '1'", reason).contains("`require.reason`"), "{reason}");
    }
    let require = vec![WrittenCondition { holds: "query.a == '1'".to_owned(), reason: "no".to_owned() }];
    let refuses = WrittenRule { require, query: names(&["a"]), ..rule("POST", "/x", WrittenOperation::Refuse) };
    assert!(problems(&[refuses]).contains("`require`: means nothing"));
}
