//! Queries of lists (WC §1.4, §7.4). Read strictly: a parameter that cannot be understood is refused.

use std::str::FromStr;

use crate::json::FieldError;

/// Which part of a list is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListQuery<Id> {
    /// At most so many entries.
    pub limit: usize,
    /// The last entry of the part before.
    pub previous: Option<Id>,
    /// Newest first.
    pub newest_first: bool,
}

impl<Id: FromStr> ListQuery<Id> {
    /// Reads the query behind the `?`, with the list's usual and greatest length.
    ///
    /// # Errors
    /// A parameter is given twice or cannot be.
    pub fn read(query: &str, usual: usize, most: usize) -> Result<Self, FieldError> {
        let refuse = |field: &str, problem: String| FieldError { field: field.to_owned(), problem };
        let mut read = Self { limit: usual, previous: None, newest_first: false };
        let mut seen = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if seen.contains(&name) {
                return Err(refuse(name, "is given twice".to_owned()));
            }
            seen.push(name);
            match name {
                "limit" => {
                    read.limit = value
                        .parse()
                        .ok()
                        .filter(|limit| (1..=most).contains(limit))
                        .ok_or_else(|| refuse(name, format!("must be a number from 1 to {most}")))?;
                }
                "prevId" => {
                    let id = value.parse().map_err(|_| refuse(name, "is not an id that a list gave".to_owned()))?;
                    read.previous = Some(id);
                }
                "sort" => {
                    read.newest_first = match value {
                        "ASC" => false,
                        "DESC" => true,
                        _ => return Err(refuse(name, "must be `ASC` or `DESC`".to_owned())),
                    };
                }
                // Clients send filters of other services, too; they do not change what may be seen.
                _ => {}
            }
        }
        Ok(read)
    }
}
