//! The decision on a spend, made on loaded records and changing none: what an earlier check saw in a cache
//! only spares the ledger the work.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::account::{User, Wallet};
use crate::amount::Amount;
use crate::authorize::{Need, authorize};
use crate::coin::Coin;
use crate::destination::DestinationId;
use crate::hold::{Cost, Hold};
use crate::id::{OrganisationId, UserId};
use crate::ledger::begin::{Begun, begin, rules};
use crate::ledger::charges::{Charge, Terms, each_charge, look_at_payments, subjects};
use crate::ledger::command::HoldRequest;
use crate::ledger::fees::with_ceiling;
use crate::ledger::holds::{cost_of, payments_of};
use crate::ledger::paid::at_most;
use crate::ledger::state::{NotLoaded, State};
use crate::limit::{Budget, BudgetKey, Limit, LimitReport, LimitSet, Measure, Subject};
use crate::refusal::Refusal;
use crate::scope::WalletAction;
use crate::time::Timestamp;
use crate::token::{Token, TokenKind};

/// The most limits that a refusal tells of: as many as a subject may have. Each of many recipients may fall under some
/// of its own, and what a refusal tells is kept in the audit log for good.
const MOST_TOLD: usize = LimitSet::MOST;

/// What is to be done about a request.
pub(super) enum Verdict {
    /// It may be held.
    Granted(Box<Granted>),
    /// It was asked before.
    Known(Arc<Hold>),
    /// It may not be held.
    Refused {
        /// Why not.
        refusal: Refusal,
        /// What was learnt from the past, so that it is asked once and not with every attempt.
        learnt: Vec<(BudgetKey, Budget)>,
    },
}

/// A spend that fits, and what it changes.
pub(super) struct Granted {
    pub(super) user: UserId,
    pub(super) organisation: OrganisationId,
    pub(super) cost: Cost,
    pub(super) overridden: bool,
    /// Whether the number of those whom any of its subjects may pay is limited.
    pub(super) notes_paid: bool,
    pub(super) weights: Vec<Weight>,
    pub(super) reports: Vec<LimitReport>,
}

/// A budget that the spend weighs on.
pub(super) struct Weight {
    pub(super) charge: Charge,
    /// The budget as it begins, unless it is there and counts all it has to.
    pub(super) begun: Option<Box<Begun>>,
    /// Whether an unlock keeps the spend out of it.
    pub(super) lifted: bool,
}

/// A subject of the spend with its rules, which are looked up once.
#[derive(Clone, Copy)]
struct Party<'a> {
    subject: Subject,
    rules: Option<&'a LimitSet>,
}

/// Nobody falls under rules of more subjects.
type Parties<'a> = [Option<Party<'a>>; 4];

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { refusal, learnt: Vec::new() }
    }
}

/// Everything about a request that is allowed to be asked at all.
struct Asked<'a> {
    token: &'a Token,
    organisation: OrganisationId,
}

pub(super) fn decide(state: &State, request: &HoldRequest, now: Timestamp) -> Result<Verdict, NotLoaded> {
    let Asked { token, organisation } = match admit(state, request, now)? {
        Ok(asked) => asked,
        Err(refusal) => return Ok(refusal.into()),
    };
    // An organisation that was never written down is not frozen either.
    if let Some(freeze) = state.organisation(&organisation)?.and_then(|organisation| organisation.freeze.as_ref())
        && freeze.holds_at(now)
    {
        return Ok(Refusal::OrganisationFrozen(freeze.clone()).into());
    }
    if let Err(refusal) = admit_holder(state, request, organisation, now)? {
        return Ok(refusal.into());
    }
    if let Some(known) = known(state, request)? {
        return Ok(Verdict::Known(Arc::clone(known)));
    }
    let Some(cost) = cost_of(request).filter(|cost| !cost.is_absurd()) else {
        return Ok(Refusal::AmountTooLarge.into());
    };
    let parties = parties(state, token, request, organisation)?;
    let rules = || parties.iter().flatten().filter_map(|party| party.rules);
    let paid = if rules().any(look_at_payments) { payments_of(request) } else { Vec::new() };
    if let Err(refusal) = destinations(state, &parties, request, &paid)? {
        return Ok(refusal.into());
    }
    // A code for one spend is an unlock, and none lifts this without looking.
    if let Some(lock) = token.stopped_at(now) {
        return Ok(Refusal::Locked(lock).into());
    }
    if cost.is_without_end()
        && let Some(refusal) = cannot_be_without_end(&parties, token, &cost.coin)
    {
        return Ok(refusal.into());
    }
    let overridden = request.stepped_up || token.unlocked_at(now).is_some();
    if !overridden && let Some(refusal) = cannot_spend_alone(&parties, token, request, &cost) {
        return Ok(refusal.into());
    }
    let terms = Terms { cost: &cost, payments: &paid };
    let addresses = if paid.is_empty() { BTreeMap::new() } else { addresses(request) };
    let (mut weights, mut reports) = (Vec::with_capacity(parties.len()), Vec::new());
    let mut overflows = false;
    for Party { subject, rules } in parties.into_iter().flatten() {
        let lifted = overridden && matches!(subject, Subject::Token(_));
        let set = with_ceiling(rules, subject, request);
        let set = set.as_deref().filter(|set| !set.is_empty());
        each_charge(subject, set, terms, |charge| {
            let found = state.budget(&charge.budget)?;
            let told = reports.len();
            let begun = match (set, found) {
                (None, _) => None,
                // Nearly always all is counted already.
                (Some(set), Some(budget))
                    if !lifted && judge(&mut reports, budget, set, &charge, (&addresses, now)) =>
                {
                    None
                }
                (Some(set), _) => {
                    reports.truncate(told);
                    let begun = begin(state, set, (&charge.budget, found), now)?;
                    if let Some(begun) = begun.as_ref().filter(|_| !lifted) {
                        judge(&mut reports, &begun.budget, set, &charge, (&addresses, now));
                    }
                    begun
                }
            };
            if !lifted && let Some(budget) = begun.as_ref().map(|begun| &begun.budget).or(found) {
                // A total that no longer fits 256 bits cannot be kept, so nothing more is spent from it.
                overflows |= !budget.can_take(charge.usage);
            }
            weights.push(Weight { charge, begun: begun.map(Box::new), lifted });
            Ok(())
        })?;
    }
    let refusal = if reports.iter().any(|report| !report.fits()) {
        Refusal::LimitExceeded(failing_first(reports))
    } else if overflows {
        Refusal::AmountTooLarge
    } else {
        let notes_paid = rules().any(|rules| at_most(Some(rules)).is_some());
        let user = token.user;
        let granted = Granted { user, organisation, cost, overridden, notes_paid, weights, reports };
        return Ok(Verdict::Granted(Box::new(granted)));
    };
    let learnt = weights.into_iter().filter_map(|weight| {
        let begun = weight.begun.filter(|begun| begun.from_past)?;
        Some((weight.charge.budget, begun.budget))
    });
    Ok(Verdict::Refused { refusal, learnt: learnt.collect() })
}

/// The subjects of the spend with their rules.
fn parties<'a>(
    state: &'a State,
    token: &Token,
    request: &HoldRequest,
    organisation: OrganisationId,
) -> Result<Parties<'a>, NotLoaded> {
    let mut parties = [None; 4];
    for (party, subject) in parties.iter_mut().zip(subjects(token.id, token.user, request.wallet, organisation)) {
        *party = Some(Party { subject, rules: state.limits(&subject)? });
    }
    Ok(parties)
}

/// Those that have no room, then as many of those that have some as may still be told: who asks again for less has to
/// fit under them, too.
fn failing_first(reports: Vec<LimitReport>) -> Vec<LimitReport> {
    let (fitting, mut told): (Vec<_>, Vec<_>) = reports.into_iter().partition(LimitReport::fits);
    tell_the_last(&mut told);
    told.extend(fitting.into_iter().take(MOST_TOLD.saturating_sub(told.len())));
    told
}

/// Leaves of many reports those that have room last: when the spend fits and what would lift its refusal stays true. Of
/// those that are the same in this the first are left, in their order; and one of others, if there is any.
fn tell_the_last(reports: &mut Vec<LimitReport>) {
    if reports.len() <= MOST_TOLD {
        return;
    }
    let is_others = |report: &LimitReport| !matches!(report.subject, Subject::Token(_));
    // Stable, so that the first come first among equals: the last to have room, then whatever no unlock lifts.
    reports.sort_by_key(|report| (std::cmp::Reverse(report.fits), !is_others(report)));
    if let Some(place) = reports.iter().position(is_others)
        && place >= MOST_TOLD
    {
        let others = reports.remove(place);
        reports.insert(1, others);
    }
    reports.truncate(MOST_TOLD);
}

/// How each destination is written: what is read once need not be hashed for every limit of every recipient.
fn addresses(request: &HoldRequest) -> BTreeMap<DestinationId, &str> {
    let mut addresses = BTreeMap::new();
    for payee in &request.payees {
        addresses.entry(payee.destination.id()).or_insert(payee.address.as_str());
    }
    addresses
}

/// Asks every limit that looks at a budget. Says whether the budget counts all that they look at.
fn judge(
    reports: &mut Vec<LimitReport>,
    budget: &Budget,
    set: &LimitSet,
    charge: &Charge,
    (addresses, now): (&BTreeMap<DestinationId, &str>, Timestamp),
) -> bool {
    let Charge { budget: BudgetKey { subject, destination, .. }, usage } = charge;
    reports.reserve(set.limits.len());
    let mut counters = budget.counters();
    let mut counts_all = true;
    for limit in rules(set, &charge.budget) {
        let counter = counters.of(&limit.window);
        counts_all &= counter.is_some() || !limit.window.is_counted();
        // A fee in a coin of its own is no spend of that coin: it is no business of limits on spends.
        if usage.count == 0 && !matches!(limit.measure, Measure::Amount | Measure::Fee) {
            continue;
        }
        let address = destination.and_then(|to| addresses.get(&to).map(|&address| address.to_owned()));
        reports.push(LimitReport::of((*subject, address), limit, (budget, counter), usage, now));
    }
    counts_all
}

/// Whether the service that asks for somebody else's spend may still do so: it lives, and its owner still runs the
/// organisation whose money it is (P3).
fn admit_holder(
    state: &State,
    request: &HoldRequest,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<Result<(), Refusal>, NotLoaded> {
    let Some(holder) = request.holder else { return Ok(Ok(())) };
    let refused = |refusal: Refusal| Err(Refusal::OfService(Box::new(refusal)));
    let Some(token) = state.token(&holder)? else { return Ok(refused(Refusal::TokenUnknown)) };
    let Some(owner) = state.user(&token.user)? else { return Ok(refused(Refusal::TokenUnknown)) };
    let membership = state.membership(&(organisation, owner.id))?;
    Ok(if let Some(at) = token.revoked {
        refused(Refusal::TokenRevoked { at })
    } else if now >= token.expires {
        refused(Refusal::TokenExpired { at: token.expires })
    } else if let Some(freeze) = owner.freeze.as_ref().filter(|freeze| freeze.holds_at(now)) {
        refused(Refusal::OwnerFrozen(freeze.clone()))
    } else if let Some(lock) = token.locked {
        refused(Refusal::Locked(lock))
    } else if !membership.is_some_and(|membership| membership.role.administers()) {
        refused(Refusal::NotAMember)
    } else {
        Ok(())
    })
}

/// Whether the token may ask for this spend at all, money aside.
fn admit<'a>(state: &'a State, request: &HoldRequest, now: Timestamp) -> Result<Result<Asked<'a>, Refusal>, NotLoaded> {
    let Some(token) = state.token(&request.token)? else {
        return Ok(Err(Refusal::TokenUnknown));
    };
    let Some(owner) = state.user(&token.user)? else {
        return Ok(Err(Refusal::TokenUnknown));
    };
    let authorize = |need: Need<'_>| authorize(token, owner, request.address, need, now);
    let Some(id) = request.wallet else {
        return without_wallet(state, request, token, owner, authorize);
    };
    let Some(wallet) = state.wallet(&id)? else {
        // Which wallets there are is told only to a token that may be used at all.
        return Ok(Err(authorize(Need::Presence).err().unwrap_or(Refusal::WalletUnknown)));
    };
    let role = state.role(&(wallet.id, owner.id))?.copied();
    Ok(authorize(Need::Wallet { action: WalletAction::Spend, wallet, role })
        .and_then(|()| same_chain(wallet, request))
        .map(|()| Asked { token, organisation: wallet.organisation }))
}

fn without_wallet<'a>(
    state: &'a State,
    request: &HoldRequest,
    token: &'a Token,
    owner: &User,
    authorize: impl Fn(Need<'_>) -> Result<(), Refusal>,
) -> Result<Result<Asked<'a>, Refusal>, NotLoaded> {
    let Some(organisation) = request.organisation else {
        return Ok(Err(authorize(Need::Presence).err().unwrap_or(Refusal::WalletUnknown)));
    };
    let is_member = state.membership(&(organisation, owner.id))?.is_some();
    Ok(authorize(Need::Organisation { organisation, is_member }).map(|()| Asked { token, organisation }))
}

fn same_chain(wallet: &Wallet, request: &HoldRequest) -> Result<(), Refusal> {
    if wallet.may_hold(&request.coin) { Ok(()) } else { Err(Refusal::WrongCoin { holds: wallet.coin.clone() }) }
}

/// The spend that one of the request's names stands for already, or that has its id.
fn known<'a>(state: &'a State, request: &HoldRequest) -> Result<Option<&'a Arc<Hold>>, NotLoaded> {
    let mut known = state.hold(&request.id)?;
    for name in request.names() {
        let Some(hold) = state.spend_key(&name)?.map(|id| state.hold(id)).transpose()?.flatten() else { continue };
        // Of two names, the one that means something else decides.
        if known.is_none_or(|known| known.meaning == request.meaning) {
            known = Some(hold);
        }
    }
    Ok(known)
}

/// Checks each recipient against the destinations of each subject; an unlock lifts limits, not these.
fn destinations(
    state: &State,
    parties: &Parties<'_>,
    request: &HoldRequest,
    paid: &[(DestinationId, Amount)],
) -> Result<Result<(), Refusal>, NotLoaded> {
    for &Party { subject, rules } in parties.iter().flatten() {
        let Some(rules) = rules.and_then(|set| set.destinations.as_ref()) else { continue };
        if let Some(stray) = request.payees.iter().find(|payee| !rules.allow(&payee.destination)) {
            return Ok(Err(Refusal::DestinationNotAllowed { subject, address: stray.address.clone() }));
        }
        let Some(at_most) = rules.at_most else { continue };
        let known = state.paid(&subject)?.map_or(&[][..], Vec::as_slice);
        let new = paid.iter().filter(|(id, _)| known.binary_search_by_key(id, |(known, _)| *known).is_err()).count();
        let all = u64::try_from(known.len().saturating_add(new)).unwrap_or(u64::MAX);
        if new > 0 && all > u64::from(at_most) {
            return Ok(Err(Refusal::TooManyDestinations { subject, at_most }));
        }
    }
    Ok(Ok(()))
}

/// Why no amount of a coin without end may be spent. An allowance outlives every unlock, so none is looked at.
fn cannot_be_without_end(parties: &Parties<'_>, token: &Token, coin: &Coin) -> Option<Refusal> {
    let rules = || parties.iter().flatten().filter_map(|party| Some((party.subject, party.rules?)));
    let is_own = |subject: Subject| subject == Subject::Token(token.id);
    let refused = |bound_by| Some(Refusal::NotUnlimited { coin: coin.clone(), bound_by });
    if let Some((subject, _)) = rules().find(|(_, rules)| rules.bound(coin)) {
        return refused(Some(subject));
    }
    let says_so = rules().any(|(subject, rules)| is_own(subject) && rules.say_unlimited(coin));
    if says_so && !token.limits_dropped { None } else { refused(None) }
}

/// Why a token that is not unlocked may not spend this, whatever the amount (docs/limits.md).
fn cannot_spend_alone(parties: &Parties<'_>, token: &Token, request: &HoldRequest, cost: &Cost) -> Option<Refusal> {
    if let Some(lock) = token.locked {
        return Some(Refusal::Locked(lock));
    }
    if token.kind == TokenKind::Session {
        return Some(Refusal::NotUnlocked);
    }
    let none = LimitSet::default();
    let own = parties.iter().flatten().find(|party| party.subject == Subject::Token(token.id));
    let set = own.and_then(|party| party.rules).unwrap_or(&none);
    if token.limits_dropped || set.limits.is_empty() {
        return Some(Refusal::NoLimit);
    }
    // A limit on numbers alone says nothing about how much: it lets nothing through by itself.
    if !set.covering(&cost.coin).any(Limit::is_of_amounts) {
        return Some(Refusal::NoLimitForCoin { coin: cost.coin.clone() });
    }
    if cost.fee == Amount::ZERO {
        return None;
    }
    let any = |lets: fn(&Limit) -> bool| set.covering(&cost.fee_coin).any(lets);
    if cost.fee_coin != cost.coin && !any(|limit| limit.measure == Measure::Fee || limit.is_of_amounts()) {
        return Some(Refusal::NoLimitForFee { coin: cost.fee_coin.clone() });
    }
    // Where fees are left out, something else has to keep them small.
    let is_counted =
        request.fee_ceiling.is_some() || any(|limit| matches!(limit.measure, Measure::Amount | Measure::Fee));
    (!is_counted).then(|| Refusal::FeeNotCounted { coin: cost.fee_coin.clone() })
}
