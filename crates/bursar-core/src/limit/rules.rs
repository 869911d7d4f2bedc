//! All rules of a subject together: its limits, and where its money may go.

use crate::coin::{Asset, Coin};
use crate::destination::Destination;
use crate::limit::{Ceiling, InvalidLimit, Limit, Measure, Window};
use crate::time::Timestamp;

/// All rules of a subject. They have one version, so that an edit names what it saw.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LimitSet {
    /// How much.
    pub limits: Vec<Limit>,
    /// To whom; anywhere, if absent.
    pub destinations: Option<Destinations>,
}

/// Where a subject's money may go.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Destinations {
    /// The only destinations there are; any, if absent. An empty list allows none.
    pub allowed: Option<Vec<Allowed>>,
    /// How many different destinations may ever be paid; any number, if absent.
    pub at_most: Option<u32>,
    /// Limits that each destination has for itself.
    pub each: Vec<Limit>,
    /// Since when what each destination gets is counted, if it ever was.
    pub counted_since: Option<Timestamp>,
}

/// A destination that is allowed, and how its owner wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowed {
    /// Where money may go.
    pub destination: Destination,
    /// The address as it was given, for people.
    pub address: String,
    /// The coin it was given for, which tells how the address is read.
    pub coin: Coin,
}

impl Destinations {
    /// How many destinations a limit on their number may allow, or may find paid: the record of them is one.
    pub const MOST_PAID: usize = 10_000;

    /// Of how many destinations, each coin apart, it is found out what they got when that begins to be limited.
    pub const MOST_COUNTED: usize = 100_000;
}

impl LimitSet {
    /// How many limits a subject may have, those for each destination included.
    pub const MOST: usize = 64;

    /// Limits alone.
    pub const fn of(limits: Vec<Limit>) -> Self {
        Self { limits, destinations: None }
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty() && self.destinations.is_none()
    }

    /// The limits that each destination has for itself.
    pub fn each(&self) -> &[Limit] {
        self.destinations.as_ref().map_or(&[], |rules| &rules.each)
    }

    /// Whether the rules can be.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn check(&self) -> Result<(), InvalidLimit> {
        let all = || self.limits.iter().chain(self.each());
        if all().count() > Self::MOST {
            return Err(InvalidLimit::TooMany);
        }
        all().try_for_each(Limit::check)?;
        for list in [&self.limits[..], self.each()] {
            for (place, limit) in list.iter().enumerate() {
                if list.iter().take(place).any(|before| before.has_shape_of(limit)) {
                    return Err(InvalidLimit::Twice(Box::new(limit.clone())));
                }
            }
        }
        let fit_destinations = |limit: &Limit| {
            matches!(limit.asset, Asset::Coin(_)) && matches!(limit.measure, Measure::AmountWithoutFee | Measure::Count)
        };
        if !self.each().iter().all(fit_destinations) {
            return Err(InvalidLimit::NotForDestinations);
        }
        let most =
            self.destinations.as_ref().and_then(|rules| rules.at_most).and_then(|most| usize::try_from(most).ok());
        if most.is_some_and(|most| most > Destinations::MOST_PAID) { Err(InvalidLimit::AtMostTooMany) } else { Ok(()) }
    }

    /// The first limit that sums up several coins and was not there before: those that came over BitGo's wire stay, and
    /// their ceilings may change.
    pub fn newly_sums_up_coins(&self, before: &Self) -> Option<usize> {
        let is_new = |limit: &Limit| !before.limits.iter().any(|old| old.has_shape_of(limit));
        self.limits.iter().position(|limit| limit.sums_up_coins() && is_new(limit))
    }

    /// The limits that a spend of `coin` falls under.
    pub fn covering<'a>(&'a self, coin: &'a Coin) -> impl Iterator<Item = &'a Limit> {
        self.limits.iter().filter(move |limit| self.covers(&limit.asset, coin))
    }

    /// Whether they say by the coin's own name that any amount of it may be spent.
    pub fn say_unlimited(&self, coin: &Coin) -> bool {
        let says = |limit: &Limit| limit.is_of_amounts() && limit.ceiling == Ceiling::Unlimited;
        self.limits.iter().any(|limit| says(limit) && matches!(&limit.asset, Asset::Coin(own) if own == coin))
    }

    /// Whether they set a bound to how much of the coin is spent, or is paid to one destination.
    pub fn bound(&self, coin: &Coin) -> bool {
        let each = self.each().iter().filter(|limit| limit.asset.covers(coin));
        self.covering(coin).chain(each).any(|limit| limit.is_of_amounts() && limit.ceiling != Ceiling::Unlimited)
    }

    /// Whether what is spent of `coin` counts under `asset` here: a family leaves out the coins that have
    /// an entry of their own (WC §4.3, `allErc20TokensLimit`).
    pub fn covers(&self, asset: &Asset, coin: &Coin) -> bool {
        asset.covers(coin) && (!matches!(asset, Asset::Family(_)) || !self.has_entry(coin))
    }

    /// Whether the coin has an entry of its own in the sense of the wire: a limit on its amount for life.
    /// No other kind of limit takes a coin out of its family, so none can loosen the family's.
    fn has_entry(&self, coin: &Coin) -> bool {
        self.limits.iter().any(|limit| {
            limit.measure == Measure::Amount
                && limit.window == Window::Lifetime
                && matches!(&limit.asset, Asset::Coin(own) if own == coin)
        })
    }

    /// The assets, other than single coins, that limits speak of, each once.
    pub fn groups(&self) -> Vec<&Asset> {
        let mut groups: Vec<&Asset> = Vec::new();
        for limit in &self.limits {
            if !matches!(limit.asset, Asset::Coin(_)) && !groups.contains(&&limit.asset) {
                groups.push(&limit.asset);
            }
        }
        groups
    }

    /// Whether the same coins count under `asset` in both.
    pub fn groups_alike(&self, other: &Self, asset: &Asset) -> bool {
        let entries = |set: &Self| -> Vec<Coin> {
            let coins = set.limits.iter().filter_map(|limit| match &limit.asset {
                Asset::Coin(coin) if asset.covers(coin) && set.has_entry(coin) => Some(coin.clone()),
                _ => None,
            });
            let mut coins: Vec<Coin> = coins.collect();
            coins.sort_unstable();
            coins.dedup();
            coins
        };
        !matches!(asset, Asset::Family(_)) || entries(self) == entries(other)
    }

    /// Whether something passes these rules that did not pass the others. A rule is only missed if no
    /// rule of the same shape is at least as strict; what is in doubt counts as loosening.
    ///
    /// `lets_spend` says that a limit on amounts lets the subject spend alone, as a token's does: then a
    /// coin that had none is loosened by getting one.
    pub fn loosens(&self, before: &Self, lets_spend: bool) -> bool {
        let kept = |list: &[Limit], old: &Limit| list.iter().any(|new| new.is_at_most(old));
        let limits_kept = before.limits.iter().all(|old| kept(&self.limits, old));
        let each_kept = before.each().iter().all(|old| kept(self.each(), old));
        let families_kept = before.groups().into_iter().all(|asset| self.groups_alike(before, asset));
        let lets_more = lets_spend
            && self
                .limits
                .iter()
                .filter(|new| new.is_of_amounts() || new.measure == Measure::Fee)
                .any(|new| !before.lets_through(new));
        let destinations_kept = match (&before.destinations, &self.destinations) {
            (None, _) => true,
            (Some(old), new) => {
                let (allowed, at_most) = new.as_ref().map_or((&None, None), |new| (&new.allowed, new.at_most));
                let fewer = at_most.is_some_and(|new| old.at_most.is_some_and(|old| new <= old));
                let subset = match (&old.allowed, allowed) {
                    (None, _) => true,
                    (Some(_), None) => false,
                    (Some(old), Some(new)) => {
                        new.iter().all(|new| old.iter().any(|old| old.destination == new.destination))
                    }
                };
                subset && (old.at_most.is_none() || fewer)
            }
        };
        lets_more || !(limits_kept && each_kept && families_kept && destinations_kept)
    }
}

impl LimitSet {
    /// Whether whatever a limit would let a token spend is spent already under these.
    fn lets_through(&self, new: &Limit) -> bool {
        let covers = |old: &Limit| match &new.asset {
            Asset::Coin(coin) => self.covers(&old.asset, coin),
            group => old.asset == *group,
        };
        let any = |lets: fn(&Limit) -> bool| self.limits.iter().any(|old| covers(old) && lets(old));
        // A fee needs a limit that counts it; leaving fees out counts none.
        let counts_fees = || any(|old| matches!(old.measure, Measure::Amount | Measure::Fee));
        match new.measure {
            Measure::Amount => any(Limit::is_of_amounts) && counts_fees(),
            Measure::AmountWithoutFee => any(Limit::is_of_amounts),
            Measure::Fee => counts_fees(),
            Measure::Count => true,
        }
    }
}

impl Destinations {
    /// Whether what each destination gets is counted: now, or ever before.
    pub const fn are_counted(&self) -> bool {
        self.counted_since.is_some() || !self.each.is_empty()
    }

    /// Whether money may go there, the number of destinations aside.
    pub fn allow(&self, destination: &Destination) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.iter().any(|entry| entry.destination == *destination))
    }
}
