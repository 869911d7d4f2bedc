//! Users' places in organisations.

use bursar_core::account::{MemberRole, Membership, User};
use bursar_core::id::{OrganisationId, UserId};
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
            "SELECT role, ",
            user_columns!(),
            " FROM memberships CROSS JOIN users ON id = user WHERE organisation = ?1 ",
            $rest
        )
    };
}

type Id = (OrganisationId, UserId);

pub(crate) fn load(connection: &Connection, (organisation, user): Id) -> Found<Membership> {
    let query = "SELECT version, role FROM memberships WHERE organisation = ?1 AND user = ?2";
    one(connection, "memberships", query, params![organisation.as_bytes(), user.as_bytes()], |columns| {
        Ok(Versioned {
            version: columns.get()?,
            value: Membership { organisation, user, role: columns.name(&MemberRole::EVERY, MemberRole::as_str)? },
        })
    })
}

/// A user's places; there are few organisations, and a user is in fewer.
pub(crate) fn of_user(connection: &Connection, user: UserId) -> Result<Vec<Membership>, StoreError> {
    let query = "SELECT organisation, role FROM memberships WHERE user = ?1 ORDER BY organisation LIMIT 1000";
    many(connection, "memberships", query, params![user.as_bytes()], |columns| {
        let organisation = OrganisationId::from_bytes(columns.get()?);
        Ok(Membership { organisation, user, role: columns.name(&MemberRole::EVERY, MemberRole::as_str)? })
    })
}

pub(crate) fn of_organisation(
    connection: &Connection,
    organisation: OrganisationId,
    role: Option<MemberRole>,
    page: Page<UserId>,
) -> Result<Vec<(MemberRole, User)>, StoreError> {
    let query = if page.newest_first {
        select!("AND user < ?2 AND (?3 IS NULL OR role = ?3) ORDER BY user DESC LIMIT ?4")
    } else {
        select!("AND user > ?2 AND (?3 IS NULL OR role = ?3) ORDER BY user LIMIT ?4")
    };
    let bound = id_bound(page.after.as_ref().map(UserId::as_bytes), page.newest_first);
    let params = params![organisation.as_bytes(), bound, role.map(MemberRole::as_str), at_most(page.limit)];
    many(connection, "memberships", query, params, |columns| {
        let role = columns.name(&MemberRole::EVERY, MemberRole::as_str)?;
        Ok((role, user::read(columns)?.value))
    })
}

pub(crate) fn store(
    connection: &Connection,
    (organisation, user): Id,
    version: Version,
    membership: Membership,
) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO memberships (organisation, user, version, role) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (organisation, user) DO UPDATE SET version = excluded.version, role = excluded.role",
        params![organisation.as_bytes(), user.as_bytes(), version, membership.role.as_str()],
    )
}

pub(crate) fn delete(connection: &Connection, (organisation, user): Id) -> Result<(), StoreError> {
    execute(
        connection,
        "DELETE FROM memberships WHERE organisation = ?1 AND user = ?2",
        params![organisation.as_bytes(), user.as_bytes()],
    )
}
