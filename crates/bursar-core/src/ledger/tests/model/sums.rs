//! How the model adds up: over all spends, for one limit at a time.

use super::naive::{Fate, Made, Naive};
use super::steps::{COINS, FEES, Spend, fee_coin};
use crate::amount::Amount;
use crate::coin::{Asset, Family};
use crate::fixtures::{coin, destination};
use crate::limit::{BudgetKey, Ceiling, Limit, LimitSet, Measure, Subject, Usage, Window};
use crate::time::Timestamp;

/// What one limit says to a spend.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Figures {
    pub(super) subject: Subject,
    pub(super) limit: String,
    pub(super) captured: u64,
    pub(super) held: u64,
    pub(super) asked: u64,
    pub(super) ceiling: Option<u64>,
}

impl Figures {
    pub(super) fn fits(&self) -> bool {
        let is_of_amounts = self.limit.contains("measure: Amount");
        self.ceiling.is_none_or(|ceiling| {
            let is_closed = ceiling == 0 && is_of_amounts;
            !is_closed && self.captured + self.held + self.asked <= ceiling
        })
    }
}

/// Some units, of which some are fees, in some spends.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Part {
    amount: u64,
    fee: u64,
    count: u64,
}

impl Part {
    fn measured(self, measure: Measure) -> u64 {
        match measure {
            Measure::Amount => self.amount,
            Measure::AmountWithoutFee => self.amount - self.fee,
            Measure::Fee => self.fee,
            Measure::Count => self.count,
        }
    }

    fn and(self, other: Self) -> Self {
        Self { amount: self.amount + other.amount, fee: self.fee + other.fee, count: self.count + other.count }
    }

    fn usage(self) -> Usage {
        let [amount, fee] = [self.amount, self.fee].map(|units| Amount::new(units.into()));
        Usage { amount, fee, count: self.count }
    }
}

/// What of coins a spend uses.
fn parts(spend: &Spend, (amount, fee): (u64, u64)) -> Vec<(usize, Part)> {
    let payer = fee_coin(spend.coin);
    if payer == spend.coin {
        vec![(spend.coin, Part { amount, fee, count: 1 })]
    } else if fee == 0 {
        vec![(spend.coin, Part { amount, fee: 0, count: 1 })]
    } else {
        vec![(spend.coin, Part { amount, fee: 0, count: 1 }), (payer, Part { amount: fee, fee, count: 0 })]
    }
}

/// What one destination gets. Of several recipients each counts in full.
fn part_of(spend: &Spend, (amount, fee): (u64, u64), to: usize) -> Option<Part> {
    let paid: u64 = spend.payments.iter().filter(|(place, _)| *place == to).map(|(_, amount)| amount).sum();
    let is_paid = spend.payments.iter().any(|(place, _)| *place == to);
    let is_alone = spend.payments.iter().all(|(place, _)| *place == to);
    let fee = if fee_coin(spend.coin) == spend.coin { fee } else { 0 };
    let sum: u64 = spend.payments.iter().map(|(_, amount)| amount).sum();
    let amount = if is_alone { amount - fee } else { paid + (amount - fee).saturating_sub(sum) };
    is_paid.then_some(Part { amount, fee: 0, count: 1 })
}

fn covers(rules: &LimitSet, asset: &Asset, place: usize) -> bool {
    let ticker = COINS[place];
    let is_own = |limit: &Limit| {
        let is_for_life = limit.measure == Measure::Amount && limit.window == Window::Lifetime;
        is_for_life && limit.asset.to_string() == ticker
    };
    match asset {
        Asset::Coin(own) => own.as_str() == ticker,
        Asset::Family(Family::Erc20) => ticker.contains(':') && !rules.limits.iter().any(is_own),
        Asset::Family(Family::Bitcoin) => ticker == "tbtc",
        Asset::Chain(chain) => ticker.split(':').next() == Some(chain.as_str()),
        Asset::Any => true,
    }
}

fn of_amounts(limit: &Limit) -> bool {
    matches!(limit.measure, Measure::Amount | Measure::AmountWithoutFee)
}

pub(super) fn cannot_spend_alone(rules: &LimitSet, spend: &Spend) -> Option<&'static str> {
    let any = |place, lets: &dyn Fn(&Limit) -> bool| {
        rules.limits.iter().any(|limit| covers(rules, &limit.asset, place) && lets(limit))
    };
    if !any(spend.coin, &of_amounts) {
        return Some("no_limit_for_coin");
    }
    let payer = fee_coin(spend.coin);
    let is_paid = any(payer, &|limit| of_amounts(limit) || limit.measure == Measure::Fee);
    if payer != spend.coin && spend.fee > 0 && !is_paid {
        return Some("no_limit_for_fee");
    }
    let is_counted = any(payer, &|limit| matches!(limit.measure, Measure::Amount | Measure::Fee));
    (spend.wallet.is_none() && spend.fee > 0 && !is_counted).then_some("fee_not_counted")
}

/// Whose share is meant: of all, or what one destination gets.
type To = Option<usize>;

fn share(rules: &LimitSet, asset: &Asset, to: To, spend: &Spend, cost: (u64, u64)) -> Option<Part> {
    match to {
        None => {
            let covered = parts(spend, cost).into_iter().filter(|(place, _)| covers(rules, asset, *place));
            covered.map(|(_, part)| part).reduce(Part::and)
        }
        Some(_) if *asset != Asset::Coin(coin(COINS[spend.coin])) => None,
        Some(to) => part_of(spend, cost, to),
    }
}

impl Made {
    fn cost(&self) -> (u64, u64) {
        match self.fate {
            Fate::Captured { amount, fee, .. } => (amount, fee),
            _ => self.spend.cost(),
        }
    }

    pub(super) fn is_held(&self) -> bool {
        matches!(self.fate, Fate::Open | Fate::Unresolved)
    }
}

/// What the ledger's budget should say.
#[derive(Default, Debug)]
pub(super) struct Sums {
    pub(super) held: Usage,
    pub(super) captured: Usage,
    pub(super) overridden: Usage,
    pub(super) rolled: Usage,
}

impl Naive {
    /// What all limits of a subject say that look at a spend.
    pub(super) fn judge(&self, subject: Subject, rules: &LimitSet, spend: &Spend) -> Vec<Figures> {
        let mut all = Vec::new();
        // A rail bounds what leaves its wallets as fees, whatever is said about them.
        let is_wallet = matches!(subject, Subject::Wallet(_)) && spend.fee > 0;
        let of_rail = FEES.limits(&coin(COINS[fee_coin(spend.coin)])).into_iter().filter(|_| is_wallet);
        for limit in rules.limits.iter().cloned().chain(of_rail) {
            let Some(part) = share(rules, &limit.asset, None, spend, spend.cost()) else { continue };
            // A fee in a coin of its own is no spend of that coin.
            if part.count > 0 || matches!(limit.measure, Measure::Amount | Measure::Fee) {
                all.push(self.figures(subject, rules, &limit, None, part));
            }
        }
        for limit in rules.each() {
            for to in 0..4 {
                if let Some(part) = share(rules, &limit.asset, Some(to), spend, spend.cost()) {
                    all.push(self.figures(subject, rules, limit, Some(to), part));
                }
            }
        }
        all
    }

    fn figures(&self, subject: Subject, rules: &LimitSet, limit: &Limit, to: To, asked: Part) -> Figures {
        let held = self.shares(subject, rules, &limit.asset, to).filter(|(made, _)| made.is_held());
        let held: u64 = held.map(|(_, part)| part.measured(limit.measure)).sum();
        Figures {
            subject,
            limit: format!("{limit:?}"),
            captured: self.captured(subject, rules, limit, to),
            held: if limit.window == Window::Spend { 0 } else { held },
            asked: asked.measured(limit.measure),
            ceiling: match limit.ceiling {
                Ceiling::At(ceiling) => ceiling.as_u64(),
                Ceiling::Unlimited => None,
            },
        }
    }

    /// The spends that weigh on a subject, and how heavily; those under an unlock not on their token.
    fn shares(&self, subject: Subject, rules: &LimitSet, asset: &Asset, to: To) -> impl Iterator<Item = (&Made, Part)> {
        let is_token = matches!(subject, Subject::Token(_));
        let mut shares: Vec<(&Made, Part)> = Vec::new();
        for made in self.all() {
            if made.fate != Fate::Released
                && !(made.overridden && is_token)
                && made.spend.subjects().contains(&subject)
                && let Some(part) = share(rules, asset, to, &made.spend, made.cost())
            {
                shares.push((made, part));
            }
        }
        shares.into_iter()
    }

    /// What was captured and counts in a limit's window now.
    pub(super) fn captured(&self, subject: Subject, rules: &LimitSet, limit: &Limit, to: To) -> u64 {
        let mut captures: Vec<(Timestamp, u64)> = self
            .shares(subject, rules, &limit.asset, to)
            .filter_map(|(made, part)| match made.fate {
                Fate::Captured { at, .. } => Some((at, part.measured(limit.measure))),
                _ => None,
            })
            .collect();
        captures.sort_unstable();
        let counts = |at: Timestamp| match &limit.window {
            Window::Spend => false,
            Window::Lifetime | Window::Accrual { .. } => true,
            Window::Rolling(length) => at.plus(*length) > self.now,
            window => window.period_at(at) == window.period_at(self.now),
        };
        if let Window::Accrual { rate, period } = limit.window {
            let (rate, period) = (u128::from(rate.as_u64().unwrap()), u128::from(period.as_millis()));
            let (mut level, mut last) = (0u128, self.now);
            for (at, amount) in captures {
                level = level.saturating_sub(rate * u128::from(at.since(last).as_millis()));
                level += u128::from(amount) * period;
                last = at;
            }
            let level = level.saturating_sub(rate * u128::from(self.now.since(last).as_millis()));
            return level.div_ceil(period).try_into().unwrap();
        }
        captures.into_iter().filter(|(at, _)| counts(*at)).map(|(_, amount)| amount).sum()
    }

    /// What a budget should say under the rules there are.
    pub(super) fn sums(&self, key: &BudgetKey) -> Sums {
        let none = LimitSet::default();
        let rules = self.rules.get(&key.subject).unwrap_or(&none);
        let to = key.destination.map(|id| place_of(&id));
        let mut sums = Sums::default();
        for made in self.all().filter(|made| made.fate != Fate::Released) {
            if !made.spend.subjects().contains(&key.subject) {
                continue;
            }
            let Some(part) = share(rules, &key.asset, to, &made.spend, made.cost()) else { continue };
            let lifted = made.overridden && matches!(key.subject, Subject::Token(_));
            let sum = match (made.is_held(), lifted) {
                (true, true) => continue,
                (true, false) => &mut sums.held,
                (false, true) => &mut sums.overridden,
                (false, false) => &mut sums.captured,
            };
            *sum = sum.checked_add(part.usage()).unwrap();
            if !made.is_kept {
                sums.rolled = sums.rolled.checked_add(part.usage()).unwrap();
            }
        }
        sums
    }
}

pub(super) fn place_of(id: &crate::destination::DestinationId) -> usize {
    super::steps::ADDRESSES.iter().position(|address| destination(address).id() == *id).unwrap()
}
