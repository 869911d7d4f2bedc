//! What people of the simulated world ask for: spends, and rules about them.

use bursar_core::amount::Amount;
use bursar_core::coin::{Asset, Coin};
use bursar_core::hold::{Payee, SpendKey};
use bursar_core::id::{HoldId, TokenId};
use bursar_core::ledger::HoldRequest;
use bursar_core::limit::{
    Allowed, CalendarUnit, Ceiling, Destinations, Limit, LimitSet, Measure, Subject, Window, Zone,
};
use bursar_core::time::{Span, Timestamp};

use crate::town::{ADDRESS, CHAINS, COINS, DAWN, FEES, ORGANISATION, SERVICE, WALLETS, coin, destination};

const DESTINATIONS: u8 = 4;

/// A spend somebody wants; `serial` makes its names unlike all others.
pub(crate) fn spend(token: TokenId, serial: u64, dice: &mut fastrand::Rng) -> HoldRequest {
    let place = dice.usize(..COINS.len());
    let ticker = COINS[place][dice.usize(..COINS[place].len())];
    let is_for_service = dice.u8(..5) == 0;
    let wallet = (!is_for_service || dice.bool()).then_some(WALLETS[place]);
    let payees = (0..dice.u8(1..=3)).map(|_| {
        let number = dice.u8(..DESTINATIONS);
        let amount = Amount::new([0, 1, 2, 5, 10, 20, 40][dice.usize(..7)]);
        Payee { address: format!("{ticker}-{number}"), destination: destination(ticker, number), amount }
    });
    let payees: Vec<Payee> = payees.collect();
    let key = match (dice.u8(..10), wallet) {
        (0..5, _) => Some(SpendKey::Client(token, serial.to_string())),
        (5..7, Some(wallet)) => Some(SpendKey::Sequence(wallet, serial.to_string())),
        _ => None,
    };
    let is_built = dice.u8(..8) == 0;
    let mut meaning = [0; 32];
    meaning[..8].copy_from_slice(&serial.to_be_bytes());
    HoldRequest {
        id: HoldId::from_bytes([0; 16]),
        token,
        address: ADDRESS,
        wallet,
        organisation: wallet.is_none().then_some(ORGANISATION),
        coin: coin(ticker),
        payees,
        fee_coin: coin(CHAINS[place]),
        fee: Amount::new(dice.u8(..4).into()),
        fee_ceiling: wallet.map(|_| FEES),
        key,
        meaning,
        instruction: if is_built { serial.to_be_bytes().to_vec() } else { Vec::new() },
        comment: None,
        stepped_up: dice.u8(..20) == 0,
        holder: is_for_service.then_some(SERVICE),
        captures_itself: false,
        patience: Span::from_seconds(dice.u64(5..120)),
        read: Vec::new(),
    }
}

fn window(dice: &mut fastrand::Rng) -> Window {
    let length = |dice: &mut fastrand::Rng| Span::from_seconds([60, 600, 3600, 86_400][dice.usize(..4)]);
    let zurich = || Zone::parse("Europe/Zurich").expect("a zone");
    match dice.u8(..10) {
        0 => Window::Spend,
        1 | 2 => Window::Lifetime,
        3..6 => Window::Rolling(length(dice)),
        6 => Window::Calendar([CalendarUnit::Hour, CalendarUnit::Day][dice.usize(..2)], zurich()),
        7 => Window::Calendar([CalendarUnit::Week, CalendarUnit::Month][dice.usize(..2)], Zone::UTC),
        8 => Window::Fixed { period: length(dice), from: DAWN },
        _ => Window::Accrual { rate: Amount::new(dice.u128(1..40)), period: length(dice) },
    }
}

fn limit(asset: Asset, measure: Measure, dice: &mut fastrand::Rng) -> Limit {
    let window = window(dice);
    let scale = match window {
        Window::Lifetime => 10,
        Window::Calendar(CalendarUnit::Week | CalendarUnit::Month, _) => 5,
        _ => 1,
    };
    let figure = match measure {
        Measure::Amount | Measure::AmountWithoutFee => dice.u128(20..160),
        Measure::Fee => dice.u128(2..20),
        Measure::Count => dice.u128(1..8),
    };
    let ceiling = if dice.u8(..12) == 0 { Ceiling::Unlimited } else { Ceiling::At(Amount::new(figure * scale)) };
    Limit { asset, measure, window, ceiling }
}

fn any_limit(dice: &mut fastrand::Rng) -> Limit {
    let assets = ["hteth", "hteth:usdc", "tbtc", "hteth:*", "*erc20", "*"];
    let asset = Asset::parse(assets[dice.usize(..assets.len())]).expect("an asset");
    let measure = Measure::ALL[dice.usize(..Measure::ALL.len())];
    limit(asset, measure, dice)
}

fn destinations(dice: &mut fastrand::Rng) -> Destinations {
    let allowed = |ticker: &str, number| Allowed {
        coin: coin(ticker),
        destination: destination(ticker, number),
        address: format!("{ticker}-{number}"),
    };
    let list = CHAINS.into_iter().flat_map(|chain| (1..DESTINATIONS).map(move |number| allowed(chain, number)));
    let each = |dice: &mut fastrand::Rng| {
        let of: Coin = coin(["hteth", "tbtc"][dice.usize(..2)]);
        limit(Asset::Coin(of), [Measure::AmountWithoutFee, Measure::Count][dice.usize(..2)], dice)
    };
    Destinations {
        allowed: (dice.u8(..4) == 0).then(|| list.collect()),
        at_most: (dice.u8(..4) == 0).then(|| dice.u32(2..6)),
        each: (0..dice.usize(..3)).map(|_| each(dice)).collect(),
        counted_since: None,
    }
}

/// Rules that can be. A token's let it spend every coin, most of the time.
pub(crate) fn rules(subject: Subject, dice: &mut fastrand::Rng) -> LimitSet {
    loop {
        let mut limits = Vec::new();
        if matches!(subject, Subject::Token(_)) && dice.u8(..12) > 0 {
            for ticker in ["hteth", "tbtc", if dice.bool() { "hteth:usdc" } else { "*erc20" }] {
                let asset = Asset::parse(ticker).expect("an asset");
                limits.push(limit(asset, Measure::Amount, dice));
            }
        }
        limits.extend((0..dice.usize(..3)).map(|_| any_limit(dice)));
        let destinations = (dice.u8(..4) == 0).then(|| destinations(dice));
        let rules = LimitSet { limits, destinations };
        if rules.check().is_ok() {
            return rules;
        }
    }
}

/// Rules that are there from the beginning: what is to be counted is counted since then.
pub(crate) fn first_rules(subject: Subject, since: Timestamp, dice: &mut fastrand::Rng) -> LimitSet {
    let mut rules = rules(subject, dice);
    if let Some(destinations) = &mut rules.destinations {
        destinations.counted_since = (!destinations.each.is_empty()).then_some(since);
    }
    rules
}
