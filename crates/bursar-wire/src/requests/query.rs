//! Queries of lists (WC §1.4, §7.4). Read strictly: a parameter that cannot be understood is refused.

use std::str::FromStr;

use bursar_core::id::{TokenId, UserId};
use bursar_core::limit::text::instant;
use bursar_core::time::{Span, Timestamp};

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
        let [limit, previous, sort] = values(query, ["limit", "prevId", "sort"])?;
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

/// The values of these parameters, none of which may be given twice. Clients send filters of other services, too; they do not
/// change what may be seen.
fn values<'a, const N: usize>(query: &'a str, names: [&str; N]) -> Result<[Option<&'a str>; N], FieldError> {
    let mut values = [None; N];
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let place = names.iter().zip(&mut values).find(|(known, _)| **known == name);
        if place.is_some_and(|(_, place)| place.replace(value).is_some()) {
            return Err(FieldError { field: name.to_owned(), problem: "is given twice".to_owned() });
        }
    }
    Ok(values)
}

/// Which of one's tokens are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokensQuery {
    /// Those that are over, in place of those that live.
    pub ended: bool,
}

impl TokensQuery {
    /// Reads `ended` of the query behind the `?`.
    ///
    /// # Errors
    /// It is given twice or is neither `true` nor `false`.
    pub fn read(query: &str) -> Result<Self, FieldError> {
        match values(query, ["ended"])? {
            [None | Some("false")] => Ok(Self { ended: false }),
            [Some("true")] => Ok(Self { ended: true }),
            [Some(_)] => Err(FieldError { field: "ended".to_owned(), problem: "must be `true` or `false`".to_owned() }),
        }
    }
}

/// Which spends are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpendsQuery {
    /// Those of which nobody knows what became.
    Unresolved,
    /// Those that the caller, a service, holds and has not settled.
    Unsettled,
}

impl SpendsQuery {
    /// Reads `unresolved` and `unsettled` of the query behind the `?`.
    ///
    /// # Errors
    /// One of them is given twice or is not `true`, or both are given.
    pub fn read(query: &str) -> Result<Self, FieldError> {
        match values(query, ["unresolved", "unsettled"])? {
            [None | Some("true"), None] => Ok(Self::Unresolved),
            [None, Some("true")] => Ok(Self::Unsettled),
            // There are no other lists here yet: whoever asks for one must not take these for it.
            [unresolved, _] => {
                let field = if unresolved.is_some() { "unresolved" } else { "unsettled" };
                let problem = "must be `true`, and the only one of `unresolved` and `unsettled`".to_owned();
                Err(FieldError { field: field.to_owned(), problem })
            }
        }
    }
}

/// What is looked for in the audit trail, and from where on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrailQuery {
    /// The action, or what it begins with.
    pub action: Option<String>,
    /// What it was done to, or the kind of that.
    pub subject: Option<String>,
    /// Who did it.
    pub user: Option<UserId>,
    /// The token that did it or that it was done to.
    pub token: Option<TokenId>,
    /// Not before this.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
    /// Before this event: the number of its link and its place there.
    pub before: Option<(u64, usize)>,
    /// At most so many.
    pub limit: usize,
}

impl TrailQuery {
    /// The longest action or subject that is looked for.
    const LONGEST: usize = 200;

    /// Reads the query behind the `?`, with the list's usual and greatest length.
    ///
    /// # Errors
    /// A known parameter is given twice or cannot be, or there is one that nobody knows: a filter that was
    /// overlooked would show what was not asked for.
    pub fn read(query: &str, usual: usize, most: usize) -> Result<Self, FieldError> {
        let refuse = |field: &str, problem: &str| FieldError { field: field.to_owned(), problem: problem.to_owned() };
        let mut read = Self {
            action: None,
            subject: None,
            user: None,
            token: None,
            since: None,
            until: None,
            before: None,
            limit: usual,
        };
        let mut seen = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_encoding::percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| refuse(name, "is no UTF-8"))?;
            if seen.contains(&name) {
                return Err(refuse(name, "is given twice"));
            }
            seen.push(name);
            if value.is_empty() || value.len() > Self::LONGEST {
                return Err(refuse(name, &format!("must have 1 to {} characters", Self::LONGEST)));
            }
            let moment = || {
                let problem = "must be an instant such as 2026-11-24T00:00:00Z";
                instant(&value).map(Some).ok_or_else(|| refuse(name, problem))
            };
            let no_id = |_| refuse(name, "is not an id (32 lower-case hex characters)");
            match name {
                "action" => read.action = Some(value.into_owned()),
                "subject" => read.subject = Some(value.into_owned()),
                "user" => read.user = Some(value.parse().map_err(no_id)?),
                "token" => read.token = Some(value.parse().map_err(no_id)?),
                "since" => read.since = moment()?,
                "until" => read.until = moment()?,
                "before" => {
                    let parts = value.split_once('.');
                    let place = parts.and_then(|(link, place)| Some((link.parse().ok()?, place.parse().ok()?)));
                    read.before = Some(place.ok_or_else(|| refuse(name, "is no place that a list gave"))?);
                }
                "limit" => {
                    let number = value.parse().ok().filter(|number| (1..=most).contains(number));
                    read.limit = number.ok_or_else(|| refuse(name, &format!("must be a number from 1 to {most}")))?;
                }
                _ => return Err(refuse(name, "is no filter of the audit trail")),
            }
        }
        Ok(read)
    }
}

/// Which part of a token's usage is wanted, and how finely.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistoryQuery {
    /// How long each stretch is.
    pub bucket: Span,
    /// Where the first begins.
    pub since: Timestamp,
}

impl HistoryQuery {
    const HOUR: Span = Span::from_seconds(3600);
    const DAY: Span = Span::from_seconds(86_400);
    /// How far back usage is shown if nothing is said: a week by the hour, a month by the day.
    const USUAL: [Span; 2] = [Span::from_seconds(7 * 86_400), Span::from_seconds(31 * 86_400)];
    /// The furthest it is shown: so many stretches are enough for one answer.
    const FURTHEST: [Span; 2] = [Span::from_seconds(31 * 86_400), Span::from_seconds(366 * 86_400)];

    /// Reads `bucket` and `since` of the query behind the `?`.
    ///
    /// # Errors
    /// One of them is given twice or cannot be, or there would be too many stretches.
    pub fn read(query: &str, now: Timestamp) -> Result<Self, FieldError> {
        let refuse = |field: &str, problem: &str| FieldError { field: field.to_owned(), problem: problem.to_owned() };
        let [bucket, since] = values(query, ["bucket", "since"])?;
        let (bucket, [usual, furthest]) = match bucket {
            None | Some("hour") => (Self::HOUR, [Self::USUAL[0], Self::FURTHEST[0]]),
            Some("day") => (Self::DAY, [Self::USUAL[1], Self::FURTHEST[1]]),
            Some(_) => return Err(refuse("bucket", "must be `hour` or `day`")),
        };
        let Some(since) = since else { return Ok(Self { bucket, since: now.minus(usual) }) };
        // Colons are escaped by some clients.
        let since = instant(&since.replace("%3A", ":").replace("%3a", ":"));
        let since = since.ok_or_else(|| refuse("since", "must be an instant such as 2026-11-24T00:00:00Z"))?;
        if since < now.minus(furthest) {
            return Err(refuse("since", "is too long ago: 31 days by the hour, 366 by the day"));
        }
        Ok(Self { bucket, since })
    }
}
