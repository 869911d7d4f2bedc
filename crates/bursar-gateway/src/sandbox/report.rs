//! What the book says, for who judges it from outside: crash tests and reports. Reads only.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::Recipient;
use bursar_core::id::HoldId;
use bursar_core::time::Timestamp;
use rusqlite::{Connection, OpenFlags, Row};

use super::book::BookError;
use super::transaction;

/// How long to wait for a writer that is just opening or closing the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// Money that left a wallet of the sandbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// The spend that sent it.
    pub hold: HoldId,
    /// What the rail calls it.
    pub txid: String,
    /// What the rail calls the wallet that paid.
    pub reference: String,
    /// The coin.
    pub coin: Coin,
    /// Who got how much.
    pub recipients: Vec<Recipient>,
    /// What left the wallet, the fee included.
    pub spent: Amount,
    /// The part of `spent` that was the fee.
    pub fee: Amount,
    /// When it was held.
    pub time: Timestamp,
}

/// A view of the sandbox's book. It may be open while the rail is at work, and after a crash.
#[derive(Debug)]
pub struct Book {
    connection: Connection,
}

impl Book {
    /// Opens the book at `path`, which must exist.
    ///
    /// # Errors
    /// There is no such file, or it is no book.
    pub fn open(path: &Path) -> Result<Self, BookError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        Ok(Self { connection })
    }

    /// Every transfer, in the order of the holds.
    ///
    /// # Errors
    /// The file cannot be read, or a row makes no sense.
    pub fn transfers(&self) -> Result<Vec<Transfer>, BookError> {
        let mut statement = self.connection.prepare(
            "SELECT hold, txid, reference, coin, recipients, amount, fee, time FROM transfers ORDER BY hold",
        )?;
        let mut rows = statement.query([])?;
        let mut transfers = Vec::new();
        while let Some(row) = rows.next()? {
            transfers.push(transfer(row)?.ok_or(BookError::Inconsistent { table: "transfers" })?);
        }
        Ok(transfers)
    }

    /// What left each wallet so far, the fees included, by its reference. Wallets that never paid are absent.
    ///
    /// # Errors
    /// As [`Book::transfers`]; also if a sum is no amount.
    pub fn spent(&self) -> Result<BTreeMap<String, Amount>, BookError> {
        let mut sums = BTreeMap::<String, Amount>::new();
        for transfer in self.transfers()? {
            let sum = sums.entry(transfer.reference).or_default();
            *sum = sum.checked_add(transfer.spent).ok_or(BookError::Inconsistent { table: "transfers" })?;
        }
        Ok(sums)
    }
}

/// Reads a row, or nothing if its columns make no transfer.
fn transfer(row: &Row<'_>) -> Result<Option<Transfer>, BookError> {
    let (coin, recipients): (String, String) = (row.get(3)?, row.get(4)?);
    let (amount, fee) = (Amount::from_be_bytes(row.get(5)?), Amount::from_be_bytes(row.get(6)?));
    let parts = (Coin::parse(&coin), transaction::recipients_from_json(&recipients), amount.checked_add(fee));
    let (Ok(coin), Some(recipients), Some(spent)) = parts else {
        return Ok(None);
    };
    Ok(Some(Transfer {
        hold: HoldId::from_bytes(row.get(0)?),
        txid: row.get(1)?,
        reference: row.get(2)?,
        coin,
        recipients,
        spent,
        fee,
        time: Timestamp::from_millis(row.get(7)?),
    }))
}
