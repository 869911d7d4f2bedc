//! A spend's life: held, then captured, released or unresolved.

use sha2::{Digest, Sha256};

use crate::amount::Amount;
use crate::coin::Coin;
use crate::id::{HoldId, OrganisationId, TokenId, UserId, WalletId};
use crate::limit::BudgetKey;
use crate::time::Timestamp;

/// Somebody who is to be paid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    /// The destination in the rail's own notation.
    pub address: String,
    /// How much.
    pub amount: Amount,
}

/// What names a spend, so that asking twice is spending once (design §5, idempotency).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SpendKey {
    /// `sequenceId`: per wallet, over all tokens.
    Sequence(WalletId, String),
    /// The very transaction that was built: per wallet, by the hash of its bytes.
    Transaction(WalletId, [u8; 32]),
}

/// One budget that a hold weighs on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Charge {
    /// Which budget.
    pub budget: BudgetKey,
    /// Whether the subject's own limits were lifted by an unlock, so that the budget only takes note.
    pub overridden: bool,
}

/// A reservation of budget before money moves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// The spend's id, ordered by time.
    pub id: HoldId,
    /// The token that spends.
    pub token: TokenId,
    /// Its owner.
    pub user: UserId,
    /// The wallet it spends from.
    pub wallet: WalletId,
    /// The wallet's organisation.
    pub organisation: OrganisationId,
    /// The coin.
    pub coin: Coin,
    /// What the recipients get.
    pub recipients: Vec<Recipient>,
    /// What is held: recipients and the greatest possible fee.
    pub amount: Amount,
    /// The part of `amount` that is held for the fee.
    pub fee: Amount,
    /// The name its client chose for it.
    pub key: Option<SpendKey>,
    /// A hash of what is meant: two requests with the same key must have the same.
    pub meaning: [u8; 32],
    /// The transaction that was built before and is to be sent; empty if the rail makes it.
    pub instruction: Vec<u8>,
    /// The comment that came with it.
    pub comment: Option<String>,
    /// The budgets it weighs on.
    pub charges: Vec<Charge>,
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
    },
    /// The money moved.
    Captured {
        /// When that was recorded.
        at: Timestamp,
        /// How much left the wallet, the fee included.
        amount: Amount,
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

/// All keys that name a spend: the one its client chose, and the transaction itself if one was built before.
///
/// A transaction that is sent again under another name is still the same spend.
pub fn names(chosen: Option<&SpendKey>, wallet: WalletId, transaction: &[u8]) -> Vec<SpendKey> {
    let built = (!transaction.is_empty()).then(|| SpendKey::Transaction(wallet, Sha256::digest(transaction).into()));
    let mut names: Vec<SpendKey> = chosen.cloned().into_iter().chain(built).collect();
    names.dedup();
    names
}

impl Hold {
    /// All keys that name this spend.
    pub fn names(&self) -> Vec<SpendKey> {
        names(self.key.as_ref(), self.wallet, &self.instruction)
    }
}

impl HoldState {
    /// Whether budget is still reserved.
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
