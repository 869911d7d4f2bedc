//! The sandbox's book: who has how much, and what became of every hold that was ever sent here.
//!
//! Everything here runs inside a transaction that the writer commits. Of a hold there is a transfer or a
//! refusal, never both, and neither is ever changed.

use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::id::HoldId;
use bursar_service::rail::{RailError, SendOutcome};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::address;
use super::order::Order;
use super::payment::{self, Stop};

/// The schema this program writes.
const SCHEMA: i64 = 1;

/// How long to wait for a reader that is recovering the file after a crash.
const PATIENCE: Duration = Duration::from_secs(5);

const TABLES: &str = "
    CREATE TABLE wallets (
        reference TEXT NOT NULL PRIMARY KEY,
        coin TEXT NOT NULL,
        balance BLOB NOT NULL CHECK (length(balance) = 32)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE addresses (
        reference TEXT NOT NULL REFERENCES wallets,
        address TEXT NOT NULL UNIQUE,
        position INTEGER NOT NULL,
        PRIMARY KEY (reference, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE transfers (
        hold BLOB NOT NULL PRIMARY KEY CHECK (length(hold) = 16),
        txid TEXT NOT NULL,
        reference TEXT NOT NULL REFERENCES wallets,
        coin TEXT NOT NULL,
        recipients TEXT NOT NULL,
        amount BLOB NOT NULL CHECK (length(amount) = 32),
        fee BLOB NOT NULL CHECK (length(fee) = 32),
        time INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE refusals (
        hold BLOB NOT NULL PRIMARY KEY CHECK (length(hold) = 16),
        reason TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;
";

/// The book could not be read or written. Always a fault of ours or of the machine, never of the caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BookError {
    /// The file does not do what it should: disk full, read-only, gone, no book at all.
    Unavailable(String),
    /// A row makes no sense.
    Inconsistent {
        /// Where.
        table: &'static str,
    },
    /// The book was written by a newer program.
    Newer {
        /// The schema found.
        found: i64,
    },
}

impl fmt::Display for BookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(problem) => write!(f, "the sandbox's book is unavailable: {problem}"),
            Self::Inconsistent { table } => {
                write!(f, "table `{table}` of the sandbox's book holds a row that makes no sense")
            }
            Self::Newer { found } => {
                write!(
                    f,
                    "the sandbox's book has schema {found}, this program knows {SCHEMA}; use the program that wrote it"
                )
            }
        }
    }
}

impl std::error::Error for BookError {}

impl From<rusqlite::Error> for BookError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<io::Error> for BookError {
    fn from(error: io::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Opens the book, or begins one that only its owner may read.
pub(super) fn open(path: &Path) -> Result<Connection, BookError> {
    create_private(path)?;
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    match connection.pragma_query_value(None, "user_version", |row| row.get(0))? {
        0 => connection.execute_batch(&format!("BEGIN; {TABLES} COMMIT;"))?,
        SCHEMA => {}
        found => return Err(BookError::Newer { found }),
    }
    Ok(connection)
}

/// Makes the file before SQLite does, so that it is never readable by others; its journal gets the same mode.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes a wallet and its first address, or finds it.
pub(super) fn create_wallet(
    book: &Connection,
    reference: &str,
    coin: &Coin,
    balance: Amount,
    random: [u8; 16],
) -> Result<Result<String, RailError>, BookError> {
    match wallet(book, reference)? {
        Some((held, _)) if held != *coin => return Ok(Err(other_coin(&held, coin))),
        Some(_) => {}
        None => {
            book.prepare_cached("INSERT INTO wallets (reference, coin, balance) VALUES (?1, ?2, ?3)")?
                .execute(params![reference, coin.as_str(), balance.to_be_bytes()])?;
            new_address(book, reference, random)?;
        }
    }
    let first = addresses(book, reference)?.and_then(|all| all.into_iter().next());
    first.map(Ok).ok_or(BookError::Inconsistent { table: "addresses" })
}

/// What is said when a wallet of one coin is asked to do something with another.
pub(super) fn other_coin(held: &Coin, asked: &Coin) -> RailError {
    RailError::Invalid { field: "coin", problem: format!("is {asked}, but the wallet holds {held}") }
}

/// The coin a wallet holds.
pub(super) fn coin(book: &Connection, reference: &str) -> Result<Option<Coin>, BookError> {
    Ok(wallet(book, reference)?.map(|(coin, _)| coin))
}

/// How much a wallet holds.
pub(super) fn balance(book: &Connection, reference: &str) -> Result<Option<Amount>, BookError> {
    Ok(wallet(book, reference)?.map(|(_, balance)| balance))
}

/// A wallet's addresses, oldest first.
pub(super) fn addresses(book: &Connection, reference: &str) -> Result<Option<Vec<String>>, BookError> {
    if wallet(book, reference)?.is_none() {
        return Ok(None);
    }
    let mut statement = book.prepare_cached("SELECT address FROM addresses WHERE reference = ?1 ORDER BY position")?;
    let addresses = statement.query_map([reference], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Some(addresses))
}

/// A new address of a wallet; the same random bytes give the same one.
pub(super) fn new_address(book: &Connection, reference: &str, random: [u8; 16]) -> Result<Option<String>, BookError> {
    let Some(coin) = coin(book, reference)? else {
        return Ok(None);
    };
    let address = address::new(&coin, reference, random);
    book.prepare_cached(
        "INSERT INTO addresses (reference, address, position)
         VALUES (?1, ?2, (SELECT coalesce(max(position) + 1, 0) FROM addresses WHERE reference = ?1))
         ON CONFLICT (address) DO NOTHING",
    )?
    .execute(params![reference, address])?;
    Ok(Some(address))
}

/// Sends what the order says, once: whatever was answered first is answered again.
pub(super) fn send(book: &Connection, reference: &str, order: &Order) -> Result<SendOutcome, BookError> {
    if let Some(known) = outcome(book, order.id)? {
        return Ok(known);
    }
    match payment::pay(book, reference, order) {
        Ok(done) => Ok(done),
        Err(Stop::Refused(reason)) => refuse(book, order.id, reason),
        Err(Stop::Broken(error)) => Err(error),
    }
}

/// Finds out what became of a hold; one that never came is refused from now on (see [`super`]).
pub(super) fn reconcile(book: &Connection, hold: HoldId) -> Result<SendOutcome, BookError> {
    match outcome(book, hold)? {
        Some(known) => Ok(known),
        None => refuse(book, hold, "the sandbox never saw it".to_owned()),
    }
}

/// The transaction that a hold became, if it became one.
pub(super) fn transaction_id(book: &Connection, hold: HoldId) -> Result<Option<String>, BookError> {
    Ok(match outcome(book, hold)? {
        Some(SendOutcome::Done { reference, .. }) => Some(reference),
        _ => None,
    })
}

fn outcome(book: &Connection, hold: HoldId) -> Result<Option<SendOutcome>, BookError> {
    let sent = book
        .prepare_cached("SELECT txid, fee FROM transfers WHERE hold = ?1")?
        .query_row([hold.as_bytes()], |row| {
            Ok(SendOutcome::Done { reference: row.get(0)?, fee: Amount::from_be_bytes(row.get(1)?) })
        })
        .optional()?;
    if sent.is_some() {
        return Ok(sent);
    }
    let refused = book
        .prepare_cached("SELECT reason FROM refusals WHERE hold = ?1")?
        .query_row([hold.as_bytes()], |row| Ok(SendOutcome::Refused { reason: row.get(0)? }))
        .optional()?;
    Ok(refused)
}

fn refuse(book: &Connection, hold: HoldId, reason: String) -> Result<SendOutcome, BookError> {
    book.prepare_cached("INSERT INTO refusals (hold, reason) VALUES (?1, ?2)")?
        .execute(params![hold.as_bytes(), reason])?;
    Ok(SendOutcome::Refused { reason })
}

/// What a wallet holds: which coin, and how much.
pub(super) fn wallet(book: &Connection, reference: &str) -> Result<Option<(Coin, Amount)>, BookError> {
    let row: Option<(String, [u8; 32])> = book
        .prepare_cached("SELECT coin, balance FROM wallets WHERE reference = ?1")?
        .query_row([reference], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((coin, balance)) = row else {
        return Ok(None);
    };
    let coin = Coin::parse(&coin).map_err(|_| BookError::Inconsistent { table: "wallets" })?;
    Ok(Some((coin, Amount::from_be_bytes(balance))))
}
