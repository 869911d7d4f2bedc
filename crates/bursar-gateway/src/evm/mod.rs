//! Nodes of Ethereum and its like, with wallets whose keys are kept here, or by the node.
//!
//! **Signed means spent.** A nonce and the signed bytes are durable before anything leaves. From then on the spend counts
//! until a receipt is final, or until another transaction with the same nonce is: dropped, replaced and reorganised
//! ones stay counted, and are broadcast again. What was never signed is cancelled first, durably, and then given back.
//!
//! What must never happen here: that a hold gets two nonces, that two get one, that a signature leaves which is not
//! remembered, and that the node's word for what a coin or a wallet is counts for anything.

mod by_node;
mod feed;
mod follow;
mod keys;
mod plan;
mod protocol;
mod quote;
mod replace;
mod send;
mod sent;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::destination::Destination;
use bursar_core::hold::{Hold, Payee, Recipient};
use bursar_core::id::HoldId;
use bursar_core::ledger::FeeCeiling;
use bursar_core::secret::Secret;
use bursar_rails::evm::address::{self, InvalidAddress};
use bursar_rails::evm::fees::ClientFees;
use bursar_rails::evm::{Address, Chain, Payment};
use bursar_rails::json::Json;
use bursar_service::rail::{
    Answer, Balance, Built, Decoded, Memory, NewNote, Outflow, Permit, Plan, Protocol, Rail, RailError, SendOutcome,
};

use crate::live::LivePlace;
use crate::node::Node;
use crate::said::Said;
use crate::tls::Trust;

/// How long a node may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A rail in front of a node.
pub struct EvmRail {
    chain: Chain,
    node: Node,
    fees: FeeCeiling,
    confirmations: u64,
    live: Option<LivePlace>,
    /// One spend at a time takes a nonce of a wallet.
    turns: Mutex<HashMap<Address, Arc<tokio::sync::Mutex<()>>>>,
    said: Said,
}

/// How a rail is configured.
pub struct Settings {
    /// The chain.
    pub chain: Chain,
    /// Where its node is. It may have credentials in it.
    pub url: Secret<String>,
    /// The most that fees may take.
    pub fees: FeeCeiling,
    /// How many blocks make a transaction final, its own among them.
    pub confirmations: u64,
}

impl EvmRail {
    /// A rail; the node is not asked yet.
    ///
    /// # Errors
    /// The URL is none of a node.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let trust = Trust::public().map_err(|_| "cannot be reached by TLS".to_owned())?;
        Self::trusting(settings, &trust)
    }

    /// A rail whose node is believed by this and no other trust.
    ///
    /// # Errors
    /// The URL is none of a node.
    pub fn trusting(settings: Settings, trust: &Trust) -> Result<Self, String> {
        let Settings { chain, url, fees, confirmations } = settings;
        let node = Node::trusting(&url, ANSWER_WITHIN, true, trust)?;
        let (confirmations, turns, said) = (confirmations.max(1), Mutex::default(), Said::default());
        Ok(Self { chain, node, fees, confirmations, live: None, turns, said })
    }

    /// The same, with a place where the node tells of what happens.
    #[must_use]
    pub fn telling(self, live: LivePlace) -> Self {
        Self { live: Some(live), ..self }
    }

    /// Checks that the node is on the chain that it is said to be on, and so where it takes WebSockets.
    ///
    /// # Errors
    /// It is not, or does not answer.
    pub async fn is_usable(&self) -> Result<(), RailError> {
        let id: u64 = quote::number(&self.node.ask("eth_chainId", Vec::new()).await.map_err(quote::told)?)?;
        if id == self.chain.id() {
            let Some(live) = &self.live else { return Ok(()) };
            let told = |problem| RailError::Unavailable(format!("no WebSocket: {problem}"));
            return self.listen(live).await.map(drop).map_err(told);
        }
        let problem = format!("the node is on chain {id}, and the rail is said to be on {}", self.chain.id());
        Err(RailError::Unavailable(problem))
    }

    fn turn(&self, wallet: Address) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // Wallets are few: those that were ever spent from since the start.
        Arc::clone(turns.entry(wallet).or_default())
    }

    async fn plan_transfer(
        &self,
        reference: &str,
        coin: &Coin,
        recipients: &[Recipient],
        hold: HoldId,
    ) -> Result<Plan, RailError> {
        let sender = wallet(reference)?;
        let recipient = one(recipients)?;
        let to = parse("address", &recipient.address)?;
        let payment = Payment::transfer(&self.chain, &|_| true, sender, coin, to, recipient.amount)
            .map_err(|refusal| RailError::Refused(refusal.detail))?;
        let (gas, price) = quote::quote(&self.chain, &self.node, &payment, &ClientFees::default()).await?;
        Ok(Plan { fee: price.fee(gas), instruction: plan::write(hold, &payment, gas, price) })
    }

    async fn read_balance(&self, reference: &str) -> Result<Balance, RailError> {
        let address = wallet(reference)?;
        let params = vec![Json::Text(format!("{address:#x}").into()), Json::Text("latest".into())];
        let found = self.node.ask("eth_getBalance", params).await.map_err(quote::told)?;
        let units = quote::number(&found)?;
        Ok(Balance { confirmed: bursar_rails::evm::quantity::amount(units) })
    }
}

/// The address that a wallet is called by on this rail.
fn wallet(reference: &str) -> Result<Address, RailError> {
    address::parse(reference).map_err(|_| RailError::UnknownWallet)
}

fn parse(field: &'static str, text: &str) -> Result<Address, RailError> {
    address::parse(text).map_err(|problem: InvalidAddress| RailError::Invalid { field, problem: problem.to_string() })
}

fn one(recipients: &[Recipient]) -> Result<&Recipient, RailError> {
    let [one] = recipients else {
        let problem = "must be one: a transaction on this chain pays one".to_owned();
        return Err(RailError::Invalid { field: "recipients", problem });
    };
    Ok(one)
}

impl Rail for EvmRail {
    fn is_sandbox(&self) -> bool {
        false
    }

    fn check(&self) -> Answer<'_, Result<(), RailError>> {
        Box::pin(self.is_usable())
    }

    fn keeps_up<'a>(&'a self, reference: &'a str, memory: &'a dyn Memory) -> Answer<'a, Result<(), RailError>> {
        Box::pin(async move {
            self.is_usable().await?;
            let sender = wallet(reference)?;
            watch::check_not_behind(memory, sender, self.count_pending(sender).await?)
        })
    }

    fn refuses_credential(&self) -> bool {
        self.node.refuses_credential()
    }

    fn coin(&self) -> Option<Coin> {
        Some(self.chain.native().clone())
    }

    fn decimals(&self) -> Vec<(Coin, u8)> {
        self.chain.decimals().collect()
    }

    fn coins(&self) -> Vec<Coin> {
        std::iter::once(self.chain.native()).chain(self.chain.tokens()).cloned().collect()
    }

    fn kind(&self) -> &'static str {
        "evm"
    }

    fn destination(&self, coin: &Coin, address: &str) -> Result<Destination, RailError> {
        self.knows(coin)?;
        Ok(address::destination(&parse("address", address)?))
    }

    fn payees(&self, coin: &Coin, recipients: &[Recipient]) -> Result<Vec<Payee>, RailError> {
        self.knows(coin)?;
        let Recipient { address, amount } = one(recipients)?;
        let destination = address::destination(&parse("address", address)?);
        Ok(vec![Payee { address: address.clone(), destination, amount: *amount }])
    }

    fn fee_coin(&self, _coin: &Coin) -> Coin {
        self.chain.native().clone()
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

    fn build<'a>(
        &'a self,
        _reference: &'a str,
        _coin: &'a Coin,
        _recipients: &'a [Recipient],
        _random: [u8; 16],
    ) -> Answer<'a, Result<Built, RailError>> {
        let reason =
            "no transaction can be built ahead: its nonce is given out when it is sent; use `sendcoins`".to_owned();
        Box::pin(std::future::ready(Err(RailError::Refused(reason))))
    }

    fn decode(&self, _bytes: &[u8]) -> Result<Decoded, RailError> {
        let problem = "is not sent this way here; use `sendcoins`, or `eth_sendRawTransaction` at this rail's address";
        Err(RailError::Invalid { field: "txHex", problem: problem.to_owned() })
    }

    fn send<'a>(&'a self, reference: &'a str, permit: Permit, memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        Box::pin(async move {
            let Some(half) = permit.payers() else { return self.carry_out(reference, permit.hold(), memory).await };
            self.carry_out_with(reference, permit.hold(), Some((half.reference(), half.hold())), memory).await
        })
    }

    fn reconcile<'a>(&'a self, hold: &'a Hold, memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        Box::pin(self.became_of(hold, memory))
    }

    fn sent(&self, hold: HoldId, memory: &dyn Memory) -> Result<Option<String>, RailError> {
        Ok(self.signed_one(hold, memory)?.map(|(hash, _)| hash))
    }

    fn may_still_move<'a>(
        &'a self,
        hold: &'a Hold,
        memory: &'a dyn Memory,
    ) -> Answer<'a, Result<Option<String>, RailError>> {
        Box::pin(std::future::ready(sent::may_still_move(memory, hold.id)))
    }

    fn signed(&self, hold: HoldId, memory: &dyn Memory) -> Result<Option<Vec<u8>>, RailError> {
        Ok(self.signed_one(hold, memory)?.map(|(_, bytes)| bytes))
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
            let Some((version, remembered)) = sent::read(memory, hold)? else { return Ok(()) };
            // INVARIANT: that a spend is never signed stays said: its send may still wait for its turn, and would sign.
            if remembered == sent::Remembered::Cancelled {
                return Ok(());
            }
            let name = sent::note(hold);
            memory.write(vec![NewNote { name, version, body: None }]).await.map(drop)
        })
    }

    fn balance<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Balance, RailError>> {
        Box::pin(self.read_balance(reference))
    }

    fn addresses<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Vec<String>, RailError>> {
        let one = wallet(reference).map(|address| vec![address.to_checksum(None)]);
        Box::pin(std::future::ready(one))
    }

    fn new_address<'a>(&'a self, _reference: &'a str, _random: [u8; 16]) -> Answer<'a, Result<String, RailError>> {
        let problem = "has one address, and no other; register another wallet for another address".to_owned();
        Box::pin(std::future::ready(Err(RailError::Invalid { field: "wallet", problem })))
    }

    fn keep_key<'a>(&'a self, key: Secret<Vec<u8>>, memory: &'a dyn Memory) -> Answer<'a, Result<String, RailError>> {
        Box::pin(async move {
            let (address, _) = keys::keep(memory, &key).await?;
            Ok(format!("{address:#x}"))
        })
    }

    fn names_wallets_by_address(&self) -> bool {
        true
    }

    fn wallet_name(&self, reference: &str) -> Result<String, RailError> {
        Ok(format!("{:#x}", parse("reference", reference)?))
    }

    fn check_wallet<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<(), RailError>> {
        Box::pin(self.check_of_node(reference))
    }

    fn protocol(&self) -> Option<&dyn Protocol> {
        Some(self)
    }
}

impl EvmRail {
    fn knows(&self, coin: &Coin) -> Result<(), RailError> {
        if coin == self.chain.native() || self.chain.contract(coin).is_some() {
            return Ok(());
        }
        let problem = format!("`{coin}` is no coin of this rail; ask its operator to add it");
        Err(RailError::Invalid { field: "coin", problem })
    }

    /// The signed transaction of a spend, with its hash.
    fn signed_one(&self, hold: HoldId, memory: &dyn Memory) -> Result<Option<(String, Vec<u8>)>, RailError> {
        Ok(match sent::read(memory, hold)? {
            Some((_, sent::Remembered::Signed { hash, bytes, .. })) => Some((format!("{hash:#x}"), bytes.to_vec())),
            Some((_, sent::Remembered::Asked { .. } | sent::Remembered::Cancelled)) | None => None,
        })
    }
}
