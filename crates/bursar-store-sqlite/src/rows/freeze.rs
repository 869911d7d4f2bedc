//! The five columns of a freeze: since, until, reason, by, and from when on it is a person's.

use bursar_core::account::{Freeze, FrozenBy};
use bursar_core::time::Timestamp;
use bursar_store::StoreError;

use crate::sql::Columns;

type Values<'a> = (Option<i64>, Option<i64>, Option<&'a str>, Option<&'static str>, Option<i64>);

pub(super) fn read(columns: &mut Columns<'_>) -> Result<Option<Freeze>, StoreError> {
    let (since, until): (Option<i64>, Option<i64>) = (columns.get()?, columns.get()?);
    let reason: Option<String> = columns.get()?;
    let by = columns.optional_name(&FrozenBy::ALL, FrozenBy::as_str)?;
    let persons_from: Option<i64> = columns.get()?;
    Ok(since.zip(reason).zip(by).map(|((since, reason), by)| Freeze {
        since: Timestamp::from_millis(since),
        until: until.map(Timestamp::from_millis),
        reason,
        by,
        persons_from: persons_from.map(Timestamp::from_millis),
    }))
}

/// The values of the columns.
pub(super) fn columns(freeze: Option<&Freeze>) -> Values<'_> {
    (
        freeze.map(|freeze| freeze.since.as_millis()),
        freeze.and_then(|freeze| freeze.until).map(Timestamp::as_millis),
        freeze.map(|freeze| freeze.reason.as_str()),
        freeze.map(|freeze| freeze.by.as_str()),
        freeze.and_then(|freeze| freeze.persons_from).map(Timestamp::as_millis),
    )
}
