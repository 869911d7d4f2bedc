//! Whoever speaks BitGo's language upstream: what a transfer is asked for with, and what is answered.
//!
//! A spend has one name upstream, [`sequence_id`], which follows from its hold: asked twice under it, nothing is paid
//! twice, and what became of it is found by it.
//!
//! What must never happen here: that an answer is called a refusal which leaves a doubt, or that somebody else's answer
//! is taken for this spend's.

pub mod answer;
pub mod chain;
mod half_signed;
pub mod intent;
pub mod order;
pub mod outputs;
pub mod pass;
pub mod request;
pub mod routes;
pub mod transfer;
pub mod wallet;
pub mod withheld;

use bursar_core::hold::Payee;
use bursar_core::id::HoldId;

use crate::json::Json;

pub use answer::{Answer, Sending};
pub use chain::Chain;
pub use transfer::{Expected, Standing};

/// What a spend is called upstream.
pub fn sequence_id(hold: HoldId) -> String {
    format!("bursar-{hold}")
}

/// The call that carries a spend out: its name in the path, and its body.
pub fn send(hold: HoldId, payees: &[Payee]) -> (&'static str, Json) {
    let sequence = ("sequenceId".into(), Json::Text(sequence_id(hold).into()));
    match payees {
        [payee] => {
            let mut entries = recipient(payee);
            entries.push(sequence);
            ("sendcoins", Json::Object(entries))
        }
        _ => {
            let recipients = payees.iter().map(|payee| Json::Object(recipient(payee))).collect();
            ("sendmany", Json::Object(vec![("recipients".into(), Json::List(recipients)), sequence]))
        }
    }
}

fn recipient(payee: &Payee) -> Vec<(Box<str>, Json)> {
    // A text: a number of that size is not exact everywhere.
    let amount = Json::Text(payee.amount.to_string().into());
    vec![("address".into(), Json::Text(payee.address.as_str().into())), ("amount".into(), amount)]
}

#[cfg(test)]
mod tests {
    use bursar_core::amount::Amount;
    use bursar_core::destination::Destination;

    use super::*;

    fn payee(address: &str, amount: u128) -> Payee {
        let destination = Destination::new("evm", address.as_bytes(), None);
        Payee { address: address.to_owned(), destination, amount: Amount::new(amount) }
    }

    #[test]
    fn one_hold_is_one_name_upstream_and_amounts_are_exact_texts() {
        let hold = HoldId::from_bytes([7; 16]);
        let (call, body) = send(hold, &[payee("a", u128::MAX)]);
        assert_eq!(call, "sendcoins");
        let named = format!(r#""sequenceId":"bursar-{hold}""#);
        assert_eq!(body.to_string(), format!(r#"{{"address":"a","amount":"{}",{named}}}"#, u128::MAX));
        let (call, body) = send(hold, &[payee("a", 1), payee("b", 2)]);
        assert_eq!(call, "sendmany");
        let both = r#""recipients":[{"address":"a","amount":"1"},{"address":"b","amount":"2"}]"#;
        assert_eq!(body.to_string(), format!("{{{both},{named}}}"));
        assert_ne!(sequence_id(hold), sequence_id(HoldId::from_bytes([8; 16])));
    }
}
