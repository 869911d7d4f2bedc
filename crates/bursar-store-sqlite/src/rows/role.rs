//! What users may do with wallets.

use bursar_core::account::WalletRole;
use bursar_core::id::{UserId, WalletId};
use bursar_core::ledger::{Version, Versioned};
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::Found;
use crate::sql::{execute, one};

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
