//! Spends. Their terms are written once; later only what became of them changes, and what else they are called.

use bursar_core::hold::{Hold, HoldState, SpendKey};
use bursar_core::id::{HoldId, OrganisationId, TokenId, UserId, WalletId};
use bursar_core::ledger::{Version, Versioned};
use bursar_core::limit::Subject;
use bursar_core::time::Timestamp;
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::packed::{Terms, pack_all, pack_outcome, pack_terms, unpack_all, unpack_outcome, unpack_terms};
use crate::rows::{Found, spend_key};
use crate::sql::{Columns, Repeated, execute, one, update};

pub(super) const TABLE: &str = "holds";

macro_rules! select {
    ($($rest:literal)*) => {
        concat!(
            "SELECT version, id, token, user, wallet, organisation, state, state_since, outcome, aliases, terms
             FROM holds "
            $(, $rest)*
        )
    };
}
pub(super) use select;

pub(super) fn read(columns: &mut Columns<'_>) -> Result<Versioned<Hold>, StoreError> {
    let version = columns.get()?;
    let id = HoldId::from_bytes(columns.get()?);
    let token = TokenId::from_bytes(columns.get()?);
    let user = UserId::from_bytes(columns.get()?);
    let wallet = columns.get::<Option<_>>()?.map(WalletId::from_bytes);
    let organisation = OrganisationId::from_bytes(columns.get()?);
    let state = read_state(columns)?;
    let aliases = columns.unpack_optional(unpack_aliases)?.unwrap_or_default();
    let terms = columns.unpack(unpack_terms)?;
    let Terms { payees, cost, key, meaning, instruction, comment, overridden, holder, .. } = terms;
    let Terms { captures_itself, created, deadline, .. } = terms;
    let value = Hold {
        id,
        token,
        user,
        wallet,
        organisation,
        payees,
        cost,
        key,
        aliases,
        meaning,
        instruction,
        comment,
        overridden,
        holder,
        captures_itself,
        created,
        deadline,
        state,
    };
    Ok(Versioned { version, value })
}

/// Whose spend a row is that is no record, as far as that can be read.
pub(super) fn subjects(columns: &Columns<'_>) -> impl Iterator<Item = Subject> {
    let token = columns.named("token").map(|id| Subject::Token(TokenId::from_bytes(id)));
    let user = columns.named("user").map(|id| Subject::User(UserId::from_bytes(id)));
    let wallet = columns.named("wallet").map(|id| Subject::Wallet(WalletId::from_bytes(id)));
    let organisation = columns.named("organisation").map(|id| Subject::Organisation(OrganisationId::from_bytes(id)));
    [token, user, wallet, organisation].into_iter().flatten()
}

fn read_state(columns: &mut Columns<'_>) -> Result<HoldState, StoreError> {
    let name: Box<str> = columns.get()?;
    let since = columns.get::<Option<i64>>()?.map(Timestamp::from_millis);
    let outcome = columns.unpack_optional(|packed| Some(packed.to_vec()))?;
    let state = match (&*name, since, outcome.as_deref()) {
        ("open", None, None) => Some(HoldState::Open),
        ("unresolved", Some(since), None) => Some(HoldState::Unresolved { since, reason: String::new() }),
        ("unresolved" | "captured" | "released", Some(at), Some(outcome)) => unpack_outcome(outcome, at),
        _ => None,
    };
    state.filter(|state| state.name() == &*name).ok_or_else(|| columns.problem("does not fit the state"))
}

pub(crate) fn load(connection: &Connection, id: HoldId) -> Found<Hold> {
    one(connection, TABLE, select!("WHERE id = ?1"), params![id.as_bytes()], read)
}

/// The greatest id there is.
pub(crate) fn newest(connection: &Connection) -> Result<Option<HoldId>, StoreError> {
    one(connection, TABLE, "SELECT id FROM holds ORDER BY id DESC LIMIT 1", [], |columns| {
        Ok(HoldId::from_bytes(columns.get()?))
    })
}

/// A hold of version 1 is new; an older one is there, unless it came and changed in one batch.
pub(crate) fn store(writes: &mut Repeated<'_>, id: HoldId, version: Version, hold: &Hold) -> Result<(), StoreError> {
    if version > 1 && update_state(writes.connection(), id, version, hold)? {
        return Ok(());
    }
    writes.execute(
        "INSERT INTO holds
             (id, version, token, user, wallet, organisation, state, state_since, outcome, aliases, terms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            id.as_bytes(),
            version,
            hold.token.as_bytes(),
            hold.user.as_bytes(),
            hold.wallet.as_ref().map(WalletId::as_bytes),
            hold.organisation.as_bytes(),
            hold.state.name(),
            since(&hold.state),
            pack_outcome(&hold.state),
            pack_aliases(&hold.aliases),
            pack_terms(hold),
        ],
    )
}

/// Whether it was there.
fn update_state(connection: &Connection, id: HoldId, version: Version, hold: &Hold) -> Result<bool, StoreError> {
    let state = &hold.state;
    update(
        connection,
        "UPDATE holds SET version = ?2, state = ?3, state_since = ?4, outcome = ?5, aliases = ?6 WHERE id = ?1",
        params![id.as_bytes(), version, state.name(), since(state), pack_outcome(state), pack_aliases(&hold.aliases),],
    )
}

/// The column `state_since`.
const fn since(state: &HoldState) -> Option<i64> {
    match state {
        HoldState::Open => None,
        HoldState::Unresolved { since: at, .. } | HoldState::Captured { at, .. } | HoldState::Released { at, .. } => {
            Some(at.as_millis())
        }
    }
}

/// Few spends have any.
fn pack_aliases(aliases: &[SpendKey]) -> Option<Vec<u8>> {
    (!aliases.is_empty()).then(|| pack_all(aliases.iter().map(spend_key::pack)))
}

fn unpack_aliases(packed: &[u8]) -> Option<Vec<SpendKey>> {
    unpack_all(packed, spend_key::unpack)
}

pub(crate) fn delete(connection: &Connection, id: HoldId) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM holds WHERE id = ?1", params![id.as_bytes()])
}
