//! Whole stories, decided by the ledger's own transition: what the store makes of them has to add up.

use std::net::IpAddr;

use bursar_core::account::WalletRole;
use bursar_core::amount::Amount;
use bursar_core::destination::Destination;
use bursar_core::hold::{Payee, SpendKey};
use bursar_core::id::{HoldId, TokenId};
use bursar_core::ledger::conservation::Figure;
use bursar_core::ledger::{Command, HoldRequest, Key, LimitEdit, Outcome, Record, Settler};
use bursar_core::limit::{
    Budget, BudgetKey, Ceiling, Counter, Destinations, Limit, LimitReport, LimitSet, Measure, Subject, Usage,
};
use bursar_core::scope::Scopes;
use bursar_core::time::{Span, Timestamp};
use bursar_core::token::{Grant, Token, TokenKind};

use super::samples::{self, ORGANISATION, TOKEN, USER, WALLET, at, nth};
use super::{Database, Ledger};
use crate::{Compared, Store};

const TOKENS: Subject = Subject::Token(TOKEN);
const USERS: Subject = Subject::User(USER);

/// A token that may spend from a wallet, under limits in every kind of window.
fn open<S: Store>(database: &impl Database<Store = S>) -> Ledger<S> {
    let mut ledger = Ledger::open(database);
    let scopes = Scopes::new(["wallet_spend_all"].map(|scope| scope.parse().expect("a scope")));
    let grant = Grant { scopes, ..Grant::default() };
    let token = Token { grant, expires: at(i64::MAX), ..samples::token(TOKEN, USER, TokenKind::Access) };
    ledger.put([
        Record::User(USER, samples::user(USER, "a")),
        Record::Wallet(WALLET, samples::wallet(WALLET, "tbtc")),
        Record::Role((WALLET, USER), WalletRole::ALL),
        Record::Token(TOKEN, token),
    ]);
    let most = Ceiling::At(Amount::new(1_000_000));
    let windows = ["spend", "lifetime", "rolling 60s", "calendar day Europe/Zurich", "accrual 1 per 60s"];
    let mut limits: Vec<Limit> = windows.map(|window| samples::limit("tbtc", Measure::Amount, window, most)).to_vec();
    limits.push(samples::limit("*", Measure::Count, "fixed 60s from 2026-01-05T00:00:00.000Z", most));
    let each = vec![samples::limit("tbtc", Measure::Count, "lifetime", most)];
    let destinations = Some(Destinations { each, at_most: Some(9), ..Destinations::default() });
    set_limits(&mut ledger, TOKENS, LimitSet { limits, destinations });
    ledger
}

fn now(ledger: &Ledger<impl Store>) -> Timestamp {
    ledger.position.time.plus(Span::from_seconds(10))
}

fn set_limits(ledger: &mut Ledger<impl Store>, subject: Subject, rules: LimitSet) {
    let now = now(ledger);
    let seen = ledger.version(&Key::Limits(subject));
    let edit = LimitEdit { subject, seen, rules, stepped_up: true };
    let outcome = ledger.play(now, Command::SetLimits(Box::new(edit)));
    assert!(matches!(outcome, Outcome::Limits { .. }), "{outcome:?}");
}

fn hold(ledger: &mut Ledger<impl Store>, number: u8, stepped_up: bool) -> (HoldId, Vec<LimitReport>) {
    let now = now(ledger);
    let destination = Destination::new("bitcoin-testnet", &[number % 2], None);
    let request = HoldRequest {
        id: HoldId::time_ordered(now, [number; 10]),
        token: TOKEN,
        address: IpAddr::from([127, 0, 0, 1]),
        wallet: Some(WALLET),
        organisation: None,
        coin: samples::coin("tbtc"),
        payees: vec![Payee { address: String::new(), destination, amount: Amount::new(100) }],
        fee_coin: samples::coin("tbtc"),
        fee: Amount::new(10),
        fee_ceiling: None,
        key: Some(SpendKey::Sequence(WALLET, number.to_string())),
        meaning: [number; 32],
        instruction: vec![number],
        comment: None,
        stepped_up,
        holder: None,
        captures_itself: false,
        patience: Span::from_seconds(60),
        read: Vec::new(),
    };
    match ledger.play(now, Command::Hold(Box::new(request))) {
        Outcome::Held { hold, reports } => (hold.id, reports),
        other => panic!("{other:?}"),
    }
}

fn capture(ledger: &mut Ledger<impl Store>, hold: HoldId, amount: u128) {
    let (amount, fee) = (Amount::new(amount), Amount::new(5));
    let command = Command::Capture { hold, amount, fee, reference: String::new(), by: Settler::Rail };
    let now = now(ledger);
    let outcome = ledger.play(now, command);
    assert!(matches!(outcome, Outcome::Settled { before: false, .. }), "{outcome:?}");
}

fn release(ledger: &mut Ledger<impl Store>, hold: HoldId) {
    let now = now(ledger);
    ledger.play(now, Command::Release { hold, reason: String::new(), by: Settler::Rail });
}

fn budget(ledger: &mut Ledger<impl Store>, key: &BudgetKey) -> Budget {
    let state = ledger.load(&[Key::Budget(key.clone())]);
    state.budget(key).expect("loaded").cloned().expect("a budget")
}

fn assert_conserved(ledger: &Ledger<impl Store>) {
    for all in [false, true] {
        assert_eq!(ledger.reader().conservation(all), Ok(Compared::default()), "all: {all}");
    }
}

fn all_budgets() -> Vec<BudgetKey> {
    let subjects = [TOKENS, USERS, Subject::Wallet(WALLET), Subject::Organisation(ORGANISATION)];
    subjects.map(|subject| samples::budget_key(subject, "tbtc")).to_vec()
}

/// I8, at every step of a story: open and unresolved, captured and released, with and without an unlock.
pub fn what_is_played_by_the_rules_is_conserved(database: &impl Database) {
    let mut ledger = open(database);
    assert_conserved(&ledger);
    let holds: Vec<HoldId> = (1..=6).map(|number| hold(&mut ledger, number, number == 2).0).collect();
    assert_conserved(&ledger);
    capture(&mut ledger, holds[0], 80);
    capture(&mut ledger, holds[1], 70);
    release(&mut ledger, holds[2]);
    let now = now(&ledger);
    ledger.play(now, Command::Expire { hold: holds[3], overdue: false, reason: "no answer".to_owned() });
    assert_conserved(&ledger);
    // A group that nobody spent from since its limit came is not missing.
    let count = samples::limit("*", Measure::Count, "lifetime", Ceiling::Unlimited);
    set_limits(&mut ledger, USERS, LimitSet::of(vec![count]));
    assert_conserved(&ledger);
    capture(&mut ledger, holds[3], 60);
    assert_conserved(&ledger);
}

/// A figure that is too small or too large, in whichever budget, and a budget that is gone.
pub fn budgets_that_differ_from_their_spends_are_named(database: &impl Database) {
    let mut ledger = open(database);
    let holds: Vec<HoldId> = (1..=4).map(|number| hold(&mut ledger, number, false).0).collect();
    capture(&mut ledger, holds[0], 80);
    assert_conserved(&ledger);
    let found = |ledger: &Ledger<_>, all| {
        let differences = ledger.reader().conservation(all).and_then(Compared::of_records).expect("an answer");
        differences
            .into_iter()
            .map(|found| (found.budget, found.figure, found.spends, found.counted))
            .collect::<Vec<_>>()
    };
    let one = Usage::one(Amount::new(1));
    let (held, captured) = (
        Usage { amount: Amount::new(330), fee: Amount::new(30), count: 3 },
        Usage { amount: Amount::new(80), fee: Amount::new(5), count: 1 },
    );
    let group = samples::budget_key(TOKENS, "*");
    for key in all_budgets().into_iter().chain([group]) {
        let sound = budget(&mut ledger, &key);
        for wrong in [held.saturating_add(one), Usage::default()] {
            ledger.put([Record::Budget(key.clone(), Budget { held: wrong, ..sound.clone() })]);
            assert_eq!(found(&ledger, false), [(key.clone(), Figure::Held, held, wrong)]);
            assert_eq!(found(&ledger, true), [(key.clone(), Figure::Held, held, wrong)]);
        }
        ledger.put([Record::Budget(key, sound)]);
    }
    for key in all_budgets() {
        let sound = budget(&mut ledger, &key);
        for change in [
            Budget { captured: captured.saturating_add(one), ..sound.clone() },
            Budget { overridden: one, ..sound.clone() },
        ] {
            ledger.put([Record::Budget(key.clone(), change)]);
            assert_eq!(found(&ledger, false), []);
            // A group tells of the same, where it speaks of the coin.
            let of_all = found(&ledger, true).into_iter().filter(|(budget, ..)| *budget == key).collect::<Vec<_>>();
            assert_eq!(of_all, [(key.clone(), Figure::Captured, captured, captured.saturating_add(one))]);
        }
        ledger.delete([Key::Budget(key.clone())]);
        assert_eq!(found(&ledger, false), [(key.clone(), Figure::Held, held, Usage::default())]);
        ledger.put([Record::Budget(key, sound)]);
    }
    let stray = samples::budget_key(Subject::Wallet(bursar_core::id::WalletId::from_bytes(nth(9))), "tbtc");
    ledger.put([Record::Budget(stray.clone(), Budget { held: one, ..Budget::default() })]);
    assert_eq!(found(&ledger, false), [(stray, Figure::Held, Usage::default(), one)]);
}

/// A window that was emptied, of whichever kind, is named with what spends say at least; to one token, only its own.
pub fn windows_that_count_too_little_are_named(database: &impl Database) {
    let mut ledger = open(database);
    let spend = hold(&mut ledger, 1, false).0;
    capture(&mut ledger, spend, 80);
    assert_conserved(&ledger);
    let mut kinds = 0;
    for asset in ["tbtc", "*"] {
        let key = samples::budget_key(TOKENS, asset);
        let sound = budget(&mut ledger, &key);
        for place in 0..sound.windows.len() {
            let mut wrong = sound.clone();
            let (window, counter) = &mut wrong.windows[place];
            *counter = Counter::new(window, now(&ledger)).expect("a counter");
            let window = window.clone();
            ledger.put([Record::Budget(key.clone(), wrong)]);
            let mut reader = ledger.reader();
            let found = reader.conservation(true).and_then(Compared::of_records).expect("an answer");
            let [difference] = &found[..] else { panic!("{window}: {found:?}") };
            assert_eq!((&difference.budget, &difference.figure), (&key, &Figure::Window(window)));
            assert_eq!(difference.spends, Usage { amount: Amount::new(80), fee: Amount::new(5), count: 1 });
            assert_eq!(reader.conservation_of_token(TOKEN), Ok(found));
            assert_eq!(reader.conservation_of_token(TokenId::from_bytes(nth(9))), Ok(Vec::new()));
            assert_eq!(reader.conservation(false), Ok(Compared::default()));
            kinds += 1;
        }
        ledger.put([Record::Budget(key, sound)]);
    }
    assert_eq!(kinds, 4);
    assert_conserved(&ledger);
}

/// Budgets of coins that are gone though spends were captured, and a group that says less than its coins.
pub fn budgets_that_are_gone_are_named(database: &impl Database) {
    let mut ledger = open(database);
    let spend = hold(&mut ledger, 1, false).0;
    capture(&mut ledger, spend, 80);
    let captured = Usage { amount: Amount::new(80), fee: Amount::new(5), count: 1 };
    let found = |ledger: &Ledger<_>| {
        let found = ledger.reader().conservation(true).and_then(Compared::of_records).expect("an answer");
        found.into_iter().map(|found| (found.budget, found.figure, found.spends, found.counted)).collect::<Vec<_>>()
    };
    for key in all_budgets() {
        let sound = budget(&mut ledger, &key);
        ledger.delete([Key::Budget(key.clone())]);
        let gone = (key.clone(), Figure::Captured, captured, Usage::default());
        let found = found(&ledger);
        assert!(found.contains(&gone), "{found:?}");
        assert!(found.iter().all(|(budget, ..)| budget.subject == key.subject), "{found:?}");
        ledger.put([Record::Budget(key, sound)]);
    }
    let group = samples::budget_key(TOKENS, "*");
    let sound = budget(&mut ledger, &group);
    ledger.put([Record::Budget(group.clone(), Budget { captured: Usage::default(), ..sound })]);
    assert_eq!(found(&ledger), [(group.clone(), Figure::Captured, captured, Usage::default())]);
    ledger.delete([Key::Budget(group)]);
    assert_conserved(&ledger);
}

/// Spends that are let go leave their sums behind, and their names free.
pub fn forgotten_spends_stay_in_the_totals(database: &impl Database) {
    let mut ledger = open(database);
    let holds: Vec<HoldId> = (1..=4).map(|number| hold(&mut ledger, number, number == 2).0).collect();
    capture(&mut ledger, holds[0], 80);
    capture(&mut ledger, holds[1], 70);
    release(&mut ledger, holds[2]);
    let before: Vec<Budget> = all_budgets().iter().map(|key| budget(&mut ledger, key)).collect();
    let end = ledger.position.time.plus(Span::from_millis(1));
    let settled = ledger.reader().settled_before(end, 9).expect("spends");
    assert_eq!(settled, holds[..3]);
    let now = now(&ledger);
    let outcome = ledger.play(now.max(end), Command::Forget { holds: holds.clone(), kept: Span::ZERO });
    assert!(matches!(outcome, Outcome::Forgotten { spends: 3 }), "{outcome:?}");
    let usage = |amount, fee, count| Usage { amount: Amount::new(amount), fee: Amount::new(fee), count };
    for (key, before) in all_budgets().iter().zip(before) {
        assert_eq!(budget(&mut ledger, key), Budget { rolled: usage(150, 10, 2), ..before });
    }
    let mut reader = ledger.reader();
    for (number, hold) in (1..).zip(&holds) {
        let key = SpendKey::Sequence(WALLET, number.to_string());
        let is_kept = number == 4;
        assert_eq!(reader.hold(*hold).expect("an answer").is_some(), is_kept);
        assert_eq!(reader.hold_by_key(&key), Ok(is_kept.then_some(*hold)));
    }
    assert_eq!(reader.settled_before(end, 9), Ok(Vec::new()));
    assert_conserved(&ledger);
    assert_eq!(hold(&mut ledger, 1, false).0.as_bytes()[6..], [1; 10]);
}

/// A limit that comes late sees what was spent before, also what is no longer kept.
pub fn a_later_limit_is_told_of_the_past(database: &impl Database) {
    let mut ledger = open(database);
    let holds: Vec<HoldId> = (1..=5).map(|number| hold(&mut ledger, number, false).0).collect();
    for place in [0, 1, 2] {
        capture(&mut ledger, holds[place], 80);
    }
    let late = now(&ledger);
    ledger.play(late, Command::Forget { holds: vec![holds[0]], kept: Span::ZERO });
    let windows = ["lifetime", "rolling 86400s"];
    let limits = windows.map(|window| samples::limit("*", Measure::Count, window, Ceiling::At(Amount::new(9))));
    set_limits(&mut ledger, USERS, LimitSet::of(limits.to_vec()));
    let (_, reports) = hold(&mut ledger, 6, false);
    let figures: Vec<_> = reports
        .iter()
        .filter(|report| report.subject == USERS)
        .map(|report| (report.limit.window.to_string(), report.captured, report.held))
        .collect();
    let count = Amount::new;
    // The one that is let go is in no window any more; retention sees to it that none reaches so far.
    assert_eq!(
        figures,
        [("lifetime".to_owned(), count(3), count(2)), ("rolling 86400s".to_owned(), count(2), count(2))]
    );
    assert_conserved(&ledger);
}
