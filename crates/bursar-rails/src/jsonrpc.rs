//! Calls in the shape of JSON-RPC (1.0 as Bitcoin Core speaks it, 2.0 as Ethereum's nodes do), one or a batch.

use std::collections::BTreeSet;

use crate::Forbidden;
use crate::json::Json;

/// How many calls a batch may hold.
pub const MOST_CALLS: usize = 100;
/// The longest name of a method, in bytes.
const LONGEST_METHOD: usize = 128;
/// The longest id of a call, in bytes.
const LONGEST_ID: usize = 256;

/// What one request asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Calls {
    /// One call, answered by one object.
    One(Call),
    /// Several, answered by an array; never empty, each with an id of its own.
    Batch(Vec<Call>),
}

/// One call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// Whether it says `"jsonrpc": "2.0"`.
    pub is_version_2: bool,
    /// The name under which it is answered: a number or a text.
    pub id: Json,
    /// The method.
    pub method: Box<str>,
    /// What it is called with.
    pub params: Params,
}

/// What a method is called with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Params {
    /// By place; empty if none were given.
    List(Vec<Json>),
    /// By name.
    Named(Vec<(Box<str>, Json)>),
}

impl Calls {
    /// Reads a request.
    ///
    /// # Errors
    /// It is not JSON-RPC, or has members that are not of it; a call without an id would have no answer, and is refused.
    pub fn read(bytes: &[u8]) -> Result<Self, Forbidden> {
        match Json::read(bytes)? {
            Json::List(items) if items.is_empty() => {
                Err(Forbidden::undecodable("the batch is empty; send a call at least"))
            }
            Json::List(items) if items.len() > MOST_CALLS => {
                Err(Forbidden::undecodable(format!("a batch may have {MOST_CALLS} calls; send the rest apart")))
            }
            Json::List(items) => {
                let calls = items.into_iter().map(Call::of).collect::<Result<Vec<_>, _>>()?;
                let mut ids = BTreeSet::new();
                if let Some(twice) = calls.iter().map(|call| call.id.to_string()).find(|id| !ids.insert(id.clone())) {
                    let twice = twice.escape_debug();
                    return Err(Forbidden::undecodable(format!(
                        "two calls have the `id` `{twice}`; give each its own"
                    )));
                }
                Ok(Self::Batch(calls))
            }
            one => Call::of(one).map(Self::One),
        }
    }

    /// The calls, in their order.
    pub fn as_slice(&self) -> &[Call] {
        match self {
            Self::One(call) => std::slice::from_ref(call),
            Self::Batch(calls) => calls,
        }
    }
}

impl Call {
    fn of(json: Json) -> Result<Self, Forbidden> {
        let Json::Object(entries) = json else {
            return Err(Forbidden::undecodable("a call is an object with `method`, `params` and `id`"));
        };
        let (mut is_version_2, mut id, mut method, mut params) = (false, None, None, None);
        for (name, value) in entries {
            match (&*name, value) {
                ("jsonrpc", Json::Text(version)) if matches!(&*version, "2.0" | "1.0" | "1.1") => {
                    is_version_2 = &*version == "2.0";
                }
                ("id", value @ (Json::Number(_) | Json::Text(_))) if value.to_string().len() <= LONGEST_ID => {
                    id = Some(value);
                }
                ("id", _) => {
                    return Err(Forbidden::undecodable("`id` must be a number or a text of 256 bytes at most"));
                }
                ("method", Json::Text(name)) if name.len() <= LONGEST_METHOD => method = Some(name),
                ("params", Json::List(items)) => params = Some(Params::List(items)),
                ("params", Json::Object(entries)) => params = Some(Params::Named(entries)),
                ("params", Json::Null) => params = Some(Params::List(Vec::new())),
                (name, _) => {
                    let problem = match name {
                        "jsonrpc" => "must be `\"2.0\"`, `\"1.1\"` or `\"1.0\"`",
                        "method" => "must be a text of 128 bytes at most",
                        "params" => "must be an array or an object",
                        _ => "is no member of a call; leave it out",
                    };
                    return Err(Forbidden::undecodable(format!("`{}` {problem}", name.escape_debug())));
                }
            }
        }
        let missing = |name: &str| Forbidden::undecodable(format!("the call has no `{name}`"));
        Ok(Self {
            is_version_2,
            id: id.ok_or_else(|| missing("id"))?,
            method: method.ok_or_else(|| missing("method"))?,
            params: params.unwrap_or(Params::List(Vec::new())),
        })
    }

    /// The call as it is sent on: made from what was understood, never the client's own bytes.
    pub fn to_json(&self) -> Json {
        self.to_json_as(self.id.clone())
    }

    /// The same call under an id of the sender's own.
    pub fn to_json_as(&self, id: Json) -> Json {
        let text = |text: &str| Json::Text(text.into());
        let params = match &self.params {
            Params::List(items) => Json::List(items.clone()),
            Params::Named(entries) => Json::Object(entries.clone()),
        };
        let version = if self.is_version_2 { "2.0" } else { "1.0" };
        let named = |name: &str, value| (Box::from(name), value);
        Json::Object(vec![
            named("jsonrpc", text(version)),
            named("id", id),
            named("method", text(&self.method)),
            named("params", params),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(request: &str) -> String {
        Calls::read(request.as_bytes()).expect_err(request).detail
    }

    #[test]
    fn a_call_is_sent_on_as_it_was_understood() {
        let written = r#"{"params":["0x\u0031"],"id":7,"method":"eth_\u0063all","jsonrpc":"2.0"}"#;
        let Calls::One(call) = Calls::read(written.as_bytes()).expect("a call") else { panic!("one call") };
        assert_eq!(call.to_json().to_string(), r#"{"jsonrpc":"2.0","id":7,"method":"eth_call","params":["0x1"]}"#);
    }

    #[test]
    fn whatever_could_be_read_in_two_ways_is_refused() {
        assert!(refused(r#"{"method":"a","method":"b","id":1}"#).contains("is there twice"));
        assert_eq!(refused(r#"{"method":"a"}"#), "the call has no `id`");
        assert_eq!(refused(r#"{"method":"a","id":null}"#), "`id` must be a number or a text of 256 bytes at most");
        assert_eq!(refused(r#"{"method":"a","id":1,"Method":"b"}"#), "`Method` is no member of a call; leave it out");
        assert_eq!(refused(r#"{"method":"a","id":1,"params":"x"}"#), "`params` must be an array or an object");
        assert_eq!(refused("[]"), "the batch is empty; send a call at least");
        assert_eq!(refused("3"), "a call is an object with `method`, `params` and `id`");
        let one = r#"{"method":"a","id":1}"#;
        let other = r#"{"method":"a","id":"1"}"#;
        assert_eq!(refused(&format!("[{one},{other},{one}]")), "two calls have the `id` `1`; give each its own");
        assert!(refused(&format!("[{}]", vec!["1"; MOST_CALLS + 1].join(","))).contains("100 calls"));
    }
}
