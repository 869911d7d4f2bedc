//! The least a store must do for a spend, as one would write it at once: a budget is raised, a row says why.

use std::path::Path;

use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::{Subject, town};
use crate::Problem;

const TABLES: &str = "
    CREATE TABLE budgets (id BLOB PRIMARY KEY, ceiling INTEGER NOT NULL, held INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE holds (
        id BLOB PRIMARY KEY, budget BLOB NOT NULL, amount INTEGER NOT NULL, created INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// Plain SQLite, as durable as the engine.
pub(super) struct Naive {
    connection: Connection,
    budgets: usize,
    made: usize,
    _home: TempDir,
}

impl Naive {
    pub(super) fn start(home: TempDir, budgets: usize) -> Result<Self, Problem> {
        let mut connection = Connection::open(home.path().join("naive.db"))?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(TABLES)?;
        let transaction = connection.transaction()?;
        for id in 0..budgets {
            transaction.execute("INSERT INTO budgets VALUES (?1, 1000000000000, 0)", params![town::id(id)])?;
        }
        transaction.commit()?;
        Ok(Self { connection, budgets, made: 0, _home: home })
    }
}

impl Subject for Naive {
    fn batch(&mut self, size: usize) -> Result<(), Problem> {
        let transaction = self.connection.transaction()?;
        {
            let mut raise = transaction
                .prepare_cached("UPDATE budgets SET held = held + 1 WHERE id = ?1 AND held + 1 <= ceiling")?;
            let mut insert = transaction.prepare_cached("INSERT INTO holds VALUES (?1, ?2, 1, ?3)")?;
            for _ in 0..size {
                self.made += 1;
                let budget = town::id(town::scattered(self.made, self.budgets));
                raise.execute(params![budget])?;
                insert.execute(params![town::id(self.made), budget, self.made])?;
            }
        }
        Ok(transaction.commit()?)
    }
}

/// Copies the first spend of a database as often as is said, as spends that were settled long ago, each under
/// a name of its own.
pub(super) fn fill_with_past(database: &Path, spends: u64) -> Result<(), Problem> {
    let connection = Connection::open(database)?;
    // The outcome is packed: captured, an amount of 1, no fee, and the reference.
    connection.execute_batch(
        "CREATE TEMP TABLE one AS SELECT * FROM holds LIMIT 1;
         UPDATE one SET version = 2, state = 'captured', state_since = unixepoch() * 1000,
                            outcome = x'01010101000470617374';
         CREATE TEMP TABLE key AS SELECT * FROM spend_keys LIMIT 1",
    )?;
    let columns: Vec<String> = {
        let mut statement = connection.prepare("SELECT name FROM pragma_table_info('holds')")?;
        statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
    };
    // Ids are times first, so those of the past come before all others; every token has had its share.
    let chosen: Vec<String> = columns
        .iter()
        .map(|column| match column.as_str() {
            "id" => "CAST(unhex(printf('%032x', number)) AS BLOB)".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    let fill = format!(
        "WITH RECURSIVE numbers (number) AS (SELECT ?1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?2)
         INSERT INTO holds ({}) SELECT {} FROM numbers, one",
        columns.join(", "),
        chosen.join(", ")
    );
    let mut from = 1;
    while from <= spends {
        let to = spends.min(from + 99_999);
        connection.execute(&fill, params![from, to])?;
        connection.execute(
            "WITH RECURSIVE numbers (number) AS (SELECT ?1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?2)
             INSERT INTO spend_keys (key, version, hold)
             SELECT CAST(substr(key, 1, 17) || printf('past-%d', number) AS BLOB), 1, unhex(printf('%032x', number))
             FROM numbers, key",
            params![from, to],
        )?;
        from = to + 1;
    }
    Ok(())
}
