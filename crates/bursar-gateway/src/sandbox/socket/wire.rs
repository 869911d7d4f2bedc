//! Questions and answers as they are written. Amounts are decimal text, ids and bytes are hex. Pure.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::Recipient;
use bursar_core::id::HoldId;
use bursar_core::time::Timestamp;
use bursar_service::rail::{Balance, Built, RailError, SendOutcome};
use serde::{Deserialize, Serialize};

use super::super::order::Order;
use super::super::transaction::{SpelledRecipient, recipient, spelled};

/// What is asked of the rail.
#[derive(Serialize, Deserialize, Debug)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(super) enum Question {
    Fund { reference: String, coin: String, balance: String, random: [u8; 16] },
    Build { reference: String, coin: String, recipients: Recipients, random: [u8; 16] },
    Send { reference: String, order: SpelledOrder },
    Reconcile { hold: String },
    Balance { reference: String },
    Addresses { reference: String },
    NewAddress { reference: String, random: [u8; 16] },
}

/// What the rail answers. It has no words for a send of which it does not know: that is not answered.
#[derive(Serialize, Deserialize, Debug)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(super) enum Reply {
    Done { reference: String, fee: String },
    Refused { reason: String },
    Built { bytes: String, fee: String },
    Address { address: String },
    Addresses { addresses: Vec<String> },
    Balance { confirmed: String },
    Invalid { field: String, problem: String },
    UnknownWallet,
    Unavailable { problem: String },
}

/// Who gets how much.
#[derive(Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub(super) struct Recipients(Vec<SpelledRecipient>);

/// A payment as it is ordered.
#[derive(Serialize, Deserialize, Debug)]
pub(super) struct SpelledOrder {
    id: String,
    coin: String,
    recipients: Recipients,
    amount: String,
    instruction: String,
    created_ms: i64,
}

impl Recipients {
    pub(super) fn write(recipients: &[Recipient]) -> Self {
        Self(recipients.iter().map(spelled).collect())
    }

    /// Nothing where one of them cannot be.
    pub(super) fn read(self) -> Option<Vec<Recipient>> {
        self.0.into_iter().map(|it| recipient(it).ok()).collect()
    }
}

impl SpelledOrder {
    pub(super) fn write(order: &Order) -> Self {
        Self {
            id: order.id.to_string(),
            coin: order.coin.to_string(),
            recipients: Recipients::write(&order.recipients),
            amount: order.amount.to_string(),
            instruction: base16ct::lower::encode_string(&order.instruction),
            created_ms: order.created.as_millis(),
        }
    }

    /// Nothing where a part of it cannot be: it is not guessed at.
    pub(super) fn read(self) -> Option<Order> {
        Some(Order {
            id: hold(&self.id)?,
            coin: coin(&self.coin)?,
            recipients: self.recipients.read()?,
            amount: amount(&self.amount)?,
            instruction: base16ct::lower::decode_vec(self.instruction).ok()?,
            created: Timestamp::from_millis(self.created_ms),
        })
    }
}

/// The id of a hold.
pub(super) fn hold(text: &str) -> Option<HoldId> {
    text.parse().ok()
}

/// A coin.
pub(super) fn coin(text: &str) -> Option<Coin> {
    Coin::parse(text).ok()
}

/// An amount.
pub(super) fn amount(text: &str) -> Option<Amount> {
    Amount::parse(text).ok()
}

impl Reply {
    /// How an outcome is told; one that is not known is not.
    pub(super) fn of_outcome(outcome: SendOutcome) -> Option<Self> {
        match outcome {
            SendOutcome::Done { reference, fee } => Some(Self::Done { reference, fee: fee.to_string() }),
            SendOutcome::Refused { reason } => Some(Self::Refused { reason }),
            // The sandbox is done at once; what it never says is not made up.
            SendOutcome::Sent { .. }
            | SendOutcome::Unseen { .. }
            | SendOutcome::Charged { .. }
            | SendOutcome::Awaiting { .. }
            | SendOutcome::Reverted { .. }
            | SendOutcome::NotSent { .. }
            | SendOutcome::Exceeded { .. }
            | SendOutcome::Unknown { .. } => None,
        }
    }

    /// How the answer to a question that moves no money is told.
    pub(super) fn of<T>(result: Result<T, RailError>, tell: impl FnOnce(T) -> Self) -> Self {
        match result {
            Ok(found) => tell(found),
            Err(RailError::Invalid { field, problem }) => Self::Invalid { field: field.to_owned(), problem },
            Err(RailError::UnknownWallet) => Self::UnknownWallet,
            Err(RailError::Refused(problem) | RailError::Unavailable(problem)) => Self::Unavailable { problem },
        }
    }

    pub(super) fn of_built(built: &Built) -> Self {
        Self::Built { bytes: base16ct::lower::encode_string(&built.bytes), fee: built.fee.to_string() }
    }

    pub(super) fn of_balance(balance: Balance) -> Self {
        Self::Balance { confirmed: balance.confirmed.to_string() }
    }

    /// What became of a send. An answer to something else says nothing about it.
    pub(super) fn outcome(self) -> SendOutcome {
        match self {
            Self::Refused { reason } => SendOutcome::Refused { reason },
            Self::Done { reference, fee } if amount(&fee).is_some() => {
                SendOutcome::Done { reference, fee: amount(&fee).unwrap_or_default() }
            }
            other => SendOutcome::Unknown { reason: format!("the sandbox answered a send with {other:?}") },
        }
    }

    /// The answer to a question that moves no money, where `read` finds it.
    pub(super) fn result<T>(self, read: impl FnOnce(Self) -> Option<T>) -> Result<T, RailError> {
        match self {
            Self::Invalid { field, problem } => Err(RailError::Invalid { field: field_named(&field), problem }),
            Self::UnknownWallet => Err(RailError::UnknownWallet),
            Self::Unavailable { problem } => Err(RailError::Unavailable(problem)),
            other => read(other)
                .ok_or_else(|| RailError::Unavailable("the sandbox's answer is none to what was asked".to_owned())),
        }
    }
}

/// The fields a rail finds fault with, by their names.
fn field_named(name: &str) -> &'static str {
    let known = ["coin", "address", "recipients", "reference", "txHex"];
    known.into_iter().find(|known| *known == name).unwrap_or("request")
}
