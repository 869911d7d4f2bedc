//! Queries of lists (WC §1.4, §7.4). Read strictly: a parameter that cannot be understood is refused.

use std::str::FromStr;

use crate::json::FieldError;

#[cfg(test)]
mod tests;

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
    /// A known parameter is given twice or cannot be.
    pub fn read(query: &str, usual: usize, most: usize) -> Result<Self, FieldError> {
        let refuse = |field: &str, problem: String| FieldError { field: field.to_owned(), problem };
        let (mut limit, mut previous, mut sort) = (None, None, None);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let place = match name {
                "limit" => &mut limit,
                "prevId" => &mut previous,
                "sort" => &mut sort,
                // Clients send filters of other services, too; they do not change what may be seen.
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(refuse(name, "is given twice".to_owned()));
            }
        }
        let limit = limit.map_or(Ok(usual), |text| {
            // Parsing alone would let a sign through.
            let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let number = digits.and_then(|text| text.parse().ok()).filter(|number| (1..=most).contains(number));
            number.ok_or_else(|| refuse("limit", format!("must be a number from 1 to {most}")))
        })?;
        let previous =
            previous.map(|text| text.parse().map_err(|_| refuse("prevId", "is not an id that a list gave".to_owned())));
        let newest_first = match sort {
            None | Some("ASC") => false,
            Some("DESC") => true,
            Some(_) => return Err(refuse("sort", "must be `ASC` or `DESC`".to_owned())),
        };
        Ok(Self { limit, previous: previous.transpose()?, newest_first })
    }
}
