//! Lists of spends: by whose they are, by what became of them, and as a picture over time.

use std::collections::BTreeMap;

use bursar_core::coin::Coin;
use bursar_core::hold::{Hold, HoldState};
use bursar_core::id::{HoldId, TokenId, WalletId};
use bursar_core::limit::{Subject, Usage};
use bursar_core::time::{Span, Timestamp};
use bursar_store::{Page, StoreError};
use rusqlite::{Connection, params};

use crate::page::{at_most, id_bound};
use crate::rows::hold::{TABLE, read, select, subjects};
use crate::sql::{each, many, single};

/// The later captures of a token that a picture is drawn of.
const MOST_CAPTURES: i64 = 100_000;
/// How much older than its capture a hold in the picture may be.
const SLOWEST: Span = Span::from_seconds(86_400);

fn bound(page: &Page<HoldId>) -> &[u8] {
    id_bound(page.after.as_ref().map(HoldId::as_bytes), page.newest_first)
}

pub(crate) fn of_wallet(
    connection: &Connection,
    wallet: WalletId,
    page: &Page<HoldId>,
) -> Result<Vec<Hold>, StoreError> {
    let query = if page.newest_first {
        select!("WHERE wallet = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3")
    } else {
        select!("WHERE wallet = ?1 AND id > ?2 ORDER BY id LIMIT ?3")
    };
    let params = params![wallet.as_bytes(), bound(page), at_most(page.limit)];
    many(connection, TABLE, query, params, |columns| Ok(read(columns)?.value))
}

pub(crate) fn of_token(connection: &Connection, token: TokenId, page: &Page<HoldId>) -> Result<Vec<Hold>, StoreError> {
    let query = if page.newest_first {
        select!("WHERE token = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3")
    } else {
        select!("WHERE token = ?1 AND id > ?2 ORDER BY id LIMIT ?3")
    };
    let params = params![token.as_bytes(), bound(page), at_most(page.limit)];
    many(connection, TABLE, query, params, |columns| Ok(read(columns)?.value))
}

pub(crate) fn unsettled(connection: &Connection, page: &Page<HoldId>) -> Result<Vec<Hold>, StoreError> {
    let query = if page.newest_first {
        select!("WHERE state IN ('open', 'unresolved') AND id < ?1 ORDER BY id DESC LIMIT ?2")
    } else {
        select!("WHERE state IN ('open', 'unresolved') AND id > ?1 ORDER BY id LIMIT ?2")
    };
    many(connection, TABLE, query, params![bound(page), at_most(page.limit)], |columns| Ok(read(columns)?.value))
}

pub(crate) fn unresolved(connection: &Connection, page: &Page<HoldId>) -> Result<Vec<Hold>, StoreError> {
    let query = if page.newest_first {
        select!("WHERE state = 'unresolved' AND id < ?1 ORDER BY id DESC LIMIT ?2")
    } else {
        select!("WHERE state = 'unresolved' AND id > ?1 ORDER BY id LIMIT ?2")
    };
    many(connection, TABLE, query, params![bound(page), at_most(page.limit)], |columns| Ok(read(columns)?.value))
}

/// Hands over every spend, or every one that is open or unresolved; and of a row that is none whose it is, too.
pub(crate) fn for_each(
    connection: &Connection,
    only_unsettled: bool,
    mut found: impl FnMut(Result<Hold, (StoreError, Vec<Subject>)>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let query = if only_unsettled { select!("WHERE state IN ('open', 'unresolved')") } else { select!("") };
    each(connection, TABLE, query, [], |columns| {
        found(match read(columns) {
            Ok(spend) => Ok(spend.value),
            Err(error) => Err((error, subjects(columns).collect())),
        })
    })
}

/// Hands over every spend of a token.
pub(crate) fn for_each_of_token(
    connection: &Connection,
    token: TokenId,
    mut found: impl FnMut(Hold) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    each(connection, TABLE, select!("WHERE token = ?1"), params![token.as_bytes()], |columns| {
        found(read(columns)?.value)
    })
}

/// The least id of a spend that is held at or after an instant.
fn first_at(time: Timestamp) -> HoldId {
    HoldId::time_ordered(time.max(Timestamp::from_millis(0)), [0; 10])
}

/// Settled spends from the oldest on. What is not to be found among those is little: what is open since
/// long ago. So this stops early, or has little to look at.
pub(crate) fn settled_before(
    connection: &Connection,
    time: Timestamp,
    limit: usize,
) -> Result<Vec<HoldId>, StoreError> {
    let query = "SELECT id FROM holds
                 WHERE id < ?1 AND state IN ('captured', 'released') AND state_since < ?2 ORDER BY id LIMIT ?3";
    let behind = first_at(time);
    let params = params![behind.as_bytes(), time.as_millis(), at_most(limit)];
    Ok(many(connection, TABLE, query, params, single)?.into_iter().map(HoldId::from_bytes).collect())
}

/// What a token captured, from its latest hold back, in buckets.
pub(crate) fn usage_of_token(
    connection: &Connection,
    token: TokenId,
    since: Timestamp,
    bucket: Span,
) -> Result<Vec<(Timestamp, Coin, Usage)>, StoreError> {
    let query =
        select!("WHERE token = ?1 AND id >= ?2 AND state = 'captured' AND state_since >= ?3 ORDER BY id DESC LIMIT ?4");
    let first = first_at(since.minus(SLOWEST));
    let params = params![token.as_bytes(), first.as_bytes(), since.as_millis(), MOST_CAPTURES];
    let mut buckets: BTreeMap<(Timestamp, Coin), Usage> = BTreeMap::new();
    let (mut captures, mut oldest) = (0, since);
    let length = i64::try_from(bucket.as_millis()).unwrap_or(i64::MAX).max(1);
    each(connection, TABLE, query, params, |columns| {
        let hold = read(columns)?.value;
        let (HoldState::Captured { at, .. }, Some(cost)) = (&hold.state, hold.captured()) else { return Ok(()) };
        let at = at.as_millis();
        let start = Timestamp::from_millis(at.saturating_sub(at.rem_euclid(length)));
        for (coin, usage) in cost.parts() {
            let sum = buckets.entry((start, coin.clone())).or_default();
            *sum = sum.saturating_add(usage);
        }
        (captures, oldest) = (captures + 1, start);
        Ok(())
    })?;
    if captures == MOST_CAPTURES {
        // The bucket in which it was cut off is not whole.
        buckets.retain(|(start, _), _| *start > oldest);
    }
    Ok(buckets.into_iter().map(|((start, coin), usage)| (start, coin, usage)).collect())
}
