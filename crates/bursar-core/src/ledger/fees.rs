//! The most that fees may take, as a rail has it: limits that nobody had to write.
//!
//! A limit may leave fees out, and an unlock lifts a token's limits; these hold all the same, on the wallet
//! that pays.

use std::borrow::Cow;

use crate::amount::Amount;
use crate::coin::{Asset, Coin};
use crate::ledger::command::HoldRequest;
use crate::limit::{Ceiling, Limit, LimitSet, Measure, Subject, Window};
use crate::time::Span;

/// The most that fees may take of a wallet, in the coin that pays them. Its rail says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeeCeiling {
    /// By one spend; base units.
    pub per_spend: Amount,
    /// In any 24 hours; base units.
    pub per_day: Amount,
}

/// The time over which fees are summed up.
pub(super) const DAY: Window = Window::Rolling(Span::from_seconds(86_400));

impl FeeCeiling {
    /// The ceiling as limits on the fees of `coin`.
    pub fn limits(&self, coin: &Coin) -> [Limit; 2] {
        let over = |window, ceiling| Limit {
            asset: Asset::Coin(coin.clone()),
            measure: Measure::Fee,
            window,
            ceiling: Ceiling::At(ceiling),
        };
        [over(Window::Spend, self.per_spend), over(DAY, self.per_day)]
    }
}

/// The rules by which a request is judged: those of the subject, and of a wallet also its rail's on fees.
pub(super) fn with_ceiling<'a>(
    set: Option<&'a LimitSet>,
    subject: Subject,
    request: &HoldRequest,
) -> Option<Cow<'a, LimitSet>> {
    let ceiling = request.fee_ceiling.filter(|_| matches!(subject, Subject::Wallet(_)) && request.fee > Amount::ZERO);
    let Some(ceiling) = ceiling else { return set.map(Cow::Borrowed) };
    let mut set = set.cloned().unwrap_or_default();
    set.limits.extend(ceiling.limits(&request.fee_coin));
    Some(Cow::Owned(set))
}
