//! The three columns of a freeze: since, until, reason.

use bursar_core::account::Freeze;
use bursar_core::time::Timestamp;
use bursar_store::StoreError;

use crate::sql::Columns;

pub(super) fn read(columns: &mut Columns<'_>) -> Result<Option<Freeze>, StoreError> {
    let (since, until): (Option<i64>, Option<i64>) = (columns.get()?, columns.get()?);
    let reason: Option<String> = columns.get()?;
    Ok(since.zip(reason).map(|(since, reason)| Freeze {
        since: Timestamp::from_millis(since),
        until: until.map(Timestamp::from_millis),
        reason,
    }))
}

/// The values of the columns.
pub(super) fn columns(freeze: Option<&Freeze>) -> (Option<i64>, Option<i64>, Option<&str>) {
    (
        freeze.map(|freeze| freeze.since.as_millis()),
        freeze.and_then(|freeze| freeze.until).map(Timestamp::as_millis),
        freeze.map(|freeze| freeze.reason.as_str()),
    )
}
