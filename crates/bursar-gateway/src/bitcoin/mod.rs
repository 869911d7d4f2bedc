//! Nodes of Bitcoin, with wallets whose keys they hold.
//!
//! No client's sending is passed on. A transaction is built first, unsigned, and read: who gets how much and what it costs is
//! then known to the satoshi, and that is held. What the node signs afterwards must be the very same transaction.
//!
//! **Signed means spent.** The signed bytes are durable before anything leaves. From then on the spend counts until its
//! transaction is deep enough, or until another one that spends one of its coins is.
//!
//! What must never happen here: that something is signed or broadcast which is not held, that a coin's worth or what is
//! change is taken from a request, and that a spend is given back while its signed transaction may still be mined.

mod bcoin;
mod bump;
mod core;
mod follow;
mod make;
mod node;
mod plan;
mod protocol;
mod reserved;
mod send;
mod sent;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bitcoin::Amount as Satoshi;
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::destination::Destination;
use bursar_core::hold::{Hold, Payee, Recipient};
use bursar_core::id::HoldId;
use bursar_core::ledger::FeeCeiling;
use bursar_core::secret::Secret;
use bursar_rails::Forbidden;
use bursar_rails::bitcoin::network::Network;
use bursar_rails::bitcoin::request::{FeeRate, MOST_OUTPUTS};
use bursar_service::rail::{
    Answer, Balance, Built, Decoded, Memory, NewNote, Outflow, Permit, Plan, Protocol, Rail, RailError, SendOutcome,
};

use self::node::Wallets;
use self::reserved::Reserved;
use crate::said::Said;
use crate::tls::Trust;
pub use bursar_rails::bitcoin::build::Software;

/// A rail in front of a node.
pub struct BitcoinRail {
    network: Network,
    coin: Coin,
    node: Wallets,
    fees: FeeCeiling,
    rates: Rates,
    confirmations: u32,
    reserved: Reserved,
    said: Said,
    /// One spend at a time chooses coins of a wallet.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// What a transaction may pay for its size.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// At most.
    pub ceiling: FeeRate,
    /// Where the node has no estimate.
    pub fallback: FeeRate,
}

/// How a rail is configured.
pub struct Settings {
    /// The network.
    pub network: Network,
    /// Whose node it is.
    pub software: Software,
    /// Where the node is. It may have credentials in it.
    pub url: Secret<String>,
    /// Where its wallets are, if elsewhere.
    pub wallet_url: Option<Secret<String>>,
    /// Whom it is believed to be.
    pub trust: Trust,
    /// The most that fees may take.
    pub fees: FeeCeiling,
    /// What a transaction may pay for its size.
    pub rates: Rates,
    /// How many blocks make a transaction final, its own among them.
    pub confirmations: u32,
}

impl BitcoinRail {
    /// A rail; the node is not asked yet.
    ///
    /// # Errors
    /// A URL is none of a node.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let Settings { network, software, url, wallet_url, trust, fees, rates, confirmations } = settings;
        let node = Wallets::new(network, software, &url, wallet_url.as_ref(), &trust)?;
        let coin = network.coin().map_err(|refusal| refusal.detail)?;
        let (reserved, turns, said) = (Reserved::default(), Mutex::default(), Said::default());
        Ok(Self { network, coin, node, fees, rates, confirmations: confirmations.max(1), reserved, turns, said })
    }

    /// Checks that the node is on the network that it is said to be on.
    ///
    /// # Errors
    /// It is not, or does not answer.
    pub async fn is_usable(&self) -> Result<(), RailError> {
        let name = self.node.chain().await?;
        if Network::of_chain(&name).map_err(refused)? == self.network {
            return Ok(());
        }
        Err(RailError::Unavailable(format!(
            "the node is on the network `{name}`, and the rail is said to be on another"
        )))
    }

    fn turn(&self, wallet: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // Wallets are few: those that were ever spent from since the start.
        Arc::clone(turns.entry(wallet.to_owned()).or_default())
    }

    fn knows(&self, coin: &Coin) -> Result<(), RailError> {
        if *coin == self.coin {
            return Ok(());
        }
        let problem = format!("`{coin}` is no coin of this rail, which has `{}`", self.coin);
        Err(RailError::Invalid { field: "coin", problem })
    }

    fn read_payees(&self, coin: &Coin, recipients: &[Recipient]) -> Result<Vec<Payee>, RailError> {
        self.knows(coin)?;
        let invalid = |field, problem: &str| RailError::Invalid { field, problem: problem.to_owned() };
        if recipients.is_empty() || recipients.len() > MOST_OUTPUTS {
            return Err(invalid("recipients", "must be one at least, and 1000 at most"));
        }
        let mut paid = BTreeSet::new();
        let mut payees = Vec::with_capacity(recipients.len());
        for Recipient { address, amount } in recipients {
            let payable = self.network.address(address).map_err(|found| invalid("address", &found.detail))?;
            let least = payable.script.minimal_non_dust();
            let satoshi = satoshi(*amount).ok_or_else(|| invalid("amount", "is more than all bitcoin"))?;
            if satoshi < least {
                let problem = format!("is less than what can be spent again, {} satoshi", least.to_sat());
                return Err(RailError::Invalid { field: "amount", problem });
            }
            if !paid.insert(payable.script) {
                return Err(invalid("recipients", "name one address twice; pay it once"));
            }
            payees.push(Payee { address: address.clone(), destination: payable.destination, amount: *amount });
        }
        Ok(payees)
    }
}

fn refused(refusal: Forbidden) -> RailError {
    RailError::Refused(refusal.detail)
}

fn satoshi(amount: Amount) -> Option<Satoshi> {
    amount.as_u64().map(Satoshi::from_sat).filter(|amount| *amount <= Satoshi::MAX_MONEY)
}

impl Rail for BitcoinRail {
    fn is_sandbox(&self) -> bool {
        false
    }

    fn check(&self) -> Answer<'_, Result<(), RailError>> {
        Box::pin(self.is_usable())
    }

    fn refuses_credential(&self) -> bool {
        match &self.node {
            Wallets::Core(node) => node.node().refuses_credential(),
            Wallets::Bcoin(node) => node.refuses_credential(),
        }
    }

    fn kind(&self) -> &'static str {
        "bitcoin"
    }

    fn caveat(&self) -> Option<&'static str> {
        self.node.is_core().then_some("tested with Bitcoin Knots 29, not with Bitcoin Core itself")
    }

    fn coins(&self) -> Vec<Coin> {
        vec![self.coin.clone()]
    }

    fn destination(&self, coin: &Coin, address: &str) -> Result<Destination, RailError> {
        self.knows(coin)?;
        let invalid = |refusal: Forbidden| RailError::Invalid { field: "address", problem: refusal.detail };
        Ok(self.network.address(address).map_err(invalid)?.destination)
    }

    fn payees(&self, coin: &Coin, recipients: &[Recipient]) -> Result<Vec<Payee>, RailError> {
        self.read_payees(coin, recipients)
    }

    fn fee_coin(&self, _coin: &Coin) -> Coin {
        self.coin.clone()
    }

    fn fee_ceiling(&self, _coin: &Coin, _recipients: usize) -> Amount {
        self.fees.per_spend
    }

    fn fees_at_most(&self, _fee_coin: &Coin) -> FeeCeiling {
        self.fees
    }

    fn plan<'a>(
        &'a self,
        reference: &'a str,
        coin: &'a Coin,
        recipients: &'a [Recipient],
        hold: HoldId,
    ) -> Answer<'a, Result<Plan, RailError>> {
        Box::pin(self.plan_transfer(reference, coin, recipients, hold))
    }

    fn give_up(&self, hold: HoldId) {
        self.reserved.release(hold);
    }

    fn build<'a>(
        &'a self,
        _reference: &'a str,
        _coin: &'a Coin,
        _recipients: &'a [Recipient],
        _random: [u8; 16],
    ) -> Answer<'a, Result<Built, RailError>> {
        let reason =
            "no transaction can be built ahead: its coins are chosen when it is held; use `sendcoins`".to_owned();
        Box::pin(std::future::ready(Err(RailError::Refused(reason))))
    }

    fn decode(&self, _bytes: &[u8]) -> Result<Decoded, RailError> {
        let problem = "is not sent this way here; use `sendcoins`, or `sendrawtransaction` at this rail's address";
        Err(RailError::Invalid { field: "txHex", problem: problem.to_owned() })
    }

    fn sent(&self, hold: HoldId, memory: &dyn Memory) -> Result<Option<String>, RailError> {
        Ok(match sent::read(memory, hold)? {
            Some(sent::Remembered::Signed(signed)) => Some(signed.txid().to_string()),
            Some(sent::Remembered::Cancelled) | None => None,
        })
    }

    fn may_still_move<'a>(
        &'a self,
        hold: &'a Hold,
        memory: &'a dyn Memory,
    ) -> Answer<'a, Result<Option<String>, RailError>> {
        let problem = |txid: String| {
            format!(
                "it is signed as {txid}, which may be mined as long as its coins are not spent otherwise; it is given back then"
            )
        };
        Box::pin(async move { Ok(self.sent(hold.id, memory)?.map(problem)) })
    }

    fn send<'a>(&'a self, reference: &'a str, permit: Permit, memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        Box::pin(async move {
            let outcome = self.carry_out(reference, permit.hold(), memory).await;
            if matches!(outcome, SendOutcome::Refused { .. } | SendOutcome::NotSent { .. }) {
                self.reserved.release(permit.hold().id);
            }
            outcome
        })
    }

    fn reconcile<'a>(&'a self, hold: &'a Hold, memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        Box::pin(self.became_of(hold, memory))
    }

    fn unexplained<'a>(
        &'a self,
        reference: &'a str,
        memory: &'a dyn Memory,
    ) -> Answer<'a, Result<Vec<Outflow>, RailError>> {
        Box::pin(self.look_for_outflows(reference, memory))
    }

    fn forget<'a>(&'a self, hold: HoldId, memory: &'a dyn Memory) -> Answer<'a, Result<(), RailError>> {
        Box::pin(async move {
            self.reserved.release(hold);
            // INVARIANT: that a spend is never signed stays said: its send may still be on its way, and would sign.
            let Some(sent::Remembered::Signed(_)) = sent::read(memory, hold)? else { return Ok(()) };
            let mut over = Vec::new();
            for name in [sent::note(hold), sent::replaced_note(hold)] {
                let note = memory.read(&name)?;
                over.extend(note.map(|note| NewNote { name, version: note.version, body: None }));
            }
            memory.write(over).await.map(drop)
        })
    }

    fn balance<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Balance, RailError>> {
        Box::pin(async move {
            let confirmed = self.node.balance(reference).await?;
            Ok(Balance { confirmed: Amount::new(confirmed.to_sat().into()) })
        })
    }

    fn addresses<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Vec<String>, RailError>> {
        Box::pin(self.node.addresses(reference))
    }

    fn new_address<'a>(&'a self, reference: &'a str, _random: [u8; 16]) -> Answer<'a, Result<String, RailError>> {
        Box::pin(async move { Ok(self.node.new_address(reference, false).await?.address) })
    }

    fn keep_key<'a>(&'a self, _key: Secret<Vec<u8>>, _memory: &'a dyn Memory) -> Answer<'a, Result<String, RailError>> {
        let problem = "must be given, and no key: the wallet and its keys are the node's".to_owned();
        Box::pin(std::future::ready(Err(RailError::Invalid { field: "reference", problem })))
    }

    fn check_wallet<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<(), RailError>> {
        Box::pin(self.node.check_wallet(reference))
    }

    fn protocol(&self) -> Option<&dyn Protocol> {
        Some(self)
    }
}
