//! What the tests of several rails share.

use bursar_core::hold::{Cost, Hold, HoldState, Payee};
use bursar_core::id::{HoldId, OrganisationId, TokenId, UserId, WalletId};
use bursar_core::time::Timestamp;

/// An open hold of nobody in particular, made at the beginning of time.
pub(crate) fn hold(id: HoldId, payees: Vec<Payee>, cost: Cost, instruction: Vec<u8>) -> Hold {
    Hold {
        id,
        token: TokenId::from_bytes([0; 16]),
        user: UserId::from_bytes([0; 16]),
        wallet: Some(WalletId::from_bytes([0; 16])),
        organisation: OrganisationId::from_bytes([0; 16]),
        payees,
        cost,
        key: None,
        aliases: Vec::new(),
        meaning: [0; 32],
        instruction,
        comment: None,
        overridden: false,
        holder: None,
        captures_itself: false,
        created: Timestamp::from_millis(0),
        deadline: Timestamp::from_millis(60_000),
        state: HoldState::Open,
    }
}
