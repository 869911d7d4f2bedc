//! What limits say, and changing them: by people, with a second factor where something is loosened.

use std::net::IpAddr;
use std::sync::Arc;

use bursar_core::account::MemberRole;
use bursar_core::amount::Amount;
use bursar_core::audit::Actor;
use bursar_core::coin::Coin;
use bursar_core::hold::Recipient;
use bursar_core::id::{HoldId, OrganisationId, TokenId, WalletId};
use bursar_core::ip::IpRule;
use bursar_core::ledger::{
    Command, HoldRequest, Key, LimitEdit, Outcome, Record, State, Version, Versioned, dry_run, needs,
    needs_for_standing, standing,
};
use bursar_core::limit::{Budget, BudgetKey, InvalidLimit, Limit, LimitReport, LimitSet, Subject, Usage};
use bursar_core::refusal::Refusal;
use bursar_core::scope::WalletAction;
use bursar_core::time::{Span, Timestamp};
use bursar_store::{Reader, StoreError};
use bursar_wire::requests::{DestinationEdit, DestinationRules, LimitsEdit};

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::known::KnownLimits;
use crate::power::Power;
use crate::rail::Rail;
use crate::services::check_spends_itself;
use crate::spend::{Planned, check_sum};
use crate::step_up::Action;
use crate::stored::not_loaded;

/// Rules as somebody asks for them: destinations still as they are written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// How much.
    pub limits: Vec<Limit>,
    /// To whom; anywhere, if absent.
    pub destinations: Option<DestinationRules>,
}

/// How a subject's limits stand.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Whose.
    pub subject: Subject,
    /// Its rules.
    pub rules: LimitSet,
    /// Their version, to be named by an edit.
    pub version: Version,
    /// What each limit has left, in the order of the rules.
    pub reports: Vec<LimitReport>,
    /// What it spent and holds.
    pub budgets: Vec<(BudgetKey, Budget)>,
    /// How many destinations it has paid, if their number is limited.
    pub paid: Option<usize>,
}

/// What a token spent of a coin in one stretch of time.
pub type Bucket = (Timestamp, Coin, Usage);

/// What came of a spend that nobody holds.
#[derive(Clone, Debug)]
pub struct Tried {
    /// What the limits say of it, or the first reason against it.
    pub decided: Result<Vec<LimitReport>, Refusal>,
    /// Why the rail could not say what the fee would be: then the most that it may take is counted, of this coin.
    pub fee_unknown: Option<(String, Amount, Coin)>,
}

/// A spend that nobody holds.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The coin.
    pub coin: Coin,
    /// Who would get how much.
    pub recipients: Vec<Recipient>,
    /// The greatest fee; what the rail would take, where that is more.
    pub fee: Amount,
    /// The coin that pays the fee.
    pub fee_coin: Coin,
    /// From which wallet.
    pub wallet: Option<WalletId>,
    /// Whose money, where no wallet says so.
    pub organisation: Option<OrganisationId>,
    /// From where; if absent, from where the token itself asks, and from where it may if a person does.
    pub address: Option<IpAddr>,
}

impl Bursar {
    /// How the limits of a subject stand, if the caller may see them. Every token may see its own.
    ///
    /// # Errors
    /// The caller may not see them.
    pub async fn limits(&self, principal: &Principal, subject: Subject) -> Result<Standing, ServiceError> {
        self.may_see(principal, subject)?;
        let now = self.clock.now();
        self.reads.look(principal.looker(), move |reader| standing_of(reader, subject, now)).await
    }

    /// A token's rules and what counts under them.
    pub(crate) fn limits_of(&self, token: TokenId) -> Result<Arc<KnownLimits>, StoreError> {
        if let Some(known) = self.known.limits(token) {
            return Ok(known);
        }
        let (subject, read_at) = (Subject::Token(token), self.known.generation());
        let (rules, budgets) = self.reads.look_up(|reader| Ok((reader.limits(subject)?, reader.budgets(subject)?)))?;
        let known = KnownLimits { version: rules.version, rules: rules.value, budgets };
        Ok(self.known.keep_limits(token, known, read_at))
    }

    /// How a token's limits stand now. What was spent before a budget was counted has to be gathered from spends,
    /// which may be many.
    pub(crate) async fn standing_of_token(
        &self,
        token: TokenId,
        known: &KnownLimits,
    ) -> Result<Vec<LimitReport>, ServiceError> {
        let (subject, now) = (Subject::Token(token), self.clock.now());
        let state = state_of_limits(subject, known);
        if needs_for_standing(&state, subject).is_empty() {
            return Ok(standing(&state, subject, now).map_err(not_loaded)?);
        }
        Ok(self.reads.run(move |reader| standing_of(reader, subject, now)).await?.reports)
    }

    pub(crate) async fn standing(&self, subject: Subject) -> Result<Standing, ServiceError> {
        let now = self.clock.now();
        Ok(self.reads.run(move |reader| standing_of(reader, subject, now)).await?)
    }

    /// What a token spent lately, by stretches of this length.
    ///
    /// # Errors
    /// The caller may not see it.
    pub async fn usage(
        &self,
        principal: &Principal,
        token: TokenId,
        since: Timestamp,
        bucket: Span,
    ) -> Result<Vec<Bucket>, ServiceError> {
        self.own_token(principal, token)?;
        self.reads.look(principal.looker(), move |reader| reader.usage_of_token(token, since, bucket)).await
    }

    /// Changes a subject's rules, if they are still what the caller saw. Tightening takes effect at once;
    /// loosening needs a one-time password.
    ///
    /// # Errors
    /// The caller may not, the rules cannot be, or they changed in the meantime.
    pub async fn set_limits(
        &self,
        principal: &Principal,
        subject: Subject,
        edit: LimitsEdit,
    ) -> Result<Standing, ServiceError> {
        self.person(principal)?;
        let may_loosen = self.may_edit(principal, subject)?;
        let seen = edit.seen.ok_or_else(|| {
            ServiceError::invalid("version", "is missing; name the version that was read, 0 if there were no limits")
        })?;
        let before = self.reads.look_up(|reader| reader.limits(subject))?;
        if before.version != seen {
            return Err(changed_to(before.version));
        }
        let mut rules = before.value.clone();
        if let Some(limits) = edit.limits {
            rules.limits = limits;
            check_names_coins(&rules, &before.value)?;
        }
        match edit.destinations {
            DestinationEdit::Keep => {}
            DestinationEdit::Remove => rules.destinations = None,
            DestinationEdit::Replace(asked) => rules.destinations = Some(self.resolve_destinations(asked)?),
        }
        rules.check().map_err(|problem| ServiceError::invalid("limits", problem.to_string()))?;
        if !rules.each().is_empty() && !matches!(subject, Subject::Token(_)) {
            return Err(ServiceError::invalid("destinations.each", "is a rule for tokens; limit the whole here"));
        }
        let stepped_up = match edit.otp.as_deref() {
            None => false,
            // A code is not used up for what cannot be allowed anyway.
            Some(_) if !may_loosen => false,
            otp => {
                let _shown = self.prove_step_up(principal, Action::Limits(subject), otp).await?;
                true
            }
        };
        let edit = LimitEdit { subject, seen, rules, stepped_up };
        let _turn = self.turns.take_edit(principal.user()).await;
        match self.edit_limits(principal.actor(), edit).await {
            Err(ServiceError::StepUpNeeded) if !may_loosen => Err(ServiceError::RoleNeeded { role: MemberRole::Admin }),
            edited => edited,
        }
    }

    /// Changes limits, and tells how they stand then.
    pub(crate) async fn edit_limits(&self, actor: Actor, edit: LimitEdit) -> Result<Standing, ServiceError> {
        let subject = edit.subject;
        match self.command(actor, Command::SetLimits(Box::new(edit))).await? {
            Outcome::Limits { .. } => self.standing(subject).await,
            Outcome::Conflict(Key::Wallet(_)) => Err(ServiceError::NotFound("wallet")),
            Outcome::Conflict(_) => Err(changed()),
            Outcome::Invalid(problem) => Err(ServiceError::invalid("limits", problem.to_string())),
            Outcome::StepUpNeeded => Err(ServiceError::StepUpNeeded),
            other => Err(ServiceError::Unavailable(format!("the ledger answered an edit of limits with {other:?}"))),
        }
    }

    /// What a token's limits would say to a spend, without holding anything. The rail is asked for its fee as for a spend.
    ///
    /// # Errors
    /// The caller may not ask for this token, or the spend cannot be.
    pub async fn dry_run(&self, principal: &Principal, token: TokenId, trial: Trial) -> Result<Tried, ServiceError> {
        let of = self.own_token(principal, token)?;
        let now = self.clock.now();
        // A person asks what the token would get where it is used, which is not where the person sits.
        let usual = match principal.token().id == token {
            true => principal.address,
            false => of.grant.ips.rules().first().map_or(principal.address, IpRule::first),
        };
        let mut request = HoldRequest {
            id: HoldId::time_ordered(now, self.random.bytes()),
            token,
            address: trial.address.unwrap_or(usual),
            wallet: trial.wallet,
            organisation: trial.organisation,
            fee_coin: trial.fee_coin,
            coin: trial.coin,
            payees: Vec::new(),
            fee: trial.fee,
            fee_ceiling: None,
            key: None,
            meaning: [0; 32],
            instruction: Vec::new(),
            comment: None,
            stepped_up: false,
            holder: None,
            captures_itself: false,
            patience: self.policy.spend_deadline,
            read: Vec::new(),
        };
        let wallet = trial.wallet.map(|id| self.wallet_for(principal, id, WalletAction::View)).transpose()?;
        let rail = wallet.as_ref().and_then(|(wallet, _)| self.rails.get(&wallet.rail));
        request.payees = self.payees_by(rail, &request.coin, &trial.recipients)?;
        // What would not be asked for at all is no reason to ask a rail.
        let asked = request.clone();
        match self.reads.look(principal.looker(), move |reader| try_out(reader, &asked, now)).await? {
            Ok(_) | Err(Refusal::LimitExceeded(_)) => {}
            decided => return Ok(Tried { decided, fee_unknown: None }),
        }
        let mut fee_unknown = None;
        // A wallet whose rail is not configured is a service's affair, which names the fee itself.
        if let (Some(rail), Some((wallet, _))) = (rail, &wallet) {
            let own = rail.fee_coin(&request.coin);
            let _turn = self.turns.take_trial(principal.user()).await;
            let quoted = quote(rail, &wallet.reference, &request, &trial.recipients).await;
            let fee = quoted.unwrap_or_else(|reason| {
                let most = rail.fee_ceiling(&request.coin, trial.recipients.len());
                fee_unknown = Some((reason, most, own.clone()));
                most
            });
            request.fee = if own == request.fee_coin { fee.max(request.fee) } else { fee };
            request.fee_ceiling = Some(rail.fees_at_most(&own));
            request.fee_coin = own;
        }
        check_sum(&request.payees, &request.coin, (&request.fee_coin, request.fee))?;
        let decided = self.reads.look(principal.looker(), move |reader| try_out(reader, &request, now)).await?;
        Ok(Tried { decided, fee_unknown })
    }

    /// Refuses what no plan makes fit, by what is known of spends before they are planned: their fees are not. Nothing is
    /// held by it, and whoever holds decides anew.
    ///
    /// # Errors
    /// The first refusal, or the store does not answer.
    pub(crate) async fn check_unplanned(&self, requests: Vec<HoldRequest>) -> Result<(), ServiceError> {
        let now = self.clock.now();
        let decide = move |reader: &mut dyn Reader| {
            for request in &requests {
                if let Err(refusal) = try_out(reader, request, now)? {
                    return Ok(Err(refusal));
                }
            }
            Ok(Ok(()))
        };
        Ok(self.reads.run(decide).await??)
    }

    /// Whether a caller who asks about a token is told the figures of this subject's limits, too: those of the
    /// token itself, and to a person whatever that person may look up (P6).
    #[must_use]
    pub fn sees_figures(&self, principal: &Principal, subject: Subject) -> bool {
        matches!(subject, Subject::Token(_)) || principal.is_person() && self.may_see(principal, subject).is_ok()
    }

    /// Who may see a subject's limits.
    fn may_see(&self, principal: &Principal, subject: Subject) -> Result<(), ServiceError> {
        match subject {
            Subject::Token(id) => self.own_token(principal, id).map(drop),
            Subject::User(id) if id == principal.user() => self.person(principal),
            Subject::User(id) => match self.person(principal).is_ok() && self.power_over(principal, id)?.sees {
                true => Ok(()),
                false => Err(ServiceError::NotFound("user")),
            },
            Subject::Wallet(id) => self.wallet_for(principal, id, WalletAction::View).map(drop),
            Subject::Organisation(id) => {
                self.person(principal)?;
                self.role_in(principal, id)?.map(drop).ok_or(ServiceError::NotFound("organisation"))
            }
        }
    }

    /// Who may edit a subject's limits, and whether they may also loosen them: one's tokens, wallets and
    /// organisations that one administers, members of those organisations, and oneself, but only to tighten.
    ///
    /// A member's limits hold in all organisations together, so only who has power over the member in all of them loosens them.
    ///
    /// # Errors
    /// The caller may not.
    pub fn may_edit(&self, principal: &Principal, subject: Subject) -> Result<bool, ServiceError> {
        match subject {
            Subject::Token(id) => check_spends_itself(&self.own_token(principal, id)?).map(|()| true),
            Subject::User(id) => match self.power_over(principal, id)? {
                Power { in_one: true, in_all, .. } => Ok(in_all),
                Power { in_one: false, .. } if id == principal.user() => Ok(false),
                Power { in_one: false, .. } => Err(ServiceError::NotFound("user")),
            },
            Subject::Wallet(id) => {
                let (_, role) = self.wallet_for(principal, id, WalletAction::View)?;
                match role.is_some_and(|role| role.admin) {
                    true => Ok(true),
                    false => Err(Refusal::RoleMissing { required: "admin" }.into()),
                }
            }
            Subject::Organisation(id) => match self.role_in(principal, id)? {
                None => Err(ServiceError::NotFound("organisation")),
                Some(role) if role.administers() => Ok(true),
                Some(_) => Err(ServiceError::RoleNeeded { role: MemberRole::Admin }),
            },
        }
    }

    pub(crate) fn role_in(
        &self,
        principal: &Principal,
        organisation: OrganisationId,
    ) -> Result<Option<MemberRole>, ServiceError> {
        Ok(self.place(organisation, principal.user())?.value)
    }

    /// Reads the addresses in rules: what a rail understands is what will be compared.
    pub(crate) fn resolve(&self, rules: Rules) -> Result<LimitSet, ServiceError> {
        let destinations = rules.destinations.map(|asked| self.resolve_destinations(asked)).transpose()?;
        Ok(LimitSet { limits: rules.limits, destinations })
    }
}

fn changed() -> ServiceError {
    ServiceError::Conflict("the limits changed in the meantime; read them again".to_owned())
}

/// The same, where it is known to which version.
pub(crate) fn changed_to(version: Version) -> ServiceError {
    ServiceError::Conflict(format!("the limits changed in the meantime: this is version {version}; read them again"))
}

/// Loads what is asked for until nothing more is.
fn load(reader: &mut dyn Reader, state: &mut State, needs: impl Fn(&State) -> Vec<Key>) -> Result<(), StoreError> {
    loop {
        let keys = needs(state);
        if keys.is_empty() {
            return Ok(());
        }
        reader.load(&keys, state)?;
    }
}

pub(crate) fn standing_of(reader: &mut dyn Reader, subject: Subject, now: Timestamp) -> Result<Standing, StoreError> {
    let mut state = State::default();
    load(reader, &mut state, |state| needs_for_standing(state, subject))?;
    let rules = state.limits(&subject).map_err(not_loaded)?.cloned().unwrap_or_default();
    let version = state.version(&Key::Limits(subject)).map_err(not_loaded)?;
    let reports = standing(&state, subject, now).map_err(not_loaded)?;
    let is_limited = rules.destinations.as_ref().is_some_and(|rules| rules.at_most.is_some());
    let paid = match is_limited {
        true => Some(state.paid(&subject).map_err(not_loaded)?.map_or(0, Vec::len)),
        false => None,
    };
    Ok(Standing { subject, rules, version, reports, budgets: reader.budgets(subject)?, paid })
}

/// What [`standing`] reads, of what is known; the past aside.
fn state_of_limits(subject: Subject, known: &KnownLimits) -> State {
    let mut state = State::default();
    let rules = Record::Limits(subject, known.rules.clone());
    state.load(Key::Limits(subject), (known.version > 0).then_some(Versioned { version: known.version, value: rules }));
    for limit in &known.rules.limits {
        let key = BudgetKey { subject, asset: limit.asset.clone(), destination: None };
        let budget = known.budgets.iter().find(|(known, _)| *known == key);
        let budget = budget.map(|(key, budget)| Versioned {
            // The version a budget has matters only to whoever changes it.
            version: 1,
            value: Record::Budget(key.clone(), budget.clone()),
        });
        state.load(Key::Budget(key), budget);
    }
    state
}

/// What a spend would cost, asked as for a spend; why nobody can say, otherwise.
async fn quote(
    rail: &Arc<dyn Rail>,
    reference: &str,
    request: &HoldRequest,
    recipients: &[Recipient],
) -> Result<Amount, String> {
    // What costs nothing is not asked for.
    if rail.fee_ceiling(&request.coin, recipients.len()) == Amount::ZERO {
        return Ok(Amount::ZERO);
    }
    // Also if the asker goes away: what the plan keeps ready is for nobody.
    let _planned = Planned::by(rail, request.id);
    let planned = rail.plan(reference, &request.coin, recipients, request.id).await;
    planned.map(|plan| plan.fee).map_err(|error| error.to_string())
}

/// Amounts of several coins are summed up only where BitGo's wire said so before.
pub(crate) fn check_names_coins(rules: &LimitSet, before: &LimitSet) -> Result<(), ServiceError> {
    match rules.newly_sums_up_coins(before) {
        None => Ok(()),
        Some(place) => {
            Err(ServiceError::invalid(format!("limits[{place}]"), InvalidLimit::AmountOfManyCoins.to_string()))
        }
    }
}

fn try_out(
    reader: &mut dyn Reader,
    request: &HoldRequest,
    now: Timestamp,
) -> Result<Result<Vec<LimitReport>, Refusal>, StoreError> {
    // A wall clock that is behind decides nothing: the ledger would go by what it has committed.
    let now = reader.time()?.max(now);
    let mut state = State::default();
    let command = Command::Hold(Box::new(request.clone()));
    load(reader, &mut state, |state| needs(state, &command))?;
    dry_run(&state, request, now).map_err(not_loaded)
}
