//! What a node's answers say: whether a broadcast was taken, and what became of a transaction.

use bitcoin::{Amount, Txid};

use super::amount;
use crate::Forbidden;
use crate::json::Json;

/// A node's codes for what it says about a transaction.
mod code {
    /// It cannot be taken: a coin is missing, or it would cost too much.
    pub(super) const VERIFY_ERROR: i64 = -25;
    /// It breaks a rule of the network or of this node.
    pub(super) const VERIFY_REJECTED: i64 = -26;
    /// It is in the chain.
    pub(super) const ALREADY_IN_CHAIN: i64 = -27;
}

/// What is said of a transaction that the node has.
const ALREADY_KNOWN: [&str; 4] =
    ["txn-already-in-mempool", "txn-already-known", "txn-same-nonwitness-data-in-mempool", "already in block chain"];

/// What is said where a coin is spent, which may be by this very transaction.
const SPENT_BY_WHOM: [&str; 3] = ["missingorspent", "missing inputs", "txn-mempool-conflict"];

/// How much of what a node says is kept, in characters.
const LONGEST_REASON: usize = 200;

/// A node's answer to one call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// What was asked for.
    Result(Json),
    /// That it cannot be.
    Error {
        /// The kind.
        code: i64,
        /// In words.
        message: String,
    },
}

/// What became of a broadcast.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The node has the transaction, or the chain does.
    Done {
        /// What the chain calls it.
        txid: Txid,
    },
    /// The node does not take it, and nothing moved by this broadcast.
    Refused {
        /// Why, in the node's words.
        reason: String,
    },
    /// Nobody can say.
    Unknown {
        /// What happened instead of an answer.
        reason: String,
    },
}

/// Where a transaction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Not in a block yet.
    Waiting,
    /// In so many blocks, its own included.
    Confirmed(u32),
    /// Another that spends the same coin is so many blocks deep.
    Conflicted(u32),
}

/// What a node says about a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Where it stands.
    pub standing: Standing,
    /// What it paid to miners, if the node says so.
    pub fee: Option<Amount>,
    /// Whether the wallet gave it up; its coins may still move by it.
    pub is_abandoned: bool,
}

impl Reply {
    /// Reads an answer to the call with this id, in the shape of either version of JSON-RPC.
    ///
    /// # Errors
    /// It is no answer, or one to another call.
    pub fn read(bytes: &[u8], id: &Json) -> Result<Self, Forbidden> {
        let answer = Json::read(bytes)?;
        if answer.get("id") != Some(id) {
            return Err(Forbidden::undecodable("the node's answer is not to the call that was made; ask again"));
        }
        let set = |name: &str| answer.get(name).filter(|value| **value != Json::Null);
        match (set("result"), set("error")) {
            (Some(_), Some(_)) => Err(Forbidden::undecodable("the node's answer is both a result and an error")),
            (result, None) if answer.get("result").is_some() => Ok(Self::Result(result.cloned().unwrap_or(Json::Null))),
            (_, Some(error)) => {
                let code = match error.get("code") {
                    Some(Json::Number(text)) => text.parse().ok(),
                    _ => None,
                };
                let message = error.get("message").and_then(Json::as_text).unwrap_or_default();
                let message = message.chars().take(LONGEST_REASON).collect();
                code.map(|code| Self::Error { code, message })
                    .ok_or_else(|| Forbidden::undecodable("the node's error has no code"))
            }
            _ => Err(Forbidden::undecodable("the node's answer has neither a result nor an error")),
        }
    }
}

/// What an answer to `sendrawtransaction` says about the transaction that was sent.
pub fn of_broadcast(sent: Txid, reply: &Reply) -> Outcome {
    match reply {
        Reply::Result(Json::Text(text)) if text.parse() == Ok(sent) => Outcome::Done { txid: sent },
        Reply::Result(_) => {
            Outcome::Unknown { reason: "the node took a transaction and calls it by another name".to_owned() }
        }
        Reply::Error { code, message } => of_error(sent, *code, message),
    }
}

fn of_error(sent: Txid, code: i64, message: &str) -> Outcome {
    let lower = message.to_ascii_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
    let reason = format!("the node answered {code}: {message}");
    match code {
        code::ALREADY_IN_CHAIN => Outcome::Done { txid: sent },
        code::VERIFY_ERROR | code::VERIFY_REJECTED if says(&ALREADY_KNOWN) => Outcome::Done { txid: sent },
        code::VERIFY_ERROR | code::VERIFY_REJECTED if says(&SPENT_BY_WHOM) => Outcome::Unknown { reason },
        code::VERIFY_ERROR | code::VERIFY_REJECTED => Outcome::Refused { reason },
        _ => Outcome::Unknown { reason },
    }
}

impl Seen {
    /// Reads a result of `gettransaction`, or of `getrawtransaction` with details, about a transaction.
    ///
    /// # Errors
    /// It is about another, or does not say where it stands.
    pub fn read(asked: Txid, result: &Json) -> Result<Self, Forbidden> {
        let names_it = result.get("txid").and_then(Json::as_text).is_some_and(|text| text.parse() == Ok(asked));
        if !names_it {
            return Err(Forbidden::undecodable("the node's answer is about another transaction; ask again"));
        }
        let standing = match result.get("confirmations") {
            // A node leaves them out of what is in no block.
            None if result.get("blockhash").is_none() => Some(Standing::Waiting),
            Some(Json::Number(text)) => standing(text),
            _ => None,
        };
        let details = result.get("details").and_then(Json::as_list).unwrap_or_default();
        let is_abandoned = details.iter().any(|detail| detail.get("abandoned") == Some(&Json::Bool(true)));
        let of_detail = || details.iter().find_map(|detail| detail.get("fee"));
        let fee = result.get("fee").or_else(of_detail).and_then(amount::of_answer);
        standing
            .map(|standing| Self { standing, fee, is_abandoned })
            .ok_or_else(|| Forbidden::undecodable("the node's answer does not say how deep the transaction is"))
    }
}

fn standing(text: &str) -> Option<Standing> {
    match text.strip_prefix('-') {
        Some(depth) => depth.parse().ok().filter(|depth| *depth > 0).map(Standing::Conflicted),
        None => match text.parse().ok()? {
            0 => Some(Standing::Waiting),
            depth => Some(Standing::Confirmed(depth)),
        },
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use proptest::prelude::*;

    use super::*;

    fn sent() -> Txid {
        Txid::from_byte_array([7; 32])
    }

    fn reply(text: &str) -> Result<Reply, Forbidden> {
        Reply::read(text.as_bytes(), &Json::Number("1".into()))
    }

    fn failed(code: i64, message: &str) -> Outcome {
        of_broadcast(sent(), &Reply::Error { code, message: message.to_owned() })
    }

    #[test]
    fn only_the_name_that_was_sent_is_done() {
        let done = reply(&format!(r#"{{"result":"{}","error":null,"id":1}}"#, sent())).expect("a reply");
        assert_eq!(of_broadcast(sent(), &done), Outcome::Done { txid: sent() });
        for result in [r#""00""#, "null", "true", &format!(r#""{}""#, Txid::from_byte_array([8; 32]))] {
            let other = reply(&format!(r#"{{"jsonrpc":"2.0","result":{result},"id":1}}"#)).expect("a reply");
            assert!(matches!(of_broadcast(sent(), &other), Outcome::Unknown { .. }), "{result}");
        }
    }

    #[test]
    fn what_the_node_has_already_is_done_and_what_breaks_a_rule_is_refused() {
        assert_eq!(failed(-27, "Transaction outputs already in utxo set"), Outcome::Done { txid: sent() });
        assert_eq!(failed(-26, "txn-already-in-mempool"), Outcome::Done { txid: sent() });
        assert_eq!(failed(-26, "258: txn-already-known"), Outcome::Done { txid: sent() });
        for (code, message) in [(-26, "min relay fee not met"), (-26, "dust"), (-25, "Fee exceeds maximum configured")]
        {
            assert!(matches!(failed(code, message), Outcome::Refused { .. }), "{code} {message}");
        }
    }

    #[test]
    fn a_coin_that_is_gone_may_be_gone_by_this_transaction() {
        for message in ["bad-txns-inputs-missingorspent", "Missing inputs", "txn-mempool-conflict"] {
            assert!(matches!(failed(-25, message), Outcome::Unknown { .. }), "{message}");
            assert!(matches!(failed(-26, message), Outcome::Unknown { .. }), "{message}");
        }
        for code in [-1, -22, -28, -32603, 0, 26, i64::MIN] {
            assert!(matches!(failed(code, "x"), Outcome::Unknown { .. }), "{code}");
        }
    }

    #[test]
    fn an_answer_that_could_be_to_another_call_is_none() {
        for text in [
            r#"{"result":1,"id":2}"#,
            r#"{"result":1,"id":"1"}"#,
            r#"{"result":1}"#,
            r#"{"id":1}"#,
            r#"{"result":1,"error":{"code":-1,"message":"x"},"id":1}"#,
            r#"{"error":{"message":"x"},"id":1}"#,
            r#"{"error":"x","id":1}"#,
            r#"{"error":null,"id":1}"#,
            "[]",
            "",
        ] {
            assert!(reply(text).is_err(), "{text}");
        }
        let error = reply(r#"{"result":null,"error":{"code":-6,"message":"no funds"},"id":1}"#);
        assert_eq!(error, Ok(Reply::Error { code: -6, message: "no funds".to_owned() }));
    }

    #[test]
    fn where_a_transaction_stands_is_read_from_both_questions() {
        let seen = |rest: &str| {
            let text = format!(r#"{{"txid":"{}"{rest}}}"#, sent());
            Seen::read(sent(), &Json::read(text.as_bytes()).expect("JSON"))
        };
        let standing = |rest: &str| seen(rest).map(|seen| seen.standing);
        assert_eq!(standing(r#","confirmations":0"#), Ok(Standing::Waiting));
        assert_eq!(standing(""), Ok(Standing::Waiting));
        assert_eq!(standing(r#","confirmations":6"#), Ok(Standing::Confirmed(6)));
        assert_eq!(standing(r#","confirmations":-3"#), Ok(Standing::Conflicted(3)));
        for unsaid in [r#","blockhash":"00""#, r#","confirmations":"6""#, r#","confirmations":1.5"#] {
            assert!(standing(unsaid).is_err(), "{unsaid}");
        }
        let whole = seen(r#","confirmations":1,"fee":-0.00000141,"details":[{"abandoned":true}]"#).expect("seen");
        assert_eq!((whole.fee, whole.is_abandoned), (Some(Amount::from_sat(141)), true));
        let detailed = seen(r#","confirmations":1,"details":[{"fee":-1.41e-6}]"#).expect("seen");
        assert_eq!((detailed.fee, detailed.is_abandoned), (Some(Amount::from_sat(141)), false));
        let other = Json::read(br#"{"txid":"00","confirmations":1}"#).expect("JSON");
        assert!(Seen::read(sent(), &other).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), code: i64, message in ".{0,40}") {
            let _ = Reply::read(&bytes, &Json::Number("1".into()));
            let _ = failed(code, &message);
        }
    }
}
