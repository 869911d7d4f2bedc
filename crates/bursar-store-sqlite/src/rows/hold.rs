//! Spends. Their terms are written once; later only what became of them changes, and what else they are called.

use bursar_core::coin::Coin;
use bursar_core::hold::{Cost, Hold, HoldState, SpendKey};
use bursar_core::id::{HoldId, OrganisationId, TokenId, UserId, WalletId};
use bursar_core::ledger::{Version, Versioned};
use bursar_core::time::Timestamp;
use bursar_store::StoreError;
use rusqlite::{Connection, params};

use crate::rows::packed::{pack_all, pack_amount, pack_payees, unpack_all, unpack_amount, unpack_payees};
use crate::rows::{Found, spend_key};
use crate::sql::{Columns, execute, one, update};

pub(super) const TABLE: &str = "holds";

macro_rules! select {
    ($($rest:literal)*) => {
        concat!(
            "SELECT version, id, token, user, wallet, organisation, coin, amount, fee_coin, fee, overridden, holder,
                 state, state_since, captured, captured_fee, reference, reason, created, deadline,
                 payees, key, aliases, meaning, comment, instruction
             FROM holds "
            $(, $rest)*
        )
    };
}
pub(super) use select;

pub(super) fn read(columns: &mut Columns<'_>) -> Result<Versioned<Hold>, StoreError> {
    let version = columns.get()?;
    let hold = Hold {
        id: HoldId::from_bytes(columns.get()?),
        token: TokenId::from_bytes(columns.get()?),
        user: UserId::from_bytes(columns.get()?),
        wallet: columns.get::<Option<_>>()?.map(WalletId::from_bytes),
        organisation: OrganisationId::from_bytes(columns.get()?),
        cost: read_cost(columns)?,
        overridden: columns.get()?,
        holder: columns.get::<Option<_>>()?.map(TokenId::from_bytes),
        state: read_state(columns)?,
        created: Timestamp::from_millis(columns.get()?),
        deadline: Timestamp::from_millis(columns.get()?),
        payees: columns.unpack(unpack_payees)?,
        key: columns.unpack_optional(spend_key::unpack)?,
        aliases: columns.unpack_optional(unpack_aliases)?.unwrap_or_default(),
        meaning: columns.get()?,
        comment: columns.get()?,
        instruction: columns.get()?,
    };
    Ok(Versioned { version, value: hold })
}

/// The columns coin, amount, fee_coin, fee: what is held, or what was captured.
pub(super) fn read_cost(columns: &mut Columns<'_>) -> Result<Cost, StoreError> {
    let (coin, amount) = (columns.parse(Coin::parse)?, columns.unpack(unpack_amount)?);
    let fee_coin = columns.parse_optional(Coin::parse)?.unwrap_or_else(|| coin.clone());
    Ok(Cost { coin, amount, fee_coin, fee: columns.unpack(unpack_amount)? })
}

fn read_state(columns: &mut Columns<'_>) -> Result<HoldState, StoreError> {
    let name: Box<str> = columns.get()?;
    let since = columns.get::<Option<i64>>()?.map(Timestamp::from_millis);
    let captured = columns.unpack_optional(unpack_amount)?.zip(columns.unpack_optional(unpack_amount)?);
    match (&*name, since, captured, columns.get()?, columns.get()?) {
        ("open", None, None, None, None) => Ok(HoldState::Open),
        ("unresolved", Some(since), None, None, None) => Ok(HoldState::Unresolved { since }),
        ("captured", Some(at), Some((amount, fee)), Some(reference), None) => {
            Ok(HoldState::Captured { at, amount, fee, reference })
        }
        ("released", Some(at), None, None, Some(reason)) => Ok(HoldState::Released { at, reason }),
        _ => Err(columns.problem("does not fit the state")),
    }
}

/// The columns of a state behind its name.
#[derive(Default)]
struct StateColumns<'a> {
    since: Option<i64>,
    captured: Option<Vec<u8>>,
    captured_fee: Option<Vec<u8>>,
    reference: Option<&'a str>,
    reason: Option<&'a str>,
}

impl<'a> StateColumns<'a> {
    fn of(state: &'a HoldState) -> Self {
        match state {
            HoldState::Open => Self::default(),
            HoldState::Unresolved { since } => Self { since: Some(since.as_millis()), ..Self::default() },
            HoldState::Captured { at, amount, fee, reference } => Self {
                since: Some(at.as_millis()),
                captured: Some(pack_amount(*amount)),
                captured_fee: Some(pack_amount(*fee)),
                reference: Some(reference),
                reason: None,
            },
            HoldState::Released { at, reason } => {
                Self { since: Some(at.as_millis()), reason: Some(reason), ..Self::default() }
            }
        }
    }
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
pub(crate) fn store(connection: &Connection, id: HoldId, version: Version, hold: &Hold) -> Result<(), StoreError> {
    if version > 1 && update_state(connection, id, version, hold)? {
        return Ok(());
    }
    let Cost { coin, amount, fee_coin, fee } = &hold.cost;
    let state = StateColumns::of(&hold.state);
    execute(
        connection,
        "INSERT INTO holds
             (id, version, token, user, wallet, organisation, coin, amount, fee_coin, fee, overridden, holder,
              state, state_since, captured, captured_fee, reference, reason, created, deadline,
              payees, key, aliases, meaning, comment, instruction)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
              ?21, ?22, ?23, ?24, ?25, ?26)",
        params![
            id.as_bytes(),
            version,
            hold.token.as_bytes(),
            hold.user.as_bytes(),
            hold.wallet.as_ref().map(WalletId::as_bytes),
            hold.organisation.as_bytes(),
            coin.as_str(),
            pack_amount(*amount),
            (fee_coin != coin).then(|| fee_coin.as_str()),
            pack_amount(*fee),
            hold.overridden,
            hold.holder.as_ref().map(TokenId::as_bytes),
            hold.state.name(),
            state.since,
            state.captured,
            state.captured_fee,
            state.reference,
            state.reason,
            hold.created.as_millis(),
            hold.deadline.as_millis(),
            pack_payees(&hold.payees),
            hold.key.as_ref().map(spend_key::pack),
            pack_aliases(&hold.aliases),
            hold.meaning,
            hold.comment,
            hold.instruction,
        ],
    )
}

/// Whether it was there.
fn update_state(connection: &Connection, id: HoldId, version: Version, hold: &Hold) -> Result<bool, StoreError> {
    let (state, columns) = (&hold.state, StateColumns::of(&hold.state));
    update(
        connection,
        "UPDATE holds SET version = ?2, state = ?3, state_since = ?4, captured = ?5, captured_fee = ?6,
             reference = ?7, reason = ?8, aliases = ?9
         WHERE id = ?1",
        params![
            id.as_bytes(),
            version,
            state.name(),
            columns.since,
            columns.captured,
            columns.captured_fee,
            columns.reference,
            columns.reason,
            pack_aliases(&hold.aliases),
        ],
    )
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
