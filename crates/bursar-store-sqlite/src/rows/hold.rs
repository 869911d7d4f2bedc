//! Spends. Their terms are written once; later only what became of them changes.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::{Cost, Hold, HoldState};
use bursar_core::id::{HoldId, OrganisationId, TokenId, UserId, WalletId};
use bursar_core::ledger::{Version, Versioned};
use bursar_core::limit::Subject;
use bursar_core::time::Timestamp;
use bursar_store::{Page, StoreError};
use rusqlite::{Connection, params};

use crate::page::{at_most, id_bound};
use crate::rows::{Found, packed, spend_key};
use crate::sql::{Columns, each, execute, many, one, update};

const TABLE: &str = "holds";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT version, id, token, user, wallet, organisation, coin, payees, amount, fee_coin, fee, key_kind, key,
                 meaning, instruction, comment, overridden, holder, created, deadline,
                 state, state_since, captured, captured_fee, reference, reason
             FROM holds ",
            $rest
        )
    };
}

fn read(columns: &mut Columns<'_>) -> Result<Versioned<Hold>, StoreError> {
    let version = columns.get()?;
    let id = HoldId::from_bytes(columns.get()?);
    let token = TokenId::from_bytes(columns.get()?);
    let user = UserId::from_bytes(columns.get()?);
    let wallet = columns.get::<Option<[u8; 16]>>()?.map(WalletId::from_bytes);
    let organisation = OrganisationId::from_bytes(columns.get()?);
    let coin = columns.parse(Coin::parse)?;
    let payees = columns.unpack(packed::unpack_payees)?;
    let amount = Amount::from_be_bytes(columns.get()?);
    let fee_coin: Option<Box<str>> = columns.get()?;
    let fee_coin = fee_coin.map(|text| Coin::parse(&text).map_err(|problem| columns.problem(problem))).transpose()?;
    let fee = Amount::from_be_bytes(columns.get()?);
    let cost = Cost { fee_coin: fee_coin.unwrap_or_else(|| coin.clone()), coin, amount, fee };
    let hold = Hold {
        id,
        token,
        user,
        wallet,
        organisation,
        payees,
        cost,
        key: spend_key::read(token, wallet, columns)?,
        meaning: columns.get()?,
        instruction: columns.get()?,
        comment: columns.get()?,
        overridden: columns.get()?,
        holder: columns.get::<Option<[u8; 16]>>()?.map(TokenId::from_bytes),
        created: Timestamp::from_millis(columns.get()?),
        deadline: Timestamp::from_millis(columns.get()?),
        state: read_state(columns)?,
    };
    Ok(Versioned { version, value: hold })
}

fn read_state(columns: &mut Columns<'_>) -> Result<HoldState, StoreError> {
    let name: String = columns.get()?;
    let since = columns.get::<Option<i64>>()?.map(Timestamp::from_millis);
    let amount = |columns: &mut Columns<'_>| Ok(columns.get::<Option<[u8; 32]>>()?.map(Amount::from_be_bytes));
    let captured = amount(columns)?.zip(amount(columns)?);
    match (name.as_str(), since, captured, columns.get()?, columns.get()?) {
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
    captured: Option<([u8; 32], [u8; 32])>,
    reference: Option<&'a str>,
    reason: Option<&'a str>,
}

fn state_columns(state: &HoldState) -> StateColumns<'_> {
    let none = StateColumns::default();
    match state {
        HoldState::Open => none,
        HoldState::Unresolved { since } => StateColumns { since: Some(since.as_millis()), ..none },
        HoldState::Captured { at, amount, fee, reference } => StateColumns {
            since: Some(at.as_millis()),
            captured: Some((amount.to_be_bytes(), fee.to_be_bytes())),
            reference: Some(reference),
            ..none
        },
        HoldState::Released { at, reason } => {
            StateColumns { since: Some(at.as_millis()), reason: Some(reason), ..none }
        }
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

/// A token's spends, by id.
pub(crate) fn of_token(connection: &Connection, token: TokenId, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError> {
    let query = if page.newest_first {
        select!("WHERE token = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3")
    } else {
        select!("WHERE token = ?1 AND id > ?2 ORDER BY id LIMIT ?3")
    };
    let bound = id_bound(page.after.as_ref().map(HoldId::as_bytes), page.newest_first);
    let params = params![token.as_bytes(), bound, at_most(page.limit)];
    many(connection, TABLE, query, params, |columns| Ok(read(columns)?.value))
}

/// Spends that are open or unresolved, or only the latter, by id.
pub(crate) fn unsettled(connection: &Connection, known: bool, page: Page<HoldId>) -> Result<Vec<Hold>, StoreError> {
    let query = if page.newest_first {
        select!(
            "WHERE state IN ('open', 'unresolved') AND (?3 OR state = 'unresolved') AND id < ?1 ORDER BY id DESC LIMIT ?2"
        )
    } else {
        select!(
            "WHERE state IN ('open', 'unresolved') AND (?3 OR state = 'unresolved') AND id > ?1 ORDER BY id LIMIT ?2"
        )
    };
    let bound = id_bound(page.after.as_ref().map(HoldId::as_bytes), page.newest_first);
    many(connection, TABLE, query, params![bound, at_most(page.limit), known], |columns| Ok(read(columns)?.value))
}

/// Hands over each spend, or only those that are open or unresolved.
pub(crate) fn each_of_all(connection: &Connection, all: bool, mut found: impl FnMut(Hold)) -> Result<(), StoreError> {
    let query = if all { select!("ORDER BY id") } else { select!("WHERE state IN ('open', 'unresolved') ORDER BY id") };
    each(connection, TABLE, query, [], |columns| {
        found(read(columns)?.value);
        Ok(())
    })
}

/// Hands over each spend of a subject.
pub(crate) fn each_of_subject(
    connection: &Connection,
    subject: Subject,
    mut found: impl FnMut(&Hold),
) -> Result<(), StoreError> {
    let queries: &[&str] = match subject {
        Subject::Token(_) => &[select!("WHERE token = ?1")],
        Subject::Wallet(_) => &[select!("WHERE wallet = ?1 AND wallet IS NOT NULL")],
        Subject::User(_) => &[select!("WHERE token IN (SELECT id FROM tokens WHERE user = ?1)")],
        Subject::Organisation(_) => &[
            select!("WHERE wallet IS NOT NULL AND wallet IN (SELECT id FROM wallets WHERE organisation = ?1)"),
            select!("WHERE organisation = ?1 AND wallet IS NULL"),
        ],
    };
    queries.iter().try_for_each(|query| {
        each(connection, TABLE, query, params![subject.id_bytes()], |columns| {
            found(&read(columns)?.value);
            Ok(())
        })
    })
}

/// Spends that were settled before an instant, oldest first. None is settled before it is made, so the
/// search ends with the first that was made later.
pub(crate) fn settled_before(
    connection: &Connection,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<HoldId>, StoreError> {
    let query = "SELECT id FROM holds WHERE id < ?1 AND state IN ('captured', 'released') AND state_since < ?2
                 ORDER BY id LIMIT ?3";
    let newest = HoldId::time_ordered(before, [0; 10]);
    let params = params![newest.as_bytes(), before.as_millis(), at_most(limit)];
    many(connection, TABLE, query, params, |columns| Ok(HoldId::from_bytes(columns.get()?)))
}

/// The key of a hold is one of its own wallet or token, so their ids are written once.
pub(crate) fn store(connection: &Connection, id: HoldId, version: Version, hold: &Hold) -> Result<(), StoreError> {
    let StateColumns { since, captured, reference, reason } = state_columns(&hold.state);
    // A spend's terms never change. One that was held and settled in one batch is not there yet.
    if version > 1 {
        let updated = update(
            connection,
            "UPDATE holds SET version = ?2, state = ?3, state_since = ?4, captured = ?5, captured_fee = ?6,
                 reference = ?7, reason = ?8
             WHERE id = ?1",
            params![
                id.as_bytes(),
                version,
                hold.state.name(),
                since,
                captured.map(|(amount, _)| amount),
                captured.map(|(_, fee)| fee),
                reference,
                reason,
            ],
        )?;
        if updated > 0 {
            return Ok(());
        }
    }
    let key = hold.key.as_ref().map(spend_key::columns);
    let cost = &hold.cost;
    execute(
        connection,
        "INSERT INTO holds
             (id, version, token, user, wallet, organisation, coin, payees, amount, fee_coin, fee, key_kind, key,
              meaning, instruction, comment, overridden, holder, created, deadline,
              state, state_since, captured, captured_fee, reference, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
              ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)",
        params![
            id.as_bytes(),
            version,
            hold.token.as_bytes(),
            hold.user.as_bytes(),
            hold.wallet.as_ref().map(WalletId::as_bytes),
            hold.organisation.as_bytes(),
            cost.coin.as_str(),
            packed::pack_payees(&hold.payees),
            cost.amount.to_be_bytes(),
            (cost.fee_coin != cost.coin).then(|| cost.fee_coin.as_str()),
            cost.fee.to_be_bytes(),
            key.map(|(_, kind, _)| kind),
            key.map(|(_, _, bytes)| bytes),
            hold.meaning,
            hold.instruction,
            hold.comment,
            hold.overridden,
            hold.holder.as_ref().map(TokenId::as_bytes),
            hold.created.as_millis(),
            hold.deadline.as_millis(),
            hold.state.name(),
            since,
            captured.map(|(amount, _)| amount),
            captured.map(|(_, fee)| fee),
            reference,
            reason,
        ],
    )
}

pub(crate) fn delete(connection: &Connection, id: HoldId) -> Result<(), StoreError> {
    execute(connection, "DELETE FROM holds WHERE id = ?1", params![id.as_bytes()])
}
