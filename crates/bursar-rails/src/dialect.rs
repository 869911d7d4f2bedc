//! A rail in front of a server that speaks the language of Bursar's own clients: which routes it has that Bursar does
//! not serve itself, and what a request to one of them needs and does.

use bursar_core::hold::Recipient;
use bursar_core::scope::{ScopeName, WalletAction};

use crate::Forbidden;
use crate::json::Json;

/// A route that a request goes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// What a token needs for it.
    pub need: Need,
    /// What becomes of the request.
    pub does: Does,
}

/// What a token needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Need {
    /// To be good.
    Nothing,
    /// A scope that speaks of no wallet.
    Scope(ScopeName),
    /// An action on the wallet that the path names.
    Wallet {
        /// What is done to it.
        action: WalletAction,
        /// What the path calls it.
        wallet: Box<str>,
        /// Its coin, if the path names one.
        coin: Option<Box<str>>,
    },
}

/// What becomes of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Does {
    /// It moves nothing and is passed on.
    Pass,
    /// It moves money, and is held first.
    Spend,
    /// It goes on with a spend that is held, and moves no more than that.
    Continue,
    /// It is carried out for no token.
    Withheld(Forbidden),
}

/// What is asked in a query: names and values, in their order.
pub type Query = Vec<(Box<str>, Box<str>)>;

/// A request that moves nothing, as it is passed on: made from what was understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passed {
    /// The method.
    pub method: &'static str,
    /// The names of the path, those of the upstream in place of ours.
    pub names: Vec<Box<str>>,
    /// What is asked in the query.
    pub query: Query,
    /// The body, if there is one.
    pub body: Option<Json>,
}

/// A spend that was made elsewhere, or is made upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// What is sent if it is granted, as it is kept with the hold.
    pub instruction: Vec<u8>,
    /// Who gets how much, in the words of the request; nobody if it does not say.
    pub claimed: Vec<Recipient>,
    /// The client's name for it.
    pub sequence_id: Option<String>,
    /// A comment to keep.
    pub comment: Option<String>,
    /// A one-time password for this spend alone.
    pub otp: Option<String>,
}
