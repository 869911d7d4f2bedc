//! Reserving budget and settling it. The decision on a spend is made here, on loaded records, and
//! nowhere else: what an earlier check saw in a cache only spares the ledger the work.

use crate::amount::Amount;
use crate::authorize::{Need, authorize};
use crate::coin::{Asset, Coin};
use crate::hold::{Charge, Hold, HoldState};
use crate::id::HoldId;
use crate::ledger::command::HoldRequest;
use crate::ledger::state::{Key, NotLoaded, Record, State};
use crate::ledger::{Decided, Outcome, Trace};
use crate::limit::{Budget, BudgetKey, LimitReport, Subject, Usage, Window, covering};
use crate::refusal::Refusal;
use crate::scope::WalletAction;
use crate::time::Timestamp;
use crate::token::{Token, TokenKind};

pub(super) fn needs_to_hold(state: &State, request: &HoldRequest) -> Vec<Key> {
    let mut keys = vec![Key::Token(request.token), Key::Wallet(request.wallet)];
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
    let Ok(Some(wallet)) = state.wallet(&request.wallet) else {
        return keys;
    };
    keys.push(Key::Role((wallet.id, token.user)));
    for subject in subjects(token, wallet.id, wallet.organisation) {
        keys.push(Key::Limits(subject));
        let limits = state.limits(&subject).ok().flatten().map_or(&[][..], Vec::as_slice);
        keys.extend(charged(subject, limits, &request.coin).into_iter().map(Key::Budget));
    }
    keys
}

pub(super) fn needs_to_settle(state: &State, id: HoldId) -> Vec<Key> {
    let mut keys = vec![Key::Hold(id)];
    if let Ok(Some(hold)) = state.hold(&id) {
        keys.extend(hold.charges.iter().map(|charge| Key::Budget(charge.budget.clone())));
    }
    keys
}

/// Whose limits a spend falls under, and whose budgets it weighs on.
fn subjects(token: &Token, wallet: crate::id::WalletId, organisation: crate::id::OrganisationId) -> [Subject; 4] {
    [Subject::Token(token.id), Subject::User(token.user), Subject::Wallet(wallet), Subject::Organisation(organisation)]
}

/// The budgets of a subject that a spend of `coin` weighs on: its lifetime total of the coin, which is
/// kept with or without a limit so that a later limit finds its history, and those of its limits.
fn charged(subject: Subject, limits: &[crate::limit::Limit], coin: &Coin) -> Vec<BudgetKey> {
    let mut keys = vec![BudgetKey { subject, asset: Asset::Coin(coin.clone()), window: Window::Lifetime }];
    for limit in covering(limits, coin) {
        let key = BudgetKey { subject, asset: limit.asset.clone(), window: limit.window };
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

pub(super) fn hold(state: &mut State, request: &HoldRequest, now: Timestamp) -> Result<Decided, NotLoaded> {
    match decide(state, request, now)? {
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
            let data = vec![
                ("wallet", request.wallet.to_string()),
                ("coin", request.coin.to_string()),
                ("code", refusal.code().to_owned()),
                ("reason", refusal.sentence()),
            ];
            let subject = format!("token:{}", request.token);
            Ok((Outcome::Refused(refusal), Some(Trace { action: "spend.refuse", subject, data })))
        }
        Verdict::Granted(hold) => {
            reserve(state, &hold)?;
            for name in hold.names() {
                state.put(Record::SpendKey(name, hold.id));
            }
            state.put(Record::Hold(hold.id, hold.clone()));
            let data = vec![
                ("token", hold.token.to_string()),
                ("wallet", hold.wallet.to_string()),
                ("coin", hold.coin.to_string()),
                ("amount", hold.amount.to_string()),
                ("overridden", hold.charges.iter().any(|charge| charge.overridden).to_string()),
            ];
            let subject = format!("spend:{}", hold.id);
            Ok((Outcome::Held(Box::new(hold)), Some(Trace { action: "spend.hold", subject, data })))
        }
    }
}

enum Verdict {
    Granted(Hold),
    Known(Hold),
    Refused(Refusal),
}

fn decide(state: &State, request: &HoldRequest, now: Timestamp) -> Result<Verdict, NotLoaded> {
    let Some(token) = state.token(&request.token)? else {
        return Ok(Verdict::Refused(Refusal::TokenUnknown));
    };
    let Some(owner) = state.user(&token.user)? else {
        return Ok(Verdict::Refused(Refusal::TokenUnknown));
    };
    let Some(wallet) = state.wallet(&request.wallet)? else {
        // Which wallets there are is told only to a token that may be used at all.
        let refusal = authorize(token, owner, request.address, Need::Presence, now).err();
        return Ok(Verdict::Refused(refusal.unwrap_or(Refusal::WalletUnknown)));
    };
    let role = state.role(&(wallet.id, owner.id))?.copied();
    let need = Need::Wallet { action: WalletAction::Spend, wallet, role };
    if let Err(refusal) = authorize(token, owner, request.address, need, now) {
        return Ok(Verdict::Refused(refusal));
    }
    if wallet.coin.chain() != request.coin.chain() || (wallet.coin.is_token() && wallet.coin != request.coin) {
        return Ok(Verdict::Refused(Refusal::WrongCoin { holds: wallet.coin.clone() }));
    }
    let mut known: Option<&Hold> = None;
    for name in request.names() {
        let Some(hold) = state.spend_key(&name)?.map(|id| state.hold(id)).transpose()?.flatten() else { continue };
        // Of two names, the one that means something else decides.
        if known.is_none_or(|known| known.meaning == request.meaning) {
            known = Some(hold);
        }
    }
    if let Some(known) = known {
        return Ok(Verdict::Known(known.clone()));
    }
    let sum = request.recipients.iter().try_fold(request.fee, |sum, to| sum.checked_add(to.amount));
    let Some(amount) = sum else {
        return Ok(Verdict::Refused(Refusal::AmountTooLarge));
    };
    let overridden = request.stepped_up || token.unlocked_at(now).is_some();
    if !overridden && let Some(refusal) = cannot_spend_alone(state, token, &request.coin)? {
        return Ok(Verdict::Refused(refusal));
    }
    let asked = Usage::one(amount);
    let mut charges = Vec::new();
    let mut exceeded = Vec::new();
    let mut overflows = false;
    for subject in subjects(token, wallet.id, wallet.organisation) {
        let lifted = overridden && matches!(subject, Subject::Token(_));
        let limits = state.limits(&subject)?.map_or(&[][..], Vec::as_slice);
        for key in charged(subject, limits, &request.coin) {
            if !lifted {
                let budget = state.budget(&key)?.copied().unwrap_or_default();
                let rules = covering(limits, &request.coin)
                    .filter(|limit| limit.asset == key.asset && limit.window == key.window);
                let reports = rules.map(|limit| LimitReport::new(subject, limit, &budget, asked));
                exceeded.extend(reports.filter(|report| !report.fits()));
                // A total that no longer fits 256 bits cannot be kept, so nothing more is spent from it.
                let total = budget.captured.checked_add(budget.held).and_then(|used| used.checked_add(asked));
                overflows |= total.is_none();
            }
            charges.push(Charge { budget: key, overridden: lifted });
        }
    }
    if !exceeded.is_empty() {
        return Ok(Verdict::Refused(Refusal::LimitExceeded(exceeded)));
    }
    if overflows {
        return Ok(Verdict::Refused(Refusal::AmountTooLarge));
    }
    Ok(Verdict::Granted(Hold {
        id: request.id,
        token: token.id,
        user: token.user,
        wallet: wallet.id,
        organisation: wallet.organisation,
        coin: request.coin.clone(),
        recipients: request.recipients.clone(),
        amount,
        fee: request.fee,
        key: request.key.clone(),
        meaning: request.meaning,
        instruction: request.instruction.clone(),
        comment: request.comment.clone(),
        charges,
        created: now,
        deadline: request.deadline,
        state: HoldState::Open,
    }))
}

/// Why a token that is not unlocked may not spend this coin, whatever the amount (design §5, rule 2).
fn cannot_spend_alone(state: &State, token: &Token, coin: &Coin) -> Result<Option<Refusal>, NotLoaded> {
    if let Some(since) = token.locked {
        return Ok(Some(Refusal::Locked { since }));
    }
    if token.kind == TokenKind::Session {
        return Ok(Some(Refusal::NotUnlocked));
    }
    let limits = state.limits(&Subject::Token(token.id))?.map_or(&[][..], Vec::as_slice);
    Ok(if token.limits_dropped || limits.is_empty() {
        Some(Refusal::NoLimit)
    } else if covering(limits, coin).next().is_none() {
        Some(Refusal::NoLimitForCoin { coin: coin.clone() })
    } else {
        None
    })
}

fn reserve(state: &mut State, hold: &Hold) -> Result<(), NotLoaded> {
    for charge in hold.charges.iter().filter(|charge| !charge.overridden) {
        let mut budget = state.budget(&charge.budget)?.copied().unwrap_or_default();
        budget.held = budget.held.saturating_add(Usage::one(hold.amount));
        state.put(Record::Budget(charge.budget.clone(), budget));
    }
    Ok(())
}

pub(super) fn capture(
    state: &mut State,
    id: HoldId,
    amount: Amount,
    reference: &str,
    now: Timestamp,
) -> Result<Decided, NotLoaded> {
    let data = |hold: &Hold| {
        vec![("reference", reference.to_owned()), ("amount", amount.to_string()), ("held", hold.amount.to_string())]
    };
    let settled = HoldState::Captured { at: now, amount, reference: reference.to_owned() };
    settle(state, id, settled, "spend.capture", data, |budget, held, overridden| {
        let moved = Usage::one(amount);
        if overridden {
            budget.overridden = budget.overridden.saturating_add(moved);
        } else {
            give_back(budget, held);
            budget.captured = budget.captured.saturating_add(moved);
        }
    })
}

pub(super) fn release(state: &mut State, id: HoldId, reason: &str, now: Timestamp) -> Result<Decided, NotLoaded> {
    let settled = HoldState::Released { at: now, reason: reason.to_owned() };
    let outcome = settle(
        state,
        id,
        settled,
        "spend.release",
        |_| vec![("reason", reason.to_owned())],
        |budget, held, overridden| {
            if !overridden {
                give_back(budget, held);
            }
        },
    )?;
    // What did not happen does not occupy its names: the same request may be tried again.
    if let (Outcome::Settled { hold, before: false }, _) = &outcome {
        hold.names().into_iter().for_each(|name| state.delete(Key::SpendKey(name)));
    }
    Ok(outcome)
}

pub(super) fn mark_unresolved(state: &mut State, id: HoldId, now: Timestamp) -> Result<Decided, NotLoaded> {
    let Some(hold) = state.hold(&id)?.cloned() else {
        return Ok((Outcome::NoSuchHold, None));
    };
    if hold.state != HoldState::Open {
        return Ok((Outcome::Settled { hold: Box::new(hold), before: true }, None));
    }
    let hold = Hold { state: HoldState::Unresolved { since: now }, ..hold };
    state.put(Record::Hold(id, hold.clone()));
    let trace = Trace { action: "spend.unresolved", subject: format!("spend:{id}"), data: Vec::new() };
    Ok((Outcome::Settled { hold: Box::new(hold), before: false }, Some(trace)))
}

fn settle(
    state: &mut State,
    id: HoldId,
    settled: HoldState,
    action: &'static str,
    data: impl FnOnce(&Hold) -> Vec<(&'static str, String)>,
    change: impl Fn(&mut Budget, Usage, bool),
) -> Result<Decided, NotLoaded> {
    let Some(hold) = state.hold(&id)?.cloned() else {
        return Ok((Outcome::NoSuchHold, None));
    };
    if !hold.state.is_held() {
        return Ok((Outcome::Settled { hold: Box::new(hold), before: true }, None));
    }
    let held = Usage::one(hold.amount);
    let mut budgets = Vec::with_capacity(hold.charges.len());
    for charge in &hold.charges {
        let mut budget = state.budget(&charge.budget)?.copied().unwrap_or_default();
        change(&mut budget, held, charge.overridden);
        budgets.push(Record::Budget(charge.budget.clone(), budget));
    }
    budgets.into_iter().for_each(|budget| state.put(budget));
    let trace = Trace { action, subject: format!("spend:{id}"), data: data(&hold) };
    let hold = Hold { state: settled, ..hold };
    state.put(Record::Hold(id, hold.clone()));
    Ok((Outcome::Settled { hold: Box::new(hold), before: false }, Some(trace)))
}

/// Takes a hold out of what a budget holds. A counter that does not contain it stays as it is, which can
/// only overstate what is used.
fn give_back(budget: &mut Budget, held: Usage) {
    budget.held = budget.held.checked_sub(held).unwrap_or(budget.held);
}
