//! Lists of spends, and pictures of them.

use bursar_core::amount::Amount;
use bursar_core::hold::{Hold, HoldState};
use bursar_core::id::{HoldId, TokenId, WalletId};
use bursar_core::ledger::Record;
use bursar_core::limit::Usage;
use bursar_core::time::Span;

use super::lists::assert_pages;
use super::samples::{self, TOKEN, WALLET, at, nth};
use super::{Database, Ledger};
use crate::Page;

/// One owner's spends, whatever became of them and wherever the money is, by id.
pub fn spends_come_in_pages_by_wallet_and_by_token(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let ids = [1, 2, 3, 4, 5, 6].map(|number| HoldId::from_bytes(nth(number)));
    let hold = |place: usize| samples::hold(ids[place], WALLET);
    let holds = [
        hold(0),
        Hold { wallet: None, ..hold(1) },
        Hold { token: TokenId::from_bytes(nth(1)), ..hold(2) },
        Hold { state: samples::released(1), ..hold(3) },
        Hold { wallet: Some(WalletId::from_bytes(nth(1))), ..hold(4) },
        hold(5),
    ];
    ledger.put(holds.map(|hold| Record::Hold(hold.id, hold.into())));
    let mut reader = ledger.reader();
    let list = |holds: Vec<Hold>| holds.into_iter().map(|hold| hold.id).collect();
    let of_wallet = [0, 2, 3, 5].map(|place| ids[place]);
    assert_pages(&of_wallet, |page| list(reader.spends(WALLET, page).expect("spends")));
    let of_token = [0, 1, 3, 4, 5].map(|place| ids[place]);
    assert_pages(&of_token, |page| list(reader.spends_of_token(TOKEN, page).expect("spends")));
}

/// Whatever wallet they are of, and only as long as they are held.
pub fn unsettled_spends_are_those_open_or_unresolved(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let make = |number, state| {
        let id = HoldId::from_bytes(nth(number));
        Record::Hold(id, Hold { state, ..samples::hold(id, WalletId::from_bytes(nth(number))) }.into())
    };
    let unresolved = || HoldState::unresolved(at(1), "no answer");
    ledger.put((1..=6).map(|number| make(number, HoldState::Open)));
    ledger.put([make(1, samples::captured(1, 0, 0)), make(2, unresolved()), make(3, samples::released(1))]);
    ledger.put([make(4, unresolved()), make(6, unresolved())]);
    ledger.put([make(6, samples::captured(1, 0, 0))]);
    let mut reader = ledger.reader();
    let list = |holds: Vec<Hold>| holds.into_iter().map(|hold| hold.id).collect();
    let expected = [2, 4, 5].map(|number| HoldId::from_bytes(nth(number)));
    assert_pages(&expected, |page| list(reader.unsettled(page).expect("spends")));
    assert_pages(&expected[..2], |page| list(reader.unresolved(page).expect("spends")));
    let none = Page { limit: 9, after: Some(expected[1]), newest_first: false };
    assert_eq!(reader.unresolved(none), Ok(Vec::new()));
}

/// The oldest first, and only what was settled before the instant, not what was merely held before it.
pub fn settled_spends_are_found_from_the_oldest_on(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let make = |ms, state| {
        let id = HoldId::time_ordered(at(ms), [1; 10]);
        Hold { state, ..samples::hold(id, WALLET) }
    };
    let holds = [
        make(10, samples::captured(99, 0, 0)),
        make(20, HoldState::Open),
        make(30, samples::released(30)),
        make(40, samples::captured(100, 0, 0)),
        make(50, HoldState::unresolved(at(60), "")),
        make(99, samples::released(99)),
        make(100, samples::captured(100, 0, 0)),
    ];
    ledger.put(holds.clone().map(|hold| Record::Hold(hold.id, hold.into())));
    let mut reader = ledger.reader();
    let expected = [0, 2, 5].map(|place: usize| holds[place].id);
    assert_eq!(reader.settled_before(at(100), 9).as_deref(), Ok(&expected[..]));
    assert_eq!(reader.settled_before(at(100), 2).as_deref(), Ok(&expected[..2]));
    assert_eq!(reader.settled_before(at(30), 9), Ok(Vec::new()));
    assert_eq!(reader.settled_before(at(-1), 9), Ok(Vec::new()));
    assert_eq!(reader.settled_before(at(i64::MAX), 9).map(|found| found.len()), Ok(5));
}

/// What was captured, in the bucket it was captured in, each coin for itself, a fee in a coin of its own too.
pub fn a_tokens_usage_is_shown_by_buckets_of_time(database: &impl Database) {
    let mut ledger = Ledger::open(database);
    let make = |ms, cost, state| {
        let id = HoldId::time_ordered(at(ms), [1; 10]);
        Hold { cost, state, ..samples::hold(id, WALLET) }
    };
    let btc = || samples::cost("tbtc", 100, "tbtc", 10);
    let usdc = || samples::cost("hteth:usdc", 100, "hteth", 10);
    let holds = [
        make(1, btc(), samples::captured(999, 4, 0)),
        make(2, btc(), samples::captured(1_000, 5, 1)),
        Hold { overridden: true, ..make(1_000, btc(), samples::captured(1_999, 6, 2)) },
        make(1_001, usdc(), samples::captured(2_000, 7, 3)),
        make(1_002, btc(), samples::captured(2_999, 8, 0)),
        make(1_003, usdc(), samples::captured(2_500, 9, 0)),
        make(1_004, btc(), HoldState::Open),
        make(1_005, btc(), samples::released(2_000)),
        Hold { token: TokenId::from_bytes(nth(1)), ..make(1_006, btc(), samples::captured(2_000, 50, 0)) },
    ];
    ledger.put(holds.map(|hold| Record::Hold(hold.id, hold.into())));
    let usage = |amount, fee, count| Usage { amount: Amount::new(amount), fee: Amount::new(fee), count };
    let expected = [
        (at(1_000), samples::coin("tbtc"), usage(11, 3, 2)),
        (at(2_000), samples::coin("hteth"), usage(3, 3, 0)),
        (at(2_000), samples::coin("hteth:usdc"), usage(16, 0, 2)),
        (at(2_000), samples::coin("tbtc"), usage(8, 0, 1)),
    ];
    let mut reader = ledger.reader();
    let mut shown = |since, bucket| reader.usage_of_token(TOKEN, at(since), Span::from_millis(bucket)).expect("usage");
    assert_eq!(shown(1_000, 1_000), expected);
    assert_eq!(shown(2_000, 1_000), expected[1..]);
    assert_eq!(shown(3_000, 1_000), []);
    // One bucket for all, and one for each instant.
    let all = [(at(0), samples::coin("tbtc"), usage(23, 3, 4))];
    assert_eq!(shown(0, 10_000).into_iter().filter(|(_, coin, _)| coin.as_str() == "tbtc").collect::<Vec<_>>(), all);
    assert_eq!(shown(0, 0).len(), 7);
}
