//! Spends that say more than who gets how much: a transaction that the client signed, or one that the upstream makes.
//!
//! What must never happen here: that something is sent which moves more than what its recipients get, or pays others.

use bursar_core::amount::Amount;
use bursar_core::hold::Recipient;

use super::outputs::Outputs;
use super::routes::Handling;
use super::{Chain, half_signed};
use crate::dialect::Order;
use crate::json::Json;
use crate::{Forbidden, Why};

/// The most recipients of one spend.
pub(super) const MOST_RECIPIENTS: usize = 1000;
/// The longest address, comment or name, in bytes.
const LONGEST_TEXT: usize = 512;
/// The longest body of an order, in bytes: it is kept with its hold.
const LONGEST_BODY: usize = 512 * 1024;
/// Fields that shape how a transaction is made, and what it costs: they say nothing of one that is made already.
const HINTS: [&str; 17] = [
    "numBlocks",
    "feeRate",
    "maxFeeRate",
    "feeMultiplier",
    "minConfirms",
    "enforceMinConfirmsForChange",
    "gasPrice",
    "gasLimit",
    "eip1559",
    "targetWalletUnspents",
    "minValue",
    "maxValue",
    "noSplitChange",
    "unspents",
    "txFormat",
    "addressType",
    "maxFee",
];

/// The call that carries an order out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// Which call it is.
    pub way: Way,
    /// Its body, as far as it is the same whoever asks.
    pub body: Vec<(Box<str>, Json)>,
}

/// The calls that carry orders out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// The client made and signed the transaction.
    Send,
    /// The upstream makes and signs it.
    Initiate,
    /// The upstream makes it, and it is signed in steps later.
    Request,
}

impl Way {
    const ALL: [Self; 3] = [Self::Send, Self::Initiate, Self::Request];

    /// The names of its path behind the wallet's.
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Send => &["tx", "send"],
            Self::Initiate => &["tx", "initiate"],
            Self::Request => &["txrequests"],
        }
    }
}

/// Reads an order.
///
/// # Errors
/// It cannot be read in exactly one way, its transaction pays others than its recipients, or nobody can tell whom it
/// pays and the coin's recipients are not trusted.
pub fn read(handling: Handling, body: &[u8], chain: Chain) -> Result<Order, Forbidden> {
    if body.len() > LONGEST_BODY {
        return Err(Forbidden::undecodable(format!("the body is longer than {LONGEST_BODY} bytes")));
    }
    let Json::Object(entries) = Json::read(body)? else {
        return Err(Forbidden::undecodable("the body is no JSON object; send one"));
    };
    let is_made = handling == Handling::Transaction;
    let (mut kept, mut claimed) = (Vec::new(), Vec::new());
    let (mut sequence_id, mut comment, mut otp) = (None, None, None);
    for (name, value) in entries {
        match &*name {
            "recipients" => {
                claimed = recipients(&value)?;
                kept.push((name, Json::List(claimed.iter().map(written).collect())));
            }
            "txHex" if is_made => kept.push((name, value)),
            "halfSigned" if is_made => kept.push((name, half_signed::plain(value)?)),
            "sequenceId" => sequence_id = Some(text(&name, &value)?),
            "comment" => comment = Some(text(&name, &value)?),
            "otp" => otp = Some(text(&name, &value)?),
            "type" if value.as_text() == Some("transfer") => {}
            hint if HINTS.contains(&hint) && (is_made || hint == "txFormat" || asks_for_nothing(&value)) => {}
            hint if HINTS.contains(&hint) => return Err(not_carried_out(hint)),
            other => {
                return Err(unsupported(&format!("`{}` is not understood here; leave it out", other.escape_debug())));
            }
        }
    }
    if claimed.is_empty() {
        return Err(Forbidden::undecodable("`recipients` are missing; say who gets how much"));
    }
    let call = Call { way: if is_made { Way::Send } else { Way::Initiate }, body: kept };
    if is_made {
        match transaction(&call, chain)? {
            Transaction::Bitcoin(outputs) => outputs.left_over(&claimed).map(drop)?,
            Transaction::Evm { pays, .. } => same(chain, &pays, &claimed)?,
            Transaction::Trusted => {}
        }
    }
    Ok(Order { instruction: call.packed(), claimed, sequence_id, comment, otp })
}

/// Whether a field that is there says no more than one that is not.
pub(super) fn asks_for_nothing(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Object(entries) => entries.is_empty(),
        Json::List(items) => items.is_empty(),
        Json::Bool(true) | Json::Number(_) | Json::Text(_) => false,
    }
}

/// Why a wish for how a transaction is made, or for what it may cost, is not passed over in silence.
pub(super) fn not_carried_out(field: &str) -> Forbidden {
    unsupported(&format!(
        "`{field}` is not carried out: the upstream makes the transaction, and what its fee may be is the rail's to say; leave it \
         out, or send a transaction of your own with `tx/send`"
    ))
}

/// A transaction as it can be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Transaction {
    /// One of Bitcoin: which of its outputs are change, the wallet knows.
    Bitcoin(Box<Outputs>),
    /// One of a chain like Ethereum.
    Evm {
        /// Whom it pays.
        pays: Vec<Recipient>,
        /// The most that it offers for its gas, in base units; nothing of one that says nothing about it.
        fee: Amount,
    },
    /// One that nobody reads here, because the operator trusts what its recipients say.
    Trusted,
}

/// Reads the transaction of a call.
///
/// # Errors
/// There is none, or not exactly one that can be read.
pub fn transaction(call: &Call, chain: Chain) -> Result<Transaction, Forbidden> {
    let field = |name: &str| call.body.iter().find(|(known, _)| **known == *name).map(|(_, value)| value);
    let half = field("halfSigned");
    let hex = match (field("txHex"), half.and_then(|half| half.get("txHex"))) {
        (Some(_), Some(_)) => return Err(unsupported("there are two transactions; send one")),
        (Some(_), None) if half.is_some() => {
            return Err(unsupported("`txHex` and `halfSigned` stand beside each other; send one"));
        }
        (one, other) => one.or(other),
    };
    let hex = hex.map(|hex| hex.as_text().ok_or_else(|| Forbidden::undecodable("`txHex` is no text")));
    match (chain, hex.transpose()?, half) {
        (Chain::Bitcoin(network), Some(hex), _) => Outputs::read(network, hex).map(Box::new).map(Transaction::Bitcoin),
        (Chain::Evm { .. }, Some(hex), None) => {
            half_signed::raw(chain, hex).map(|(pays, fee)| Transaction::Evm { pays, fee })
        }
        (Chain::Evm { .. }, None, Some(half)) => {
            half_signed::read(half).map(|pays| Transaction::Evm { pays, fee: Amount::ZERO })
        }
        (Chain::Evm { .. }, Some(_), Some(_)) => {
            Err(unsupported("the half-signed transaction says it twice; send one"))
        }
        (Chain::Bitcoin(_), None, _) | (Chain::Evm { .. }, None, None) => {
            Err(Forbidden::undecodable("there is no transaction; send `txHex` or `halfSigned`"))
        }
        (Chain::Named, None, None) => Err(Forbidden::undecodable("there is no transaction; send `txHex`")),
        (Chain::Named, _, _) => Ok(Transaction::Trusted),
    }
}

/// Whether two lists pay the same, in whatever order and spelling.
fn same(chain: Chain, pays: &[Recipient], claimed: &[Recipient]) -> Result<(), Forbidden> {
    let read = |list: &[Recipient]| {
        let one = |to: &Recipient| Ok((chain.destination(&to.address)?.id(), to.amount));
        let mut read = list.iter().map(one).collect::<Result<Vec<_>, Forbidden>>()?;
        read.sort_unstable();
        Ok::<_, Forbidden>(read)
    };
    if read(pays)? == read(claimed)? { Ok(()) } else { Err(differs()) }
}

pub(super) fn differs() -> Forbidden {
    Forbidden::undecodable("the transaction does not pay what `recipients` say; build it anew")
}

impl Call {
    /// As it is kept with a hold.
    pub fn packed(&self) -> Vec<u8> {
        format!("{}\n{}", self.way.names().join("/"), Json::Object(self.body.clone())).into_bytes()
    }

    /// What was kept.
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (path, body) = text.split_once('\n')?;
        let way = Way::ALL.into_iter().find(|way| way.names().join("/") == path)?;
        match Json::read(body.as_bytes()).ok()? {
            Json::Object(body) => Some(Self { way, body }),
            _ => None,
        }
    }

    /// Whether its transaction is made: the same bytes are the same spend, whoever asks. What the upstream makes is one
    /// spend each time.
    pub fn is_made(&self) -> bool {
        self.way == Way::Send
    }

    /// The same under the name that a spend has upstream.
    #[must_use]
    pub fn called(self, sequence_id: String) -> Self {
        match self.clone().named(sequence_id) {
            Json::Object(body) => Self { body, ..self },
            _ => self,
        }
    }

    /// Its body under the name that a spend has upstream.
    pub fn named(self, sequence_id: String) -> Json {
        let mut body = self.body;
        let intent = body.iter_mut().find_map(|(name, value)| match value {
            Json::Object(entries) if **name == *"intent" => Some(entries),
            _ => None,
        });
        // Of what is signed in steps the intent has the name.
        let name_in = |entries: &mut Vec<(Box<str>, Json)>| {
            entries.retain(|(name, _)| **name != *"sequenceId");
            entries.push(("sequenceId".into(), Json::Text(sequence_id.into())));
        };
        match intent {
            Some(intent) if self.way == Way::Request => name_in(intent),
            _ => name_in(&mut body),
        }
        Json::Object(body)
    }
}

pub(super) fn recipients(list: &Json) -> Result<Vec<Recipient>, Forbidden> {
    let list = list.as_list().filter(|list| (1..=MOST_RECIPIENTS).contains(&list.len()));
    let list = list.ok_or_else(|| {
        Forbidden::undecodable(format!("`recipients` are no list of 1 to {MOST_RECIPIENTS}; say who gets how much"))
    })?;
    list.iter().map(recipient).collect()
}

fn recipient(one: &Json) -> Result<Recipient, Forbidden> {
    let Json::Object(entries) = one else { return Err(Forbidden::undecodable("a recipient is no object")) };
    let (mut address, mut amount) = (None, None);
    for (name, value) in entries {
        match &**name {
            "address" => address = Some(text(name, value)?),
            "amount" => amount = Some(units(value)?),
            "data" if matches!(value.as_text(), Some("" | "0x")) => {}
            other => {
                return Err(unsupported(&format!("`{}` of a recipient is not understood", other.escape_debug())));
            }
        }
    }
    match (address, amount) {
        (Some(address), Some(amount)) => Ok(Recipient { address, amount }),
        _ => Err(Forbidden::undecodable("a recipient has no address or no amount")),
    }
}

fn written(to: &Recipient) -> Json {
    let amount = Json::Text(to.amount.to_string().into());
    Json::Object(vec![("address".into(), Json::Text(to.address.as_str().into())), ("amount".into(), amount)])
}

/// Base units: digits and nothing else.
pub(super) fn units(value: &Json) -> Result<Amount, Forbidden> {
    let refuse = || Forbidden::undecodable("an amount is not in base units; write it in digits, without sign or point");
    let (Json::Text(digits) | Json::Number(digits)) = value else { return Err(refuse()) };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) || digits.starts_with('0') {
        return Err(refuse());
    }
    Amount::parse(digits).map_err(|_| refuse())
}

pub(super) fn text(name: &str, value: &Json) -> Result<String, Forbidden> {
    let text =
        value.as_text().filter(|text| (1..=LONGEST_TEXT).contains(&text.len()) && !text.chars().any(char::is_control));
    let problem = || Forbidden::undecodable(format!("`{name}` is no text of 1 to {LONGEST_TEXT} bytes"));
    text.map(str::to_owned).ok_or_else(problem)
}

pub(super) fn unsupported(problem: &str) -> Forbidden {
    Forbidden::new(Why::NotSupported, problem)
}

#[cfg(test)]
mod tests;
