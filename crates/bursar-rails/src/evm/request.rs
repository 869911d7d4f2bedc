//! The object that `eth_sendTransaction` and `eth_signTransaction` take, read strictly.

use alloy_primitives::{Address, Bytes, U256};

use super::address;
use super::chain::Chain;
use super::fees::ClientFees;
use super::message::Message;
use super::quantity::{self, InvalidQuantity};
use crate::forbidden::{Forbidden, Why};
use crate::json::Json;

/// The members that are known here; some of them only so that they can be refused by name.
const KNOWN: [&str; 21] = [
    "from",
    "to",
    "value",
    "data",
    "input",
    "gas",
    "gasLimit",
    "gasPrice",
    "maxFeePerGas",
    "maxPriorityFeePerGas",
    "nonce",
    "chainId",
    "type",
    "accessList",
    "authorizationList",
    "blobs",
    "blobVersionedHashes",
    "maxFeePerBlobGas",
    "sidecars",
    "commitments",
    "proofs",
];

/// A transaction that a client asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Who is to sign it.
    pub from: Address,
    /// The account it calls, as it was written.
    pub to: Box<str>,
    /// What it asks of the chain.
    pub message: Message,
    /// The fees that were named; within the chain's ceilings.
    pub fees: ClientFees,
    /// The nonce that was named.
    pub nonce: Option<u64>,
}

impl Request {
    /// Reads the object. A known member that is `null` is as good as absent.
    ///
    /// # Errors
    /// A member is unknown, missing, malformed, contradicts another or names what is not carried out, or a fee is above
    /// its ceiling.
    pub fn read(chain: &Chain, json: &Json) -> Result<Self, Forbidden> {
        let Json::Object(entries) = json else {
            return Err(Forbidden::undecodable(
                "the transaction must be an object with `from`, `to`, `value` and `data`",
            ));
        };
        let mut read = Members::default();
        for (name, value) in entries {
            let absent = *value == Json::Null && KNOWN.contains(&&**name);
            if !absent {
                read.member(name, value)?;
            }
        }
        read.finish(chain)
    }
}

#[derive(Default)]
struct Members {
    from: Option<Address>,
    to: Option<(Box<str>, Address)>,
    value: Option<U256>,
    data: Option<Bytes>,
    input: Option<Bytes>,
    gas: Option<u64>,
    gas_limit: Option<u64>,
    gas_price: Option<u128>,
    max_fee_per_gas: Option<u128>,
    max_priority_fee_per_gas: Option<u128>,
    nonce: Option<u64>,
    chain_id: Option<U256>,
    kind: Option<u64>,
    access_list: bool,
}

impl Members {
    fn member(&mut self, name: &str, value: &Json) -> Result<(), Forbidden> {
        match name {
            "from" => self.from = Some(account(name, value)?),
            "to" => {
                let account = account(name, value)?;
                self.to = value.as_text().map(|text| (text.into(), account));
            }
            "value" => self.value = Some(number(name, value)?),
            "data" => self.data = Some(data(name, value)?),
            "input" => self.input = Some(data(name, value)?),
            "gas" => self.gas = Some(number(name, value)?),
            "gasLimit" => self.gas_limit = Some(number(name, value)?),
            "gasPrice" => self.gas_price = Some(number(name, value)?),
            "maxFeePerGas" => self.max_fee_per_gas = Some(number(name, value)?),
            "maxPriorityFeePerGas" => self.max_priority_fee_per_gas = Some(number(name, value)?),
            "nonce" => self.nonce = Some(number(name, value)?),
            "chainId" => self.chain_id = Some(number(name, value)?),
            "type" => self.kind = Some(number(name, value)?),
            "accessList" => {
                let empty = value.as_list().is_some_and(<[_]>::is_empty);
                if !empty {
                    return Err(unsupported("an `accessList` is not carried out; leave it out or empty"));
                }
                self.access_list = true;
            }
            "authorizationList" => {
                return Err(unsupported("an `authorizationList` hands over the account (EIP-7702); leave it out"));
            }
            "blobs" | "blobVersionedHashes" | "maxFeePerBlobGas" | "sidecars" | "commitments" | "proofs" => {
                return Err(unsupported("transactions with blobs are not carried out; leave out what belongs to them"));
            }
            other => {
                let name = other.escape_debug();
                return Err(Forbidden::undecodable(format!(
                    "`{name}` is no member of a transaction that is known here"
                )));
            }
        }
        Ok(())
    }

    fn finish(self, chain: &Chain) -> Result<Request, Forbidden> {
        if let Some(id) = self.chain_id.filter(|id| *id != U256::from(chain.id())) {
            return Err(wrong_chain(chain, &id));
        }
        let from =
            self.from.ok_or_else(|| Forbidden::undecodable("`from` is missing; name the wallet that is to send"))?;
        let (to, called) = self.to.ok_or_else(|| {
            unsupported("`to` is missing, and contracts are not created through here; name the account that is called")
        })?;
        let fees = ClientFees {
            gas: same("gas", "gasLimit", self.gas, self.gas_limit)?,
            gas_price: self.gas_price,
            max_fee_per_gas: self.max_fee_per_gas,
            max_priority_fee_per_gas: self.max_priority_fee_per_gas,
            is_fixed: self.kind == Some(0) || self.gas_price.is_some(),
        };
        fees.check(chain.ceilings())?;
        let market = fees.max_fee_per_gas.or(fees.max_priority_fee_per_gas).is_some();
        match self.kind {
            None | Some(2) if fees.gas_price.is_none() => {}
            None | Some(0) if !market && !self.access_list => {}
            None | Some(0 | 2) => {
                return Err(Forbidden::undecodable("`type` and the kind of price contradict one another"));
            }
            Some(_) => return Err(unsupported("only transactions of `type` `0x0` and `0x2` are carried out")),
        }
        let input = same("data", "input", self.data, self.input)?.unwrap_or_default();
        let message = Message { to: called, value: self.value.unwrap_or_default(), input };
        Ok(Request { from, to, message, fees, nonce: self.nonce })
    }
}

/// Refuses a transaction for another chain.
pub(super) fn wrong_chain(chain: &Chain, id: &U256) -> Forbidden {
    Forbidden::new(Why::WrongChain, format!("the transaction is for chain {id}, and this rail is chain {}", chain.id()))
}

/// Refuses what is not carried out.
pub(super) fn unsupported(detail: &str) -> Forbidden {
    Forbidden::new(Why::NotSupported, detail)
}

/// One thing that has two names.
fn same<T: PartialEq>(one: &str, other: &str, first: Option<T>, second: Option<T>) -> Result<Option<T>, Forbidden> {
    match (first, second) {
        (Some(first), Some(second)) if first != second => {
            Err(Forbidden::undecodable(format!("`{one}` and `{other}` are one thing, and differ; give one of them")))
        }
        (first, second) => Ok(first.or(second)),
    }
}

fn text<'a>(name: &str, value: &'a Json) -> Result<&'a str, Forbidden> {
    value.as_text().ok_or_else(|| Forbidden::undecodable(format!("`{name}` is not a text; write it as `\"0x...\"`")))
}

fn account(name: &str, value: &Json) -> Result<Address, Forbidden> {
    address::parse(text(name, value)?).map_err(|problem| Forbidden::undecodable(format!("`{name}` {problem}")))
}

fn number<T: TryFrom<U256>>(name: &str, value: &Json) -> Result<T, Forbidden> {
    let problem = |problem: InvalidQuantity| Forbidden::undecodable(format!("`{name}` {problem}"));
    quantity::narrow(text(name, value)?).map_err(problem)
}

fn data(name: &str, value: &Json) -> Result<Bytes, Forbidden> {
    quantity::data(text(name, value)?).map_err(|problem| Forbidden::undecodable(format!("`{name}` {problem}")))
}
