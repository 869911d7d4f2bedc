//! What expressions see of requests and answers: objects and lists in place, and numbers as the text they came in.

use bursar_core::text::LARGEST_EXACT;
use cel::ExecutionError;
use cel::common::traits::{Container, Indexer, Sizer};
use cel::common::types::{CelBool, CelInt, CelNull, CelString, LIST_TYPE, MAP_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;

use crate::http::{compare, reads};
use crate::json::Json;

/// An object or a list of a body; nothing of it is copied.
#[derive(Clone, Copy, Debug)]
struct Seen<'a>(&'a Json, Within);

/// In what something lies, for messages.
#[derive(Clone, Copy, Debug)]
struct Within {
    place: &'static str,
    is_top: bool,
    /// Whether it is a form or a query.
    is_form: bool,
}

impl Within {
    /// An answer is read by nobody but us: names and lists are in it what they are to CEL.
    fn is_answer(self) -> bool {
        self.place == "answer"
    }

    fn missing(self, what: &str) -> ExecutionError {
        let what = what.escape_debug();
        let what = match self {
            Self { place: "headers", .. } => format!("the header `{what}`"),
            Self { place, is_top: true, .. } => format!("`{what}` of `{place}`"),
            Self { place, is_top: false, .. } => format!("`{what}` of a part of `{place}`"),
        };
        // `has` takes this error for a no, and none other.
        ExecutionError::no_such_key(&what)
    }
}

impl Within {
    /// What has this name in an object.
    fn find<'v>(self, object: &'v Json, name: &str) -> Result<Option<&'v Json>, ExecutionError> {
        if self.is_answer() {
            return Ok(object.get(name));
        }
        if !reads::is_short(name) {
            return Err(unclear("a name is looked for that is too long for one".to_owned()));
        }
        // INVARIANT: what is found is what all others find.
        if let Json::Object(entries) = object
            && let Some(other) = reads::other_to_some(entries, name)
                .or_else(|| if self.is_form { reads::other_in_form(entries, name) } else { None })
        {
            let (other, name) = (reads::shown(other), reads::shown(name));
            return Err(unclear(format!(
                "`{other}` is `{name}` to some, or leads into it; write `{name}`, and nothing beside it"
            )));
        }
        Ok(object.get(name))
    }

    /// Refuses a number that is another one to some readers.
    fn check(self, found: &Json, name: &str) -> Result<(), ExecutionError> {
        let Json::Number(text) = found else { return Ok(()) };
        if self.is_answer() {
            return Ok(());
        }
        let name = reads::shown(name);
        if text.contains(['e', 'E']) || **text == *"-0" {
            return Err(unclear(format!("`{name}` is a number that others write otherwise")));
        }
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        match digits.parse::<u64>() {
            Ok(number) if number <= LARGEST_EXACT => Ok(()),
            _ => Err(unclear(format!("`{name}` is a number that some round; write it as text"))),
        }
    }
}

/// An error that `has` does not take for a no.
fn unclear(problem: String) -> ExecutionError {
    ExecutionError::function_error("has", problem)
}

/// A value as expressions see it.
fn seen<'b, 'v>(json: &'v Json, within: Within) -> CowVal<'b, 'v> {
    match json {
        Json::Null => CowVal::owned(CelNull),
        Json::Bool(value) => CowVal::owned(CelBool::from(*value)),
        Json::Number(text) | Json::Text(text) => CowVal::owned(CelString::from(&**text)),
        Json::List(_) | Json::Object(_) => CowVal::owned(Seen(json, within)),
    }
}

static MAP: Type = MAP_TYPE;
static LIST: Type = LIST_TYPE;

impl Val for Seen<'_> {
    fn get_type(&self) -> &Type {
        if matches!(self.0, Json::List(_)) { &LIST } else { &MAP }
    }

    fn cel_type() -> &'static Type {
        &MAP
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }
}

impl Container for Seen<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        match self.0 {
            Json::List(items) if self.1.is_answer() => Ok(items.iter().any(|item| seen(item, self.1).equals(value))),
            Json::List(items) => {
                let seen: Vec<_> = items.iter().map(|item| seen(item, self.1)).collect();
                match compare::among(value, seen.iter().map(AsRef::as_ref))? {
                    true => Ok(true),
                    false => items.iter().try_for_each(|item| self.1.check(item, AN_ITEM)).map(|()| false),
                }
            }
            object if self.1.is_answer() => {
                let name = value.downcast_ref::<CelString>();
                Ok(name.is_some_and(|name| object.get(name.inner()).is_some()))
            }
            object => {
                let Some(name) = value.downcast_ref::<CelString>() else {
                    // To JavaScript `['vip']` is a name like `vip`.
                    return Err(unclear("what is looked for in an object is no name".to_owned()));
                };
                if self.1.find(object, name.inner())?.is_some() {
                    return Ok(true);
                }
                // Some look for a value in a part, as they do in lists.
                match !self.1.is_top && object.values().any(|held| seen(held, self.1).equals(value)) {
                    true => Err(unclear("it is a value of an object there, and no name".to_owned())),
                    false => Ok(false),
                }
            }
        }
    }
}

impl Indexer for Seen<'_> {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let (found, name) = if let Some(name) = index.downcast_ref::<CelString>() {
            match self.0 {
                // Some look for it in the only item; and an answer of another shape says nothing, not no.
                Json::List(_) => {
                    return Err(unclear("a name is looked for in a list".to_owned()));
                }
                object => (self.1.find(object, name.inner())?, name.inner()),
            }
        } else {
            let place = index.downcast_ref::<CelInt>().and_then(|place| usize::try_from(*place.inner()).ok());
            (self.0.as_list().zip(place).and_then(|(items, place)| items.get(place)), AN_ITEM)
        };
        let found = found.ok_or_else(|| self.1.missing(name))?;
        self.1.check(found, name)?;
        Ok(seen(found, Within { is_top: false, ..self.1 }))
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(index).map(CowVal::into_owned)
    }
}

impl Sizer for Seen<'_> {
    fn size(&self) -> CelInt {
        let size = match self.0 {
            Json::List(items) => items.len(),
            Json::Object(entries) => entries.len(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => 0,
        };
        CelInt::from(i64::try_from(size).unwrap_or(i64::MAX))
    }
}

/// What an item of a list is called in messages.
const AN_ITEM: &str = "an item";

/// What an expression about a request can name.
pub(super) struct RequestFacts<'a> {
    pub(super) path: &'a Json,
    pub(super) query: &'a Json,
    pub(super) headers: &'a Json,
    pub(super) body: &'a Json,
    /// Whether the body is a form.
    pub(super) is_form: bool,
    /// The bytes of the body as it is sent on, in digits.
    pub(super) length: &'a str,
}

/// All of what an expression can name.
fn whole<'b>(json: &'b Json, place: &'static str, is_form: bool) -> CowVal<'b, 'b> {
    seen(json, Within { place, is_top: true, is_form })
}

impl VariableResolver for RequestFacts<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        Some(match name {
            "path" => whole(self.path, "path", false),
            "query" => whole(self.query, "query", true),
            "headers" => whole(self.headers, "headers", false),
            "body" => whole(self.body, "body", self.is_form),
            "length" => CowVal::owned(CelString::from(self.length)),
            _ => return None,
        })
    }
}

/// What an expression about an answer can name.
pub(super) struct AnswerFacts<'a> {
    pub(super) status: u16,
    /// Nothing if it cannot be read.
    pub(super) answer: Option<&'a Json>,
}

impl VariableResolver for AnswerFacts<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        match name {
            "status" => Some(CowVal::owned(CelInt::from(i64::from(self.status)))),
            "answer" => self.answer.map(|answer| whole(answer, "answer", false)),
            _ => None,
        }
    }
}
