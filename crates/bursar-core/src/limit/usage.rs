//! What was spent: sums and numbers, never more than 256 bits.

use crate::amount::Amount;
use crate::limit::Measure;

/// Some spends of an asset: how much, how much of that went to fees, and how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// What left, fees paid in the same asset included; base units.
    pub amount: Amount,
    /// The part of `amount` that went to fees.
    pub fee: Amount,
    /// The number of spends.
    pub count: u64,
}

impl Usage {
    /// One spend of `amount`, of which nothing is a fee.
    pub const fn one(amount: Amount) -> Self {
        Self { amount, fee: Amount::ZERO, count: 1 }
    }

    /// Whether nothing was spent at all.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// Both together, if they fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self {
            amount: self.amount.checked_add(other.amount)?,
            fee: self.fee.checked_add(other.fee)?,
            count: self.count.checked_add(other.count)?,
        })
    }

    /// Both together, or the most there can be: of what happened nothing may be lost, and a budget that
    /// is full to the brim lets nothing more through.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self {
            amount: self.amount.saturating_add(other.amount),
            fee: self.fee.saturating_add(other.fee),
            count: self.count.saturating_add(other.count),
        }
    }

    /// This without the other, if the other is contained in it.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Some(Self {
            amount: self.amount.checked_sub(other.amount)?,
            fee: self.fee.checked_sub(other.fee)?,
            count: self.count.checked_sub(other.count)?,
        })
    }

    /// What a limit with this measure sees of it.
    pub fn measured(&self, measure: Measure) -> Amount {
        match measure {
            Measure::Amount => self.amount,
            Measure::AmountWithoutFee => self.amount.saturating_sub(self.fee),
            Measure::Fee => self.fee,
            Measure::Count => Amount::new(self.count.into()),
        }
    }

    /// Whether four of these can be added up.
    pub(super) fn is_below_a_quarter(&self) -> bool {
        self.amount.is_below_a_quarter() && self.fee.is_below_a_quarter() && self.count < u64::MAX / 4
    }

    /// Whether a sum has reached the end of what can be counted and so may be too small.
    pub(super) fn is_saturated(&self) -> bool {
        self.amount == Amount::MAX || self.fee == Amount::MAX || self.count == u64::MAX
    }
}
