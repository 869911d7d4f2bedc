//! What an answer says of a spend. Whatever cannot be decided is unknown, and unknown stays held.

use bursar_core::amount::Amount;
use bursar_core::hold::Cost;

use crate::exchange::Answered;
use crate::http::events::Events;
use crate::http::expression::{Expression, Facts, Language};
use crate::http::seen::AnswerFacts;
use crate::json::Json;

/// The longest name of an upstream for a spend, in bytes.
const LONGEST_RECORD: usize = 200;

/// What became of a spend, as an answer tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Became {
    /// The money moved.
    Done {
        /// How much; nothing if the rule does not say, and so all that was held.
        captured: Option<Amount>,
        /// What the upstream calls it.
        record: Option<Box<str>>,
    },
    /// Nothing moved, and nothing will.
    Refused,
    /// More moved than is held, which the rule does not allow, or than any asset has: not believed, and nothing to go on spending
    /// after.
    Exceeded {
        /// How much, by the answer.
        captured: Amount,
    },
    /// The answer does not decide it.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// How a rule reads answers.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// Which events of a stream hold its answer; the last one, if none is named.
    pub(super) events: Vec<Box<str>>,
    pub(super) done: Expression,
    pub(super) refused: Option<Expression>,
    pub(super) captured: Option<Expression>,
    pub(super) may_exceed: bool,
    pub(super) record: Option<Expression>,
}

impl Reading {
    /// What an answer says of a spend of an asset, of which so much is held.
    pub(super) fn became(&self, language: &Language, answered: &Answered, asset: &str, held: Amount) -> Became {
        let read = content(answered, &self.events);
        let facts = AnswerFacts { status: answered.status, answer: read.as_ref() };
        self.decide(&language.about(&facts), answered.status, asset, held)
            .unwrap_or_else(|reason| Became::Unknown { reason })
    }

    /// What the upstream calls the spend in an answer, if it says that.
    pub(super) fn name_in(&self, language: &Language, answered: &Answered) -> Option<Box<str>> {
        let read = content(answered, &self.events);
        let facts = AnswerFacts { status: answered.status, answer: read.as_ref() };
        self.name(&language.about(&facts))
    }

    fn name(&self, facts: &Facts<'_>) -> Option<Box<str>> {
        let is_plain =
            |text: &str| (1..=LONGEST_RECORD).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let record = self.record.as_ref().and_then(|record| record.text(facts).ok());
        record.filter(|text| is_plain(text))
    }

    fn decide(&self, facts: &Facts<'_>, status: u16, asset: &str, held: Amount) -> Result<Became, String> {
        let named = |field: &str| {
            let field = field.to_owned();
            move |problem: String| format!("`{field}` of an answer with status {status}: {problem}")
        };
        let holds = |expression: &Expression, field| expression.holds(facts).map_err(named(field));
        let refused = self.refused.as_ref().map(|refused| holds(refused, "refused"));
        // Each must be decided on its own: an error of one is no word of the other.
        match (holds(&self.done, "done")?, refused.transpose()?.unwrap_or(false)) {
            (true, true) => Err(format!("an answer with status {status} is both done and refused")),
            (false, true) => Ok(Became::Refused),
            (false, false) => Err(format!("an answer with status {status} is neither done nor refused")),
            (true, false) => {
                let amount = |expression: &Expression| expression.amount(facts, asset);
                let captured = self.captured.as_ref().map(amount).transpose().map_err(named("captured"))?;
                let is_more = |captured: &Amount| *captured > held && (!self.may_exceed || *captured >= Cost::BOUND);
                if let Some(captured) = captured.filter(is_more) {
                    return Ok(Became::Exceeded { captured });
                }
                // Money that moved has moved, whatever it is called.
                Ok(Became::Done { captured, record: self.name(facts) })
            }
        }
    }
}

/// What is in an answer: JSON, or that of the events of a stream which hold it; nothing if it can be read in two ways.
fn content(answered: &Answered, events: &[Box<str>]) -> Option<Json> {
    let media_type = answered.header("content-type")?;
    let kind = media_type.split(';').next().unwrap_or_default().trim();
    if Events::are_in(answered) {
        let mut stream = Events::new(usize::MAX).named(events);
        stream.push(&answered.body);
        return stream.answer();
    }
    let is_json = kind.eq_ignore_ascii_case("application/json") || kind.to_ascii_lowercase().ends_with("+json");
    if is_json { Json::read(&answered.body).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::expression::Gives;
    use crate::http::kind::Subject;

    fn reading(captured: Option<&str>, may_exceed: bool) -> (Language, Reading) {
        let language = Language::new().expect("a language");
        let compiled = |text: &str, gives| language.compile(text, Subject::Answer, gives).expect(text);
        let reading = Reading {
            events: Vec::new(),
            done: compiled("status == 200 && answer.status == 'succeeded'", Gives::Bool),
            refused: Some(compiled("status == 402 || status == 200 && answer.status == 'failed'", Gives::Bool)),
            captured: captured.map(|text| compiled(text, Gives::Money(2))),
            may_exceed,
            record: Some(compiled("answer.id", Gives::Text)),
        };
        (language, reading)
    }

    fn became((language, reading): &(Language, Reading), status: u16, kind: &str, body: &str) -> Became {
        let headers = vec![("content-type".into(), kind.into())];
        let answered = Answered { status, headers, body: body.as_bytes().to_vec() };
        reading.became(language, &answered, "usd", Amount::new(500))
    }

    const JSON: &str = "application/json";

    #[test]
    fn done_and_refused_are_what_the_rule_says_and_everything_else_is_unknown() {
        let rule = reading(None, false);
        let done = Became::Done { captured: None, record: Some("ch_1".into()) };
        assert_eq!(became(&rule, 200, JSON, r#"{"status":"succeeded","id":"ch_1"}"#), done);
        assert_eq!(became(&rule, 200, JSON, r#"{"status":"failed"}"#), Became::Refused);
        // `&&` and `||` need not look at an answer that decides nothing more.
        assert_eq!(became(&rule, 402, "text/plain", "declined"), Became::Refused);
        for (status, kind, body) in [
            (500, JSON, "{}"),
            (200, JSON, r#"{"status":"pending"}"#),
            (200, JSON, r#"{"status":null}"#),
            (200, JSON, r#"{"status":"succeeded","status":"failed"}"#),
            (200, JSON, r#"{"status":"succee"#),
            (200, JSON, "garbage"),
            (200, "text/html", r#"{"status":"succeeded"}"#),
            (200, JSON, ""),
            (302, JSON, "{}"),
        ] {
            let found = became(&rule, status, kind, body);
            assert!(matches!(found, Became::Unknown { .. }), "{status} {body}: {found:?}");
        }
    }

    #[test]
    fn an_answer_is_read_by_nobody_else_and_what_is_not_in_it_is_missing() {
        let language = Language::new().expect("a language");
        let done = |text: &str| {
            let (_, reading) = reading(Some("minor(answer.amount, 'usd')"), false);
            let done = language.compile(text, Subject::Answer, Gives::Bool).expect(text);
            (language.clone(), Reading { done, refused: None, ..reading })
        };
        let captured = |rule: &(Language, Reading), body: &str| match became(rule, 200, JSON, body) {
            Became::Done { captured, .. } => captured.map(|captured| captured.to_string()),
            _ => None,
        };
        for (rule, body) in [
            ("!has(answer.error)", r#"{"Error":1,"error.code":2,"__proto__":{},"amount":5}"#),
            ("!('error' in answer.flags)", r#"{"flags":{"x":"error"},"amount":5}"#),
            ("!(answer.kind in answer.flags)", r#"{"kind":["error"],"flags":{"error":1},"amount":5}"#),
            ("!('error' in answer.flags)", r#"{"flags":[["error"],1e5],"amount":5}"#),
        ] {
            assert_eq!(captured(&done(rule), body).as_deref(), Some("5"), "{rule} {body}");
        }
        // Sums and verdicts are as strict as ever, and a list where an object was said to be is no object without the name.
        for (rule, body) in [
            ("!has(answer.errors.code)", r#"{"errors":[],"amount":5}"#),
            ("!has(answer.errors.code)", r#"{"errors":[{"code":1}],"amount":5}"#),
            ("!has(answer.error)", r#"{"amount":5e0}"#),
            ("!has(answer.error)", r#"{"amount":[5]}"#),
            ("!has(answer.error)", r#"{"amount":{"amount":5}}"#),
            ("answer.paid", r#"{"paid":"true","amount":5}"#),
            ("answer.paid.all", r#"{"paid":[{"all":true}],"amount":5}"#),
        ] {
            let found = became(&done(rule), 200, JSON, body);
            assert!(matches!(found, Became::Unknown { .. }), "{rule} {body}: {found:?}");
        }
    }

    #[test]
    fn a_capture_is_bounded_by_the_hold_unless_the_rule_says_otherwise() {
        let body = |amount: &str| format!(r#"{{"status":"succeeded","amount":{amount}}}"#);
        let captured = |rule: &(Language, Reading), amount: &str| became(rule, 200, JSON, &body(amount));
        let of = |units| Became::Done { captured: Some(Amount::new(units)), record: None };
        let bounded = reading(Some("minor(answer.amount, 'usd')"), false);
        assert_eq!(captured(&bounded, "500"), of(500));
        assert_eq!(captured(&bounded, "0"), of(0));
        assert_eq!(captured(&bounded, "501"), Became::Exceeded { captured: Amount::new(501) });
        for amount in ["-1", "1.5", "1e2", "null", "[1]", "true", "\"\""] {
            let found = captured(&bounded, amount);
            assert!(matches!(found, Became::Unknown { .. }), "{amount}: {found:?}");
        }
        assert_eq!(captured(&reading(Some("minor(answer.amount, 'usd')"), true), "501"), of(501));
        // No asset has so much, and no spend could be settled by it.
        let absurd = Cost::BOUND.to_string();
        let more = Became::Exceeded { captured: Cost::BOUND };
        assert_eq!(captured(&reading(Some("minor(answer.amount, 'usd')"), true), &absurd), more);
        let wrong = captured(&reading(Some("minor(answer.amount, 'eur')"), true), "1");
        assert!(matches!(wrong, Became::Unknown { .. }), "{wrong:?}");
    }

    #[test]
    fn a_spend_whose_answer_stands_in_two_events_is_known_by_both_and_by_no_fewer() {
        let (language, rule) =
            reading(Some("total([minor(answer.start.paid, 'usd'), minor(answer.end.paid, 'usd')])"), false);
        let done = language.compile("has(answer.end)", Subject::Answer, Gives::Bool).expect("an expression");
        let rule = (language, Reading { events: vec!["start".into(), "end".into()], done, refused: None, ..rule });
        let stream = "text/event-stream";
        let (start, end) = ("event: start\ndata: {\"paid\":100}\n\n", "event: end\ndata: {\"paid\":23}\n\n");
        let whole = format!("{start}{end}event: bye\ndata: {{}}\n\n");
        let done = Became::Done { captured: Some(Amount::new(123)), record: None };
        assert_eq!(became(&rule, 200, stream, &whole), done);
        for lacking in [start, end, "event: bye\ndata: {}\n\n"] {
            let found = became(&rule, 200, stream, lacking);
            assert!(matches!(found, Became::Unknown { .. }), "{lacking}: {found:?}");
        }
    }

    #[test]
    fn the_last_event_of_a_stream_is_its_answer_and_a_broken_stream_has_none() {
        let whole = "event: a\ndata: {\"status\":\"x\"}\n\n: ping\n\ndata: {\"status\":\"succeeded\",\ndata: \"id\":\"1\"}\n\ndata: [DONE]\n\n";
        let rule = reading(None, false);
        let stream = "text/event-stream; charset=utf-8";
        let done = Became::Done { captured: None, record: Some("1".into()) };
        assert_eq!(became(&rule, 200, stream, whole), done);
        for end in [1, 20, whole.len() / 2, whole.len() - 1] {
            let broken = whole.get(..end).expect("ASCII");
            let found = became(&rule, 200, stream, broken);
            assert!(matches!(found, Became::Unknown { .. }), "{broken}: {found:?}");
        }
    }
}
