//! What an answer would mean for a spend, as people and programs read it.

use bursar_core::coin::{Asset, Coin};
use bursar_core::decimals::Decimals;
use bursar_core::limit::text::amount_of;
use bursar_rails::exchange::{Answered, Charge};
use bursar_rails::http::{Became, Instruction, Rules};
use serde_json::{Value, json};

/// What an answer says of a spend.
pub(super) struct Outcome<'a> {
    charge: &'a Charge,
    became: Became,
}

impl<'a> Outcome<'a> {
    /// What it says; nothing, if the spend's rule is not there.
    pub(super) fn of(rules: &Rules, charge: &'a Charge, answered: &Answered) -> Option<Self> {
        let instruction = Instruction::read(&charge.instruction)?;
        let became = rules.became(&instruction, answered, &charge.coin, charge.amount);
        Some(Self { charge, became })
    }

    pub(super) fn document(&self) -> Value {
        let held = self.charge.amount;
        match &self.became {
            Became::Done { captured, record } => {
                json!({"outcome": "done", "captured": captured.unwrap_or(held).to_string(), "record": record})
            }
            Became::Refused => json!({"outcome": "refused"}),
            Became::Exceeded { captured } => json!({"outcome": "exceeded", "captured": captured.to_string()}),
            Became::Unknown { reason } => json!({"outcome": "unknown", "reason": reason}),
        }
    }

    pub(super) fn lines(&self, decimals: &Decimals) -> Vec<(&'static str, String)> {
        let (held, asset) = (self.charge.amount, asset(&self.charge.coin));
        match &self.became {
            Became::Done { captured, record } => {
                let record =
                    record.as_deref().map_or_else(|| format!("none; called `{}`", self.charge.key), str::to_owned);
                vec![
                    ("outcome", "done: the money moved".to_owned()),
                    ("captured", amount_of(captured.unwrap_or(held), &asset, decimals)),
                    ("record", record),
                ]
            }
            Became::Refused => vec![("outcome", "refused: nothing moved, and the hold is released".to_owned())],
            Became::Exceeded { captured } => vec![
                ("outcome", "exceeded: it stays held, and the token is locked".to_owned()),
                ("moved", format!("{}, more than is held", amount_of(*captured, &asset, decimals))),
            ],
            Became::Unknown { reason } => {
                vec![("outcome", "unknown: it stays held".to_owned()), ("reason", reason.clone())]
            }
        }
    }
}

fn asset(coin: &Coin) -> Asset {
    Asset::Coin(coin.clone())
}

#[cfg(test)]
mod tests {
    use bursar_rails::exchange::{Asked, Exchange};

    use super::*;
    use crate::cli::rail::request;

    const RULE: &str = r#"{
        "method": "POST", "path": "/v1/charges", "operation": "spend", "body": "form",
        "fields": ["amount", "source"], "headers": ["idempotency-key"],
        "asset": "usd", "amount": "minor(body.amount, 'usd')", "destination": "body.source",
        "key": "headers['idempotency-key']", "done": "status == 200", "refused": "status == 402",
        "captured": "minor(answer.amount, 'usd')", "record": "answer.id"
    }"#;

    #[test]
    fn what_an_answer_means_is_told_before_any_money_moves() {
        let rules = Rules::new(&[("usd".to_owned(), 2)].into(), &[serde_json::from_str(RULE).unwrap()]).unwrap();
        let headers: &[(&str, &[u8])] =
            &[("content-type", b"application/x-www-form-urlencoded"), ("idempotency-key", b"order-7")];
        let body = b"amount=500&source=tok";
        let asked = Asked { method: "POST", path: "/v1/charges", query: None, headers, body };
        let Ok(Exchange::Spend(charge)) = rules.meaning(&asked) else { panic!("no charge") };
        let json = "content-type: application/json";
        for (text, document, line) in [
            (
                format!("200 OK\n{json}\n\n{{\"amount\":400,\"id\":\"ch_1\"}}"),
                json!({"outcome": "done", "captured": "400", "record": "ch_1"}),
                "ch_1",
            ),
            ("402".to_owned(), json!({"outcome": "refused"}), "refused: nothing moved"),
            (
                format!("200 OK\n{json}\n\n{{\"amount\":501}}"),
                json!({"outcome": "exceeded", "captured": "501"}),
                "the token is locked",
            ),
        ] {
            let answered = request::answer(text.as_bytes()).unwrap();
            let outcome = Outcome::of(&rules, &charge, &answered).unwrap();
            assert_eq!(outcome.document(), document);
            assert!(
                outcome.lines(&Decimals::default()).iter().any(|(_, told)| told.contains(line)),
                "{text}: {:?}",
                outcome.lines(&Decimals::default())
            );
        }
        let nothing = Outcome::of(&rules, &charge, &request::answer(b"500").unwrap()).unwrap();
        assert_eq!(nothing.document()["outcome"], "unknown");
        assert!(
            nothing.lines(&Decimals::default()).iter().any(|(_, told)| told.contains("status 500")),
            "{:?}",
            nothing.lines(&Decimals::default())
        );
    }
}
