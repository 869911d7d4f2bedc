//! A spend's life: held, then captured, released or unresolved.

use sha2::{Digest, Sha256};

use crate::amount::Amount;
use crate::coin::Coin;
use crate::destination::Destination;
use crate::id::{HoldId, OrganisationId, TokenId, UserId, WalletId};
use crate::limit::Usage;
use crate::text::one_line;
use crate::time::Timestamp;

/// Somebody who is to be paid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    /// The destination in the rail's own notation.
    pub address: String,
    /// How much.
    pub amount: Amount,
}

/// Somebody who is to be paid, with the destination that the rail read in the address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payee {
    /// The address as it was given.
    pub address: String,
    /// What it means.
    pub destination: Destination,
    /// How much.
    pub amount: Amount,
}

/// What a spend costs: at most, while it is held; really, once it is captured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cost {
    /// The coin that is spent.
    pub coin: Coin,
    /// How much of it leaves, a fee in the same coin included.
    pub amount: Amount,
    /// The coin that pays the fee.
    pub fee_coin: Coin,
    /// The fee.
    pub fee: Amount,
}

/// What names a spend, so that asking twice is spending once (ADR 4).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SpendKey {
    /// `sequenceId`: per wallet, over all tokens.
    Sequence(WalletId, String),
    /// The very transaction that was built: per wallet, by the hash of its bytes.
    Transaction(WalletId, [u8; 32]),
    /// `Idempotency-Key`: per token.
    Client(TokenId, String),
}

/// Budget that is set aside for a spend before money moves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// The spend's id, ordered by time.
    pub id: HoldId,
    /// The token that spends.
    pub token: TokenId,
    /// Its owner.
    pub user: UserId,
    /// The wallet it spends from, if the money is in one that Bursar knows.
    pub wallet: Option<WalletId>,
    /// Whose money it is.
    pub organisation: OrganisationId,
    /// What the recipients get.
    pub payees: Vec<Payee>,
    /// What is held: the recipients' amounts and the greatest possible fee.
    pub cost: Cost,
    /// The name its client chose for it.
    pub key: Option<SpendKey>,
    /// Other names it was asked for by since, at most [`Hold::MOST_ALIASES`].
    pub aliases: Vec<SpendKey>,
    /// A hash of what is meant: two requests with the same key must have the same.
    pub meaning: [u8; 32],
    /// The transaction that was built before and is to be sent; empty if the rail makes it.
    pub instruction: Vec<u8>,
    /// The comment that came with it.
    pub comment: Option<String>,
    /// Whether the token's own limits were lifted by an unlock, so that its budgets only take note.
    pub overridden: bool,
    /// The service credential that holds it and alone may settle it, if it was held for somebody who moves
    /// the money themselves.
    pub holder: Option<TokenId>,
    /// Whether it counts as captured once its deadline is over: nobody else will say what became of it.
    pub captures_itself: bool,
    /// When it was held.
    pub created: Timestamp,
    /// When an answer is overdue.
    pub deadline: Timestamp,
    /// What became of it.
    pub state: HoldState,
}

/// What became of a hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HoldState {
    /// The rail is at it.
    Open,
    /// Nobody knows; it counts until somebody does (P4).
    Unresolved {
        /// Since when.
        since: Timestamp,
        /// What the rail told, or did not tell, when it became so: at most [`HoldState::LONGEST_REASON`] characters. Empty if nobody
        /// said.
        reason: String,
    },
    /// The money moved.
    Captured {
        /// When that was recorded.
        at: Timestamp,
        /// How much left, a fee in the same coin included.
        amount: Amount,
        /// The fee that was really paid.
        fee: Amount,
        /// What the rail calls it, usually a transaction id.
        reference: String,
    },
    /// The money did not move.
    Released {
        /// When that was recorded.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

impl SpendKey {
    /// How a name begins that Bursar makes for itself, and no name that a client gives.
    const OWN: char = '\0';

    /// The text of a name that Bursar makes for itself: no client chose it, and none is to read it.
    pub fn own(text: &str) -> String {
        format!("{}{text}", Self::OWN)
    }

    /// The name as its client gave it, if one did.
    pub fn of_client(&self) -> Option<&str> {
        match self {
            Self::Sequence(_, name) | Self::Client(_, name) => Some(name).filter(|name| !name.starts_with(Self::OWN)),
            Self::Transaction(..) => None,
        }
        .map(String::as_str)
    }
}

/// All keys that name a spend: the one its client chose, and the transaction itself if one was built before.
///
/// A transaction that is sent again under another name is still the same spend. What goes by a name of its token is no
/// transaction that was built before: its instruction is its rail's, and the same name and request of another token are
/// another spend.
pub fn names(chosen: Option<&SpendKey>, wallet: Option<WalletId>, transaction: &[u8]) -> Vec<SpendKey> {
    let is_of_token = matches!(chosen, Some(SpendKey::Client(..)));
    let wallet = wallet.filter(|_| !transaction.is_empty() && !is_of_token);
    let built = wallet.map(|wallet| SpendKey::Transaction(wallet, Sha256::digest(transaction).into()));
    let mut names: Vec<SpendKey> = chosen.cloned().into_iter().chain(built).collect();
    names.dedup();
    names
}

impl Cost {
    /// What a spend of `coin` costs that pays these amounts and a fee; nothing if no amount is that large.
    pub fn of(coin: Coin, amounts: impl IntoIterator<Item = Amount>, fee_coin: Coin, fee: Amount) -> Option<Self> {
        let first = if coin == fee_coin { fee } else { Amount::ZERO };
        let amount = amounts.into_iter().try_fold(first, Amount::checked_add)?;
        Some(Self { coin, amount, fee_coin, fee })
    }

    /// The same spend with what it cost really. A fee in the same coin is part of what left, whatever is said.
    #[must_use]
    pub fn really(&self, amount: Amount, fee: Amount) -> Self {
        let amount = if self.coin == self.fee_coin { amount.max(fee) } else { amount };
        Self { amount, fee, coin: self.coin.clone(), fee_coin: self.fee_coin.clone() }
    }

    /// What recipients get, fees aside.
    pub fn without_fee(&self) -> Amount {
        if self.coin == self.fee_coin { self.amount.saturating_sub(self.fee) } else { self.amount }
    }

    /// What is used of each coin. The spend counts once, in the coin that is spent.
    pub fn parts(&self) -> impl Iterator<Item = (&Coin, Usage)> {
        let same = self.coin == self.fee_coin;
        let fee = if same { self.fee } else { Amount::ZERO };
        let own = (&self.coin, Usage { amount: self.amount, fee, count: 1 });
        let other = (!same && self.fee > Amount::ZERO)
            .then_some((&self.fee_coin, Usage { amount: self.fee, fee: self.fee, count: 0 }));
        std::iter::once(own).chain(other)
    }

    /// Whether it is more than another cost of the same coins, in what leaves, in the fee, or in what recipients get:
    /// limits look at each by itself, so none may grow at the expense of another.
    pub fn exceeds(&self, held: &Self) -> bool {
        self.amount > held.amount || self.fee > held.fee || self.without_fee() > held.without_fee()
    }

    /// The least amount that is more than any coin has: sums of what is smaller always fit 256 bits.
    pub const BOUND: Amount = Amount::power_of_two(192);

    /// The greatest amount that is counted, which stands for one without end, such as that of an allowance (ADR 38). No coin
    /// has as much.
    pub const WITHOUT_END: Amount = Amount::all_ones(192);

    /// Whether recipients get, or may take, an amount without end.
    pub fn is_without_end(&self) -> bool {
        self.without_fee() == Self::WITHOUT_END
    }

    /// Whether amount or fee are more than any coin has.
    pub fn is_absurd(&self) -> bool {
        self.amount >= Self::BOUND || self.fee >= Self::BOUND
    }
}

impl Hold {
    /// How many other names a spend may be asked for by.
    pub const MOST_ALIASES: usize = 8;

    /// All keys that name this spend.
    pub fn names(&self) -> Vec<SpendKey> {
        let mut names = names(self.key.as_ref(), self.wallet, &self.instruction);
        names.extend(self.aliases.iter().cloned());
        names
    }

    /// What it really cost, once it is captured.
    pub fn captured(&self) -> Option<Cost> {
        match self.state {
            HoldState::Captured { amount, fee, .. } => Some(self.cost.really(amount, fee)),
            _ => None,
        }
    }
}

impl HoldState {
    /// How much is kept of why nobody knows, in characters: a rail's other end may be long-winded.
    pub const LONGEST_REASON: usize = 500;

    /// Nobody knows, for this reason: as one line that is not too long.
    pub fn unresolved(since: Timestamp, reason: &str) -> Self {
        Self::Unresolved { since, reason: one_line(reason, Self::LONGEST_REASON) }
    }

    /// Nothing moved, for this reason, in the same way.
    pub fn released(at: Timestamp, reason: &str) -> Self {
        Self::Released { at, reason: one_line(reason, Self::LONGEST_REASON) }
    }

    /// Whether budget is still held.
    pub const fn is_held(&self) -> bool {
        matches!(self, Self::Open | Self::Unresolved { .. })
    }

    /// The state's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Unresolved { .. } => "unresolved",
            Self::Captured { .. } => "captured",
            Self::Released { .. } => "released",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_bursars_own_is_none_that_a_client_gave() {
        let (wallet, token) = (WalletId::from_bytes([1; 16]), TokenId::from_bytes([2; 16]));
        for (name, shown) in [("nonce/5".to_owned(), Some("nonce/5")), (SpendKey::own("nonce/5"), None)] {
            assert_eq!(SpendKey::Sequence(wallet, name.clone()).of_client(), shown);
            assert_eq!(SpendKey::Client(token, name).of_client(), shown);
        }
        assert_eq!(SpendKey::Transaction(wallet, [3; 32]).of_client(), None);
    }

    #[test]
    fn a_reason_is_kept_as_one_short_line() {
        let long = format!("status 200\r\n\u{202e}{}", "x".repeat(10_000));
        let now = Timestamp::default();
        for state in [HoldState::unresolved(now, &long), HoldState::released(now, &long)] {
            let (HoldState::Unresolved { reason, .. } | HoldState::Released { reason, .. }) = state else { panic!() };
            let is_short = reason.chars().count() == HoldState::LONGEST_REASON;
            assert!(reason.starts_with("status 200   x") && is_short, "{reason}");
        }
    }
}
