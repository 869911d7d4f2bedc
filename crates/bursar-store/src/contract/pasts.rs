//! The past of a budget that begins to count.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::destination::Destination;
use bursar_core::hold::{Hold, HoldState, Payee};
use bursar_core::id::{HoldId, OrganisationId, TokenId, WalletId};
use bursar_core::ledger::{HistoryKey, Key, Past, PastOf, Record, State};
use bursar_core::limit::{Budget, BudgetKey, History, Subject, Usage};
use bursar_core::time::{Span, Timestamp};
use bursar_core::token::TokenKind;

use super::samples::{self, ORGANISATION, OTHER, TOKEN, USER, WALLET, at, nth};
use super::{Database, Ledger};

const SECOND_TOKEN: TokenId = TokenId::from_bytes(nth(1));
const FOREIGN_TOKEN: TokenId = TokenId::from_bytes(nth(2));
const SECOND_WALLET: WalletId = WalletId::from_bytes(nth(1));
const FOREIGN_WALLET: WalletId = WalletId::from_bytes(nth(2));
const FOREIGN: OrganisationId = OrganisationId::from_bytes(nth(1));

const SUBJECTS: [Subject; 4] =
    [Subject::Token(TOKEN), Subject::User(USER), Subject::Wallet(WALLET), Subject::Organisation(ORGANISATION)];

/// Spends of all tokens from all wallets and from none, in all states, in three coins, to two destinations.
fn spends() -> Vec<Hold> {
    let spend = |number: u8| {
        let pick = |count: u8| usize::from(number % count);
        let token = [TOKEN, SECOND_TOKEN, FOREIGN_TOKEN][pick(3)];
        let (wallet, organisation) = [
            (Some(WALLET), ORGANISATION),
            (None, ORGANISATION),
            (Some(SECOND_WALLET), ORGANISATION),
            (Some(FOREIGN_WALLET), FOREIGN),
            (None, FOREIGN),
        ][pick(5)];
        let amount = 1_000 + u128::from(number);
        let captured = i64::from(number) * 10 - 2_400;
        Hold {
            token,
            user: if token == FOREIGN_TOKEN { OTHER } else { USER },
            organisation,
            wallet,
            cost: match pick(4) {
                0 => samples::cost("hteth:usdc", amount, "hteth", 3),
                1 => samples::cost("hteth", amount, "hteth", 4),
                _ => samples::cost("tbtc", amount, "tbtc", 5),
            },
            payees: vec![Payee {
                address: String::new(),
                destination: destination(number % 2),
                amount: Amount::new(amount),
            }],
            overridden: number.is_multiple_of(11),
            state: match pick(7) {
                0 => HoldState::Open,
                1 => HoldState::unresolved(at(captured), ""),
                2 => samples::released(captured),
                _ => samples::captured(captured, amount - 100, 2),
            },
            ..samples::hold(HoldId::from_bytes(nth(number)), WALLET)
        }
    };
    (0..240).map(spend).collect()
}

fn destination(number: u8) -> Destination {
    Destination::new("evm", &[number], None)
}

fn is_of(hold: &Hold, subject: Subject) -> bool {
    match subject {
        Subject::Token(id) => hold.token == id,
        Subject::User(id) => hold.user == id,
        Subject::Wallet(id) => hold.wallet == Some(id),
        Subject::Organisation(id) => hold.organisation == id,
    }
}

/// What every subject captured of a coin, rolled spends included: more than is kept.
fn total(amount: u128) -> Usage {
    Usage { amount: Amount::new(amount), fee: Amount::new(1), count: 1_000 }
}

fn keys(subject: Subject) -> Vec<(HistoryKey, Option<Usage>)> {
    let key = |text, without: &[Coin], reach| HistoryKey {
        budget: samples::budget_key(subject, text),
        without: without.to_vec(),
        reach: Span::from_millis(reach),
        of: PastOf::Budget,
    };
    let usdc = [samples::coin("hteth:usdc")];
    let all = |amount, count| Some(Usage { fee: Amount::new(count), count: count as u64 * 1_000, ..total(amount) });
    vec![
        (key("tbtc", &[], 1_000), all(1, 1)),
        (key("hteth:*", &[], 0), all(110, 2)),
        (key("*", &[], 86_400_000), all(111, 3)),
        (key("*", &usdc, 500), all(11, 2)),
        (key("*erc20", &usdc, 500), Some(Usage::default())),
        (HistoryKey::of_destinations(subject, &[]), None),
        (HistoryKey::of_payees(subject), None),
    ]
}

/// The spends of a subject and of nobody else, as far back as asked for, and the totals that are kept of
/// all of them, forgotten ones included.
pub fn a_past_is_what_the_spends_of_a_subject_say(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let owners = [(TOKEN, USER), (SECOND_TOKEN, USER), (FOREIGN_TOKEN, OTHER)];
    ledger.put(owners.map(|(id, user)| Record::Token(id, samples::token(id, user, TokenKind::Session))));
    let wallets = [(WALLET, ORGANISATION), (SECOND_WALLET, ORGANISATION), (FOREIGN_WALLET, FOREIGN)];
    ledger.put(wallets.map(|(id, organisation)| {
        Record::Wallet(id, bursar_core::account::Wallet { organisation, ..samples::wallet(id, "tbtc") })
    }));
    let spends = spends();
    ledger.put(spends.iter().map(|hold| Record::Hold(hold.id, hold.clone().into())));
    for subject in SUBJECTS {
        let to_one = BudgetKey { destination: Some(destination(0).id()), ..samples::budget_key(subject, "tbtc") };
        let others = ["hteth:*", "*", "*erc20"].map(|text| (samples::budget_key(subject, text), 7_000));
        let coins = [("tbtc", 1), ("hteth", 10), ("hteth:usdc", 100)];
        let coins = coins.map(|(text, amount)| (samples::budget_key(subject, text), amount));
        let budgets = others.into_iter().chain(coins).chain([(to_one, 9_000)]);
        let budget = |amount| Budget { captured: total(amount), ..Budget::default() };
        ledger.put(budgets.map(|(key, amount)| Record::Budget(key, budget(amount))));
    }
    for subject in SUBJECTS {
        for (key, total) in keys(subject) {
            assert_past(&mut ledger, &spends, &key, total);
        }
    }
    // Of a stranger there is none.
    let nobody = keys(Subject::User(bursar_core::id::UserId::from_bytes(nth(99)))).remove(2).0;
    let name = Key::History(nobody.clone());
    assert_eq!(ledger.load(std::slice::from_ref(&name)).history(&nobody), Ok(Some(&History::default())));
}

fn assert_past(ledger: &mut Ledger<impl crate::Store>, spends: &[Hold], key: &HistoryKey, total: Option<Usage>) {
    let mut naive = Past::new(key.clone());
    spends.iter().filter(|hold| is_of(hold, key.budget.subject)).for_each(|hold| naive.add(hold));
    let mut expected = naive.finish();
    expected.captured = total.unwrap_or(expected.captured);
    let says = match key.of {
        PastOf::Budget => key.without.len() == 1 || expected.held.amount > Amount::ZERO,
        PastOf::Payees => expected.paid.len() == 2,
        PastOf::Destinations => expected.destinations.len() > 2,
    };
    assert!(says, "the samples say something");
    let since = ledger.position.time.minus(key.reach);
    keep(&mut expected, since);
    let name = Key::History(key.clone());
    let state = ledger.load(std::slice::from_ref(&name));
    let mut read_only = State::default();
    ledger.reader().load(&[name], &mut read_only).expect("a past");
    for state in [state, read_only] {
        let mut found = state.history(key).expect("loaded").cloned().expect("a past");
        keep(&mut found, since);
        assert_eq!(found, expected, "{key:?}");
    }
}

/// What is older may be there or not.
fn keep(history: &mut History, since: Timestamp) {
    history.captures.retain(|(at, _)| *at >= since);
}
