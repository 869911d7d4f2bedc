//! Why a request is never carried out for a token.

use std::fmt;

/// A request that is refused whatever the token may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forbidden {
    /// The kind of refusal.
    pub why: Why,
    /// What is wrong and what to do, in a sentence for the client; no secret of theirs in it.
    pub detail: String,
}

/// Kinds of refusals, each with a stable code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Why {
    /// The method is in no table.
    UnknownMethod,
    /// No rule is for the method and path.
    UnknownRoute,
    /// The method is known, and never passes: it shows keys, signs blindly or changes the node.
    Withheld,
    /// It cannot be read in exactly one way.
    Undecodable,
    /// It can be read, and nothing says what it would cost.
    NotPriced,
    /// It is for another chain or network.
    WrongChain,
    /// It is of a kind that is not carried out (a batch with two spends, a replaced input, a contract's creation).
    NotSupported,
    /// Its money is one wallet's and its fee another's.
    TwoWallets,
    /// It spends, and came over a connection that is for reading.
    SpendOverSocket,
    /// The operator has not said where it can be had.
    NotConfigured,
}

impl Why {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownMethod => "method_unknown",
            Self::UnknownRoute => "route_unknown",
            Self::Withheld => "method_withheld",
            Self::Undecodable => "undecodable",
            Self::NotPriced => "not_priced",
            Self::WrongChain => "wrong_chain",
            Self::NotSupported => "not_supported",
            Self::TwoWallets => "two_wallets",
            Self::SpendOverSocket => "spend_over_socket",
            Self::NotConfigured => "not_configured",
        }
    }
}

impl Forbidden {
    /// A refusal of this kind.
    pub fn new(why: Why, detail: impl Into<String>) -> Self {
        Self { why, detail: detail.into() }
    }

    /// Something that cannot be read in exactly one way.
    pub fn undecodable(detail: impl Into<String>) -> Self {
        Self::new(Why::Undecodable, detail)
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Forbidden {}
