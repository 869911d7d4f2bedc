//! The port to where money really moves. Rails are implemented in the gateway; the service only knows
//! that each can be asked, told to send, and asked what became of a send.

use std::future::Future;
use std::pin::Pin;

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::destination::Destination;
use bursar_core::hold::{Hold, Payee, Recipient};
use bursar_core::ledger::FeeCeiling;

/// A future that a trait object can return.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The right to send one spend. Only the ledger's grant makes one, and sending consumes it (design §10):
/// what was not held cannot reach a rail.
#[derive(Debug)]
pub struct Permit {
    hold: Hold,
}

impl Permit {
    /// Only a hold that was just granted makes a permit.
    pub(crate) const fn of_granted(hold: Hold) -> Self {
        Self { hold }
    }

    /// The spend it allows.
    pub const fn hold(&self) -> &Hold {
        &self.hold
    }
}

/// What became of a send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SendOutcome {
    /// The money moved.
    Done {
        /// What the rail calls it: a transaction id.
        reference: String,
        /// The fee that was really paid, in the coin that pays fees.
        fee: Amount,
    },
    /// The rail refused before anything moved, and nothing will.
    Refused {
        /// Why, in the rail's words.
        reason: String,
    },
    /// Nobody can say.
    Unknown {
        /// What happened instead of an answer.
        reason: String,
    },
}

/// A transaction that a rail made but did not send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Built {
    /// Its bytes, as the rail writes them.
    pub bytes: Vec<u8>,
    /// The greatest fee it can pay.
    pub fee: Amount,
}

/// What a rail reads in a transaction's bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decoded {
    /// What the rail calls the wallet that pays.
    pub reference: String,
    /// The coin that moves.
    pub coin: Coin,
    /// Who gets how much.
    pub recipients: Vec<Recipient>,
    /// The greatest fee it can pay.
    pub fee: Amount,
}

/// A wallet's money as the rail sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Balance {
    /// What the wallet holds.
    pub confirmed: Amount,
}

/// Why a rail did not answer a question that moves no money.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RailError {
    /// The request cannot be: field and what is wrong with it.
    Invalid {
        /// The field at fault.
        field: &'static str,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The rail knows no such wallet.
    UnknownWallet,
    /// The rail does not answer.
    Unavailable(String),
}

/// Where money really moves.
pub trait Rail: Send + Sync {
    /// Whether this is play money, to be marked as such everywhere.
    fn is_sandbox(&self) -> bool;

    /// What kind of rail this is, in a word for people.
    fn kind(&self) -> &'static str {
        if self.is_sandbox() { "sandbox" } else { "other" }
    }

    /// What an address of a coin means, in its normal form.
    ///
    /// # Errors
    /// It is none of this coin.
    fn destination(&self, coin: &Coin, address: &str) -> Result<Destination, RailError>;

    /// Checks whether one transaction can pay these recipients, and reads their addresses.
    ///
    /// # Errors
    /// The first recipient who cannot be paid.
    fn payees(&self, coin: &Coin, recipients: &[Recipient]) -> Result<Vec<Payee>, RailError>;

    /// The coin that pays for sending a coin: itself, or that of its chain.
    fn fee_coin(&self, coin: &Coin) -> Coin {
        coin.clone()
    }

    /// The greatest fee that a direct send to so many recipients can cost, in [`Rail::fee_coin`].
    fn fee_ceiling(&self, coin: &Coin, recipients: usize) -> Amount;

    /// The most that fees paid in this coin may take of a wallet, whatever its limits leave out (design §5): also
    /// of a transaction that was built elsewhere, or of a spend that somebody else carries out.
    fn fees_at_most(&self, fee_coin: &Coin) -> FeeCeiling;

    /// Makes a transaction without sending it.
    fn build<'a>(
        &'a self,
        reference: &'a str,
        coin: &'a Coin,
        recipients: &'a [Recipient],
        random: [u8; 16],
    ) -> Answer<'a, Result<Built, RailError>>;

    /// Reads what a transaction would do. Pure: what is understood here is what `send` will carry out.
    ///
    /// # Errors
    /// The bytes are no transaction of this rail; they are refused, never guessed at.
    fn decode(&self, bytes: &[u8]) -> Result<Decoded, RailError>;

    /// Carries out a spend, once: a second send of the same hold finds the first.
    fn send<'a>(&'a self, reference: &'a str, permit: Permit) -> Answer<'a, SendOutcome>;

    /// Finds out what became of a hold that nobody settled.
    fn reconcile<'a>(&'a self, hold: &'a Hold) -> Answer<'a, SendOutcome>;

    /// What the wallet holds.
    fn balance<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Balance, RailError>>;

    /// The addresses the wallet can be paid at, oldest first.
    fn addresses<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Vec<String>, RailError>>;

    /// A new address the wallet can be paid at.
    fn new_address<'a>(&'a self, reference: &'a str, random: [u8; 16]) -> Answer<'a, Result<String, RailError>>;
}
