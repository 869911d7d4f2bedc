//! Rules, budgets and spends at their extremes.

use bursar_core::amount::Amount;
use bursar_core::destination::{Destination, DestinationId};
use bursar_core::hold::{Hold, HoldState, Payee, SpendKey};
use bursar_core::id::{HoldId, TokenId};
use bursar_core::ledger::Record;
use bursar_core::limit::{
    Accrual, Allowed, Budget, BudgetKey, Ceiling, Counter, Destinations, LimitSet, Measure, Rolling, Subject, Usage,
    Window,
};
use bursar_core::token::LastUse;

use super::{
    ORGANISATION, TOKEN, USER, WALLET, asset, at, budget_key, captured, coin, cost, hold, limit, nth, released,
};

const MOST: Usage = Usage { amount: Amount::MAX, fee: Amount::MAX, count: u64::MAX };

pub(super) fn records() -> Vec<Record> {
    let mut records = rules();
    records.extend(budgets());
    records.extend(spends());
    let uses = [LastUse { at: at(9), from: [192, 0, 2, 7].into() }, LastUse { at: at(3), from: [0x2001; 8].into() }];
    records.push(Record::Uses(TOKEN, uses.into_iter().collect()));
    records
}

const SUBJECTS: [Subject; 4] =
    [Subject::Token(TOKEN), Subject::User(USER), Subject::Wallet(WALLET), Subject::Organisation(ORGANISATION)];

fn destinations() -> [Destination; 3] {
    [
        Destination::new("evm", &[0, 255, 7], None),
        Destination::new("evm", &[0, 255, 7], Some("")),
        Destination::new("bitcoin-testnet", &[], Some("memo ü")),
    ]
}

fn rules() -> Vec<Record> {
    let windows = [
        "spend",
        "lifetime",
        "rolling 1s",
        "rolling 31622400s",
        "calendar hour UTC",
        "calendar day Europe/Zurich",
        "calendar week America/New_York",
        "calendar month Australia/Lord_Howe",
        "fixed 604800s from 2026-01-05T00:00:00.001Z",
        "fixed 1s from 1969-12-31T23:59:59.999Z",
        "accrual 0 per 1s",
        "accrual 6277101735386680763835789423207666416102355444464034512895 per 86400s",
    ];
    let assets = ["tbtc", "hteth:usdc", "*erc20", "*bitcoin", "eth:*", "*"];
    let ceilings = [Ceiling::At(Amount::MAX), Ceiling::Unlimited, Ceiling::At(Amount::ZERO)];
    let limits = windows
        .into_iter()
        .zip(assets.into_iter().cycle())
        .zip(Measure::ALL.into_iter().cycle())
        .zip(ceilings.into_iter().cycle())
        .map(|(((window, asset), measure), ceiling)| limit(asset, measure, window, ceiling));
    let limits: Vec<_> = limits.collect();
    let address = |destination, address: &str| Allowed { destination, address: address.to_owned(), coin: coin("tbtc") };
    let [first, second, third] = destinations();
    let listed = Destinations {
        allowed: Some(vec![address(third, "b"), address(first, ""), address(second, "0xAb ü")]),
        at_most: Some(u32::MAX),
        each: limits.iter().rev().cloned().collect(),
        counted_since: Some(at(i64::MIN)),
    };
    // A list of nothing allows nothing; no list allows everything.
    let nothing = Destinations { allowed: Some(Vec::new()), at_most: Some(0), ..Destinations::default() };
    let rules = [
        LimitSet { limits: limits.clone(), destinations: Some(listed) },
        LimitSet { limits: Vec::new(), destinations: Some(nothing) },
        LimitSet { limits: Vec::new(), destinations: Some(Destinations::default()) },
        LimitSet::of(limits),
    ];
    SUBJECTS.into_iter().zip(rules).map(|(subject, rules)| Record::Limits(subject, rules)).collect()
}

fn budgets() -> Vec<Record> {
    let window = |text| Window::parse(text).expect("a window");
    let entries = [(i64::MIN, MOST), (-1, Usage::default()), (5, Usage::one(Amount::new(7))), (i64::MAX, MOST)];
    let rolling = |entries: &[(i64, Usage)]| {
        Counter::Rolling(Rolling::from_entries(entries.iter().map(|(ms, usage)| (at(*ms), *usage))))
    };
    let period = |start, end, usage| Counter::Period { start: at(start), end: at(end), usage };
    let full = Budget {
        captured: MOST,
        held: Usage { fee: Amount::ZERO, ..MOST },
        overridden: Usage { amount: Amount::new(1), fee: Amount::new(2), count: 3 },
        rolled: Usage { amount: Amount::ZERO, fee: Amount::ZERO, count: 1 },
        windows: vec![
            (window("rolling 86400s"), rolling(&entries)),
            (window("rolling 1s"), rolling(&[])),
            (window("calendar month Europe/Zurich"), period(i64::MIN, i64::MAX, MOST)),
            (window("fixed 60s from 2026-01-05T00:00:00.000Z"), period(-1, 1, Usage::default())),
            (
                window("accrual 5 per 60s"),
                Counter::Accrual(Accrual { at: at(i64::MIN), level: MOST, worn: [u64::MAX, 0, 1] }),
            ),
        ],
    };
    let thousand = (0..1_000).map(|number| (at(number * 3), Usage::one(Amount::power_of_two(60))));
    let thousand = vec![(window("rolling 60s"), Counter::Rolling(Rolling::from_entries(thousand)))];
    let [first, second, _] = destinations();
    let to = |destination: &Destination| BudgetKey {
        destination: Some(destination.id()),
        ..budget_key(Subject::User(USER), "tbtc")
    };
    let mut records: Vec<Record> =
        SUBJECTS.map(|subject| Record::Budget(budget_key(subject, "tbtc"), full.clone())).to_vec();
    records.push(Record::Budget(to(&first), Budget { windows: thousand, ..Budget::default() }));
    records.push(Record::Budget(to(&second), Budget { held: Usage::one(Amount::ZERO), ..Budget::default() }));
    let groups = ["*erc20", "*bitcoin", "eth:*", "*"];
    let group = |text| BudgetKey { subject: Subject::User(USER), asset: asset(text), destination: None };
    records.extend(groups.map(|text| Record::Budget(group(text), Budget::default())));
    records.push(Record::Paid(
        Subject::Token(TOKEN),
        destinations().map(|destination| (destination.id(), u64::MAX)).to_vec(),
    ));
    records.push(Record::Paid(Subject::Wallet(WALLET), vec![(DestinationId::from_bytes([0; 32]), 1)]));
    records.push(Record::Paid(Subject::User(USER), Vec::new()));
    records
}

fn spends() -> Vec<Record> {
    let ids = [1, 2, 3, 4, 5].map(|number| HoldId::from_bytes(nth(number)));
    let holder = TokenId::from_bytes(nth(7));
    let keys = [
        SpendKey::Sequence(WALLET, "order ü 1".to_owned()),
        SpendKey::Transaction(WALLET, [9; 32]),
        SpendKey::Client(holder, String::new()),
        // The same bytes mean another spend elsewhere.
        SpendKey::Client(TokenId::from_bytes(*WALLET.as_bytes()), "order ü 1".to_owned()),
    ];
    let payees = destinations().into_iter().zip([("0xAb", Amount::MAX), ("", Amount::ZERO), ("ü", Amount::new(256))]);
    let payees =
        payees.map(|(destination, (address, amount))| Payee { address: address.to_owned(), destination, amount });
    let full = Hold {
        payees: payees.collect(),
        cost: bursar_core::hold::Cost { amount: Amount::MAX, ..cost("hteth:usdc", 0, "hteth", 1) },
        key: Some(keys[0].clone()),
        aliases: keys[2..].to_vec(),
        meaning: [7; 32],
        instruction: vec![0, 255],
        comment: Some("for lunch".to_owned()),
        overridden: true,
        holder: Some(holder),
        captures_itself: true,
        created: at(1),
        deadline: at(2),
        state: HoldState::Captured {
            at: at(3),
            amount: Amount::new(5),
            fee: Amount::MAX,
            reference: "txid".to_owned(),
        },
        ..hold(ids[0], WALLET)
    };
    let without_wallet = Hold { wallet: None, key: Some(keys[2].clone()), ..hold(ids[4], WALLET) };
    let mut records = vec![
        Record::Hold(ids[0], full.into()),
        Record::Hold(ids[1], Hold { key: Some(keys[1].clone()), state: released(4), ..hold(ids[1], WALLET) }.into()),
        Record::Hold(ids[2], Hold { state: HoldState::unresolved(at(6), "no answer"), ..hold(ids[2], WALLET) }.into()),
        Record::Hold(ids[3], Hold { state: captured(i64::MAX, 0, 0), ..hold(ids[3], WALLET) }.into()),
        Record::Hold(ids[4], without_wallet.into()),
    ];
    records.extend(keys.into_iter().zip(ids).map(|(key, id)| Record::SpendKey(key, id)));
    records
}
