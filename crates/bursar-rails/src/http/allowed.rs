//! Which names a request may have in which place, and so which an expression can find there.

use crate::http::kind::Named;
use crate::http::template::PathTemplate;
use crate::http::written::WrittenRule;

/// Names that may be there.
#[derive(Clone, Debug)]
pub(super) enum Allowed {
    All,
    /// These; one that ends in `[` stands for all names that begin with it.
    These(Vec<Box<str>>),
}

impl Allowed {
    pub(super) fn of(names: &[String]) -> Self {
        if names.iter().any(|name| name == "*") {
            return Self::All;
        }
        let name = |name: &String| name.strip_suffix("*]").unwrap_or(name).into();
        Self::These(names.iter().map(name).collect())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => {
                names.iter().any(|known| **known == *name || (known.ends_with('[') && name.starts_with(&**known)))
            }
        }
    }
}

/// What requests of a rule can have in each place.
#[derive(Debug, Default)]
pub(super) struct Places {
    path: Vec<Box<str>>,
    query: Vec<String>,
    headers: Vec<String>,
    fields: Vec<String>,
}

impl Places {
    pub(super) fn of(written: &WrittenRule) -> Self {
        let path = PathTemplate::parse(&written.path).ok();
        Self {
            path: path.iter().flat_map(PathTemplate::names).map(Box::from).collect(),
            query: written.query.clone(),
            headers: written.headers.clone(),
            fields: written.fields.clone(),
        }
    }

    /// Why what an expression reads is never there, if it is not.
    pub(super) fn problem(&self, read: &Named) -> Option<String> {
        let Named { place, name, .. } = read;
        let (is_there, list) = match *place {
            "path" => (self.path.contains(name), "places of `path`"),
            "query" => (Allowed::of(&self.query).has(name), "`query`"),
            "headers" => (self.headers.iter().any(|known| **known == **name), "`headers`"),
            "body" => (Allowed::of(&self.fields).has(name), "`fields`"),
            _ => return None,
        };
        let shown = name.escape_debug();
        (!is_there).then(|| {
            format!("reads `{shown}` of `{place}`, which is not among the {list} of its rule: no request has it")
        })
    }
}
