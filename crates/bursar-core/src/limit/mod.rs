//! Limits and their budgets: how much may be spent, how much was, and when there is room again.
//!
//! A limit is a rule, a budget is what happened. Limits are conjunctive: there is no order in which one
//! could disable another, and none clips an amount to fit.

mod budget;
mod counter;
mod report;
mod rules;
pub mod text;
mod usage;
pub mod warnings;
mod window;

use std::fmt;

use crate::amount::Amount;
use crate::coin::Asset;
use crate::id::{OrganisationId, TokenId, UserId, WalletId};

pub use budget::{Budget, BudgetKey, History};
pub use counter::{Accrual, Counter, Rolling};
pub use report::{Fits, LimitReport};
pub use rules::{Allowed, Destinations, LimitSet};
pub use usage::Usage;
pub use window::{CalendarUnit, InvalidWindow, Period, Window, Zone};

/// What a limit is attached to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// One token.
    Token(TokenId),
    /// Everything a user's tokens spend.
    User(UserId),
    /// Everything that leaves a wallet.
    Wallet(WalletId),
    /// Everything an organisation spends.
    Organisation(OrganisationId),
}

impl Subject {
    /// The kind's name, as refusals and tables write it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::User(_) => "user",
            Self::Wallet(_) => "wallet",
            Self::Organisation(_) => "organisation",
        }
    }

    /// The bytes of the subject's id.
    pub const fn id_bytes(&self) -> &[u8; 16] {
        match self {
            Self::Token(id) => id.as_bytes(),
            Self::User(id) => id.as_bytes(),
            Self::Wallet(id) => id.as_bytes(),
            Self::Organisation(id) => id.as_bytes(),
        }
    }
}

/// What a limit measures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Measure {
    /// Base units that leave, fees in the same coin included.
    Amount,
    /// Base units that leave, fees excluded: only when it is said.
    AmountWithoutFee,
    /// Base units that go to fees, also under the spend of another coin.
    Fee,
    /// Number of spends.
    Count,
}

/// How much a limit lets through. Unset is the absence of a limit, a third state of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ceiling {
    /// At most this much; zero lets nothing through.
    At(Amount),
    /// Any amount: said explicitly, `maxLimit` on the wire (WC §4.2).
    Unlimited,
}

/// A rule about what its subject may spend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limit {
    /// What it counts.
    pub asset: Asset,
    /// How it counts.
    pub measure: Measure,
    /// Over which time.
    pub window: Window,
    /// How much.
    pub ceiling: Ceiling,
}

/// Why a limit, or a set of them, cannot be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InvalidLimit {
    /// A sum of base units of different coins says nothing.
    AmountOfManyCoins,
    /// Fees of different chains cannot be summed up.
    FeeOfAnyCoin,
    /// Amount and fee wear off side by side, so their difference follows no rule.
    AccrualWithoutFee,
    /// The window cannot be.
    Window(InvalidWindow),
    /// Two limits of one asset, measure and window: nobody could say which one is meant.
    Twice(Box<Limit>),
    /// More limits than a subject may have.
    TooMany,
    /// A per-destination limit that looks at anything but one coin's amounts or counts.
    NotForDestinations,
    /// A limit on the number of destinations that allows more than are kept.
    AtMostTooMany,
    /// More destinations were paid already than a limit on their number, or on what each gets, can take in.
    TooManyPaid,
}

impl Measure {
    /// All measures.
    pub const ALL: [Self; 4] = [Self::Amount, Self::AmountWithoutFee, Self::Fee, Self::Count];

    /// The stored and shown form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::AmountWithoutFee => "amount without fee",
            Self::Fee => "fee",
            Self::Count => "count",
        }
    }
}

impl Limit {
    /// Whether the limit can be.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), InvalidLimit> {
        match (&self.asset, self.measure) {
            (Asset::Chain(_) | Asset::Any, Measure::Amount | Measure::AmountWithoutFee) => {
                return Err(InvalidLimit::AmountOfManyCoins);
            }
            (Asset::Any | Asset::Family(_), Measure::Fee) => return Err(InvalidLimit::FeeOfAnyCoin),
            _ => {}
        }
        if self.measure == Measure::AmountWithoutFee && matches!(self.window, Window::Accrual { .. }) {
            return Err(InvalidLimit::AccrualWithoutFee);
        }
        self.window.check().map_err(InvalidLimit::Window)
    }

    /// Whether it is a limit on how much of a coin is spent: only such a limit lets a token spend alone.
    pub const fn is_of_amounts(&self) -> bool {
        matches!(self.measure, Measure::Amount | Measure::AmountWithoutFee)
    }

    /// Whether it sums up amounts of several coins, which is BitGo's `allErc20TokensLimit` and its like. Whoever writes a
    /// limit in our own form names the coin.
    pub const fn sums_up_coins(&self) -> bool {
        matches!(self.asset, Asset::Family(_)) && self.is_of_amounts()
    }

    /// Whether both count the same: then they differ in their ceilings at most.
    pub fn has_shape_of(&self, other: &Self) -> bool {
        self.asset == other.asset && self.measure == other.measure && self.window == other.window
    }

    /// Whether everything that passes this limit passes the other, which has the same shape.
    pub fn is_at_most(&self, other: &Self) -> bool {
        self.has_shape_of(other)
            && match (self.ceiling, other.ceiling) {
                (_, Ceiling::Unlimited) => true,
                (Ceiling::Unlimited, Ceiling::At(_)) => false,
                (Ceiling::At(own), Ceiling::At(other)) => own <= other,
            }
    }
}

impl fmt::Display for InvalidLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AmountOfManyCoins => {
                f.write_str(
                    "is a limit on amounts of several coins; a wildcard limits counts and fees only: name each coin, such as `hteth:usdc 100/day`, or limit the number of spends",
                )
            }
            Self::FeeOfAnyCoin => f.write_str("sums up fees of several chains; name the chain, such as `eth:*`"),
            Self::AccrualWithoutFee => f.write_str("cannot both wear off and leave fees out; choose another window"),
            Self::Window(problem) => write!(f, "has a window that {problem}"),
            Self::Twice(limit) => {
                write!(f, "has two limits on the {} of {} over `{}`", limit.measure.as_str(), limit.asset, limit.window)
            }
            Self::TooMany => write!(f, "has more than {} limits", LimitSet::MOST),
            Self::NotForDestinations => {
                f.write_str("is no limit for each destination; those are on amounts without fees or counts of one coin")
            }
            Self::AtMostTooMany => {
                let most = Destinations::MOST_PAID;
                write!(f, "may allow no more than {most} destinations; leave their number open, or limit what each gets")
            }
            Self::TooManyPaid => f.write_str(
                "comes too late: more destinations were paid already than can be counted; limit a new token from its beginning",
            ),
        }
    }
}

impl std::error::Error for InvalidLimit {}

#[cfg(test)]
mod tests;
