//! Spends in the native form (docs/native-api.md, `POST /bursar/v1/spends`).

use bursar_core::hold::{Hold, HoldState, Payee, SpendKey};
use bursar_core::id::HoldId;
use bursar_core::time::Timestamp;
use serde_json::{Value, json};

#[cfg(test)]
mod tests;

/// A spend. `amount` is what recipients get, `fee` what may be paid for it, `total` what leaves of `coin` in all, as they are held;
/// what became of it stands under the name of its state. `sent` is what it is called where it was sent, while it is not settled.
pub fn native_spend(hold: &Hold, sent: Option<&str>) -> Value {
    let recipient = |to: &Payee| json!({"address": to.address, "amount": to.amount.to_string()});
    let mut shown = json!({
        "id": hold.id.to_string(),
        "state": hold.state.name(),
        "coin": hold.cost.coin.as_str(),
        "amount": hold.cost.without_fee().to_string(),
        "fee": hold.cost.fee.to_string(),
        "feeCoin": hold.cost.fee_coin.as_str(),
        "total": hold.cost.amount.to_string(),
        "recipients": hold.payees.iter().map(recipient).collect::<Vec<_>>(),
        "wallet": hold.wallet.map(|wallet| wallet.to_string()),
        "organisation": hold.organisation.to_string(),
        "token": hold.token.to_string(),
        "user": hold.user.to_string(),
        "heldBy": hold.holder.map(|token| token.to_string()),
        "overridden": hold.overridden,
        "capturesItself": hold.captures_itself,
        "created": hold.created.to_string(),
        "deadline": hold.deadline.to_string(),
        "comment": hold.comment,
    });
    if let Some((key, name)) = hold.key.as_ref().and_then(|key| Some((key, key.of_client()?))) {
        let field = if let SpendKey::Client(..) = key { "idempotencyKey" } else { "sequenceId" };
        shown[field] = name.into();
    }
    if let Some(reference) = sent {
        shown["sent"] = json!({"reference": reference});
    }
    match &hold.state {
        HoldState::Open => {}
        HoldState::Unresolved { since, reason } => {
            shown["unresolved"] = json!({"since": since.to_string()});
            if !reason.is_empty() {
                shown["unresolved"]["reason"] = reason.as_str().into();
            }
        }
        HoldState::Captured { at, amount, fee, reference } => {
            let cost = hold.cost.really(*amount, *fee);
            shown["captured"] = json!({
                "at": at.to_string(),
                "amount": cost.without_fee().to_string(),
                "fee": cost.fee.to_string(),
                "total": cost.amount.to_string(),
                "reference": reference,
            });
        }
        HoldState::Released { at, reason } => {
            shown["released"] = json!({"at": at.to_string(), "reason": reason});
        }
    }
    shown
}

/// The last time that a rail's other end was asked after a spend: when, what it said, and from when on the spend is given back if
/// it says so again.
pub fn looked_up(at: Timestamp, said: &str, back_from: Option<Timestamp>) -> Value {
    json!({"at": at.to_string(), "said": said, "backFrom": back_from.map(|from| from.to_string())})
}

/// What came of asking a rail after a spend, which is shown as it stands now: what the rail showed in one word, what that
/// means in a sentence, and what it calls the spend.
pub fn reconciled(spend: &Value, (showed, detail, reference): (&str, &str, Option<&str>)) -> Value {
    json!({"showed": showed, "detail": detail, "reference": reference, "spend": spend})
}

/// A list of spends, each with what it is called where it was sent, and where the next part begins.
pub fn native_spends(list: &[(Hold, Option<String>)], next: Option<HoldId>) -> Value {
    let spends = list.iter().map(|(hold, sent)| native_spend(hold, sent.as_deref()));
    let mut shown = json!({"spends": spends.collect::<Vec<_>>()});
    if let Some(next) = next {
        shown["next"] = next.to_string().into();
    }
    shown
}
