//! Places in organisations that are offered to somebody.

use bursar_core::account::{Invitation, MemberRole, WalletRole};
use bursar_core::id::{InvitationId, OrganisationId, UserId, WalletId};
use bursar_core::ledger::{Version, Versioned};
use bursar_core::time::Timestamp;
use bursar_store::{Page, StoreError};
use rusqlite::{Connection, params};

use crate::page::{at_most, id_bound};
use crate::rows::Found;
use crate::sql::{Columns, execute, joined, many, one};

const TABLE: &str = "invitations";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT version, id, organisation, address, role, wallets, invited_by, lookup, is_mailed, sent, created,
                 expires
             FROM invitations ",
            $rest
        )
    };
}

fn read(columns: &mut Columns<'_>) -> Result<Versioned<Invitation>, StoreError> {
    Ok(Versioned {
        version: columns.get()?,
        value: Invitation {
            id: InvitationId::from_bytes(columns.get()?),
            organisation: OrganisationId::from_bytes(columns.get()?),
            address: columns.get()?,
            role: columns.name(&MemberRole::EVERY, MemberRole::as_str)?,
            wallets: columns.list(read_wallet)?,
            invited_by: columns.get::<Option<_>>()?.map(UserId::from_bytes),
            lookup: columns.get()?,
            is_mailed: columns.get()?,
            sent: columns.get()?,
            created: Timestamp::from_millis(columns.get()?),
            expires: Timestamp::from_millis(columns.get()?),
        },
    })
}

/// A wallet's id, a colon, and a letter for each thing that may be done: `v`, `s`, `a`.
fn read_wallet(text: &str) -> Result<(WalletId, WalletRole), &'static str> {
    let problem = "is not a wallet and what may be done with it";
    let (id, letters) = text.split_once(':').ok_or(problem)?;
    let has = |letter| letters.contains(letter);
    let role = WalletRole { view: has('v'), spend: has('s'), admin: has('a') };
    Ok((id.parse().map_err(|_| problem)?, role))
}

fn write_wallet((id, role): &(WalletId, WalletRole)) -> String {
    let letters = [(role.view, 'v'), (role.spend, 's'), (role.admin, 'a')];
    let letters: String = letters.into_iter().filter_map(|(may, letter)| may.then_some(letter)).collect();
    format!("{id}:{letters}")
}

pub(crate) fn load(connection: &Connection, id: InvitationId) -> Found<Invitation> {
    one(connection, TABLE, select!("WHERE id = ?1"), params![id.as_bytes()], read)
}

pub(crate) fn of_organisation(
    connection: &Connection,
    organisation: OrganisationId,
    page: Page<InvitationId>,
) -> Result<Vec<Invitation>, StoreError> {
    let query = if page.newest_first {
        select!("WHERE organisation = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3")
    } else {
        select!("WHERE organisation = ?1 AND id > ?2 ORDER BY id LIMIT ?3")
    };
    let bound = id_bound(page.after.as_ref().map(InvitationId::as_bytes), page.newest_first);
    let params = params![organisation.as_bytes(), bound, at_most(page.limit)];
    many(connection, TABLE, query, params, |columns| Ok(read(columns)?.value))
}

pub(crate) fn store(
    connection: &Connection,
    id: InvitationId,
    version: Version,
    invitation: &Invitation,
) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO invitations
             (id, version, organisation, address, role, wallets, invited_by, lookup, is_mailed, sent, created, expires)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (id) DO UPDATE SET
             version = excluded.version, organisation = excluded.organisation, address = excluded.address,
             role = excluded.role, wallets = excluded.wallets, invited_by = excluded.invited_by,
             lookup = excluded.lookup, is_mailed = excluded.is_mailed, sent = excluded.sent,
             created = excluded.created, expires = excluded.expires",
        params![
            id.as_bytes(),
            version,
            invitation.organisation.as_bytes(),
            invitation.address,
            invitation.role.as_str(),
            joined(invitation.wallets.iter().map(write_wallet)),
            invitation.invited_by.as_ref().map(UserId::as_bytes),
            invitation.lookup,
            invitation.is_mailed,
            invitation.sent,
            invitation.created.as_millis(),
            invitation.expires.as_millis(),
        ],
    )
}

pub(crate) fn delete(connection: &Connection, id: InvitationId) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM invitations WHERE id = ?1", params![id.as_bytes()])
}
