//! Spends. Their terms are written once; later only what became of them changes.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::{Charge, Hold, HoldState};
use bursar_core::id::{HoldId, OrganisationId, TokenId, UserId, WalletId};
use bursar_core::ledger::{Version, Versioned};
use bursar_core::time::Timestamp;
use bursar_store::{Page, StoreError};
use rusqlite::{Connection, params};

use crate::page::{at_most, id_bound};
use crate::rows::{Found, packed, spend_key};
use crate::sql::{Columns, each, execute, many, one};

const TABLE: &str = "holds";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT version, id, token, user, wallet, organisation, coin, recipients, amount, fee, key_kind, key,
                 meaning, instruction, comment, charges, created, deadline,
                 state, state_since, captured, reference, reason
             FROM holds ",
            $rest
        )
    };
}

fn read(columns: &mut Columns<'_>) -> Result<Versioned<Hold>, StoreError> {
    let version = columns.get()?;
    let (id, token, user) = (columns.get()?, columns.get()?, columns.get()?);
    let wallet = WalletId::from_bytes(columns.get()?);
    let hold = Hold {
        id: HoldId::from_bytes(id),
        token: TokenId::from_bytes(token),
        user: UserId::from_bytes(user),
        wallet,
        organisation: OrganisationId::from_bytes(columns.get()?),
        coin: columns.parse(Coin::parse)?,
        recipients: columns.unpack(packed::unpack_recipients)?,
        amount: Amount::from_be_bytes(columns.get()?),
        fee: Amount::from_be_bytes(columns.get()?),
        key: spend_key::read(wallet, columns)?,
        meaning: columns.get()?,
        instruction: columns.get()?,
        comment: columns.get()?,
        charges: columns.unpack(packed::unpack_charges)?,
        created: Timestamp::from_millis(columns.get()?),
        deadline: Timestamp::from_millis(columns.get()?),
        state: read_state(columns)?,
    };
    Ok(Versioned { version, value: hold })
}

fn read_state(columns: &mut Columns<'_>) -> Result<HoldState, StoreError> {
    let name: String = columns.get()?;
    let since = columns.get::<Option<i64>>()?.map(Timestamp::from_millis);
    let captured = columns.get::<Option<[u8; 32]>>()?.map(Amount::from_be_bytes);
    match (name.as_str(), since, captured, columns.get()?, columns.get()?) {
        ("open", None, None, None, None) => Ok(HoldState::Open),
        ("unresolved", Some(since), None, None, None) => Ok(HoldState::Unresolved { since }),
        ("captured", Some(at), Some(amount), Some(reference), None) => {
            Ok(HoldState::Captured { at, amount, reference })
        }
        ("released", Some(at), None, None, Some(reason)) => Ok(HoldState::Released { at, reason }),
        _ => Err(columns.problem("does not fit the state")),
    }
}

/// Since, captured, reference, reason.
type StateColumns<'a> = (Option<i64>, Option<[u8; 32]>, Option<&'a str>, Option<&'a str>);

/// The columns of a state behind its name.
fn state_columns(state: &HoldState) -> StateColumns<'_> {
    match state {
        HoldState::Open => (None, None, None, None),
        HoldState::Unresolved { since } => (Some(since.as_millis()), None, None, None),
        HoldState::Captured { at, amount, reference } => {
            (Some(at.as_millis()), Some(amount.to_be_bytes()), Some(reference), None)
        }
        HoldState::Released { at, reason } => (Some(at.as_millis()), None, None, Some(reason)),
    }
}

pub(crate) fn load(connection: &Connection, id: HoldId) -> Found<Hold> {
    one(connection, TABLE, select!("WHERE id = ?1"), params![id.as_bytes()], read)
}

pub(crate) fn of_wallet(
    connection: &Connection,
    wallet: WalletId,
    page: Page<HoldId>,
) -> Result<Vec<Hold>, StoreError> {
    let query = if page.newest_first {
        select!("WHERE wallet = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3")
    } else {
        select!("WHERE wallet = ?1 AND id > ?2 ORDER BY id LIMIT ?3")
    };
    let bound = id_bound(page.after.as_ref().map(HoldId::as_bytes), page.newest_first);
    let params = params![wallet.as_bytes(), bound, at_most(page.limit)];
    many(connection, TABLE, query, params, |columns| Ok(read(columns)?.value))
}

pub(crate) fn unsettled(connection: &Connection, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError> {
    let query = if page.newest_first {
        select!("WHERE state IN ('open', 'unresolved') AND id < ?1 ORDER BY id DESC LIMIT ?2")
    } else {
        select!("WHERE state IN ('open', 'unresolved') AND id > ?1 ORDER BY id LIMIT ?2")
    };
    let bound = id_bound(page.after.as_ref().map(HoldId::as_bytes), page.newest_first);
    many(connection, TABLE, query, params![bound, at_most(page.limit)], |columns| Ok(read(columns)?.value))
}

/// Hands over the amount and the charges of each hold that is open or unresolved.
pub(crate) fn each_unsettled(
    connection: &Connection,
    mut held: impl FnMut(Amount, Vec<Charge>),
) -> Result<(), StoreError> {
    let query = "SELECT amount, charges FROM holds WHERE state IN ('open', 'unresolved')";
    each(connection, TABLE, query, [], |columns| {
        held(Amount::from_be_bytes(columns.get()?), columns.unpack(packed::unpack_charges)?);
        Ok(())
    })
}

/// The key of a hold is one of its own wallet, so the wallet is written once.
pub(crate) fn store(connection: &Connection, id: HoldId, version: Version, hold: &Hold) -> Result<(), StoreError> {
    let key = hold.key.as_ref().map(spend_key::columns);
    let (since, captured, reference, reason) = state_columns(&hold.state);
    execute(
        connection,
        "INSERT INTO holds
             (id, version, token, user, wallet, organisation, coin, recipients, amount, fee, key_kind, key,
              meaning, instruction, comment, charges, created, deadline,
              state, state_since, captured, reference, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
              ?19, ?20, ?21, ?22, ?23)
         ON CONFLICT (id) DO UPDATE SET
             version = excluded.version, state = excluded.state, state_since = excluded.state_since,
             captured = excluded.captured, reference = excluded.reference, reason = excluded.reason",
        params![
            id.as_bytes(),
            version,
            hold.token.as_bytes(),
            hold.user.as_bytes(),
            hold.wallet.as_bytes(),
            hold.organisation.as_bytes(),
            hold.coin.as_str(),
            packed::pack_recipients(&hold.recipients),
            hold.amount.to_be_bytes(),
            hold.fee.to_be_bytes(),
            key.map(|(_, kind, _)| kind),
            key.map(|(_, _, bytes)| bytes),
            hold.meaning,
            hold.instruction,
            hold.comment,
            packed::pack_charges(&hold.charges),
            hold.created.as_millis(),
            hold.deadline.as_millis(),
            hold.state.name(),
            since,
            captured,
            reference,
            reason,
        ],
    )
}

pub(crate) fn delete(connection: &Connection, id: HoldId) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM holds WHERE id = ?1", params![id.as_bytes()])
}
