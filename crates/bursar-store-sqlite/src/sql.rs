//! Running cached statements and reading their rows column by column.
//!
//! What SQLite reports becomes [`StoreError::Unavailable`]; what it delivers but is no record becomes
//! [`StoreError::Inconsistent`], with the column and never with the value, which may be a secret.

use std::fmt::Display;
use std::ops::ControlFlow;

use bursar_store::StoreError;
use rusqlite::types::{FromSql, ValueRef};
use rusqlite::{CachedStatement, Connection, Params, Row};

/// Any trouble with the database as a whole.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(crate) fn unavailable(problem: rusqlite::Error) -> StoreError {
    match problem.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => StoreError::Violated(problem.to_string()),
        _ => StoreError::Unavailable(problem.to_string()),
    }
}

/// The one row the query finds, if any.
pub(crate) fn one<T>(
    connection: &Connection,
    table: &'static str,
    query: &str,
    params: impl Params,
    read: impl FnOnce(&mut Columns<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(query).map_err(unavailable)?;
    let mut rows = statement.query(params).map_err(unavailable)?;
    rows.next().map_err(unavailable)?.map(|row| read(&mut Columns::new(table, row))).transpose()
}

/// Hands every row the query finds to `read`.
pub(crate) fn each(
    connection: &Connection,
    table: &'static str,
    query: &str,
    params: impl Params,
    mut read: impl FnMut(&mut Columns<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    each_until(connection, table, query, params, |columns| read(columns).map(ControlFlow::Continue))
}

/// The same until `read` has seen enough.
pub(crate) fn each_until(
    connection: &Connection,
    table: &'static str,
    query: &str,
    params: impl Params,
    mut read: impl FnMut(&mut Columns<'_>) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(query).map_err(unavailable)?;
    let mut rows = statement.query(params).map_err(unavailable)?;
    while let Some(row) = rows.next().map_err(unavailable)? {
        if read(&mut Columns::new(table, row))?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Every row the query finds, in its order.
pub(crate) fn many<T>(
    connection: &Connection,
    table: &'static str,
    query: &str,
    params: impl Params,
    mut read: impl FnMut(&mut Columns<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    each(connection, table, query, params, |columns| {
        found.push(read(columns)?);
        Ok(())
    })?;
    Ok(found)
}

/// The row of a query for one column.
pub(crate) fn single<T: FromSql>(columns: &mut Columns<'_>) -> Result<T, StoreError> {
    columns.get()
}

/// Writes.
pub(crate) fn execute(connection: &Connection, statement: &str, params: impl Params) -> Result<(), StoreError> {
    update(connection, statement, params).map(|_| ())
}

/// Writes, and tells whether there was anything to change.
pub(crate) fn update(connection: &Connection, statement: &str, params: impl Params) -> Result<bool, StoreError> {
    let rows = connection
        .prepare_cached(statement)
        .and_then(|mut statement| statement.execute(params))
        .map_err(unavailable)?;
    Ok(rows > 0)
}

/// Writes much of the same: what is written like the row before needs no look-up of its statement.
pub(crate) struct Repeated<'c> {
    connection: &'c Connection,
    last: Option<(&'static str, CachedStatement<'c>)>,
}

impl<'c> Repeated<'c> {
    pub(crate) const fn new(connection: &'c Connection) -> Self {
        Self { connection, last: None }
    }

    /// For what is written once.
    pub(crate) const fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// Writes.
    pub(crate) fn execute(&mut self, statement: &'static str, params: impl Params) -> Result<(), StoreError> {
        let is_other = self.last.as_ref().is_none_or(|(last, _)| *last != statement);
        if is_other {
            self.last = Some((statement, self.connection.prepare_cached(statement).map_err(unavailable)?));
        }
        let Some((_, prepared)) = &mut self.last else { return Ok(()) };
        prepared.execute(params).map(|_| ()).map_err(unavailable)
    }
}

/// Texts that hold no space, as one column.
pub(crate) fn joined(texts: impl IntoIterator<Item = impl Display>) -> String {
    texts.into_iter().map(|text| text.to_string()).collect::<Vec<_>>().join(" ")
}

const NOT_PACKED: &str = "is not packed as it should be";

fn named<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, text: &str) -> Result<T, &'static str> {
    all.iter().copied().find(|thing| name(*thing) == text).ok_or("is not a known name")
}

/// A row, read from its first column to its last.
pub(crate) struct Columns<'row> {
    table: &'static str,
    row: &'row Row<'row>,
    next: usize,
}

impl<'row> Columns<'row> {
    const fn new(table: &'static str, row: &'row Row<'row>) -> Self {
        Self { table, row, next: 0 }
    }

    /// The next column.
    pub(crate) fn get<T: FromSql>(&mut self) -> Result<T, StoreError> {
        let column = self.next;
        self.next = column.saturating_add(1);
        self.row.get(column).map_err(|problem| self.problem(problem))
    }

    /// The next column, a text of its own notation.
    pub(crate) fn parse<T, E: Display>(&mut self, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, StoreError> {
        let text = self.raw()?.as_str().map_err(|problem| self.problem(problem))?;
        parse(text).map_err(|problem| self.problem(problem))
    }

    /// The next column, the same or nothing.
    pub(crate) fn parse_optional<T, E: Display>(
        &mut self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, StoreError> {
        let text = self.raw()?.as_str_or_null().map_err(|problem| self.problem(problem))?;
        text.map(parse).transpose().map_err(|problem| self.problem(problem))
    }

    /// The next column, the name of one of a few things.
    pub(crate) fn name<T: Copy>(&mut self, all: &[T], name: impl Fn(T) -> &'static str) -> Result<T, StoreError> {
        self.parse(|text| named(all, name, text))
    }

    /// The next column, the same or nothing.
    pub(crate) fn optional_name<T: Copy>(
        &mut self,
        all: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, StoreError> {
        self.parse_optional(|text| named(all, name, text))
    }

    /// The next column, texts joined by [`joined`].
    pub(crate) fn list<T, E: Display>(&mut self, parse: impl Fn(&str) -> Result<T, E>) -> Result<Vec<T>, StoreError> {
        self.parse(|text| text.split(' ').filter(|item| !item.is_empty()).map(parse).collect::<Result<_, _>>())
    }

    /// The next column, packed by [`crate::rows`].
    pub(crate) fn unpack<T>(&mut self, unpack: impl FnOnce(&[u8]) -> Option<T>) -> Result<T, StoreError> {
        let packed = self.raw()?.as_blob().map_err(|problem| self.problem(problem))?;
        unpack(packed).ok_or_else(|| self.problem(NOT_PACKED))
    }

    /// The next column, the same or nothing.
    pub(crate) fn unpack_optional<T>(
        &mut self,
        unpack: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let packed = self.raw()?.as_blob_or_null().map_err(|problem| self.problem(problem))?;
        packed.map(|packed| unpack(packed).ok_or_else(|| self.problem(NOT_PACKED))).transpose()
    }

    /// The column of this name, whichever was read last; nothing if it is none of its kind.
    pub(crate) fn named<T: FromSql>(&self, column: &str) -> Option<T> {
        self.row.get(column).ok()
    }

    fn raw(&mut self) -> Result<ValueRef<'row>, StoreError> {
        let column = self.next;
        self.next = column.saturating_add(1);
        self.row.get_ref(column).map_err(|problem| self.problem(problem))
    }

    /// What is wrong with the column that was read last.
    pub(crate) fn problem(&self, problem: impl Display) -> StoreError {
        let column = self.row.as_ref().column_name(self.next.saturating_sub(1)).unwrap_or("?");
        StoreError::Inconsistent { table: self.table, problem: format!("column `{column}`: {problem}") }
    }
}
