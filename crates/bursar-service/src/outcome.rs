//! What came of a spend, as its rail says it.

use bursar_core::amount::Amount;
use bursar_core::audit::reason_in_units;
use bursar_core::decimals::Decimals;
use bursar_core::hold::HoldState;
use bursar_core::text::one_line;

/// What became of a send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SendOutcome {
    /// It is signed, and the rail has it or will be given it again: it counts, and what it really cost is seen once it
    /// is final.
    Sent {
        /// What the rail calls it: a transaction id.
        reference: String,
    },
    /// The same, but the rail cannot be asked now: what is known of it is what was known before.
    Unseen {
        /// What the rail calls it.
        reference: String,
        /// Why it cannot be asked.
        reason: String,
    },
    /// Where it was sent somebody has to approve it first: it counts until it is known what came of that.
    Awaiting {
        /// What the approval is called there.
        approval: String,
    },
    /// It is final that the recipients got nothing, and the fee was paid all the same.
    Reverted {
        /// What the rail calls it.
        reference: String,
        /// The fee that was really paid.
        fee: Amount,
    },
    /// The money moved.
    Done {
        /// What the rail calls it: a transaction id.
        reference: String,
        /// The fee that was really paid, in the coin that pays fees.
        fee: Amount,
    },
    /// The money moved, and the rail says how much: what is held, or another amount.
    Charged {
        /// What the rail calls it.
        reference: String,
        /// How much it was.
        amount: Amount,
    },
    /// It was not sent, as the rail's other end cannot be reached: nothing moved, and the same request may be sent again.
    NotSent {
        /// Why not.
        reason: String,
    },
    /// The rail refused before anything moved, and nothing will.
    Refused {
        /// Why, in the rail's words.
        reason: String,
    },
    /// The rail says that more moved than is held, which it may not: it stays held like what nobody can say, and its
    /// token spends no more.
    Exceeded {
        /// How much it says that left, at the least.
        moved: Amount,
        /// What the rail says.
        reason: String,
    },
    /// Nobody can say.
    Unknown {
        /// What happened instead of an answer.
        reason: String,
    },
}

impl SendOutcome {
    /// The same, with what the rail's other end said as one line that is not too long and turns nothing around, and with
    /// amounts in units: of a coin that is another's, a rail knows base units alone.
    #[must_use]
    pub(crate) fn plain(mut self, decimals: &Decimals) -> Self {
        if let Self::NotSent { reason }
        | Self::Refused { reason }
        | Self::Exceeded { reason, .. }
        | Self::Unknown { reason } = &mut self
        {
            *reason = one_line(&reason_in_units(reason, decimals), HoldState::LONGEST_REASON);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use bursar_core::coin::Coin;

    use super::*;

    #[test]
    fn what_a_rail_tells_of_a_coin_that_another_declares_is_told_in_units() {
        let decimals = Decimals::declared([(Coin::parse("gold").unwrap(), 3)]);
        let reason = |reason: &str| SendOutcome::Exceeded { moved: Amount::new(5010), reason: reason.to_owned() };
        let told =
            reason("it says that 5010 base units of gold moved,\nmore than the 5000 base units of gold that are held");
        let in_units = reason("it says that 5.01 gold moved, more than the 5 gold that are held");
        assert_eq!(told.plain(&decimals), in_units);
        let unknown = reason("it says that 5010 base units of lead moved");
        assert_eq!(unknown.clone().plain(&decimals), unknown);
    }
}
