//! What calls in a rail's own protocol mean.

use bursar_core::coin::Coin;
use bursar_core::hold::Recipient;
use bursar_rails::Forbidden;
use bursar_rails::json::Json;

/// What a call in a rail's own protocol means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallMeaning {
    /// It moves nothing: it is passed on.
    Read,
    /// It asks which wallets there are.
    Wallets,
    /// It makes an address at which the wallet of this name is paid. That moves nothing, and changes the wallet.
    NewAddress(String),
    /// It moves money.
    Spend(Box<Wanted>),
    /// It is never carried out.
    Forbidden(Forbidden),
}

/// A spend as a call asks for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// What the rail calls the wallet that pays.
    pub reference: String,
    /// The coin that moves.
    pub coin: Coin,
    /// Who gets how much; nobody if only its plan can tell ([`plan_call`](super::Protocol::plan_call)).
    pub recipients: Vec<Recipient>,
    /// What is meant besides: two calls that differ in it are two spends, whatever key they carry.
    pub meaning: Vec<u8>,
    /// What the rail calls the spend whoever asks for it, if it has a name before it is sent.
    pub name: Option<String>,
    /// Whether the client is answered the transaction, or what it is called.
    pub shows_transaction: bool,
    /// The other wallet, if it is not this one whose money moves: this one pays the fee then, and `recipients` get nothing
    /// of it.
    pub payer: Option<Payer>,
}

/// The wallet whose money moves in a spend that another wallet signs and pays the fee of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payer {
    /// What the rail calls it.
    pub reference: String,
    /// Who gets how much of its money.
    pub recipients: Vec<Recipient>,
}

/// Why a call that moves nothing has no result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallError {
    /// The rail refuses, in its words.
    Refused {
        /// Its number for that.
        code: i64,
        /// Its words.
        message: String,
        /// What else it says.
        data: Option<Json>,
    },
    /// The rail does not answer.
    Unavailable(String),
}
