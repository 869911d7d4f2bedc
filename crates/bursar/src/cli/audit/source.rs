//! Where links come from, one by one and in constant memory: a data directory or an export.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::vec;

use bursar_core::audit::{Event, Link};
use bursar_store::StoreError;
use bursar_store_sqlite::SqliteChain;

use super::form;
use crate::failure::Failure;
use crate::server;

/// Links read at once.
pub(super) const PAGE: usize = 64;

/// The longest line of an export, in bytes: a link with a batch of events, each of which may be as long as a request.
const LONGEST_LINE: u64 = 1024 * 1024 * 1024;

type Covered = (Link, Vec<Event>);

pub(crate) enum Source {
    Store { chain: SqliteChain, next: u64, limit: usize, page: vec::IntoIter<Covered> },
    File { path: PathBuf, lines: Box<dyn BufRead>, number: u64 },
}

/// Why there is no next link.
pub(crate) enum Unread {
    /// What is there is none.
    Record(String),
    /// The store or file does not answer.
    Failure(Failure),
}

impl Source {
    /// The chain of a data directory from a link on.
    pub(crate) fn store(directory: &Path, from: u64) -> Result<Self, Failure> {
        let chain = open(directory)?;
        Ok(Self::Store { chain, next: from, limit: PAGE, page: Vec::new().into_iter() })
    }

    /// An export; `-` is standard input.
    pub(crate) fn file(path: &Path) -> Result<Self, Failure> {
        let lines: Box<dyn BufRead> = match path.to_str() {
            Some("-") => Box::new(BufReader::new(io::stdin())),
            _ => Box::new(BufReader::new(File::open(path).map_err(|problem| Failure::at(path, problem))?)),
        };
        Ok(Self::File { path: path.to_owned(), lines, number: 0 })
    }

    /// The next link with its events; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Covered>, Unread> {
        match self {
            Self::Store { chain, next, limit, page } => {
                if page.len() == 0 {
                    *page = read_page(chain, *next, limit)?.into_iter();
                }
                let covered = page.next();
                if let Some((link, _)) = &covered {
                    *next = link.number.saturating_add(1);
                }
                Ok(covered)
            }
            Self::File { path, lines, number } => {
                let mut line = Vec::new();
                let read = lines.take(LONGEST_LINE).read_until(b'\n', &mut line);
                read.map_err(|problem| Unread::Failure(Failure::at(path, problem)))?;
                *number = number.saturating_add(1);
                let problem = |problem| Unread::Record(format!("line {number} of {}: {problem}", path.display()));
                if line.is_empty() { Ok(None) } else { form::read_line(&line).map(Some).map_err(problem) }
            }
        }
    }

    /// The number of a record outside of the chain.
    pub(super) fn stray(&mut self) -> Result<Option<i64>, Failure> {
        match self {
            Self::Store { chain, .. } => Ok(chain.stray()?),
            Self::File { .. } => Ok(None),
        }
    }
}

/// Opens the chain of a data directory, whoever owns it.
pub(crate) fn open(directory: &Path) -> Result<SqliteChain, Failure> {
    if !server::has_store(directory)? {
        return Err(Failure::at(directory, "there is no store in this directory"));
    }
    SqliteChain::open(directory).map_err(|error| Failure::at(directory, error))
}

fn read_page(chain: &mut SqliteChain, from: u64, limit: &mut usize) -> Result<Vec<Covered>, Unread> {
    loop {
        match chain.links(from, *limit) {
            Ok(mut page) => {
                page.retain(|(link, _)| link.number >= from);
                return Ok(page);
            }
            // One of them is no record: those before it still are, and are read one by one.
            Err(StoreError::Inconsistent { .. }) if *limit > 1 => *limit = 1,
            Err(error @ StoreError::Inconsistent { .. }) => return Err(Unread::Record(error.to_string())),
            Err(error) => return Err(Unread::Failure(error.into())),
        }
    }
}
