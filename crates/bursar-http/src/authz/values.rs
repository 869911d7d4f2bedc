//! Where a rule finds an amount, a destination and a key, and the exact text that stands there.

use axum::http::{HeaderMap, HeaderName, header};
use bursar_core::amount::Amount;
use bursar_core::limit::text;
use bursar_core::text::{LARGEST_EXACT, PROTOTYPE, folded};
use bursar_wire::json::Json;
use percent_encoding::percent_decode;

use super::asked::{Asked, Asker, is_method, overridden, single};
use super::refusal::Denied;

/// The most fields of a query, of a form or at the top of JSON that are looked at.
const MOST_FIELDS: usize = 1000;
/// Stands for a value that no rule takes: nothing of a request is invalid like it.
const INVALID: &str = "\0";
/// Some leave it off where it stands at the beginning.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// Media types that no application reads as it reads a query.
const UNMERGED: [&str; 4] =
    ["text/plain", "text/plain;charset=utf-8", "text/plain; charset=utf-8", "application/octet-stream"];
/// Says whether Envoy cut the body off.
const PARTIAL: &str = "x-envoy-auth-partial-body";

/// Where a text comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// A variable of the path: its place in it, and its name.
    Path(usize, String),
    /// A field of the query.
    Query(String),
    /// A header.
    Header(HeaderName),
    /// A field at the top of a body in JSON, or of a form.
    Body(String),
    /// It is always the same.
    Text(String),
}

/// How an amount is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    /// In base units.
    Minor,
    /// In the coin, with so many places.
    Decimal(u8),
}

impl Source {
    /// Reads `{variable}`, `query.NAME`, `header.NAME`, `body.NAME` or `text.WORDS`; `variable` tells where one stands.
    pub(super) fn read(written: &str, variable: impl Fn(&str) -> Option<usize>) -> Result<Self, String> {
        if let Some(name) = written.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let place = variable(name).ok_or_else(|| format!("`{name}` is no variable of the path"))?;
            return Ok(Self::Path(place, name.to_owned()));
        }
        match written.split_once('.') {
            Some(("query", name)) if !name.is_empty() => Ok(Self::Query(name.to_owned())),
            Some(("body", name)) if !name.is_empty() => Ok(Self::Body(name.to_owned())),
            Some(("text", words)) if !words.is_empty() => Ok(Self::Text(words.to_owned())),
            Some(("header", name)) => {
                let name = HeaderName::try_from(name).map_err(|_| format!("`{name}` is no name of a header"))?;
                Ok(Self::Header(name))
            }
            _ => Err(format!("`{written}` is none of {{variable}}, query.NAME, header.NAME, body.NAME, text.WORDS")),
        }
    }

    /// As the rule has it.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Path(_, name) => format!("{{{name}}}"),
            Self::Query(name) => format!("query.{name}"),
            Self::Header(name) => format!("header.{name}"),
            Self::Body(name) => format!("body.{name}"),
            Self::Text(text) => format!("text.{text}"),
        }
    }

    /// Whether it stands in the query.
    pub(super) const fn is_in_query(&self) -> bool {
        matches!(self, Self::Query(_))
    }

    /// Whether it stands in the path.
    pub(super) const fn is_in_path(&self) -> bool {
        matches!(self, Self::Path(..))
    }

    /// Whether it stands in the body.
    pub(super) const fn is_in_body(&self) -> bool {
        matches!(self, Self::Body(_))
    }
}

/// All that a source can be read from.
pub(super) struct Given<'a> {
    pub(super) asked: &'a Asked,
    pub(super) headers: &'a HeaderMap,
    /// The fields of the body, if a rule needs it.
    pub(super) body: Option<&'a [(String, String)]>,
}

impl Given<'_> {
    /// The text at a source.
    pub(super) fn text(&self, source: &Source, what: &str) -> Result<String, Denied> {
        let found = match source {
            Source::Text(text) => Some(text.clone()),
            Source::Path(place, name) => {
                // Some look for a variable among the fields first.
                self.not_in_query(name)?;
                not_among(self.body.unwrap_or_default(), name, "body")?;
                self.asked.path.get(*place).cloned()
            }
            Source::Header(name) => single(self.headers, name.as_str())?.map(str::to_owned),
            Source::Query(name) => {
                let query = self.asked.query.as_deref().unwrap_or_default();
                // Some take it for a separator.
                if query.contains(';') {
                    return Err(Denied::unclear("not_normal", "a query that counts has no `;`"));
                }
                match self.body {
                    Some(fields) => not_among(fields, name, "body")?,
                    None => check_unread(self.headers)?,
                }
                one_of(&form(query.as_bytes())?, name)?
            }
            Source::Body(name) => {
                self.not_in_query(name)?;
                one_of(self.body.unwrap_or_default(), name)?
            }
        };
        let found = found.filter(|text| !text.is_empty());
        let missing = || Denied::unclear("value_missing", &format!("there is no {what} where the rule looks for it"));
        let text = found.ok_or_else(missing)?;
        match text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            true => Ok(text),
            false => Err(invalid(what)),
        }
    }

    /// Refuses a name in the query, whose fields some separate by `;`.
    fn not_in_query(&self, name: &str) -> Result<(), Denied> {
        let query = self.asked.query.as_deref().unwrap_or_default().replace(';', "&");
        not_among(&form(query.as_bytes())?, name, "query")
    }

    /// The amount at a source.
    pub(super) fn amount(&self, source: &Source, unit: Unit) -> Result<Amount, Denied> {
        let text = self.text(source, "amount")?;
        // A number that begins with zeros is octal to some.
        let whole = text.split('.').next().unwrap_or_default();
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(invalid("amount"));
        }
        let amount = match unit {
            Unit::Minor => Amount::parse(&text).ok(),
            Unit::Decimal(places) => text::amount(&text, places),
        };
        amount.ok_or_else(|| invalid("amount"))
    }
}

fn invalid(what: &str) -> Denied {
    let problem = "is not written as the rule demands: exactly, and in JSON as text if it is a number above 2^53";
    Denied::unclear("value_invalid", &format!("the {what} {problem}"))
}

/// The one field of a name. Some applications do not tell small letters from capitals.
fn one_of(fields: &[(String, String)], name: &str) -> Result<Option<String>, Denied> {
    let mut found = fields.iter().filter(|(other, _)| is_same_name(other, name));
    let Some((other, text)) = found.next() else { return Ok(None) };
    if found.next().is_some() || other != name {
        return Err(Denied::unclear("value_ambiguous", &format!("`{name}` is there more than once")));
    }
    Ok(Some(text.clone()))
}

/// Some applications read query and body as one, and each prefers another of both.
fn not_among(fields: &[(String, String)], name: &str, place: &str) -> Result<(), Denied> {
    match fields.iter().any(|(other, _)| is_same_name(other, name) || other.contains(PROTOTYPE)) {
        true => Err(Denied::unclear("value_ambiguous", &format!("`{name}` is in the {place}, too"))),
        false => Ok(()),
    }
}

/// Whether there may be a body beside the query, which nobody here reads.
fn check_unread(headers: &HeaderMap) -> Result<(), Denied> {
    let is_there = match single(headers, header::CONTENT_TYPE.as_str())?.filter(|content| !content.is_empty()) {
        // Applications know more kinds of forms than anybody here, and find the end of their names elsewhere.
        Some(content) => !UNMERGED.contains(&content.to_ascii_lowercase().as_str()),
        // Rack takes a body that does not say what it is for a form.
        None => {
            headers.contains_key(header::TRANSFER_ENCODING)
                || single(headers, header::CONTENT_LENGTH.as_str())?.is_some_and(|length| length != "0")
        }
    };
    match is_there {
        true => Err(Denied::unclear(
            "body_unread",
            "the rule takes a value from the query, and a body that it does not read (`body`) could say another; send none, and no `Content-Type`",
        )),
        false => Ok(()),
    }
}

/// Whether a name is, or would be to some applications, the other: `Name`, `name[]`, `name[0]`, `[name]`, `name]` and `name`
/// with a zero byte behind it, or a byte order mark, `?`, `#` or `&` before it are one to them, and so is `name.0`; `a.b`, `a b` and
/// `a[b` are `a_b`, and the long s is an s.
pub(super) fn is_same_name(other: &str, name: &str) -> bool {
    let read = |text: &str| -> String {
        let text = text.replace(BYTE_ORDER_MARK, "");
        let text = text.trim_start_matches(|c: char| c.is_whitespace() || "?#&.!".contains(c)).trim_end();
        let text = text.split('\0').next().unwrap_or_default();
        folded(text).into_owned()
    };
    let flat = |text: &str| text.replace([' ', '.', '[', ']', '+'], "_");
    let (other, name) = (read(other), read(name));
    let bare = |text: &str| -> String {
        let part = text.split(['[', ']', '\'', '"']).map(str::trim).find(|part| !part.is_empty());
        part.unwrap_or_default().to_owned()
    };
    let is_part = |part: &str, whole: &str| part.strip_prefix(whole).is_some_and(|rest| rest.starts_with(['.', ':']));
    let (bare_other, bare_name) = (bare(&other), bare(&name));
    flat(&other) == flat(&name)
        || flat(&bare_other) == flat(&bare_name)
        || is_part(&bare_other, &bare_name)
        || is_part(&bare_name, &bare_other)
}

fn form(bytes: &[u8]) -> Result<Vec<(String, String)>, Denied> {
    // What is no escape here is one to some (`%u0061`), and bytes that are no text become one.
    let is_escape = |at: &[u8]| at.iter().take(2).filter(|byte| byte.is_ascii_hexdigit()).count() == 2;
    let escapes = bytes.split(|byte| *byte == b'%').skip(1);
    if !escapes.clone().all(is_escape) || percent_decode(bytes).decode_utf8().is_err() {
        return Err(Denied::unclear("not_normal", "the query or form has an escape that cannot be read"));
    }
    // Some count empty ones, and look at no more than so many.
    if bytes.split(|byte| *byte == b'&').count() > MOST_FIELDS {
        return Err(Denied::unclear("value_ambiguous", "there are too many fields"));
    }
    Ok(form_urlencoded::parse(bytes).map(|(name, text)| (name.into_owned(), text.into_owned())).collect())
}

/// What the headers of a body forbid before it is read.
pub(super) fn check_body(asker: Asker, headers: &HeaderMap) -> Result<(), Denied> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Denied::unclear("body_encoded", "a packed body is not read; the client has to send it as it is"));
    }
    let is_partial = single(headers, PARTIAL)?;
    if is_partial.is_some_and(|partial| partial != "false") {
        return Err(Denied::unclear("body_truncated", "the proxy cut the body off"));
    }
    if asker == Asker::Envoy && is_partial.is_none() {
        return Err(Denied::unclear("body_missing", "the proxy does not send bodies (`with_request_body`)"));
    }
    Ok(())
}

/// How a body is written. A rule says it: an application that never looks at the media type must not read another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyKind {
    /// An object in JSON.
    Json,
    /// A form.
    Form,
}

/// The fields of a body: at the top of an object, or of a form.
pub(super) fn fields(kind: BodyKind, headers: &HeaderMap, body: &[u8]) -> Result<Vec<(String, String)>, Denied> {
    if body.is_empty() {
        return Err(Denied::unclear("body_missing", "the rule needs the body, and the proxy sends none"));
    }
    let unreadable = |why: &str| Denied::unclear("body_unreadable", why);
    let content = single(headers, header::CONTENT_TYPE.as_str())?.unwrap_or_default().to_ascii_lowercase();
    match (kind, content.as_str()) {
        (BodyKind::Json, "application/json" | "application/json; charset=utf-8" | "application/json;charset=utf-8") => {
            let Ok(Json::Object(entries)) = Json::parse(body) else {
                return Err(unreadable("the body is no object in JSON with each key once"));
            };
            if entries.len() > MOST_FIELDS {
                return Err(Denied::unclear("value_ambiguous", "there are too many fields"));
            }
            if entries.iter().any(|(name, _)| is_method(name)) {
                return Err(overridden("_method"));
            }
            let text = |value: Json| match value {
                Json::String(text) => text,
                Json::Integer(number) if number.unsigned_abs() > u128::from(LARGEST_EXACT) => INVALID.to_owned(),
                Json::Integer(number) => number.to_string(),
                // Nothing that a rule could take for an amount or a name.
                _ => String::new(),
            };
            Ok(entries.into_iter().map(|(name, value)| (name, text(value))).collect())
        }
        (
            BodyKind::Form,
            "application/x-www-form-urlencoded"
            | "application/x-www-form-urlencoded; charset=utf-8"
            | "application/x-www-form-urlencoded;charset=utf-8",
        ) if !body.contains(&b';') => {
            let fields = form(body)?;
            match fields.iter().any(|(name, _)| is_method(name)) {
                true => Err(overridden("_method")),
                false => Ok(fields),
            }
        }
        (BodyKind::Json, _) => Err(unreadable("the rule takes JSON, and the body says that it is something else")),
        (BodyKind::Form, _) => Err(unreadable("the rule takes a form without `;`, and the body is none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_one_to_some_application_are_one_here() {
        for (other, name) in [
            ("pay.amount", "pay_amount"),
            ("pay amount", "pay_amount"),
            ("pay[amount", "pay_amount"),
            ("co\u{17f}t", "cost"),
            ("\u{212a}ey", "key"),
            ("amount\0x", "amount"),
            ("AMOUNT[0]", "amount"),
            (" amount", "amount"),
            ("[amount]", "amount"),
            ("amount.0", "amount"),
            ("?amount", "amount"),
            ("# &amount", "amount"),
            ("[amount", "amount"),
            ("amount]", "amount"),
            ("][amount]x", "amount"),
            ("\u{feff}amount", "amount"),
            ("['amount']", "amount"),
            ("!amount", "amount"),
            ("amount:int", "amount"),
            ("\u{131}d", "id"),
            ("\u{130}D", "id"),
            ("\u{fb01}", "fi"),
        ] {
            assert!(is_same_name(other, name) && is_same_name(name, other), "{other:?}");
        }
        assert!(!is_same_name("amounts", "amount") && !is_same_name("pay-amount", "pay_amount"));
    }

    #[test]
    fn a_form_that_is_json_to_others_is_no_json_here() {
        let body = br#"{"amount":90000,"z":"&amount=1&"}"#;
        let headers = |content: &'static str| [(header::CONTENT_TYPE, content.parse().unwrap())].into_iter().collect();
        let read = |kind, content| fields(kind, &headers(content), body).map_err(|denied| denied.code.into_owned());
        assert_eq!(read(BodyKind::Json, "application/x-www-form-urlencoded"), Err("body_unreadable".to_owned()));
        assert_eq!(read(BodyKind::Form, "application/json"), Err("body_unreadable".to_owned()));
    }

    fn given(query: &str, amount: &str) -> (Asked, HeaderMap) {
        let asked = Asked {
            method: "POST".to_owned(),
            host: "a".to_owned(),
            path: vec!["pay".to_owned(), "7".to_owned()],
            query: Some(query.to_owned()),
            target: String::new(),
            client: "203.0.113.7".parse().unwrap(),
        };
        let headers = [("x-amount".parse().unwrap(), amount.parse().unwrap())].into_iter().collect();
        (asked, headers)
    }

    fn amount(written: &str, unit: Unit) -> Result<String, String> {
        let (asked, headers) = given("", written);
        let given = Given { asked: &asked, headers: &headers, body: None };
        let source = Source::read("header.X-Amount", |_| None).unwrap();
        given.amount(&source, unit).map(|amount| amount.to_string()).map_err(|denied| denied.code.into_owned())
    }

    #[test]
    fn an_amount_is_exact_text_or_refused() {
        assert_eq!(amount("250", Unit::Minor).unwrap(), "250");
        assert_eq!(amount("2.5", Unit::Decimal(2)).unwrap(), "250");
        assert_eq!(amount("0", Unit::Minor).unwrap(), "0");
        for (text, unit) in [
            ("-1", Unit::Minor),
            ("+1", Unit::Minor),
            ("1.0", Unit::Minor),
            ("1e3", Unit::Minor),
            ("0x10", Unit::Minor),
            ("010", Unit::Minor),
            ("1 ", Unit::Minor),
            ("1,000", Unit::Minor),
            ("NaN", Unit::Minor),
            ("1_0", Unit::Minor),
            ("2.505", Unit::Decimal(2)),
            (".5", Unit::Decimal(2)),
            ("5.", Unit::Decimal(2)),
            ("02.5", Unit::Decimal(2)),
            (&"9".repeat(80), Unit::Minor),
        ] {
            assert_eq!(amount(text, unit).unwrap_err(), "value_invalid", "{text}");
        }
        assert_eq!(amount("", Unit::Minor).unwrap_err(), "value_missing");
    }

    #[test]
    fn a_number_of_json_that_some_round_is_written_as_text() {
        let (asked, headers) = given("", "1");
        let json = [(header::CONTENT_TYPE, "application/json".parse().unwrap())].into_iter().collect();
        let code = |value: &str| {
            let body = format!(r#"{{"to":{value},"note":9007199254740993}}"#);
            let body = fields(BodyKind::Json, &json, body.as_bytes())?;
            let given = Given { asked: &asked, headers: &headers, body: Some(&body) };
            let source = Source::read("body.to", |_| None).unwrap();
            given.text(&source, "destination")
        };
        for exact in ["9007199254740991", "-9007199254740991", "\"9007199254740993\""] {
            assert_eq!(code(exact).as_deref().ok(), Some(exact.trim_matches('"')));
        }
        for rounded in ["9007199254740992", "-9007199254740993"] {
            let denied = code(rounded).unwrap_err();
            assert_eq!(denied.code, "value_invalid", "{rounded}");
        }
    }

    #[test]
    fn what_is_said_twice_in_a_query_counts_for_nothing() {
        let source = Source::read("query.amount", |_| None).unwrap();
        for (query, code) in [
            ("amount=1&amount=2", "value_ambiguous"),
            ("amount=1&Amount=2", "value_ambiguous"),
            ("amount=1&amount[]=2", "value_ambiguous"),
            ("[amount]=2&amount=1", "value_ambiguous"),
            ("%EF%BB%BFamount=2&amount=1", "value_ambiguous"),
            ("amount=1&%61mount=2", "value_ambiguous"),
            ("Amount=1", "value_ambiguous"),
            ("amount=1;amount=2", "not_normal"),
            ("%u0061mount=2&amount=1", "not_normal"),
            ("amount=1&x=%C0%80", "not_normal"),
            ("amount=1&x=%4", "not_normal"),
            ("?amount=2&amount=1", "value_ambiguous"),
            ("amount.0=2&amount=1", "value_ambiguous"),
            ("amount=", "value_missing"),
            ("other=1", "value_missing"),
            ("amount=1%00", "value_invalid"),
            ("amount=%EF%BC%91", "value_invalid"),
        ] {
            let (asked, headers) = given(query, "1");
            let given = Given { asked: &asked, headers: &headers, body: None };
            assert_eq!(given.text(&source, "amount").unwrap_err().code, code, "{query}");
        }
    }

    #[test]
    fn what_the_query_says_is_said_again_in_no_body_and_the_other_way_round() {
        let (asked, none) = given("amount=1&other=2", "1");
        let text = |given: &Given<'_>, source: &str| {
            given.text(&Source::read(source, |_| None).unwrap(), "amount").map_err(|denied| denied.code.into_owned())
        };
        let fields = |name: &str| vec![(name.to_owned(), "9".to_owned())];
        for (name, source, expected) in [
            ("note", "query.amount", Ok("1")),
            ("Amount", "query.amount", Err("value_ambiguous")),
            ("note", "body.note", Ok("9")),
            ("amount", "body.amount", Err("value_ambiguous")),
        ] {
            let body = fields(name);
            let given = Given { asked: &asked, headers: &none, body: Some(&body) };
            assert_eq!(text(&given, source).as_deref().map_err(String::as_str), expected, "{name} {source}");
        }
        let (asked_of_rack, _) = given("note=1;amount=2", "1");
        let given = Given { asked: &asked_of_rack, headers: &none, body: Some(&fields("amount")) };
        assert_eq!(text(&given, "body.amount"), Err("value_ambiguous".to_owned()));
        for (name, value, is_read) in [
            ("content-type", "application/x-www-form-urlencoded", false),
            ("content-type", "multipart/form-data; boundary=x", false),
            ("content-type", "Application/JSON;charset=utf-8", false),
            ("content-type", "application/vnd.api+json", false),
            ("content-type", "application/x-www-form-urlencoded,x", false),
            ("content-type", "multipart/mixed; boundary=x", false),
            ("content-type", "text/plain;a=/json", false),
            ("content-type", "", true),
            ("content-type", "text/plain", true),
            ("content-length", "8", false),
            ("content-length", "0", true),
            ("transfer-encoding", "chunked", false),
        ] {
            let mut headers = none.clone();
            headers.insert(HeaderName::from_static(name), value.parse().unwrap());
            let given = Given { asked: &asked, headers: &headers, body: None };
            let expected = if is_read { Ok("1") } else { Err("body_unread") };
            assert_eq!(text(&given, "query.amount").as_deref().map_err(String::as_str), expected, "{name}: {value}");
        }
    }

    #[test]
    fn what_the_path_says_is_said_again_by_no_field() {
        let source = Source::read("{payee}", |name| (name == "payee").then_some(1)).unwrap();
        let code = |query: &str, field: &str| {
            let (mut asked, headers) = given(query, "1");
            asked.path = vec!["q".to_owned(), "alice".to_owned()];
            let body = [(field.to_owned(), "mallory".to_owned())];
            let given = Given { asked: &asked, headers: &headers, body: Some(&body) };
            given.text(&source, "destination").map_err(|denied| denied.code.into_owned())
        };
        assert_eq!(code("note=1", "note").as_deref(), Ok("alice"));
        for (query, field) in
            [("payee=mallory", "note"), ("Payee[]=mallory", "note"), ("note=1;payee=mallory", "note"), ("", "payee")]
        {
            assert_eq!(code(query, field), Err("value_ambiguous".to_owned()), "{query} {field}");
        }
    }

    #[test]
    fn a_header_of_two_spellings_counts_for_nothing() {
        let (asked, mut headers) = given("", "1");
        headers.append("x_amount", "2".parse().unwrap());
        let given = Given { asked: &asked, headers: &headers, body: None };
        let source = Source::read("header.X-Amount", |_| None).unwrap();
        assert_eq!(given.text(&source, "amount").unwrap_err().code, "header_ambiguous");
    }

    #[test]
    fn a_body_is_an_object_or_a_form_and_is_read_as_exact_text() {
        let read = |content: &str, body: &str| {
            let headers = [(header::CONTENT_TYPE, content.parse().unwrap())].into_iter().collect();
            let kind = if content.contains("form") { BodyKind::Form } else { BodyKind::Json };
            fields(kind, &headers, body.as_bytes()).map_err(|denied| denied.code.into_owned())
        };
        let one = |fields: Vec<(String, String)>| one_of(&fields, "amount").map_err(|denied| denied.code.into_owned());
        for (content, body, expected) in [
            ("application/json", r#"{"amount": "12"}"#, Ok(Some("12"))),
            ("application/json", r#"{"amount": 12}"#, Ok(Some("12"))),
            ("application/json", r#"{"amount": 12.5}"#, Ok(Some(""))),
            ("application/json", r#"{"amount": 1e3}"#, Ok(Some(""))),
            ("application/json", r#"{"amount": [12]}"#, Ok(Some(""))),
            ("application/json", r#"{"\u0061mount": 12}"#, Ok(Some("12"))),
            ("application/json", r#"{"amount": 1, "Amount": 2}"#, Err("value_ambiguous")),
            ("application/json", r#"{"amount": 1, "amount": 2}"#, Err("body_unreadable")),
            ("application/json", "[1]", Err("body_unreadable")),
            ("application/json", "{", Err("body_unreadable")),
            ("application/json", "", Err("body_missing")),
            ("text/plain", r#"{"amount": 1}"#, Err("body_unreadable")),
            ("application/json", r#"{"amount": 1, "amount\u0000": 2}"#, Err("value_ambiguous")),
            ("application/json", r#"{"amount": 1, "amount[x": 2}"#, Err("value_ambiguous")),
            ("application/x-www-form-urlencoded", "amount=12&amount%00=1", Err("value_ambiguous")),
            ("application/x-www-form-urlencoded", "\u{feff}amount=12&amount=1", Err("value_ambiguous")),
            ("application/x-www-form-urlencoded", "amount=12&x=1", Ok(Some("12"))),
            ("application/x-www-form-urlencoded;charset=UTF-8", "amount=12&x=1", Ok(Some("12"))),
            ("application/x-www-form-urlencoded;charset=utf-16", "amount=12&x=1", Err("body_unreadable")),
            ("application/x-www-form-urlencoded", "amount=12&_method=PUT", Err("method_overridden")),
            ("application/x-www-form-urlencoded", "amount=12;amount=1", Err("body_unreadable")),
        ] {
            let found = read(content, body).and_then(one);
            assert_eq!(found.as_ref().map(Option::as_deref).map_err(String::as_str), expected, "{content} {body}");
        }
    }
}
