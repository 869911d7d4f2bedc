//! Requests that somebody else carries out: a proxy asks whether one may pass, and never says what came of it.
//!
//! So a spend that may pass counts as captured: at once, or at its deadline if a rule names a service that may say better
//! until then. Either way it counts from the moment it is allowed, and no clock gives it back.

use bursar_core::amount::Amount;
use bursar_core::authorize::{Need, authorize};
use bursar_core::coin::Coin;
use bursar_core::hold::{Hold, Payee, Recipient, SpendKey};
use bursar_core::id::{HoldId, OrganisationId, TokenId, WalletId};
use bursar_core::ledger::{Command, HoldRequest, Key, Request, Settler};
use bursar_core::refusal::Refusal;
use bursar_core::scope::{ScopeName, WalletAction};
use bursar_core::time::Span;
use bursar_core::token::TokenKind;

use crate::Bursar;
use crate::authenticate::Principal;
use crate::breakers::{Doing, Place};
use crate::error::ServiceError;
use crate::holding::Held;
use crate::refused::Attempt;
use crate::spend::{check_sum, meaning};
use crate::stored::TRIES;

/// What a spend is called that nobody else has a name for.
const REFERENCE: &str = "allowed";

/// Where the money of a spend is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purse {
    /// In a wallet.
    Wallet(WalletId),
    /// In none that Bursar knows; it is an organisation's.
    Organisation(OrganisationId),
}

/// A spend that somebody else carries out as soon as it is allowed.
#[derive(Clone, Debug)]
pub struct AskedSpend {
    /// Whose money.
    pub purse: Purse,
    /// The coin.
    pub coin: Coin,
    /// Who gets how much.
    pub recipient: Recipient,
    /// The client's name for the spend.
    pub key: String,
    /// What is asked besides: two requests that differ in it are two spends, whatever key they carry.
    pub request: Vec<u8>,
    /// Who may say what became of it, and until when; nobody, if absent.
    pub settles: Option<(TokenId, Span)>,
}

impl Bursar {
    /// Whether a request that moves no money may pass.
    ///
    /// # Errors
    /// Refused with the reason.
    pub fn allow_read(
        &self,
        principal: &Principal,
        scope: Option<ScopeName>,
        wallet: Option<WalletId>,
    ) -> Result<(), ServiceError> {
        passes(principal)?;
        if let Some(scope) = scope {
            let need = Need::Scope(scope);
            authorize(principal.token(), &principal.owner, principal.address, need, self.clock.now())?;
        }
        if let Some(wallet) = wallet {
            self.wallet_for(principal, wallet, WalletAction::View)?;
        }
        Ok(())
    }

    /// Allows a spend, and counts it.
    ///
    /// # Errors
    /// Refused with the reason.
    pub async fn allow_spend(&self, principal: &Principal, asked: AskedSpend) -> Result<Held, ServiceError> {
        passes(principal)?;
        let wallet = match asked.purse {
            Purse::Wallet(wallet) => Some(wallet),
            Purse::Organisation(_) => None,
        };
        let circuit = self.circuit(principal, Doing::Spend, Place::Wallet(wallet));
        circuit.check()?;
        let id = HoldId::time_ordered(self.clock.now(), self.random.bytes());
        let allowed = self.allow_as(principal, asked, wallet, id).await;
        circuit.ended(id, allowed, |allowed| allowed.before).await
    }

    async fn allow_as(
        &self,
        principal: &Principal,
        asked: AskedSpend,
        wallet: Option<WalletId>,
        id: HoldId,
    ) -> Result<Held, ServiceError> {
        let attempt = Attempt { token: principal.token().id, coin: asked.coin.clone(), wallet };
        let prepared = self.prepare_allowed(principal, asked, id);
        let mut request = self.noting_refusal(principal, &attempt, prepared).await?;
        for _ in 0..TRIES {
            // What a service holds, or a rail sends, was not allowed to anybody else.
            let is_allowed = |hold: &Hold| hold.captures_itself;
            if let Some(held) = self.held_or_known(principal.actor(), &request, is_allowed).await? {
                if !held.before && held.hold.holder.is_none() {
                    self.capture_allowed(principal, &held.hold);
                }
                return Ok(held);
            }
            let read = self.read_of(principal, request.holder);
            request.read = self.noting_refusal(principal, &attempt, read).await?;
        }
        Err(ServiceError::Busy)
    }

    /// The hold is durable and captures itself, so nobody waits for this: should it be lost, the sweep makes up for it.
    fn capture_allowed(&self, principal: &Principal, hold: &Hold) {
        let (amount, fee, reference) = (hold.cost.amount, hold.cost.fee, reference_of(hold));
        let command = Command::Capture { hold: hold.id, amount, fee, reference, by: Settler::Rail };
        if let Err(error) = self.ledger.submit_and_go_on(Request { actor: principal.actor(), command }) {
            tracing::warn!(spend = %hold.id, %error, "a capture was not taken; the sweep will make up for it");
        }
    }

    fn prepare_allowed(
        &self,
        principal: &Principal,
        asked: AskedSpend,
        id: HoldId,
    ) -> Result<HoldRequest, ServiceError> {
        let (wallet, organisation, rail) = match asked.purse {
            Purse::Wallet(id) => {
                let (wallet, _) = self.wallet_for(principal, id, WalletAction::Spend)?;
                (Some(id), wallet.organisation, self.rails.get(&wallet.rail))
            }
            Purse::Organisation(organisation) => (None, organisation, None),
        };
        let payees = match rail {
            Some(rail) => rail.payees(&asked.coin, std::slice::from_ref(&asked.recipient))?,
            None => vec![self.payee_anywhere(&asked.coin, &asked.recipient)?],
        };
        check_sum(&payees, &asked.coin, (&asked.coin, Amount::ZERO))?;
        if let Some((service, _)) = asked.settles {
            self.may_settle(service, organisation, wallet)?;
        }
        let (holder, patience) = asked.settles.unzip();
        let token = principal.token().id;
        Ok(HoldRequest {
            id,
            token,
            address: principal.address,
            wallet,
            organisation: wallet.is_none().then_some(organisation),
            meaning: meaning(&asked.coin, wallet, &payees, &asked.request),
            fee_ceiling: rail.map(|rail| rail.fees_at_most(&asked.coin)),
            fee_coin: asked.coin.clone(),
            coin: asked.coin,
            payees,
            fee: Amount::ZERO,
            key: Some(SpendKey::Client(token, asked.key)),
            instruction: Vec::new(),
            comment: None,
            stepped_up: self.ignores_limits(),
            holder,
            captures_itself: true,
            patience: patience.unwrap_or(Span::from_seconds(0)),
            read: self.read_of(principal, holder)?,
        })
    }

    /// The versions on which it was decided who asks, and who may settle.
    fn read_of(&self, principal: &Principal, holder: Option<TokenId>) -> Result<Vec<(Key, u64)>, ServiceError> {
        let mut read = vec![self.still_presented(principal.token().id, principal.lookup)?];
        if let Some(holder) = holder {
            let known = self.token_of_id(holder).map_err(|_| unusable("there is no such service"))?;
            read.push((Key::Token(holder), known.version));
        }
        Ok(read)
    }

    /// Whether the service that a rule names may settle what is spent of this money. That it lives, the ledger checks.
    pub(crate) fn may_settle(
        &self,
        service: TokenId,
        organisation: OrganisationId,
        wallet: Option<WalletId>,
    ) -> Result<(), ServiceError> {
        let known = self.token_of_id(service).map_err(|_| unusable("there is no such service"))?;
        let token = &known.token;
        if token.kind != TokenKind::Service || token.grant.organisation != Some(organisation) {
            return Err(unusable("it is no credential of a service of the organisation whose money it is"));
        }
        if token.grant.permits(wallet, organisation) {
            Ok(())
        } else {
            Err(unusable("it has no part in the money that is spent"))
        }
    }

    /// Reads a recipient as any rail does. Of a coin that no rail knows, who is paid is what the text says.
    fn payee_anywhere(&self, coin: &Coin, recipient: &Recipient) -> Result<Payee, ServiceError> {
        let destination = self.destination_anywhere("destination", coin, &recipient.address)?;
        Ok(Payee { address: recipient.address.clone(), destination, amount: recipient.amount })
    }
}

/// What a spend is called that was allowed, where it is captured without a word from anybody.
pub(crate) fn reference_of(hold: &Hold) -> String {
    format!("{REFERENCE}:{}", hold.id)
}

/// A service asks for others, and who has still to enrol a second factor does nothing else.
fn passes(principal: &Principal) -> Result<(), ServiceError> {
    if principal.token().kind == TokenKind::Service {
        return Err(Refusal::WalletNotPermitted.into());
    }
    if principal.is_enrolling() {
        return Err(ServiceError::SecondFactorRequired);
    }
    Ok(())
}

fn unusable(problem: &str) -> ServiceError {
    ServiceError::invalid("service", format!("in the rule cannot settle this spend: {problem}"))
}
