//! Tokens, without their secrets.

use std::net::IpAddr;

use bursar_core::id::{OrganisationId, TemplateId, TokenId, UserId};
use bursar_core::ip::{IpRestriction, IpRule};
use bursar_core::ledger::{Version, Versioned};
use bursar_core::scope::{Scope, Scopes};
use bursar_core::time::Timestamp;
use bursar_core::token::{Grant, Lock, LockedBy, Narrowing, Token, TokenKind, Unlock};
use bursar_store::{Page, StoreError, TokenBySecret};
use rusqlite::{Connection, params};

use crate::page::{at_most, id_bound};
use crate::rows::{Found, secrets};
use crate::sql::{Columns, execute, joined, many, one, single};

const TABLE: &str = "tokens";
const KINDS: [TokenKind; 3] = [TokenKind::Session, TokenKind::Access, TokenKind::Service];

const fn kind_name(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Session => "session",
        TokenKind::Access => "access",
        TokenKind::Service => "service",
    }
}

macro_rules! select {
    ($rest:literal) => {
        select!("" $rest)
    };
    ($more:literal $rest:literal) => {
        concat!(
            "SELECT version, id, kind, user, label, scopes, organisation, narrowing, narrowed_to, ips,
                 created, expires, created_from, revoked, locked, locked_by, unlock_since, unlock_until,
                 limits_dropped, extension_address, issued_by_ecdh, template",
            $more,
            " FROM tokens ",
            $rest
        )
    };
}

/// Spelled as the index `tokens_long_lived` spells it, which it thereby can use.
macro_rules! long_lived {
    () => {
        "user = ?1 AND revoked IS NULL AND (kind IN ('access', 'service') OR extension_address IS NOT NULL) AND expires > ?2"
    };
}

fn read(columns: &mut Columns<'_>) -> Result<Versioned<Token>, StoreError> {
    Ok(Versioned {
        version: columns.get()?,
        value: Token {
            id: TokenId::from_bytes(columns.get()?),
            kind: columns.name(&KINDS, kind_name)?,
            user: UserId::from_bytes(columns.get()?),
            label: columns.get()?,
            grant: Grant {
                scopes: Scopes::new(columns.list(str::parse::<Scope>)?),
                organisation: columns.get::<Option<_>>()?.map(OrganisationId::from_bytes),
                narrowing: read_narrowing(columns)?,
                ips: IpRestriction::new(columns.list(IpRule::parse)?),
            },
            created: Timestamp::from_millis(columns.get()?),
            expires: Timestamp::from_millis(columns.get()?),
            created_from: columns.parse(str::parse::<IpAddr>)?,
            revoked: columns.get::<Option<_>>()?.map(Timestamp::from_millis),
            locked: read_lock(columns)?,
            unlock: read_unlock(columns)?,
            limits_dropped: columns.get()?,
            extension_address: columns.get()?,
            issued_by_ecdh: columns.get()?,
            template: columns.get::<Option<_>>()?.map(TemplateId::from_bytes),
        },
    })
}

fn read_lock(columns: &mut Columns<'_>) -> Result<Option<Lock>, StoreError> {
    let since: Option<i64> = columns.get()?;
    let by = columns.optional_name(&LockedBy::ALL, LockedBy::as_str)?;
    Ok(since.zip(by).map(|(since, by)| Lock { since: Timestamp::from_millis(since), by }))
}

fn read_unlock(columns: &mut Columns<'_>) -> Result<Option<Unlock>, StoreError> {
    let (since, until) = (columns.get::<Option<_>>()?, columns.get::<Option<_>>()?);
    Ok(since
        .zip(until)
        .map(|(since, until)| Unlock { since: Timestamp::from_millis(since), until: Timestamp::from_millis(until) }))
}

fn read_narrowing(columns: &mut Columns<'_>) -> Result<Narrowing, StoreError> {
    let kind: String = columns.get()?;
    match kind.as_str() {
        "none" => columns.get::<String>().map(|_| Narrowing::None),
        "organisations" => columns.list(str::parse).map(Narrowing::Organisations),
        "wallets" => columns.list(str::parse).map(Narrowing::Wallets),
        _ => Err(columns.problem("is not a known name")),
    }
}

fn narrowing_columns(narrowing: &Narrowing) -> (&'static str, String) {
    match narrowing {
        Narrowing::None => ("none", String::new()),
        Narrowing::Organisations(ids) => ("organisations", joined(ids)),
        Narrowing::Wallets(ids) => ("wallets", joined(ids)),
    }
}

pub(crate) fn load(connection: &Connection, id: TokenId) -> Found<Token> {
    one(connection, TABLE, select!("WHERE id = ?1"), params![id.as_bytes()], read)
}

pub(crate) fn by_secret(connection: &Connection, lookup: &[u8; 32]) -> Result<Option<TokenBySecret>, StoreError> {
    let query = select!(", lookup, sealed, ends, used" "JOIN token_secrets ON token = id WHERE lookup = ?1");
    one(connection, TABLE, query, params![lookup], |columns| {
        Ok(TokenBySecret { token: read(columns)?.value, secret: secrets::read(columns)? })
    })
}

/// By creation. A page goes on from where its `after` was created; a token that never was ends the list.
pub(crate) fn access_tokens(
    connection: &Connection,
    user: UserId,
    now: Timestamp,
    page: Page<TokenId>,
) -> Result<Vec<Token>, StoreError> {
    let query = if page.newest_first {
        concat!(
            select!("WHERE "),
            long_lived!(),
            " AND kind IN ('access', 'service') AND (created, id) < (?3, ?4) ORDER BY created DESC, id DESC LIMIT ?5"
        )
    } else {
        concat!(
            select!("WHERE "),
            long_lived!(),
            " AND kind IN ('access', 'service') AND (created, id) > (?3, ?4) ORDER BY created, id LIMIT ?5"
        )
    };
    let (created, id) = match page.after {
        None if page.newest_first => (i64::MAX, vec![0xff; 17]),
        None => (i64::MIN, Vec::new()),
        Some(after) => {
            let query = "SELECT created FROM tokens WHERE id = ?1";
            match one(connection, TABLE, query, params![after.as_bytes()], single)? {
                Some(created) => (created, after.as_bytes().to_vec()),
                None => return Ok(Vec::new()),
            }
        }
    };
    let params = params![user.as_bytes(), now.as_millis(), created, id, at_most(page.limit)];
    many(connection, TABLE, query, params, |columns| Ok(read(columns)?.value))
}

/// Those that are over. The user's living ones and sessions lie among them.
pub(crate) fn ended(
    connection: &Connection,
    user: UserId,
    now: Timestamp,
    page: Page<TokenId>,
) -> Result<Vec<Token>, StoreError> {
    let query = if page.newest_first {
        select!(
            "WHERE user = ?1 AND id < ?2 AND kind IN ('access', 'service')
             AND (revoked IS NOT NULL OR expires <= ?3) ORDER BY id DESC LIMIT ?4"
        )
    } else {
        select!(
            "WHERE user = ?1 AND id > ?2 AND kind IN ('access', 'service')
             AND (revoked IS NOT NULL OR expires <= ?3) ORDER BY id LIMIT ?4"
        )
    };
    let bound = id_bound(page.after.as_ref().map(TokenId::as_bytes), page.newest_first);
    let params = params![user.as_bytes(), bound, now.as_millis(), at_most(page.limit)];
    many(connection, TABLE, query, params, |columns| Ok(read(columns)?.value))
}

/// Living sessions. Those that ended lie among them until they are let go of, at the latest a day after.
pub(crate) fn sessions(
    connection: &Connection,
    user: UserId,
    since: Timestamp,
    now: Timestamp,
    page: Page<TokenId>,
) -> Result<Vec<Token>, StoreError> {
    let query = if page.newest_first {
        select!(
            "WHERE user = ?1 AND id < ?2 AND kind = 'session' AND revoked IS NULL AND created >= ?3 AND expires > ?4
             ORDER BY id DESC LIMIT ?5"
        )
    } else {
        select!(
            "WHERE user = ?1 AND id > ?2 AND kind = 'session' AND revoked IS NULL AND created >= ?3 AND expires > ?4
             ORDER BY id LIMIT ?5"
        )
    };
    let bound = id_bound(page.after.as_ref().map(TokenId::as_bytes), page.newest_first);
    let params = params![user.as_bytes(), bound, since.as_millis(), now.as_millis(), at_most(page.limit)];
    many(connection, TABLE, query, params, |columns| Ok(read(columns)?.value))
}

/// Those that end at some time, in the order of their end.
pub(crate) fn ending(
    connection: &Connection,
    (end, id): (Timestamp, TokenId),
    until: Timestamp,
    limit: usize,
) -> Result<Vec<Token>, StoreError> {
    let query = select!(
        "WHERE revoked IS NULL AND kind IN ('access', 'service') AND (expires, id) > (?1, ?2) AND expires <= ?3
         ORDER BY expires, id LIMIT ?4"
    );
    let params = params![end.as_millis(), id.as_bytes(), until.as_millis(), at_most(limit)];
    many(connection, TABLE, query, params, |columns| Ok(read(columns)?.value))
}

/// A look at all tokens, so not to be taken often. What is revoked has ended, too.
pub(crate) fn ended_before(
    connection: &Connection,
    time: Timestamp,
    page: Page<TokenId>,
) -> Result<Vec<Token>, StoreError> {
    let query = select!(
        "WHERE id > ?1 AND expires < ?2
             AND NOT EXISTS (SELECT 1 FROM holds WHERE holds.token = tokens.id) ORDER BY id LIMIT ?3"
    );
    let after = page.after.as_ref().map(TokenId::as_bytes);
    let params = params![id_bound(after, false), time.as_millis(), at_most(page.limit)];
    many(connection, TABLE, query, params, |columns| Ok(read(columns)?.value))
}

pub(crate) fn count_long_lived(connection: &Connection, user: UserId, now: Timestamp) -> Result<u64, StoreError> {
    let query = concat!("SELECT count(*) FROM tokens WHERE ", long_lived!());
    let params = params![user.as_bytes(), now.as_millis()];
    Ok(one(connection, TABLE, query, params, single)?.unwrap_or(0))
}

pub(crate) fn store(connection: &Connection, id: TokenId, version: Version, token: &Token) -> Result<(), StoreError> {
    let (narrowing, narrowed_to) = narrowing_columns(&token.grant.narrowing);
    execute(
        connection,
        "INSERT INTO tokens
             (id, version, kind, user, label, scopes, organisation, narrowing, narrowed_to, ips,
              created, expires, created_from, revoked, locked, locked_by, unlock_since, unlock_until,
              limits_dropped, extension_address, issued_by_ecdh, template)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
                 ?22)
         ON CONFLICT (id) DO UPDATE SET
             version = excluded.version, kind = excluded.kind, user = excluded.user, label = excluded.label,
             scopes = excluded.scopes, organisation = excluded.organisation, narrowing = excluded.narrowing,
             narrowed_to = excluded.narrowed_to, ips = excluded.ips, created = excluded.created,
             expires = excluded.expires, created_from = excluded.created_from, revoked = excluded.revoked,
             locked = excluded.locked, locked_by = excluded.locked_by, unlock_since = excluded.unlock_since,
             unlock_until = excluded.unlock_until, limits_dropped = excluded.limits_dropped,
             extension_address = excluded.extension_address, issued_by_ecdh = excluded.issued_by_ecdh,
             template = excluded.template",
        params![
            id.as_bytes(),
            version,
            kind_name(token.kind),
            token.user.as_bytes(),
            token.label,
            joined(token.grant.scopes.iter()),
            token.grant.organisation.as_ref().map(OrganisationId::as_bytes),
            narrowing,
            narrowed_to,
            joined(token.grant.ips.rules()),
            token.created.as_millis(),
            token.expires.as_millis(),
            token.created_from.to_string(),
            token.revoked.map(Timestamp::as_millis),
            token.locked.map(|lock| lock.since.as_millis()),
            token.locked.map(|lock| lock.by.as_str()),
            token.unlock.map(|unlock| unlock.since.as_millis()),
            token.unlock.map(|unlock| unlock.until.as_millis()),
            token.limits_dropped,
            token.extension_address,
            token.issued_by_ecdh,
            token.template.as_ref().map(TemplateId::as_bytes),
        ],
    )
}

pub(crate) fn delete(connection: &Connection, id: TokenId) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM tokens WHERE id = ?1", params![id.as_bytes()])
}
