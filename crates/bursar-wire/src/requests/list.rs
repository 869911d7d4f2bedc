//! The query of a list: how many, from where, in which order (WC §1.4, §7.4).

use std::borrow::Cow;
use std::str::FromStr;

use bursar_core::coin::Coin;
use bursar_core::id::InvalidId;
use percent_encoding::percent_decode_str;

use crate::json::FieldError;

/// How a list comes in pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Paging {
    /// How many entries a page has when nothing is said.
    pub default: usize,
    /// The most entries a page may have.
    pub most: usize,
    /// Whether the newest come first when nothing is said.
    pub newest_first: bool,
}

impl Paging {
    /// Access tokens.
    pub const ACCESS_TOKENS: Self = Self { default: 100, most: 200, newest_first: false };
    /// Access-token templates.
    pub const TEMPLATES: Self = Self { default: 25, most: 100, newest_first: false };
    /// Wallets, keys, addresses.
    pub const GENERAL: Self = Self { default: 25, most: 500, newest_first: false };
    /// Transfers.
    pub const TRANSFERS: Self = Self { default: 25, most: 500, newest_first: true };
}

/// A part of a list as it is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListQuery<Id> {
    /// At most so many.
    pub limit: usize,
    /// The last entry of the page before.
    pub after: Option<Id>,
    /// Newest first.
    pub newest_first: bool,
    /// Of this coin only.
    pub coin: Option<Coin>,
}

impl<Id: FromStr<Err = InvalidId>> ListQuery<Id> {
    /// Reads what stands behind the `?`; parameters that nobody knows are ignored.
    ///
    /// # Errors
    /// The parameter that cannot be, or is given twice.
    pub fn read(query: &str, paging: Paging) -> Result<Self, FieldError> {
        let limit = match parameter(query, "limit")? {
            None => paging.default,
            Some(text) => {
                let plain = text.bytes().all(|byte| byte.is_ascii_digit());
                let limit = text.parse().ok().filter(|limit| plain && (1..=paging.most).contains(limit));
                limit.ok_or_else(|| refuse("limit", format!("must be from 1 to {}", paging.most)))?
            }
        };
        let after = parameter(query, "prevId")?.map(|text| text.parse()).transpose();
        let newest_first = match parameter(query, "sort")?.as_deref() {
            None => paging.newest_first,
            Some("ASC") => false,
            Some("DESC") => true,
            Some(_) => return Err(refuse("sort", "must be `ASC` or `DESC`")),
        };
        let coin = parameter(query, "coin")?.map(|text| Coin::parse(&text)).transpose();
        Ok(Self {
            limit,
            after: after.map_err(|error| refuse("prevId", format!("is not an id: {error}")))?,
            newest_first,
            coin: coin.map_err(|error| refuse("coin", error.to_string()))?,
        })
    }
}

/// The decoded value of a parameter, if it is there.
fn parameter<'a>(query: &'a str, name: &str) -> Result<Option<Cow<'a, str>>, FieldError> {
    let mut found = None;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        // What is not UTF-8 is no name that is known here.
        if !percent_decode_str(key).decode_utf8().is_ok_and(|key| key == name) {
            continue;
        }
        let value = percent_decode_str(value).decode_utf8();
        let value = value.map_err(|_| refuse(name, "is not UTF-8"))?;
        if found.replace(value).is_some() {
            return Err(refuse(name, "is given twice"));
        }
    }
    Ok(found)
}

fn refuse(name: &str, problem: impl Into<String>) -> FieldError {
    FieldError { field: name.to_owned(), problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use bursar_core::id::TokenId;

    use super::*;

    fn read(query: &str) -> Result<ListQuery<TokenId>, FieldError> {
        ListQuery::read(query, Paging::ACCESS_TOKENS)
    }

    #[test]
    fn nothing_said_is_the_first_page_in_the_usual_order() {
        let first = ListQuery { limit: 100, after: None, newest_first: false, coin: None };
        assert_eq!(read(""), Ok(first.clone()));
        assert_eq!(read("offlineVerification=&x"), Ok(first));
    }

    #[test]
    fn all_parameters_are_read_also_encoded() {
        let id = "8e4673aa8e4673aa8e4673aa8e4673aa";
        let read = read(&format!("%6Cimit=%32&prevId={id}&sort=DESC&coin=hteth%3Ausdc")).unwrap();
        assert_eq!((read.limit, read.newest_first), (2, true));
        assert_eq!(read.after.unwrap().to_string(), id);
        assert_eq!(read.coin.unwrap().as_str(), "hteth:usdc");
    }

    #[test]
    fn what_cannot_be_is_refused_by_the_parameter_s_name() {
        for (query, name) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=-1", "limit"),
            ("limit=+1", "limit"),
            ("limit=1e1", "limit"),
            ("limit=", "limit"),
            ("limit", "limit"),
            ("limit=%zz", "limit"),
            ("limit=1&limit=1", "limit"),
            ("limit=1&%6cimit=1", "limit"),
            ("limit=99999999999999999999999", "limit"),
            ("prevId=undefined", "prevId"),
            ("prevId=", "prevId"),
            ("sort=asc", "sort"),
            ("sort=%ff", "sort"),
            ("coin=t%20btc", "coin"),
        ] {
            assert_eq!(read(query).unwrap_err().field, name, "{query}");
        }
    }
}
