//! The ledger seen from outside: a small world of records, commands, and what they leave behind.

mod answer;
mod conservation;
mod destinations;
mod edits;
mod explaining;
mod fees;
mod holding;
mod keys;
mod loosening;
mod model;
mod order;
mod past;
mod retention;
mod settling;
mod unlocking;
mod wallets;
mod windows;
mod without_end;
mod world;
mod writing;

use crate::account::WalletRole;
use crate::amount::Amount;
use crate::audit::Actor;
use crate::coin::Asset;
use crate::fixtures::{ORGANISATION, TOKEN, USER, WALLET, at, coin, token, user, wallet};
use crate::hold::{Hold, HoldState};
use crate::id::HoldId;
use crate::ledger::{
    Command, HoldRequest, Key, LimitEdit, Outcome, Record, Request, Settler, State, TokenSecret, Version, Write, apply,
    needs,
};
use crate::limit::{Budget, BudgetKey, Limit, LimitReport, LimitSet, Subject, Usage};
use crate::refusal::Refusal;
use crate::time::{Span, Timestamp};

use answer::answer;
use world::World;

const BY_TOKEN: Subject = Subject::Token(TOKEN);
const BY_USER: Subject = Subject::User(USER);
const BY_WALLET: Subject = Subject::Wallet(WALLET);
const BY_ORGANISATION: Subject = Subject::Organisation(ORGANISATION);
const EVERYBODY: [Subject; 4] = [BY_TOKEN, BY_USER, BY_WALLET, BY_ORGANISATION];

fn held(outcome: Outcome) -> Hold {
    match outcome {
        Outcome::Held { hold, .. } => Hold::clone(&hold),
        other => panic!("not held but {other:?}"),
    }
}

/// The settled spend, and whether it had been settled before.
fn settled(outcome: Outcome) -> (HoldState, bool) {
    match outcome {
        Outcome::Settled { hold, before } => (hold.state.clone(), before),
        other => panic!("not settled but {other:?}"),
    }
}

/// What the limits in the way say.
fn reports(outcome: Outcome) -> Vec<LimitReport> {
    match outcome {
        Outcome::Refused(Refusal::LimitExceeded(mut reports)) => {
            reports.retain(|report| !report.fits());
            reports
        }
        other => panic!("no limit is in the way: {other:?}"),
    }
}

/// Captured, held and overridden in base units.
fn figures(budget: &Budget) -> [u128; 3] {
    [budget.captured, budget.held, budget.overridden].map(|usage| usage.amount.as_u64().unwrap().into())
}

/// The budget of everything a subject spends of an asset.
fn budget_key(subject: Subject, asset: &str) -> BudgetKey {
    BudgetKey { subject, asset: Asset::parse(asset).unwrap(), destination: None }
}
