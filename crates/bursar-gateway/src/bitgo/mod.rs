//! Another Bursar, or BitGo, whose wallets are spent from with a token of theirs.
//!
//! The client's token never goes there, and the upstream's never comes here: each side has its own, and each answer its
//! own signature. A spend is named upstream by its hold, so that asking twice pays once.
//!
//! What must never happen here: that a spend is sent before that is durable, that an answer is believed which the upstream
//! did not sign, and that a spend is given back while the upstream may still carry it out.

mod caller;
mod dialect;
mod doubt;
mod express;
mod requests;
mod send;
mod sent;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bursar_core::ambient::Clock;
use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::destination::Destination;
use bursar_core::hold::{Hold, Payee, Recipient};
use bursar_core::id::HoldId;
use bursar_core::ledger::FeeCeiling;
use bursar_core::secret::Secret;
use bursar_core::time::Span;
use bursar_rails::bitgo::{Chain, answer, wallet};
use bursar_rails::json::Json;
use bursar_service::dialect::Dialect;
use bursar_service::rail::{Answer, Balance, Built, Decoded, Memory, Permit, Plan, Rail, RailError, SendOutcome};
pub use bursar_wire::signature::AuthVersion;
use hyper::Method;

pub use self::caller::Scheme;
use self::caller::{Caller, Question};
use self::express::Express;
pub use self::express::ExpressSettings;
use self::sent::{Remembered, Taken};
use crate::tls::Trust;

/// The most recipients of one spend.
const MOST_RECIPIENTS: usize = 1000;
/// How long an upstream that did what it was asked is taken to be well: nobody asks after it before each spend.
const WELL: Span = Span::from_seconds(10);
/// The most pages of a list that are looked through.
const MOST_PAGES: usize = 20;
/// The same of transaction requests, which a spend is found among or never given back.
const MOST_PAGES_OF_REQUESTS: usize = 500;
/// What a question is called that moves nothing.
const READ: &str = "bursar-read";

/// A rail in front of an upstream's wallets.
pub struct BitgoRail {
    coin: Coin,
    chain: Chain,
    caller: Caller,
    software: Software,
    express: Option<Express>,
    fees: FeeCeiling,
}

/// Whose software the upstream is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Software {
    /// BitGo's. That it shows no transfer proves nothing.
    Bitgo,
    /// Another Bursar, which shows a spend as soon as it has it.
    Bursar,
}

/// How a rail is configured.
pub struct Settings {
    /// The coin of its wallets, which pays their fees too.
    pub coin: Coin,
    /// Where the upstream is.
    pub url: String,
    /// The token that is shown there.
    pub token: Secret<String>,
    /// How requests are signed.
    pub scheme: Scheme,
    /// Whose software it is.
    pub software: Software,
    /// BitGo Express beside it, which signs spends.
    pub express: Option<ExpressSettings>,
    /// Whether addresses are taken as they are written, and transactions as paying their recipients, where they cannot
    /// be read.
    pub trusts_recipients: bool,
    /// The most that fees may take.
    pub fees: FeeCeiling,
}

impl BitgoRail {
    /// A rail; the upstream is not asked yet.
    ///
    /// # Errors
    /// The coin's addresses cannot be read, the URL is none, or the token is none that signs.
    pub fn trusting(settings: Settings, clock: Arc<dyn Clock>, trust: &Trust) -> Result<Self, String> {
        let Settings { coin, url, token, scheme, software, express, trusts_recipients, fees } = settings;
        let chain = match Chain::of(&coin) {
            Err(_) if trusts_recipients => Chain::Named,
            known => known.map_err(|refusal| refusal.detail)?,
        };
        let express = express.map(|express| Express::new(express, &token, trust)).transpose()?;
        let caller = Caller::new(&url, &token, scheme, clock, trust)?;
        Ok(Self { coin, chain, caller, software, express, fees })
    }

    /// Checks that the upstream takes the token.
    ///
    /// # Errors
    /// It does not, or does not answer.
    pub async fn is_usable(&self) -> Result<(), RailError> {
        self.read(&["api", "v2", "user", "session"]).await.map(drop)
    }

    /// The path of something of a wallet's.
    fn of_wallet<'a>(&'a self, wallet: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
        [&["api", "v2", self.coin.as_str(), "wallet", wallet][..], rest].concat()
    }

    async fn read(&self, path: &[&str]) -> Result<Json, RailError> {
        self.ask(Method::GET, path, None).await
    }

    async fn ask(&self, method: Method, path: &[&str], body: Option<&Json>) -> Result<Json, RailError> {
        let (status, body) = self.heard(method, (path, &[]), body).await?;
        match status {
            200 => Ok(body),
            404 => Err(RailError::UnknownWallet),
            status => Err(RailError::Unavailable(format!("the upstream answered {status}: {}", answer::words(&body)))),
        }
    }

    /// Asks something that moves nothing; what only reads is asked once more if there is no answer.
    async fn heard(
        &self,
        method: Method,
        (path, query): (&[&str], &[(&str, &str)]),
        body: Option<&Json>,
    ) -> Result<(u16, Json), RailError> {
        let once = || {
            let at = self.caller.now();
            self.caller.ask(Question { method: method.clone(), path, query, body, request: READ, at })
        };
        let heard = match once().await {
            Err(_) if method == Method::GET => once().await,
            heard => heard,
        };
        let lost = |reason: String| RailError::Unavailable(format!("the upstream did not answer: {reason}"));
        let heard = heard.map_err(|error| lost(error.reason()))?;
        let body = Json::read(&heard.body).map_err(|refusal| RailError::Unavailable(refusal.detail))?;
        Ok((heard.status, body))
    }

    /// What a wallet holds that can be spent from here; a problem says why it cannot.
    async fn held(&self, reference: &str) -> Result<Result<Amount, String>, RailError> {
        let shown = self.read(&self.of_wallet(reference, &[])).await?;
        Ok(wallet::read(&shown, reference, &self.coin))
    }

    fn meant(&self, coin: &Coin, address: &str) -> Result<Destination, RailError> {
        if *coin != self.coin {
            let problem = format!("`{coin}` is no coin of this rail, which has `{}`", self.coin);
            return Err(RailError::Invalid { field: "coin", problem });
        }
        let invalid = |problem| RailError::Invalid { field: "address", problem };
        self.chain.destination(address).map_err(|refusal| invalid(refusal.detail))
    }
}

impl Rail for BitgoRail {
    fn is_sandbox(&self) -> bool {
        false
    }

    fn check(&self) -> Answer<'_, Result<(), RailError>> {
        Box::pin(self.is_usable())
    }

    fn kind(&self) -> &'static str {
        "bitgo"
    }

    fn caveat(&self) -> Option<&'static str> {
        (self.software == Software::Bitgo).then_some("not yet run against BitGo itself")
    }

    fn refuses_credential(&self) -> bool {
        self.caller.is_refused()
    }

    fn coins(&self) -> Vec<Coin> {
        vec![self.coin.clone()]
    }

    fn destination(&self, coin: &Coin, address: &str) -> Result<Destination, RailError> {
        self.meant(coin, address)
    }

    fn payees(&self, coin: &Coin, recipients: &[Recipient]) -> Result<Vec<Payee>, RailError> {
        if recipients.is_empty() || recipients.len() > MOST_RECIPIENTS {
            let problem = format!("must be one at least, and {MOST_RECIPIENTS} at most");
            return Err(RailError::Invalid { field: "recipients", problem });
        }
        let read = |Recipient { address, amount }: &Recipient| {
            let destination = self.meant(coin, address)?;
            Ok(Payee { address: address.clone(), destination, amount: *amount })
        };
        recipients.iter().map(read).collect()
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
        _coin: &'a Coin,
        _recipients: &'a [Recipient],
        _hold: HoldId,
    ) -> Answer<'a, Result<Plan, RailError>> {
        Box::pin(async move {
            // A token that is no longer good is found out here, where nothing is held yet.
            if !self.caller.was_well_within(WELL) {
                self.held(reference).await?.map_err(RailError::Unavailable)?;
            }
            Ok(Plan { fee: self.fees.per_spend, instruction: Vec::new() })
        })
    }

    fn build<'a>(
        &'a self,
        _reference: &'a str,
        _coin: &'a Coin,
        _recipients: &'a [Recipient],
        _random: [u8; 16],
    ) -> Answer<'a, Result<Built, RailError>> {
        let reason = "no transaction can be built ahead on this rail; use `sendcoins` or `sendmany`".to_owned();
        Box::pin(std::future::ready(Err(RailError::Refused(reason))))
    }

    fn decode(&self, _bytes: &[u8]) -> Result<Decoded, RailError> {
        let problem = "is not sent this way on this rail; use `sendcoins` or `sendmany`".to_owned();
        Err(RailError::Invalid { field: "txHex", problem })
    }

    fn sent(&self, hold: HoldId, memory: &dyn Memory) -> Result<Option<String>, RailError> {
        Ok(match sent::read(memory, hold)? {
            Some((_, Remembered::Asked(sent::Asked { taken: Taken::Sent(reference), .. }))) => Some(reference),
            _ => None,
        })
    }

    fn transaction_id<'a>(
        &'a self,
        hold: HoldId,
        memory: &'a dyn Memory,
    ) -> Answer<'a, Result<Option<String>, RailError>> {
        Box::pin(async move {
            Ok(match sent::read(memory, hold)? {
                // A request that becomes a transaction is none yet.
                Some((_, Remembered::Asked(sent::Asked { taken: Taken::Sent(reference), request, .. }))) => {
                    Some(reference).filter(|reference| request.as_ref() != Some(reference))
                }
                _ => None,
            })
        })
    }

    fn may_still_move<'a>(
        &'a self,
        hold: &'a Hold,
        memory: &'a dyn Memory,
    ) -> Answer<'a, Result<Option<String>, RailError>> {
        Box::pin(self.why_it_may_move(hold, memory))
    }

    fn awaits(&self, hold: HoldId, memory: &dyn Memory) -> Result<Option<String>, RailError> {
        Ok(match sent::read(memory, hold)? {
            Some((_, Remembered::Asked(sent::Asked { taken: Taken::Awaiting(approval), .. }))) => Some(approval),
            _ => None,
        })
    }

    fn send<'a>(&'a self, reference: &'a str, permit: Permit, memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        Box::pin(async move { self.carry_out(reference, permit.hold(), memory).await })
    }

    fn reconcile<'a>(&'a self, hold: &'a Hold, memory: &'a dyn Memory) -> Answer<'a, SendOutcome> {
        Box::pin(self.became_of(hold, memory))
    }

    fn forget<'a>(&'a self, hold: HoldId, memory: &'a dyn Memory) -> Answer<'a, Result<(), RailError>> {
        Box::pin(sent::forget(memory, hold))
    }

    fn balance<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Balance, RailError>> {
        Box::pin(async move {
            let confirmed = self.held(reference).await?.map_err(RailError::Unavailable)?;
            Ok(Balance { confirmed })
        })
    }

    fn addresses<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<Vec<String>, RailError>> {
        Box::pin(async move {
            let shown = self.read(&self.of_wallet(reference, &["addresses"])).await?;
            wallet::addresses(&shown).map_err(RailError::Unavailable)
        })
    }

    fn new_address<'a>(&'a self, reference: &'a str, _random: [u8; 16]) -> Answer<'a, Result<String, RailError>> {
        Box::pin(async move {
            let path = self.of_wallet(reference, &["address"]);
            let shown = self.ask(Method::POST, &path, Some(&Json::Object(Vec::new()))).await?;
            wallet::address(&shown).map_err(RailError::Unavailable)
        })
    }

    fn dialect(&self) -> Option<&dyn Dialect> {
        Some(self)
    }

    fn wallet_name(&self, reference: &str) -> Result<String, RailError> {
        if wallet::is_id(reference) {
            return Ok(reference.to_owned());
        }
        let problem = "is not the id of a wallet: small letters and digits, as the upstream shows it".to_owned();
        Err(RailError::Invalid { field: "reference", problem })
    }

    fn keep_key<'a>(&'a self, _key: Secret<Vec<u8>>, _memory: &'a dyn Memory) -> Answer<'a, Result<String, RailError>> {
        let problem = "must be given, and no key: the wallet and its keys are the upstream's".to_owned();
        Box::pin(std::future::ready(Err(RailError::Invalid { field: "reference", problem })))
    }

    fn check_wallet<'a>(&'a self, reference: &'a str) -> Answer<'a, Result<(), RailError>> {
        Box::pin(async move {
            let invalid = |problem| RailError::Invalid { field: "reference", problem };
            match self.held(reference).await {
                Err(RailError::UnknownWallet) => {
                    Err(invalid("names no wallet that the upstream's token sees".to_owned()))
                }
                held => held?.map(drop).map_err(|problem| invalid(format!("cannot be used: {problem}"))),
            }
        })
    }
}
