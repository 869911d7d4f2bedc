//! The names that a rule reads in requests, and what is one of them to another reader.
//!
//! INVARIANT: what a rule reads in a request is what any reader behind it finds by that name, wherever it looks. Names that are
//! none of those to anybody concern nobody here.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use bursar_core::text::folded;

use crate::Forbidden;
use crate::http::form::{Pairs, base, underlined};
use crate::json::Json;

/// A name that is made, or found in the request: it may be any.
pub(super) const ANY_NAME: &str = "*";

/// A name that an expression reads.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Read {
    /// Of what it is a name: `path`, `query`, `headers`, `body`; nothing if of a part of one of these.
    pub(super) place: Option<&'static str>,
    /// The name, or [`ANY_NAME`].
    pub(super) name: Box<str>,
}

/// The names that a rule reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    /// Whether it may read any.
    is_any: bool,
    names: HashSet<Box<str>>,
    /// The same, by what they are without the case of letters, dots and brackets.
    spelled: HashMap<String, Box<str>>,
    /// The same, without the case of letters.
    whole: HashSet<String>,
    /// What they are parts of.
    bases: HashSet<String>,
    query: Top,
    body: Top,
    path: Top,
}

/// What a rule reads at the top of a place.
#[derive(Clone, Debug, Default)]
struct Top {
    names: HashSet<Box<str>>,
    bases: HashSet<String>,
}

impl Top {
    fn of(reads: &[Read], place: &str) -> Self {
        let names: HashSet<Box<str>> =
            reads.iter().filter(|read| read.place == Some(place)).map(|read| read.name.clone()).collect();
        Self { bases: names.iter().map(|name| base(name).into_owned()).collect(), names }
    }

    /// Whether the rule finds by this name here, or may.
    fn has(&self, name: &str) -> bool {
        self.names.contains(name) || self.names.contains(ANY_NAME)
    }

    /// Whether the rule reads by this name here, or a part of it, or may.
    fn leads(&self, base: &str) -> bool {
        self.bases.contains(base) || self.names.contains(ANY_NAME)
    }
}

impl Reads {
    pub(super) fn of(reads: &[Read]) -> Self {
        let names = || reads.iter().map(|read| &*read.name);
        Self {
            is_any: names().any(|name| name == ANY_NAME),
            names: names().map(Box::from).collect(),
            spelled: names().map(|name| (spelled(name).into_owned(), name.into())).collect(),
            whole: names().map(|name| folded(name).into_owned()).collect(),
            bases: names().map(|name| base(name).into_owned()).collect(),
            query: Top::of(reads, "query"),
            body: Top::of(reads, "body"),
            path: Top::of(reads, "path"),
        }
    }

    /// Whether a name is, or is a part of, what the rule reads, to one reader or another.
    pub(super) fn concern(&self, name: &str) -> bool {
        self.leads(&base(name))
            || self.spelled.contains_key(&*spelled(name))
            || self.spelled.contains_key(&*spelled(before_parts(name)))
    }

    /// Whether the rule reads what has this name, or a part of it.
    fn leads(&self, base: &str) -> bool {
        self.is_any || self.bases.contains(base)
    }

    /// Refuses a request in which somebody else could read something else by a name that the rule reads.
    ///
    /// # Errors
    /// Which name, and what it is to some.
    pub(super) fn check(&self, query: &Pairs, body: &Json) -> Result<(), Forbidden> {
        let entries = match body {
            Json::Object(entries) => entries.as_slice(),
            _ => &[],
        };
        let in_query = || query.iter().map(|(name, _)| &**name);
        let in_body = || entries.iter().map(|(name, _)| &**name);
        self.check_object(&in_query())?;
        self.check_json(body)?;
        let refuse = |name: &str, problem: &str| Err(Forbidden::undecodable(format!("`{}` {problem}", shown(name))));
        if let Some(name) = in_query().chain(in_body()).find(|name| self.is_other_method(name)) {
            return refuse(name, "would have the upstream take the request for another");
        }
        if let Some(name) = in_query().find(|name| self.is_elsewhere(name, &self.query, [&self.body, &self.path])) {
            return refuse(name, "is in the query, where the rule does not read it");
        }
        if let Some(name) = in_body().find(|name| self.is_elsewhere(name, &self.body, [&self.query, &self.path])) {
            return refuse(name, "is in the body, where the rule does not read it");
        }
        // Some read query and body as one, and each prefers another of both.
        match self.in_both(in_query(), in_body()) {
            Some(name) => refuse(name, "is in the query and in the body"),
            None => Ok(()),
        }
    }

    fn check_json(&self, json: &Json) -> Result<(), Forbidden> {
        match json {
            Json::Object(entries) => {
                self.check_object(&entries.iter().map(|(name, _)| &**name))?;
                entries.iter().try_for_each(|(_, value)| self.check_json(value))
            }
            Json::List(items) => items.iter().try_for_each(|item| self.check_json(item)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => Ok(()),
        }
    }

    /// Refuses names of one object that are, to some, what the rule reads.
    fn check_object<'a>(&self, names: &(impl Iterator<Item = &'a str> + Clone)) -> Result<(), Forbidden> {
        let refuse = |problem: String| Err(Forbidden::undecodable(problem));
        for name in names.clone().filter(|name| !self.names.contains(*name)) {
            if let Some(read) = self.spelled.get(&*spelled(name)) {
                return refuse(format!("`{read}` must be written as it is here, not as `{}`", shown(name)));
            }
            // What looks for `tip` finds nothing where another finds `tip.amount`.
            let is_path = name.contains(LEADS_ON);
            if is_path
                && (self.whole.contains(&*base(name)) || self.spelled.contains_key(&*spelled(before_parts(name))))
            {
                return refuse(format!("`{}` leads into what the rule reads by its name", shown(name)));
            }
            // To JavaScript this stands for every name that is not there.
            if is_path && name.contains(PROTOTYPE) || name == PROTOTYPE {
                return refuse(format!("`{PROTOTYPE}` is no name here"));
            }
        }
        // To some `to.amount` and `to[amount]` are ways into a `to` beside them.
        let mut leading = names
            .clone()
            .filter(|name| name.contains(LEADS_ON) && self.leads(&base(name)))
            .map(|name| (name, base(name)));
        match leading.find(|(_, base)| names.clone().any(|name| folded(name) == *base)) {
            Some((name, _)) => refuse(format!("`{}` stands beside what it leads into", shown(name))),
            None => Ok(()),
        }
    }

    /// A name by which frameworks take a request for one of another method, where the rule does not read it.
    fn is_other_method(&self, name: &str) -> bool {
        base(name) == "_method" && !self.names.contains(name)
    }

    /// Whether a name that the rule reads elsewhere stands here, where the rule does not read it.
    fn is_elsewhere(&self, name: &str, here: &Top, elsewhere: [&Top; 2]) -> bool {
        !here.has(name) && elsewhere.iter().any(|top| top.leads(&base(name)))
    }

    /// A name of the body that is one to somebody with a name of the query, or a part of it, where the rule reads either.
    fn in_both<'a>(
        &self,
        query: impl Iterator<Item = &'a str>,
        mut body: impl Iterator<Item = &'a str>,
    ) -> Option<&'a str> {
        let mut in_query: HashMap<Cow<'_, str>, bool> = HashMap::new();
        for name in query {
            let is_read = self.leads(&base(name));
            [base(name), spelled(name)]
                .into_iter()
                .for_each(|known| *in_query.entry(known).or_insert(false) |= is_read);
        }
        if in_query.is_empty() {
            return None;
        }
        body.find(|name| {
            let mut found = [base(name), spelled(name)].into_iter().filter_map(|known| in_query.get(&known));
            found.any(|is_read_there| *is_read_there || self.leads(&base(name)))
        })
    }
}

/// What leads from a name to a part, to some.
const LEADS_ON: [char; 2] = ['.', '['];

/// Where JavaScript looks for what an object does not have itself.
const PROTOTYPE: &str = "__proto__";

/// A name without the case of letters, dots and brackets.
fn spelled(name: &str) -> Cow<'_, str> {
    match folded(name) {
        Cow::Borrowed(name) => underlined(name),
        Cow::Owned(name) => Cow::Owned(underlined(&name).into_owned()),
    }
}

/// The name before its first bracket: PHP writes what is in it with `_`, and all behind it as parts.
fn before_parts(name: &str) -> &str {
    name.split_once('[').map_or(name, |(before, _)| before)
}

pub(super) fn shown(name: &str) -> String {
    let name: String = name.chars().take(60).collect();
    name.escape_debug().to_string()
}
