//! Spends of those who move the money themselves: a service asks before it acts and says what became of
//! it. It settles only what it held, and spends nothing of its own.

use std::net::IpAddr;
use std::sync::Arc;

use bursar_core::account::MemberRole;
use bursar_core::amount::Amount;
use bursar_core::audit::Actor;
use bursar_core::coin::Coin;
use bursar_core::hold::{Hold, HoldState, Recipient, SpendKey};
use bursar_core::id::{HoldId, OrganisationId, TokenId, WalletId};
use bursar_core::ledger::{Command, HoldRequest, Key, Outcome, Settler};
use bursar_core::limit::LimitReport;
use bursar_core::refusal::Refusal;
use bursar_core::scope::WalletAction;
use bursar_core::time::Span;
use bursar_core::token::TokenKind;
use bursar_store::{Page, Reader, StoreError};
use bursar_wire::token_text::BearerHash;

use crate::Bursar;
use crate::authenticate::{Principal, Unauthenticated};
use crate::breakers::{Doing, Place};
use crate::error::ServiceError;
use crate::known::KnownToken;
use crate::refused::Attempt;
use crate::spend::{check_sum, meaning, unexpected};
use crate::step_up::Action;
use crate::stored::TRIES;

/// The longest that a service may take.
const LONGEST_PATIENCE: Span = Span::from_seconds(7 * 86_400);
/// Unresolved spends read at once, and how often at most for one page: a million of them are looked at.
const AT_ONCE: usize = 1000;
const MOST_LOOKS: usize = 1000;
/// The most recipients of one spend.
const MOST_RECIPIENTS: usize = 1000;

/// A spend that a service will carry out itself.
#[derive(Clone, Debug)]
pub struct ExternalSpend {
    /// The spender's token, its text.
    pub spender: bursar_core::secret::Secret<String>,
    /// The coin.
    pub coin: Coin,
    /// Who gets how much.
    pub recipients: Vec<Recipient>,
    /// The greatest fee.
    pub fee: Amount,
    /// The coin that pays the fee.
    pub fee_coin: Coin,
    /// The wallet that pays, if Bursar knows it.
    pub wallet: Option<WalletId>,
    /// Whose money the service takes it for; its own organisation's, if absent.
    pub organisation: Option<OrganisationId>,
    /// The spender's name for the spend.
    pub key: Option<String>,
    /// Where the spender asked from, as far as the service knows.
    pub address: Option<IpAddr>,
    /// How long the service will take.
    pub patience: Option<Span>,
    /// A comment to keep with it.
    pub comment: Option<String>,
}

/// A spend that is held, now or before.
#[derive(Clone, Debug)]
pub struct Held {
    /// The spend.
    pub hold: Hold,
    /// What each limit it fell under said; how the token's own stand, if it was asked for again.
    pub reports: Vec<LimitReport>,
    /// Whether it was held before.
    pub before: bool,
}

/// Reads a part of a list of spends.
type ReadSpends = fn(&mut dyn Reader, Page<HoldId>) -> Result<Vec<Hold>, StoreError>;

/// What became of the text that a spender gave to a service: its token and the hash of the text, or why not.
type Spender = Result<(Arc<KnownToken>, Option<BearerHash>), Unauthenticated>;

impl Bursar {
    /// Holds a spend for a service, on the spender's token.
    ///
    /// # Errors
    /// Refused with the reason, or not for this service.
    pub async fn hold_for(&self, service: &Principal, spend: ExternalSpend) -> Result<Held, ServiceError> {
        let presented = self.token_of_text(spend.spender.expose());
        // What no living token is said to spend is the service's own failure.
        let own = (service.token().id, service.user());
        let (token, owner) = presented.as_ref().map_or(own, |(known, _)| (known.token.id, known.token.user));
        let place = Place::Wallet(spend.wallet);
        let circuit = self.circuit_for(service, (token, owner), place);
        circuit.check()?;
        let id = HoldId::time_ordered(self.clock.now(), self.random.bytes());
        let held = self.hold_as(service, presented, spend, (token, id)).await;
        let held = circuit.ended(id, held, |held| held.before).await?;
        if !held.before {
            self.circuit(service, Doing::Spend, place).went_well();
        }
        Ok(held)
    }

    async fn hold_as(
        &self,
        service: &Principal,
        presented: Spender,
        spend: ExternalSpend,
        (token, id): (TokenId, HoldId),
    ) -> Result<Held, ServiceError> {
        let attempt = Attempt { token, coin: spend.coin.clone(), wallet: spend.wallet };
        let prepared = self.prepare_external(service, presented, spend, id).await;
        let (mut request, secret) = self.noting_refusal(service, &attempt, prepared).await?;
        for _ in 0..TRIES {
            let is_own = |hold: &Hold| hold.holder == Some(service.token().id);
            if let Some(held) = self.held_or_known(service.actor(), &request, is_own).await? {
                return Ok(held);
            }
            // The service's own secret may be the one that no longer counts.
            let own = self.still_presented(service.token().id, service.lookup);
            let both = own.and_then(|own| Ok(vec![self.still_presented(request.token, secret)?, own]));
            request.read = self.noting_refusal(service, &attempt, both).await?;
        }
        Err(ServiceError::Busy)
    }

    /// Holds a spend that nobody here carries out, or finds it held; `is_own` says of which holds the asker may know. Nothing
    /// if what the request rests on has changed.
    pub(crate) async fn held_or_known(
        &self,
        actor: Actor,
        request: &HoldRequest,
        is_own: impl Fn(&Hold) -> bool,
    ) -> Result<Option<Held>, ServiceError> {
        match self.command(actor, Command::Hold(Box::new(request.clone()))).await? {
            Outcome::Held { hold, reports } => {
                Ok(Some(Held { hold: Arc::unwrap_or_clone(hold), reports, before: false }))
            }
            Outcome::Known { hold, same: true } if is_own(&hold) => {
                let reports = self.standing_of_token(hold.token, &*self.limits_of(hold.token)?).await?;
                Ok(Some(Held { hold: Arc::unwrap_or_clone(hold), reports, before: true }))
            }
            Outcome::Known { hold, .. } => Err(ServiceError::DuplicateSpend { hold: hold.id }),
            Outcome::Refused(refusal) => Err(refusal.into()),
            Outcome::Conflict(_) => Ok(None),
            other => Err(unexpected(&other)),
        }
    }

    /// Reads a service's request, and finds the secret that its spender's token was presented by.
    async fn prepare_external(
        &self,
        service: &Principal,
        presented: Spender,
        spend: ExternalSpend,
        id: HoldId,
    ) -> Result<(HoldRequest, [u8; 32]), ServiceError> {
        let organisation = self.service_of(service, spend.wallet)?;
        if spend.organisation.is_some_and(|asked| asked != organisation) {
            return Err(ServiceError::invalid("organisation", "is not the one this service works for"));
        }
        if spend.recipients.is_empty() || spend.recipients.len() > MOST_RECIPIENTS {
            return Err(ServiceError::invalid("recipients", format!("must be 1 to {MOST_RECIPIENTS}")));
        }
        let (spender, secret) = self.spender(presented).await?;
        let rail = match spend.wallet {
            None => None,
            Some(id) => {
                let (wallet, _) = self.wallet_of(id, spender.token.user)?.ok_or(Refusal::WalletUnknown)?;
                if wallet.organisation != organisation {
                    return Err(Refusal::WalletUnknown.into());
                }
                self.rails.get(&wallet.rail)
            }
        };
        let payees = self.payees_by(rail, &spend.coin, &spend.recipients)?;
        let fee_ceiling = rail.map(|rail| rail.fees_at_most(&spend.fee_coin));
        check_sum(&payees, &spend.coin, (&spend.fee_coin, spend.fee))?;
        let patience = spend.patience.unwrap_or(self.policy.spend_deadline);
        if patience > LONGEST_PATIENCE {
            return Err(ServiceError::invalid("deadline", "is more than 7 days away"));
        }
        let token = spender.token.id;
        let request = HoldRequest {
            id,
            token,
            // A token that is tied to addresses is spent with only if the service says from where.
            address: spend.address.unwrap_or(service.address),
            wallet: spend.wallet,
            organisation: spend.wallet.is_none().then_some(organisation),
            meaning: meaning(&spend.coin, spend.wallet, &payees, &[]),
            fee_coin: spend.fee_coin,
            coin: spend.coin,
            payees,
            fee: spend.fee,
            fee_ceiling,
            key: spend.key.map(|key| SpendKey::Client(token, key)),
            instruction: Vec::new(),
            comment: spend.comment,
            stepped_up: false,
            holder: Some(service.token().id),
            captures_itself: false,
            patience,
            read: vec![(Key::Token(token), spender.version), (Key::Token(service.token().id), service.known.version)],
        };
        Ok((request, secret))
    }

    /// The money moved: recipients got `amount`, and `fee` was paid for it; all that was held, where either is left out. Of a
    /// spend that was released before, that takes a person.
    ///
    /// # Errors
    /// The service does not hold this spend, or a one-time password is needed.
    pub async fn capture(
        &self,
        service: &Principal,
        id: HoldId,
        amount: Option<Amount>,
        fee: Option<Amount>,
        reference: String,
        otp: Option<&str>,
    ) -> Result<Hold, ServiceError> {
        let hold = self.held_by(service, id)?;
        let stepped_up = self.steps_up(service, id, otp).await?;
        let by = Settler::Service { token: service.token().id, stepped_up };
        let (amount, fee) = moved(&hold, amount, fee);
        self.settle_as(service, Command::Capture { hold: id, amount, fee, reference, by }).await
    }

    /// The money did not move, and will not. After its deadline nobody can be sure, so that takes a person.
    ///
    /// # Errors
    /// The service does not hold this spend, it was captured before, or a one-time password is needed.
    pub async fn release(
        &self,
        service: &Principal,
        id: HoldId,
        reason: String,
        otp: Option<&str>,
    ) -> Result<Hold, ServiceError> {
        self.held_by(service, id)?;
        let stepped_up = self.steps_up(service, id, otp).await?;
        let by = Settler::Service { token: service.token().id, stepped_up };
        self.settle_as(service, Command::Release { hold: id, reason, by }).await
    }

    /// A spend, if the caller has a part in it: its spender, the service that holds it, or whoever may see
    /// its wallet or runs its organisation.
    ///
    /// # Errors
    /// There is none that the caller may see.
    pub async fn spend_by_id(&self, principal: &Principal, id: HoldId) -> Result<Hold, ServiceError> {
        let hold = self.stored_spend(id)?;
        let own = principal.token().id;
        if hold.token == own || hold.holder == Some(own) || (principal.is_person() && hold.user == principal.user()) {
            return Ok(hold);
        }
        let seen = match hold.wallet {
            Some(wallet) => self.wallet_for(principal, wallet, WalletAction::View).is_ok(),
            None => {
                principal.is_person() && self.role_in(principal, hold.organisation)?.is_some_and(MemberRole::oversees)
            }
        };
        if seen { Ok(hold) } else { Err(ServiceError::NotFound("spend")) }
    }

    /// A token's spends, newest first as the page says.
    ///
    /// # Errors
    /// The caller may not see the token.
    pub async fn spends_of(
        &self,
        principal: &Principal,
        token: TokenId,
        page: Page<HoldId>,
    ) -> Result<(Vec<Hold>, Option<HoldId>), ServiceError> {
        self.own_token(principal, token)?;
        let one_more = Page { limit: page.limit.saturating_add(1), ..page };
        let spends = self.reads.look(principal.looker(), move |reader| reader.spends_of_token(token, one_more)).await?;
        Ok(cut(spends, page.limit))
    }

    /// Spends of which nobody knows what became, among those the caller may resolve.
    ///
    /// # Errors
    /// The caller is no person.
    pub async fn unresolved(
        &self,
        principal: &Principal,
        page: Page<HoldId>,
    ) -> Result<(Vec<Hold>, Option<HoldId>), ServiceError> {
        self.resolvable(principal, page, |reader, look| reader.unresolved(look)).await
    }

    /// Those of a list of spends that the caller may resolve, or holds as a service.
    pub(crate) async fn resolvable(
        &self,
        principal: &Principal,
        page: Page<HoldId>,
        read: ReadSpends,
    ) -> Result<(Vec<Hold>, Option<HoldId>), ServiceError> {
        let holds_itself = principal.token().kind == TokenKind::Service;
        if !holds_itself {
            self.person(principal)?;
        }
        let own = Some(principal.token().id);
        let is_shown = |hold: &Hold| match holds_itself {
            true => hold.holder == own,
            false => self.may_resolve(principal, hold).is_ok(),
        };
        let mut shown = Vec::new();
        let mut after = page.after;
        // Others' spends are left out before the page is cut: neither they nor their ids are the caller's business.
        for _ in 0..MOST_LOOKS {
            let look = Page { limit: AT_ONCE, after, newest_first: page.newest_first };
            let spends = self.reads.look(principal.looker(), move |reader| read(reader, look)).await?;
            let is_last = spends.len() < AT_ONCE;
            after = spends.last().map(|last| last.id);
            shown.extend(spends.into_iter().filter(&is_shown));
            if is_last || shown.len() > page.limit {
                break;
            }
        }
        Ok(cut(shown, page.limit))
    }

    /// Whether the caller may say what became of a spend of which nobody knows.
    ///
    /// # Errors
    /// They may not, or the store does not answer.
    pub fn may_resolve(&self, principal: &Principal, hold: &Hold) -> Result<(), ServiceError> {
        let may = match hold.wallet {
            Some(wallet) => {
                let found = self.wallet_for(principal, wallet, WalletAction::View);
                found.is_ok_and(|(_, role)| role.is_some_and(|role| role.admin))
            }
            None => self.role_in(principal, hold.organisation)?.is_some_and(MemberRole::administers),
        };
        if may { Ok(()) } else { Err(ServiceError::NotFound("spend")) }
    }

    /// The organisation a service works for, if it may ask for spends from this wallet.
    fn service_of(&self, service: &Principal, wallet: Option<WalletId>) -> Result<OrganisationId, ServiceError> {
        let token = service.token();
        let Some(organisation) = token.grant.organisation.filter(|_| token.kind == TokenKind::Service) else {
            return Err(ServiceError::ServiceOnly);
        };
        if token.grant.permits(wallet, organisation) {
            Ok(organisation)
        } else {
            Err(Refusal::WalletNotPermitted.into())
        }
    }

    /// The token that a spender gave to a service and the name of the secret, if its text is one that counts.
    pub(crate) async fn spender(&self, presented: Spender) -> Result<(Arc<KnownToken>, [u8; 32]), ServiceError> {
        let unknown = || ServiceError::invalid("token", "is not the text of a living token");
        let (known, hash) = match presented {
            Ok((known, Some(hash))) => (known, hash),
            Err(Unauthenticated::Unavailable(error)) => return Err(error),
            Ok(_) | Err(_) => return Err(unknown()),
        };
        let now = self.clock.now();
        let mut secrets = known.secrets.iter();
        let own = secrets.find(|own| own.hash == hash && own.counts_at(now));
        let own = own.ok_or_else(unknown)?;
        let lookup = own.lookup;
        // Presented here is used: a rotation must not take it for one that nobody got.
        if own.is_unused {
            self.note_first_use(&known.token, lookup).await.map_err(|why| match why {
                Unauthenticated::Unavailable(error) => error,
                _ => unknown(),
            })?;
        }
        Ok((known, lookup))
    }

    /// A spend, whoever asks for it.
    pub(crate) fn stored_spend(&self, id: HoldId) -> Result<Hold, ServiceError> {
        self.reads.look_up(|reader| reader.hold(id))?.ok_or(ServiceError::NotFound("spend"))
    }

    fn held_by(&self, service: &Principal, id: HoldId) -> Result<Hold, ServiceError> {
        let hold = self.stored_spend(id)?;
        if hold.holder == Some(service.token().id) { Ok(hold) } else { Err(ServiceError::NotFound("spend")) }
    }

    /// Whether a person stands behind what a service says.
    async fn steps_up(&self, service: &Principal, id: HoldId, otp: Option<&str>) -> Result<bool, ServiceError> {
        if otp.is_none() {
            return Ok(false);
        }
        let _shown = self.prove_step_up(service, Action::Settle(id), otp).await?;
        Ok(true)
    }

    pub(crate) async fn settle_as(&self, principal: &Principal, command: Command) -> Result<Hold, ServiceError> {
        let asked = command.clone();
        match self.command(principal.actor(), command).await? {
            Outcome::Settled { hold, before } if !before || is_same(&hold, &asked) => Ok(Arc::unwrap_or_clone(hold)),
            Outcome::Settled { hold, .. } => {
                Err(ServiceError::Conflict(format!("the spend was settled before: it is {}", hold.state.name())))
            }
            Outcome::StepUpNeeded => Err(ServiceError::StepUpNeeded),
            Outcome::NoSuchHold => Err(ServiceError::NotFound("spend")),
            Outcome::Conflict(_) => {
                Err(ServiceError::Conflict("the rail is still at it; a person settles what is unresolved".to_owned()))
            }
            Outcome::Refused(refusal) => Err(refusal.into()),
            other => Err(ServiceError::Unavailable(format!("the ledger answered a settlement with {other:?}"))),
        }
    }
}

/// Whether a spend was settled before just as it is asked to be now: then asking twice is asking once.
fn is_same(hold: &Hold, asked: &Command) -> bool {
    match (&hold.state, asked) {
        (HoldState::Captured { amount, fee, reference, .. }, Command::Capture { .. }) => {
            let Command::Capture { amount: asked, fee: asked_fee, reference: name, .. } = asked else { return false };
            let cost = hold.cost.really(*asked, *asked_fee);
            (*amount, *fee, reference) == (cost.amount, cost.fee, name)
        }
        (HoldState::Released { .. }, Command::Release { .. }) => true,
        _ => false,
    }
}

/// How much left in all, and the fee, where recipients got `amount` and `fee` was paid for it: what is held for either where it
/// is left out.
pub(crate) fn moved(hold: &Hold, amount: Option<Amount>, fee: Option<Amount>) -> (Amount, Amount) {
    let (amount, fee) = (amount.unwrap_or_else(|| hold.cost.without_fee()), fee.unwrap_or(hold.cost.fee));
    let is_same = hold.cost.coin == hold.cost.fee_coin;
    (if is_same { amount.saturating_add(fee) } else { amount }, fee)
}

/// The part of a list that was asked for, and where the next begins.
pub(crate) fn cut(mut spends: Vec<Hold>, limit: usize) -> (Vec<Hold>, Option<HoldId>) {
    let more = spends.len() > limit;
    spends.truncate(limit);
    let next = spends.last().filter(|_| more).map(|last| last.id);
    (spends, next)
}
