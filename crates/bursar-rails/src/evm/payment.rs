//! What a spend on a chain is, once it is understood.

use alloy_primitives::{Address, B256, Bytes};
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::hold::{Cost, Payee};

use super::Own;
use super::address;
use super::calldata;
use super::chain::Chain;
use super::fees::{ClientFees, Price};
use super::message::Message;
use crate::forbidden::{Forbidden, Why};

/// A spend: exactly one coin, to exactly one destination. An amount of zero is one too, and pays its fee.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payment {
    /// The chain it is on. With the sender and a nonce it names the spend, whatever the transaction's hash.
    pub chain_id: u64,
    /// The wallet that signs and pays the fee. It is one of ours.
    pub sender: Address,
    /// The wallet whose money moves. It is one of ours: the sender, or whoever allowed the sender to take it.
    pub payer: Address,
    /// What kind of movement it is.
    pub kind: Kind,
    /// The coin that moves, the fee aside.
    pub coin: Coin,
    /// Who gets how much; of an allowance, whoever may take it. One that is more than any coin has is
    /// [`Cost::WITHOUT_END`].
    pub payee: Payee,
    /// What is asked of the chain.
    pub message: Message,
    /// How far the transaction is made.
    pub form: Form,
}

/// What kind of movement a spend is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The money goes to the destination.
    Transfer,
    /// The destination may take the money. That is money gone, in full, and never given back by a later allowance.
    Allowance,
    /// A contract is called, at the price of a rule.
    Contract,
}

/// How far a transaction is made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Form {
    /// It is still to be made and signed.
    Asked {
        /// The fees the client named.
        fees: ClientFees,
        /// The nonce the client expects. It is a wish: nonces are given out here, and another one is refused.
        nonce: Option<u64>,
        /// Whether it is to be broadcast, or handed out signed.
        broadcast: bool,
    },
    /// It is signed.
    Signed(Signed),
}

/// A signed transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// Its place in the sender's sequence.
    pub nonce: u64,
    /// The most gas it may use.
    pub gas: u64,
    /// The price it offers for that.
    pub price: Price,
    /// Its hash.
    pub hash: B256,
    /// The bytes that are broadcast.
    pub bytes: Bytes,
}

impl Payment {
    /// Understands what a sender's message moves.
    ///
    /// # Errors
    /// The sender is no wallet here, or the message has no price.
    pub(super) fn of(
        chain: &Chain,
        own: Own<'_>,
        sender: Address,
        message: Message,
        form: Form,
    ) -> Result<Self, Forbidden> {
        if !own(&sender) {
            return Err(Forbidden::new(
                Why::NotSupported,
                format!("{sender} is no wallet that spends through here; ask `eth_accounts` which there are"),
            ));
        }
        let moves = calldata::movement(chain, own, &sender, &message)?;
        let payee = address::payee(&moves.to, moves.amount);
        let chain_id = chain.id();
        Ok(Self { chain_id, sender, payer: moves.payer, kind: moves.kind, coin: moves.coin, payee, message, form })
    }

    /// The payment of an amount of a coin, for whoever does not speak JSON-RPC.
    ///
    /// # Errors
    /// The chain has no such coin, the sender is no wallet here, or the amount is more than any coin has.
    pub fn transfer(
        chain: &Chain,
        own: Own<'_>,
        sender: Address,
        coin: &Coin,
        to: Address,
        amount: Amount,
    ) -> Result<Self, Forbidden> {
        let message = Message::transfer(chain, coin, to, amount).ok_or_else(|| {
            Forbidden::new(Why::NotPriced, format!("`{coin}` is no coin of this rail; ask its operator to add it"))
        })?;
        let form = Form::Asked { fees: ClientFees::default(), nonce: None, broadcast: true };
        Self::of(chain, own, sender, message, form)
    }

    /// The most it can pay in fees, if that is known already.
    pub fn fee(&self) -> Option<Amount> {
        match &self.form {
            Form::Asked { fees, .. } => fees.fee(),
            Form::Signed(signed) => Some(signed.fee()),
        }
    }

    /// What it costs with this fee; nothing if no amount is that large.
    pub fn cost(&self, chain: &Chain, fee: Amount) -> Option<Cost> {
        Cost::of(self.coin.clone(), [self.payee.amount], chain.native().clone(), fee)
    }
}

impl Signed {
    /// The most it can pay in fees.
    pub fn fee(&self) -> Amount {
        self.price.fee(self.gas)
    }
}
