//! Transaction requests of wallets whose keys are shared among signers (TSS): what an intent pays, and the steps that go
//! on with it.
//!
//! An intent is read and held when it is asked for; whoever signs it later moves what is held, and nothing else.
//!
//! What must never happen here: that an intent is taken for a payment that also does something else.

use bursar_core::coin::Coin;
use bursar_core::hold::Recipient;

use super::order::{Call, MOST_RECIPIENTS, Way, asks_for_nothing, not_carried_out, text, units, unsupported};
use super::routes::{Found, Handling};
use super::withheld::Reason;
use crate::dialect::{Order, Passed};
use crate::exchange::Asked;
use crate::json::Json;
use crate::{Forbidden, Why};

/// The longest body of a request or of a step, in bytes.
const LONGEST_BODY: usize = 512 * 1024;
/// The longest id of a request, in characters.
const LONGEST_ID: usize = 64;
/// Fields that shape how the transaction is made, and what it costs. It is made upstream, within what is held.
const HINTS: [&str; 3] = ["feeOptions", "unspents", "numBlocks"];
/// Intents that sign what nobody reads here.
const BLIND: [&str; 2] = ["signMessage", "signTypedStructuredData"];
/// What a request says of its API.
const VERSIONS: [&str; 2] = ["full", "lite"];

/// Whether a text can be the id of a transaction request: one spelling, and one name in a path.
pub fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(is_plain)
}

/// Reads a request for a transaction.
///
/// # Errors
/// It cannot be read in exactly one way, or asks for something else than payments in this coin.
pub fn read(body: &[u8], coin: &Coin) -> Result<Order, Forbidden> {
    let (mut intent, mut version, mut otp) = (None, None, None);
    for (name, value) in object(body, "the body")? {
        match (&*name, &value) {
            ("intent", Json::Object(_)) => intent = Some(value),
            ("apiVersion", Json::Text(known)) if VERSIONS.contains(&&**known) => version = Some(value),
            ("preview", Json::Bool(false)) => {}
            ("preview", Json::Bool(true)) => {
                return Err(unsupported(
                    "a preview is no spend, and nothing says that it stays none; leave `preview` out",
                ));
            }
            ("otp", _) => otp = Some(text(&name, &value)?),
            (other, _) => return Err(not_understood(other, "a transaction request")),
        }
    }
    let Some(Json::Object(entries)) = intent else {
        return Err(Forbidden::undecodable("there is no `intent`; say what is to be paid"));
    };
    let (mut kept, mut claimed) = (Vec::new(), Vec::new());
    let (mut sequence_id, mut comment, mut kind) = (None, None, None);
    for (name, value) in entries {
        match (&*name, &value) {
            ("intentType", _) => kind = Some(text(&name, &value)?),
            ("recipients", _) => {
                claimed = recipients(&value, coin)?;
                kept.push((name, Json::List(claimed.iter().map(|to| written(to, coin)).collect())));
            }
            ("sequenceId", _) => sequence_id = Some(text(&name, &value)?),
            ("comment", _) => comment = Some(text(&name, &value)?),
            ("isTss", Json::Bool(_)) => kept.push((name, value)),
            ("selfSend" | "isTestTransaction", Json::Bool(false)) => {}
            ("enableTokens", Json::List(none)) if none.is_empty() => {}
            (hint, nothing) if HINTS.contains(&hint) && asks_for_nothing(nothing) => {}
            // What kind of intent it is says more than a field that only this kind has.
            (hint, _) if HINTS.contains(&hint) && kind.as_deref().is_none_or(|kind| kind == "payment") => {
                return Err(not_carried_out(hint));
            }
            (other, _) if kind.as_deref().is_none_or(|kind| kind == "payment") => {
                return Err(not_understood(other, "an intent"));
            }
            _ => {}
        }
    }
    is_payment(kind.as_deref())?;
    if claimed.is_empty() {
        return Err(Forbidden::undecodable("`recipients` are missing in the intent; say who gets how much"));
    }
    kept.insert(0, ("intentType".into(), Json::Text("payment".into())));
    let mut body = vec![("intent".into(), Json::Object(kept))];
    body.extend(version.map(|version| ("apiVersion".into(), version)));
    let instruction = Call { way: Way::Request, body }.packed();
    Ok(Order { instruction, claimed, sequence_id, comment, otp })
}

fn is_payment(kind: Option<&str>) -> Result<(), Forbidden> {
    match kind {
        Some("payment") => Ok(()),
        None => Err(Forbidden::undecodable("the intent has no `intentType`; payments have `payment`")),
        Some("acceleration" | "fillNonce") => Err(Reason::Replaces.told()),
        Some("transferToken") => Err(unsupported("tokens of a chain are not paid here; pay in the wallet's coin")),
        Some("consolidate" | "fanout" | "consolidateToken") => Err(Reason::PaysFeesOnly.told()),
        Some("stake" | "unstake" | "delegate" | "undelegate" | "claim") => Err(Reason::Staking.told()),
        Some(blind) if BLIND.contains(&blind) => Err(Reason::SignsBlindly.told()),
        Some(other) => Err(Forbidden::new(
            Why::NotPriced,
            format!(
                "nothing says what an intent of the kind `{}` costs or allows; only `payment` is carried out",
                other.escape_debug()
            ),
        )),
    }
}

fn recipients(list: &Json, coin: &Coin) -> Result<Vec<Recipient>, Forbidden> {
    let list = list.as_list().filter(|list| (1..=MOST_RECIPIENTS).contains(&list.len()));
    let list = list.ok_or_else(|| {
        Forbidden::undecodable(format!("`recipients` are no list of 1 to {MOST_RECIPIENTS}; say who gets how much"))
    })?;
    list.iter().map(|one| recipient(one, coin)).collect()
}

/// A recipient of an intent, as clients write it and as the upstream shows it.
///
/// # Errors
/// It says more than who gets how much of this coin.
pub(super) fn recipient(one: &Json, coin: &Coin) -> Result<Recipient, Forbidden> {
    let Json::Object(entries) = one else { return Err(Forbidden::undecodable("a recipient is no object")) };
    let (mut address, mut amount) = (None, None);
    for (name, value) in entries {
        match (&**name, value) {
            ("address", Json::Object(parts)) => match parts.as_slice() {
                [(part, value)] if **part == *"address" => address = Some(text(part, value)?),
                _ => return Err(Forbidden::undecodable("an address has more than an `address`, or none")),
            },
            ("amount", Json::Object(parts)) => amount = Some(self::amount(parts, coin)?),
            ("data", Json::Text(data)) if matches!(&**data, "" | "0x") => {}
            (other, _) => return Err(not_understood(other, "a recipient")),
        }
    }
    match (address, amount) {
        (Some(address), Some(amount)) => Ok(Recipient { address, amount }),
        _ => Err(Forbidden::undecodable("a recipient has no address or no amount")),
    }
}

fn amount(parts: &[(Box<str>, Json)], coin: &Coin) -> Result<bursar_core::amount::Amount, Forbidden> {
    let (mut value, mut symbol) = (None, None);
    for (name, part) in parts {
        match &**name {
            "value" => value = Some(units(part)?),
            "symbol" => symbol = part.as_text(),
            other => return Err(not_understood(other, "an amount")),
        }
    }
    match (value, symbol) {
        (Some(value), Some(symbol)) if symbol == coin.as_str() => Ok(value),
        (Some(_), Some(symbol)) => Err(unsupported(&format!(
            "`{}` is not the wallet's coin, which is `{coin}`; tokens of a chain are not paid here",
            symbol.escape_debug()
        ))),
        _ => Err(Forbidden::undecodable("an amount has no `value` or no `symbol`")),
    }
}

fn written(to: &Recipient, coin: &Coin) -> Json {
    let object = |entries: Vec<(&str, Json)>| {
        Json::Object(entries.into_iter().map(|(name, value)| (name.into(), value)).collect())
    };
    let text = |text: &str| Json::Text(text.into());
    let amount = object(vec![("value", text(&to.amount.to_string())), ("symbol", text(coin.as_str()))]);
    object(vec![("address", object(vec![("address", text(&to.address))])), ("amount", amount)])
}

/// The transaction request that a request goes on with; nothing if it goes on with none.
pub fn continued(found: &Found<'_>, asked: &Asked<'_>) -> Option<Box<str>> {
    match found.route.handling {
        Handling::Continues => found.place("{txRequestId}").or_else(|| found.place("{id}")).map(Into::into),
        // Its id in the body takes the place of a transaction.
        Handling::Transaction => {
            let body = Json::read(asked.body).ok()?;
            body.get("txRequestId").map(|named| named.as_text().unwrap_or_default().into())
        }
        _ => None,
    }
}

/// What is passed on of such a step, to a wallet that the upstream calls so.
///
/// # Errors
/// It says more than a step says.
pub fn step(found: &Found<'_>, asked: &Asked<'_>, reference: &str) -> Result<Passed, Forbidden> {
    if asked.query.is_some_and(|query| !query.is_empty()) {
        return Err(Forbidden::undecodable("a step of a transaction request takes no query; leave it out"));
    }
    let index = found.place("{transactionIdx}").or_else(|| found.place("{resourceIndex}"));
    if index.is_some_and(|index| !index.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(Forbidden::undecodable("a transaction of a request is named by its number"));
    }
    let names = found.names(reference);
    let known: &[&str] = match names.last().map(|name| &**name) {
        _ if found.route.handling == Handling::Transaction => &["txRequestId"],
        Some("commit") => &["commitmentShare", "encryptedSignerShare"],
        Some("challenge") => &["paillierModulus"],
        Some("signatureshares") => &["signatureShare", "signerShare", "userPublicGpgKey"],
        Some("sign") => &["type", "signatureShares", "signerShare", "signerGpgPublicKey"],
        // `send` and `transfers` say all in their path.
        _ => &[],
    };
    let entries = if asked.body.is_empty() { Vec::new() } else { object(asked.body, "the body")? };
    if let Some((name, _)) = entries.iter().find(|(name, _)| !known.contains(&&**name)) {
        return Err(not_understood(name, "a step of a transaction request"));
    }
    let body = (!entries.is_empty()).then_some(Json::Object(entries));
    Ok(Passed { method: found.route.method, names, query: Vec::new(), body })
}

fn object(body: &[u8], what: &str) -> Result<Vec<(Box<str>, Json)>, Forbidden> {
    if body.len() > LONGEST_BODY {
        return Err(Forbidden::undecodable(format!("{what} is longer than {LONGEST_BODY} bytes")));
    }
    match Json::read(body)? {
        Json::Object(entries) => Ok(entries),
        _ => Err(Forbidden::undecodable(format!("{what} is no JSON object; send one"))),
    }
}

fn not_understood(name: &str, place: &str) -> Forbidden {
    unsupported(&format!("`{}` of {place} is not understood here; leave it out", name.escape_debug()))
}

#[cfg(test)]
mod tests;
