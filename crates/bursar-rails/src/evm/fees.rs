//! What gas may cost: the price a transaction offers, and the ceilings of a chain.

use bursar_core::amount::Amount;

use crate::forbidden::{Forbidden, Why};

/// The price a transaction offers for its gas, in base units of the chain's coin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Price {
    /// One price, whatever the block asks (before EIP-1559).
    Fixed {
        /// For one unit of gas.
        gas_price: u128,
    },
    /// The block's base fee and a tip, with a bound (EIP-1559).
    Market {
        /// The most for one unit of gas.
        max_fee_per_gas: u128,
        /// The most of it that is a tip.
        max_priority_fee_per_gas: u128,
    },
}

impl Price {
    /// The most that one unit of gas can cost.
    pub const fn most(&self) -> u128 {
        match self {
            Self::Fixed { gas_price } => *gas_price,
            Self::Market { max_fee_per_gas, .. } => *max_fee_per_gas,
        }
    }

    /// The most that this much gas can cost. On a rollup that bills the data apart, that bill is not part of it.
    pub fn fee(&self, gas: u64) -> Amount {
        // 64 and 128 bits make 192 at most.
        Amount::new(gas.into()).saturating_mul(Amount::new(self.most()))
    }
}

/// The most that a transaction on a chain may offer, whoever asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeeCeilings {
    /// For one unit of gas, the tip included; base units.
    pub fee_per_gas: u128,
    /// As a tip for one unit of gas; base units.
    pub priority_fee_per_gas: u128,
    /// Units of gas.
    pub gas: u64,
}

/// What a client asked its fees to be; whatever it leaves open is chosen for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClientFees {
    /// `gas`: the most units of it.
    pub gas: Option<u64>,
    /// `gasPrice`: one fixed price.
    pub gas_price: Option<u128>,
    /// `maxFeePerGas`.
    pub max_fee_per_gas: Option<u128>,
    /// `maxPriorityFeePerGas`.
    pub max_priority_fee_per_gas: Option<u128>,
    /// Whether the price is to be a fixed one (`type` 0), also where none is named.
    pub is_fixed: bool,
}

impl ClientFees {
    /// The fees of a whole transaction.
    pub const fn of(gas: u64, price: &Price) -> Self {
        let fees = Self {
            gas: Some(gas),
            gas_price: None,
            max_fee_per_gas: None,
            max_priority_fee_per_gas: None,
            is_fixed: false,
        };
        match *price {
            Price::Fixed { gas_price } => Self { gas_price: Some(gas_price), is_fixed: true, ..fees },
            Price::Market { max_fee_per_gas, max_priority_fee_per_gas } => Self {
                max_fee_per_gas: Some(max_fee_per_gas),
                max_priority_fee_per_gas: Some(max_priority_fee_per_gas),
                ..fees
            },
        }
    }

    /// The price, if it is given in full.
    pub fn price(&self) -> Option<Price> {
        if let Some(gas_price) = self.gas_price {
            return Some(Price::Fixed { gas_price });
        }
        let (max_fee_per_gas, max_priority_fee_per_gas) = (self.max_fee_per_gas?, self.max_priority_fee_per_gas?);
        Some(Price::Market { max_fee_per_gas, max_priority_fee_per_gas })
    }

    /// The most that can be paid, if gas and price are given.
    pub fn fee(&self) -> Option<Amount> {
        let gas = self.gas?;
        let price = self.gas_price.or(self.max_fee_per_gas)?;
        Some(Price::Fixed { gas_price: price }.fee(gas))
    }

    /// Holds what was asked against the ceilings.
    ///
    /// # Errors
    /// The first field that is above its ceiling, or that contradicts another.
    pub fn check(&self, ceilings: &FeeCeilings) -> Result<(), Forbidden> {
        let fields = [
            ("gas", self.gas.map(u128::from), u128::from(ceilings.gas)),
            ("gasPrice", self.gas_price, ceilings.fee_per_gas),
            ("maxFeePerGas", self.max_fee_per_gas, ceilings.fee_per_gas),
            ("maxPriorityFeePerGas", self.max_priority_fee_per_gas, ceilings.priority_fee_per_gas),
        ];
        let above = |(field, asked, ceiling): (&str, Option<u128>, u128)| {
            let asked = asked.filter(|asked| *asked > ceiling)?;
            let detail = format!(
                "`{field}` is {asked}, above the ceiling of {ceiling} for this chain; lower it, or leave it out"
            );
            Some(Forbidden::new(Why::NotSupported, detail))
        };
        if let Some(refusal) = fields.into_iter().find_map(above) {
            return Err(refusal);
        }
        if self.gas_price.is_some() && (self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some()) {
            return Err(Forbidden::undecodable(
                "`gasPrice` and `maxFeePerGas` or `maxPriorityFeePerGas` exclude one another; give one kind of price",
            ));
        }
        self.check_tip()
    }

    /// Holds the tip against the price that it is a part of.
    ///
    /// # Errors
    /// It is more.
    pub(crate) fn check_tip(&self) -> Result<(), Forbidden> {
        match (self.max_fee_per_gas, self.max_priority_fee_per_gas) {
            (Some(most), Some(tip)) if tip > most => Err(Forbidden::undecodable(
                "`maxPriorityFeePerGas` is above `maxFeePerGas`, which no node takes; lower it, or leave it out",
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CEILINGS: FeeCeilings = FeeCeilings { fee_per_gas: 100, priority_fee_per_gas: 10, gas: 1000 };

    #[test]
    fn fees_above_a_ceiling_are_refused_by_their_field_and_those_at_it_are_not() {
        let none = ClientFees::default();
        let cases = [
            ("gas", ClientFees { gas: Some(1000), ..none }, ClientFees { gas: Some(1001), ..none }),
            ("gasPrice", ClientFees { gas_price: Some(100), ..none }, ClientFees { gas_price: Some(101), ..none }),
            (
                "maxFeePerGas",
                ClientFees { max_fee_per_gas: Some(100), ..none },
                ClientFees { max_fee_per_gas: Some(u128::MAX), ..none },
            ),
            (
                "maxPriorityFeePerGas",
                ClientFees { max_priority_fee_per_gas: Some(10), ..none },
                ClientFees { max_priority_fee_per_gas: Some(11), ..none },
            ),
        ];
        assert_eq!(none.check(&CEILINGS), Ok(()));
        for (field, at, above) in cases {
            assert_eq!(at.check(&CEILINGS), Ok(()), "{field}");
            let refused = above.check(&CEILINGS).expect_err(field);
            assert!(refused.detail.starts_with(&format!("`{field}` is ")), "{refused}");
        }
    }

    #[test]
    fn two_kinds_of_price_and_a_tip_above_the_price_are_refused() {
        let none = ClientFees::default();
        let both = ClientFees { gas_price: Some(1), max_priority_fee_per_gas: Some(1), ..none };
        assert!(both.check(&CEILINGS).is_err());
        let tip = ClientFees { max_fee_per_gas: Some(1), max_priority_fee_per_gas: Some(2), ..none };
        assert!(tip.check(&CEILINGS).is_err());
    }

    #[test]
    fn the_most_a_transaction_can_cost_fits_whatever_it_offers() {
        let price = Price::Market { max_fee_per_gas: u128::MAX, max_priority_fee_per_gas: 0 };
        assert!(price.fee(u64::MAX) < Amount::power_of_two(192));
        assert_eq!(Price::Fixed { gas_price: 7 }.fee(21_000), Amount::new(147_000));
    }
}
