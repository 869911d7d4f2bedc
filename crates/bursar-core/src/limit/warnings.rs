//! What is odd about a set of rules that can be, so that whoever writes it hears before it matters.
//!
//! A warning never changes a decision. Of a limit it is only said that it never refuses where that is certain.

mod cover;

use std::collections::BTreeMap;

use crate::amount::Amount;
use crate::coin::{Asset, Coin, Family};
use crate::decimals::Decimals;
use crate::limit::text::{describe_knowing, has_wrong_case};
use crate::limit::{CalendarUnit, Ceiling, Limit, LimitSet, Measure, Window};
use crate::time::Span;
use cover::covering;

/// Something that is probably not meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Warning {
    /// Another limit always refuses first: a day above its week, a spend above its day.
    NeverRefusesFirst {
        /// The limit without effect.
        limit: Box<Limit>,
        /// The one that is always stricter.
        stricter: Box<Limit>,
    },
    /// A limit over a shorter time, taken as often as it takes, is not more.
    NeverReached {
        /// The limit that nobody can reach.
        limit: Box<Limit>,
        /// The one under which that is so.
        under: Box<Limit>,
    },
    /// No spend can ever reach it.
    NeverRefuses(Box<Limit>),
    /// So much there is of no coin: base units, written where units of the coin are read.
    MoreThanThereIs(Box<Limit>),
    /// It lets nothing through.
    AllowsNothing(Box<Limit>),
    /// The coin is said to be unlimited, and it is.
    NothingLimits(Asset),
    /// The coin is said to be unlimited and is not, since all limits hold.
    UnlimitedIsLimited {
        /// What has no effect but to let the token spend.
        unlimited: Box<Limit>,
        /// A limit that holds all the same.
        limit: Box<Limit>,
    },
    /// No limit is on amounts, so they do not let a token spend by itself.
    LetsNothingBeSpent,
    /// Each spend is limited, their sum is not.
    NoTotal(Asset),
    /// One counter of the base units of tokens that differ in their decimals and in what they are worth.
    RawUnits(Box<Limit>),
    /// The ticker is written as that of no coin; tickers are compared letter by letter.
    WrongCase(Coin),
    /// There is no destination left that may be paid.
    NoDestination,
    /// The number of destinations can never be reached.
    MoreThanAllowed {
        /// How many may be paid.
        at_most: u32,
        /// How many are allowed at all.
        allowed: usize,
    },
    /// A token's list of destinations has some of a coin on whose chain none of its limits lets it spend.
    NothingToPayWith {
        /// The coin they were given for.
        coin: Coin,
        /// How many they are.
        destinations: usize,
    },
    /// A token may spend a coin whose fees are paid in another, and none of its limits is on that one.
    NoLimitForFee {
        /// The coin it may spend.
        coin: Coin,
        /// The coin of its chain, in which the fee is.
        fee_coin: Coin,
    },
}

/// What is odd about these rules of a token, whose limits are also what lets it spend at all.
pub fn warnings_of_token(set: &LimitSet) -> Vec<Warning> {
    let mut found = warnings(set);
    found.extend(of_unpayable(set));
    found.extend(of_fees(set));
    found
}

/// What is odd about these rules, whoever's they are, each oddity once.
pub fn warnings(set: &LimitSet) -> Vec<Warning> {
    let mut found: Vec<Warning> = Vec::new();
    let all = || set.limits.iter().chain(set.each());
    for limit in all() {
        found.extend(of_one(limit));
    }
    for limit in &set.limits {
        found.extend(never_first(limit, set.limits.iter()).or_else(|| never_reached(limit, set.limits.iter())));
        found.extend(unlimited(limit, &set.limits));
    }
    for limit in set.each() {
        found.extend(never_first(limit, all()).or_else(|| never_reached(limit, all())));
    }
    if !set.limits.is_empty() && !set.limits.iter().any(Limit::is_of_amounts) {
        found.push(Warning::LetsNothingBeSpent);
    }
    for limit in set.limits.iter().filter(|limit| limit.is_of_amounts() && limit.window == Window::Spend) {
        let has_total = |other: &Limit| {
            other.is_of_amounts() && other.window != Window::Spend && is_within(&limit.asset, &other.asset)
        };
        if !set.limits.iter().any(has_total) && limit.ceiling != Ceiling::Unlimited {
            found.push(Warning::NoTotal(limit.asset.clone()));
        }
    }
    found.extend(of_destinations(set));
    let mut each_once: Vec<Warning> = Vec::with_capacity(found.len());
    for warning in found {
        if !each_once.contains(&warning) {
            each_once.push(warning);
        }
    }
    each_once
}

/// Whole coins that are more than there are of any whose decimals are known.
const MORE_THAN_THERE_ARE: u128 = 1_000_000_000_000;

/// Whether the ceiling says more than there is of the coin.
fn is_beyond_supply(limit: &Limit) -> bool {
    let (Asset::Coin(coin) | Asset::Chain(coin), Ceiling::At(ceiling)) = (&limit.asset, limit.ceiling) else {
        return false;
    };
    let unit = coin.decimals().and_then(|places| 10_u128.checked_pow(places.into()));
    let most = unit.and_then(|unit| unit.checked_mul(MORE_THAN_THERE_ARE));
    limit.measure != Measure::Count && ceiling < Amount::MAX && most.is_some_and(|most| ceiling >= Amount::new(most))
}

fn of_one(limit: &Limit) -> Vec<Warning> {
    let boxed = || Box::new(limit.clone());
    let mut found = Vec::new();
    match limit.ceiling {
        Ceiling::At(Amount::ZERO) => found.push(Warning::AllowsNothing(boxed())),
        Ceiling::At(Amount::MAX) => found.push(Warning::NeverRefuses(boxed())),
        // One spend is one spend.
        Ceiling::At(_) if limit.measure == Measure::Count && limit.window == Window::Spend => {
            found.push(Warning::NeverRefuses(boxed()));
        }
        Ceiling::Unlimited if limit.measure == Measure::Count => found.push(Warning::NeverRefuses(boxed())),
        Ceiling::At(_) | Ceiling::Unlimited => {}
    }
    if is_beyond_supply(limit) {
        found.push(Warning::MoreThanThereIs(boxed()));
    }
    if limit.asset == Asset::Family(Family::Erc20) && limit.is_of_amounts() && limit.ceiling != Ceiling::Unlimited {
        found.push(Warning::RawUnits(boxed()));
    }
    if let Asset::Coin(coin) | Asset::Chain(coin) = &limit.asset
        && is_oddly_cased(coin)
    {
        found.push(Warning::WrongCase(coin.clone()));
    }
    found
}

/// Upper case is known of tokens on some chains only; among those on EVM chains, of Avalanche's.
fn is_oddly_cased(coin: &Coin) -> bool {
    let is_lower_chain = Family::Erc20.covers(coin) && !["avaxc", "tavaxc"].contains(&coin.chain());
    has_wrong_case(coin) || (is_lower_chain && coin.as_str().bytes().any(|byte| byte.is_ascii_uppercase()))
}

fn unlimited(limit: &Limit, all: &[Limit]) -> Option<Warning> {
    if limit.ceiling != Ceiling::Unlimited || !limit.is_of_amounts() {
        return None;
    }
    let holds = |other: &&Limit| {
        other.is_of_amounts() && other.ceiling != Ceiling::Unlimited && is_within(&limit.asset, &other.asset)
    };
    Some(match all.iter().find(holds) {
        Some(other) => {
            Warning::UnlimitedIsLimited { unlimited: Box::new(limit.clone()), limit: Box::new(other.clone()) }
        }
        None => Warning::NothingLimits(limit.asset.clone()),
    })
}

/// Whether another limit is certain to refuse whatever this one refuses.
fn never_first<'a>(limit: &'a Limit, mut others: impl Iterator<Item = &'a Limit>) -> Option<Warning> {
    let Ceiling::At(ceiling) = limit.ceiling else { return None };
    let stricter = others.find(|other| {
        let Ceiling::At(other_ceiling) = other.ceiling else { return false };
        !std::ptr::eq(*other, limit)
            && other_ceiling <= ceiling
            && is_within(&limit.asset, &other.asset)
            && measures_within(limit.measure, other.measure)
            && lies_within(&limit.window, &other.window)
    })?;
    Some(Warning::NeverRefusesFirst { limit: Box::new(limit.clone()), stricter: Box::new(stricter.clone()) })
}

/// Whether another limit, with its ceiling in each of its windows, lets less be spent than this one: seven days of its week.
fn never_reached<'a>(limit: &'a Limit, mut others: impl Iterator<Item = &'a Limit>) -> Option<Warning> {
    let Ceiling::At(ceiling) = limit.ceiling else { return None };
    let under = others.find(|other| {
        let Ceiling::At(other_ceiling) = other.ceiling else { return false };
        let most = || other_ceiling.checked_mul(Amount::new(covering(&limit.window, &other.window)?.into()));
        is_within(&limit.asset, &other.asset)
            && measures_within(limit.measure, other.measure)
            && !std::ptr::eq(*other, limit)
            && most().is_some_and(|most| most <= ceiling)
    })?;
    Some(Warning::NeverReached { limit: Box::new(limit.clone()), under: Box::new(under.clone()) })
}

/// Whether all that counts under the one asset counts under the other. A family leaves out coins with an
/// entry of their own, so nothing is certain of it but itself.
fn is_within(inner: &Asset, outer: &Asset) -> bool {
    inner == outer
        || match (inner, outer) {
            (_, Asset::Any) => true,
            (Asset::Coin(coin), Asset::Chain(_)) => outer.covers(coin),
            _ => false,
        }
}

fn measures_within(inner: Measure, outer: Measure) -> bool {
    inner == outer || (outer == Measure::Amount && matches!(inner, Measure::AmountWithoutFee | Measure::Fee))
}

/// Whether all that counts in the one window counts in the other, at any time.
fn lies_within(inner: &Window, outer: &Window) -> bool {
    let nested = |inner: CalendarUnit, outer: CalendarUnit| {
        use CalendarUnit::{Day, Hour, Month, Week};
        matches!((inner, outer), (Hour, Hour | Day | Week | Month) | (Day, Day | Week | Month))
    };
    match (inner, outer) {
        (inner, outer) if inner == outer => true,
        (Window::Spend, _) | (_, Window::Lifetime) => true,
        (Window::Calendar(inner, here), Window::Calendar(outer, there)) => here == there && nested(*inner, *outer),
        (Window::Rolling(inner), Window::Rolling(outer)) => inner <= outer,
        (Window::Calendar(unit, _), Window::Rolling(length)) => longest(*unit) <= *length,
        (Window::Fixed { period, .. }, Window::Rolling(length)) => period <= length,
        _ => false,
    }
}

/// More than the unit ever takes, also when clocks are put back.
const fn longest(unit: CalendarUnit) -> Span {
    match unit {
        CalendarUnit::Hour => Span::from_seconds(3600),
        CalendarUnit::Day => Span::from_seconds(2 * 86_400),
        CalendarUnit::Week => Span::from_seconds(8 * 86_400),
        CalendarUnit::Month => Span::from_seconds(32 * 86_400),
    }
}

fn of_destinations(set: &LimitSet) -> Vec<Warning> {
    let Some(destinations) = &set.destinations else { return Vec::new() };
    let allowed = destinations.allowed.as_ref().map(Vec::len);
    match (destinations.at_most, allowed) {
        (Some(0), _) | (_, Some(0)) => vec![Warning::NoDestination],
        (Some(at_most), Some(allowed)) if usize::try_from(at_most).is_ok_and(|most| most >= allowed) => {
            vec![Warning::MoreThanAllowed { at_most, allowed }]
        }
        _ => Vec::new(),
    }
}

/// The coins of allowed destinations that no limit lets a token pay, also not with another coin of the same chain.
fn of_unpayable(set: &LimitSet) -> Vec<Warning> {
    let lets = |limit: &&Limit| limit.is_of_amounts() && limit.ceiling != Ceiling::At(Amount::ZERO);
    let payable: Vec<&Limit> = set.limits.iter().filter(lets).collect();
    // That nothing at all may be spent is another warning, or meant.
    if payable.is_empty() {
        return Vec::new();
    }
    let can_pay = |chain: &str| payable.iter().any(|limit| limit.asset.reaches(chain));
    let mut counted: BTreeMap<&Coin, usize> = BTreeMap::new();
    for allowed in set.destinations.iter().filter_map(|rules| rules.allowed.as_ref()).flatten() {
        if !can_pay(allowed.coin.chain()) {
            let count = counted.entry(&allowed.coin).or_default();
            *count = count.saturating_add(1);
        }
    }
    let warning = |(coin, destinations): (&Coin, usize)| Warning::NothingToPayWith { coin: coin.clone(), destinations };
    counted.into_iter().map(warning).collect()
}

/// Coins on others' chains that nothing lets the token pay the fees of.
fn of_fees(set: &LimitSet) -> Vec<Warning> {
    let mut found: Vec<Warning> = Vec::new();
    let lets = |limit: &&Limit| limit.is_of_amounts() && limit.ceiling != Ceiling::At(Amount::ZERO);
    for limit in set.limits.iter().filter(lets) {
        let Asset::Coin(coin) = &limit.asset else { continue };
        let Some(fee_coin) = Coin::parse(coin.chain()).ok().filter(|_| coin.is_token()) else { continue };
        let pays = |limit: &Limit| limit.measure == Measure::Fee || limit.is_of_amounts();
        let warning = Warning::NoLimitForFee { coin: coin.clone(), fee_coin: fee_coin.clone() };
        if !set.covering(&fee_coin).any(pays) && !found.contains(&warning) {
            found.push(warning);
        }
    }
    found
}

impl Warning {
    /// The warning in words, for people; limits as they are written where these decimals are known.
    pub fn sentence(&self, decimals: &Decimals) -> String {
        let rule = |limit| describe_knowing(limit, decimals);
        match self {
            Self::NeverRefusesFirst { limit, stricter } => {
                format!("`{}` has no effect: `{}` always refuses before it", rule(limit), rule(stricter))
            }
            Self::NeverReached { limit, under } => format!(
                "`{}` adds nothing: under `{}` no more can be spent in its time, but for what was spent before",
                rule(limit),
                rule(under)
            ),
            Self::NeverRefuses(limit) => format!("`{}` never refuses anything", rule(limit)),
            Self::MoreThanThereIs(limit) => format!(
                "`{}` is more than there is of it: amounts are in units of the coin, unless `base units` stands behind them",
                rule(limit)
            ),
            Self::AllowsNothing(limit) => format!("`{}` lets nothing through", rule(limit)),
            Self::NothingLimits(asset) => format!("nothing limits how much of {asset} is spent"),
            Self::UnlimitedIsLimited { unlimited, limit } => {
                format!("`{}` does not lift `{}`: all limits hold", rule(unlimited), rule(limit))
            }
            Self::LetsNothingBeSpent => {
                "no limit is on amounts, so these let a token spend nothing by itself; add one per coin".to_owned()
            }
            Self::NoTotal(asset) => {
                format!("each spend of {asset} is limited, but not what all of them may come to")
            }
            Self::RawUnits(limit) => format!(
                "`{}` is one counter of base units for all ERC-20 tokens without an entry of their own, whatever \
                 their decimals and worth; give the tokens entries",
                rule(limit)
            ),
            Self::WrongCase(coin) => format!(
                "`{coin}` may be no coin: tickers are compared letter by letter and nearly all are lower case, \
                 such as `{}`",
                coin.as_str().to_ascii_lowercase()
            ),
            Self::NoDestination => "no destination may be paid".to_owned(),
            Self::NothingToPayWith { coin, destinations } => {
                let are = if *destinations == 1 { "destination is" } else { "destinations are" };
                format!("{destinations} {are} given for {coin}, and no limit lets the token spend {coin}: add one")
            }
            Self::NoLimitForFee { coin, fee_coin } => format!(
                "where a spend of {coin} pays its fee in {fee_coin}, it is refused, as no limit is on that: add one on {fee_coin}, \
                 or on fees as in `{fee_coin} fees 0.01/day`"
            ),
            Self::MoreThanAllowed { at_most, allowed } => {
                let are = if *allowed == 1 { "is" } else { "are" };
                format!("that {at_most} may be paid at most adds nothing: only {allowed} {are} allowed at all")
            }
        }
    }
}
