//! Rules as a configuration writes them.

use std::collections::BTreeMap;

use serde::Deserialize;

pub use crate::http::content::Content;

/// A rule: what requests of one method and path mean.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct WrittenRule {
    /// The method.
    pub method: String,
    /// The path, with names in braces where it varies: `/v1/charges/{id}`.
    pub path: String,
    /// What it means to the money.
    pub operation: WrittenOperation,
    /// Names of the query that may be there; `*` for all.
    #[serde(default)]
    pub query: Vec<String>,
    /// Headers that are read and sent on.
    #[serde(default)]
    pub headers: Vec<String>,
    /// How the body is written.
    #[serde(default)]
    pub body: Content,
    /// Names that may stand in the body; `*` for all, `card[*]` for all of a list or object of a form.
    #[serde(default)]
    pub fields: Vec<String>,
    /// A permission that the token must have besides: one of Bursar's scopes.
    pub scope: Option<String>,
    /// What must hold of a request, or it is refused.
    #[serde(default)]
    pub require: Vec<WrittenCondition>,
    /// Why it is refused, if it is.
    pub reason: Option<String>,
    /// The asset that moves: its name, or an expression that gives it.
    pub asset: Option<String>,
    /// How much of it: an expression.
    pub amount: Option<String>,
    /// Who gets it: an expression, or `none`.
    pub destination: Option<String>,
    /// The client's name for the spend: an expression.
    pub key: Option<String>,
    /// The header in which the upstream is given a name for the spend, one that is made here.
    pub key_header: Option<String>,
    /// When it is done: an expression about the answer.
    pub done: Option<String>,
    /// When it is refused for good: an expression about the answer.
    pub refused: Option<String>,
    /// How much really moved: an expression about the answer. What was held, if it is left out.
    pub captured: Option<String>,
    /// Whether more may have moved than was held.
    #[serde(default)]
    pub may_exceed: bool,
    /// What the upstream calls it: an expression about the answer.
    pub record: Option<String>,
    /// Names of the events that hold the answer where it is a stream: `answer` has the last of each under its name. It is the
    /// last event, if they are left out.
    #[serde(default)]
    pub events: Vec<String>,
    /// What a stream of events that breaks off in the middle means.
    pub cut_off: Option<CutOff>,
    /// How to find out what became of it.
    pub reconcile: Option<WrittenLookUp>,
}

/// What a stream of events that breaks off in the middle means.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "lowercase")]
pub enum CutOff {
    /// Nobody knows: it stays held.
    #[default]
    Unknown,
    /// All that was held is captured.
    Captured,
}

/// What a request means to the money.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub enum WrittenOperation {
    /// It moves nothing and shows no secret.
    Read,
    /// It moves money.
    Spend,
    /// It is never carried out.
    Refuse,
}

/// A value that is sent as it is written.
#[derive(Deserialize, Clone, Debug)]
#[serde(untagged)]
pub enum WrittenValue {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<WrittenValue>),
    /// An object.
    Object(BTreeMap<String, WrittenValue>),
}

/// What must hold of a request.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct WrittenCondition {
    /// An expression about the request.
    pub holds: String,
    /// Why a request is refused of which it does not hold.
    pub reason: String,
}

/// How to find out what became of a spend.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct WrittenLookUp {
    /// The method: GET, or POST where what is asked stands in a body. It must move nothing.
    pub method: Option<String>,
    /// The path; `{key}` is the name under which the upstream was given the spend.
    pub path: String,
    /// How the body is written.
    #[serde(default)]
    pub body: Content,
    /// What the body is; `{key}` in its texts is the same name.
    pub send: Option<BTreeMap<String, WrittenValue>>,
    /// As in the rule, about the answer to this.
    pub done: String,
    /// As in the rule, about the answer to this.
    pub refused: Option<String>,
    /// As in the rule, about the answer to this.
    pub captured: Option<String>,
    /// As in the rule, about the answer to this.
    pub record: Option<String>,
}
