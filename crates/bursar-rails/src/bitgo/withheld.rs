//! Why a route of BitGo's is carried out for no token.

use crate::{Forbidden, Why};

/// A reason.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// It changes who may do what.
    Administers,
    /// It approves what somebody else asked for.
    Approves,
    /// How much it moves is not in the request.
    AmountNotNamed,
    /// It takes the place of something that is held.
    Replaces,
    /// It makes a signature for something that is not shown.
    SignsBlindly,
    /// It goes on with a request of the upstream's that nothing is held for here, or changes one.
    UnheldRequest,
    /// It makes a transaction that is no payment.
    NotAPayment,
    /// It pays fees, and nobody.
    PaysFeesOnly,
    /// It shows or takes keys.
    ShowsKeys,
    /// Whoever serves it has the keys, and is asked by the operator only.
    KeysElsewhere,
    /// It pays over Lightning.
    Lightning,
    /// It stakes.
    Staking,
    /// It names no wallet.
    NoWallet,
    /// It is about what is in no wallet.
    Elsewhere,
}

impl Reason {
    /// Its name in the table.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "administers" => Self::Administers,
            "approves" => Self::Approves,
            "amount_not_named" => Self::AmountNotNamed,
            "replaces" => Self::Replaces,
            "signs_blindly" => Self::SignsBlindly,
            "unheld_request" => Self::UnheldRequest,
            "not_a_payment" => Self::NotAPayment,
            "pays_fees_only" => Self::PaysFeesOnly,
            "shows_keys" => Self::ShowsKeys,
            "keys_elsewhere" => Self::KeysElsewhere,
            "lightning" => Self::Lightning,
            "staking" => Self::Staking,
            "no_wallet" => Self::NoWallet,
            "elsewhere" => Self::Elsewhere,
            _ => return None,
        })
    }

    /// The refusal, with what to do instead.
    pub fn told(self) -> Forbidden {
        let (why, detail) = match self {
            Self::Administers => (
                Why::Withheld,
                "this changes what governs wallets upstream, or who may use them; the operator does that there",
            ),
            Self::Approves => {
                (Why::Withheld, "an approval is given upstream by a person, and never with the token that spends")
            }
            Self::AmountNotNamed => (
                Why::NotPriced,
                "the request does not say how much it moves, so nothing can be held for it; use `sendmany` with amounts",
            ),
            Self::Replaces => (
                Why::NotSupported,
                "this takes the place of a transaction that another spend is held for, and one hold is of one; send a new one",
            ),
            Self::SignsBlindly => {
                (Why::Withheld, "this makes a signature that no limit can bound; send the transaction with `tx/send`")
            }
            Self::UnheldRequest => (
                Why::NotSupported,
                "of transaction requests only the steps that sign and deliver are carried out, and only for a request that this token \
                 asked for here; ask for one with `txrequests`",
            ),
            Self::NotAPayment => (
                Why::NotPriced,
                "what this transaction would allow or cost is not a payment, and nothing says its price; the operator does it upstream",
            ),
            Self::PaysFeesOnly => {
                (Why::NotPriced, "this pays a fee that the request does not bound; the operator does it upstream")
            }
            Self::ShowsKeys => (Why::Withheld, "this shows or takes what opens a wallet past Bursar"),
            Self::KeysElsewhere => {
                (Why::Withheld, "whoever answers this has keys of wallets, and is asked by the operator only")
            }
            Self::Lightning => (Why::NotPriced, "payments over Lightning are not read here; use `sendcoins`"),
            Self::Staking => (
                Why::NotPriced,
                "what staking binds, and for how long, is not priced here; the operator does it upstream",
            ),
            Self::NoWallet => (
                Why::Withheld,
                "this names no wallet, so no rail can be asked for it; ask the upstream with a token of its own",
            ),
            Self::Elsewhere => (
                Why::Withheld,
                "this is about what is in no wallet here, where no limit could hold; ask the upstream with a token of its own",
            ),
        };
        Forbidden::new(why, detail)
    }
}
