//! Decimal places of coins that Bursar does not know by itself, as whoever runs the server declares them.

use std::collections::BTreeMap;

use crate::coin::{Asset, Coin, Family};

/// Decimal places of coins: those that Bursar knows, and those that were declared.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Decimals(BTreeMap<Coin, u8>);

impl Decimals {
    /// Those that Bursar knows, and these. A coin of which two declarations differ is not known: an amount of it could
    /// mean either.
    pub fn declared(all: impl IntoIterator<Item = (Coin, u8)>) -> Self {
        let mut said: BTreeMap<Coin, Option<u8>> = BTreeMap::new();
        for (coin, places) in all {
            let known = said.entry(coin).or_insert(Some(places));
            *known = known.filter(|known| *known == places);
        }
        Self(said.into_iter().filter_map(|(coin, places)| Some((coin, places?))).collect())
    }

    /// Decimal places between a coin and its base unit. What Bursar knows itself, no declaration changes.
    pub fn of(&self, coin: &Coin) -> Option<u8> {
        coin.decimals().or_else(|| self.0.get(coin).copied())
    }

    /// Those that were declared, and are in no doubt.
    pub fn all_declared(&self) -> impl Iterator<Item = (&Coin, u8)> {
        self.0.keys().filter_map(|coin| Some((coin, self.of(coin)?)))
    }

    /// Decimal places in which amounts of an asset are written, if all it covers have the same.
    pub fn of_asset(&self, asset: &Asset) -> Option<u8> {
        match asset {
            // Only fees are limited for a whole chain, and its own coin pays them.
            Asset::Coin(coin) | Asset::Chain(coin) => self.of(coin),
            Asset::Family(Family::Bitcoin) => Some(8),
            Asset::Family(Family::Erc20) | Asset::Any => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_adds_coins_and_changes_none_and_two_that_differ_add_nothing() {
        let coin = |text: &str| Coin::parse(text).unwrap();
        let said = [("gold", 3), ("tbtc", 2), ("silver", 2), ("silver", 2), ("tin", 1), ("tin", 2), ("tin", 1)];
        let decimals = Decimals::declared(said.map(|(text, places)| (coin(text), places)));
        let of = |text: &str| decimals.of(&coin(text));
        assert_eq!([of("gold"), of("silver"), of("tbtc")], [Some(3), Some(2), Some(8)]);
        assert_eq!([of("tin"), of("lead"), of("gold:leaf")], [None; 3]);
        assert_eq!(Decimals::default().of(&coin("gold")), None);
    }
}
