//! Limits and their budgets: how much may be spent, how much was.
//!
//! A budget is what happened: captured, held, overridden, per subject, asset and window. A limit is a
//! rule about it. So an edited limit finds its history, and a budget is kept where there is no limit.

use crate::amount::Amount;
use crate::coin::{Asset, Coin};
use crate::id::{OrganisationId, TokenId, UserId, WalletId};

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
    /// Base units.
    Amount,
    /// Number of spends.
    Count,
}

/// Over which time a limit counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Window {
    /// From the subject's beginning to its end.
    Lifetime,
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

/// Names a budget.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BudgetKey {
    /// Whose spending.
    pub subject: Subject,
    /// Of what.
    pub asset: Asset,
    /// Over which time.
    pub window: Window,
}

/// Some spends: how much and how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Their sum in base units.
    pub amount: Amount,
    /// Their number.
    pub count: u64,
}

/// The running state of what a subject spends of an asset in a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Budget {
    /// Settled: the money moved.
    pub captured: Usage,
    /// Reserved by holds that are open or unresolved.
    pub held: Usage,
    /// Captured under an unlock: shown apart, not counted against the subject's own limits.
    pub overridden: Usage,
}

impl Usage {
    /// One spend of `amount`.
    pub const fn one(amount: Amount) -> Self {
        Self { amount, count: 1 }
    }

    /// Both together, if they fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self { amount: self.amount.checked_add(other.amount)?, count: self.count.checked_add(other.count)? })
    }

    /// Both together, or the most there can be: of what happened nothing may be lost, and a budget that
    /// is full to the brim lets nothing more through.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self { amount: self.amount.saturating_add(other.amount), count: self.count.saturating_add(other.count) }
    }

    /// This without the other, if the other is contained in it.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Some(Self { amount: self.amount.checked_sub(other.amount)?, count: self.count.checked_sub(other.count)? })
    }

    const fn measured(self, measure: Measure) -> Measured {
        match measure {
            Measure::Amount => Measured::Amount(self.amount),
            Measure::Count => Measured::Count(self.count),
        }
    }
}

enum Measured {
    Amount(Amount),
    Count(u64),
}

impl Measured {
    fn figure(self) -> Amount {
        match self {
            Self::Amount(amount) => amount,
            Self::Count(count) => Amount::new(count.into()),
        }
    }
}

/// What one limit says to one spend, with the figures behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LimitReport {
    /// Whose limit it is.
    pub subject: Subject,
    /// The rule.
    pub limit: Limit,
    /// What was captured, in the limit's measure.
    pub captured: Amount,
    /// What is held, in the limit's measure.
    pub held: Amount,
    /// What is asked now, in the limit's measure.
    pub asked: Amount,
}

impl LimitReport {
    /// How the limit sees a spend, given what its budget holds.
    pub fn new(subject: Subject, limit: &Limit, budget: &Budget, asked: Usage) -> Self {
        let figure = |usage: Usage| usage.measured(limit.measure).figure();
        Self {
            subject,
            limit: limit.clone(),
            captured: figure(budget.captured),
            held: figure(budget.held),
            asked: figure(asked),
        }
    }

    /// Whether the spend fits: captured + held + asked ≤ ceiling, a sum that overflows does not fit.
    pub fn fits(&self) -> bool {
        match self.limit.ceiling {
            Ceiling::Unlimited => true,
            Ceiling::At(ceiling) => self
                .captured
                .checked_add(self.held)
                .and_then(|used| used.checked_add(self.asked))
                .is_some_and(|total| total <= ceiling),
        }
    }

    /// What could still be spent; nothing to say if the limit is unlimited.
    pub fn remaining(&self) -> Option<Amount> {
        match self.limit.ceiling {
            Ceiling::Unlimited => None,
            Ceiling::At(ceiling) => Some(ceiling.saturating_sub(self.captured).saturating_sub(self.held)),
        }
    }
}

/// The limits among `limits` that a spend of `coin` falls under: those of the coin itself, or, where it
/// has none of its own, those of its families (WC §4.3: `allErc20TokensLimit`).
pub fn covering<'a>(limits: &'a [Limit], coin: &'a Coin) -> impl Iterator<Item = &'a Limit> {
    let has_own = limits.iter().any(|limit| matches!(&limit.asset, Asset::Coin(own) if own == coin));
    limits.iter().filter(move |limit| limit.asset.covers(coin) && (!has_own || matches!(limit.asset, Asset::Coin(_))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coin::Family;

    fn limit(asset: &str, ceiling: Ceiling) -> Limit {
        Limit { asset: Asset::parse(asset).unwrap(), measure: Measure::Amount, window: Window::Lifetime, ceiling }
    }

    fn report(ceiling: Ceiling, captured: Amount, held: Amount, asked: Amount) -> LimitReport {
        let budget = Budget { captured: Usage::one(captured), held: Usage::one(held), ..Budget::default() };
        let subject = Subject::Token(TokenId::from_bytes([1; 16]));
        LimitReport::new(subject, &limit("tbtc", ceiling), &budget, Usage::one(asked))
    }

    #[test]
    fn a_spend_fits_up_to_and_including_the_ceiling() {
        let at = |asked| report(Ceiling::At(Amount::new(10)), Amount::new(3), Amount::new(4), Amount::new(asked));
        assert!(at(3).fits());
        assert!(!at(4).fits());
        assert_eq!(at(4).remaining(), Some(Amount::new(3)));
    }

    #[test]
    fn a_sum_that_overflows_never_fits() {
        assert!(!report(Ceiling::At(Amount::MAX), Amount::MAX, Amount::ZERO, Amount::new(1)).fits());
    }

    #[test]
    fn zero_and_unlimited_are_not_the_same() {
        assert!(!report(Ceiling::At(Amount::ZERO), Amount::ZERO, Amount::ZERO, Amount::new(1)).fits());
        assert!(report(Ceiling::At(Amount::ZERO), Amount::ZERO, Amount::ZERO, Amount::ZERO).fits());
        assert!(report(Ceiling::Unlimited, Amount::MAX, Amount::MAX, Amount::MAX).fits());
    }

    #[test]
    fn the_erc20_limit_covers_only_tokens_without_a_limit_of_their_own() {
        let limits = [limit("*erc20", Ceiling::Unlimited), limit("hteth:usdc", Ceiling::At(Amount::new(5)))];
        let of =
            |coin: &str| covering(&limits, &Coin::parse(coin).unwrap()).map(|l| l.asset.clone()).collect::<Vec<_>>();
        assert_eq!(of("hteth:usdc"), [Asset::parse("hteth:usdc").unwrap()]);
        assert_eq!(of("hteth:dai"), [Asset::Family(Family::Erc20)]);
        assert_eq!(of("hteth"), []);
    }
}
