//! What the model has to agree with, and who lives in the world of both.

use super::super::budget_key;
use super::super::world::World;
use super::naive::Naive;
use super::steps::{COINS, SERVICES, TOKENS, WALLETS};
use super::sums::{self, Figures};
use crate::account::{MemberRole, Membership, WalletRole};
use crate::amount::Amount;
use crate::coin::Asset;
use crate::fixtures::{ORGANISATION, USER, token, user, wallet};
use crate::ledger::Record;
use crate::limit::{Budget, Ceiling, LimitReport, LimitSet};
use crate::time::Timestamp;
use crate::token::{Token, TokenKind};

/// Two tokens of one user, two wallets of one organisation, two services.
pub(super) fn everybody() -> Vec<Record> {
    let mut records = vec![Record::User(USER, user(USER))];
    for id in WALLETS {
        records.push(Record::Wallet(id, wallet(id, "hteth")));
        records.push(Record::Role((id, USER), WalletRole::ALL));
    }
    let expires = Timestamp::from_millis(i64::MAX);
    records.extend(TOKENS.map(|id| Record::Token(id, Token { expires, ..token(id, USER) })));
    let service = |id| Token { kind: TokenKind::Service, expires, ..token(id, USER) };
    records.extend(SERVICES.map(|id| Record::Token(id, service(id))));
    let membership = Membership { organisation: ORGANISATION, user: USER, role: MemberRole::Admin };
    records.push(Record::Membership((ORGANISATION, USER), membership));
    records
}

/// All that limits say, in an order of its own.
pub(super) fn figures(reports: &[LimitReport]) -> Vec<Figures> {
    let figures = reports.iter().map(|report| {
        let units = |amount: Amount| amount.as_u64().unwrap();
        Figures {
            subject: report.subject,
            limit: format!("{:?}", report.limit),
            captured: units(report.captured),
            held: units(report.held),
            asked: units(report.asked),
            ceiling: report.remaining().map(|_| match report.limit.ceiling {
                Ceiling::At(ceiling) => units(ceiling),
                Ceiling::Unlimited => unreachable!(),
            }),
        }
    });
    sorted(figures.collect())
}

pub(super) fn sorted(mut figures: Vec<Figures>) -> Vec<Figures> {
    figures.sort_unstable();
    figures
}

/// All budgets say what the model adds up, in every window that limits look at.
pub(super) fn agree(world: &World, naive: &Naive) {
    world.is_conserved();
    let all = world.budgets().map(|(key, _)| key.clone());
    let totals = Naive::subjects().into_iter().flat_map(|subject| COINS.map(|coin| budget_key(subject, coin)));
    let none = LimitSet::default();
    for key in all.chain(totals) {
        let found = world.budgets().find(|(own, _)| **own == key).map(|(_, budget)| budget.clone());
        let budget = found.unwrap_or_else(Budget::default);
        let sums = naive.sums(&key);
        assert_eq!(budget.held, sums.held, "{key:?}");
        if key.destination.is_none() {
            assert_eq!(budget.captured, sums.captured, "{key:?}");
        }
        if matches!(key.asset, Asset::Coin(_)) && key.destination.is_none() {
            assert_eq!((budget.overridden, budget.rolled), (sums.overridden, sums.rolled), "{key:?}");
        }
        let rules = naive.rules.get(&key.subject).unwrap_or(&none);
        let (list, to) = match &key.destination {
            Some(id) => (rules.each(), Some(sums::place_of(id))),
            None => (&rules.limits[..], None),
        };
        for limit in list.iter().filter(|limit| limit.asset == key.asset && budget.counts(&limit.window)) {
            let used = budget.used(&limit.window, world.now).measured(limit.measure);
            assert_eq!(used.as_u64(), Some(naive.captured(key.subject, rules, limit, to)), "{key:?} {limit:?}");
        }
    }
}
