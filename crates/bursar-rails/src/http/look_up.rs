//! How a rule finds out what became of a spend: what is asked, and what the answer says.

use crate::exchange::Outgoing;
use crate::http::answer::Reading;
use crate::http::content::Content;
use crate::http::template::{self, PathTemplate};
use crate::http::written::{WrittenLookUp, WrittenValue};
use crate::json::Json;

/// What stands for the name of the spend.
const KEY: &str = "{key}";
/// Methods that a look-up can have: others are no questions.
const METHODS: [&str; 2] = ["GET", "POST"];

/// A look-up.
#[derive(Clone)]
pub(super) struct LookUp {
    question: Question,
    pub(super) reading: Reading,
}

/// What is asked.
#[derive(Clone)]
pub(super) struct Question {
    method: &'static str,
    path: PathTemplate,
    content: Content,
    body: Json,
}

/// What is wrong with a field.
pub(super) type Wrong = (&'static str, String);

impl Question {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(written: &WrittenLookUp) -> Result<Self, Wrong> {
        let path = PathTemplate::parse(&written.path).map_err(|problem| ("reconcile.path", problem))?;
        let names: Vec<&str> = path.names().collect();
        if names.iter().any(|name| *name != "key") {
            return Err(("reconcile.path", "has a place that is not `{key}`".to_owned()));
        }
        let method = written.method.as_deref().unwrap_or("GET");
        let method = METHODS.into_iter().find(|known| *known == method);
        let method = method.ok_or_else(|| ("reconcile.method", format!("is none of {}", METHODS.join(", "))))?;
        let body = match (&written.body, &written.send) {
            (Content::None, Some(_)) => {
                return Err(("reconcile.send", "is that of a `body`, which is `json` or `form`".to_owned()));
            }
            (Content::None, None) => Json::Object(Vec::new()),
            (_, None) => return Err(("reconcile.send", "is missing: it says what the `body` is".to_owned())),
            _ if method == "GET" => {
                return Err(("reconcile.body", "is not for GET; write `method = \"POST\"`".to_owned()));
            }
            (Content::Form, Some(send)) => Json::Object(flat(send)?),
            (Content::Json, Some(send)) => Json::Object(send.iter().map(|(name, value)| entry(name, value)).collect()),
        };
        let is_named = !names.is_empty() || names_key(&body);
        if !is_named {
            return Err((
                "reconcile",
                "asks for no spend: write `{key}` into `path`, or into a text of `send`".to_owned(),
            ));
        }
        Ok(Self { method, path, content: written.body, body })
    }

    pub(super) fn with(self, reading: Reading) -> LookUp {
        LookUp { question: self, reading }
    }
}

impl LookUp {
    /// What is asked of the spend of this name; nothing if the name could lead elsewhere.
    pub(super) fn asked(&self, name: &str) -> Option<Outgoing> {
        let Question { method, path, content, body } = &self.question;
        if !template::is_segment(name) {
            return None;
        }
        let target = path.written(|_| Some(name.to_owned()))?;
        let headers = content.media_type().map(|media_type| ("content-type".into(), media_type.into()));
        let body = content.written(&with_key(body, name));
        Some(Outgoing { method: (*method).into(), target, headers: headers.into_iter().collect(), body })
    }
}

fn entry(name: &str, value: &WrittenValue) -> (Box<str>, Json) {
    (name.into(), json(value))
}

fn json(value: &WrittenValue) -> Json {
    match value {
        WrittenValue::Bool(value) => Json::Bool(*value),
        WrittenValue::Number(value) => Json::Number(value.to_string().into()),
        WrittenValue::Text(text) => Json::Text(text.as_str().into()),
        WrittenValue::List(items) => Json::List(items.iter().map(json).collect()),
        WrittenValue::Object(entries) => Json::Object(entries.iter().map(|(name, value)| entry(name, value)).collect()),
    }
}

/// A form has texts alone.
fn flat(send: &std::collections::BTreeMap<String, WrittenValue>) -> Result<Vec<(Box<str>, Json)>, Wrong> {
    let text = |(name, value): (&String, &WrittenValue)| {
        let text = match value {
            WrittenValue::Bool(value) => value.to_string(),
            WrittenValue::Number(value) => value.to_string(),
            WrittenValue::Text(text) => text.clone(),
            WrittenValue::List(_) | WrittenValue::Object(_) => {
                return Err(("reconcile.send", format!("`{}` is no value of a form", name.escape_debug())));
            }
        };
        Ok((name.as_str().into(), Json::Text(text.into())))
    };
    send.iter().map(text).collect()
}

fn names_key(json: &Json) -> bool {
    match json {
        Json::Text(text) => text.contains(KEY),
        Json::List(items) => items.iter().any(names_key),
        Json::Object(entries) => entries.iter().any(|(_, value)| names_key(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

fn with_key(json: &Json, key: &str) -> Json {
    match json {
        Json::Text(text) => Json::Text(text.replace(KEY, key).into()),
        Json::List(items) => Json::List(items.iter().map(|item| with_key(item, key)).collect()),
        Json::Object(entries) => {
            Json::Object(entries.iter().map(|(name, value)| (name.clone(), with_key(value, key))).collect())
        }
        other => other.clone(),
    }
}
