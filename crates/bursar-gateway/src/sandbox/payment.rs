//! One payment: from a wallet of the sandbox to its recipients, or to nobody.
//!
//! Everything that can be refused is refused before the first row is written; what must never happen here
//! is that money moves halfway.

use std::collections::BTreeMap;

use bursar_core::coin::Coin;
use bursar_service::rail::{Decoded, RailError, SendOutcome};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::book::{self, BookError};
use super::destination::{self, Destination, Fault};
use super::order::Order;
use super::transaction;

/// Why a payment does not happen.
pub(super) enum Stop {
    /// It is refused, for good.
    Refused(String),
    /// The book fails.
    Broken(BookError),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Broken(error.into())
    }
}

impl From<BookError> for Stop {
    fn from(error: BookError) -> Self {
        Self::Broken(error)
    }
}

/// Moves the money. Everything that can be refused is refused before the first row is written.
pub(super) fn pay(book: &Connection, reference: &str, order: &Order) -> Result<SendOutcome, Stop> {
    let refused = |reason: &str| Stop::Refused(reason.to_owned());
    let (held, balance) = book::wallet(book, reference)?.ok_or_else(|| refused("the sandbox knows no such wallet"))?;
    let payable = if held == order.coin {
        destination::check(&held, &order.recipients)
    } else {
        Err(book::other_coin(&held, &order.coin))
    };
    if let Err(RailError::Invalid { field, problem }) = payable {
        return Err(Stop::Refused(format!("{field} {problem}")));
    }
    if !is_what_was_built(reference, order) {
        return Err(refused("the transaction that was built says something else than its hold"));
    }
    if destination::fault(&order.recipients) == Some(Fault::Refuse) {
        return Err(refused("the sandbox refused, as `sandbox:refuse` asks"));
    }
    let fee = destination::fee();
    let paid = destination::total(&order.recipients).ok_or_else(|| refused("the recipients get too much"))?;
    let leaving = paid.checked_add(fee).ok_or_else(|| refused("the recipients get too much"))?;
    if leaving > order.amount {
        return Err(Stop::Refused(format!("{leaving} would leave the wallet, but only {} is held", order.amount)));
    }
    let left = balance.checked_sub(leaving).ok_or_else(|| {
        Stop::Refused(format!("insufficient funds: the wallet holds {balance}, the send takes {leaving}"))
    })?;

    let mut balances = BTreeMap::from([(reference.to_owned(), left)]);
    for recipient in &order.recipients {
        let Some(payee) = owner(book, &order.coin, &recipient.address)? else {
            continue;
        };
        let before = match balances.get(&payee) {
            Some(balance) => *balance,
            None => book::balance(book, &payee)?.unwrap_or_default(),
        };
        let after = before.checked_add(recipient.amount).ok_or_else(|| refused("a recipient would hold too much"))?;
        balances.insert(payee, after);
    }

    for (reference, balance) in balances {
        book.prepare_cached("UPDATE wallets SET balance = ?2 WHERE reference = ?1")?
            .execute(params![reference, balance.to_be_bytes()])?;
    }
    let recipients = transaction::recipients_to_json(&order.recipients)
        .map_err(|_| BookError::Inconsistent { table: "transfers" })?;
    let txid = destination::transaction_id(&order.coin, order.id);
    book.prepare_cached(
        "INSERT INTO transfers (hold, txid, reference, coin, recipients, amount, fee, time)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        order.id.as_bytes(),
        txid,
        reference,
        order.coin.as_str(),
        recipients,
        paid.to_be_bytes(),
        fee.to_be_bytes(),
        order.created.as_millis(),
    ])?;
    Ok(SendOutcome::Done { reference: txid, fee })
}

/// Whether the order means what its transaction says, where one was built.
fn is_what_was_built(reference: &str, order: &Order) -> bool {
    if !transaction::is_claimed_by(&order.instruction) {
        return true;
    }
    let meant = Decoded {
        reference: reference.to_owned(),
        coin: order.coin.clone(),
        recipients: order.recipients.clone(),
        fee: destination::fee(),
    };
    transaction::read(&order.instruction) == Ok(meant)
}

/// The wallet of that coin which is paid at that address, if it is one of the sandbox's.
fn owner(book: &Connection, coin: &Coin, address: &str) -> Result<Option<String>, BookError> {
    let Ok(Destination::Address(address)) = Destination::read(coin, address) else {
        return Ok(None);
    };
    let owner = book
        .prepare_cached(
            "SELECT reference FROM addresses JOIN wallets USING (reference) WHERE address = ?1 AND coin = ?2",
        )?
        .query_row([&address, coin.as_str()], |row| row.get(0))
        .optional()?;
    Ok(owner)
}
