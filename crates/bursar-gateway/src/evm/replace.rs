//! Replacing a transaction that waits by the same one with higher fees (ADR 28).
//!
//! The replacement is a spend of its own, held in full beside the one it replaces: either may be mined, and only one, as both
//! have one nonce. Each is settled by which of them is final there. What must never happen here: that a nonce that was given
//! out is used for anything else than what it was given out for.

use bursar_core::id::TokenId;
use bursar_rails::evm::fees::ClientFees;
use bursar_rails::evm::raw::Raw;
use bursar_rails::evm::{Form, Payment, Price, Signed};
use bursar_service::rail::{Memory, RailError};

use super::sent::{self, Remembered};
use super::{EvmRail, keys, quote, send, watch};

/// By which part of the price before a node wants more for a replacement, in cap and tip: a tenth is what all want.
const MORE: u128 = 10;

/// What is said of a nonce that a block has, final or not.
const MINED: &str =
    "is that of a transaction that is mined, which nothing replaces; leave it out, and the next one is chosen";

/// The nonce that a client names for a payment.
pub(super) const fn named(payment: &Payment) -> Option<u64> {
    match payment.form {
        Form::Asked { nonce, .. } => nonce,
        Form::Signed(_) => None,
    }
}

impl EvmRail {
    /// Gas and price for a payment whose client names a nonce that was given out already; nothing if it names none such.
    pub(super) async fn quote_replacement(
        &self,
        payment: &Payment,
        asked: &ClientFees,
        memory: &dyn Memory,
    ) -> Result<Option<(u64, Price)>, RailError> {
        let given = send::given_out(memory, payment.sender)?;
        let Some(nonce) = named(payment).filter(|nonce| *nonce < given) else { return Ok(None) };
        let before = self.waiting(payment, nonce, None, memory)?;
        if nonce < self.count_mined(payment.sender).await? {
            return Err(is_mined(nonce));
        }
        let price = quote::price(&self.chain, &self.node, asked).await?;
        check_price(&before.price, &price)?;
        // It was tried when it was planned: beside itself, which waits, it may not seem to pass now.
        let gas = before.gas.max(asked.gas.unwrap_or(0));
        let refused = |refusal: bursar_rails::Forbidden| RailError::Refused(refusal.detail);
        ClientFees::of(gas, &price).check(self.chain.ceilings()).map_err(refused)?;
        Ok(Some((gas, price)))
    }

    /// Checks that a payment with this nonce replaces what was signed with it last, for the same token, and pays more.
    pub(super) fn check_replacement(
        &self,
        payment: &Payment,
        (nonce, gas, price): (u64, u64, &Price),
        token: TokenId,
        memory: &dyn Memory,
    ) -> Result<(), RailError> {
        let before = self.waiting(payment, nonce, Some(token), memory)?;
        if gas < before.gas {
            return Err(refuse(nonce, "is that of a transaction with more gas"));
        }
        check_price(&before.price, price)
    }

    /// What was signed last with a nonce, if it does the same and is not settled.
    fn waiting(
        &self,
        payment: &Payment,
        nonce: u64,
        token: Option<TokenId>,
        memory: &dyn Memory,
    ) -> Result<Signed, RailError> {
        let refuse = |problem| refuse(nonce, problem);
        if keys::is_of_node(memory, &payment.sender)? {
            return Err(refuse("was used, and a node has the wallet's key, which replaces nothing; leave it out"));
        }
        let last = watch::last_given(memory, payment.sender, nonce)?
            .ok_or_else(|| refuse("is used for good, or not from here; leave it out, and the next one is chosen"))?;
        let (hash, bytes) = match sent::read(memory, last.hold)? {
            Some((_, Remembered::Signed { hash, bytes, .. })) if hash == last.hash => (hash, bytes),
            _ => return Err(refuse("is that of a spend that is settled; leave it out, and the next one is chosen")),
        };
        let Raw { sender, message, signed } = Raw::read(&self.chain, &bytes)
            .map_err(|_| refuse("is that of a transaction that would not be carried out now"))?;
        if sender != payment.sender || signed.nonce != nonce || signed.hash != hash || message != payment.message {
            return Err(refuse("is that of another transaction; only the same `to`, `value` and `data` replace it"));
        }
        if token.is_some_and(|token| token != last.token) {
            return Err(refuse("is that of another token's spend, which that one alone replaces"));
        }
        Ok(signed)
    }
}

pub(super) fn is_mined(nonce: u64) -> RailError {
    refuse(nonce, MINED)
}

fn refuse(nonce: u64, problem: &str) -> RailError {
    RailError::Refused(format!("`nonce` {nonce} {problem}"))
}

/// Whether a price is so much above another that every node takes it instead.
fn check_price(before: &Price, now: &Price) -> Result<(), RailError> {
    let parts = |price: &Price| match *price {
        Price::Fixed { gas_price } => (gas_price, gas_price),
        Price::Market { max_fee_per_gas, max_priority_fee_per_gas } => (max_fee_per_gas, max_priority_fee_per_gas),
    };
    let ((cap, tip), (new_cap, new_tip)) = (parts(before), parts(now));
    for (field, before, now) in [("maxFeePerGas", cap, new_cap), ("maxPriorityFeePerGas", tip, new_tip)] {
        let least = before.saturating_add(before.div_ceil(MORE).max(1));
        if now < least {
            let problem =
                format!("`{field}` is {now}, and what replaces a transaction with {before} pays {least} at least");
            return Err(RailError::Refused(problem));
        }
    }
    Ok(())
}
