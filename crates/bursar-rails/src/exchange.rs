//! Plain requests and answers of HTTP, as rails of that kind take, send and give them.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::scope::ScopeName;

/// A request as a client made it; nothing in it is believed yet.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a str,
    /// The path behind the rail's name, as it was received: it begins with `/`, and its escapes are still there.
    pub path: &'a str,
    /// What stands behind `?`, as it was received.
    pub query: Option<&'a str>,
    /// The headers in their order, names in small letters; one that came twice is there twice.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body.
    pub body: &'a [u8],
}

/// A request as it is sent on: made from what was understood, and without credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Box<str>,
    /// Path and query, escaped.
    pub target: String,
    /// Headers, names in small letters.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// The body; empty if there is none.
    pub body: Vec<u8>,
}

/// What a request means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Exchange {
    /// It moves nothing: it is passed on.
    Read {
        /// What is sent.
        outgoing: Outgoing,
        /// The permission that the token must have besides that to see a wallet.
        needs: Option<ScopeName>,
    },
    /// It moves money.
    Spend(Box<Charge>),
}

/// A spend as a request asks for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Charge {
    /// What is sent if it is granted.
    pub outgoing: Outgoing,
    /// The permission that the token must have besides that to spend.
    pub needs: Option<ScopeName>,
    /// The coin that moves.
    pub coin: Coin,
    /// How much of it at most.
    pub amount: Amount,
    /// Who gets it, in the upstream's words; nobody but the upstream itself, if nothing.
    pub destination: Option<Box<str>>,
    /// The client's name for the spend.
    pub key: Box<str>,
    /// What is needed to find out later what became of it.
    pub instruction: Vec<u8>,
}

/// An answer of an upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// The headers that are passed on, names in small letters.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answered {
    /// A header that is passed on.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| **known == *name).map(|(_, value)| &**value)
    }
}
