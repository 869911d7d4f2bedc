//! Reserving budget. The decision on a spend is made here, on loaded records, and nowhere else: what an
//! earlier check saw in a cache only spares the ledger the work.

use crate::account::{User, Wallet};
use crate::amount::Amount;
use crate::authorize::{Need, authorize};
use crate::coin::Asset;
use crate::destination::DestinationId;
use crate::hold::{Cost, Hold, HoldState};
use crate::id::OrganisationId;
use crate::ledger::charges::{Charge, Terms, charges, payments, subjects};
use crate::ledger::command::HoldRequest;
use crate::ledger::history::HistoryKey;
use crate::ledger::state::{Key, NotLoaded, Record, State};
use crate::ledger::{Decided, Outcome, Trace};
use crate::limit::{
    Budget, BudgetKey, Destinations, History, Limit, LimitReport, LimitSet, Measure, Subject, Usage, Window,
};
use crate::refusal::Refusal;
use crate::scope::WalletAction;
use crate::time::Timestamp;
use crate::token::{Token, TokenKind};

pub(super) fn needs_to_hold(state: &State, request: &HoldRequest) -> Vec<Key> {
    let mut keys = vec![Key::Token(request.token), Key::Hold(request.id)];
    keys.extend(request.wallet.map(Key::Wallet));
    for name in request.names() {
        if let Ok(Some(known)) = state.spend_key(&name) {
            keys.push(Key::Hold(*known));
        }
        keys.push(Key::SpendKey(name));
    }
    let Ok(Some(token)) = state.token(&request.token) else {
        return keys;
    };
    keys.push(Key::User(token.user));
    let organisation = match request.wallet {
        Some(wallet) => match state.wallet(&wallet) {
            Ok(Some(wallet)) => {
                keys.push(Key::Role((wallet.id, token.user)));
                wallet.organisation
            }
            _ => return keys,
        },
        None => match request.organisation {
            Some(organisation) => {
                keys.push(Key::Membership((organisation, token.user)));
                organisation
            }
            None => return keys,
        },
    };
    let Some(cost) = cost_of(request) else { return keys };
    let paid = payments_of(request);
    for subject in subjects(token.id, token.user, request.wallet, organisation) {
        keys.push(Key::Limits(subject));
        let Ok(set) = state.limits(&subject) else { continue };
        if set.and_then(|set| set.destinations.as_ref()).is_some_and(|rules| rules.at_most.is_some()) {
            keys.push(Key::Paid(subject));
        }
        for charge in charges(subject, set, Terms { cost: &cost, payments: &paid }) {
            if let (Some(set), Ok(budget)) = (set, state.budget(&charge.budget))
                && lacks_past(set, &charge.budget, budget, Some(token))
            {
                keys.push(Key::History(HistoryKey::new(charge.budget.clone(), set)));
            }
            keys.push(Key::Budget(charge.budget));
        }
    }
    keys
}

fn cost_of(request: &HoldRequest) -> Option<Cost> {
    let amounts = request.payees.iter().map(|payee| payee.amount);
    Cost::of(request.coin.clone(), amounts, request.fee_coin.clone(), request.fee)
}

fn payments_of(request: &HoldRequest) -> Vec<(DestinationId, Amount)> {
    payments(request.payees.iter().map(|payee| (payee.destination.id(), &payee.amount)))
}

/// The limits of a set that speak of this budget.
fn rules<'a>(set: &'a LimitSet, key: &BudgetKey) -> impl Iterator<Item = &'a Limit> + Clone {
    let list = if key.destination.is_some() { set.each() } else { &set.limits[..] };
    let asset = key.asset.clone();
    list.iter().filter(move |limit| limit.asset == asset)
}

/// Whether a budget must be told what was spent before it can be judged by these rules.
pub(super) fn lacks_past(set: &LimitSet, key: &BudgetKey, budget: Option<&Budget>, token: Option<&Token>) -> bool {
    match budget {
        Some(budget) => rules(set, key).any(|limit| !budget.counts(&limit.window)),
        // A coin's budget is there from its first spend on.
        None if key.destination.is_none() => !matches!(key.asset, Asset::Coin(_)),
        None => {
            let since = set.destinations.as_ref().and_then(|rules| rules.counted_since);
            // Of a token that never paid without its destinations being counted, nothing is missing.
            !token.is_some_and(|token| key.subject == Subject::Token(token.id) && since <= Some(token.created))
        }
    }
}

/// Begins what a budget does not count yet: from its past, where there can be one.
pub(super) fn prepare(
    state: &mut State,
    set: &LimitSet,
    key: &BudgetKey,
    token: Option<&Token>,
    now: Timestamp,
) -> Result<(), NotLoaded> {
    let found = state.budget(key)?;
    let windows: Vec<&Window> = rules(set, key).map(|limit| &limit.window).collect();
    let missing: Vec<&Window> =
        windows.iter().copied().filter(|window| !found.is_some_and(|budget| budget.counts(window))).collect();
    let is_new = found.is_none();
    if !is_new && missing.is_empty() {
        return Ok(());
    }
    let past = match lacks_past(set, key, found, token) {
        true => state.history(&HistoryKey::new(key.clone(), set))?.cloned().unwrap_or_default(),
        false => History::default(),
    };
    state.change_budget(key, |budget| {
        if is_new {
            (budget.held, budget.captured) = (past.held, past.captured);
        }
        missing.iter().for_each(|window| budget.start_counting(window, &past.captures, now));
    })
}

/// Everything about a request that is allowed to be asked at all.
struct Asked<'a> {
    token: &'a Token,
    organisation: OrganisationId,
}

pub(super) fn hold(state: &mut State, request: &HoldRequest, now: Timestamp) -> Result<Decided, NotLoaded> {
    let verdict = decide(state, request, now)?;
    match verdict {
        Verdict::Known(known) => {
            let same = known.meaning == request.meaning;
            // Whatever name led here names this spend from now on, and no other.
            for name in request.names() {
                if same && state.spend_key(&name)?.is_none() {
                    state.put(Record::SpendKey(name, known.id));
                }
            }
            Ok((Outcome::Known { hold: Box::new(known), same }, None))
        }
        Verdict::Refused(refusal) => {
            let mut data = vec![("coin", request.coin.to_string())];
            data.extend(request.wallet.map(|wallet| ("wallet", wallet.to_string())));
            data.push(("code", refusal.code().to_owned()));
            data.push(("reason", refusal.sentence()));
            let subject = format!("token:{}", request.token);
            Ok((Outcome::Refused(refusal), Some(Trace { action: "spend.refuse", subject, data })))
        }
        Verdict::Granted(granted) => {
            let Granted { hold, charges, newly_paid, reports } = *granted;
            for charge in &charges {
                let lifted = hold.overridden && matches!(charge.budget.subject, Subject::Token(_));
                // Also where nothing is held: what is captured later is noted in a budget that is there.
                let held = if lifted { Usage::default() } else { charge.usage };
                state.change_budget(&charge.budget, |budget| budget.hold(held))?;
            }
            for (subject, destinations) in newly_paid {
                state.put(Record::Paid(subject, destinations));
            }
            for name in hold.names() {
                state.put(Record::SpendKey(name, hold.id));
            }
            state.put(Record::Hold(hold.id, hold.clone()));
            let trace = Trace { action: "spend.hold", subject: format!("spend:{}", hold.id), data: told(&hold) };
            Ok((Outcome::Held { hold: Box::new(hold), reports }, Some(trace)))
        }
    }
}

fn told(hold: &Hold) -> Vec<(&'static str, String)> {
    let mut data = vec![("token", hold.token.to_string())];
    data.extend(hold.wallet.map(|wallet| ("wallet", wallet.to_string())));
    data.push(("coin", hold.cost.coin.to_string()));
    data.push(("amount", hold.cost.amount.to_string()));
    if hold.cost.fee > Amount::ZERO {
        data.push(("fee", format!("{} {}", hold.cost.fee, hold.cost.fee_coin)));
    }
    data.push(("overridden", hold.overridden.to_string()));
    data
}

enum Verdict {
    Granted(Box<Granted>),
    Known(Hold),
    Refused(Refusal),
}

struct Granted {
    hold: Hold,
    charges: Vec<Charge>,
    newly_paid: Vec<(Subject, Vec<DestinationId>)>,
    reports: Vec<LimitReport>,
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What limits say to a spend, without holding anything: the same decision, and it may be thrown away.
///
/// # Errors
/// A record was not loaded.
pub fn dry_run(
    state: &mut State,
    request: &HoldRequest,
    now: Timestamp,
) -> Result<Result<Vec<LimitReport>, Refusal>, NotLoaded> {
    Ok(match decide(state, request, now)? {
        Verdict::Granted(granted) => Ok(granted.reports),
        Verdict::Known(_) => Ok(Vec::new()),
        Verdict::Refused(refusal) => Err(refusal),
    })
}

fn decide(state: &mut State, request: &HoldRequest, now: Timestamp) -> Result<Verdict, NotLoaded> {
    let asked = match admit(state, request, now)? {
        Ok(asked) => asked,
        Err(refusal) => return Ok(refusal.into()),
    };
    let (token, organisation) = (asked.token.clone(), asked.organisation);
    if let Some(known) = known(state, request)? {
        return Ok(Verdict::Known(known.clone()));
    }
    let Some(cost) = cost_of(request) else { return Ok(Refusal::AmountTooLarge.into()) };
    let paid = payments_of(request);
    let subjects: Vec<Subject> = subjects(token.id, token.user, request.wallet, organisation).collect();
    let newly_paid = match destinations(state, &subjects, request, &paid)? {
        Ok(newly_paid) => newly_paid,
        Err(refusal) => return Ok(refusal.into()),
    };
    let overridden = request.stepped_up || token.unlocked_at(now).is_some();
    if !overridden && let Some(refusal) = cannot_spend_alone(state, &token, &cost)? {
        return Ok(refusal.into());
    }
    let mut all = Vec::new();
    let mut reports = Vec::new();
    let mut overflows = false;
    for subject in subjects {
        let lifted = overridden && matches!(subject, Subject::Token(_));
        let set = state.limits(&subject)?.filter(|set| !set.is_empty()).cloned();
        for charge in charges(subject, set.as_ref(), Terms { cost: &cost, payments: &paid }) {
            if let Some(set) = &set {
                prepare(state, set, &charge.budget, Some(&token), now)?;
            }
            let budget = state.budget(&charge.budget)?;
            if !lifted {
                let empty = Budget::default();
                let budget = budget.unwrap_or(&empty);
                let judging = set.as_ref().map(|set| rules(set, &charge.budget)).into_iter().flatten();
                // A fee in a coin of its own is no spend of that coin: it is no business of limits on spends.
                let judging = judging
                    .filter(|limit| charge.usage.count > 0 || matches!(limit.measure, Measure::Amount | Measure::Fee));
                reports.extend(judging.map(|limit| budget.report(subject, limit, charge.usage, now)));
                // A total that no longer fits 256 bits cannot be kept, so nothing more is spent from it.
                let total = budget.captured.checked_add(budget.held).and_then(|used| used.checked_add(charge.usage));
                overflows |= total.is_none();
            }
            all.push(charge);
        }
    }
    if reports.iter().any(|report| !report.fits()) {
        reports.retain(|report| !report.fits());
        return Ok(Refusal::LimitExceeded(reports).into());
    }
    if overflows {
        return Ok(Refusal::AmountTooLarge.into());
    }
    let hold = Hold {
        id: request.id,
        token: token.id,
        user: token.user,
        wallet: request.wallet,
        organisation,
        payees: request.payees.clone(),
        cost,
        key: request.key.clone(),
        meaning: request.meaning,
        instruction: request.instruction.clone(),
        comment: request.comment.clone(),
        overridden,
        holder: request.holder,
        created: now,
        deadline: now.plus(request.patience),
        state: HoldState::Open,
    };
    Ok(Verdict::Granted(Box::new(Granted { hold, charges: all, newly_paid, reports })))
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
    let is_other_chain = wallet.coin.chain() != request.coin.chain();
    if is_other_chain || (wallet.coin.is_token() && wallet.coin != request.coin) {
        return Err(Refusal::WrongCoin { holds: wallet.coin.clone() });
    }
    Ok(())
}

/// The spend that one of the request's names stands for already, or that has its id.
fn known<'a>(state: &'a State, request: &HoldRequest) -> Result<Option<&'a Hold>, NotLoaded> {
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

type NewlyPaid = Vec<(Subject, Vec<DestinationId>)>;

/// Checks each recipient against the destinations of each subject; an unlock lifts limits, not these.
fn destinations(
    state: &State,
    subjects: &[Subject],
    request: &HoldRequest,
    paid: &[(DestinationId, Amount)],
) -> Result<Result<NewlyPaid, Refusal>, NotLoaded> {
    let mut newly_paid = Vec::new();
    for &subject in subjects {
        let set = state.limits(&subject)?;
        let Some(Destinations { at_most, .. }) = set.and_then(|set| set.destinations.as_ref()) else { continue };
        let rules = set.and_then(|set| set.destinations.as_ref());
        let stray = request.payees.iter().find(|payee| rules.is_some_and(|rules| !rules.allow(&payee.destination)));
        if let Some(stray) = stray {
            return Ok(Err(Refusal::DestinationNotAllowed { subject, address: stray.address.clone() }));
        }
        let Some(at_most) = *at_most else { continue };
        let mut known = state.paid(&subject)?.cloned().unwrap_or_default();
        let before = known.len();
        known.extend(paid.iter().map(|(id, _)| *id).filter(|id| !state_has(state, subject, *id)));
        if known.len() == before {
            continue;
        }
        if u64::try_from(known.len()).unwrap_or(u64::MAX) > u64::from(at_most) {
            return Ok(Err(Refusal::TooManyDestinations { subject, at_most }));
        }
        newly_paid.push((subject, known));
    }
    Ok(Ok(newly_paid))
}

fn state_has(state: &State, subject: Subject, id: DestinationId) -> bool {
    state.paid(&subject).ok().flatten().is_some_and(|known| known.contains(&id))
}

/// Why a token that is not unlocked may not spend this, whatever the amount (design §5, rule 2).
fn cannot_spend_alone(state: &State, token: &Token, cost: &Cost) -> Result<Option<Refusal>, NotLoaded> {
    if let Some(since) = token.locked {
        return Ok(Some(Refusal::Locked { since }));
    }
    if token.kind == TokenKind::Session {
        return Ok(Some(Refusal::NotUnlocked));
    }
    let none = LimitSet::default();
    let set = state.limits(&Subject::Token(token.id))?.unwrap_or(&none);
    if token.limits_dropped || set.limits.is_empty() {
        return Ok(Some(Refusal::NoLimit));
    }
    // A limit on numbers alone says nothing about how much: it lets nothing through by itself.
    if !set.covering(&cost.coin).any(Limit::is_of_amounts) {
        return Ok(Some(Refusal::NoLimitForCoin { coin: cost.coin.clone() }));
    }
    let fee_is_covered = cost.fee_coin == cost.coin
        || cost.fee == Amount::ZERO
        || set.covering(&cost.fee_coin).any(|limit| limit.measure == Measure::Fee || limit.is_of_amounts());
    Ok((!fee_is_covered).then(|| Refusal::NoLimitForFee { coin: cost.fee_coin.clone() }))
}
