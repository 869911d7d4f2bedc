//! The names that a rule reads in requests, and what is one of them to another reader.
//!
//! INVARIANT: what a rule reads in a request is what any reader behind it finds by that name, wherever it looks. Which names
//! stand for one that is looked up is judged where it is looked up ([`other_to_some`]); here, which a form may have twice, and
//! which stand in another place than the rule reads them in. Names that are none of those to anybody concern nobody here.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use bursar_core::text::{PROTOTYPE, folded};

use crate::Forbidden;
use crate::http::content::Content;
use crate::http::form::{MOST_PARTS, Pairs, base, is_same_name, underlined};
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

/// The names that a rule reads at the top of the query, of the body and of the path.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    query: Top,
    body: Top,
    path: Top,
}

/// Those of one place.
#[derive(Clone, Debug, Default)]
struct Top {
    names: HashSet<Box<str>>,
    /// What they are parts of.
    bases: HashSet<String>,
    sought: Vec<Sought>,
}

impl Top {
    fn of(reads: &[Read], place: &str) -> Self {
        let names: HashSet<Box<str>> =
            reads.iter().filter(|read| read.place == Some(place)).map(|read| read.name.clone()).collect();
        let bases = names.iter().map(|name| base(name).into_owned()).collect();
        Self { bases, sought: names.iter().map(|name| Sought::new(name)).collect(), names }
    }

    /// Whether the rule finds by this name here, or may.
    fn has(&self, name: &str) -> bool {
        self.names.contains(name) || self.names.contains(ANY_NAME)
    }

    /// Whether the rule reads something of this base here, or may.
    fn leads(&self, base: &str) -> bool {
        self.bases.contains(base) || self.names.contains(ANY_NAME)
    }

    /// Whether a name is, to some, one that the rule reads here, or a way into or to one.
    fn meets(&self, name: &str) -> bool {
        self.names.contains(ANY_NAME)
            || self.sought.iter().any(|sought| sought.is_met_by(name) || sought.begins_with(name))
    }
}

impl Reads {
    pub(super) fn of(reads: &[Read]) -> Self {
        Self { query: Top::of(reads, "query"), body: Top::of(reads, "body"), path: Top::of(reads, "path") }
    }

    fn all(&self) -> [&Top; 3] {
        [&self.query, &self.body, &self.path]
    }

    /// Whether the rule reads something of the base of a name in a request.
    pub(super) fn concern(&self, name: &str) -> bool {
        let base = base(name);
        self.all().iter().any(|top| top.leads(&base))
    }

    /// Whether a name is, to some, one that the rule reads in a request, or a way into or to one.
    pub(super) fn meet(&self, name: &str) -> bool {
        self.all().iter().any(|top| top.meets(name))
    }

    /// Refuses a request in which a name that the rule reads in one place stands in another.
    ///
    /// # Errors
    /// Which name, and where it is.
    pub(super) fn check(&self, query: &Pairs, body: &Json, content: Content) -> Result<(), Forbidden> {
        let entries = match body {
            Json::Object(entries) => entries.as_slice(),
            _ => &[],
        };
        let in_query = || query.iter().map(|(name, _)| &**name);
        let in_body = || entries.iter().map(|(name, _)| &**name);
        let refuse = |name: &str, problem: &str| Err(Forbidden::undecodable(format!("`{}` {problem}", shown(name))));
        if let Some(name) = in_query().chain(in_body()).find(|name| self.is_other_method(name)) {
            return refuse(name, "would have the upstream take the request for another");
        }
        if let Some(name) = in_query().find(|name| is_elsewhere(name, true, &self.query, [&self.body, &self.path])) {
            return refuse(name, "is in the query, where the rule does not read it");
        }
        let is_form = content == Content::Form;
        if let Some(name) = in_body().find(|name| is_elsewhere(name, is_form, &self.body, [&self.query, &self.path])) {
            return refuse(name, "is in the body, where the rule does not read it");
        }
        // Some read query and body as one, and each prefers another of both.
        match self.in_both(in_query(), in_body()) {
            Some(name) => refuse(name, "is in the query and in the body"),
            None => Ok(()),
        }
    }

    /// A name by which frameworks take a request for one of another method, where the rule does not read it.
    fn is_other_method(&self, name: &str) -> bool {
        OTHER_METHOD.contains(&&*base(name)) && ![&self.query, &self.body].iter().any(|top| top.names.contains(name))
    }

    /// A name of the body that is one to somebody with a name of the query, or a part of it, where the rule reads either.
    fn in_both<'a>(
        &self,
        query: impl Iterator<Item = &'a str>,
        mut body: impl Iterator<Item = &'a str>,
    ) -> Option<&'a str> {
        let mut in_query: HashMap<Cow<'_, str>, bool> = HashMap::new();
        for name in query {
            let is_read = self.concern(name);
            [base(name), spelled(name)]
                .into_iter()
                .for_each(|known| *in_query.entry(known).or_insert(false) |= is_read);
        }
        if in_query.is_empty() {
            return None;
        }
        body.find(|name| {
            let mut found = [base(name), spelled(name)].into_iter().filter_map(|known| in_query.get(&known));
            found.any(|is_read_there| *is_read_there || self.concern(name))
        })
    }
}

/// Whether a name that the rule reads elsewhere stands here, where the rule does not read it.
fn is_elsewhere(name: &str, is_form: bool, here: &Top, elsewhere: [&Top; 2]) -> bool {
    let base = base(name);
    let is_met = |top: &&Top| {
        top.leads(&base)
            || top.meets(name)
            || (is_form && top.sought.iter().any(|sought| sought.is_met_behind_prefix(name)))
    };
    !here.has(name) && elsewhere.iter().any(is_met)
}

/// Whether a name can be looked for: one that a request makes may be as long as the request.
pub(super) fn is_short(name: &str) -> bool {
    name.len() <= LONGEST_NAME && name.matches(LEADS_ON).count() < MOST_PARTS
}

/// The longest name that is looked for, in bytes.
const LONGEST_NAME: usize = 256;

/// A name of an object that is, to some, one that is looked for in it, or a way into that: `Tip`, `tip.amount`, `tip[]` for `tip`.
pub(super) fn other_to_some<'a>(entries: &'a [(Box<str>, Json)], name: &str) -> Option<&'a str> {
    let is_there = entries.iter().any(|(known, _)| **known == *name);
    // What stands for every name that is not there, to JavaScript.
    let names = || entries.iter().map(|(known, _)| &**known).filter(|known| *known != name);
    if !is_there && names().any(|known| known == PROTOTYPE) {
        return Some(PROTOTYPE);
    }
    let (is_name_plain, mut sought) = (is_plain(name), None);
    names().find(|known| {
        // Nearly all are.
        if is_name_plain && is_plain(known) {
            return known.eq_ignore_ascii_case(name);
        }
        let sought = sought.get_or_insert_with(|| {
            let sought = Sought::new(name);
            if is_there { Sought { listed: None, ..sought } } else { sought }
        });
        sought.is_met_by(known)
    })
}

/// A name of a form that some take for one that is looked for in it: `_amount` and `x.amount` for `amount`.
pub(super) fn other_in_form<'a>(entries: &'a [(Box<str>, Json)], name: &str) -> Option<&'a str> {
    let mut others = entries.iter().map(|(known, _)| &**known).filter(|known| *known != name && has_prefix(known));
    let first = others.next()?;
    let sought = Sought::new(name);
    [first].into_iter().chain(others).find(|known| sought.is_met_behind_prefix(known))
}

/// What Spring and Fastjson take for a name, and what is one behind a parameter's, as ASP.NET writes it, without what is before it.
fn behind_prefix(name: &str) -> impl Iterator<Item = &str> {
    [name.strip_prefix('_'), name.split_once('.').map(|(_, rest)| rest)].into_iter().flatten()
}

fn has_prefix(name: &str) -> bool {
    behind_prefix(name).next().is_some()
}

/// A name that is looked for, in all the ways in which somebody may write it.
#[derive(Clone, Debug)]
struct Sought {
    whole: Box<str>,
    is_plain: bool,
    spelled: String,
    bare: Vec<String>,
    /// As an item of a list, if it is one; nothing if that item is there.
    listed: Option<Listed>,
    /// The most parts that it has, to anybody: what leads through more does not lead to it.
    most_parts: usize,
}

impl Sought {
    fn new(name: &str) -> Self {
        let (spelled, bare) = (spelled(name).into_owned(), bare(name));
        let most_parts = spelled.matches('_').count().max(bare.len()).min(MOST_PARTS);
        Self { whole: name.into(), is_plain: is_plain(name), listed: Listed::of(name), most_parts, spelled, bare }
    }

    /// Whether a name is this one to some, or leads into it.
    fn is_met_by(&self, known: &str) -> bool {
        if self.is_plain && is_plain(known) {
            return known.eq_ignore_ascii_case(&self.whole);
        }
        self.is_beside_numbers(known)
            || ways(known, self.most_parts).any(|way| {
                is_same_name(way, &self.whole)
                    || *spelled(way) == *self.spelled
                    || bare(way) == self.bare
                    || self.listed.as_ref().is_some_and(|list| list.may_be(way))
            })
    }

    /// Whether a name of a form is this one behind a prefix, or leads into it.
    fn is_met_behind_prefix(&self, known: &str) -> bool {
        behind_prefix(known).any(|rest| self.is_met_by(rest))
    }

    /// Whether a name leads to this one.
    fn begins_with(&self, known: &str) -> bool {
        !self.is_plain && self.bare.starts_with(&bare(known))
    }

    /// Whether a name has a number where this one has a word, or a word where it has a number, and is the same before: to some
    /// `to[0][Key]` and `to[0][Value]` are what others write as `to[amount]`.
    fn is_beside_numbers(&self, known: &str) -> bool {
        if self.is_plain {
            return false;
        }
        let known = bare(known);
        let first_other = self.bare.iter().zip(&known).skip(1).find(|(own, other)| own != other);
        self.bare.first() == known.first() && first_other.is_some_and(|(own, other)| is_digits(own) != is_digits(other))
    }
}

/// A name of an item of a list, or of a part of one.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Listed {
    /// Its parts without the number.
    parts: Vec<String>,
    /// The numbers; nothing for `[]`.
    numbers: Vec<Option<u64>>,
}

impl Listed {
    fn of(name: &str) -> Option<Self> {
        let of_number = |part: &String| part.parse().unwrap_or(u64::MAX);
        let all = bare(name);
        let numbers = all.iter().skip(1).filter(|part| is_digits(part)).map(|part| Some(of_number(part)));
        let numbers: Vec<_> = numbers.chain(name.matches("[]").map(|_| None)).collect();
        let parts = all.into_iter().enumerate().filter(|(place, part)| *place == 0 || !is_digits(part));
        (!numbers.is_empty()).then(|| Self { parts: parts.map(|(_, part)| part).collect(), numbers })
    }

    /// Whether a name is this item to some: lists close up, so that the only item is the first whatever its number, and the one
    /// value of a list may go by the name of the list.
    fn may_be(&self, way: &str) -> bool {
        let Some(other) = Self::of(way) else { return bare(way) == self.parts };
        let is_later = |(own, other): (&Option<u64>, &Option<u64>)| own.is_none() || other.is_none() || other > own;
        other.parts == self.parts && self.numbers.iter().zip(&other.numbers).any(is_later)
    }
}

/// Whether there is nothing but digits.
pub(super) fn is_digits(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a name has no parts to anybody.
fn is_plain(name: &str) -> bool {
    name.is_ascii() && !name.contains(LEADS_ON) && !name.contains(BARE)
}

/// Names by which frameworks take a request for one of another method.
const OTHER_METHOD: [&str; 2] = ["_method", "x-http-method-override"];

/// What leads from a name to a part, to some; a `:` from a name to what it is to be converted to.
const LEADS_ON: [char; 3] = ['.', '[', ':'];

/// What some leave off around a part.
const BARE: [char; 4] = ['[', ']', '\'', '"'];

/// A name without the case of letters, dots and brackets.
fn spelled(name: &str) -> Cow<'_, str> {
    match folded(name) {
        Cow::Borrowed(name) => underlined(name),
        Cow::Owned(name) => Cow::Owned(underlined(&name).into_owned()),
    }
}

/// The parts of a name by themselves, without the case of letters; those without a name are left off.
fn bare(name: &str) -> Vec<String> {
    let parts = name.split(|c| LEADS_ON.contains(&c) || BARE.contains(&c));
    parts.filter(|part| !part.is_empty()).map(|part| folded(part).into_owned()).collect()
}

/// A name, and the names that it leads through, of no more parts than so many.
fn ways(name: &str, most_parts: usize) -> impl Iterator<Item = &str> {
    let through = name.match_indices(LEADS_ON).map(|(at, _)| at).take(most_parts.saturating_add(1));
    through.chain([name.len()]).filter_map(|end| name.get(..end))
}

pub(super) fn shown(name: &str) -> String {
    let name: String = name.chars().take(60).collect();
    name.escape_debug().to_string()
}
