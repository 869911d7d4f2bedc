//! The four columns of a freeze: since, until, reason, by.

use bursar_core::account::{Freeze, FrozenBy};
use bursar_core::time::Timestamp;
use bursar_store::StoreError;

use crate::sql::Columns;

type Values<'a> = (Option<i64>, Option<i64>, Option<&'a str>, Option<&'static str>);

pub(super) fn read(columns: &mut Columns<'_>) -> Result<Option<Freeze>, StoreError> {
    let (since, until): (Option<i64>, Option<i64>) = (columns.get()?, columns.get()?);
    let reason: Option<String> = columns.get()?;
    let by = columns.optional_name(&FrozenBy::ALL, FrozenBy::as_str)?;
    Ok(since.zip(reason).zip(by).map(|((since, reason), by)| Freeze {
        since: Timestamp::from_millis(since),
        until: until.map(Timestamp::from_millis),
        reason,
        by,
    }))
}

/// The values of the columns.
pub(super) fn columns(freeze: Option<&Freeze>) -> Values<'_> {
    (
        freeze.map(|freeze| freeze.since.as_millis()),
        freeze.and_then(|freeze| freeze.until).map(Timestamp::as_millis),
        freeze.map(|freeze| freeze.reason.as_str()),
        freeze.map(|freeze| freeze.by.as_str()),
    )
}
