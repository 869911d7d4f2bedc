//! What users may do with wallets.

use bursar_core::account::{User, WalletRole};
use bursar_core::id::{UserId, WalletId};
use bursar_core::ledger::{Version, Versioned};
use bursar_store::{Page, StoreError};
use rusqlite::{Connection, params};

use crate::page::{at_most, id_bound};
use crate::rows::Found;
use crate::rows::user::{self, user_columns};
use crate::sql::{execute, many, one};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT view, spend, admin, ",
            user_columns!(),
            " FROM wallet_members CROSS JOIN users ON id = user WHERE wallet = ?1 ",
            $rest
        )
    };
}

type Id = (WalletId, UserId);

pub(crate) fn load(connection: &Connection, (wallet, user): Id) -> Found<WalletRole> {
    let query = "SELECT version, view, spend, admin FROM wallet_members WHERE user = ?1 AND wallet = ?2";
    one(connection, "wallet_members", query, params![user.as_bytes(), wallet.as_bytes()], |columns| {
        Ok(Versioned {
            version: columns.get()?,
            value: WalletRole { view: columns.get()?, spend: columns.get()?, admin: columns.get()? },
        })
    })
}

pub(crate) fn of_wallet(
    connection: &Connection,
    wallet: WalletId,
    page: Page<UserId>,
) -> Result<Vec<(WalletRole, User)>, StoreError> {
    let query = if page.newest_first {
        select!("AND user < ?2 ORDER BY user DESC LIMIT ?3")
    } else {
        select!("AND user > ?2 ORDER BY user LIMIT ?3")
    };
    let bound = id_bound(page.after.as_ref().map(UserId::as_bytes), page.newest_first);
    many(connection, "wallet_members", query, params![wallet.as_bytes(), bound, at_most(page.limit)], |columns| {
        let role = WalletRole { view: columns.get()?, spend: columns.get()?, admin: columns.get()? };
        Ok((role, user::read(columns)?.value))
    })
}

pub(crate) fn store(
    connection: &Connection,
    (wallet, user): Id,
    version: Version,
    role: WalletRole,
) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO wallet_members (user, wallet, version, view, spend, admin) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (user, wallet) DO UPDATE SET
             version = excluded.version, view = excluded.view, spend = excluded.spend, admin = excluded.admin",
        params![user.as_bytes(), wallet.as_bytes(), version, role.view, role.spend, role.admin],
    )
}

pub(crate) fn delete(connection: &Connection, (wallet, user): Id) -> Result<(), StoreError> {
    execute(
        connection,
        "DELETE FROM wallet_members WHERE user = ?1 AND wallet = ?2",
        params![user.as_bytes(), wallet.as_bytes()],
    )
}
