//! What the sandbox takes from a hold: enough to pay, and to tell it from any other.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::{Hold, Payee, Recipient};
use bursar_core::id::HoldId;
use bursar_core::time::Timestamp;

/// A payment as it is ordered. It comes from a hold and from nothing else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Order {
    /// The spend: of one id there is one payment.
    pub(super) id: HoldId,
    /// The coin.
    pub(super) coin: Coin,
    /// Who gets how much.
    pub(super) recipients: Vec<Recipient>,
    /// The most that may leave the wallet, the fee included.
    pub(super) amount: Amount,
    /// The transaction that was built before; empty if there is none.
    pub(super) instruction: Vec<u8>,
    /// When it was held.
    pub(super) created: Timestamp,
}

impl From<&Hold> for Order {
    fn from(hold: &Hold) -> Self {
        Self {
            id: hold.id,
            coin: hold.cost.coin.clone(),
            recipients: hold.payees.iter().map(recipient).collect(),
            amount: hold.cost.amount,
            instruction: hold.instruction.clone(),
            created: hold.created,
        }
    }
}

fn recipient(payee: &Payee) -> Recipient {
    Recipient { address: payee.address.clone(), amount: payee.amount }
}
