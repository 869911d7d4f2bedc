//! Wallets, alone and as one user sees them.

use bursar_core::account::{Wallet, WalletRole};
use bursar_core::coin::Coin;
use bursar_core::id::{OrganisationId, UserId, WalletId};
use bursar_core::ledger::{Version, Versioned};
use bursar_core::time::Timestamp;
use bursar_store::{Page, StoreError, WalletOfUser};
use rusqlite::{Connection, params};

use crate::page::{at_most, id_bound};
use crate::rows::{Found, freeze};
use crate::sql::{Columns, execute, many, one};

const TABLE: &str = "wallets";

macro_rules! columns {
    () => {
        "wallets.version, id, coin, label, organisation, rail, reference,
         freeze_since, freeze_until, freeze_reason, freeze_by, freeze_persons_from, created"
    };
}

macro_rules! select_of_user {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), ", view, spend, admin ", $rest)
    };
}

fn read(columns: &mut Columns<'_>) -> Result<Versioned<Wallet>, StoreError> {
    Ok(Versioned {
        version: columns.get()?,
        value: Wallet {
            id: WalletId::from_bytes(columns.get()?),
            coin: columns.parse(Coin::parse)?,
            label: columns.get()?,
            organisation: OrganisationId::from_bytes(columns.get()?),
            rail: columns.get()?,
            reference: columns.get()?,
            freeze: freeze::read(columns)?,
            created: Timestamp::from_millis(columns.get()?),
        },
    })
}

fn read_of_user(columns: &mut Columns<'_>) -> Result<WalletOfUser, StoreError> {
    let Versioned { version, value: wallet } = read(columns)?;
    let role = match (columns.get()?, columns.get()?, columns.get()?) {
        (Some(view), Some(spend), Some(admin)) => Some(WalletRole { view, spend, admin }),
        _ => None,
    };
    Ok(WalletOfUser { wallet, version, role })
}

pub(crate) fn load(connection: &Connection, id: WalletId) -> Found<Wallet> {
    let query = concat!("SELECT ", columns!(), " FROM wallets WHERE id = ?1");
    one(connection, TABLE, query, params![id.as_bytes()], read)
}

pub(crate) fn on_rail(
    connection: &Connection,
    rail: &str,
    behind: &str,
    limit: usize,
) -> Result<Vec<Versioned<Wallet>>, StoreError> {
    let query = concat!(
        "SELECT ",
        columns!(),
        " FROM wallets WHERE rail = ?1 AND reference > ?2 AND reference <> '' ORDER BY reference LIMIT ?3"
    );
    many(connection, TABLE, query, params![rail, behind, at_most(limit)], read)
}

pub(crate) fn seen_by(connection: &Connection, id: WalletId, user: UserId) -> Result<Option<WalletOfUser>, StoreError> {
    let query = select_of_user!(
        "FROM wallets LEFT JOIN wallet_members ON user = ?2 AND wallet = id
         WHERE id = ?1"
    );
    one(connection, TABLE, query, params![id.as_bytes(), user.as_bytes()], read_of_user)
}

/// Walks the user's roles in order of the wallets' ids, and looks each wallet up.
pub(crate) fn of_user(
    connection: &Connection,
    user: UserId,
    coin: Option<&Coin>,
    page: Page<WalletId>,
) -> Result<Vec<WalletOfUser>, StoreError> {
    let query = if page.newest_first {
        select_of_user!(
            "FROM wallet_members CROSS JOIN wallets ON id = wallet
             WHERE user = ?1 AND wallet < ?2 AND (?3 IS NULL OR coin = ?3)
             ORDER BY wallet DESC LIMIT ?4"
        )
    } else {
        select_of_user!(
            "FROM wallet_members CROSS JOIN wallets ON id = wallet
             WHERE user = ?1 AND wallet > ?2 AND (?3 IS NULL OR coin = ?3)
             ORDER BY wallet LIMIT ?4"
        )
    };
    let bound = id_bound(page.after.as_ref().map(WalletId::as_bytes), page.newest_first);
    let params = params![user.as_bytes(), bound, coin.map(Coin::as_str), at_most(page.limit)];
    many(connection, TABLE, query, params, read_of_user)
}

pub(crate) fn store(
    connection: &Connection,
    id: WalletId,
    version: Version,
    wallet: &Wallet,
) -> Result<(), StoreError> {
    let (freeze_since, freeze_until, freeze_reason, freeze_by, freeze_persons_from) =
        freeze::columns(wallet.freeze.as_ref());
    execute(
        connection,
        "INSERT INTO wallets
             (id, version, coin, label, organisation, rail, reference,
              freeze_since, freeze_until, freeze_reason, freeze_by, freeze_persons_from, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (id) DO UPDATE SET
             version = excluded.version, coin = excluded.coin, label = excluded.label,
             organisation = excluded.organisation, rail = excluded.rail, reference = excluded.reference,
             freeze_since = excluded.freeze_since, freeze_until = excluded.freeze_until,
             freeze_reason = excluded.freeze_reason, freeze_by = excluded.freeze_by, freeze_persons_from = excluded.freeze_persons_from, created = excluded.created",
        params![
            id.as_bytes(),
            version,
            wallet.coin.as_str(),
            wallet.label,
            wallet.organisation.as_bytes(),
            wallet.rail,
            wallet.reference,
            freeze_since,
            freeze_until,
            freeze_reason,
            freeze_by,
            freeze_persons_from,
            wallet.created.as_millis(),
        ],
    )
}

pub(crate) fn delete(connection: &Connection, id: WalletId) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM wallets WHERE id = ?1", params![id.as_bytes()])
}
