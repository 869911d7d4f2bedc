//! Spends: as a transfer, as the answer to a send, as a transaction that was built (WC §8).

use bursar_core::amount::Amount;
use bursar_core::hold::{Hold, HoldState, Recipient, SpendKey};
use serde_json::Value;

use super::object::{Object, number, outgoing};

/// A spend as an entry of its wallet's history.
pub fn transfer(hold: &Hold) -> Value {
    let paid = sum(&hold.recipients);
    let (total, fee) = match &hold.state {
        HoldState::Captured { amount, .. } => (*amount, amount.saturating_sub(paid)),
        _ => (hold.amount, hold.fee),
    };
    let (value, value_string) = outgoing(total);
    let (base_value, base_value_string) = outgoing(paid);
    let sequence_id = hold.key.as_ref().and_then(|key| match key {
        SpendKey::Sequence(_, name) => Some(name.as_str()),
        SpendKey::Transaction(..) => None,
    });
    let reason = match &hold.state {
        HoldState::Released { reason, .. } => Some(reason.as_str()),
        _ => None,
    };
    Object::new()
        .with("id", hold.id.to_string())
        .with("coin", hold.coin.as_str())
        .with("wallet", hold.wallet.to_string())
        .with("enterprise", hold.organisation.to_string())
        .with_some("txid", reference(hold))
        .with("date", hold.created.to_string())
        .with("type", "send")
        .with("value", value)
        .with("valueString", value_string)
        .with("baseValue", base_value)
        .with("baseValueString", base_value_string)
        .with("feeString", fee.to_string())
        .with("state", state(&hold.state))
        .with_some("reason", reason)
        .with("entries", recipients(&hold.recipients))
        .with_some("comment", hold.comment.as_deref())
        .with_some("sequenceId", sequence_id)
        .into()
}

/// The answer to a send: `signed` once the money moved, `accepted` while that is not known.
pub fn sent(hold: &Hold) -> Value {
    let reference = reference(hold);
    let bytes = (!hold.instruction.is_empty())
        .then(|| base16ct::lower::encode_string(&hold.instruction));
    Object::new()
        .with_some("txid", reference)
        .with_some("tx", bytes)
        .with("status", if reference.is_some() { "signed" } else { "accepted" })
        .with("transfer", transfer(hold))
        .into()
}

/// A transaction that was built and not sent, with the greatest fee it can pay.
pub fn built(bytes: &[u8], fee: Amount, to: &[Recipient]) -> Value {
    let fees = Object::new()
        .with("fee", number(fee))
        .with("feeString", fee.to_string());
    Object::new()
        .with("txHex", base16ct::lower::encode_string(bytes))
        .with("txInfo", Object::new().with("recipients", recipients(to)))
        .with("feeInfo", fees)
        .into()
}

const fn state(state: &HoldState) -> &'static str {
    match state {
        HoldState::Open => "signed",
        HoldState::Unresolved { .. } => "unconfirmed",
        HoldState::Captured { .. } => "confirmed",
        HoldState::Released { .. } => "failed",
    }
}

fn reference(hold: &Hold) -> Option<&str> {
    match &hold.state {
        HoldState::Captured { reference, .. } => Some(reference),
        _ => None,
    }
}

fn recipients(recipients: &[Recipient]) -> Value {
    let entry = |to: &Recipient| {
        Object::new()
            .with("address", to.address.as_str())
            .with("value", number(to.amount))
            .with("valueString", to.amount.to_string())
    };
    recipients.iter().map(|to| Value::from(entry(to))).collect()
}

fn sum(recipients: &[Recipient]) -> Amount {
    recipients.iter().fold(Amount::ZERO, |sum, to| sum.saturating_add(to.amount))
}
